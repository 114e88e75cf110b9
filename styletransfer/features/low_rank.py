"""A 3x3 convolution of low rank: 1x1 to few channels, 3x3 among these, 1x1 to all channels.

The form is that of Kim et al. 2016, "Compression of Deep Convolutional Neural Networks for Fast and Low Power
Mobile Applications", section 3.1 (Tucker-2).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from styletransfer.features import winograd
from styletransfer.features.padding import pad_by_one


class LowRankConv2d(nn.Module):
    """Stands for a convolution with bias and padding.

    A rank that equals the number of channels has no 1x1 convolution: nothing would be saved.

    Args:
        channels: Of the input.
        wanted: Channels of the output.
        rank_in: Channels that the 3x3 convolution reads, up to `channels`.
        rank_out: Channels that it gives, up to `wanted`.
    """

    def __init__(self, channels: int, wanted: int, rank_in: int, rank_out: int) -> None:
        super().__init__()
        self.reduce = _conv(channels, rank_in, 1) if rank_in < channels else None
        self.core = _conv(rank_in, rank_out, 3)
        self.expand = _conv(rank_out, wanted, 1) if rank_out < wanted else None
        self.bias = nn.Parameter(torch.zeros(wanted, dtype=torch.float32))

    @property
    def last(self) -> nn.Conv2d:
        """The convolution that gives the output."""
        return self.core if self.expand is None else self.expand

    def forward(self, x: Tensor, padding: str, kernel: Tensor | None = None) -> Tensor:
        """Return (B, wanted, h, w) of (B, channels, h, w); without a bias, 1x1 convolution and padding commute.

        Args:
            x: The input.
            padding: ``"reflect"`` or ``"zeros"``.
            kernel: `winograd.spectrum` of the 3x3 convolution, to use it.
        """
        if self.reduce is not None:
            x = pointwise(x, self.reduce.weight)
        x = pad_by_one(x, padding)
        bias = self.bias if self.expand is None else None
        if kernel is None:
            x = nn.functional.conv2d(x, self.core.weight, bias)
        else:
            x = winograd.convolve(x, kernel)
            x = x if bias is None else x.add_(bias.view(1, -1, 1, 1))
        return x if self.expand is None else pointwise(x, self.expand.weight, self.bias)


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the 1x1 convolution of x with weight (O, I, 1, 1), as the matrix product that it is.

    torch has no fast 1x1 convolution for channels last on a CPU; it copies there and back.
    """
    return nn.functional.linear(x.movedim(1, -1), weight[:, :, 0, 0], bias).movedim(-1, 1)


def _conv(channels: int, wanted: int, side: int) -> nn.Conv2d:
    return nn.Conv2d(channels, wanted, side, bias=False, dtype=torch.float32)
