"""`styletransfer app`: both families of methods in a browser."""

from __future__ import annotations

import dataclasses

import click

from styletransfer.app.limits import BOUNDS, Limits
from styletransfer.cli.shared import quick_imports

_USUAL = {field.name: field.default for field in dataclasses.fields(Limits)}


@click.command("app", short_help="Serve a page where pictures are chosen, painted and compared.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Where to listen.  [default: the first free one from 7860 on]"
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at; 0.0.0.0 lets other machines in.",
)
@click.option("--open/--no-open", "open_browser", default=False, help="Open the page in a browser, too.")
@click.option(
    "--max-long-edge",
    "long_edge",
    type=click.IntRange(*BOUNDS["long_edge"]),
    default=_USUAL["long_edge"],
    show_default=True,
    metavar="PIXELS",
    help="Largest picture that may be asked for.",
)
@click.option(
    "--max-seconds",
    "seconds",
    type=click.IntRange(*BOUNDS["seconds"]),
    default=_USUAL["seconds"],
    show_default=True,
    metavar="N",
    help="A comparison is stopped after so long; its picture so far is kept.",
)
@click.option(
    "--max-waiting",
    "waiting",
    type=click.IntRange(*BOUNDS["waiting"]),
    default=_USUAL["waiting"],
    show_default=True,
    metavar="N",
    help="How many may wait while one is painted for.",
)
def app_command(
    host: str, port: int | None, open_browser: bool, long_edge: int, seconds: int, waiting: int
) -> None:
    """Serve a page with two pictures, all methods and all of their options, until Ctrl-C.

    One comparison is painted at a time; others wait in line, so a class can share one machine. Uploads and results
    are removed when a visitor's browser is closed, and when the app ends.
    """
    limits = Limits(long_edge=long_edge, seconds=seconds, waiting=waiting)
    with quick_imports():
        from styletransfer.app.server import serve

    serve(limits, host=host, port=port, open_browser=open_browser, tell=lambda text: click.echo(text, err=True))
    click.echo("Stopped; uploads and results are removed.", err=True)
