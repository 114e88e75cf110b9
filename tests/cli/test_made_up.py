"""A method that is registered is offered everywhere on the command line, without another line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from styletransfer import samples
from styletransfer.cli import doctor, main
from styletransfer.method import Method
from styletransfer.methods import METHODS


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_up: Method) -> Path:
    monkeypatch.chdir(tmp_path)
    samples.draw("valley", long_edge=48).save("photo.png")
    samples.draw("mosaic", long_edge=48).save("mosaic.png")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def test_stylize_with_its_option_and_part() -> None:
    result = run(
        "stylize", "photo.png", "mosaic.png", "-m", "tint", "--amount", "0.5", "--decoder", "lite", "--json"
    )
    record = json.loads(result.stdout)
    assert (record["method"], record["config"]["amount"], record["parts"]) == ("tint", 0.5, {"decoder": "lite"})
    with Image.open("photo-mosaic-tint.png") as picture:
        assert picture.size == (48, 36)


def test_its_options_are_its_own() -> None:
    result = run("stylize", "photo.png", "mosaic.png", "--amount", "0.5")
    assert result.exit_code == 2
    assert "--amount is an option of tint, not of adain" in result.stderr
    wrong = run("stylize", "photo.png", "mosaic.png", "-m", "tint", "--amount", "2")
    assert "amount must be in [0, 1], got 2" in wrong.stderr
    helped = run("stylize", "--help").stdout
    assert "[tint] how far the colours move, in [0, 1]" in " ".join(helped.split())
    assert "[adain, tint] decoder's name or file" in " ".join(helped.split())


def test_info() -> None:
    overview = run("info").stdout
    assert "tint   made up: moves the mean colour" in overview
    assert "Decoders of tint (--decoder)" in overview
    described = json.loads(run("info", "tint", "--json").stdout)
    assert [option["flag"] for option in described["options"]] == [
        "--amount",
        "--style-mix",
        "--decoder",
        "--preserve-color",
        "--style-scale",
        "--match-histogram",
        "--detail",
        "--feather",
    ]
    assert "--amount" in run("info", "tint").stdout


def test_compare() -> None:
    result = run("compare", "photo.png", "mosaic.png", "-o", "out", "--steps", "1", "--scales", "1", "--json")
    record = json.loads(result.stdout)
    assert [row["method"] for row in record["rows"]] == list(METHODS) == ["gatys", "adain", "tint"]
    assert Path("out/tint.png").is_file()


def test_doctor() -> None:
    checks = dict(doctor._checks("cpu"))
    assert checks["method tint"]().startswith("a picture of 64x48 pixels")
