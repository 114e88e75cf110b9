"""Style transfer by image optimisation: Gatys, Ecker and Bethge, CVPR 2016.

The picture itself is the variable. Its features are pulled towards the content's, their Gram matrices towards the
style's, while total variation keeps it smooth.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from styletransfer import images, losses
from styletransfer.errors import DivergenceError, ImageError, StylizeInterrupted
from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import gram_matrix, total_variation
from styletransfer.methods.adain import AdaINStylizer
from styletransfer.methods.gatys_config import GatysConfig, from_options
from styletransfer.methods.optimize import Descent, minimize
from styletransfer.stylizer import OnStep, Step, Stylization, Stylizer

#: ImageNet's colour statistics: the space in which Dive into Deep Learning optimises.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: No side is made smaller than this by `scales`, pixels.
_SMALLEST = 32


class Objective:
    """The Gatys loss of a picture at one size, as named terms; each is multiplied by its weight.

    Args:
        extractor: Feature extractor.
        config: Weights, layers and scaling.
        content: (1, 3, H, W).
        styles: Pictures of any size.
        style_mix: One share per style. The target is the mean of the Gram matrices with these shares, which has
            the same minimum as the mean of the losses.
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
        self.layers = tuple({*config.content_layers, *config.style_layers})
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
            return own * target.numel() / 2  # equation 1: half the sum of squares
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


class GatysStylizer(Stylizer):
    """Image optimisation behind the common interface.

    Example:
        >>> import styletransfer as st
        >>> from styletransfer import samples
        >>> content, style = samples.draw("valley", long_edge=64), samples.draw("mosaic", long_edge=64)
        >>> result = st.stylize(content, style, method="gatys", steps=3, scales=(1.0,))
        >>> result.image.shape[1], len(result.history)
        (3, 3)
    """

    method: ClassVar[str] = "gatys"
    summary: ClassVar[str] = "image optimisation: content, Gram and total-variation losses (Gatys et al. 2016)"
    config_type: ClassVar[type] = GatysConfig

    def __init__(self, extractor: VGG19Features, config: GatysConfig | None = None) -> None:
        self.extractor = extractor
        self.config = config or GatysConfig()
        extractor.channels(max(self.config.content_layers + self.config.style_layers, key=_depth))
        pooling: Any = self.config.pooling
        self._seen_through = extractor.variant(pooling=pooling)
        # Made at once, so that an extractor without a decoder is refused before any work.
        self._starter = AdaINStylizer.create(extractor, {}) if self.config.init == "adain" else None

    @classmethod
    def create(cls, extractor: VGG19Features, options: Mapping[str, Any]) -> GatysStylizer:
        """See `Stylizer.create`."""
        return cls(extractor, from_options(options))

    def _run(
        self, content: Tensor, styles: list[Tensor], style_mix: tuple[float, ...], on_step: OnStep | None
    ) -> Stylization:
        runs = [
            _Run(self, content[i : i + 1], [s[i % s.shape[0]][None] for s in styles], style_mix, on_step)
            for i in range(content.shape[0])
        ]
        results = [run.result() for run in runs]
        if len(results) == 1:
            return results[0]
        terms = {k: sum(r.losses[k] for r in results) / len(results) for k in results[0].losses}
        return dataclasses.replace(
            results[0],
            image=torch.cat([r.image for r in results]),
            losses=terms,
            history=[step for r in results for step in r.history],
            seconds=sum(r.seconds for r in results),
        )


