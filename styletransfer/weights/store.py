"""Where weight files lie, and how they get there: downloaded whole and checked, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import urlsplit

import torch

from styletransfer.errors import OutputError, WeightsError
from styletransfer.files import write_atomically
from styletransfer.weights.tensor_files import is_web_page

#: Called with (bytes so far, bytes in all); the second is None where nobody knows it.
Progress = Callable[[int, int | None], None]

_CHUNK = 1 << 20
#: Seconds without a byte after which a download is given up.
TIMEOUT = 30.0


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """A weight set and where it comes from.

    Attributes:
        name: What users call it.
        kind: ``"extractor"`` or ``"decoder"``.
        network: What is in it.
        file_name: Name of the file.
        url: Whence, or None if it is embedded in the package.
        size: Bytes, or None where not known exactly.
        about: Where `size` is None, the bytes of the network's numbers: a little less than the file's.
        sha256: Of the whole file; for embedded files it stands in ``assets/SHA256SUMS``.
        licence: Terms of use.
        citation: Whom to cite.
        trained_on: Data.
        preprocessing: What the network wants to see. The extractor does it; pictures go in as RGB in [0, 1].
        encoder: For decoders: the extractor whose features it decodes.
        stored_as: Name under which a reduced copy is kept in place of the downloaded file.
    """

    name: str
    kind: Literal["extractor", "decoder"]
    network: str
    file_name: str
    licence: str
    citation: str
    trained_on: str
    preprocessing: str
    url: str | None = None
    size: int | None = None
    about: int | None = None
    sha256: str | None = None
    encoder: str | None = None
    stored_as: str | None = None

    @property
    def embedded(self) -> bool:
        """Whether it is part of the package."""
        return self.url is None


def cache_dir() -> Path:
    """Return the folder of downloaded weights: ``$STYLETRANSFER_HOME``, or within torch's hub directory."""
    home = os.environ.get("STYLETRANSFER_HOME")
    return Path(home).expanduser() if home else Path(torch.hub.get_dir()) / "styletransfer"


def assets_dir() -> Path:
    """Return the folder of embedded weights."""
    return Path(str(resources.files("styletransfer"))) / "assets"


def location(file: WeightFile) -> Path:
    """Return where `file` is kept, or would be."""
    return assets_dir() / file.file_name if file.embedded else cache_dir() / (file.stored_as or file.file_name)


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
    """Return the sentence that tells how to do without a network."""
    return (
        f"To do it by hand, download {file.url} ({_size_text(file)}, SHA-256 {file.sha256}) "
        f"and put it into {cache_dir()} as {file.file_name}."
    )


def check(path: Path, file: WeightFile) -> None:
    """Compare a file with what it must be.

    Raises:
        WeightsError: Missing, of another size or hash.
    """
    cure = (
        "Install the package again."
        if file.embedded
        else f"Fetch it again: styletransfer weights fetch {file.name} --force."
    )
    try:
        size, wanted = path.stat().st_size, expected_sha256(file)
        if file.size is not None and size != file.size:
            raise WeightsError(f"{path} is not {file.name!r}: it has {size:,} bytes, not {file.size:,}. {cure}")
        got = sha256_of(path) if wanted else None
    except FileNotFoundError:
        raise WeightsError(f"{path}, the file of {file.name!r}, is missing. {cure}") from None
    except OSError as error:
        raise WeightsError(f"{path}, the file of {file.name!r}, cannot be read: {error.strerror}.") from error
    if got != wanted:
        raise WeightsError(f"{path} is damaged: its SHA-256 is {got}, that of {file.name!r} is {wanted}. {cure}")


def fetch(
    file: WeightFile,
    *,
    progress: Progress | None = None,
    folder: Path | None = None,
    timeout: float = TIMEOUT,
) -> Path:
    """Download `file` into the cache.

    The bytes go to a temporary file beside the target, which takes its name only after size and hash have
    been checked, so several processes can fetch at once and no half file is ever seen.

    Args:
        file: What to fetch.
        progress: Called with (bytes so far, bytes in all).
        folder: Where to; the cache by default.
        timeout: Seconds without an answer after which to give up.

    Returns:
        Where the file is.

    Raises:
        WeightsError: Not reachable, not what it should be, or no place to put it. Nothing is left behind.
    """
    if file.url is None or urlsplit(file.url).scheme not in ("https", "http"):
        raise WeightsError(f"{file.name!r} cannot be downloaded from {file.url}: only http and https are used.")
    target = (folder or _made_cache_dir(file)) / file.file_name
    return _write(file, target, lambda out: _download(file, out, progress, timeout))


