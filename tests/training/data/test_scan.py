"""What a scan says about a folder made of known files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from styletransfer.errors import ImageError
from styletransfer.training.data.scan import Duplicate, scan_folder


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name for path in paths]


def test_a_sound_folder(pictures: Path) -> None:
    report = scan_folder(pictures)
    assert (report.files, report.usable, report.stops_training) == (3, 3, False)
    assert report.unreadable == report.unsupported == report.tiny == report.grey == report.duplicates == ()


def test_bad_files_are_told_with_reasons(pictures: Path) -> None:
    whole = (pictures / "b.jpg").read_bytes()
    (pictures / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (pictures / "text.jpg").write_text("no")
    (pictures / "x.png").mkdir()
    Image.new("RGB", (300, 63)).save(pictures / "low.png")
    report = scan_folder(pictures)
    assert [(problem.path.name, problem.reason) for problem in report.unreadable] == [
        ("cut.jpg", "cut short or damaged"),
        ("text.jpg", "not a picture"),
        ("x.png", "a folder, named like a picture"),
    ]
    assert [problem.path.name for problem in report.tiny] == ["low.png"]
    assert (report.files, report.usable, report.stops_training) == (7, 3, False)


def test_grey_pictures(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 120), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a-grey.png")
    Image.fromarray(noise).convert("RGB").save(tmp_path / "b-grey.jpg")
    Image.fromarray(np.dstack([noise, noise, noise // 2])).save(tmp_path / "c-sepia.png")
    spot = np.dstack([noise] * 3)
    spot[:20, :20] = (200, 30, 30)  # one thing of colour
    Image.fromarray(spot).save(tmp_path / "d-spot.png")
    assert names(scan_folder(tmp_path).grey) == ["a-grey.png", "b-grey.jpg"]


def test_duplicates_name_the_first_of_them(pictures: Path) -> None:
    (pictures / "more" / "again.png").write_bytes((pictures / "a.png").read_bytes())
    with Image.open(pictures / "a.png") as opened:
        opened.save(pictures / "z.bmp")  # other bytes, the same pixels
    assert scan_folder(pictures).duplicates == (
        Duplicate(pictures / "more" / "again.png", of=pictures / "a.png"),
        Duplicate(pictures / "z.bmp", of=pictures / "a.png"),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.indices((512, 512)).sum(0) % 2 * 255, np.full((512, 512), 128)),  # fine checks and a grey
        (np.indices((512, 512))[1] % 2 * 255, np.indices((512, 512))[0] % 2 * 255),  # stripes
        (np.indices((700, 700))[1] % 2 * 2, np.indices((700, 700))[0] % 2 * 2),  # dark ones, equal when reduced
        (np.full((80, 80), 90), np.full((80, 200), 90)),  # a square and a strip of one colour
    ],
)
def test_different_pictures_are_no_duplicates(
    tmp_path: Path, first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]
) -> None:
    for name, pixels in (("a.png", first), ("b.png", second), ("c.png", second)):
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / name)
    assert scan_folder(tmp_path).duplicates == (Duplicate(tmp_path / "c.png", of=tmp_path / "b.png"),)


def test_dark_noise_is_no_duplicate(tmp_path: Path) -> None:
    for seed in range(3):
        noise = np.random.default_rng(seed).integers(0, 2, (90, 90), np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{seed}.png")
    assert scan_folder(tmp_path).duplicates == ()


def test_other_formats_are_named(pictures: Path) -> None:
    (pictures / "photo.heic").write_bytes(b"phone")
    report = scan_folder(pictures)
    assert [problem.path.name for problem in report.unsupported] == ["photo.heic"]
    assert (report.files, report.usable, report.stops_training) == (3, 3, False)
    assert report.to_dict()["unsupported"][0]["path"] == str(pictures / "photo.heic")


def test_the_1_percent_rule(pictures: Path) -> None:
    for number in range(9):
        (pictures / f"{number}.jpg").write_text("no")
    assert not scan_folder(pictures).stops_training
    Image.new("RGB", (10, 10)).save(pictures / "tiny.png")
    assert scan_folder(pictures).stops_training


def test_nothing_usable_stops_a_training(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_text("no")
    assert scan_folder(tmp_path).stops_training


def test_as_plain_values(pictures: Path) -> None:
    (pictures / "text.jpg").write_text("no")
    report = scan_folder(str(pictures))
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["unreadable"] == [{"path": str(pictures / "text.jpg"), "reason": "not a picture"}]
    assert (plain["files"], plain["usable"], plain["stops_training"]) == (4, 3, False)


def test_progress_is_told(pictures: Path) -> None:
    told: list[tuple[int, int]] = []
    scan_folder(pictures, on_progress=lambda *count: told.append(count))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is empty; wanted are pictures"):
        scan_folder(tmp_path)
