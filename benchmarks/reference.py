"""Both methods as tutorials write them: the yardstick that every speed is a ratio to.

Written from the papers, for reading rather than for speed: modules in an `nn.Sequential`, padding as modules of
its own, plain channels-first tensors, ReLU out of place, the style encoded for every picture, and in the Gatys
loop the features of content and style and their Gram matrices computed anew in every step. The numbers are
those of the package (tests/benchmarks/test_reference.py); only the way there is the textbook's.

Only the weights come from the package. Sides are multiples of 16, since textbook code does not pad.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from styletransfer.methods.feedforward.modulation import Modulation
from torch import Tensor, nn

from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import LAYERS
from styletransfer.methods.feedforward.decoder_files import Decoder

CONTENT_LAYER = "relu4_2"
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_WEIGHT, STYLE_WEIGHT, TV_WEIGHT, LEARNING_RATE = 1.0, 1e3, 10.0, 0.02

#: The package's options that do what `TextbookGatys` does.
TEXTBOOK_OPTIONS: dict[str, dict[str, Any]] = {
    "gatys": {
        "content_layers": (CONTENT_LAYER,),
        "style_layers": STYLE_LAYERS,
        "content_weight": CONTENT_WEIGHT,
        "style_weight": STYLE_WEIGHT,
        "tv_weight": TV_WEIGHT,
        "color_weight": 0.0,
        "center_grams": False,
        "loss_scale": "mean",
        "optimizer": "adam",
        "learning_rate": LEARNING_RATE,
        "pyramid": 0,
        "clamp": False,
        "init": "content",
        "scales": (1.0,),
    }
}


class TextbookEncoder(nn.Module):
    """VGG-19 as a list of modules: padding, convolution, ReLU, pooling."""

    def __init__(self, extractor: VGG19Features, last: str) -> None:
        super().__init__()
        color = nn.Conv2d(3, 3, 1)
        color.weight = _copy(extractor.color_matrix)
        color.bias = _copy(extractor.color_bias)
        modules: list[nn.Module] = [color]
        self.tap_at: dict[int, str] = {}
        for layer in LAYERS:
            if layer.opens_block:
                modules.append(nn.MaxPool2d(2, ceil_mode=extractor.ceil_mode))
            modules.append(_padding(extractor.padding))
            modules.append(_convolution(extractor.convs[layer.conv]))
            modules.append(nn.ReLU())
            self.tap_at[len(modules) - 1] = layer.relu
            if layer.relu == last:
                break
        self.net = nn.Sequential(*modules)

    def forward(self, x: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        features = {}
        for number, module in enumerate(self.net):
            x = module(x)
            if self.tap_at.get(number) in layers:
                features[self.tap_at[number]] = x
        return features


class TextbookModulation(nn.Module):
    """Scales and shifts of a decoder's channels from what the alignment changes (Perez et al. 2018)."""

    def __init__(self, modulation: Modulation) -> None:
        super().__init__()
        self.widths = modulation.widths
        self.hidden, self.out = copy.deepcopy(modulation.hidden), copy.deepcopy(modulation.out)

    def forward(self, change: Tensor) -> list[Tensor]:
        hidden = self.hidden(change)
        out = self.out(torch.cat([hidden, hidden.relu()], dim=1))
        return list(out.split([2 * width for width in self.widths], dim=1))


class TextbookDecoder(nn.Module):
    """AdaIN's decoder: padding, convolution, ReLU; upsampling between sizes; skips, blocks, modulation if any."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        spec = decoder.spec
        self.taps = spec.taps
        self.skip_at = {number: spec.skips(number) for number in range(len(spec.stages))}
        self.skips = nn.ModuleDict({tap: _convolution(skip) for tap, skip in decoder.skips.items()})
        self.blocks, self.stages = nn.ModuleList(), nn.ModuleList()
        for blocks, stage in zip(decoder.blocks, decoder.stages, strict=True):
            pairs = [nn.ModuleList([_convolution(block.first), _convolution(block.second)]) for block in blocks]
            self.blocks.append(nn.ModuleList(pairs))
            self.stages.append(nn.ModuleList([_convolution(convolution) for convolution in stage]))
        self.modulation = None if decoder.modulation is None else TextbookModulation(decoder.modulation)
        self.pad = _padding(spec.padding)
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
            for convolution in stage[:-1]:
                x = self.relu(modulate(convolution(self.pad(x))))
            x = stage[-1](self.pad(x))
            if number < len(self.stages) - 1:
                x = self.relu(modulate(x))
        return x


def calc_mean_std(features: Tensor, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel (Huang and Belongie 2017, equations 5 and 6)."""
    batch, channels = features.shape[:2]
    variance = features.view(batch, channels, -1).var(dim=2) + eps
    std = variance.sqrt().view(batch, channels, 1, 1)
    mean = features.view(batch, channels, -1).mean(dim=2).view(batch, channels, 1, 1)
    return mean, std


