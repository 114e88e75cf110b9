"""The file formats of extractors, as data: which network a file holds and under which names. No torch here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from styletransfer._checks import choice, integer
from styletransfer.errors import OptionError, WeightsError
from styletransfer.layers import BLOCKS, LAYERS, LITE_WIDTHS, VGG19_WIDTHS, WIDEST

#: What the metadata of a trained extractor's file says under ``"format"``.
TRAINED = "styletransfer-extractor-1"

#: Mean and standard deviation of ImageNet's pictures, RGB in [0, 1], as torchvision's networks want them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_IMAGENET_MATRIX = tuple(tuple((i == j) / std for j in range(3)) for i, std in enumerate(IMAGENET_STD))
_IMAGENET_BIAS = tuple(-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True))


@dataclass(frozen=True, kw_only=True)
class ExtractorFormat:
    """How a weight set is stored, and the network that it is for.

    Attributes:
        name: Name of the weight set.
        widths: Channels of the five blocks.
        last: Deepest convolution held.
        padding: How the network was trained to treat borders.
        ceil_mode: Whether its pooling keeps the odd last row and column.
        names: Name in the file for each of ours: ``"conv1_1.weight"``, ``"conv1_1.bias"`` ..., and
            ``"color.weight"``, ``"color.bias"`` for a stored 1x1 colour map.
        color_matrix: Rows of the colour map of a file that stores none; by default ImageNet's normalisation.
        color_bias: Its bias.
        mean_activations: Of each ReLU layer over photographs, by convolution, for a network that is not normalised
            to a mean of about one (Gatys et al. 2016, section 2). Its layers are divided by them.
        ranks: By convolution, channels that its 3x3 part reads and gives, of those that are stored in parts: a
            1x1 ``reduce`` where the first are fewer than the input's, a 3x3 ``core``, a 1x1 ``expand`` where the
            second are fewer than the output's.
    """

    name: str
    widths: tuple[int, ...]
    last: str
    padding: Literal["reflect", "zeros"]
    ceil_mode: bool
    names: Mapping[str, str]
    color_matrix: tuple[tuple[float, ...], ...] = _IMAGENET_MATRIX
    color_bias: tuple[float, ...] = _IMAGENET_BIAS
    mean_activations: Mapping[str, float] = field(default_factory=dict)
    ranks: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each tensor in the file, by its name there."""
        ours = _shapes(self.widths, self.ranks)
        return {theirs: ours[name] for name, theirs in self.names.items()}


