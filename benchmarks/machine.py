"""The machine's record: what a number needs beside it to mean anything."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import styletransfer
from benchmarks.networks import weight_hashes
from styletransfer.comparing.conditions import device_name

#: What makes two machines the same for a comparison of seconds. Clocks, load and versions are told beside it.
_IDENTITY = ("processor_name", "cores", "threads", "gpus", "system", "machine")


def record() -> dict[str, Any]:
    """Return what is known of this machine, ready for pytest-benchmark's ``machine_info``."""
    return {
        "processor_name": device_name(torch.device("cpu")),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "clock_mhz": _clocks(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "memory_bytes": _memory(),
        "system": platform.system(),
        "machine": platform.machine(),
        "gpus": _gpus(),
        "driver": _driver(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if torch.backends.cudnn.is_available() else None,
        "cudnn_autotune": torch.backends.cudnn.benchmark,
        "tf32_convolutions": torch.backends.cudnn.allow_tf32,
        "matmul_precision": torch.get_float32_matmul_precision(),
        "torch": torch.__version__,
        "styletransfer": styletransfer.__version__,
        "git": _git(),
        "weights": weight_hashes(),
    }


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return in which respects two records are of different machines; empty if they are of the same."""
    return [
        f"{key}: {one.get(key)!r} and {other.get(key)!r}" for key in _IDENTITY if one.get(key) != other.get(key)
    ]


def other_weights(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Return which embedded weight sets differ between two records; an empty string if none does.

    One that a record does not know was used by none of its rows.
    """
    here, there = (
        {name: str(own["sha256"]) for name, own in record.get("weights", {}).items() if own["state"] == "embedded"}
        for record in (one, other)
    )
    return "; ".join(
        f"{name}: {here[name][:8]} and {there[name][:8]}"
        for name in sorted(here.keys() & there.keys())
        if here[name] != there[name]
    )


def _gpus() -> list[str]:
    if torch.cuda.is_available():
        return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ["Apple GPU (mps)"] if torch.backends.mps.is_available() else []


def _driver() -> str | None:
    told = _output("nvidia-smi", "--query-gpu=driver_version,clocks.sm,clocks.max.sm", "--format=csv,noheader")
    return told.splitlines()[0] if told else None


def _clocks() -> list[float] | None:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.is_file() else []
    return [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")] or None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None  # Windows has no sysconf


def _git() -> dict[str, Any] | None:
    """Return commit and whether files were changed; None where the code does not lie in a checkout."""
    root = Path(__file__).parents[1]
    if not (root / "pyproject.toml").is_file():
        return None
    commit = _output("git", "-C", str(root), "rev-parse", "HEAD")
    changed = _output("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "changed": bool(changed)} if commit else None


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
