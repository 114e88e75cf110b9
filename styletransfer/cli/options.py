"""Options of the methods, generated from their configs: one source for names, defaults and help."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click
from torch import Tensor

from styletransfer._checks import choice
from styletransfer.errors import OptionError
from styletransfer.images import Picture
from styletransfer.methods import METHODS
from styletransfer.methods.feedforward.adain import AdaINStylizer

Command = TypeVar("Command", bound=Callable[..., Any])

if typing.TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:  # releases of click before 8.2 take no type argument
    _ParamType = click.ParamType

DEFAULT_LONG_EDGE = 512


@dataclass(frozen=True)
class MethodOption:
    """One option of one method.

    Attributes:
        name: As in Python, e.g. ``"style_weight"``.
        kind: How its text is read.
        default: From the config dataclass.
        help: One line.
        choices: Names that may be given, or empty.
    """

    name: str
    kind: click.ParamType[Any]
    default: Any
    help: str
    choices: tuple[str, ...]

    @property
    def flag(self) -> str:
        """As on the command line, e.g. ``"--style-weight"``."""
        return "--" + self.name.replace("_", "-")


class _List(_ParamType):
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


class _Named(_ParamType):
    """``name=number`` pairs, as a dict."""

    name = "name=number,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read ``"relu1_1=2,relu4_1=0.5"``."""
        try:
            return {key.strip(): float(number) for key, number in (part.split("=") for part in value.split(","))}
        except ValueError:
            self.fail(f"{value!r} is not a list like relu1_1=2,relu4_1=0.5.", param, ctx)


_NAMES = _List(str, "name,...", "relu3_1,relu4_1")
_NUMBERS = _List(float, "number,...", "0.7,0.3")
_COUNTS = _List(int, "integer[,...]", "100,200", single=True)
_KINDS: Mapping[frozenset[Any], click.ParamType[Any]] = {
    frozenset({bool}): click.BOOL,
    frozenset({int}): click.INT,
    frozenset({float}): click.FLOAT,
    frozenset({str}): click.STRING,
    frozenset({str, Tensor}): click.STRING,
    frozenset({tuple[str, ...]}): _NAMES,
    frozenset({tuple[float, ...]}): _NUMBERS,
    frozenset({int, tuple[int, ...]}): _COUNTS,
    frozenset({Mapping[str, float]}): _Named(),
}


def list_options(method: str) -> list[MethodOption]:
    """Return a method's options in the order of its config.

    Raises:
        OptionError: Unknown method.
    """
    config = METHODS[choice(method, METHODS, "method")].config_type
    hints = typing.get_type_hints(config)
    options = []
    for field in dataclasses.fields(config):
        factory = field.default_factory
        default = field.default if factory is dataclasses.MISSING else factory()
        options.append(
            MethodOption(
                name=field.name,
                kind=kind_of(hints[field.name]),
                default=default,
                help=field.metadata["help"],
                choices=field.metadata["choices"] or (),
            )
        )
    return options + ([_DECODER] if method == AdaINStylizer.method else [])


_DECODER = MethodOption("decoder", click.STRING, None, "decoder's name or file; the extractor's own if absent", ())


def kind_of(hint: Any) -> click.ParamType[Any]:
    """Return how the text of an option of this type is read."""
    union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    parts = frozenset(typing.get_args(hint) if union else [hint]) - {type(None)}
    return _KINDS[parts]


def method_options(*, exclude: Iterable[str] = ()) -> Callable[[Command], Command]:
    """Add the options of all methods to a command; those not given arrive as None."""
    merged: dict[str, tuple[MethodOption, list[str]]] = {}
    for method in METHODS:
        for option in list_options(method):
            if option.name not in exclude:
                merged.setdefault(option.name, (option, []))[1].append(method)

    def decorate(command: Command) -> Command:
        for option, owners in reversed(merged.values()):
            text = f"[{', '.join(owners)}] {option.help}"
            text += f" (default: {show(option.default)})" if option.default is not None else ""
            switch = option.kind is click.BOOL
            flag = f"{option.flag}/--no-{option.flag[2:]}" if switch else option.flag
            metavar = "|".join(option.choices) if option.choices else None
            add = click.option(
                flag,
                option.name,
                type=option.kind,
                default=None,
                help=text,
                metavar=None if switch else metavar,
            )
            command = add(command)
        return command

    return decorate


def options_for(methods: Sequence[str], chosen: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Distribute the options given to the methods that have them.

    A seed may always be given, so that one command line serves all methods.

    Raises:
        OptionError: Unknown method, or an option that none of them has.
    """
    given = {name: value for name, value in chosen.items() if value is not None}
    owned = {method: {option.name for option in list_options(method)} for method in methods}
    for name in given:
        if name != "seed" and not any(name in names for names in owned.values()):
            flag = "--" + name.replace("_", "-")
            owners = [method for method in METHODS if name in {option.name for option in list_options(method)}]
            raise OptionError(
                f"{flag} is an option of {', '.join(owners)}, not of {', '.join(methods)}. "
                f"Leave it out or choose {owners[0]}; styletransfer info {methods[0]} lists what "
                f"{methods[0]} has."
            )
    return {method: {k: v for k, v in given.items() if k in names} for method, names in owned.items()}


def working_options(command: Command) -> Command:
    """Add what `stylize` and `compare` share: extractor, device, size."""
    for add in (
        click.option("--full-size", is_flag=True, help="Do not reduce the pictures."),
        click.option(
            "--long-edge",
            type=int,
            default=None,
            metavar="PIXELS",
            help=f"Reduce the pictures to this longer side.  [default: {DEFAULT_LONG_EDGE}]",
        ),
        click.option(
            "--device", default=None, metavar="NAME", help="cpu, cuda, mps; the best there is by default."
        ),
        click.option(
            "--extractor",
            default="vgg19-lite",
            show_default=True,
            metavar="NAME",
            help="Weight set of the feature extractor.",
        ),
    ):
        command = add(command)
    return command


def output_options(command: Command) -> Command:
    """Add what nearly every command shares: how it reports."""
    command = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")(
        command
    )
    return click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")(command)


def chosen_edge(long_edge: int | None, full_size: bool) -> int | None:
    """Return the long edge to reduce to, or None for no reduction.

    Raises:
        OptionError: Both were given.
    """
    if full_size and long_edge is not None:
        raise OptionError(f"Both --full-size and --long-edge {long_edge} were given; give only one.")
    edge = None if full_size else DEFAULT_LONG_EDGE if long_edge is None else long_edge
    click.get_current_context().meta["styletransfer.long_edge"] = edge
    return edge


def size_text(picture: Picture) -> str:
    """Return ``"512x384"``: width and height, as people say it."""
    height, width = picture.rgb.shape[2:]
    return f"{width}x{height}"


def show(value: Any) -> str:
    """Return a default as one would type it."""
    if value is None:
        return "-"
    if isinstance(value, (tuple, list)):
        return ",".join(show(item) for item in value)
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
