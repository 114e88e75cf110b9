"""Runs that are stopped go on, nothing is half written, and memory does not grow with length."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch

import styletransfer as st
from styletransfer.errors import OutputError, VideoInterrupted
from styletransfer.video.encoding import VideoOutput
from styletransfer.video.opening import open_clip
from styletransfer.video.run import stylize_video
from tests.video.conftest import Copy
from tests.video.drawing import panning, write_video

pytest.importorskip("av", reason="needs the extra [video]", exc_type=ImportError)
pytest.importorskip("cv2", reason="needs the extra [video]", exc_type=ImportError)

SETTINGS: dict[str, Any] = {"decoder": "fast", "segment": 4}


def frames(path: Path) -> list[torch.Tensor]:
    return [frame.rgb for frame in open_clip(path).frames()]


def same(one: Path, other: Path) -> bool:
    return all(torch.equal(a, b) for a, b in zip(frames(one), frames(other), strict=True))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_video(tmp_path / "in.mp4", panning(14, 48, 64, step=2), sound="aac")


def stopping(after: int) -> Any:
    def stop(done: int, total: int | None) -> None:
        if done == after:
            raise KeyboardInterrupt

    return stop


def test_a_killed_run_goes_on(tmp_path: Path, source: Path) -> None:
    """SIGKILL in the middle: the same frames as in one run, none of the first segments painted twice."""
    code = f"""
        import torch
        from styletransfer.video.run import stylize_video
        torch.set_num_threads(1)
        stylize_video({str(source)!r}, {str(tmp_path / "out.mp4")!r}, "mosaic",
                      on_frame=lambda done, total: print(done, flush=True), **{SETTINGS!r})
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "10\n":
                process.send_signal(signal.SIGKILL)
                break
    assert not (tmp_path / "out.mp4").exists()
    assert (tmp_path / "out.mp4.parts").is_dir()
    painted: list[int] = []
    resumed = stylize_video(
        source, tmp_path / "out.mp4", "mosaic", on_frame=lambda done, _: painted.append(done), **SETTINGS
    )
    whole = stylize_video(source, tmp_path / "whole.mp4", "mosaic", **SETTINGS)
    assert (resumed.resumed, resumed.frames, painted[0]) == (8, 14, 9)
    assert same(resumed.path, whole.path)
    assert resumed.record()["flicker"] == pytest.approx(whole.record()["flicker"], rel=1e-6)
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != "") == [
        "in.mp4",
        "out.mp4",
        "whole.mp4",
    ]


@pytest.mark.parametrize("target", ["out.gif", "f_%02d.png"])
def test_pictures_go_on_too(tmp_path: Path, copy: Copy, target: str) -> None:
    source = write_video(tmp_path / "in.mp4", panning(14, 48, 64, step=2))
    with pytest.raises(VideoInterrupted, match=r"Interrupted after 10 frames; 8 of them are kept in .*parts"):
        copy(source, tmp_path / target, segment=4, on_frame=stopping(10))
    result = copy(source, tmp_path / target, segment=4)
    assert (result.resumed, result.frames, len(frames(result.path))) == (8, 14, 14)


def test_a_full_disk_keeps_what_is_done(tmp_path: Path, source: Path, copy: Copy) -> None:
    def full(self: object, *args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    said = r"the disk is full; .* What is done is kept; the same call goes on from there"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VideoOutput, "finish", full)
        with pytest.raises(OutputError, match=said):
            copy(source, tmp_path / "out.mp4", segment=4)
    assert not (tmp_path / "out.mp4").exists()
    assert copy(source, tmp_path / "out.mp4", segment=4).resumed == 14


def test_other_options_start_over(tmp_path: Path, source: Path) -> None:
    with pytest.raises(VideoInterrupted) as caught:
        stylize_video(source, tmp_path / "out.mp4", "mosaic", on_frame=stopping(6), **SETTINGS)
    assert (caught.value.frames, Path(caught.value.parts).name) == (4, "out.mp4.parts")
    with pytest.warns(UserWarning, match=r"are of other options \(smoothing\); all is painted again"):
        result = stylize_video(source, tmp_path / "out.mp4", "mosaic", smoothing=0.3, **SETTINGS)
    assert (result.resumed, result.frames) == (0, 14)
    assert any("all is painted again" in note for note in result.record()["notes"])