def put(file: WeightFile, content: bytes) -> Path:
    """Write `content` to where `file` is kept, all or nothing.

    Raises:
        WeightsError: The cache cannot be written to.
    """
    _made_cache_dir(file)
    return _write(file, location(file), lambda out: out.write(content))


def _write(file: WeightFile, target: Path, write: Callable[[BinaryIO], object]) -> Path:
    try:
        return write_atomically(target, write)
    except OutputError as error:
        raise _no_place(file, error) from error


@contextlib.contextmanager
def scratch_dir(file: WeightFile) -> Iterator[Path]:
    """Give a folder within the cache that vanishes afterwards, whatever happens.

    Raises:
        WeightsError: The cache cannot be written to.
    """
    try:
        folder = tempfile.TemporaryDirectory(dir=_made_cache_dir(file), prefix=".fetch-")
    except OSError as error:
        raise _no_place(file, error) from error
    with folder as name:
        yield Path(name)


def _made_cache_dir(file: WeightFile) -> Path:
    try:
        cache_dir().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_place(file, error) from error
    return cache_dir()


def _no_place(file: WeightFile, error: OSError) -> WeightsError:
    return WeightsError(
        f"{file.name!r} could not be stored in {cache_dir()}: {error}. "
        f"Make room, or set STYLETRANSFER_HOME to another folder. {by_hand(file)}"
    )


def _download(file: WeightFile, out: BinaryIO, progress: Progress | None, timeout: float) -> None:
    """Copy the URL's bytes to `out`; raise unless they are the right ones."""
    digest, done, start = hashlib.sha256(), 0, b""
    with contextlib.closing(_open(file, timeout)) as answer:
        length = answer.headers.get("Content-Length", "")
        total = file.size or (int(length) if length.isdigit() else None)
        while chunk := _read(file, answer):
            out.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            start = start or chunk[:512]
            if is_web_page(start) or (file.size is not None and done > file.size):
                break
            if progress is not None:
                progress(done, total)
    if is_web_page(start):
        raise WeightsError(f"{file.url} sent an HTML page in place of {file.file_name}. {by_hand(file)}")
    if file.size is not None and done != file.size:
        what = "more than" if done > file.size else f"only {done:,} of"
        raise WeightsError(f"{file.url} sent {what} the {file.size:,} bytes of {file.file_name}. {by_hand(file)}")
    if digest.hexdigest() != file.sha256:
        raise WeightsError(
            f"{file.url} sent a file with SHA-256 {digest.hexdigest()}, which is not {file.name!r}; "
            f"it was thrown away. {by_hand(file)}"
        )


def _open(file: WeightFile, timeout: float) -> http.client.HTTPResponse:
    request = urllib.request.Request(str(file.url), headers={"User-Agent": "styletransfer"})
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout)
        return answer
    except urllib.error.HTTPError as error:
        error.close()
        reason = f"the server answered {error.code} {error.reason}"
    except urllib.error.URLError as error:
        reason = _network_reason(error.reason)
    except (OSError, http.client.HTTPException) as error:
        reason = _network_reason(error)
    raise WeightsError(f"{file.name!r} could not be fetched: {reason}. {by_hand(file)}")


def _read(file: WeightFile, answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise WeightsError(
            f"{file.name!r} could not be fetched: the connection broke ({_network_reason(error)}). {by_hand(file)}"
        ) from error


def _network_reason(error: BaseException | str) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"no connection ({error or type(error).__name__})"


def _size_text(file: WeightFile) -> str:
    if file.size is not None:
        return f"{file.size:,} bytes"
    return "size unknown" if file.about is None else f"about {file.about / 1e6:.1f} MB"
