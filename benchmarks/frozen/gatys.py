"""The default descent of that time: a coarse size, then the full one, by torch's L-BFGS."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.frozen import Encoder
from styletransfer.images import resize

CONTENT_LAYER = "relu4_1"
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
#: The same, said to today's package. Sizes and steps are those of the default preset of then.
OPTIONS: dict[str, Any] = {
    "content_layers": (CONTENT_LAYER,),
    "style_layers": STYLE_LAYERS,
    "layer_weights": {"relu4_1": 0.5, "relu5_1": 0.25},
    "content_weight": 3.0,
    "style_weight": 8.0,
    "color_weight": 0.05,
    "tv_weight": 0.5,
    "center_grams": True,
    "loss_scale": "relative",
}
SCALES, STEPS = (0.5, 1.0), (34, 86)
_LEVELS, _GAIN, _BORDER = 5, 0.7, 1e-6


class Frozen:
    """A descent at the size of its content, one step a call.

    Args:
        extractor: Whose weights are used.
        content: (1, 3, H, W).
        style: (1, 3, h, w).
        start: Where it begins, (1, 3, H, W); by default the content.

    Attributes:
        losses: Of each step so far.
    """

    def __init__(self, extractor: Any, content: Tensor, style: Tensor, start: Tensor | None = None) -> None:
        self.objective = Objective(extractor, content, style)
        self.losses: list[float] = []
        self.sizes = [(content.shape[2], content.shape[3])]
        while len(self.sizes) <= _LEVELS and min(self.sizes[-1]) >= 8:
            height, width = self.sizes[-1]
            self.sizes.append(((height + 1) // 2, (width + 1) // 2))
        self.lengths = [3 * height * width for height, width in self.sizes]
        self.variable = content.new_zeros(sum(self.lengths))
        self.variable[: self.lengths[0]] = (content if start is None else start).flatten()
        self.variable.requires_grad_()
        self.optimizer = torch.optim.LBFGS(
            [self.variable], lr=1.0, max_iter=1, history_size=10, tolerance_grad=0, tolerance_change=0
        )

    def __call__(self) -> float:
        self.before = self.variable.detach().clone()
        self.optimizer.step(self._evaluate)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            values = self._values(self.variable)
            moved = self.variable.clone()
            moved[: self.lengths[0]] += (values.clamp(0, 1) - values).flatten()
            self.variable.copy_(moved)
        return self.losses[-1]

    @property
    def image(self) -> Tensor:
        """The picture so far, (1, 3, H, W) in [0, 1]."""
        return self._values(self.variable.detach()).clamp(0, 1)

    def _evaluate(self) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        picture = self._values(self.variable)
        low, high = picture.detach() <= _BORDER, picture.detach() >= 1 - _BORDER
        picture.register_hook(lambda g: g.masked_fill((low & (g > 0)) | (high & (g < 0)), 0.0))
        terms = self.objective(picture)
        total = torch.stack(terms).sum()
        self.losses.append(sum(torch.stack([term.detach() for term in terms]).tolist()))
        total.backward()
        assert torch.isfinite(self.variable.grad).all()
        return total

    def _values(self, variable: Tensor) -> Tensor:
        levels = torch.split(variable, self.lengths)
        summed = levels[-1].view(1, 3, *self.sizes[-1]) * _GAIN ** (len(levels) - 1)
        for number in reversed(range(len(levels) - 1)):
            enlarged = F.interpolate(summed, self.sizes[number], mode="bilinear", align_corners=False)
            summed = enlarged + levels[number].view(1, 3, *self.sizes[number]) * _GAIN**number
        return summed


def run(extractor: Any, content: Tensor, style: Tensor) -> Tensor:
    """Return the picture of a whole descent through `SCALES`."""
    image: Tensor | None = None
    for scale, steps in zip(SCALES, STEPS, strict=True):
        small, manner = (_scaled(picture, scale) for picture in (content, style))
        start = small if image is None else resize(image, (small.shape[2], small.shape[3]))
        if image is not None:
            coarse = resize(resize(small, (image.shape[2], image.shape[3])), (small.shape[2], small.shape[3]))
            start = (start + small - coarse).clamp(0, 1)
        descent = Frozen(extractor, small, manner, start)
        for _ in range(steps):
            descent()
        image = descent.image
    assert image is not None
    return image


def _scaled(picture: Tensor, scale: float) -> Tensor:
    return resize(picture, (max(16, round(picture.shape[2] * scale)), max(16, round(picture.shape[3] * scale))))


class Objective:
    """The loss of a picture, as a list of terms."""

    @torch.no_grad()
    def __init__(self, extractor: Any, content: Tensor, style: Tensor) -> None:
        self.encode = Encoder(extractor)
        weights = OPTIONS["layer_weights"]
        self.content = self.encode(content, (CONTENT_LAYER,))[CONTENT_LAYER]
        spread = max(float(self.content.var(unbiased=False)), 1e-8)
        self.content_factor = weights[CONTENT_LAYER] * OPTIONS["content_weight"] / spread
        seen = self.encode(style, STYLE_LAYERS)
        self.shifts = {layer: x.mean(dim=(2, 3), keepdim=True) for layer, x in seen.items()}
        self.grams = {layer: gram(x - self.shifts[layer]) for layer, x in seen.items()}
        self.factors = {
            layer: weights.get(layer, 1.0) * OPTIONS["style_weight"] / len(self.grams)
            / max(float(target.square().mean()), 1e-12)
            for layer, target in self.grams.items()
        }  # fmt: skip
        self.palettes = [_palette(style, side) for side in (1, 4)]

    def __call__(self, image: Tensor) -> list[Tensor]:
        features = self.encode(image, (CONTENT_LAYER, *STYLE_LAYERS))
        terms = [self.content_factor * F.mse_loss(features[CONTENT_LAYER], self.content)]
        for layer, target in self.grams.items():
            term = F.mse_loss(gram(features[layer] - self.shifts[layer]), target)
            terms.append(self.factors[layer] * term)
        identity = torch.eye(3).to(image)
        distances = []
        for side, mean, whitening in self.palettes:
            colors = whitening @ (F.avg_pool2d(image, side)[0].flatten(1) - mean)
            distances.append((colors @ colors.T / colors.shape[1] - identity).square().mean())
        terms.append(OPTIONS["color_weight"] * torch.stack(distances).sum())
        vertical, horizontal = image.diff(dim=2).abs().mean(), image.diff(dim=3).abs().mean()
        return [*terms, OPTIONS["tv_weight"] * (vertical + horizontal) / 2]


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrix (1, C, C) of copied and scaled features."""
    batch, channels, height, width = features.shape
    flat = features.reshape(batch, channels, height * width) * (channels * height * width) ** -0.5
    return torch.bmm(flat, flat.transpose(1, 2))


def _palette(style: Tensor, side: int) -> tuple[int, Tensor, Tensor]:
    colors = F.avg_pool2d(style, side)[0].flatten(1)
    mean = colors.mean(dim=1, keepdim=True)
    covariance = (colors - mean) @ (colors - mean).T / colors.shape[1]
    values, vectors = torch.linalg.eigh(covariance + 2e-4 * torch.eye(3).to(covariance))
    return side, mean, vectors @ torch.diag(values.rsqrt()) @ vectors.T
