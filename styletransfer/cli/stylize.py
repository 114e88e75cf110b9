"""`styletransfer stylize`: one picture, one method."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styletransfer._checks import integer
from styletransfer.cli.options import OptionsCommand, completing, method_options, options_for
from styletransfer.cli.shared import (
    chosen_edge,
    files_among,
    method_option,
    output_options,
    quick_imports,
    remember_edge,
    split_off,
    working_options,
)
from styletransfer.cli.streams import check_binary_output, read_bytes, tell, tell_json, write_bytes
from styletransfer.errors import OptionError, StylizeInterrupted
from styletransfer.files import folder_files
from styletransfer.methods import METHODS
from styletransfer.progress import duration, fetch_visibly, shown

if TYPE_CHECKING:
    from styletransfer.filming import Film
    from styletransfer.images import Picture
    from styletransfer.stylizer import OnStep, Step, Stylization, Stylizer

#: Longest file name that usual file systems take is 255 bytes; some are left for a number and the suffix.
_LONGEST_STEM = 240
#: Keyword of the record in PNG metadata.
_KEYWORD = "styletransfer"


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
@click.option(
    "--mask",
    "masks",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Grey picture, white where the style belongs; once for each STYLE, in their order. What no mask covers "
    "keeps the content.",
)
@click.option("--strength", type=float, default=1.0, metavar="0-1", help="Share of the style.  [default: 1]")
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
    masks: tuple[str, ...],
    strength: float,
    quality: int | None,
    save_every: int | None,
    animation: str | None,
    metadata: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Repaint CONTENT in the manner of STYLE.

    STYLE is a file or the name of a drawn style (night, woodcut, mosaic, pointillism, watercolour, cubist).
    Several styles are mixed: in equal parts, or as --style-mix 0.7,0.3 says. "-" stands for standard input, and
    after -o for standard output. An option with a method's name in brackets belongs to that method only;
    styletransfer info METHOD shows them as a table.
    """
    working, reading = split_off(given)
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
    inputs = [content, *styles, *masks, *files_among(working, options)]
    with quick_imports():
        from styletransfer.job import prepare

    saving = _Saving(target, inputs, settings, metadata)
    saving.check()
    filming = _Filming(method, save_every, animation, target)
    filming.check(inputs)
    picture, manners = read_pictures(content, styles, reading, quiet=quiet)
    fetch = partial(fetch_visibly, quiet=quiet)
    job = prepare(picture, manners, [method], options={method: options}, fetch=fetch, **working)
    saving.check(job.content)
    try:
        with shown(job.stylizers, job.content, enabled=not quiet) as bars:
            watch = filming.watching(job.stylizers[method], job.content, bars.of(method) if bars else None)
            result = job.run(method, on_step=watch, strength=strength, masks=masks or None)
    except StylizeInterrupted as interrupt:
        raise KeyboardInterrupt(_keep(interrupt.stylization, saving)) from None
    saving.save(result)
    filming.save(result)
    kept = f"The picture is in {target}."
    if as_json:
        tell_json(result.record() | {"output": target}, kept=kept)
    elif not quiet:
        name = "the picture to standard output" if piped else saving.name
        told = f"Wrote {name} ({size_text(job.content)}, {method}, {duration(result.seconds)})."
        click.echo(told, err=True) if piped else tell(told, kept=kept)


@dataclass(frozen=True)
class _Saving:
    """Where and how the result is written.

    Attributes:
        target: A path, or ``"-"``.
        protected: Files that are never overwritten.
        settings: Of `images.save_image`.
        metadata: Whether the run's record goes into the file.
    """

    target: str
    protected: Sequence[str]
    settings: Mapping[str, Any]
    metadata: bool

    @property
    def name(self) -> str:
        """For messages."""
        return "standard output" if self.target == "-" else self.target

    def check(self, content: Picture | None = None) -> None:
        """Find out before the work whether the result can be written; with the content, whether it fits."""
        from styletransfer import images

        if self.target == "-":
            check_binary_output()
        images.check_output(
            io.BytesIO() if self.target == "-" else self.target,
            size=None if content is None else (content.rgb.shape[2], content.rgb.shape[3]),
            protected=self.protected,
            metadata={_KEYWORD: ""} if self.metadata else None,
            **self.settings,
        )

    def save(self, result: Stylization) -> None:
        """Write a result."""
        metadata = {_KEYWORD: json.dumps(result.record())} if self.metadata else None
        buffer = io.BytesIO()
        result.save(buffer if self.target == "-" else self.target, metadata=metadata, **self.settings)
        if self.target == "-":
            write_bytes(buffer.getvalue())


