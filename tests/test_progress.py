"""Bars: what they count, when they speak, and that files and pipes get lines instead."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from styletransfer import progress
from styletransfer.method import Plan, Stage
from styletransfer.progress import Bars, CountBar, ProgressBar, duration, shown
from styletransfer.stylizer import Step


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def redirect(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> io.StringIO:
    """Put a stream in the place of standard error; in a fixture, pytest's capture would undo it."""
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "_DELAY", 0.0)
    return stream


def two_sizes(*steps: int) -> Plan:
    return Plan(stages=(Stage(size=(192, 256), steps=steps[0]), Stage(size=(384, 512), steps=steps[1])))


def walk(bar: ProgressBar, each: float, count: int) -> None:
    for n in range(1, count + 1):
        bar(Step(step=n, steps=bar.plan.steps, seconds=each * n, losses={"total": 1.0}, size=(192, 256)))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.21, "0.2 s"), (45.0, "45 s"), (180.0, "3 min"), (9000.0, "2.5 h")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_estimate_counts_the_larger_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 steps of 0.25 s at half the size are 25 s; 100 at the full one take four times as long each."""
    stream = redirect(monkeypatch, io.StringIO())
    walk(ProgressBar("m", two_sizes(100, 100)), 0.25, 3)
    assert stream.getvalue() == "This takes about 2 min at 512x384; --long-edge 256 would take about 31 s.\n"


def test_short_runs_are_not_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = redirect(monkeypatch, io.StringIO())
    walk(ProgressBar("m", two_sizes(10, 10)), 0.25, 20)
    assert stream.getvalue() == ""


def test_no_time_left_before_steps_were_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = redirect(monkeypatch, Terminal())
    bar = ProgressBar("m", two_sizes(100, 100))
    walk(bar, 0.01, 2)
    bar.bar.bar.refresh()
    assert bar.seconds_left() is None
    assert "step 2/200, 256x192, loss 1" in terminal.getvalue()
    assert "left" not in terminal.getvalue()
    walk(bar, 0.01, 3)
    bar.bar.bar.refresh()
    assert bar.seconds_left() == pytest.approx(4.97)
    assert "5.0 s left, step 3/200" in terminal.getvalue()
    bar.close()


def test_a_file_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = redirect(monkeypatch, io.StringIO())
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    bar = ProgressBar("m", two_sizes(10, 10), announce=False)
    for n in range(1, 6):
        clock[0] += 16.0
        bar(Step(step=n, steps=20, seconds=0.1 * n, losses={}, size=(192, 256)))
    assert stream.getvalue() == "m: step 2/20, 256x192\nm: 4.6 s left, step 4/20, 256x192\n"


@pytest.mark.parametrize(("quiet", "told"), [(False, "files: 7 of 20\n"), (True, "")])
def test_what_is_counted_gets_lines_too(monkeypatch: pytest.MonkeyPatch, quiet: bool, told: str) -> None:
    stream = redirect(monkeypatch, io.StringIO())
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with CountBar("files", unit=" files", quiet=quiet) as bar:
        bar.update(1, 20)
        clock[0] = 31.0
        bar.update(7, 20)
    assert stream.getvalue() == told


def test_the_bar_counts_work_and_ends_full(monkeypatch: pytest.MonkeyPatch) -> None:
    redirect(monkeypatch, Terminal())
    plan = two_sizes(2, 1)
    bar = ProgressBar("m", plan)
    fractions = []
    for n in range(1, 4):
        bar(Step(step=n, steps=3, seconds=0.1 * n, losses={}, size=(1, 1)))
        fractions.append(bar.bar.bar.n / plan.work)
    assert fractions == pytest.approx([1 / 6, 2 / 6, 1.0])
    bar.close()


def test_each_method_has_a_bar_of_its_own() -> None:
    plan = two_sizes(1, 1)
    bars = Bars({"a": plan, "b": plan})
    step = Step(step=1, steps=2, seconds=0.1, losses={}, size=(192, 256))
    bars("a", step)
    bars.of("b")(step)
    assert bars._bar is not None
    assert bars._bar.name == "b"
    bars.close()


@pytest.mark.parametrize(("height", "told"), [(2000, "m takes about 5 min at 1500x2000; "), (1999, "")])
def test_large_pictures_are_announced_before_the_first_step(
    monkeypatch: pytest.MonkeyPatch, height: int, told: str
) -> None:
    stream = redirect(monkeypatch, io.StringIO())
    stylizer: Any = SimpleNamespace(plan=lambda size: two_sizes(*size), estimate=lambda size: 300.0)
    content: Any = SimpleNamespace(rgb=torch.empty(1, 3, height, 1500, device="meta"))
    with shown({"m": stylizer}, content):
        assert stream.getvalue().startswith(told)
        assert bool(stream.getvalue()) == bool(told)


def test_nothing_is_shown_where_it_is_not_wanted() -> None:
    with shown({}, None, enabled=False) as bars:  # type: ignore[arg-type]
        assert bars is None


def test_a_notebook_with_widgets_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class ZMQInteractiveShell:
        pass

    class IPython:
        get_ipython = staticmethod(ZMQInteractiveShell)

    assert not progress.in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", IPython)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert progress.in_notebook()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not progress.in_notebook()
