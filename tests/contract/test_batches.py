"""Every method paints many pictures as it paints each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import styletransfer as st
from styletransfer.features.vgg import VGG19Features
from styletransfer.images import Picture, read_picture
from styletransfer.methods import METHODS
from styletransfer.stylizer import Stylizer
from tests.conftest import Picture as Draw

pytestmark = pytest.mark.usefixtures("one_thread")
#: Controls under which a style has to be seen, and those under which it may be encoded.
CONTROLS = ({}, {"preserve_color": "linear"}, {"match_histogram": "content"}, {"style_scale": 0.5, "detail": 0.5})


@pytest.mark.parametrize("controls", CONTROLS, ids=str)
def test_a_batch_changes_no_picture(
    method: str,
    quick: dict[str, Any],
    extractor: VGG19Features,
    make: Callable[..., Stylizer],
    picture: Draw,
    controls: dict[str, Any],
) -> None:
    """Three of one size, one of another between them; two styles."""
    sizes = [(32, 40), (40, 32), (32, 40), (32, 40)]
    contents = [picture(*size, seed=seed) for seed, size in enumerate(sizes)]
    styles = [picture(48, 36, seed=9), picture(36, 48, seed=8)]
    pairs = [(content, styles[i % 2]) for i, content in enumerate(contents)]
    made = list(st.stylize_many(pairs, method=method, batch_size=3, extractor=extractor, **quick, **controls))
    alone = make(**controls)
    for result, (content, style) in zip(made, pairs, strict=True):
        assert (result.method, result.image.shape) == (method, content.shape)
        torch.testing.assert_close(result.image, alone.stylize(content, style).image, rtol=0, atol=1e-5)


def test_a_folder_is_made_of_the_same_pictures(
    method: str,
    quick: dict[str, Any],
    extractor: VGG19Features,
    make: Callable[..., Stylizer],
    picture: Draw,
    tmp_path: Path,
) -> None:
    (tmp_path / "in").mkdir()
    for seed in range(3):
        st.save_image(picture(32, 40, seed=seed), tmp_path / "in" / f"{seed}.png")
    style = st.save_image(picture(36, 48, seed=8), tmp_path / "style.png")
    result = st.stylize_folder(
        tmp_path / "in", [str(style), "night"], tmp_path / "out", method, extractor=extractor, **quick
    )
    assert (result.complete, result.made, result.method) == (True, 6, method)
    alone = make()
    for seed in range(3):
        content = read_picture(tmp_path / "in" / f"{seed}.png")
        single = alone.stylize(content, read_picture(style)).to_pil().tobytes()
        assert Picture is type(content)
        assert (
            single
            == st.load_image(tmp_path / "out" / f"{seed}-style.png")
            .mul(255)
            .round()
            .byte()[0]
            .permute(1, 2, 0)
            .numpy()
            .tobytes()
        )
    assert (
        st.stylize_folder(
            tmp_path / "in", [str(style), "night"], tmp_path / "out", method, extractor=extractor, **quick
        ).made
        == 0
    )


def test_a_strength_holds_for_every_picture(
    method: str, quick: dict[str, Any], extractor: VGG19Features, make: Callable[..., Stylizer], picture: Draw
) -> None:
    if "strength" not in METHODS[method].accepts:
        with pytest.raises(st.OptionError, match="does not take a strength"):
            list(st.stylize_many([picture()], picture(seed=1), method, extractor=extractor, strength=0.5, **quick))
        return
    contents, style, area = [picture(seed=seed) for seed in (0, 1)], picture(seed=2), picture(seed=3)[:, :1]
    made = st.stylize_many(contents, style, method, extractor=extractor, strength=area, batch_size=2, **quick)
    for content, result in zip(contents, made, strict=True):
        alone = make().stylize(content, style, strength=area)
        torch.testing.assert_close(result.image, alone.image, rtol=0, atol=1e-5)
