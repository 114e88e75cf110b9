"""Standard input and output: pictures, text and JSON; they may be closed, full or of a narrow encoding."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import sys
from typing import Any

import click

from styletransfer.errors import ImageError, OptionError, OutputError

#: More bytes than any picture file that can be read.
_MOST_BYTES = 1 << 30


def tell(text: str, *, kept: str = "") -> None:
    """Print a line.

    Args:
        text: The line.
        kept: What was done before, for the message if the line cannot be printed.

    Raises:
        OutputError: Standard output takes no more.
    """
    try:
        click.echo(text)
    except OSError as problem:
        raise unwritable(problem, kept) from problem


def tell_json(value: Any, *, kept: str = "") -> None:
    """Print a value as one line of JSON; see `tell`."""
    tell(json.dumps(value), kept=kept)


def read_bytes() -> bytes:
    """Read a picture's file from standard input.

    Raises:
        OptionError: Standard input is a terminal or closed.
        ImageError: More than 1 GB.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise OptionError("There is nothing on standard input; pipe a picture's file into it, or give its name.")
    data = sys.stdin.buffer.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ImageError(f"Standard input holds more than {_MOST_BYTES >> 30} GB, which is no picture's file.")
    if not data:
        raise ImageError("Standard input is empty; pipe a picture's file into it, or give its name.")
    return data


def check_binary_output() -> None:
    """Find out before the work whether standard output can take a picture.

    Raises:
        OutputError: It is a terminal or closed.
    """
    if sys.stdout is None or sys.stdout.closed:
        raise OutputError("Standard output is closed; send it to a file or a pipe, or name a file with -o.")
    if sys.stdout.isatty():
        raise OutputError("A picture cannot be shown in a terminal; send standard output to a file or a pipe.")


def write_bytes(data: bytes) -> None:
    """Write a picture's file to standard output.

    Raises:
        OutputError: Standard output takes no more.
    """
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as problem:
        raise unwritable(problem) from problem


def take_any_character() -> None:
    """Let the standard streams escape characters that their encoding lacks, instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def unwritable(problem: OSError, kept: str = "") -> Exception:
    """Turn what standard output raised into one sentence, and keep Python from trying again when it ends."""
    if problem.errno == errno.EPIPE:
        return problem  # click ends quietly when the reader has gone, as other tools do
    with contextlib.suppress(OSError, AttributeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    reason = os.strerror(problem.errno) if problem.errno else str(problem)
    return OutputError(f"Cannot write to standard output: {reason}. {kept}".strip())
