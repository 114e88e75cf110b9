"""How pictures move: dense optical flow both ways, where it can be trusted, and pictures warped along it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.functional import luminance
from styletransfer.video.extras import load_cv2

#: Difference of brightness along the flow at which half of the confidence is gone: what is lit or drawn otherwise.
_UNLIKE = 0.1
#: Positions around a doubtful one that are doubtful, too: flow is blurred at edges.
_MARGIN = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Motion:
    """From where a frame's pixels come.

    Attributes:
        backward: (1, 2, H, W): how many pixels right and down of each pixel its place in the frame before is.
        confidence: (1, 1, H, W) in [0, 1]: how far that can be trusted.
    """

    backward: Tensor
    confidence: Tensor


def motion_between(before: Tensor, now: Tensor) -> Motion:
    """Find how a frame has come from the one before, by dense inverse search (Kroeger et al., ECCV 2016).

    Args:
        before: (1, 3, H, W) RGB in [0, 1].
        now: The next frame, of the same shape.

    Raises:
        VideoError: OpenCV is not installed.
    """
    cv2 = load_cv2()
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    first, second = (_levels(frame) for frame in (before, now))
    forward, backward = (_tensor(search.calc(*pair, None)) for pair in ((first, second), (second, first)))
    confidence = trust(forward, backward) * _likeness(before, now, backward.to(now.device)).cpu()
    return Motion(backward=backward.to(now.device), confidence=confidence.to(now.device))


def trust(forward: Tensor, backward: Tensor) -> Tensor:
    """Return where a flow can be trusted: 1, or 0 where pixels were hidden before, and where motions meet.

    Args:
        forward: (1, 2, H, W), from the frame before to this one.
        backward: (1, 2, H, W), from this one to the frame before.

    Returns:
        (1, 1, H, W).

    Example:
        >>> import torch
        >>> still = torch.zeros(1, 2, 16, 16)
        >>> float(trust(still, still).mean())
        1.0
    """
    along = warp(forward, backward)
    # Ruder et al. 2016, equation 5 (after Sundaram et al. 2010): there and back again is no way at all.
    apart = (along + backward).square().sum(1, keepdim=True)
    lengths = along.square().sum(1, keepdim=True) + backward.square().sum(1, keepdim=True)
    doubtful = apart > 0.01 * lengths + 0.5
    # Equation 6: motion boundaries.
    steps = sum(_gradient(backward[:, n : n + 1]) for n in (0, 1))
    doubtful |= steps > 0.01 * backward.square().sum(1, keepdim=True) + 0.002
    doubtful |= ~inside(backward)
    return 1 - F.max_pool2d(doubtful.float(), _MARGIN, stride=1, padding=_MARGIN // 2)


def warp(picture: Tensor, backward: Tensor) -> Tensor:
    """Return a picture as its pixels are after the motion, bicubic, clamped to the picture's own range.

    Args:
        picture: (1, C, H, W), of the frame before.
        backward: (1, 2, H, W), from the frame after to it.

    Returns:
        (1, C, H, W); beyond its edge, the picture's edge is repeated.

    Example:
        >>> import torch
        >>> picture = torch.arange(6.0).expand(1, 1, 4, 6)
        >>> left = torch.zeros(1, 2, 4, 6)
        >>> left[:, 0] = -1
        >>> warp(picture, left)[0, 0, 0].round().tolist()
        [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]
    """
    height, width = picture.shape[2:]
    across, down = _places(backward)
    grid = torch.stack([across * (2 / max(width - 1, 1)) - 1, down * (2 / max(height - 1, 1)) - 1], dim=3)
    moved = F.grid_sample(picture, grid.to(picture.dtype), "bicubic", padding_mode="border", align_corners=True)
    return moved.clamp(float(picture.min()), float(picture.max()))


def inside(backward: Tensor) -> Tensor:
    """Return where the flow leads into the frame before, (1, 1, H, W)."""
    height, width = backward.shape[2:]
    across, down = _places(backward)
    return ((across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1))[:, None]


def _places(backward: Tensor) -> tuple[Tensor, Tensor]:
    """Return the columns and rows that a flow leads to, (1, H, W) each."""
    height, width = backward.shape[2:]
    rows = torch.arange(height, device=backward.device, dtype=backward.dtype)
    columns = torch.arange(width, device=backward.device, dtype=backward.dtype)
    return backward[:, 0] + columns, backward[:, 1] + rows[:, None]


def _gradient(component: Tensor) -> Tensor:
    """Return the squared length of a component's gradient, by central differences."""
    padded = F.pad(component, (1, 1, 1, 1), mode="replicate")
    across = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    down = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    return across.square() + down.square()


def _likeness(before: Tensor, now: Tensor, backward: Tensor) -> Tensor:
    """Return how far the frames themselves agree along the flow, in [0, 1]; flow alone does not see new light."""
    apart = (luminance(now) - warp(luminance(before), backward)).abs()
    return 1 / (1 + (F.avg_pool2d(apart, 3, 1, 1) / _UNLIKE).square())


def _levels(frame: Tensor) -> Any:
    return luminance(frame)[0, 0].mul(255).round().clamp(0, 255).to("cpu", torch.uint8).numpy()


def _tensor(flow: Any) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(flow)).permute(2, 0, 1)[None].float()
