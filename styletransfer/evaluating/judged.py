"""What is said of one picture: its figures, or why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from styletransfer._checks import flag, integer, number
from styletransfer.errors import OptionError
from styletransfer.judging.evaluation import FIGURES

__all__ = ["Fault", "JudgedPicture", "numbers", "texts"]

#: No side in pixels and no figure is larger.
_LARGEST_SIDE, _LARGEST_FIGURE = 10**6, 1e15


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
            KeyError, TypeError, ValueError, AttributeError: It is none; OptionError names the picture.
        """
        names = texts({name: stored[name] for name in ("method", "content", "style", "stylized", "sha256")})
        label = f"{names['method']}'s picture of {names['content']}, {names['style']}"
        height, width = (integer(side, f"size of {label}", low=1, high=_LARGEST_SIDE) for side in stored["size"])
        figures = numbers(stored["figures"], label)
        if missing := [name for name in FIGURES if name not in figures]:
            raise OptionError(f"{label} has no figure {missing[0]!r}")
        return cls(
            **names,
            size=(height, width),
            figures=figures,
            layers={kind: numbers(own, label) for kind, own in stored["layers"].items()},
            aid=flag(stored["aid"], f"aid of {label}"),
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


def numbers(stored: Mapping[str, Any], label: str) -> dict[str, float]:
    """Return a dictionary from a file if it holds numbers that a figure can have; else raise OptionError."""
    for name, value in stored.items():
        number(value, f"{name} of {label}", low=-_LARGEST_FIGURE, high=_LARGEST_FIGURE)
    return dict(stored)
