"""The file formats of extractors, as data: which network a file holds and under which names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from styletransfer.errors import WeightsError
from styletransfer.layers import BLOCKS, LAYERS, LITE_WIDTHS, VGG19_WIDTHS

#: What the metadata of a trained extractor's file says under ``"format"``.
TRAINED = "styletransfer-extractor-1"

#: Mean and standard deviation of ImageNet's pictures, RGB in [0, 1], as torchvision's networks want them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class ExtractorFormat:
    """How a weight set is stored, and the network that it is for.

    Attributes:
        name: Name of the weight set.
        widths: Channels of the five blocks.
        last: Deepest convolution held.
        padding: How the network was trained to treat borders.
        ceil_mode: Whether its pooling keeps the odd last row and column.
        names: Name in the file for each of ours (``"conv1_1.weight"``, ``"conv1_1.bias"`` ...).
        color: Names of the 1x1 colour map's weight and bias; None for ImageNet's mean and standard deviation.
    """

    name: str
    widths: tuple[int, ...]
    last: str
    padding: Literal["reflect", "zeros"]
    ceil_mode: bool
    names: Mapping[str, str]
    color: tuple[str, str] | None

    def convolutions(self, tensors: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
        """Return the convolutions under our names.

        Raises:
            WeightsError: One is missing; says what the file looks like instead.
        """
        wanted = [*self.names.values(), *(self.color or ())]
        missing = [name for name in wanted if name not in tensors]
        if missing:
            raise WeightsError(
                f"{source} has no tensor {missing[0]!r}, so it is not a file of {self.name!r}."
                f"{resemblance(tensors)}"
            )
        return {ours: tensors[theirs] for ours, theirs in self.names.items()}

    def color_map(self, tensors: Mapping[str, Tensor], source: str) -> tuple[Tensor, Tensor]:
        """Return weight (3, 3, 1, 1) and bias (3) of the map from RGB in [0, 1] to what the network wants.

        Raises:
            WeightsError: A stored map of another shape.
        """
        if self.color is None:
            std = torch.tensor(IMAGENET_STD)
            return torch.diag(1 / std).view(3, 3, 1, 1), -torch.tensor(IMAGENET_MEAN) / std
        weight, bias = (tensors[name] for name in self.color)
        if weight.shape != (3, 3, 1, 1) or bias.shape != (3,):
            raise WeightsError(
                f"{source}: {self.color[0]} and {self.color[1]} have shapes {tuple(weight.shape)} and "
                f"{tuple(bias.shape)}, {self.name!r} wants (3, 3, 1, 1) and (3,)."
            )
        return weight, bias


def resemblance(tensors: Mapping[str, Tensor]) -> str:
    """Return `` It looks like a file of "...".`` if the names of `tensors` tell, else an empty string."""
    for name, telling in _TELLING:
        if telling in tensors:
            return f" It looks like a file of {name}."
    return ""


# The first that is present decides.
_TELLING = (
    ("'vgg19-lite'", "color.weight"),
    ("'vgg19'", "features.28.weight"),
    ("'vgg19-normalised'", "0.weight"),
    ("the decoder 'pytorch-adain'", "28.weight"),
    ("a decoder trained with this package", "stages.0.0.weight"),
)


def _names(last: str, prefix: str, index: str) -> dict[str, str]:
    """Pair our names with `prefix` and the layer's attribute `index`."""
    depth = [layer.conv for layer in LAYERS].index(last) + 1
    return {
        f"{layer.conv}.{part}": f"{prefix}{getattr(layer, index)}.{part}"
        for layer in LAYERS[:depth]
        for part in ("weight", "bias")
    }


FORMATS: Mapping[str, ExtractorFormat] = {
    form.name: form
    for form in (
        ExtractorFormat(
            name="vgg19-lite",
            widths=LITE_WIDTHS,
            last="conv5_1",
            padding="reflect",
            ceil_mode=False,
            names=_names("conv5_1", "", "conv"),
            color=("color.weight", "color.bias"),
        ),
        ExtractorFormat(
            name="vgg19",
            widths=VGG19_WIDTHS,
            last="conv5_4",
            padding="zeros",
            ceil_mode=False,
            names=_names("conv5_4", "features.", "torchvision_index"),
            color=None,
        ),
        ExtractorFormat(
            name="vgg19-normalised",
            widths=VGG19_WIDTHS,
            last="conv5_4",
            padding="reflect",
            ceil_mode=True,
            names=_names("conv5_4", "", "normalised_index"),
            color=("0.weight", "0.bias"),
        ),
    )
}


def trained_metadata(
    name: str, widths: tuple[int, ...], last: str, notes: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Return the metadata of a trained extractor's file: convolutions under our names and a colour map."""
    spec = {"name": name, "widths": list(widths), "last": last, "notes": dict(notes or {})}
    return {"format": TRAINED, "spec": json.dumps(spec)}


def trained_format(metadata: Mapping[str, str], source: str) -> ExtractorFormat:
    """Return the format of a trained extractor's file from its metadata.

    Raises:
        WeightsError: Metadata of another file, or damaged.
    """
    if metadata.get("format") != TRAINED:
        raise WeightsError(
            f"{source} is not an extractor that was trained with this package; for a file of a known weight set "
            "give the set's name, and the file as weights."
        )
    try:
        spec = json.loads(metadata["spec"])
        widths = tuple(int(width) for width in spec["widths"])
        if len(widths) != len(BLOCKS) or min(widths) < 1:
            raise ValueError(f"widths {widths}")
        return ExtractorFormat(
            name=str(spec["name"]),
            widths=widths,
            last=spec["last"],
            padding="reflect",
            ceil_mode=False,
            names=_names(spec["last"], "", "conv"),
            color=("color.weight", "color.bias"),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise WeightsError(
            f"{source}: the description of the extractor in its metadata is damaged: {error}."
        ) from error
