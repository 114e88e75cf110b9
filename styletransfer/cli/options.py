"""Options of the methods, made from their declarations: one source for names, defaults and help."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
from click.shell_completion import CompletionItem

from styletransfer import fields
from styletransfer._checks import choice
from styletransfer.controls import CONTROLS, Controls
from styletransfer.fields import Kind, show
from styletransfer.method import Method
from styletransfer.methods import METHODS, distribute_options
from styletransfer.weights import catalogue

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

if typing.TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:  # releases of click before 8.2 take no type argument
    ParamType = click.ParamType


@dataclass(frozen=True)
class MethodOption:
    """One option of one method.

    Attributes:
        name: As in Python, e.g. ``"style_weight"``.
        kind: How its text is read.
        default: From the declaration.
        help: One line.
        choices: Names that may be given, or empty.
        file: Whether a file may be given instead.
    """

    name: str
    kind: click.ParamType[Any]
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    file: bool = False

    @property
    def flag(self) -> str:
        """As on the command line, e.g. ``"--style-weight"``."""
        return "--" + self.name.replace("_", "-")


class _Text(ParamType):
    """Values that are read from text."""

    def __init__(self, kind: Kind) -> None:
        self.name = kind.name
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a list, or pairs of names and numbers."""
        try:
            return self.kind.read(value) if self.kind.read is not None else value
        except ValueError:
            self.fail(f"{value!r} is not a list like {self.kind.example}.", param, ctx)


#: Types of click that say more of a wrong value than ours would.
_KINDS: Mapping[Kind, click.ParamType[Any]] = {
    fields.FLAG: click.BOOL,
    fields.INTEGER: click.INT,
    fields.NUMBER: click.FLOAT,
    fields.NAME: click.STRING,
}


def list_options(method: str) -> list[MethodOption]:
    """Return a method's options in the order of its config, then its parts, then the controls.

    Raises:
        OptionError: Unknown method.
    """
    declared = find_method(method)
    parts = [
        MethodOption(part.name, click.STRING, None, part.help, tuple(catalogue.names(part.kind)), file=True)
        for part in declared.parts
    ]
    return config_options(declared.config) + parts + config_options(Controls)


def config_options(config: type) -> list[MethodOption]:
    """Return the fields of a dataclass that were declared with `config.option`."""
    return [
        MethodOption(
            field.name,
            _KINDS.get(field.kind) or _Text(field.kind),
            field.default,
            field.help,
            field.choices,
            field.picture,
        )
        for field in fields.list_fields(config)
    ]


def find_method(method: str) -> Method:
    """Return a method's declaration.

    Raises:
        OptionError: Unknown method.
    """
    return METHODS[choice(method, METHODS, "method")]


def completing(names: Callable[[], Iterable[str]], *, files: bool = False) -> Complete:
    """Return what completes a name in the shell; with `files`, a file's name too."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        found = [CompletionItem(name) for name in names() if name.startswith(incomplete)]
        return found or ([CompletionItem(incomplete, type="file")] if files else [])

    return complete


class OptionsCommand(click.Command):
    """A command with further options, which are looked up only when it is called.

    Args:
        *args: See `click.Command`.
        options: Returns them.
        **kwargs: See `click.Command`.
    """

    def __init__(self, *args: Any, options: Callable[[], list[click.Parameter]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.options = options

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the written options and the others, ``--help`` last."""
        own = super().get_params(ctx)
        return [*own[:-1], *self.options(), own[-1]]


def method_options(exclude: Iterable[str] = (), methods: Iterable[str] = METHODS) -> list[click.Parameter]:
    """Return the options of several methods, by default all; those not given arrive as None."""
    merged: dict[str, dict[str, MethodOption]] = {}
    for method in methods:
        for option in list_options(method):
            if option.name not in exclude:
                merged.setdefault(option.name, {})[method] = option
    options = []
    for owners in sorted(merged.values(), key=lambda owners: next(iter(owners.values())).name not in CONTROLS):
        option = next(iter(owners.values()))  # those of all methods first
        choices = tuple(dict.fromkeys(name for own in owners.values() for name in own.choices))
        text = option.help if option.name in CONTROLS else f"[{', '.join(owners)}] {option.help}"
        options.append(click_option(dataclasses.replace(option, choices=choices, help=text)))
    return options


def click_option(option: MethodOption) -> click.Parameter:
    """Return an option as click takes it; not given, it arrives as None."""
    switch = option.kind is click.BOOL
    choices = option.choices
    default = f" (default: {show(option.default)})" if option.default is not None else ""
    return click.Option(
        [f"{option.flag}/--no-{option.flag[2:]}" if switch else option.flag, option.name],
        type=option.kind,
        default=None,
        help=f"{option.help}{default}",
        metavar=None if switch or not choices else "|".join((*choices, *["FILE"] * option.file)),
        shell_complete=completing(lambda: choices, files=option.file) if choices else None,
    )


def options_for(methods: Sequence[str], chosen: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Distribute the options given to the methods that have them.

    A seed may always be given, so that one command line serves all methods.

    Raises:
        OptionError: Unknown method, or an option that none of them has.
    """
    given = {name: value for name, value in chosen.items() if value is not None}
    if not any("seed" in find_method(method).option_names for method in methods):
        given.pop("seed", None)
    return distribute_options(methods, given, spell=lambda name: "--" + name.replace("_", "-"))
