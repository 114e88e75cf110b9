"""Training: decoders for AdaIN, and narrow extractors distilled from wide ones.

Each is a recipe (`decoder`, `extractor`) over one `engine`; `data` reads folders of pictures. Within the package
only the command line imports this.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from styletransfer.training.decoder.recipe import train_decoder
    from styletransfer.training.engine.loop import Progress
    from styletransfer.training.engine.run import Hooks, Outcome
    from styletransfer.training.extractor.recipe import train_extractor

__all__ = ["Hooks", "Outcome", "Progress", "train_decoder", "train_extractor"]

_HOMES = {
    "Hooks": "engine.run",
    "Outcome": "engine.run",
    "Progress": "engine.loop",
    "train_decoder": "decoder.recipe",
    "train_extractor": "extractor.recipe",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:  # imported when first used: the configs alone must not load torch
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
