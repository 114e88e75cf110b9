"""Means with intervals, tests between methods, and their correction; numbers only.

Pictures that share a content are no independent samples, so the unit that is resampled and tested is the whole
group of them. scipy is imported where it is needed.

>>> holm([0.01, 0.04, 0.03])
[0.03, 0.06, 0.06]
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = [
    "FEWEST_UNITS",
    "bootstrap",
    "choose_unit",
    "holm",
    "signed_rank",
    "smallest_p",
    "unit_means",
]

Array = np.ndarray[Any, np.dtype[np.float64]]

#: With fewer units no two-sided signed-rank test can reach 0.05: five give 2 / 2^5 = 0.0625 at best.
FEWEST_UNITS = 6
#: Resamples drawn at once, so that large sets need no more memory.
_CHUNK = 500


def choose_unit(contents: Sequence[str], styles: Sequence[str]) -> str:
    """Say what counts as one independent sample of these pairs: ``"content"``, ``"style"`` or ``"pair"``.

    A content where contents repeat; a style where there are too few contents to say anything and more styles.

    Example:
        >>> choose_unit(["a", "a", "b", "b"], ["x", "y", "x", "y"])
        'content'
    """
    different_contents, different_styles = len(set(contents)), len(set(styles))
    if different_contents == len(contents):
        return "pair"
    return "style" if different_contents < min(FEWEST_UNITS, different_styles) else "content"


def unit_means(values: Array, units: Sequence[str]) -> Array:
    """Return the mean of `values` (N, F) in each unit, (U, F), units in the order of their names."""
    sums, counts = _grouped(values, units)
    return sums / counts[:, None]


def bootstrap(
    values: Array, units: Sequence[str], *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[Array, Array, Array]:
    """Return means and the ends of their intervals, by resampling whole units.

    Expanded percentile intervals (T. Hesterberg, The American Statistician 69(4), 2015): plain
    percentiles are too narrow for few units, so their ranks are moved out until the interval of a normal mean
    would be as wide as Student's.

    Args:
        values: (N, F), one row a picture, one column a figure.
        units: Which unit each row belongs to.
        confidence: How often such intervals shall hold the truth.
        resamples: How many.
        seed: The same seed gives the same interval.

    Returns:
        Mean, low and high, (F,) each; low and high are NaN where there is a single unit.
    """
    from scipy.stats import norm, t

    sums, counts = _grouped(values, units)
    mean, number = sums.sum(0) / counts.sum(), len(counts)
    if number < 2:
        return mean, np.full_like(mean, math.nan), np.full_like(mean, math.nan)
    generator, drawn = np.random.default_rng(seed), []
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        times = generator.multinomial(number, np.full(number, 1 / number), size=size)  # (size, U)
        drawn.append((times @ sums) / (times @ counts)[:, None])
    tail = norm.cdf(-math.sqrt(number / (number - 1)) * t.ppf((1 + confidence) / 2, number - 1))
    low, high = np.quantile(np.concatenate(drawn), [tail, 1 - tail], axis=0)
    return mean, low, high


def signed_rank(one: Array, other: Array) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test between paired values, (U,) each.

    Units without any difference are left out, as Wilcoxon did; without any other the p is 1.
    """
    from scipy.stats import wilcoxon

    differences = one - other
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ties in few values, where the p is an approximation
        return float(wilcoxon(differences).pvalue)


def smallest_p(units: int) -> float:
    """Return the smallest p that the signed-rank test can give: all signs alike."""
    return min(1.0, 2.0 ** (1 - units))


def holm(values: Sequence[float]) -> list[float]:
    """Return the p values as corrected for being several (S. Holm, Scandinavian J. of Statistics 6, 1979)."""
    corrected, largest = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        largest = max(largest, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = largest
    return corrected


def _grouped(values: Array, units: Sequence[str]) -> tuple[Array, Array]:
    """Return sums (U, F) and counts (U,) of the units."""
    _, places = np.unique(np.asarray(units), return_inverse=True)
    counts = np.bincount(places).astype(np.float64)
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, places, values)
    return sums, counts
