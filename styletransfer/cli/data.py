"""`styletransfer data`: what a folder of training pictures holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from styletransfer.cli.shared import output_options
from styletransfer.progress import CountBar

if TYPE_CHECKING:
    from styletransfer.training.data.scan import ScanReport


@click.group("data")
def data_group() -> None:
    """Look through pictures before a training."""


@data_group.command("scan")
@click.argument("folder", metavar="DIR")
@output_options
def scan_command(folder: str, quiet: bool, as_json: bool) -> None:
    """List the pictures below DIR that are unreadable, of other formats, tiny, grey or there twice.

    Exit code 1 if a training would stop at them: more than 1 % unreadable or tiny, and at least 10.
    """
    from styletransfer.training.data.scan import scan_folder  # not needed to show the help

    with CountBar("scan", unit=" files", quiet=quiet) as bar:
        report = scan_folder(folder, on_progress=bar.update)
    if as_json:
        click.echo(json.dumps(report.to_dict()))
    elif not quiet:
        click.echo("\n".join(_lines(report)))
    if report.stops_training:
        click.get_current_context().exit(1)


def _lines(report: ScanReport) -> Iterator[str]:
    yield f"{report.folder}: {report.files} files, {report.usable} usable"
    groups = (
        ("unreadable, left out", [f"{problem.path}: {problem.reason}" for problem in report.unreadable]),
        ("of formats that are not read, left out", [f"{problem.path}" for problem in report.unsupported]),
        ("tiny, left out", [f"{problem.path}: {problem.reason}" for problem in report.tiny]),
        ("grey, used", [str(path) for path in report.grey]),
        ("there twice, used twice", [f"{pair.path} = {pair.of}" for pair in report.duplicates]),
    )
    for title, members in groups:
        if members:
            yield f"\n{len(members)} {title}:"
            yield from (f"  {member}" for member in members)
    yield f"\n{_verdict(report)}"


def _verdict(report: ScanReport) -> str:
    bad = report.files - report.usable
    if report.stops_training:
        return f"A training would stop: {bad} of {report.files} files are bad. Repair or remove them."
    return "Ready for a training." if not bad else f"Ready for a training, which leaves out {bad} bad file(s)."