def _shapes(widths: tuple[int, ...], ranks: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a network by our names, and those of a stored colour map."""
    shapes: dict[str, tuple[int, ...]] = {"color.weight": (3, 3, 1, 1), "color.bias": (3,)}
    channels = 3
    for layer in LAYERS:
        width = widths[layer.block - 1]
        first, second = ranks.get(layer.conv, (channels, width))
        if first < channels:
            shapes[f"{layer.conv}.reduce.weight"] = (first, channels, 1, 1)
        core = "core.weight" if layer.conv in ranks else "weight"
        shapes[f"{layer.conv}.{core}"] = (second, first, 3, 3)
        if second < width:
            shapes[f"{layer.conv}.expand.weight"] = (width, second, 1, 1)
        shapes[f"{layer.conv}.bias"] = (width,)
        channels = width
    return shapes


def resemblance(names: Iterable[str]) -> str:
    """Return `` It looks like a file of "...".`` if the names of its tensors tell, else an empty string."""
    held = set(names)
    return next((f" It looks like a file of {name}." for name, telling in _TELLING if telling in held), "")


# The first that is present decides.
_TELLING = (
    ("'vgg19-lite'", "conv2_1.core.weight"),
    ("'vgg19-lite-1'", "color.weight"),
    ("'vgg19'", "features.28.weight"),
    ("'vgg19-normalised'", "0.weight"),
    ("'vgg19-oxford'", "block1_conv1_W"),
    ("the decoder 'pytorch-adain'", "28.weight"),
    ("a decoder trained with this package", "stages.0.0.weight"),
)


def _names(last: str, index: str, *, prefix: str = "", color: str = "") -> dict[str, str]:
    """Pair our names with `prefix` and the layer's attribute `index`; `color` is the file's colour map."""
    depth = [layer.conv for layer in LAYERS].index(last) + 1
    stems = {layer.conv: f"{prefix}{getattr(layer, index)}" for layer in LAYERS[:depth]}
    stems |= {"color": color} if color else {}
    return {f"{ours}.{part}": f"{theirs}.{part}" for ours, theirs in stems.items() for part in ("weight", "bias")}


def own_format(
    name: str, widths: tuple[int, ...], last: str, ranks: Mapping[str, tuple[int, int]] | None = None
) -> ExtractorFormat:
    """Return the format of this package's own files: every tensor under our name, and a colour map."""
    depth = [layer.conv for layer in LAYERS].index(last) + 1
    held = {"color", *(layer.conv for layer in LAYERS[:depth])}
    names = [tensor for tensor in _shapes(widths, ranks or {}) if tensor.partition(".")[0] in held]
    return ExtractorFormat(
        name=name,
        widths=widths,
        last=last,
        padding="reflect",
        ceil_mode=False,
        names=dict(zip(names, names, strict=True)),
        ranks=ranks or {},
    )


#: As `training.extractor.ranks` chose them for 80 thousand multiply-adds a pixel; VGG-19 itself has 361.
_LITE_RANKS = {
    "conv1_1": (3, 8), "conv1_2": (16, 24), "conv2_1": (16, 48), "conv2_2": (32, 64),
    "conv3_1": (56, 120), "conv3_2": (80, 120), "conv3_3": (80, 88), "conv3_4": (48, 88),
    "conv4_1": (56, 152), "conv4_2": (96, 200), "conv4_3": (136, 248), "conv4_4": (168, 512),
    "conv5_1": (344, 512),
}  # fmt: skip
VGG19_LITE = own_format("vgg19-lite", VGG19_WIDTHS, "conv5_1", _LITE_RANKS)
VGG19_LITE_1 = own_format("vgg19-lite-1", LITE_WIDTHS, "conv5_1")
VGG19 = ExtractorFormat(
    name="vgg19",
    widths=VGG19_WIDTHS,
    last="conv5_4",
    padding="zeros",
    ceil_mode=False,
    names=_names("conv5_4", "torchvision_index", prefix="features."),
)
VGG19_NORMALISED = ExtractorFormat(
    name="vgg19-normalised",
    widths=VGG19_WIDTHS,
    last="conv5_4",
    padding="reflect",
    ceil_mode=True,
    names=_names("conv5_4", "normalised_index", color="0"),
)
#: Over 60 photographs with a shorter side of 224 pixels.
_OXFORD_MEANS = {
    "conv1_1": 20.8, "conv1_2": 97.0, "conv2_1": 120.0, "conv2_2": 107.0,
    "conv3_1": 119.0, "conv3_2": 154.0, "conv3_3": 321.0, "conv3_4": 462.0,
    "conv4_1": 479.0, "conv4_2": 309.0, "conv4_3": 169.0, "conv4_4": 40.7,
    "conv5_1": 44.1, "conv5_2": 18.5, "conv5_3": 7.33, "conv5_4": 1.11,
}  # fmt: skip
#: The names are Keras's; `tensor_files` puts the weights together from tables and indices.
VGG19_OXFORD = ExtractorFormat(
    name="vgg19-oxford",
    widths=VGG19_WIDTHS,
    last="conv5_4",
    padding="zeros",
    ceil_mode=False,
    names={
        f"conv{block}_{number}.{part}": f"block{block}_conv{number}_{letter}"
        for block, number in (layer.conv.removeprefix("conv").split("_") for layer in LAYERS)
        for part, letter in (("weight", "W"), ("bias", "b"))
    },
    color_matrix=((0, 0, 255), (0, 255, 0), (255, 0, 0)),
    color_bias=(-103.939, -116.779, -123.68),
    mean_activations=_OXFORD_MEANS,
)


def trained_metadata(
    name: str,
    widths: tuple[int, ...],
    last: str,
    notes: Mapping[str, Any] | None = None,
    ranks: Mapping[str, tuple[int, int]] | None = None,
) -> dict[str, str]:
    """Return the metadata of a trained extractor's file: convolutions under our names and a colour map."""
    spec: dict[str, Any] = {"name": name, "widths": list(widths), "last": last, "notes": dict(notes or {})}
    if ranks:
        spec["ranks"] = {conv: list(pair) for conv, pair in ranks.items()}
    return {"format": TRAINED, "spec": json.dumps(spec)}


def trained_format(metadata: Mapping[str, str], source: str) -> ExtractorFormat:
    """Return the format of a trained extractor's file from its metadata.

    Raises:
        WeightsError: Metadata of another file, damaged, or with numbers beyond all reason.
    """
    if metadata.get("format") != TRAINED:
        raise WeightsError(
            f"{source} is not an extractor that was trained with this package; for a file of a known weight set "
            "give the set's name, and the file as weights."
        )
    try:
        spec = read_spec(metadata)
        widths = tuple(integer(width, "Each width", low=1, high=WIDEST) for width in spec["widths"])
        if len(widths) != len(BLOCKS):
            raise OptionError(f"It needs {len(BLOCKS)} widths, got {len(widths)}.")
        last = choice(spec["last"], [layer.conv for layer in LAYERS], "last layer")
        return own_format(spec["name"], widths, last, _ranks(spec.get("ranks", {}), widths))
    except (ValueError, TypeError, KeyError) as error:
        raise WeightsError(
            f"{source}: the description of the extractor in its metadata is damaged: {error}"
        ) from error


def _ranks(described: Any, widths: tuple[int, ...]) -> dict[str, tuple[int, int]]:
    """Return the ranks in a file's description, each from 1 to the number of channels.

    Raises:
        ValueError: Something else.
    """
    if not isinstance(described, dict):
        raise ValueError("Its ranks must be an object.")
    ranks: dict[str, tuple[int, int]] = {}
    channels = 3
    for layer in LAYERS:
        width = widths[layer.block - 1]
        if layer.conv in described:
            first, second = described.pop(layer.conv)
            ranks[layer.conv] = (
                integer(first, f"The first rank of {layer.conv}", low=1, high=channels),
                integer(second, f"The second rank of {layer.conv}", low=1, high=width),
            )
        channels = width
    if described:
        raise ValueError(f"It has ranks of an unknown convolution, {next(iter(described))!r:.50}.")
    return ranks


def read_spec(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Parse the JSON under ``"spec"``: a file's description of its network.

    Raises:
        ValueError: No JSON, or JSON that does not describe a network.
    """
    try:
        spec = json.loads(metadata.get("spec", ""))
    except RecursionError:
        raise ValueError("It is nested too deeply.") from None
    if not isinstance(spec, dict) or not isinstance(spec.get("notes", {}), dict):
        raise ValueError("It and its notes must be objects.")
    if not all(
        isinstance(spec.get(name, ""), str) and len(spec.get(name, "")) < 200 for name in ("name", "encoder")
    ):
        raise ValueError("Its names must be texts of less than 200 letters.")
    return spec
