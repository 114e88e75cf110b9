"""Convolutions with fixed weights, of which only the input's gradient is wanted.

torch keeps every padded input for the gradient of the weights, which a frozen network never asks for. Here only
the results stay in memory, which the next layer and the losses hold anyway.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input

from styletransfer.features import winograd
from styletransfer.features.low_rank import LowRankConv2d, pointwise
from styletransfer.features.padding import pad_by_one, unpad_by_one


def convolution(x: Tensor, conv: nn.Module, padding: str, *, relu: bool, kernel: Tensor | None = None) -> Tensor:
    """Return (B, O, h, w) of (B, I, h, w): padding, convolution, bias and, if wanted, ReLU.

    Args:
        x: The input.
        conv: An `nn.Conv2d` without padding of its own, or a `LowRankConv2d`.
        padding: ``"reflect"`` or ``"zeros"``.
        relu: Whether negative values become 0.
        kernel: `winograd.spectrum` of its 3x3 part, to use it; for one picture that is not tiny.
    """
    kernel = kernel if x.shape[0] == 1 and x.shape[2] * x.shape[3] >= winograd.FEWEST else None
    wanted = torch.is_grad_enabled() and x.requires_grad
    # Under autocast, the network of a training: types would differ between the two directions.
    if not wanted or torch.is_autocast_enabled(x.device.type):
        return _forward(x, conv, padding, relu, kernel)
    result: Tensor = _Frozen.apply(x, conv, padding, relu, kernel)
    return result


class _Frozen(torch.autograd.Function):
    """Padding, convolution, bias and ReLU as one step, which keeps nothing but its result."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, conv: nn.Module, padding: str, relu: bool, kernel: Tensor | None) -> Tensor:
        result = _forward(x, conv, padding, relu, kernel)
        ctx.chosen = conv, padding, kernel
        ctx.save_for_backward(*[result] if relu else [])
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        conv, padding, kernel = ctx.chosen
        for result in ctx.saved_tensors:
            gradient = torch.ops.aten.threshold_backward(gradient, result, 0)
        return _gradient(gradient, conv, padding, kernel), None, None, None, None


def _forward(x: Tensor, conv: nn.Module, padding: str, relu: bool, kernel: Tensor | None) -> Tensor:
    if isinstance(conv, LowRankConv2d):
        result = conv(x, padding, kernel)
    elif kernel is not None:
        result = winograd.convolve(pad_by_one(x, padding), kernel).add_(
            conv.get_parameter("bias").view(1, -1, 1, 1)
        )
    else:
        result = conv(pad_by_one(x, padding))
    return F.relu_(result) if relu else result


def _gradient(gradient: Tensor, conv: nn.Module, padding: str, kernel: Tensor | None) -> Tensor:
    low = conv if isinstance(conv, LowRankConv2d) else None
    core = conv.get_parameter("weight") if low is None else low.core.weight
    if low is not None and low.expand is not None:
        gradient = pointwise(gradient, low.expand.weight.transpose(0, 1))
    if kernel is not None:
        gradient = winograd.transposed(gradient, kernel)
    else:
        batch, _, height, width = gradient.shape
        padded = (batch, core.shape[1], height + 2, width + 2)
        gradient = conv2d_input(padded, core, gradient)  # type: ignore[no-untyped-call]
    gradient = unpad_by_one(gradient, padding)
    if low is not None and low.reduce is not None:
        gradient = pointwise(gradient, low.reduce.weight.transpose(0, 1))
    return gradient
