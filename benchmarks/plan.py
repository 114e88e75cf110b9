"""What a run is asked to do: profile, sizes, devices, rounds. Read from the command line once."""

from __future__ import annotations

import argparse
import os
import re
from dataclasses import dataclass
from typing import Any

#: The extractors by the label that rows carry: the embedded quarter-width network, and VGG-19 at full width.
LITE, FULL_WIDTH = "vgg19-lite", "vgg19"
#: Wanted of every size but the huge one, so that the textbook code, which cannot pad, can take part.
MULTIPLE = 16
HUGE = "4096x2160"


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How much is measured.

    Attributes:
        name: ``"smoke"``, ``"quick"`` or ``"full"``.
        lite: Long edges measured with the embedded network, pixels.
        full_width: The same at VGG-19's full width, sixteen times the arithmetic.
        runs: Sizes of whole descents, each with its trace.
        seconds: Aimed at for the rounds of one row; slow rows take `fewest` rounds all the same.
        fewest: At least so many rounds.
        most: At most so many.
        cold: Fresh processes for each cold row.
    """

    name: str
    lite: tuple[str, ...]
    full_width: tuple[str, ...]
    runs: tuple[str, ...]
    seconds: float
    fewest: int
    most: int
    cold: int


#: Every case once, untimed, as small as can be: what a plain `pytest` does.
SMOKE = Profile(
    name="smoke", lite=("32",), full_width=("32",), runs=("32",), seconds=0.0, fewest=1, most=1, cold=1
)
QUICK = Profile(
    name="quick",
    lite=("128", "256"),
    full_width=("128",),
    runs=("128",),
    seconds=1.5,
    fewest=3,
    most=7,
    cold=1,
)
FULL = Profile(
    name="full",
    lite=("128", "256", "512", "1024"),
    full_width=("128", "256", "512", "1024"),
    runs=("128", "256", "512"),
    seconds=5.0,
    fewest=3,
    most=15,
    cold=3,
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run, as chosen on the command line.

    Attributes:
        profile: See `Profile`.
        devices: Asked for, e.g. ``("cpu",)``.
        explicit: Whether devices were named: then one that is missing is an error, not a skip.
        sizes: Override the profile's, or None.
        rounds: Override the number of rounds, or None.
        threads: Processor threads, or None for torch's own choice.
        huge: Whether 4096x2160 is measured too.
    """

    profile: Profile
    devices: tuple[str, ...] = ("cpu", "cuda", "mps")
    explicit: bool = False
    sizes: tuple[str, ...] | None = None
    rounds: int | None = None
    threads: int | None = None
    huge: bool = False

    @property
    def measuring(self) -> bool:
        """Whether seconds are taken, or every case only run once."""
        return self.profile is not SMOKE

    def sizes_of(self, extractor: str) -> tuple[str, ...]:
        """Return the sizes at which single pictures, steps and stages are measured."""
        chosen = self.sizes or (self.profile.lite if extractor == LITE else self.profile.full_width)
        return (*chosen, HUGE) if self.huge and extractor == LITE else chosen

    @property
    def run_sizes(self) -> tuple[str, ...]:
        """Return the sizes of whole descents."""
        return self.sizes or self.profile.runs


def add_options(group: Any) -> None:
    """Declare the harness' options; pytest shows them in its help."""
    group.addoption("--quick", action="store_true", help="the quick profile: two to three minutes on two cores")
    group.addoption(
        "--device",
        action="append",
        dest="benchmark_device",
        choices=("cpu", "cuda", "mps"),
        help="measure on this device only, and fail if there is none; may be repeated. "
        "By default all there are; those that are missing are skipped with the reason",
    )
    group.addoption("--huge", action="store_true", help=f"measure {HUGE} too: needs about 16 GB of memory")
    group.addoption("--sizes", type=_sizes, help="pixels, e.g. 128,256: instead of the profile's")
    group.addoption("--rounds", type=_at_least_one, help="rounds of every row: instead of the profile's budget")
    group.addoption("--threads", type=_at_least_one, help="processor threads; torch's own choice by default")
    group.addoption(
        "--across-machines",
        action="store_true",
        help="let --benchmark-compare put seconds of different machines side by side",
    )


def from_options(option: Any) -> Plan:
    """Build the plan from pytest's parsed options; without a request to measure it is the smoke profile."""
    profile = SMOKE
    if asked_to_measure(option):
        profile = QUICK if option.quick else FULL
    named = option.benchmark_device
    return Plan(
        profile=profile,
        # A smoke run is there to find rot, for which the processor will do.
        devices=tuple(dict.fromkeys(named)) if named else ("cpu",) if profile is SMOKE else Plan.devices,
        explicit=bool(named),
        sizes=option.sizes,
        rounds=option.rounds,
        threads=option.threads,
        huge=option.huge,
    )


def asked_to_measure(option: Any) -> bool:
    """Tell whether one of the options makes sense only for a measurement."""
    return bool(
        option.quick
        or option.benchmark_only
        or option.benchmark_enable
        or option.benchmark_json
        or option.benchmark_save
        or option.benchmark_autosave
        or option.benchmark_compare
        or option.benchmark_histogram
    )


def why_not(option: Any) -> str:
    """Return why nothing can be measured although it may have been asked for, or an empty string."""
    if option.benchmark_skip and not option.benchmark_only:
        return "--benchmark-skip leaves all benchmarks out"
    if option.benchmark_disable and not option.benchmark_enable:
        return "--benchmark-disable switches the clock off"
    if os.environ.get("PYTEST_XDIST_WORKER") or getattr(option, "dist", "no") not in ("no", None):
        return "pytest-xdist runs tests side by side, and seconds taken beside other work mean nothing"
    return ""


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def _sizes(text: str) -> tuple[str, ...]:
    sizes = tuple(part.strip() for part in text.split(","))
    for size in sizes:
        if size == HUGE:
            continue
        if not re.fullmatch(r"[0-9]+", size) or int(size) % MULTIPLE or not 32 <= int(size) <= 1536:
            raise argparse.ArgumentTypeError(
                f"must be multiples of {MULTIPLE} from 32 to 1536 pixels, or {HUGE}, e.g. 128,256; got {size!r}"
            )
    return sizes
