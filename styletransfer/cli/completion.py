"""`styletransfer completion`: the script that lets a shell complete commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from styletransfer.cli.streams import tell

#: Where each shell looks for what it runs at its start.
_PLACES = {
    "bash": "echo 'eval \"$(styletransfer completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(styletransfer completion zsh)\"' >> ~/.zshrc",
    "fish": "styletransfer completion fish > ~/.config/fish/completions/styletransfer.fish",
}


@click.command(
    "completion",
    short_help="Print the script for tab completion.",
    epilog="\n".join(["\b", "To install it:", *(f"  {line}" for line in _PLACES.values())]),
)
@click.argument("shell", type=click.Choice(list(_PLACES)))
def completion_command(shell: str) -> None:
    """Print the script that lets SHELL complete commands, options, methods, presets, weight sets and samples."""
    root = click.get_current_context().find_root()
    completion = get_completion_class(shell)
    if completion is not None:
        tell(completion(root.command, {}, "styletransfer", "_STYLETRANSFER_COMPLETE").source())
