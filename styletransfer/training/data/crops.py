"""Crops of training pictures, each a pure function of (seed, step, slot).

Nothing here has a random state: slot i of step n draws from a counter-based generator (Philox: Salmon et al. 2011,
"Parallel random numbers: as easy as 1, 2, 3") whose counter is (n, i). So a resumed training needs only its step,
the number of worker processes changes nothing, and rank r of w processes takes its own slots of the one global
batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer._checks import flag, integer, number
from styletransfer.images.folders import Problem
from styletransfer.training.data.folder import PictureFolder

#: Pictures that a slot may draw in vain before the folder is given up.
ATTEMPTS = 100
#: Numbers that a crop is made of: picture, side, top, left, flip, brightness, contrast.
_DRAWS = 7


@dataclass(frozen=True, kw_only=True)
class CropSettings:
    """How crops are taken.

    Attributes:
        size: Side of a crop, pixels.
        smallest: The closest crop covers this share of `size` in the picture's own pixels, enlarged; the widest
            covers the whole shorter side.
        widest: The widest crop covers this many times `size` in the picture's own pixels, at least `smallest`;
            0 for the whole shorter side.
        jitter: Brightness and contrast are multiplied by up to 1 plus or minus this; 0 for never.
        flip: Whether half of the crops are mirrored.

    Raises:
        OptionError: A value outside its range.
    """

    size: int = 128
    smallest: float = 0.55
    widest: float = 0.0
    jitter: float = 0.2
    flip: bool = True

    def __post_init__(self) -> None:
        integer(self.size, "size", low=16)
        number(self.smallest, "smallest", above=0, high=1)
        number(self.widest, "widest", low=0)
        number(self.jitter, "jitter", low=0, high=0.9)
        flag(self.flip, "flip")


@dataclass(frozen=True, eq=False)
class CropBatch:
    """Crops of one step.

    Attributes:
        pictures: (B, 3, size, size) float32 RGB in [0, 1].
        numbers: Which picture each is from.
        problems: Files that turned out to be bad on the way, for the first time.
    """

    pictures: Tensor
    numbers: tuple[int, ...]
    problems: tuple[Problem, ...] = ()


class Crops:
    """Random crops from a folder of pictures.

    Args:
        folder: The pictures.
        settings: How crops are taken.
        seed: Of everything random, 0 to 2^64 - 1.
        stream: Tells sources of one training apart, so that content and style differ even from the same folder.

    Raises:
        OptionError: A seed or stream outside its range.
    """

    def __init__(
        self, folder: PictureFolder, settings: CropSettings | None = None, *, seed: int, stream: int = 0
    ) -> None:
        self.folder = folder
        self.settings = settings or CropSettings()
        self.seed = integer(seed, "seed", low=0, high=2**64 - 1)
        self.stream = integer(stream, "stream", low=0, high=2**64 - 1)

    def batch(self, step: int, slots: range) -> CropBatch:
        """Make the crops of some slots of a step's global batch.

        Args:
            step: Number of the step, from 0.
            slots: Which of its crops; rank r takes ``range(r * batch, (r + 1) * batch)``.

        Raises:
            TrainingError: Picture after picture cannot be read.
        """
        known = len(self.folder.problems)
        drawn = [self._draw(step, slot) for slot in slots]
        return CropBatch(
            pictures=torch.stack([crop for crop, _ in drawn]),  # (B, 3, size, size)
            numbers=tuple(picked for _, picked in drawn),
            problems=tuple(self.folder.problems[known:]),
        )

    def _draw(self, step: int, slot: int) -> tuple[Tensor, int]:
        """Crop the slot's picture; if it turns out to be bad, another is drawn."""
        for attempt in range(ATTEMPTS):
            drawn = draws(self.seed, self.stream, step, slot, attempt, count=_DRAWS)
            picked = int(drawn[0] * len(self.folder))
            picture = self.folder.picture(picked)
            if picture is not None:
                return _crop(picture, drawn[1:], self.settings), picked
        raise self.folder.gone(picked, ATTEMPTS)


def draws(seed: int, stream: int, step: int, slot: int, attempt: int = 0, *, count: int) -> list[float]:
    """Return `count` random numbers in [0, 1) that depend on nothing but the arguments."""
    philox = np.random.Philox(key=[seed, stream], counter=[0, attempt, slot, step])
    return [float(number) for number in np.random.Generator(philox).random(count)]


def _crop(picture: Tensor, draws: Sequence[float], settings: CropSettings) -> Tensor:
    """Cut (3, size, size) float in [0, 1] out of a (3, H, W) uint8 picture; six draws from [0, 1) decide where."""
    height, width = picture.shape[1:]
    shorter = min(height, width)
    # From an enlarged detail to the whole scene, close ones more often. Networks that never saw smooth, enlarged
    # content leave the flat parts of large pictures without texture.
    smallest = min(max(1, round(settings.smallest * settings.size)), shorter)
    widest = max(smallest, min(shorter, round(settings.widest * settings.size))) if settings.widest else shorter
    side = smallest + int((widest - smallest + 1) * draws[0] ** 2)
    top, left = int((height - side + 1) * draws[1]), int((width - side + 1) * draws[2])
    crop = picture[:, top : top + side, left : left + side].float().div(255)
    if side != settings.size:
        size = (settings.size, settings.size)
        crop = F.interpolate(crop[None], size, mode="bilinear", antialias=True, align_corners=False)[0]
    if settings.flip and draws[3] < 0.5:
        crop = crop.flip(2)
    if settings.jitter:
        brightness, contrast = (1 + settings.jitter * (2 * draw - 1) for draw in draws[4:6])
        # numpy's mean, because the last bit of torch's depends on the number of threads.
        middle = float(crop.numpy().mean())
        crop = brightness * (middle + contrast * (crop - middle))
    return crop.clamp(0, 1)
