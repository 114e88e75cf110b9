"""Which file each pair is written to, and whether any input is in danger; nothing is written here."""

from __future__ import annotations

import itertools
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from styletransfer.batching.sources import Source, Sources
from styletransfer.errors import OptionError, OutputError
from styletransfer.files import folder_files
from styletransfer.images.encode import FORMATS, output_format

#: The default name of an output, without its suffix.
NAME = "{content}-{style}"
_FIELDS = ("content", "style")
_FIELD = re.compile(r"\{([^{}]*)\}")


class Task(NamedTuple):
    """One picture that is to be made.

    Attributes:
        content: What is repainted.
        style: In whose manner.
        output: Where it goes, below the output folder, with forward slashes.
    """

    content: Source
    style: Source
    output: str


def tasks_of(pairs: Iterable[tuple[Source, Source]], name: str, suffix: str) -> list[Task]:
    """Give each pair its output.

    Args:
        pairs: Content and style.
        name: Of the files, without suffix: a text with the fields ``{content}``, with the content's folders, and
            ``{style}``.
        suffix: With its dot.

    Raises:
        OptionError: Unknown fields, no field at all, a name that leads out of the folder, or two pairs that would
            be written to one file: names that differ in case only count as one, since on many systems they are.

    Example:
        >>> photo, style = Source("trip/a.jpg", "photos/trip/a.jpg"), Source("mosaic", "mosaic")
        >>> tasks_of([(photo, style)], "{style}/{content}", ".png")[0].output
        'mosaic/trip/a.png'
    """
    _check_name(name)
    pieces = _FIELD.split(name)  # in turns what stays and a field
    tasks: list[Task] = []
    taken: dict[str, int] = {}
    for number, (content, style) in enumerate(pairs):
        fields = {"content": content.stem, "style": style.stem.replace("/", "-")}
        output = "".join([fields[piece] if i % 2 else piece for i, piece in enumerate(pieces)]) + suffix
        if not all(part.strip(".") and part != suffix for part in output.split("/")):
            raise OptionError(
                f'"{content.name}" in "{style.name}" would be written to "{output}", which is no name below the '
                "output folder. Rename the file, or give another name."
            )
        tasks.append(Task(content, style, output))
        plain = output if output.isascii() else unicodedata.normalize("NFC", output)
        other = taken.setdefault(plain.casefold(), number)
        if other != number:
            raise OptionError(_clash(tasks[other], tasks[-1]))
    return tasks


def suffix_of(file_format: str) -> str:
    """Return the suffix of a picture format, with its dot.

    Raises:
        OptionError: An unknown format.
    """
    output_format(None, file_format)
    given = f".{file_format.lower().removeprefix('.')}"
    return given if given in FORMATS else ".png"


def check_places(folder: str | os.PathLike[str], contents: Sources, styles: Sources, names: Sequence[str]) -> Path:
    """Find out before the work whether pictures can go into a folder.

    Args:
        folder: Where pictures go; may be missing if it can be made.
        contents: What is read.
        styles: The same.
        names: Files that will be written into it, beside pictures.

    Returns:
        `folder` as a `Path`.

    Raises:
        OutputError: The folder lies in one that is searched, or cannot be written to.
    """
    folder_files(folder, names)
    place = Path(folder)
    real = place.resolve()
    for what, found in (("content", contents), ("style", styles)):
        for searched in found.folders:
            if real.is_relative_to(searched.resolve()):
                raise OutputError(
                    f'The output folder "{place}" lies in the {what} folder "{searched}", so that the next '
                    "run would take results for inputs. Choose a folder beside it."
                )
    return place


class Inputs:
    """The files that are read, known under any name and through links, so that none is overwritten.

    Args:
        sources: What is read.
    """

    def __init__(self, *sources: Sources) -> None:
        self._sources = sources
        self._known: set[tuple[int, int]] | None = None

    def refuse(self, path: str, status: os.stat_result) -> None:
        """Refuse an output whose file, as `status` tells, is an input.

        Raises:
            OutputError: It is.
        """
        if self._known is None:  # only asked where something stands in the place of an output
            self._known = set(self._look())
        if (status.st_dev, status.st_ino) in self._known:
            raise OutputError(
                f'"{path}" is one of the inputs, or a link to one, and inputs are never overwritten. Choose '
                "another output folder."
            )

    def _look(self) -> Iterator[tuple[int, int]]:
        for item in itertools.chain.from_iterable(found.items for found in self._sources):
            try:
                status = os.stat(item.place)  # noqa: PTH116 - a hundred thousand paths take a second
            except (OSError, ValueError):  # a style's name, or a file that reading will tell of
                continue
            yield status.st_dev, status.st_ino


def _check_name(name: str) -> None:
    fields = _FIELD.findall(name)
    for field in fields:
        if field not in _FIELDS:
            raise OptionError(
                f'The name "{name}" has a field {{{field}}}; the fields are {{content}} and {{style}}.'
            )
    if not fields or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise OptionError(
            f'The name "{name}" gives no places below the output folder; give one such as "{NAME}" or '
            '"{style}/{content}".'
        )


def _clash(first: Task, second: Task) -> str:
    names = [f'"{task.content.name}" in "{task.style.name}"' for task in (first, second)]
    if first.output == second.output:
        told = f'would both be written to "{first.output}"'
    else:
        told = f'would be written to "{first.output}" and "{second.output}", which many systems take for one file'
    return f"{names[0]} and {names[1]} {told}. Rename one, give both fields in name, or use two output folders."
