"""The command `styletransfer`, also as `python -m styletransfer`, which ``torchrun -m styletransfer`` needs."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from typing import Any

from styletransfer.allocator import keep_freed_memory


def main() -> Any:
    """Run the command line; Ctrl-C during its start ends it at once."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    keep_freed_memory()
    leaving = _Leaving()
    try:
        from styletransfer.cli import main as command
    except KeyboardInterrupt:
        _leave()
    try:
        return command(prog_name="styletransfer")
    except SystemExit as end:
        leaving.code = end.code if isinstance(end.code, int) else 0 if end.code is None else None
        raise


class _Leaving:
    """Ends the process when all is done and written, without taking apart every module first.

    It is registered before torch is imported, so it comes after all that others have registered.

    Attributes:
        code: The exit code, or None as long as the process is to end as usual, e.g. with a traceback.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        atexit.register(self._leave)

    def _leave(self) -> None:
        watched = sys.gettrace() or sys.getprofile()  # a debugger or a coverage tool, which has an end of its own
        if self.code is None or watched:
            return
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):  # which Python's own end reports
            return
        os._exit(self.code)


def _interrupt(number: int, frame: object) -> None:
    """Raise KeyboardInterrupt, except in the import of torch, whose C++ would abort with a core dump."""
    if getattr(getattr(sys.modules.get("torch"), "__spec__", None), "_initializing", False):
        _leave()
    raise KeyboardInterrupt


def _leave() -> None:
    os.write(2, b"Interrupted; nothing was written.\n")
    os._exit(130)


if __name__ == "__main__":
    main()
