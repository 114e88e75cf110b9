"""What a page is made of: sections, tables, and the columns that several tables share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.report import words
from benchmarks.results_file import Row

#: Columns of `timed`, after what the row is called.
TIMED_HEAD = ("network", "size", "seconds", "quartiles", f"{words.TIMES} textbook", "of the floor")


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; the first `names` columns are text, the others are figures."""

    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    names: int = 1
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture as WebP in base 64."""

    caption: str
    data: str


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Pictures beside each other."""

    title: str
    pictures: Sequence[Picture]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One heading, its text, charts (as SVG), pictures and tables; a `part` opens what is said of one run."""

    title: str
    part: bool = False
    warnings: Sequence[str] = ()
    text: Sequence[str] = ()
    bullets: Sequence[str] = ()
    charts: Sequence[str] = ()
    strips: Sequence[Strip] = ()
    tables: Sequence[Table] = field(default_factory=list)


def timed(row: Row) -> tuple[str | int, ...]:
    return (
        words.label(row),
        network(row),
        row.case["size"],
        words.seconds(row.seconds),
        words.spread(row.stats),
        words.ratio(row.ratio),
        words.share(row.info["floor"]),
    )


def judged(row: Row) -> tuple[str, str]:
    judge = row.info["judge"]
    return (words.number(judge["style_ratio"]), words.number(judge["content"])) if judge else (words.NONE,) * 2


def network(row: Row) -> str:
    extractor = str(row.case["extractor"])
    return f"{extractor} (random weights)" if row.info["weights"] == "random" else extractor
