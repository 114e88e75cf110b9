"""How many channels each convolution of a low-rank extractor keeps, for a given amount of arithmetic.

The shares of variance that are lost at a convolution's input and at its output add up (Zhang et al. 2016,
"Accelerating Very Deep Convolutional Networks for Classification and Detection", section 3.3, choose ranks by such
spectra, too); a Lagrange multiplier trades their sum over all convolutions for multiply-adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from styletransfer.errors import OptionError
from styletransfer.layers import BY_TAP

#: Ranks are multiples of this, because convolutions run at full speed with whole vectors of channels.
_STEP = 8
#: Halvings of the interval that the multiplier is searched in.
_HALVINGS = 60

Ranks = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Spectra:
    """What is lost if a convolution keeps some of its channels only.

    Attributes:
        lost_in: (C_in + 1,) share of the variance of its response that is lost by each number of input directions.
        lost_out: (C_out + 1,) the same of output directions.
    """

    lost_in: Tensor
    lost_out: Tensor

    @property
    def channels(self) -> tuple[int, int]:
        """Of input and output."""
        return len(self.lost_in) - 1, len(self.lost_out) - 1


def spectra_of(weight: Tensor, inputs: Tensor, outputs: Tensor) -> Spectra:
    """Return a convolution's spectra.

    Args:
        weight: (C_out, C_in, 3, 3).
        inputs: (C_in, C_in) mean products of its input, float64.
        outputs: (C_out, C_out) covariance of its response, float64.
    """
    root = matrix_root(inputs)[0]
    seen = torch.einsum("ij,ojkl->iokl", root, weight.double().cpu()).flatten(1)
    return Spectra(*(_lost(torch.linalg.eigvalsh(products)) for products in (seen @ seen.T, outputs)))


def matrix_root(products: Tensor) -> tuple[Tensor, Tensor]:
    """Return the square root of a positive semidefinite matrix, and the root's inverse; both symmetric."""
    values, vectors = torch.linalg.eigh(products)
    values = values.clamp_min(float(values[-1].clamp_min(1e-30)) * 1e-8)
    return vectors * values.sqrt() @ vectors.T, vectors * values.rsqrt() @ vectors.T


def choose_ranks(spectra: Mapping[str, Spectra], operations: float) -> dict[str, tuple[int, int]]:
    """Return the ranks of every convolution that lose least with at most so many operations.

    Args:
        spectra: Of each convolution, shallow to deep.
        operations: Multiply-adds a pixel, in thousands.

    Raises:
        OptionError: The network itself has no more, or no ranks have so few.
    """
    channels = {conv: held.channels for conv, held in spectra.items()}
    full = sum(_cost(conv, pair, pair) for conv, pair in channels.items())
    if operations >= full:
        raise OptionError(
            f"operations must be below the teacher's own {full:.1f} thousand multiply-adds a pixel "
            f"(to {list(spectra)[-1]}), got {operations:g}."
        )
    menus = {conv: _menu(conv, held) for conv, held in spectra.items()}
    least = sum(float(costs.min()) for _, costs, _ in menus.values())
    if operations < least:
        raise OptionError(
            f"operations must be at least {least:.1f} thousand multiply-adds a pixel, got {operations:g}."
        )
    low, high = 1e-9, 1e9
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        spent = sum(float(menu[1][_best(menu, middle)]) for menu in menus.values())
        low, high = (middle, high) if spent > operations else (low, middle)
    return {conv: menu[0][_best(menu, high)] for conv, menu in menus.items()}


def operations_of(widths: tuple[int, ...], last: str, ranks: Ranks) -> float:
    """Return the multiply-adds a pixel of an extractor to its convolution `last`, in thousands."""
    total, channels = 0.0, 3
    for layer in dict.fromkeys(BY_TAP.values()):
        width = widths[layer.block - 1]
        total += _cost(layer.conv, (channels, width), ranks.get(layer.conv, (channels, width)))
        channels = width
        if layer.conv == last:
            break
    return total


def _lost(eigenvalues: Tensor) -> Tensor:
    """Return the share of the sum that is lost by keeping the largest 0, 1, 2 ... of ascending eigenvalues."""
    kept = torch.cat([torch.zeros(1, dtype=torch.float64), eigenvalues.flip(0).clamp_min(0).cumsum(0)])
    return 1 - kept / kept[-1].clamp_min(1e-30)


def _cost(conv: str, channels: tuple[int, int], ranks: tuple[int, int]) -> float:
    """Return a convolution's multiply-adds a pixel of the picture, in thousands."""
    (wide_in, wide_out), (first, second) = channels, ranks
    ends = (wide_in * first if first < wide_in else 0) + (wide_out * second if second < wide_out else 0)
    return (9 * first * second + ends) / BY_TAP[conv].stride ** 2 / 1000


def _menu(conv: str, held: Spectra) -> tuple[list[tuple[int, int]], Tensor, Tensor]:
    """Return the pairs of ranks that a convolution may have, what each costs, and what each loses."""
    sides = [[*range(_STEP, channels, _STEP), channels] for channels in held.channels]
    pairs = [(first, second) for first in sides[0] for second in sides[1]]
    costs = torch.tensor([_cost(conv, held.channels, pair) for pair in pairs], dtype=torch.float64)
    lost = torch.stack([held.lost_in[first] + held.lost_out[second] for first, second in pairs])
    return pairs, costs, lost


def _best(menu: tuple[list[tuple[int, int]], Tensor, Tensor], multiplier: float) -> int:
    return int((menu[2] + multiplier * menu[1]).argmin())
