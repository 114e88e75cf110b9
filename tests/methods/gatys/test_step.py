"""The step against a plain one: the loss written down without shortcuts, and torch's own L-BFGS."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.features.padding import pad_by_one
from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import total_variation
from styletransfer.layers import BY_TAP
from styletransfer.methods.gatys.canvas import Canvas
from styletransfer.methods.gatys.config import PRESETS, GatysConfig
from styletransfer.methods.gatys.objective import Objective
from styletransfer.stylizer import Region, StyleInput

Draw = Callable[..., Tensor]


def plain_features(extractor: VGG19Features, picture: Tensor) -> dict[str, Tensor]:
    """Every tap, by torch's own convolutions."""
    found, x = {}, F.conv2d(picture, extractor.color_matrix, extractor.color_bias)
    for name, conv in extractor.convs.items():
        if BY_TAP[name].opens_block:
            x = F.max_pool2d(x, 2) if extractor.pooling == "max" else F.avg_pool2d(x, 2)
        x = conv(pad_by_one(x, extractor.padding))
        found[name] = x
        x = F.relu(x)
        found[name.replace("conv", "relu")] = x
    return found


def plain_gram(x: Tensor) -> Tensor:
    flat = x[0].flatten(1)
    return flat @ flat.T / flat.numel()


class PlainObjective:
    """The losses of docs/methods/gatys.md, one style, no masks."""

    def __init__(self, extractor: VGG19Features, config: GatysConfig, content: Tensor, style: Tensor) -> None:
        self.extractor, self.config = extractor, config
        of_style, of_content = plain_features(extractor, style), plain_features(extractor, content)
        self.content = {layer: of_content[layer] for layer in config.content_layers}
        centre = float(config.center_grams)
        self.shifts = {k: centre * of_style[k].mean(dim=(2, 3), keepdim=True) for k in config.style_layers}
        self.grams = {k: plain_gram(of_style[k] - shift) for k, shift in self.shifts.items()}
        self.palettes = []
        for side in (1, 4):
            colors = F.avg_pool2d(style, side)[0].flatten(1)
            covariance = torch.cov(colors, correction=0) + 2e-4 * torch.eye(3)
            values, vectors = torch.linalg.eigh(covariance)
            self.palettes.append(
                (side, colors.mean(1, keepdim=True), vectors @ torch.diag(values**-0.5) @ vectors.T)
            )

    def __call__(self, image: Tensor, variable: Tensor) -> Tensor:
        config, features = self.config, plain_features(self.extractor, image)
        total = config.tv_weight * total_variation(variable).sum()
        for layer, target in self.content.items():
            weight = config.content_weight * config.layer_weight(layer)
            scale = {"relative": 1 / len(self.content) / target.var(unbiased=False), "mean": 1.0,
                     "gatys2016": target.numel() / 2}[config.loss_scale]  # fmt: skip
            total = total + weight * scale * (features[layer] - target).square().mean()
        for layer, gram in self.grams.items():
            weight = config.style_weight * config.layer_weight(layer)
            scale = {"relative": 1 / len(self.grams) / gram.square().mean(), "mean": 1.0,
                     "gatys2016": gram.shape[0] ** 2 / 4 / len(self.grams)}[config.loss_scale]  # fmt: skip
            own = plain_gram(features[layer] - self.shifts[layer])
            total = total + weight * scale * (own - gram).square().mean()
        for side, mean, whitening in self.palettes:
            colors = whitening @ (F.avg_pool2d(image, side)[0].flatten(1) - mean)
            second = colors @ colors.T / colors.shape[1]
            total = total + config.color_weight * (second - torch.eye(3)).square().mean()
        return total


@pytest.mark.parametrize("hastened", [False, True])
@pytest.mark.parametrize("preset", PRESETS)
def test_losses_and_gradients_along_ten_plain_steps(
    extractor: VGG19Features, picture: Draw, monkeypatch: pytest.MonkeyPatch, preset: str, hastened: bool
) -> None:
    """Losses to 1e-4, and gradients, at the points that ten plain steps visit.

    Not the points of our own steps: a rounding error, such as that of another number of threads, grows in ten
    steps of L-BFGS to 1e-3 of the loss and more, with the plain objective as well. Where two neighbours are nearly
    equal, it can also move a maximum, and with it a part of the gradient, to the other one.
    """
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    monkeypatch.setattr("styletransfer.features.winograd._WORTH", 0)
    config = GatysConfig(preset=preset, scales=(1.0,), steps=10)
    content, style = picture(45, 38, 1), picture(40, 44, 2)
    network = extractor.variant(pooling=config.pooling)  # type: ignore[arg-type]
    plain = PlainObjective(network, config, content, style)
    seen = network.hastened() if hastened else network
    own = Objective(seen, config, content, [Region(styles=(StyleInput(source=style),))])
    canvas = Canvas(
        (45, 38), space=config.variable, levels=config.pyramid, clamp=config.clamp, device=torch.device("cpu")
    )
    start = canvas.start(content if config.init == "content" else picture(45, 38, 3))
    rate = config.learning_rate

    x = start.clone().requires_grad_()
    settings: Mapping[str, Any] = {"max_iter": 1, "history_size": 10, "tolerance_grad": 0, "tolerance_change": 0}
    optimizer: torch.optim.Optimizer = (
        torch.optim.Adam([x], lr=rate)
        if config.optimizer == "adam"
        else torch.optim.LBFGS([x], lr=rate, **settings)
    )

    def total(measure: Callable[[Tensor, Tensor], Any], variable: Tensor) -> tuple[float, Tensor]:
        values = canvas.values(variable)
        found = measure(canvas.picture(values), values)
        loss = torch.stack(list(found.values())).sum() if isinstance(found, dict) else found
        (gradient,) = torch.autograd.grad(loss, variable)
        return loss.item(), gradient

    def closure() -> float:
        loss, x.grad = total(plain, x)
        ours, gradient = total(own, x.detach().clone().requires_grad_())
        assert ours == pytest.approx(loss, rel=1e-4)
        errors.append(((gradient - x.grad).norm() / x.grad.norm()).item())
        losses.append(loss)
        return loss

    losses: list[float] = []
    errors: list[float] = []
    for _ in range(10):
        optimizer.step(closure)  # type: ignore[arg-type]
        with torch.no_grad():
            x.copy_(canvas.project(x))
    assert len(losses) == 10
    assert statistics.median(errors) < 1e-4
    assert max(errors) < 0.05
    assert losses[-1] < losses[0]
