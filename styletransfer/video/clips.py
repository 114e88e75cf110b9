"""What a clip is, whatever it is stored as, and its frames, one at a time."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from torch import Tensor

from styletransfer import images
from styletransfer._checks import number
from styletransfer.errors import VideoError
from styletransfer.images.pixels import check_sides, working_size
from styletransfer.weights.store import sha256_of

#: Frames a second of an image sequence, where nobody says.
SEQUENCE_RATE = Fraction(25)
#: A number of a sequence's name: %d, %5d, %05d.
NUMBERED = re.compile(r"%(0?\d*)d")


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One picture of a clip.

    Attributes:
        index: Counted from 0.
        time: Seconds, on the clip's own clock; its first frame need not be at 0.
        duration: Seconds that it is shown.
        rgb: (1, 3, H, W) RGB in [0, 1], upright, at the working size.
        alpha: Transparency, (1, 1, H, W), or None.
        broken: Why it could not be read, in which case `rgb` is the frame before; or None.
    """

    index: int
    time: Fraction
    duration: Fraction
    rgb: Tensor
    alpha: Tensor | None = None
    broken: str | None = None


@dataclass(frozen=True, kw_only=True)
class Coding:
    """How a video file stores its pictures, in FFmpeg's names and numbers.

    Attributes:
        pixel_format: Its name, e.g. ``"yuv420p"``.
        matrix: From RGB to YUV: 1 is BT.709, 5 and 6 are BT.601, 9 is BT.2020, 2 is not said.
        full_range: Whether levels go from 0 to 255, and not from 16 to 235.
        primaries: Which red, green and blue are meant.
        curve: Transfer characteristics.
        aspect: Of a pixel, width to height.
    """

    pixel_format: str = "yuv420p"
    matrix: int = 1
    full_range: bool = False
    primaries: int = 1
    curve: int = 1
    aspect: Fraction = Fraction(1)

    @property
    def hdr(self) -> bool:
        """Whether the curve is that of HDR: PQ (SMPTE 2084) or HLG (ARIB B67)."""
        return self.curve in (16, 18)


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip(ABC):
    """A clip that can be read.

    Attributes:
        path: The file, or the pattern of an image sequence.
        source_size: Upright (H, W), pixels.
        size: The working size.
        rate: Frames a second, on the average.
        time_base: Seconds of which every frame's time is a multiple.
        count: How many frames there are; None or an estimate where only reading all of them tells.
        coding: Of a video file; for others what a video of them is stored as.
        sound: Whether it has sound.
        loop: How often an animation is repeated; 0 for endlessly.
        notes: What the user should know, as whole sentences.
    """

    path: Path
    source_size: tuple[int, int]
    size: tuple[int, int]
    rate: Fraction
    time_base: Fraction
    count: int | None = None
    coding: Coding = Coding()
    sound: bool = False
    loop: int = 0
    notes: tuple[str, ...] = ()

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order, each read when it is wanted.

        Yields:
            Each frame with its own time; one that cannot be read is the frame before it, and says why.

        Raises:
            VideoError: No frame can be read.
        """
        held: Frame | None = None
        for frame in self._read():
            if held is not None:
                yield replace(held, duration=frame.time - held.time)
            held = frame
        if held is None:
            raise VideoError(f'"{self.path}" has no frame that can be read. Get a new copy, or give another clip.')
        yield held

    @abstractmethod
    def _read(self) -> Iterator[Frame]:
        """Yield the frames; the duration matters of the last one only."""

    @property
    def files(self) -> list[Path]:
        """Every file that is read."""
        return [self.path]

    def digest(self) -> str:
        """Return a SHA-256 of everything that is read."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(sha256_of(file).encode())
        return digest.hexdigest()


def working(size: tuple[int, int], path: Path, long_edge: int | None, short_edge: int | None) -> tuple[int, int]:
    """Return the working size, (H, W), of frames of a size.

    Raises:
        ImageError: A side below 16 pixels.
    """
    reduced = working_size(*size, long_edge, short_edge)
    check_sides(
        *reduced, f'clip "{path}"', images.SMALLEST_SIDE, cure="Give a larger clip, or a larger long edge."
    )
    return reduced


def fit(rgb: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a frame at the working size."""
    return rgb if rgb.shape[2:] == size else images.resize(rgb, size)


def is_pattern(path: Path) -> bool:
    """Whether a name is that of an image sequence, such as ``frame_%05d.png``."""
    return NUMBERED.search(path.name) is not None


def sequence_rate(rate: float | Fraction | None) -> Fraction:
    """Return the frames a second of an image sequence.

    Raises:
        OptionError: Not a number above 0 and at most 1000.
    """
    if rate is None:
        return SEQUENCE_RATE
    return Fraction(number(rate, "rate", above=0.0, high=1000.0)).limit_denominator(1001)
