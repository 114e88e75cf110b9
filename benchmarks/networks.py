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
from benchmarks.plan import LITE
from styletransfer.features import create_extractor, list_weights
from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import VGG19_WIDTHS
from styletransfer.methods import METHODS
from styletransfer.methods.feedforward.adain import AdaINStylizer
from styletransfer.methods.feedforward.decoder_files import PYTORCH_ADAIN, Decoder, default_decoder, load_decoder

#: Seed of random weights.
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Networks:
    """An extractor and a decoder that belong together.

    Attributes:
        extractor: The feature extractor.
        decoder: A decoder for it.
        weights: ``"trained"`` or ``"random"``.
    """

    extractor: VGG19Features
    decoder: Decoder
    weights: str

    def stylizer(self, method: str, options: dict[str, Any]) -> st.Stylizer:
        """Create a stylizer of `method` on these networks."""
        own: dict[str, Any] = {"decoder": self.decoder} if issubclass(METHODS[method], AdaINStylizer) else {}
        return st.create_stylizer(method, extractor=self.extractor, **own, **options)


@functools.lru_cache(maxsize=1)
def networks(label: str, device: str) -> Networks:
    """Return the networks of that label: the embedded ones, or VGG-19 at full width.

    Full width means `vgg19-normalised` with the decoder `pytorch-adain` if both have been fetched, else the same
    networks with random weights.

    Raises:
        WeightsError: The embedded files are missing or damaged.
    """
    name = "vgg19-lite" if label == LITE else PYTORCH_ADAIN.encoder
    present = {status.name for status in list_weights() if status.state != "absent"}
    if label == LITE or {name, PYTORCH_ADAIN.name} <= present:
        extractor = create_extractor(name, device=device)
        decoder = load_decoder(default_decoder(name), encoder=name, device=device)
        return Networks(extractor=extractor, decoder=decoder, weights="trained")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        extractor = VGG19Features(name, widths=VGG19_WIDTHS, last="conv5_1", ceil_mode=True)
        for module in extractor.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")  # activations keep their size
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        decoder = Decoder(PYTORCH_ADAIN).requires_grad_(False)
    return Networks(extractor=extractor.to(device), decoder=decoder.to(device), weights="random")


def weight_hashes() -> dict[str, dict[str, str | None]]:
    """Return state and SHA-256 of every weight set, for the machine's record."""
    return {status.name: {"state": status.state, "sha256": status.sha256} for status in list_weights()}
