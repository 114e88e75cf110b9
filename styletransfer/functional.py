"""The mathematics of style transfer, as pure functions of tensors.

Shapes are written (B, C, h, w) for features and (B, 3, H, W) for pictures. No function changes its arguments.

>>> import torch
>>> features = torch.rand(1, 8, 16, 16)
>>> gram_matrix(features).shape
torch.Size([1, 8, 8])
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.errors import OptionError

__all__ = ["adain", "channel_stats", "gram_matrix", "luminance", "match_color", "total_variation"]

#: Added to the variance before the root, so that a flat channel has a finite gradient. Same value as in
#: Huang and Belongie's reference code and in pytorch-AdaIN.
EPSILON = 1e-5


def gram_matrix(features: Tensor, weights: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
    """Correlate the channels of `features` with one another.

    ``G[b, i, j] = sum over positions of F[b, i] * F[b, j] / (C * h * w)``: Gatys et al. (2016), equation 3,
    divided by the number of elements (as Johnson et al. 2016, equation 3, do), so that pictures of different
    size can be compared. This is the package's only Gram normalisation.

    Args:
        features: (B, C, h, w). Half-precision features are summed in float32, where they cannot overflow.
        weights: How much each position counts, (B or 1, 1, h, w) >= 0, not all 0: the guided Gram matrix of Gatys
            et al. (2017), section 4. The sum of weights takes the place of h * w.
        shift: Subtracted from the features first, (1, C, 1, 1), without keeping a shifted copy; no gradient
            reaches it.

    Returns:
        (B, C, C), symmetric and positive semidefinite; the dtype of `features`, float32 for half precision.

    Raises:
        OptionError: Features that do not have four dimensions.

    Example:
        >>> import torch
        >>> gram_matrix(torch.ones(1, 2, 3, 3))
        tensor([[[0.5000, 0.5000],
                 [0.5000, 0.5000]]])
    """
    _check_four(features, "gram_matrix")
    channels, height, width = features.shape[1:]
    if weights is None:
        return gram_sum(features, shift=shift) / (channels * height * width)
    shares = position_shares(weights, at_least_float32(features[:, :1]).flatten(2))
    return gram_sum(features, shares, shift) / channels


def gram_sum(features: Tensor, weights: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
    """Return the sum over positions of the products of channels: `gram_matrix` before it is divided.

    Args:
        features: (B, C, h, w).
        weights: How much each position counts, (B or 1, 1, h * w) >= 0.
        shift: Subtracted from the features first, (1, C, 1, 1).
    """
    # A view for channels_last features, (B, h*w, C): the network's own order, so that nothing is copied.
    rows = features.movedim(1, -1).flatten(1, 2)
    moved = None if shift is None else shift.detach().reshape(1, 1, -1)
    product: Tensor = _Gram.apply(rows, None if weights is None else weights.transpose(1, 2), moved)
    return product


#: Numbers that are shifted at a time: what a processor's cache holds.
_CHUNK = 2**18


class _Gram(torch.autograd.Function):
    """``(R - s)' W (R - s)`` of each (B, n, C) in a batch, in float32 or wider.

    It is symmetric, so its gradient takes one product, not two, and the shift is a constant row there. What is
    shifted or converted is made chunk by chunk and not kept.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weights: Tensor | None, shift: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weights, shift)
        batch, _, channels = rows.shape
        gram = rows.new_zeros((batch, channels, channels), dtype=at_least_float32(rows[:0]).dtype)
        for chunk, share in _chunks(rows, weights):
            moved = chunk if shift is None else chunk - shift
            gram.baddbmm_(moved.transpose(1, 2), moved if share is None else moved * share)
        return gram

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, weights, shift = ctx.saved_tensors
        both, wide = gradient + gradient.transpose(1, 2), at_least_float32(rows)
        result = torch.bmm(wide, both) if shift is None else torch.baddbmm(-(shift.to(wide) @ both), wide, both)
        return result if weights is None else result * weights, None, None


def _chunks(rows: Tensor, weights: Tensor | None) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Divide (B, n, C) along n, each part in float32 or wider, with its weights."""
    length = max(64, _CHUNK // rows.shape[2])
    for start in range(0, rows.shape[1], length):
        part = slice(start, start + length)
        yield at_least_float32(rows[:, part]), None if weights is None else weights[:, part]


def channel_stats(
    features: Tensor, epsilon: float = EPSILON, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each channel over its positions.

    The variance is the unbiased one and `epsilon` stands inside the root, as in pytorch-AdaIN
    (Huang and Belongie 2017, equations 5 and 6).

    Args:
        features: (B, C, h, w) with h * w >= 1. One position has variance 0.
        epsilon: Added to the variance.
        weights: How much each position counts, (B or 1, 1, h, w) >= 0, not all 0.

    Returns:
        ``(mean, std)``, each (B, C, 1, 1); the dtype of `features`, float32 for half precision.

    Raises:
        OptionError: Features that do not have four dimensions.

    Example:
        >>> import torch
        >>> mean, std = channel_stats(torch.tensor([[[[1.0, 3.0]]]]))
        >>> round(mean.item(), 4), round(std.item(), 4)
        (2.0, 1.4142)
    """
    _check_four(features, "channel_stats")
    wide = at_least_float32(features)
    if weights is not None:
        return _weighted_stats(wide, weights, epsilon)
    mean = wide.mean(dim=(2, 3), keepdim=True)
    positions = wide.shape[2] * wide.shape[3]
    variance = ((wide - mean) ** 2).sum(dim=(2, 3), keepdim=True) / max(positions - 1, 1)
    return mean, (variance + epsilon).sqrt()


