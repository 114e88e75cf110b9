"""The interface that every method implements: `Stylizer`, what it is asked (`Request`) and what it answers."""

from __future__ import annotations

import copy
import dataclasses
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

import torch
from torch import Tensor

from styletransfer import images
from styletransfer._checks import integer, mix, number
from styletransfer._checks import size as check_size
from styletransfer.asking import Asked, Masks, Strength, assemble, read_asked
from styletransfer.controls import Controls
from styletransfer.errors import DivergenceError, ImageError, OptionError, StylizeInterrupted
from styletransfer.features.vgg import VGG19Features
from styletransfer.images import ImageSource, Picture
from styletransfer.images.picture import SMALLEST_SIDE
from styletransfer.memory import available, in_words
from styletransfer.method import Forecast, Method, Plan
from styletransfer.processing import Processing
from styletransfer.request import (
    Carry,
    EncodedStyle,
    Region,
    Request,
    StyleInput,
    as_picture,
)
from styletransfer.stylization import OnStep, Step, Stylization

__all__ = [
    "Carry",
    "EncodedStyle",
    "Masks",
    "OnStep",
    "Region",
    "Request",
    "Step",
    "Strength",
    "StyleInput",
    "Stylization",
    "Stylizer",
    "as_picture",
    "synchronize",
]


