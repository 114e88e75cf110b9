"""The section on quality: figures over several pairs beside a reading aid, and the pictures themselves."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from benchmarks.pictures import PAIRS
from benchmarks.plan import LITE, OWN_NETWORK, QUALITY
from benchmarks.report import words
from benchmarks.report.parts import Picture, Section, Strip, Table, network
from benchmarks.results_file import Results, Row
from styletransfer.judging.evaluation import FIGURES

#: Columns of a table of quality.
HEAD = ("picture", "network", "seconds", *(figure.title for figure in FIGURES.values()))


def section(results: Results, rows: Sequence[Row]) -> Section | None:
    """Return the section, or None where no picture was judged for a pair."""
    rows = rated(rows)
    if not rows:
        return None
    size = rows[0].case["size"]
    meaning = [f"{figure.title}: {figure.meaning}." for figure in FIGURES.values()]
    tables = [
        Table(
            caption=f"Means over {counted(pairs)}, {size} px",
            names=2,
            head=HEAD,
            rows=means(results, rows, pairs),
        )
        for pairs in sets_of_pairs(rows)
    ]
    alone = Table(
        caption="Pair by pair",
        names=3,
        head=("pair", *HEAD),
        rows=[(row.case["pair"], *_line([row])) for row in rows],
    )
    return Section(
        title="Quality",
        text=(
            f"Judged by {results.judge.text}, the same judge for every method; figures of another judge cannot be "
            "put beside these. The last lines of a table are its reading aid: pictures that no method made.",
        ),
        bullets=meaning,
        strips=_strips(results, rows),
        tables=[*tables, alone, *_peers(rows)],
    )


def in_short(rows: Sequence[Row]) -> list[str]:
    """Return a sentence on all methods and networks, over the pairs that they have in common."""
    rows = rated(rows)
    if not rows:
        return []
    pairs = sets_of_pairs(rows)[-1]
    told = []
    for own in _measured_on(rows, pairs):
        ratio, content = (
            statistics.fmean(row.info["judge"][k] for row in own) for k in ("style_ratio", "content")
        )
        told.append(f"{words.subject(own[0])} ({network(own[0])}) {_seconds(own)}, {ratio:.2f}, {content:.2f}")
    size = rows[0].case["size"]
    return [f"Time, style ratio and content, means over {counted(pairs)} at {size} px: {'; '.join(told)}."]


def rated(rows: Sequence[Row]) -> list[Row]:
    """Return the judged rows of quality, pair by pair, other people's programs last."""
    places = {pair: place for place, pair in enumerate(PAIRS)}

    def order(row: Row) -> tuple[int, bool, bool, str, str]:
        case = row.case
        pair = places.get(case["pair"], len(places))
        return (
            pair,
            case["extractor"] == OWN_NETWORK,
            case["extractor"] != LITE,
            case["subject"],
            case["variant"],
        )

    return sorted((row for row in rows if row.case["what"] == QUALITY and row.info["judge"]), key=order)


def sets_of_pairs(rows: Sequence[Row]) -> list[list[str]]:
    """Return the sets of pairs that subjects were measured on, the largest first: means are over equal pairs."""
    found = {tuple(sorted(own)) for own in _by_subject(rows).values()}
    order = list(dict.fromkeys(row.case["pair"] for row in rows))
    return [[pair for pair in order if pair in pairs] for pairs in sorted(found, key=lambda pairs: -len(pairs))]


def means(results: Results, rows: Sequence[Row], pairs: Sequence[str]) -> list[tuple[str, ...]]:
    """Return a line for every subject that was measured on all of these pairs, then the reading aid."""
    lines = [_line(own) for own in _measured_on(rows, pairs)]
    aids = [results.run["pairs"][pair]["references"] for pair in pairs]
    for what in aids[0]:
        if all(what in aid for aid in aids):
            lines.append((what, words.NONE, words.NONE, *_figures([aid[what] for aid in aids])))
    return lines


def _seconds(rows: Sequence[Row]) -> str:
    return words.seconds(statistics.fmean(row.seconds for row in rows))


def _peers(rows: Sequence[Row]) -> list[Table]:
    """Return a table of the other people's programs, if some were measured."""
    first = {row.case["subject"]: row.info["peer"] for row in reversed(rows) if "peer" in row.info}
    lines = [
        (
            name,
            peer["version"],
            peer["licence"],
            peer["clock"],
            "; ".join(map(": ".join, peer["settings"].items())),
        )
        for name, peer in sorted(first.items())
    ]
    head = ("program", "version", "licence", "its seconds are of", "run with")
    return [Table(caption="Other people's programs, as their authors ship them", names=5, head=head, rows=lines)]


def _by_subject(rows: Sequence[Row]) -> dict[tuple[str, str], dict[str, Row]]:
    """Return ``{(subject, network): {pair: row}}``."""
    found: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        found.setdefault((words.subject(row), row.case["extractor"]), {})[row.case["pair"]] = row
    return found


def _measured_on(rows: Sequence[Row], pairs: Sequence[str]) -> list[list[Row]]:
    """Return the rows of these pairs, for every subject that has them all."""
    return [[own[pair] for pair in pairs] for own in _by_subject(rows).values() if own.keys() >= set(pairs)]


def _line(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the means of one subject's rows."""
    figures = _figures([row.info["judge"] for row in rows])
    return (words.subject(rows[0]), network(rows[0]), _seconds(rows), *figures)


def _figures(judged: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
    return tuple(words.number(statistics.fmean(one[key] for one in judged)) for key in FIGURES)


def counted(pairs: Sequence[str]) -> str:
    return f"{len(pairs)} pairs ({', '.join(pairs)})" if len(pairs) > 1 else f"one pair ({pairs[0]})"


def _strips(results: Results, rows: Sequence[Row]) -> list[Strip]:
    strips = []
    for pair in dict.fromkeys(row.case["pair"] for row in rows):
        given = results.run["pairs"][pair]
        pictures = [Picture(caption=what, data=given[what]) for what in ("content", "style")]
        for row in rows:
            if row.case["pair"] == pair and "picture" in row.info:
                caption = f"{words.subject(row)}, {network(row)}, {words.seconds(row.seconds)}"
                pictures.append(Picture(caption=caption, data=row.info["picture"]))
        strips.append(Strip(title=pair, pictures=pictures))
    return strips
