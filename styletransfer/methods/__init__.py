"""The registry of methods. What is listed in `METHODS` is tested, benchmarked, documented and offered."""

from __future__ import annotations

from typing import Any

import torch

from styletransfer import images
from styletransfer._checks import choice
from styletransfer.features import create_extractor
from styletransfer.features.vgg import VGG19Features
from styletransfer.images import ImageSource, Picture
from styletransfer.methods.feedforward.adain import AdaINStylizer, EncodedStyle
from styletransfer.methods.gatys.stylizer import GatysStylizer
from styletransfer.stylizer import OnStep, Stylization, Stylizer

__all__ = ["METHODS", "create_stylizer", "list_stylizers", "read_pair", "stylize"]

METHODS: dict[str, type[Stylizer]] = {
    GatysStylizer.method: GatysStylizer,
    AdaINStylizer.method: AdaINStylizer,
}


def list_stylizers() -> list[str]:
    """Return the names of all methods.

    Example:
        >>> list_stylizers()
        ['gatys', 'adain']
    """
    return list(METHODS)


def create_stylizer(
    method: str,
    *,
    extractor: str | VGG19Features = "vgg19-lite",
    device: str | torch.device | None = None,
    **options: Any,
) -> Stylizer:
    """Build a stylizer that can be used for many pictures.

    Args:
        method: ``"gatys"`` or ``"adain"``; see `list_stylizers`.
        extractor: Name of a weight set, or an extractor from `create_extractor`. Sharing one between methods
            saves memory and makes a comparison fair.
        device: Where to work, e.g. ``"cpu"`` or ``"cuda"``; the best one there is if None. An extractor
            is moved only if a device is named.
        **options: The method's options by name; ``styletransfer info METHOD`` lists them.

    Raises:
        OptionError: Unknown method, weight set, option or device, or a value outside its range.
        WeightsError: Weights that cannot be fetched or read, a decoder of another encoder.

    Example:
        >>> create_stylizer("adain", alpha=0.5).config.alpha
        0.5
    """
    chosen = METHODS[choice(method, METHODS, "method")]
    if isinstance(extractor, VGG19Features):
        network = extractor if device is None else extractor.to(device)
    else:
        network = create_extractor(extractor, device=device)
    return chosen.create(network, options)


def stylize(
    content: ImageSource | Picture,
    style: Any,
    method: str = "adain",
    *,
    extractor: str | VGG19Features = "vgg19-lite",
    device: str | torch.device | None = None,
    long_edge: int | None = None,
    short_edge: int | None = None,
    on_step: OnStep | None = None,
    **options: Any,
) -> Stylization:
    """Repaint `content` in the manner of `style`: the package in one call.

    Args:
        content: Path, PIL image, array (H, W), (H, W, 3) or (H, W, 4), or tensor (B, 3, H, W) in [0, 1].
        style: The same, or a list of several to be mixed.
        method: ``"adain"`` (a fraction of a second) or ``"gatys"`` (a descent of many steps).
        extractor: See `create_stylizer`.
        device: See `create_stylizer`.
        long_edge: Reduce both pictures to this longer side, pixels; never enlarges.
        short_edge: Reduce both to this shorter side instead.
        on_step: Called with a `Step` after each step.
        **options: The method's options by name.

    Returns:
        A `Stylization`; ``.image`` has the content's (working) height and width.

    Raises:
        StyleTransferError: Bad input; the message says what, what is wanted and the way out.

    Example:
        >>> from styletransfer import samples
        >>> content, style = samples.draw("valley", long_edge=96), samples.draw("mosaic", long_edge=96)
        >>> stylize(content, style, alpha=0.7).method
        'adain'
    """
    stylizer = create_stylizer(method, extractor=extractor, device=device, **options)
    content, style = read_pair(content, style, long_edge=long_edge, short_edge=short_edge)
    return stylizer.stylize(content, style, on_step=on_step)


def read_pair(
    content: ImageSource | Picture, style: Any, *, long_edge: int | None = None, short_edge: int | None = None
) -> tuple[Picture, list[Any]]:
    """Read content and styles at the working size; what is read already (also an `EncodedStyle`) is kept."""

    def read(source: Any, what: str) -> Any:
        if isinstance(source, (Picture, EncodedStyle)):
            return source
        return images.read_picture(source, long_edge=long_edge, short_edge=short_edge, what=what)

    listed = list(style) if isinstance(style, (list, tuple)) else [style]
    return read(content, "content"), [read(item, "style") for item in listed]
