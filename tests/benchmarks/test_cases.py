"""The matrix: from the registry, and what the command line makes of it."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

import pytest

from benchmarks import plan
from benchmarks.cases import KINDS, cases
from benchmarks.plan import FULL, HUGE, QUICK, SMOKE, Plan
from styletransfer.methods import METHODS

CPU = {"devices": ("cpu",)}


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
    monkeypatch.setitem(METHODS, "other", dataclasses.replace(quick, name="other", accepts=frozenset()))
    monkeypatch.setitem(METHODS, "patient", dataclasses.replace(patient, name="patient"))
    asked = Plan(profile=QUICK, devices=("cpu",))
    pictures = [case.variant for case in cases("pictures", asked, {}) if case.subject == "other"]
    assert set(pictures) == {"style given"}  # it takes no encoded style
    assert "patient" in subjects("runs", asked)
    steps = [case.variant for case in cases("steps", asked, {}) if case.subject == "patient"]
    assert set(steps) == {"default"}
    assert {"other", "patient"} <= subjects("cold", asked)


def test_ids_are_unique() -> None:
    asked = Plan(profile=FULL, devices=("cpu",), huge=True)
    for kind in KINDS:
        ids = [case.id for case in cases(kind, asked, {})]
        assert len(ids) == len(set(ids))


def test_groups_compare_methods() -> None:
    asked = Plan(profile=QUICK, devices=("cpu",))
    rows = cases("pictures", asked, {}) + cases("runs", asked, {})
    group = {case.subject for case in rows if ", 128 px, vgg19-lite" in case.group}
    assert group == set(METHODS)


def test_a_missing_device_is_one_skip_with_its_reason() -> None:
    asked = Plan(profile=QUICK, devices=("cpu", "cuda"))
    rows = cases("pictures", asked, {"cuda": "there is no cuda device on this machine"})
    assert [case.skip for case in rows if case.device == "cuda"] == ["there is no cuda device on this machine"]


def test_a_method_without_honest_bf16_says_why() -> None:
    [case] = [c for c in cases("steps", Plan(profile=SMOKE, **CPU), {}) if c.precision == "bf16"]
    assert "Gram" in case.skip


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
    default = dict.fromkeys(("quick", "huge", "sizes", "rounds", "threads", "benchmark_device")) | {
        f"benchmark_{name}": None for name in names
    }
    return argparse.Namespace(**(default | given))


def test_without_a_request_nothing_is_measured() -> None:
    asked = plan.from_options(options())
    assert (asked.profile, asked.measuring, asked.devices) == (SMOKE, False, ("cpu",))


@pytest.mark.parametrize("name", ["only", "json", "save", "compare", "histogram"])
def test_the_plugin_s_options_ask_for_the_full_profile(name: str) -> None:
    assert plan.from_options(options(**{f"benchmark_{name}": True})).profile is FULL
    assert plan.from_options(options(quick=True, **{f"benchmark_{name}": True})).profile is QUICK
