"""`styletransfer doctor`: whether everything works here, line by line, each with its cure."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click

from styletransfer._version import __version__
from styletransfer.cli.shared import device_option, output_options
from styletransfer.cli.streams import tell, tell_json
from styletransfer.errors import StyleTransferError
from styletransfer.methods import METHODS
from styletransfer.weights import catalogue, store

if TYPE_CHECKING:
    from styletransfer.features.vgg import VGG19Features
    from styletransfer.stylizer import Stylizer

_PACKAGES = (
    "torch",
    "torchvision",
    "pillow",
    "numpy",
    "matplotlib",
    "safetensors",
    "tqdm",
    "click",
    "psutil",
    "scipy",
)
#: Our distribution, and another project's that brings a module of the same name.
_OURS, _OTHER = "styletransfer-toolkit", "styletransfer"
_AUTHOR = "The styletransfer developers"

Check = Callable[[], str]


class _FaultError(Exception):
    """What is wrong, and its cure."""


@click.command("doctor", short_help="Check that everything works here.")
@device_option
@output_options
def doctor_command(device: str | None, quiet: bool, as_json: bool) -> None:
    """Check versions, device, cache, weights, preprocessing and every method.

    Each line says ok, or what is wrong and its cure. Exit code 0 if all is well, else 1.
    """
    results = []
    for name, check in _checks(device):
        ok, detail = _outcome(check)
        results.append({"check": name, "ok": ok, "detail": detail})
        if not as_json and not (quiet and ok):
            tell(f"{'ok  ' if ok else 'FAIL'}  {name}: {detail}")
    well = all(result["ok"] for result in results)
    if as_json:
        tell_json({"ok": well, "checks": results})
    click.get_current_context().exit(0 if well else 1)


def _outcome(check: Check) -> tuple[bool, str]:
    try:
        return True, check()
    except Exception as error:  # a doctor reports whatever is wrong, instead of falling ill itself
        known = isinstance(error, (_FaultError, StyleTransferError, OSError, ValueError))
        return False, str(error) if known else f"{type(error).__name__}: {error}"


def _checks(device: str | None) -> Iterator[tuple[str, Check]]:
    yield "versions", _versions
    yield "distribution", _distribution
    yield "device", lambda: _device(device)
    yield "cache folder", _cache
    for status in store.list_weights():
        yield f"weights {status.name}", functools.partial(_weights, status.name)
    yield "picture round trip", _round_trip
    yield "colour map", lambda: _color_map(_extractor())
    yield "order of the colours", lambda: _channel_order(_extractor())
    yield "judge", _judge
    for method in METHODS:
        yield f"method {method}", functools.partial(_method, method, device)


def _versions() -> str:
    found = ", ".join(f"{package} {metadata.version(package)}" for package in _PACKAGES)
    return f"styletransfer {__version__}, python {platform.python_version()}, {found}"


def _distribution() -> str:
    """Two distributions that bring a module `styletransfer` overwrite each other's files."""
    ours, other = _installed(_OURS), _installed(_OTHER)
    if other is not None and other["Author"] != _AUTHOR:
        raise _FaultError(
            f"another project's package {_OTHER} {other['Version']} is installed; the two overwrite each other's "
            f"files. Remove both and install this one: pip uninstall {_OTHER} {_OURS}, then pip install {_OURS}."
        )
    return f"{_OURS} {ours['Version']}" if ours is not None else f"not installed as {_OURS}"


def _installed(name: str) -> metadata.PackageMetadata | None:
    try:
        return metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None


def _device(device: str | None) -> str:
    import torch

    from styletransfer.comparing.conditions import device_name
    from styletransfer.features import pick_device
    from styletransfer.precision import supported

    picked = pick_device(device)
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU" if not torch.version.hip else "ROCm"
    able = ", ".join(supported(picked))
    return (
        f"{picked} ({device_name(picked)}), {torch.get_num_threads()} thread(s), torch built for {build}, "
        f"computes in {able}"
    )


def _cache() -> str:
    folder = store.cache_dir()
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise _FaultError(
            f"{folder} cannot be written to, so no weights can be fetched. Make it writable, or set "
            "STYLETRANSFER_HOME to another folder."
        )
    return str(folder) + ("" if folder.exists() else " (made when the first weights are fetched)")


def _weights(name: str) -> str:
    status = next(status for status in store.list_weights() if status.name == name)
    file = catalogue.find(name)
    if status.state == "absent" and not file.embedded:
        [(_, _, detail)] = store.verify([name])
        return f"not there, which is fine. {detail}"
    [(_, sound, detail)] = store.verify([name])
    if not sound:
        raise _FaultError(detail)
    return f"{status.state}, SHA-256 as published ({Path(status.path).name})"


