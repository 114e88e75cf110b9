"""How a training runs, whatever it trains; and how a recipe's settings and presets are put together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from styletransfer._checks import choice, flag, integer, known_options, number
from styletransfer.config import option
from styletransfer.errors import OptionError

PRECISIONS = ("auto", "float32", "bfloat16")
MOST_STEPS = 10**9
#: Former names of options, refused with the names that other trainers use too.
RENAMED = {
    "batch": "batch_size",
    "rise": "warmup_steps",
    "clip": "max_grad_norm",
    "accumulate": "gradient_accumulation_steps",
    "recompute": "gradient_checkpointing",
    "checkpoint_every": "save_steps",
    "keep": "save_total_limit",
    "sample_every": "sample_steps",
    "log_every": "logging_steps",
    "workers": "num_workers",
    "taps": "layers",
}
#: What does not change the result; a resumed run may have other values.
_FREE = ("save_steps", "save_total_limit", "sample_steps", "logging_steps", "cache_megabytes", "num_workers")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """How a run runs, whatever it trains.

    Raises:
        OptionError: A value outside its range.
    """

    steps: int = option(3_000, "optimiser steps in all, >= 1")
    batch_size: int = option(4, "pictures a step, over all processes and parts, 1 to 65536")
    size: int = option(192, "side of a training crop, pixels, a multiple of 16, 32 to 1024")
    smallest: float = option(
        0.75, "the closest crop covers this share of `size` in a picture's own pixels, in (0, 1]"
    )
    learning_rate: float = option(1e-3, "peak of Adam's step length; falls to zero along a cosine, > 0")
    warmup_steps: int = option(50, "steps over which the learning rate rises to its peak, >= 0")
    max_grad_norm: float = option(1.0, "longest gradient (norm over all weights) that is followed in full, > 0")
    gradient_accumulation_steps: int = option(
        1, "parts that each process's share of a batch is divided into, >= 1; more parts need less memory"
    )
    precision: str = option("auto", "of the convolutions; auto: the faster one on this device", choices=PRECISIONS)
    gradient_checkpointing: bool = option(False, "less memory for about a third more time")
    short_edge: int = option(
        320, "pictures are reduced to this shorter side when they are read, pixels, 64 to 8192"
    )
    cache_megabytes: int = option(1024, "memory for decoded pictures of each folder, MB, >= 0")
    num_workers: int | None = option(None, "processes that load pictures, 0 to 256; chosen if absent")
    save_steps: int = option(500, "steps between checkpoints, >= 1")
    save_total_limit: int = option(3, "checkpoints that are kept, >= 1")
    sample_steps: int = option(500, "steps between sample grids, >= 1; one more comes early")
    logging_steps: int = option(20, "steps between lines of the log, >= 1")
    seed: int = option(0, "of everything random")

    def __post_init__(self) -> None:
        """Validate every field."""
        for name in ("steps", "save_steps", "save_total_limit", "sample_steps", "logging_steps"):
            integer(getattr(self, name), name, low=1, high=MOST_STEPS)
        for name in ("batch_size", "gradient_accumulation_steps"):
            integer(getattr(self, name), name, low=1, high=65_536)
        integer(self.warmup_steps, "warmup_steps", low=0, high=MOST_STEPS)
        integer(self.cache_megabytes, "cache_megabytes", low=0, high=10**9)
        integer(self.seed, "seed", low=0, high=2**64 - 1)
        integer(self.size, "size", low=32, high=1024)
        if self.size % 16:
            raise OptionError(f"size must be a multiple of 16 (four poolings halve it), got {self.size}.")
        integer(self.short_edge, "short_edge", low=64, high=8192)
        if self.num_workers is not None:
            integer(self.num_workers, "num_workers", low=0, high=256)
        number(self.smallest, "smallest", above=0.0, high=1.0)
        number(self.learning_rate, "learning_rate", above=0.0, high=100.0)
        number(self.max_grad_norm, "max_grad_norm", above=0.0)
        choice(self.precision, PRECISIONS, "precision")
        flag(self.gradient_checkpointing, "gradient_checkpointing")


@dataclass(frozen=True, kw_only=True)
class RecipeConfig:
    """Base of a recipe's own settings.

    Attributes:
        presets: Named settings: what differs from the defaults, of `RunConfig` too.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]]

    def check(self, run: RunConfig) -> None:
        """Refuse what does not fit together with how the run runs."""

    @classmethod
    def build(cls, preset: str, options: Mapping[str, Any]) -> tuple[RunConfig, Self]:
        """Build both configs from a preset and options by name, which win over the preset.

        Raises:
            OptionError: Unknown preset or option, or a value outside its range.
        """
        chosen = {**cls.presets[choice(preset, cls.presets, "preset")], **options}
        run_names, own_names = ([field.name for field in dataclasses.fields(owner)] for owner in (RunConfig, cls))
        for old in chosen.keys() & RENAMED.keys():
            raise OptionError(f"The option {old} is called {RENAMED[old]} now; give {RENAMED[old]}.")
        known_options(chosen, [*run_names, *own_names], "The training")
        run = RunConfig(**{name: value for name, value in chosen.items() if name in run_names})
        own = cls(**{name: value for name, value in chosen.items() if name in own_names})
        own.check(run)
        return run, own


def plain_settings(run: RunConfig, own: Any, **more: Any) -> dict[str, Any]:
    """Return the settings that a resumed run must share, as plain values."""
    plain = dataclasses.asdict(run) | dataclasses.asdict(own) | more
    return {name: value for name, value in plain.items() if name not in _FREE}
