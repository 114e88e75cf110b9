"""The VGG-19 feature extractor.

>>> import torch
>>> extractor = create_extractor("vgg19-lite", device="cpu")
>>> features = extractor(torch.rand(1, 3, 64, 64), ["relu1_1", "relu4_1"])
>>> {layer: tuple(x.shape) for layer, x in features.items()}
{'relu1_1': (1, 64, 64, 64), 'relu4_1': (1, 512, 8, 8)}
"""

from __future__ import annotations

import os
from pathlib import Path

import torch

from styletransfer.errors import OptionError
from styletransfer.features.padding import Padding
from styletransfer.features.vgg import Pooling, VGG19Features, pick_device
from styletransfer.weights import catalogue, store
from styletransfer.weights.catalogue import DEFAULT_EXTRACTOR
from styletransfer.weights.formats import ExtractorFormat, trained_format
from styletransfer.weights.tensor_files import open_tensors

__all__ = ["VGG19Features", "as_extractor", "create_extractor", "list_extractors", "own_file", "pick_device"]


def list_extractors() -> list[str]:
    """Return the names that `create_extractor` knows, the default first."""
    return catalogue.names("extractor")


def create_extractor(
    name: str | os.PathLike[str] = DEFAULT_EXTRACTOR,
    *,
    weights: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    pooling: Pooling | None = None,
    padding: Padding | None = None,
) -> VGG19Features:
    """Create a frozen VGG-19 that returns the features of pictures.

    Args:
        name: The weight set: `list_extractors` has the names, `weights.catalogue` the provenance. One that is
            neither on the disk nor part of another Python package is downloaded (once) and checked. Or the
            path of a file that ``styletransfer train extractor`` wrote; it holds its own name, which decoders
            are bound to.
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
    form = None
    path: str | os.PathLike[str] = name if weights is None else weights
    if weights is not None or own_file(name) is None:
        form = catalogue.find(str(name), kind="extractor").form
        path = store.fetch(str(name)) if weights is None else weights
    file = open_tensors(path)
    form = form or trained_format(file.metadata, str(path))
    stored = file.read(form.shapes, form.name)
    tensors = _color_map(form) | {ours: stored[theirs] for ours, theirs in form.names.items()}
    # Outside inference mode, whose tensors could never take part in a gradient; and without storage: the
    # file's tensors take their places, so that none need be drawn or copied.
    with torch.inference_mode(False), torch.no_grad():
        with torch.device("meta"):
            extractor = VGG19Features(
                form.name,
                widths=form.widths,
                last=form.last,
                pooling=pooling or "max",
                padding=padding or form.padding,
                ceil_mode=form.ceil_mode,
                ranks=form.ranks,
            )
        colors = {"color_matrix": tensors.pop("color.weight"), "color_bias": tensors.pop("color.bias")}
        extractor.load_convolutions(tensors, **colors, source=str(path))
        extractor.divide_layers(form.mean_activations)
        return extractor.to(target)


def _color_map(form: ExtractorFormat) -> dict[str, torch.Tensor]:
    """Return the 1x1 colour map of a file that stores none."""
    matrix = torch.tensor(form.color_matrix, dtype=torch.float32, device="cpu")
    bias = torch.tensor(form.color_bias, dtype=torch.float32, device="cpu")
    return {"color.weight": matrix.view(3, 3, 1, 1), "color.bias": bias}


def as_extractor(source: str | VGG19Features, device: str | torch.device | None = None) -> VGG19Features:
    """Return an extractor by name, or the one given, moved only if a device is named."""
    if isinstance(source, VGG19Features):
        return source if device is None else source.to(pick_device(device))
    return create_extractor(source, device=device)


def own_file(name: str | os.PathLike[str]) -> Path | None:
    """Return the path that `name` is meant as, or None if it is the name of a weight set (or a misspelt one)."""
    path = Path(name)
    if str(name) in catalogue.names("extractor"):
        return None
    looks_like_a_path = not isinstance(name, str) or path.suffix or path.name != name
    return path if looks_like_a_path or os.path.isfile(path) else None  # noqa: PTH113, raises for no name
