"""The fields of option dataclasses as a form has them: kinds, and how values are read from text and shown."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from styletransfer.errors import OptionError


@dataclass(frozen=True)
class Kind:
    """What the values of a field are.

    Attributes:
        name: Short, for help.
        read: From a text to a value; raises ValueError. None where a form has something better than text.
        example: A text that can be read.
    """

    name: str
    read: Callable[[str], Any] | None = None
    example: str = ""


def _list_of(item: Callable[[str], Any], *, single: bool = False) -> Callable[[str], Any]:
    """Return what reads ``"a,b"`` as a tuple; with `single`, one value alone is not a tuple."""

    def read(text: str) -> Any:
        items = tuple(item(part.strip()) for part in text.split(","))
        return items[0] if single and len(items) == 1 else items

    return read


def _named(text: str) -> dict[str, float]:
    return {key.strip(): float(number) for key, number in (part.split("=") for part in text.split(","))}


FLAG = Kind("flag")
INTEGER = Kind("integer", int, "100")
NUMBER = Kind("number", float, "0.5")
NAME = Kind("name")
NAMES = Kind("name,...", _list_of(str), "relu3_1,relu4_1")
NUMBERS = Kind("number,...", _list_of(float), "0.7,0.3")
INTEGERS = Kind("integer[,...]", _list_of(int, single=True), "100,200")
WEIGHTS = Kind("name=number,...", _named, "relu1_1=2,relu4_1=0.5")

_KINDS: Mapping[frozenset[Any], Kind] = {
    frozenset({bool}): FLAG,
    frozenset({int}): INTEGER,
    frozenset({float}): NUMBER,
    frozenset({str}): NAME,
    frozenset({Any}): NAME,
    frozenset({tuple[str, ...]}): NAMES,
    frozenset({tuple[float, ...]}): NUMBERS,
    frozenset({int, tuple[int, ...]}): INTEGERS,
    frozenset({Mapping[str, float]}): WEIGHTS,
}


@dataclass(frozen=True)
class Field:
    """One field of an option dataclass.

    Attributes:
        name: As in Python, e.g. ``"style_weight"``.
        kind: What its values are.
        default: From the declaration.
        help: One line.
        choices: Names that may be given, or empty.
        picture: Whether a picture may be given instead of one of them.
        span: The values that a slider offers, or None for no slider.
    """

    name: str
    kind: Kind
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    picture: bool = False
    span: tuple[float, float] | None = None


def list_fields(config: type) -> list[Field]:
    """Return the fields of a dataclass that were declared with `config.option`, in their order.

    Example:
        >>> from styletransfer.controls import Controls
        >>> [field.name for field in list_fields(Controls)][:2]
        ['preserve_color', 'style_scale']
    """
    hints = typing.get_type_hints(config)
    found = []
    for field in dataclasses.fields(config):
        factory = field.default_factory
        default = field.default if factory is dataclasses.MISSING else factory()
        about = field.metadata
        kind, choices = _kind_of(hints[field.name]), about["choices"] or ()
        found.append(Field(field.name, kind, default, about["help"], choices, about["picture"], about["span"]))
    return found


def read_text(text: str, kind: Kind, what: str) -> Any:
    """Return the value that a text stands for.

    Args:
        text: Such as ``"0.5,1"``.
        kind: Of the field.
        what: The field's name, for the message.

    Raises:
        OptionError: A text that cannot be read.

    Example:
        >>> read_text("relu1_1=2", WEIGHTS, "layer_weights")
        {'relu1_1': 2.0}
    """
    if kind.read is None:
        return text
    try:
        return kind.read(text)
    except ValueError:
        raise OptionError(f"{what} is {text!r}, which cannot be read; write it like {kind.example}.") from None


def show(value: Any) -> str:
    """Return a value as one would type it."""
    if value is None:
        return "-"
    if isinstance(value, (tuple, list)):
        return ",".join(show(item) for item in value)
    if isinstance(value, Mapping):
        return ",".join(f"{key}={show(item)}" for key, item in value.items())
    if isinstance(value, bool):
        return "on" if value else "off"
    if not isinstance(value, float):
        return str(value)
    short = f"{value:g}"
    return short if float(short) == value else repr(value)  # what is typed again has to be the same


def _kind_of(hint: Any) -> Kind:
    """Return the kind of a field of this type."""
    union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    return _KINDS[frozenset(typing.get_args(hint) if union else [hint]) - {type(None)}]
