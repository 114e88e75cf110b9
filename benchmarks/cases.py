"""The matrix of cases, from the registry: what is registered is benchmarked.

A kind of case is asked for by ``@pytest.mark.matrix(kind)`` on a test that takes ``case``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator

import torch

from benchmarks import speed_cases, textbook
from benchmarks.case import Case
from benchmarks.controls import ASKED, USED
from benchmarks.networks import full_width, trained
from benchmarks.pictures import PAIRS, absent, shape
from benchmarks.plan import LITE, OWN_NETWORK, QUALITY, Plan
from styletransfer.methods import METHODS
from styletransfer.peers import PEERS, Peer, find_peer
from styletransfer.precision import supported
from styletransfer.weights.catalogue import CATALOGUE

#: Beyond this size the full-width network's stages are left to the rows of whole pictures and steps.
_LARGEST_FULL_WIDTH_STAGE = 512
#: Sizes at which reduced precision is measured beside fp32.
_BF16_SIZES = {"cpu": ("32", "128"), "cuda": ("32", "128", "512"), "mps": ("32", "128", "512")}
NO_BF16 = "this device does not compute in bfloat16 itself"


def cases(kind: str, plan: Plan, missing: dict[str, str]) -> list[Case]:
    """Return the rows of one kind.

    Args:
        kind: A key of `KINDS`.
        plan: What was asked for.
        missing: Devices that are not there, and why. Each stands as one skipped case, so that it is seen.
    """
    present = [device for device in plan.devices if device not in missing]
    rows = [case for device in present for case in KINDS[kind](plan, device)]
    absent = [
        Case(what=kind, subject=kind, device=device, size="all", skip=missing[device])
        for device in plan.devices
        if device in missing
    ]
    return rows + absent


def _grid(plan: Plan) -> Iterator[tuple[str, str]]:
    for extractor in (LITE, full_width()):
        for size in plan.sizes_of(extractor):
            yield extractor, size


def _pictures(plan: Plan, device: str) -> Iterable[Case]:
    """Whole pictures by feed-forward methods; the iterative ones are in `_runs`, in the same groups."""
    for extractor, size in _grid(plan):
        for method in (m for m in METHODS.values() if not m.iterative):
            case = Case(
                what="whole picture",
                subject=method.name,
                variant="style given",
                extractor=extractor,
                size=size,
                device=device,
            )
            yield case
            cached = dataclasses.replace(case, variant="style cached")
            if method.encoded is not None:
                yield cached
                for part in other_parts(method.name, extractor):
                    yield dataclasses.replace(cached, variant=f"{cached.variant}, {part}")
            yield from _reduced(case)


def _reduced(case: Case) -> Iterable[Case]:
    """The same in bfloat16, on the small network and at small sizes, for a method that has the option."""
    small = case.extractor == LITE and case.size in _BF16_SIZES[case.device]
    if small and "precision" in METHODS[case.subject].option_names:
        able = "bfloat16" in supported(torch.device(case.device))
        yield dataclasses.replace(case, precision="bf16", skip="" if able else NO_BF16)


def other_parts(method: str, extractor: str) -> dict[str, dict[str, str]]:
    """Return the weight sets in the package that may stand in place of a part's default, and their options."""
    return {
        file.name: {part.name: file.name}
        for part in METHODS[method].parts
        for file in CATALOGUE.values()
        if file.embedded
        and (file.kind, file.encoder) == (part.kind, extractor)
        and file.name != part.default(extractor)
    }


def part_options(case: Case) -> dict[str, str]:
    """Return the options of the part that a case's variant names behind its comma, if any."""
    _, _, name = case.variant.partition(", ")
    return other_parts(case.subject, case.extractor)[name] if name else {}


def _runs(plan: Plan, device: str) -> Iterable[Case]:
    """Whole descents, with the embedded weights: with random ones a loss means nothing."""
    for method in (m for m in METHODS if METHODS[m].iterative):
        for size in plan.run_sizes:
            yield Case(what="whole picture", subject=method, variant="full run", size=size, device=device)


