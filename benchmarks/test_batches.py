"""A folder of pictures as a batch, beside `stylize` for each: networks, styles and files included."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

import styletransfer as st
from benchmarks import memory, pictures
from benchmarks.case import Case
from benchmarks.harness import Bench, Beside
from benchmarks.networks import networks

#: Pictures of a batch; in a plain run of the tests, where nothing is measured, two.
_PICTURES = 12


@pytest.mark.matrix("speed batches")
def test_speed_of_batches(bench: Bench, case: Case, tmp_path: Path) -> None:
    """On all threads and by the clock, since files are read and written while the network works."""
    count = _PICTURES if bench.plan.measuring else 2
    content, style = pictures.pair(case.pair, case.size)
    inputs, manner, out = tmp_path / "in", tmp_path / "style.png", tmp_path / "out"
    inputs.mkdir()
    out.mkdir()
    for number in range(count):
        st.save_image(content.roll(7 * number, dims=3), inputs / f"{number}.png")
    st.save_image(style, manner)
    numbers, busy = itertools.count(), list[float]()

    def batch() -> None:
        folder = out / str(next(numbers))
        result = st.stylize_folder(
            inputs, str(manner), folder, case.subject, extractor=case.extractor, device=case.device
        )
        assert result.complete
        busy.append(result.busy)

    def one_by_one() -> None:
        for picture in sorted(inputs.iterdir()):
            single = st.stylize(picture, manner, case.subject, extractor=case.extractor, device=case.device)
            single.save(out / "single.png")

    with memory.kept():
        bench.run(
            batch,
            weights=networks(case.extractor, case.device).weights_of(case.subject),
            beside=Beside(work=one_by_one, name="stylize for each picture", same_work=True),
            weigh=False,
            pictures=count,
            busy=busy,
        )
    bench.meet(batch=bench.benchmark.extra_info["ratio"]["median"])
