"""From judged pictures to what a table says: means, intervals, differences between methods."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from styletransfer.evaluating.statistics import (
    FEWEST_UNITS,
    bootstrap,
    choose_unit,
    holm,
    signed_rank,
    smallest_p,
    unit_means,
)

if TYPE_CHECKING:
    from styletransfer.evaluating.judged import JudgedPicture

__all__ = ["Difference", "Mean", "Summary", "common_pairs", "summarise"]

Key = tuple[str, str]


@dataclass(frozen=True)
class Mean:
    """A mean with the ends of its 95 % interval, which are None where there is a single unit."""

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Difference:
    """A paired test between two methods in one figure.

    Attributes:
        figure: Name of the figure.
        one: A method.
        other: The method it is compared with.
        difference: Mean of `one` less mean of `other`, over the units.
        p: Of Wilcoxon's signed-rank test, two-sided.
        corrected: `p` as corrected by Holm for all tests of the set.
    """

    figure: str
    one: str
    other: str
    difference: float
    p: float
    corrected: float


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What the judged pictures say together.

    Attributes:
        counts: Judged pictures of each method; 0 for one whose pictures are all missing.
        pairs: How many pairs all methods with pictures have; means, intervals and tests are of these.
        unit: What counts as one independent sample: ``"content"``, ``"style"`` or ``"pair"``.
        units: How many there are.
        means: By method and figure; of reading aids too.
        differences: All tests; empty where `untested` says why.
        untested: Why there are no tests, or an empty text.
    """

    counts: Mapping[str, int]
    pairs: int
    unit: str
    units: int
    means: Mapping[str, Mapping[str, Mean]]
    differences: Sequence[Difference]
    untested: str

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, ready for JSON."""
        return dataclasses.asdict(self)


def summarise(pictures: Iterable[JudgedPicture], faulty: Iterable[str] = ()) -> Summary:
    """Compare the methods over the pairs that all of them have.

    Args:
        pictures: All that are judged.
        faulty: Methods with pictures that could not be; one that has no others is counted, not compared.
    """
    by_method: dict[str, dict[Key, Mapping[str, float]]] = {}
    aids: dict[str, dict[Key, Mapping[str, float]]] = {}
    for p in pictures:
        (aids if p.aid else by_method).setdefault(p.method, {})[p.content, p.style] = p.figures
    common = _common(by_method)
    names = _shared_names([by_method[method][key] for method in by_method for key in common])
    unit = choose_unit([content for content, _ in common], [style for _, style in common])
    units = [{"content": key[0], "style": key[1]}.get(unit, "\0".join(key)) for key in common]
    values = {method: _values(own, common, names) for method, own in by_method.items() if common}
    means = {method: _means(table, units, names) for method, table in values.items()}
    for aid, own in aids.items():
        if judged := _shared_names([own.get(key, {}) for key in common]):
            means[aid] = _means(_values(own, common, judged), units, judged)
    number = len(set(units))
    untested = _untested(len(by_method), number, unit)
    return Summary(
        counts={method: len(by_method.get(method, {})) for method in dict.fromkeys((*by_method, *faulty))},
        pairs=len(common),
        unit=unit,
        units=number,
        means=means,
        differences=() if untested else _differences(values, units, names),
        untested=untested,
    )


def common_pairs(pictures: Iterable[JudgedPicture]) -> list[Key]:
    """Return the pairs that all methods have, in the order of their names."""
    keys: dict[str, set[Key]] = {}
    for p in pictures:
        if not p.aid:
            keys.setdefault(p.method, set()).add((p.content, p.style))
    return _common(keys)


def _common(by_method: Mapping[str, Iterable[Key]]) -> list[Key]:
    return sorted(set.intersection(*map(set, by_method.values()))) if by_method else []


def _shared_names(figures: Sequence[Mapping[str, float]]) -> list[str]:
    """Return the figures that all pictures have, in the order of the first."""
    return [name for name in (figures[0] if figures else ()) if all(name in own for own in figures)]


def _values(own: Mapping[Key, Mapping[str, float]], common: Sequence[Key], names: Sequence[str]) -> Any:
    """Return an array (N, F) of one method's figures."""
    return np.array([[own[key][name] for name in names] for key in common])


def _means(values: Any, units: Sequence[str], names: Sequence[str]) -> dict[str, Mean]:
    columns = zip(names, *(part.tolist() for part in bootstrap(values, units)), strict=True)
    return {
        name: Mean(mean, None, None) if low != low else Mean(mean, low, high) for name, mean, low, high in columns
    }


def _differences(values: Mapping[str, Any], units: Sequence[str], names: Sequence[str]) -> tuple[Difference, ...]:
    means = {method: unit_means(table, units) for method, table in values.items()}
    found = [
        (name, one, other, means[one][:, column], means[other][:, column])
        for one, other in itertools.combinations(means, 2)
        for column, name in enumerate(names)
    ]
    p_values = [signed_rank(a, b) for *_, a, b in found]
    return tuple(
        Difference(name, one, other, float((a - b).mean()), p, corrected)
        for (name, one, other, a, b), p, corrected in zip(found, p_values, holm(p_values), strict=True)
    )


def _untested(methods: int, number: int, unit: str) -> str:
    """Say why there are no tests, or nothing."""
    if methods < 2:
        return "a test compares two methods, and there is one"
    if not number:
        return "there is no pair that all methods have"
    if number < FEWEST_UNITS:
        return (
            f"{number} independent sample(s) ({unit}s) cannot give a p below {smallest_p(number):g}; "
            f"{FEWEST_UNITS} are the least"
        )
    return ""
