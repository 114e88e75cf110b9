"""The textbook implementations give the package's numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import styletransfer as st
from benchmarks.networks import Networks, full_width, networks
from benchmarks.plan import LITE
from benchmarks.textbook import Encoder, adain, gatys, of
from benchmarks.textbook.gatys import STYLE_LAYERS
from styletransfer.methods import METHODS

Picture = Callable[..., torch.Tensor]


@pytest.fixture(params=[LITE, full_width()])
def nets(request: pytest.FixtureRequest) -> Networks:
    return networks(request.param, "cpu")


def test_encoder(nets: Networks, picture: Picture) -> None:
    image = picture(64, 48)
    ours = nets.extractor(image, STYLE_LAYERS)
    theirs = Encoder(nets.extractor, STYLE_LAYERS[-1])(image, STYLE_LAYERS)
    for layer in STYLE_LAYERS:
        torch.testing.assert_close(theirs[layer], ours[layer], rtol=1e-4, atol=1e-4)


def test_adain(nets: Networks, picture: Picture) -> None:
    content, style = picture(64, 80, seed=1), picture(48, 64, seed=2)
    stylizer = nets.stylizer("adain", adain.OPTIONS)
    ours = stylizer.stylize(content, style).image
    theirs = adain.Textbook(stylizer, content, style)()
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-4)
    assert theirs.std() > 0.01


def test_gatys(nets: Networks, picture: Picture) -> None:
    content, style = picture(48, 64, seed=1), picture(64, 48, seed=2)
    stylizer = nets.stylizer("gatys", {**gatys.OPTIONS, "steps": 4})
    ours: list[torch.Tensor] = []
    result = stylizer.stylize(
        content, style, on_step=lambda step: ours.append(step.image) if step.image is not None else None
    )
    textbook = gatys.Textbook(stylizer, content, style)
    for step, image in zip(result.history, ours, strict=True):
        # Adam's first steps go by the gradient's sign, so a pixel whose gradient is nearly 0 magnifies rounding.
        difference = (textbook.image.detach().clamp(0, 1) - image).abs()
        # On average far less than an 8-bit step (4e-3); how much is rounded off differs between processors.
        assert difference.mean() < 3e-5
        assert (difference > 2e-4).float().mean() < 0.03
        textbook()
        assert textbook.loss == pytest.approx(step.total, rel=2e-4)
    assert result.history[-1].total < result.history[0].total


@pytest.mark.parametrize("method", METHODS)
def test_the_textbook_s_options_are_options(method: str) -> None:
    st.create_stylizer(method, device="cpu", **of(method).OPTIONS)


def test_a_method_may_have_no_textbook() -> None:
    assert of("sketch") is None


@pytest.mark.parametrize("name", adain.STAGES)
def test_stages_do_the_same_work(nets: Networks, picture: Picture, name: str) -> None:
    content, style = picture(64, 80, seed=1), picture(48, 64, seed=2)
    stage = adain.stage(name, nets.stylizer("adain", {}), content, style)
    with torch.no_grad():
        ours, theirs = stage["work"](), stage["textbook"]()
    if name == "decode":
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
    else:
        for layer, statistics in theirs.items():
            assert len(statistics) == sum(each is not None for each in ours.statistics[layer])
            torch.testing.assert_close(ours.statistics[layer][: len(statistics)], statistics, rtol=1e-3, atol=1e-4)
