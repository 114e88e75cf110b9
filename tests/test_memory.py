"""What is known of the memory that is free, and the refusal of pictures that do not fit into it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from styletransfer import memory
from styletransfer.errors import TrainingError

CPU = torch.device("cpu")


def test_no_more_is_free_than_there_is() -> None:
    free = memory.available(CPU)
    assert free is not None
    assert 10_000_000 < free < 2**46


def test_a_limit_of_the_address_space_counts() -> None:
    resource = pytest.importorskip("resource")
    code = (
        "import resource, torch; from styletransfer import memory; import psutil\n"
        "used = psutil.Process().memory_info().vms\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 300_000_000, resource.RLIM_INFINITY))\n"
        "print(memory.available(torch.device('cpu')))\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert resource is not None
    assert 0 < int(told) <= 300_000_000


@pytest.mark.parametrize(
    ("error", "lack"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to ..."), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("could not create a primitive"), True),  # oneDNN's words
        (RuntimeError("sizes do not match"), False),
        (TrainingError("Not enough memory for 8 crops. Take fewer."), False),
        (ValueError("not enough memory of this"), False),
    ],
)
def test_lack_of_memory_is_recognised(error: Exception, lack: bool) -> None:
    assert memory.is_lack(error) is lack


@pytest.mark.parametrize(("left", "lack"), [(10_000_000, True), (10_000_000_000, False)])
def test_a_factorisation_fails_for_lack_of_memory_only_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, left: int, lack: bool
) -> None:
    monkeypatch.setattr(memory, "_left", lambda: left)
    error = torch.linalg.LinAlgError("linalg.eigh: The algorithm failed to converge")
    assert memory.is_lack(error) is lack


def test_bytes_in_words() -> None:
    assert [memory.in_words(n) for n in (12_000_000, 2_345_678_901)] == ["12 MB", "2.3 GB"]
