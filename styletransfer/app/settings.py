"""From what a form holds to what `compare` is asked, and to the commands that repeat it."""

from __future__ import annotations

import reprlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from styletransfer._checks import choice, integer, number
from styletransfer.app.limits import SMALLEST_EDGE, Limits
from styletransfer.comparing.run import check_methods
from styletransfer.controls import Controls
from styletransfer.errors import OptionError
from styletransfer.fields import INTEGER, INTEGERS, NAME, NAMES, NUMBER, Field, list_fields, read_text, show
from styletransfer.method import Method
from styletransfer.methods import METHODS
from styletransfer.weights import catalogue

#: What the widget of an option holds that is not set.
UNSET = ""
#: Options that a form has no use for: shares of several styles, where it takes one,
#: and engines, one of which compiles for minutes and cannot be stopped meanwhile.
_UNUSED = ("style_mix", "engine")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a comparison is asked besides its two pictures.

    Attributes:
        methods: Names, the quick ones first.
        long_edge: Longer side of the result, pixels.
        strength: How much of the style is wanted, in [0, 1].
        options: By method, the options that differ from its preset's, controls included.
    """

    methods: tuple[str, ...]
    long_edge: int
    strength: float = 1.0
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        options = {name: dict(own) for name, own in self.options.items()}
        return {
            "methods": list(self.methods),
            "long_edge": self.long_edge,
            "strength": self.strength,
            "options": options,
        }

    def commands(self, content: str, style: str, preserve: str | None = None) -> list[str]:
        """Return the command that repeats each method's run, for files of these names.

        Example:
            >>> asked = Settings(methods=("gatys",), long_edge=256, options={"gatys": {"steps": 9}})
            >>> asked.commands("a.jpg", "b.jpg")
            ['styletransfer stylize a.jpg b.jpg -m gatys --long-edge 256 --steps 9']
        """
        lines = []
        for method in self.methods:
            words = ["styletransfer", "stylize", _file(content), _file(style), "-m", method]
            words += ["--long-edge", str(self.long_edge)]
            words += ["--strength", show(self.strength)] * (self.strength != 1)
            words += [] if preserve is None else ["--preserve", _file(preserve)]
            for name, value in self.options.get(method, {}).items():
                flag = name.replace("_", "-")
                words += (
                    [f"--{'' if value else 'no-'}{flag}"]
                    if isinstance(value, bool)
                    else [f"--{flag}", show(value)]
                )
            lines.append(shlex.join(words))
        return lines


def _file(name: str) -> str:
    """Return a file's name as a command takes it, even if it looks like an option."""
    return f"./{name}" if name.startswith("-") else name


def quick_first(methods: Sequence[str] | None = None) -> list[str]:
    """Return methods, by default all, in the order in which they run: those of one step before those of many."""
    return sorted(METHODS if methods is None else methods, key=lambda name: METHODS[name].iterative)


def form_fields(method: Method) -> list[Field]:
    """Return the options of a method that a form shows: its config's and those that choose its parts."""
    hidden = {*_UNUSED, *method.bare}
    own = [declared for declared in list_fields(method.config) if declared.name not in hidden]
    parts = [
        Field(part.name, kind=NAME, default=None, help=part.help, choices=_embedded(part.kind))
        for part in method.parts
    ]
    return own + parts


def control_fields() -> list[Field]:
    """Return the options that all methods have."""
    return list_fields(Controls)


def preset_values(method: Method, preset: str | None = None) -> dict[str, Any]:
    """Return what each field of a form holds for a preset, by default the method's default one.

    Raises:
        OptionError: Unknown preset.
    """
    config = method.config(**({} if preset is None else {"preset": preset}))
    return {
        declared.name: as_held(getattr(config, declared.name, None), declared) for declared in form_fields(method)
    }


def as_held(value: Any, declared: Field) -> Any:
    """Return an option's value as its widget holds it; steps by size become their sum."""
    if declared.kind is INTEGERS and declared.span is not None:
        return sum(value) if isinstance(value, tuple) else value
    if declared.kind is NAMES:
        return list(value)
    if value is None:
        return UNSET
    return show(value) if is_typed(declared) else value


def read_form(
    limits: Limits,
    *,
    methods: Any,
    long_edge: Any,
    strength: Any,
    controls: Mapping[str, Any],
    options: Mapping[str, Mapping[str, Any]],
) -> Settings:
    """Return the settings that a form holds; values that are those of the preset are left out.

    Args:
        limits: Of the app.
        methods: Names.
        long_edge: Pixels.
        strength: In [0, 1].
        controls: What the widgets of `control_fields` hold, by name.
        options: By method, what the widgets of `form_fields` hold, by name.

    Raises:
        OptionError: A value outside its range, or beyond the limits.
    """
    if not methods:
        raise OptionError("No method is chosen; choose at least one.")
    names = quick_first(check_methods(_listed(methods, "methods")))
    edge = integer(whole(long_edge), "long_edge", low=SMALLEST_EDGE, high=limits.long_edge)
    shared = {f.name: as_option(controls[f.name], f) for f in control_fields() if _is_changed(f, controls)}
    chosen = {}
    for name in names:
        method = METHODS[name]
        chosen[name] = {**_changed(method, options.get(name, {})), **shared}
        method.configure(chosen[name])  # every mistake is found before anybody waits
    return Settings(
        methods=tuple(names),
        long_edge=edge,
        strength=number(strength, "strength", low=0.0, high=1.0),
        options=chosen,
    )


def whole(value: Any) -> Any:
    """Return a float that is a whole number, as browsers send them, as an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _changed(method: Method, held: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options whose widgets hold something else than the preset's values."""
    preset = held.get("preset") if method.presets else None
    if preset is not None:
        choice(preset, method.presets, "preset")
    usual = preset_values(method, preset)
    changed = {} if preset in (None, _usual_preset(method)) else {"preset": preset}
    for declared in form_fields(method):
        value = held.get(declared.name, usual[declared.name])
        if declared.name == "preset" or value in (usual[declared.name], None, UNSET):
            continue
        changed[declared.name] = as_option(value, declared)
    return changed


def as_option(value: Any, declared: Field) -> Any:
    """Return what a widget holds as the option's value.

    Raises:
        OptionError: Something else than its widget offers; so no name can be that of a file.
    """
    if declared.kind is NAMES:
        return tuple(_listed(value, declared.name))
    if declared.choices:
        return choice(value, declared.choices, declared.name)
    if isinstance(value, str) and is_typed(declared):
        return read_text(value, declared.kind, declared.name)
    return whole(value) if declared.kind in (INTEGER, INTEGERS) else value


def _listed(value: Any, what: str) -> list[str]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise OptionError(f"{what} must be a list of names, got {reprlib.repr(value)}.")
    return list(value)


def is_typed(declared: Field) -> bool:
    """Whether a field is typed: lists, names with numbers, and a number that may be absent."""
    if declared.kind.read is None or declared.kind is NAMES or declared.span is not None:
        return False
    return declared.kind not in (INTEGER, NUMBER) or declared.default is None


def _usual_preset(method: Method) -> Any:
    return {f.name: f.default for f in list_fields(method.config)}.get("preset")


def _is_changed(declared: Field, held: Mapping[str, Any]) -> bool:
    return held.get(declared.name, declared.default) not in (declared.default, None, UNSET)


def _embedded(kind: str) -> tuple[str, ...]:
    """Return the weight sets of a kind that need no download."""
    return tuple(name for name in catalogue.names(kind) if catalogue.CATALOGUE[name].embedded)
