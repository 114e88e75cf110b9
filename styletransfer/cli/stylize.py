"""`styletransfer stylize`: one picture, one method."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from PIL import Image

from styletransfer import images
from styletransfer.cli.options import (
    chosen_edge,
    method_options,
    options_for,
    output_options,
    size_text,
    working_options,
)
from styletransfer.cli.progress import StepBar, duration, fetch_needed
from styletransfer.errors import StylizeInterrupted
from styletransfer.images import Picture
from styletransfer.methods import create_stylizer
from styletransfer.methods.feedforward.adain import AdaINStylizer
from styletransfer.stylizer import Stylization


@click.command("stylize")
@click.argument("content", type=click.Path())
@click.argument("styles", metavar="STYLE...", nargs=-1, required=True, type=click.Path())
@click.option("-m", "--method", default="adain", show_default=True, metavar="NAME", help="gatys or adain.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write; its suffix decides the format. An earlier file is replaced, an input never.  "
    "[default: CONTENT-STYLE-METHOD.png in the current folder, numbered if that exists]",
)
@working_options
@method_options()
@output_options
def stylize_command(
    content: str,
    styles: tuple[str, ...],
    method: str,
    output: Path | None,
    extractor: str,
    device: str | None,
    long_edge: int | None,
    full_size: bool,
    quiet: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Repaint CONTENT in the manner of STYLE.

    Several styles are mixed: in equal parts, or as --style-mix 0.7,0.3 says. Options marked [gatys] or
    [adain] belong to that method only; styletransfer info METHOD shows them as a table.
    """
    options = options_for([method], chosen)[method]
    edge = chosen_edge(long_edge, full_size)
    target = output or default_output(content, styles, method)
    images.check_output(target, protected=[content, *styles])
    picture = images.read_picture(content, long_edge=edge, what="content")
    manners = [images.read_picture(style, long_edge=edge, what="style") for style in styles]
    if not quiet:
        tell_reduction(content, picture)
    decodes = method == AdaINStylizer.method or options.get("init") == "adain"
    fetch_needed(extractor, options.get("decoder"), decodes=decodes, quiet=quiet)
    stylizer = create_stylizer(method, extractor=extractor, device=device, **options)
    try:
        with StepBar(method, stylizer.config, quiet=quiet) as bar:
            result = stylizer.stylize(picture, manners, on_step=bar)
    except StylizeInterrupted as interrupt:
        raise KeyboardInterrupt(_keep(interrupt.stylization, picture, target, [content, *styles])) from None
    result.save(target)
    if as_json:
        click.echo(json.dumps(result.record() | {"output": str(target)}))
    elif not quiet:
        click.echo(f"Wrote {target} ({size_text(picture)}, {method}, {duration(result.seconds)}).")


def default_output(content: str, styles: Sequence[str], method: str) -> Path:
    """Name a file in the current folder after the inputs; never one that exists."""
    stem = "-".join([*(Path(source).stem for source in (content, *styles)), method])
    path, number = Path(f"{stem}.png"), 2
    while path.exists():
        path, number = Path(f"{stem}-{number}.png"), number + 1
    return path


def tell_reduction(source: str, picture: Picture) -> None:
    """Say on stderr that the picture was made smaller, if it was."""
    with Image.open(source) as file:
        before = max(file.size)
    after = max(picture.rgb.shape[2:])
    if after < before:
        click.echo(
            f"The content's long edge was reduced from {before} to {after} pixels: {size_text(picture)}. "
            "--full-size keeps it, --long-edge chooses another.",
            err=True,
        )


def _keep(reached: Stylization, content: Picture, target: Path, inputs: Sequence[str]) -> str:
    """Save what an interrupted run has reached and say so."""
    steps = len(reached.history)
    if steps == 0:
        return "Interrupted before the first step; nothing was written."
    images.save_image(reached.image, target, alpha=content.alpha, protected=inputs)
    return f"Interrupted after {steps} step(s); the picture so far is in {target}."
