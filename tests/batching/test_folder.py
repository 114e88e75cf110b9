"""Whole batches: what is written, what is told, what is made again and what is not."""

from __future__ import annotations

import csv
import errno
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import styletransfer as st
from styletransfer import files, samples
from styletransfer.batching import reading
from styletransfer.batching import run as engine
from styletransfer.batching.journal import Journal
from styletransfer.batching.result import BatchResult
from styletransfer.errors import BatchInterrupted, OutputError, StyleTransferError
from tests.batching.conftest import PHOTOS, written

Run = Callable[..., BatchResult]


def rows(folder: str = "out") -> dict[str, dict[str, str]]:
    with (Path(folder) / "map.csv").open(newline="") as file:
        return {row["output"]: row for row in csv.DictReader(file)}


def test_a_folder_in_two_styles(photos: Path, run: Run) -> None:
    result = run(photos, ["mosaic", "night"], "out")
    expected = {f"{name.rpartition('.')[0]}-{style}.png" for name, *_ in PHOTOS for style in ("mosaic", "night")}
    assert written(Path("out")).keys() == rows().keys() == expected
    assert (result.total, result.made, result.earlier, result.failures, result.complete) == (8, 8, 0, (), True)
    assert 0 < result.busy <= 1
    assert result.rate == result.made / result.seconds
    row = rows()["trip/1-night.png"]
    assert (row["content"], row["style"], row["width"], row["status"]) == ("trip/1.jpg", "night", "32", "done")
    assert (row["options"], len(row["content_sha256"]), len(row["settings"])) == ('{"decoder":"fast"}', 64, 16)
    single = st.stylize(photos / "2.png", "night", device="cpu", decoder="fast", long_edge=48)
    assert single.to_pil().tobytes() == Image.open("out/2-night.png").tobytes()


def test_the_same_again_makes_nothing(photos: Path, run: Run) -> None:
    run(photos, ["mosaic", "night"], "out")
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.png")}
    lines = Path("out/map.jsonl").read_bytes()
    again = run(photos, ["mosaic", "night"], "out", batch_size=1, readers=1)
    assert (again.made, again.earlier, again.complete) == (0, 8, True)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert Path("out/map.jsonl").read_bytes() == lines


@pytest.mark.parametrize(
    ("change", "count"),
    [
        (lambda: os.utime("photos/2.png"), 0),  # another time, the same contents
        (lambda: samples.draw("harbour", long_edge=40).save("photos/2.png"), 2),
        (lambda: samples.draw("cubist", long_edge=40).save("own.png"), 4),
        (lambda: Path("out/2-night.png").unlink(), 1),
        (lambda: Path("out/2-night.png").write_bytes(b"half"), 1),
        (lambda: samples.draw("valley", long_edge=40).save("photos/new.png"), 2),
    ],
    ids=["touched", "content", "style", "removed", "damaged", "added"],
)
def test_only_what_changed_is_made_again(photos: Path, run: Run, change: Callable[[], Any], count: int) -> None:
    samples.draw("woodcut", long_edge=40).save("own.png")
    run(photos, ["own.png", "night"], "out")
    change()
    assert run(photos, ["own.png", "night"], "out").made == count


@pytest.mark.parametrize(
    "options",
    [{"alpha": 0.5}, {"long_edge": 32}, {"strength": 0.5}, {"preserve_color": "linear"}, {"decoder": "lite"}],
)
def test_other_options_make_everything_again(photos: Path, run: Run, options: dict[str, Any]) -> None:
    run(photos, "night", "out")
    assert run(photos, "night", "out", **options).made == 4
    assert run(photos, "night", "out", **options).made == 0


def test_a_kept_style_is_known_by_its_numbers(photos: Path, run: Run) -> None:
    from styletransfer import codes

    stylizer = st.create_stylizer("adain", device="cpu", decoder="fast")
    codes.save_codes("own.safetensors", [codes.encode("night", stylizer, name="mine", long_edge=48)])
    assert run(photos, "own.safetensors", "out").made == 4
    os.utime("own.safetensors")
    assert run(photos, "own.safetensors", "out").made == 0
    codes.save_codes("own.safetensors", [codes.encode("mosaic", stylizer, name="mine", long_edge=48)])
    assert run(photos, "own.safetensors", "out").made == 4
    with pytest.raises(StyleTransferError, match="The judge has to see the style's picture"):
        run(photos, "own.safetensors", "out", judge=True)


