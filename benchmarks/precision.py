"""Number formats that a piece of work may run in."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager

import torch


def under(device: str, precision: str) -> AbstractContextManager[object]:
    """Return the context for `precision`: nothing for fp32, autocast for bf16."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device, dtype=torch.bfloat16)
