"""`styletransfer data scan`: its lists, its JSON and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

import styletransfer
from styletransfer.cli import main


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["data", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three grey pictures, a red one that is there twice, a tiny one and a text."""
    for number, name in enumerate(("a.png", "b.png", "c.png")):
        Image.linear_gradient("L").convert("RGB").point(lambda x, n=number: x // (n + 1)).save(tmp_path / name)
    for name, size in (("red.png", (80, 80)), ("red2.png", (80, 80)), ("tiny.png", (10, 10))):
        Image.new("RGB", size, (200, 20, 20)).save(tmp_path / name)
    (tmp_path / "text.jpg").write_text("no")
    return tmp_path


def test_lists_by_kind(folder: Path) -> None:
    result = run("scan", folder)
    assert result.exit_code == 0
    assert result.stdout == (
        f"{folder}: 7 files, 5 usable\n"
        "\n1 unreadable, left out:\n"
        f"  {folder / 'text.jpg'}: not a picture\n"
        "\n1 tiny, left out:\n"
        f"  {folder / 'tiny.png'}: only 10x10 pixels (width x height), at least 64 are wanted\n"
        "\n3 grey, used:\n"
        f"  {folder / 'a.png'}\n  {folder / 'b.png'}\n  {folder / 'c.png'}\n"
        "\n1 there twice, used twice:\n"
        f"  {folder / 'red2.png'} = {folder / 'red.png'}\n"
        "\nReady for a training, which leaves out 2 bad file(s).\n"
    )
    assert result.stderr == ""


def test_json_and_quiet(folder: Path) -> None:
    told = json.loads(run("scan", folder, "--json").stdout)
    assert (told["files"], told["usable"], len(told["grey"]), told["stops_training"]) == (7, 5, 3, False)
    quiet = run("scan", folder, "--quiet")
    assert (quiet.exit_code, quiet.output) == (0, "")


def test_too_many_bad_ones(folder: Path) -> None:
    for number in range(8):
        (folder / f"{number}.jpg").write_text("no")
    result = run("scan", folder)
    assert result.exit_code == 1
    assert result.stdout.endswith("\n\nA training would stop: 10 of 15 files are bad. Repair or remove them.\n")
    assert run("scan", folder, "--quiet").exit_code == 1


@pytest.mark.parametrize(
    ("name", "told"), [("missing", "does not exist"), ("empty", "is empty"), ("a.png", "is a file")]
)
def test_bad_input(folder: Path, name: str, told: str) -> None:
    (folder / "empty").mkdir()
    result = run("scan", folder / name)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_help_does_without_the_training() -> None:
    code = (
        "import sys\n"
        "from styletransfer.cli import main\n"
        "main(['data', 'scan', '--help'], standalone_mode=False)\n"
        "sys.exit(any(name.startswith('styletransfer.training') for name in sys.modules))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(styletransfer.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "unreadable, of other formats, tiny" in done.stdout
