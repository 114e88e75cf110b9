"""Style transfer by image optimisation: Gatys, Ecker and Bethge, CVPR 2016.

The picture itself is the variable. Its features are pulled towards the content's, their Gram matrices towards
the style's, while total variation keeps it smooth.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from styletransfer import images
from styletransfer.errors import DivergenceError, StylizeInterrupted
from styletransfer.features import create_extractor
from styletransfer.features.vgg import VGG19Features
from styletransfer.memory import available
from styletransfer.method import Forecast, Method, Plan, Stage
from styletransfer.methods.feedforward.adain import AdaINStylizer
from styletransfer.methods.feedforward.config import AdaINConfig
from styletransfer.methods.gatys.budget import HISTORY, Budget
from styletransfer.methods.gatys.canvas import Canvas, in_space
from styletransfer.methods.gatys.config import GATYS, GatysConfig
from styletransfer.methods.gatys.descent import Descent, minimize
from styletransfer.methods.gatys.objective import Objective
from styletransfer.methods.gatys.strength import emphasis, mixed_in
from styletransfer.methods.gatys.targets import pixels
from styletransfer.precision import name_of, resolve
from styletransfer.request import mask_at
from styletransfer.stylizer import (
    Carry,
    OnStep,
    Region,
    Request,
    Step,
    StyleInput,
    Stylization,
    Stylizer,
    synchronize,
)

__all__ = ["GatysStylizer", "Objective"]

#: Share of each stage's steps that are taken in float32, the last ones, where another precision is chosen.
_FINISH = 0.25
#: Why runs end, from what weighs most in a batch.
_REASONS = ("interrupted", "steps", "levelled off")


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

    declaration: ClassVar[Method] = GATYS
    config: GatysConfig

    def __init__(self, extractor: VGG19Features, config: GatysConfig | None = None) -> None:
        self.extractor = extractor
        self.config = config or GatysConfig()
        extractor.channels(max(self.config.content_layers + self.config.style_layers, key=_depth))
        self._bulk = resolve(self.config.precision, extractor.device)
        self.config = self.config.replaced(precision=name_of(self._bulk))  # records tell what "auto" was
        from_adain = self.config.init == "adain" if isinstance(self.config.init, str) else False
        self._starter = _starter(extractor) if from_adain else None

    @functools.cached_property
    def _seen_through(self) -> VGG19Features:
        """The extractor as the descent looks through it."""
        pooling: Any = self.config.pooling
        return self.extractor.variant(pooling=pooling).hastened()

    @property
    def parts(self) -> Mapping[str, str]:
        """The decoder of the start, if AdaIN makes it."""
        return {} if self._starter is None else self._starter.parts

    @functools.cached_property
    def _coarse(self) -> VGG19Features:
        """The same in the precision that was chosen, for most of the steps."""
        return self._seen_through.cast(self._bulk)

    def _forecast(self, size: tuple[int, int], batch: int) -> Forecast:
        return self._budget.forecast(self.plan(size), available(self.extractor.device), batch=batch)

    @functools.cached_property
    def _budget(self) -> Budget:
        return Budget(self.extractor, self.config)

    def _rows(self, size: tuple[int, int], steps: int = 1) -> int | None:
        """Return the height of the strips in which pictures of a size are looked at; None for whole pictures."""
        return self._budget.rows(size, steps, available(self.extractor.device))

    def objective(self, content: Tensor, style: Tensor) -> Callable[[Tensor], float] | None:
        """See `Stylizer.objective`: the total that is minimised at the content's size."""
        whole = Region(styles=(StyleInput(source=style),))
        measure = Objective(self._seen_through, self.config, content, [whole], rows=self._rows(_size(content)))

        @torch.no_grad()
        def total(image: Tensor) -> float:
            terms = measure(image, in_space(image, self.config.variable))
            return sum(float(term) for term in terms.values())

        return total

    def _run(self, request: Request, on_step: OnStep | None) -> Stylization:
        # A caller may have switched gradients off. Tensors made in inference mode cannot take part in a
        # descent, their copies can.
        with torch.inference_mode(False), torch.enable_grad():
            done: list[Stylization] = []
            count = request.content.shape[0]
            for i in range(count):
                run = _Run(
                    self,
                    _single(request, i),
                    on_step,
                    before=[step for result in done for step in result.history],
                    to_come=count - 1 - i,
                )
                try:
                    done.append(run.result())
                except StylizeInterrupted as interrupted:
                    # Pictures that were not reached stay as they were.
                    joined = _join([*done, interrupted.stylization])
                    image = torch.cat([joined.image, request.content[i + 1 :].clone()])
                    interrupted.stylization = dataclasses.replace(joined, image=image)
                    raise
            return _join(done)


