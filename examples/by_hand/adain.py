"""Feed-forward style transfer, whole in one file.

X. Huang, S. Belongie. Arbitrary Style Transfer in Real-Time with Adaptive Instance Normalization. ICCV 2017.

    python examples/by_hand/adain.py photo.jpg painting.jpg out.png

An encoder (the first layers of VGG-19) turns both pictures into features. Each channel of the content's features
is shifted and scaled until its mean and standard deviation are those of the style's: that is AdaIN, and it has no
parameters. The decoder below wants more: channels that act together in the style act together in the result
(`transport`). It was trained once for all styles, and turns the result back into a picture. Encoder and decoder
are plain functions of tensors; their weights come from files of the package. The package itself
(``styletransfer/methods/feedforward/``) does the same for any decoder, with batches, several styles, and checks.
A test holds the two equal (tests/test_by_hand.py).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

ASSETS = Path(__file__).parents[2] / "styletransfer" / "assets"
Weights = dict[str, Tensor]
Stats = tuple[Tensor, Tensor]  # mean and standard deviation, (1, C, 1, 1) each

# VGG-19 (Simonyan and Zisserman 2015) up to relu4_1: blocks of 3x3 convolutions, each followed by a ReLU; between
# blocks a pooling halves the size.
BLOCKS = (
    ("conv1_1", "conv1_2"),
    ("conv2_1", "conv2_2"),
    ("conv3_1", "conv3_2", "conv3_3", "conv3_4"),
    ("conv4_1",),
)
# The paper aligns relu4_1 only. This decoder reads the first ReLU of every block, so that fine strokes survive.
LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1")
# The decoder was trained to continue from its own result: encoding, aligning and decoding are done twice.
PASSES = 2


def load_weights(name: str) -> Weights:
    """Read a file of embedded weights; they are stored in half precision."""
    return {key: tensor.float() for key, tensor in load_file(ASSETS / f"{name}.safetensors").items()}


def convolve(x: Tensor, weights: Weights, name: str) -> Tensor:
    """Apply a 3x3 convolution that keeps the size: the border is reflected."""
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weights[f"{name}.weight"], weights[f"{name}.bias"])


def encode(picture: Tensor, encoder: Weights) -> list[Tensor]:
    """Return the features of a picture, (1, 3, H, W) in [0, 1], at the four layers, fine to coarse."""
    features = []
    # The network expects normalised colours; this 1x1 convolution is the normalisation.
    x = F.conv2d(picture, encoder["color.weight"], encoder["color.bias"])
    for number, block in enumerate(BLOCKS):
        if number > 0:
            x = F.max_pool2d(x, 2)
        for layer in block:
            x = F.relu(convolve(x, encoder, layer))
            if layer in LAYERS:
                features.append(x)
    return features


def channel_stats(features: Tensor) -> Stats:
    """Equations 5 and 6: mean and standard deviation of each channel over its positions."""
    variance, mean = torch.var_mean(features, dim=(2, 3), keepdim=True)
    return mean, (variance + 1e-5).sqrt()


def adain(content: Tensor, style_mean: Tensor, style_std: Tensor) -> Tensor:
    """Equation 8: give the content's features the mean and standard deviation of the style's."""
    mean, std = channel_stats(content)
    return style_std * (content - mean) / std + style_mean


def covariance(features: Tensor) -> Tensor:
    """Return how the channels vary together over the positions, (C, C); the variances are on its diagonal."""
    rows = features[0].flatten(1) - features[0].flatten(1).mean(dim=1, keepdim=True)
    return rows @ rows.T / (rows.shape[1] - 1)


def power(matrix: Tensor, exponent: float) -> Tensor:
    """Raise a symmetric matrix to a power: that of its eigenvalues, along its eigenvectors."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0) ** exponent) @ vectors.T


def transport(content: Tensor, style_mean: Tensor, style_covariance: Tensor) -> Tensor:
    """Give the content's features the mean and the covariance of the style's (Lu et al., ICCV 2019).

    Of all linear maps that do so, this one moves the features least. `adain` is what is left of it if nothing but
    the diagonals is known.
    """

    def regular(matrix: Tensor) -> Tensor:  # float64, and never singular: no direction is blown up without bound
        matrix = matrix.double()
        return matrix + (1e-5 + 1e-3 * matrix.diagonal().mean()) * torch.eye(len(matrix), dtype=torch.float64)

    own = regular(covariance(content))
    there, back = power(own, 0.5), power(own, -0.5)
    linear = (back @ power(there @ regular(style_covariance) @ there, 0.5) @ back).float()
    centered = content - content.mean(dim=(2, 3), keepdim=True)
    return torch.einsum("oc,bchw->bohw", linear, centered) + style_mean


def describe_change(before: list[Stats], wanted: list[Stats]) -> Tensor:
    """Describe how the alignment changes the statistics, as one vector, (1, 4 * channels).

    This and `modulations` are not in the paper. A small decoder cannot infer from aligned features alone which
    style they came from, so it also receives, for each mean and deviation, the relative change and the logarithm
    of the wanted value.
    """
    parts = []
    for pair, target_pair in zip(before, wanted, strict=True):
        for now, target in zip(pair, target_pair, strict=True):
            parts.append((target - now) / (target.abs() + now.abs() + 1e-3))
            parts.append(torch.log1p(target.clamp(min=0)))
    return torch.cat(parts, dim=1).flatten(1)


