"""Options that several commands share: where to work, how pictures are read, how results are reported."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from styletransfer.cli.options import completing
from styletransfer.errors import OptionError
from styletransfer.judging.judges import list_judges
from styletransfer.methods import DEFAULT_METHOD, METHODS
from styletransfer.weights import catalogue

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_LONG_EDGE = 512
#: Options that say how pictures are read.
_READING = ("long_edge", "full_size", "frame", "style_frame", "max_pixels")


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """Import torch within this: nothing imported becomes garbage, and looking for some takes a tenth longer."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def split_off(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take the `working_options` out of what was given: those of `job.prepare`, and those of reading pictures."""
    working = {name: given.pop(name) for name in ("extractor", "device")}
    return working, {name: given.pop(name) for name in _READING}


def files_among(*chosen: Mapping[str, Any]) -> list[str]:
    """Return the options' values that may be names of files."""
    return [value for options in chosen for value in options.values() if isinstance(value, str)]


def working_options(command: Command) -> Command:
    """Add what `stylize` and `compare` share: extractor, device, size."""
    for add in (
        click.option("--max-pixels", type=int, metavar="N", help="Refuse larger pictures.  [default: 200000000]"),
        click.option("--style-frame", type=int, metavar="N", help="The same of STYLE."),
        click.option("--frame", type=int, metavar="N", help="Frame or page of CONTENT to take, counted from 0."),
        click.option("--full-size", is_flag=True, help="Do not reduce the pictures."),
        click.option(
            "--long-edge",
            type=int,
            default=None,
            metavar="PIXELS",
            help=f"Reduce the pictures to this longer side.  [default: {DEFAULT_LONG_EDGE}]",
        ),
        device_option,
        click.option(
            "--extractor",
            default=None,
            metavar="NAME|FILE",
            help="Weight set of the feature extractor; the method's own if absent.",
            shell_complete=completing(lambda: catalogue.names("extractor"), files=True),
        ),
    ):
        command = add(command)
    return command


def folder_option(command: Command) -> Command:
    """Add the folder that results are written to."""
    return click.option(
        "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="Where to write."
    )(command)


def method_option(command: Command) -> Command:
    """Add the choice of one method."""
    return click.option(
        "-m",
        "--method",
        default=DEFAULT_METHOD,
        show_default=True,
        metavar="NAME",
        help=f"One of: {', '.join(METHODS)}.",
        shell_complete=completing(lambda: METHODS),
    )(command)


def device_option(command: Command) -> Command:
    """Add the choice of a device."""
    return click.option(
        "--device",
        default=None,
        metavar="NAME",
        help="cpu, cuda, mps; the best there is by default.",
        shell_complete=completing(lambda: ("cpu", "cuda", "mps")),
    )(command)


def judge_option(command: Command) -> Command:
    """Add the choice of a judge."""
    return click.option(
        "--judge",
        default=None,
        metavar="NAME",
        help=f"Who measures: {' or '.join(list_judges())}.  [default: the first of them that is installed]",
        shell_complete=completing(list_judges),
    )(command)


def output_options(command: Command) -> Command:
    """Add what nearly every command shares: how it reports."""
    command = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")(
        command
    )
    return click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")(command)


def chosen_edge(long_edge: int | None, full_size: bool) -> int | None:
    """Return the long edge to reduce to, or None for no reduction.

    Raises:
        OptionError: Both were given.
    """
    if full_size and long_edge is not None:
        raise OptionError(f"Both --full-size and --long-edge {long_edge} were given; give only one.")
    edge = None if full_size else DEFAULT_LONG_EDGE if long_edge is None else long_edge
    remember_edge(edge)
    return edge


def remember_edge(edge: int | None) -> None:
    """Keep the long edge that is worked at, for what is said when memory runs out."""
    click.get_current_context().meta["styletransfer.long_edge"] = edge
