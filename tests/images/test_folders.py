from __future__ import annotations

import os
from pathlib import Path

import pytest

from styletransfer.errors import ImageError
from styletransfer.images.folders import find_pictures, is_picture_name


def test_pictures_below_a_folder_and_what_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "b" / "named.png").mkdir(parents=True)
    for name in ("b/2.JPG", "a.png", "b/named.png/x.webp", "note.txt", ".hidden.png", "raw.dng"):
        (tmp_path / name).touch()
    (tmp_path / "b" / "round").symlink_to(tmp_path)  # a link that leads back
    found, problems = find_pictures(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["a.png", "b/2.JPG", "b/named.png/x.webp"]
    assert {problem.path.name: problem.counts for problem in problems} == {"named.png": True, "raw.dng": False}


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").touch()
    with pytest.raises(ImageError, match=r'The style folder ".*texts" holds 1 file\(s\), none of which is named'):
        find_pictures(tmp_path / "texts", "style")
    with pytest.raises(ImageError, match=r'does not exist\. Did you mean "texts"'):
        find_pictures(tmp_path / "txts")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is closed to the administrator")
def test_a_closed_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "a.png").touch()
    assert [problem.reason for problem in find_pictures(tmp_path)[1]] == ["no permission"]


def test_names_of_pictures() -> None:
    assert [is_picture_name(name) for name in ("a.JPEG", "a.png", "a.heic", "png")] == [True, True, False, False]
