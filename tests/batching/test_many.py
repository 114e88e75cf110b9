from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import styletransfer as st
from styletransfer import samples
from styletransfer.batching.painting import Painter
from styletransfer.errors import ImageError, OptionError, StyleTransferError, WeightsError

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK: dict[str, Any] = {"decoder": "fast", "device": "cpu"}
NIGHT = samples.draw("night", long_edge=48)


def drawings() -> Iterator[Any]:
    """Pictures of every kind, in two sizes."""
    valley = samples.draw("valley", long_edge=40)
    yield valley
    yield samples.draw("harbour", long_edge=32)
    yield np.asarray(valley)
    yield st.load_image(valley)[0]


def test_results_come_in_the_order_of_their_contents() -> None:
    made = list(st.stylize_many(drawings(), NIGHT, batch_size=3, **QUICK))
    assert len(made) == 4
    for result, content in zip(made, drawings(), strict=True):
        alone = st.stylize(content, NIGHT, **QUICK)
        torch.testing.assert_close(result.image, alone.image, rtol=0, atol=1e-5)
        assert result.content is not None
        assert result.content.rgb.shape == result.image.shape
        assert result.seconds > 0


def test_nothing_is_read_before_it_is_asked_for_and_little_ahead() -> None:
    taken = 0

    def endless() -> Iterator[Image.Image]:
        nonlocal taken
        while True:
            taken += 1
            yield samples.draw("valley", long_edge=32)

    results = st.stylize_many(endless(), NIGHT, batch_size=2, readers=1, **QUICK)
    assert taken == 0
    for _ in range(3):
        next(results)
    assert taken < 12


def test_styles_are_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Any] = []
    real = Painter.encode
    monkeypatch.setattr(Painter, "encode", lambda self, style: encoded.append(style) or real(self, style))
    pairs = [(content, style) for content in drawings() for style in ("night", "mosaic", NIGHT)]
    assert len(list(st.stylize_many(pairs, batch_size=4, **QUICK))) == 12
    assert len(encoded) == 3


def test_a_stack_of_pictures_is_taken_one_by_one(picture: Any) -> None:
    stack: Tensor = picture(32, 40, batch=3)
    made = list(st.stylize_many(stack, NIGHT, **QUICK))
    assert [tuple(result.image.shape) for result in made] == [(1, 3, 32, 40)] * 3


def test_bad_pictures_are_told_or_raised_in_their_turn(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("no picture")
    contents = [samples.draw("valley", long_edge=32), tmp_path / "bad.png", samples.draw("harbour", long_edge=32)]
    told: list[tuple[int, str]] = []
    made = st.stylize_many(contents, NIGHT, on_failure=lambda place, why: told.append((place, str(why))), **QUICK)
    assert len(list(made)) == 2
    assert [place for place, _ in told] == [1]
    assert "is not a picture that can be read" in told[0][1]
    results = st.stylize_many(contents, NIGHT, **QUICK)
    next(results)
    with pytest.raises(ImageError, match="is not a picture that can be read"):
        next(results)


def test_results_are_saved_with_transparency_and_protect_their_inputs(tmp_path: Path) -> None:
    picture = samples.draw("valley", long_edge=32).convert("RGBA")
    picture.putalpha(100)
    picture.save(tmp_path / "a.png")
    (result,) = st.stylize_many([tmp_path / "a.png"], "night", **QUICK)
    assert result.to_pil().getpixel((3, 3))[3] == 100  # type: ignore[index]
    with pytest.raises(st.OutputError, match="never overwritten"):
        result.save(tmp_path / "a.png")


def test_losses_are_measured_where_they_are_asked_for() -> None:
    plain, measured = (
        next(st.stylize_many(drawings(), NIGHT, **QUICK, **more)) for more in ({}, {"measure": True})
    )
    assert not plain.losses
    assert measured.losses["total"] == pytest.approx(
        st.stylize(next(drawings()), NIGHT, **QUICK).losses["total"], rel=1e-4
    )


def test_notes_about_files_are_told_in_the_callers_thread(tmp_path: Path) -> None:
    frames = [samples.draw(name, long_edge=32) for name in ("valley", "harbour")]
    frames[0].save(tmp_path / "a.tiff", save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match="has several frames"):
        next(st.stylize_many([tmp_path / "a.tiff"], NIGHT, **QUICK))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"contents": [], "style": ["night", "mosaic"]}, OptionError, "one style for all, got 2; give pairs"),
        ({"contents": [], "method": "none"}, OptionError, "Unknown method"),
        ({"contents": [], "readers": 0}, OptionError, "readers must be a whole number"),
        ({"contents": [], "batch_size": 0}, OptionError, "batch_size must be a whole number"),
        ({"contents": [], "alhpa": 1}, OptionError, "no option 'alhpa'"),
    ],
)
def test_bad_requests_are_refused_at_once(
    arguments: dict[str, Any], error: type[StyleTransferError], message: str
) -> None:
    with pytest.raises(error, match=message):
        st.stylize_many(**{**QUICK, **arguments})


@pytest.mark.parametrize(
    ("contents", "style", "message"),
    [
        ([NIGHT], None, r"each item must be a pair \(content, style\), got a Image"),
        ([torch.rand(2, 3, 32, 32)], NIGHT, "Each content must be one picture, got a batch of 2"),
        ([NIGHT], "mosiac", 'Did you mean "mosaic"'),
    ],
)
def test_bad_items_are_refused_in_their_turn(contents: list[Any], style: Any, message: str) -> None:
    with pytest.raises((ImageError, OptionError, WeightsError), match=message):
        list(st.stylize_many(contents, style, **QUICK))


def test_no_warning_is_given_for_ordinary_pictures() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(st.stylize_many(drawings(), NIGHT, **QUICK))


@pytest.mark.parametrize("readers", [1, 2, 4])
def test_what_came_before_an_error_of_the_caller_is_given_first(readers: int) -> None:
    def broken() -> Iterator[Any]:
        yield from list(drawings())[:3]
        raise RuntimeError("the caller's own")

    made: list[Any] = []

    def collect() -> None:
        for result in st.stylize_many(broken(), NIGHT, readers=readers, batch_size=8, **QUICK):
            made.append(result)

    with pytest.raises(RuntimeError, match="the caller's own"):
        collect()
    assert len(made) == 3
