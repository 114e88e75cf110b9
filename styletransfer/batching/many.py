"""`stylize_many`: pictures in, results out, in their order and only as far as they are asked for."""

from __future__ import annotations

import itertools
import os
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from styletransfer import images
from styletransfer._checks import choice, integer, warn
from styletransfer.batching.grouping import Groups
from styletransfer.batching.painting import Painter, Recipe
from styletransfer.errors import ImageError, OptionError, StyleTransferError
from styletransfer.images import Picture
from styletransfer.job import read_style
from styletransfer.methods import DEFAULT_METHOD, METHODS
from styletransfer.stylizer import Stylization

__all__ = ["OnFailure", "stylize_many"]

#: Called with the place of an item, counted from 0, and why there is no picture of it.
OnFailure = Callable[[int, StyleTransferError], None]
#: Styles that are kept.
_STYLES = 64


def stylize_many(
    contents: Iterable[Any],
    style: Any = None,
    method: str = DEFAULT_METHOD,
    *,
    batch_size: int | None = None,
    readers: int = 2,
    on_failure: OnFailure | None = None,
    extractor: Any = None,
    device: Any = None,
    long_edge: int | None = None,
    short_edge: int | None = None,
    strength: Any = 1.0,
    preserve: Any = None,
    **options: Any,
) -> Iterator[Stylization]:
    """Repaint one picture after the other; quicker than `stylize` for each, with the same pictures.

    The network is loaded once and each style encoded once; files are read ahead by threads, and pictures of one
    size that come close together are painted at once. A few pictures are read ahead of what is asked for.

    Args:
        contents: Contents as `stylize` takes them, one picture each: a list, a generator, a (N, 3, H, W) tensor.
            Without `style`, pairs ``(content, style)``.
        style: The style of all, as `stylize` takes it; one only.
        method: See `list_stylizers`.
        batch_size: Pictures of one size that are painted at once, at most; if absent, one on the processor and
            eight elsewhere.
        readers: Threads that read files.
        on_failure: Called for a picture that cannot be read or painted, which is then left out; without it, the
            error is raised when its turn comes.
        extractor: See `create_stylizer`.
        device: The same.
        long_edge: Reduce all pictures to this longer side, pixels; never enlarges.
        short_edge: Reduce them to this shorter side instead.
        strength: Of the style, in [0, 1]; or a grey picture, which is resized to each content.
        preserve: A grey picture, or several, white where contents are kept.
        **options: The method's options and the controls. Losses are measured only if an option asks for them, and
            then picture by picture.

    Returns:
        A `Stylization` for each content, in their order.

    Raises:
        StyleTransferError: Options that cannot be used, at once; a picture that cannot, when its turn comes.

    Example:
        >>> from styletransfer import samples
        >>> photos = (samples.draw(name, long_edge=48) for name in ("valley", "harbour"))
        >>> [tuple(result.image.shape) for result in stylize_many(photos, "mosaic")]
        [(1, 3, 36, 48), (1, 3, 36, 48)]
    """
    integer(readers, "readers", low=1)
    declared = METHODS[choice(method, METHODS, "method")]
    recipe = Recipe(
        method=method,
        options={**declared.bare, **options},
        extractor=extractor,
        device=device,
        strength=strength,
        preserve=preserve,
        batch_size=batch_size,
    )
    if isinstance(style, (list, tuple)):
        raise OptionError(
            f"stylize_many takes one style for all, got {len(style)}; give pairs (content, style) in place of "
            "contents, or mix styles with stylize."
        )
    edges = {"long_edge": long_edge, "short_edge": short_edge}
    pairs = contents if style is None else ((content, style) for content in contents)
    return _Many(recipe.build(), edges, readers, on_failure).results(pairs)


class _Item(NamedTuple):
    """A picture that waits to be painted, with its place."""

    place: int
    content: Picture
    style: Any


class _Many:
    def __init__(
        self, painter: Painter, edges: dict[str, Any], readers: int, on_failure: OnFailure | None
    ) -> None:
        self._painter, self._edges, self._readers, self._on_failure = painter, edges, readers, on_failure
        self._styles: OrderedDict[Any, tuple[Any, Any]] = OrderedDict()
        self._done: dict[int, Stylization | StyleTransferError] = {}
        self._next = 0
        self._fault: Exception | None = None

    def results(self, pairs: Iterable[Any]) -> Iterator[Stylization]:
        """Give the results in order."""
        groups = Groups[_Item](most=2 * self._painter.largest)
        pool = ThreadPoolExecutor(self._readers, thread_name_prefix="reader")
        try:
            for place, (reading, style) in enumerate(self._ahead(pairs, pool)):
                for group in self._grouped(groups, place, reading, style):
                    self._paint(group)
                yield from self._in_order()
            for group in groups.rest():
                self._paint(group)
            yield from self._in_order()
            if self._fault is not None:
                raise self._fault
        finally:
            pool.shutdown(cancel_futures=True)

    def _ahead(self, pairs: Iterable[Any], pool: ThreadPoolExecutor) -> Iterator[tuple[Future[Picture], Any]]:
        waiting: deque[tuple[Future[Picture], Any]] = deque()
        coming = self._until_fault(iter(pairs))
        while True:
            for pair in itertools.islice(coming, 2 * self._readers - len(waiting)):
                if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                    raise OptionError(
                        f"Without a style, each item must be a pair (content, style), got a {type(pair).__name__}."
                    )
                waiting.append((pool.submit(self._read, pair[0]), pair[1]))
            if not waiting:
                return
            yield waiting.popleft()

    def _until_fault(self, coming: Iterator[Any]) -> Iterator[Any]:
        """Yield what the caller's iterator gives; what it raises waits until that is painted."""
        try:
            yield from coming
        except Exception as problem:
            self._fault = problem

    def _read(self, content: Any) -> Picture:
        picture: Picture = content
        if not isinstance(content, Picture):
            picture = images.read_picture(content, what="content", quiet=True, **self._edges)
        if picture.rgb.shape[0] != 1:
            raise ImageError(
                f"Each content must be one picture, got a batch of {picture.rgb.shape[0]}; give them one by one."
            )
        return picture

    def _grouped(
        self, groups: Groups[_Item], place: int, reading: Future[Picture], style: Any
    ) -> list[list[_Item]]:
        try:
            picture = reading.result()
            ready = self._style(style)
        except StyleTransferError as problem:
            self._done[place] = problem
            return []
        for note in picture.notes:
            warn(note)
        item = _Item(place, picture, ready)
        return groups.add(item, self._painter.kind(picture, ready), self._painter.room(picture))

    def _style(self, style: Any) -> Any:
        """Return a style, encoded; the same object or path is encoded once."""
        key = os.fspath(style) if isinstance(style, (str, os.PathLike)) else id(style)
        if key not in self._styles:
            # The object is kept beside it, so that no other one can be given its id.
            self._styles[key] = style, self._painter.encode(read_style(style, **self._edges))
            if len(self._styles) > _STYLES:
                self._styles.popitem(last=False)
        self._styles.move_to_end(key)
        return self._styles[key][1]

    def _paint(self, group: list[_Item]) -> None:
        results = self._painter.paint([item.content for item in group], [item.style for item in group])
        self._done.update(zip((item.place for item in group), results, strict=True))

    def _in_order(self) -> Iterator[Stylization]:
        while self._next in self._done:
            place, self._next = self._next, self._next + 1
            result = self._done.pop(place)
            if not isinstance(result, StyleTransferError):
                yield result
            elif self._on_failure is None:
                raise result
            else:
                self._on_failure(place, result)
