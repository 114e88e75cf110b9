"""Reading ordinary files only, and writing so that the whole file appears or nothing; bytes, no pictures."""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from styletransfer.errors import OutputError, StyleTransferError

_WINDOWS = os.name == "nt"
if not _WINDOWS:
    import fcntl

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "your disk quota is used up; free some space or choose another folder",
    errno.EACCES: "permission denied; choose a folder that you may write to",
    errno.EPERM: "permission denied; choose a folder that you may write to",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOENT: "the folder takes no new files; choose another folder",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}
#: How the names of temporary files end: sixteen hexadecimal digits, see `_temporary`.
_LEFTOVER = re.compile(r"\.[0-9a-f]{16}\.part$")


#: The file in a folder of `passing_folder` that is locked as long as its process lives.
_OWNER = "owner.lock"


def ordinary_file(
    path: str | os.PathLike[str], what: str, error: type[StyleTransferError], *, give: str = "a file"
) -> Path:
    """Refuse what is no ordinary file before anything opens it: opening a pipe waits, a device never ends.

    Args:
        path: The file to be read; links are followed.
        what: What it is, for the message: ``"weight file"``.
        error: The type to raise.
        give: What is wanted, for the message: ``"a .safetensors file"``.

    Returns:
        `path` as a `Path`.

    Raises:
        StyleTransferError: Of type `error`: no text, empty, an address, missing (names a file with a similar
            name), a folder, a pipe or a device.
    """
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text.strip():
        raise error(f"The {what} has an empty path or one that is no text; give the name of a file.")
    label, place = f'The {what} "{text}"', Path(text)
    try:
        if place.is_file():
            return place
        if place.is_dir():
            raise error(f"{label} is a folder; give {give}.")
        if place.exists():
            raise error(f"{label} is a device or pipe; give {give}.")
        if address := _address(text):
            raise error(f"{label} is an address ({address}); download it first and give {give}.")
        if not place.parent.is_dir():
            raise error(f'{label} does not exist, nor does its folder "{place.parent}"; check the path.')
        hint = _neighbour(place)
    except (OSError, ValueError) as problem:  # no permission, a name too long, or one that no file can have
        if isinstance(problem, error):
            raise
        raise error(f"{label} cannot be read: {reason(problem, reading=True)}. Check its path.") from problem
    raise error(f"{label} does not exist.{hint} Check the path.")


def _neighbour(path: Path) -> str:
    """Suggest a file in the same folder whose name, its suffix apart, is nearly that of `path`."""
    entries = sorted(islice(path.parent.iterdir(), 1000), key=lambda entry: entry.suffix == path.suffix)
    names = {entry.stem.lower(): entry.name for entry in entries}
    near = difflib.get_close_matches(path.stem.lower(), names, n=1, cutoff=0.75)
    return f' Did you mean "{names[near[0]]}"?' if near else ""


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
        if same_file(target, source):
            raise OutputError(
                f'Cannot write "{os.fspath(path)}": it is the input file "{os.fspath(source)}", and '
                "inputs are never overwritten. Choose another name."
            )
    try:  # permissions alone do not tell: /proc and some network drives take no files whatever they say
        probe = _temporary(target)
        probe.touch(exist_ok=False)
        probe.unlink(missing_ok=True)
    except OSError as problem:
        raise OutputError(f'Cannot write "{os.fspath(path)}": {reason(problem)}.') from problem
    return Path(path)


def same_file(one: str | os.PathLike[str] | int, other: str | os.PathLike[str]) -> bool:
    """Whether both names, of which the first may be an open file's descriptor, lead to one existing file."""
    try:
        return os.path.samestat(os.stat(one), os.stat(other))  # noqa: PTH116 - a descriptor is no path
    except (OSError, ValueError):
        return False