class _Filming:
    """What is kept of the steps.

    Args:
        method: Name of the method.
        every: Steps between pictures that are written, or None.
        animation: A file, or None.
        target: Where the result goes.
    """

    def __init__(self, method: str, every: int | None, animation: str | None, target: str) -> None:
        self._method, self._every, self._animation, self._target = method, every, animation, target
        self._film: Film | None = None

    @property
    def _folder(self) -> Path | None:
        stem = Path("stylized.png" if self._target == "-" else self._target)
        return None if self._every is None else stem.with_name(f"{stem.stem}-steps")

    def check(self, inputs: Sequence[str]) -> None:
        """Find out before the work whether it can be done."""
        if self._every is None and self._animation is None:
            return
        from styletransfer.filming import check_film, check_followed

        asked = "--animation" if self._every is None else "--save-every"
        others = [name for name, method in METHODS.items() if method.iterative]
        check_followed(self._method, iterative=METHODS[self._method].iterative, asked=asked, others=others)
        if self._every is not None:
            integer(self._every, "--save-every", low=1)
        if self._folder is not None:
            folder_files(self._folder, [], protected=inputs)
        if self._animation is not None:
            check_film(self._animation, protected=inputs)
            if Path(self._animation).absolute() == Path(self._target).absolute():
                raise OptionError(f"-o and --animation both name {self._target}; give two files.")

    def watching(self, stylizer: Stylizer, content: Picture, bar: OnStep | None) -> OnStep | None:
        """Return what follows the steps: the bar, and the film."""
        if self._every is None and self._animation is None:
            return bar
        from styletransfer.filming import Film, frames_apart

        size = content.rgb.shape[2], content.rgb.shape[3]
        every = self._every or frames_apart(stylizer.plan(size).steps)
        film = self._film = Film(size, every, folder=self._folder, animate=self._animation is not None)

        def watch(step: Step) -> None:
            film(step)
            if bar is not None:
                bar(step)

        return watch

    def save(self, result: Stylization) -> None:
        """Write the animation."""
        if self._film is not None and self._animation is not None:
            self._film.save(self._animation, result)


def read_pictures(
    content: str, styles: Sequence[str], reading: Mapping[str, Any], *, quiet: bool
) -> tuple[Picture, list[Picture]]:
    """Read the inputs, ``"-"`` from standard input, and say if the content was made smaller."""
    if [content, *styles].count("-") > 1:
        raise OptionError('"-" stands for standard input, which holds one picture, and was given more than once.')

    from styletransfer import images, samples

    limits: dict[str, Any] = {"long_edge": chosen_edge(reading["long_edge"], reading["full_size"])}
    if reading["max_pixels"] is not None:
        limits["max_pixels"] = reading["max_pixels"]

    def read(name: str, what: str, frame: int | None) -> Picture:
        source = read_bytes() if name == "-" else (samples.find(name) if what == "style" else None) or name
        return images.read_picture(source, what=what, frame=frame, **limits)

    picture = read(content, "content", reading["frame"])
    remember_edge(max(picture.rgb.shape[2:]))
    if not quiet:
        _tell_reduction(picture)
    return picture, [read(style, "style", reading["style_frame"]) for style in styles]


def _tell_reduction(picture: Picture) -> None:
    before, after = (max(size) for size in (picture.source_size or (0, 0), picture.rgb.shape[2:]))
    if after < before:
        click.echo(
            f"The content's long edge was reduced from {before} to {after} pixels: {size_text(picture)}. "
            "--full-size keeps it, --long-edge chooses another.",
            err=True,
        )


def default_output(content: str, styles: Sequence[str], method: str, suffix: str = "png") -> Path:
    """Name a file in the current folder after the inputs, cut to what file systems take; never one that exists."""
    stem = "-".join(["input" if name == "-" else Path(name).stem for name in (content, *styles)] + [method])
    stem = os.fsencode(stem)[:_LONGEST_STEM].decode(sys.getfilesystemencoding(), "ignore")
    path, number = Path(f"{stem}.{suffix}"), 2
    while path.exists():
        path, number = Path(f"{stem}-{number}.{suffix}"), number + 1
    return path


def size_text(picture: Picture) -> str:
    """Return ``"512x384"``: width and height, as people say it."""
    height, width = picture.rgb.shape[2:]
    return f"{width}x{height}"


def _keep(reached: Stylization, saving: _Saving) -> str:
    """Save what an interrupted run has reached and say so."""
    steps = len(reached.history)
    if steps == 0:
        return "Interrupted before the first step; nothing was written."
    saving.save(reached)
    return f"Interrupted after {steps} step(s); the picture so far is in {saving.name}."
