"""Style transfer by image optimisation, whole in one file.

L. A. Gatys, A. S. Ecker, M. Bethge. Image Style Transfer Using Convolutional Neural Networks. CVPR 2016.

    python examples/by_hand/gatys.py photo.jpg painting.jpg out.png

Nothing is trained. A network that was trained to recognise objects (VGG-19) looks at pictures, and the *pixels*
of the result are the variables of an optimisation: deep features should be those of the content picture, the
correlations between features those of the style picture. Everything is below, in the order in which it happens;
only the network's weights come from a file of the package. The package itself (``styletransfer/methods/gatys/``)
does more: several sizes, a better parametrisation, a guarded descent. With the options that match this file it
takes the same steps, and a test holds the two equal (tests/test_by_hand.py).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

ASSETS = Path(__file__).parents[2] / "styletransfer" / "assets"

# VGG-19 (Simonyan and Zisserman 2015): blocks of 3x3 convolutions, each followed by a ReLU. "conv4_2" is the
# second convolution of block 4. Between blocks, a pooling halves the size. We need nothing beyond conv5_1.
BLOCKS = (
    ("conv1_1", "conv1_2"),
    ("conv2_1", "conv2_2"),
    ("conv3_1", "conv3_2", "conv3_3", "conv3_4"),
    ("conv4_1", "conv4_2", "conv4_3", "conv4_4"),
    ("conv5_1",),
)
# Section 3 of the paper: one deep layer for the content, five layers for the style.
CONTENT_LAYER = "conv4_2"
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


def load_network() -> dict[str, Tensor]:
    """Read the weights of vgg19-lite-1: VGG-19 at a quarter of its width. They are fixed."""
    return {name: tensor.float() for name, tensor in load_file(ASSETS / "vgg19-lite-1.safetensors").items()}


def extract(picture: Tensor, network: dict[str, Tensor]) -> dict[str, Tensor]:
    """Run the network on a picture, (1, 3, H, W) in [0, 1], and return all features by layer, (1, C, h, w).

    "conv4_2" means the values before the ReLU.
    """
    features = {}
    # The network expects normalised colours; this 1x1 convolution is the normalisation.
    x = F.conv2d(picture, network["color.weight"], network["color.bias"])
    for number, block in enumerate(BLOCKS):
        if number > 0:
            # Section 2 of the paper: average pooling gives slightly more appealing results than max pooling.
            x = F.avg_pool2d(x, 2)
        for layer in block:
            x = F.pad(x, (1, 1, 1, 1), mode="reflect")
            x = F.conv2d(x, network[f"{layer}.weight"], network[f"{layer}.bias"])
            features[layer] = x
            x = F.relu(x)  # not in place: that would change the features that we have just stored
    return features


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Equation 1: half the squared distance of the features."""
    return 0.5 * (features - target).square().sum()


def gram_matrix(features: Tensor) -> Tensor:
    """Equation 3: G[i, j] is the inner product of channels i and j over all positions.

    It says which features occur together, and forgets where: this is what the paper calls style.
    """
    channels = features.shape[1]
    flat = features.reshape(channels, -1)  # (C, h * w)
    return flat @ flat.T  # (C, C)


def style_loss(features: Tensor, target: Tensor, positions: int) -> Tensor:
    """Equation 4: the squared distance of two Gram matrices.

    The paper divides by 4 N^2 M^2, with N channels and M positions. The two pictures may differ in size, so each
    Gram matrix is divided by its own M instead; with equal sizes that is the same.
    """
    channels = features.shape[1]
    own_positions = features.shape[2] * features.shape[3]
    difference = gram_matrix(features) / own_positions - target / positions
    return difference.square().sum() / (4 * channels**2)


def stylize(
    content: Tensor,
    style: Tensor,
    *,
    steps: int = 300,
    content_weight: float = 1.0,
    style_weight: float = 1e3,
    learning_rate: float = 0.02,
) -> tuple[Tensor, list[float]]:
    """Optimise a picture; return it, (1, 3, H, W) in [0, 1], and the total loss of each step.

    Args:
        content: (1, 3, H, W) in [0, 1].
        style: (1, 3, H', W') in [0, 1].
        steps: Steps of the optimisation.
        content_weight: alpha of the paper's equation 7.
        style_weight: beta of that equation; section 3.1 uses alpha / beta = 1e-3.
        learning_rate: Of Adam.
    """
    network = load_network()

    # The targets are computed once: they do not change.
    with torch.no_grad():
        content_target = extract(content, network)[CONTENT_LAYER]
        style_features = extract(style, network)
        style_targets = {layer: gram_matrix(style_features[layer]) for layer in STYLE_LAYERS}
        positions = {layer: x.shape[2] * x.shape[3] for layer, x in style_features.items()}

    # The picture is the variable. The paper starts from noise and uses L-BFGS; starting from the content picture
    # and using Adam is more robust.
    picture = content.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([picture], lr=learning_rate)
    losses = []
    for _ in range(steps):
        features = extract(picture, network)
        loss = content_weight * content_loss(features[CONTENT_LAYER], content_target)
        for layer in STYLE_LAYERS:
            # Equation 5, with w = 1/5 for each layer.
            term = style_loss(features[layer], style_targets[layer], positions[layer])
            loss = loss + style_weight * term / len(STYLE_LAYERS)
        # Equation 7: the gradient goes through the whole network, back to the pixels.
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return picture.detach().clamp(0, 1), losses


def read_picture(path: str, long_edge: int = 256) -> Tensor:
    """Read a file as (1, 3, H, W) in [0, 1], reduced to `long_edge` pixels."""
    image = Image.open(path).convert("RGB")
    image.thumbnail((long_edge, long_edge), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def save_picture(picture: Tensor, path: str) -> None:
    """Write (1, 3, H, W) in [0, 1] to a file."""
    Image.fromarray((picture[0].permute(1, 2, 0) * 255).round().byte().numpy()).save(path)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python gatys.py CONTENT STYLE OUTPUT")
    content_path, style_path, output_path = sys.argv[1:]
    result, history = stylize(read_picture(content_path), read_picture(style_path))
    save_picture(result, output_path)
    print(f"The loss fell from {history[0]:.3g} to {history[-1]:.3g}.")
