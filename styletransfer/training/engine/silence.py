"""Notice layers that learn nothing any more.

Without normalisation layers a convolution can be driven to where all its ReLUs stay below zero. From then on no
gradient reaches it or the layers before it. Losses continue to fall by what is left of the network; only the
gradients show the fault.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

#: Steps between looks: each is a wait for the device.
_EVERY = 10
#: Looks in a row without a gradient after which a layer counts as silent.
_LOOKS = 10


class SilenceWatch:
    """Follows the gradients of named parameters."""

    def __init__(self, names: Sequence[str]) -> None:
        self._layers = [name.rpartition(".")[0] or name for name in names]
        self._silent = dict.fromkeys(self._layers, 0)

    def look(self, step: int, gradients: Sequence[Tensor]) -> str | None:
        """Look at a step's gradients, one for each name; return a warning when layers have fallen silent.

        Each layer is named once, unless it wakes in between.
        """
        if step % _EVERY:
            return None
        norms = torch.stack([gradient.detach().abs().amax() for gradient in gradients]).tolist()
        reached = {layer for layer, norm in zip(self._layers, norms, strict=True) if norm != 0}
        for layer in self._silent:
            self._silent[layer] = 0 if layer in reached else self._silent[layer] + 1
        fallen = [layer for layer, looks in self._silent.items() if looks == _LOOKS]
        if not fallen:
            return None
        return (
            f"No gradient has reached {', '.join(fallen)} for {_EVERY * _LOOKS} steps: what is computed there has "
            "fallen silent and learns nothing more. Start again, in another folder, with a lower --learning-rate."
        )
