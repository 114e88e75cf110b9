"""The harness' part in pytest: options, refusals, the rows' table, and what is written beside the rows.

The root's conftest.py loads this for every run of pytest, so it imports nothing heavy. The contract: README.md.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.plan import Plan, add_options, asked_to_measure, from_options, why_not

#: Raised by every change of what the fields mean; results of another schema are refused by report and gate.
SCHEMA = 2

#: Under the table, for those who see its words for the first time.
_LEGEND = (
    "x textbook: times as fast as the method as tutorials write it, which ran in turns with it. of floor: the "
    "least time that direct convolution could take here, over the time taken. style ratio: 1 is no style."
)
_HEAD = ("case", "seconds", "x textbook", "of floor", "peak memory", "style ratio")


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser.getgroup("styletransfer benchmarks"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "matrix(kind): run the test for every case of that kind")
    option = config.option
    if not hasattr(option, "benchmark_only"):
        return  # without pytest-benchmark; refused once a benchmark is collected
    reason = why_not(option)
    if asked_to_measure(option) and reason:
        raise pytest.UsageError(f"Nothing would be measured: {reason}. Leave that option out.")
    plan = from_options(option)
    if plan.measuring:
        plan = dataclasses.replace(plan, judge=_judge(plan.judge))
    if plan.peers:
        _check_peers(plan)
    harness = Harness(config, plan)
    if plan.explicit and harness.missing:
        raise pytest.UsageError(
            "".join(f"--device {device} was asked for, but {why}. " for device, why in harness.missing.items())
            + "Leave it out to measure on what there is."
        )
    if plan.threads is not None:
        import torch

        torch.set_num_threads(plan.threads)
    config.stash[HARNESS] = harness
    config.pluginmanager.register(harness, "styletransfer-benchmarks")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the tests out where only benchmarks are wanted: they need more than the benchmarks do."""
    by_default = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    only = getattr(config.option, "benchmark_only", False)
    return True if only and by_default and collection_path.is_relative_to(config.rootpath / "tests") else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("matrix")
    if marker is None:
        return
    harness = metafunc.config.stash.get(HARNESS, None)
    if harness is None:
        raise pytest.UsageError(
            "pytest-benchmark is not there (or switched off by -p no:benchmark). Install it: "
            'python -m pip install "styletransfer-toolkit[bench]".'
        )
    from benchmarks.cases import cases

    rows = cases(marker.args[0], harness.plan, harness.missing)
    skips = [[pytest.mark.skip(reason=row.skip)] if row.skip else [] for row in rows]
    metafunc.parametrize(
        "case", [pytest.param(row, id=row.id, marks=marks) for row, marks in zip(rows, skips, strict=True)]
    )


