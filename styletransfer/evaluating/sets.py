"""Which pairs a set has: from a table, a list, or the folders of a named set."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from styletransfer.errors import OptionError
from styletransfer.evaluating.tables import Source, by_stem, only, read_table, several, text_path

__all__ = ["COLUMNS", "NAMED_SETS", "NamedSet", "Pair", "PairSet", "read_set"]

#: What a pair consists of, as columns of tables and fields of patterns.
COLUMNS = ("content", "style")


@dataclass(frozen=True)
class Pair:
    """A content and a style picture; told apart by their files' names without suffix."""

    content: Path
    style: Path

    @property
    def key(self) -> tuple[str, str]:
        """The names of content and style."""
        return self.content.stem, self.style.stem


@dataclass(frozen=True)
class NamedSet:
    """A published protocol: how many pictures, and their longer side in pixels."""

    contents: int
    styles: int
    long_edge: int


@dataclass(frozen=True)
class PairSet:
    """What is judged: its name, its pairs, and the longer side to which all pictures are reduced, if any."""

    name: str
    pairs: tuple[Pair, ...]
    long_edge: int | None = None


#: "styleid": Chung, Hyun and Heo, CVPR 2024.
NAMED_SETS: Mapping[str, NamedSet] = {"styleid": NamedSet(contents=20, styles=40, long_edge=512)}


def read_set(
    pairs: Source | Iterable[tuple[Source, Source]],
    *,
    contents: Source | None = None,
    styles: Source | None = None,
    long_edge: int | None = None,
) -> PairSet:
    """Return the pairs of a CSV file, of a list, or of a named set.

    Args:
        pairs: A CSV file with the columns content and style (paths relative to it, or names within the two
            folders), pairs of paths, or the name of a set in `NAMED_SETS`, which takes every picture of both
            folders.
        contents: Folder of the content pictures.
        styles: Folder of the style pictures.
        long_edge: The longer side to judge at; a named set has its own.

    Raises:
        OptionError: A table that cannot be understood, a pair that stands twice, two pictures of one name, or
            folders that do not hold what the named set needs.
    """
    for folder, what in ((contents, "contents"), (styles, "styles")):
        if folder is not None:
            text_path(folder, what)
    if isinstance(pairs, str) and pairs in NAMED_SETS:
        return _named_set(pairs, contents, styles, long_edge)
    if isinstance(pairs, (str, os.PathLike)):
        name, found = Path(pairs).name, _read_pairs(pairs, contents, styles)
    else:
        given = several(pairs, "pairs")
        name, found = "pairs", [(f"pair {i}", _pair(pair)) for i, pair in enumerate(given, start=1)]
    if not found:
        raise OptionError(f'The set "{name}" has no pairs; list at least one.')
    _check_distinct(found, name)
    return PairSet(name, tuple(pair for _, pair in found), long_edge)


def _pair(given: object) -> Pair:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise OptionError(f"Each pair must be two paths, (content, style), got {reprlib.repr(given)}.")
    content, style = (Path(text_path(path, kind)) for path, kind in zip(given, COLUMNS, strict=True))
    return Pair(content, style)


def _read_pairs(path: Source, contents: Source | None, styles: Source | None) -> list[tuple[str, Pair]]:
    base, listed = Path(path).parent, functools.cache(by_stem)

    def place(cell: str, folder: Source | None) -> Path:
        if folder is None:
            return base / cell
        named = Path(folder) / cell
        with contextlib.suppress(OSError, ValueError):  # a name that no file can have: reading it tells
            if named.is_file():
                return named
        return only(listed(named.parent).get(named.name, []), named, OptionError)

    return [
        (f"line {line}", Pair(place(cells["content"], contents), place(cells["style"], styles)))
        for line, cells in read_table(path, COLUMNS)
    ]


def _named_set(name: str, contents: Source | None, styles: Source | None, long_edge: int | None) -> PairSet:
    protocol = NAMED_SETS[name]
    if contents is None or styles is None:
        raise OptionError(f'The set "{name}" takes two folders; give both contents and styles.')
    if long_edge not in (None, protocol.long_edge):
        raise OptionError(f'The set "{name}" is judged at {protocol.long_edge} pixels, got long_edge={long_edge}.')
    files = [
        sorted(itertools.chain.from_iterable(by_stem(Path(folder), must=True).values()))
        for folder in (contents, styles)
    ]
    counts = [len(found) for found in files]
    if counts != [protocol.contents, protocol.styles]:
        raise OptionError(
            f'The set "{name}" has {protocol.contents} contents and {protocol.styles} styles, but "{contents}" '
            f'holds {counts[0]} pictures and "{styles}" {counts[1]}. List the pairs of another set in a CSV file.'
        )
    pairs = [("folders", Pair(*pair)) for pair in itertools.product(*files)]
    _check_distinct(pairs, name)
    return PairSet(name, tuple(pair for _, pair in pairs), protocol.long_edge)


def _check_distinct(pairs: Iterable[tuple[str, Pair]], name: str) -> None:
    """Refuse a pair that stands twice, and two files that would have the same name in the results."""
    seen: dict[tuple[str, str], str] = {}
    files: dict[tuple[str, str], str] = {}
    for where, pair in pairs:
        for kind, path in (("content", pair.content), ("style", pair.style)):
            place = os.path.abspath(path)  # noqa: PTH100 - Path.resolve would follow links
            if (other := files.setdefault((kind, path.stem), place)) != place:
                raise OptionError(
                    f'Two {kind} pictures of the set "{name}" are named "{path.stem}": "{other}" and "{place}". '
                    "Results are told apart by these names; rename one."
                )
        if pair.key in seen:
            raise OptionError(
                f'The set "{name}" has the pair {pair.key[0]}, {pair.key[1]} twice ({seen[pair.key]}, {where}); '
                "remove one."
            )
        seen[pair.key] = where
