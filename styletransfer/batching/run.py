"""The engine of one machine: threads read ahead and write behind, the calling thread keeps the network busy."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from styletransfer._checks import integer
from styletransfer.batching.grouping import Groups
from styletransfer.batching.outputs import Task
from styletransfer.batching.preparing import Batch
from styletransfer.batching.reading import Loaded, Style, Styles, read_ahead
from styletransfer.batching.result import BatchResult, Failure
from styletransfer.batching.writing import Painted, Writer, failure_of
from styletransfer.errors import BatchInterrupted, OutputError, StyleTransferError
from styletransfer.files import reason, remove_leftovers_below
from styletransfer.progress import CountBar, duration
from styletransfer.stylizer import Stylization

__all__ = ["OnPicture", "run_batch"]

#: Called with the number of pictures that are there, that failed, and of all.
OnPicture = Callable[[int, int, int], None]
#: Pictures that wait to be written, for each writer.
_BEHIND = 4


def run_batch(
    batch: Batch,
    *,
    readers: int = 2,
    writers: int = 2,
    max_failures: int | None = None,
    on_picture: OnPicture | None = None,
    progress: bool = False,
) -> BatchResult:
    """Do what was prepared, in this process; see `folder.stylize_folder`.

    Raises:
        OutputError: The disk is full, or another process works in the folder. What is done is kept.
        BatchInterrupted: Ctrl-C; what is done is kept.
    """
    integer(readers, "readers", low=1)
    integer(writers, "writers", low=1)
    if max_failures is not None:
        integer(max_failures, "max_failures", low=0)
    try:
        batch.folder.mkdir(exist_ok=True)
    except OSError as problem:
        raise OutputError(f'Cannot make the folder "{batch.folder}": {reason(problem)}.') from problem
    with batch.journal as journal, _shown(batch, quiet=not progress) as show:
        watching = [show] if on_picture is None else [show, on_picture]
        remove_leftovers_below(batch.folder)
        if batch.tasks:
            journal.start(batch.settings, batch.about)
        run = _Run(batch, readers, writers, max_failures, watching)
        try:
            run.go()
        except OutputError as problem:
            there = run.result().earlier + run.made
            raise OutputError(
                f"{problem} {there} of {batch.total} pictures are done and kept. Started again, the batch goes on."
            ) from problem
        finally:
            with contextlib.suppress(OutputError):  # a full disk, which is told of already
                journal.write_table()
    result = run.result()
    if result.stopped == "interrupted":
        raise BatchInterrupted(
            f"Interrupted after {result.earlier + result.made} of {result.total} pictures; they are in "
            f"{batch.folder}. Started again, the batch goes on.",
            result=result,
        )
    return result


class _Item(NamedTuple):
    """A content and a style that are ready to be painted."""

    task: Task
    content: Loaded
    style: Style


class _Run:
    """One run of a batch in this process."""

    def __init__(
        self,
        batch: Batch,
        readers: int,
        writers: int,
        max_failures: int | None,
        watching: Sequence[OnPicture],
    ) -> None:
        self._batch, self._painter, self._journal = batch, batch.painter, batch.journal
        self._readers, self._max_failures = readers, max_failures
        self._pool = ThreadPoolExecutor(writers, thread_name_prefix="writer")
        self._writing: deque[Future[Failure | None]] = deque()
        self._writer = Writer(batch.folder, batch.journal, batch.id, batch.suffix, batch.quality)
        self._behind = _BEHIND * writers
        self._watching = watching
        self._failures: list[Failure] = []
        self._busy = self._seconds = 0.0
        self._stopped = ""
        self.made = 0
        self._earlier = batch.total - len(batch.tasks)

    def go(self) -> None:
        """Make all pictures, or as many as can be.

        Raises:
            OutputError: Nothing more can be written.
        """
        began = time.perf_counter()
        try:
            self._work()
        except KeyboardInterrupt:
            self._stopped = "interrupted"
        finally:
            try:
                self._finish()  # what has been painted is written, whatever happened
            finally:
                self._seconds = time.perf_counter() - began

    def result(self) -> BatchResult:
        """Return what there is."""
        batch = self._batch
        return BatchResult(
            folder=batch.folder,
            method=batch.recipe.method,
            total=batch.total,
            earlier=self._earlier,
            made=self.made,
            failures=tuple(self._failures),
            left_out=batch.left_out,
            stopped=self._stopped,
            seconds=self._seconds,
            busy=self._busy / self._seconds if self._seconds > 0 else 0.0,
            damaged=batch.journal.damaged,
        )

    def _work(self) -> None:
        largest = self._painter.largest
        styles = Styles(self._batch.reading.style, self._ready)
        groups = Groups[_Item](most=2 * largest)
        depth = 2 * (self._readers + largest)
        coming = read_ahead(self._batch.tasks, self._batch.reading, styles, readers=self._readers, depth=depth)
        with contextlib.closing(coming):
            for task, reading in coming:
                for group in self._grouped(groups, task, reading, styles):
                    self._paint(group)
                self._collect(self._behind)
                if self._has_enough:
                    self._stopped = "failures"
                    return
            for group in groups.rest():
                self._paint(group)

    @property
    def _has_enough(self) -> bool:
        return self._max_failures is not None and len(self._failures) > self._max_failures

    def _ready(self, loaded: Loaded) -> Style:
        """Make a style ready: encode it, and keep its picture if a judge has to see it."""
        with self._working():
            ready = self._painter.encode(loaded.picture)
        return Style(ready, loaded if self._batch.judge is not None else loaded._replace(picture=None))

    def _grouped(
        self, groups: Groups[_Item], task: Task, reading: Future[Loaded], styles: Styles
    ) -> list[list[_Item]]:
        cause = task.content.name
        try:
            content = reading.result()
            cause = task.style.name
            style = styles.get(task.style)
        except StyleTransferError as problem:
            self._fail(failure_of(task, cause, problem))
            return []
        picture = content.picture
        return groups.add(
            _Item(task, content, style), self._painter.kind(picture, style.ready), self._painter.room(picture)
        )

    def _paint(self, group: list[_Item]) -> None:
        with self._working():
            results = self._painter.paint(
                [item.content.picture for item in group], [item.style.ready for item in group]
            )
        for item, result in zip(group, results, strict=True):
            try:
                if isinstance(result, StyleTransferError):
                    raise result
                figures = self._judged(item, result)
            except StyleTransferError as problem:
                self._fail(failure_of(item.task, item.task.content.name, problem))
                continue
            painted = Painted(item.task, item.content, item.style.loaded.stamp, result, figures)
            self._writing.append(self._pool.submit(self._writer.write, painted))

    def _judged(self, item: _Item, result: Stylization) -> Mapping[str, float]:
        judge = self._batch.judge
        if judge is None:
            return {}
        with self._working():
            pair = judge.pair(item.content.picture.rgb, item.style.loaded.picture.rgb)
            return pair(result.image).figures()

    def _collect(self, behind: int) -> None:
        """Count what the writers have done, and wait until no more than `behind` pictures are with them."""
        while self._writing and (len(self._writing) > behind or self._writing[0].done()):
            failure = self._writing.popleft().result()
            if failure is None:
                self.made += 1
                self._tell()
            else:
                self._fail(failure)

    def _finish(self) -> None:
        """Wait for the writers; what they cannot write does not keep others from being counted."""
        problem: OutputError | None = None
        while self._writing:
            try:
                self._collect(0)
            except OutputError as met:
                problem = problem or met
        self._pool.shutdown()
        if problem is not None:
            raise problem

    def _fail(self, failure: Failure) -> None:
        self._failures.append(failure)
        self._journal.add(
            {
                "status": "failed",
                "output": failure.output,
                "content": failure.content,
                "style": failure.style,
                "settings": self._batch.id,
                "reason": failure.reason,
            }
        )
        self._tell()

    def _tell(self) -> None:
        for watch in self._watching:
            watch(self._earlier + self.made, len(self._failures), self._batch.total)

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._busy += time.perf_counter() - began


@contextlib.contextmanager
def _shown(batch: Batch, *, quiet: bool) -> Iterator[OnPicture]:
    """Give what shows how far a batch is, with pictures a second and the time left."""
    earlier, began = batch.total - len(batch.tasks), time.perf_counter()
    with CountBar("pictures", batch.total, done=earlier, unit=" pictures", quiet=quiet) as bar:

        def show(there: int, failed: int, total: int) -> None:
            notes = [f"{failed} failed"] if failed else []
            if not bar.drawn:  # a bar tells these itself
                done = there - earlier + failed
                rate = done / max(time.perf_counter() - began, 1e-9)
                left = (total - there - failed) / max(rate, 1e-9)
                notes = [f"{there} of {total}", f"{rate:.3g} a second", f"{duration(left)} left", *notes]
            bar.update(there + failed, note=", ".join(notes))

        yield show
