from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from styletransfer.cli import main
from tests.video.drawing import panning, write_video

pytest.importorskip("av", reason="needs the extra [video]", exc_type=ImportError)
pytest.importorskip("cv2", reason="needs the extra [video]", exc_type=ImportError)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None) -> Path:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "in.mp4", panning(6), sound="aac")
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["video", *words, "--device", "cpu", "--decoder", "fast"])


def test_a_video(folder: Path) -> None:
    result = run("in.mp4", "out.mp4", "--style", "mosaic")
    assert result.exit_code == 0, result.output
    assert "Wrote out.mp4 (6 frames of 64x48, sound copied, adain, " in result.stdout
    assert "Flicker: 0.0" in result.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["in.mp4", "out.mp4"]


def test_json(folder: Path) -> None:
    result = run("in.mp4", "out.mkv", "-s", "mosaic", "-s", "night", "--strength", "0:0,1:1", "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert (record["frames"], record["strength"], record["sound"]) == (6, [[0.0, 0.0], [1.0, 1.0]], "copied")


def test_quiet(folder: Path) -> None:
    result = run("in.mp4", "out.mkv", "-s", "mosaic", "--smoothing", "0", "-q")
    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["in.mp4", "in.mp4", "-s", "mosaic"], "inputs are never overwritten"),
        (["none.mp4", "out.mp4", "-s", "mosaic"], 'The clip "none.mp4" does not exist'),
        (["in.mp4", "out.avi", "-s", "mosaic"], 'no clip is written as ".avi"'),
        (["in.mp4", "out.mp4", "-s", "mosaik"], 'Did you mean "mosaic"'),
        (["in.mp4", "out.mp4", "-s", "mosaic", "--strength", "x"], "strength is a number in [0, 1]"),
        (["in.mp4", "out.mp4", "-s", "mosaic", "--frame", "3"], "--frame belongs to pictures, and IN is a clip"),
        (["in.mp4", "out.mp4"], "Missing option '--style'"),
    ],
)
def test_bad_input(folder: Path, words: list[str], message: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert [path.name for path in folder.iterdir()] == ["in.mp4"]


def test_ctrl_c_says_how_to_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from styletransfer.cli import video

    def stop(self: object, done: int, total: int | None) -> None:
        if done == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(video._Following, "__call__", stop)
    result = run("in.mp4", "out.mp4", "-s", "mosaic", "--segment", "3")
    assert result.exit_code == 130
    assert 'Interrupted after 4 frames; 3 of them are kept in "out.mp4.parts". The same command' in result.stderr
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    done = run("in.mp4", "out.mp4", "-s", "mosaic", "--segment", "3")
    assert "6 frames of 64x48, 3 of them by an earlier run" in done.stdout


def test_progress_tells_rate_and_time_left(folder: Path) -> None:
    from styletransfer.cli.video import _Following
    from styletransfer.progress import CountBar

    notes: list[str] = []

    class Bar(CountBar):
        def update(self, done: int, total: int | None = None, note: str = "") -> None:
            notes.append(note)

    with Bar("frames", quiet=True) as bar:
        follow = _Following(bar)
        follow(3, 10)
        follow(4, 10)
    assert notes[0] == "3 of 10 frames"
    assert notes[1].startswith("4 of 10 frames, ")
    assert "a second" in notes[1]
    assert notes[1].endswith("left")
