"""`styletransfer compare` and `styletransfer demo`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from styletransfer import images, samples
from styletransfer.cli.options import (
    chosen_edge,
    method_options,
    options_for,
    output_options,
    working_options,
)
from styletransfer.cli.progress import MethodBars, fetch_needed
from styletransfer.cli.stylize import tell_reduction
from styletransfer.comparing.result import Comparison, describe_progress, output_files
from styletransfer.comparing.run import check_methods, compare
from styletransfer.errors import CompareInterrupted
from styletransfer.features import create_extractor
from styletransfer.images import ImageSource
from styletransfer.methods import METHODS, create_stylizer
from styletransfer.methods.feedforward.adain import AdaINStylizer

#: Chosen so that both methods and the figure take well under 90 seconds on two slow cores.
_DEMO_LONG_EDGE = 320


@click.command("compare", short_help="Compare several methods on one pair of pictures.")
@click.argument("content", type=click.Path())
@click.argument("style", type=click.Path())
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="Where to write."
)
@click.option(
    "-m",
    "--methods",
    default=",".join(METHODS),
    show_default=True,
    metavar="NAME,...",
    help="Methods to compare.",
)
@working_options
@method_options(exclude=["style_mix"])
@output_options
def compare_command(
    content: str,
    style: str,
    output: Path,
    methods: str,
    extractor: str,
    device: str | None,
    long_edge: int | None,
    full_size: bool,
    quiet: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Repaint CONTENT in the manner of STYLE with several methods and compare them.

    Writes comparison.png, comparison.json, comparison.md and one picture for each method. An option goes to
    every method that has it. Every method takes one untimed step first, so the seconds are those of the work.
    Ctrl-C keeps the methods that are done and the picture so far.
    """
    names = check_methods([name.strip() for name in methods.split(",")])
    options = options_for(names, chosen)
    edge = chosen_edge(long_edge, full_size)
    output_files(output, names, protected=[content, style])
    if not quiet:
        tell_reduction(content, images.read_picture(content, long_edge=edge, what="content"))
    with _kept(output, names):
        comparison = _run(content, style, options, extractor=extractor, device=device, long_edge=edge, quiet=quiet)
    _report(comparison, comparison.save(output), output, quiet, as_json)


@click.command("demo", short_help="Run both methods on drawn pictures; start here.")
@click.option(
    "-o",
    "--output",
    default="styletransfer-demo",
    show_default=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to write.",
)
@click.option("--content", default=None, metavar="NAME", help=f"One of: {', '.join(samples.list_contents())}.")
@click.option("--style", default=None, metavar="NAME", help=f"One of: {', '.join(samples.list_styles())}.")
@click.option("--device", default=None, metavar="NAME", help="cpu, cuda, mps; the best there is by default.")
@output_options
def demo_command(
    output: Path, content: str | None, style: str | None, device: str | None, quiet: bool, as_json: bool
) -> None:
    """Run both methods on pictures that this package draws itself, and compare them.

    Needs no download and no pictures of yours; takes less than a minute and a half on two processor cores.
    Writes what "compare" writes, and the two pictures drawn.
    """
    output_files(output, list(METHODS), inputs=True)
    options: dict[str, dict[str, Any]] = {method: {} for method in METHODS}
    with _kept(output, list(METHODS), inputs=True):
        comparison = _run(
            samples.draw(content or samples.list_contents()[0], long_edge=_DEMO_LONG_EDGE),
            samples.draw(style or samples.list_styles()[0], long_edge=_DEMO_LONG_EDGE),
            options,
            extractor="vgg19-lite",
            device=device,
            long_edge=None,
            quiet=quiet,
        )
    _report(comparison, comparison.save(output, inputs=True), output, quiet, as_json)


@contextmanager
def _kept(folder: Path, methods: Sequence[str], *, inputs: bool = False) -> Iterator[None]:
    """Save what a comparison that is interrupted has reached, and say so."""
    try:
        yield
    except CompareInterrupted as interrupt:
        results = interrupt.comparison.results
        files = ", ".join(file.name for file in interrupt.comparison.save(folder, inputs=inputs))
        raise KeyboardInterrupt(
            f"Interrupted ({describe_progress(results, methods)}); what was reached is in {folder}: {files}."
        ) from None


def _run(
    content: ImageSource,
    style: ImageSource,
    options: Mapping[str, Mapping[str, Any]],
    *,
    extractor: str,
    device: str | None,
    long_edge: int | None,
    quiet: bool,
) -> Comparison:
    """Call `compare` under one bar a method."""
    decoder = options.get(AdaINStylizer.method, {}).get("decoder")
    fetch_needed(extractor, decoder, decodes=AdaINStylizer.method in options, quiet=quiet)
    network = create_extractor(extractor, device=device)
    # Made only to learn how many steps lie ahead; the extractor, which is what costs, is shared.
    configs = {name: create_stylizer(name, extractor=network, **own).config for name, own in options.items()}
    with MethodBars(configs, quiet=quiet) as bars:
        return compare(
            content,
            style,
            list(options),
            extractor=network,
            long_edge=long_edge,
            options=options,
            on_step=bars,
        )


def _report(comparison: Comparison, files: Sequence[Path], folder: Path, quiet: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(comparison.to_dict() | {"files": [str(file) for file in files]}))
    elif not quiet:
        click.echo(comparison.to_markdown())
        click.echo(f"Wrote to {folder}: {', '.join(file.name for file in files)}. Look at {files[0]} first.")
