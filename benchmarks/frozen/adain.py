"""AdaIN with the decoder `lite`, or another `Decoder`: encode, align, modulate, decode, pass by pass."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.frozen import Encoder, padded
from styletransfer.methods.feedforward.decoder import Decoder

_EPSILON, _RIDGE, _SILENT = 1e-5, 1e-3, 1e-3
#: Of a layer: mean and deviation, (1, C, 1, 1), and the covariance (1, C, C).
Statistics = tuple[Tensor, Tensor, Tensor]


class Frozen:
    """A picture of one content, the style being encoded before; called without arguments.

    Args:
        stylizer: An AdaIN whose weights are used.
        content: (1, 3, H, W), whose sides are multiples of 16.
        style: (1, 3, h, w).
    """

    @torch.no_grad()
    def __init__(self, stylizer: Any, content: Tensor, style: Tensor) -> None:
        self.decoder: Decoder = stylizer.decoder
        self.encode = Encoder(stylizer.extractor)
        self.content = content
        self.style = {tap: statistics(x) for tap, x in self.encode(style, self.decoder.taps).items()}

    @torch.no_grad()
    def __call__(self) -> Tensor:
        image = self.content
        for _ in range(self.decoder.spec.passes):
            features = self.encode(image, self.decoder.taps)
            now = {tap: statistics(x) for tap, x in features.items()}
            target = {tap: self._aligned(x, now[tap], self.style[tap]) for tap, x in features.items()}
            image = self._decoded(target, describe(now, self.style)).clamp(0, 1)
        return image.contiguous()

    def _aligned(self, x: Tensor, now: Statistics, wanted: Statistics) -> Tensor:
        if self.decoder.spec.alignment == "channels":
            return torch.addcmul(wanted[0], x - now[0], wanted[1] / now[1])
        rows = (x - now[0]).flatten(2).transpose(1, 2)
        moved = torch.baddbmm(wanted[0].flatten(1)[:, None], rows, transport(now[2], wanted[2]).to(x.dtype))
        return moved.transpose(1, 2).view(x.shape)

    def _decoded(self, features: dict[str, Tensor], change: Tensor) -> Tensor:
        decoder, spec = self.decoder, self.decoder.spec
        modulation = decoder.modulation
        pairs = iter([] if modulation is None else modulation(change))

        def modulated(x: Tensor) -> Tensor:
            if modulation is None:
                return x
            scale, shift = next(pairs)
            return torch.addcmul(shift, x, scale)

        def convolved(x: Tensor, convolution: Any) -> Tensor:
            return F.conv2d(padded(x, spec.padding), convolution.weight, convolution.bias)

        def rectified(x: Tensor) -> Tensor:
            return F.leaky_relu_(x, spec.slope) if spec.slope else F.relu_(x)

        x, last = features[spec.taps[-1]], len(spec.stages) - 1
        for number, stage in enumerate(decoder.stages):
            x = F.interpolate(x, scale_factor=2, mode=spec.upsampling) if number else x
            for tap in spec.skips(number):
                x = x + decoder.skips[tap](features[tap])
            for block in decoder.blocks[number]:  # type: ignore[union-attr]
                inner = rectified(modulated(convolved(x, block.first)))
                x = x + modulated(convolved(inner, block.second))
            for place, convolution in enumerate(stage):  # type: ignore[arg-type]
                x = convolved(x, convolution)
                if number < last or place < len(spec.stages[last]) - 1:
                    x = rectified(modulated(x))
        return x


def statistics(features: Tensor) -> Statistics:
    """Return mean, deviation and covariance of the channels of (1, C, h, w)."""
    rows = features.flatten(2).transpose(1, 2)
    mean = rows.mean(dim=1, keepdim=True)
    centered = rows - mean
    covariance = torch.bmm(centered.transpose(1, 2), centered) / max(rows.shape[1] - 1, 1)
    deviation = (torch.diagonal(covariance, dim1=1, dim2=2) + _EPSILON).sqrt()
    return mean.transpose(1, 2)[..., None], deviation[:, :, None, None], covariance


def transport(now: Tensor, wanted: Tensor) -> Tensor:
    """Return the matrix (1, C, C) that moves a covariance to another one (Lu et al., ICCV 2019), in float64."""
    values, vectors = torch.linalg.eigh(_regular(now))
    roots = values.clamp_min(_EPSILON).sqrt()[:, None]
    there, back = (vectors * roots) @ vectors.mT, (vectors / roots) @ vectors.mT
    values, vectors = torch.linalg.eigh(there @ _regular(wanted) @ there)
    return back @ ((vectors * values.clamp_min(0).sqrt()[:, None]) @ vectors.mT) @ back


def _regular(covariance: Tensor) -> Tensor:
    wide = covariance.double()
    ridge = _EPSILON + _RIDGE * torch.diagonal(wide, dim1=1, dim2=2).mean(dim=1)
    return wide + ridge[:, None, None] * torch.eye(wide.shape[1]).to(wide)


def describe(now: dict[str, Statistics], wanted: dict[str, Statistics]) -> Tensor:
    """Return what a modulation is told: relative change and logarithm of each mean and deviation."""
    parts = []
    for tap, own in now.items():
        for before, after in zip(own[:2], wanted[tap][:2], strict=True):
            a, b = before.flatten(1), after.flatten(1)
            parts += [(b - a) / (b.abs() + a.abs() + _SILENT), torch.log1p(b.clamp_min(0))]
    return torch.cat(parts, dim=1)
