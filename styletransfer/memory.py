"""How much memory there is to work in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from styletransfer.errors import StyleTransferError

if TYPE_CHECKING:
    import torch

#: Of a container's group, version 2 and 1: the limit, and what is in use.
_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
#: How torch's allocators and oneDNN say that memory ran out; both raise a plain RuntimeError.
_HINTS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "could not create a primitive",
    "could not create a memory",
)
#: LAPACK calls a workspace that it was refused a failure to converge: with less than this left, that is why.
_SCARCE = 256 * 2**20


def available(device: torch.device) -> int | None:
    """Return the bytes that may still be used on `device`, or None where nobody can tell.

    On a CPU the least of what the machine has free, what a container allows, and what ``ulimit -v`` leaves.
    """
    if device.type == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        # What torch has taken and does not use counts as free.
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "mps":
        import torch

        return max(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory(), 0)
    return _left()


def in_words(number: float) -> str:
    """Return a number of bytes as people say it.

    Example:
        >>> in_words(2_345_678_901)
        '2.3 GB'
    """
    return f"{number / 1e9:.1f} GB" if number >= 1e8 else f"{number / 1e6:.0f} MB"


def _left() -> int:
    limits = [psutil.virtual_memory().available, _left_of_container(), _left_of_address_space()]
    return int(min(limit for limit in limits if limit is not None))


def _left_of_container() -> int | None:
    for most, used in _GROUPS:
        try:
            return max(int(Path(most).read_text("ascii")) - int(Path(used).read_text("ascii")), 0)
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return None


def _left_of_address_space() -> int | None:
    """Return what ``ulimit -v`` leaves, or None without such a limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if most == resource.RLIM_INFINITY else max(most - int(psutil.Process().memory_info().vms), 0)


def is_lack(error: BaseException) -> bool:
    """Whether an error says that memory ran out, as torch, oneDNN, LAPACK or Python say it."""
    if isinstance(error, StyleTransferError):  # which says already what to do
        return False
    if isinstance(error, MemoryError):
        return True
    if type(error).__name__ == "_LinAlgError":  # torch.linalg.LinAlgError, without importing torch
        return _left() < _SCARCE
    return isinstance(error, RuntimeError) and any(hint in str(error).lower() for hint in _HINTS)
