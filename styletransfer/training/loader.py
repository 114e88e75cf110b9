"""Batches in the order of the steps, made here or ahead of time by worker processes.

Not torch's DataLoader: its SIGCHLD handler raises in whatever line the training happens to be at, its tensors
travel through /dev/shm (64 MB in a container), and its forked workers are not safe beside NCCL. Not a
ProcessPoolExecutor either: a worker that is killed while it sends leaves it waiting for ever. Here workers are
spawned on every system alike, and one that dies is an error of the next batch.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from multiprocessing.connection import Connection
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
    """Let workers make the parts in turn, and unpack them in order."""
    team = [_Worker(crops, workers) for _ in range(workers)]
    try:
        given: deque[_Worker] = deque()

        def give(worker: _Worker) -> None:
            for part in islice(parts, 1):
                worker.ask(part)
                given.append(worker)

        for _ in range(_AHEAD):
            for worker in team:
                give(worker)
        while given:
            worker = given.popleft()
            made = worker.answer()
            give(worker)
            yield tuple(_unpack(source, parcel) for source, parcel in zip(crops, made, strict=True))
    finally:
        for worker in team:
            worker.end()


class _Worker:
    """A process with a pipe of its own, so that its death, even in mid-sentence, is the end of the pipe.

    Args:
        crops: The sources.
        workers: How many there are in all.
    """

    def __init__(self, crops: tuple[Crops, ...], workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, crops, workers), daemon=True)
        self._process.start()
        theirs.close()  # else the pipe would stay open when the worker dies

    def ask(self, part: _Part) -> None:
        """Let it make a part, after those that it was asked for before."""
        try:
            self._pipe.send(part)
        except OSError as problem:
            raise _died() from problem

    def answer(self) -> list[_Parcel]:
        """Return the next part that it was asked for."""
        try:
            made = self._pipe.recv()
        except (EOFError, OSError) as problem:
            raise _died() from problem
        if isinstance(made, Exception):
            raise made
        return list(made)

    def end(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()


def _died() -> TrainingError:
    return TrainingError(
        "A process that loads batches died, most often because the memory ran out. The last checkpoint is "
        "intact: go on with --resume and --workers 0."
    )


def _unpack(source: Crops, parcel: _Parcel) -> CropBatch:
    pictures, numbers, problems = parcel
    # Two workers may meet the same bad file.
    news = tuple(problem for problem in problems if source.folder.note(problem))
    return CropBatch(pictures=torch.from_numpy(pictures), numbers=numbers, problems=news)


def _start_worker(crops: tuple[Crops, ...], workers: int) -> None:
    """Set up a worker: it uses one core and its share of the memory, and ends with its parent and only with it."""
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


def _work(pipe: Connection, crops: tuple[Crops, ...], workers: int) -> None:
    """Make parts until nobody asks any more."""
    _start_worker(crops, workers)
    with contextlib.suppress(EOFError, OSError):  # the parent has closed the pipe
        while True:
            step, slots = pipe.recv()
            try:
                made = [source.batch(step, slots) for source in crops]
                pipe.send([(batch.pictures.numpy(), batch.numbers, batch.problems) for batch in made])
            except TrainingError as error:
                pipe.send(error)
