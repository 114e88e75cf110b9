"""Options of feed-forward methods; AdaIN's own and its declaration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from styletransfer import engines
from styletransfer._checks import choice, flag, integer, number, style_shares
from styletransfer.config import Config, option
from styletransfer.method import Method, Part, by_path
from styletransfer.precision import HELP, PRECISIONS, check_precision
from styletransfer.weights.catalogue import default_decoder, find

#: What is aligned: each channel's mean and deviation, as in the paper, or the channels' covariance too.
ALIGNMENTS = ("channels", "covariance")
#: More passes than this only lose content.
MOST_PASSES = 8


@dataclass(frozen=True, kw_only=True, init=False)
class FeedForwardConfig(Config):
    """Options that every feed-forward method has; a method derives its own from it.

    Raises:
        OptionError: A value outside its range.
    """

    alpha: float = option(
        1.0, "strength: 0 reconstructs the content, 1 takes the style in full; in [0, 1]", span=(0, 1)
    )
    style_mix: tuple[float, ...] | None = option(None, "share of each style, > 0, of their sum; equal if absent")
    passes: int | None = option(None, "passes through the network, 1 to 8; the decoder's own number if absent")
    precision: str = option("float32", HELP, choices=PRECISIONS)
    engine: str = option("torch", engines.HELP, choices=engines.ENGINES)
    measure: bool = option(
        True, "measure the result's losses; off is faster (stylize does it for --json and --metadata only)"
    )

    def __post_init__(self) -> None:
        """Validate every field."""
        object.__setattr__(self, "alpha", number(self.alpha, "alpha", low=0.0, high=1.0))
        object.__setattr__(self, "style_mix", style_shares(self.style_mix))
        if self.passes is not None:
            object.__setattr__(self, "passes", integer(self.passes, "passes", low=1, high=MOST_PASSES))
        check_precision(self.precision)
        choice(self.engine, engines.ENGINES, "engine")
        flag(self.measure, "measure")


@dataclass(frozen=True, kw_only=True, init=False)
class AdaINConfig(FeedForwardConfig):
    """Options of AdaIN.

    Raises:
        OptionError: A value outside its range.
    """

    owner: ClassVar[str] = "Method 'adain'"

    alignment: str | None = option(
        None,
        "channels: each channel's mean and deviation, the paper's; covariance: how channels go together, too; the "
        "decoder's own if absent",
        choices=ALIGNMENTS,
    )

    def __post_init__(self) -> None:
        """Validate every field."""
        super().__post_init__()
        if self.alignment is not None:
            choice(self.alignment, ALIGNMENTS, "alignment")


def _weight_sets(extractor: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    return (str(options.get("decoder") or default_decoder(extractor)),)


ADAIN = Method(
    name="adain",
    title="AdaIN",
    summary="feed-forward, any style: align channel statistics, decode (Huang and Belongie 2017)",
    config=AdaINConfig,
    stylizer=by_path("styletransfer.methods.feedforward.adain:AdaINStylizer"),
    extractor=find("lite").encoder or "",
    parts=(
        Part(
            name="decoder",
            help="decoder's name or file; the extractor's own if absent",
            kind="decoder",
            default=default_decoder,
        ),
    ),
    weight_sets=_weight_sets,
    accepts=frozenset({"carry", "masks", "strength"}),
    encoded=by_path("styletransfer.methods.feedforward.adain:EncodedStyle"),
    encoding=frozenset({"alignment", "decoder", "precision", "engine"}),
    bare={"measure": False},
)
