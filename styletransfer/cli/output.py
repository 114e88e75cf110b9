"""What commands print: text and JSON on standard output, which may be closed, full or of a narrow encoding."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import sys
from typing import Any

import click

from styletransfer.errors import OutputError


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
        raise _unwritable(problem, kept) from problem


def tell_json(value: Any, *, kept: str = "") -> None:
    """Print a value as one line of JSON; see `tell`."""
    tell(json.dumps(value), kept=kept)


def write_bytes(data: bytes) -> None:
    """Write a picture to standard output.

    Raises:
        OutputError: Standard output takes no more.
    """
    try:
        stream = sys.stdout.buffer
        stream.write(data)
        stream.flush()
    except OSError as problem:
        raise _unwritable(problem, "") from problem


def take_any_character() -> None:
    """Let the standard streams escape characters that their encoding lacks, instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _unwritable(problem: OSError, kept: str) -> Exception:
    """Turn what standard output raised into one sentence, and keep Python from trying again when it ends."""
    if problem.errno == errno.EPIPE:
        return problem  # click ends quietly when the reader has gone, as other tools do
    with contextlib.suppress(OSError, AttributeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    reason = os.strerror(problem.errno) if problem.errno else str(problem)
    return OutputError(f"Cannot write to standard output: {reason}. {kept}".strip())