class Harness:
    """Kept for the length of a session.

    Args:
        config: pytest's.
        plan: What was asked for.

    Attributes:
        rows: ``(case id, group, extra_info, median seconds or None)`` of finished rows.
        missing: Devices that are not there, and why.
    """

    def __init__(self, config: pytest.Config, plan: Plan) -> None:
        self.config = config
        self.plan = plan
        self.rows: list[tuple[str, str, dict[str, Any], float | None]] = []
        self.skipped: list[dict[str, str]] = []
        self.interrupted = False
        self._missing: dict[str, str] | None = None
        self._record: dict[str, Any] | None = None

    @property
    def missing(self) -> dict[str, str]:
        """Return the devices asked for that are not there; torch is asked on first use only."""
        if self._missing is None:
            self._missing = _missing(self.plan.devices)
        return self._missing

    @property
    def record(self) -> dict[str, Any]:
        """Return the machine's record, taken once: the load must be that before the work."""
        if self._record is None:
            from benchmarks import machine

            self._record = machine.record()
        return self._record

    @property
    def judge(self) -> dict[str, Any]:
        """Return the label of the run's judge."""
        from benchmarks.judge import judge

        return judge(self.plan.judge).label.to_dict()

    def pytest_sessionstart(self) -> None:
        if self.plan.measuring:
            _ = self.record  # now, before there is load

    def pytest_report_header(self) -> str | None:
        plan = self.plan
        if plan.measuring:
            judge = self.judge
            return (
                f"styletransfer benchmarks: {plan.profile.name} profile, devices {', '.join(plan.devices)}, judge "
                f"{judge['name']} {judge['version']} ({judge['sha256'][:8]})"
            )
        if any("benchmarks" in argument for argument in self.config.args):
            return "styletransfer benchmarks: each case once, untimed (to measure: --benchmark-only, --quick)"
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and report.nodeid.startswith("benchmarks/"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self.skipped.append({"row": report.nodeid, "reason": reason.removeprefix("Skipped: ")})

    def pytest_keyboard_interrupt(self) -> None:
        self.interrupted = True

    def pytest_benchmark_update_machine_info(self, machine_info: dict[str, Any]) -> None:
        machine_info.pop("node", None)  # a host's name is nobody's business in a published file
        machine_info.update(self.record)

    @pytest.hookimpl(tryfirst=True)
    def pytest_benchmark_compare_machine_info(
        self, config: pytest.Config, machine_info: dict[str, Any], compared_benchmark: dict[str, Any]
    ) -> None:
        from benchmarks.machine import differences, other_weights

        then = compared_benchmark["machine_info"]
        if other := other_weights(machine_info, then):
            raise pytest.UsageError(f"The saved run was made with other weights ({other}). Make it again.")
        differing = differences(machine_info, then)
        if differing and not config.option.across_machines:
            raise pytest.UsageError(
                "The saved run was made on another machine (now and then: " + "; ".join(differing) + "), so its "
                "seconds cannot be compared with this run's. Compare ratios with benchmarks/check.py, or say "
                "--across-machines."
            )
        # pytest-benchmark would now print both records in full wherever a clock or the load differs.
        machine_info.clear()
        machine_info.update(then)

    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        from benchmarks import floor, judge

        pairs = {(info["case"]["pair"], info["case"]["size"]) for _, _, info, _ in self.rows if "picture" in info}
        output_json["styletransfer"] = {
            "schema": SCHEMA,
            "profile": self.plan.profile.name,
            "command": _command([str(word) for word in self.config.invocation_params.args]),
            "complete": not self.interrupted,
            "devices": list(self.plan.devices),
            "missing": self.missing,
            "skipped": self.skipped,
            "rates": floor.measured_rates(),
            "judge": self.judge,
            "pairs": {pair: judge.record(self.plan.judge, pair, size) for pair, size in sorted(pairs)},
        }

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self.rows:
            return
        if not self.plan.measuring:
            reason = why_not(self.config.option) or "no measurement was asked for"
            terminalreporter.write_line(
                f"styletransfer benchmarks: {len(self.rows)} cases ran once, nothing was measured: {reason}."
            )
            return
        terminalreporter.section("speed, memory and quality side by side")
        for line in (*_table(self.rows), _LEGEND):
            terminalreporter.write_line(line)
        if marks := _targets(self.rows, self.skipped):
            terminalreporter.section("speed targets")
            for line in marks:
                terminalreporter.write_line(line)
        if self.interrupted:
            terminalreporter.write_line(
                "Interrupted: the rows above are finished and kept, the others are not there."
            )


def _judge(name: str | None) -> str:
    """Return the judge's name: the one asked for, or the default one of this installation."""
    from styletransfer.errors import StyleTransferError
    from styletransfer.judging.judge import create_judge

    try:
        return create_judge(name, device="cpu").label.name
    except StyleTransferError as error:
        raise pytest.UsageError(f"--judge: {error}") from error


def _check_peers(plan: Plan) -> None:
    from benchmarks.cases import peers
    from styletransfer.errors import StyleTransferError

    try:
        peers(plan)
    except StyleTransferError as error:
        raise pytest.UsageError(f"--peer: {error}") from error


def _missing(devices: tuple[str, ...]) -> dict[str, str]:
    from styletransfer.errors import OptionError
    from styletransfer.features import pick_device

    found = {}
    for device in devices:
        try:
            pick_device(device)
        except OptionError:
            found[device] = f"there is no {device} device on this machine"
    return found


def _command(words: Sequence[str]) -> str:
    """Return pytest's arguments as a command that can be typed again in a checkout, without folders."""
    kept: list[str] = []
    left = iter(words)
    for word in left:
        if word == "-c":
            next(left, None)  # `styletransfer benchmark` names its own configuration
        elif not word.startswith("--rootdir"):
            option, equals, value = word.rpartition("=")
            kept.append(f"{option}{equals}{Path(value).name}" if Path(value).is_absolute() else word)
    return shlex.join(["python", "-m", "pytest", *kept])


#: Where the session's `Harness` is kept.
HARNESS = pytest.StashKey[Harness]()


def _table(rows: Sequence[tuple[str, str, dict[str, Any], float | None]]) -> list[str]:
    """Return the table under pytest-benchmark's own, which shows no ratios, memory or quality; a block a group."""
    cells: list[tuple[str, ...] | str] = [_HEAD]
    group = None
    for name, its_group, info, seconds in sorted(rows, key=lambda row: row[1]):
        if its_group != group:
            group = its_group
            cells.append(group)
        cells.append((f"  {name}", *_figures(info, seconds)))
    widths = [max(len(row[i]) for row in cells if isinstance(row, tuple)) for i in range(len(_HEAD))]
    return [
        row if isinstance(row, str) else row[0].ljust(widths[0]) + "".join(
            "  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)
        )
        for row in cells
    ]  # fmt: skip


def _targets(
    rows: Sequence[tuple[str, str, dict[str, Any], float | None]], skipped: Sequence[Mapping[str, str]]
) -> list[str]:
    """Return a line for each target that a row measured, then the rows of targets that were skipped."""
    from benchmarks.targets import in_words, reached, wanted

    cells = [("target", "measured", "wanted", "reached", "of floor", "row")]
    for name, _, info, _ in rows:
        share = f"{info['floor']['share']:.0%}" if info.get("floor") else "-"
        for mark in info.get("targets", ()):
            measured = in_words(mark["value"], mark["unit"])
            cells.append((mark["name"], measured, wanted(mark), reached(mark), share, name))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    ]
    speed = [row for row in skipped if "test_speed.py" in row["row"]]
    skips = [f"skipped: {row['row'].rpartition('::')[2]}: {row['reason']}" for row in speed]
    return [*lines, *skips] if len(lines) > 1 or skips else []


def _figures(info: dict[str, Any], seconds: float | None) -> tuple[str, ...]:
    ratio, floor, judge = textbook_ratio(info), info.get("floor"), info.get("judge")
    memory = info.get("memory", {})
    peak = memory.get("resident", memory.get("reserved"))
    return (
        "-" if seconds is None else f"{seconds:.4f}",
        f"{ratio['median']:.2f}" if ratio else "-",
        f"{floor['share']:.0%}" if floor else "-",
        f"{peak / 2**20:.0f} MiB" if peak else "-",
        f"{judge['style_ratio']:.3f}" if judge else "-",
    )


def textbook_ratio(info: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a row's ratio if its reference is a textbook, and not, e.g., the start of an empty process."""
    ratio: Mapping[str, Any] | None = info.get("ratio")
    return ratio if ratio and "textbook" in ratio["reference"] else None
