"""What a batch will do: checked before the first picture is read, with what an earlier run has done left out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from styletransfer import codes, images
from styletransfer.batching.journal import MAP, TABLE, Entry, Journal
from styletransfer.batching.outputs import NAME, Inputs, Task, check_places, suffix_of, tasks_of
from styletransfer.batching.painting import Painter, Recipe
from styletransfer.batching.pairing import check_pairing, pairs
from styletransfer.batching.reading import Reading, encoded_stamp
from styletransfer.batching.settings import settings_of
from styletransfer.batching.sources import Given, Source, Sources, find_contents, find_styles
from styletransfer.batching.stamps import Stamp, settings_id, stamp_of
from styletransfer.errors import StyleTransferError
from styletransfer.images.folders import Problem
from styletransfer.job import Fetch
from styletransfer.judging.judge import Judge, create_judge
from styletransfer.recording import plain, versions
from styletransfer.stylizer import EncodedStyle


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which pictures are wanted, and where.

    Attributes:
        contents: As for `find_contents`.
        styles: As for `find_styles`.
        folder: Where pictures go.
        pairing: As for `pairs`, like the next two.
        styles_per_content: The same.
        seed: The same; 0 if absent.
        name: As for `tasks_of`.
        format: Of the pictures.
        quality: Of JPEG and WebP.
    """

    contents: Given | Iterable[Given]
    styles: Given | Iterable[Given]
    folder: str | os.PathLike[str]
    pairing: str = "product"
    styles_per_content: int | None = None
    seed: int | None = None
    name: str = NAME
    format: str = "png"
    quality: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Work that is ready to start, for any engine.

    Attributes:
        folder: Where pictures go.
        recipe: How they are made.
        painter: Who makes them here.
        reading: How inputs are read.
        suffix: Of the outputs.
        quality: Of JPEG and WebP.
        tasks: What is left to do.
        total: Pictures asked for.
        left_out: Files that cannot be pictures.
        journal: The map, read.
        settings: Everything that decides what a picture looks like.
        about: What else a map tells of the run.
        judge: Who measures each picture, or None.
    """

    folder: Path
    recipe: Recipe
    painter: Painter
    reading: Reading
    suffix: str
    quality: int | None
    tasks: Sequence[Task]
    total: int
    left_out: tuple[Problem, ...]
    journal: Journal
    settings: Mapping[str, Any]
    about: Mapping[str, Any]
    judge: Judge | None

    @property
    def id(self) -> str:
        """The hash of the settings."""
        return str(self.about["id"])


def prepare_batch(
    wanted: Wanted,
    recipe: Recipe,
    reading: Reading,
    *,
    judge: bool | str | Judge = False,
    fetch: Fetch | None = None,
) -> Batch:
    """Find and check everything; nothing is painted or written.

    Args:
        wanted: Which pictures.
        recipe: How they are made.
        reading: How inputs are read.
        judge: Who measures each picture: a judge, its name, or True for the strictest that is installed.
        fetch: Called for weights that have to be downloaded first.

    Raises:
        StyleTransferError: Bad input; the message says what, what is wanted, and the way out.
    """
    recipe.check()
    check_pairing(wanted.pairing, wanted.styles_per_content, wanted.seed or 0)
    suffix = suffix_of(wanted.format)
    blank = torch.zeros(1, 3, 1, 1)
    images.encode_image(blank, format=suffix, quality=wanted.quality)  # refuses a quality that does not fit
    contents, styles = find_contents(wanted.contents), find_styles(wanted.styles)
    found = pairs(
        contents.items,
        styles.items,
        wanted.pairing,
        styles_per_content=wanted.styles_per_content,
        seed=wanted.seed or 0,
    )
    tasks = tasks_of(found, wanted.name, suffix)
    folder = check_places(wanted.folder, contents, styles, [MAP, TABLE])
    measuring = _judge(judge, styles, recipe)
    painter = recipe.build(fetch)
    settings = settings_of(painter, recipe, reading, suffix, wanted.quality)
    about = _about(wanted, recipe, painter, measuring, settings_id(settings))
    journal = Journal(folder)
    earlier = _Earlier(folder, journal, about["id"], judged=measuring is not None)
    left = earlier.left(tasks, Inputs(contents, styles))
    return Batch(
        folder=folder,
        recipe=recipe,
        painter=painter,
        reading=reading,
        suffix=suffix,
        quality=wanted.quality,
        tasks=left,
        total=len(tasks),
        left_out=(*contents.left_out, *styles.left_out),
        journal=journal,
        settings=settings,
        about=about,
        judge=measuring,
    )


class _Earlier:
    """Finds out what an earlier run has done: the same inputs, the same settings, and the file is there."""

    def __init__(self, folder: Path, journal: Journal, settings: str, *, judged: bool) -> None:
        self._top = os.path.join(str(folder), "")  # noqa: PTH118 - a hundred thousand paths take a second
        self._entries, self._settings, self._judged = journal.entries, settings, judged
        self._stamps: dict[Source, Stamp | None] = {}

    def left(self, tasks: Iterable[Task], inputs: Inputs) -> list[Task]:
        """Return the tasks that are not done.

        Raises:
            OutputError: An output that is an input.
        """
        left = []
        for task in tasks:
            path = self._top + task.output
            try:
                status = os.stat(path)  # noqa: PTH116 - the same
            except (OSError, ValueError):
                left.append(task)
                continue
            entry = self._entries.get(task.output)
            if entry is None or not self._is_done(task, entry, status.st_size):
                inputs.refuse(path, status)
                left.append(task)
        return left

    def _is_done(self, task: Task, entry: Entry, size: int) -> bool:
        if entry.content is None or entry.style is None or entry.settings != self._settings or entry.size != size:
            return False
        if self._judged and not entry.judged:
            return False
        content = self._stamp(task.content, entry.content, by_name=False)
        style = self._stamp(task.style, entry.style, by_name=True)
        if content is None or style is None:
            return False
        return (content.sha256, style.sha256) == (entry.content.sha256, entry.style.sha256)

    def _stamp(self, source: Source, before: Stamp, *, by_name: bool) -> Stamp | None:
        """Return what a source is now; None if it cannot be read, which painting will tell of."""
        if source not in self._stamps:
            try:
                found = codes.find(source.place) if by_name else None
                self._stamps[source] = (
                    encoded_stamp(found)
                    if isinstance(found, EncodedStyle)
                    else stamp_of(found or source.place, before)
                )
            except StyleTransferError:
                self._stamps[source] = None
        return self._stamps[source]


def _judge(judge: bool | str | Judge, styles: Sources, recipe: Recipe) -> Judge | None:
    """Return who measures; every style must be a picture that a judge can see."""
    if judge is False:
        return None
    for style in styles.items:
        if not Path(style.place).is_file():
            codes.as_picture_source(style.place, "The judge")
    return (
        judge if isinstance(judge, Judge) else create_judge(None if judge is True else judge, device=recipe.device)
    )


def _about(wanted: Wanted, recipe: Recipe, painter: Painter, judge: Judge | None, settings: str) -> dict[str, Any]:
    """Return what a map tells of a run besides its settings."""
    bare = painter.stylizer.declaration.bare
    drawn = {"styles_per_content": wanted.styles_per_content, "seed": wanted.seed or 0}
    return {
        "id": settings,
        "method": recipe.method,
        "options": {name: plain(value) for name, value in recipe.options.items() if name not in bare},
        "contents": plain(wanted.contents),
        "styles": plain(wanted.styles),
        "pairing": {"name": wanted.pairing, **(drawn if wanted.pairing == "random" else {})},
        "judge": None if judge is None else judge.label.to_dict(),
        "device": str(painter.stylizer.extractor.device),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
