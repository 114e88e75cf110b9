"""The descent of Gatys et al. (2016) with Adam, one step at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks import floor
from benchmarks.textbook import Encoder
from styletransfer.layers import BY_TAP

CONTENT_LAYER = "relu4_2"
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_WEIGHT, STYLE_WEIGHT, TV_WEIGHT, LEARNING_RATE = 1.0, 1e3, 10.0, 0.02
OPTIONS: dict[str, Any] = {
    "content_layers": (CONTENT_LAYER,),
    "style_layers": STYLE_LAYERS,
    "layer_weights": {},
    "content_weight": CONTENT_WEIGHT,
    "style_weight": STYLE_WEIGHT,
    "tv_weight": TV_WEIGHT,
    "color_weight": 0.0,
    "center_grams": False,
    "loss_scale": "mean",
    "optimizer": "adam",
    "learning_rate": LEARNING_RATE,
    "pyramid": 0,
    "clamp": False,
    "init": "content",
    "scales": (1.0,),
}
STAGES: tuple[str, ...] = ()


class Textbook:
    """A descent; each call is a step.

    Attributes:
        image: The picture so far.
        loss: Of the last step.
    """

    def __init__(self, stylizer: Any, content: Tensor, style: Tensor) -> None:
        self.model = Encoder(stylizer.extractor, STYLE_LAYERS[-1])
        self.content, self.style = content, style
        self.image = content.clone().requires_grad_(True)
        self.optimizer = torch.optim.Adam([self.image], lr=LEARNING_RATE)
        self.loss = float("nan")

    def __call__(self) -> None:
        self.optimizer.step(self.evaluate)

    def evaluate(self) -> Tensor:
        layers = (CONTENT_LAYER, *STYLE_LAYERS)
        generated_features = self.model(self.image, layers)
        content_features = self.model(self.content, layers)
        style_features = self.model(self.style, layers)
        content_loss = torch.mean((generated_features[CONTENT_LAYER] - content_features[CONTENT_LAYER]) ** 2)
        style_loss = torch.zeros((), device=self.image.device)
        for layer in STYLE_LAYERS:
            difference = gram(generated_features[layer]) - gram(style_features[layer])
            style_loss = style_loss + torch.mean(difference**2)
        vertical = torch.mean(torch.abs(self.image[:, :, 1:, :] - self.image[:, :, :-1, :]))
        horizontal = torch.mean(torch.abs(self.image[:, :, :, 1:] - self.image[:, :, :, :-1]))
        smooth = 0.5 * (vertical + horizontal)
        loss = CONTENT_WEIGHT * content_loss + STYLE_WEIGHT * style_loss + TV_WEIGHT * smooth
        self.optimizer.zero_grad()
        loss.backward()
        self.loss = loss.item()
        return loss


def gram(features: Tensor) -> Tensor:
    """Gatys et al. (2016), equation 3, over the number of elements."""
    batch, channels, height, width = features.shape
    flat = features.view(batch, channels, height * width)
    return torch.matmul(flat, flat.transpose(1, 2)) / (channels * height * width)


def operations(stylizer: Any, size: tuple[int, int], style_size: tuple[int, int] | None = None) -> int:
    """Count one step: forward, and backward to the picture, which costs the same; Gram matrices likewise."""
    layers = stylizer.config.style_layers
    deepest = max(layers, key=lambda tap: (BY_TAP[tap].block, BY_TAP[tap].number))
    forward = floor.encoder(stylizer.extractor, deepest, size) + floor.grams(stylizer.extractor, layers, size)
    return 2 * forward
