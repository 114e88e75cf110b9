"""`styletransfer info`: methods, weight sets, decoders, and every option with its default."""

from __future__ import annotations

import json
from typing import Any

import click

from styletransfer.cli.options import MethodOption, list_options, output_options, show
from styletransfer.methods import METHODS
from styletransfer.methods.gatys.config import PRESETS
from styletransfer.methods.gatys.stylizer import GatysStylizer
from styletransfer.weights.catalogue import CATALOGUE


@click.command("info", short_help="Show methods, weight sets and all options.")
@click.argument("method", required=False)
@output_options
def info_command(method: str | None, quiet: bool, as_json: bool) -> None:
    """Show all options of METHOD with type, default and meaning; without METHOD, what can be chosen."""
    described = _overview() if method is None else _describe(method)
    if as_json:
        click.echo(json.dumps(described))
    elif not quiet:
        click.echo(_overview_text() if method is None else _method_text(method))


def _overview() -> dict[str, Any]:
    return {
        "methods": {name: stylizer.summary for name, stylizer in METHODS.items()},
        "extractors": {f.name: f.network for f in CATALOGUE.values() if f.kind == "extractor"},
        "decoders": {
            f.name: {"network": f.network, "extractor": f.encoder}
            for f in CATALOGUE.values()
            if f.kind == "decoder"
        },
    }


def _overview_text() -> str:
    extractors = [(f.name, f.network) for f in CATALOGUE.values() if f.kind == "extractor"]
    decoders = [
        (f.name, f"{f.network}; for the extractor {f.encoder}") for f in CATALOGUE.values() if f.kind == "decoder"
    ]
    parts = [
        _section("Methods (-m)", [(name, stylizer.summary) for name, stylizer in METHODS.items()]),
        _section("Extractors (--extractor)", extractors),
        _section("AdaIN's decoders (--decoder)", decoders),
        "A method's options: styletransfer info METHOD. The files: styletransfer weights list.",
    ]
    return "\n\n".join(parts)


def _describe(method: str) -> dict[str, Any]:
    options = [
        {
            "name": option.name,
            "flag": option.flag,
            "type": option.kind.name,
            "default": option.default,
            "choices": list(_choices(option)),
            "help": option.help,
        }
        for option in list_options(method)
    ]
    presets = {"presets": PRESETS} if method == GatysStylizer.method else {}
    return {"method": method, "summary": METHODS[method].summary, "options": options, **presets}


def _method_text(method: str) -> str:
    options = list_options(method)
    rows = [(option.flag, _type_text(option), show(option.default), option.help) for option in options]
    headed = [("option", "type", "default", "meaning"), *rows]
    widths = [max(len(row[column]) for row in headed) for column in range(3)]
    lines = ["  ".join([*(f"{row[i]:{widths[i]}}" for i in range(3)), row[3]]) for row in headed]
    parts = [f"{method}: {METHODS[method].summary}", "\n".join(lines)]
    if method == GatysStylizer.method:
        parts.append(_section("Presets (--preset), and what each changes", _preset_rows()))
    return "\n\n".join(parts)


def _preset_rows() -> list[tuple[str, str]]:
    flags = {option.name: option.flag for option in list_options(GatysStylizer.method)}

    def change(name: str, value: Any) -> str:
        if isinstance(value, bool):
            return flags[name] if value else flags[name].replace("--", "--no-")
        return f"{flags[name]} {show(value)}"

    def changes(preset: dict[str, Any]) -> str:
        return " ".join(change(name, value) for name, value in preset.items())

    return [(name, changes(preset) or "nothing: the defaults above") for name, preset in PRESETS.items()]


def _choices(option: MethodOption) -> tuple[str, ...]:
    return tuple(PRESETS) if option.name == "preset" else option.choices


def _type_text(option: MethodOption) -> str:
    return "|".join(_choices(option)) or ("on/off" if option.kind is click.BOOL else option.kind.name)


def _section(title: str, rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join([f"{title}:", *(f"  {name:{width}}  {text}" for name, text in rows)])