def modulations(change: Tensor, decoder: Weights) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield a scale and a shift, (1, C, 1, 1), for each convolution of the decoder but the last.

    Feature-wise linear modulation (Perez et al. 2018): two linear layers compute them from the description.
    """
    hidden = F.linear(change, decoder["modulation.hidden.weight"], decoder["modulation.hidden.bias"])
    hidden = torch.cat([hidden, F.relu(hidden)], dim=1)
    numbers = F.linear(hidden, decoder["modulation.out.weight"], decoder["modulation.out.bias"])[:, :, None, None]
    # In the order of the convolutions below: 4 residual blocks of 128, and so on.
    for channels in (*[128] * 8, 96, 96, 96, 96, 96, 64, 64, 32, 32, 16):
        scale, shift = numbers[:, : 2 * channels].chunk(2, dim=1)
        numbers = numbers[:, 2 * channels :]
        yield 1 + torch.tanh(scale), shift


def decode(features: list[Tensor], change: Tensor, decoder: Weights) -> Tensor:
    """Turn aligned features of the four layers into a picture, (1, 3, H, W), not clamped."""
    pairs = modulations(change, decoder)

    def convolution(x: Tensor, name: str) -> Tensor:
        scale, shift = next(pairs)
        return scale * convolve(x, decoder, name) + shift

    def residual_block(x: Tensor, name: str) -> Tensor:
        inner = F.leaky_relu(convolution(x, f"{name}.first"), 0.2)
        return x + convolution(inner, f"{name}.second")

    def skip(features: Tensor, layer: str) -> Tensor:
        return F.conv2d(features, decoder[f"skips.{layer}.weight"], decoder[f"skips.{layer}.bias"])

    def double(x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear")

    relu1_1, relu2_1, relu3_1, x = features
    for number in range(4):
        x = residual_block(x, f"blocks.0.{number}")
    x = F.leaky_relu(convolution(x, "stages.0.0"), 0.2)
    x = double(x) + skip(relu3_1, "relu3_1")  # a quarter of the picture's size
    x = residual_block(x, "blocks.1.0")
    for number in range(3):
        x = F.leaky_relu(convolution(x, f"stages.1.{number}"), 0.2)
    x = double(x) + skip(relu2_1, "relu2_1")  # half of it
    for number in range(2):
        x = F.leaky_relu(convolution(x, f"stages.2.{number}"), 0.2)
    x = double(x) + skip(relu1_1, "relu1_1")  # all of it
    for number in range(2):
        x = F.leaky_relu(convolution(x, f"stages.3.{number}"), 0.2)
    return convolve(x, decoder, "stages.3.2")  # the colours: no modulation, no ReLU


def blend(first: list[Stats], second: list[Stats], share: float) -> list[Stats]:
    """Mix the statistics of each layer: `share` of the first, the rest of the second."""
    return [
        (share * mean + (1 - share) * other_mean, share * std + (1 - share) * other_std)
        for (mean, std), (other_mean, other_std) in zip(first, second, strict=True)
    ]


@torch.no_grad()
def stylize(content: Tensor, style: Tensor, *, alpha: float = 1.0) -> Tensor:
    """Repaint `content`, (1, 3, H, W) in [0, 1], in the manner of `style`; return the same shape and range.

    `alpha` is the strength, equation 14: the last pass decodes alpha times the aligned features plus 1 - alpha
    times the content's own.
    """
    encoder, decoder = load_weights("vgg19-lite-1"), load_weights("decoder-lite")
    style_features = encode(style, encoder)
    wanted = [channel_stats(x) for x in style_features]
    covariances = [covariance(x) for x in style_features]
    # Three poolings halve the size: reflect the picture at its right and bottom until 8 divides both sides.
    height, width = content.shape[2:]
    picture = F.pad(content, (0, -width % 8, 0, -height % 8), mode="reflect")
    own = encode(picture, encoder)
    own_stats = [channel_stats(x) for x in own]
    for number in range(PASSES):
        features = encode(picture, encoder)
        before = [channel_stats(x) for x in features]
        # The paper's AdaIN would be adain(x, mean, std).
        aligned = [
            transport(x, mean, together)
            for x, (mean, _), together in zip(features, wanted, covariances, strict=True)
        ]
        if number == PASSES - 1:
            aligned = [alpha * x + (1 - alpha) * y for x, y in zip(aligned, own, strict=True)]
            before, wanted = blend(before, own_stats, alpha), blend(wanted, own_stats, alpha)
        picture = decode(aligned, describe_change(before, wanted), decoder).clamp(0, 1)
    return picture[:, :, :height, :width]


def read_picture(path: str, long_edge: int = 512) -> Tensor:
    """Read a file as (1, 3, H, W) in [0, 1], reduced to `long_edge` pixels."""
    image = Image.open(path).convert("RGB")
    image.thumbnail((long_edge, long_edge), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python adain.py CONTENT STYLE OUTPUT")
    content_path, style_path, output_path = sys.argv[1:]
    result = stylize(read_picture(content_path), read_picture(style_path))
    Image.fromarray((result[0].permute(1, 2, 0) * 255).round().byte().numpy()).save(output_path)
