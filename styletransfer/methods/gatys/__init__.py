"""Image optimisation: Gatys, Ecker and Bethge, CVPR 2016."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from styletransfer.method import Method, by_path
from styletransfer.methods.gatys.config import GatysConfig, plan
from styletransfer.weights.catalogue import default_decoder

__all__ = ["GATYS", "GatysConfig"]


def _weight_sets(extractor: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    return (default_decoder(extractor),) if options.get("init") == "adain" else ()


GATYS = Method(
    name="gatys",
    title="Gatys",
    summary="image optimisation: content, Gram and total-variation losses (Gatys et al. 2016)",
    config=GatysConfig,
    stylizer=by_path("styletransfer.methods.gatys.stylizer:GatysStylizer"),
    iterative=True,
    weight_sets=_weight_sets,
    plan=plan,
    accepts=frozenset({"masks"}),
    brief={"steps": 2, "scales": (1.0,)},
)
