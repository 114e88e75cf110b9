"""The map of what made what: one line of JSON for each picture, written when the picture is, and a CSV of it.

A map only grows, and each line is whole or the last one: a process that is killed loses nothing that was done.
Free of torch.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

from styletransfer.batching.stamps import Stamp
from styletransfer.errors import OutputError
from styletransfer.files import claim, reason, write_atomically

MAP, TABLE = "map.jsonl", "map.csv"
_FORMAT = {"format": "styletransfer batch map", "version": 1}
#: Columns of the table, before the judge's figures.
COLUMNS = (
    "content", "style", "output", "status", "reason", "width", "height", "seconds", "settings", "options",
    "content_sha256", "style_sha256", "output_sha256",
)  # fmt: skip
#: How every table begins.
_HEAD = ",".join(COLUMNS[:3]).encode()
#: How the columns of a judge's figures begin: one of them is called content, too.
_JUDGED = "judge_"


class Entry(NamedTuple):
    """The latest that a map says of an output.

    Attributes:
        settings: Hash of what decided how it looks; empty if it failed.
        content: Of the content file.
        style: Of the style.
        size: Bytes of the output.
        judged: Whether there are figures of a judge.
        at: Where in the map this stands.
    """

    settings: str
    content: Stamp | None
    style: Stamp | None
    size: int
    judged: bool
    at: int


class Journal:
    """A map that is read, and added to while pictures are made; a context manager.

    Attributes:
        folder: Where the pictures go, and the map with them.
        entries: The latest of each output.
        damaged: Lines that cannot be understood, the last one of a killed process apart; they count as not done.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, Entry] = {}
        self.damaged = 0
        self._figures: dict[str, None] = {}
        self._end = 0
        self._file: BinaryIO | None = None
        self._alone = threading.Lock()
        self._styles: dict[Stamp, Stamp] = {}
        self._read()

    def __enter__(self) -> Self:
        """Open the map for adding, for this process alone.

        Raises:
            OutputError: Another process works in the folder, or it takes no file.
        """
        path = self.folder / MAP
        self._check_table()
        with self._writing():
            self._file = path.open("ab")
            if not claim(self._file):
                self._file.close()
                raise OutputError(
                    f'Another process is writing to "{self.folder}"; wait for it, or choose another folder.'
                )
            if _whole(path) != self._end:  # another process has added to it since it was read
                self._read()
            self._file.truncate(self._end)  # the line that a killed process has begun
        if self._end == 0:
            self._add(_FORMAT)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # a full disk, which is told of already
                self._file.close()

    def start(self, settings: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """Note that a run begins: its settings, and what else it takes to repeat it."""
        with self._alone:
            self._add({"kind": "run", **about, "settings": dict(settings)})

    def add(self, picture: Mapping[str, Any]) -> None:
        """Note that a picture is done, or failed; may be called by several threads.

        Raises:
            OutputError: The disk takes no more.
        """
        with self._alone:
            at = self._end
            self._add({"kind": "picture", **picture})
            self._keep(picture, at)

    def write_table(self) -> Path:
        """Write the CSV file: a line for each output.

        Raises:
            OutputError: It cannot be written.
        """

        def write(file: BinaryIO) -> None:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="", errors="surrogateescape")
            figures = [f"{_JUDGED}{name}" for name in self._figures]
            table = csv.DictWriter(text, (*COLUMNS, *figures), extrasaction="ignore")
            table.writeheader()
            given: dict[str, str] = {}
            for at, record in _records(self.folder / MAP):
                if record.get("kind") == "run":
                    given[str(record.get("id"))] = json.dumps(record.get("options"), separators=(",", ":"))
                elif record.get("kind") == "picture" and self._is_latest(record, at):
                    width, height = record.get("size") or ("", "")
                    row = {"width": width, "height": height, "options": given.get(str(record.get("settings")))}
                    row |= {f"{_JUDGED}{name}": value for name, value in (record.get("figures") or {}).items()}
                    table.writerow({**record, **row})
            text.flush()
            text.detach()

        return write_atomically(self.folder / TABLE, write)

    def _check_table(self) -> None:
        """Refuse to overwrite a table that is none of ours."""
        path = self.folder / TABLE
        if path.is_file():
            with path.open("rb") as file:
                start = file.read(len(_HEAD))
            if start and start != _HEAD:
                raise OutputError(f'"{path}" is no table of a batch; move it away, or choose another folder.')

    def _is_latest(self, record: Mapping[str, Any], at: int) -> bool:
        entry = self.entries.get(str(record.get("output")))
        return entry is not None and entry.at == at

    def _read(self) -> None:
        path = self.folder / MAP
        if not path.is_file():
            return
        self._end = _whole(path)
        if self._end == 0:
            self._check_begun(path)
        for at, record in _records(path):
            if at == 0 and record.get("format") != _FORMAT["format"]:
                raise OutputError(f'"{path}" is no map of a batch; move it away, or choose another folder.')
            if at == 0 and record.get("version") != _FORMAT["version"]:
                raise OutputError(
                    f'"{path}" was written by another version of styletransfer (format {record.get("version")}, '
                    f"this one reads {_FORMAT['version']}); choose another folder."
                )
            try:
                self._keep(record, at)
            except (KeyError, TypeError):
                self.damaged += 1

    def _check_begun(self, path: Path) -> None:
        """Refuse a file without a whole line that is no beginning of a map."""
        begun = path.read_bytes()
        if begun and not _line(_FORMAT).startswith(begun):
            raise OutputError(f'"{path}" is no map of a batch; move it away, or choose another folder.')

    def _keep(self, record: Mapping[str, Any], at: int) -> None:
        if not record:
            raise TypeError
        if "output" not in record:
            return
        if record["status"] == "done":
            style = Stamp.of_record(record, "style")
            style = self._styles.setdefault(style, style)  # one object for all of its pictures
            content, size = Stamp.of_record(record, "content"), record["output_bytes"]
            judged = bool(record.get("figures"))
            self.entries[record["output"]] = Entry(record["settings"], content, style, size, judged, at)
        else:
            self.entries[record["output"]] = Entry("", None, None, 0, False, at)
        self._figures.update(dict.fromkeys(record.get("figures") or ()))

    def _add(self, record: Mapping[str, Any]) -> None:
        line = _line(record)
        if self._file is None:
            raise OutputError(f'The map "{self.folder / MAP}" is not open for adding; use it in a with statement.')
        with self._writing():
            self._file.write(line)
            self._file.flush()  # to the system, which keeps it when this process is killed
        self._end += len(line)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OutputError:
            raise
        except OSError as problem:
            raise OutputError(f'Cannot write "{self.folder / MAP}": {reason(problem)}.') from problem


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n"


def _whole(path: Path) -> int:
    """Return where the last whole line of a file ends."""
    with path.open("rb") as file:
        end = file.seek(0, io.SEEK_END)
        while end:
            start = max(0, end - 65536)
            file.seek(start)
            place = file.read(end - start).rfind(b"\n")
            if place >= 0:
                return start + place + 1
            end = start
    return 0


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Return where each whole line of a map begins, and what it says; nothing for one that is damaged."""
    at = 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            record: Any = None
            with contextlib.suppress(ValueError):
                record = json.loads(line.decode("ascii"))  # bytes would be searched for their encoding
            yield at, record if isinstance(record, dict) else {}
            at += len(line)
