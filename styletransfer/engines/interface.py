"""What an engine takes the place of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from torch import Tensor

#: Pictures (B, 3, h, w) and names of layers, to ``{layer: (B, C, h, w)}``; see `VGG19Features`.
Encode = Callable[["Tensor", Sequence[str]], Mapping[str, "Tensor"]]
#: Index, result of the stage before (None for the first), target features, scales and shifts, to a stage's result.
Stage = Callable[
    [int, "Tensor | None", Mapping[str, "Tensor"], "Sequence[tuple[Tensor, Tensor]] | None"], "Tensor"
]


class StagedDecoder(Protocol):
    """A decoder that can be computed in stages."""

    @property
    def stage(self) -> Stage:
        """One stage."""


class Networks(NamedTuple):
    """Extractor and decoder as an engine computes them."""

    encode: Encode
    stage: Stage
