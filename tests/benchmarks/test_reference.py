"""The textbook implementations give the package's numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import styletransfer as st
from benchmarks.networks import Networks, networks
from benchmarks.plan import FULL_WIDTH, LITE
from benchmarks.reference import (
    STYLE_LAYERS,
    TEXTBOOK_OPTIONS,
    TextbookAdaIN,
    TextbookEncoder,
    TextbookGatys,
)

Picture = Callable[..., torch.Tensor]


@pytest.fixture(params=[LITE, FULL_WIDTH])
def nets(request: pytest.FixtureRequest) -> Networks:
    return networks(request.param, "cpu")


def test_encoder(nets: Networks, picture: Picture) -> None:
    image = picture(64, 48)
    ours = nets.extractor(image, STYLE_LAYERS)
    theirs = TextbookEncoder(nets.extractor, STYLE_LAYERS[-1])(image, STYLE_LAYERS)
    for layer in STYLE_LAYERS:
        torch.testing.assert_close(theirs[layer], ours[layer], rtol=1e-4, atol=1e-4)


def test_adain(nets: Networks, picture: Picture) -> None:
    content, style = picture(64, 80, seed=1), picture(48, 64, seed=2)
    ours = nets.stylizer("adain", {}).stylize(content, style).image
    theirs = TextbookAdaIN(nets.extractor, nets.decoder)(content, style)
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-4)
    assert theirs.std() > 0.01


def test_gatys(nets: Networks, picture: Picture) -> None:
    content, style = picture(48, 64, seed=1), picture(64, 48, seed=2)
    stylizer = nets.stylizer("gatys", {**TEXTBOOK_OPTIONS["gatys"], "steps": 4})
    ours: list[torch.Tensor] = []
    result = stylizer.stylize(
        content, style, on_step=lambda step: ours.append(step.image) if step.image is not None else None
    )
    textbook = TextbookGatys(nets.extractor, content, style)
    for step, image in zip(result.history, ours, strict=True):
        # Adam's first steps go by the gradient's sign, so a pixel whose gradient is nearly 0 magnifies rounding.
        difference = (textbook.image.detach().clamp(0, 1) - image).abs()
        # On average far less than an 8-bit step (4e-3); how much is rounded off differs between processors.
        assert difference.mean() < 3e-5
        assert (difference > 2e-4).float().mean() < 0.03
        textbook.step()
        assert textbook.loss == pytest.approx(step.total, rel=2e-4)
    assert result.history[-1].total < result.history[0].total


def test_the_textbook_s_options_are_options() -> None:
    for method, options in TEXTBOOK_OPTIONS.items():
        st.create_stylizer(method, device="cpu", **options)
