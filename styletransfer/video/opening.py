"""Which kind of clip a name stands for, in and out."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

from styletransfer._checks import did_you_mean
from styletransfer.errors import OptionError, OutputError, VideoError
from styletransfer.files import check_place, ordinary_file
from styletransfer.video.clips import Clip, is_pattern
from styletransfer.video.decoding import open_video
from styletransfer.video.encoding import CONTAINERS, VideoOutput
from styletransfer.video.outputs import ANIMATIONS, AnimationOutput, Output, SequenceOutput
from styletransfer.video.pictures import open_animation, open_sequence


def open_clip(
    source: str | os.PathLike[str],
    *,
    rate: float | Fraction | None = None,
    long_edge: int | None = None,
    short_edge: int | None = None,
) -> Clip:
    """Look into a clip: a video file, an animation, or an image sequence.

    Args:
        source: A file, or a pattern such as ``frame_%05d.png``.
        rate: Frames a second of an image sequence; others have their own.
        long_edge: Reduce frames to this longer side, pixels; never enlarges.
        short_edge: The same for the shorter side.

    Raises:
        VideoError: It cannot be read, has no frame, or does not move.
    """
    edges: dict[str, Any] = {"long_edge": long_edge, "short_edge": short_edge}
    pattern = _pattern(source)
    if pattern is not None:
        return open_sequence(pattern, rate=rate, **edges)
    file = ordinary_file(source, "clip", VideoError, give="a video, an animation, or a pattern frame_%05d.png")
    if rate is not None:
        raise VideoError(
            f'rate is for image sequences such as frame_%05d.png; "{file}" has its own. Leave it out.'
        )
    return open_animation(file, **edges) if file.suffix.lower() in ANIMATIONS else open_video(file, **edges)


def _pattern(source: object) -> Path | None:
    """Return the path of an image sequence, or None for anything else."""
    path = Path(source) if isinstance(source, (str, os.PathLike)) else None
    return path if path is not None and is_pattern(path) and not path.is_file() else None


def open_output(path: Any, clip: Clip, *, codec: str | None, crf: int | None) -> Output:
    """Return what writes a clip to a path; nothing is written yet.

    Raises:
        OutputError: No path, or an unknown suffix.
        OptionError: `codec` or `crf` for what has none, or a codec that the container cannot hold.
    """
    target = Path(path) if isinstance(path, (str, os.PathLike)) else check_place(path)
    suffix = target.suffix.lower()
    if suffix in CONTAINERS:
        return VideoOutput(target, clip, codec=codec, crf=crf)
    given = [name for name, value in (("codec", codec), ("crf", crf)) if value is not None]
    if given:
        raise OptionError(f"{given[0]} belongs to video files ({', '.join(CONTAINERS)}), not to {target.name!r}.")
    if is_pattern(target):
        return SequenceOutput(target, clip)
    if suffix in ANIMATIONS:
        return AnimationOutput(target, clip)
    known = (*CONTAINERS, *ANIMATIONS)
    raise OutputError(
        f'Cannot write "{target}": no clip is written as "{suffix or target.name}".{did_you_mean(suffix, known)} '
        f"Choose one of {', '.join(known)}, or a pattern of pictures such as frame_%05d.png."
    )
