"""3x3 convolutions by Winograd's minimal filtering: 36 multiplications for 16 outputs instead of 144.

Lavin and Gray (2016), "Fast Algorithms for Convolutional Neural Networks", F(4x4, 3x3), with matrix products for
the transforms. On processors without AVX-512, for which torch has direct convolutions only, this halves the time
of wide layers. Results differ from a direct convolution's by rounding, 3e-6 of their root mean square.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Input channels times output channels up to which the transforms cost more than they save.
_WORTH = 64 * 64
#: Positions of a picture from which they are worth reading a weight of four times the size.
FEWEST = 16 * 16
#: Tiles that are worked on at a time: few enough for the processor's cache, enough for fast products.
_TILES = 128

_INPUT = (
    (4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0), (0, 4, 0, -5, 0, 1),
)  # fmt: skip
_KERNEL = (
    (1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6), (1 / 24, -1 / 12, 1 / 6), (0, 0, 1),
)  # fmt: skip
_OUTPUT = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))


def is_faster(weight: Tensor) -> bool:
    """Whether a convolution with this (O, I, 3, 3) weight takes less time in this form, on this processor."""
    here = weight.device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX2"
    wide = weight.shape[0] * weight.shape[1] > _WORTH
    return here and wide and weight.dtype == torch.float32


def spectrum(weight: Tensor) -> Tensor:
    """Return a weight (O, I, 3, 3) as `convolve` and `transposed` take it, (36, I, O): four times as large."""
    kernel = torch.tensor(_KERNEL, dtype=weight.dtype, device=weight.device)
    product = torch.einsum("ai,bj,ocij->abco", kernel, kernel, weight)
    return product.reshape(36, weight.shape[1], weight.shape[0]).contiguous()


def memory(network: nn.Module) -> int:
    """Return the bytes that the spectra of a network's convolutions take once they are used."""
    kernels = (p for p in network.parameters() if p.shape[2:] == (3, 3) and is_faster(p))
    return sum(4 * kernel.nbytes for kernel in kernels)


def convolve(padded: Tensor, kernel: Tensor) -> Tensor:
    """Return the convolution of a (1, I, h + 2, w + 2) picture with a `spectrum`, (1, O, h, w), channels last."""
    _, channels, height, width = padded.shape
    height, width = height - 2, width - 2
    down, across = -(-height // 4), -(-width // 4)
    rows = _whole_tiles(padded, 2).contiguous()  # (4 down + 2, 4 across + 2, I)
    to_tiles, from_tiles = _transform(_INPUT, padded), _transform(_OUTPUT, padded)
    result = padded.new_empty(down, 4, across, 4, kernel.shape[2])
    line = rows.stride(0)
    for first, count in _bands(down, across):
        tiles = rows[4 * first :].as_strided(
            (6, 6, count, across, channels), (line, channels, 4 * line, 4 * channels, 1), 4 * first * line
        )
        product = torch.bmm((to_tiles @ tiles.reshape(36, -1)).view(36, -1, channels), kernel)
        values = (from_tiles @ product.view(36, -1)).view(4, 4, count, across, -1)
        result[first : first + count].copy_(values.permute(2, 0, 3, 1, 4))
    return result.view(1, 4 * down, 4 * across, -1)[:, :height, :width].permute(0, 3, 1, 2)


def transposed(gradient: Tensor, kernel: Tensor) -> Tensor:
    """Return the gradient (1, I, h + 2, w + 2) of `convolve`'s padded picture, from that of its result."""
    _, channels, height, width = gradient.shape
    down, across = -(-height // 4), -(-width // 4)
    rows = _whole_tiles(gradient, 0).reshape(down, 4, across, 4, channels)
    to_tiles, from_tiles = _transform(_OUTPUT, gradient).T, _transform(_INPUT, gradient).T
    wanted, kernel = kernel.shape[1], kernel.transpose(1, 2)
    result = gradient.new_zeros(down + 1, 4, across + 1, 4, wanted)  # neighbouring tiles overlap by two
    for first, count in _bands(down, across):
        tiles = rows[first : first + count].permute(1, 3, 0, 2, 4).reshape(16, -1)
        product = torch.bmm((to_tiles @ tiles).view(36, -1, channels), kernel)
        values = (from_tiles @ product.view(36, -1)).view(6, 6, count, across, wanted).permute(2, 0, 3, 1, 4)
        own, next_ones = slice(first, first + count), slice(first + 1, first + count + 1)
        result[own, :, :-1] += values[:, :4, :, :4]
        result[next_ones, :2, :-1] += values[:, 4:, :, :4]
        result[own, :, 1:, :2] += values[:, :4, :, 4:]
        result[next_ones, :2, 1:, :2] += values[:, 4:, :, 4:]
    whole = result.view(4 * down + 4, 4 * across + 4, wanted)
    return whole[: height + 2, : width + 2].permute(2, 0, 1)[None]


def _whole_tiles(x: Tensor, border: int) -> Tensor:
    """Return (1, C, h, w) as (h', w', C), with zeros after it where `border` and tiles of 4 want more."""
    rows = x[0].permute(1, 2, 0)
    down, across = (-(side - border) % 4 for side in rows.shape[:2])
    return F.pad(rows, (0, 0, 0, across, 0, down)) if down or across else rows


def _bands(down: int, across: int) -> list[tuple[int, int]]:
    """Divide rows of tiles into bands, as (first row, number of rows)."""
    most = max(1, _TILES // across)
    return [(first, min(most, down - first)) for first in range(0, down, most)]


@functools.cache
def _matrix(rows: tuple[tuple[float, ...], ...], dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):
        one = torch.tensor(rows, dtype=dtype, device="cpu")
        return torch.kron(one, one)


def _transform(rows: tuple[tuple[float, ...], ...], like: Tensor) -> Tensor:
    """Return the matrix that transforms tiles, flattened, in both directions at once."""
    return _matrix(rows, like.dtype).to(like.device)