def test_ctrl_c_before_the_first_segment_keeps_nothing(tmp_path: Path, source: Path, copy: Copy) -> None:
    with pytest.raises(VideoInterrupted, match=r"before the first 4 were complete; nothing is kept\."):
        copy(source, tmp_path / "out.mp4", segment=4, on_frame=stopping(2))
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_damaged_part_is_painted_again(tmp_path: Path, source: Path, copy: Copy) -> None:
    with pytest.raises(VideoInterrupted):
        copy(source, tmp_path / "out.mp4", segment=4, on_frame=stopping(10))
    (tmp_path / "out.mp4.parts" / "000001.safetensors").write_bytes(b"cut off")
    assert copy(source, tmp_path / "out.mp4", segment=4).resumed == 0


def test_two_runs_at_once(tmp_path: Path, source: Path, copy: Copy) -> None:
    def again(done: int, total: int | None) -> None:
        if done == 3:
            with pytest.raises(OutputError, match=r"Another run is working in .*out\.mp4\.parts"):
                copy(source, tmp_path / "out.mp4")

    assert copy(source, tmp_path / "out.mp4", on_frame=again).frames == 14


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, source: Path, copy: Copy) -> None:
    (tmp_path / "out.mp4.parts").mkdir()
    (tmp_path / "out.mp4.parts" / "mine.txt").write_text("precious")
    with pytest.raises(OutputError, match="is where parts of the clip would go, and it holds something else"):
        copy(source, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4.parts" / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize("job", [None, "{}", '{"a": 1}', '{"format": "another", "job": {}}'])
def test_what_is_not_of_a_run_is_never_removed(tmp_path: Path, source: Path, copy: Copy, job: str | None) -> None:
    parts = tmp_path / "out.mp4.parts"
    parts.mkdir()
    (parts / "mine.txt").write_text("precious")
    if job is not None:
        (parts / "job.json").write_text(job)
    with pytest.raises(OutputError, match="it holds something else"):
        copy(source, tmp_path / "out.mp4")
    assert (parts / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize("left", [".job.json.0123456789abcdef.part", "000002.safetensors", "000001.nut"])
def test_what_a_killed_run_has_left_blocks_nobody(tmp_path: Path, source: Path, copy: Copy, left: str) -> None:
    (tmp_path / "out.mp4.parts").mkdir()
    (tmp_path / "out.mp4.parts" / left).write_bytes(b"left")
    assert copy(source, tmp_path / "out.mp4").frames == 14
    assert not (tmp_path / "out.mp4.parts").exists()


def test_a_segment_that_is_gone_is_painted_again(tmp_path: Path, source: Path, copy: Copy) -> None:
    with pytest.raises(VideoInterrupted):
        copy(source, tmp_path / "out.mp4", on_frame=stopping(10), segment=4)
    (tmp_path / "out.mp4.parts" / "000001.nut").unlink()
    again = copy(source, tmp_path / "out.mp4", segment=4)
    copy(source, tmp_path / "whole.mp4", segment=4)
    assert again.frames == 14
    assert same(tmp_path / "out.mp4", tmp_path / "whole.mp4")


def test_an_earlier_result_stays_until_the_new_one_is_whole(tmp_path: Path, source: Path, copy: Copy) -> None:
    copy(source, tmp_path / "out.mp4")
    before = (tmp_path / "out.mp4").read_bytes()
    with pytest.raises(VideoInterrupted):
        copy(source, tmp_path / "out.mp4", segment=4, crf=30, on_frame=stopping(10))
    assert (tmp_path / "out.mp4").read_bytes() == before


def test_the_record_is_json(tmp_path: Path, source: Path, copy: Copy) -> None:
    result = copy(source, tmp_path / "out.mp4")
    record = json.loads(json.dumps(result.record()))
    assert record["frames"] == 14
    assert record["encoding"] == {"suffix": ".mp4", "codec": "h264", "crf": 18, "pixel_format": "yuv420p"}
    assert record["hashes"]["content"] == open_clip(source).digest()
    assert record["sound"] == "copied"
    assert repr(result) == "<VideoResult out.mp4, 14 frames of 64x48 pixels, tint>"


def test_memory_does_not_grow_with_length(tmp_path: Path, copy: Copy) -> None:
    psutil = pytest.importorskip("psutil")
    process = psutil.Process()
    source = write_video(tmp_path / "in.mp4", panning(120, 96, 128))
    seen: dict[int, int] = {}

    def watch(done: int, total: int | None) -> None:
        seen[done] = process.memory_info().rss

    copy(source, tmp_path / "out.mp4", smoothing=0.5, segment=10, on_frame=watch)
    frame = 3 * 96 * 128 * 4
    assert seen[120] - seen[30] < 60 * frame, "90 frames would be kept"


def test_interruptions_travel_between_processes() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(VideoInterrupted("stopped", frames=3, parts="x.parts")))
    assert (str(error), error.frames, error.parts) == ("stopped", 3, "x.parts")
    assert issubclass(st.VideoInterrupted, KeyboardInterrupt)
