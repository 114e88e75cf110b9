"""Fetching from a loopback server: all that can go wrong, and that nothing is left behind."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from styletransfer.errors import WeightsError
from styletransfer.methods.feedforward.decoder_files import PYTORCH_ADAIN, Decoder
from styletransfer.weights import catalogue, download, store
from styletransfer.weights.catalogue import CATALOGUE, WeightFile

Handler = http.server.BaseHTTPRequestHandler
Offer = Callable[..., WeightFile]
BODY = bytes(range(256)) * 12_000
DIGEST = hashlib.sha256(BODY).hexdigest()
NAME = "vgg19-normalised"


@pytest.fixture
def offer(serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Offer:
    """``offer(answer, **changes)`` lets the catalogue expect `BODY` at a server that gives this answer."""

    def make(answer: bytes | Callable[[Handler], None] = BODY, **changes: object) -> WeightFile:
        made = {"url": serve("/a.pth", answer), "size": len(BODY), "sha256": DIGEST} | changes
        file = dataclasses.replace(CATALOGUE[NAME], **made)  # type: ignore[arg-type]
        monkeypatch.setattr(catalogue, "CATALOGUE", {**CATALOGUE, NAME: file})
        return file

    return make


def assert_refused(file: WeightFile, cache: Path, message: str, *, timeout: float = 20) -> None:
    """The message fits and explains how to do it by hand, and the cache stays empty."""
    with pytest.raises(WeightsError, match=message) as caught:
        store.fetch(NAME, timeout=timeout)
    for part in ("vgg_normalised.pth", str(file.url), str(file.sha256), file.size_text, str(cache)):
        assert part in str(caught.value)
    assert list(cache.iterdir()) == []


def raw(head: bytes, body: bytes = BODY) -> Callable[[Handler], None]:
    """Answer with these bytes, whatever they are."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 " + head + b"\r\n\r\n" + body)

    return answer


def test_fetch_stores_the_file_and_reports_progress(offer: Offer, cache: Path) -> None:
    offer()
    reports: list[tuple[int, int | None]] = []
    path = store.fetch(NAME, progress=lambda *report: reports.append(report))
    assert path == cache / "vgg_normalised.pth"
    assert path.read_bytes() == BODY
    assert [p.name for p in cache.iterdir()] == ["vgg_normalised.pth"]
    assert reports[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)


def test_size_comes_from_the_server_where_the_catalogue_has_none(offer: Offer, cache: Path) -> None:
    reports: list[tuple[int, int | None]] = []
    file = offer(size=None, about=len(BODY))
    store.fetch(NAME, progress=lambda *report: reports.append(report))
    assert reports[-1] == (len(BODY), len(BODY))
    shutil.rmtree(cache)
    file = offer(raw(b"200 OK", BODY + bytes(len(BODY))), size=None, about=len(BODY))
    assert_refused(file, cache, "sent more than the about 3.1 MB of")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"\n<!DOCTYPE html><html>Please log in</html>", "sent an HTML page in place of vgg_normalised.pth"),
        (BODY[:1000], "sent only 1,000 of the 3,072,000 bytes of vgg_normalised"),
        (BODY + b"x", "sent more than the 3,072,000 bytes of vgg_normalised"),
        (BODY[:-1] + b"x", r"SHA-256 [0-9a-f]{64}, which is not 'vgg19-normalised'; it was thrown away"),
        (raw(b"200 OK\r\nContent-Length: 3072000", BODY[:2000]), "sent only 2,000 of"),
        (raw(b"404 Not Found"), "'vgg19-normalised' could not be fetched: the server answered 404 Not"),
        (raw(b"302 Found\r\nLocation: http://[broken"), "could not be fetched: .*(IPv6|netloc|failed|302)"),
        (raw(b"302 Found\r\nLocation: http://example.org/a.pth"), "from 'http://example.org/a.pth': only https"),
        (raw(b"302 Found\r\nLocation: file:///etc/passwd"), "could not be fetched|only https"),
        (raw("302 Found\r\nLocation: /\u00e9\u2603 x".encode()), "could not be fetched"),
        (raw(b"302 Found\r\nLocation: /a.pth"), "could not be fetched: the server answered 302"),
        (raw(b"302 Found"), "could not be fetched"),
        (raw(b"200 OK\r\nContent-Length: -5", b""), "sent only 0 of"),
        (raw(b"200 OK\r\nContent-Length: many", BODY[:9]), "sent only 9 of"),
        (raw(b"200 OK\r\nTransfer-Encoding: chunked", b"zz\r\nabc"), r"the connection failed \(IncompleteRead"),
        (raw(b"200 OK\r\nTransfer-Encoding: chunked", b"-5\r\nabc"), "could not be fetched|sent only"),
        (raw(b"200 OK\r\nTransfer-Encoding: chunked", b"f" * 30 + b"\r\nabc"), "could not be fetched|sent only"),
        (raw(b"two hundred"), "could not be fetched: the connection failed"),
        (raw(b"404 \x1b[31mGone"), r"the server answered 404 \[31mGone"),
        (raw(b"200 OK\r\n" + b"X: y\r\n" * 200), r"the connection failed \(got more than 100 headers"),
    ],
)  # fmt: skip
def test_what_a_server_can_answer(
    offer: Offer, cache: Path, answer: bytes | Callable[[Handler], None], message: str
) -> None:
    assert_refused(offer(answer), cache, message)


