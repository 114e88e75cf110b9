"""Freed memory is kept: large tensors that follow each other cost no page faults."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import styletransfer
from styletransfer import allocator

FAULTS = """
import resource, sys, threading
if "keep" in sys.argv:
    from styletransfer.allocator import keep_freed_memory
    assert keep_freed_memory()
import torch

def faults():
    for _ in range(20):  # the first ones find their place
        torch.ones(10 * 2**20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        torch.ones(10 * 2**20)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

faults()
worker = threading.Thread(target=faults)
worker.start()
worker.join()
"""
#: Pages of the three tensors of 40 MiB.
PAGES = 3 * 40 * 2**20 // os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0

only_glibc = pytest.mark.skipif(not allocator._is_glibc(), reason="another C library than glibc")


def untuned() -> dict[str, str]:
    tuned = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")
    own = {name: value for name, value in os.environ.items() if not name.startswith(tuned)}
    return own | {"PYTHONPATH": str(Path(styletransfer.__file__).parents[1])}


def run(code: str, *arguments: str, **environment: str) -> list[str]:
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=untuned() | environment,
        timeout=60,
        check=True,
    )
    return result.stdout.split()


@only_glibc
def test_tensors_find_the_memory_of_earlier_ones() -> None:
    assert all(int(count) > PAGES / 2 for count in run(FAULTS))
    main, worker = (int(count) for count in run(FAULTS, "keep"))
    assert main < PAGES / 50
    assert worker < PAGES / 50


ASK = "from styletransfer.allocator import keep_freed_memory; print(keep_freed_memory())"


@only_glibc
@pytest.mark.parametrize(
    ("environment", "kept"),
    [
        ({}, "True"),
        ({"MALLOC_ARENA_MAX": "2"}, "False"),
        ({"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=1000000"}, "False"),
        ({"GLIBC_TUNABLES": "glibc.pthread.rseq=1"}, "True"),
    ],
)
def test_what_the_user_has_chosen_stays(environment: dict[str, str], kept: str) -> None:
    assert run(ASK, **environment) == [kept]


@pytest.mark.parametrize("name", ["libjemalloc.so.2", "/usr/lib/libtcmalloc_minimal.so.4"])
def test_another_allocator_is_left_alone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("LD_PRELOAD", name)
    assert not allocator.keep_freed_memory()


@pytest.mark.parametrize("answer", [ValueError("unrecognized configuration name"), None])
def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch, answer: Exception | None) -> None:
    def confstr(name: str) -> str | None:
        if answer is not None:
            raise answer
        return None

    monkeypatch.setattr(os, "confstr", confstr, raising=False)
    assert not allocator.keep_freed_memory()


@only_glibc
def test_an_old_glibc_is_forbidden_to_map(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Library:
        def mallopt(self, parameter: int, value: int) -> int:
            asked.append((parameter, value))
            return parameter != allocator._MMAP_THRESHOLD

    for name in list(os.environ):
        if name.startswith(("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: Library())
    assert allocator.keep_freed_memory()
    assert (allocator._MMAP_MAX, 0) in asked
