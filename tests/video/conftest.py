"""What the tests of video share: a method that leaves frames as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from styletransfer.method import Method
from styletransfer.video.result import VideoResult
from styletransfer.video.run import stylize_video

Copy = Callable[..., VideoResult]


@pytest.fixture
def copy(made_up: Method, one_thread: None) -> Copy:
    """``copy(source, target)``: a run that changes nothing, so that what is read and written can be compared."""

    def run(source: Path | str, target: Path | str, **options: Any) -> VideoResult:
        settings = {"amount": 0.0, "smoothing": 0.0, "decoder": "fast", **options}
        return stylize_video(source, target, "mosaic", made_up.name, **settings)

    return run
