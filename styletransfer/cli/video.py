"""`styletransfer video`: a video, an animation or an image sequence, frame after frame."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from styletransfer.cli.inputs import style_files
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
from styletransfer.errors import OptionError, VideoInterrupted
from styletransfer.methods import METHODS
from styletransfer.progress import CountBar, duration, fetch_visibly
from styletransfer.video import SEGMENT, SMOOTHING

if TYPE_CHECKING:
    from styletransfer.video.result import VideoResult

#: Options of pictures that a clip does not have.
_OF_PICTURES = ("frame", "style_frame", "max_pixels")


@click.command(
    "video",
    cls=OptionsCommand,
    options=method_options,
    short_help="Paint a video, an animation or an image sequence.",
)
@click.argument("content", metavar="IN", type=click.Path())
@click.argument("target", metavar="OUT", type=click.Path())
@click.option(
    "--style",
    "-s",
    "styles",
    multiple=True,
    required=True,
    type=click.Path(),
    metavar="STYLE",
    help="File, or name of a drawn or kept style; can be repeated, then they are mixed.",
)
@method_option
@click.option(
    "--smoothing",
    type=float,
    default=SMOOTHING,
    show_default=True,
    metavar="0-0.95",
    help="Share of the previous result, moved along, in the next frame; 0 for none.",
)
@click.option(
    "--strength",
    default="1",
    show_default=True,
    metavar="0-1|S:0-1,...",
    help="Share of the style; or values at seconds, such as 0:0,2:1, with straight lines between them.",
)
@click.option("--rate", type=float, metavar="N", help="Frames a second of an image sequence.  [default: 25]")
@click.option(
    "--codec",
    metavar="h264|hevc|vp9",
    help="Of a video file.  [default: h264; vp9 in .webm]",
    shell_complete=completing(lambda: ("h264", "hevc", "vp9")),
)
@click.option("--crf", type=int, metavar="0-63", help="Constant quality of a video file, smaller is better.")
@click.option(
    "--segment",
    type=int,
    default=SEGMENT,
    show_default=True,
    metavar="N",
    help="Frames between two points from which a stopped run goes on.",
)
@click.option(
    "--key-every",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="Methods of many steps: every so many frames take all steps, those between a seventh of them.",
)
@working_options
@output_options
def video_command(
    content: str,
    target: str,
    styles: tuple[str, ...],
    method: str,
    quiet: bool,
    as_json: bool,
    smoothing: float,
    strength: str,
    rate: float | None,
    codec: str | None,
    crf: int | None,
    segment: int,
    key_every: int,
    **given: Any,
) -> None:
    """Paint the clip IN in the manner of a STYLE, and write it to OUT.

    IN and OUT are videos (.mp4, .mkv, .mov, .webm), animations (.gif, .webp, .png) or numbered pictures
    (frame_%05d.png), in any combination. A video keeps its sound and the times of its frames. What is done is kept
    in OUT.parts until the whole is complete: after any stop, the same command goes on from there.
    """
    working, reading = split_off(given)
    _refuse_pictures_options(reading)
    options = options_for([method], given)[method]
    edge = chosen_edge(reading["long_edge"], reading["full_size"])
    style_files(styles)  # refuses a name that is unknown before torch is loaded
    with quick_imports():
        from styletransfer.video.run import stylize_video
    try:
        with CountBar("frames", left=False, quiet=quiet) as bar:
            result = stylize_video(
                content,
                target,
                list(styles),
                method,
                long_edge=edge,
                strength=strength,
                smoothing=smoothing,
                rate=rate,
                codec=codec,
                crf=crf,
                segment=segment,
                key_every=key_every,
                on_frame=_Following(bar),
                fetch=partial(fetch_visibly, quiet=quiet),
                **working,
                **{**METHODS[method].bare, **options},
            )
    except VideoInterrupted as interrupt:
        raise KeyboardInterrupt(str(interrupt)) from None
    kept = f"The clip is in {target}."
    if as_json:
        tell_json(result.record(), kept=kept)
    elif not quiet:
        tell(_told(result), kept=kept)


class _Following:
    """Shows how many frames are done, how many a second, and how long the rest takes."""

    def __init__(self, bar: CountBar) -> None:
        self._bar = bar
        self._first: tuple[int, float] | None = None

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        self._first = self._first or (done, now)
        count, seconds = done - self._first[0], now - self._first[1]
        note = f"{done} of {total} frames" if total else f"{done} frames"
        if count and seconds > 0:
            rate = count / seconds
            note += f", {rate:.2g} a second"
            if total and total > done:
                note += f", {duration((total - done) / rate)} left"
        self._bar.update(done, max(total, done) if total else None, note)


def _refuse_pictures_options(reading: dict[str, Any]) -> None:
    for name in _OF_PICTURES:
        if reading[name] is not None:
            raise OptionError(f"--{name.replace('_', '-')} belongs to pictures, and IN is a clip; leave it out.")


def _told(result: VideoResult) -> str:
    height, width = result.size
    resumed = f", {result.resumed} of them by an earlier run" if result.resumed else ""
    flicker = result.flicker.record()
    measured = ""
    if flicker["pairs"]:
        measured = (
            f" Flicker: {flicker['with_smoothing']:.2g}, without smoothing {flicker['without_smoothing']:.2g}."
        )
    sound = f", sound {result.sound}" if result.sound else ""
    return (
        f"Wrote {result.path} ({result.frames} frames of {width}x{height}{resumed}{sound}, {result.method}, "
        f"{duration(result.seconds)}).{measured}"
    )
