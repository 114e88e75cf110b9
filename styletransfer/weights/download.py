"""The network: one file over https, checked while it arrives, within limits of size and time."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import ipaddress
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import IO, Any, BinaryIO
from urllib.parse import urlsplit

from styletransfer.errors import OutputError, WeightsError
from styletransfer.weights.catalogue import WeightFile

#: Called with (bytes so far, bytes in all); the second is None where nobody knows it.
Progress = Callable[[int, int | None], None]

#: Seconds without a byte after which a download is given up.
TIMEOUT = 30.0
#: Bytes a second that must arrive on average over each `TIMEOUT`; less is a drip, which would never end.
SLOWEST = 10_000
_CHUNK = 1 << 20


def download(
    file: WeightFile, out: BinaryIO, *, progress: Progress | None = None, timeout: float = TIMEOUT
) -> None:
    """Copy the published bytes of `file` to `out`.

    Raises:
        WeightsError: Not reachable, too slow, or not the right bytes.
        OutputError: `out` takes no more.
    """
    url = str(file.url)
    _check_address(url)
    digest, done, start = hashlib.sha256(), 0, b""
    with contextlib.closing(_answer(file, url, timeout)) as answer:
        length = answer.headers.get("Content-Length", "").strip()
        announced = int(length) if length.isdecimal() and len(length) < 20 else None
        total = file.size or announced
        for chunk in _chunks(file, answer, timeout):
            done += len(chunk)
            start = start or chunk[:512]
            if is_web_page(start) or done > (file.most_bytes or 0):
                break
            _write(out, chunk)
            digest.update(chunk)
            if progress is not None:
                progress(done, total)
    if is_web_page(start):
        raise WeightsError(f"{url} sent an HTML page in place of {file.file_name}.")
    if done > (file.most_bytes or 0):
        raise WeightsError(f"{url} sent more than the {file.size_text} of {file.file_name}.")
    if total is not None and done < total:
        raise WeightsError(f"{url} sent only {done:,} of the {total:,} bytes of {file.file_name}.")
    if digest.hexdigest() != file.sha256:
        raise WeightsError(
            f"{url} sent a file with SHA-256 {digest.hexdigest()}, which is not {file.name!r}; it was thrown away."
        )


def is_web_page(start: bytes) -> bool:
    """Whether a file that begins with `start` is an HTML page."""
    return start.lstrip()[:9].lower().startswith((b"<!doctype", b"<html", b"<head", b"<?xml"))


def _check_address(url: str) -> None:
    """Refuse everything but https, and http to this machine itself."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        fine = bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)))
    except ValueError:  # no address at all
        fine = False
    if not fine:
        raise WeightsError(f"Nothing is downloaded from {url[:200]!r}: only https addresses are used.")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects to addresses that may be used, and no others."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage
    ) -> Any | None:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except BaseException:  # urllib leaves the connection open if the address is broken
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _answer(file: WeightFile, url: str, timeout: float) -> http.client.HTTPResponse:
    """Return the server's answer, its headers read, or say why there is none.

    A thread waits for it, because looking up a name and reading headers byte by byte know no time limit.
    """
    box: queue.SimpleQueue[http.client.HTTPResponse | BaseException] = queue.SimpleQueue()
    too_late = threading.Event()

    def ask() -> None:
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "styletransfer"})
            answer = urllib.request.build_opener(_Redirects).open(request, timeout=timeout)
            box.put(answer)
            if too_late.is_set():
                answer.close()
        except BaseException as error:
            box.put(error)

    threading.Thread(target=ask, daemon=True).start()
    with _network_errors(file):
        try:
            answer = box.get(timeout=2 * timeout)
        except queue.Empty:
            too_late.set()
            raise TimeoutError from None
        if isinstance(answer, BaseException):
            raise answer
        return answer


def _chunks(file: WeightFile, answer: http.client.HTTPResponse, timeout: float) -> Iterator[bytes]:
    """Yield what arrives, as it arrives; raise if it only drips."""
    since, arrived = time.monotonic(), 0
    with _network_errors(file):
        while chunk := answer.read1(_CHUNK):
            yield chunk
            arrived += len(chunk)
            if (elapsed := time.monotonic() - since) > timeout:
                if arrived < SLOWEST * elapsed:
                    raise OSError(f"only {arrived / elapsed / 1000:.1f} kB a second arrive, too few")
                since, arrived = time.monotonic(), 0


@contextlib.contextmanager
def _network_errors(file: WeightFile) -> Iterator[None]:
    """Turn what a network can raise into one error; broken headers, lengths and addresses are ValueErrors."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        reason = f"the server answered {error.code} {error.reason}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        slow = isinstance(cause, TimeoutError)
        reason = "no answer in time" if slow else f"the connection failed ({cause or type(cause).__name__})"
    else:
        return
    reason = "".join(letter for letter in reason[:300] if letter.isprintable())  # a server wrote part of it
    raise WeightsError(f"{file.name!r} could not be fetched: {reason}.")


def _write(out: BinaryIO, chunk: bytes) -> None:
    try:
        out.write(chunk)
    except OSError as error:
        raise OutputError(error.strerror) from error
