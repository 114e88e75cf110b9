from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from styletransfer.errors import ImageError
from styletransfer.training.data import PictureFolder


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_finds_pictures_in_folders_of_folders(pictures: Path) -> None:
    found = PictureFolder(pictures)
    assert len(found) == 3
    assert found.skipped == []


def test_unusable_files_are_named(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (pictures / "text.jpg").write_text("not a picture")
    whole = (pictures / "a.png").read_bytes()
    (pictures / "torn.png").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (63, 200)).save(pictures / "small.png")
    (pictures / "readme.txt").write_text("no picture, and does not claim to be one")
    Image.new("L", (400, 400)).save(pictures / "vast.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 70_000)  # twice as many are an error, not a warning
    found = PictureFolder(pictures)
    assert len(found) == 3
    assert [path.name for path in found.skipped] == ["small.png", "text.jpg", "torn.png", "vast.png"]


def test_a_folder_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"missing is not a folder; a folder of pictures is wanted\.$"):
        PictureFolder(tmp_path / "missing")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("no")
    with pytest.raises(ImageError, match=r"holds no usable picture \(1 unreadable or too small\)\.$"):
        PictureFolder(tmp_path)


def test_pictures_are_reduced_but_never_enlarged(pictures: Path) -> None:
    found = PictureFolder(pictures, short_edge=70)
    assert [tuple(found.whole(n).shape) for n in range(3)] == [
        (1, 3, 70, 84),
        (1, 3, 120, 70),
        (1, 3, 64, 64),
    ]


def test_pictures_are_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera on its side
    Image.new("RGB", (100, 70)).save(tmp_path / "x.jpg", exif=exif)
    assert PictureFolder(tmp_path).whole(0).shape == (1, 3, 100, 70)


def test_whole_is_the_picture(pictures: Path) -> None:
    with Image.open(pictures / "a.png") as opened:
        expected = torch.from_numpy(np.array(opened)).permute(2, 0, 1)[None] / 255
    torch.testing.assert_close(PictureFolder(pictures).whole(0), expected)


@pytest.mark.parametrize("size", [16, 64, 128])
def test_crops(pictures: Path, size: int) -> None:
    crops = PictureFolder(pictures).crops(5, size, generator())
    assert crops.shape == (5, 3, size, size)
    assert crops.dtype == torch.float32
    assert 0 <= crops.min() <= crops.max() <= 1


def test_crops_depend_on_the_generator_alone(pictures: Path) -> None:
    found = PictureFolder(pictures)
    first, other = found.crops(4, 32, generator(1)), found.crops(4, 32, generator(2))
    torch.rand(3)
    assert torch.equal(found.crops(4, 32, generator(1)), first)
    assert not torch.equal(first, other)


def test_crops_show_parts_and_wholes(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    found, dice = PictureFolder(tmp_path), generator()
    spans = [(c.max() - c.min()).item() * 255 for c in (found.crop(0, 64, dice) for _ in range(40))]
    assert min(spans) < 100
    assert max(spans) > 150
    slopes = [(c[0, 0, 0, -1] > c[0, 0, 0, 0]).item() for c in (found.crop(0, 64, dice) for _ in range(40))]
    assert True in slopes
    assert False in slopes  # some are flipped
