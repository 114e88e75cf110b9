"""`styletransfer stylize`: one picture, one method."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styletransfer.cli.options import (
    OptionsCommand,
    chosen_edge,
    completing,
    method_options,
    options_for,
    output_options,
    working_options,
)
from styletransfer.cli.output import tell, tell_json
from styletransfer.errors import StylizeInterrupted
from styletransfer.methods import DEFAULT_METHOD, METHODS
from styletransfer.progress import duration, fetch_visibly, shown

if TYPE_CHECKING:
    from styletransfer.images import Picture
    from styletransfer.stylizer import Stylization

#: Longest file name that all usual file systems take, bytes; some are left for a number.
_LONGEST_STEM = 240


@click.command("stylize", cls=OptionsCommand, options=method_options)
@click.argument("content", type=click.Path(allow_dash=True))
@click.argument("styles", metavar="STYLE...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option(
    "-m",
    "--method",
    default=DEFAULT_METHOD,
    show_default=True,
    metavar="NAME",
    help=f"One of: {', '.join(METHODS)}.",
    shell_complete=completing(lambda: METHODS),
)
@click.option(
    "-o",
    "--output",
    type=click.Path(allow_dash=True),
    help="File to write; its suffix decides the format. An earlier file is replaced, an input never.  "
    "[default: CONTENT-STYLE-METHOD.png in the current folder, numbered if that exists]",
)
@working_options
@output_options
def stylize_command(
    content: str,
    styles: tuple[str, ...],
    method: str,
    output: str | None,
    extractor: str,
    device: str | None,
    long_edge: int | None,
    full_size: bool,
    quiet: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Repaint CONTENT in the manner of STYLE.

    Several styles are mixed: in equal parts, or as --style-mix 0.7,0.3 says. An option with a method's name in
    brackets belongs to that method only; styletransfer info METHOD shows them as a table.
    """
    options = options_for([method], chosen)[method]
    edge = chosen_edge(long_edge, full_size)
    target = output or str(default_output(content, styles, method))
    inputs = [content, *styles, *(str(value) for value in (extractor, *options.values()))]

    from styletransfer import images
    from styletransfer.job import prepare

    images.check_output(target, protected=inputs)
    job = prepare(
        content,
        list(styles),
        [method],
        extractor=extractor,
        device=device,
        long_edge=edge,
        options={method: options},
        fetch=partial(fetch_visibly, quiet=quiet),
    )
    if not quiet:
        tell_reduction(content, job.content)
    try:
        with shown(job.stylizers, job.content, enabled=not quiet) as bars:
            result = job.run(method, on_step=bars.of(method) if bars else None)
    except StylizeInterrupted as interrupt:
        raise KeyboardInterrupt(_keep(interrupt.stylization, target)) from None
    result.save(target)
    kept = f"The picture is in {target}."
    if as_json:
        tell_json(result.record() | {"output": target}, kept=kept)
    elif not quiet:
        tell(f"Wrote {target} ({size_text(job.content)}, {method}, {duration(result.seconds)}).", kept=kept)


def default_output(content: str, styles: Sequence[str], method: str) -> Path:
    """Name a file in the current folder after the inputs, cut to what file systems take; never one that exists."""
    stem = "-".join([*(Path(source).stem for source in (content, *styles)), method])
    stem = os.fsdecode(os.fsencode(stem)[:_LONGEST_STEM])
    path, number = Path(f"{stem}.png"), 2
    while path.exists():
        path, number = Path(f"{stem}-{number}.png"), number + 1
    return path


def size_text(picture: Picture) -> str:
    """Return ``"512x384"``: width and height, as people say it."""
    height, width = picture.rgb.shape[2:]
    return f"{width}x{height}"


def tell_reduction(source: str, picture: Picture) -> None:
    """Say on stderr that the picture was made smaller, if it was."""
    from PIL import Image

    with Image.open(source) as file:
        before = max(file.size)
    after = max(picture.rgb.shape[2:])
    if after < before:
        click.echo(
            f"The content's long edge was reduced from {before} to {after} pixels: {size_text(picture)}. "
            "--full-size keeps it, --long-edge chooses another.",
            err=True,
        )


def _keep(reached: Stylization, target: str) -> str:
    """Save what an interrupted run has reached and say so."""
    steps = len(reached.history)
    if steps == 0:
        return "Interrupted before the first step; nothing was written."
    reached.save(target)
    return f"Interrupted after {steps} step(s); the picture so far is in {target}."
