"""Engines: what computes the networks of feed-forward methods. Free of torch, and of engines, until one is loaded.

An engine takes the place of ``extractor(picture, taps)`` and of ``decoder.stage(...)``, for pictures of any size
and for rows of them. What stands between the two (statistics, alignment) stays in torch.
"""

from __future__ import annotations

import importlib.util
import warnings
from typing import TYPE_CHECKING

from styletransfer._checks import choice
from styletransfer.engines.interface import Networks, StagedDecoder
from styletransfer.errors import OptionError

if TYPE_CHECKING:
    from styletransfer.features.vgg import VGG19Features

__all__ = ["ENGINES", "HELP", "Networks", "StagedDecoder", "load"]

ENGINES = ("torch", "onnxruntime", "openvino", "compiled")
#: For the help of methods' options.
HELP = (
    "what computes the networks: torch; onnxruntime or openvino (extras of these names), for the CPU; compiled: "
    "torch.compile, which takes minutes first"
)


def load(name: str, extractor: VGG19Features, decoder: StagedDecoder) -> Networks:
    """Return extractor and decoder as an engine computes them: as torch does, but for rounding.

    They are prepared at their first call. An engine whose package is absent is replaced by torch, with a warning.
    docs/performance.md has the bounds of what they differ by.

    Args:
        name: One of `ENGINES`.
        extractor: Its weights are read when graphs are built; later changes have no effect.
        decoder: The same.

    Raises:
        OptionError: Unknown name, or an engine that cannot work on the extractor's device or in its precision.

    Example:
        >>> import styletransfer as st
        >>> stylizer = st.create_stylizer("adain", device="cpu")
        >>> load("torch", stylizer.extractor, stylizer.decoder).encode is stylizer.extractor
        True
    """
    choice(name, ENGINES, "engine")
    in_torch = Networks(extractor, decoder.stage)
    if name == "torch":
        return in_torch
    if name == "compiled":
        from styletransfer.engines.compiled import compiled

        return compiled(in_torch)
    _check_place(name, extractor)
    if importlib.util.find_spec(name) is None:
        warnings.warn(
            f"The engine {name!r} is not installed, so torch computes instead, with the same result; "
            f'python -m pip install "styletransfer-toolkit[{name}]" installs it.',
            stacklevel=2,
        )
        return in_torch
    from styletransfer.engines.sessions import Sessions

    sessions = Sessions(name, in_torch)
    return Networks(sessions.encode, sessions.stage)


def _check_place(name: str, extractor: VGG19Features) -> None:
    """Refuse a device or precision that an engine does not have."""
    device, dtype = extractor.device, str(extractor.dtype).removeprefix("torch.")
    if device.type != "cpu":
        raise OptionError(
            f'The engine {name!r} is for the CPU, the extractor is on {device}. Give device="cpu" (--device cpu) '
            'or engine="compiled".'
        )
    if dtype != "float32":
        raise OptionError(
            f'The engine {name!r} computes in float32, not in {dtype}. Give precision="float32", or '
            'engine="compiled".'
        )
