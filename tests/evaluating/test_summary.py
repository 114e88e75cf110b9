"""What is compared with what: common pairs, units, tests."""

from __future__ import annotations

import pytest

from tests.evaluating.conftest import Make, Values


def values(number: int, first: float = 0.2, step: float = 0.01) -> Values:
    return {(f"c{i:02}", "s"): first + step * i for i in range(number)}


def test_methods_are_compared_over_the_pairs_that_all_have(make: Make) -> None:
    mine, other = values(8), values(8, first=0.5)
    del mine["c07", "s"], other["c00", "s"]
    summary = make({"mine": mine, "other": other}, aids={"colours alone": values(8, first=0.9)}).summary
    assert (summary.counts, summary.pairs, summary.unit, summary.units) == ({"mine": 7, "other": 7}, 6, "pair", 6)
    assert summary.means["mine"]["gram"].mean == pytest.approx(0.2 + 0.01 * 3.5)  # c01 to c06
    assert summary.means["colours alone"]["gram"].mean == pytest.approx(0.9 + 0.01 * 3.5)
    low, high = summary.means["mine"]["gram"].low, summary.means["mine"]["gram"].high
    assert low is not None
    assert high is not None
    assert 0.21 <= low < 0.235 < high <= 0.26


def test_tests_are_corrected_for_all_figures_and_leave_out_reading_aids(make: Make) -> None:
    methods = {"a": values(10), "b": values(10, first=0.4, step=0.02), "c": values(10, first=0.2, step=0.01)}
    summary = make(methods, aids={"untouched content": values(10, first=1.0)}).summary
    found = {(d.one, d.other, d.figure): d for d in summary.differences}
    assert len(found) == 3 * 3
    assert {one for one, _, _ in found} | {other for _, other, _ in found} == {"a", "b", "c"}
    clear = found["a", "b", "gram"]
    assert clear.difference == pytest.approx(-0.2 - 0.01 * 4.5)
    assert clear.p == pytest.approx(2 / 2**10)
    assert clear.corrected == pytest.approx(9 * 2 / 2**10)
    assert found["a", "c", "gram"].corrected == found["a", "b", "total_variation"].corrected == 1.0


def test_repeated_contents_count_once(make: Make) -> None:
    repeated = {(f"c{i}", f"s{j}"): 0.1 * i for i in range(7) for j in range(3)}
    more = {key: value + 0.3 for key, value in repeated.items()}
    summary = make({"a": repeated, "b": more}).summary
    assert (summary.pairs, summary.unit, summary.units) == (21, "content", 7)
    assert summary.differences[0].p == pytest.approx(2 / 2**7)  # not of 21


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        ({"a": values(8)}, "there is one"),
        (
            {"a": values(5), "b": values(5)},
            r"5 independent sample\(s\) \(pairs\) cannot give a p below 0.0625",
        ),
        ({"a": values(2), "b": {("x", "y"): 0.5}}, "no pair that all methods have"),
    ],
)
def test_why_there_are_no_tests(make: Make, methods: dict[str, Values], said: str) -> None:
    evaluation = make(methods)
    assert evaluation.summary.differences == ()
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(evaluation.summary.untested)
    assert evaluation.summary.untested in evaluation.to_markdown()
    evaluation.figure()


def test_one_pair_has_a_mean_without_interval(make: Make) -> None:
    mean = make({"a": values(1)}).summary.means["a"]["gram"]
    assert (mean.mean, mean.low, mean.high) == (0.2, None, None)
