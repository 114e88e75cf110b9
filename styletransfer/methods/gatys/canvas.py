"""How the picture is held while it is optimised: the variable of the descent, and the way from it to a picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.weights.formats import IMAGENET_MEAN, IMAGENET_STD

#: How much less a coarser level moves than the next finer one. With 1, colours run over whole regions.
_GAIN = 0.7
#: A pixel this close to 0 or 1 is on the border: what `Canvas.project` clamps comes back with rounding errors.
_BORDER = 1e-6


def in_space(picture: Tensor, space: str) -> Tensor:
    """Return a (B, 3, H, W) picture in the space that is optimised."""
    if space == "rgb":
        return picture
    mean, std = (
        torch.tensor(v, dtype=torch.float32, device=picture.device) for v in (IMAGENET_MEAN, IMAGENET_STD)
    )
    return (picture - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)


class Canvas:
    """A Laplacian-style pyramid of the picture (Burt and Adelson 1983), flattened to one vector.

    The picture is the sum of all levels, enlarged to full size. A step of the descent then moves whole regions as
    easily as single pixels, and comes as far in a third of the steps; Kolkin et al. (2019, STROTSS) optimise
    pictures in this form too. Without coarser levels it is the pixels themselves.

    Args:
        size: (H, W), pixels.
        space: ``"rgb"``, or ``"imagenet"`` for values less ImageNet's mean, over its deviation, the space in which
            Dive into Deep Learning optimises.
        levels: Coarser levels below the full size, each half the one above.
        clamp: Whether the picture is to stay within [0, 1].
        device: Where to work.
    """

    def __init__(
        self, size: tuple[int, int], *, space: str, levels: int, clamp: bool, device: torch.device
    ) -> None:
        self.sizes = [size]
        while len(self.sizes) <= levels and min(self.sizes[-1]) >= 8:
            height, width = self.sizes[-1]
            self.sizes.append(((height + 1) // 2, (width + 1) // 2))
        self.clamp = clamp
        imagenet = space == "imagenet"
        mean, std = (IMAGENET_MEAN, IMAGENET_STD) if imagenet else ((0.0,) * 3, (1.0,) * 3)
        self.mean = torch.tensor(mean, dtype=torch.float32, device=device).view(1, 3, 1, 1)
        self.std = torch.tensor(std, dtype=torch.float32, device=device).view(1, 3, 1, 1)
        self._lengths = [3 * height * width for height, width in self.sizes]

    def start(self, picture: Tensor) -> Tensor:
        """Return the variable for a (1, 3, H, W) picture: all of it in the finest level."""
        variable = picture.new_zeros(sum(self._lengths))
        variable[: self._lengths[0]] = ((picture - self.mean) / self.std).flatten()
        return variable

    def values(self, variable: Tensor) -> Tensor:
        """Return the picture in the space that is optimised, (1, 3, H, W)."""
        levels: tuple[Tensor, ...] = torch.split(variable, self._lengths)
        height, width = self.sizes[-1]
        summed: Tensor = levels[-1].view(1, 3, height, width) * _GAIN ** (len(levels) - 1)
        for number in reversed(range(len(levels) - 1)):
            height, width = self.sizes[number]
            enlarged = F.interpolate(summed, (height, width), mode="bilinear", align_corners=False)
            summed = enlarged + levels[number].view(1, 3, height, width) * _GAIN**number
        return summed

    def picture(self, values: Tensor) -> Tensor:
        """Bring `values` to RGB in [0, 1]; a little outside where it is not clamped.

        With `clamp`, the gradient of a pixel on the border that would leave it is dropped. `project` undoes such a
        step anyway, but L-BFGS, which takes every step for made, would draw wrong conclusions about the curvature.
        """
        picture = values * self.std + self.mean
        if self.clamp and picture.requires_grad:
            low, high = picture.detach() <= _BORDER, picture.detach() >= 1 - _BORDER
            picture.register_hook(  # type: ignore[no-untyped-call]
                lambda g: g.masked_fill((low & (g > 0)) | (high & (g < 0)), 0.0)
            )
        return picture

    def project(self, variable: Tensor) -> Tensor:
        """Return the variable whose picture is clamped to [0, 1], changed in its finest level only."""
        if not self.clamp:
            return variable
        values = self.values(variable)
        clamped = ((values * self.std + self.mean).clamp(0, 1) - self.mean) / self.std
        moved = variable.clone()
        moved[: self._lengths[0]] += (clamped - values).flatten()
        return moved
