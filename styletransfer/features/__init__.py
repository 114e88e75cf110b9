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
from styletransfer.features.vgg import Padding, Pooling, VGG19Features, pick_device
from styletransfer.layers import LAYERS, TAPS, Layer
from styletransfer.weights import catalogue
from styletransfer.weights.catalogue import CATALOGUE, WeightStatus, list_weights
from styletransfer.weights.formats import FORMATS, trained_format
from styletransfer.weights.store import WeightFile
from styletransfer.weights.tensor_files import read_tensors

__all__ = [
    "CATALOGUE",
    "LAYERS",
    "TAPS",
    "Layer",
    "VGG19Features",
    "WeightFile",
    "WeightStatus",
    "as_extractor",
    "create_extractor",
    "list_extractors",
    "list_weights",
    "own_file",
    "pick_device",
]


def list_extractors() -> list[str]:
    """Return the names that `create_extractor` knows, the default first."""
    return list(FORMATS)


def create_extractor(
    name: str | os.PathLike[str] = "vgg19-lite",
    *,
    weights: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    pooling: Pooling | None = None,
    padding: Padding | None = None,
) -> VGG19Features:
    """Create a frozen VGG-19 that returns the features of pictures.

    Args:
        name: The weight set: `list_extractors` has the names, ``CATALOGUE[name]`` the provenance. One that is
            neither embedded nor cached is downloaded (once) and checked. Or the path of a file that
            ``styletransfer train extractor`` wrote; it holds its own name, which decoders are bound to.
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
    target = pick_device(device)
    if weights is not None and not isinstance(weights, (str, os.PathLike)):
        raise OptionError(f"weights must be the path of a file, got a {type(weights).__name__}.")
    path = own_file(name) if weights is None else None
    if path is None:
        catalogue.find(str(name), kind="extractor")
        path = catalogue.fetch(str(name)) if weights is None else Path(weights)
    tensors, metadata = read_tensors(path)
    form = FORMATS[str(name)] if str(name) in FORMATS else trained_format(metadata, str(path))
    # Without storage at first: the weights replace every number, so none need be drawn.
    with torch.device("meta"):
        extractor = VGG19Features(
            form.name,
            widths=form.widths,
            last=form.last,
            pooling=pooling or "max",
            padding=padding or form.padding,
            ceil_mode=form.ceil_mode,
        )
    convolutions = form.convolutions(tensors, str(path))
    color_matrix, color_bias = form.color_map(tensors, str(path))
    extractor.to_empty(device="cpu")
    extractor.load_convolutions(convolutions, color_matrix=color_matrix, color_bias=color_bias, source=str(path))
    return extractor.to(target)


def as_extractor(source: str | VGG19Features, device: str | torch.device | None = None) -> VGG19Features:
    """Return an extractor by name, or the one given, moved only if a device is named."""
    if isinstance(source, VGG19Features):
        return source if device is None else source.to(pick_device(device))
    return create_extractor(source, device=device)


def own_file(name: str | os.PathLike[str]) -> Path | None:
    """Return the path that `name` is meant as, or None if it is the name of a weight set (or a misspelt one)."""
    if str(name) in FORMATS:
        return None
    path = Path(name)
    looks_like_a_path = not isinstance(name, str) or path.suffix or path.name != name
    return path if looks_like_a_path or path.is_file() else None
