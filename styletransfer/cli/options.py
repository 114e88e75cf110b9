"""Options of the methods, made from their declarations: one source for names, defaults and help."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
from click.shell_completion import CompletionItem

from styletransfer._checks import choice
from styletransfer.controls import CONTROLS, Controls
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


class _List(ParamType):
    """Comma-separated values, as a tuple."""

    def __init__(self, item: Callable[[str], Any], name: str, example: str, *, single: bool = False) -> None:
        self.item = item
        self.name = name
        self.example = example
        self.single = single

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read ``"a,b"``; with `single`, one value alone is not a tuple."""
        try:
            items = tuple(self.item(part.strip()) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list like {self.example}.", param, ctx)
        return items[0] if self.single and len(items) == 1 else items


class _Named(ParamType):
    """``name=number`` pairs, as a dict."""

    name = "name=number,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read ``"relu1_1=2,relu4_1=0.5"``."""
        try:
            return {key.strip(): float(number) for key, number in (part.split("=") for part in value.split(","))}
        except ValueError:
            self.fail(f"{value!r} is not a list like relu1_1=2,relu4_1=0.5.", param, ctx)


_KINDS: Mapping[frozenset[Any], click.ParamType[Any]] = {
    frozenset({bool}): click.BOOL,
    frozenset({int}): click.INT,
    frozenset({float}): click.FLOAT,
    frozenset({str}): click.STRING,
    frozenset({Any}): click.STRING,
    frozenset({tuple[str, ...]}): _List(str, "name,...", "relu3_1,relu4_1"),
    frozenset({tuple[float, ...]}): _List(float, "number,...", "0.7,0.3"),
    frozenset({int, tuple[int, ...]}): _List(int, "integer[,...]", "100,200", single=True),
    frozenset({Mapping[str, float]}): _Named(),
}


def _kind_of(hint: Any) -> click.ParamType[Any]:
    """Return how the text of an option of this type is read."""
    union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    return _KINDS[frozenset(typing.get_args(hint) if union else [hint]) - {type(None)}]


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
    """Return the fields of a dataclass that were declared with `method.option`."""
    hints = typing.get_type_hints(config)
    options = []
    for field in dataclasses.fields(config):
        factory = field.default_factory
        default = field.default if factory is dataclasses.MISSING else factory()
        about = field.metadata
        kind = _kind_of(hints[field.name])
        choices = about["choices"] or ()
        options.append(MethodOption(field.name, kind, default, about["help"], choices, about["picture"]))
    return options


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


def show(value: Any) -> str:
    """Return a default as one would type it."""
    if value is None:
        return "-"
    if isinstance(value, (tuple, list)):
        return ",".join(show(item) for item in value)
    if isinstance(value, Mapping):
        return ",".join(f"{key}={show(item)}" for key, item in value.items())
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
