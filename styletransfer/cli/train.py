"""`styletransfer train`: decoders and extractors from folders of pictures."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from styletransfer.cli.options import click_option, config_options
from styletransfer.cli.shared import Command, output_options
from styletransfer.progress import CountBar, duration, say

if TYPE_CHECKING:
    from styletransfer.training import Hooks, Outcome, Progress

#: Values that the bar shows, where the training has them.
_SHOWN = (
    "unexplained",
    "identity features",
    "imitation",
    "content",
    "moment",
    "gram",
    "color",
    "relu1_1",
    "relu4_1",
)


@click.group("train")
def train_group() -> None:
    """Train a decoder for AdaIN, or distil an extractor, on pictures of your own.

    Runs on one CPU as well as under torchrun; can be stopped at any time and resumed.
    """


class TrainingCommand(click.Command):
    """A command whose options come from the training's configs; they are looked up only when it is called."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the written options and those of the configs."""
        own = super().get_params(ctx)
        return [*own[:-1], *_config_options(str(self.name)), own[-1]]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse the former names of options with their new ones."""
        from styletransfer.training.engine.config import RENAMED

        for word in args:
            old = word.partition("=")[0].removeprefix("--").removeprefix("no-").replace("-", "_")
            if word.startswith("--") and old in RENAMED:
                now = RENAMED[old].replace("_", "-")
                raise click.UsageError(
                    f"No such option: --{old.replace('_', '-')}. It is called --{now} now.", ctx
                )
        return super().parse_args(ctx, args)


def _config_options(recipe: str) -> list[click.Parameter]:
    from styletransfer.training.engine.config import RunConfig

    own = importlib.import_module(f"styletransfer.training.{recipe}.config")
    configs = (RunConfig, getattr(own, f"{recipe.capitalize()}Config"))
    return [click_option(option) for config in configs for option in config_options(config)]


def _running_options(command: Command) -> Command:
    """Add what both trainings share."""
    for add in (
        click.option(
            "--device", default=None, metavar="NAME", help="cpu, cuda, mps; the best there is by default."
        ),
        click.option("--resume", is_flag=True, help="Continue from the newest checkpoint in the run's folder."),
        click.option(
            "--preset",
            default=None,
            metavar="NAME",
            help="default (CUDA), laptop (elsewhere), lab, few-shot, fast.",
        ),
        click.option("-o", "--output", required=True, metavar="DIR", help="Folder of the run."),
    ):
        command = add(command)
    return command


@train_group.command("decoder", cls=TrainingCommand)
@click.option("--content", required=True, metavar="DIR", help="Folder of photographs.")
@click.option("--style", required=True, metavar="DIR", help="Folder of paintings.")
@click.option(
    "--extractor", default="vgg19-lite-1", show_default=True, metavar="NAME|FILE", help="What it decodes."
)
@click.option(
    "--loss-network",
    "loss_networks",
    multiple=True,
    metavar="NAME|FILE",
    help="Where losses are measured; the extractor if absent. May be repeated.",
)
@click.option(
    "--start",
    default=None,
    metavar="NAME|FILE",
    help="Decoder to continue from, or to imitate with another --network.",
)
@_running_options
@output_options
def decoder_command(
    content: str, style: str, output: str, quiet: bool, as_json: bool, loss_networks: tuple[str, ...], **given: Any
) -> None:
    """Train AdaIN's decoder.

    Writes decoder.safetensors and its model card, samples, a log and checkpoints into the run's folder.
    """
    from styletransfer.training import train_decoder

    with TrainingBar(quiet=quiet) as bar:
        outcome = train_decoder(
            content, style, output, loss_networks=loss_networks, hooks=bar.hooks, **_chosen(given)
        )
    _tell(outcome, quiet, as_json)


@train_group.command("extractor", cls=TrainingCommand)
@click.option(
    "--pictures", multiple=True, required=True, metavar="DIR", help="Folder of pictures; may be repeated."
)
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    required=True,
    metavar="NAME|FILE",
    help="Network to learn from; may be repeated.",
)
@click.option("--start", default=None, metavar="NAME|FILE", help="Extractor to continue from.")
@_running_options
@output_options
def extractor_command(
    pictures: tuple[str, ...], teachers: tuple[str, ...], output: str, quiet: bool, as_json: bool, **given: Any
) -> None:
    """Distil a narrow VGG-19 from wider networks; with --operations, fit one of low rank to a full VGG-19.

    Writes extractor.safetensors and its model card and a log into the run's folder; a distillation, which takes
    hours, samples and checkpoints as well. A fit takes minutes.
    """
    from styletransfer.training import train_extractor

    with TrainingBar(quiet=quiet) as bar:
        outcome = train_extractor(pictures, output, teachers=teachers, hooks=bar.hooks, **_chosen(given))
    _tell(outcome, quiet, as_json)


def _chosen(given: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what was not given, so that the preset decides."""
    return {name: value for name, value in given.items() if value is not None}


def _tell(outcome: Outcome, quiet: bool, as_json: bool) -> None:
    """Report what was written, once; a run that was stopped ends like any interrupted command."""
    if not outcome.steps:
        raise KeyboardInterrupt("Stopped before the first step was done; there is nothing to resume.")
    if not outcome.finished:
        raise KeyboardInterrupt(
            f"Stopped after step {outcome.steps}; the checkpoint is in {outcome.folder}. Continue with --resume."
        )
    if not outcome.leads:
        return
    if as_json:
        told = {
            "files": [str(path) for path in outcome.files],
            "steps": outcome.steps,
            "seconds": round(outcome.seconds, 2),
            "losses": dict(outcome.losses),
        }
        click.echo(json.dumps(told))
    elif not quiet:
        for path in outcome.files:
            click.echo(f"Wrote {path}.")
        click.echo(f"{outcome.steps} steps in {duration(outcome.seconds)}; log in {outcome.folder}.")


class TrainingBar:
    """A progress bar on stderr with the losses; warnings are written above it.

    Args:
        quiet: Show nothing but warnings.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.bar: CountBar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    @property
    def hooks(self) -> Hooks:
        """What the training calls."""
        from styletransfer.training import Hooks

        command = "styletransfer " + " ".join(sys.argv[1:])
        if self.quiet:
            return Hooks(on_warning=self._warn, command=command)
        return Hooks(on_step=self._step, on_warning=self._warn, on_reading=self._read, command=command)

    def _open(self, name: str, total: int, done: int = 0) -> CountBar:
        """Return the bar of that name; the one before it ends."""
        if self.bar is None or self.bar.name != name:
            self._close()
            self.bar = CountBar(name, total, done=done)
        return self.bar

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()

    def _read(self, done: int, files: int) -> None:
        if done == 1 and self.bar is not None:
            self._close()
            self.bar = None
        self._open("reading", files).update(done)

    def _step(self, progress: Progress) -> None:
        shown = ", ".join(f"{k} {progress.typical[k]:.3g}" for k in _SHOWN if k in progress.typical)
        note = f"step {progress.step}/{progress.steps}, {progress.phase}: {shown}"
        self._open("training", progress.steps, progress.step - 1).update(progress.step, note=note)

    def _warn(self, text: str) -> None:
        say(f"Warning: {text}")
