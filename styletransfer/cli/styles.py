"""`styletransfer styles`: encoded styles in small files, known by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from styletransfer import samples
from styletransfer.cli.options import OptionsCommand, completing, method_options, options_for
from styletransfer.cli.shared import (
    chosen_edge,
    method_option,
    output_options,
    quick_imports,
    split_off,
    working_options,
)
from styletransfer.cli.streams import tell, tell_json
from styletransfer.errors import OptionError
from styletransfer.methods import METHODS
from styletransfer.progress import fetch_visibly

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group("styles", short_help="Keep encoded styles under names, in small files.")
def styles_group() -> None:
    """Encode styles once and keep them under names, with their source, licence and the extractor's hash.

    Such a name is a STYLE of stylize, sheet and interpolate, for methods that take encoded styles.
    """


def _library_option(command: Command) -> Command:
    return click.option(
        "--library",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The file they are in; it is a STYLE too, as FILE#NAME, or as FILE if it holds one.  "
        "[default: $STYLETRANSFER_STYLES, or styles.safetensors beside fetched weights]",
    )(command)


def _encoding_options() -> list[click.Parameter]:
    """Return the options of methods that encode styles, without those of painting."""
    encoding = {name: method for name, method in METHODS.items() if method.encoded is not None}
    matter = {option for method in encoding.values() for option in method.encoding}
    others = {option for method in encoding.values() for option in method.option_names} - matter
    return method_options(exclude=others, methods=encoding)


@styles_group.command("add", cls=OptionsCommand, options=_encoding_options)
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True, type=click.Path())
@_library_option
@click.option("--name", metavar="NAME", help="Of a single picture.  [default: its file's name without the suffix]")
@click.option("--source", metavar="TEXT", help="Where it comes from.  [default: its file's name]")
@click.option("--licence", metavar="TEXT", help="Terms of use of the picture.")
@click.option("--replace", is_flag=True, help="Replace styles of the same name.")
@method_option
@working_options
@output_options
def add_command(
    pictures: tuple[str, ...],
    library: Path | None,
    name: str | None,
    source: str | None,
    licence: str | None,
    replace: bool,
    method: str,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Encode PICTUREs and keep them.

    A picture is encoded at the size that --long-edge says, and strokes follow it.
    """
    if name is not None and len(pictures) > 1:
        raise OptionError(f"--name is for a single picture, got {len(pictures)}.")
    working, reading = split_off(given)
    options = options_for([method], given)[method]
    with quick_imports():
        from styletransfer import codes, images
        from styletransfer.job import build_stylizers

    limits: dict[str, Any] = {"long_edge": chosen_edge(reading["long_edge"], reading["full_size"])}
    if reading["max_pixels"] is not None:
        limits["max_pixels"] = reading["max_pixels"]
    read = [
        images.read_picture(samples.find(picture) or picture, what="style", frame=reading["frame"], **limits)
        for picture in pictures
    ]
    fetch = partial(fetch_visibly, quiet=quiet)
    stylizer = build_stylizers([method], options={method: options}, fetch=fetch, **working)[method]
    made = [codes.encode(picture, stylizer, name=name, source=source, licence=licence) for picture in read]
    file = codes.add_codes(made, library, replace=replace)
    if as_json:
        tell_json([dataclasses.asdict(code.info) for code in made], kept=f"The styles are in {file}.")
    elif not quiet:
        names = ", ".join(code.info.name for code in made)
        tell(f"Added to {file}: {names}.", kept=f"The styles are in {file}.")


@styles_group.command("list")
@_library_option
@output_options
def list_command(library: Path | None, quiet: bool, as_json: bool) -> None:
    """Show the styles that are known by name: the drawn ones, and those that were added."""
    with quick_imports():
        from styletransfer import codes

    drawn = [] if library else samples.list_styles()
    kept = codes.list_codes(library)
    if as_json:
        tell_json({"drawn": drawn, "encoded": [dataclasses.asdict(info) for info in kept]})
        return
    rows = [(name, "drawn", "any method", "part of this package") for name in drawn]
    rows += [(i.name, "encoded", f"{i.method}, {i.extractor}", i.licence or "licence unknown") for i in kept]
    widths = [max((len(row[n]) for row in rows), default=0) for n in range(3)]
    for row in rows if not quiet else ():
        tell("  ".join([*(f"{text:{width}}" for text, width in zip(row, widths, strict=False)), row[3]]))


def _known() -> list[str]:
    """Return the names in the library, for completion."""
    from styletransfer import codes

    return [info.name for info in codes.list_codes()]


@styles_group.command("show")
@click.argument("name", shell_complete=completing(_known))
@_library_option
@output_options
def show_command(name: str, library: Path | None, quiet: bool, as_json: bool) -> None:
    """Show what is known of a style."""
    with quick_imports():
        from styletransfer import codes

    drawn = None if library else samples.find(name)
    if drawn is not None:
        told: dict[str, Any] = {"name": name, "kind": "drawn", "file": str(drawn), "licence": "this package's"}
    else:
        code = codes.look_up(name, library)
        layers = {key: list(value.shape) for key, value in code.style.tensors().items()}
        told = {**dataclasses.asdict(code.info), "kind": "encoded", "numbers": layers}
    if as_json:
        tell_json(told)
    elif not quiet:
        for key, value in told.items():
            tell(f"{key.replace('_', ' ')}: {_shown(value)}")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {'x'.join(map(str, size))}" for key, size in value.items())
    return "unknown" if value is None else str(value)


@styles_group.command("remove")
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=completing(_known))
@_library_option
@output_options
def remove_command(names: tuple[str, ...], library: Path | None, quiet: bool, as_json: bool) -> None:
    """Take styles out of the library."""
    with quick_imports():
        from styletransfer import codes

    file = codes.remove_codes(names, library)
    if as_json:
        tell_json({"removed": list(names), "library": str(file)}, kept=f"The styles are removed from {file}.")
    elif not quiet:
        tell(f"Removed from {file}: {', '.join(names)}.", kept="They are removed.")