def test_a_judge_measures_each_picture_and_those_that_had_no_figures(photos: Path, run: Run) -> None:
    run(photos / "trip", "night", "out")
    assert run(photos / "trip", "night", "out", judge="vgg19-lite-1").made == 2
    assert run(photos / "trip", "night", "out", judge=True).made == 0
    assert run(photos / "trip", "night", "out").made == 0
    single = st.stylize(photos / "trip/3.png", "night", device="cpu", decoder="fast", long_edge=48)
    figures = st.evaluate(single, single.content.rgb, single.styles[0].rgb).figures()  # type: ignore[union-attr]
    assert float(rows()["3-night.png"]["judge_ssim"]) == pytest.approx(figures["ssim"], abs=1e-4)
    header = [json.loads(line) for line in Path("out/map.jsonl").read_text().splitlines() if '"run"' in line]
    assert [line["judge"] and line["judge"]["name"] for line in header] == [None, "vgg19-lite-1"]


def test_bad_pictures_are_named_and_stop_nothing(photos: Path, run: Run) -> None:
    (photos / "bad.jpg").write_text("no picture")
    (photos / "cut.png").write_bytes((photos / "2.png").read_bytes()[:300])
    (photos / "phone.heic").touch()
    Path("style.png").write_text("no picture")
    result = run(photos, ["style.png", "night"], "out")
    assert (result.made, len(result.failures), result.to_do, result.complete) == (4, 8, 0, False)
    causes = result.causes()
    assert {name: count for name, (_, count) in causes.items()} == {"bad.jpg": 2, "cut.png": 2, "style.png": 4}
    assert 'The content "photos/bad.jpg" is not a picture' in causes["bad.jpg"][0]
    assert [problem.path.name for problem in result.left_out] == ["phone.heic"]
    assert rows()["bad-night.png"]["status"] == "failed"
    samples.draw("valley", long_edge=32).save(photos / "cut.png")
    repaired = run(photos, ["style.png", "night"], "out")
    assert (repaired.made, len(repaired.failures)) == (1, 7)
    assert json.loads(json.dumps(repaired.to_dict()))["failed"] == 7


@pytest.mark.parametrize(("allowed", "failed"), [(0, 1), (1, 2), (None, 6)])
def test_too_many_failures_stop_it(photos: Path, run: Run, allowed: int | None, failed: int) -> None:
    for name in "abc":
        (photos / f"0{name}.png").write_text("no picture")
    result = run(photos, ["night", "mosaic"], "out", max_failures=allowed)
    assert (len(result.failures), result.stopped) == (failed, "" if allowed is None else "failures")
    assert result.made + result.to_do + failed == result.total == 14


