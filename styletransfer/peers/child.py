"""One run of another program: started, timed, stopped when it takes too long or Ctrl-C is pressed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from styletransfer.errors import PeerError
from styletransfer.files import reason

_WINDOWS = os.name == "nt"
if not _WINDOWS:
    import resource

#: How much of a program's output is read, bytes, and told, lines and characters.
_READ, _LINES, _CHARACTERS = 8192, 3, 500
#: Colours of a terminal, and whatever else is not to be shown.
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f]")


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a program that ended well leaves: its times, and the end of its standard output.

    Attributes:
        seconds: From its start to its end, wall clock.
        processor_seconds: Of all its threads; None where the system does not tell.
        output: Its last lines.
    """

    seconds: float
    processor_seconds: float | None
    output: list[str]


def run_child(
    name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, timeout: float
) -> Run:
    """Run a program to its end.

    Args:
        name: What it is, for messages.
        command: Program and arguments; no shell is involved.
        environment: All of its environment variables.
        folder: An existing folder for its output, which goes to files: a flood of it cannot fill the memory.
        timeout: Seconds after which it and its children are killed.

    Raises:
        PeerError: It cannot be started, exits with a code other than 0, is killed, or takes longer than `timeout`.
    """
    files = [folder / "stdout.txt", folder / "stderr.txt"]
    before, start = _processor_seconds(), time.perf_counter()
    with files[0].open("wb") as out, files[1].open("wb") as err:
        try:
            child = subprocess.Popen(
                list(command), env=dict(environment), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,  # so that its children can be killed with it
            )  # fmt: skip
        except (OSError, ValueError) as problem:
            raise PeerError(f"{name} cannot be started: {reason(problem)}. Check its command.") from problem
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        _kill(child)

    timer = threading.Timer(timeout, expire)
    timer.daemon = True
    timer.start()  # waiting with a timeout would look only every 50 ms
    try:
        code = child.wait()
    except BaseException:
        _kill(child)
        child.wait()
        raise
    finally:
        timer.cancel()
    seconds, after = time.perf_counter() - start, _processor_seconds()
    if expired.is_set():
        raise PeerError(f"{name} did not end within {timeout:g} s and was stopped; allow it more with a timeout.")
    if code != 0:
        said = _last_lines(files[1]) or _last_lines(files[0]) or ["nothing"]
        how = f"ended with exit code {code}" if code > 0 else f"was killed by signal {-code}"
        raise PeerError(f"{name} {how}; it said: {' / '.join(said)[-_CHARACTERS:]}")
    spent = None if before is None or after is None else after - before
    return Run(seconds=seconds, processor_seconds=spent, output=_last_lines(files[0]))


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill a program that has not been waited for, and its children."""
    try:
        child.kill() if _WINDOWS else os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _processor_seconds() -> float | None:
    """Return the processor time of all children that have ended."""
    if _WINDOWS:
        return None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _last_lines(path: Path) -> list[str]:
    """Return the last lines of a file that are not empty, without control characters."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _READ))
        text = file.read().decode(errors="replace")
    lines = (_CONTROL.sub(" ", line).strip() for line in text.splitlines())
    return [line for line in lines if line][-_LINES:]
