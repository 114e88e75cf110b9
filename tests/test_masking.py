"""Masks, labels and maps of strength, from what users give to what is used."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from styletransfer.errors import ImageError, OptionError
from styletransfer.images import Picture, read_picture
from styletransfer.masking import feathered, place_masks, place_preserved, read_masks, read_strength, split_labels

SIZE = (32, 40)


def grey(values: Any) -> Picture:
    return read_picture(np.asarray(values, np.float32))


class TestMasks:
    @settings(max_examples=25, deadline=None)
    @given(
        levels=st.lists(st.floats(0.1, 1), min_size=1, max_size=4),
        kept=st.floats(0, 0.9),
        feather=st.sampled_from([0.0, 3.0, 20.0]),
    )
    def test_never_sum_to_more_than_what_is_left(self, levels: list[float], kept: float, feather: float) -> None:
        masks = [grey(np.full((16, 20), level)) for level in levels]
        preserved = torch.full((1, 1, *SIZE), kept)
        placed = place_masks(masks, SIZE, preserved=preserved, feather=feather)
        total = torch.stack(placed).sum(0)
        wanted = min(sum(levels), 1.0) * (1 - kept)
        torch.testing.assert_close(total, torch.full_like(total, wanted), rtol=0, atol=1e-4)

    def test_overlaps_are_shared(self) -> None:
        one, other = place_masks([grey(np.ones((16, 20))), grey(np.full((16, 20), 0.5))], SIZE)
        torch.testing.assert_close(one, torch.full_like(one, 2 / 3))
        torch.testing.assert_close(other, torch.full_like(other, 1 / 3))

    def test_preserved_masks_are_joined(self) -> None:
        left, above = np.zeros(SIZE), np.zeros(SIZE)
        left[:, :20], above[:8] = 1, 1
        union = place_preserved([grey(left), grey(above)], SIZE)
        assert float(union.mean()) == pytest.approx((32 * 20 + 8 * 20) / (32 * 40))

    @pytest.mark.parametrize("pixels", [1.0, 8.0, 200.0])
    def test_feathering_fades_and_keeps_flat_ones(self, pixels: float) -> None:
        edge = torch.zeros(1, 1, *SIZE)
        edge[..., :20] = 1
        soft = feathered(edge, pixels)
        assert ((soft >= 0) & (soft <= 1)).all()
        assert pixels > SIZE[1] or (soft.diff(dim=3) <= 1e-6).all()
        torch.testing.assert_close(feathered(torch.ones_like(edge), pixels), torch.ones_like(edge))
        half = soft[0, 0, 0]
        assert float(half[19] + half[20]) == pytest.approx(1, abs=1e-4)

    def test_booleans_and_zeros_and_ones_are_black_and_white(self) -> None:
        drawn = np.zeros(SIZE, bool)
        drawn[:, :20] = True
        wanted = drawn.astype(np.float32)
        for source in (
            drawn,
            drawn.astype(np.uint8),
            torch.from_numpy(drawn),
            torch.from_numpy(drawn)[None].long(),
            torch.from_numpy(wanted),
        ):
            (mask,) = place_masks(read_masks([source], 1), SIZE)
            assert torch.equal(mask[0, 0], torch.from_numpy(wanted))
        levels = Image.fromarray(drawn.astype(np.uint8))
        with pytest.raises(OptionError, match=r"Mask 1 is black.*\(255, not 1, in a picture of 8 bits\)"):
            place_masks(read_masks([levels], 1), SIZE)

    def test_a_feather_that_leaves_nothing_is_told(self) -> None:
        dot = np.zeros(SIZE)
        dot[16, 20] = 1
        with pytest.raises(OptionError, match="feather=300 leaves nothing of mask 1"):
            place_masks([grey(dot)], SIZE, feather=300.0)
        with pytest.raises(OptionError, match="feather=300 leaves nothing of what is preserved"):
            place_preserved([grey(dot)], SIZE, feather=300.0)


class TestLabels:
    def drawn(self) -> Image.Image:
        picture = Image.new("P", (40, 32), 0)
        picture.putpalette([9, 9, 9, 255, 255, 255, 255, 0, 0, 0, 0, 99])
        draw = ImageDraw.Draw(picture)
        draw.rectangle((0, 0, 9, 31), fill=3)
        draw.rectangle((10, 0, 29, 31), fill=1)
        return picture

    def test_of_an_indexed_picture_are_its_numbers(self, tmp_path: Path) -> None:
        self.drawn().save(tmp_path / "labels.png")
        data = (tmp_path / "labels.png").read_bytes()
        for source in (self.drawn(), tmp_path / "labels.png", data, io.BytesIO(data)):
            white, blue = split_labels(source, 2)
            assert (white.shape, white.dtype) == ((1, 1, 32, 40), torch.float32)
            assert float(white.sum()) == 20 * 32
            assert float(white[..., 10:30].mean()) == 1
            assert float(blue[..., :10].mean()) == float(blue.mean()) * 4 == 1

    def test_of_colours_go_from_dark_to_bright(self) -> None:
        dark, bright = split_labels(self.drawn().convert("RGB").point(lambda level: 0 if level == 9 else level))
        assert float(dark[..., :10].mean()) == 1
        assert float(bright[..., 10:30].mean()) == 1

    def test_of_arrays_and_grey_pictures_are_their_numbers(self) -> None:
        numbers = np.zeros((32, 40), np.int64)
        numbers[:8], numbers[8:16] = 7, 2
        for source in (numbers, torch.from_numpy(numbers), Image.fromarray(numbers.astype(np.uint8))):
            two, seven = split_labels(source)
            assert float(seven[0, 0, :8].mean()) == float(two[0, 0, 8:16].mean()) == 1

    def test_what_is_transparent_has_none(self) -> None:
        picture = Image.new("RGBA", (40, 32), (255, 0, 0, 0))
        ImageDraw.Draw(picture).rectangle((0, 0, 9, 31), fill=(255, 0, 0, 255))
        (red,) = split_labels(picture, 1)
        assert float(red.mean()) == 0.25

    def test_of_sixteen_bits_in_either_order(self) -> None:
        numbers = np.zeros((20, 20), np.uint16)
        numbers[:, 5:10], numbers[:, 10:] = 300, 600
        for mode, kind in (("I;16", "<u2"), ("I;16B", ">u2")):
            picture = Image.frombytes(mode, (20, 20), numbers.astype(kind).tobytes())
            low, high = split_labels(picture, 2)
            assert (float(low.mean()), float(high.mean())) == (0.25, 0.5)

    @pytest.mark.parametrize(
        "source",
        [
            torch.zeros(20, 20, requires_grad=True),
            torch.zeros(20, 20, dtype=torch.bfloat16),
            torch.zeros(20, 20, dtype=torch.int64, device="meta"),
            torch.ones(20, 20, dtype=torch.int64).to_sparse(),
            np.ma.masked_array(np.ones((20, 20), int)),
            np.full((20, 20), 2**63, np.uint64),
        ],
        ids=["gradient", "bfloat16", "meta", "sparse", "masked", "huge"],
    )
    def test_odd_arrays_are_refused(self, source: Any) -> None:
        with pytest.raises(ImageError, match="The labels"):
            split_labels(source)

    @pytest.mark.parametrize(
        ("source", "styles", "error", "message"),
        [
            (np.zeros((20, 20), np.uint8), None, OptionError, "0 \\(or black\\) everywhere"),
            (np.arange(400).reshape(20, 20), None, OptionError, "have 399 colours.*Store them as PNG"),
            (np.eye(20, dtype=np.uint8), 2, OptionError, r"have 1 number\(s\) or colour\(s\) for 2 style"),
            (np.zeros((20, 20)), None, ImageError, "dtype float64; wanted"),
            (np.full((20, 20), -1), None, ImageError, "whole numbers from 0 on"),
            (np.zeros((20, 20, 3), np.uint8), None, ImageError, r"shape \(20, 20, 3\)"),
            ("nowhere.png", None, ImageError, 'picture of labels "nowhere.png" does not exist'),
            (b"no picture", None, ImageError, "not a picture that can be read"),
            (3, None, ImageError, "labels are a int; wanted a path"),
        ],
    )
    def test_bad_ones_are_refused(self, source: Any, styles: int | None, error: Any, message: str) -> None:
        with pytest.raises(error, match=message):
            split_labels(source, styles)


class TestStrength:
    def content(self, batch: int = 1) -> Picture:
        return Picture(rgb=torch.rand(batch, 3, *SIZE))

    def test_a_number_stays_one(self) -> None:
        for value in (0, 0.25, np.float32(0.5), np.float64(1), torch.tensor(0.5)):
            assert read_strength(value, self.content()) == float(value)

    def test_a_map_of_any_kind_gets_the_contents_size(self, tmp_path: Path) -> None:
        level = np.full((16, 20), 128, np.uint8)
        Image.fromarray(level).save(tmp_path / "map.png")
        for source in (level, str(tmp_path / "map.png"), Image.fromarray(level), torch.from_numpy(level)[None]):
            found = read_strength(source, self.content())
            assert isinstance(found, torch.Tensor)
            assert found.shape == (1, 1, *SIZE)
            torch.testing.assert_close(found, torch.full_like(found, 128 / 255), rtol=0, atol=1e-4)

    def test_one_for_each_of_a_batch(self) -> None:
        listed = read_strength([0.1, 0.9], self.content(2))
        for array in (np.array([0.1, 0.9], np.float32), torch.tensor([0.1, 0.9])):
            assert torch.equal(torch.as_tensor(read_strength(array, self.content(2))), torch.as_tensor(listed))
        maps = read_strength(torch.tensor([0.1, 0.9]).view(2, 1, 1, 1).expand(2, 1, 16, 20), self.content(2))
        for found in (listed, maps):
            assert isinstance(found, torch.Tensor)
            assert found.shape == (2, 1, *SIZE)
            torch.testing.assert_close(found.mean(dim=(1, 2, 3)), torch.tensor([0.1, 0.9]))
