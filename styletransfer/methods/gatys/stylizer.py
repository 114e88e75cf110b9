"""Style transfer by image optimisation: Gatys, Ecker and Bethge, CVPR 2016.

The picture itself is the variable. Its features are pulled towards the content's, their Gram matrices towards
the style's, while total variation keeps it smooth.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from styletransfer import images
from styletransfer.errors import DivergenceError, ImageError, StylizeInterrupted
from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.feedforward.adain import AdaINStylizer
from styletransfer.methods.gatys.canvas import Canvas
from styletransfer.methods.gatys.config import GatysConfig, from_options
from styletransfer.methods.gatys.descent import Descent, minimize
from styletransfer.methods.gatys.objective import Objective
from styletransfer.stylizer import OnStep, Step, Stylization, Stylizer, synchronize

__all__ = ["GatysStylizer", "Objective"]

#: No side is made smaller than this by `scales`, pixels.
_SMALLEST = 32


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
        self._starter = (
            AdaINStylizer.create(extractor, {"measure": False}) if self.config.init == "adain" else None
        )

    @classmethod
    def create(cls, extractor: VGG19Features, options: Mapping[str, Any]) -> GatysStylizer:
        """See `Stylizer.create`."""
        return cls(extractor, from_options(options))

    def _run(
        self, content: Tensor, styles: list[Tensor], style_mix: tuple[float, ...], on_step: OnStep | None
    ) -> Stylization:
        # A caller may have switched gradients off. Tensors made in inference mode cannot take part in a
        # descent, their copies can.
        with torch.inference_mode(False), torch.enable_grad():
            content, styles = content.clone(), [style.clone() for style in styles]
            given = self._given_start(content)
            done: list[Stylization] = []
            for i in range(content.shape[0]):
                run = _Run(
                    self,
                    content[i : i + 1],
                    [style[i % style.shape[0]][None] for style in styles],
                    style_mix,
                    on_step,
                    start=None if given is None else given[i % given.shape[0]][None],
                    before=[step for result in done for step in result.history],
                    to_come=content.shape[0] - 1 - i,
                )
                try:
                    done.append(run.result())
                except StylizeInterrupted as interrupted:
                    # Pictures that were not reached stay as they were.
                    joined = _join([*done, interrupted.stylization])
                    image = torch.cat([joined.image, content[i + 1 :]])
                    interrupted.stylization = dataclasses.replace(joined, image=image, stopped="interrupted")
                    raise
            return _join(done)

    def _given_start(self, content: Tensor) -> Tensor | None:
        """Return the tensor that was given as `init`, checked, or None if `init` is a name."""
        if not isinstance(self.config.init, Tensor):
            return None
        start = images.read_picture(self.config.init, what="init").rgb.to(content.device)
        if start.shape[2:] != content.shape[2:] or start.shape[0] not in (1, content.shape[0]):
            raise ImageError(
                f"init has shape {tuple(start.shape)}, the content {tuple(content.shape)}; "
                "give a tensor of the content's shape."
            )
        return start


def _join(results: list[Stylization]) -> Stylization:
    """Put the pictures of a batch together; their losses are averaged."""
    if len(results) == 1:
        return results[0]
    measured = [r.losses for r in results if r.losses]  # one interrupted before its first step has none
    losses = {k: sum(own[k] for own in measured) / len(measured) for k in measured[0]}
    return dataclasses.replace(
        results[0],
        image=torch.cat([r.image for r in results]),
        losses=losses,
        history=[step for r in results for step in r.history],
        seconds=sum(r.seconds for r in results),
    )


class _Run:
    """One picture's descent through all sizes, with its history.

    Args:
        stylizer: Whose extractor and options are used.
        content: (1, 3, H, W).
        styles: (1, 3, H, W) each.
        style_mix: One share per style.
        on_step: Called after each step.
        start: The tensor that was given as `init`, (1, 3, H, W), if one was.
        before: Steps of the batch's earlier pictures.
        to_come: How many pictures of the batch are worked on after this one.
    """

    def __init__(
        self,
        stylizer: GatysStylizer,
        content: Tensor,
        styles: list[Tensor],
        style_mix: tuple[float, ...],
        on_step: OnStep | None,
        *,
        start: Tensor | None,
        before: list[Step],
        to_come: int,
    ) -> None:
        self.stylizer = stylizer
        self.config: GatysConfig = stylizer.config
        self.content = content
        self.styles = styles
        self.style_mix = style_mix
        self.on_step = on_step
        self.start = start
        self.steps_before = len(before)
        self.seconds_before = before[-1].seconds if before else 0.0
        self.schedule = _feasible(self.config.schedule, content)
        self.steps_to_come = to_come * sum(steps for _, steps in self.schedule)
        self.history: list[Step] = []
        self.image = content
        self.losses: Mapping[str, float] = {}
        self.began = time.perf_counter()

    def result(self) -> Stylization:
        stopped = "steps"
        try:
            self.image = self._start()
            for number in range(len(self.schedule)):
                stopped = self._descend(number)
        except KeyboardInterrupt:
            done = self._stylization("interrupted")
            raise StylizeInterrupted(
                f"Interrupted after {self.steps_before + len(self.history)} steps; the picture so far is "
                "kept on this exception as .stylization.",
                stylization=done,
            ) from None
        return self._stylization(stopped)

    def _stylization(self, stopped: str) -> Stylization:
        synchronize(self.content.device)
        return Stylization(
            image=self._full_size(self.image),
            method=self.stylizer.method,
            extractor=self.stylizer.extractor.name,
            losses=dict(self.losses),
            history=list(self.history),
            seconds=time.perf_counter() - self.began,
            config=self.config,
            stopped=stopped,
        )

    def _full_size(self, image: Tensor) -> Tensor:
        return images.resize(image.clamp(0, 1), _size(self.content))

    def _start(self) -> Tensor:
        if self.start is not None:
            return self.start
        init = self.config.init
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

    def _enlarged(self, content: Tensor, *, first: bool) -> Tensor:
        """Return the picture so far at the size of `content`, where the next descent starts."""
        size = _size(content)
        enlarged = images.resize(self.image, size)
        if first or not self.config.pyramid:
            return enlarged
        # What the smaller size could not hold starts as the content's own detail, not as a blur.
        coarse = images.resize(images.resize(content, _size(self.image)), size)
        return (enlarged + content - coarse).clamp(0, 1)

    def _descend(self, number: int) -> str:
        """Work through the size of that number; return why it ended."""
        scale, steps = self.schedule[number]
        size = _scaled(self.content, scale)
        content = images.resize(self.content, size)
        styles = [images.resize(style, _scaled(style, scale)) for style in self.styles]
        objective = Objective(self.stylizer._seen_through, self.config, content, styles, self.style_mix)
        canvas = Canvas(
            size,
            space=self.config.variable,
            levels=self.config.pyramid,
            clamp=self.config.clamp,
            device=self.content.device,
        )

        def measure(variable: Tensor) -> Mapping[str, Tensor]:
            values = canvas.values(variable)
            return objective(canvas.picture(values), values)

        start = canvas.start(self._enlarged(content, first=number == 0))
        descent = self._descent(steps, floor=objective.scale, project=canvas.project)
        try:
            best = minimize(start, measure, descent, self._watcher(number, canvas))
        except DivergenceError as error:
            if error.image is not None:
                error.image = self._full_size(canvas.picture(canvas.values(error.image)))
            elif self.history:  # the first look at this size failed, an earlier size is good
                error.image = self._full_size(self.image)
            raise
        self.image = canvas.picture(canvas.values(best.point))
        self.losses = _sums(best.terms)
        return best.stopped

    def _descent(self, steps: int, *, floor: float, project: Callable[[Tensor], Tensor]) -> Descent:
        return Descent(
            optimizer=self.config.optimizer,
            learning_rate=self.config.learning_rate,
            steps=steps,
            decay=self.config.decay,
            decay_every=self.config.decay_every,
            tolerance=self.config.tolerance,
            patience=self.config.patience,
            retries=self.config.retries,
            floor=floor,
            project=project,
        )

    def _watcher(self, number: int, canvas: Canvas) -> Callable[[int, Mapping[str, float], Tensor], None]:
        """Return what records each step at the size of that number, and hands it to `on_step`."""
        done = self.steps_before + len(self.history)
        planned = done + sum(n for _, n in self.schedule[number:]) + self.steps_to_come

        def watch(step: int, terms: Mapping[str, float], variable: Tensor) -> None:
            self.image = canvas.picture(canvas.values(variable)).clamp(0, 1)
            self.losses = _sums(terms)
            record = Step(
                step=done + step,
                steps=planned,
                seconds=self.seconds_before + time.perf_counter() - self.began,
                losses=self.losses,
                size=canvas.sizes[0],
            )
            self.history.append(record)
            if self.on_step is not None:
                self.on_step(dataclasses.replace(record, image=self.image.clone()))

        return watch


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
    """Sum the terms by kind: ``content``, ``style``, ``color``, ``tv``, ``total``."""
    kinds = dict.fromkeys(("content", "style", "color", "tv"), 0.0)
    for name, value in terms.items():
        kinds[name.split()[0]] += value
    return kinds | {"total": sum(terms.values())}
