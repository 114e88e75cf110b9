"""Colours of whole pictures: brightness repainted under the chroma of before, distributions moved onto others."""

from __future__ import annotations

import torch
from torch import Tensor

from styletransfer.errors import OptionError
from styletransfer.functional import at_least_float32, luminance

#: Quantiles by which two distributions are compared, and how many pixels they are taken from at most.
_LEVELS, _PIXELS = 512, 2**16
#: Rotations of the colour space, the first of them none.
_ROTATIONS = 20
#: Entries of the table by which an axis is mapped.
_TABLE = 2048


def repaint_luminance(images: Tensor, brightness: Tensor) -> Tensor:
    """Give pictures another brightness and leave their chroma as it is (Gatys et al. 2017, section 5.1).

    Chroma is what remains of a colour without its `functional.luminance`. A brightness at which it would lead out
    of [0, 1] is moved to the nearest one at which it does not, so that chroma is kept exactly.

    Args:
        images: (B, 3, H, W) RGB in [0, 1].
        brightness: (B or 1, 1, H, W) wanted.

    Returns:
        (B, 3, H, W) in [0, 1].

    Raises:
        OptionError: Brightness of another size.

    Example:
        >>> import torch
        >>> red = torch.tensor([0.5, 0.1, 0.1]).view(1, 3, 1, 1)
        >>> repaint_luminance(red, torch.full((1, 1, 1, 1), 0.3)).flatten()
        tensor([0.5804, 0.1804, 0.1804])
    """
    if brightness.shape[1:] != (1, *images.shape[2:]):
        raise OptionError(
            f"repaint_luminance got pictures {tuple(images.shape)} and brightness {tuple(brightness.shape)}; "
            "the latter must be (B, 1, H, W) of the same height and width."
        )
    chroma = at_least_float32(images) - luminance(images)
    lowest, highest = -chroma.amin(1, keepdim=True), 1 - chroma.amax(1, keepdim=True)
    return (brightness.maximum(lowest).minimum(highest) + chroma).clamp(0, 1)


def match_histogram(images: Tensor, references: Tensor, *, measured: Tensor | None = None) -> Tensor:
    """Give pictures the distribution of colours of others, by sliced optimal transport.

    Pitié, Kokaram and Dahyot (2007), "Automated colour grading using colour distribution transfer": the colour
    space is rotated several times, and each time every axis is mapped so that its quantiles become the
    references'. The rotations are the same for all pictures.

    Args:
        images: (B, 3, H, W) RGB in [0, 1].
        references: (B or 1, 3, H', W').
        measured: Pixels whose distribution becomes the references', (B, 3, h, w), e.g. those under a mask; by
            default all of the pictures'.

    Returns:
        (B, 3, H, W), clamped to [0, 1].

    Raises:
        OptionError: Another number of references than of pictures.

    Example:
        >>> import torch
        >>> dark = torch.rand(1, 3, 64, 64) / 2
        >>> bool((match_histogram(torch.rand(1, 3, 32, 32), dark).mean() - 0.25).abs() < 0.01)
        True
    """
    if references.shape[0] not in (1, images.shape[0]):
        raise OptionError(
            f"match_histogram got {images.shape[0]} picture(s) and {references.shape[0]} reference(s); give one "
            "reference for all or one for each."
        )
    given, wanted = at_least_float32(images), at_least_float32(references)
    seen = given if measured is None else at_least_float32(measured)
    matched = [
        _moved(x, _sample(own), _sample(wanted[i % wanted.shape[0]].flatten(1)))
        for i, (x, own) in enumerate(zip(given.flatten(2), seen.flatten(2), strict=True))
    ]
    return torch.stack(matched).view(images.shape).clamp(0, 1)


def _moved(colors: Tensor, measured: Tensor, wanted: Tensor) -> Tensor:
    """Return colours (3, N), moved as gives those `measured`, (3, n), the distribution of `wanted`, (3, M)."""
    count = measured.shape[1]
    together = torch.cat([measured, colors], dim=1)
    for rotation in _rotations(colors):
        axes, goal = rotation @ together, rotation @ wanted
        known = _quantiles(axes[:, :count])
        axes = torch.stack(
            [_map(x, *q) for x, q in zip(axes, zip(known, _quantiles(goal), strict=True), strict=True)]
        )
        together = rotation.T @ axes
    return together[:, count:]


def _rotations(like: Tensor) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.linalg.qr(torch.randn(3, 3, generator=generator))[0] for _ in range(_ROTATIONS - 1)]
    return [rotation.to(like) for rotation in (torch.eye(3), *drawn)]


def _sample(colors: Tensor) -> Tensor:
    """Return some of the colours (3, N), evenly over the picture."""
    return colors[:, :: -(-colors.shape[1] // _PIXELS)]


def _quantiles(axes: Tensor) -> Tensor:
    """Return (3, levels), ascending, from the least to the greatest."""
    ordered = axes.sort(dim=1).values
    places = torch.linspace(0, ordered.shape[1] - 1, _LEVELS, device=axes.device)
    below = places.long().clamp_max(ordered.shape[1] - 1)
    above = (below + 1).clamp_max(ordered.shape[1] - 1)
    return ordered[:, below].lerp(ordered[:, above], (places - below).clamp(0, 1))


def _map(values: Tensor, known: Tensor, wanted: Tensor) -> Tensor:
    """Map values (N,) so that the quantiles `known` become `wanted`; equal values stay equal, at the middle."""
    lowest, span = known[0], (known[-1] - known[0]).clamp_min(1e-6)
    # A table of the map: looking each value up among the quantiles takes more than three times as long.
    grid = lowest + span * torch.linspace(0, 1, _TABLE, device=values.device)
    table = (_mapped(grid, known, wanted, right=False) + _mapped(grid, known, wanted, right=True)) / 2
    places = ((values - lowest) * ((_TABLE - 1) / span)).clamp(0, _TABLE - 1)
    below = places.long().clamp_max(_TABLE - 2)
    return table[below].lerp(table[below + 1], places - below)


def _mapped(values: Tensor, known: Tensor, wanted: Tensor, *, right: bool) -> Tensor:
    above = torch.searchsorted(known, values.contiguous(), right=right).clamp(1, len(known) - 1)
    low, high = known[above - 1], known[above]
    share = ((values - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)
    return wanted[above - 1].lerp(wanted[above], share)
