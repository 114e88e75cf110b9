"""Each method as tutorials write it, ``<method>.py``: the yardstick that speeds are a ratio to.

Written from the papers, for reading rather than for speed: modules in an `nn.Sequential`, padding as modules of
its own, plain channels-first tensors, ReLU out of place, everything computed again for every picture and step.
The numbers are those of the package (tests/benchmarks/test_textbook.py); only the way there is the textbook's.
Only the weights come from the package. Sides are multiples of 16, since textbook code does not pad.

A method's module, which is optional, holds all that has to be written by hand for it:

- ``OPTIONS``: the method's options that compute what the textbook computes.
- ``Textbook(stylizer, content, style)``: called without arguments it makes the picture, or takes one step.
- ``operations(stylizer, size, style_size)``: of one picture or step; no style size: it is encoded before.
- ``random_parts(encoder)``: its parts, if it has any, with random weights, for an extractor at full width.
- ``STAGES`` and ``stage(name, stylizer, content, style)``: parts of the work that are timed apart.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from torch import Tensor, nn

from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import LAYERS


def of(method: str) -> Any:
    """Return the module of a method, or None."""
    name = f"{__name__}.{method}"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


class Encoder(nn.Module):
    """VGG-19 as a list of modules: padding, convolution, ReLU, pooling."""

    def __init__(self, extractor: VGG19Features, last: str) -> None:
        super().__init__()
        color = nn.Conv2d(3, 3, 1)
        color.weight = _copy(extractor.color_matrix)
        color.bias = _copy(extractor.color_bias)
        modules: list[nn.Module] = [color]
        self.tap_at: dict[int, str] = {}
        for layer in LAYERS:
            if layer.opens_block:
                modules.append(nn.MaxPool2d(2, ceil_mode=extractor.ceil_mode))
            modules += [padding(extractor.padding), convolution(extractor.convs[layer.conv]), nn.ReLU()]
            self.tap_at[len(modules) - 1] = layer.relu
            if layer.relu == last:
                break
        self.net = nn.Sequential(*modules)

    def forward(self, x: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        features = {}
        for number, module in enumerate(self.net):
            x = module(x)
            if self.tap_at.get(number) in layers:
                features[self.tap_at[number]] = x
        return features


def convolution(ours: Any) -> nn.Conv2d:
    """Copy one of the package's convolutions, channels first, without padding of its own."""
    theirs = nn.Conv2d(ours.in_channels, ours.out_channels, ours.kernel_size[0], device="meta")
    theirs.weight, theirs.bias = _copy(ours.weight), _copy(ours.bias)
    return theirs


def padding(kind: str) -> nn.Module:
    return nn.ReflectionPad2d(1) if kind == "reflect" else nn.ZeroPad2d(1)


def _copy(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.detach().clone().contiguous(), requires_grad=False)
