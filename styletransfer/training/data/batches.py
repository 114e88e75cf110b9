"""Batches in the order of the steps, made here or ahead of time by the worker processes of torch's DataLoader.

Which crops a batch holds depends on seed, step and slot alone, so the number of workers changes nothing.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from styletransfer._checks import integer
from styletransfer.errors import OptionError, TrainingError
from styletransfer.images.folders import Problem
from styletransfer.training.data.crops import CropBatch, Crops

#: What a worker sends: arrays, since tensors would go through /dev/shm, which has 64 MB in a container.
_Parcel = tuple[Any, tuple[int, ...], tuple[Problem, ...]]
_Part = tuple[int, range]


def default_workers() -> int:
    """Return how many workers suit this machine: none on Windows, macOS and up to two cores, else at most 4.

    The processes that torchrun starts on a machine share its cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores //= max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    if sys.platform in ("win32", "darwin") or cores <= 2:
        return 0
    return min(4, cores - 1)


class _Parts(Dataset[list[_Parcel] | TrainingError]):
    """The parts of the steps: a pure function of (step, slots)."""

    def __init__(self, sources: tuple[Crops, ...]) -> None:
        self.sources = sources

    def __getitem__(self, part: _Part) -> list[_Parcel] | TrainingError:
        try:
            made = [source.batch(*part) for source in self.sources]
        except TrainingError as error:  # raised in a worker, it would come back as a traceback
            return error
        return [(batch.pictures.numpy(), batch.numbers, batch.problems) for batch in made]


def batches(
    sources: Sequence[Crops], steps: range, slots: range, *, workers: int = 0, parts: int = 1
) -> Iterator[tuple[CropBatch, ...]]:
    """Give the batches of `steps`, one after the other; the same ones for any number of workers.

    Problems that are met are noted in the sources' folders. Close the iterator (``contextlib.closing``) to end the
    workers before the last step.

    Args:
        sources: Where crops come from.
        steps: Numbers of the steps.
        slots: This process's slots of each step's global batch.
        workers: Processes that work ahead; 0 to make each batch when it is asked for. A script that uses workers
            needs ``if __name__ == "__main__":`` around its start.
        parts: Give each step's slots in so many equal parts, one after the other.

    Returns:
        An iterator over ``len(steps) * parts`` tuples with a batch of each source.

    Raises:
        OptionError: `slots` that are empty or cannot be divided, negative workers. At once.
        TrainingError: A worker died, or picture after picture cannot be read. From the iterator.
    """
    integer(workers, "num_workers", low=0)
    if not slots or len(slots) % parts:
        raise OptionError(
            f"A batch of {len(slots)} cannot be given in {parts} equal part(s); choose a multiple of {parts}."
        )
    size = len(slots) // parts
    wanted = _Wanted(steps, [slots[n : n + size] for n in range(0, len(slots), size)])
    return _made(tuple(sources), wanted, workers)


class _Wanted:
    """The keys of all parts in order, made one by one: there may be 10^9 steps."""

    def __init__(self, steps: range, parts: list[range]) -> None:
        self.steps, self.parts = steps, parts

    def __iter__(self) -> Iterator[_Part]:
        return ((step, part) for step in self.steps for part in self.parts)

    def __len__(self) -> int:
        return len(self.steps) * len(self.parts)


def _made(sources: tuple[Crops, ...], wanted: _Wanted, workers: int) -> Iterator[tuple[CropBatch, ...]]:
    loader = DataLoader(
        _Parts(sources),
        batch_size=None,
        sampler=wanted,
        collate_fn=_as_it_is,
        num_workers=workers,
        worker_init_fn=_start_worker,
        multiprocessing_context="spawn" if workers else None,  # forked processes are not safe beside NCCL
        generator=torch.Generator(),  # else it would draw from the caller's random state
    )
    others, before = multiprocessing.active_children(), _handler()
    made = iter(loader)
    team = [process for process in multiprocessing.active_children() if process not in others]
    _handle(before)  # torch's handler raises a worker's death in whatever line is being run
    try:
        for _ in range(len(wanted)):
            with _watched(team):
                parcels = next(made)
            if isinstance(parcels, TrainingError):
                raise parcels
            yield tuple(_unpack(source, parcel) for source, parcel in zip(sources, parcels, strict=True))
    finally:
        for process in team:
            process.kill()


@contextlib.contextmanager
def _watched(team: Sequence[multiprocessing.process.BaseProcess]) -> Iterator[None]:
    """Raise if a worker dies; the loader would wait for ever for one that is killed while it sends."""

    def look(*_: Any) -> None:
        if not all(process.is_alive() for process in team):
            raise RuntimeError("DataLoader worker died")  # as the loader itself raises it

    before = _handler()
    if team:
        _handle(look)
    try:
        look()
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TrainingError(
            "A process that loads batches died, most often because the memory ran out. The last checkpoint is "
            "intact: continue with --resume and --num-workers 0."
        ) from error
    finally:
        _handle(before)


def _handler() -> Any:
    return signal.getsignal(signal.SIGCHLD) if hasattr(signal, "SIGCHLD") else None


def _handle(handler: Any) -> None:
    """Set what hears of a child's death, where a system and a thread may."""
    if hasattr(signal, "SIGCHLD") and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL if handler is None else handler)


def _as_it_is(made: Any) -> Any:
    return made


def _unpack(source: Crops, parcel: _Parcel) -> CropBatch:
    pictures, numbers, problems = parcel
    for problem in problems:  # known already if it was met here, or by two workers
        source.folder.note(problem)
    return CropBatch(torch.from_numpy(pictures), numbers, problems)


def _start_worker(number: int) -> None:
    """Set up a worker: it has its share of the memory, and only the training, which may save, hears signals."""
    info: Any = get_worker_info()
    for folder in {id(source.folder): source.folder for source in info.dataset.sources}.values():
        folder.share_room(info.num_workers)
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, signal.SIG_IGN)
