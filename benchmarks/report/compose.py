"""One report out of one or several runs, each a part. `benchmarks.check` compares runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.report.parts import Section, Table
from benchmarks.report.sections import of_device
from benchmarks.results_file import Results
from styletransfer.judging.judges import same_judge
from styletransfer.methods import METHODS

TITLE = "What style transfer costs, and what it buys"
#: Load per core at the start above which the seconds are called noise.
_BUSY = 0.4


def compose(runs: Sequence[Results]) -> list[Section]:
    """Return the whole report.

    Raises:
        JudgeError: Runs of different judges.
    """
    same_judge([run.judge for run in runs])
    sections = [_opening(runs)]
    for run in runs:
        sections.append(_part(run))
        devices = dict.fromkeys(row.case["device"] for row in run.rows)
        for device in devices:
            sections += of_device(run, device)
        if not devices.keys() & {"cuda", "mps"}:
            sections.append(_no_gpu(run))
        sections.append(_conditions(run))
    return sections


def _opening(runs: Sequence[Results]) -> Section:
    return Section(
        title="What is measured",
        text=(
            "Methods that repaint a photograph in the manner of a painting: how long each takes, how much memory "
            "it needs, and what its picture is worth to one fixed judge, "
            f"{runs[0].judge.text}. "
            + " ".join(f"{method.title}: {method.summary}." for method in METHODS.values()),
            "Every number was measured, none was filled in by hand: each table is made from the results files "
            + ", ".join(f"`{run.name}`" for run in runs)
            + " by `python -m benchmarks.report`. The rules are in benchmarks/README.md.",
        ),
    )


def _part(run: Results) -> Section:
    machine = run.machine
    gpus = ", ".join(machine["gpus"]) or "no GPU"
    warnings = []
    load = machine.get("load")
    if load and load[0] > _BUSY * (machine["cores"] or 1):
        warnings.append(
            f"The machine was busy when this run began (load {load[0]:.1f} on {machine['cores']} cores), so its "
            "seconds are not to be trusted. Ratios suffer less, since both sides of a pair ran in turns; losses "
            "do not depend on load."
        )
    if not run.run["complete"]:
        warnings.append("This run was interrupted: what is here was finished, the rest is missing.")
    if run.run["profile"] == "quick":
        warnings.append("This is the quick profile: few rounds and small pictures, for a first look.")
    return Section(
        title=f"{machine['processor_name']}, {machine['cores']} cores, {gpus}",
        part=True,
        warnings=warnings,
        text=(
            f"Run of {run.date[:10]}, {run.run['profile']} profile, {machine['threads']} thread(s), torch "
            f"{machine['torch']}. Made by `{run.run['command']}`.",
        ),
    )


def _no_gpu(run: Results) -> Section:
    reasons = "; ".join(run.run["missing"].values())
    return Section(
        title="On a GPU",
        text=("Not measured yet" + (f": {reasons}." if reasons else "."),),
    )


def _conditions(run: Results) -> Section:
    machine = run.machine
    rates = {
        f"matrix products, {key}": f"{rate / 1e9:,.1f} billion operations a second"
        for key, rate in run.run["rates"].items()
    }
    facts: dict[str, Any] = {
        "processor": machine["processor_name"],
        "cores, threads used": f"{machine['cores']}, {machine['threads']}",
        "instructions": machine["instructions"],
        "clock at the start": _mean(machine["clock_mhz"], "MHz"),
        "load at the start": ", ".join(f"{x:.1f}" for x in machine["load"] or ()) or "not told",
        "memory": f"{(machine['memory_bytes'] or 0) / 2**30:.0f} GiB",
        "GPU, driver": f"{', '.join(machine['gpus']) or 'none'}, {machine['driver'] or 'none'}",
        "torch, CUDA, cuDNN": f"{machine['torch']}, {machine['cuda'] or 'none'}, {machine['cudnn'] or 'none'}",
        "system": f"{machine['system']}, {machine['machine']}, Python {machine['python_version']}",
        "commit": _commit(machine["git"]),
        **rates,
        **{
            f"weights {name}": f"{own['state']}, SHA-256 {own['sha256'] or 'not on record'}"
            for name, own in machine["weights"].items()
        },
    }
    skipped = dict.fromkeys(entry["reason"] for entry in run.run["skipped"])
    return Section(
        title="Conditions",
        text=("Not measured, and why: " + "; ".join(skipped) + ".",) if skipped else (),
        tables=[Table(names=2, head=("what", "value"), rows=[(key, str(value)) for key, value in facts.items()])],
    )


def _mean(values: Sequence[float] | None, unit: str) -> str:
    return f"{sum(values) / len(values):,.0f} {unit}" if values else "not told"


def _commit(git: dict[str, Any] | None) -> str:
    if not git:
        return "not a checkout"
    return git["commit"][:12] + (", with changes that were not committed" if git["changed"] else "")
