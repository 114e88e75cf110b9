"""The command `styletransfer`, also as `python -m styletransfer`, which ``torchrun -m styletransfer`` needs."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any


def main() -> Any:
    """Run the command line; Ctrl-C during its start ends it at once."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        from styletransfer.cli import main as command
    except KeyboardInterrupt:
        _leave()
    return command(prog_name="styletransfer")


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
