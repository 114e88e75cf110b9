"""A run's folder: checked before the work, claimed by one training, cleared of what killed ones left."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from styletransfer.errors import OutputError, TrainingError
from styletransfer.training.engine import checkpoint as checkpoints
from styletransfer.training.engine.processes import World

#: What `styletransfer.files` names a run's file that is being written.
_UNFINISHED = re.compile(r"\.(step|decoder|extractor).*\.part")
#: The byte of the log that is locked: beyond any log, because a lock on Windows also keeps others from writing.
_LOCKED_AT = 1 << 40


@contextlib.contextmanager
def claimed(folder: Path, resume: bool, world: World) -> Iterator[None]:
    """Hold a run's folder while it trains; it is made if it is not there.

    The system gives the lock back when the process ends, however it ends.

    Raises:
        TrainingError: It holds a run and `resume` is False, none and `resume` is True, or another training's.
        OutputError: It cannot be written to.
    """
    if resume:
        checkpoints.newest(folder)
    else:
        held = checkpoints.latest(folder) or next(folder.glob("step-*.pt"), None)
        if held is not None:
            raise TrainingError(
                f"{folder} already holds a run ({held}). Give --resume to continue with it, or another folder."
            )
    if not world.leads:
        yield
        return
    handle = _open(folder)
    try:
        _lock(handle, folder)
        for place in (folder, folder / "samples"):
            for path in place.glob(".*.part"):
                if _UNFINISHED.fullmatch(path.name):
                    path.unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)


def _open(folder: Path) -> int:
    log = folder / "log.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if log.exists() and not log.is_file():
            raise OSError(errno.EINVAL, "log.jsonl is no ordinary file")
        return os.open(log, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(
            f"The run's folder {folder} cannot be written to: {(error.strerror or str(error)).lower()}. "
            "Choose another."
        ) from error


def _lock(handle: int, folder: Path) -> None:
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(handle, _LOCKED_AT, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise TrainingError(
            f"Another training is at work in {folder}. Wait for its end, stop it, or choose another folder."
        ) from error
