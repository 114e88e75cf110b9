"""A folder of small drawings in two sizes, with a folder below it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from styletransfer import samples
from styletransfer.batching.folder import stylize_folder
from styletransfer.batching.result import BatchResult

#: Name below the folder, drawing, long edge.
PHOTOS = (
    ("2.png", "valley", 48),
    ("10.png", "harbour", 48),
    ("trip/1.jpg", "valley", 32),
    ("trip/3.png", "harbour", 48),
)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = Path("photos")
    (folder / "trip").mkdir(parents=True)
    for name, drawing, edge in PHOTOS:
        samples.draw(drawing, long_edge=edge).save(folder / name)
    return folder


@pytest.fixture
def run(one_thread: None) -> Callable[..., BatchResult]:
    """Return `stylize_folder` on the processor, with the small decoder, at 48 pixels."""

    def call(*args: Any, **options: Any) -> BatchResult:
        return stylize_folder(*args, **{"device": "cpu", "decoder": "fast", "long_edge": 48, **options})

    return call


def written(folder: Path) -> dict[str, bytes]:
    """Return the pictures below a folder, by their paths."""
    files = (
        path for path in folder.rglob("*") if path.is_file() and path.suffix != ".jsonl" and path.suffix != ".csv"
    )
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
