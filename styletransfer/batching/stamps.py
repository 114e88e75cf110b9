"""What tells whether a file is still the one that was used: its size, its time, and its hash. Free of torch."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from styletransfer.errors import ImageError
from styletransfer.files import reason
from styletransfer.weights.store import sha256_of


class Stamp(NamedTuple):
    """What is known of an input.

    Attributes:
        sha256: Of the file, or of the numbers of an encoded style.
        size: Bytes; 0 of an encoded style.
        changed: When the file was changed last, nanoseconds; 0 of an encoded style.
    """

    sha256: str
    size: int = 0
    changed: int = 0

    def record(self, kind: str) -> dict[str, Any]:
        """Return it for a map, as columns of ``"content"`` or ``"style"``."""
        return {f"{kind}_sha256": self.sha256, f"{kind}_bytes": self.size, f"{kind}_changed": self.changed}

    @classmethod
    def of_record(cls, record: Mapping[str, Any], kind: str) -> Stamp:
        """Return what `record` gave."""
        return cls(record[f"{kind}_sha256"], record[f"{kind}_bytes"], record[f"{kind}_changed"])


def stamp_of(path: str | Path, before: Stamp | None = None) -> Stamp:
    """Return the stamp of a file.

    Args:
        path: The file.
        before: An earlier stamp: while size and time are the same, the file is not read again.

    Raises:
        ImageError: A file that cannot be read, or that changes while it is.
    """
    try:
        size, changed = _seen(path)
        if before is not None and (before.size, before.changed) == (size, changed):
            return before
        stamp = Stamp(sha256_of(Path(path)), size, changed)
        if _seen(path) != (size, changed):
            raise ImageError(f'"{path}" changes while it is read; wait until it is complete, then start again.')
    except OSError as problem:
        raise ImageError(f'"{path}" cannot be read: {reason(problem, reading=True)}. Check it.') from problem
    return stamp


def settings_id(settings: Mapping[str, Any]) -> str:
    """Return a short hash of everything that decides what pictures look like.

    Example:
        >>> settings_id({"alpha": 1.0, "method": "any"}) == settings_id({"method": "any", "alpha": 1.0})
        True
    """
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _seen(path: str | Path) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 - a hundred thousand paths take a second
    return status.st_size, status.st_mtime_ns
