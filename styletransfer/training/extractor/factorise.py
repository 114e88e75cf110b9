"""A full VGG-19 as a network of low rank, layer by layer, without any gradient.

Channels and meaning of every layer stay the teacher's; only the arithmetic between them shrinks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.errors import OptionError
from styletransfer.features.low_rank import LowRankConv2d
from styletransfer.features.padding import pad_by_one
from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import BY_TAP, LAYERS, VGG19_WIDTHS, Layer
from styletransfer.training.extractor.least_squares import Moments, fit
from styletransfer.training.extractor.ranks import Ranks, Spectra, spectra_of

#: Positions of each layer that spectra and fits are made from, at most.
_POSITIONS = 65_536


def check_teacher(teacher: VGG19Features, last: str) -> None:
    """Refuse what is no full VGG-19 down to `last`.

    Raises:
        OptionError: It is narrow, of low rank itself, or ends before `last`.
    """
    if last not in teacher.available:
        deepest = teacher.available[-2]
        raise OptionError(
            f"The teacher {teacher.name!r} ends at {deepest}. Give a deeper one, or --last {deepest}."
        )
    blocks = BY_TAP[last].block
    if teacher.ranks or teacher.widths[:blocks] != VGG19_WIDTHS[:blocks]:
        what = "has low ranks" if teacher.ranks else f"has {', '.join(map(str, teacher.widths))} channels"
        raise OptionError(
            f'operations need a full VGG-19 as teacher; {teacher.name!r} {what} itself. Give "vgg19-oxford", '
            '"vgg19", "vgg19-normalised" or a file of a full one.'
        )


@torch.no_grad()
def measure(teacher: VGG19Features, pictures: Sequence[Tensor], last: str, seed: int) -> dict[str, Spectra]:
    """Return the spectra of the teacher's convolutions over parts of pictures, (B, 3, H, W) each."""
    draw = torch.Generator().manual_seed(seed)
    spectra: dict[str, Spectra] = {}
    features = [_colors(teacher, part) for part in pictures]
    for layer in _layers(last):
        conv = teacher.get_submodule(f"convs.{layer.conv}")
        inputs, outputs = [], []
        for number, before in enumerate(_pooled(features, layer)):
            picked = _picked(before, len(features), draw)
            inputs.append(_rows(before, picked))
            answer = conv(pad_by_one(before, "reflect"))
            outputs.append(_rows(answer, picked))
            features[number] = F.relu_(answer)
        seen, given = torch.cat(inputs).double(), torch.cat(outputs).double()
        spectra[layer.conv] = spectra_of(
            conv.get_parameter("weight"), seen.T @ seen / len(seen), torch.cov(given.T)
        )
    return spectra


@torch.no_grad()
def factorise(
    teacher: VGG19Features,
    pictures: Sequence[Tensor],
    last: str,
    ranks: Ranks,
    seed: int,
    told: Callable[[str, float], None] = lambda conv, error: None,
) -> VGG19Features:
    """Return a network of given ranks that answers like the teacher, with reflection padding.

    Args:
        teacher: A full VGG-19.
        pictures: Parts of crops, (B, 3, H, W) each, in [0, 1]. Two activations of all of them are kept at a time.
        last: Deepest convolution.
        ranks: Of each convolution.
        seed: Of the positions that are looked at.
        told: Called with each convolution that is done and the unexplained variance after its ReLU.
    """
    draw = torch.Generator().manual_seed(seed)
    student = VGG19Features("low-rank", widths=teacher.widths, last=last, ranks=ranks).to(teacher.device)
    student.color_matrix.copy_(teacher.color_matrix)
    student.color_bias.copy_(teacher.color_bias)
    known = [_colors(teacher, part) for part in pictures]
    right = list(known)
    for layer in _layers(last):
        conv = teacher.get_submodule(f"convs.{layer.conv}")
        moments = Moments(conv.get_parameter("weight"), conv.get_parameter("bias"))
        for number, (own, other) in enumerate(zip(_pooled(known, layer), _pooled(right, layer), strict=True)):
            known[number], right[number] = own, conv(pad_by_one(other, "reflect"))
            moments.add(own, right[number], _picked(own, len(known), draw))
        fitted = cast(LowRankConv2d, student.get_submodule(f"convs.{layer.conv}"))
        fit(fitted, moments)
        errors = Unexplained()
        for number, own in enumerate(known):
            known[number] = F.relu_(fitted(own, "reflect"))
            right[number] = F.relu_(right[number])
            errors.add(known[number], right[number])
        told(layer.conv, errors.share)
    return student


class Unexplained:
    """The share of a layer's variance that another network's layer leaves unexplained, over parts of pictures."""

    def __init__(self) -> None:
        self._count = 0
        self._error = 0.0
        self._square = 0.0
        self._sum: Tensor | float = 0.0

    def add(self, features: Tensor, wanted: Tensor) -> None:
        """Take in (B, C, h, w) features and what is wanted of them, of the same shape."""
        self._count += wanted.shape[0] * wanted.shape[2] * wanted.shape[3]
        self._error += float((features - wanted).square().sum())
        self._square += float(wanted.square().sum())
        self._sum = self._sum + wanted.sum(dim=(0, 2, 3)).double().cpu()

    @property
    def share(self) -> float:
        """0 for the same features, 1 for ones that are no better than the means of the channels."""
        means = torch.as_tensor(self._sum) / self._count
        return self._error / max(self._square - self._count * float(means.square().sum()), 1e-12)


@torch.no_grad()
def unexplained(student: VGG19Features, teacher: VGG19Features, pictures: Sequence[Tensor]) -> dict[str, float]:
    """Return for every ReLU layer of the student what it leaves unexplained of the teacher's."""
    layers = [tap for tap in student.available if tap.startswith("relu")]
    reflecting = teacher.variant(padding="reflect", pooling="max")
    found = {layer: Unexplained() for layer in layers}
    for part in pictures:
        own, wanted = student(part, layers), reflecting(part, layers)
        for layer in layers:
            found[layer].add(own[layer], wanted[layer])
    return {layer: errors.share for layer, errors in found.items()}


def _layers(last: str) -> tuple[Layer, ...]:
    return LAYERS[: [layer.conv for layer in LAYERS].index(last) + 1]


def _colors(network: VGG19Features, pictures: Tensor) -> Tensor:
    colored = F.conv2d(pictures.to(network.device), network.color_matrix, network.color_bias)
    return colored.contiguous(memory_format=torch.channels_last)


def _pooled(parts: Sequence[Tensor], layer: Layer) -> Iterator[Tensor]:
    return (F.max_pool2d(part, 2) if layer.opens_block else part for part in parts)


def _picked(features: Tensor, parts: int, draw: torch.Generator) -> Tensor:
    """Return positions of (B, C, h, w) features at random: a part's share of `_POSITIONS`, or all of them."""
    positions = features.shape[0] * features.shape[2] * features.shape[3]
    return torch.randperm(positions, generator=draw)[: max(1, _POSITIONS // parts)].to(features.device)


def _rows(features: Tensor, picked: Tensor) -> Tensor:
    return features.permute(0, 2, 3, 1).flatten(0, 2)[picked].cpu()
