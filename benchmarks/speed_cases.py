"""The rows of the speed targets (`targets.TARGETS`): what `pytest benchmarks -k speed` runs.

Those on the processor take one thread, and their ratios are of processor seconds, except the batch's, which takes
all threads and is timed by the clock. Two methods are named here, since the targets are theirs.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.case import Case
from benchmarks.networks import full_width, trained
from benchmarks.pictures import PAIRS, absent
from benchmarks.plan import FULL, HUGE, LITE, SMOKE, Plan
from styletransfer.methods import METHODS
from styletransfer.precision import supported
from styletransfer.weights.catalogue import DEFAULT_EXTRACTOR

SPEED = "speed"
FEED_FORWARD, ITERATIVE = "adain", "gatys"
#: Long edge of small pictures, where the work itself is little.
_SMALL = "64"
#: The size of G3, and of descents that are raced to the textbook's loss.
FILM, _RACE = "1920x1080", "128"
#: Engines beside torch itself, and the package that each needs: the one place that knows them.
ENGINES: Mapping[str, str] = {"compiled": "torch", "onnxruntime": "onnxruntime", "openvino": "openvino"}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How a feed-forward row works.

    Attributes:
        decoder: Name of the decoder; the extractor's own if None.
        precision: As the methods' option.
        engine: As the methods' option.
    """

    decoder: str | None = None
    precision: str = "float32"
    engine: str = "torch"

    @property
    def options(self) -> dict[str, Any]:
        """What differs from the defaults."""
        own = {"decoder": self.decoder, "precision": self.precision, "engine": self.engine}
        return {name: value for name, value in own.items() if value not in (None, "float32", "torch")}

    def lacking(self, method: str, device: str) -> str:
        """Return why it cannot be run, or an empty string."""
        names = METHODS[method].option_names
        missing = [name for name in self.options if name not in names]
        if missing:
            return f"method {method} has no option {missing[0]} in this version"
        if self.precision not in supported(torch.device(device)):
            return f"this processor does not compute in {self.precision} itself"
        if importlib.util.find_spec(ENGINES.get(self.engine, "torch")) is None:
            return f"the engine {self.engine} is not installed"
        return ""


_COMPILES = "compiles for a minute: only in the full profile"
#: By variant.
SETUPS: Mapping[str, Setup] = {
    "C1": Setup(),
    "C2": Setup(precision="bfloat16"),
    "C3": Setup(decoder="fast"),
    "C3 bf16": Setup(decoder="fast", precision="bfloat16"),
    **{f"C3 {engine}": Setup(decoder="fast", engine=engine) for engine in ENGINES},
    "C4": Setup(),
    "small": Setup(),
    "small fast": Setup(decoder="fast"),
}


def _pictures(plan: Plan, device: str) -> Iterable[Case]:
    for variant, setup in SETUPS.items():
        small = variant.startswith("small") and plan.measuring
        yield _case(
            FEED_FORWARD,
            variant,
            extractor=full_width() if variant == "C4" else LITE,
            size=_SMALL if small else plan.speed_size,
            precision="bf16" if setup.precision == "bfloat16" else "fp32",
            skip=_COMPILES
            if setup.engine == "compiled" and plan.profile is not FULL
            else setup.lacking(FEED_FORWARD, device),
        )


def _steps(plan: Plan, device: str) -> Iterable[Case]:
    for variant, precision in (("C5", "fp32"), ("C5 bf16", "bf16")):
        setup = Setup(precision="float32" if precision == "fp32" else "bfloat16")
        for extractor in (DEFAULT_EXTRACTOR, full_width()):
            yield _case(
                ITERATIVE,
                variant,
                extractor=extractor,
                size=plan.speed_size,
                precision=precision,
                skip=setup.lacking(ITERATIVE, device),
            )


def _descents(plan: Plan, device: str) -> Iterable[Case]:
    pairs, smoke = list(PAIRS)[: plan.profile.descents], plan.profile is SMOKE
    for variant in ("C6 lite", "C6 full", "C7 lbfgs", "C7 adam"):
        # The textbook's code knows no network of low rank.
        extractor = DEFAULT_EXTRACTOR if variant == "C6 lite" else full_width()
        size = plan.speed_size if smoke else "256" if variant.startswith("C6") else _RACE
        if not pairs:
            yield _case(ITERATIVE, variant, extractor=extractor, size=size, skip="only in the full profile")
        lacking = "" if trained(ITERATIVE, extractor) or smoke else "a loss under random weights means nothing"
        for pair in pairs:
            skip = lacking or absent(pair)
            yield _case(ITERATIVE, variant, extractor=extractor, size=size, pair=pair, skip=skip)


def _huge(plan: Plan, device: str) -> Iterable[Case]:
    smoke = plan.profile is SMOKE
    skip = "" if plan.huge or smoke else f"takes minutes and gigabytes: --huge asks for {HUGE}"
    yield _case(FEED_FORWARD, "C8", size=plan.speed_size if smoke else HUGE, skip=skip)


def _shell(plan: Plan, device: str) -> Iterable[Case]:
    yield _case(FEED_FORWARD, "C9 cold from the shell", size=plan.speed_size)


def _batches(plan: Plan, device: str) -> Iterable[Case]:
    yield _case(FEED_FORWARD, "batch", size="256" if plan.measuring else plan.speed_size)


def _forecasts(plan: Plan, device: str) -> Iterable[Case]:
    for method in METHODS:
        yield _case(method, "forecast", size=plan.speed_size, extractor=METHODS[method].extractor)


def _on_gpu(plan: Plan) -> Iterable[Case]:
    smoke = plan.profile is SMOKE
    there = "" if torch.cuda.is_available() else "there is no cuda device on this machine"
    for variant, method, extractor, size in (
        ("G1", FEED_FORWARD, full_width(), plan.speed_size),
        ("G2", ITERATIVE, full_width(), plan.speed_size),
        ("G3", FEED_FORWARD, LITE, plan.speed_size if smoke else FILM),
    ):
        yield _case(method, variant, extractor=extractor, size=size, device="cuda", precision="bf16", skip=there)


def _case(method: str, variant: str, **fields: Any) -> Case:
    return Case(what=SPEED, subject=method, variant=variant, **fields)


def _on_cpu(rows: Callable[[Plan, str], Iterable[Case]]) -> Callable[[Plan, str], Iterable[Case]]:
    return lambda plan, device: rows(plan, device) if device == "cpu" else ()


def _gpu(plan: Plan, device: str) -> Iterable[Case]:
    """On CUDA; where there is none, the rows stand skipped beside the processor's, so that they are seen."""
    return _on_gpu(plan) if device == ("cuda" if torch.cuda.is_available() else "cpu") else ()


#: Kinds of rows, for `cases.KINDS`.
KINDS: Mapping[str, Callable[[Plan, str], Iterable[Case]]] = {
    "speed pictures": _on_cpu(_pictures),
    "speed steps": _on_cpu(_steps),
    "speed descents": _on_cpu(_descents),
    "speed huge": _on_cpu(_huge),
    "speed shell": _on_cpu(_shell),
    "speed batches": _on_cpu(_batches),
    "speed forecasts": _on_cpu(_forecasts),
    "speed gpu": _gpu,
}
