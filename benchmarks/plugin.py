"""The harness' part in pytest: what is told at the start and the end, and what is written beside the rows."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.plan import Plan, why_not

#: Raised by every change of what the fields mean; results of another schema are refused by report and gate.
SCHEMA = 1


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
        self.started = False
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

    def pytest_report_header(self) -> str:
        plan = self.plan
        if plan.measuring:
            return f"styletransfer benchmarks: {plan.profile.name} profile, devices {', '.join(plan.devices)}"
        return (
            "styletransfer benchmarks: each case once, untimed (to measure: --benchmark-only, also with --quick)"
        )

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
        from benchmarks.machine import differences

        differing = differences(machine_info, compared_benchmark["machine_info"])
        if differing and not config.option.across_machines:
            raise pytest.UsageError(
                "The saved run was made on another machine (now and then: " + "; ".join(differing) + "), so its "
                "seconds cannot be compared with this run's. Compare ratios with benchmarks/check.py, or say "
                "--across-machines."
            )
        # pytest-benchmark would now print both records in full wherever a clock or the load differs.
        machine_info.clear()
        machine_info.update(compared_benchmark["machine_info"])

    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        from benchmarks import floor

        output_json["styletransfer"] = {
            "schema": SCHEMA,
            "profile": self.plan.profile.name,
            "command": _command([str(word) for word in self.config.invocation_params.args]),
            "complete": not self.interrupted,
            "devices": list(self.plan.devices),
            "missing": self.missing,
            "skipped": self.skipped,
            "rates": floor.measured_rates(),
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
        from benchmarks.summary import lines

        terminalreporter.section("speed, memory and quality side by side")
        for line in lines(self.rows):
            terminalreporter.write_line(line)
        if self.interrupted:
            terminalreporter.write_line(
                "Interrupted: the rows above are finished and kept, the others are not there."
            )


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
            option, equals, value = word.rpartition("=") if word.startswith("-") else ("", "", word)
            kept.append(f"{option}{equals}{Path(value).name}" if Path(value).is_absolute() else word)
    return shlex.join(["python", "-m", "pytest", *kept])