def _quality(plan: Plan, device: str) -> Iterable[Case]:
    """One picture of each method for several pairs, to be judged and shown; only trained weights make one."""
    own = {METHODS[method].extractor for method in METHODS} - {LITE}
    counts = dict.fromkeys((LITE, *sorted(own)), plan.profile.pairs) | {
        full_width(): plan.profile.full_width_pairs
    }
    for extractor, count in counts.items():
        for pair in list(PAIRS)[:count]:
            for method in (m for m in METHODS if trained(m, extractor)):
                case = Case(
                    what=QUALITY,
                    subject=method,
                    variant="full run" if METHODS[method].iterative else "style given",
                    extractor=extractor,
                    size=plan.quality_size,
                    device=device,
                    pair=pair,
                    skip=absent(pair),
                )
                yield case
                for part in other_parts(method, extractor):
                    yield dataclasses.replace(case, variant=f"{case.variant}, {part}")


def _peers(plan: Plan, device: str) -> Iterable[Case]:
    """Other people's programs on the same pairs, each in a process of its own; on the processor only."""
    if device != "cpu":
        return
    case = Case(what=QUALITY, subject="", extractor=OWN_NETWORK, size=plan.quality_size)
    for name, peer in peers(plan).items():
        if why := _unasked(peer) if plan.peers is None else "":
            yield dataclasses.replace(case, subject=name, skip=why)
            continue
        for pair in list(PAIRS)[: plan.profile.pairs]:
            yield dataclasses.replace(case, subject=name, pair=pair, skip=absent(pair))


def peers(plan: Plan) -> dict[str, Peer]:
    """Return the programs that are asked for, by name.

    Raises:
        OptionError: One that nobody knows.
        PeerError: One that is named and not there.
    """
    if plan.peers is None:
        return dict(PEERS)
    return {peer.name: peer for peer in (find_peer(spec).require() for spec in plan.peers)}


def _unasked(peer: Peer) -> str:
    """Return why a program that nobody named is left out, or an empty string."""
    if lacking := peer.lacks():
        return f"{peer.name}: {lacking}"
    return (
        "" if peer.clock == "work" else f"{peer.name} may take a quarter of an hour a picture; --peer asks for it"
    )


def _steps(plan: Plan, device: str) -> Iterable[Case]:
    """One step: of the default options, and where there is a textbook, of the options equal to it."""
    for extractor, size in _grid(plan):
        for method in (m for m in METHODS if METHODS[m].iterative):
            case = Case(what="one step", subject=method, extractor=extractor, size=size, device=device)
            book = textbook.of(method)
            if book:
                yield dataclasses.replace(case, variant="as the textbook")
            if extractor == LITE or not book:
                yield dataclasses.replace(case, variant="default")
            yield from _reduced(dataclasses.replace(case, variant="default"))


def _stages(plan: Plan, device: str) -> Iterable[Case]:
    """Reading, copying, extracting, the methods' own stages, writing."""
    own = [stage for method in METHODS if textbook.of(method) for stage in textbook.of(method).STAGES]
    for extractor, size in _grid(plan):
        if extractor != LITE and max(shape(size)) > _LARGEST_FULL_WIDTH_STAGE:
            continue
        # Reading and writing files knows no network.
        names = [] if extractor != LITE else ["load", "save"] if device == "cpu" else ["copy"]
        for name in [*names, "extract", *own]:
            yield Case(what="stage", subject=name, extractor=extractor, size=size, device=device)


def _controls(plan: Plan, device: str) -> Iterable[Case]:
    """One picture of each method with each control, beside a plain one."""
    for method in (m for m in METHODS if trained(m, LITE)):
        for control in USED:
            if control in ASKED and "masks" not in METHODS[method].accepts:
                continue
            yield Case(what="control", subject=method, variant=control, size=plan.quality_size, device=device)


def _cold(plan: Plan, device: str) -> Iterable[Case]:
    for method in METHODS:
        yield Case(
            what="cold start", subject=method, variant="first picture", size=plan.run_sizes[0], device=device
        )


KINDS: dict[str, Callable[[Plan, str], Iterable[Case]]] = {
    "pictures": _pictures,
    "runs": _runs,
    "quality": _quality,
    "peers": _peers,
    "steps": _steps,
    "stages": _stages,
    "controls": _controls,
    "cold": _cold,
    **speed_cases.KINDS,
}
