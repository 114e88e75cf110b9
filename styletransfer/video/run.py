"""`stylize_video`: a clip in the manner of a style, frame after frame, without flicker."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch

from styletransfer._checks import integer, number, warn
from styletransfer.errors import OptionError, OutputError, VideoInterrupted
from styletransfer.features.vgg import VGG19Features
from styletransfer.images import Picture
from styletransfer.job import Fetch, build_stylizers, read_style
from styletransfer.methods import DEFAULT_METHOD, METHODS
from styletransfer.stylizer import EncodedStyle, Stylizer
from styletransfer.video import SEGMENT, SMOOTHING
from styletransfer.video.asked import asked_for
from styletransfer.video.clips import Clip, Frame
from styletransfer.video.extras import has_cv2, load_cv2
from styletransfer.video.opening import open_clip, open_output
from styletransfer.video.outputs import Output, Shown, writing
from styletransfer.video.painting import Painter, State
from styletransfer.video.parts import Parts
from styletransfer.video.result import VideoResult
from styletransfer.video.schedule import Schedule

#: Called with the number of frames that are done and how many there will be, if that is known.
OnFrame = Callable[[int, int | None], object]
#: Share of the frames that a clip tells of, and how many may lack besides: some files only tell seconds.
_WHOLE, _ROUNDED = 0.9, 2


@dataclass(frozen=True, kw_only=True, eq=False)
class _Job:
    """A run that is ready to start."""

    clip: Clip
    output: Output
    stylizer: Stylizer
    styles: list[Picture | EncodedStyle]
    strength: Schedule
    smoothing: float
    segment: int
    key_every: int
    parts: Parts
    asked: Mapping[str, Any]


def stylize_video(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    style: Any,
    method: str = DEFAULT_METHOD,
    *,
    extractor: str | VGG19Features | None = None,
    device: str | torch.device | None = None,
    long_edge: int | None = None,
    short_edge: int | None = None,
    strength: Any = 1.0,
    smoothing: float = SMOOTHING,
    rate: float | Fraction | None = None,
    codec: str | None = None,
    crf: int | None = None,
    segment: int = SEGMENT,
    key_every: int = 1,
    on_frame: OnFrame | None = None,
    fetch: Fetch | None = None,
    **options: Any,
) -> VideoResult:
    """Repaint a video, an animation or an image sequence in the manner of `style`.

    The style is encoded once. The previous result is moved along the optical flow and blended into the next where
    the flow can be trusted; statistics of the content are smoothed over time; nothing crosses a cut. What is done
    is kept in ``TARGET.parts`` until the whole is complete: the same call goes on after any stop.

    Args:
        source: A video file, an animation (GIF, WebP, APNG), or a pattern such as ``frame_%05d.png``.
        target: The same; the suffix decides. A video keeps sound, times of frames, pixel format and colours.
        style: See `stylize`; a list of several is mixed.
        method: See `list_stylizers`.
        extractor: See `create_stylizer`.
        device: See `create_stylizer`.
        long_edge: Reduce frames and styles to this longer side, pixels; never enlarges.
        short_edge: Reduce them to this shorter side instead.
        strength: How much of the style is wanted, in [0, 1]: a number, or values at seconds, with straight lines
            between them: ``{0: 0.0, 2: 1.0}`` or ``"0:0,2:1"``.
        smoothing: In [0, 0.95]: share of the previous result in the next. 0 paints each frame by itself.
        rate: Frames a second of an image sequence; 25 if absent.
        codec: ``"h264"``, ``"hevc"`` or ``"vp9"``; the container's usual one if absent.
        crf: Constant quality of the video, smaller is better; the codec's usual one if absent.
        segment: Frames between two points from which a stopped run goes on.
        key_every: For methods of many steps: every so many frames take all steps, those between a seventh of them.
        on_frame: Called after each frame with how many are done and how many there will be, or None.
        fetch: See `job.prepare`.
        **options: The method's options and the `Controls` by name.

    Returns:
        A `VideoResult`, with the flicker with and without smoothing.

    Raises:
        VideoError: A clip that cannot be read, or a library that is missing.
        OutputError: A target that cannot be written.
        StyleTransferError: Any other bad input.
        VideoInterrupted: Ctrl-C; what is done is kept.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from styletransfer import samples, save_image
        >>> folder = Path(tempfile.mkdtemp())
        >>> for number in (1, 2):
        ...     file = save_image(samples.draw("valley", long_edge=64), folder / f"frame_{number}.png")
        >>> stylize_video(folder / "frame_%d.png", folder / "film.webp", "mosaic", smoothing=0, long_edge=64)
        <VideoResult film.webp, 2 frames of 64x48 pixels, adain>
    """
    began = time.monotonic()
    edges: dict[str, Any] = {"long_edge": long_edge, "short_edge": short_edge}
    schedule, share = Schedule.of(strength), number(smoothing, "smoothing", low=0.0, high=0.95)
    integer(segment, "segment", low=1)
    _check_key_every(key_every, method)
    if share:
        load_cv2()
    clip = open_clip(source, rate=rate, **edges)
    output = open_output(target, clip, codec=codec, crf=crf)
    output.check()
    listed = list(style) if isinstance(style, (list, tuple)) else [style]
    styles = [read_style(item, **edges) for item in listed]
    _check_apart(output, styles)
    chosen = {method: {**(METHODS[method].bare if method in METHODS else {}), **options}}
    stylizer = build_stylizers([method], extractor=extractor, device=device, options=chosen, fetch=fetch)[method]
    asked = asked_for(clip, output, stylizer, styles, schedule, share, segment) | {"key_every": key_every}
    job = _Job(
        clip=clip,
        output=output,
        stylizer=stylizer,
        styles=styles,
        strength=schedule,
        smoothing=share,
        segment=segment,
        key_every=key_every,
        parts=Parts(output.parts, asked),
        asked=asked,
    )
    return _run(job, began, on_frame)


def _check_key_every(key_every: int, method: str) -> None:
    """Refuse key frames of a method that has one step."""
    iterative = [name for name, declared in METHODS.items() if declared.iterative]
    if integer(key_every, "key_every", low=1) > 1 and method in METHODS and method not in iterative:
        raise OptionError(
            f"key_every is for methods of many steps ({', '.join(iterative)}), and {method!r} has one; omit it."
        )


def _check_apart(output: Output, styles: list[Picture | EncodedStyle]) -> None:
    """Refuse to overwrite a style."""
    files = [style.path for style in styles if style.path is not None]
    if any(output.target.exists() and file.exists() and output.target.samefile(file) for file in files):
        raise OutputError(f'Cannot write "{output.target}": it is a style, and inputs are never overwritten.')


def _run(job: _Job, began: float, on_frame: OnFrame | None) -> VideoResult:
    with writing(job.output.target), job.parts.held():
        return _alone(job, began, on_frame)


def _alone(job: _Job, began: float, on_frame: OnFrame | None) -> VideoResult:
    output, told = job.output, job.parts.begin()
    notes = [*job.clip.notes, *output.notes, *([told] if told else [])]
    for note in notes:
        warn(note)
    segments, resumed, state = job.parts.done(output.has)
    done, kept = resumed, resumed
    try:
        for record in _segments(job, segments, resumed, state):
            done, state = record.done, record.state
            if record.complete:
                segments, kept = segments + 1, done
            elif on_frame is not None:
                on_frame(done, job.clip.count)
        output.finish(job.parts.shown(segments), segments)
    except KeyboardInterrupt:
        raise VideoInterrupted(_interrupted(job, done, kept), frames=kept, parts=output.parts) from None
    except Exception:
        if not kept:
            job.parts.remove()
        raise
    job.parts.remove()
    if state.broken_count:
        warn(_broken(state))
    expected = job.clip.count or 0
    if done + _ROUNDED < _WHOLE * expected:
        warn(f"The clip tells of about {expected} frames, and {done} could be read. It seems to be cut off.")
    return VideoResult(
        path=output.target,
        frames=done,
        resumed=resumed,
        size=job.clip.size,
        rate=float(job.clip.rate),
        seconds=time.monotonic() - began,
        method=job.stylizer.method,
        flicker=state.flicker,
        cuts=state.cuts,
        broken=state.broken,
        broken_count=state.broken_count,
        sound=output.sound,
        notes=notes,
        asked=job.asked,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Progress:
    done: int
    state: State
    complete: bool = False


def _segments(job: _Job, segments: int, resumed: int, state: State) -> Iterator[_Progress]:
    """Paint what is not done yet; yields after each frame, and after each segment that is complete."""
    frames = job.clip.frames()
    before: Frame | None = None
    start = Fraction(0)
    for frame in itertools.islice(frames, resumed):
        start, before = (frame.time if before is None else start), frame
    painter: Painter | None = None
    done, segment = resumed, segments
    while (first := next(frames, None)) is not None:
        start = first.time if before is None else start
        painter = painter or _painter(job, start)
        shown: list[Shown] = []
        with job.output.segment(segment, done) as writer:
            for frame in itertools.chain([first], itertools.islice(frames, job.segment - 1)):
                state = painter.paint(frame, before, state)
                if state.stylized is not None:
                    writer.add(state.stylized, frame.alpha)
                shown.append(Shown(time=frame.time, duration=frame.duration))
                before, done = frame, done + 1
                yield _Progress(done=done, state=state)
        job.parts.keep(segment, shown, state)
        segment += 1
        yield _Progress(done=done, state=state, complete=True)


def _painter(job: _Job, start: Fraction) -> Painter:
    return Painter(
        job.stylizer,
        job.styles,
        smoothing=job.smoothing,
        strength=job.strength,
        measures=job.smoothing > 0 or has_cv2(),
        start=start,
        key_every=job.key_every,
    )


def _interrupted(job: _Job, done: int, kept: int) -> str:
    if not kept:
        job.parts.remove()
        return f"Interrupted after {done} frame(s), before the first {job.segment} were complete; nothing is kept."
    return (
        f'Interrupted after {done} frames; {kept} of them are kept in "{job.output.parts}". The same command goes '
        "on from there."
    )


def _broken(state: State) -> str:
    more = f", and {state.broken_count - len(state.broken)} more" if state.broken_count > len(state.broken) else ""
    named = "; ".join(state.broken)
    return f"{state.broken_count} frame(s) could not be read, and show the frame before: {named}{more}."
