"""The command `app`: what it says before a page is served, and that Ctrl-C ends it tidily."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from styletransfer.app import server
from styletransfer.cli import main


def run(*args: str) -> Any:
    return CliRunner().invoke(main, ["app", *args])


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_help_names_the_limits() -> None:
    told = run("--help").output
    assert "127.0.0.1" in told
    assert "768" in told


def test_without_gradio_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.importlib.util, "find_spec", lambda name: None)
    result = run()
    assert result.exit_code == 2
    assert 'python -m pip install "styletransfer-toolkit[app]"' in result.output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--port", "0"], "0 is not in the range"),
        (["--max-long-edge", "8"], "Invalid value for '--max-long-edge': 8 is not in the range 64<=x<=8192"),
        (["--max-seconds", "0"], "Invalid value for '--max-seconds'"),
        (["--max-waiting", "99"], "Invalid value for '--max-waiting'"),
    ],
)
def test_bad_limits(args: list[str], message: str) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert message in result.output


def test_a_port_that_is_taken(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "require_gradio", lambda: None)
    result = run("--port", str(taken))
    assert result.exit_code == 2
    assert f"Cannot listen at 127.0.0.1, port {taken}: " in result.output
    assert "Give another --port, or leave it out." in result.output


def test_an_address_that_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "require_gradio", lambda: None)
    result = run("--host", "192.0.2.1")
    assert result.exit_code == 2
    assert "Cannot listen at 192.0.2.1: " in result.output
    assert "--host" in result.output


def test_without_a_port_a_free_one_is_found(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_FIRST_PORT", taken)
    with server.listening("127.0.0.1", None) as listener:
        assert listener.getsockname()[1] != taken


def test_an_empty_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "require_gradio", lambda: None)
    result = run("--host", " ")
    assert result.exit_code == 2
    assert "The address to listen at is empty" in result.output


@pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="needs the extra [app]")
@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_its_end_leaves_nothing_behind(tmp_path: Path, number: str) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "styletransfer", "app"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stderr is not None
        told = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", told)
        assert found, told
        with urllib.request.urlopen(found[0], timeout=60) as answer:
            assert b"styletransfer" in answer.read()
        assert list(tmp_path.iterdir())
        process.send_signal(getattr(signal, number))
        try:
            _, rest = process.communicate(timeout=60)
        finally:
            process.kill()
        assert process.returncode == 0, rest
    assert "Stopped; uploads and results are removed." in rest
    assert "Traceback" not in rest
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("styletransfer")] == []
