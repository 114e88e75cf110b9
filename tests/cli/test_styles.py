"""`styletransfer styles`, and its names wherever a style is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from styletransfer import samples
from styletransfer.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLETRANSFER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("STYLETRANSFER_STYLES", raising=False)
    samples.draw("valley", long_edge=64).save("photo.png")
    samples.draw("woodcut", long_edge=64).save("lines.png")
    samples.draw("cubist", long_edge=64).save("blocks.png")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def as_json(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_added_shown_used_and_removed(folder: Path) -> None:
    assert as_json("styles", "list")["encoded"] == []
    (known,) = as_json("styles", "add", "lines.png", "--licence", "CC0", "--name", "my lines")
    assert (known["name"], known["source"], known["licence"]) == ("my lines", "lines.png", "CC0")
    assert run("styles", "add", "lines.png", "blocks.png").stdout.endswith("styles.safetensors: lines, blocks.\n")
    assert (folder / "home" / "styles.safetensors").is_file()
    listed = run("styles", "list").stdout.splitlines()
    assert len(listed) == 6 + 3
    assert listed[0].split()[:2] == ["night", "drawn"]
    assert listed[6] == "my lines     encoded  adain, vgg19-lite-1  CC0"
    shown = run("styles", "show", "my lines").stdout
    assert "licence: CC0" in shown
    assert "relu4_1.covariance 1x128x128" in shown
    assert as_json("styles", "show", "mosaic")["kind"] == "drawn"
    for style, out in (("my lines", "a.png"), ("lines.png", "b.png")):
        assert run("stylize", "photo.png", style, "-o", out).exit_code == 0
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()
    assert run("sheet", "photo.png", "my lines", "night", "--long-edge", "48", "-o", "sheet").exit_code == 0
    assert run("styles", "remove", "my lines", "lines", "blocks").exit_code == 0
    assert as_json("styles", "list")["encoded"] == []


def test_a_library_of_ones_own(folder: Path) -> None:
    own = ["--library", "own.safetensors"]
    assert run("styles", "add", "lines.png", "blocks.png", *own).exit_code == 0
    assert [known["name"] for known in as_json("styles", "list", *own)["encoded"]] == ["lines", "blocks"]
    assert as_json("styles", "show", "lines", *own)["source"] == "lines.png"
    assert run("stylize", "photo.png", "own.safetensors#blocks", "-o", "a.png").exit_code == 0
    assert run("styles", "remove", "lines", *own).exit_code == 0
    assert run("stylize", "photo.png", "own.safetensors", "-o", "b.png").exit_code == 0
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()
    assert not (folder / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "none.png"], 'style "none.png" does not exist'),
        (["add", "lines.png", "blocks.png", "--name", "a"], "--name is for a single picture, got 2"),
        (["add", "lines.png", "--name", "a/b"], "A style's name has letters"),
        (["add", "lines.png", "--name", "night"], "'night' is the name of a drawn style"),
        (["add", "lines.png", "-m", "gatys"], "Method 'gatys' does not encode styles. Choose from: adain"),
        (["add", "lines.png", "lines.png"], "Two styles are called 'lines'"),
        (["add", "lines.png", "--library", "none/a.safetensors"], "does not exist"),
        (["add", "lines.png", "--library", "own.styles"], "ends with .safetensors"),
        (
            ["add", "lines.png", "--style-scale", "2"],
            "No such option",
        ),
        (["show", "lines"], "has no style 'lines'"),
        (["remove", "night"], "Drawn styles are part of the package"),
        (["list", "--library", "photo.png"], "photo.png is not a weight file"),
        (["list", "--library", "none.safetensors"], 'weight file "none.safetensors" does not exist'),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(folder: Path, arguments: list[str], message: str) -> None:
    before = (folder / "lines.png").read_bytes()
    result = run("styles", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert (folder / "lines.png").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["blocks.png", "lines.png", "photo.png"]


def test_a_library_is_never_overwritten(folder: Path) -> None:
    assert run("styles", "add", "lines.png", "--library", "own.safetensors").exit_code == 0
    before = (folder / "own.safetensors").read_bytes()
    for style in ("own.safetensors", "own.safetensors#lines"):
        result = run("stylize", "photo.png", style, "-o", "own.safetensors", "--format", "png")
        assert (result.exit_code, (folder / "own.safetensors").read_bytes()) == (2, before)
        assert "never overwritten" in result.stderr


@pytest.mark.parametrize("command", [["compare"], ["explain", "photo.png"], ["evaluate", "photo.png"]])
def test_where_a_picture_is_needed_a_code_is_refused(command: list[str]) -> None:
    assert run("styles", "add", "lines.png", "--name", "kept").exit_code == 0
    result = run(*command, "photo.png", "kept", *(["-o", "out"] if command[0] != "evaluate" else []))
    assert result.exit_code == 2
    assert "kept" in result.stderr or "encoded" in result.stderr
