"""Who uses the app: each visitor's comparison and files, until the browser is closed."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from styletransfer import samples
from styletransfer.app.desk import Desk
from styletransfer.app.limits import Limits
from styletransfer.app.painting import Painting, Run
from styletransfer.app.settings import Settings
from styletransfer.comparing.result import Comparison
from styletransfer.errors import OptionError, OutputError, StyleTransferError
from styletransfer.files import write_atomically
from styletransfer.images.opening import opened
from styletransfer.plotting import title
from styletransfer.progress import duration

#: Seconds between two looks.
_EVERY = 0.3


@dataclass(frozen=True, kw_only=True)
class View:
    """What a visitor is shown.

    Attributes:
        message: A sentence.
        state: ``"waiting"``, ``"working"``, ``"done"`` or ``"problem"``.
        runs: How far each method is.
        comparison: At the end, if there is one.
        files: At the end: pictures, the figure and the settings.
        commands: At the end: what repeats each run from the shell.
    """

    message: str
    state: str
    runs: tuple[Run, ...] = ()
    comparison: Comparison | None = None
    files: tuple[Path, ...] = ()
    commands: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("done", "problem")


@dataclass
class _Visitor:
    folder: Path
    seen: float
    cancelled: threading.Event = field(default_factory=threading.Event)
    busy: bool = False
    uploads: set[Path] = field(default_factory=set)


class Visitors:
    """All that are there.

    Args:
        limits: What each may ask.
        folder: Where uploads arrive. Results are kept in a folder below it until their visitor leaves. No file
            elsewhere is read or removed, whatever a visitor names.
    """

    def __init__(self, limits: Limits, folder: Path) -> None:
        self.limits = limits
        self.folder = folder.resolve()
        self._results = self.folder / "results"
        self._results.mkdir(exist_ok=True)
        self.desk = Desk(limits.waiting)
        self._lock = threading.Lock()
        self._present: dict[str, _Visitor] = {}

    def paint(
        self,
        name: str,
        content: Path | None,
        style: Path | None,
        settings: Settings,
        *,
        preserve: Path | None = None,
    ) -> Iterator[View]:
        """Compare for a visitor, and yield what there is to see until it is done.

        Args:
            name: Of the visitor.
            content: File of a picture; None if there is none yet.
            style: The same.
            settings: What is asked.
            preserve: File of a picture that is white where the content is kept, or None.

        Raises:
            OptionError: No picture, a second comparison at the same time, or too many that wait.
        """
        for path, what in ((content, "content"), (style, "style")):
            if path is None:
                raise OptionError(f"There is no {what} picture yet; choose a sample or upload one.")
        given = [None if path is None else self._checked(path) for path in (content, style, preserve)]
        visitor = self._enter(name)
        ticket = None
        painting = None
        try:
            visitor.uploads |= {path for path in given if path is not None}
            data = [None if path is None else _bytes_of(path) for path in given]
            ticket = self.desk.line_up()
            while not ticket.wait(_EVERY) and not visitor.cancelled.is_set():
                yield View(message=f"Waiting: {ticket.ahead} before you.", state="waiting")
            if visitor.cancelled.is_set():
                yield View(message="Cancelled before it began.", state="problem")
                return
            painting = Painting(data[0] or b"", data[1] or b"", settings, self.limits, preserve=data[2])
            painting.start(at_end=ticket.leave)
            while not painting.wait(_EVERY):
                if visitor.cancelled.is_set():
                    painting.cancel()
                yield View(
                    message=_progress(painting, visitor), state="working", runs=tuple(painting.runs.values())
                )
            names = [_name_of(path) for path in given]
            yield self._outcome(painting, visitor, names)
        finally:
            if painting is not None:
                painting.cancel()  # the browser is gone; its place is given up when the thread has ended
            elif ticket is not None:
                ticket.leave()
            visitor.busy = False
            visitor.seen = time.monotonic()

    def note(self, name: str, upload: Path) -> str | None:
        """Note that a file is a visitor's, before it is painted with; return what is wrong with it, or None."""
        try:
            path = self._checked(upload)
            with self._lock:
                visitor = self._visitor(name)
                visitor.seen = time.monotonic()
                visitor.uploads.add(path)
            with opened(io.BytesIO(_bytes_of(path)), "picture"):
                return None
        except StyleTransferError as problem:
            return str(problem)

    def sweep(self) -> None:
        """Remove the files of visitors who have not painted for long and did not say goodbye."""
        oldest = time.monotonic() - 60 * self.limits.kept_minutes
        for name, visitor in list(self._present.items()):
            if not visitor.busy and visitor.seen < oldest:
                self.leave(name)

    def cancel(self, name: str) -> None:
        """Stop a visitor's comparison, if there is one."""
        with self._lock:
            if name in self._present:
                self._present[name].cancelled.set()

    def leave(self, name: str) -> None:
        """Stop a visitor's comparison and remove the files."""
        self.cancel(name)
        with self._lock:
            visitor = self._present.pop(name, None)
        if visitor is not None:
            shutil.rmtree(visitor.folder, ignore_errors=True)
            for upload in visitor.uploads - self._shared(visitor.uploads):
                upload.unlink(missing_ok=True)

    def leave_all(self) -> None:
        """Let everybody go."""
        for name in list(self._present):
            self.leave(name)

    def _shared(self, uploads: set[Path]) -> set[Path]:
        """Return those that others use too: equal files are kept once, and the samples are for all."""
        others = {path for visitor in self._present.values() for path in visitor.uploads}
        return {path for path in uploads if path in others or _is_sample(path)}

    def _enter(self, name: str) -> _Visitor:
        with self._lock:
            visitor = self._visitor(name)
            if visitor.busy:
                raise OptionError("Your comparison is still running; wait for it, or cancel it first.")
            visitor.busy = True
            visitor.cancelled.clear()
            return visitor

    def _visitor(self, name: str) -> _Visitor:
        if name not in self._present:
            self._present[name] = _Visitor(Path(tempfile.mkdtemp(dir=self._results)), time.monotonic())
        return self._present[name]

    def _checked(self, path: Path) -> Path:
        """Return the path of an upload; a path to anything else on this machine is refused."""
        try:
            place = path.resolve()
            inside = place.is_relative_to(self.folder) and not place.is_relative_to(self._results)
            if inside and place.is_file():
                return place
        except (OSError, ValueError):  # a name that no file can have
            inside = False
        if inside:
            raise OptionError("A picture is gone from the app; upload it again.")
        raise OptionError("A picture is uploaded as a file; this one was not.")

    def _outcome(self, painting: Painting, visitor: _Visitor, names: list[str | None]) -> View:
        runs = tuple(painting.runs.values())
        if painting.comparison is None:
            return View(
                message=painting.problem or painting.stopped or "Nothing was painted.", state="problem", runs=runs
            )
        try:
            commands = painting.settings.commands(names[0] or "", names[1] or "", names[2])
            if painting.stopped:
                commands.insert(0, "# These run to the end what was stopped here.")
            files = _write(painting.comparison, painting.settings, visitor.folder, names, commands)
        except OutputError:
            told = "The pictures are here, but not as files: the disk of the app's machine is full or takes none."
            return View(message=told, state="problem", runs=runs, comparison=painting.comparison)
        seconds = ", ".join(f"{title(run.method)} {duration(run.seconds)}" for run in runs if run.done)
        return View(
            message=" ".join([painting.stopped or f"Done: {seconds}.", *painting.notes]),
            state="done",
            runs=runs,
            comparison=painting.comparison,
            files=tuple(files),
            commands=tuple(commands),
        )


