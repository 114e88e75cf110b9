"""What is said of one picture: its figures, or why there are none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["Fault", "JudgedPicture", "numbers", "texts"]


@dataclass(frozen=True, kw_only=True)
class JudgedPicture:
    """One picture and its figures.

    Attributes:
        method: Who made it, or a reading aid's name.
        content: Name of the content picture: its file without folder and suffix.
        style: The same of the style picture.
        stylized: The file, as it was found; empty for a reading aid.
        sha256: Of that file.
        size: (H, W) judged at, pixels.
        figures: By name, those of the judge and any others that were asked for.
        layers: The style figures of each layer, ``{"moment": {"relu1_1": ...}, "gram": ...}``.
        aid: Whether it is no method's picture but a reading aid.
    """

    method: str
    content: str
    style: str
    stylized: str
    sha256: str
    size: tuple[int, int]
    figures: Mapping[str, float]
    layers: Mapping[str, Mapping[str, float]]
    aid: bool = False

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` made of one, from a file that may hold anything.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: It is none.
        """
        height, width = map(int, stored["size"])
        return cls(
            **texts({name: stored[name] for name in ("method", "content", "style", "stylized", "sha256")}),
            size=(height, width),
            figures=numbers(stored["figures"]),
            layers={kind: numbers(own) for kind, own in stored["layers"].items()},
            aid=bool(stored["aid"]),
        )


@dataclass(frozen=True)
class Fault:
    """A picture that could not be judged, and why."""

    method: str
    content: str
    style: str
    reason: str


def texts(stored: Mapping[str, Any]) -> dict[str, str]:
    """Return a dictionary from a file if it holds texts only; else raise TypeError."""
    if not all(isinstance(text, str) for text in stored.values()):
        raise TypeError("a text is missing")
    return dict(stored)


def numbers(stored: Mapping[str, Any]) -> dict[str, float]:
    """Return a dictionary from a file if it holds finite numbers only; else raise TypeError."""
    if not all(isinstance(x, (int, float)) and math.isfinite(x) for x in stored.values()):
        raise TypeError("a number is missing")
    return dict(stored)
