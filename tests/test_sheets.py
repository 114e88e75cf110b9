from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import styletransfer as st
from styletransfer import samples, sheets
from styletransfer.errors import OptionError, OutputError
from styletransfer.methods import METHODS

CONTENT = samples.draw("valley", long_edge=64)
SMALL: dict[str, Any] = {"device": "cpu", "long_edge": 64}


class TestMixtures:
    @pytest.mark.parametrize(("styles", "steps", "count"), [(2, 5, 5), (3, 4, 10), (4, 3, 9), (2, 2, 2)])
    def test_shares_sum_to_one_and_corners_are_single_styles(self, styles: int, steps: int, count: int) -> None:
        grid = sheets.mixtures(styles, steps)
        assert len(grid) == len({place for place, _ in grid}) == count
        for _, shares in grid:
            assert len(shares) == styles
            assert min(shares) >= 0
            assert math.isclose(sum(shares), 1)
        corners = [shares.index(1.0) for _, shares in grid if 1.0 in shares]
        assert corners == list(range(styles))

    def test_the_middle_of_a_square_is_an_equal_mixture(self) -> None:
        assert dict(sheets.mixtures(4, 3))[1, 1] == (0.25, 0.25, 0.25, 0.25)


@pytest.mark.parametrize(
    ("count", "columns", "last"), [(1, None, (0, 0)), (6, None, (1, 2)), (6, 6, (0, 5)), (5, 2, (2, 0))]
)
def test_places(count: int, columns: int | None, last: tuple[int, int]) -> None:
    assert sheets.places(count, columns)[-1] == last


@pytest.mark.parametrize("method", METHODS)
def test_corners_are_the_pictures_of_single_styles(method: str) -> None:
    options = dict(METHODS[method].brief)
    made = st.interpolate(
        CONTENT, ["mosaic", "night"], method, per_side=3, options=options, device="cpu", long_edge=64
    )
    assert [cell.title for cell in made.cells] == ["mosaic 100%", "mosaic 50%, night 50%", "night 100%"]
    for cell, style in ((made.cells[0], "mosaic"), (made.cells[2], "night")):
        alone = st.stylize(CONTENT, style, method, **SMALL, **options).image
        torch.testing.assert_close(cell.result.image, alone, rtol=0, atol=1e-5)
    middle = st.stylize(CONTENT, ["mosaic", "night"], method, **SMALL, **options).image
    torch.testing.assert_close(made.cells[1].result.image, middle, rtol=0, atol=1e-5)


def test_controls_reach_every_picture() -> None:
    made = st.contact_sheet(
        CONTENT, ["mosaic", "night"], options={"preserve_color": "linear"}, device="cpu", long_edge=64
    )
    assert [cell.result.controls.preserve_color for cell in made.cells] == ["linear", "linear"]


def test_a_sheet_shows_and_keeps_everything(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    made = st.contact_sheet(
        CONTENT,
        ["mosaic", "night", "cubist"],
        columns=2,
        device="cpu",
        long_edge=64,
        on_picture=lambda *n: seen.append(n),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert made.names == ("mosaic", "night", "cubist")
    picture = made.to_pil()
    assert picture.width >= 2 * 64
    assert picture.height >= 2 * 48
    assert len(picture.resize((64, 64)).getcolors(4096) or []) > 200  # no blank page
    files = made.save(tmp_path / "sheet")
    assert [file.name for file in files] == ["sheet.png", "sheet.json", "1-1.png", "1-2.png", "2-1.png"]
    with Image.open(files[2]) as first:
        assert first.size == (64, 48)
    record = json.loads(files[1].read_text())
    assert record["styles"] == ["mosaic", "night", "cubist"]
    assert [each["shares"] for each in record["pictures"]] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_inputs_are_never_overwritten(tmp_path: Path) -> None:
    photo = tmp_path / "1-1.png"
    CONTENT.save(photo)
    made = st.contact_sheet(photo, ["mosaic"], device="cpu", long_edge=32)
    with pytest.raises(OutputError, match="never overwritten"):
        made.save(tmp_path)
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize(
    ("styles", "options", "steps", "message"),
    [
        (["mosaic"], {}, 5, "two to four styles, got 1"),
        (["mosaic"] * 5, {}, 5, "two to four styles, got 5"),
        (["mosaic", "night"], {}, 1, "per_side must be a whole number of at least 2"),
        (["mosaic", "night"], {"style_mix": (0.5, 0.5)}, 5, "chooses style_mix itself"),
        (["mosaic", "nihgt"], {}, 5, "nihgt"),
    ],
)
def test_bad_requests_are_refused(styles: list[str], options: dict[str, object], steps: int, message: str) -> None:
    with pytest.raises((OptionError, st.ImageError), match=message):
        st.interpolate(CONTENT, styles, per_side=steps, options=options, device="cpu", long_edge=32)


def test_a_sheet_needs_styles_and_columns() -> None:
    with pytest.raises(OptionError, match="At least one style"):
        st.contact_sheet(CONTENT, [])
    with pytest.raises(OptionError, match="columns must be a whole number"):
        st.contact_sheet(CONTENT, ["mosaic"], columns=0, device="cpu", long_edge=32)


def test_encoded_styles_are_painted_and_batches_refused(tmp_path: Path) -> None:
    encoded: Any = st.create_stylizer("adain", device="cpu")
    made = st.contact_sheet(
        CONTENT, [encoded.encode_style(samples.draw("mosaic", long_edge=64)), "night"], **SMALL
    )
    assert made.names == ("style 1", "night")
    assert made.styles[0] is None
    assert len(made.save(tmp_path / "sheet")) == 4
    with pytest.raises(st.ImageError, match="one content, got a batch of 2"):
        st.contact_sheet(torch.rand(2, 3, 32, 32), ["night"], **SMALL)
