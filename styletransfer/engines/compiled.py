"""Networks compiled by torch itself: kernels in C++ on a CPU, in Triton on a GPU."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from styletransfer.engines.interface import Networks


def compiled(in_torch: Networks) -> Networks:
    """Return networks that are compiled at their first call, for all sizes."""
    stages: dict[int, Callable[..., Tensor]] = {}
    encode = _compiled(lambda picture, taps: in_torch.encode(picture, taps))

    def stage(
        index: int,
        x: Tensor | None,
        targets: Mapping[str, Tensor],
        changes: Sequence[tuple[Tensor, Tensor]] | None,
    ) -> Tensor:
        if index not in stages:
            stages[index] = _compiled(lambda *tensors: in_torch.stage(index, *tensors))
        # Where gradients may flow, decoders compute convolutions plainly, which torch fuses with what follows.
        with torch.enable_grad():
            return stages[index](x, dict(targets), changes).detach()

    return Networks(lambda picture, taps: encode(picture, tuple(taps)), stage)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function; where that fails, it is called as it is, after a warning."""
    # torch counts, and limits, the variants of each code object, and functions made by one line share theirs.
    own = types.FunctionType(function.__code__.replace(), globals(), closure=function.__closure__)
    chosen: list[Callable[..., Any]] = [torch.compile(own, dynamic=True)]

    def call(*arguments: Any) -> Any:
        try:
            return chosen[0](*arguments)
        except Exception as error:
            result = function(*arguments)  # what is wrong with the arguments is raised here
            chosen[0] = function
            reason = " ".join(str(error).strip().splitlines()[:2]).rstrip(".")
            warnings.warn(
                f"The engine 'compiled' failed, so torch computes instead, with the same result: {reason}.",
                stacklevel=2,
            )
            return result

    return call
