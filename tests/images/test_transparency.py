"""Pictures that look the same are read the same, whatever colours hide where nothing is to be seen."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from styletransfer.images import encode_image, load_image, read_picture, save_image

Array = np.ndarray


def cut_out(hidden: tuple[int, int, int], height: int = 96, width: int = 120) -> Array:
    """Noise in a rectangle with a soft edge, and colours that nobody sees around it."""
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[..., :3] = hidden
    inside = np.s_[20:70, 30:100]
    pixels[inside] = np.random.default_rng(0).integers(0, 256, (50, 70, 4), dtype=np.uint8)
    pixels[inside][..., 3] = 255
    pixels[20:70, 30:34, 3] = (40, 90, 150, 200)
    return pixels


def to_file(pixels: Array, suffix: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        options: dict[str, Any] = {"lossless": True, "exact": True} if suffix == "webp" else {}
        Image.fromarray(pixels).save(folder / f"a.{suffix}", **options)
        return folder / f"a.{suffix}"

    return write


SOURCES: dict[str, Callable[[Array, Path], Any]] = {
    "png": lambda pixels, folder: to_file(pixels, "png")(folder),
    "tiff": lambda pixels, folder: to_file(pixels, "tiff")(folder),
    "webp": lambda pixels, folder: to_file(pixels, "webp")(folder),
    "pil": lambda pixels, folder: Image.fromarray(pixels),
    "array": lambda pixels, folder: pixels,
    "tensor": lambda pixels, folder: torch.from_numpy(pixels).permute(2, 0, 1),
}


@pytest.mark.parametrize("long_edge", [None, 100, 24])
@pytest.mark.parametrize("kind", SOURCES)
def test_hidden_colours_do_not_matter(tmp_path: Path, kind: str, long_edge: int | None) -> None:
    pictures = [
        read_picture(SOURCES[kind](cut_out(hidden), tmp_path), long_edge=long_edge)
        for hidden in ((0, 0, 0), (0, 255, 0), (255, 255, 255))
    ]
    for picture in pictures[1:]:
        assert torch.equal(picture.rgb, pictures[0].rgb)
        torch.testing.assert_close(picture.alpha, pictures[0].alpha, atol=0, rtol=0)


def test_what_is_nearly_invisible_hardly_matters() -> None:
    one, other = cut_out((0, 255, 0)), cut_out((255, 0, 255))
    for pixels in (one, other):
        pixels[..., 3] = pixels[..., 3].clip(1)
    assert torch.equal(load_image(one), load_image(other))


def test_hidden_pixels_get_the_colours_around_them() -> None:
    pixels = np.zeros((64, 96, 4), np.uint8)
    pixels[10:50, 4:30] = (200, 20, 20, 255)
    pixels[10:50, 60:90] = (20, 20, 200, 255)
    red, _, blue = load_image(pixels)[0] * 255
    assert red[30, 31] > 150 > 100 > blue[30, 31]
    assert blue[30, 59] > 150 > 100 > red[30, 59]
    assert abs(red[30, 45] - blue[30, 45]) < 80  # halfway
    step = torch.maximum((red[:, 1:] - red[:, :-1]).abs()[30].max(), (blue[1:] - blue[:-1]).abs()[:, 15].max())
    assert step < 80  # no edge that is not there


def test_what_can_be_seen_keeps_its_colours_exactly() -> None:
    pixels = cut_out((0, 255, 0))
    rgb = (load_image(pixels)[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    seen = pixels[..., 3] > 0
    np.testing.assert_array_equal(rgb[seen], pixels[seen][:, :3])


@pytest.mark.parametrize("shape", [(16, 16), (17, 40), (1000, 16)])
def test_a_picture_with_nothing_to_see_is_white(shape: tuple[int, int]) -> None:
    pixels = np.zeros((*shape, 4), np.uint8)
    pixels[..., 0] = 99
    picture = read_picture(pixels)
    assert picture.alpha is not None
    assert picture.alpha.max() == 0
    assert (picture.rgb == 1).all()


@pytest.mark.parametrize("suffix", ["jpg", "bmp"])
def test_white_shows_through_where_a_format_has_no_transparency(suffix: str) -> None:
    colours = torch.zeros(1, 3, 20, 30)
    alpha = torch.ones(1, 1, 20, 30)
    alpha[..., :15], alpha[..., 15:20] = 0, 0.5
    for image, own in ((colours, alpha), (torch.cat([colours, alpha], 1), None)):
        with Image.open(io.BytesIO(encode_image(image, format=suffix, alpha=own))) as saved:
            assert saved.mode == "RGB"
            shown = [saved.getpixel((x, 10))[0] for x in (4, 17, 25)]
    np.testing.assert_allclose(shown, [255, 127, 0], atol=3)


def test_a_saved_result_is_read_as_it_looks(tmp_path: Path) -> None:
    picture = read_picture(cut_out((0, 255, 0)))
    path = save_image(picture.rgb, tmp_path / "a.png", alpha=picture.alpha)
    assert path is not None
    torch.testing.assert_close(load_image(path), picture.rgb, atol=1.5 / 255, rtol=0)
