from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from styletransfer import samples
from styletransfer.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    samples.draw("valley", long_edge=64).save("photo.png")
    samples.draw("harbour", long_edge=64).save("stylized.png")
    return tmp_path


def test_it_writes_a_figure_and_json(folder: Path) -> None:
    words = ["explain", "stylized.png", "photo.png", "night", "-o", "told", "--inversion-steps", "1"]
    result = CliRunner().invoke(main, [*words, "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert "relu4_1: Gram distance" in result.stdout
    assert sorted(path.name for path in (folder / "told").iterdir()) == ["explanation.json", "explanation.png"]
    told = json.loads(CliRunner().invoke(main, [*words, "--device", "cpu", "--json"]).stdout)
    assert told["extractor"] == "vgg19-lite"
    assert told["files"] == [str(Path("told") / name) for name in ("explanation.png", "explanation.json")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.png", "photo.png", "night", "-o", "told"], "none.png"),
        (["stylized.png", "photo.png", "night", "-o", "photo.png"], "photo.png"),
        (["stylized.png", "photo.png", "night", "-o", "told", "--inversion-steps", "-1"], "inversion_steps"),
        (["stylized.png", "photo.png", "night", "-o", "told", "--long-edge", "3"], "long_edge"),
    ],
)
def test_bad_input_gets_one_sentence_and_no_file(folder: Path, words: list[str], message: str) -> None:
    before = sorted(folder.iterdir())
    result = CliRunner().invoke(main, ["explain", *words, "--device", "cpu"])
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert sorted(folder.iterdir()) == before
