"""The networks that are measured, with whatever weights are present; nothing is ever downloaded.

Random weights cost the same time as trained ones, so rows made with them are good for timing; they say so, and
nothing is judged that came out of them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

import styletransfer as st
from benchmarks import textbook
from styletransfer.errors import WeightsError
from styletransfer.features import create_extractor
from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import VGG19_WIDTHS
from styletransfer.methods import METHODS
from styletransfer.weights.store import list_weights

#: Weight sets at full width, the preferred one first.
_FULL_WIDTH = ("vgg19-oxford", "vgg19-normalised")
#: The label of random weights in their place, and their seed.
RANDOM, SEED = "vgg19", 0


@dataclass(frozen=True, kw_only=True)
class Networks:
    """An extractor, and the parts of methods that belong to it.

    Attributes:
        extractor: The feature extractor.
        weights: ``"trained"`` or ``"random"``, of the extractor.
    """

    extractor: VGG19Features
    weights: str

    def weights_of(self, method: str) -> str:
        """Return ``"trained"`` if all that the method needs is trained and present, else ``"random"``."""
        return "trained" if self.weights == "trained" and trained(method, self.extractor.name) else "random"

    def stylizer(self, method: str, options: dict[str, Any]) -> st.Stylizer:
        """Create a stylizer of `method` on these networks; its row is skipped where a part cannot be had."""
        book = textbook.of(method)
        parts: dict[str, Any] = {}
        if METHODS[method].parts and self.weights_of(method) == "random":
            if not book:
                pytest.skip(f"nobody trained {method} for {self.extractor.name}, and it has no random parts")
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(SEED)
                made = book.random_parts(self.extractor.name)
                parts = {name: part.to(self.extractor.device) for name, part in made.items()}
        return st.create_stylizer(method, extractor=self.extractor, **parts, **options)


def full_width() -> str:
    """Return the label of the network at full width: a weight set that is present, or random weights."""
    return next((name for name in _FULL_WIDTH if name in _present()), RANDOM)


def trained(method: str, extractor: str) -> bool:
    """Tell whether this weight set and all that the method needs on it are present; `RANDOM` is none."""
    try:
        needed = {extractor, *(part.default(extractor) for part in METHODS[method].parts)}
    except WeightsError:  # nobody trained a part for this extractor
        return False
    return extractor != RANDOM and needed <= _present()


def _present() -> set[str]:
    return {status.name for status in list_weights() if status.state != "absent"}


@functools.lru_cache(maxsize=1)
def networks(label: str, device: str) -> Networks:
    """Return the networks of that label: a weight set's name, or `RANDOM`.

    Raises:
        WeightsError: Files that are missing or damaged.
    """
    if label != RANDOM:
        return Networks(extractor=create_extractor(label, device=device), weights="trained")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        extractor = VGG19Features(RANDOM, widths=VGG19_WIDTHS, last="conv5_1", ceil_mode=True)
        for module in extractor.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")  # activations keep their size
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return Networks(extractor=extractor.to(device), weights="random")


def weight_hashes() -> dict[str, dict[str, str | None]]:
    """Return state and SHA-256 of every weight set, for the machine's record."""
    return {status.name: {"state": status.state, "sha256": status.sha256} for status in list_weights()}
