"""The networks that are measured, with whatever weights are present; nothing is ever downloaded.

Random weights cost the same time as trained ones, so rows made with them are good for timing; they say so, and
nothing is judged that came out of them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

import styletransfer as st
from benchmarks import textbook
from benchmarks.plan import LITE
from styletransfer.features import create_extractor
from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import VGG19_WIDTHS
from styletransfer.methods import METHODS
from styletransfer.weights.store import list_weights

#: The weight set at full width, and the seed of random weights in its place.
_FULL_WIDTH, SEED = "vgg19-normalised", 0


@dataclass(frozen=True, kw_only=True)
class Networks:
    """An extractor, and the parts of methods that belong to it.

    Attributes:
        extractor: The feature extractor.
        weights: ``"trained"`` or ``"random"``.
    """

    extractor: VGG19Features
    weights: str

    def stylizer(self, method: str, options: dict[str, Any]) -> st.Stylizer:
        """Create a stylizer of `method` on these networks.

        Raises:
            WeightsError: A part that is not there and of which no random one can be made.
        """
        book = textbook.of(method)
        parts: dict[str, Any] = {}
        if self.weights == "random" and book:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(SEED)
                parts = {name: part.to(self.extractor.device) for name, part in book.random_parts().items()}
        return st.create_stylizer(method, extractor=self.extractor, **parts, **options)


@functools.lru_cache(maxsize=1)
def networks(label: str, device: str) -> Networks:
    """Return the networks of that label: the embedded ones, or VGG-19 at full width.

    Full width means `vgg19-normalised` with the methods' parts if all have been fetched, else random weights.

    Raises:
        WeightsError: The embedded files are missing or damaged.
    """
    if label == LITE:
        return Networks(extractor=create_extractor(LITE, device=device), weights="trained")
    present = {status.name for status in list_weights() if status.state != "absent"}
    parts = {part.default(_FULL_WIDTH) for method in METHODS.values() for part in method.parts}
    if {_FULL_WIDTH, *parts} <= present:
        return Networks(extractor=create_extractor(_FULL_WIDTH, device=device), weights="trained")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        extractor = VGG19Features(_FULL_WIDTH, widths=VGG19_WIDTHS, last="conv5_1", ceil_mode=True)
        for module in extractor.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")  # activations keep their size
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return Networks(extractor=extractor.to(device), weights="random")


def weight_hashes() -> dict[str, dict[str, str | None]]:
    """Return state and SHA-256 of every weight set, for the machine's record."""
    return {status.name: {"state": status.state, "sha256": status.sha256} for status in list_weights()}
