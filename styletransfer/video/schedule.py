"""A number that changes over the time of a clip."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from styletransfer._checks import number
from styletransfer.errors import OptionError


@dataclass(frozen=True)
class Schedule:
    """Values at times, with straight lines between them; before the first and after the last they stay.

    Attributes:
        points: (seconds from the clip's first frame, value in [0, 1]), in order.

    Example:
        >>> Schedule.of("0:0, 2:1").at(0.5)
        0.25
    """

    points: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, value: Any) -> Schedule:
        """Read a number, a mapping from seconds to values, or text such as ``"0:0,2:1"``.

        Raises:
            OptionError: Anything else, a time that is given twice, or a value outside [0, 1].
        """
        if isinstance(value, Schedule):
            return value
        if isinstance(value, str):
            value = _read(value)
        pairs = value.items() if isinstance(value, Mapping) else [(0.0, value)]
        points = [
            (number(time, "Each time of strength", low=0.0), number(share, "strength", low=0.0, high=1.0))
            for time, share in pairs
        ]
        if not points:
            raise OptionError(
                "strength is an empty mapping; give a number, or seconds with values: {0: 0.0, 2: 1.0}."
            )
        return cls(tuple(sorted(points)))

    def at(self, seconds: float) -> float:
        """Return the value at a time."""
        times = [time for time, _ in self.points]
        after = bisect.bisect_right(times, seconds)
        if after == 0 or after == len(times):
            return self.points[max(0, after - 1)][1]
        (start, low), (end, high) = self.points[after - 1 : after + 1]
        return low + (high - low) * (seconds - start) / (end - start)


def _read(text: str) -> float | dict[float, float]:
    try:
        if ":" not in text:
            return float(text)
        pairs = [tuple(float(part) for part in pair.split(":")) for pair in text.split(",")]
        values = {time: value for time, value in pairs}  # noqa: C416 - unpacking refuses what is no pair
    except ValueError as problem:
        raise OptionError(
            f"strength is a number in [0, 1], or seconds with values such as 0:0,2:1; got {text!r}."
        ) from problem
    if len(values) < len(pairs):
        raise OptionError(f"strength names a time twice: {text!r}. Give each time once.")
    return values
