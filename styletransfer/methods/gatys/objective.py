"""What Gatys minimises: content, Gram style and total-variation losses of one picture at one size.

Every term is a function of sums over positions: squared differences, products of channels, products of colours. A
picture that is too large for the memory is therefore looked at strip by strip: a first pass adds the sums up, a
second one brings their gradients to the pixels. Both give what the whole picture would give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import at_least_float32
from styletransfer.layers import BY_TAP
from styletransfer.memory import is_lack
from styletransfer.methods.gatys import strips
from styletransfer.methods.gatys.config import GatysConfig
from styletransfer.methods.gatys.strength import holding
from styletransfer.methods.gatys.strips import Strip
from styletransfer.methods.gatys.targets import Looks, StyleTarget
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
        strength: How much of the style is wanted, in [0, 1]: a number, or a map (1, 1, H, W).
        steady: In a video, the previous result moved along, (1, 3, H, W), and where it is trusted, (1, 1, H, W).

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
        strength: float | Tensor = 1.0,
        steady: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self.network = extractor
        self.config = config
        self.rows = rows
        self.steady = steady
        self.boost = _BOOST
        self.layers = (*config.content_layers, *config.style_layers)
        self._height = content.shape[2]
        self._with_thinner_strips(lambda: self._set_targets(extractor, content, regions))
        self._content_factors = {k: self._content_factor(k) for k in config.content_layers}
        sizes = {k: (x.shape[2], x.shape[3]) for k, x in self.content.items()}
        self._holding = {k: holding(strength, size) for k, size in sizes.items()}
        self.scale = sum(self._content_factors[k] * float(x.square().mean()) for k, x in self.content.items())
        self.scale += sum(target.scale for target in self.targets)

    @torch.no_grad()
    def _set_targets(self, extractor: VGG19Features, content: Tensor, regions: Sequence[Region]) -> None:
        parts = list(Looks(extractor, content, self.config.content_layers, self.rows))
        self.content = {
            k: torch.cat([part[k] for part in parts], 2) if parts[1:] else parts[0][k] for k in parts[0]
        }
        self.targets = [StyleTarget(extractor, self.config, region, self.rows) for region in regions]

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
            wanted, holding = strip.rows(target, stride), self._holding[layer]
            if holding is None:
                found[f"content {layer}"] = F.mse_loss(own, wanted, reduction="sum")
            else:
                held = holding if holding.numel() == 1 else strip.rows(holding, stride)
                found[f"content {layer}"] = (held * (own - wanted).square()).sum()
        for number, style in enumerate(self.targets):
            for name, value in style.sums(strip, features, image).items():
                found[f"{name} {number}"] = value
        if self.steady is not None:
            moved, trust = (strip.rows(x, 1) for x in self.steady)
            found["temporal"] = (trust * (strip.own(image, 1) - moved).square()).sum()
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
        if self.steady is not None:  # Ruder et al. 2016, equation 7
            terms["temporal"] = self.config.temporal_weight / image.numel() * sums["temporal"]
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
        with torch.enable_grad():  # `grad_outputs` would do as well, but has torch load sympy for half a second
            total = self._boost * torch.stack([(value * gradient).sum() for value, gradient in known]).sum()
        image, variable = torch.autograd.grad(total, self._leaves)
        return (image, variable) if self._boost == 1 else (image / self._boost, variable / self._boost)
