"""The log: lines, what is typical, healthy bands, samples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from styletransfer import load_image
from styletransfer.errors import OutputError
from styletransfer.training.engine.journal import Journal
from styletransfer.training.engine.task import Band

BANDS = {"moment": Band(0.8, "Train longer.")}


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def live(journal: Journal, values: Mapping[int, float], steps: int = 400) -> None:
    """Go through some steps of a healthy run, other values at some of them."""
    for step in range(1, steps + 1):
        now = {"moment": values.get(step, 0.3)}
        journal.follow(now)
        if step % 20 == 0:
            journal.step(step, {}, now)


def test_a_line_for_each_event(tmp_path: Path) -> None:
    journal = Journal(tmp_path, {})
    journal.note("start", step=0)
    journal.step(20, {"phase": "style"}, {"moment": 0.123456789, "gram": float("nan")})
    assert lines(tmp_path) == [
        {"event": "start", "step": 0},
        {"event": "step", "step": 20, "phase": "style", "moment": 0.12346, "gram": None},
    ]


def test_what_is_typical_is_the_median_of_the_last_steps(tmp_path: Path) -> None:
    journal = Journal(tmp_path, {})
    for value in (1.0, 2.0, float("inf"), 5.0, float("nan")):
        journal.follow({"moment": value})
    assert journal.typical == {"moment": 2.0}
    for _ in range(50):
        journal.follow({"moment": 0.5})
    assert journal.typical == {"moment": 0.5}


def test_a_resumed_journal_goes_on_from_the_same_values(tmp_path: Path) -> None:
    first, second = Journal(tmp_path, {}), Journal(tmp_path, {})
    for step in range(70):
        first.follow({"moment": float(step)})
    second.recall({name: list(values) for name, values in first.recent.items()})
    assert second.recent == first.recent
    second.follow({"moment": 70.0})
    assert len(second.recent["moment"]) == len(first.recent["moment"])


def test_a_healthy_run_is_not_warned_of(tmp_path: Path) -> None:
    told: list[str] = []
    live(Journal(tmp_path, BANDS, on_warning=told.append), {})
    assert told == []


def test_one_wild_step_is_no_reason_to_warn(tmp_path: Path) -> None:
    told: list[str] = []
    live(Journal(tmp_path, BANDS, on_warning=told.append), {190: 1e4})
    assert told == []


def test_values_that_stay_outside_are_told_once_with_their_cure(tmp_path: Path) -> None:
    told: list[str] = []
    live(Journal(tmp_path, BANDS, on_warning=told.append), dict.fromkeys(range(100, 401), 1.5))
    assert told == ["moment is 1.5; in a healthy run it is below 0.8. Train longer."]
    assert [line["text"] for line in lines(tmp_path) if line["event"] == "warning"] == told


def test_the_first_steps_may_be_outside(tmp_path: Path) -> None:
    told: list[str] = []
    live(Journal(tmp_path, BANDS, on_warning=told.append), dict.fromkeys(range(1, 150), 1.5), steps=180)
    assert told == []


def test_a_grid_of_samples(tmp_path: Path) -> None:
    grid = torch.rand(3, 20, 30)
    path = Journal(tmp_path, {}).sample(40, grid)
    assert path == tmp_path / "samples" / "step-0000040.png"
    torch.testing.assert_close(load_image(path)[0], grid, atol=0.5 / 255 + 1e-6, rtol=0)
    assert lines(tmp_path) == [{"event": "sample", "step": 40, "path": "samples/step-0000040.png"}]


def test_a_silent_one_writes_and_tells_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    live(Journal(tmp_path, BANDS, on_warning=told.append, silent=True), dict.fromkeys(range(1, 401), 9.0))
    assert told == []
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(OutputError, match=r"Cannot write the log .*log\.jsonl: .*\."):
        Journal(tmp_path, {}).note("start")
