"""`styletransfer compare` and `styletransfer demo`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styletransfer import samples
from styletransfer.cli.inputs import read_pictures, read_regions, region_options, split_off_regions
from styletransfer.cli.options import OptionsCommand, completing, method_options, options_for
from styletransfer.cli.shared import (
    device_option,
    files_among,
    folder_option,
    judge_option,
    output_options,
    quick_imports,
    split_off,
    working_options,
)
from styletransfer.cli.streams import tell, tell_json
from styletransfer.errors import CompareInterrupted
from styletransfer.judging.judges import find_judge
from styletransfer.methods import METHODS
from styletransfer.peers import DEFAULT_TIMEOUT, PEERS
from styletransfer.progress import fetch_visibly

if TYPE_CHECKING:
    from styletransfer.comparing.result import Comparison

#: Chosen so that all methods and the figure take well under 90 seconds on two slow cores.
_DEMO_LONG_EDGE = 320


@click.command(
    "compare",
    cls=OptionsCommand,
    options=lambda: method_options(exclude=["style_mix"]),
    short_help="Compare several methods on one pair of pictures.",
)
@click.argument("content", type=click.Path())
@click.argument("style", type=click.Path())
@folder_option
@click.option(
    "-m",
    "--methods",
    default=None,
    metavar="NAME,...",
    help="Methods to compare; all by default.",
    shell_complete=completing(lambda: METHODS),
)
@click.option(
    "--peer",
    "peers",
    multiple=True,
    metavar="NAME",
    help='Also run another program; "styletransfer peers" lists them. Can be repeated.',
    shell_complete=completing(lambda: PEERS),
)
@click.option(
    "--peer-timeout",
    type=float,
    default=DEFAULT_TIMEOUT,
    show_default=True,
    metavar="SECONDS",
    help="Stop a peer that takes longer.",
)
@region_options
@judge_option
@working_options
@output_options
def compare_command(
    content: str,
    style: str,
    output: Path,
    methods: str | None,
    peers: tuple[str, ...],
    peer_timeout: float,
    judge: str | None,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Repaint CONTENT in the manner of STYLE with several methods and compare them.

    Writes comparison.png, comparison.json, comparison.md and one picture for each method. An option goes to
    every method that has it. Every method takes one untimed step first, so the seconds are those of the work.
    Ctrl-C keeps the methods that are done and the picture so far. Peers run after the methods; exit code 1 if one
    fails.
    """
    with quick_imports():
        from styletransfer.comparing.result import output_files
        from styletransfer.comparing.run import check_methods, check_peers

    working, reading = split_off(given)
    asked, drawn = split_off_regions(given)
    judge = find_judge(judge).name
    names = check_methods(methods and [name.strip() for name in methods.split(",")])
    options = options_for(names, given)
    programs = check_peers(peers, peer_timeout)
    writers = [*names, *(peer.name for peer in programs)]
    output_files(output, writers, protected=[content, style, *drawn, *files_among(working, *options.values())])
    picture, [manner] = read_pictures(content, [style], reading, quiet=quiet)
    working |= {"judge": judge, "peers": programs, "peer_timeout": peer_timeout, **read_regions(asked, 1)}
    comparison = _run(picture, manner, options, working, output, quiet=quiet)
    _report(comparison, comparison.save(output), output, quiet, as_json)
    for message in comparison.failures.values():
        click.echo(f"Error: {message}", err=True)
    if comparison.failures:
        click.get_current_context().exit(1)


@click.command("demo", short_help="Run every method on sample pictures; start here.")
@click.option(
    "-o",
    "--output",
    default="styletransfer-demo",
    show_default=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to write.",
)
@click.option(
    "--content",
    default=samples.list_contents()[0],
    metavar="NAME",
    help=f"One of: {', '.join(samples.list_contents())}.",
    shell_complete=completing(samples.list_contents),
)
@click.option(
    "--style",
    default=samples.list_styles()[0],
    metavar="NAME",
    help=f"One of: {', '.join(samples.list_styles())}.",
    shell_complete=completing(samples.list_styles),
)
@click.option(
    "--long-edge",
    type=int,
    default=_DEMO_LONG_EDGE,
    show_default=True,
    metavar="PIXELS",
    help="Longer side of the pictures, 32 to 512.",
)
@device_option
@output_options
def demo_command(
    output: Path, content: str, style: str, long_edge: int, device: str | None, quiet: bool, as_json: bool
) -> None:
    """Run every method on sample pictures that this package carries, and compare them.

    Needs no download and no pictures of yours; takes about a minute on two processor cores.
    Writes what "compare" writes, and the two pictures.
    """
    with quick_imports():
        from styletransfer.comparing.result import output_files

    output_files(output, list(METHODS), inputs=True)
    picture, manner = (samples.draw(name, long_edge=long_edge) for name in (content, style))
    options: dict[str, dict[str, Any]] = {method: {} for method in METHODS}
    working = {"extractor": None, "device": device}
    comparison = _run(picture, manner, options, working, output, quiet=quiet, inputs=True)
    _report(comparison, comparison.save(output, inputs=True), output, quiet, as_json)


def _run(
    content: Any,
    style: Any,
    options: Mapping[str, Mapping[str, Any]],
    working: Mapping[str, Any],
    folder: Path,
    *,
    quiet: bool,
    inputs: bool = False,
) -> Comparison:
    """Call `compare` under one bar a method; what an interrupted one has reached is saved."""
    from styletransfer.comparing.result import describe_progress
    from styletransfer.comparing.run import compare

    fetch = partial(fetch_visibly, quiet=quiet)
    try:
        return compare(content, style, list(options), options=options, fetch=fetch, progress=not quiet, **working)
    except CompareInterrupted as interrupt:
        reached = interrupt.comparison
        asked = [*options, *(peer.name for peer in working.get("peers", ()))]
        files = ", ".join(file.name for file in reached.save(folder, inputs=inputs))
        raise KeyboardInterrupt(
            f"Interrupted ({describe_progress(reached, asked)}); what was reached is in {folder}: {files}."
        ) from None


def _report(comparison: Comparison, files: Sequence[Path], folder: Path, quiet: bool, as_json: bool) -> None:
    kept = f"The results are in {folder}."
    if as_json:
        tell_json(comparison.to_dict() | {"files": [str(file) for file in files]}, kept=kept)
    elif not quiet:
        names = ", ".join(file.name for file in files)
        tell(f"{comparison.to_markdown()}\nWrote to {folder}: {names}. Look at {files[0]} first.", kept=kept)