def _write(
    comparison: Comparison, settings: Settings, folder: Path, names: list[str | None], commands: list[str]
) -> list[Path]:
    """Write what can be downloaded: each method's picture, the figure, the table, and the settings."""
    written = comparison.save(folder)
    kept = folder / "settings.json"
    record = {
        "settings": settings.to_dict(),
        "pictures": dict(zip(("content", "style", "preserve"), names, strict=True)),
        "commands": commands,
        "comparison": comparison.to_dict(),
    }
    text = json.dumps(record, indent=2, allow_nan=False) + "\n"
    write_atomically(kept, lambda file: file.write(text.encode()))
    pictures = [path for path in written if path.stem in comparison.results]
    others = [path for path in written if path not in pictures and path.suffix != ".json"]
    return [*pictures, kept, *others]


def _progress(painting: Painting, visitor: _Visitor) -> str:
    if painting.stopped:
        return "Measuring what was reached."
    if visitor.cancelled.is_set():
        return "Stopping at the next step."
    started = [run for run in painting.runs.values() if run.history]
    if not started:
        return "Reading the pictures and loading networks."
    run = started[-1]
    if run.done:
        following = [other.method for other in painting.runs.values() if not other.history]
        return f"{title(following[0])} is about to start." if following else "Measuring."
    left = run.seconds_left
    last = run.history[-1]
    about = "" if left is None else f", about {duration(left)} left"
    return f"{title(run.method)}: step {last.step} of {last.steps}{about}."


def _name_of(path: Path | None) -> str | None:
    """Return what a command calls a picture: a sample's name, or the file's."""
    if path is None:
        return None
    return path.stem if _is_sample(path) else path.name


def _is_sample(path: Path) -> bool:
    sample = samples.find(path.stem)
    return sample is not None and path.is_file() and path.read_bytes() == sample.read_bytes()


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OptionError("A picture is gone from the app; upload it again.") from error
