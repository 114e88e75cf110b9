"""AdaIN (Huang and Belongie 2017): encode, align, decode; as often as the decoder was trained for.

Where the decoder was trained for it, the covariance of the channels is aligned (Lu et al., ICCV 2019).
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import floor
from benchmarks.textbook import Encoder, convolution, padding
from styletransfer.methods.feedforward.decoder import PYTORCH_ADAIN, Decoder, DecoderSpec
from styletransfer.methods.feedforward.decoder_parts import Modulation

#: A method's own losses are not part of its work.
OPTIONS: dict[str, Any] = {"measure": False}
STAGES = ("encode style", "decode")


class Textbook:
    """A picture of one content and one style."""

    def __init__(self, stylizer: Any, content: Tensor, style: Tensor) -> None:
        self.decoder = TextbookDecoder(stylizer.decoder)
        self.encoder = Encoder(stylizer.extractor, self.decoder.taps[-1])
        self.passes = stylizer.decoder.spec.passes
        self.align = aligned_by(stylizer.decoder)
        self.content, self.style = content, style

    @torch.no_grad()
    def __call__(self) -> Tensor:
        style_features = self.encoder(self.style, self.decoder.taps)
        image = self.content
        for _ in range(self.passes):
            content_features = self.encoder(image, self.decoder.taps)
            target = {tap: self.align(content_features[tap], style_features[tap]) for tap in self.decoder.taps}
            image = self.decoder(target, describe(content_features, style_features)).clamp(0, 1)
        return image


class TextbookModulation(nn.Module):
    """Scales and shifts of a decoder's channels from the change in statistics (Perez et al. 2018)."""

    def __init__(self, modulation: Modulation) -> None:
        super().__init__()
        self.widths = modulation.widths
        self.hidden, self.out = copy.deepcopy(modulation.hidden), copy.deepcopy(modulation.out)

    def forward(self, change: Tensor) -> list[Tensor]:
        hidden = self.hidden(change)
        out = self.out(torch.cat([hidden, hidden.relu()], dim=1))
        return list(out.split([2 * width for width in self.widths], dim=1))


class TextbookDecoder(nn.Module):
    """Padding, convolution, ReLU; upsampling between sizes; skips, blocks, modulation if any."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        spec = decoder.spec
        self.taps = spec.taps
        self.skip_at = {number: spec.skips(number) for number in range(len(spec.stages))}
        self.skips = nn.ModuleDict({tap: convolution(skip) for tap, skip in decoder.skips.items()})
        self.blocks, self.stages = nn.ModuleList(), nn.ModuleList()
        for blocks, stage in zip(decoder.blocks, decoder.stages, strict=True):
            pairs = [nn.ModuleList([convolution(block.first), convolution(block.second)]) for block in blocks]
            self.blocks.append(nn.ModuleList(pairs))
            self.stages.append(nn.ModuleList([convolution(each) for each in stage]))
        self.modulation = None if decoder.modulation is None else TextbookModulation(decoder.modulation)
        self.pad = padding(spec.padding)
        self.relu = nn.LeakyReLU(spec.slope)
        self.upsample = nn.Upsample(scale_factor=2, mode=spec.upsampling)

    def forward(self, features: dict[str, Tensor], change: Tensor) -> Tensor:
        pairs = [] if self.modulation is None else self.modulation(change)

        def modulate(x: Tensor) -> Tensor:
            if not pairs:
                return x
            scale, shift = pairs.pop(0)[:, :, None, None].chunk(2, dim=1)
            return (1 + torch.tanh(scale)) * x + shift

        x = features[self.taps[-1]]
        for number, stage in enumerate(self.stages):
            if number > 0:
                x = self.upsample(x)
            for tap in self.skip_at[number]:
                x = x + self.skips[tap](features[tap])
            for first, second in self.blocks[number]:
                inner = self.relu(modulate(first(self.pad(x))))
                x = x + modulate(second(self.pad(inner)))
            for each in stage[:-1]:
                x = self.relu(modulate(each(self.pad(x))))
            x = stage[-1](self.pad(x))
            if number < len(self.stages) - 1:
                x = self.relu(modulate(x))
        return x


def calc_mean_std(features: Tensor, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel (Huang and Belongie 2017, equations 5 and 6)."""
    batch, channels = features.shape[:2]
    flat = features.view(batch, channels, -1)
    std = (flat.var(dim=2) + eps).sqrt()
    return flat.mean(dim=2).view(batch, channels, 1, 1), std.view(batch, channels, 1, 1)


def encoded(decoder: Decoder, features: Tensor) -> tuple[Tensor, ...]:
    """What a decoder's alignment takes from a style: mean and deviation, and the covariance if it wants it."""
    if decoder.spec.alignment == "channels":
        return calc_mean_std(features)
    return (*calc_mean_std(features), torch.stack([torch.cov(each.flatten(1)) for each in features]))


