"""`styletransfer weights`: what there is, where it lies, whether it is sound."""

from __future__ import annotations

import json
from typing import Any

import click

from styletransfer.cli.options import output_options
from styletransfer.cli.progress import fetch_with_bar
from styletransfer.weights import catalogue, store
from styletransfer.weights.catalogue import WeightStatus


@click.group("weights")
def weights_group() -> None:
    """List, fetch and verify the weights of extractors and decoders."""


@weights_group.command("list")
@output_options
def list_command(quiet: bool, as_json: bool) -> None:
    """Show every weight set: whether it is at hand, its size and licence."""
    statuses = catalogue.list_weights()
    if as_json:
        click.echo(json.dumps([_as_dict(status) for status in statuses]))
    elif not quiet:
        width = max(len(status.name) for status in statuses)
        for status in statuses:
            about = catalogue.find(status.name).about
            size = f"{status.size / 1e6:.1f} MB" if status.size else f"~{about / 1e6:.1f} MB" if about else "?"
            click.echo(f"{status.name:{width}}  {status.kind:9}  {status.state:8}  {size:>9}  {status.licence}")


@weights_group.command("fetch")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Download even if there is a file, for example a damaged one.")
@output_options
def fetch_command(names: tuple[str, ...], force: bool, quiet: bool, as_json: bool) -> None:
    """Download weight sets, check them, and keep them in the cache."""
    for name in names:  # all names are checked before the first download
        catalogue.find(name)
    paths = {name: str(fetch_with_bar(name, force=force, quiet=quiet)) for name in names}
    if as_json:
        click.echo(json.dumps(paths))
    elif not quiet:
        for name, path in paths.items():
            click.echo(f"{name}: {path}")


@weights_group.command("verify")
@click.argument("names", metavar="[NAME...]", nargs=-1)
@output_options
def verify_command(names: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Compare files with their hashes; by default all that are at hand. Exit code 1 if one is not sound."""
    results = catalogue.verify(names or None)
    if as_json:
        click.echo(json.dumps([{"name": name, "ok": ok, "detail": text} for name, ok, text in results]))
    else:
        for name, ok, text in results:
            if not ok:
                click.echo(f"FAIL  {name}: {text}", err=True)
            elif not quiet:
                click.echo(f"ok    {name}: {text}")
    if not all(ok for _, ok, _ in results):
        click.get_current_context().exit(1)


@weights_group.command("path")
@click.argument("name", required=False)
def path_command(name: str | None) -> None:
    """Print where a weight set's file is or would be; without NAME, the cache folder."""
    click.echo(str(catalogue.path(name) if name else store.cache_dir()))


def _as_dict(status: WeightStatus) -> dict[str, Any]:
    return {
        "name": status.name,
        "kind": status.kind,
        "state": status.state,
        "path": str(status.path),
        "size": status.size,
        "licence": status.licence,
        "sha256": status.sha256,
    }