def write_atomically(
    path: str | os.PathLike[str], write: Callable[[BinaryIO], object], *, tidy: bool = True
) -> Path:
    """Write a file so that `path` holds either all of it or what it held before.

    The data go to a temporary file in the same folder, reach the disk, and only then take the final name. The
    temporary file is removed on any failure; one that a killed process has left is removed by the next writing of
    the same file. The new file has the mode of any ordinary new file (umask). Where `path` is a symbolic link, the
    file it points to is replaced and the link stays.

    Args:
        path: The file to write, of any kind.
        write: Called once with the open binary file.
        tidy: Look for temporary files of killed processes first, which goes through the folder; who writes very
            many files calls `remove_leftovers_below` once instead.

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
    return write_together({Path(path): write}, tidy=tidy)[0]


def write_together(files: Mapping[Path, Callable[[BinaryIO], object]], *, tidy: bool = True) -> list[Path]:
    """Write several files as `write_atomically` does, so that either all of them appear or none.

    No file takes its name before the last one has reached the disk, so that a full disk or Ctrl-C cannot leave
    half a set.

    Args:
        files: For each path, what writes its open binary file.
        tidy: As for `write_atomically`.

    Returns:
        The paths, in the same order.

    Raises:
        OutputError: As for `write_atomically`; names the file.
    """
    staged: list[tuple[Path, Path, Path]] = []
    current = Path()
    try:
        with contextlib.ExitStack() as opened:
            for current, write in files.items():
                target = _check_place(current)
                if tidy:
                    _remove_leftovers(target.parent, _stem(target))
                temporary, file = _open_temporary(target)
                opened.callback(temporary.unlink, missing_ok=True)
                opened.enter_context(file)  # open, and so locked, until it has its name
                staged.append((current, temporary, target))
                write(file)
                file.flush()
                os.fsync(file.fileno())
                if _WINDOWS:  # where a file that is open cannot be renamed
                    file.close()
            for path, temporary, target in staged:
                current = path
                temporary.replace(target)
    except OutputError:
        raise
    except OSError as problem:
        raise OutputError(f'Cannot write "{current}": {reason(problem)}.') from problem
    return list(files)


def write_contents(files: Mapping[Path, bytes]) -> list[Path]:
    """Write the bytes of several files, as `write_together` does."""

    def writer(data: bytes) -> Callable[[BinaryIO], object]:
        return lambda file: file.write(data)

    return write_together({path: writer(data) for path, data in files.items()})


def folder_files(
    folder: str | os.PathLike[str], names: Iterable[str], *, protected: Iterable[str | os.PathLike[str]] = ()
) -> list[Path]:
    """Return the files `names` in `folder`; find out before the work whether they can be written.

    Args:
        folder: Where to; may be missing if it can be made.
        names: Of the files.
        protected: Input files, which must not be overwritten.

    Raises:
        OutputError: A folder that cannot be made or written to, or an input file in the way.
    """
    if not isinstance(folder, (str, os.PathLike)) or not os.fspath(folder):
        raise OutputError(f"The output must be a folder, got {folder!r}; give its path.")
    place, inputs = Path(folder), list(protected)
    files = [place / name for name in names]
    if place.exists():
        for file in files:
            check_place(file, protected=inputs)
        return files
    parent = place.absolute().parent
    if not parent.is_dir():
        raise OutputError(
            f'Cannot make the folder "{place}": "{parent}" does not exist or is no folder; create it first.'
        )
    try:  # found out by doing, since permissions alone do not tell
        place.mkdir()
        place.rmdir()
    except OSError as problem:
        raise OutputError(
            f'Cannot make the folder "{place}": {problem.strerror}. Choose another place.'
        ) from problem
    return files


@contextlib.contextmanager
def new_folder(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Make `folder` if it is missing, and take it away again if what is done in it fails."""
    place = Path(folder)
    missing = not place.exists()
    try:
        place.mkdir(exist_ok=True)
    except OSError as problem:
        raise OutputError(f'Cannot make the folder "{place}": {reason(problem)}.') from problem
    try:
        yield
    except BaseException:
        if missing:
            with contextlib.suppress(OSError):  # somebody else has put something into it
                place.rmdir()
        raise


