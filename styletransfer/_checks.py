"""The gates that arguments pass: one sentence each on what, got, wanted and the way out."""

from __future__ import annotations

import difflib
import math
import reprlib
import sys
import warnings
from collections.abc import Iterable, Sequence
from numbers import Integral, Real

from styletransfer.errors import OptionError

#: Share of two names' letters that agree from which one may be meant for the other.
_NEAR = 0.6
#: Name of the package.
_PACKAGE = __name__.partition(".")[0]


def did_you_mean(value: str, options: Iterable[str]) -> str:
    """Return ``' Did you mean "x"?'`` for the nearest option that is near enough, or an empty string."""
    lowered = {option.lower(): option for option in options}
    near = difflib.get_close_matches(value.lower(), lowered, n=1, cutoff=_NEAR)
    return f' Did you mean "{lowered[near[0]]}"?' if near else ""


def choice(value: object, options: Iterable[str], what: str) -> str:
    """Return `value` if it is one of `options`, else raise `OptionError` with a suggestion.

    Args:
        value: What the user gave.
        options: The names that exist.
        what: What kind of name it is, e.g. ``"method"``.
    """
    names = list(options)
    if isinstance(value, str) and value in names:
        return value
    hint = did_you_mean(value, names) if isinstance(value, str) else ""
    raise OptionError(f"Unknown {what} {reprlib.repr(value)}.{hint} Choose one of: {', '.join(names)}.")


def known_options(given: Iterable[str], known: Iterable[str], owner: str) -> None:
    """Raise `OptionError` for the first name in `given` that `owner` does not have."""
    names = list(known)
    for name in given:
        if name not in names:
            raise OptionError(
                f"{owner} has no option {name!r}.{did_you_mean(name, names)} It has: {', '.join(names)}."
            )


def number(
    value: object,
    what: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    above: float | None = None,
) -> float:
    """Return `value` as a float if it is a finite number in [low, high] (and > `above`, where given).

    Numbers of numpy count as numbers, True and False do not.
    """
    wanted = _interval(low, high, above)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise OptionError(f"{what} must be a number {wanted}, got {_shown(value)}.")
    try:
        given = float(value)
    except OverflowError:  # a whole number beyond all floats
        given = math.inf
    if not math.isfinite(given) or not low <= given <= high or (above is not None and given <= above):
        raise OptionError(f"{what} must be {wanted}, got {_shown(value)}.")
    return given


def integer(value: object, what: str, *, low: int, high: int | None = None) -> int:
    """Return `value` if it is a whole number of at least `low` (and at most `high`)."""
    top = "" if high is None else f" and at most {high}"
    given = None if isinstance(value, bool) or not isinstance(value, Integral) else int(value)
    if given is None or given < low or (high is not None and given > high):
        raise OptionError(f"{what} must be a whole number of at least {low}{top}, got {_shown(value)}.")
    return given


def size(value: object, *, least: int) -> tuple[int, int]:
    """Return a picture's size if it is (height, width), whole numbers of at least `least` pixels."""
    sides = list(value) if isinstance(value, (tuple, list)) else []
    if len(sides) != 2:
        raise OptionError(f"size must be (height, width) in pixels, e.g. (384, 512), got {_shown(value)}.")
    return integer(sides[0], "The height", low=least), integer(sides[1], "The width", low=least)


def _shown(value: object) -> str:
    """Return a value for a message; Python refuses to print whole numbers of thousands of digits."""
    try:
        return reprlib.repr(value)
    except ValueError:
        return "a number of thousands of digits"


def flag(value: object, what: str) -> bool:
    """Return `value` if it is True or False."""
    if not isinstance(value, bool):
        raise OptionError(f"{what} must be True or False, got {value!r}.")
    return value


def style_shares(values: object) -> tuple[float, ...] | None:
    """Return the option ``style_mix`` as a tuple, or None if it is None; `mix` fits it to the number of styles.

    Raises:
        OptionError: Not a list of numbers, or a number that is not positive.
    """
    if values is None:
        return None
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise OptionError(f"style_mix must be a list with one number per style, e.g. (0.7, 0.3), got {values!r}.")
    return tuple(number(share, "Each number of style_mix", above=0.0) for share in values)


def mix(values: Sequence[float] | None, count: int) -> tuple[float, ...]:
    """Return `style_mix` for `count` styles, scaled to sum to 1; equal shares if None.

    Raises:
        OptionError: Not one number per style, or a number that is not positive.
    """
    shares = style_shares(values)
    if shares is None:
        return (1.0 / count,) * count
    if len(shares) != count:
        raise OptionError(f"style_mix needs one number per style: got {len(shares)} for {count} style(s).")
    scaled = [share / max(shares) for share in shares]  # whose sum cannot overflow
    return tuple(share / math.fsum(scaled) for share in scaled)


def _interval(low: float, high: float, above: float | None) -> str:
    if above is not None:
        return f"above {above:g}" if math.isinf(high) else f"above {above:g} and at most {high:g}"
    if math.isinf(low) and math.isinf(high):
        return "that is finite"
    if math.isinf(high):
        return f"of at least {low:g}"
    if math.isinf(low):
        return f"of at most {high:g}"
    return f"in [{low:g}, {high:g}]"


def warn(message: str) -> None:
    """Warn the user: the place that is told is the first one outside the package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == _PACKAGE:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
