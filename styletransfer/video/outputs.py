"""What a clip is written as: a video file, numbered pictures, or an animation; the suffix decides.

Frames are written in segments into a folder of parts, from which the whole is put together at the end: the target
holds all of it or what it held before, and a run that is stopped goes on after its last segment.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from PIL import Image
from torch import Tensor

from styletransfer import images
from styletransfer.errors import OutputError
from styletransfer.files import check_place, reason, write_atomically
from styletransfer.video.clips import NUMBERED, Clip, is_pattern
from styletransfer.video.pictures import SequenceClip, numbered

#: Pillow's format, and the seconds of which durations are multiples, by suffix.
ANIMATIONS = {
    ".gif": ("GIF", Fraction(1, 100)),
    ".webp": ("WEBP", Fraction(1, 1000)),
    ".png": ("PNG", Fraction(1, 1000)),
    ".apng": ("PNG", Fraction(1, 1000)),
}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A frame that was written, for putting the whole together.

    Attributes:
        time: Seconds, on the clip's clock.
        duration: Seconds that it is shown.
    """

    time: Fraction
    duration: Fraction


class Segment(Protocol):
    """Takes the frames of one segment."""

    def add(self, rgb: Tensor, alpha: Tensor | None) -> None:
        """Write the next frame, (1, 3, H, W) in [0, 1]."""


class Output(ABC):
    """Where a clip goes.

    Args:
        target: The file or pattern.
        clip: What is stylized.

    Attributes:
        notes: What the user should know, as whole sentences.
        sound: What becomes of the sound: ``"copied"``, ``"encoded again"``, ``"left out"``; None if there is none.
    """

    def __init__(self, target: Path, clip: Clip) -> None:
        self.target, self.clip = target, clip
        self.notes: list[str] = []
        self.sound: str | None = "left out" if clip.sound else None

    @property
    def parts(self) -> Path:
        """The folder of what is done so far."""
        return self.target.with_name(f"{self.target.name}.parts")

    def settings(self) -> dict[str, Any]:
        """Return what decides about the encoding, ready for JSON."""
        return {"suffix": self.target.suffix.lower()}

    def check(self) -> None:
        """Find out before the work whether the target can be written.

        Raises:
            OutputError: It cannot.
        """
        check_place(self.target, protected=self.clip.files)

    @abstractmethod
    def segment(self, number: int, first: int) -> AbstractContextManager[Segment]:
        """Return what takes the frames of a segment whose first frame has the index `first`."""

    def has(self, number: int) -> bool:
        """Whether the frames of a segment that is done are still there."""
        return True

    @abstractmethod
    def finish(self, frames: Iterable[Shown], segments: int) -> None:
        """Put the whole together at the target.

        Args:
            frames: All of them.
            segments: How many there are.

        Raises:
            OutputError: It cannot be written.
        """

    def _tell_no_sound(self, kind: str) -> None:
        if self.clip.sound:
            self.notes.append(f"The sound is left out: {kind} has none.")


class _Pictures:
    """Writes frames as files ``00000012.png``."""

    def __init__(self, folder: Path, first: int, suffix: str) -> None:
        self._folder, self._next, self._suffix = folder, first, suffix

    def add(self, rgb: Tensor, alpha: Tensor | None) -> None:
        images.save_image(rgb, self._folder / f"{self._next:08d}{self._suffix}", alpha=alpha)
        self._next += 1


class PicturesOutput(Output):
    """What is kept as one picture for each frame until the end."""

    suffix = ".png"

    @contextmanager
    def segment(self, number: int, first: int) -> Iterator[Segment]:
        """See `Output.segment`."""
        yield _Pictures(self.parts, first, self.suffix)

    def _file(self, index: int) -> Path:
        return self.parts / f"{index:08d}{self.suffix}"


class SequenceOutput(PicturesOutput):
    """Numbered pictures; they begin with the first number of the content's, or with 1."""

    def __init__(self, target: Path, clip: Clip) -> None:
        super().__init__(target, clip)
        self.suffix = target.suffix
        self._tell_no_sound("an image sequence")
        self._first = next(iter(numbered(clip.path))) if isinstance(clip, SequenceClip) else 1

    def _named(self, index: int) -> Path:
        name = NUMBERED.sub(lambda match: match[0] % (self._first + index), self.target.name, count=1)
        return self.target.with_name(name)

    def check(self) -> None:
        """See `Output.check`."""
        if not self.target.parent.is_dir():
            raise OutputError(f'The folder "{self.target.parent}" does not exist; create it first.')
        protected = [self.clip.path] if is_pattern(self.clip.path) else self.clip.files
        if self.target.absolute() == self.clip.path.absolute():
            raise OutputError(
                f'"{self.target}" is the content itself, which is never overwritten. Choose another.'
            )
        images.check_output(self._named(0), size=self.clip.size, protected=[*protected, *self.clip.files[:1]])
        there = numbered(self.target)
        if there and not self.parts.exists():
            raise OutputError(
                f'"{self.target}" matches {len(there)} pictures that exist, e.g. '
                f'"{next(iter(there.values())).name}". Remove them, or choose another name: an earlier, longer '
                "sequence would be mixed with this one."
            )

    def finish(self, frames: Iterable[Shown], segments: int) -> None:
        """See `Output.finish`; a run that was stopped while it did so goes on."""
        for index, _ in enumerate(frames):
            if self._file(index).exists():
                self._file(index).replace(self._named(index))


class AnimationOutput(PicturesOutput):
    """One file that moves. The library that writes it holds all of its frames in memory."""

    def __init__(self, target: Path, clip: Clip) -> None:
        super().__init__(target, clip)
        self._tell_no_sound("an animation")

    def finish(self, frames: Iterable[Shown], segments: int) -> None:
        """See `Output.finish`."""
        kind, unit = ANIMATIONS[self.target.suffix.lower()]
        listed = list(frames)
        ends = [round((frame.time + frame.duration - listed[0].time) / unit) for frame in listed]
        shown = [max(1, end - start) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
        first, *others = (self._frame(index, kind) for index in range(len(listed)))
        settings = {"quality": 90} if kind == "WEBP" else {}

        def write(file: Any) -> None:
            first.save(
                file,
                format=kind,
                save_all=True,
                append_images=others,
                duration=[round(count * unit * 1000) for count in shown],
                loop=self.clip.loop,
                **settings,
            )

        write_atomically(self.target, write)

    def _frame(self, index: int, kind: str) -> Image.Image:
        with Image.open(self._file(index)) as frame:
            # GIF has no partial transparency, and Pillow chooses colours better for RGB than for RGBA.
            return frame.convert("RGB") if kind == "GIF" else frame.copy()


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn an operating system's error into one sentence."""
    try:
        yield
    except OutputError:
        raise
    except OSError as problem:
        raise OutputError(
            f'Cannot write "{target}": {reason(problem)}. What is done is kept; the same call goes on from there.'
        ) from problem
