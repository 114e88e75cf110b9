"""Where the pictures of each method are: a pattern of names, or a table."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from styletransfer.errors import ImageError, OptionError
from styletransfer.evaluating.sets import COLUMNS, Pair, PairSet
from styletransfer.evaluating.tables import Source, by_stem, only, read_table, several, text_path

__all__ = ["Find", "find_pictures", "sources_of", "table_files"]

#: Finds a method's picture of a pair; raises ImageError where there is none.
Find = Callable[[Pair], Path]

_TABLE = ("method", *COLUMNS, "stylized")
_FIELD = re.compile(r"\{([^{}]*)\}")


def find_pictures(pictures: Source | Sequence[Source] | Mapping[str, Source], chosen: PairSet) -> dict[str, Find]:
    """Return for each method what finds its picture of a pair.

    Args:
        pictures: ``NAME=PATTERN`` or CSV files, one or several; or patterns by name. A pattern is a path with
            ``{content}`` and ``{style}``, relative to the working folder; it may end with ``.*``. A CSV file
            has the columns method, content, style and stylized, the last relative to it.
        chosen: The set.

    Raises:
        OptionError: What is neither; a pattern that gives one file for several pairs; a method or picture that
            stands twice.
    """
    given = sources_of(pictures)
    if not given:
        raise OptionError("There is no method to judge; give the pictures of at least one, NAME=PATTERN.")
    found: dict[str, Find] = {}
    for text in given:
        if _is_table(text):
            new = _listed(text, chosen)
        else:
            name, equals, pattern = text.partition("=")
            if not equals or not name.strip() or not pattern.strip():
                raise OptionError(
                    f'"{text}" does not tell where pictures are; give NAME=PATTERN, e.g. '
                    '"mine=out/{content}_{style}.png", or a CSV file.'
                )
            new = {_plain(name): _pattern(pattern.strip(), chosen)}
        for name in new:
            if name in found:
                raise OptionError(f'The method "{name}" was given twice; give each method its own name.')
        found |= new
    return found


def table_files(pictures: Source | Sequence[Source] | Mapping[str, Source]) -> list[str]:
    """Return the CSV files among what `find_pictures` gets."""
    return [text for text in sources_of(pictures) if _is_table(text)]


def sources_of(pictures: Source | Iterable[Source] | Mapping[str, Source]) -> list[str]:
    """Return what tells where pictures are as texts: ``NAME=PATTERN`` or CSV files.

    Raises:
        OptionError: Something that is no text or path.
    """
    if isinstance(pictures, Mapping):
        return [f"{name}={text_path(pattern, f'The pattern of {name}')}" for name, pattern in pictures.items()]
    return [text_path(given, "Each of pictures") for given in several(pictures, "pictures")]


def _is_table(text: str) -> bool:
    return text.lower().endswith(".csv") and "{" not in text


def _pattern(pattern: str, chosen: PairSet) -> Find:
    for field in _FIELD.findall(pattern):
        if field not in COLUMNS:
            raise OptionError(
                f'The pattern "{pattern}" has a field {{{field}}}; the fields are {{content}} and {{style}}.'
            )
    for place, field in enumerate(COLUMNS):
        if f"{{{field}}}" not in pattern and len({pair.key[place] for pair in chosen.pairs}) > 1:
            raise OptionError(
                f'The pattern "{pattern}" has no {{{field}}}, so it names one file for several pairs; add it.'
            )
    listed = functools.cache(by_stem)

    def find(pair: Pair) -> Path:
        names = dict(zip(COLUMNS, pair.key, strict=True))
        path = Path(_FIELD.sub(lambda field: names[field[1]], pattern)).expanduser()
        if path.suffix != ".*":
            return path
        return only(listed(path.parent).get(path.stem, []), path, ImageError)

    return find


def _listed(path: str, chosen: PairSet) -> dict[str, Find]:
    """Return what finds the pictures of each method in a CSV file."""
    names = [{pair.key[place] for pair in chosen.pairs} for place in (0, 1)]
    files: dict[str, dict[tuple[str, ...], tuple[int, Path]]] = {}
    for line, cells in read_table(path, _TABLE):
        key = tuple(
            cells[kind] if cells[kind] in known else Path(cells[kind]).stem
            for kind, known in zip(COLUMNS, names, strict=True)
        )
        own = files.setdefault(_plain(cells["method"]), {})
        if key in own:
            raise OptionError(
                f'The table "{path}" has two pictures of {cells["method"]} for {key[0]}, {key[1]} (lines '
                f"{own[key][0]} and {line}); remove one."
            )
        own[key] = line, Path(path).parent / cells["stylized"]
    if not files:
        raise OptionError(f'The table "{path}" lists no pictures; add a line for each.')

    def finder(own: Mapping[tuple[str, ...], tuple[int, Path]]) -> Find:
        def find(pair: Pair) -> Path:
            if pair.key not in own:
                raise ImageError(f'The table "{path}" has no picture for {pair.key[0]}, {pair.key[1]}.')
            return own[pair.key][1]

        return find

    return {method: finder(own) for method, own in files.items()}


def _plain(name: str) -> str:
    return " ".join(name.split())