def _starter(extractor: VGG19Features) -> AdaINStylizer:
    """Return what paints the start: AdaIN on its own extractor, because few extractors have a decoder."""
    name = AdaINStylizer.declaration.extractor
    network = extractor if extractor.name == name else create_extractor(name, device=extractor.device)
    return AdaINStylizer(network, AdaINConfig(measure=False))


def _single(request: Request, i: int) -> Request:
    """Return the request for picture `i` of the batch, with memory of its own."""

    def picked(x: Tensor) -> Tensor:
        return x[i % x.shape[0]][None].clone()

    return dataclasses.replace(
        request,
        content=picked(request.content),
        styles=tuple(
            dataclasses.replace(
                s,
                source=picked(pixels(s.source)),
                mask=None if s.mask is None else s.mask.clone(),
                looked_at=None if s.looked_at is None else s.looked_at.clone(),
            )
            for s in request.styles
        ),
        init=None if request.init is None else picked(request.init),
        strength=picked(request.strength) if isinstance(request.strength, Tensor) else request.strength,
    )


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
        stopped=min((r.stopped for r in results), key=_REASONS.index),
    )


def _plan(whole: Plan, carry: Carry | None) -> Plan:
    """Return what is done for a frame: one that has a previous result needs no coarse sizes."""
    if carry is None or carry.moved is None:
        return whole
    last = whole.stages[-1]
    return Plan(stages=(dataclasses.replace(last, steps=max(1, round(last.steps * carry.effort))),))


