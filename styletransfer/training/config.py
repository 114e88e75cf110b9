"""Settings of a training: what is trained, for how long, how the machine is used; and named presets of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from styletransfer._checks import choice, flag, integer, known_options, number
from styletransfer.errors import OptionError
from styletransfer.layers import check_taps
from styletransfer.method import option
from styletransfer.methods.feedforward.config import MOST_PASSES

PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """How a run runs, whatever it trains.

    Raises:
        OptionError: A value outside its range.
    """

    steps: int = option(3_000, "optimiser steps in all, >= 1")
    batch: int = option(4, "pictures a step, over all processes and parts, >= 1")
    size: int = option(192, "side of a training crop, pixels, >= 32 and a multiple of 16")
    smallest: float = option(
        0.75, "the closest crop covers this share of `size` in a picture's own pixels, in (0, 1]"
    )
    learning_rate: float = option(1e-3, "peak of Adam's step length; falls to zero along a cosine, > 0")
    rise: int = option(50, "steps over which the learning rate rises to its peak, >= 0")
    clip: float = option(1.0, "longest gradient (norm over all weights) that is followed in full, > 0")
    accumulate: int = option(
        1, "parts that each process's share of a batch is worked in, one after the other, >= 1"
    )
    precision: str = option("auto", "of the convolutions; auto: the faster one on this device", choices=PRECISIONS)
    recompute: bool = option(False, "gradient checkpointing: less memory for about a third more time")
    short_edge: int = option(320, "pictures are reduced to this shorter side when they are read, pixels, >= 64")
    cache_megabytes: int = option(1024, "memory for decoded pictures, MB, >= 0")
    checkpoint_every: int = option(500, "steps between checkpoints, >= 1")
    keep: int = option(3, "checkpoints that are kept, >= 1")
    sample_every: int = option(500, "steps between sample grids, >= 1; one more comes early")
    log_every: int = option(20, "steps between lines of the log, >= 1")
    seed: int = option(0, "of everything random")

    def __post_init__(self) -> None:
        """Validate every field."""
        for name in ("steps", "batch", "accumulate", "checkpoint_every", "keep", "sample_every", "log_every"):
            integer(getattr(self, name), name, low=1)
        for name in ("rise", "cache_megabytes"):
            integer(getattr(self, name), name, low=0)
        integer(self.seed, "seed", low=0, high=2**64 - 1)
        integer(self.size, "size", low=32)
        if self.size % 16:
            raise OptionError(f"size must be a multiple of 16 (four poolings halve it), got {self.size}.")
        integer(self.short_edge, "short_edge", low=64)
        number(self.smallest, "smallest", above=0.0, high=1.0)
        number(self.learning_rate, "learning_rate", above=0.0)
        number(self.clip, "clip", above=0.0)
        choice(self.precision, PRECISIONS, "precision")
        flag(self.recompute, "recompute")


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """What a decoder of AdaIN is trained for.

    Raises:
        OptionError: A value outside its range.
    """

    taps: tuple[str, ...] = option(
        ("relu1_1", "relu2_1", "relu3_1", "relu4_1"), "aligned layers that it reads; the paper's is relu4_1 alone"
    )
    passes: int = option(2, "times a picture is put through, each time aligned anew, 1 to 8; the paper's is 1")
    upsampling: str = option(
        "bilinear",
        "between resolutions; nearest is the paper's and leaves a grid",
        choices=("nearest", "bilinear"),
    )
    autoencoder_steps: int = option(400, "steps of the first phase, which learns to give pictures back, >= 0")
    gate: float = option(0.35, "feature error of the first phase above which it counts as not learnt, > 0")
    content_weight: float = option(2.0, "of the content loss, >= 0")
    moment_weight: float = option(40.0, "of the moment style loss (equation 13), >= 0")
    gram_weight: float = option(24.0, "of the Gram style loss, >= 0")
    range_weight: float = option(10.0, "of the penalty on values outside [0, 1], >= 0")
    pixel_weight: float = option(10.0, "of the pixels where a picture is given back, >= 0")
    ramp: int = option(200, "steps of the second phase over which the style weights rise to their value, >= 0")
    identity_every: int = option(16, "every so many steps a content is its own style; 0 for never")
    nearest_of: int = option(
        2, "styles drawn for each content, of which the nearest to it is learnt from, >= 1: near pairs are hard"
    )
    views: int = option(4, "random crops of each style picture that are learnt from, >= 1; the first is the whole")

    def __post_init__(self) -> None:
        """Validate every field."""
        object.__setattr__(self, "taps", check_taps(self.taps))
        choice(self.upsampling, ("nearest", "bilinear"), "upsampling")
        for name in ("autoencoder_steps", "ramp", "identity_every"):
            integer(getattr(self, name), name, low=0)
        integer(self.passes, "passes", low=1, high=MOST_PASSES)
        integer(self.nearest_of, "nearest_of", low=1)
        integer(self.views, "views", low=1)
        number(self.gate, "gate", above=0.0)
        for name in ("content_weight", "moment_weight", "gram_weight", "range_weight", "pixel_weight"):
            number(getattr(self, name), name, low=0.0)


@dataclass(frozen=True, kw_only=True)
class ExtractorConfig:
    """What an extractor is distilled into.

    Raises:
        OptionError: A value outside its range.
    """

    width: float = option(0.25, "share of VGG-19's channels in every block, in (0, 1]")
    last: str = option("conv5_1", "deepest convolution, conv1_1 to conv5_4")
    gram_weight: float = option(0.1, "of the Gram matrices beside the features, >= 0")

    def __post_init__(self) -> None:
        """Validate every field."""
        number(self.width, "width", above=0.0, high=1.0)
        number(self.gram_weight, "gram_weight", low=0.0)
        if not self.last.startswith("conv"):
            raise OptionError(f"last must be a convolution, conv1_1 to conv5_4, got {self.last!r}.")
        check_taps([self.last])


#: Named settings: what differs from the defaults. `default` is for a GPU; `laptop` for two cores and an hour;
#: `lab` shows every part of a training within a lesson and makes nothing of use; `few-shot` goes on from a
#: finished decoder with one or two style pictures.
DECODER_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "default": {"steps": 160_000, "batch": 8, "size": 256, "short_edge": 512, "autoencoder_steps": 4_000},
    "laptop": {},
    "lab": {"steps": 400, "autoencoder_steps": 100, "size": 128, "sample_every": 100, "checkpoint_every": 100},
    "few-shot": {
        "steps": 400, "autoencoder_steps": 0, "ramp": 0, "learning_rate": 3e-4, "views": 24,
        "sample_every": 100, "checkpoint_every": 100,
    },
}  # fmt: skip
EXTRACTOR_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "default": {"steps": 100_000, "batch": 16, "size": 192, "learning_rate": 2e-3, "clip": 5.0},
    "laptop": {"steps": 4_000, "batch": 8, "size": 128, "learning_rate": 2e-3, "clip": 5.0},
    "lab": {"steps": 200, "batch": 8, "size": 96, "learning_rate": 2e-3, "clip": 5.0, "sample_every": 100},
}


def configure(
    task: type[DecoderConfig] | type[ExtractorConfig], preset: str, options: Mapping[str, Any]
) -> tuple[RunConfig, Any]:
    """Build both configs from a preset and what is chosen otherwise.

    Args:
        task: `DecoderConfig` or `ExtractorConfig`.
        preset: A name in `DECODER_PRESETS` or `EXTRACTOR_PRESETS`.
        options: Fields of either config by name; they win over the preset.

    Raises:
        OptionError: Unknown preset or option, or a value outside its range.
    """
    presets = DECODER_PRESETS if task is DecoderConfig else EXTRACTOR_PRESETS
    chosen = {**presets[choice(preset, presets, "preset")], **options}
    run_names = [field.name for field in dataclasses.fields(RunConfig)]
    own_names = [field.name for field in dataclasses.fields(task)]
    known_options(chosen, [*run_names, *own_names], "The training")
    run = RunConfig(**{name: value for name, value in chosen.items() if name in run_names})
    own = task(**{name: value for name, value in chosen.items() if name in own_names})
    if isinstance(own, DecoderConfig) and own.autoencoder_steps >= run.steps:
        raise OptionError(
            f"autoencoder_steps ({own.autoencoder_steps}) leave no step for the style of {run.steps} in all; "
            "raise steps or lower autoencoder_steps."
        )
    return run, own
