"""VGG-19's convolutions and taps, as data: names are derived from the topology, never counted by hand.

A tap is ``"relu4_2"`` (after the ReLU) or ``"conv4_2"`` (before it). Simonyan and Zisserman (2015), column E.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from styletransfer.errors import OptionError

#: Convolutions per block; a 2x2 pooling stands between blocks.
BLOCKS = (2, 2, 4, 4, 4)
#: Channels per block of the full network.
VGG19_WIDTHS = (64, 128, 256, 512, 512)
#: Channels per block of the quarter-width network.
LITE_WIDTHS = (16, 32, 64, 128, 128)
#: Channels that a layer of any network may have.
WIDEST = 4096


@dataclass(frozen=True)
class Layer:
    """One convolution of VGG-19.

    Attributes:
        block: 1 to 5.
        number: Position within the block, from 1.
        torchvision_index: Index in ``torchvision.models.vgg19().features``.
        normalised_index: Index in the `nn.Sequential` of pytorch-AdaIN's ``vgg_normalised.pth``.
        stride: Pixels of the picture per step of this layer's features.
        receptive_field: Side, in pixels, of what one feature sees.
    """

    block: int
    number: int
    torchvision_index: int
    normalised_index: int
    stride: int
    receptive_field: int

    @property
    def conv(self) -> str:
        """Name of the tap before the ReLU, and of the convolution itself."""
        return f"conv{self.block}_{self.number}"

    @property
    def relu(self) -> str:
        """Name of the tap after the ReLU."""
        return f"relu{self.block}_{self.number}"

    @property
    def opens_block(self) -> bool:
        """Whether a pooling stands right before this convolution."""
        return self.number == 1 and self.block > 1


def _derive() -> tuple[Layer, ...]:
    layers = []
    torchvision_index, normalised_index = 0, 1  # the normalised network begins with a 1x1 convolution
    stride, receptive_field = 1, 1
    for block, count in enumerate(BLOCKS, start=1):
        for number in range(1, count + 1):
            receptive_field += 2 * stride
            layers.append(Layer(block, number, torchvision_index, normalised_index + 1, stride, receptive_field))
            torchvision_index += 2  # convolution, ReLU
            normalised_index += 3  # padding, convolution, ReLU
        torchvision_index += 1  # pooling
        normalised_index += 1
        receptive_field += stride
        stride *= 2
    return tuple(layers)


LAYERS = _derive()
BY_TAP = {tap: layer for layer in LAYERS for tap in (layer.conv, layer.relu)}
#: Every tap in the order in which the network computes it.
TAPS = tuple(tap for layer in LAYERS for tap in (layer.conv, layer.relu))


def check_taps(taps: Iterable[str], available: Iterable[str] = TAPS) -> tuple[str, ...]:
    """Return `taps` without repetition, in the network's order.

    Raises:
        OptionError: A name that is no tap, or a tap that is deeper than the network.
    """
    names = list(available)
    if not isinstance(taps, Iterable):
        raise OptionError(f'Layers are given as a list of names, e.g. ["relu4_1"], got {taps!r}.')
    wanted = [taps] if isinstance(taps, str) else list(taps)
    for tap in wanted:
        if not isinstance(tap, str) or tap not in BY_TAP:
            meant = _meant(tap) if isinstance(tap, str) else None
            hint = f' Did you mean "{meant}"?' if meant else ""
            raise OptionError(
                f"Unknown layer {tap!r}.{hint} Layers are named relu1_1 to relu5_4, "
                "or conv1_1 to conv5_4 for the value before the ReLU."
            )
        if tap not in names:
            raise OptionError(
                f"Layer {tap!r} is deeper than this network, which ends at {names[-1]!r}. "
                'Choose a layer up to that one, or a deeper extractor, such as "vgg19".'
            )
    if not wanted:
        raise OptionError('At least one layer is needed, for example "relu4_1".')
    return tuple(tap for tap in TAPS if tap in wanted)


def _meant(name: str) -> str | None:
    """Return the tap that a misspelt name, or another library's name, stands for; None if that is not clear."""
    text = name.lower()
    if index := re.search(r"features\D?(\d{1,2})\D*$", text):  # torchvision: convolutions and ReLUs are counted
        indices = {layer.torchvision_index + after: tap
                   for layer in LAYERS for after, tap in enumerate((layer.conv, layer.relu))}  # fmt: skip
        return indices.get(int(index[1]))
    if ordinal := re.fullmatch(r"(conv|relu)_(\d{1,2})", text):  # PyTorch's tutorial: counted from 1 to 16
        counted = dict(enumerate(LAYERS, start=1)).get(int(ordinal[2]))
        return f"{ordinal[1]}{counted.block}_{counted.number}" if counted else None
    kind = "relu" if "block" in text else _kind(text)  # Keras: the activation is part of block4_conv2
    digits = re.findall(r"\d+", text)
    if len(digits) == 1:
        digits = [*digits[0], "1"][:2] if len(digits[0]) < 3 else []  # relu41; relu4, its first
    if kind is None or len(digits) != 2 or not 1 <= int(digits[0][:9]) <= len(BLOCKS):
        return None
    block = int(digits[0])
    return f"{kind}{block}_{min(max(int(digits[1][:9]), 1), BLOCKS[block - 1])}"


def _kind(text: str) -> str | None:
    """Return "relu" or "conv", whichever the letters of a name are near to; a name with both is after the ReLU."""
    letters = re.sub(r"[^a-z]", "", text)
    near = ["relu"] if "relu" in letters else difflib.get_close_matches(letters, ["relu", "conv"], n=1)
    return near[0] if near else None
