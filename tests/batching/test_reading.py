from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from styletransfer.batching import reading
from styletransfer.batching.outputs import Task
from styletransfer.batching.reading import Loaded, Reading, Style, Styles, encoded_stamp, read_ahead
from styletransfer.batching.sources import Source, find_contents
from styletransfer.errors import ImageError
from styletransfer.methods import create_stylizer

NIGHT = Source("night", "night")


def styles(room: int = 1 << 30) -> tuple[Styles, list[str]]:
    """Return a shelf of styles, and the names of those that it reads."""
    read: list[str] = []

    def reader(source: Source) -> Loaded:
        read.append(source.name)
        return Reading(long_edge=32).style(source)

    return Styles(reader, lambda loaded: Style(loaded.picture, loaded._replace(picture=None)), room), read


def test_a_style_is_read_once_whether_it_was_requested_or_not() -> None:
    shelf, read = styles()
    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            shelf.request(NIGHT, pool)
    assert shelf.get(NIGHT) is shelf.get(NIGHT)
    shelf.get(Source("mosaic", "mosaic"))
    assert read == ["night", "mosaic"]


def test_styles_that_do_not_fit_are_read_again() -> None:
    shelf, read = styles(room=20_000)  # one of 32x32 pixels takes 12288
    for name in ("night", "mosaic", "night", "night"):
        shelf.get(Source(name, name))
    assert read == ["night", "mosaic", "night"]


def test_a_style_that_cannot_be_read_is_told_each_time(tmp_path: Path) -> None:
    shelf, read = styles()
    bad = Source("bad.png", str(tmp_path / "bad.png"))
    with ThreadPoolExecutor(1) as pool:
        shelf.request(bad, pool)
        shelf.request(bad, pool)
    for _ in range(2):
        with pytest.raises(ImageError, match="does not exist"):
            shelf.get(bad)
    assert read == ["bad.png"]


def test_contents_are_read_ahead_as_far_as_there_is_room(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = find_contents(photos).items
    taken = 0

    def tasks() -> Iterator[Task]:
        nonlocal taken
        for content in contents * 10:
            taken += 1
            yield Task(content, NIGHT, "")

    shelf, _ = styles()
    ahead = read_ahead(tasks(), Reading(), shelf, readers=1, depth=6)
    first, future = next(ahead)
    assert (first.content, future.result().picture.path) == (contents[0], (photos / "2.png").absolute())
    assert taken == 6
    monkeypatch.setattr(reading, "_ROOM_AHEAD", 1)
    for _ in range(6):
        next(ahead)
    assert taken <= 8  # one at a time from now on
    ahead.close()


def test_a_content_of_several_tasks_is_read_once(photos: Path) -> None:
    content = find_contents(photos).items[0]
    tasks = [Task(content, Source(name, name), "") for name in ("night", "mosaic")]
    first, second = read_ahead(tasks, Reading(), styles()[0], readers=1, depth=4)
    assert first[1] is second[1]


def test_an_encoded_style_has_a_stamp_of_its_numbers() -> None:
    stylizer = create_stylizer("adain", device="cpu")
    one, same, other = (
        stylizer.encode_style(Reading(long_edge=32).style(Source(n, n)).picture)
        for n in ("night", "night", "mosaic")
    )  # type: ignore[attr-defined]
    assert encoded_stamp(one) == encoded_stamp(same)
    assert encoded_stamp(one) != encoded_stamp(other)
