"""What stylizing a clip answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from styletransfer.recording import versions
from styletransfer.video.flicker import Flicker


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class VideoResult:
    """A stylized clip and how it came about.

    Attributes:
        path: Where it is.
        frames: How many it has.
        resumed: How many of them an earlier run had painted.
        size: (H, W), pixels.
        rate: Frames a second, on the average.
        seconds: Wall-clock time of this run.
        method: Name of the method.
        flicker: The warping error with and without smoothing; no pairs where it was not measured.
        cuts: Indices of the frames that begin another scene.
        broken: The frames that could not be read, as sentences: at most the first 20.
        broken_count: How many there were; each shows the frame before it.
        sound: ``"copied"``, ``"encoded again"``, ``"left out"``, or None if there is none.
        notes: What the user should know, as whole sentences.
        asked: What was asked, with hashes of what was read.
    """

    path: Path
    frames: int
    resumed: int
    size: tuple[int, int]
    rate: float
    seconds: float
    method: str
    flicker: Flicker
    cuts: Sequence[int] = ()
    broken: Sequence[str] = ()
    broken_count: int = 0
    sound: str | None = None
    notes: Sequence[str] = ()
    asked: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Return what it takes to repeat the run, and what came of it, ready for JSON."""
        return {
            **self.asked,
            "output": str(self.path),
            "frames": self.frames,
            "resumed": self.resumed,
            "size": list(self.size),
            "rate": self.rate,
            "seconds": self.seconds,
            "flicker": self.flicker.record(),
            "cuts": list(self.cuts),
            "broken": list(self.broken),
            "broken_count": self.broken_count,
            "sound": self.sound,
            "notes": list(self.notes),
            "versions": versions(),
        }

    def __repr__(self) -> str:
        height, width = self.size
        return f"<VideoResult {self.path.name}, {self.frames} frames of {width}x{height} pixels, {self.method}>"
