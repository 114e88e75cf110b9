"""Clips without video codecs: numbered pictures in files, and animations in one file (GIF, WebP, APNG)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image

from styletransfer import images
from styletransfer.errors import ImageError, StyleTransferError, VideoError
from styletransfer.images import Picture
from styletransfer.images.opening import is_sequence, opened
from styletransfer.video.clips import NUMBERED, Clip, Frame, fit, sequence_rate, working

#: Seconds that a frame is shown whose duration is missing or 0: what browsers do.
_USUAL = Fraction(1, 10)
_MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True, kw_only=True, eq=False)
class SequenceClip(Clip):
    """Numbered pictures.

    Attributes:
        pictures: The files, in the order of their numbers.
    """

    pictures: tuple[Path, ...]

    @property
    def files(self) -> list[Path]:
        """See `Clip.files`."""
        return list(self.pictures)

    def _read(self) -> Iterator[Frame]:
        held: Picture | None = None
        index = 0
        for position, file in enumerate(self.pictures):
            try:
                read = images.read_picture(file, what="frame", quiet=True)
                fault = None if read.rgb.shape[2:] == self.source_size else _other_size(read, self.source_size)
            except ImageError as problem:
                read, fault = None, str(problem)
            picture = read if fault is None else held
            if picture is None:
                continue  # nothing could be shown in its place
            held = picture
            yield Frame(
                index=index,
                time=position / self.rate,
                duration=1 / self.rate,
                rgb=fit(picture.rgb, self.size),
                alpha=None if picture.alpha is None else fit(picture.alpha, self.size),
                broken=fault,
            )
            index += 1


def _other_size(read: Picture, wanted: tuple[int, int]) -> str:
    height, width = read.rgb.shape[2:]
    return f'"{read.path}" is {width}x{height} pixels, the first frame {wanted[1]}x{wanted[0]}.'


def open_sequence(
    pattern: Path, *, rate: float | Fraction | None, long_edge: int | None, short_edge: int | None
) -> SequenceClip:
    """Find the pictures of a sequence.

    Raises:
        VideoError: None at all, or none that can be read.
    """
    found = numbered(pattern)
    if not found:
        raise VideoError(
            f'No file matches the pattern "{pattern}". Check the folder and the digits: %05d is 00001, %d is 1.'
        )
    first = next(iter(_readable(found.values())), None)
    if first is None:
        raise VideoError(f'None of the {len(found)} files that match "{pattern}" is a picture that can be read.')
    numbers = list(found)
    gaps = numbers[-1] - numbers[0] + 1 - len(numbers)
    notes = [f'The sequence "{pattern}" lacks {gaps} numbers; the rest is taken as one run.'] if gaps else []
    size = (first.rgb.shape[2], first.rgb.shape[3])
    chosen = sequence_rate(rate)
    return SequenceClip(
        path=pattern,
        pictures=tuple(found.values()),
        source_size=size,
        size=working(size, pattern, long_edge, short_edge),
        rate=chosen,
        time_base=1 / chosen,
        count=len(found),
        notes=tuple(notes),
    )


def numbered(pattern: Path) -> dict[int, Path]:
    """Return the files that match ``frame_%05d.png``, by number and in its order.

    Raises:
        VideoError: The folder does not exist.
    """
    folder = pattern.parent
    if not folder.is_dir():
        raise VideoError(f'The folder "{folder}" of the pattern "{pattern.name}" does not exist; check the path.')
    before, digits, after = NUMBERED.split(pattern.name, maxsplit=1)
    wanted = re.compile(f"{re.escape(before)}([0-9]+){re.escape(after)}")
    matches = ((wanted.fullmatch(file.name), file) for file in folder.iterdir())
    numbers = {match[1]: file for match, file in matches if match is not None}
    # %05d is what printf writes: 00001, never 1 or 000001.
    return {int(text): numbers[text] for text in sorted(numbers, key=int) if f"%{digits}d" % int(text) == text}


def _readable(files: Any) -> Iterator[Picture]:
    for file in files:
        try:
            yield images.read_picture(file, what="frame", quiet=True)
        except StyleTransferError:
            continue


@dataclass(frozen=True, kw_only=True, eq=False)
class AnimationClip(Clip):
    """An animated picture."""

    def _read(self) -> Iterator[Frame]:
        label = f'animation "{self.path}"'
        held: Picture | None = None
        index, time = 0, Fraction(0)
        with opened(self.path, label) as (image, _, _):
            for position in range(_count(image)):
                fault, shown = None, _USUAL
                try:
                    image.seek(position)
                    image.load()
                    shown = milliseconds(image)
                    held = images.read_picture(image, what="frame", quiet=True)
                except Exception as problem:  # pillow's decoders raise nearly every type on a damaged file
                    fault = str(problem) or type(problem).__name__
                if held is None:
                    continue  # nothing could be shown in its place
                yield Frame(
                    index=index,
                    time=time,
                    duration=shown,
                    rgb=fit(held.rgb, self.size),
                    alpha=None if held.alpha is None else fit(held.alpha, self.size),
                    broken=fault,
                )
                index, time = index + 1, time + shown


def milliseconds(image: Image.Image) -> Fraction:
    """Return how long the present frame of an animation is shown, in seconds."""
    shown = image.info.get("duration") or 0
    return Fraction(round(shown)) * _MILLISECOND if round(shown) > 0 else _USUAL


def open_animation(path: Path, *, long_edge: int | None, short_edge: int | None) -> AnimationClip:
    """Look into an animated picture.

    Raises:
        ImageError: It cannot be read.
        VideoError: It does not move.
    """
    with opened(path, f'animation "{path}"') as (image, _, _):
        count = _count(image) if is_sequence(image) else 1
        loop = int(image.info.get("loop", 1) or 0)
        size = images.read_picture(image, what="frame", quiet=True).rgb.shape[2:]
        image.load()
        rate = 1 / milliseconds(image)
    if count < 2:
        raise VideoError(
            f'"{path}" has one frame, and a clip has several. Use "styletransfer stylize" for a picture.'
        )
    return AnimationClip(
        path=path,
        source_size=(size[0], size[1]),
        size=working((size[0], size[1]), path, long_edge, short_edge),
        rate=rate,
        time_base=_MILLISECOND,
        count=count,
        loop=loop,
    )


def _count(image: Any) -> int:
    return int(getattr(image, "n_frames", 1))
