"""What the engine asks of anything that is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from styletransfer.training.data.crops import CropBatch, Crops
from styletransfer.training.data.folder import PictureFolder


@dataclass(frozen=True)
class Band:
    """Where a logged value is in a healthy run.

    Attributes:
        high: Above this, after the first steps, something is wrong.
        cure: What to look at, one sentence.
    """

    high: float
    cure: str


@dataclass(frozen=True)
class Losses:
    """What a task computes for a part of a batch.

    Attributes:
        terms: Weighted scalars that are minimised; each a mean over the part's pictures, so that parts and
            processes can be averaged.
        shown: Scalars for the log only, unweighted.
        observed: Scalars that the task wants back, averaged over all parts and processes (`Task.observe`).
    """

    terms: Mapping[str, Tensor]
    shown: Mapping[str, Tensor] = field(default_factory=dict)
    observed: Mapping[str, Tensor] = field(default_factory=dict)


class Task(ABC):
    """Something that can be trained: a network, its data and its losses.

    Attributes:
        kind: ``"decoder"`` or ``"extractor"``.
        module: What is trained.
        sources: Where crops come from; `losses` gets a batch of each.
        bands: Healthy values of what is logged.
    """

    kind: ClassVar[str]
    module: nn.Module
    sources: Sequence[Crops]
    bands: Mapping[str, Band]

    @property
    def folders(self) -> Sequence[PictureFolder]:
        """All folders that are learnt from; bad files in them are reported."""
        return [source.folder for source in self.sources]

    @abstractmethod
    def losses(self, batches: Sequence[CropBatch], step: int, slots: range) -> Losses:
        """Return the losses of one part of step `step`, whose pictures are `slots` of the global batch."""

    def probe(self, images: Tensor) -> Losses:
        """Return the losses of (1, 3, H, W) images in the costliest kind of step; nothing is learnt from them."""
        return self.losses([CropBatch(images, (0,)) for _ in self.sources], 0, range(1))

    @abstractmethod
    def sample(self) -> Tensor:
        """Return a grid of results, (3, H, W) in [0, 1]."""

    @abstractmethod
    def export(self, folder: Path, notes: Mapping[str, Any]) -> list[Path]:
        """Write the network for use, and its model card; return the files."""

    def phase(self, step: int) -> str:
        """Return the name of the part of the training that `step` belongs to."""
        return self.kind

    def observe(self, observed: Mapping[str, float]) -> None:  # noqa: B027 - a task may want nothing back
        """Take note of what `losses` wanted back."""

    def warnings(self, step: int, shown: Mapping[str, float]) -> list[str]:
        """Return what is to be said after `step`, beyond the bands."""
        return []

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint needs beside the module: plain values."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:  # noqa: B027 - a task may have no state
        """Take back what `state` gave.

        Raises:
            ValueError: Something else; the message says what is wrong with it.
        """
