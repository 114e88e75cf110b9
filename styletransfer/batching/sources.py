"""Where many contents and styles come from: folders, patterns, tables, files and names of styles."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from styletransfer import codes
from styletransfer.code_files import is_code_file
from styletransfer.errors import ImageError, OptionError
from styletransfer.evaluating.tables import read_table, several, text_path
from styletransfer.files import ordinary_file
from styletransfer.images.folders import Problem, find_pictures, is_picture_name

#: A folder, a pattern, a CSV file, a picture file, or the name of a style.
Given = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Source:
    """A picture that is to be read, or a style that is known by name.

    Attributes:
        name: What it is called in maps and messages: the path below its folder with forward slashes, or a name.
        place: The file's path, or what `codes.find` knows.
    """

    name: str
    place: str

    @property
    def stem(self) -> str:
        """The name without the suffix of a picture file, still with its folders."""
        return self.name.rpartition(".")[0] if is_picture_name(self.name) else self.name


@dataclass(frozen=True)
class Sources:
    """What was found.

    Attributes:
        items: Sorted where they come from a folder or a pattern, else in the order given.
        left_out: What is named like a picture and cannot be one, and pictures in formats that are not read.
        folders: The folders that were searched.
    """

    items: tuple[Source, ...]
    left_out: tuple[Problem, ...] = ()
    folders: tuple[Path, ...] = ()


def find_contents(given: Given | Iterable[Given]) -> Sources:
    """Find content pictures.

    Args:
        given: A folder (searched with those below it), a pattern such as ``"photos/**/*.jpg"``, a CSV file with a
            column content (paths relative to it), a picture file, or a list of these.

    Raises:
        OptionError: Nothing at all, something that is no path, a table that cannot be understood.
        ImageError: A folder, pattern or file that does not exist, or that holds no picture.
    """
    return _found(given, "content")


def find_styles(given: Given | Iterable[Given]) -> Sources:
    """Find styles: the same as contents, with a column style; or names of drawn and kept styles, or their files.

    Raises:
        StyleTransferError: As for `find_contents`; a name that nobody knows, a damaged file of styles.

    Example:
        >>> [style.name for style in find_styles(["mosaic", "night"]).items]
        ['mosaic', 'night']
    """
    return _found(given, "style")


def natural(name: str) -> tuple[tuple[str | int, ...], str]:
    """Return a key by which ``"2.jpg"`` comes before ``"10.jpg"``.

    Example:
        >>> sorted(["10.jpg", "2.jpg", "1/b.jpg"], key=natural)
        ['1/b.jpg', '2.jpg', '10.jpg']
    """
    parts = re.split(r"(\d+)", name)
    return tuple(int(part) if i % 2 else part.casefold() for i, part in enumerate(parts)), name


def _found(given: Given | Iterable[Given], what: str) -> Sources:
    words = [text_path(word, f"Each of {what}s") for word in several(given, f"{what}s")]
    if not words:
        raise OptionError(f"There are no {what}s; give a folder, a pattern, a CSV file or pictures.")
    single = [word for word in words if _is_single(word, what)]
    below = dict(zip(single, _named([Path(word) for word in single], None), strict=True))
    found = [Sources((below[word],)) if word in below else _several(word, what) for word in words]
    return Sources(
        items=tuple(item for sources in found for item in sources.items),
        left_out=tuple(problem for sources in found for problem in sources.left_out),
        folders=tuple(folder for sources in found for folder in sources.folders),
    )


def _is_single(word: str, what: str) -> bool:
    """Whether a word names one picture file; what names nothing that exists is refused."""
    if not word.strip():
        raise OptionError(
            f"One of the {what}s is an empty text; give a folder, a pattern, a CSV file or a picture."
        )
    named = what == "style" and bool(_by_name(word))
    if named or _is_there(word, Path.is_dir) or _is_table(word) or _is_pattern(word):
        return False
    if what == "style":
        codes.check_known(word)
    ordinary_file(word, what, ImageError, give="a picture file, a folder, a pattern or a CSV file")
    return True


def _several(word: str, what: str) -> Sources:
    if _is_there(word, Path.is_dir):
        files, problems = find_pictures(Path(word), what)
        return Sources(_found_below(files, Path(word)), tuple(problems), (Path(word),))
    if _is_table(word):
        return Sources(tuple(_of_table(Path(word), what)))
    if what == "style" and (named := _by_name(word)):
        return Sources(tuple(named))
    return _of_pattern(word, what)


def _is_there(word: str | Path, kind: Callable[[Path], bool] = Path.exists) -> bool:
    try:
        return kind(Path(word))
    except (OSError, ValueError):  # a text that no path can be
        return False


def _is_table(word: str) -> bool:
    return word.lower().endswith(".csv") and not _is_pattern(word)


def _is_pattern(word: str) -> bool:
    return glob.has_magic(word) and not _is_there(word)


def _by_name(word: str) -> list[Source]:
    """Return the styles that a name, or a file of encoded styles, stands for; none if it is no such thing."""
    if _is_there(word, Path.is_dir):
        return []
    file, name = codes.split_name(word)
    if is_code_file(file) and not name:
        return [Source(info.name, f"{file}#{info.name}") for info in codes.list_codes(file)]
    return [] if codes.find(word) is None else [Source(name or word, word)]


def _of_table(table: Path, what: str) -> list[Source]:
    """Return the cells of a table's column: paths relative to it, or names of styles."""
    cells = [cells[what] for _, cells in read_table(table, [what])]
    if not cells:
        raise OptionError(f'The table "{table}" lists no {what}; add a line for each.')
    named: dict[str, list[Source]] = {}
    if what == "style":
        named = {cell: _by_name(cell) for cell in dict.fromkeys(cells) if not _is_there(table.parent / cell)}
    files = [cell for cell in cells if not named.get(cell)]
    root = table.parent if what == "content" else None  # the tree is kept of contents alone
    below = dict(zip(files, _named([table.parent / file for file in files], root), strict=True))
    return [item for cell in cells for item in named.get(cell) or [below[cell]]]


