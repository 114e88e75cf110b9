"""Option dataclasses that describe themselves. Free of torch, so that they load fast."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from styletransfer._checks import choice, known_options


def option(
    default: Any,
    help_text: str,
    *,
    choices: Sequence[str] | None = None,
    picture: bool = False,
    span: tuple[float, float] | None = None,
) -> Any:
    """Declare a config field that describes itself; the command line, `info` and the app read this.

    Args:
        default: The only place where the default stands. A dict or list is copied for each config.
        help_text: One line: meaning, range, unit.
        choices: The names that may be chosen, where there is a fixed set.
        picture: Whether a picture may be given instead of one of `choices`.
        span: The values that a slider offers: the useful ones, where more are allowed.
    """
    names = tuple(choices) if choices else None
    metadata = {"help": help_text, "choices": names, "picture": picture, "span": span}
    if isinstance(default, (dict, list)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True, init=False)
class Config:
    """Base of the option dataclasses: fills in a preset, refuses unknown names.

    Subclasses are ``@dataclass(frozen=True, kw_only=True, init=False)``, declare their fields with `option` and
    check them in ``__post_init__``. Where there are presets, a field ``preset`` holds the chosen one's name.

    Raises:
        OptionError: Unknown preset or option, or a value outside its range.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    owner: ClassVar[str] = "The method"

    def __init__(self, **options: Any) -> None:
        fields = {f.name: f for f in dataclasses.fields(self)}
        known_options(options, fields, self.owner)
        chosen = dict(options)
        if "preset" in fields:
            preset = choice(options.get("preset", fields["preset"].default), self.presets, "preset")
            chosen = {**self.presets[preset], **options, "preset": preset}
        for name, declared in fields.items():
            default = declared.default
            if declared.default_factory is not dataclasses.MISSING:
                default = declared.default_factory()
            object.__setattr__(self, name, chosen.get(name, default))
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check the fields; overridden."""

    def replaced(self, **changes: Any) -> Self:
        """Return a copy with other values of some options; another preset starts from that preset's values.

        `dataclasses.replace` gives every option explicitly, so a preset that it changes would fill in nothing.
        """
        return type(self)(**changes) if "preset" in changes else dataclasses.replace(self, **changes)
