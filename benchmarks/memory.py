"""Peak memory of a piece of work, in a pass of its own that is not timed."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.timing import wait_for
from styletransfer.allocator import keep_freed_memory

#: Parameters of glibc's mallopt for trimming, mapping and arenas, and the values to which they rise by themselves.
_USUAL = {-1: 64 << 20, -3: 32 << 20, -8: 0}
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak(work: Callable[[], Any], device: torch.device) -> dict[str, Any]:
    """Run `work` once more and return the peak, in bytes.

    On CUDA: ``allocated`` (tensors) and ``reserved`` (what the allocator took from the card). On the CPU:
    ``resident`` (of the process) and ``added`` (above what was resident before). Elsewhere ``absent`` says why.
    """
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        work()
        wait_for(device)
        return {
            "allocated": torch.cuda.max_memory_allocated(device),
            "reserved": torch.cuda.max_memory_reserved(device),
        }
    if device.type == "mps":
        work()
        return {"absent": "torch keeps no peak for mps"}
    gc.collect()
    _give_back()
    try:
        _RESET.write_text("5")  # the kernel forgets the peak it has seen
        before = _resident("VmRSS")
    except (OSError, KeyError):
        work()
        return {"absent": "this system cannot reset a process' peak; Linux can"}
    work()
    high = _resident("VmHWM")
    return {"resident": high, "added": max(high - before, 0)}


@contextlib.contextmanager
def kept() -> Iterator[bool]:
    """Work as the command line does, with freed memory kept; tell whether it is."""
    done = keep_freed_memory()
    try:
        yield done
    finally:
        if done:
            for parameter, value in _USUAL.items():
                ctypes.CDLL(None).mallopt(parameter, value)
            _give_back()


def _resident(field: str) -> int:
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
    return int(lines[field].split()[0]) * 1024


def _give_back() -> None:
    """Have the allocator return what earlier rows left, so that it does not hide a need."""
    try:
        trim = ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return  # not glibc: its habit of keeping memory is not there either
    trim(0)
