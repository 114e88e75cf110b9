"""`styletransfer info`: methods, weight sets, parts, and every option with its default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from styletransfer.cli.options import MethodOption, completing, find_method, list_options
from styletransfer.cli.shared import output_options
from styletransfer.cli.streams import tell, tell_json
from styletransfer.fields import show
from styletransfer.judging.judges import JUDGES, find_judge
from styletransfer.methods import METHODS
from styletransfer.weights.catalogue import CATALOGUE, names


@click.command("info", short_help="Show methods, weight sets and all options.")
@click.argument("method", required=False, shell_complete=completing(lambda: METHODS))
@output_options
def info_command(method: str | None, quiet: bool, as_json: bool) -> None:
    """Show all options of METHOD with type, default and meaning; without METHOD, what can be chosen."""
    if as_json:
        tell_json(_overview() if method is None else _describe(method))
    elif not quiet:
        tell(_overview_text() if method is None else _method_text(method))


def _overview() -> dict[str, Any]:
    return {
        "methods": {name: declared.summary for name, declared in METHODS.items()},
        "extractors": {name: CATALOGUE[name].network for name in names("extractor")},
        "decoders": {
            name: {"network": CATALOGUE[name].network, "extractor": CATALOGUE[name].encoder}
            for name in names("decoder")
        },
        "judges": {name: judge.summary for name, judge in JUDGES.items()},
        "default_judge": find_judge().name,
    }


def _overview_text() -> str:
    sections = [
        _section("Methods (-m)", {n: f"{method.summary}; on {method.extractor}" for n, method in METHODS.items()}),
        _section("Extractors (--extractor)", {n: CATALOGUE[n].network for n in names("extractor")}),
    ]
    for method, declared in METHODS.items():
        for part in declared.parts:
            sets = [CATALOGUE[name] for name in names(part.kind)]
            rows = {file.name: f"{file.network}; for the extractor {file.encoder}" for file in sets}
            sections.append(_section(f"{part.name.capitalize()}s of {method} (--{part.name})", rows))
    here = {name: f"{judge.summary}{' (default)' * (name == find_judge().name)}" for name, judge in JUDGES.items()}
    sections.append(_section("Judges (--judge)", here))
    sections.append("A method's options: styletransfer info METHOD. The files: styletransfer weights list.")
    return "\n\n".join(sections)


def _describe(method: str) -> dict[str, Any]:
    declared = find_method(method)
    options = [
        {
            "name": option.name,
            "flag": option.flag,
            "type": option.kind.name,
            "default": option.default,
            "choices": list(option.choices),
            "help": option.help,
        }
        for option in list_options(method)
    ]
    presets = {"presets": declared.presets} if declared.presets else {}
    told = {"method": method, "summary": declared.summary, "extractor": declared.extractor}
    return {**told, "options": options, **presets}


def _method_text(method: str) -> str:
    declared = find_method(method)
    options = list_options(method)
    rows = [(option.flag, _type_text(option), show(option.default), option.help) for option in options]
    headed = [("option", "type", "default", "meaning"), *rows]
    widths = [max(len(row[column]) for row in headed) for column in range(3)]
    lines = ["  ".join([*(f"{row[i]:{widths[i]}}" for i in range(3)), row[3]]) for row in headed]
    works_on = f"Works on {declared.extractor} unless --extractor names another."
    parts = [f"{method}: {declared.summary}. {works_on}", "\n".join(lines)]
    if declared.presets:
        changes = {name: _typed(preset) for name, preset in declared.presets.items()}
        parts.append(_section("Presets (--preset), and what each changes", changes))
    return "\n\n".join(parts)


def _typed(preset: Mapping[str, Any]) -> str:
    """Return a preset as one would type it."""
    words = []
    for name, value in preset.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words.append(f"--{flag} {show(value)}")
    return " ".join(words) or "nothing: the defaults above"


def _type_text(option: MethodOption) -> str:
    kind = "on/off" if option.kind is click.BOOL else option.kind.name
    return "|".join((*option.choices, *["FILE"] * option.file)) or kind


def _section(title: str, rows: Mapping[str, str]) -> str:
    width = max(map(len, rows), default=0)
    return "\n".join([f"{title}:", *(f"  {name:{width}}  {text}" for name, text in rows.items())])
