"""What Gatys minimises: content, Gram style and total-variation losses of one picture at one size."""

from __future__ import annotations

import torch
from torch import Tensor

from styletransfer import losses
from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import gram_matrix, total_variation
from styletransfer.methods.gatys_config import GatysConfig


class Objective:
    """The Gatys loss of a picture at one size, as named terms; each is multiplied by its weight.

    Args:
        extractor: Feature extractor.
        config: Weights, layers and scaling.
        content: (1, 3, H, W).
        styles: Pictures of any size.
        style_mix: One share per style. The target is the mean of the Gram matrices with these shares, which
            has the same minimum as the mean of the losses.
    """

    def __init__(
        self,
        extractor: VGG19Features,
        config: GatysConfig,
        content: Tensor,
        styles: list[Tensor],
        style_mix: tuple[float, ...],
    ) -> None:
        self.extractor = extractor
        self.config = config
        self.layers = (*config.content_layers, *config.style_layers)
        with torch.no_grad():
            self.content = extractor(content, config.content_layers)
            self.grams = {layer: torch.zeros((), device=content.device) for layer in config.style_layers}
            for style, share in zip(styles, style_mix, strict=True):
                for layer, features in extractor(style, config.style_layers).items():
                    self.grams[layer] = self.grams[layer] + share * gram_matrix(features)
        self._factors = {f"content {k}": self._content_factor(k) for k in config.content_layers} | {
            f"style {k}": self._style_factor(k) for k in config.style_layers
        }

    def __call__(self, image: Tensor, variable: Tensor | None = None) -> dict[str, Tensor]:
        """Return the weighted terms of `image`; total variation is taken of `variable` where it differs."""
        features = self.extractor(image, self.layers)
        terms = {}
        for layer, target in self.content.items():
            term = losses.content_loss(features[layer], target)
            terms[f"content {layer}"] = self._factors[f"content {layer}"] * term
        for layer, gram in self.grams.items():
            term = losses.gram_style_loss(features[layer], gram)
            terms[f"style {layer}"] = self._factors[f"style {layer}"] * term
        smooth = total_variation(image if variable is None else variable).sum()
        return terms | {"tv": self.config.tv_weight * smooth}

    def _content_factor(self, layer: str) -> float:
        target = self.content[layer]
        own = (self.config.layer_weights or {}).get(layer, 1.0) * self.config.content_weight
        if self.config.loss_scale == "gatys2016":
            return own * float(target.numel()) / 2  # equation 1: half the sum of squares
        if self.config.loss_scale == "mean":
            return own
        return own / len(self.content) / max(float(target.var(unbiased=False)), 1e-8)

    def _style_factor(self, layer: str) -> float:
        gram = self.grams[layer]
        own = (self.config.layer_weights or {}).get(layer, 1.0) * self.config.style_weight
        channels = gram.shape[-1]
        if self.config.loss_scale == "gatys2016":
            # Equations 4 and 5 with our Gram, which is theirs over N * M: sum / (4 N^2 M^2) = N^2 / 4 * mean.
            return own / len(self.grams) * channels**2 / 4
        if self.config.loss_scale == "mean":
            return own
        return own / len(self.grams) / max(float(gram.square().mean()), 1e-12)