def synchronize(device: torch.device) -> None:
    """Wait until `device` has finished: without this, seconds on a GPU are those of queueing the work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


class Stylizer(ABC):
    """A method of style transfer, ready to repaint.

    Not an `nn.Module`: it has parts (extractor, decoder), which are. It is called as ``cls(extractor, config,
    **parts)``, with the parts that its declaration names.

    Attributes:
        declaration: What the method declares.
        config: The options in force.
        extractor: The feature extractor.
        controls: What is asked of every run besides, see `Controls`; may be replaced at any time.
    """

    controls: Controls = Controls()
    declaration: ClassVar[Method]
    config: Any
    extractor: VGG19Features

    @property
    def method(self) -> str:
        """Name in the registry."""
        return self.declaration.name

    @property
    def parts(self) -> Mapping[str, str]:
        """Names of the parts in use, for records."""
        return {}

    def plan(self, size: tuple[int, int]) -> Plan:
        """Return what a run will do for a content of `size`, (H, W)."""
        return self.declaration.plan(self.config, size)

    def forecast(self, size: tuple[int, int], *, batch: int = 1) -> Forecast | None:
        """Tell what a run will need in memory, where no style is larger than the content.

        Args:
            size: (height, width) of the content.
            batch: How many contents.

        Returns:
            A `Forecast` in bytes, beyond what the process holds already; None if the method cannot tell.

        Raises:
            OptionError: Sides that are no whole numbers, or too small for any run.
        """
        return self._forecast(check_size(size, least=SMALLEST_SIDE), integer(batch, "batch", low=1))

    def _forecast(self, size: tuple[int, int], batch: int) -> Forecast | None:
        """Do so; overridden where the method can tell."""
        return None

    def estimate(self, size: tuple[int, int]) -> float:
        """Estimate the seconds of a run for a content of `size`, (height, width), without its style's encoding.

        A few steps at up to 256 pixels are timed, and multiplied by the plan's work; that takes a second or a few.
        Machines that do something else meanwhile, or that slow down when they are warm, make it wrong.

        Raises:
            OptionError: Sides that are no whole numbers, or too small for any run.
        """
        size = check_size(size, least=SMALLEST_SIDE)
        scale = min(1.0, _TIMED_EDGE / max(size))
        small = (max(SMALLEST_SIDE, round(size[0] * scale)), max(SMALLEST_SIDE, round(size[1] * scale)))
        generator = torch.Generator().manual_seed(0)
        content, style = torch.rand(2, 1, 3, *small, generator=generator)
        timed = copy.copy(self)
        # Steps of one size; their options are those of the run.
        own = {f.name for f in dataclasses.fields(self.config)}
        changes = {k: v for k, v in {**_TIMED, "init": "content"}.items() if k in own}
        timed.config, timed.controls = self.config.replaced(**changes), Controls()
        timed.stylize(content, style)
        history = timed.stylize(content, style).history
        first = history[0] if len(history) > 1 else None  # which waits for what is set up once
        taken = history[-1].seconds - (0.0 if first is None else first.seconds)
        steps = len(history) - (first is not None)
        return taken / (steps * small[0] * small[1]) * self.plan(size).work

    def largest(self, free: float | None = None, shape: tuple[int, int] = (3, 4)) -> tuple[int, int] | None:
        """Return the largest size, (height, width), that the memory allows, in the thinnest strips.

        Args:
            free: Bytes; by default what is free on the device now.
            shape: The proportion of height and width.

        Returns:
            The size; None if the method or the system cannot tell, or if not even the smallest picture fits.
        """
        free = available(self.extractor.device) if free is None else int(number(free, "free", low=0))
        if free is None:
            return None
        room = free
        shape = check_size(shape, least=1)

        def size(edge: int) -> tuple[int, int]:
            height, width = (max(SMALLEST_SIDE, round(edge * side / max(shape))) for side in shape)
            return height, width

        def fits(edge: int) -> bool:
            needed = self.forecast(size(edge))
            return needed is None or needed.least <= room

        if self.forecast(size(SMALLEST_SIDE)) is None or not fits(SMALLEST_SIDE):
            return None
        low, high = SMALLEST_SIDE, 2**17
        while high - low > 8:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return size(low)

    def objective(self, content: Tensor, style: Tensor) -> Callable[[Tensor], float] | None:
        """Return the function of a picture that the method minimises, or None if it minimises nothing.

        Args:
            content: (1, 3, H, W).
            style: (1, 3, H, W).
        """
        return None

    def stylize(
        self,
        content: ImageSource | Picture,
        style: Any,
        *,
        strength: Strength = 1.0,
        masks: Masks | None = None,
        style_masks: Masks | None = None,
        preserve: Masks | None = None,
        carry: Carry | None = None,
        on_step: OnStep | None = None,
    ) -> Stylization:
        """Repaint `content` in the manner of `style`.

        Args:
            content: Path, PIL image, array or tensor; a batch as a (B, 3, H, W) tensor.
            style: The same, or a list of several to be mixed. Its size may differ from the content's. A method
                that encodes styles also takes an `EncodedStyle`.
            strength: How much of the style is wanted, in [0, 1]: a number, one for each content of a batch, or a
                map, a grey picture that is white where the style is wanted in full; resized to the content.
            masks: One grey picture for each style, white where it belongs; resized to the content. Where masks
                overlap they share, and what none covers keeps the content. `split_labels` makes masks of labels.
            style_masks: One grey picture for each style, white over the part of its picture that is looked at
                (guided Gram matrices and statistics: Gatys et al. 2017, section 4); None for all of it.
            preserve: A grey picture, white where the content is kept; or several.
            carry: Of the frame before, where the content is a frame of a video.
            on_step: Called after each step with a `Step`.

        Returns:
            A `Stylization` whose picture has the content's height and width.

        Raises:
            ImageError: A picture that cannot be read or used, or that is too large for the memory that is free.
            OptionError: Pictures on different devices, `style_mix` of the wrong length, something that the method
                does not offer.
            DivergenceError: The result is not finite.
            StylizeInterrupted: Ctrl-C during an optimisation; carries the picture so far. (A feed-forward
                method has none: there it is a plain KeyboardInterrupt.)
        """
        request, context = self._prepared(content, style, strength, masks, style_masks, preserve, carry)
        work = Processing(self.controls, request)
        try:
            result = self._run(work.request, _recoloring(on_step, work))
        except StylizeInterrupted as interrupted:
            reached = interrupted.stylization
            image = work.finish(reached.image)
            interrupted.stylization = dataclasses.replace(reached, image=image, **context)
            raise
        if not bool(result.image.sum().isfinite()):  # as good as to ask each value, without memory for the answers
            raise DivergenceError(
                f"Method {self.method!r} gave a picture that is not finite. Are the weights sound "
                f"({', '.join([self.extractor.name, *self.parts.values()])})? See: styletransfer weights verify.",
                term="picture",
            )
        return dataclasses.replace(result, image=work.finish(result.image), **context)

    def check(self, content: ImageSource | Picture, style: Any, **asked: Any) -> None:
        """Find out whether `stylize` takes these arguments; nothing is painted.

        Raises:
            StyleTransferError: What is wrong, as from `stylize`.
        """
        request, _ = self._prepared(content, style, **asked)
        Processing(self.controls, request)

    def _prepared(
        self,
        content: ImageSource | Picture,
        style: Any,
        strength: Strength = 1.0,
        masks: Masks | None = None,
        style_masks: Masks | None = None,
        preserve: Masks | None = None,
        carry: Carry | None = None,
    ) -> tuple[Request, dict[str, Any]]:
        """Read and check everything; return what is asked, and what a result tells of it."""
        picture = as_picture(content, "content")
        listed = list(style) if isinstance(style, (list, tuple)) else [style]
        if not listed:
            raise OptionError("At least one style picture is needed, got an empty list.")
        read = [item if isinstance(item, EncodedStyle) else as_picture(item, "style") for item in listed]
        start = self._start_picture()
        asked = read_asked(picture, len(read), strength, masks, style_masks, preserve)
        context: dict[str, Any] = {
            "strength": asked.strength,
            "masks": asked.masks,
            "style_masks": asked.style_masks,
            "preserve": asked.preserve,
            "init": start,
            "encoded_from": tuple(s.path for s in read if isinstance(s, EncodedStyle) and s.path is not None),
            "alpha": picture.alpha,
            "content": picture,
            "styles": tuple(item if isinstance(item, Picture) else None for item in read),
            "parts": self.parts,
            "controls": self.controls,
        }
        self._check_memory(picture)
        if carry is not None:
            self._require("carry", "what a frame before carries", "leave carry out")
        request = self._request(picture, read, asked, start)
        return dataclasses.replace(request, carry=carry), context

    def _check_memory(self, content: Picture) -> None:
        """Refuse a content that would not fit into memory, before any work is done on it."""
        batch, _, height, width = content.rgb.shape
        needed, free = self.forecast((height, width), batch=batch), available(self.extractor.device)
        if needed is None or free is None or needed.least <= free:
            return
        cure, largest = "Free memory.", self.largest(free // batch, (height, width))
        if largest is not None:
            edge = max(largest)
            fitting = f"The largest that fits is about {largest[1]}x{largest[0]}"
            cure = f"{fitting}: reduce it with long_edge={edge} (--long-edge {edge}), or free memory."
        raise ImageError(
            f"The content is {width}x{height} pixels{f', {batch} of them,' if batch > 1 else ''} and method "
            f"{self.method!r} needs {in_words(needed.least)} of memory for it; {in_words(free)} are free. {cure}"
        )

    def _request(self, content: Picture, styles: list[Any], asked: Asked, start: Picture | None) -> Request:
        """Check what was given against the content and what the method accepts."""
        style_mix = getattr(self.config, "style_mix", None)
        shares = mix(style_mix, len(styles))
        sources = [self._style_source(style, content) for style in styles]
        if asked.has_masks:
            self._require("masks", "masks", "leave them out")
        if asked.masks and style_mix is not None:
            raise OptionError("style_mix and masks were both given: a mask says where a style belongs. Give one.")
        if isinstance(asked.strength, Tensor) or asked.strength != 1:
            self._require("strength", "a strength", "leave it at 1")
        init = None if start is None else self._init(start, content)
        device = self.extractor.device
        return assemble(content, styles, sources, shares, asked, self.controls, init=init, device=device)

    def _style_source(self, style: Picture | EncodedStyle, content: Picture) -> Tensor | EncodedStyle:
        if isinstance(style, EncodedStyle):
            if self.declaration.encoded is None:
                self._refuse("an encoded style", "give the picture itself")
            if style.extractor != self.extractor.name:
                raise OptionError(
                    f"The style was encoded with {style.extractor!r}, this stylizer uses {self.extractor.name!r}; "
                    "encode it again with this stylizer's encode_style."
                )
            known = style.extractor_sha256
            if known is not None and self._extractor_sha256 not in (None, known):
                raise OptionError(
                    f"The style was encoded with other weights of {style.extractor!r} (SHA-256 {known[:8]}..., "
                    f"this stylizer's {str(self._extractor_sha256)[:8]}...); encode it again with this stylizer."
                )
            return style
        if style.rgb.device != content.rgb.device:
            raise OptionError(
                f"content is on {content.rgb.device}, style on {style.rgb.device}; "
                "give both on the same device, e.g. with .to(device)."
            )
        if style.rgb.shape[0] not in (1, content.rgb.shape[0]):
            raise ImageError(
                f"{content.rgb.shape[0]} content picture(s) with {style.rgb.shape[0]} style pictures in one "
                "batch; give one style for all or one for each."
            )
        return style.rgb.to(self.extractor.device)

    def _start_picture(self) -> Picture | None:
        """Return the picture that was given as the option ``init``, or None if it is a name or no option."""
        declared = {f.name: f for f in dataclasses.fields(self.config)}.get("init")
        source = getattr(self.config, "init", None)
        if declared is None or source is None or is_name(source, declared.metadata["choices"] or ()):
            return None
        return as_picture(source, "init")

    def _init(self, picture: Picture, content: Picture) -> Tensor:
        """Return the start at the content's size; only a file's picture is resized to it."""
        height, width = content.rgb.shape[2:]
        start = picture.rgb.to(self.extractor.device)
        if start.shape[2:] == (height, width) and start.shape[0] in (1, content.rgb.shape[0]):
            return start
        if picture.path is None:
            raise ImageError(
                f"init has shape {tuple(start.shape)}, the content {tuple(content.rgb.shape)}; "
                "give a picture of the content's shape."
            )
        return images.resize(start, (height, width))

    @functools.cached_property
    def _extractor_sha256(self) -> str | None:
        return self.extractor.sha256

    def _require(self, ability: str, what: str, cure: str) -> None:
        if ability not in self.declaration.accepts:
            self._refuse(what, cure)

    def _refuse(self, what: str, cure: str) -> NoReturn:
        raise OptionError(f"Method {self.method!r} does not take {what}; {cure}, or choose another method.")

    @abstractmethod
    def _run(self, request: Request, on_step: OnStep | None) -> Stylization:
        """Do the work."""


def _recoloring(on_step: OnStep | None, work: Processing) -> OnStep | None:
    """Return a callback whose steps have the colours of the result, as far as that takes no time."""
    if on_step is None or work.recolors_nothing:
        return on_step

    def call(step: Step) -> None:
        image = None if step.image is None else work.recolored(step.image)
        on_step(dataclasses.replace(step, image=image))

    return call


#: Longer side of the pictures that are timed for an estimate, and the options of these runs.
_TIMED_EDGE = 256
_TIMED: dict[str, Any] = {"steps": 4, "scales": (1.0,), "measure": False}


def is_name(value: Any, choices: Sequence[str]) -> bool:
    """Whether an option that takes a name or a picture holds one of the names."""
    return isinstance(value, str) and value in choices
