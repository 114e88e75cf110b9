"""`styletransfer compare` and `demo`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from styletransfer import samples
from styletransfer.cli import main
from styletransfer.progress import Bars
from styletransfer.stylizer import Step

FILES = ["adain.png", "comparison.json", "comparison.md", "comparison.png", "gatys.png"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    samples.draw("valley", long_edge=72).save("photo.png")
    samples.draw("mosaic", long_edge=64).save("mosaic.png")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def test_writes_figure_table_json_and_pictures(folder: Path) -> None:
    result = run("compare", "photo.png", "mosaic.png", "-o", "out", "--steps", "2,2", "--alpha", "0.5")
    assert result.exit_code == 0
    assert sorted(path.name for path in Path("out").iterdir()) == FILES
    record = json.loads(Path("out/comparison.json").read_text())
    assert record["runs"]["gatys"]["config"]["steps"] == [2, 2]
    assert record["runs"]["adain"]["config"]["alpha"] == 0.5
    assert result.stdout.startswith("| method | seconds |")
    assert "Wrote to out: comparison.png" in result.stdout


def test_json_names_the_files(folder: Path) -> None:
    result = run("compare", "photo.png", "mosaic.png", "-o", "out", "-m", "adain", "--json")
    record = json.loads(result.stdout)
    assert [Path(name).name for name in record["files"]] == [
        "comparison.png",
        "comparison.json",
        "comparison.md",
        "adain.png",
    ]
    assert [row["method"] for row in record["rows"]] == ["adain"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photo.png", "mosaic.png", "-o", "none/out"], "create it first"),
        (["photo.png", "mosaic.png", "-o", "photo.png"], "is a file, not a folder"),
        (["none.png", "mosaic.png", "-o", "out"], "none.png"),
        (["photo.png", "mosaic.png", "-o", "out", "-m", "gatys,adian"], 'Did you mean "adain"'),
        (["photo.png", "mosaic.png", "-o", "out", "-m", "adain,adain"], "'adain' stands twice"),
        (["photo.png", "mosaic.png", "-o", "/proc/out"], "Choose another place"),
        (
            ["photo.png", "mosaic.png", "-o", "out", "-m", "adain", "--steps", "2"],
            "--steps is an option of gatys",
        ),
        (["photo.png", "mosaic.png", "-o", "out", "--peer", "pastish"], 'Did you mean "pastiche"'),
        (["photo.png", "mosaic.png", "-o", "out", "--peer", "microast"], "git clone"),
        (["photo.png", "mosaic.png", "-o", "out", "--peer-timeout", "0"], "peer_timeout must be above 0"),
        (["photo.png", "mosaic.png"], "--output"),
    ],
)
def test_bad_input_leaves_no_folder(folder: Path, arguments: list[str], message: str) -> None:
    result = run("compare", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["mosaic.png", "photo.png"]


def test_a_peer_that_fails_is_told_at_the_end(folder: Path) -> None:
    files = "{content} {output} {style}"
    copy = f"copy='{sys.executable}' -c 'import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])' {files}"
    bad = f"bad='{sys.executable}' -c 'raise SystemExit(3)' {files}"
    result = run("compare", "photo.png", "mosaic.png", "-o", "out", "-m", "adain", "--peer", bad, "--peer", copy)
    assert result.exit_code == 1
    assert result.stderr.endswith("Error: bad ended with exit code 3; it said: nothing\n")
    assert "| bad | failed: " in result.stdout
    assert {"adain.png", "copy.png", "comparison.png"} <= {path.name for path in Path("out").iterdir()}


def test_an_input_in_the_way_is_found_before_the_work(folder: Path) -> None:
    Path("photo.png").rename("adain.png")
    result = run("compare", "adain.png", "mosaic.png", "-o", ".")
    assert result.exit_code == 2
    assert "inputs are never overwritten" in result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["adain.png", "mosaic.png"]


def test_demo_writes_everything_and_says_where(folder: Path) -> None:
    result = run("demo", "--style", "woodcut", "--long-edge", "32")
    assert result.exit_code == 0
    made = sorted(path.name for path in Path("styletransfer-demo").iterdir())
    assert made == sorted([*FILES, "content.png", "style.png"])
    assert "styletransfer-demo" in result.stdout
    assert "comparison.png first" in result.stdout


class TestCtrlC:
    @staticmethod
    def press_at(monkeypatch: pytest.MonkeyPatch, method: str, number: int) -> None:
        def press(bars: Bars, at: str, step: Step) -> None:
            if (at, step.step) == (method, number):
                raise KeyboardInterrupt

        monkeypatch.setattr(Bars, "__call__", press)

    def test_keeps_the_picture_so_far(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.press_at(monkeypatch, "gatys", 2)
        result = run("compare", "photo.png", "mosaic.png", "-o", "out", "--steps", "2,2")
        assert result.exit_code == 130
        assert result.stdout == ""
        assert result.stderr.strip() == (
            "Interrupted (gatys after 2 step(s), adain not run); what was reached is in out: "
            "comparison.png, comparison.json, comparison.md, gatys.png."
        )
        assert sorted(path.name for path in Path("out").iterdir()) == FILES[1:]
        assert json.loads(Path("out/comparison.json").read_text())["runs"]["gatys"]["stopped"] == "interrupted"
        assert "| gatys (interrupted) |" in Path("out/comparison.md").read_text()

    def test_keeps_the_methods_that_are_done(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.press_at(monkeypatch, "adain", 1)
        result = run("compare", "photo.png", "mosaic.png", "-o", "out", "--steps", "2,2")
        assert result.exit_code == 130
        assert "Interrupted (gatys done, adain not run); what was reached is in out:" in result.stderr
        assert json.loads(Path("out/comparison.json").read_text())["runs"]["gatys"]["stopped"] == "steps"

    def test_in_the_demo_keeps_its_pictures_too(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.press_at(monkeypatch, "gatys", 1)
        result = run("demo", "-o", "out", "--long-edge", "32")
        assert result.exit_code == 130
        assert "what was reached is in out:" in result.stderr
        assert sorted(path.name for path in Path("out").iterdir()) == sorted(
            [*FILES[1:], "content.png", "style.png"]
        )

    def test_before_the_first_step_is_short_and_leaves_no_folder(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def press(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(sys.modules["styletransfer.comparing.run"], "warm_up", press)
        result = run("compare", "photo.png", "mosaic.png", "-o", "out", "--steps", "2,2")
        assert result.exit_code == 130
        assert result.stderr.strip() == "Interrupted; nothing was written."
        assert not Path("out").exists()


def test_a_full_disk_leaves_no_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []

    def full(number: int) -> None:
        synced.append(number)
        if len(synced) == 4:  # the first files are whole by then
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    result = run("compare", "photo.png", "mosaic.png", "-o", "out", "-m", "adain")
    assert result.exit_code == 2
    assert "the disk is full" in result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["mosaic.png", "photo.png"]


def test_demo_finds_what_is_in_the_way_before_the_work(folder: Path) -> None:
    Path("out/content.png").mkdir(parents=True)
    result = run("demo", "-o", "out")
    assert result.exit_code == 2
    assert "it is a folder" in result.stderr
    assert [path.name for path in Path("out").iterdir()] == ["content.png"]


def test_demo_refuses_unknown_pictures(folder: Path) -> None:
    result = run("demo", "--style", "woodcutt")
    assert result.exit_code == 2
    assert "woodcut" in result.stderr
    assert not Path("styletransfer-demo").exists()
