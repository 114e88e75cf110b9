"""The interface that every method implements: `Stylizer`, what it is asked (`Request`) and what it answers."""

from __future__ import annotations

import dataclasses
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from PIL.Image import Image
from torch import Tensor

from styletransfer import images
from styletransfer._checks import mix, number
from styletransfer.errors import DivergenceError, ImageError, OptionError, StylizeInterrupted
from styletransfer.features.vgg import VGG19Features
from styletransfer.images import ImageSource, Picture
from styletransfer.method import Method, Plan
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
        image: The picture so far, (B, 3, *size) in [0, 1]: a copy, present only while `on_step` is called.
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


class EncodedStyle(ABC):
    """A style that a method has encoded and that it takes in place of the picture.

    Attributes:
        extractor: Name of the weight set it was encoded with.
    """

    extractor: str


@dataclass(frozen=True, kw_only=True, eq=False)
class StyleInput:
    """One style of a request.

    Attributes:
        source: A picture (1 or B, 3, H, W) on the extractor's device, or an `EncodedStyle`.
        share: Its part of the mixture; all shares of a request sum to 1.
        mask: Where in the content it belongs, (1, 1, H, W) in [0, 1], or None for everywhere. The masks of a
            request sum to at most 1 at every pixel; what none covers keeps the content.
    """

    source: Tensor | EncodedStyle
    share: float = 1.0
    mask: Tensor | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """A part of the content with the styles that it is given.

    Attributes:
        styles: Mixed by their shares.
        mask: (1, 1, H, W) in [0, 1], or None for the whole content.
    """

    styles: tuple[StyleInput, ...]
    mask: Tensor | None = None

    @property
    def shares(self) -> tuple[float, ...]:
        """The styles' shares."""
        return tuple(style.share for style in self.styles)

    def mask_at(self, size: tuple[int, int]) -> Tensor | None:
        """Return the mask at the size of some features or of a picture, (H, W)."""
        if self.mask is None or self.mask.shape[2:] == size:
            return self.mask
        return F.interpolate(self.mask, size, mode="bilinear", antialias=True, align_corners=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """What a method is asked to do: everything is checked, on the extractor's device and at the working size.

    Attributes:
        content: (B, 3, H, W) RGB in [0, 1].
        styles: At least one.
        init: A picture to start from, (1 or B, 3, H, W), or None.
        strength: How much of the style is wanted, in [0, 1]: a number, or a map (1, 1, H, W).
    """

    content: Tensor
    styles: tuple[StyleInput, ...]
    init: Tensor | None = None
    strength: float | Tensor = 1.0

    @property
    def shares(self) -> tuple[float, ...]:
        """The styles' shares."""
        return tuple(style.share for style in self.styles)

    @property
    def regions(self) -> tuple[Region, ...]:
        """The styles by where they belong: one region for each mask, or a single one without."""
        if self.styles[0].mask is None:
            return (Region(styles=self.styles),)
        return tuple(Region(styles=(dataclasses.replace(s, share=1.0),), mask=s.mask) for s in self.styles)

    def keep_uncovered(self, image: Tensor) -> Tensor:
        """Return a result with the content where no mask is."""
        masks = [style.mask for style in self.styles if style.mask is not None]
        if not masks:
            return image
        covered = torch.stack(masks).sum(0)
        return covered * image + (1 - covered) * self.content


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

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files that were read; `save` refuses to overwrite them."""
        pictures = (self.content, *self.styles)
        return tuple(picture.path for picture in pictures if picture is not None and picture.path is not None)

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
        shown = [("content", self.content), *(("style", style) for style in self.styles)]
        pictures = {name: picture.rgb for name, picture in shown if picture is not None}
        return html_page({**pictures, self.method: self.image}, {self.method: (self.seconds, self.losses)})


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
    """

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
        strength: float | Tensor = 1.0,
        masks: Sequence[ImageSource | Picture] | None = None,
        on_step: OnStep | None = None,
    ) -> Stylization:
        """Repaint `content` in the manner of `style`.

        Args:
            content: Path, PIL image, array or tensor; a batch as a (B, 3, H, W) tensor.
            style: The same, or a list of several to be mixed. Its size may differ from the content's. A method
                that encodes styles also takes an `EncodedStyle`.
            strength: How much of the style is wanted, in [0, 1]; a number, or a map (1, 1, H, W) over the content.
            masks: One grey picture for each style, white where it belongs; resized to the content. Where masks
                overlap they share, and what none covers keeps the content.
            on_step: Called after each step with a `Step`.

        Returns:
            A `Stylization` whose picture has the content's height and width.

        Raises:
            ImageError: A picture that cannot be read or used.
            OptionError: Pictures on different devices, `style_mix` of the wrong length, something that the method
                does not offer.
            DivergenceError: The result is not finite.
            StylizeInterrupted: Ctrl-C during an optimisation; carries the picture so far. (A feed-forward
                method has none: there it is a plain KeyboardInterrupt.)
        """
        picture = as_picture(content, "content")
        listed = list(style) if isinstance(style, (list, tuple)) else [style]
        if not listed:
            raise OptionError("At least one style picture is needed, got an empty list.")
        read = [item if isinstance(item, EncodedStyle) else as_picture(item, "style") for item in listed]
        context: dict[str, Any] = {
            "alpha": picture.alpha,
            "content": picture,
            "styles": tuple(item if isinstance(item, Picture) else None for item in read),
            "parts": self.parts,
        }
        try:
            request = self._request(picture, read, strength, masks)
            result = self._run(request, on_step)
        except StylizeInterrupted as interrupted:
            interrupted.stylization = dataclasses.replace(interrupted.stylization, **context)
            raise
        if not bool(torch.isfinite(result.image).all()):
            raise DivergenceError(
                f"Method {self.method!r} gave a picture that is not finite. Are the weights sound "
                f"({', '.join([self.extractor.name, *self.parts.values()])})? See: styletransfer weights verify.",
                term="picture",
            )
        return dataclasses.replace(result, image=request.keep_uncovered(result.image), **context)

    def _request(
        self, content: Picture, styles: list[Any], strength: float | Tensor, masks: Sequence[Any] | None
    ) -> Request:
        """Check what was given against the content and what the method accepts."""
        device = self.extractor.device
        shares = mix(getattr(self.config, "style_mix", None), len(styles))
        sources = [self._style_source(style, content) for style in styles]
        placed = self._masks(masks, content, len(styles))
        return Request(
            content=content.rgb.to(device),
            styles=tuple(
                StyleInput(source=s, share=p, mask=m) for s, p, m in zip(sources, shares, placed, strict=True)
            ),
            init=self._init(content),
            strength=self._strength(strength, content),
        )

    def _style_source(self, style: Picture | EncodedStyle, content: Picture) -> Tensor | EncodedStyle:
        if isinstance(style, EncodedStyle):
            self._require("encoded style", "an encoded style", "give the picture itself")
            if style.extractor != self.extractor.name:
                raise OptionError(
                    f"The style was encoded with {style.extractor!r}, this stylizer uses {self.extractor.name!r}; "
                    "encode it again with this stylizer's encode_style."
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

    def _init(self, content: Picture) -> Tensor | None:
        """Return the picture that was given as the option ``init``, or None if it is a name or no option."""
        declared = {f.name: f for f in dataclasses.fields(self.config)}.get("init")
        source = getattr(self.config, "init", None)
        if declared is None or source is None or is_name(source, declared.metadata["choices"] or ()):
            return None
        height, width = content.rgb.shape[2:]
        start = as_picture(source, "init").rgb.to(self.extractor.device)
        if start.shape[2:] != (height, width) or start.shape[0] not in (1, content.rgb.shape[0]):
            if not isinstance(source, (str, os.PathLike)):
                raise ImageError(
                    f"init has shape {tuple(start.shape)}, the content {tuple(content.rgb.shape)}; "
                    "give a picture of the content's shape."
                )
            start = images.resize(start, (height, width))
        return start

    def _strength(self, strength: float | Tensor, content: Picture) -> float | Tensor:
        if not isinstance(strength, Tensor):
            strength = number(strength, "strength", low=0.0, high=1.0)
            if strength == 1.0:
                return strength
        elif strength.shape != (1, 1, *content.rgb.shape[2:]) or not bool(
            ((strength >= 0) & (strength <= 1)).all()
        ):
            raise OptionError(
                f"A strength map has shape (1, 1, {content.rgb.shape[2]}, {content.rgb.shape[3]}), the content's "
                f"size, and values in [0, 1]; got shape {tuple(strength.shape)}."
            )
        self._require("strength", "a strength", "leave it at 1")
        return strength.to(self.extractor.device, torch.float32) if isinstance(strength, Tensor) else strength

    def _masks(self, masks: Sequence[Any] | None, content: Picture, styles: int) -> list[Tensor | None]:
        """Return one mask for each style, so that they sum to at most 1."""
        if masks is None:
            return [None] * styles
        self._require("masks", "masks", "leave them out")
        if isinstance(masks, (str, os.PathLike)) or len(masks) != styles:
            count = 1 if isinstance(masks, (str, os.PathLike)) else len(masks)
            raise OptionError(f"Each style needs one mask: got {count} mask(s) for {styles} style(s).")
        if getattr(self.config, "style_mix", None) is not None:
            raise OptionError("style_mix and masks were both given: a mask says where a style belongs. Give one.")
        height, width = content.rgb.shape[2:]
        read = []
        for number, mask in enumerate(masks, start=1):
            picture = as_picture(mask, f"mask {number}")
            grey = images.resize(picture.rgb[:1].mean(1, keepdim=True), (height, width))
            if float(grey.max()) < 1 / 255:
                raise OptionError(f"Mask {number} is black everywhere; make it white where its style belongs.")
            read.append(grey.to(self.extractor.device))
        total = torch.stack(read).sum(0).clamp_min(1.0)
        return [mask / total for mask in read]

    def _require(self, ability: str, what: str, cure: str) -> None:
        if ability not in self.declaration.accepts:
            raise OptionError(f"Method {self.method!r} does not take {what}; {cure}, or choose another method.")

    @abstractmethod
    def _run(self, request: Request, on_step: OnStep | None) -> Stylization:
        """Do the work."""


def is_name(value: Any, choices: Sequence[str]) -> bool:
    """Whether an option that takes a name or a picture holds one of the names."""
    return isinstance(value, str) and value in choices


def as_picture(source: ImageSource | Picture, what: str) -> Picture:
    """Return `source` as a picture, read if it is not one yet."""
    return source if isinstance(source, Picture) else images.read_picture(source, what=what)
