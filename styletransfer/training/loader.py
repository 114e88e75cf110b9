"""Batches in the order of the steps, made here or ahead of time by worker processes.

Not torch's DataLoader: its SIGCHLD handler raises in whatever line the training happens to be at, its tensors
travel through /dev/shm (64 MB in a container), and its forked workers are not safe beside NCCL. Here workers are
spawned on every system alike, and a worker that dies is an error of the next batch.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any

import torch

from styletransfer._checks import integer
from styletransfer.errors import OptionError, TrainingError
from styletransfer.training.crops import CropBatch, Crops
from styletransfer.training.files import Problem

#: Batches that each worker may be ahead.
_AHEAD = 2

#: What travels from a worker: crops, picture numbers, problems. Arrays, since tensors would need shared memory.
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


def batches(
    crops: Sequence[Crops], steps: range, slots: range, *, workers: int = 0, accumulate: int = 1
) -> Iterator[tuple[CropBatch, ...]]:
    """Give the batches of `steps`, one after the other; the same ones for any number of workers.

    Problems that are met are noted in the crops' folders. Close the iterator (``contextlib.closing``) to end the
    workers before the last step.

    Args:
        crops: The sources, content and style say.
        steps: Numbers of the steps.
        slots: This process's slots of each step's global batch.
        workers: Processes that work ahead; 0 to make each batch when it is asked for. A script that uses workers
            needs ``if __name__ == "__main__":`` around its start.
        accumulate: Give each step's slots in so many equal parts, one after the other.

    Returns:
        An iterator over ``len(steps) * accumulate`` tuples with a batch of each source.

    Raises:
        OptionError: `slots` that are empty or not divisible by `accumulate`, negative workers. At once.
        TrainingError: A worker died, or picture after picture cannot be read. From the iterator.
    """
    integer(workers, "workers", low=0)
    integer(accumulate, "accumulate", low=1)
    if not slots or len(slots) % accumulate:
        raise OptionError(
            f"A batch of {len(slots)} cannot be given in {accumulate} equal part(s); choose a batch that is a "
            "multiple of accumulate."
        )
    size = len(slots) // accumulate
    parts = ((step, slots[n : n + size]) for step in steps for n in range(0, len(slots), size))
    if workers == 0:
        return (tuple(source.batch(*part) for source in crops) for part in parts)
    return _made_ahead(tuple(crops), parts, workers)


def _made_ahead(crops: tuple[Crops, ...], parts: Iterator[_Part], workers: int) -> Iterator[tuple[CropBatch, ...]]:
    """Let workers make the parts, and unpack them in order."""
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(crops, workers),
    )
    ahead: deque[Future[list[_Parcel]]] = deque()
    try:
        ahead.extend(pool.submit(_make, part) for part in islice(parts, _AHEAD * workers))
        while ahead:
            made = ahead.popleft().result()
            ahead.extend(pool.submit(_make, part) for part in islice(parts, 1))
            yield tuple(_unpack(source, parcel) for source, parcel in zip(crops, made, strict=True))
    except BrokenProcessPool as problem:
        raise TrainingError(
            "A process that loads batches died, most often because the memory ran out. The last checkpoint is "
            "intact: go on with --resume and --workers 0."
        ) from problem
    finally:
        pool.shutdown(cancel_futures=True)


def _unpack(source: Crops, parcel: _Parcel) -> CropBatch:
    pictures, numbers, problems = parcel
    # Two workers may meet the same bad file.
    news = tuple(problem for problem in problems if source.folder.note(problem))
    return CropBatch(pictures=torch.from_numpy(pictures), numbers=numbers, problems=news)


_worker_crops: tuple[Crops, ...] = ()


def _start_worker(crops: tuple[Crops, ...], workers: int) -> None:
    """Set up a worker: it knows the sources, uses one core, and ends with its parent and only with it."""
    global _worker_crops
    _worker_crops = crops
    for folder in {id(source.folder): source.folder for source in crops}.values():
        folder.share_room(workers)
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which still wants to write a checkpoint
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Leave nothing running behind a training that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _make(part: _Part) -> list[_Parcel]:
    made = [source.batch(*part) for source in _worker_crops]
    return [(batch.pictures.numpy(), batch.numbers, batch.problems) for batch in made]
