"""The folder of parts: what is done so far of a clip, so that a run that was stopped goes on."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from styletransfer.errors import OutputError
from styletransfer.files import alone, remove_leftovers_below, write_contents
from styletransfer.video.flicker import Flicker
from styletransfer.video.outputs import Shown
from styletransfer.video.painting import State

_JOB = "job.json"
_FORMAT = "styletransfer video parts 1"
#: Names of files that a folder of parts may hold; nothing else in it is ever removed.
_OWN = re.compile(r"\d{6,8}\.\w+|whole\.\w+")
_CARRIED = "carried."


class Parts:
    """What is in a folder of parts.

    Args:
        folder: Made by `begin`.
        job: What was asked, ready for JSON: parts of anything else are of no use.
    """

    def __init__(self, folder: Path, job: Mapping[str, Any]) -> None:
        self._folder, self._job = folder, json.loads(json.dumps(job))

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder, and keep other runs out of it.

        Raises:
            OutputError: Another run has it.
        """
        self._folder.mkdir(exist_ok=True)
        refusal = f'Another run is working in "{self._folder}". Wait for it, or choose another output.'
        with alone(self._folder, refusal=refusal):
            yield

    def begin(self) -> str | None:
        """Prepare the folder, and empty one of another job; return what the user should know of that.

        Raises:
            OutputError: The folder holds something else.
        """
        remove_leftovers_below(self._folder)  # of a run that was killed while it wrote down its job
        job, others = self._found_job(), self._others()
        if job == self._job:
            return None
        if others:
            raise OutputError(
                f'"{self._folder}" is where parts of the clip would go, and it holds something else '
                f'("{others[0].name}"). Move it away, or choose another output.'
            )
        self._empty()
        write_contents({self._folder / _JOB: json.dumps({"format": _FORMAT, "job": self._job}).encode()})
        if job is None:  # nothing, or what was left when a finished run was killed while it tidied up
            return None
        changed = [name for name in self._job if job.get(name) != self._job[name]]
        return f'The parts in "{self._folder}" are of other options ({", ".join(changed)}); all is painted again.'

    def _others(self) -> list[Path]:
        """Return what in the folder is none of its own."""
        own = {_JOB} if self._found_job() is not None else set()
        return sorted(x for x in self._folder.iterdir() if x.name not in own and not _OWN.fullmatch(x.name))

    def _empty(self) -> None:
        """Remove all parts, the job last: without it nobody would know whose the others are."""
        for file in self._folder.iterdir():
            if _OWN.fullmatch(file.name):
                file.unlink(missing_ok=True)
        if self._found_job() is not None:
            (self._folder / _JOB).unlink()

    def _found_job(self) -> dict[str, Any] | None:
        try:
            found = json.loads((self._folder / _JOB).read_bytes())
        except (OSError, ValueError):
            return None
        marked = isinstance(found, dict) and found.get("format") == _FORMAT
        return found["job"] if marked and isinstance(found.get("job"), dict) else None

    def done(self, has: Callable[[int], bool] = lambda number: True) -> tuple[int, int, State]:
        """Return how many segments and frames are done, and the state after them.

        Args:
            has: Whether the frames of a segment are there.
        """
        segments = frames = 0
        record: dict[str, Any] | None = None
        while (following := self._record(segments)) is not None and has(segments):
            record, segments, frames = following, segments + 1, frames + len(following["frames"])
        state = None if record is None else self._state(segments - 1, record)
        return (0, 0, State()) if state is None else (segments, frames, state)

    def keep(self, number: int, frames: Sequence[Shown], state: State) -> None:
        """Write down that a segment is done: with this, and not before, it counts."""
        record = {
            "frames": [[str(frame.time), str(frame.duration)] for frame in frames],
            "flicker": dataclasses.asdict(state.flicker),
            "cuts": state.cuts,
            "broken": state.broken,
            "broken_count": state.broken_count,
        }
        tensors = {_CARRIED + name: value for name, value in state.carried.items()}
        tensors |= {name: value for name, value in _pictures(state).items() if value is not None}
        stored = save({name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()})
        write_contents({self._state_file(number): stored, self._record_file(number): json.dumps(record).encode()})
        if number:
            self._state_file(number - 1).unlink(missing_ok=True)

    def shown(self, segments: int) -> Iterator[Shown]:
        """Yield the times of all frames of so many segments."""
        for number in range(segments):
            record = self._record(number)
            for time, duration in record["frames"] if record else ():
                yield Shown(time=Fraction(time), duration=Fraction(duration))

    def remove(self) -> None:
        """Remove the folder."""
        with contextlib.suppress(OSError):
            self._empty()
            self._folder.rmdir()

    def _record(self, number: int) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self._record_file(number).read_bytes())
        except (OSError, ValueError):
            return None
        return found

    def _record_file(self, number: int) -> Path:
        return self._folder / f"{number:06d}.json"

    def _state_file(self, number: int) -> Path:
        return self._folder / f"{number:06d}.safetensors"

    def _state(self, number: int, record: Mapping[str, Any]) -> State | None:
        """Return the state after a segment, or None if it cannot be read."""
        try:
            tensors: dict[str, Tensor] = load_file(self._state_file(number))
        except (OSError, SafetensorError):
            return None
        return State(
            stylized=tensors.pop("stylized", None),
            plain=tensors.pop("plain", None),
            carried={name.removeprefix(_CARRIED): value for name, value in tensors.items()},
            flicker=Flicker(**record["flicker"]),
            cuts=tuple(record["cuts"]),
            broken=tuple(record["broken"]),
            broken_count=record["broken_count"],
        )


def _pictures(state: State) -> dict[str, Tensor | None]:
    return {"stylized": state.stylized, "plain": state.plain}
