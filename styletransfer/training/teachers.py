"""Networks to learn from: files in the formats that `distill` reads.

Two formats, both safetensors:

- ``features.<index>.weight`` as in torchvision's VGG-19, its first layers up to any, for RGB * 255 minus the
  Oxford mean;
- ``conv<block><number>.weight`` at any width with a 1x1 ``conv0`` for the colours, and 1x1 heads
  ``conv<block><number>_aux`` that predict the full network's tap.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from styletransfer.features.layers import LAYERS
from styletransfer.features.vgg import VGG19Features

#: Mean of the Oxford VGG's training pictures, RGB, 0 to 255 (Simonyan and Zisserman 2015, section 2.1).
OXFORD_MEAN = (123.68, 116.779, 103.939)


def load_oxford(path: str | Path) -> VGG19Features:
    """Load the leading convolutions of the Oxford VGG-19, in torchvision's layout."""
    tensors = load_file(path)
    held = [layer for layer in LAYERS if f"features.{layer.torchvision_index}.weight" in tensors]
    network = VGG19Features("vgg19-oxford", last=held[-1].conv)
    network.load_convolutions(
        {
            f"{layer.conv}.{part}": tensors[f"features.{layer.torchvision_index}.{part}"]
            for layer in held
            for part in ("weight", "bias")
        },
        color_matrix=255 * torch.eye(3),
        color_bias=-torch.tensor(OXFORD_MEAN),
        source=str(path),
    )
    return network


class SmallTeacher:
    """A narrow VGG-19 with heads that predict the full network's taps.

    Args:
        path: Safetensors file.
    """

    def __init__(self, path: str | Path) -> None:
        tensors = load_file(path)
        held = [layer for layer in LAYERS if f"conv{layer.block}{layer.number}.weight" in tensors]
        widths = [0, 0, 0, 0, 0]
        for layer in held:
            widths[layer.block - 1] = tensors[f"conv{layer.block}{layer.number}.weight"].shape[0]
        self.network = VGG19Features("small", widths=widths, last=held[-1].conv)
        self.network.load_convolutions(
            {
                f"{layer.conv}.{part}": tensors[f"conv{layer.block}{layer.number}.{part}"]
                for layer in held
                for part in ("weight", "bias")
            },
            color_matrix=tensors["conv0.weight"],
            color_bias=tensors["conv0.bias"],
            source=str(path),
        )
        self._heads = {
            layer.relu: (
                tensors[f"conv{layer.block}{layer.number}_aux.weight"],
                tensors[f"conv{layer.block}{layer.number}_aux.bias"],
            )
            for layer in held
            if f"conv{layer.block}{layer.number}_aux.weight" in tensors
        }

    def __call__(self, images: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Return the full network's taps as the heads predict them; the narrow tap where there is no head."""
        features = self.network(images, layers)
        return {
            tap: F.relu(F.conv2d(x, *self._heads[tap])) if tap in self._heads else x for tap, x in features.items()
        }


class LossNetwork:
    """The features in which a decoder's result is judged while it is trained.

    Args:
        oxford: Exact leading layers; judges relu1_1, relu2_1 and relu3_1.
        small: Judges relu4_1.
    """

    taps = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")

    def __init__(self, oxford: VGG19Features, small: SmallTeacher) -> None:
        self.oxford = oxford
        self.small = small

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Return the four taps, full width."""
        taps: dict[str, Tensor] = self.oxford(images, self.taps[:3])
        return taps | self.small(images, self.taps[3:])
