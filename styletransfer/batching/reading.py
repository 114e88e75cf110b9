"""Contents and styles read ahead by threads, a bounded number at a time, each with the stamp of what was read."""

from __future__ import annotations

import itertools
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from styletransfer import codes, images
from styletransfer.batching.outputs import Task
from styletransfer.batching.sources import Source
from styletransfer.batching.stamps import Stamp, stamp_of
from styletransfer.errors import ImageError
from styletransfer.files import ordinary_file
from styletransfer.images.pixels import MAX_PIXELS
from styletransfer.job import read_style
from styletransfer.stylizer import EncodedStyle
from styletransfer.weights.checksum import checksum

#: Bytes of contents that are read ahead, and of styles that are kept.
_ROOM_AHEAD, _ROOM_STYLES = 512 << 20, 256 << 20


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How pictures are read; see `images.read_picture`.

    Attributes:
        long_edge: Reduce pictures to this longer side.
        short_edge: Reduce them to this shorter side instead.
        frame: Of contents.
        style_frame: Of styles.
        max_pixels: Refuse larger ones.
    """

    long_edge: int | None = None
    short_edge: int | None = None
    frame: int | None = None
    style_frame: int | None = None
    max_pixels: int = MAX_PIXELS

    def content(self, source: Source) -> Loaded:
        """Read a content.

        Raises:
            ImageError: One that cannot be read, or that changes while it is.
        """
        path = ordinary_file(source.place, "content", ImageError, give="a picture file")
        return _unchanged(
            path, lambda: images.read_picture(path, what="content", frame=self.frame, **self._limits)
        )

    def style(self, source: Source) -> Loaded:
        """Read a style, or look it up.

        Raises:
            StyleTransferError: One that cannot be read.
        """
        found = codes.find(source.place)
        if isinstance(found, EncodedStyle):
            return Loaded(found, encoded_stamp(found))
        path = found or ordinary_file(source.place, "style", ImageError, give="a picture file")
        return _unchanged(path, lambda: read_style(path, frame=self.style_frame, **self._limits))

    @property
    def _limits(self) -> dict[str, Any]:
        edges = {"long_edge": self.long_edge, "short_edge": self.short_edge}
        return {**edges, "max_pixels": self.max_pixels, "quiet": True}


class Loaded(NamedTuple):
    """What was read.

    Attributes:
        picture: A picture, or an encoded style.
        stamp: Of what it was read from.
    """

    picture: Any
    stamp: Stamp

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        if isinstance(self.picture, EncodedStyle):
            return sum(tensor.nbytes for tensor in self.picture.tensors().values())
        return int(self.picture.rgb.nbytes)


def encoded_stamp(style: EncodedStyle) -> Stamp:
    """Return the stamp of an encoded style: of its numbers."""
    return Stamp(checksum({name: tensor.detach().cpu() for name, tensor in style.tensors().items()}))


@dataclass(frozen=True)
class Style:
    """A style that is ready for many contents.

    Attributes:
        ready: What the stylizer is given: a picture, or an encoded style.
        loaded: As it was read; without its picture where nobody wants to see it.
    """

    ready: Any
    loaded: Loaded

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        seen = self.loaded.picture
        return Loaded(self.ready, self.loaded.stamp).size + (
            0 if seen is None or seen is self.ready else self.loaded.size
        )


class Styles:
    """Styles that are read ahead, made ready once, and kept as far as there is room.

    Args:
        read: Reads one; called by threads.
        prepare: Makes it ready; called by the thread that paints.
        room: Bytes that are kept.
    """

    def __init__(
        self, read: Callable[[Source], Loaded], prepare: Callable[[Loaded], Style], room: int = _ROOM_STYLES
    ) -> None:
        self._read, self._prepare, self._room = read, prepare, room
        self._coming: dict[Source, Future[Loaded]] = {}
        self._ready: OrderedDict[Source, Style] = OrderedDict()
        self._size = 0

    def request(self, source: Source, pool: ThreadPoolExecutor) -> None:
        """Begin to read a style, unless that is done."""
        if source in self._ready:
            self._ready.move_to_end(source)
        elif source not in self._coming:
            self._coming[source] = pool.submit(self._read, source)

    def get(self, source: Source) -> Style:
        """Return a style; what was requested is there, or soon.

        Raises:
            StyleTransferError: It cannot be read; at once where that is known already.
        """
        if source not in self._ready:
            coming = self._coming.get(source)
            style = self._prepare(self._read(source) if coming is None else coming.result())
            self._coming.pop(source, None)
            self._ready[source] = style
            self._size += style.size
            while self._size > self._room and len(self._ready) > 1:
                _, oldest = self._ready.popitem(last=False)
                self._size -= oldest.size
        return self._ready[source]


def read_ahead(
    tasks: Iterable[Task], reading: Reading, styles: Styles, *, readers: int, depth: int
) -> Generator[tuple[Task, Future[Loaded]]]:
    """Give each task with its content, which threads read ahead; its style is requested meanwhile.

    Args:
        tasks: In their order; a content that comes several times in a row is read once.
        reading: How.
        styles: Who is asked for styles.
        readers: Threads.
        depth: Tasks whose contents are read ahead; fewer where contents are large.
    """
    waiting: deque[tuple[Task, Future[Loaded]]] = deque()
    pool = ThreadPoolExecutor(readers, thread_name_prefix="reader")
    limit, last = depth, None
    coming = iter(tasks)
    try:
        while True:
            for task in itertools.islice(coming, max(0, limit - len(waiting))):
                styles.request(task.style, pool)
                if last is None or last[0].content != task.content:
                    last = task, pool.submit(reading.content, task.content)
                waiting.append((task, last[1]))
            if not waiting:
                return
            task, content = waiting.popleft()
            if content.exception() is None:
                limit = max(readers, min(depth, _ROOM_AHEAD // content.result().size))
            yield task, content
    finally:
        pool.shutdown(cancel_futures=True)


def _unchanged(path: Path, read: Callable[[], Any]) -> Loaded:
    """Read a file, and make sure that its stamp is that of what was read."""
    stamp = stamp_of(path)
    picture = read()
    if stamp_of(path, stamp) != stamp:
        raise ImageError(f'"{path}" changes while it is read; wait until it is complete, then start again.')
    return Loaded(picture, stamp)