def _of_pattern(word: str, what: str) -> Sources:
    fixed = itertools.takewhile(lambda part: not glob.has_magic(part), PurePath(word).parts[:-1])
    root = Path(*fixed)
    matches = [path for path in map(Path, glob.glob(word, recursive=True)) if path.is_file()]  # noqa: PTH207 - may be absolute
    files = [path for path in matches if is_picture_name(path.name)]
    if not files:
        others = f"fits {len(matches)} file(s), none of them named like a picture" if matches else "fits no file"
        raise ImageError(f'The {what} pattern "{word}" {others}. Check it; "**" stands for folders at any depth.')
    return Sources(_found_below(files, root), folders=(root,) if "**" in word else ())


def _found_below(files: Sequence[Path], root: Path) -> tuple[Source, ...]:
    """Name what was found below a folder, and sort it."""
    places = [str(file) for file in files]
    cut = len(str(root / "x")) - 1
    names = [place[cut:].replace(os.sep, "/") for place in places]
    return tuple(
        Source(*pair) for pair in sorted(zip(names, places, strict=True), key=lambda pair: natural(pair[0]))
    )


def _named(files: Sequence[Path], root: Path | None) -> list[Source]:
    """Name files by their paths below `root`, or below the folder that all share if one lies elsewhere."""
    if not files:
        return []
    places = [_absolute(file) for file in files]
    top = "" if root is None else _absolute(root).rstrip(os.sep) + os.sep
    if not top or not all(place.startswith(top) for place in places):
        try:
            shared = os.path.commonpath([place.rpartition(os.sep)[0] + os.sep for place in places])
        except ValueError:  # on several drives
            return [Source(file.name, str(file)) for file in files]
        top = shared.rstrip(os.sep) + os.sep
    names = [place.removeprefix(top).replace(os.sep, "/") for place in places]
    return [Source(name, str(file)) for name, file in zip(names, files, strict=True)]


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - Path.resolve would follow links
