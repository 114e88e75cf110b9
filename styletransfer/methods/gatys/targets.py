"""What a Gatys objective pulls towards: the features of pictures, strip by strip, and a region's style."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import at_least_float32, gram_sum, position_shares
from styletransfer.layers import BY_TAP
from styletransfer.methods.gatys import strips
from styletransfer.methods.gatys.config import GatysConfig
from styletransfer.methods.gatys.palette import SIDES, Palettes, mixed
from styletransfer.methods.gatys.strips import Strip
from styletransfer.request import mask_at
from styletransfer.stylizer import Region


class Looks:
    """The features of a picture, strip by strip; if it is looked at whole, they are kept.

    Args:
        extractor: Feature extractor.
        picture: (1, 3, H, W).
        layers: Which features.
        rows: Height of the strips; None for the whole picture.
        mask: How much each pixel counts, (1, 1, H, W), or None for all the same.
    """

    def __init__(
        self,
        extractor: VGG19Features,
        picture: Tensor,
        layers: Sequence[str],
        rows: int | None,
        mask: Tensor | None = None,
    ) -> None:
        self._extractor, self._picture, self._layers = extractor, picture, layers
        size = picture.shape[2], picture.shape[3]
        self._weights = {
            k: None if mask is None else mask_at(mask, extractor.feature_size(k, size)) for k in layers
        }
        self._strips = strips.divide(picture.shape[2], layers, rows)
        self._kept: dict[str, Tensor] | None = None

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        for strip in self._strips:
            features = self._kept
            if features is None:
                seen = self._extractor(strip.crop(self._picture), self._layers)
                features = {k: at_least_float32(strip.own(x, BY_TAP[k].stride)) for k, x in seen.items()}
            if len(self._strips) == 1:
                self._kept = features
            yield features

    def weighted(self) -> Iterator[tuple[str, Tensor, Tensor | None]]:
        """Yield each layer's features with how much each position counts, (1, 1, h, w) or None, for each strip."""
        for strip, features in zip(self._strips, self, strict=True):
            for layer, x in features.items():
                weights = self._weights[layer]
                yield layer, x, None if weights is None else strip.rows(weights, BY_TAP[layer].stride)


