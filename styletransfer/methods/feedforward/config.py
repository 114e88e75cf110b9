"""Options of AdaIN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from styletransfer._checks import flag, integer, number, style_shares
from styletransfer.method import Config, option

#: More passes than this only lose content.
MOST_PASSES = 8


@dataclass(frozen=True, kw_only=True, init=False)
class AdaINConfig(Config):
    """Options of AdaIN.

    Raises:
        OptionError: A value outside its range.
    """

    owner: ClassVar[str] = "Method 'adain'"

    alpha: float = option(1.0, "strength: 0 reconstructs the content, 1 takes the style in full; in [0, 1]")
    style_mix: tuple[float, ...] | None = option(None, "share of each style, > 0; equal if absent")
    passes: int | None = option(None, "passes through the network, 1 to 8; the decoder's own number if absent")
    measure: bool = option(True, "encode the result again to measure its losses; off is faster")

    def __post_init__(self) -> None:
        """Validate every field."""
        object.__setattr__(self, "alpha", number(self.alpha, "alpha", low=0.0, high=1.0))
        object.__setattr__(self, "style_mix", style_shares(self.style_mix))
        if self.passes is not None:
            object.__setattr__(self, "passes", integer(self.passes, "passes", low=1, high=MOST_PASSES))
        flag(self.measure, "measure")
