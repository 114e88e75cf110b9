"""A frame with the previous result in it, as rough as it was painted."""

from __future__ import annotations

from torch import Tensor

from styletransfer.functional import gaussian_blur

#: Standard deviations, pixels, of the blurs that part the bands whose strength is kept.
_BANDS = (0.7, 1.4)
#: A band is strengthened by at most this.
_MOST = 2.0
#: Keeps a flat picture from being divided by zero.
_TINY = 1e-4


def blend(plain: Tensor, moved: Tensor, share: float | Tensor) -> Tensor:
    """Mix a frame with the previous result, and give the mixture the frame's fine contrast.

    Strokes that differ from frame to frame are averaged away by mixing, and with them the style's statistics. So
    the finest bands get back the deviation that they have in `plain`, in each channel.

    Args:
        plain: The frame as it was painted, (1, 3, H, W) in [0, 1].
        moved: The previous result, moved along.
        share: Of `moved`, in [0, 1]: a number, or (1, 1, H, W).

    Returns:
        (1, 3, H, W) in [0, 1].

    Example:
        >>> import torch
        >>> rough = torch.rand(1, 3, 32, 32)
        >>> mixed = blend(rough, torch.rand(1, 3, 32, 32), 0.5)
        >>> bool(mixed.std() > 0.9 * rough.std())
        True
    """
    low, lower = plain.lerp(moved, share), plain
    fine: Tensor | float = 0.0
    for sigma in _BANDS:
        coarse, wanted = gaussian_blur(low, sigma), gaussian_blur(lower, sigma)
        band = low - coarse
        gain = (lower - wanted).std((2, 3), keepdim=True) / band.std((2, 3), keepdim=True).clamp_min(_TINY)
        fine = fine + band * gain.clamp(1, _MOST)
        low, lower = coarse, wanted
    return (low + fine).clamp(0, 1)
