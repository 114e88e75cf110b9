"""Feed-forward style transfer: encode, transform, decode. AdaIN (Huang and Belongie 2017) is one transform."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from styletransfer.method import Method, Part, by_path
from styletransfer.methods.feedforward.config import AdaINConfig
from styletransfer.weights.catalogue import default_decoder

__all__ = ["ADAIN", "AdaINConfig"]


def _weight_sets(extractor: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    return (str(options.get("decoder") or default_decoder(extractor)),)


ADAIN = Method(
    name="adain",
    title="AdaIN",
    summary="feed-forward, any style: align channel statistics, decode (Huang and Belongie 2017)",
    config=AdaINConfig,
    stylizer=by_path("styletransfer.methods.feedforward.adain:AdaINStylizer"),
    parts=(
        Part(
            name="decoder",
            help="decoder's name or file; the extractor's own if absent",
            kind="decoder",
            default=default_decoder,
        ),
    ),
    weight_sets=_weight_sets,
    accepts=frozenset({"encoded style", "masks", "strength"}),
)
