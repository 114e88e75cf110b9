"""The command line: it parses, calls the API and shows progress; nothing else.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 a check failed, 2 bad input,
130 interrupted by Ctrl-C. What needs torch is imported inside the commands, so that help and completion are fast.
"""

from __future__ import annotations

import errno
import sys
import warnings
from typing import Any

import click

from styletransfer._version import __version__
from styletransfer.cli.benchmark import benchmark_command
from styletransfer.cli.compare import compare_command, demo_command
from styletransfer.cli.completion import completion_command
from styletransfer.cli.data import data_group
from styletransfer.cli.doctor import doctor_command
from styletransfer.cli.evaluate import evaluate_command
from styletransfer.cli.info import info_command
from styletransfer.cli.peers import peers_command
from styletransfer.cli.streams import take_any_character, unwritable
from styletransfer.cli.stylize import stylize_command
from styletransfer.cli.train import train_group
from styletransfer.cli.weights import weights_group
from styletransfer.errors import CompareInterrupted, EvaluateInterrupted, StyleTransferError, StylizeInterrupted
from styletransfer.memory import is_lack
from styletransfer.methods import METHODS

__all__ = ["main"]


class _Interrupted(click.ClickException):
    """Ctrl-C; shown without the word error."""

    exit_code = 130

    def show(self, file: Any = None) -> None:
        click.echo(self.format_message(), err=True)


class _BadInput(click.ClickException):
    """A user's mistake: one sentence, no traceback."""

    exit_code = 2


class _Group(click.Group):
    """Turns our exceptions into one line and an exit code; a real bug keeps its traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        take_any_character()
        try:
            return super().main(*args, **kwargs)
        except OSError as problem:
            if problem.filename is not None or problem.errno != errno.ENOSPC:
                raise
            _BadInput(str(unwritable(problem))).show()  # of the help, which click prints itself
            sys.exit(_BadInput.exit_code)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _show_warning
                return super().invoke(ctx)
        except StyleTransferError as error:
            raise _BadInput(str(error)) from error
        except KeyboardInterrupt as error:
            # Those that come this far speak to Python: what they carry was not asked for.
            to_python = (CompareInterrupted, EvaluateInterrupted, StylizeInterrupted)
            kept = "" if isinstance(error, to_python) else str(error)
            raise _Interrupted(kept or "Interrupted; nothing was written.") from error
        except (MemoryError, RuntimeError) as error:
            if not is_lack(error):
                raise
            raise _BadInput(_out_of_memory(ctx.meta.get("styletransfer.long_edge"))) from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands, the most used ones first."""
        return list(self.commands)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    """Show a warning as one line without the place in the code; with --quiet not at all."""
    ctx = click.get_current_context(silent=True)
    if ctx is None or not ctx.params.get("quiet"):
        click.echo(f"Warning: {message}", err=True)


def _out_of_memory(long_edge: int | None) -> str:
    smaller = max((long_edge or 512) // 2, 16)
    return f"Not enough memory for pictures of this size; a smaller one may fit: --long-edge {smaller}."


_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_METHODS = "\n".join(["\b", "Methods:", *(f"  {name:8}{method.summary}" for name, method in METHODS.items())])


@click.group(cls=_Group, context_settings=_SETTINGS, epilog=_METHODS)
@click.version_option(__version__, prog_name="styletransfer")
def main() -> None:
    """Repaint a photograph in the manner of a painting.

    Start with: styletransfer demo
    """


for _command in (
    stylize_command,
    compare_command,
    demo_command,
    evaluate_command,
    info_command,
    doctor_command,
    weights_group,
    peers_command,
    train_group,
    data_group,
    benchmark_command,
    completion_command,
):
    main.add_command(_command)
