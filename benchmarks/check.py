"""The regression gate: ``python -m benchmarks.check OLD NEW`` compares two runs, row by row.

Speed is compared by each row's ratio to the textbook reference that ran beside it, not by seconds, so a slow hour
of a shared machine does not count. A row fails only if its median ratio fell by more than its limit and its best
round is worse than the old run's worst one: noise alone seldom does both. Losses do not depend on load, so they
are held tightly.

Exit codes: 0 all well, 1 something got worse, 2 the runs cannot be compared.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import differences, other_weights
from benchmarks.results_file import Results, ResultsError, Row, load
from styletransfer.errors import StyleTransferError
from styletransfer.judging.evaluation import FIGURES
from styletransfer.judging.judges import same_judge

#: Share by which the ratio to the reference may fall.
SPEED_LIMIT = 0.25
#: Share by which the judge's figures may get worse. What works in steps magnifies the last digits of a sum.
QUALITY_LIMIT, RUN_QUALITY_LIMIT = 0.002, 0.03
#: Rows whose yardstick is another kind of work; reading files and starting processes vary more.
LOOSE = {"test_cold_start*": 0.5, "test_stage[load*": 0.5, "test_stage[save*": 0.5}
#: Below this a change of the judge's figures is rounding.
_TINY = 1e-4


def check(
    old: Results, new: Results, limits: dict[str, float], *, across_machines: bool = False
) -> tuple[list[str], int]:
    """Compare two runs.

    Args:
        old: The run that sets the mark.
        new: The run that is judged.
        limits: Speed limits by pattern of the row's name; the last that fits counts.
        across_machines: Compare although the machines differ.

    Returns:
        What got worse, one line each, and how many rows were compared.

    Raises:
        ResultsError: Different machines, weights or profiles' rows, or no row in common.
        JudgeError: Different judges.
    """
    same_judge([old.judge, new.judge])
    if other := other_weights(old.machine, new.machine):
        raise ResultsError(
            f"{old.name} and {new.name} were made with different embedded weights ({other}), so that neither "
            f"pictures nor seconds can be compared. Make {old.name} again with today's weights."
        )
    differing = differences(old.machine, new.machine)
    if differing and not across_machines:
        raise ResultsError(
            f"{old.name} and {new.name} were made on different machines ({'; '.join(differing)}). Ratios to the "
            "reference carry over only roughly; say --across-machines to compare them all the same."
        )
    before = {row.key: row for row in old.rows}
    after = {row.key: row for row in new.rows}
    lost = sorted(before.keys() - after.keys())
    if lost:
        raise ResultsError(
            f"{new.name} has other cases than {old.name}: {len(lost)} of {len(before)} are missing, e.g. "
            f"{lost[0]}. Run both with the same profile and options, and let both finish."
        )
    worse = [line for key, row in before.items() for line in _compare(row, after[key], limits)]
    return worse, len(before)


def _compare(old: Row, new: Row, limits: dict[str, float]) -> list[str]:
    lost = {"judge": "figures of the judge", "ratio": "ratio to the reference"}
    found = [f"{old.key}: no {it} any more" for k, it in lost.items() if old.info[k] and not new.info[k]]
    was, now = old.info["ratio"], new.info["ratio"]
    limit = next((v for k, v in reversed(limits.items()) if _fits(old.key, k)), SPEED_LIMIT)
    if was and now and now["median"] < was["median"] * (1 - limit) and now["max"] < was["min"]:
        found.append(
            f"{old.key}: speed fell from {was['median']:.2f} to {now['median']:.2f} times the reference's "
            f"({now['median'] / was['median'] - 1:+.0%}, limit -{limit:.0%})"
        )
    if old.info["judge"] and new.info["judge"]:
        allowed = RUN_QUALITY_LIMIT if old.case["variant"] == "full run" else QUALITY_LIMIT
        directions = {term: figure.lower_is_better for term, figure in FIGURES.items()} | {"style_ratio": True}
        for term, lower_is_better in directions.items():
            sign = {True: 1, False: -1, None: 0}[lower_is_better]
            a, b = old.info["judge"][term], new.info["judge"][term]
            if sign * (b - a) > allowed * abs(a) + _TINY:
                found.append(
                    f"{old.key}: {term} {'rose' if sign > 0 else 'fell'} from {a:.4f} to {b:.4f} "
                    f"({b / max(a, _TINY) - 1:+.1%}, limit {sign * allowed:+.1%})"
                )
    return found


def _fits(key: str, pattern: str) -> bool:
    # A row's name holds brackets, which fnmatch would take for a choice of letters.
    return fnmatch.fnmatchcase(key.replace("[", "("), pattern.replace("[", "("))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description=__doc__.split("\n\n")[0])
    parser.add_argument("old", type=Path, help="results that set the mark")
    parser.add_argument("new", type=Path, help="results that are judged")
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="PATTERN=PERCENT",
        help="by how much the speed of the rows of that name may fall, e.g. 'test_step*=10'; may be repeated",
    )
    parser.add_argument("--across-machines", action="store_true", help="compare runs of different machines")
    options = parser.parse_args(arguments)
    try:
        limits = dict(_limit(text) for text in options.limit)
        old, new = load(options.old), load(options.new)
        for pattern in limits:
            if not any(_fits(row.key, pattern) for row in old.rows):
                raise ResultsError(
                    f"--limit {pattern} fits no row of {old.name}; the name of a row is e.g. {old.rows[0].key}."
                )
        worse, count = check(old, new, LOOSE | limits, across_machines=options.across_machines)
    except StyleTransferError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    for line in worse:
        print(f"WORSE  {line}")
    print(
        f"{count} rows compared, {len(worse)} figure(s) got worse."
        if worse
        else f"{count} rows compared, all well."
    )
    return 1 if worse else 0


def _limit(text: str) -> tuple[str, float]:
    pattern, _, percent = text.rpartition("=")
    try:
        value = float(percent)
    except ValueError:
        value = -1.0
    if not pattern or not 0 < value < 100:
        raise ResultsError(
            f"--limit takes PATTERN=PERCENT with a percentage between 0 and 100, e.g. test_step*=10, got {text!r}."
        )
    return pattern, value / 100


if __name__ == "__main__":
    sys.exit(main())
