"""What a method is asked: content, styles with their shares and masks, a start, a strength."""

from __future__ import annotations

import copy
import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer import images
from styletransfer.code_files import CodeInfo
from styletransfer.images import ImageSource, Picture


class EncodedStyle(ABC):
    """A style that a method has encoded and that it takes in place of the picture.

    Attributes:
        extractor: Name of the weight set it was encoded with.
        path: The file of the style picture, or the one it was kept in, which is never overwritten; or None.
        extractor_sha256: Of that weight set's numbers, or None if nobody knows.
        name: What it is called, or None.
    """

    extractor: str
    path: Path | None
    extractor_sha256: str | None
    name: str | None

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Return the numbers that it consists of, to be written into a file."""

    @classmethod
    @abstractmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], info: CodeInfo, where: str) -> Self:
        """Return the style that was written.

        Args:
            tensors: What `tensors` gave.
            info: What is known of it.
            where: The file, for messages.

        Raises:
            WeightsError: Numbers that are none of such a style.
        """

    @classmethod
    @abstractmethod
    def stacked(cls, styles: Sequence[Self]) -> Self:
        """Return several styles as one: the first for the first content of a batch, and so on."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StyleInput:
    """One style of a request.

    Attributes:
        source: A picture (1 or B, 3, H, W) on the extractor's device, or an `EncodedStyle`.
        share: Its part of the mixture; all shares of a request sum to 1.
        mask: Where in the content it belongs, (1, 1, H, W) in [0, 1], or None for everywhere. The masks of a
            request sum to at most 1 at every pixel; what none covers keeps the content.
        looked_at: Which part of the style's picture counts, (1, 1, h, w) of its size, or None for all of it.
        finer: The same picture in more detail, to be enlarged from; None if there is no more.
    """

    source: Tensor | EncodedStyle
    share: float = 1.0
    mask: Tensor | None = None
    looked_at: Tensor | None = None
    finer: Tensor | None = None

    def resized(self, size: tuple[int, int]) -> StyleInput:
        """Return it with the picture, and what counts of it, at another size."""
        picture = cast(Tensor, self.source) if self.finer is None else self.finer
        looked_at = None if self.looked_at is None else mask_at(self.looked_at, size)
        return dataclasses.replace(self, source=images.resize(picture, size), looked_at=looked_at, finer=None)


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """A part of the content with the styles that it is given.

    Attributes:
        styles: Mixed by their shares.
        mask: (1, 1, H, W) in [0, 1], or None for the whole content.
        emphasis: How much each of its places counts for its statistics, (1, 1, H, W), or None for all the same.
    """

    styles: tuple[StyleInput, ...]
    mask: Tensor | None = None
    emphasis: Tensor | None = None

    @property
    def shares(self) -> tuple[float, ...]:
        """The styles' shares."""
        return tuple(style.share for style in self.styles)

    def weights_at(self, size: tuple[int, int]) -> Tensor | None:
        """Return how much each place counts at the size of some features or of a picture, or None for the same."""
        given = [mask_at(x, size) for x in (self.mask, self.emphasis) if x is not None]
        return math.prod(given[1:], start=given[0]) if given else None


class Carry:
    """What one frame of a video hands to the next: measurements, smoothed over time, and the result itself.

    Each run reads `before` and writes `after`, so that a run which is repeated smooths nothing twice. A method
    that descends starts from `moved` and stays close to it where it is trusted.

    Args:
        before: Measurements by name, as the run before left them; empty for the first frame of a scene.
        share: How much of them stays in what is used now, in [0, 1].
        moved: The previous result, (1, 3, H, W), moved as the content has moved; None for the first frame.
        trust: Where that is known, (1, 1, H, W) in [0, 1].
        effort: Share of a whole run's steps that are wanted, in (0, 1].

    Attributes:
        after: What the run leaves for the next one, by name.

    Example:
        >>> import torch
        >>> carry = Carry({"mean": torch.zeros(1)}, share=0.75)
        >>> carry.smoothed("mean", torch.ones(1))
        tensor([0.2500])
    """

    def __init__(
        self,
        before: Mapping[str, Tensor] | None = None,
        *,
        share: float,
        moved: Tensor | None = None,
        trust: Tensor | None = None,
        effort: float = 1.0,
    ) -> None:
        self.before = dict(before or {})
        self.share = share
        self.moved, self.trust = moved, trust
        self.effort = effort
        self.after: dict[str, Tensor] = {}

    def changed(self, change: Callable[[Tensor], Tensor]) -> Carry:
        """Return it with another picture in place of `moved`; what it leaves is the same."""
        other = copy.copy(self)
        other.moved = None if self.moved is None else change(self.moved)
        return other

    def smoothed(self, name: str, value: Tensor) -> Tensor:
        """Return a measurement mixed with what it was before, and keep it for the next frame."""
        before = self.before.get(name)
        if before is None or before.shape != value.shape:
            mixed = value
        else:
            mixed = value.lerp(before.to(value), self.share)
        self.after[name] = mixed
        return mixed


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """What a method is asked to do: everything is checked, on the extractor's device and at the working size.

    Attributes:
        content: (B, 3, H, W) RGB in [0, 1].
        styles: At least one.
        init: A picture to start from, (1 or B, 3, H, W), or None.
        strength: How much of the style is wanted, in [0, 1]: a number, or a map (1 or B, 1, H, W).
        preserved: Where the content is kept, (1, 1, H, W) in [0, 1]; masks leave room for it. None for nowhere.
        carry: What the frame before hands on, for a content that is a frame of a video.
    """

    content: Tensor
    styles: tuple[StyleInput, ...]
    init: Tensor | None = None
    strength: float | Tensor = 1.0
    preserved: Tensor | None = None
    carry: Carry | None = None

    @property
    def shares(self) -> tuple[float, ...]:
        """The styles' shares."""
        return tuple(style.share for style in self.styles)

    @property
    def regions(self) -> tuple[Region, ...]:
        """The styles by where they belong: one region for each mask, or a single one without."""
        if not self.masked:
            return (Region(styles=self.styles, mask=self.covered),)
        return tuple(Region(styles=(dataclasses.replace(s, share=1.0),), mask=s.mask) for s in self.styles)

    @property
    def masked(self) -> bool:
        """Whether each style has a mask."""
        return self.styles[0].mask is not None

    @property
    def covered(self) -> Tensor | None:
        """Where any style belongs, (1, 1, H, W), or None for everywhere."""
        masks = [style.mask for style in self.styles if style.mask is not None]
        if masks:
            return torch.stack(masks).sum(0)
        return None if self.preserved is None else 1 - self.preserved

    def keep_uncovered(self, image: Tensor) -> Tensor:
        """Return a result with the content where no style belongs."""
        covered = self.covered
        return image if covered is None else covered * image + (1 - covered) * self.content


def mask_at(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a mask, or a map, at the size of some features or of a picture."""
    if mask.shape[2:] == size:
        return mask
    return F.interpolate(mask, size, mode="bilinear", antialias=True, align_corners=False)


def as_picture(source: ImageSource | Picture, what: str) -> Picture:
    """Return `source` as a picture, read if it is not one yet."""
    return source if isinstance(source, Picture) else images.read_picture(source, what=what)
