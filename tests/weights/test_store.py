"""Fetching from a loopback server: all that can go wrong, and that nothing is left behind."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import http.server
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from styletransfer.errors import WeightsError
from styletransfer.methods.feedforward.decoder_files import PYTORCH_ADAIN, Decoder
from styletransfer.weights import store
from styletransfer.weights.catalogue import CATALOGUE
from styletransfer.weights.store import WeightFile

Serve = Callable[..., str]
BODY = bytes(range(256)) * 12_000  # three chunks
DIGEST = hashlib.sha256(BODY).hexdigest()


def weight_file(url: str) -> WeightFile:
    return dataclasses.replace(CATALOGUE["vgg19-normalised"], url=url, size=len(BODY), sha256=DIGEST)


def assert_refused(file: WeightFile, cache: Path, message: str, *, timeout: float = 20) -> None:
    """The message fits and tells how to do it by hand, and the cache stays empty."""
    with pytest.raises(WeightsError, match=message) as caught:
        store.fetch(file, timeout=timeout)
    for part in ("vgg_normalised.pth", str(file.url), str(file.sha256), f"{file.size:,} bytes", str(cache)):
        assert part in str(caught.value)
    assert not cache.exists() or list(cache.iterdir()) == []


def test_fetch_stores_the_file_and_reports_progress(serve: Serve, cache: Path) -> None:
    reports: list[tuple[int, int | None]] = []
    path = store.fetch(weight_file(serve("/a.pth", BODY)), progress=lambda *report: reports.append(report))
    assert path == cache / "vgg_normalised.pth"
    assert path.read_bytes() == BODY
    assert [p.name for p in cache.iterdir()] == ["vgg_normalised.pth"]
    assert reports[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    assert len(reports) > 1


def test_size_comes_from_the_server_where_the_catalogue_has_none(serve: Serve) -> None:
    reports: list[tuple[int, int | None]] = []
    file = dataclasses.replace(weight_file(serve("/a.pth", BODY)), size=None)
    store.fetch(file, progress=lambda *report: reports.append(report))
    assert reports[-1] == (len(BODY), len(BODY))


def test_html_page(serve: Serve, cache: Path) -> None:
    page = b"\n<!DOCTYPE html><html><body>Please log in</body></html>"
    assert_refused(weight_file(serve("/a.pth", page)), cache, "sent an HTML page in place of vgg_normalised.pth")


def test_too_few_bytes(serve: Serve, cache: Path) -> None:
    assert_refused(
        weight_file(serve("/a.pth", BODY[:1000])),
        cache,
        "sent only 1,000 of the 3,072,000 bytes of vgg_normalised",
    )


def test_connection_that_breaks(serve: Serve, cache: Path) -> None:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(BODY)))
        handler.end_headers()
        handler.wfile.write(BODY[:2000])

    assert_refused(weight_file(serve("/a.pth", answer)), cache, "sent only 2,000 of|connection broke")


def test_too_many_bytes(serve: Serve, cache: Path) -> None:
    assert_refused(weight_file(serve("/a.pth", BODY + b"x")), cache, "sent more than the 3,072,000 bytes")


def test_wrong_hash(serve: Serve, cache: Path) -> None:
    other = BODY[:-1] + b"x"
    message = f"SHA-256 {hashlib.sha256(other).hexdigest()}, which is not 'vgg19-normalised'; it was thrown away"
    assert_refused(weight_file(serve("/a.pth", other)), cache, message)


def test_not_found(serve: Serve, cache: Path) -> None:
    serve("/a.pth", BODY)
    url = serve("/b.pth", BODY).replace("b.pth", "gone.pth")
    assert_refused(weight_file(url), cache, "'vgg19-normalised' could not be fetched: the server answered 404 Not")


def test_no_network(cache: Path) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        port = server.server_address[1]
    assert_refused(weight_file(f"http://127.0.0.1:{port}/a.pth"), cache, r"could not be fetched: no connection \(")


@pytest.mark.parametrize("headers_first", [False, True])
def test_timeout(serve: Serve, cache: Path, headers_first: bool) -> None:
    over = threading.Event()

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        if headers_first:
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(b"beginning")
        over.wait(10)

    try:
        assert_refused(weight_file(serve("/a.pth", answer)), cache, "no answer in time", timeout=0.3)
    finally:
        over.set()


def test_full_disk(serve: Serve, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    message = r"'vgg19-normalised' could not be stored in .*disk is full.*set STYLETRANSFER_HOME"
    assert_refused(weight_file(serve("/a.pth", BODY)), cache, message)


def test_cache_that_is_a_file(serve: Serve, cache: Path) -> None:
    cache.write_text("")
    with pytest.raises(WeightsError, match=r"could not be stored in .*set STYLETRANSFER_HOME to another folder"):
        store.fetch(weight_file(serve("/a.pth", BODY)))
    with (
        pytest.raises(WeightsError, match="could not be stored in"),
        store.scratch_dir(CATALOGUE["vgg19-normalised"]),
    ):
        pytest.fail("no folder to work in")


def test_other_protocols_are_refused(cache: Path) -> None:
    with pytest.raises(WeightsError, match="from file:///etc/passwd: only http and https are used"):
        store.fetch(weight_file("file:///etc/passwd"))
    with pytest.raises(WeightsError, match="'vgg19-lite' cannot be downloaded"):
        store.fetch(CATALOGUE["vgg19-lite"])


def test_an_interrupted_fetch_leaves_nothing(serve: Serve, cache: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        assert len(list(cache.iterdir())) == 1  # the temporary file
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.fetch(weight_file(serve("/a.pth", BODY)), progress=interrupt)
    assert list(cache.iterdir()) == []


def test_a_failed_fetch_keeps_the_old_file(serve: Serve, cache: Path) -> None:
    cache.mkdir()
    (cache / "vgg_normalised.pth").write_bytes(BODY)
    with pytest.raises(WeightsError):
        store.fetch(weight_file(serve("/a.pth", b"short")))
    assert [p.name for p in cache.iterdir()] == ["vgg_normalised.pth"]
    assert (cache / "vgg_normalised.pth").read_bytes() == BODY


def test_concurrent_fetches_do_not_disturb_each_other(serve: Serve, cache: Path) -> None:
    file = weight_file(serve("/a.pth", BODY))
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: store.fetch(file), range(4)))
    assert set(paths) == {cache / "vgg_normalised.pth"}
    assert paths[0].read_bytes() == BODY
    assert len(list(cache.iterdir())) == 1


def test_check_names_what_differs(tmp_path: Path) -> None:
    file = weight_file("http://127.0.0.1/a.pth")
    path = tmp_path / "a.pth"
    with pytest.raises(WeightsError, match=r"a\.pth, the file of 'vgg19-normalised', is missing"):
        store.check(path, file)
    path.write_bytes(BODY[:-1])
    with pytest.raises(WeightsError, match=r"it has 3,071,999 bytes, not 3,072,000\. Fetch it again"):
        store.check(path, file)
    path.write_bytes(BODY[:-1] + b"x")
    with pytest.raises(WeightsError, match=r"is damaged.*styletransfer weights fetch vgg19-normalised --force"):
        store.check(path, file)
    path.write_bytes(BODY)
    store.check(path, file)


def test_hash_of_an_embedded_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "assets_dir", lambda: tmp_path)
    file = CATALOGUE["vgg19-lite"]
    assert store.expected_sha256(file) is None
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  other.bin\n{DIGEST} *vgg19-lite.safetensors\n")
    assert store.expected_sha256(file) == DIGEST
    (tmp_path / "vgg19-lite.safetensors").write_bytes(BODY)
    store.check(store.location(file), file)
    (tmp_path / "vgg19-lite.safetensors").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"is damaged.*Install the package again"):
        store.check(store.location(file), file)


def test_cache_dir_follows_the_environment(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.cache_dir() == cache
    monkeypatch.delenv("STYLETRANSFER_HOME")
    assert store.cache_dir() == tmp_path / "torch" / "hub" / "styletransfer"


def test_a_size_that_nobody_published_is_told_from_the_network() -> None:
    numbers = sum(x.numel() for x in Decoder(PYTORCH_ADAIN).parameters())
    file = CATALOGUE["pytorch-adain"]
    assert (file.size, file.about) == (None, 4 * numbers)
    assert "(about 14.0 MB, SHA-256 379ca4" in store.by_hand(file)
