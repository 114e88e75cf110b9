"""The speed targets: what counts as reached, seconds to equal loss, their rows, and where they are told."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks import floor, memory, race, timing
from benchmarks.case import Case
from benchmarks.cases import cases, part_options
from benchmarks.pictures import shape
from benchmarks.plan import FULL, LITE, QUICK, SMOKE, Plan
from benchmarks.plugin import _targets
from benchmarks.race import Race
from benchmarks.report import __main__ as report
from benchmarks.speed_cases import KINDS, SETUPS
from benchmarks.targets import TARGETS, in_words, reached, wanted
from benchmarks.then import Then
from styletransfer import precision
from tests.benchmarks.test_results import Write

CPU = {"devices": ("cpu",)}


def rows(plan: Plan) -> dict[str, Case]:
    return {case.variant: case for kind in KINDS for case in cases(kind, plan, {})}


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("C1", 1.3, "yes"), ("C1", 1.29, "no"), ("C3", 0.2, "yes"), ("C3", 0.21, "no"), ("C9", 2.9, "yes")],
)
def test_what_is_reached(name: str, value: float, text: str) -> None:
    assert reached(TARGETS[name].record(value, "512")) == text
    assert reached(TARGETS[name].record(value, "256")) == f"{text}, meant for another size"


def test_values_in_words() -> None:
    assert wanted(TARGETS["C3"].record(0.5, "512")) == "at most 20.0% of"
    assert wanted(TARGETS["C1"].record(0.5, "512")) == "at least 1.30 times"
    assert in_words(2.2, "GB") == "2.2 GB"


@pytest.mark.parametrize("profile", [SMOKE, QUICK, FULL], ids=lambda profile: profile.name)
def test_every_target_has_its_row(profile: Any) -> None:
    found = rows(Plan(profile=profile, **CPU))
    named = {target.split()[0] for target in TARGETS}
    assert named <= {variant.split()[0] for variant in found}
    assert all(case.skip or case.size for case in found.values())


def test_rows_that_cannot_be_run_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_processor_has_bfloat16", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = rows(Plan(profile=QUICK, **CPU))
    assert "bfloat16" in found["C2"].skip or "precision" in found["C2"].skip
    assert all("cuda" in found[name].skip for name in ("G1", "G2", "G3"))
    assert "--huge" in found["C8"].skip
    assert "full profile" in found["C6 lite"].skip
    assert not found["C1"].skip
    assert not rows(Plan(profile=QUICK, huge=True, **CPU))["C8"].skip


def test_on_a_machine_with_cuda_its_rows_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    [first, *_] = cases("speed gpu", Plan(profile=FULL, devices=("cuda",)), {})
    assert (first.variant, first.device, first.skip) == ("G1", "cuda", "")
    assert cases("speed gpu", Plan(profile=FULL, devices=("cpu",)), {}) == []


def test_setups_are_options() -> None:
    assert SETUPS["C1"].options == {}
    assert SETUPS["C3 bf16"].options == {"decoder": "fast", "precision": "bfloat16"}
    assert SETUPS["C3 onnxruntime"].options == {"decoder": "fast", "engine": "onnxruntime"}


def test_other_decoders_have_rows() -> None:
    named = [c for c in cases("pictures", Plan(profile=SMOKE, **CPU), {}) if c.variant == "style cached, fast"]
    assert [part_options(case) for case in named] == [{"decoder": "fast"}]
    assert part_options(Case(what="quality", subject="gatys", variant="full run")) == {}
    judged = {case.variant for case in cases("quality", Plan(profile=SMOKE, **CPU), {}) if case.extractor == LITE}
    assert "style given, fast" in judged


class Descending:
    """Each step halves the picture's loss, its mean."""

    def objective(self, content: torch.Tensor, style: torch.Tensor) -> Any:
        return lambda picture: float(picture.mean())

    def stylize(self, content: torch.Tensor, style: torch.Tensor, on_step: Any) -> Any:
        on_step(SimpleNamespace(image=content[:, :, ::2, ::2]))  # of a coarse size, which does not count
        for step in range(4):
            on_step(SimpleNamespace(image=content / 2**step))
        return SimpleNamespace(image=content / 16)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processor time that advances by a second with each look at it."""
    seconds = iter(range(1000))
    monkeypatch.setattr(race, "processor_seconds", lambda: float(next(seconds)))


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("goal", "times", "after"), [(0.3, 1 / 3, 3.0), (0.01, 0.0, None)])
def test_seconds_to_equal_loss(goal: float, times: float, after: float | None) -> None:
    picture = torch.ones(1, 3, 4, 4)
    raced = Race(Descending(), picture, picture, lambda: goal * picture)
    raced.run()
    raced.reference()
    found, record = raced.result()
    assert found == pytest.approx(times)
    assert record["reached_after"] == after
    assert record["loss"] == pytest.approx(goal)


def test_processor_seconds_are_of_children_too() -> None:
    import subprocess
    import sys

    before = timing.processor_seconds()
    subprocess.run([sys.executable, "-c", "sum(range(3 * 10**6))"], check=True)
    assert timing.processor_seconds() - before > 0.02


def test_operations_are_counted() -> None:
    x, weight = torch.rand(1, 2, 8, 8), torch.rand(4, 2, 3, 3)
    assert floor.counted(lambda: torch.conv2d(x, weight, padding=1)) == 2 * 9 * 2 * 4 * 8 * 8


def test_sizes() -> None:
    assert (shape("48"), shape("1920x1080")) == ((48, 48), (1080, 1920))


MARK = TARGETS["C1"].record(1.5, "512")


def test_the_terminal_lists_them() -> None:
    skipped = {"row": "benchmarks/test_speed.py::test_on_gpu[G1]", "reason": "there is no cuda device"}
    other = {"row": "benchmarks/test_methods.py::test_step[x]", "reason": "Gram"}
    info = {"targets": [MARK], "floor": {"share": 0.5}}
    head, line, last = _targets([("row", "speed", info, 0.1)], [skipped, other])
    assert head.split()[:4] == ["target", "measured", "wanted", "reached"]
    assert line.split() == ["C1", "1.50", "times", "at", "least", "1.30", "times", "yes", "50%", "row"]
    assert last == "skipped: test_on_gpu[G1]: there is no cuda device"
    assert _targets([("row", "group", {}, 0.1)], []) == []


def test_the_report_shows_them(results: Write, tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["benchmarks"][0]["extra_info"]["targets"] = [MARK]

    assert report.main([str(results(change=change))]) == 0
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "### Speed targets" in text
    assert f"| C1 | {MARK['what']} |" in text
    assert "| at least 1.30 times | 1.50 times | yes |" in text


def test_a_reference_works_in_its_own_process() -> None:
    case = Case(what="speed", subject="adain", extractor=LITE, size="32")
    with contextlib.closing(Then("picture", case)) as then:
        laps = [then(), then()]
    assert all(0 < lap.processor < 60 and lap.seconds > 0 for lap in laps)


def test_memory_is_kept_for_a_while() -> None:
    with memory.kept() as done:
        assert done in (True, False)