def _extractor() -> VGG19Features:
    from styletransfer.features import create_extractor

    return create_extractor(catalogue.DEFAULT_EXTRACTOR, device="cpu")


def _round_trip() -> str:
    """Every 8-bit value, in and out."""
    import numpy as np

    from styletransfer import images

    pixels = np.stack([np.arange(256, dtype=np.uint8).reshape(16, 16) + shift for shift in (0, 85, 170)], axis=2)
    back = np.asarray(images.to_pil(images.load_image(pixels)))
    worst = int(np.abs(back.astype(int) - pixels.astype(int)).max())
    if worst > 1:
        raise _FaultError(f"a picture read and written changes by {worst}/255. {_REINSTALL}")
    return f"all 256 values come back within 1/255 (largest change {worst}/255)"


def _color_map(extractor: VGG19Features) -> str:
    """What the first convolution sees of a red picture, against the numbers that the Oxford network wants."""
    import torch

    from styletransfer.weights.formats import VGG19_OXFORD

    red = torch.zeros(1, 3, 1, 1)
    red[:, 0] = 1
    seen = torch.nn.functional.conv2d(red, extractor.color_matrix, extractor.color_bias).flatten()
    wanted = torch.tensor(VGG19_OXFORD.color_matrix)[:, 0] + torch.tensor(VGG19_OXFORD.color_bias)
    numbers, published = (", ".join(f"{value:.3f}" for value in values.tolist()) for values in (seen, wanted))
    if not torch.allclose(seen, wanted, atol=5e-3):
        raise _FaultError(f"pure red becomes ({numbers}), wanted ({published}). {_REINSTALL}")
    return f"pure red becomes ({numbers}), blue first, as the Oxford network wants it"


def _channel_order(extractor: VGG19Features) -> str:
    """RGB and BGR must not look the same to the network."""
    import torch

    ramp = torch.linspace(0, 1, 32)
    picture = torch.stack([ramp.expand(32, 32), ramp[:, None].expand(32, 32), torch.full((32, 32), 0.2)])[None]
    with torch.no_grad():
        right, swapped = (extractor(x, ["relu3_1"])["relu3_1"] for x in (picture, picture.flip(1)))
    change = float((right - swapped).norm() / right.norm().clamp_min(1e-8))
    if not change > 0.05:
        raise _FaultError(f"swapping red and blue changes the features by only {change:.0%}. {_REINSTALL}")
    return f"swapping red and blue changes the features by {change:.0%}"


def _judge() -> str:
    """The default judge's own style figures of an untouched picture are 1."""
    import torch

    from styletransfer.judging.judge import create_judge

    content, style = torch.linspace(0, 1, 3072).view(1, 3, 32, 32), torch.full((1, 3, 32, 32), 0.2)
    judge = create_judge(device="cpu")
    found = judge(content, content, style)
    if (found.content, found.style_ratio) != (0.0, 1.0):
        raise _FaultError(f"{judge.label.text} says {found.figures()} of an untouched picture. {_REINSTALL}")
    return f"{judge.label.text}; an untouched picture has a style ratio of 1"


def _method(method: str, device: str | None) -> str:
    import torch

    from styletransfer.methods import create_stylizer

    content = torch.linspace(0, 1, 48 * 64).view(1, 1, 48, 64).repeat(1, 3, 1, 1)
    style = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    stylizer = create_stylizer(method, device=device, **METHODS[method].brief)
    result = stylizer.stylize(content, style)
    image = result.image
    if image.shape != content.shape or not bool(torch.isfinite(image).all()):
        raise _FaultError(
            f"gave a picture of shape {tuple(image.shape)} with values that are no numbers. {_REINSTALL}"
        )
    if torch.equal(image.cpu(), content):
        raise _FaultError(f"returned the content unchanged. {_REINSTALL}")
    usual = create_stylizer(method, extractor=stylizer.extractor)
    return f"a picture of 64x48 pixels in {result.seconds:.2f} s{_largest(usual)}"


def _largest(stylizer: Stylizer) -> str:
    """Say how large pictures may be for the memory that is free; nothing where the method cannot tell."""
    from styletransfer.images.pixels import MAX_PIXELS
    from styletransfer.memory import available, in_words

    free = available(stylizer.extractor.device)
    size = None if free is None else stylizer.largest()
    if free is None or size is None:
        return ""
    told = f"; {in_words(free)} of memory are free, enough for pictures of {size[1]}x{size[0]}"
    return told + (" (with --max-pixels)" if size[0] * size[1] > MAX_PIXELS else "")


_REINSTALL = f"Install the package again: pip install --force-reinstall {_OURS}."
