"""Writing files so that either the whole file appears or nothing; bytes only, no pictures."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from styletransfer.errors import OutputError

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "your disk quota is used up; free some space or choose another folder",
    errno.EACCES: "permission denied; choose a folder that you may write to",
    errno.EPERM: "permission denied; choose a folder that you may write to",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOENT: "the folder takes no new files; choose another folder",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def check_place(path: str | os.PathLike[str], *, protected: Iterable[str | os.PathLike[str]] = ()) -> Path:
    """Find out before the work whether a file can be written to `path`.

    Args:
        path: Where the file shall go.
        protected: Files that must not be overwritten: the inputs, recognised under any spelling and through
            symbolic and hard links.

    Returns:
        `path` as a `Path`.

    Raises:
        OutputError: Empty path, a folder that is missing or not writable, a target that is a folder or no ordinary
            file, or one of the `protected` files.
    """
    target = _check_place(path)
    for source in protected:
        if target.exists() and Path(source).exists() and target.samefile(source):
            raise OutputError(
                f'Cannot write "{os.fspath(path)}": it is the input file "{os.fspath(source)}", and '
                "inputs are never overwritten. Choose another name."
            )
    try:  # permissions alone do not tell: /proc and some network drives take no files whatever they say
        probe = _temporary(target)
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as problem:
        raise OutputError(f'Cannot write "{os.fspath(path)}": {_reason(problem)}.') from problem
    return Path(path)


def write_atomically(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> Path:
    """Write a file so that `path` holds either all of it or what it held before.

    The data go to a temporary file in the same folder, reach the disk, and only then take the final name. The
    temporary file is removed on any failure. The new file has the mode of any ordinary new file (umask).
    Where `path` is a symbolic link, the file it points to is replaced and the link stays.

    Args:
        path: The file to write, of any kind.
        write: Called once with the open binary file.

    Returns:
        `path` as a `Path`.

    Raises:
        OutputError: The place cannot be written to, or writing failed (disk full, ...). Any other exception
            of `write` passes through.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_atomically(Path(folder) / "note.txt", lambda file: file.write(b"done")).read_text()
        'done'
    """
    _check_place(path)  # before Path, whose complaint about a number is no sentence for users
    return write_together({Path(path): write})[0]


def write_together(files: Mapping[Path, Callable[[BinaryIO], object]]) -> list[Path]:
    """Write several files as `write_atomically` does, so that either all of them appear or none.

    No file takes its name before the last one has reached the disk, so that a full disk or Ctrl-C cannot leave
    half a set.

    Args:
        files: For each path, what writes its open binary file.

    Returns:
        The paths, in the same order.

    Raises:
        OutputError: As for `write_atomically`; names the file.
    """
    staged: list[tuple[Path, Path, Path]] = []
    current = Path()
    try:
        try:
            for current, write in files.items():
                target = _check_place(current)
                temporary = _temporary(target)
                staged.append((current, temporary, target))
                with temporary.open("xb") as file:
                    write(file)
                    file.flush()
                    os.fsync(file.fileno())
            for path, temporary, target in staged:
                current = path
                temporary.replace(target)
        finally:
            for _, temporary, _ in staged:
                temporary.unlink(missing_ok=True)
    except OutputError:
        raise
    except OSError as problem:
        raise OutputError(f'Cannot write "{current}": {_reason(problem)}.') from problem
    return list(files)


def _temporary(target: Path) -> Path:
    """Name a new file beside `target`; not by tempfile, whose files are readable by their owner only."""
    return target.with_name(f".{secrets.token_hex(8)}.part")


def _check_place(path: object) -> Path:
    """Return the file to be replaced, links followed, if a file can be put there."""
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise OutputError(f"The output must be a path, got {type(path).__name__}; give a str or a Path.")
    text = os.fspath(path)
    if not text.strip():
        raise OutputError("The output path is empty; give a file name such as stylized.png.")
    try:
        target = Path(os.path.realpath(text))
        fault = _fault(target)
    except (OSError, ValueError) as problem:  # a name too long, or one that no file can have
        raise OutputError(f'Cannot write "{text}": {_reason(problem)}.') from problem
    if fault:
        raise OutputError(f'Cannot write "{text}": {fault}.')
    return target


def _fault(target: Path) -> str | None:
    """Say why no file can be put at `target`, or None."""
    folder = target.parent
    if target.is_dir():
        return "it is a folder; give the name of a file in it, e.g. stylized.png"
    if not folder.exists():
        return f'the folder "{folder}" does not exist; create it first or choose another'
    if not folder.is_dir():
        return f'"{folder}" is a file, not a folder; choose another place'
    if target.exists() and not target.is_file():
        return "it is a device or pipe, not an ordinary file; choose another name"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f'the folder "{folder}" is not writable; choose another or change its permissions'
    if target.exists() and not os.access(target, os.W_OK):
        return "the existing file is write-protected; choose another name or change its permissions"
    return None


def _reason(problem: Exception) -> str:
    """Put an operating system's error into words."""
    if isinstance(problem, OSError) and problem.errno is not None:
        return _REASONS.get(problem.errno) or os.strerror(problem.errno)
    return str(problem)
