"""Padding by one position, as every 3x3 convolution of the package wants it."""

from __future__ import annotations

import contextlib
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Padding = Literal["reflect", "zeros"]


def pad_by_one(features: Tensor, padding: str) -> Tensor:
    """Surround (B, C, h, w) features by one position.

    Reflection repeats the second row and column; a side of a single position has no second one and is
    repeated itself, so that every picture from 16x16 up reaches relu5_1.
    """
    if padding == "zeros":
        return F.pad(features, (1, 1, 1, 1))
    height, width = features.shape[2:]
    with in_own_precision(features):
        if height > 1 and width > 1:
            return F.pad(features, (1, 1, 1, 1), mode="reflect")
        features = F.pad(features, (1, 1, 0, 0), mode="reflect" if width > 1 else "replicate")
        return F.pad(features, (0, 0, 1, 1), mode="reflect" if height > 1 else "replicate")


def unpad_by_one(gradient: Tensor, padding: str) -> Tensor:
    """Return the gradient of what `pad_by_one` surrounded, from that of its result, which it may overwrite."""
    if padding != "zeros":
        for axis in (2, 3):
            # Each border goes back to the position that it repeats: the second one, or the only one.
            last = gradient.shape[axis] - 1
            second = min(2, last - 1)
            gradient.select(axis, second).add_(gradient.select(axis, 0))
            gradient.select(axis, last - second).add_(gradient.select(axis, last))
    return gradient[:, :, 1:-1, 1:-1]


def in_own_precision(features: Tensor) -> contextlib.AbstractContextManager[Any]:
    """Return a context in which autocast leaves `features` as they are.

    It computes paddings and upsamplings in float32: copies there and back, a sixth of a training step on a CPU.
    """
    if torch.is_autocast_enabled(features.device.type):
        return torch.autocast(features.device.type, enabled=False)
    return contextlib.nullcontext()
