"""Evaluations from made-up figures, which need no pictures."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from styletransfer.evaluating.judged import JudgedPicture
from styletransfer.evaluating.result import SetEvaluation
from styletransfer.judging.judges import JudgeLabel

LABEL = JudgeLabel("vgg19-lite-1", 2, "ab" * 32)

Values = dict[tuple[str, str], float]
Make = Callable[..., SetEvaluation]


def judged(
    method: str, values: Values, *, aid: bool = False, size: tuple[int, int] = (48, 64)
) -> list[JudgedPicture]:
    return [
        JudgedPicture(
            method=method,
            content=content,
            style=style,
            stylized="" if aid else f"{method}/{content}_{style}.png",
            sha256="",
            size=size,
            figures={"gram": value, "ssim": 1 - value, "total_variation": 0.1},
            layers={"moment": {}, "gram": {"relu1_1": value}},
            aid=aid,
        )
        for (content, style), value in values.items()
    ]


@pytest.fixture
def make() -> Make:
    """``make({"mine": {("content", "style"): gram, ...}}, aids={...}, ...)``."""

    def build(
        methods: dict[str, Values], aids: dict[str, Values] | None = None, **settings: object
    ) -> SetEvaluation:
        label, size = settings.pop("judge", LABEL), settings.pop("size", (48, 64))
        pictures = [p for name, values in methods.items() for p in judged(name, values, size=size)]
        pictures += [p for name, values in (aids or {}).items() for p in judged(name, values, aid=True)]
        keys = {(p.content, p.style) for p in pictures}
        inputs = {"content": {c: f"hash of {c}" for c, _ in keys}, "style": {s: f"hash of {s}" for _, s in keys}}
        given = {"name": "pairs.csv", "faults": (), "inputs": inputs, "conditions": {"metrics": {}}} | settings
        return SetEvaluation(judge=label, pictures=tuple(pictures), **given)

    return build
