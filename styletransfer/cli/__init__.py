"""The command line: it parses, calls the API and shows progress; nothing else.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 a check failed, 2 bad input,
130 interrupted by Ctrl-C. What needs torch is imported inside the commands, so that help and completion are fast;
the commands themselves are imported when they are asked for.
"""

from __future__ import annotations

import errno
import importlib
import sys
import warnings
from typing import Any

import click

from styletransfer._version import __version__
from styletransfer.cli.streams import take_any_character, unwritable
from styletransfer.errors import (
    BatchInterrupted,
    CompareInterrupted,
    EvaluateInterrupted,
    SheetInterrupted,
    StyleTransferError,
    StylizeInterrupted,
)
from styletransfer.methods import METHODS

__all__ = ["main"]


#: Where each command is defined, the most used ones first.
_HOMES = {
    "stylize": "stylize:stylize_command",
    "compare": "compare:compare_command",
    "demo": "compare:demo_command",
    "sheet": "sheet:sheet_command",
    "interpolate": "sheet:interpolate_command",
    "batch": "batch:batch_command",
    "video": "video:video_command",
    "styles": "styles:styles_group",
    "app": "app:app_command",
    "evaluate": "evaluate:evaluate_command",
    "explain": "explain:explain_command",
    "info": "info:info_command",
    "doctor": "doctor:doctor_command",
    "weights": "weights:weights_group",
    "peers": "peers:peers_command",
    "train": "train:train_group",
    "data": "data:data_group",
    "benchmark": "benchmark:benchmark_command",
    "completion": "completion:completion_command",
}


#: How the system says that a library does not fit into the memory.
_TOO_LITTLE = ("failed to map segment", "annot allocate memory")


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
            to_python = (
                BatchInterrupted,
                CompareInterrupted,
                EvaluateInterrupted,
                SheetInterrupted,
                StylizeInterrupted,
            )
            kept = "" if isinstance(error, to_python) else str(error)
            raise _Interrupted(kept or "Interrupted; nothing was written.") from error
        except ImportError as error:
            if not any(hint in str(error) for hint in _TOO_LITTLE):
                raise
            raise _BadInput("Not enough memory to load PyTorch. Free memory, or raise the limit.") from error
        except (MemoryError, RuntimeError) as error:
            if not _is_lack(error):
                raise
            raise _BadInput(_out_of_memory(ctx.meta.get("styletransfer.long_edge"))) from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands, the most used ones first."""
        return list(_HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, importing it first."""
        if cmd_name not in _HOMES:
            return None
        module, _, name = _HOMES[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(f"{__name__}.{module}"), name)
        return command


def _is_lack(error: Exception) -> bool:
    if isinstance(error, MemoryError):  # where even the import below might fail
        return True
    from styletransfer.memory import is_lack

    return is_lack(error)


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
