"""Several methods on the same pair of pictures: results, seconds and losses side by side.

>>> from styletransfer import samples
>>> content, style = samples.draw("valley", long_edge=64), samples.draw("mosaic", long_edge=64)
>>> comparison = compare(content, style, options={"gatys": {"scales": (1.0,), "steps": 2}})
>>> [row.method for row in comparison.rows]
['gatys', 'adain']
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styletransfer import images
from styletransfer._checks import choice
from styletransfer._version import __version__
from styletransfer.comparing.result import Comparison, ComparisonRow, describe_progress
from styletransfer.errors import CompareInterrupted, ImageError, OptionError, StylizeInterrupted
from styletransfer.features import create_extractor
from styletransfer.features.vgg import VGG19Features
from styletransfer.images import ImageSource, Picture
from styletransfer.judging.judge import JUDGE_VERSION, evaluate
from styletransfer.methods import METHODS, create_stylizer
from styletransfer.methods.gatys.stylizer import GatysStylizer, Objective
from styletransfer.stylizer import Step, Stylization, Stylizer
from styletransfer.weights.formats import IMAGENET_MEAN, IMAGENET_STD

__all__ = ["Comparison", "ComparisonRow", "check_methods", "compare", "device_name"]

#: Longer side of the warm-up's pictures, pixels.
_WARM_UP_EDGE = 64


def compare(
    content: ImageSource | Picture,
    style: ImageSource | Picture,
    methods: Sequence[str] = ("gatys", "adain"),
    *,
    extractor: str | VGG19Features = "vgg19-lite",
    device: str | torch.device | None = None,
    long_edge: int | None = None,
    short_edge: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    on_step: Callable[[str, Step], None] | None = None,
) -> Comparison:
    """Run several methods on the same pictures, with the same extractor, under the same judge.

    Every method runs one untimed step on a small picture first, so that the seconds are those of the work and
    not of the first call's set-up. Loading weights, reading and writing files are not in the seconds either.

    Args:
        content: Path, PIL image, array (H, W), (H, W, 3) or (H, W, 4), or tensor (1, 3, H, W) in [0, 1].
        style: The same; one picture.
        methods: Names from `list_stylizers`, each once.
        extractor: Name of a weight set, or an extractor; the methods and the judge share it.
        device: Where to work; see `create_stylizer`.
        long_edge: Reduce both pictures to this longer side, pixels; never enlarges.
        short_edge: Reduce both to this shorter side instead.
        options: ``{method: {option: value}}``.
        on_step: Called with the method's name and a `Step` after each step.

    Returns:
        A `Comparison`.

    Raises:
        StyleTransferError: Bad input; found before any work starts wherever it can be.
        CompareInterrupted: Ctrl-C once there is something to keep; carries the comparison of the methods that
            are done and of the picture so far. Before that it is a plain KeyboardInterrupt.

    Example:
        >>> from styletransfer import samples
        >>> content, style = samples.draw("valley", long_edge=64), samples.draw("mosaic", long_edge=64)
        >>> comparison = compare(content, style, methods=("adain",), options={"adain": {"alpha": 0.5}})
        >>> comparison.rows[0].steps
        1
    """
    names = check_methods(methods)
    _check_options(options, names)
    if isinstance(extractor, VGG19Features):
        network = extractor if device is None else extractor.to(device)
    else:
        network = create_extractor(extractor, device=device)
    stylizers = {name: create_stylizer(name, extractor=network, **(options or {}).get(name, {})) for name in names}
    picture, manner = (
        source
        if isinstance(source, Picture)
        else images.read_picture(source, long_edge=long_edge, short_edge=short_edge, what=what)
        for source, what in ((content, "content"), (style, "style"))
    )
    if picture.rgb.shape[0] != 1 or manner.rgb.shape[0] != 1:
        raise ImageError(
            f"compare takes one content and one style, got batches of {picture.rgb.shape[0]} and "
            f"{manner.rgb.shape[0]}; call it once for each pair."
        )
    results: dict[str, Stylization] = {}
    try:
        for name, stylizer in stylizers.items():
            _warm_up(stylizer, picture, manner)
            watch = None if on_step is None else _named(on_step, name)
            results[name] = stylizer.stylize(picture, manner, on_step=watch)
        return _judged(results, stylizers, network, picture, manner)
    except KeyboardInterrupt as interrupt:
        if isinstance(interrupt, StylizeInterrupted) and interrupt.stylization.history:
            results[name] = interrupt.stylization
        if not results:
            raise KeyboardInterrupt from None
        raise CompareInterrupted(
            f"Interrupted ({describe_progress(results, names)}); what was reached is kept on this exception as "
            ".comparison.",
            comparison=_judged(results, stylizers, network, picture, manner),
        ) from None


def _judged(
    results: Mapping[str, Stylization],
    stylizers: Mapping[str, Stylizer],
    network: VGG19Features,
    content: Picture,
    style: Picture,
) -> Comparison:
    """Measure every result alike."""
    gatys_losses = _gatys_losses(stylizers.get(GatysStylizer.method), results, content, style)
    rows = tuple(
        ComparisonRow(
            method=name,
            seconds=result.seconds,
            steps=len(result.history),
            losses=result.losses,
            gatys_loss=gatys_losses.get(name),
            evaluation=evaluate(result, content, style, extractor=network),
        )
        for name, result in results.items()
    )
    conditions = _conditions(network, content, style)
    return Comparison(content=content, style=style, rows=rows, results=results, conditions=conditions)


def check_methods(methods: Sequence[str]) -> list[str]:
    """Return `methods` as a list.

    Raises:
        OptionError: None, an unknown one, or one that stands twice.
    """
    names = [methods] if isinstance(methods, str) else list(methods)
    if not names:
        raise OptionError(f"compare needs at least one method; choose from: {', '.join(METHODS)}.")
    for position, name in enumerate(names):
        choice(name, METHODS, "method")
        if name in names[:position]:
            raise OptionError(f"The method {name!r} stands twice in methods; name each once.")
    return names


def _check_options(options: object, names: Sequence[str]) -> None:
    if options is None:
        return
    if not isinstance(options, Mapping) or not all(isinstance(own, Mapping) for own in options.values()):
        raise OptionError(
            f'options must be {{method: {{option: value}}}}, e.g. {{"gatys": {{"steps": 50}}}}, got {options!r}.'
        )
    for name in options:
        choice(name, names, "method in options")


def _named(on_step: Callable[[str, Step], None], method: str) -> Callable[[Step], None]:
    return lambda step: on_step(method, step)


class _WarmError(Exception):
    """Ends a warm-up after its first step."""


def _warm_up(stylizer: Stylizer, content: Picture, style: Picture) -> None:
    """Take one step on small pictures, whatever the method."""

    def stop(_: Step) -> None:
        raise _WarmError

    small = []
    for picture in (content, style):
        height, width = picture.rgb.shape[2:]
        scale = min(1.0, _WARM_UP_EDGE / max(height, width))
        small_height, small_width = (max(images.SMALLEST_SIDE, round(side * scale)) for side in (height, width))
        small.append(Picture(rgb=images.resize(picture.rgb, (small_height, small_width))))
    try:
        stylizer.stylize(small[0], small[1], on_step=stop)
    except _WarmError:
        return
    except StylizeInterrupted:  # its picture is the warm-up's, which nobody wants
        raise KeyboardInterrupt from None


@torch.no_grad()
def _gatys_losses(
    gatys: Stylizer | None, results: Mapping[str, Stylization], content: Picture, style: Picture
) -> dict[str, float]:
    """Measure every picture with Gatys' own objective, as that run was configured."""
    if not isinstance(gatys, GatysStylizer):
        return {}
    device = gatys.extractor.device
    seen_through = gatys.extractor.variant(pooling=gatys.config.pooling)
    objective = Objective(seen_through, gatys.config, content.rgb.to(device), [style.rgb.to(device)], (1.0,))
    totals = {}
    for name, result in results.items():
        image = result.image.to(device)
        terms = objective(image, _variable(image, gatys.config.variable))
        totals[name] = sum(float(term) for term in terms.values())
    return totals


def _variable(image: Tensor, space: str) -> Tensor:
    """Return the picture in the space that Gatys optimised, in which its total variation counts."""
    if space == "rgb":
        return image
    mean, std = (image.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (image - mean) / std


def _conditions(extractor: VGG19Features, content: Picture, style: Picture) -> dict[str, Any]:

    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "styletransfer": __version__,
        },
        "platform": platform.platform(),
        "device": str(extractor.device),
        "device_name": device_name(extractor.device),
        "threads": torch.get_num_threads(),
        "extractor": extractor.name,
        "content_size": list(content.rgb.shape[2:]),
        "style_size": list(style.rgb.shape[2:]),
        "inputs": {
            "content": content.path.name if content.path else None,
            "style": style.path.name if style.path else None,
        },
        "judge_version": JUDGE_VERSION,
        "seconds": f"after one untimed step at {_WARM_UP_EDGE} px, without loading, reading and writing",
    }


def device_name(device: torch.device) -> str:
    """Return the model of a GPU or processor, as far as the system tells it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
