"""Intervals, tests and corrections, against numbers by hand and against what they promise."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy.stats import wilcoxon

from styletransfer.evaluating.statistics import (
    FEWEST_UNITS,
    bootstrap,
    choose_unit,
    holm,
    signed_rank,
    smallest_p,
    unit_means,
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        ([0.02], [0.02]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # 0.005*4, 0.01*3, 0.03*2, then no less than 0.06
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.01, 0.01], [0.02, 0.02]),
    ],
)
def test_holm_by_hand(given: list[float], expected: list[float]) -> None:
    assert holm(given) == pytest.approx(expected)


def test_means_of_units_by_hand() -> None:
    values = np.array([[1.0, 10.0], [3.0, 20.0], [8.0, 60.0]])
    assert unit_means(values, ["b", "b", "a"]).tolist() == [[8.0, 60.0], [2.0, 15.0]]


def test_signed_ranks_by_hand() -> None:
    """Differences 1 to 6, the 2 negative: of 64 sets of signs, twice those with a sum of at most 2."""
    other = np.zeros(6)
    one = np.array([1.0, -2.0, 3.0, 4.0, 5.0, 6.0])
    sums = [sum(r for r, s in zip(range(1, 7), signs, strict=True) if s) for signs in product((0, 1), repeat=6)]
    assert signed_rank(one, other) == pytest.approx(2 * sum(s <= 2 for s in sums) / 64) == wilcoxon(one).pvalue


def test_no_difference_at_all_is_no_error() -> None:
    assert signed_rank(np.ones(8), np.ones(8)) == 1.0
    assert 0 < signed_rank(np.array([1.0, 2, 2, 3, 3, 3, 1, 0]), np.array([0.0, 0, 1, 1, 2, 5, 1, 0])) <= 1  # ties


def test_the_fewest_units_are_those_that_can_reach_five_percent() -> None:
    assert smallest_p(FEWEST_UNITS) < 0.05 <= smallest_p(FEWEST_UNITS - 1) == 0.0625
    assert smallest_p(7) == pytest.approx(signed_rank(np.arange(1.0, 8), np.zeros(7)))


@pytest.mark.parametrize(
    ("contents", "styles", "unit"),
    [
        ("abcdef", "xxxxxx", "pair"),
        ("aabbccddeeff", "xyxyxyxyxyxy", "content"),
        ("aaabbb", "xyzxyz", "style"),  # two contents say nothing of other contents
        ("aaab", "xyzx", "style"),
        ("aabb", "xyxy", "content"),  # no more styles than contents
    ],
)
def test_what_counts_as_independent(contents: str, styles: str, unit: str) -> None:
    assert choose_unit(contents, styles) == unit


def test_intervals_are_the_same_each_time_and_hold_the_mean() -> None:
    values = np.random.default_rng(0).normal(size=(20, 2))
    units = [f"u{i // 2}" for i in range(20)]
    first, second = bootstrap(values, units), bootstrap(values, units)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    mean, low, high = first
    assert mean == pytest.approx(values.mean(0))
    assert (low < mean).all()
    assert (mean < high).all()


def test_a_single_unit_has_no_interval() -> None:
    mean, low, high = bootstrap(np.array([[1.0], [3.0]]), ["a", "a"])
    assert mean.tolist() == [2.0]
    assert math.isnan(low[0])
    assert math.isnan(high[0])


@pytest.mark.parametrize(
    ("draw", "number", "least", "most"),
    [("normal", 6, 0.92, 0.98), ("normal", 20, 0.92, 0.98), ("exponential", 6, 0.82, 0.9)],
)
def test_intervals_cover_the_truth_as_often_as_the_docs_say(
    draw: str, number: int, least: float, most: float
) -> None:
    """Pictures that share a content share most of their value: 95 % for single ones would be two thirds."""
    generator, covered, rounds = np.random.default_rng(1), 0, 400
    units = [f"content {i // 4}" for i in range(4 * number)]
    truth = {"normal": 0.0, "exponential": 1.0}[draw]
    for _ in range(rounds):
        contents = getattr(generator, draw)(size=number)
        values = np.repeat(contents, 4) + 0.2 * generator.normal(size=4 * number)
        _, low, high = bootstrap(values[:, None], units, resamples=500)
        covered += bool(low[0] <= truth <= high[0])
    assert least <= covered / rounds <= most