def test_no_server(offer: Offer, cache: Path) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_address[1]
    file = offer(url=f"http://127.0.0.1:{port}/a.pth")
    assert_refused(file, cache, r"could not be fetched: the connection failed \(.*refused")


@pytest.mark.parametrize("sent", ["nothing", "headers that drip", "a beginning", "a body that drips"])
def test_a_server_that_is_too_slow(offer: Offer, cache: Path, sent: str) -> None:
    over = threading.Event()

    def answer(handler: Handler) -> None:
        if sent != "nothing":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        if sent.endswith(("beginning", "drips")):
            handler.wfile.write(b"\r\nbeginning")
        while not over.wait(0.05) and sent.endswith(("drip", "drips")):
            handler.wfile.write(b"x")
        over.wait(10)

    file = offer(answer)
    try:
        assert_refused(file, cache, "no answer in time|only 0.. kB a second arrive, too few", timeout=0.3)
    finally:
        over.set()


def test_full_disk(offer: Offer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = offer()
    monkeypatch.setattr(os, "fsync", full)
    assert_refused(file, cache, r"could not be stored in .*disk is full.*set STYLETRANSFER_HOME")


def test_cache_that_is_a_file(offer: Offer, cache: Path) -> None:
    offer()
    cache.write_text("")
    with pytest.raises(WeightsError, match=r"could not be stored in .*set STYLETRANSFER_HOME to another folder"):
        store.fetch(NAME)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://example.org/a", "ftp://127.0.0.1/a", "https://", ""]
)
def test_other_addresses_are_refused(offer: Offer, url: str) -> None:
    offer(url=url)
    with pytest.raises(WeightsError, match=r"Nothing is downloaded from .*: only https addresses are used"):
        store.fetch(NAME)


