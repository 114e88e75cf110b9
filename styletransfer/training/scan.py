"""Look through a folder of pictures before a training: what cannot be read, is tiny, grey or there twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from styletransfer.training.files import Problem, decode, find_pictures
from styletransfer.training.folder import too_many_problems

#: Shorter side at which pictures are read: as in a training, so that smaller ones are not resized twice.
_READ_AT = 320
#: Side of the reduction in which pictures are compared and their colours measured.
_SMALL = 64
#: A picture is grey if 99 % of its reduction stays within this distance between largest and smallest channel, of
#: 255. JPEG leaves up to about 3 in grey pictures; toned prints (sepia) have 20 and more.
_CHROMA = 6


@dataclass(frozen=True)
class Duplicate:
    """A picture that is there twice.

    Attributes:
        path: The later of the two files.
        of: The first file with the same pixels.
    """

    path: Path
    of: Path


@dataclass(frozen=True)
class ScanReport:
    """What a folder of pictures holds.

    Attributes:
        folder: The folder.
        files: Files that are named like pictures, and folders that are.
        unreadable: What cannot be decoded, with the reason.
        tiny: Pictures whose shorter side is below 64 pixels.
        grey: Pictures without colour. They can be learned from, but too many of them take the colour out.
        duplicates: Pictures that are there twice. They can be learned from, but count twice.
    """

    folder: Path
    files: int
    unreadable: tuple[Problem, ...]
    tiny: tuple[Problem, ...]
    grey: tuple[Path, ...]
    duplicates: tuple[Duplicate, ...]

    @property
    def usable(self) -> int:
        """How many pictures a training would learn from."""
        return self.files - len(self.unreadable) - len(self.tiny)

    @property
    def stops_training(self) -> bool:
        """Whether a training would refuse the folder: nothing usable, or too many bad files."""
        return not self.usable or too_many_problems(self.files - self.usable, self.files)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, ready for JSON."""
        return {
            "folder": str(self.folder),
            "files": self.files,
            "usable": self.usable,
            "stops_training": self.stops_training,
            "unreadable": [{"path": str(p.path), "reason": p.reason} for p in self.unreadable],
            "tiny": [{"path": str(p.path), "reason": p.reason} for p in self.tiny],
            "grey": [str(path) for path in self.grey],
            "duplicates": [{"path": str(pair.path), "of": str(pair.of)} for pair in self.duplicates],
        }


def scan_folder(folder: str | Path, *, on_progress: Callable[[int, int], None] | None = None) -> ScanReport:
    """Decode every picture below a folder and report what stands out.

    Args:
        folder: Searched recursively; links are followed, names that begin with a dot passed over.
        on_progress: Called with (files looked at, files in all) after each file.

    Returns:
        The report; its lists are in the order of the paths.

    Raises:
        ImageError: No such folder, no folder, nothing in it, or nothing named like a picture.
    """
    found, problems = find_pictures(Path(folder))
    files = len(found) + len(problems)
    grey: list[Path] = []
    duplicates: list[Duplicate] = []
    first: dict[bytes, Path] = {}
    for looked_at, path in enumerate(found, start=1):
        picture = decode(path, _READ_AT)
        if isinstance(picture, Problem):
            problems.append(picture)
        else:
            small = _reduced(picture)
            if _is_grey(small):
                grey.append(path)
            original = first.setdefault(hashlib.sha256(small.tobytes()).digest(), path)
            if original != path:
                duplicates.append(Duplicate(path, of=original))
        if on_progress is not None:
            on_progress(looked_at, len(found))
    problems.sort(key=lambda problem: problem.path.as_posix())
    return ScanReport(
        folder=Path(folder),
        files=files,
        unreadable=tuple(problem for problem in problems if problem.kind == "unreadable"),
        tiny=tuple(problem for problem in problems if problem.kind == "tiny"),
        grey=tuple(grey),
        duplicates=tuple(duplicates),
    )


def _reduced(picture: Tensor) -> npt.NDArray[np.uint8]:
    """Reduce (3, H, W) uint8 to (64, 64, 3)."""
    whole = Image.fromarray(np.ascontiguousarray(picture.numpy().transpose(1, 2, 0)))
    return np.asarray(whole.resize((_SMALL, _SMALL), Image.Resampling.BOX))


def _is_grey(small: npt.NDArray[np.uint8]) -> bool:
    chroma = small.max(axis=2) - small.min(axis=2)
    return bool(np.quantile(chroma, 0.99) < _CHROMA)
