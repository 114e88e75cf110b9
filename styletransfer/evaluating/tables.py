"""CSV files as people have them, and folders by the names of their pictures."""

from __future__ import annotations

import csv
import io
import os
import reprlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from styletransfer._checks import did_you_mean
from styletransfer.errors import ImageError, OptionError
from styletransfer.files import ordinary_file, reason
from styletransfer.images.opening import SUFFIXES

__all__ = ["Source", "by_stem", "only", "read_table", "several", "text_path"]

Source = str | os.PathLike[str]


def several(value: object, what: str, single: type = str) -> list[object]:
    """Return an argument as a list; a single text, path or object of the type `single` is a list of one.

    Raises:
        OptionError: Nothing that can be gone through.
    """
    if isinstance(value, (str, os.PathLike, single)):
        return [value]
    if not isinstance(value, Iterable) or isinstance(value, (bytes, bytearray)):
        raise OptionError(f"{what} must be a list, got {reprlib.repr(value)}.")
    return list(value)


def text_path(value: object, what: str) -> str:
    """Return a path as text.

    Raises:
        OptionError: It is none, or bytes.
    """
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(path, str):
        raise OptionError(f"{what} must be a text or path, got {reprlib.repr(value)}.")
    return path


def read_table(path: Source, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a CSV file with their lines' numbers; other columns are left out.

    Commas, semicolons and tabs are understood, and a byte order mark; capitals in the header do not matter.

    Raises:
        OptionError: No such file, not UTF-8, empty, a column missing, or a row that does not fit.
    """
    place = ordinary_file(path, "table", OptionError, give="a CSV file")
    label, wanted = f'The table "{os.fspath(path)}"', ",".join(columns)
    try:
        text = place.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise OptionError(
            f"{label} is no UTF-8 text (byte {problem.start + 1}); save it as CSV in UTF-8."
        ) from problem
    except OSError as problem:
        raise OptionError(f"{label} cannot be read: {reason(problem, reading=True)}.") from problem
    first = next((line for line in text.splitlines() if line.strip()), None)
    if first is None:
        raise OptionError(f"{label} is empty; its first line must be {wanted}.")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as problem:
        raise OptionError(f"{label}, line {reader.line_num}, is no CSV ({problem}); correct it.") from problem
    if not rows:
        raise OptionError(f"{label} holds delimiters only; its first line must be {wanted}.")
    header = [cell.strip().lower() for cell in rows[0][1]]
    for column in columns:
        if header.count(column) != 1:
            raise OptionError(
                f'{label} needs one column "{column}", its first line is "{first.strip()}".'
                f"{did_you_mean(column, header)} It must be {wanted}."
            )
    return [(line, _cells(row, header, columns, f"{label}, line {line},")) for line, row in rows[1:]]


def _cells(row: Sequence[str], header: Sequence[str], columns: Sequence[str], label: str) -> dict[str, str]:
    if len(row) > len(header):
        raise OptionError(
            f"{label} has {len(row)} cells, the first line {len(header)}; put a name with a comma in quotes."
        )
    cells = dict(zip(header, (cell.strip() for cell in row), strict=False))
    for column in columns:
        if not cells.get(column):
            raise OptionError(f'{label} has no "{column}"; fill it in or remove the line.')
    return {column: cells[column] for column in columns}


def by_stem(folder: Path, must: bool = False) -> dict[str, list[Path]]:
    """Return the pictures in a folder by name without suffix; of a folder that cannot be read, none."""
    found: dict[str, list[Path]] = {}
    try:
        for entry in sorted(folder.iterdir()):
            if entry.suffix.lower() in SUFFIXES and not entry.name.startswith(".") and entry.is_file():
                found.setdefault(entry.stem, []).append(entry)
    except (OSError, ValueError) as problem:
        if must:
            raise OptionError(
                f'The folder "{folder}" cannot be read: {reason(problem, reading=True)}. Check its path.'
            ) from problem
    return found


def only(found: Sequence[Path], wanted: Path, error: type[ImageError | OptionError]) -> Path:
    """Return the one file found; `wanted` itself if there is none, so that reading it tells what is missing."""
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise error(f'"{wanted}" fits several files ({names}); keep one or give the suffix.')
    return found[0] if found else wanted
