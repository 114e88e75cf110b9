"""The VGG-19 feature extractor, its layers and its weight sets.

>>> import torch
>>> extractor = create_extractor("vgg19-lite", device="cpu")
>>> features = extractor(torch.rand(1, 3, 64, 64), ["relu1_1", "relu4_1"])
>>> {layer: tuple(x.shape) for layer, x in features.items()}
{'relu1_1': (1, 16, 64, 64), 'relu4_1': (1, 128, 8, 8)}
"""

from __future__ import annotations

import os
from pathlib import Path

import torch

from styletransfer.errors import OptionError
from styletransfer.features import weights as _weights
from styletransfer.features.formats import FORMATS
from styletransfer.features.layers import LAYERS, TAPS, Layer
from styletransfer.features.store import WeightFile
from styletransfer.features.tensor_files import read_tensors
from styletransfer.features.vgg import Padding, Pooling, VGG19Features, pick_device
from styletransfer.features.weights import CATALOGUE, WeightStatus, list_weights

__all__ = [
    "CATALOGUE",
    "LAYERS",
    "TAPS",
    "Layer",
    "VGG19Features",
    "WeightFile",
    "WeightStatus",
    "create_extractor",
    "list_extractors",
    "list_weights",
    "pick_device",
]


def list_extractors() -> list[str]:
    """Return the names that `create_extractor` knows, the default first."""
    return list(FORMATS)


def create_extractor(
    name: str = "vgg19-lite",
    *,
    weights: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    pooling: Pooling | None = None,
    padding: Padding | None = None,
) -> VGG19Features:
    """Create a frozen VGG-19 that returns the features of pictures.

    Args:
        name: The weight set: `list_extractors` has the names, ``CATALOGUE[name]`` the provenance. One that is
            neither embedded nor cached is downloaded (once) and checked.
        weights: A file of your own in that weight set's format; no hash is asked for.
        device: Where to put it; by default CUDA, else MPS, else the CPU.
        pooling: ``"max"`` or ``"avg"``; by default ``"max"``, with which all of them were trained.
        padding: ``"reflect"`` or ``"zeros"``; by default what the weight set was trained with.

    Returns:
        The extractor: ``extractor(images, layers)`` is ``{layer: (B, C, h, w)}``.

    Raises:
        OptionError: Unknown name, device, pooling or padding.
        WeightsError: A file that is missing, damaged or of another network, or that cannot be fetched.

    Example:
        >>> create_extractor("vgg19-lite", device="cpu", pooling="avg").pooling
        'avg'
    """
    _weights.find(name, kind="extractor")
    target = pick_device(device)
    form = FORMATS[name]
    # Without storage at first: the weights replace every number, so none need be drawn.
    with torch.device("meta"):
        extractor = VGG19Features(
            name,
            widths=form.widths,
            last=form.last,
            pooling=pooling or "max",
            padding=padding or form.padding,
            ceil_mode=form.ceil_mode,
        )
    if weights is not None and not isinstance(weights, (str, os.PathLike)):
        raise OptionError(f"weights must be the path of a file, got a {type(weights).__name__}.")
    path = _weights.fetch(name) if weights is None else Path(weights)
    tensors, _ = read_tensors(path)
    convolutions = form.convolutions(tensors, str(path))
    color_matrix, color_bias = form.color_map(tensors, str(path))
    extractor.to_empty(device="cpu")
    extractor.load_convolutions(convolutions, color_matrix=color_matrix, color_bias=color_bias, source=str(path))
    return extractor.to(target)
