"""`styletransfer peers`: other people's programs, which `compare --peer` runs beside our methods."""

from __future__ import annotations

from typing import Any

import click

from styletransfer.cli.shared import output_options
from styletransfer.cli.streams import tell, tell_json
from styletransfer.peers import PEERS, Peer

_OWN = 'Any other program: --peer "NAME=PROGRAM {content} {style} {output}", also with {long_edge}.'


@click.command("peers", short_help="List other people's programs to compare with.")
@output_options
def peers_command(quiet: bool, as_json: bool) -> None:
    """List other people's programs that "compare" can run: version, licence, and the command that gets each.

    A peer runs as its authors ship it, in a process of its own.
    """
    peers = [_describe(peer) for peer in PEERS.values()]
    if as_json:
        tell_json(peers)
    elif not quiet:
        tell("\n\n".join([*(_text(peer) for peer in peers), _OWN]))


def _describe(peer: Peer) -> dict[str, Any]:
    """Return a peer's declaration; where it runs from a folder, nobody knows yet whether it is installed."""
    installed = None if peer.files else peer.lacks() is None
    return {
        "name": peer.name,
        "title": peer.title,
        "installed": installed,
        "version": peer.version() if installed else None,
        "licence": peer.licence,
        "source": peer.source,
        "install": peer.install,
        "clock": peer.clock,
        "settings": dict(peer.settings),
    }


def _text(peer: dict[str, Any]) -> str:
    state = {True: f"installed, {peer['version']}", False: "not installed", None: f"--peer {peer['name']}=FOLDER"}
    rows = [
        f"{peer['name']} ({state[peer['installed']]}): {peer['title']}.",
        f"licence {peer['licence']}; seconds of the {peer['clock']}; {peer['source']}",
    ]
    return "\n  ".join(rows if peer["installed"] else [*rows, f"get it: {peer['install']}"])
