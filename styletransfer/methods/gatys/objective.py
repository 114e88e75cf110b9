"""What Gatys minimises: content, Gram style and total-variation losses of one picture at one size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer import losses
from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import gram_matrix, total_variation
from styletransfer.methods.gatys.config import GatysConfig
from styletransfer.stylizer import Region


class Objective:
    """The Gatys loss of a picture at one size, as named terms; each is multiplied by its weight.

    Args:
        extractor: Feature extractor.
        config: Weights, layers and scaling.
        content: (1, 3, H, W).
        regions: Where which styles belong; their pictures may have any size. In a region the target is the
            mean of the Gram matrices by the styles' shares, which has the same minimum as the mean of the losses.

    Attributes:
        scale: What content and style would score if every feature were 0: what counts as a large loss.
    """

    def __init__(
        self,
        extractor: VGG19Features,
        config: GatysConfig,
        content: Tensor,
        regions: Sequence[Region],
    ) -> None:
        self.extractor = extractor
        self.config = config
        self.layers = (*config.content_layers, *config.style_layers)
        with torch.no_grad():
            self.content = extractor(content, config.content_layers)
            self.targets = [_StyleTarget(extractor, config, region) for region in regions]
        self._content_factors = {k: self._content_factor(k) for k in config.content_layers}
        self.scale = sum(self._content_factors[k] * float(x.square().mean()) for k, x in self.content.items())
        self.scale += sum(target.scale for target in self.targets)

    def __call__(self, image: Tensor, variable: Tensor | None = None) -> dict[str, Tensor]:
        """Return the weighted terms of `image`; total variation is taken of `variable` where it differs."""
        features = self.extractor(image, self.layers)
        terms = {}
        for layer, target in self.content.items():
            term = losses.content_loss(features[layer], target)
            terms[f"content {layer}"] = self._content_factors[layer] * term
        for target in self.targets:
            for name, term in target.terms(features, image).items():
                terms[name] = terms[name] + term if name in terms else term
        smooth = total_variation(image if variable is None else variable).sum()
        return terms | {"tv": self.config.tv_weight * smooth}

    def _content_factor(self, layer: str) -> float:
        target = self.content[layer]
        own = self.config.layer_weight(layer) * self.config.content_weight
        if self.config.loss_scale == "gatys2016":
            return own * float(target.numel()) / 2  # equation 1: half the sum of squares
        if self.config.loss_scale == "mean":
            return own
        return own / len(self.content) / max(float(target.var(unbiased=False)), 1e-8)


class _StyleTarget:
    """Gram matrices and palette that a region is pulled towards.

    Args:
        extractor: Feature extractor.
        config: Weights, layers and scaling.
        region: The styles and where they belong. A region's terms count by its share of the picture.

    Attributes:
        scale: What the style terms would score if every feature were 0.
    """

    def __init__(self, extractor: VGG19Features, config: GatysConfig, region: Region) -> None:
        self.config = config
        self.region = region
        self.area = 1.0 if region.mask is None else float(region.mask.mean())
        styles = [pixels(style.source) for style in region.styles]
        seen = [extractor(style, config.style_layers) for style in styles]
        self.shifts = {layer: self._shift([s[layer] for s in seen]) for layer in seen[0]}
        self.grams = {
            layer: mixed([gram_matrix(s[layer] - shift) for s in seen], region.shares)
            for layer, shift in self.shifts.items()
        }
        self.palettes = Palettes(styles, region) if config.color_weight else None
        self._factors = {layer: self._factor(layer) for layer in config.style_layers}
        self.scale = sum(self._factors[k] * float(gram.square().mean()) for k, gram in self.grams.items())

    def terms(self, features: Mapping[str, Tensor], image: Tensor) -> dict[str, Tensor]:
        """Return the weighted style terms of a picture with these features."""
        terms = {}
        for layer, gram in self.grams.items():
            x = features[layer]
            weights = self.region.mask_at((x.shape[2], x.shape[3]))
            term = losses.gram_style_loss(x - self.shifts[layer], gram, weights)
            terms[f"style {layer}"] = self._factors[layer] * term
        if self.palettes is not None:
            terms["color"] = self.area * self.config.color_weight * self.palettes.loss(image)
        return terms

    def _shift(self, features: list[Tensor]) -> Tensor:
        """What is subtracted from a layer's activations before its Gram matrix is formed.

        An activation is positive, so a Gram matrix is mostly the product of the means, and hues could drift far
        before it noticed. Shifted by the style's means it is a covariance there. Novak and Nikulin (2016) shift
        activations for the same reason, by a constant.
        """
        means = [x.mean(dim=(2, 3), keepdim=True) for x in features]
        mean = mixed(means, self.region.shares)
        return mean if self.config.center_grams else torch.zeros_like(mean)

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


class Palettes:
    """The styles' colours at two sizes of detail: mean and covariance of RGB, to be shared by the result.

    A quarter-width network sees hues dimly: without this, grey styles come out iridescent. The covariance is
    taken in coordinates in which the style's own is the identity, so that a little colour in a grey style counts.

    Args:
        styles: (1, 3, H, W) each.
        region: Their shares, and where they belong.
    """

    def __init__(self, styles: list[Tensor], region: Region) -> None:
        self._region = region
        self._targets = []
        style_mix = region.shares
        for side in (1, 4):
            colors = [_colors(style, side) for style in styles]
            mean = mixed([c.mean(dim=1, keepdim=True) for c in colors], style_mix)
            covariance = mixed([(c - mean) @ (c - mean).T / c.shape[1] for c in colors], style_mix)
            # The addend, a deviation of 1.4 % of full scale, bounds what a style without colour can demand.
            values, vectors = torch.linalg.eigh(
                covariance + 2e-4 * torch.eye(3, dtype=mean.dtype, device=mean.device)
            )
            self._targets.append((side, mean, vectors @ torch.diag(values.rsqrt()) @ vectors.T))

    def loss(self, image: Tensor) -> Tensor:
        """Return the mean squared distance of the whitened colours' second moments from the identity."""
        identity = torch.eye(3, dtype=image.dtype, device=image.device)
        terms = []
        for side, mean, whitening in self._targets:
            pooled = F.avg_pool2d(image, side)
            mask = self._region.mask_at((pooled.shape[2], pooled.shape[3]))
            colors = whitening @ (pooled[0].flatten(1) - mean)
            second = (
                colors @ colors.T / colors.shape[1]
                if mask is None
                else (colors * mask.flatten()) @ colors.T / mask.sum().clamp_min(1e-8)
            )
            terms.append((second - identity).square().mean())
        return torch.stack(terms).sum()


def _colors(picture: Tensor, side: int) -> Tensor:
    """Return the colours of a (1, 3, H, W) picture, averaged over squares of `side`, as (3, number)."""
    return F.avg_pool2d(picture, side)[0].flatten(1)


def pixels(source: Any) -> Tensor:
    """Return a style's picture: the interface lets nothing else through to Gatys."""
    picture: Tensor = source
    return picture


def mixed(values: list[Tensor], shares: tuple[float, ...]) -> Tensor:
    """Return the sum of `values`, each times its share."""
    parts = [share * value for share, value in zip(shares, values, strict=True)]
    return sum(parts[1:], start=parts[0])
