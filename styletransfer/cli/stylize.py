"""`styletransfer stylize`: one picture, one method."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from styletransfer.cli.inputs import (
    read_pictures,
    read_regions,
    region_options,
    size_text,
    split_off_regions,
    style_files,
)
from styletransfer.cli.options import OptionsCommand, completing, method_options, options_for
from styletransfer.cli.outputs import Filming, Saving, default_output
from styletransfer.cli.shared import (
    files_among,
    method_option,
    output_options,
    quick_imports,
    split_off,
    working_options,
)
from styletransfer.cli.streams import tell, tell_json
from styletransfer.errors import OptionError, StylizeInterrupted
from styletransfer.methods import METHODS
from styletransfer.progress import duration, fetch_visibly, shown

if TYPE_CHECKING:
    from styletransfer.stylizer import Stylization


@click.command("stylize", cls=OptionsCommand, options=method_options)
@click.argument("content", type=click.Path(allow_dash=True))
@click.argument("styles", metavar="STYLE...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@method_option
@click.option(
    "-o",
    "--output",
    type=click.Path(allow_dash=True),
    help="File to write; its suffix decides the format. An earlier file is replaced, an input never.  "
    "[default: CONTENT-STYLE-METHOD.png in the current folder, numbered if that exists]",
)
@click.option(
    "--format",
    "file_format",
    metavar="NAME",
    help="png, jpg, webp, tiff or bmp, whatever the suffix; png for standard output by default.",
    shell_complete=completing(lambda: ("png", "jpg", "webp", "tiff", "bmp")),
)
@region_options
@click.option("--quality", type=int, metavar="1-100", help="Of JPEG and WebP.  [default: 95]")
@click.option(
    "--save-every",
    type=int,
    metavar="N",
    help="Also write the picture of every Nth step, into a folder named after the output.",
)
@click.option(
    "--animation",
    type=click.Path(),
    metavar="FILE",
    help="Also write the descent as an animation: .webp, .gif or .png.",
)
@click.option(
    "--metadata", is_flag=True, help="Store the record of the run, as --json prints it, in the PNG file."
)
@working_options
@output_options
def stylize_command(
    content: str,
    styles: tuple[str, ...],
    method: str,
    output: str | None,
    file_format: str | None,
    quality: int | None,
    save_every: int | None,
    animation: str | None,
    metadata: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Repaint CONTENT in the manner of STYLE.

    CONTENT is a file, or the name of a drawn scene (harbour, valley).
    STYLE is a file, the name of a drawn style (night, woodcut, mosaic, pointillism, watercolour, cubist), or one
    that "styletransfer styles add" has kept.
    Several styles are mixed: in equal parts, or as --style-mix 0.7,0.3 says. "-" stands for standard input, and
    after -o for standard output. An option with a method's name in brackets belongs to that method only;
    styletransfer info METHOD shows them as a table.
    """
    working, reading = split_off(given)
    asked, drawn = split_off_regions(given)
    options = options_for([method], given)[method]
    if not as_json and not metadata:  # nobody reads the record
        options = {**METHODS[method].bare, **options}
    if output == "":
        raise OptionError("The output path is empty; give a file name such as stylized.png, or leave -o out.")
    target = output or str(default_output(content, styles, method, file_format or "png"))
    piped = target == "-"
    if piped and as_json:
        raise OptionError("Both --json and -o - write to standard output; give only one.")
    settings = {"format": file_format or ("png" if piped else None), "quality": quality}
    with quick_imports():
        from styletransfer.job import prepare
    inputs = [content, *style_files(styles), *drawn, *files_among(working, options)]

    saving = Saving(target, inputs, settings, metadata)
    saving.check()
    filming = Filming(method, save_every, animation, target)
    filming.check(inputs)
    picture, manners = read_pictures(content, styles, reading, quiet=quiet)
    fetch = partial(fetch_visibly, quiet=quiet)
    job = prepare(picture, manners, [method], options={method: options}, fetch=fetch, **working)
    saving.check(job.content)
    regions = read_regions(asked, len(styles))
    try:
        with shown(job.stylizers, job.content, enabled=not quiet) as bars:
            watch = filming.watching(job.stylizers[method], job.content, bars.of(method) if bars else None)
            result = job.run(method, on_step=watch, **regions)
    except StylizeInterrupted as interrupt:
        raise KeyboardInterrupt(_keep(interrupt.stylization, saving, filming)) from None
    saving.save(result)
    more = filming.save(result)
    kept = f"The picture is in {target}."
    if as_json:
        tell_json(result.record() | {"output": target}, kept=kept)
    elif not quiet:
        name = "the picture to standard output" if piped else saving.name
        told = f"Wrote {name} ({size_text(job.content)}, {method}, {duration(result.seconds)}){more}."
        click.echo(told, err=True) if piped else tell(told, kept=kept)


def _keep(reached: Stylization, saving: Saving, filming: Filming) -> str:
    """Save what an interrupted run has reached and say so."""
    steps = len(reached.history)
    if steps == 0:
        return "Interrupted before the first step; nothing was written."
    saving.save(reached)
    filming.save(reached)
    return f"Interrupted after {steps} step(s); the picture so far is in {saving.name}."