def reason(problem: Exception, *, reading: bool = False) -> str:
    """Put an operating system's error into words."""
    if isinstance(problem, OSError) and problem.errno is not None:
        return (not reading and _REASONS.get(problem.errno)) or os.strerror(problem.errno)
    return str(problem)


def _temporary(target: Path) -> Path:
    """Name a new file beside `target`; not by tempfile, whose files are readable by their owner only."""
    return target.with_name(f"{_stem(target)}{secrets.token_hex(8)}.part")


def _stem(target: Path) -> str:
    return f".{target.name[:40]}."  # 40: together with the rest never longer than a name may be


def _open_temporary(target: Path) -> tuple[Path, BinaryIO]:
    """Create a temporary file and lock it: the lock ends with the process, however that ends."""
    while True:
        path = _temporary(target)
        file = path.open("xb")
        _locked(file, wait=True)
        if path.exists():  # else another process took it for a leftover before it was locked
            return path, file
        file.close()


def _remove_leftovers(folder: Path, stem: str) -> None:
    """Remove the temporary files of earlier writings whose process is gone, of names that begin with `stem`."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.name.startswith(stem) and _LEFTOVER.search(path.name):
                with contextlib.suppress(OSError), path.open("rb") as file:
                    if _WINDOWS:  # where removing fails as long as a process has the file open
                        file.close()
                    if _locked(file):
                        path.unlink()


def remove_leftovers_below(folder: str | os.PathLike[str]) -> None:
    """Remove the temporary files that killed processes have left in a folder and those below it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     left = Path(folder) / f".photo.png.{'0' * 16}.part"
        ...     left.touch()
        ...     remove_leftovers_below(folder)
        ...     left.exists()
        False
    """
    for place, _, names in os.walk(folder):
        if any(_LEFTOVER.search(name) for name in names):
            _remove_leftovers(Path(place), ".")


@contextlib.contextmanager
def alone(folder: Path, *, refusal: str | None = None) -> Iterator[None]:
    """Keep other processes that do the same out of a folder, where the system has locks for folders.

    Args:
        folder: It exists.
        refusal: What is said where another process has the folder; without it, its end is waited for.

    Raises:
        OutputError: Another process has it, and `refusal` was given.
    """
    if _WINDOWS:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if refusal is None else fcntl.LOCK_NB))
        except BlockingIOError as problem:
            raise OutputError(refusal or str(problem)) from problem
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def passing_folder(prefix: str) -> Iterator[Path]:
    """Give a temporary folder that is removed at the end; those that killed processes have left are removed now.

    Args:
        prefix: How the names of such folders begin.
    """
    if not _WINDOWS:  # where nobody could tell whether a folder is in use
        for old in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            with contextlib.suppress(OSError), (old / _OWNER).open("rb") as file:
                if _locked(file):
                    shutil.rmtree(old, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder,
        (Path(folder) / _OWNER).open("wb") as file,
    ):
        _locked(file)
        yield Path(folder)


def claim(file: BinaryIO) -> bool:
    """Lock an open file for this process as long as it is open; say whether no other process has done so.

    Where the system or the file system has no locks, every process is told that it is alone.
    """
    if not _WINDOWS:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            return True
    return True


def _locked(file: BinaryIO, *, wait: bool = False) -> bool:
    """Lock an open file unless another process or thread holds it; say whether it is locked now."""
    try:
        if not _WINDOWS:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # a lock held elsewhere, or a file system without locks
        return False
    return True


def _address(text: str) -> str:
    """Return how an address such as https://... begins, or an empty string for a path."""
    found = re.match(r"[A-Za-z][A-Za-z0-9+.-]+:(?=//)|data:", text)
    return found[0] if found else ""


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
        raise OutputError(f'Cannot write "{text}": {reason(problem)}.') from problem
    if fault and (address := _address(text)):
        fault = f"it is an address ({address}), and only files are written; give the name of a file"
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
