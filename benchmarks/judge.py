"""The one judge of a run, and what rows keep of its words."""

from __future__ import annotations

import functools
from typing import Any

from torch import Tensor

from benchmarks import pictures
from benchmarks.case import Case
from styletransfer.judging.judge import Judge, Pair, create_judge


@functools.cache
def judge(name: str | None) -> Judge:
    """Return the judge of that name, on the processor, whatever made the picture."""
    return create_judge(name, device="cpu")


@functools.lru_cache(maxsize=2)
def pair(name: str | None, of: str, size: str) -> Pair:
    """Return what judges pictures made of the pair `of`."""
    return judge(name).pair(*pictures.pair(of, size))


def judged(picture: Tensor | None, weights: str, case: Case, name: str | None) -> dict[str, Any]:
    """Return what the judge says of a picture made with trained weights, or why it says nothing."""
    if picture is None:
        return {"judge": None, "judge_absent": "makes no stylized picture"}
    if weights != "trained":
        return {"judge": None, "judge_absent": "random weights: good for timing only"}
    return {"judge": pair(name, case.pair, case.size)(picture.float()).to_dict()}


def record(name: str | None, of: str, size: str) -> dict[str, Any]:
    """Return a pair's pictures, and as a reading aid the judge's words on pictures that no method made."""
    content, style = pictures.pair(of, size)
    aids = pair(name, of, size).references()
    return {
        "content": pictures.packed(content),
        "style": pictures.packed(style),
        "references": {what: evaluation.to_dict() for what, evaluation in aids.items()},
    }
