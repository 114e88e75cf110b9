"""Which precision the convolutions of a training run in."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import torch
import torch.nn.functional as F

#: How often each precision is tried.
_TRIES = 20


def resolve(precision: str, device: torch.device) -> str:
    """Turn ``"auto"`` into what is faster on `device`.

    CUDA devices say whether they compute in bfloat16. Some CPUs do too, others convert back and forth and lose
    time, so there a small convolution is tried both ways.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    if device.type == "cpu":
        # In turn, and the best of many: another program's burst must not decide.
        tries = [(_seconds(torch.bfloat16), _seconds(torch.float32)) for _ in range(_TRIES)]
        half, full = (min(column) for column in zip(*tries, strict=True))
        return "bfloat16" if half < 0.8 * full else "float32"
    return "float32"


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which a step's networks run; statistics and losses leave it for float32."""
    if precision != "bfloat16":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def _seconds(dtype: torch.dtype) -> float:
    """Time a convolution like VGG's."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(1, 64, 64, 64, generator=generator).to(dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.rand(64, 64, 3, 3, generator=generator).to(dtype).contiguous(memory_format=torch.channels_last)
    began = time.perf_counter()
    F.conv2d(images, weight)
    return time.perf_counter() - began
