"""The interface that every method stands behind: `Stylizer`, and what it returns."""

from __future__ import annotations

import dataclasses
import math
import os
import platform
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from PIL.Image import Image
from torch import Tensor

from styletransfer import images
from styletransfer._checks import mix
from styletransfer.errors import ImageError, OptionError, StylizeInterrupted
from styletransfer.features.vgg import VGG19Features
from styletransfer.images import ImageSource, Picture


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


def option(default: Any, help_text: str, *, choices: Sequence[str] | None = None) -> Any:
    """Declare a config field that describes itself; the command line and `info` read this.

    Args:
        default: The only place where the default stands. A dict or list is copied for each config.
        help_text: One line: meaning, range, unit.
        choices: The names that may be chosen, where there is a fixed set.
    """
    metadata = {"help": help_text, "choices": tuple(choices) if choices else None}
    if isinstance(default, (dict, list)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stylization:
    """A stylized picture and how it came about.

    Attributes:
        image: (B, 3, H, W) RGB in [0, 1], of exactly the content's height and width.
        method: Name of the method.
        extractor: Name of the weight set.
        losses: The method's own weighted terms of the final picture, and ``"total"``; of a batch, the means.
            To compare methods, use `styletransfer.evaluate`, which measures all of them alike.
        history: One record a step.
        seconds: Wall-clock time of the run, without reading and writing files.
        config: The options that were in force.
        stopped: Why the run ended: ``"steps"``, ``"levelled off"`` or ``"interrupted"``.
        alpha: The content's transparency, (B, 1, H, W), put back by `save` where the format can hold it.
        inputs: Files that were read; `save` refuses to overwrite them.
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
    inputs: tuple[Path, ...] = ()

    def to_pil(self) -> Image:
        """Return the picture as a PIL image, RGBA if the content had transparency.

        Raises:
            ImageError: The result holds several pictures.
        """
        return images.to_pil(self.image, alpha=self.alpha)

    def save(self, path: str | Path) -> Path:
        """Write the picture; the suffix decides the format.

        Raises:
            OutputError: Unknown suffix, missing folder, a file that was an input, no permission or no space.
        """
        return images.save_image(self.image, path, alpha=self.alpha, protected=self.inputs)

    def record(self) -> dict[str, Any]:
        """Return everything but the picture, ready for JSON: settings, losses, history, versions."""
        return {
            "method": self.method,
            "extractor": self.extractor,
            "config": {f.name: _plain(getattr(self.config, f.name)) for f in dataclasses.fields(self.config)},
            "seconds": self.seconds,
            "stopped": self.stopped,
            "size": list(self.image.shape[2:]),
            "losses": dict(self.losses),
            "history": [
                {"step": s.step, "seconds": s.seconds, "size": list(s.size), **s.losses} for s in self.history
            ],
            "inputs": [path.name for path in self.inputs],
            "device": str(self.image.device),
            "versions": {"python": platform.python_version(), "torch": torch.__version__},
        }


def synchronize(device: torch.device) -> None:
    """Wait until `device` has done what it was given: without this, seconds on a GPU are those of the asking."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


class Stylizer(ABC):
    """A method of style transfer, ready to repaint.

    Not an `nn.Module`: it has parts (extractor, decoder), which are.

    Attributes:
        method: Name in the registry.
        summary: One line for lists.
        config_type: Dataclass of the method's options, with defaults.
        config: The options in force.
        extractor: The feature extractor.
    """

    method: ClassVar[str]
    summary: ClassVar[str]
    config_type: ClassVar[type]
    config: Any
    extractor: VGG19Features

    @classmethod
    @abstractmethod
    def create(cls, extractor: VGG19Features, options: Mapping[str, Any]) -> Stylizer:
        """Build a stylizer from options by name, as the command line and `create_stylizer` give them.

        Raises:
            OptionError: Unknown option or a value outside its range.
        """

    def stylize(
        self,
        content: ImageSource | Picture,
        style: Any,
        *,
        on_step: OnStep | None = None,
    ) -> Stylization:
        """Repaint `content` in the manner of `style`.

        Args:
            content: Path, PIL image, array or tensor; a batch as a (B, 3, H, W) tensor.
            style: The same, or a list of several to be mixed. Its size may differ from the content's. AdaIN
                also takes an `EncodedStyle`.
            on_step: Called after each step with a `Step`.

        Returns:
            A `Stylization` whose picture has the content's height and width.

        Raises:
            ImageError: A picture that cannot be read or used.
            OptionError: Pictures on different devices, `style_mix` of the wrong length.
            StylizeInterrupted: Ctrl-C during an optimisation; carries the picture so far. (A feed-forward
                method has none: there it is a plain KeyboardInterrupt.)
        """
        picture = _as_picture(content, "content")
        listed = list(style) if isinstance(style, (list, tuple)) else [style]
        if not listed:
            raise OptionError("At least one style picture is needed, got an empty list.")
        shares = mix(getattr(self.config, "style_mix", None), len(listed))
        prepared = [self._prepare_style(item, picture) for item in listed]
        paths = tuple(p for p in (picture.path, *(_path(item) for item in listed)) if p is not None)
        try:
            result = self._run(picture.rgb.to(self.extractor.device), prepared, shares, on_step)
        except StylizeInterrupted as interrupted:
            so_far = interrupted.stylization
            interrupted.stylization = dataclasses.replace(so_far, alpha=picture.alpha, inputs=paths)
            raise
        return dataclasses.replace(result, alpha=picture.alpha, inputs=paths)

    def _prepare_style(self, item: Any, content: Picture) -> Any:
        """Turn one style into what `_run` takes: a (1 or B, 3, H, W) tensor on the extractor's device."""
        style = _as_picture(item, "style")
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

    @abstractmethod
    def _run(
        self, content: Tensor, styles: list[Any], style_mix: tuple[float, ...], on_step: OnStep | None
    ) -> Stylization:
        """Do the work: pictures checked, (B, 3, H, W), on the extractor's device; shares sum to 1."""


def _as_picture(source: ImageSource | Picture, what: str) -> Picture:
    return source if isinstance(source, Picture) else images.read_picture(source, what=what)


def _path(source: Any) -> Path | None:
    """The file that a style or content came from, if it came from one."""
    if isinstance(source, Picture):
        return source.path
    return Path(source) if isinstance(source, (str, os.PathLike)) else None


def _plain(value: Any) -> Any:
    """Turn a config into what JSON can hold."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, Tensor):
        return f"tensor {tuple(value.shape)}"
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
