"""The frozen reference gives the package's pictures and losses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from benchmarks.frozen import adain, gatys
from benchmarks.networks import Networks, full_width, networks
from benchmarks.plan import LITE

Picture = Callable[..., torch.Tensor]


@pytest.mark.parametrize("label", [LITE, full_width()])
def test_adain(label: str, picture: Picture) -> None:
    content, style = picture(64, 80, seed=1), picture(48, 64, seed=2)
    stylizer = networks(label, "cpu").stylizer("adain", {"measure": False})
    ours = stylizer.stylize(content, style).image
    theirs = adain.Frozen(stylizer, content, style)()
    torch.testing.assert_close(theirs, ours, rtol=0, atol=2e-5)
    assert theirs.std() > 0.01


@pytest.mark.parametrize("label", [LITE, "vgg19-lite", full_width()])
def test_gatys(label: str, picture: Picture) -> None:
    content, style = picture(48, 64, seed=1), picture(64, 48, seed=2)
    nets: Networks = networks(label, "cpu")
    options = {**gatys.OPTIONS, "scales": (1.0,), "steps": 10, "optimizer": "lbfgs", "pyramid": 5, "clamp": True}
    history = nets.stylizer("gatys", {**options, "init": "content"}).stylize(content, style).history
    theirs = gatys.Frozen(nets.extractor, content, style)
    # The second loss is that of a step by the first gradient. Later ones drift: a rounding that changes which
    # position a pooling takes changes the gradient there, and L-BFGS magnifies it.
    for step, limit in zip(history, (1e-6, 1e-5, *[0.02] * 8), strict=True):
        assert theirs() == pytest.approx(step.total, rel=limit)
    assert history[-1].total < history[0].total


def test_a_whole_descent(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gatys, "STEPS", (2, 3))
    content, style = picture(64, 64, seed=1), picture(64, 64, seed=2)
    nets = networks(LITE, "cpu")
    options = {"scales": gatys.SCALES, "steps": (2, 3), "optimizer": "lbfgs", "pyramid": 5, "clamp": True}
    ours = nets.stylizer("gatys", {**gatys.OPTIONS, **options, "init": "content"}).stylize(content, style)
    theirs = gatys.run(nets.extractor, content, style)
    loss = nets.stylizer("gatys", {**gatys.OPTIONS, "scales": (1.0,)}).objective(content, style)
    assert loss is not None
    assert loss(theirs) == pytest.approx(loss(ours.image), rel=5e-3)
    assert loss(theirs) < loss(content)