class StyleTarget:
    """Gram matrices and palette that a region is pulled towards.

    Args:
        extractor: Feature extractor.
        config: Weights, layers and scaling.
        region: The styles and where they belong. A region's terms count by its share of the picture.
        rows: Height of the strips in which the styles are looked at; None for whole pictures.

    Attributes:
        scale: What the style terms would score if every feature were 0.
    """

    def __init__(self, extractor: VGG19Features, config: GatysConfig, region: Region, rows: int | None) -> None:
        self.config = config
        self.region = region
        self.area = 1.0 if region.mask is None else float(region.mask.mean())
        self._extractor = extractor
        self._shares: dict[tuple[str, int, int], Tensor | None] = {}
        styles = [pixels(style.source) for style in region.styles]
        looks = [
            Looks(extractor, picture, config.style_layers, rows, style.looked_at)
            for picture, style in zip(styles, region.styles, strict=True)
        ]
        self.shifts = self._style_means(looks) if config.center_grams else {}
        grams = [self._style_grams(look) for look in looks]
        self.grams = {layer: mixed([gram[layer] for gram in grams], region.shares) for layer in grams[0]}
        self.palettes = Palettes(styles, region) if config.color_weight else None
        self._factors = {layer: self._factor(layer) for layer in config.style_layers}
        self.scale = sum(self._factors[k] * float(gram.square().mean()) for k, gram in self.grams.items())

    def sums(self, strip: Strip, features: Mapping[str, Tensor], image: Tensor) -> dict[str, Tensor]:
        """Return a strip's part of the Gram matrices and of the colours' moments."""
        found = {}
        for layer in self.grams:
            stride = BY_TAP[layer].stride
            own = strip.own(features[layer], stride)
            size = self._extractor.feature_size(layer, (strip.height, image.shape[3]))
            shares = self._shares_at(layer, size)
            divisor = own.shape[1] * (size[0] * size[1] if shares is None else 1)
            weights = None if shares is None else strip.rows(shares, stride).flatten(2)
            found[f"style {layer}"] = gram_sum(own, weights, self.shifts.get(layer)) / divisor
        if self.palettes is not None:
            for side, moment in enumerate(self.palettes.moments(strip.own(image, 1), strip)):
                found[f"color {side}"] = moment
        return found

    def terms(self, sums: Mapping[str, Tensor], ending: str) -> dict[str, Tensor]:
        """Return the weighted style terms, from sums whose names have that ending."""
        terms = {
            f"style {layer}": self._factors[layer] * F.mse_loss(sums[f"style {layer}{ending}"], gram)
            for layer, gram in self.grams.items()
        }
        if self.palettes is not None:
            moments = [sums[f"color {side}{ending}"] for side in range(len(SIDES))]
            terms["color"] = self.area * self.config.color_weight * self.palettes.distance(moments)
        return terms

    def _style_means(self, looks: list[Looks]) -> dict[str, Tensor]:
        """What is subtracted from each layer's activations before its Gram matrix is formed.

        An activation is positive, so a Gram matrix is mostly the product of the means, and hues could drift far
        before it noticed. Shifted by the style's means it is a covariance there. Novak and Nikulin (2016) shift
        activations for the same reason, by a constant.
        """
        means = []
        for look in looks:
            averages = _Averages()
            for layer, x, weights in look.weighted():
                counted = x if weights is None else x * weights
                averages.add(layer, counted.sum(dim=(2, 3), keepdim=True), _count(x, weights))
            means.append(averages.result())
        return {layer: mixed([mean[layer] for mean in means], self.region.shares) for layer in means[0]}

    def _style_grams(self, look: Looks) -> dict[str, Tensor]:
        """Return `gram_matrix` of a style's shifted features, by layer."""
        averages = _Averages()
        for layer, x, weights in look.weighted():
            flat = None if weights is None else weights.flatten(2)
            averages.add(layer, gram_sum(x, flat, self.shifts.get(layer)), x.shape[1] * _count(x, weights))
        return averages.result()

    def _shares_at(self, layer: str, size: tuple[int, int]) -> Tensor | None:
        """Return how much each position of a layer counts, (1, 1, h, w), or None for all the same."""
        key = (layer, *size)
        if key not in self._shares:
            mask = self.region.weights_at(size)
            self._shares[key] = None if mask is None else position_shares(mask, mask.flatten(2)).view(mask.shape)
        return self._shares[key]

    def _factor(self, layer: str) -> float:
        gram = self.grams[layer]
        own = self.area * self.config.layer_weight(layer) * self.config.style_weight
        channels = gram.shape[-1]
        if self.config.loss_scale == "gatys2016":
            # Equations 4 and 5 with our Gram, which is theirs over N * M: sum / (4 N^2 M^2) = N^2 / 4 * mean.
            return own / len(self.grams) * channels**2 / 4
        if self.config.loss_scale == "mean":
            return own
        return own / len(self.grams) / max(float(gram.square().mean()), 1e-12)


class _Averages:
    """Averages by name, of sums that come in parts."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, float] = {}

    def add(self, name: str, value: Tensor, count: float) -> None:
        """Add the sum of so many values."""
        self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._counts[name] = self._counts.get(name, 0) + count

    def result(self) -> dict[str, Tensor]:
        """Return the averages."""
        return {name: value / self._counts[name] for name, value in self._sums.items()}


def _count(features: Tensor, weights: Tensor | None) -> float:
    """Return how many positions there are, or the sum of their weights."""
    return features.shape[2] * features.shape[3] if weights is None else float(weights.sum())


def pixels(source: Any) -> Tensor:
    """Return a style's picture: the interface lets nothing else through to Gatys."""
    picture: Tensor = source
    return picture