def test_an_interrupted_fetch_leaves_nothing(offer: Offer, cache: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    offer()
    with pytest.raises(KeyboardInterrupt):
        store.fetch(NAME, progress=interrupt)
    assert list(cache.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="a process cannot be killed like this there")
def test_a_killed_fetch_leaves_nothing(offer: Offer, cache: Path, tmp_path: Path) -> None:
    over, asked = threading.Event(), threading.Event()

    def answer(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + BODY[:1_000_000])
        asked.set()
        over.wait(20)

    url = offer(answer).url
    code = (
        "import dataclasses, sys; from styletransfer.weights import catalogue, store\n"
        f"file = dataclasses.replace(catalogue.CATALOGUE[{NAME!r}], url={url!r}, size={len(BODY)})\n"
        "catalogue.CATALOGUE = {file.name: file}\n"
        f"store.fetch({NAME!r}, progress=lambda *_: print(1, flush=True))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"1\n"  # on the way
        process.send_signal(signal.SIGKILL)
    process.wait()
    over.set()
    assert list(cache.iterdir()) == []


def test_what_older_versions_left_is_swept(offer: Offer, cache: Path) -> None:
    offer()
    for name, age in (("old", 8), ("running", 0.5)):
        folder = cache / f".fetch-{name}"
        folder.mkdir(parents=True)
        (folder / "vgg19-dcbb9e9d.pth").write_bytes(b"575 MB")
        (cache / f".{name}.part").write_bytes(b"80 MB")
        for path in (folder, cache / f".{name}.part"):
            os.utime(path, (time.time() - age * 86400,) * 2)
    store.fetch(NAME)
    left = sorted(p.name for p in cache.iterdir())
    assert left == [".fetch-running", ".running.part", "vgg_normalised.pth"]


def test_a_failed_fetch_keeps_the_old_file(offer: Offer, cache: Path) -> None:
    offer(b"short")
    cache.mkdir()
    (cache / "vgg_normalised.pth").write_bytes(BODY)
    with pytest.raises(WeightsError):
        store.fetch(NAME, force=True)
    assert [p.name for p in cache.iterdir()] == ["vgg_normalised.pth"]
    assert (cache / "vgg_normalised.pth").read_bytes() == BODY


def test_concurrent_fetches_do_not_disturb_each_other(offer: Offer, cache: Path) -> None:
    offer()
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: store.fetch(NAME, force=True), range(4)))
    assert set(paths) == {cache / "vgg_normalised.pth"}
    assert paths[0].read_bytes() == BODY
    assert len(list(cache.iterdir())) == 1


def test_check_names_what_differs(offer: Offer, tmp_path: Path) -> None:
    file = offer()
    path = tmp_path / "a.pth"
    cure = r"\. Fetch it again: styletransfer weights fetch vgg19-normalised --force\.$"
    with pytest.raises(WeightsError, match=r'a\.pth" does not exist\..*' + cure):
        store.check(path, file)
    path.write_bytes(BODY[:-1])
    with pytest.raises(WeightsError, match=r"it has 3,071,999 bytes, not 3,072,000 bytes" + cure):
        store.check(path, file)
    path.write_bytes(BODY[:-1] + b"x")
    with pytest.raises(WeightsError, match=r"is damaged.*" + cure):
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
    monkeypatch.setenv("STYLETRANSFER_HOME", "~nobody-of-this-name/x")
    with pytest.raises(WeightsError, match=r"is '~nobody-of-this-name/x', but there is no such user\. Set it to"):
        store.cache_dir()
    monkeypatch.delenv("STYLETRANSFER_HOME")
    assert store.cache_dir() == tmp_path / "torch" / "hub" / "styletransfer"


def test_without_torch_the_cache_is_where_torch_would_say(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    for home, cache in ((None, None), (None, "/c"), ("~/t", "/c")):
        for name, value in (("TORCH_HOME", home), ("XDG_CACHE_HOME", cache)):
            monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
        monkeypatch.setitem(sys.modules, "torch", torch)
        wanted = store.hub_dir()
        assert wanted == Path(torch.hub.get_dir())
        monkeypatch.delitem(sys.modules, "torch")
        assert store.hub_dir() == wanted


def test_a_size_that_nobody_published_is_bounded_by_the_network() -> None:
    numbers = sum(x.numel() for x in Decoder(PYTORCH_ADAIN).parameters())
    file = CATALOGUE["pytorch-adain"]
    assert (file.size, file.about) == (None, 4 * numbers)
    assert file.most_bytes == int(4 * numbers * 1.05)
    assert "(about 14.0 MB, SHA-256 379ca4" in store.by_hand(file)


def test_nothing_is_slower_than_the_slowest() -> None:
    """The largest download takes a day at the slowest rate that is accepted, not for ever."""
    assert max(file.most_bytes or 0 for file in CATALOGUE.values()) / download.SLOWEST < 86400
