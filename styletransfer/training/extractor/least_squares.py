"""A convolution of low rank that answers like another one, in closed form.

The input is what the low-rank network itself feeds to it, with the error of the layers before; the wanted answer
is the teacher's (Zhang et al. 2016, section 3.2, "asymmetric reconstruction"). The best answer of some rank is the
one of full rank, projected on its principal directions (Eckart and Young 1936, in the norm that inputs or outputs
define). Every part is rounded to 8 bits before the next one is fitted, so that the next one makes up for it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from styletransfer.features.low_rank import LowRankConv2d
from styletransfer.features.padding import pad_by_one
from styletransfer.training.extractor.ranks import matrix_root
from styletransfer.weights.tensor_files import in_8_bits, scaled

#: Pull towards the teacher's own weights, as a share of the input's mean square: it decides where pictures do not.
_PULL = 1e-4
#: Patches that are multiplied at a time.
_AT_A_TIME = 16_384


class Moments:
    """Sums over patches of an input and over what is wanted of them, in float64 on the CPU.

    A patch is a row of 9 C numbers, position by position, and a 1 for the bias.

    Args:
        weight: The teacher's convolution, (D, C, 3, 3).
        bias: Its bias, (D,).
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.wanted, self.channels = weight.shape[:2]
        self._teacher = torch.cat([weight.permute(2, 3, 1, 0).flatten(0, 2), bias[None]]).double().cpu()
        size = len(self._teacher)
        self._count = 0
        self._products = torch.zeros(size, size, dtype=torch.float64)
        self._answers = torch.zeros(size, self.wanted, dtype=torch.float64)

    def add(self, features: Tensor, answers: Tensor, picked: Tensor) -> None:
        """Take in the positions `picked`, numbered over (B, h, w), of (B, C, h, w) and (B, D, h, w)."""
        rows, columns = features.shape[2:]
        padded = pad_by_one(features, "reflect").permute(0, 2, 3, 1)
        wanted = answers.permute(0, 2, 3, 1).flatten(0, 2)
        for start in range(0, len(picked), _AT_A_TIME):
            part = picked[start : start + _AT_A_TIME]
            b, y, x = part // (rows * columns), part // columns % rows, part % columns
            patches = [padded[b, y + i, x + j] for i in range(3) for j in range(3)]
            patch = torch.cat([*patches, padded.new_ones(len(part), 1)], dim=1)  # (M, 9 C + 1)
            self._products += (patch.T @ patch).double().cpu()
            self._answers += (patch.T @ wanted[part]).double().cpu()
            self._count += len(part)

    @property
    def inputs(self) -> Tensor:
        """Mean products of the input's channels, (C, C)."""
        middle = slice(4 * self.channels, 5 * self.channels)
        return self._products[middle, middle] / self._count

    def means(self) -> tuple[Tensor, Tensor]:
        """Return the mean products of patches, and of patches and answers.

        White noise that the teacher answers is part of both, so that they have one solution for any pictures.
        """
        products, answers = self._products / self._count, self._answers / self._count
        noise = torch.full((len(products),), float(_PULL * products.diagonal()[:-1].mean()), dtype=torch.float64)
        noise[-1] = 1e-12
        return products + noise.diag(), answers + noise[:, None] * self._teacher


@torch.no_grad()
def fit(conv: LowRankConv2d, moments: Moments) -> None:
    """Set the weights of a convolution to the best ones for `moments`."""
    products, answers = moments.means()
    best = torch.linalg.solve(products, answers)[:-1]  # (9 C, D), of full rank
    if conv.reduce is not None:
        first = _rounded(_directions(best, moments.inputs, conv.reduce.out_channels).T)  # (r1, C)
        conv.reduce.weight.copy_(first[:, :, None, None])
        inner = torch.zeros(len(products), 9 * len(first) + 1, dtype=torch.float64)
        inner[:-1, :-1], inner[-1, -1] = torch.kron(torch.eye(9), first.T), 1
        products, answers = inner.T @ products @ inner, inner.T @ answers
        best = torch.linalg.solve(products, answers)[:-1]  # (9 r1, D)
    mean, target = products[-1, :-1], answers[-1]
    covariance = products[:-1, :-1] - torch.outer(mean, mean)
    core = best
    if conv.expand is not None:
        response = best.T @ covariance @ best
        core = best @ torch.linalg.eigh(response)[1].flip(1)[:, : conv.expand.in_channels]
        core = core / (core * (covariance @ core)).sum(0).clamp_min(1e-30).sqrt()  # (9 r1, r2) of unit variance
    core = _rounded(core.T).T
    conv.core.weight.copy_(core.view(3, 3, -1, core.shape[1]).permute(3, 2, 0, 1))
    if conv.expand is not None:
        last = torch.linalg.solve(core.T @ covariance @ core, core.T @ (answers[:-1] - torch.outer(mean, target)))
        last = _rounded(last.T).T  # (r2, D)
        conv.expand.weight.copy_(last.T[:, :, None, None])
        core = core @ last
    conv.bias.copy_(target - core.T @ mean)


def _directions(best: Tensor, inputs: Tensor, rank: int) -> Tensor:
    """Return the input's directions (C, rank) that a map (9 C, D) hears most of, at unit mean square."""
    root, inverse = matrix_root(inputs)
    heard = torch.einsum("ij,kjo->iko", root, best.view(9, len(root), -1)).flatten(1)
    kept: Tensor = inverse @ torch.linalg.eigh(heard @ heard.T)[1].flip(1)[:, :rank]
    return kept.div((kept * (inputs @ kept)).sum(0).clamp_min(1e-30).sqrt())


def _rounded(rows: Tensor) -> Tensor:
    """Return rows, one for each output channel, as they are read from a file."""
    return scaled("", *in_8_bits(rows.float()[:, :, None, None]))[:, :, 0, 0].double()