def test_a_content_that_changes_while_it_is_read_is_a_failure(
    photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = reading.images.read_picture

    def slow(source: Any, **options: Any) -> Any:
        picture = real(source, **options)
        if source == Path("photos/2.png"):
            os.utime(source, ns=(1, 1))
        return picture

    monkeypatch.setattr(reading.images, "read_picture", slow)
    result = run(photos, "night", "out")
    assert [failure.reason for failure in result.failures] == [
        '"photos/2.png" changes while it is read; wait until it is complete, then start again.'
    ]


def test_transparency_is_kept(photos: Path, run: Run) -> None:
    picture = samples.draw("valley", long_edge=48).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    picture.save("photos/10.png")
    run(photos, "night", "out")
    with Image.open("out/10-night.png") as made, Image.open("out/2-night.png") as other:
        assert (made.mode, other.mode) == ("RGBA", "RGB")
        assert made.getchannel("A").tobytes() == picture.getchannel("A").tobytes()


def test_pairs_of_a_table(photos: Path, run: Run) -> None:
    Path("pairs.csv").write_text("content,style\nphotos/2.png,night\nphotos/trip/1.jpg,photos/10.png\n")
    run("pairs.csv", "pairs.csv", "out", pairing="zip", name="{style}/{content}", format="jpg", quality=90)
    assert written(Path("out")).keys() == {"night/photos/2.jpg", "10/photos/trip/1.jpg"}


def test_random_pairs_are_the_same_on_the_next_day(photos: Path, run: Run) -> None:
    styles = samples.list_styles()
    first = run(photos, styles, "out", pairing="random", styles_per_content=2, seed=5)
    assert first.total == 8
    assert run(photos, styles[::-1], "out", pairing="random", styles_per_content=2, seed=5).made == 0
    assert run(photos, styles, "out", pairing="random", styles_per_content=2, seed=6).made > 0


def test_an_output_that_is_a_link_to_an_input_is_refused(photos: Path, run: Run) -> None:
    Path("out").mkdir()
    Path("out/2-night.png").symlink_to(Path("photos/2.png").absolute())
    before = Path("photos/2.png").read_bytes()
    with pytest.raises(OutputError, match="or a link to one, and inputs are never overwritten"):
        run(photos, "night", "out")
    assert Path("photos/2.png").read_bytes() == before


def test_results_may_stand_beside_their_inputs_but_not_in_their_place(photos: Path, run: Run) -> None:
    run(["photos/2.png"], "night", "photos")
    with pytest.raises(OutputError, match="is one of the inputs"):
        run(["photos/2.png"], "night", "photos", name="{content}")


class _FullDisk:
    """Lets writing fail as on a full disk once so many files are there."""

    def __init__(self, after: int, code: int = errno.ENOSPC) -> None:
        self.left, self.code, self.alone = after, code, threading.Lock()

    def __call__(self, descriptor: int) -> None:
        with self.alone:
            self.left -= 1
            if self.left < 0:
                raise OSError(self.code, os.strerror(self.code))


def test_a_full_disk_stops_it_and_what_is_done_is_kept(
    photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", _FullDisk(3))
        with pytest.raises(
            OutputError, match=r"the disk is full.* 3 of 8 pictures are done and kept. Started again"
        ):
            run(photos, ["mosaic", "night"], "out")
    assert len(written(Path("out"))) == 3
    again = run(photos, ["mosaic", "night"], "out")
    assert (again.earlier, again.made, again.complete) == (3, 5, True)


def test_a_place_that_takes_no_file_is_a_failure_of_its_own(photos: Path, run: Run) -> None:
    Path("out").mkdir()
    Path("out/trip").touch()  # a file where a folder is wanted
    result = run(photos, "night", "out")
    assert (result.made, len(result.failures)) == (2, 2)
    assert all("Cannot make the folder" in failure.reason for failure in result.failures)


def test_ctrl_c_keeps_what_is_done(photos: Path, run: Run) -> None:
    def stop(there: int, failed: int, total: int) -> None:
        if there == 3:
            raise KeyboardInterrupt

    with pytest.raises(BatchInterrupted, match=r"Interrupted after \d of 8 pictures; they are in out") as caught:
        run(photos, ["mosaic", "night"], "out", on_picture=stop, batch_size=1)
    result = caught.value.result
    assert result.stopped == "interrupted"
    assert 3 <= result.made == len(written(Path("out"))) == len(rows())
    assert run(photos, ["mosaic", "night"], "out").earlier == result.made


def test_leftovers_of_a_killed_process_are_removed(photos: Path, run: Run) -> None:
    Path("out/trip").mkdir(parents=True)
    Path(f"out/trip/.1-night.png.{'a' * 16}.part").touch()
    run(photos, "night", "out")
    assert not list(Path("out").rglob("*.part"))


def test_progress_counts_what_was_there(photos: Path, run: Run) -> None:
    run(photos / "trip", "night", "out")
    seen: list[tuple[int, int, int]] = []
    run(photos / "trip", ["night", "mosaic"], "out", on_picture=lambda *counts: seen.append(counts))
    assert seen == [(3, 0, 4), (4, 0, 4)]


def test_lines_of_progress_tell_speed_and_time_left(
    photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("styletransfer.progress._EVERY", 0.0)
    run(photos, "night", "out", progress=True)
    assert "pictures: 3 of 4, " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "photos/out"}, "lies in the content folder"),
        ({"output": "a/b"}, "create it first"),
        ({"readers": 0}, "readers must be a whole number"),
        ({"writers": 0}, "writers must be a whole number"),
        ({"max_failures": -1}, "max_failures must be a whole number"),
        ({"format": "gif"}, "Unknown picture format"),
        ({"quality": 50}, "quality is for JPEG and WebP"),
        ({"method": "none"}, "Unknown method"),
        ({"alhpa": 1.0}, "no option 'alhpa'"),
        ({"styles": "mosiac"}, 'Did you mean "mosaic"'),
        ({"contents": "none"}, 'The content "none" does not exist'),
        ({"judge": "none"}, "Unknown judge"),
        ({"strength": 2.0}, "strength must be in"),
        ({"feather": 5.0}, "feather softens the edges of masks, and there are none"),
    ],
)
def test_bad_requests_are_refused_and_nothing_is_made(
    photos: Path, run: Run, options: dict[str, Any], message: str
) -> None:
    asked = {"contents": photos, "styles": "night", "output": "out", **options}
    with pytest.raises(StyleTransferError, match=message):
        run(**asked)
    assert not Path("out").exists()


def test_pictures_of_many_sizes_are_all_made_and_few_wait(
    photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []
    real = engine._Run._paint
    monkeypatch.setattr(engine._Run, "_paint", lambda self, group: groups.append(len(group)) or real(self, group))
    run(photos, samples.list_styles(), "out", batch_size=4)
    assert sum(groups) == 24
    assert max(groups) == 4
    assert len(Journal(Path("out")).entries) == 24
