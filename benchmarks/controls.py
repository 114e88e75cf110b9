"""A use of each control, to measure what it costs."""

from __future__ import annotations

from typing import Any

import torch

#: Options of the stylizer, by the row's name.
_OPTIONS: dict[str, dict[str, Any]] = {
    "preserve color luminance": {"preserve_color": "luminance"},
    "preserve color linear": {"preserve_color": "linear"},
    "preserve color histogram": {"preserve_color": "histogram"},
    "style scale 2": {"style_scale": 2.0},
    "match histogram style": {"match_histogram": "style"},
    "detail 1": {"detail": 1.0},
}
#: What else is asked of a run, by the row's name: needs masks.
ASKED = ("one mask", "two masks", "preserve", "strength map")
USED = (*_OPTIONS, *ASKED)


def options_of(control: str) -> dict[str, Any]:
    """Return the stylizer's options."""
    return _OPTIONS.get(control, {})


def request_of(control: str, content: torch.Tensor, style: torch.Tensor) -> tuple[Any, dict[str, Any]]:
    """Return the style or styles of a run, and what else is asked of it."""
    left = torch.zeros(1, 1, *content.shape[2:])
    left[..., : content.shape[3] // 2] = 1
    asked: dict[str, Any] = {
        "one mask": {"masks": [left]},
        "two masks": {"masks": [left, 1 - left]},
        "preserve": {"preserve": left},
        "strength map": {"strength": left},
    }.get(control, {})
    return ([style, style] if control == "two masks" else style), asked
