"""What a method answers: a `Step` after each step, a `Stylization` at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL.Image import Image
from torch import Tensor

from styletransfer import images
from styletransfer.controls import Controls
from styletransfer.images import Picture
from styletransfer.recording import html_page, run_record


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is known after one step of a run.

    Attributes:
        step: Counted from 1 over all sizes, and over all pictures of a batch that are worked on one by one.
        steps: How many steps are planned in all.
        seconds: Since the start of the run.
        losses: Each term, multiplied by its weight, and ``"total"``, of the picture the step began with;
            empty where the method was told not to measure.
        size: (H, W) worked on, pixels.
        image: The picture so far, (B, 3, H, W) of that size in [0, 1]: a copy, only while `on_step` is called.
    """

    step: int
    steps: int
    seconds: float
    losses: Mapping[str, float]
    size: tuple[int, int]
    image: Tensor | None = field(default=None, repr=False, compare=False)

    @property
    def total(self) -> float:
        """The sum of the weighted terms; NaN where they were not measured."""
        return self.losses.get("total", math.nan)


OnStep = Callable[[Step], None]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Stylization:
    """A stylized picture and how it came about. A notebook shows the picture with its inputs and losses.

    Attributes:
        image: (B, 3, H, W) RGB in [0, 1], of exactly the content's height and width.
        method: Name of the method.
        extractor: Name of the weight set.
        losses: The method's own weighted terms of the final picture, and ``"total"``; of a batch, the means.
            To compare methods, use `styletransfer.evaluate`, which measures all of them in the same way.
        history: One record a step.
        seconds: Wall-clock time of the run, without reading and writing files.
        config: The options that were in force.
        stopped: Why the run ended: ``"steps"``, ``"levelled off"`` or ``"interrupted"``. For a batch: interrupted
            if any picture was, else steps if any picture used all of its steps.
        alpha: The content's transparency, (B, 1, H, W), which `save` puts back where the format can hold it.
        parts: Names or files of the parts that were chosen, e.g. the decoder.
        content: The content, at its working size.
        styles: The style pictures; an encoded style is None.
        masks: Where the styles were to go, if that was said.
        style_masks: Which part of each style's picture was looked at, if that was said; None for all of one.
        preserve: Where the content was to be kept, if that was said.
        init: The picture that the run started from, if one was given.
        encoded_from: Files that encoded styles were made of.
        strength: How much of the style was wanted.
        controls: The `Controls` that were in force.
    """

    image: Tensor
    method: str
    extractor: str
    losses: Mapping[str, float]
    history: Sequence[Step]
    seconds: float
    config: Any
    stopped: str = "steps"
    alpha: Tensor | None = None
    parts: Mapping[str, str] = field(default_factory=dict)
    content: Picture | None = None
    styles: tuple[Picture | None, ...] = ()
    masks: tuple[Picture, ...] = ()
    style_masks: tuple[Picture | None, ...] = ()
    preserve: tuple[Picture, ...] = ()
    init: Picture | None = None
    encoded_from: tuple[Path, ...] = ()
    strength: float | Tensor = 1.0
    controls: Controls = field(default_factory=Controls)

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files that were read; `save` refuses to overwrite them."""
        pictures = (self.content, *self.styles, *self.masks, *self.style_masks, *self.preserve, self.init)
        paths = [picture.path for picture in pictures if picture is not None and picture.path is not None]
        return (*paths, *self.encoded_from)

    def to_pil(self) -> Image:
        """Return the picture as a PIL image, RGBA if the content had transparency.

        Raises:
            ImageError: The result holds several pictures.
        """
        return images.to_pil(self.image, alpha=self.alpha)

    def save(self, path: images.Target, **settings: Any) -> Path | None:
        """Write the picture; the suffix decides the format.

        Args:
            path: Where to.
            **settings: See `styletransfer.save_image`, e.g. ``quality=90``.

        Raises:
            OutputError: Unknown suffix, missing folder, a file that was an input, no permission or no space.
        """
        return images.save_image(self.image, path, alpha=self.alpha, protected=self.inputs, **settings)

    def record(self) -> dict[str, Any]:
        """Return what it takes to repeat the run, ready for JSON: options, versions, hashes, losses, history."""
        return run_record(self)

    def __repr__(self) -> str:
        count, _, height, width = self.image.shape
        batch = f", batch of {count}" if count > 1 else ""
        loss = f", loss {self.losses['total']:.4g}" if "total" in self.losses else ""
        return f"<Stylization {self.method}, {width}x{height} pixels{batch}, {self.seconds:.2f} s{loss}>"

    def _repr_png_(self) -> bytes:
        return images.encode_image(self.image[:1], "picture.png")

    def _repr_html_(self) -> str:
        names = ["style"] if len(self.styles) == 1 else [f"style {n + 1}" for n in range(len(self.styles))]
        shown = [("content", self.content), *zip(names, self.styles, strict=True)]
        pictures = {name: picture.rgb for name, picture in shown if picture is not None}
        return html_page({**pictures, self.method: self.image}, {self.method: (self.seconds, self.losses)})
