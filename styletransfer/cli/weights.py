"""`styletransfer weights`: what there is, where it is, whether it is sound."""

from __future__ import annotations

import dataclasses

import click

from styletransfer.cli.options import completing
from styletransfer.cli.shared import output_options
from styletransfer.cli.streams import tell, tell_json
from styletransfer.progress import fetch_visibly
from styletransfer.weights import catalogue, store

_complete = completing(catalogue.names)


@click.group("weights", short_help="List, fetch and verify weight sets.")
def weights_group() -> None:
    """List, fetch and verify the weights of extractors and decoders."""


@weights_group.command("list")
@output_options
def list_command(quiet: bool, as_json: bool) -> None:
    """Show every weight set: whether it is on the disk, its size and licence."""
    statuses = store.list_weights()
    if as_json:
        tell_json([dataclasses.asdict(status) | {"path": str(status.path)} for status in statuses])
    elif not quiet:
        width = max(len(status.name) for status in statuses)
        for status in statuses:
            size = f"{status.size / 1e6:.1f} MB" if status.size else _about(status.name)
            tell(f"{status.name:{width}}  {status.kind:9}  {status.state:9}  {size:>9}  {status.licence}")


def _about(name: str) -> str:
    about = catalogue.find(name).about
    return f"~{about / 1e6:.1f} MB" if about else "?"


@weights_group.command("fetch")
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=_complete)
@click.option("--force", is_flag=True, help="Download even if there is a file, for example a damaged one.")
@output_options
def fetch_command(names: tuple[str, ...], force: bool, quiet: bool, as_json: bool) -> None:
    """Download weight sets, check them, and keep them in the cache."""
    for name in names:  # all names are checked before the first download
        catalogue.find(name)
    paths = {name: str(fetch_visibly(name, force=force, quiet=quiet)) for name in names}
    if as_json:
        tell_json(paths)
    elif not quiet:
        for name, path in paths.items():
            tell(f"{name}: {path}")


@weights_group.command("verify")
@click.argument("names", metavar="[NAME...]", nargs=-1, shell_complete=_complete)
@output_options
def verify_command(names: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Compare files with their hashes; by default all on the disk. Exit code 1 if one is not sound."""
    results = store.verify(names or None)
    if as_json:
        tell_json([{"name": name, "ok": ok, "detail": text} for name, ok, text in results])
    else:
        for name, ok, text in results:
            if not ok:
                click.echo(f"FAIL  {name}: {text}", err=True)
            elif not quiet:
                tell(f"ok    {name}: {text}")
    if not all(ok for _, ok, _ in results):
        click.get_current_context().exit(1)


@weights_group.command("path")
@click.argument("name", required=False, shell_complete=_complete)
def path_command(name: str | None) -> None:
    """Print where a weight set's file is or would be; without NAME, the cache folder."""
    tell(str(store.location(catalogue.find(name)) if name else store.cache_dir()))