def adaptive_instance_normalization(content: Tensor, style: Tensor) -> Tensor:
    """Equation 8 of the paper."""
    style_mean, style_std = calc_mean_std(style)
    content_mean, content_std = calc_mean_std(content)
    normalized = (content - content_mean.expand_as(content)) / content_std.expand_as(content)
    return normalized * style_std.expand_as(content) + style_mean.expand_as(content)


def aligned_by(decoder: Decoder) -> Callable[[Tensor, Tensor], Tensor]:
    """Return what a decoder wants done to its features."""
    return closed_form_transport if decoder.spec.alignment == "covariance" else adaptive_instance_normalization


def closed_form_transport(content: Tensor, style: Tensor) -> Tensor:
    """Lu et al., ICCV 2019: the linear optimal transport to the style's mean and covariance, for each picture."""
    moved = []
    for picture, reference in zip(content, style, strict=True):
        own, wanted = (_regular(torch.cov(x.flatten(1).double())) for x in (picture, reference))
        root, inverse = _power(own, 0.5), _power(own, -0.5)
        matrix = (inverse @ _power(root @ wanted @ root, 0.5) @ inverse).to(picture.dtype)
        centered = picture.flatten(1) - picture.flatten(1).mean(dim=1, keepdim=True)
        moved.append((matrix @ centered + reference.flatten(1).mean(dim=1, keepdim=True)).view_as(picture))
    return torch.stack(moved)


def _regular(covariance: Tensor) -> Tensor:
    return covariance + (1e-5 + 1e-3 * covariance.diagonal().mean()) * torch.eye(len(covariance)).to(covariance)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0) ** exponent) @ vectors.T


def describe(content: dict[str, Tensor], style: dict[str, Tensor]) -> Tensor:
    """Relative change and logarithm of each mean and deviation (docs/deviations.md)."""
    description = []
    for tap, features in content.items():
        for now, wanted in zip(calc_mean_std(features), calc_mean_std(style[tap]), strict=True):
            now, wanted = now.flatten(1), wanted.flatten(1)
            description.append((wanted - now) / (wanted.abs() + now.abs() + 1e-3))
            description.append(torch.log(1 + wanted.clamp(min=0)))
    return torch.cat(description, dim=1)


def operations(stylizer: Any, size: tuple[int, int], style_size: tuple[int, int] | None = None) -> int:
    """Count one picture with all its passes; the style too if its size is given."""
    spec = stylizer.decoder.spec
    total = spec.passes * (floor.encoder(stylizer.extractor, spec.taps[-1], size) + decoder_operations(spec, size))
    return total if style_size is None else total + floor.encoder(stylizer.extractor, spec.taps[-1], style_size)


def decoder_operations(spec: DecoderSpec, size: tuple[int, int]) -> int:
    """Count a decoder's pass."""
    total, channels = 0, spec.channels[-1]
    tap_channels = dict(zip(spec.taps, spec.channels, strict=True))
    for number, widths in enumerate(spec.stages):
        height, width = floor.at_stride(size, 2 ** (len(spec.stages) - 1 - number))
        for tap in spec.skips(number):
            total += 2 * tap_channels[tap] * channels * height * width
        total += spec.blocks_of(number) * 2 * 2 * 9 * channels**2 * height * width
        for wide in widths:
            total += 2 * 9 * channels * wide * height * width
            channels = wide
    # Two layers turn the statistics into a scale and a shift for every modulated channel.
    return total + 2 * spec.modulation * (4 * sum(spec.channels) + 2 * 2 * sum(spec.modulated))


def random_parts(encoder: str) -> dict[str, Any]:
    """Return a decoder with random weights, for an extractor at full width."""
    return {"decoder": Decoder(dataclasses.replace(PYTORCH_ADAIN, encoder=encoder)).requires_grad_(False)}


def stage(name: str, stylizer: Any, content: Tensor, style: Tensor) -> dict[str, Any]:
    """Return the work of a stage, the textbook's, and the operations."""
    decoder, taps = stylizer.decoder, stylizer.decoder.taps
    encoder = Encoder(stylizer.extractor, taps[-1])
    if name == "encode style":
        return {
            "work": lambda: stylizer.encode_style(style),
            "textbook": lambda: {tap: encoded(decoder, x) for tap, x in encoder(style, taps).items()},
            "operations": floor.encoder(stylizer.extractor, taps[-1], (style.shape[2], style.shape[3])),
        }
    with torch.no_grad():
        features, style_features = stylizer.extractor(content, taps), stylizer.extractor(style, taps)
        target = {tap: aligned_by(decoder)(features[tap], style_features[tap]) for tap in taps}
        change = describe(features, style_features)
    ours = {tap: x.to(memory_format=torch.channels_last) for tap, x in target.items()}
    by_the_book = TextbookDecoder(decoder)
    return {
        "work": lambda: decoder(ours, change),
        "textbook": lambda: by_the_book(target, change),
        "operations": decoder_operations(decoder.spec, (content.shape[2], content.shape[3])),
    }
