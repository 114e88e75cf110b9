"""The loss terms of style transfer, each a scalar that is 0 where stylized and target agree.

They are means, not sums, so that a weight means the same at every size; `methods.gatys.objective` shows how
the sums of Gatys et al. (2016) are recovered.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from styletransfer.errors import OptionError
from styletransfer.functional import at_least_float32, channel_stats, gram_matrix

__all__ = ["content_loss", "gram_style_loss", "moment_style_loss"]


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of features, Gatys et al. (2016), equation 1, as a mean.

    Args:
        features: (B, C, h, w) of the stylized picture.
        target: The same of the content picture (in AdaIN's training: the `target_features`).

    Returns:
        A scalar tensor; float32 for half-precision features.

    Raises:
        OptionError: Features of different shapes.

    Example:
        >>> import torch
        >>> content_loss(torch.zeros(1, 2, 3, 3), torch.full((1, 2, 3, 3), 2.0))
        tensor(4.)
    """
    if features.shape != target.shape:
        raise OptionError(
            f"The content loss compares features of one shape, got {tuple(features.shape)} and "
            f"{tuple(target.shape)}; both pictures must have the same size."
        )
    return F.mse_loss(at_least_float32(features), at_least_float32(target))


def gram_style_loss(
    features: Tensor, target_gram: Tensor, weights: Tensor | None = None, shift: Tensor | None = None
) -> Tensor:
    """Mean squared difference of Gram matrices, Gatys et al. (2016), equation 4, as a mean.

    Args:
        features: (B, C, h, w) of the stylized picture.
        target_gram: (B or 1, C, C), `functional.gram_matrix` of the style picture's features.
        weights: How much each position of `features` counts, (B or 1, 1, h, w); all the same if None.
        shift: Subtracted from the features first, (1, C, 1, 1).

    Returns:
        A scalar tensor.

    Example:
        >>> import torch
        >>> gram_style_loss(torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 1))
        tensor(1.)
    """
    return F.mse_loss(gram_matrix(features, weights, shift), target_gram.expand(features.shape[0], -1, -1))


def moment_style_loss(
    features: Tensor, target_mean: Tensor, target_std: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Mean squared difference of channel means plus that of standard deviations.

    Huang and Belongie (2017), equation 13, as means over channels.

    Args:
        features: (B, C, h, w) of the stylized picture.
        target_mean: (B or 1, C, 1, 1) of the style picture's features.
        target_std: The same shape.
        weights: How much each position of `features` counts, (B or 1, 1, h, w); all the same if None.

    Returns:
        A scalar tensor.

    Example:
        >>> import torch
        >>> mean, std = torch.zeros(1, 2, 1, 1), torch.full((1, 2, 1, 1), 1e-5**0.5)
        >>> moment_style_loss(torch.ones(1, 2, 4, 4), mean, std)
        tensor(1.)
    """
    mean, std = channel_stats(features, weights=weights)
    return F.mse_loss(mean, target_mean.expand_as(mean)) + F.mse_loss(std, target_std.expand_as(std))
