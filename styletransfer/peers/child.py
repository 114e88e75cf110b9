"""One run of another program: started, timed, stopped when it takes too long or this process is asked to end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

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


@contextlib.contextmanager
def orderly_end() -> Iterator[None]:
    """Let the first SIGTERM or SIGHUP unwind the block, and end this process only then.

    A program of its own session would go on without us. Handlers of others are left alone.
    """
    kinds = [signal.SIGTERM] if _WINDOWS else [signal.SIGTERM, signal.SIGHUP]
    if threading.current_thread() is not threading.main_thread():
        kinds = []  # only the main thread may set handlers
    kinds = [kind for kind in kinds if signal.getsignal(kind) is signal.SIG_DFL]
    heard: list[int] = []

    def hear(kind: int, frame: Any) -> None:
        heard.append(kind)
        if len(heard) == 1:  # "timeout" sends its signal twice
            raise SystemExit(128 + kind)

    try:
        for kind in kinds:
            signal.signal(kind, hear)
        yield
    finally:
        for kind in kinds:
            signal.signal(kind, signal.SIG_DFL)
        if heard:
            signal.raise_signal(heard[0])


def run_child(name: str, command: Sequence[str], environment: Mapping[str, str], timeout: float) -> Run:
    """Run a program to its end; what it leaves running is killed.

    Args:
        name: What it is, for messages.
        command: Program and arguments; no shell is involved.
        environment: All of its environment variables.
        timeout: Seconds after which it and its children are killed.

    Raises:
        PeerError: It cannot be started, exits with a code other than 0, is killed, or takes longer than `timeout`.
    """
    # Its output goes to files without a name: a flood cannot fill the memory, and the program cannot remove them.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        before, start = _processor_seconds(), time.perf_counter()
        try:
            child = subprocess.Popen(
                list(command), env=dict(environment), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,  # so that its children can be killed with it
            )  # fmt: skip
        except (OSError, ValueError) as problem:
            raise PeerError(f"{name} cannot be started: {reason(problem)}. Check its command.") from problem
        code = _wait(child, timeout)
        seconds, after = time.perf_counter() - start, _processor_seconds()
        if code is None:
            raise PeerError(f"{name} did not end within {timeout:g} s and was stopped; allow it a longer timeout.")
        if code != 0:
            said = _last_lines(err) or _last_lines(out) or ["nothing"]
            how = f"ended with exit code {code}" if code > 0 else f"was killed by signal {-code}"
            raise PeerError(f"{name} {how}; it said: {' / '.join(said)[-_CHARACTERS:]}")
        spent = None if before is None or after is None else after - before
        return Run(seconds=seconds, processor_seconds=spent, output=_last_lines(out))


def _wait(child: subprocess.Popen[bytes], timeout: float) -> int | None:
    """Return a program's exit code, or None if it had to be killed after `timeout` seconds."""
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        _kill(child)

    timer = threading.Timer(timeout, expire)
    timer.daemon = True
    timer.start()  # waiting with a timeout would look only every 50 ms
    try:
        code = child.wait()
    finally:
        timer.cancel()
        _kill(child)
        child.wait()
    return None if expired.is_set() else code


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill a program and its children, or those that it left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS forbids it for a group of zombies
        child.kill() if _WINDOWS else os.killpg(child.pid, signal.SIGKILL)


def _processor_seconds() -> float | None:
    """Return the processor time of all children that have ended."""
    if _WINDOWS:
        return None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _last_lines(file: IO[bytes]) -> list[str]:
    """Return the last lines of a file that are not empty, without control characters."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - _READ))
    text = file.read(_READ).decode(errors="replace")
    lines = (_CONTROL.sub(" ", line).strip() for line in text.splitlines())
    return [line for line in lines if line][-_LINES:]
