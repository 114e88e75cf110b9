from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from styletransfer import samples
from styletransfer.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    samples.draw("valley", long_edge=64).save("photo.png")
    samples.draw("woodcut", long_edge=64).save("mine.png")
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--device", "cpu", "--decoder", "fast", "--long-edge", "64"])


def test_without_styles_the_drawn_ones_are_used(folder: Path) -> None:
    result = run("sheet", "photo.png", "-o", "out")
    assert result.exit_code == 0, result.output
    assert "Wrote 6 pictures to out." in result.output
    record = json.loads((folder / "out" / "sheet.json").read_text())
    assert record["styles"] == samples.list_styles()
    with Image.open("out/sheet.png") as sheet:
        assert sheet.width > 3 * 64


def test_mixtures_of_a_file_and_a_drawn_style(folder: Path) -> None:
    result = run("interpolate", "photo.png", "mine.png", "night", "-o", "out", "--per-side", "3", "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["styles"] == ["mine", "night"]
    assert [each["shares"] for each in record["pictures"]] == [[1, 0], [0.5, 0.5], [0, 1]]
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "1-1.png",
        "1-2.png",
        "1-3.png",
        "sheet.json",
        "sheet.png",
    ]


def test_quiet_says_nothing(folder: Path) -> None:
    result = run("sheet", "photo.png", "night", "-o", "out", "-q")
    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("interpolate", "photo.png", "night", "-o", "out"), "two to four styles, got 1"),
        (("interpolate", "photo.png", "night", "mosaic", "--per-side", "99", "-o", "out"), "at most 15"),
        (("sheet", "photo.png", "none.png", "-o", "out"), "none.png"),
        (("sheet", "photo.png", "night", "--columns", "0", "-o", "out"), "columns"),
        (("sheet", "photo.png", "night", "-o", "photo.png"), "photo.png"),
        (("sheet", "photo.png", "night", "-o", "a/b"), "create it first"),
    ],
)
def test_bad_input_gets_one_sentence_and_writes_nothing(
    folder: Path, words: tuple[str, ...], message: str
) -> None:
    before = sorted(folder.iterdir())
    result = run(*words)
    assert result.exit_code == 2
    assert result.stderr.count("\n") <= 1 or "Usage" in result.stderr
    assert message in result.stderr
    assert sorted(folder.iterdir()) == before


def test_stylize_takes_a_drawn_style_by_name(folder: Path) -> None:
    assert run("stylize", "photo.png", "mosaic", "-o", "out.png").exit_code == 0
    wrong = run("stylize", "photo.png", "mosiac", "-o", "no.png")
    assert wrong.exit_code == 2
    assert "mosiac" in wrong.stderr