def _steady(carry: Carry | None, content: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return the previous result, moved along, and where it is trusted; memory of their own."""
    if carry is None or carry.moved is None or carry.trust is None:
        return None
    return carry.moved.to(content).clone(), carry.trust.to(content).clone()


class _Run:
    """One picture's descent through all sizes, with its history.

    Args:
        stylizer: Whose extractor and options are used.
        request: Of one picture.
        on_step: Called after each step.
        before: Steps of the batch's earlier pictures.
        to_come: How many pictures of the batch are worked on after this one.
    """

    def __init__(
        self,
        stylizer: GatysStylizer,
        request: Request,
        on_step: OnStep | None,
        *,
        before: list[Step],
        to_come: int,
    ) -> None:
        self.stylizer = stylizer
        self.config: GatysConfig = stylizer.config
        self.request = request
        self.content = content = request.content
        self.on_step = on_step
        self.steps_before = len(before)
        self.seconds_before = before[-1].seconds if before else 0.0
        self.plan = _plan(stylizer.plan((content.shape[2], content.shape[3])), request.carry)
        self.steady = _steady(request.carry, content)
        self.steps_to_come = to_come * self.plan.steps
        self.history: list[Step] = []
        self.image = content
        self.losses: Mapping[str, float] = {}
        self.began = time.perf_counter()

    def result(self) -> Stylization:
        stopped = "steps"
        try:
            self.image = self._start()
            for number, stage in enumerate(self.plan.stages):
                stopped = self._descend(number, stage)
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
        image = images.resize(image.clamp(0, 1), _size(self.content))
        return mixed_in(image, self.content, self.request.strength)

    def _start(self) -> Tensor:
        if self.steady is not None:
            moved, trust = self.steady
            return trust * moved + (1 - trust) * self.content  # what was hidden before has no paint yet
        if self.request.init is not None:
            return self.request.init
        init = self.config.init
        if init == "noise":
            generator = torch.Generator().manual_seed(self.config.seed)
            # Mid grey with the contrast of ordinary pictures; drawn on the CPU, so equal on every device.
            noise = 0.5 + 0.25 * torch.randn(self.content.shape, generator=generator)
            return noise.clamp(0, 1).to(self.content.device)
        if init == "style":
            return images.resize(pixels(self.request.styles[0].source), _size(self.content))
        if self.stylizer._starter is not None:
            return self.stylizer._starter._run(self.request, None).image.clone()
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

    def _descend(self, number: int, stage: Stage) -> str:
        """Work through a stage; return why it ended."""
        size = stage.size
        content = images.resize(self.content, size)
        regions = [
            _at_scale(dataclasses.replace(region, emphasis=emphasis(self.request.strength)), stage)
            for region in self.request.regions
        ]
        rows = self.stylizer._rows(size, stage.steps)
        objective = Objective(
            self.stylizer._seen_through,
            self.config,
            content,
            regions,
            rows=rows,
            strength=self.request.strength,
            steady=self.steady,
        )
        see = self._glasses(objective, stage.steps)
        canvas = Canvas(
            size,
            space=self.config.variable,
            levels=self.config.pyramid,
            clamp=self.config.clamp,
            device=self.content.device,
        )

        def measure(variable: Tensor) -> Mapping[str, Tensor]:
            see()
            values = canvas.values(variable)
            return objective(canvas.picture(values), values)

        start = canvas.start(self._enlarged(content, first=number == 0))
        descent = self._descent(
            stage.steps, floor=objective.scale, project=canvas.project, compact=rows is not None
        )
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

    def _glasses(self, objective: Objective, steps: int) -> Callable[[], None]:
        """Return what chooses, before each look, the network that an objective looks through.

        The last steps of a stage and its end are seen in float32: half precision cannot tell the pictures there
        apart.
        """
        full, low = objective.network, self.stylizer._coarse
        looks = itertools.count()
        finish = math.ceil(_FINISH * steps)

        def see() -> None:
            objective.network = low if next(looks) < steps - finish else full

        return see

    def _descent(self, steps: int, *, floor: float, project: Callable[[Tensor], Tensor], compact: bool) -> Descent:
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
            history=max(1, min(HISTORY, steps - 1)),
            compact=compact,
        )

    def _watcher(self, number: int, canvas: Canvas) -> Callable[[int, Mapping[str, float], Tensor], None]:
        """Return what records each step at the size of that number, and hands it to `on_step`."""
        done = self.steps_before + len(self.history)
        planned = done + sum(stage.steps for stage in self.plan.stages[number:]) + self.steps_to_come

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


def _at_scale(region: Region, stage: Stage) -> Region:
    """Return a region at a stage's size, its styles reduced as the content is."""

    def scaled(style: StyleInput) -> StyleInput:
        height, width = (max(16, round(side * stage.scale)) for side in pixels(style.source).shape[2:])
        return style.resized((height, width))

    def resized(x: Tensor | None) -> Tensor | None:
        return None if x is None else mask_at(x, stage.size)

    return Region(
        styles=tuple(map(scaled, region.styles)), mask=resized(region.mask), emphasis=resized(region.emphasis)
    )


def _sums(terms: Mapping[str, float]) -> dict[str, float]:
    """Sum the terms by kind: ``content``, ``style``, ``color``, ``tv``, in a video ``temporal``, and ``total``."""
    kinds = dict.fromkeys(("content", "style", "color", "tv"), 0.0)
    for name, value in terms.items():
        kind = name.split()[0]
        kinds[kind] = kinds.get(kind, 0.0) + value
    return kinds | {"total": sum(terms.values())}