class _Run:
    """One picture's descent through all sizes, with its history."""

    def __init__(
        self,
        stylizer: GatysStylizer,
        content: Tensor,
        styles: list[Tensor],
        style_mix: tuple[float, ...],
        on_step: OnStep | None,
    ) -> None:
        self.stylizer = stylizer
        self.config: GatysConfig = stylizer.config
        self.content = content
        self.styles = styles
        self.style_mix = style_mix
        self.on_step = on_step
        self.history: list[Step] = []
        self.image = content
        self.schedule = _feasible(self.config.schedule, content)
        self.began = time.perf_counter()
        space = self.config.variable == "imagenet"
        self.mean = torch.tensor(_MEAN if space else (0.0,) * 3, device=content.device).view(1, 3, 1, 1)
        self.std = torch.tensor(_STD if space else (1.0,) * 3, device=content.device).view(1, 3, 1, 1)

    def result(self) -> Stylization:
        self.began = time.perf_counter()
        stopped = "steps"
        try:
            self.image = self._start()
            for scale, steps in self.schedule:
                stopped = self._descend(scale, steps)
        except KeyboardInterrupt:
            done = self._stylization("interrupted")
            raise StylizeInterrupted(
                f"Interrupted after {len(self.history)} steps; the picture so far is kept on this "
                "exception as .stylization.",
                stylization=done,
            ) from None
        return self._stylization(stopped)

    def _stylization(self, stopped: str) -> Stylization:
        size = _size(self.content)
        image = self.image if _size(self.image) == size else images.resize(self.image, size)
        return Stylization(
            image=image.clamp(0, 1),
            method=self.stylizer.method,
            extractor=self.stylizer.extractor.name,
            losses=dict(self.history[-1].losses) if self.history else {},
            history=list(self.history),
            seconds=time.perf_counter() - self.began,
            config=self.config,
            stopped=stopped,
        )

    def _start(self) -> Tensor:
        init = self.config.init
        if isinstance(init, Tensor):
            start = images.read_picture(init, what="init").rgb.to(self.content.device)
            if start.shape != self.content.shape:
                raise ImageError(
                    f"init has shape {tuple(start.shape)}, the content {tuple(self.content.shape)}; "
                    "give a tensor of the content's shape."
                )
            return start
        if init == "noise":
            generator = torch.Generator().manual_seed(self.config.seed)
            # Mid grey with the contrast of ordinary pictures; drawn on the CPU, so equal on every device.
            noise = 0.5 + 0.25 * torch.randn(self.content.shape, generator=generator)
            return noise.clamp(0, 1).to(self.content.device)
        if init == "style":
            return images.resize(self.styles[0], _size(self.content))
        if self.stylizer._starter is not None:
            starter = self.stylizer._starter
            return starter._run(self.content, self.styles, self.style_mix, None).image
        return self.content

    def _descend(self, scale: float, steps: int) -> str:
        size = _scaled(self.content, scale)
        content = images.resize(self.content, size)
        styles = [images.resize(style, _scaled(style, scale)) for style in self.styles]
        objective = Objective(self.stylizer._seen_through, self.config, content, styles, self.style_mix)
        done = len(self.history)
        planned = done + sum(n for s, n in self.schedule if s >= scale)

        def watch(step: int, terms: Mapping[str, float], variable: Tensor) -> None:
            self.image = (variable * self.std + self.mean).clamp(0, 1)
            record = Step(
                step=done + step,
                steps=planned,
                seconds=time.perf_counter() - self.began,
                losses=_sums(terms),
                size=size,
            )
            self.history.append(record)
            if self.on_step is not None:
                self.on_step(dataclasses.replace(record, image=self.image))

        start = (images.resize(self.image, size) - self.mean) / self.std
        bounds = ((0 - self.mean) / self.std, (1 - self.mean) / self.std)
        descent = Descent(
            optimizer=self.config.optimizer,
            learning_rate=self.config.learning_rate,
            steps=steps,
            decay=self.config.decay,
            decay_every=self.config.decay_every,
            tolerance=self.config.tolerance,
            patience=self.config.patience,
            retries=self.config.retries,
            clamp=bounds if self.config.clamp else None,
        )
        try:
            best, stopped = minimize(
                start, lambda x: objective(x * self.std + self.mean, x), descent, watch
            )
        except DivergenceError as error:
            if error.image is not None:
                error.image = (error.image * self.std + self.mean).clamp(0, 1)
            raise
        self.image = best * self.std + self.mean
        return stopped


def _depth(tap: str) -> tuple[int, int]:
    return int(tap[4]), int(tap[6])


def _size(picture: Tensor) -> tuple[int, int]:
    return picture.shape[2], picture.shape[3]


def _scaled(picture: Tensor, scale: float) -> tuple[int, int]:
    height, width = (max(16, round(side * scale)) for side in picture.shape[2:])
    return height, width


def _feasible(schedule: tuple[tuple[float, int], ...], content: Tensor) -> tuple[tuple[float, int], ...]:
    """Leave out sizes at which a side would fall below `_SMALLEST` pixels."""
    return tuple((s, n) for s, n in schedule if s == 1 or min(content.shape[2:]) * s >= _SMALLEST)


def _sums(terms: Mapping[str, float]) -> dict[str, float]:
    """Sum the terms by kind: ``content``, ``style``, ``tv``, ``total``."""
    kinds = {kind: 0.0 for kind in ("content", "style", "tv")}
    for name, value in terms.items():
        kinds[name.split()[0]] += value
    return kinds | {"total": sum(terms.values())}
