"""From a painted picture to its file and its line in the map, in this order; called by several threads."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from styletransfer import images
from styletransfer.batching.journal import Journal
from styletransfer.batching.outputs import Task
from styletransfer.batching.reading import Loaded
from styletransfer.batching.result import Failure
from styletransfer.batching.stamps import Stamp
from styletransfer.errors import OutputError, StyleTransferError
from styletransfer.files import reason, write_atomically
from styletransfer.stylizer import Stylization

#: What the system says when no further picture can be written either.
_HOPELESS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)


class Painted(NamedTuple):
    """A picture that is to be written.

    Attributes:
        task: Where it belongs.
        content: What it was made of.
        style: The stamp of its style.
        result: What came of it.
        figures: A judge's, or empty.
    """

    task: Task
    content: Loaded
    style: Stamp
    result: Stylization
    figures: Mapping[str, float]


class Writer:
    """Writes pictures into a folder.

    Args:
        folder: The folder; those below it are made.
        journal: Its map, open for adding.
        settings: The hash of what decided how pictures look.
        suffix: Of the files.
        quality: Of JPEG and WebP.
    """

    def __init__(self, folder: Path, journal: Journal, settings: str, suffix: str, quality: int | None) -> None:
        self._folder, self._journal, self._settings = folder, journal, settings
        self._encoding: dict[str, Any] = {"format": suffix, "quality": quality}

    def write(self, painted: Painted) -> Failure | None:
        """Write a picture, whole or not at all, and then that it is done.

        Returns:
            Why it could not be written, where others can; None if it was.

        Raises:
            OutputError: Nothing more can be written: the disk is full, gone or read-only.
        """
        task, result = painted.task, painted.result
        path = self._folder / task.output
        try:
            data = images.encode_image(result.image, path, alpha=result.alpha, **self._encoding)
            _make_folder(path.parent)
            write_atomically(path, lambda file: file.write(data), tidy=False)
        except StyleTransferError as problem:
            if isinstance(problem.__cause__, OSError) and problem.__cause__.errno in _HOPELESS:
                raise
            return failure_of(task, task.content.name, problem)
        self._journal.add(self._record(painted, data))
        return None

    def _record(self, painted: Painted, data: bytes) -> dict[str, Any]:
        task, height, width = painted.task, *painted.result.image.shape[2:]
        record: dict[str, Any] = {
            "status": "done",
            "output": task.output,
            "content": task.content.name,
            "style": task.style.name,
            "settings": self._settings,
            "size": [width, height],
            "seconds": round(painted.result.seconds, 6),
            **painted.content.stamp.record("content"),
            **painted.style.record("style"),
            "output_bytes": len(data),
            "output_sha256": hashlib.sha256(data).hexdigest(),
        }
        extra = {"figures": dict(painted.figures), "notes": list(painted.content.picture.notes)}
        return record | {name: value for name, value in extra.items() if value}


def failure_of(task: Task, cause: str, problem: StyleTransferError) -> Failure:
    """Return the failure of a task; `cause` names the input at fault."""
    return Failure(task.content.name, task.style.name, task.output, cause, str(problem))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f'Cannot make the folder "{folder}": {reason(problem)}.') from problem
