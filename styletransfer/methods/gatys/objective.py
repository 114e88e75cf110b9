"""What Gatys minimises: content, Gram style and total-variation losses of one picture at one size.

Every term is a function of sums over positions: squared differences, products of channels, products of colours. A
picture that is too large for the memory is therefore looked at strip by strip: a first pass adds the sums up, a
second one brings their gradients to the pixels. Both give what the whole picture would give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import at_least_float32, gram_sum, position_shares
from styletransfer.layers import BY_TAP
from styletransfer.memory import is_lack
from styletransfer.methods.gatys import strips
from styletransfer.methods.gatys.config import GatysConfig
from styletransfer.methods.gatys.palette import SIDES, Palettes, mixed
from styletransfer.methods.gatys.strips import Strip
from styletransfer.stylizer import Region

#: Sums over positions, by what they are of.
Sums = dict[str, Tensor]
Result = TypeVar("Result")
#: The first factor that is tried on gradients in float16; it is reduced until none overflows.
_BOOST = 2.0**16


class Objective:
    """The Gatys loss of a picture at one size, as named terms; each is multiplied by its weight.

    Args:
        extractor: Feature extractor.
        config: Weights, layers and scaling.
        content: (1, 3, H, W).
        regions: Where which styles belong; their pictures may have any size. In a region the target is the
            mean of the Gram matrices by the styles' shares, which has the same minimum as the mean of the losses.
        rows: Height of the strips in which pictures are looked at; None for whole pictures.

    Attributes:
        scale: What content and style would score if every feature were 0: what counts as a large loss.
        network: What pictures are seen through; targets stay those of `extractor`.
        rows: Height of the strips that are in use: less than asked for once memory has run out.
        boost: Factor on gradients while they pass through a network in float16, where small ones would vanish.
    """

    def __init__(
        self,
        extractor: VGG19Features,
        config: GatysConfig,
        content: Tensor,
        regions: Sequence[Region],
        *,
        rows: int | None = None,
    ) -> None:
        self.network = extractor
        self.config = config
        self.rows = rows
        self.boost = _BOOST
        self.layers = (*config.content_layers, *config.style_layers)
        self._height = content.shape[2]
        self._with_thinner_strips(lambda: self._set_targets(extractor, content, regions))
        self._content_factors = {k: self._content_factor(k) for k in config.content_layers}
        self.scale = sum(self._content_factors[k] * float(x.square().mean()) for k, x in self.content.items())
        self.scale += sum(target.scale for target in self.targets)

    @torch.no_grad()
    def _set_targets(self, extractor: VGG19Features, content: Tensor, regions: Sequence[Region]) -> None:
        parts = list(_Looks(extractor, content, self.config.content_layers, self.rows))
        self.content = {
            k: torch.cat([part[k] for part in parts], 2) if parts[1:] else parts[0][k] for k in parts[0]
        }
        self.targets = [_StyleTarget(extractor, self.config, region, self.rows) for region in regions]

    def __call__(self, image: Tensor, variable: Tensor | None = None) -> dict[str, Tensor]:
        """Return the weighted terms of `image`; total variation is taken of `variable` where it differs."""
        variable = image if variable is None else variable
        if torch.is_grad_enabled() and (image.requires_grad or variable.requires_grad):
            names: list[str] = []
            values: tuple[Tensor, ...] = _Summed.apply(self, image, variable, names)
            return self._terms(dict(zip(names, values, strict=True)), image)
        return self._terms(self._with_thinner_strips(lambda: self._pass(image, variable)), image)

    @torch.no_grad()
    def _pass(self, image: Tensor, variable: Tensor) -> Sums:
        """Return the sums of a picture, strip by strip."""
        total: Sums = {}
        for strip in self._strips():
            for name, value in self.sums(strip, strip.crop(image), strip.crop(variable)).items():
                total[name] = total[name].add_(value) if name in total else value
        return total

    def sums(self, strip: Strip, image: Tensor, variable: Tensor) -> Sums:
        """Return a strip's part of all sums, from crops of the picture and of the variable."""
        features = self.network(image, self.layers)
        found = {}
        for layer, target in self.content.items():
            stride = BY_TAP[layer].stride
            own = at_least_float32(strip.own(features[layer], stride))
            found[f"content {layer}"] = F.mse_loss(own, strip.rows(target, stride), reduction="sum")
        for number, style in enumerate(self.targets):
            for name, value in style.sums(strip, features, image).items():
                found[f"{name} {number}"] = value
        first, count = strip.top - strip.above, strip.bottom - strip.top
        rows = variable[:, :, first : first + count + 1]  # with the next strip's first row
        own = rows[:, :, :count]
        found["tv down"] = F.l1_loss(rows[:, :, 1:], rows[:, :, :-1], reduction="sum")
        found["tv across"] = F.l1_loss(own[:, :, :, 1:], own[:, :, :, :-1], reduction="sum")
        return found

    def _terms(self, sums: Sums, image: Tensor) -> dict[str, Tensor]:
        terms = {}
        for layer, target in self.content.items():
            terms[f"content {layer}"] = self._content_factors[layer] / target.numel() * sums[f"content {layer}"]
        for number, style in enumerate(self.targets):
            for name, term in style.terms(sums, f" {number}").items():
                terms[name] = terms[name] + term if name in terms else term
        height, width = image.shape[2:]
        # `functional.total_variation`, of sums.
        down, across = max(3 * (height - 1) * width, 1), max(3 * height * (width - 1), 1)
        smooth = sums["tv down"] / down + sums["tv across"] / across
        return terms | {"tv": self.config.tv_weight / 2 * smooth}

    def lowers_boost(self, gradients: Sequence[Tensor]) -> bool:
        """Whether gradients overflowed for a factor that was too large, which is then reduced."""
        if self.network.dtype != torch.float16 or self.boost <= 1:
            return False
        if all(bool(torch.isfinite(gradient).all()) for gradient in gradients):
            return False
        self.boost /= 16
        return True

    def _strips(self) -> list[Strip]:
        return strips.divide(self._height, self.layers, self.rows)

    def _with_thinner_strips(self, work: Callable[[], Result]) -> Result:
        """Do the work; where memory runs out, again in strips of half the height."""
        while True:
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                if not is_lack(error) or not self._thinner():
                    raise

    def _thinner(self) -> bool:
        """Halve the height of the strips, if that is possible."""
        least = strips.alignment(self.layers)
        now = self._height if self.rows is None else self.rows
        if now <= least:
            return False
        self.rows = max(least, now // 2 // least * least)
        return True

    def _content_factor(self, layer: str) -> float:
        target = self.content[layer]
        own = self.config.layer_weight(layer) * self.config.content_weight
        if self.config.loss_scale == "gatys2016":
            return own * float(target.numel()) / 2  # equation 1: half the sum of squares
        if self.config.loss_scale == "mean":
            return own
        return own / len(self.content) / max(float(target.var(unbiased=False)), 1e-8)


class _Summed(torch.autograd.Function):
    """All sums of a picture. Whole pictures keep their graph, strips are looked at again for their gradient."""

    @staticmethod
    def forward(
        ctx: Any, objective: Objective, image: Tensor, variable: Tensor, names: list[str]
    ) -> tuple[Tensor, ...]:
        ctx.objective, ctx.graph = objective, None
        ctx.save_for_backward(image, variable)

        def work() -> Sums:
            if objective.rows is not None:
                return objective._pass(image, variable)
            (strip,) = objective._strips()
            ctx.graph = graph = _Graph(objective, strip, image, variable)
            return graph.sums

        sums = objective._with_thinner_strips(work)
        names += sums
        return tuple(value.detach() for value in sums.values())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        image, variable = ctx.saved_tensors
        objective: Objective = ctx.objective

        def work() -> tuple[Tensor, Tensor]:
            graph: _Graph | None = ctx.graph
            ctx.graph = None
            if graph is not None:
                return graph.gradients(gradients)
            of_image, of_variable = torch.zeros_like(image), torch.zeros_like(variable)
            for strip in objective._strips():
                parts = _Graph(objective, strip, image, variable).gradients(gradients)
                strip.crop(of_image).add_(parts[0])
                strip.crop(of_variable).add_(parts[1])
            return of_image, of_variable

        found = objective._with_thinner_strips(work)
        while objective.lowers_boost(found):
            found = objective._with_thinner_strips(work)
        return None, *found, None


class _Graph:
    """A strip's part of all sums, with what their gradient needs."""

    def __init__(self, objective: Objective, strip: Strip, image: Tensor, variable: Tensor) -> None:
        self._boost = objective.boost if objective.network.dtype == torch.float16 else 1.0
        self._leaves = [strip.crop(x.detach()).requires_grad_() for x in (image, variable)]
        with torch.enable_grad():
            self.sums = objective.sums(strip, *self._leaves)

    def gradients(self, of_sums: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the gradients of the strip's picture and variable, from those of the sums."""
        known = [(x, g) for x, g in zip(self.sums.values(), of_sums, strict=True) if x.requires_grad]
        values, gradients = zip(*known, strict=True)
        boosted = [gradient * self._boost for gradient in gradients] if self._boost != 1 else gradients
        image, variable = torch.autograd.grad(values, self._leaves, boosted)
        return (image, variable) if self._boost == 1 else (image / self._boost, variable / self._boost)


class _Looks:
    """The features of a picture, strip by strip; if it is looked at whole, they are kept."""

    def __init__(self, extractor: VGG19Features, picture: Tensor, layers: Sequence[str], rows: int | None) -> None:
        self._extractor, self._picture, self._layers = extractor, picture, layers
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


class _StyleTarget:
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
        looks = [_Looks(extractor, style, config.style_layers, rows) for style in styles]
        self.shifts = self._style_means(looks) if config.center_grams else {}
        grams = [self._style_grams(look) for look in looks]
        self.grams = {layer: mixed([gram[layer] for gram in grams], region.shares) for layer in grams[0]}
        self.palettes = Palettes(styles, region) if config.color_weight else None
        self._factors = {layer: self._factor(layer) for layer in config.style_layers}
        self.scale = sum(self._factors[k] * float(gram.square().mean()) for k, gram in self.grams.items())

    def sums(self, strip: Strip, features: Mapping[str, Tensor], image: Tensor) -> Sums:
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

    def terms(self, sums: Sums, ending: str) -> dict[str, Tensor]:
        """Return the weighted style terms, from sums whose names have that ending."""
        terms = {
            f"style {layer}": self._factors[layer] * F.mse_loss(sums[f"style {layer}{ending}"], gram)
            for layer, gram in self.grams.items()
        }
        if self.palettes is not None:
            moments = [sums[f"color {side}{ending}"] for side in range(len(SIDES))]
            terms["color"] = self.area * self.config.color_weight * self.palettes.distance(moments)
        return terms

    def _style_means(self, looks: list[_Looks]) -> dict[str, Tensor]:
        """What is subtracted from each layer's activations before its Gram matrix is formed.

        An activation is positive, so a Gram matrix is mostly the product of the means, and hues could drift far
        before it noticed. Shifted by the style's means it is a covariance there. Novak and Nikulin (2016) shift
        activations for the same reason, by a constant.
        """
        means = []
        for look in looks:
            averages = _Averages()
            for own in look:
                for layer, x in own.items():
                    averages.add(layer, x.sum(dim=(2, 3), keepdim=True), _positions(x))
            means.append(averages.result())
        return {layer: mixed([mean[layer] for mean in means], self.region.shares) for layer in means[0]}

    def _style_grams(self, look: _Looks) -> dict[str, Tensor]:
        """Return `gram_matrix` of a style's shifted features, by layer."""
        averages = _Averages()
        for own in look:
            for layer, x in own.items():
                gram = gram_sum(x, shift=self.shifts.get(layer))
                averages.add(layer, gram, x.shape[1] * _positions(x))
        return averages.result()

    def _shares_at(self, layer: str, size: tuple[int, int]) -> Tensor | None:
        """Return how much each position of a layer counts, (1, 1, h, w), or None for all the same."""
        key = (layer, *size)
        if key not in self._shares:
            mask = self.region.mask_at(size)
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
        self._counts: dict[str, int] = {}

    def add(self, name: str, value: Tensor, count: int) -> None:
        """Add the sum of so many values."""
        self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._counts[name] = self._counts.get(name, 0) + count

    def result(self) -> dict[str, Tensor]:
        """Return the averages."""
        return {name: value / self._counts[name] for name, value in self._sums.items()}


def _positions(features: Tensor) -> int:
    return features.shape[2] * features.shape[3]


def pixels(source: Any) -> Tensor:
    """Return a style's picture: the interface lets nothing else through to Gatys."""
    picture: Tensor = source
    return picture
