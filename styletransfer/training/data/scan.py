"""Look through a folder of pictures before a training: what cannot be read, is tiny, grey or there twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from styletransfer.images.folders import Problem, find_pictures
from styletransfer.training.data.files import decode, pixel_hash
from styletransfer.training.data.folder import too_many_problems

#: Shorter side at which pictures are read: as in a training, so that smaller ones are not resized twice.
_READ_AT = 320
#: Side of the reduction in which colours are measured.
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
        unsupported: Pictures in formats that are not read; left out, but no reason to stop.
        tiny: Pictures whose shorter side is below 64 pixels.
        grey: Pictures without colour. They can be learned from, but too many of them take the colour out.
        duplicates: Pictures that are there twice. They can be learned from, but count twice.
    """

    folder: Path
    files: int
    unreadable: tuple[Problem, ...]
    unsupported: tuple[Problem, ...]
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
            **{
                kind: [{"path": str(problem.path), "reason": problem.reason} for problem in getattr(self, kind)]
                for kind in ("unreadable", "unsupported", "tiny")
            },
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
    files = len(found) + sum(problem.counts for problem in problems)
    grey: list[Path] = []
    alike: dict[bytes, list[Path]] = {}
    for looked_at, path in enumerate(found, start=1):
        picture = decode(path, _READ_AT)
        if isinstance(picture, Problem):
            problems.append(picture)
        else:
            if _is_grey(picture):
                grey.append(path)
            digest = hashlib.sha256(f"{tuple(picture.shape)}".encode() + picture.numpy().tobytes()).digest()
            alike.setdefault(digest, []).append(path)
        if on_progress is not None:
            on_progress(looked_at, len(found))
    problems.sort(key=lambda problem: problem.path.as_posix())
    unreadable, unsupported, tiny = (
        tuple(problem for problem in problems if problem.kind == kind) for kind in ("unreadable", "format", "tiny")
    )
    return ScanReport(Path(folder), files, unreadable, unsupported, tiny, tuple(grey), _duplicates(alike))


def _duplicates(alike: Mapping[bytes, Sequence[Path]]) -> tuple[Duplicate, ...]:
    """Compare the pixels of pictures that are equal when reduced: fine stripes and a plain grey would be too."""
    found = []
    for paths in (paths for paths in alike.values() if len(paths) > 1):
        first: dict[bytes, Path] = {}
        for path in paths:
            pixels = pixel_hash(path)
            original = path if pixels is None else first.setdefault(pixels, path)
            if original != path:
                found.append(Duplicate(path, of=original))
    return tuple(sorted(found, key=lambda pair: pair.path.as_posix()))


def _is_grey(picture: Tensor) -> bool:
    """Whether a (3, H, W) uint8 picture has no colour, except in single pixels that a reduction averages away."""
    whole = Image.fromarray(np.ascontiguousarray(picture.numpy().transpose(1, 2, 0)))
    small = np.asarray(whole.resize((_SMALL, _SMALL), Image.Resampling.BOX))
    return bool(np.quantile(small.max(axis=2) - small.min(axis=2), 0.99) < _CHROMA)
