"""The package as it worked at commit 48d8b17, with today's weights: what the speed targets are a ratio to.

Kept apart from the package, so that no improvement reaches it: the whole picture at once, reflected borders as
copies, statistics, alignment and modulation as passes of their own, Gram matrices of copied features, torch's own
L-BFGS. Its pictures and losses are today's (tests/benchmarks/test_frozen.py). Do not make it faster.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.features.low_rank import LowRankConv2d
from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import LAYERS


class Encoder:
    """VGG-19's features as `VGG19Features.forward` gave them, from that network's parameters."""

    def __init__(self, network: VGG19Features) -> None:
        self.network = network

    def __call__(self, images: Tensor, taps: Iterable[str]) -> dict[str, Tensor]:
        wanted, features = set(taps), dict[str, Tensor]()
        network = self.network
        x = images.contiguous(memory_format=torch.channels_last)
        x = F.conv2d(x, network.color_matrix, network.color_bias)
        for layer in LAYERS:
            if layer.opens_block:
                x = F.max_pool2d(x, 2, ceil_mode=network.ceil_mode)
            x = F.relu_(self._convolved(x, network.convs[layer.conv]))
            if layer.relu in wanted:
                features[layer.relu] = x
            if len(features) == len(wanted):
                break
        return features

    def _convolved(self, x: Tensor, convolution: torch.nn.Module) -> Tensor:
        weight = convolution.get_parameter
        if not isinstance(convolution, LowRankConv2d):
            return F.conv2d(padded(x, self.network.padding), weight("weight"), weight("bias"))
        if convolution.reduce is not None:
            x = F.conv2d(x, weight("reduce.weight"))
        x = padded(x, self.network.padding)
        if convolution.expand is None:
            return F.conv2d(x, weight("core.weight"), weight("bias"))
        return F.conv2d(F.conv2d(x, weight("core.weight")), weight("expand.weight"), weight("bias"))


def padded(x: Tensor, padding: str) -> Tensor:
    """Return a copy of (B, C, h, w) features with one more position on each side."""
    if padding == "zeros":
        return F.pad(x, (1, 1, 1, 1))
    height, width = x.shape[2:]
    if height > 1 and width > 1:
        return F.pad(x, (1, 1, 1, 1), mode="reflect")
    x = F.pad(x, (1, 1, 0, 0), mode="reflect" if width > 1 else "replicate")
    return F.pad(x, (0, 0, 1, 1), mode="reflect" if height > 1 else "replicate")
