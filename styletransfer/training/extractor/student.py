"""The network that a distillation trains."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styletransfer.errors import OptionError
from styletransfer.features.padding import pad_by_one
from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import LAYERS, VGG19_WIDTHS
from styletransfer.weights.formats import IMAGENET_MEAN, IMAGENET_STD

#: A channel's root mean square after scaling, at most.
_LOUDEST = 4.0
#: A channel whose root mean square is below this has not fired.
_SILENT = 1e-4


class Student(nn.Module):
    """A trainable VGG-19 of any width; `VGG19Features` is frozen and stays so."""

    def __init__(self, widths: tuple[int, ...], last: str = "conv5_1") -> None:
        super().__init__()
        self.widths = widths
        self.last = last
        self.layers = LAYERS[: [layer.conv for layer in LAYERS].index(last) + 1]
        self.convs = nn.ModuleDict()
        channels = 3
        for layer in self.layers:
            conv = nn.Conv2d(channels, widths[layer.block - 1], 3)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.constant_(conv.get_parameter("bias"), 0.05)
            self.convs[layer.conv] = conv
            channels = widths[layer.block - 1]
        std = torch.tensor(IMAGENET_STD)
        self.register_buffer("color_matrix", torch.diag(1 / std).view(3, 3, 1, 1))
        self.register_buffer("color_bias", -torch.tensor(IMAGENET_MEAN) / std)
        self.to(memory_format=torch.channels_last)

    color_matrix: Tensor
    color_bias: Tensor

    @classmethod
    def of(cls, extractor: VGG19Features) -> Student:
        """Return a trainable copy of an extractor.

        Raises:
            OptionError: One of low rank.
        """
        if extractor.ranks:
            raise OptionError(
                f"{extractor.name!r} has low ranks, which gradient steps do not train. Start from a plain "
                'network, such as "vgg19-lite-1", or from none.'
            )
        student = cls(extractor.widths, extractor.available[-1].replace("relu", "conv"))
        student.convs.load_state_dict(extractor.convs.state_dict())
        student.color_matrix.copy_(extractor.color_matrix)
        student.color_bias.copy_(extractor.color_bias)
        return student

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return every ReLU layer, ``{name: (B, C, h, w)}``."""
        found = {}
        x = images.contiguous(memory_format=torch.channels_last)
        x = F.conv2d(x, self.color_matrix, self.color_bias)
        for layer in self.layers:
            if layer.opens_block:
                x = F.max_pool2d(x, 2)
            x = F.relu(self.convs[layer.conv](pad_by_one(x, "reflect")))
            found[layer.relu] = x
        return found

    @torch.no_grad()
    def scale_to_unit_means(self, parts: Iterable[Tensor]) -> None:
        """Scale each channel to a mean activation of one over pictures, leaving the function as it is.

        ReLU, pooling and padding commute with a positive factor per channel: the next convolution undoes it. A
        channel that fires rarely would become so loud where it does that Gram matrices see little else, and a
        picture that is optimised gets coloured specks; its root mean square is scaled to 4 instead. One that does
        not fire at all stays as it is.

        Args:
            parts: Pictures, (B, 3, H, W) each, all of one size; a few hundred show how loud the rare channels are.
        """
        sums: dict[str, Tensor] = {}
        count = 0
        for images in parts:
            count += len(images)
            for name, x in self(images).items():
                moments = torch.stack([x.mean(dim=(2, 3)).sum(0), x.square().mean(dim=(2, 3)).sum(0)])
                sums[name] = sums.get(name, torch.zeros_like(moments)) + moments
        scales = {name: _loudness(*(total / count)) for name, total in sums.items()}
        before: Tensor | None = None
        for layer in self.layers:
            weight = self.get_parameter(f"convs.{layer.conv}.weight")
            if before is not None:
                weight.mul_(before.view(1, -1, 1, 1))
            before = scales[layer.relu]
            weight.div_(before.view(-1, 1, 1, 1))
            self.get_parameter(f"convs.{layer.conv}.bias").div_(before)

    def tensors(self) -> dict[str, Tensor]:
        """Return the convolutions and the colour map as they are stored."""
        stored = {name: value.detach() for name, value in self.convs.state_dict().items()}
        return stored | {"color.weight": self.color_matrix, "color.bias": self.color_bias}


def student_widths(width: float) -> tuple[int, ...]:
    """Return the channels of the five blocks at a share of VGG-19's width."""
    return tuple(max(1, round(width * full)) for full in VGG19_WIDTHS)


def _loudness(mean: Tensor, square: Tensor) -> Tensor:
    """Return what each channel is divided by, (C,), given its mean and its mean square, (C,) each."""
    rms = square.sqrt()
    return torch.where(rms > _SILENT, torch.maximum(mean, rms / _LOUDEST), 1.0)
