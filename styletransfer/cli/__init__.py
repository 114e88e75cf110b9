"""The command line: it parses, calls the API and draws progress; nothing else.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 a check failed, 2 bad input,
130 interrupted by Ctrl-C.
"""

from __future__ import annotations

import warnings
from typing import Any

import click
import torch

from styletransfer._version import __version__
from styletransfer.cli.benchmark import benchmark_command
from styletransfer.cli.compare import compare_command, demo_command
from styletransfer.cli.data import data_group
from styletransfer.cli.doctor import doctor_command
from styletransfer.cli.info import info_command
from styletransfer.cli.stylize import stylize_command
from styletransfer.cli.train import train_group
from styletransfer.cli.weights import weights_group
from styletransfer.errors import CompareInterrupted, StyleTransferError, StylizeInterrupted

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

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _show_warning
                return super().invoke(ctx)
        except StyleTransferError as error:
            raise _BadInput(str(error)) from error
        except KeyboardInterrupt as error:
            # Those that come this far speak to Python: what they carry was not asked for.
            kept = "" if isinstance(error, (CompareInterrupted, StylizeInterrupted)) else str(error)
            told = kept or "Interrupted; nothing was written."
            raise _Interrupted(told) from error
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            raise _BadInput(_out_of_memory(ctx.meta.get("styletransfer.long_edge"))) from error


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    """Show a warning as one line without the place in the code; with --quiet not at all."""
    ctx = click.get_current_context(silent=True)
    if ctx is None or not ctx.params.get("quiet"):
        click.echo(f"Warning: {message}", err=True)


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error)  # torch's CPU allocator raises a plain RuntimeError
    return "not enough memory" in text or "can't allocate memory" in text


def _out_of_memory(long_edge: int | None) -> str:
    smaller = max((long_edge or 512) // 2, 16)
    return f"Not enough memory for pictures of this size; a smaller one may fit: --long-edge {smaller}."


_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=_Group, context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="styletransfer")
def main() -> None:
    """Repaint a photograph in the manner of a painting.

    Two methods: gatys optimises the picture itself (slow, faithful), adain runs a network once (fast).

    Start with: styletransfer demo
    """


for _command in (
    stylize_command,
    compare_command,
    demo_command,
    benchmark_command,
    info_command,
    weights_group,
    data_group,
    doctor_command,
    train_group,
):
    main.add_command(_command)
