"""An evaluation as text: means with intervals, differences between methods, and what could not be judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from styletransfer.evaluating.published import published_lines
from styletransfer.evaluating.statistics import FEWEST_UNITS, smallest_p
from styletransfer.evaluating.summary import Difference, Mean, Summary
from styletransfer.judging.evaluation import FIGURES, Evaluation, Figure
from styletransfer.judging.judges import JudgeLabel, orientation_text
from styletransfer.judging.learned import METRICS, Metric

if TYPE_CHECKING:
    from styletransfer.evaluating.judged import Fault
    from styletransfer.evaluating.result import SetEvaluation

__all__ = ["direction", "fault_lines", "figure_title", "notes", "pictures_table", "to_markdown"]

#: A difference whose corrected p is below this is named in the table.
_LEVEL = 0.05
#: Lines of faults in the table; the rest is in the JSON file.
_MOST_FAULTS = 10


def to_markdown(evaluation: SetEvaluation) -> str:
    """Return the whole report of a set."""
    summary = evaluation.summary
    stopped = evaluation.conditions.get("interrupted")
    lines = [f"**Interrupted: {stopped}.**", ""] if stopped else []
    lines += [*_means(evaluation, summary), "", _conditions(evaluation, summary), "", *_tests(summary)]
    if faults := fault_lines(evaluation.faults):
        lines += ["", f"Not judged or measured: {len(evaluation.faults)}.", "", *(f"- {line}" for line in faults)]
    lines += ["", *notes(evaluation.judge), *_of_metrics(evaluation), "", *published_lines(evaluation.name)]
    return "\n".join(lines).rstrip() + "\n"


def pictures_table(columns: Mapping[str, Evaluation]) -> str:
    """Return a table of single pictures: a line for each figure, a column for each picture."""
    lines = _head(columns)
    judged = {name: evaluation.figures() for name, evaluation in columns.items()}
    for figure in next(iter(judged.values()), {}):
        lines.append(_row(figure, [f"{own[figure]:.3f}" for own in judged.values()]))
    return "\n".join(lines)


def notes(judge: JudgeLabel) -> list[str]:
    """Return what the figures mean, and the judge's figures of known results."""
    told = [f"- {figure.title}: {figure.meaning}." for figure in FIGURES.values()]
    known = orientation_text(judge)
    return [*told, f"- {known}"] if known else told


def _of_metrics(evaluation: SetEvaluation) -> Iterator[str]:
    for name, label in evaluation.conditions.get("metrics", {}).items():
        summary = f": {METRICS[name].summary}" if name in METRICS else ""
        yield f"- {label}{summary}."


def fault_lines(faults: Iterable[Fault]) -> list[str]:
    """Return one line for each reason, the first ones only where there are many."""
    reasons: dict[str, list[str]] = {}
    for fault in faults:
        reasons.setdefault(fault.reason, []).append(fault.method)
    lines = [
        f"{', '.join(dict.fromkeys(methods))}: {reason}" + (f" ({len(methods)} times)" if methods[1:] else "")
        for reason, methods in reasons.items()
    ]
    more = len(lines) - _MOST_FAULTS
    return [*lines[:_MOST_FAULTS], f"and {more} more; evaluation.json names all of them"] if more > 0 else lines


def figure_title(name: str) -> str:
    """Return a figure's title, or the name itself of one that the judge does not know."""
    known: Mapping[str, Figure | Metric] = {**FIGURES, **METRICS}
    return known[name].title if name in known else name


def direction(name: str) -> str:
    """Return which way a figure is better: ``"lower"``, ``"higher"`` or, where neither is, ``"-"``."""
    lower = FIGURES[name].lower_is_better if name in FIGURES else True
    return "-" if lower is None else "lower" if lower else "higher"


def _means(evaluation: SetEvaluation, summary: Summary) -> Iterator[str]:
    columns = {name: name if name in summary.counts else f"*{name}*" for name in (*summary.counts, *summary.means)}
    yield from _head(columns.values())
    counts = (str(summary.counts.get(name, summary.pairs)) for name in columns)
    yield f"| pictures judged | | {' | '.join(counts)} |"
    for figure in next(iter(summary.means.values()), {}):
        yield _row(figure, [_interval(summary.means.get(name, {}).get(figure)) for name in columns])
    for figure in dict.fromkeys(name for own in evaluation.set_figures.values() for name in own):
        own = (evaluation.set_figures.get(method, {}).get(figure) for method in columns)
        if figure == "metric_pictures":
            yield f"| pictures measured | | {' | '.join('-' if x is None else f'{x:.0f}' for x in own)} |"
        else:
            yield _row(figure, ["-" if x is None else f"{x:.3f}" for x in own])


def _head(columns: Iterable[str]) -> list[str]:
    names = [name.replace("|", "\\|") for name in columns]
    return [f"| figure | better | {' | '.join(names)} |", f"|---|---|{'---:|' * len(names)}"]


def _row(figure: str, cells: Sequence[str]) -> str:
    return f"| {figure_title(figure)} | {direction(figure)} | {' | '.join(cells)} |"


def _interval(mean: Mean | None) -> str:
    if mean is None:
        return "-"
    middle, low, high = ("" if x is None else f"{x:.3f}" for x in (mean.mean, mean.low, mean.high))
    return middle if low == high else f"{middle} [{low}, {high}]"


def _conditions(evaluation: SetEvaluation, summary: Summary) -> str:
    few = "; so few that the intervals are too narrow" if 1 < summary.units < FEWEST_UNITS else ""
    meaning = {
        "content": "resampling whole contents, since pictures that share one are no independent samples",
        "style": "resampling whole styles, since there are few contents and pictures that share a style are no "
        "independent samples",
        "pair": "resampling pairs",
    }[summary.unit]
    aids = "" if set(summary.means) <= set(summary.counts) else " Columns in italics are reading aids, no methods."
    which = "all methods have" if all(summary.counts.values()) else "all methods with pictures have"
    return (
        f"Judge: {evaluation.judge.text}. Set: {evaluation.name}. Means over the {summary.pairs} pair(s) that "
        f"{which}. In brackets: 95 % bootstrap intervals, {meaning} ({summary.units} {summary.unit}(s){few})."
        f"{aids}"
    )


def _tests(summary: Summary) -> Iterator[str]:
    if summary.untested:
        yield f"No tests: {summary.untested}."
        return
    clear = [found for found in summary.differences if found.corrected < _LEVEL]
    if clear:
        yield "| figure | lower | higher | better | difference | p |"
        yield "|---|---|---|---|---:|---:|"
        yield from (_difference(found) for found in clear)
        yield ""
    tests, rest = len(summary.differences), len(summary.differences) - len(clear)
    yield (
        f"Wilcoxon's signed-rank tests, two-sided, paired by {summary.unit}; p as corrected by Holm for {tests} "
        f"test(s). {rest} of them show no difference (p of at least {_LEVEL:g})."
    )
    if (least := min(1.0, tests * smallest_p(summary.units))) >= _LEVEL:
        few = f"With {summary.units} {summary.unit}s and {tests} tests"
        yield f"{few}, no p can be below {least:.2g}; a larger set is needed."


def _difference(found: Difference) -> str:
    names = (found.one, found.other) if found.difference < 0 else (found.other, found.one)
    lower, higher = (name.replace("|", "\\|") for name in names)
    better = {"lower": lower, "higher": higher}.get(direction(found.figure), "-")
    cells = (figure_title(found.figure), lower, higher, better)
    return f"| {' | '.join(cells)} | {abs(found.difference):.3f} | {found.corrected:.2g} |"