def adaptive_instance_normalization(content: Tensor, style: Tensor) -> Tensor:
    """Equation 8 of the paper."""
    style_mean, style_std = calc_mean_std(style)
    content_mean, content_std = calc_mean_std(content)
    normalized = (content - content_mean.expand_as(content)) / content_std.expand_as(content)
    return normalized * style_std.expand_as(content) + style_mean.expand_as(content)


def describe(content: dict[str, Tensor], style: dict[str, Tensor]) -> Tensor:
    """What the alignment changes: relative change and logarithm of mean and deviation (docs/deviations.md)."""
    description = []
    for tap, features in content.items():
        for now, wanted in zip(calc_mean_std(features), calc_mean_std(style[tap]), strict=True):
            now, wanted = now.flatten(1), wanted.flatten(1)
            description.append((wanted - now) / (wanted.abs() + now.abs() + 1e-3))
            description.append(torch.log(1 + wanted.clamp(min=0)))
    return torch.cat(description, dim=1)


class TextbookAdaIN:
    """Encode content and style, align, decode; as often as the decoder was trained for."""

    def __init__(self, extractor: VGG19Features, decoder: Decoder) -> None:
        self.encoder = TextbookEncoder(extractor, decoder.taps[-1])
        self.decoder = TextbookDecoder(decoder)
        self.passes = decoder.spec.passes

    def __call__(self, content: Tensor, style: Tensor) -> Tensor:
        with torch.no_grad():
            style_features = self.encoder(style, self.decoder.taps)
            image = content
            for _ in range(self.passes):
                content_features = self.encoder(image, self.decoder.taps)
                target = {
                    tap: adaptive_instance_normalization(content_features[tap], style_features[tap])
                    for tap in self.decoder.taps
                }
                image = self.decoder(target, describe(content_features, style_features)).clamp(0, 1)
            return image


def gram(features: Tensor) -> Tensor:
    """Gatys et al. (2016), equation 3, over the number of elements."""
    batch, channels, height, width = features.shape
    flat = features.view(batch, channels, height * width)
    return torch.matmul(flat, flat.transpose(1, 2)) / (channels * height * width)


class TextbookGatys:
    """The descent of Gatys et al. (2016) with Adam, one `step` at a time.

    Attributes:
        image: The picture so far.
        loss: Of the last step.
    """

    def __init__(self, extractor: VGG19Features, content: Tensor, style: Tensor) -> None:
        self.model = TextbookEncoder(extractor, STYLE_LAYERS[-1])
        self.content, self.style = content, style
        self.image = content.clone().requires_grad_(True)
        self.optimizer = torch.optim.Adam([self.image], lr=LEARNING_RATE)
        self.loss = float("nan")

    def step(self) -> None:
        layers = (CONTENT_LAYER, *STYLE_LAYERS)
        generated_features = self.model(self.image, layers)
        content_features = self.model(self.content, layers)
        style_features = self.model(self.style, layers)
        content_loss = torch.mean((generated_features[CONTENT_LAYER] - content_features[CONTENT_LAYER]) ** 2)
        style_loss = torch.zeros((), device=self.image.device)
        for layer in STYLE_LAYERS:
            difference = gram(generated_features[layer]) - gram(style_features[layer])
            style_loss = style_loss + torch.mean(difference**2)
        vertical = torch.mean(torch.abs(self.image[:, :, 1:, :] - self.image[:, :, :-1, :]))
        horizontal = torch.mean(torch.abs(self.image[:, :, :, 1:] - self.image[:, :, :, :-1]))
        smooth = 0.5 * (vertical + horizontal)
        loss = CONTENT_WEIGHT * content_loss + STYLE_WEIGHT * style_loss + TV_WEIGHT * smooth
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.loss = loss.item()


def _copy(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.detach().clone(memory_format=torch.contiguous_format), requires_grad=False)


def _convolution(ours: nn.Module) -> nn.Conv2d:
    """Copy one of the package's convolutions, channels first, without padding of its own."""
    assert isinstance(ours, nn.Conv2d)
    theirs = nn.Conv2d(ours.in_channels, ours.out_channels, ours.kernel_size[0], device="meta")
    theirs.weight, theirs.bias = _copy(ours.weight), _copy(ours.bias)  # type: ignore[arg-type]
    return theirs


def _padding(kind: str) -> nn.Module:
    return nn.ReflectionPad2d(1) if kind == "reflect" else nn.ZeroPad2d(1)