def _weighted_stats(features: Tensor, weights: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    shares = position_shares(weights, features.flatten(2)).view(weights.shape)
    mean = (shares * features).sum(dim=(2, 3), keepdim=True)
    variance = (shares * (features - mean) ** 2).sum(dim=(2, 3), keepdim=True)
    # As many positions as would have equal weights (Kish 1965): all of them for equal weights.
    positions = 1 / shares.square().sum(dim=(2, 3), keepdim=True)
    unbiased = variance * positions / (positions - 1).clamp_min(1)
    return mean, (unbiased + epsilon).sqrt()


def position_shares(weights: Tensor, flat: Tensor) -> Tensor:
    """Return weights (B or 1, 1, h, w) as (B or 1, 1, h*w) that sum to 1, for features (B, C, h*w)."""
    given = position_weights(weights, flat)
    return given / given.sum(dim=2, keepdim=True).clamp_min(1e-12)


def position_weights(weights: Tensor, flat: Tensor) -> Tensor:
    """Return weights (B or 1, 1, h, w) as (B or 1, 1, h*w), for features (B, C, h*w)."""
    given = weights.to(flat.dtype).flatten(2)
    if given.ndim != 3 or given.shape[1] != 1 or given.shape[2] != flat.shape[2]:
        raise OptionError(
            f"Weights of shape {tuple(weights.shape)} do not fit features with {flat.shape[2]} positions; wanted "
            "(B or 1, 1, h, w) with the features' h and w."
        )
    return given


def adain(content_features: Tensor, style_features: Tensor) -> Tensor:
    """Give the content features the channel statistics of the style features.

    Huang and Belongie (2017), equation 8: ``std(s) * (c - mean(c)) / std(c) + mean(s)``.

    Args:
        content_features: (B, C, h, w).
        style_features: (B or 1, C, h', w'); the size may differ.

    Returns:
        The `target_features`, (B, C, h, w), of the content features' dtype.

    Raises:
        OptionError: Features that do not have four dimensions, or whose channels or batches do not fit.

    Example:
        >>> import torch
        >>> content, style = torch.randn(1, 4, 9, 9), 2 * torch.randn(1, 4, 5, 7) + 3
        >>> torch.allclose(channel_stats(adain(content, style))[0], channel_stats(style)[0], atol=1e-5)
        True
    """
    return align(content_features, *channel_stats(style_features))


def align(
    content_features: Tensor,
    style_mean: Tensor,
    style_std: Tensor,
    content_stats: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """`adain` for statistics that are known already.

    Args:
        content_features: (B, C, h, w).
        style_mean: (B or 1, C, 1, 1).
        style_std: (B or 1, C, 1, 1).
        content_stats: `channel_stats` of the content features, if they are known too.

    Raises:
        OptionError: Statistics of another number of channels or pictures.
    """
    mean, std = channel_stats(content_features) if content_stats is None else content_stats
    styles, channels = style_mean.shape[:2]
    if channels != mean.shape[1] or styles not in (1, mean.shape[0]):
        raise OptionError(
            f"Content features of shape {tuple(content_features.shape)} cannot take the statistics of "
            f"{styles} style(s) with {channels} channels; give one style for all or one for each, "
            "of the same layer."
        )
    # One pass over the features for three of the formula's operations.
    aligned = torch.addcmul(style_mean, content_features - mean, style_std / std)
    return aligned.to(content_features.dtype)


def total_variation(images: Tensor) -> Tensor:
    """Return how much neighbouring pixels differ: the mean absolute difference, per picture.

    Half the sum of the mean vertical and the mean horizontal difference, the anisotropic form that Dive into
    Deep Learning uses (Rudin et al. 1992 for the idea). Independent of the size of the picture.

    Args:
        images: (B, 3, H, W). A side of one pixel contributes nothing. Half-precision and 8-bit pictures are
            summed in float32.

    Returns:
        (B,), 0 for a flat picture.

    Raises:
        OptionError: Pictures that do not have four dimensions.

    Example:
        >>> import torch
        >>> total_variation(torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]]))
        tensor([0.5000])
    """
    _check_four(images, "total_variation")
    images = at_least_float32(images)
    vertical = (images[:, :, 1:] - images[:, :, :-1]).abs()
    horizontal = (images[:, :, :, 1:] - images[:, :, :, :-1]).abs()
    return (_mean_each(vertical) + _mean_each(horizontal)) / 2


def luminance(images: Tensor) -> Tensor:
    """Return the brightness of pictures: Y of ITU-R BT.601, ``0.299 R + 0.587 G + 0.114 B``.

    Args:
        images: (B, 3, H, W) RGB in [0, 1].

    Returns:
        (B, 1, H, W); float32 for half-precision pictures.

    Example:
        >>> import torch
        >>> luminance(torch.ones(1, 3, 1, 2))
        tensor([[[[1., 1.]]]])
    """
    _check_four(images, "luminance")
    images = at_least_float32(images)
    weights = images.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)


def match_color(
    images: Tensor, references: Tensor, *, clamp: bool = True, measured: Tensor | None = None
) -> Tensor:
    """Give pictures the mean colour and the colour covariance of others, by one linear map of RGB.

    Gatys et al. (2017), section 5.2, with the symmetric square roots of Hertzmann's thesis: colours are whitened
    with the picture's covariance and coloured with the reference's. Nothing else changes.

    Args:
        images: (B, 3, H, W) RGB in [0, 1].
        references: (B or 1, 3, H', W').
        clamp: Whether colours beyond [0, 1] are moved to it, which changes mean and covariance a little.
        measured: Pixels that get the references' mean and covariance, (B, 3, h, w), e.g. those under a mask; by
            default all of the pictures'.

    Returns:
        (B, 3, H, W).

    Example:
        >>> import torch
        >>> grey, red = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 9, 9)
        >>> red[:, 1:] /= 10
        >>> match_color(grey, red).mean(dim=(2, 3)).argmax().item()
        0
    """
    _check_four(images, "match_color")
    _check_four(references, "match_color")
    mean, root = _color_root(images if measured is None else measured, inverse=True)
    wanted_mean, wanted_root = _color_root(references, inverse=False)
    flat = images.double().cpu().flatten(2) - mean
    matched = (wanted_root @ root @ flat + wanted_mean).reshape(images.shape)
    matched = matched.clamp(0, 1) if clamp else matched
    return matched.to(images.device, at_least_float32(images).dtype)


def gaussian_blur(images: Tensor, deviation: float) -> Tensor:
    """Blur pictures, mirrored at their borders.

    Args:
        images: (B, C, H, W).
        deviation: Of the Gaussian, pixels.

    Returns:
        (B, C, H, W), of the same mean as far as the borders allow.
    """
    height, width = images.shape[2:]
    kernels = []
    for side in (height, width):
        reach = min(max(1, round(3 * deviation)), side - 1)
        places = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
        kernel = torch.exp(-(places**2) / (2 * max(deviation, 1e-6) ** 2))
        kernels.append(kernel / kernel.sum())
    down, across = kernels
    (above, beside), channels = (len(kernel) // 2 for kernel in kernels), images.shape[1]
    padded = F.pad(images, (beside, beside, above, above), mode="reflect")
    blurred = F.conv2d(padded, down.view(1, 1, -1, 1).repeat(channels, 1, 1, 1), groups=channels)
    return F.conv2d(blurred, across.view(1, 1, 1, -1).repeat(channels, 1, 1, 1), groups=channels)


def _color_root(images: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
    """Return the mean (B, 3, 1) and the root of the covariance (B, 3, 3) of the colours, or the root's inverse."""
    flat = images.double().flatten(2).cpu()  # MPS has no float64
    mean = flat.mean(dim=2, keepdim=True)
    covariance = (flat - mean) @ (flat - mean).transpose(1, 2) / flat.shape[2]
    values, vectors = torch.linalg.eigh(covariance)
    roots = values.clamp_min(EPSILON).sqrt()  # a grey picture has one direction only
    root = vectors @ torch.diag_embed(1 / roots if inverse else roots) @ vectors.transpose(1, 2)
    return mean, root


def _mean_each(values: Tensor) -> Tensor:
    """Mean of each batch entry; 0 where there is nothing to average."""
    flat = values.flatten(1)
    return flat.sum(dim=1) / max(flat.shape[1], 1)


def at_least_float32(values: Tensor) -> Tensor:
    """Return half-precision and 8-bit values as float32, where sums of squares cannot overflow."""
    return values.float() if values.dtype.itemsize < 4 else values


def _check_four(values: object, function: str) -> None:
    if not isinstance(values, Tensor):
        raise OptionError(
            f"{function} takes a tensor of shape (B, C, h, w), got a {type(values).__name__}. "
            "torch.from_numpy makes one of an array."
        )
    if values.ndim != 4:
        raise OptionError(
            f"{function} takes a tensor of shape (B, C, h, w), got {tuple(values.shape)}. "
            "Add the missing dimension, e.g. with [None]."
        )
