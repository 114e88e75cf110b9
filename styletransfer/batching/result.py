"""What a batch answers: how many pictures were made, which were not and why, and how busy the network was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from styletransfer.images.folders import Problem


@dataclass(frozen=True)
class Failure:
    """A picture that was not made.

    Attributes:
        content: The content's name.
        style: The style's name.
        output: Where it would have gone; empty where no files are written.
        cause: The name of the input at fault, or of the content where it is the pair.
        reason: One sentence.
    """

    content: str
    style: str
    output: str
    cause: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """What became of a batch.

    Attributes:
        folder: Where the pictures are, and the map with them.
        method: Name of the method.
        total: Pictures asked for.
        earlier: Pictures that an earlier run had made already.
        made: Pictures made now.
        failures: Pictures that were not made.
        left_out: Files that are named like pictures and cannot be any, or whose format is not read.
        stopped: ``""``, ``"failures"`` (more than `max_failures`) or ``"interrupted"``.
        seconds: From the first picture's reading to the last one's writing.
        busy: Share of these seconds in which the network worked.
        damaged: Lines of the map that could not be understood; their pictures were made again.
    """

    folder: Path
    method: str
    total: int
    earlier: int
    made: int = 0
    failures: tuple[Failure, ...] = ()
    left_out: tuple[Problem, ...] = ()
    stopped: str = ""
    seconds: float = 0.0
    busy: float = 0.0
    damaged: int = 0

    @property
    def complete(self) -> bool:
        """Whether every picture that was asked for is there."""
        return self.earlier + self.made == self.total

    @property
    def to_do(self) -> int:
        """Pictures that are neither made nor known to fail."""
        return self.total - self.earlier - self.made - len(self.failures)

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.made / self.seconds if self.seconds > 0 else 0.0

    def causes(self) -> dict[str, tuple[str, int]]:
        """Return the inputs at fault, each with its reason and how many pictures it cost."""
        found: dict[str, tuple[str, int]] = {}
        for failure in self.failures:
            reason, count = found.get(failure.cause, (failure.reason, 0))
            found[failure.cause] = reason, count + 1
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "folder": str(self.folder),
            "method": self.method,
            "total": self.total,
            "earlier": self.earlier,
            "made": self.made,
            "failed": len(self.failures),
            "to_do": self.to_do,
            "stopped": self.stopped,
            "seconds": self.seconds,
            "pictures_a_second": self.rate,
            "network_busy": self.busy,
            "damaged_lines": self.damaged,
            "failures": [vars(failure) for failure in self.failures],
            "left_out": _told(self.left_out),
        }


def _told(problems: Sequence[Problem]) -> list[dict[str, str]]:
    return [{"path": str(problem.path), "reason": problem.reason} for problem in problems]
