"""`styletransfer sheet` and `styletransfer interpolate`: one photograph in many styles, and between them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styletransfer import samples
from styletransfer.cli.inputs import read_pictures, split_off_regions, strength_options, style_files
from styletransfer.cli.options import OptionsCommand, method_options, options_for
from styletransfer.cli.shared import (
    files_among,
    folder_option,
    method_option,
    output_options,
    quick_imports,
    split_off,
    working_options,
)
from styletransfer.cli.streams import tell, tell_json
from styletransfer.errors import SheetInterrupted
from styletransfer.methods import METHODS
from styletransfer.progress import CountBar, fetch_visibly

if TYPE_CHECKING:
    from styletransfer.sheets import Sheet


@click.command(
    "sheet",
    cls=OptionsCommand,
    options=lambda: method_options(exclude=["style_mix"]),
    short_help="Paint one photograph in many styles, on one sheet.",
)
@click.argument("content", type=click.Path())
@click.argument("styles", metavar="[STYLE]...", nargs=-1, type=click.Path())
@folder_option
@method_option
@click.option("--columns", type=int, metavar="N", help="Pictures in a row.  [default: about a square]")
@strength_options
@working_options
@output_options
def sheet_command(
    content: str,
    styles: tuple[str, ...],
    output: Path,
    method: str,
    columns: int | None,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Paint CONTENT in the manner of each STYLE, and put all of them on one sheet.

    A STYLE is a file or the name of a drawn or kept style; without any, all six drawn styles are used. Writes
    sheet.png, sheet.json and each picture.
    """
    from styletransfer import sheets

    chosen = styles or tuple(samples.list_styles())
    work = partial(sheets.contact_sheet, columns=columns)
    _run(work, content, chosen, output, method, sheets.places(len(chosen), columns), given, quiet, as_json)


@click.command(
    "interpolate",
    cls=OptionsCommand,
    options=lambda: method_options(exclude=["style_mix"]),
    short_help="Paint one photograph in mixtures of two to four styles.",
)
@click.argument("content", type=click.Path())
@click.argument("styles", metavar="STYLE STYLE...", nargs=-1, required=True, type=click.Path())
@folder_option
@method_option
@click.option(
    "--per-side", type=int, default=5, show_default=True, metavar="N", help="Pictures along a side, 2 to 15."
)
@strength_options
@working_options
@output_options
def interpolate_command(
    content: str,
    styles: tuple[str, ...],
    output: Path,
    method: str,
    per_side: int,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Paint CONTENT in mixtures of two to four STYLEs.

    Two styles make a row, three a triangle, four a square with one style at each corner. A STYLE is a file or
    the name of a drawn or kept style. Writes sheet.png, sheet.json and each picture.
    """
    from styletransfer import sheets

    sheets.check_mixtures(len(styles), per_side)
    places = [place for place, _ in sheets.mixtures(len(styles), per_side)]
    work = partial(sheets.interpolate, per_side=per_side)
    _run(work, content, styles, output, method, places, given, quiet, as_json)


def _run(
    work: Any,
    content: str,
    styles: Sequence[str],
    output: Path,
    method: str,
    places: Sequence[tuple[int, int]],
    given: dict[str, Any],
    quiet: bool,
    as_json: bool,
) -> None:
    working, reading = split_off(given)
    asked, drawn = split_off_regions(given)
    options = options_for([method], given)[method]
    options = options if as_json else {**METHODS[method].bare, **options}
    with quick_imports():
        from styletransfer.sheets import output_files

    output_files(output, places, protected=[content, *style_files(styles), *drawn, *files_among(working, options)])
    picture, manners = read_pictures(content, styles, reading, quiet=quiet)
    try:
        with CountBar("pictures", len(places), unit=" pictures", quiet=quiet) as bar:
            made: Sheet = work(
                picture,
                manners,
                method,
                options=options,
                on_picture=bar.update,
                fetch=partial(fetch_visibly, quiet=quiet),
                **asked,
                **working,
            )
    except SheetInterrupted as interrupt:
        interrupt.sheet.save(output)
        done = len(interrupt.sheet.cells)
        raise KeyboardInterrupt(
            f"Interrupted after {done} of {len(places)} pictures; what was reached is in {output}."
        ) from None
    files = made.save(output)
    kept = f"The results are in {output}."
    if as_json:
        tell_json(made.record() | {"files": [str(file) for file in files]}, kept=kept)
    elif not quiet:
        tell(f"Wrote {len(made.cells)} pictures to {output}. Look at sheet.png first.", kept=kept)
