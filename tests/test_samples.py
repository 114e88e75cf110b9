"""The carried sample pictures: what they promise, and that none has become a flat placeholder."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styletransfer import samples
from styletransfer.errors import OptionError

CONTENTS = samples.list_contents()
STYLES = samples.list_styles()
NAMES = CONTENTS + STYLES
SIZE = 128


@functools.cache
def drawn(name: str, long_edge: int = SIZE) -> Image.Image:
    """Read each picture once for all tests."""
    return samples.draw(name, long_edge=long_edge)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, np.float64) / 255


def test_there_are_enough_pictures_with_distinct_names():
    assert len(CONTENTS) >= 2
    assert len(STYLES) >= 6
    assert len(set(NAMES)) == len(NAMES)


def test_lists_are_copies():
    samples.list_styles().clear()
    assert samples.list_styles() == STYLES


@pytest.mark.parametrize("name", NAMES)
def test_mode_and_size(name):
    image = drawn(name)
    assert image.mode == "RGB"
    assert image.size == ((SIZE, 96) if name in CONTENTS else (SIZE, SIZE))


@pytest.mark.parametrize("name", NAMES)
def test_contrast_and_colours(name):
    values = pixels(drawn(name))
    grey = values.mean(axis=2)
    low, high = np.percentile(grey, (2, 98))
    assert high - low > 0.5
    assert grey.std() > 0.13
    assert len(np.unique(np.asarray(drawn(name)).reshape(-1, 3) // 16, axis=0)) > 300
    assert (values.max(axis=2) - values.min(axis=2)).mean() > 0.08


@pytest.mark.parametrize("name", NAMES)
def test_detail_covers_the_whole_picture(name):
    grey = pixels(drawn(name)).mean(axis=2)
    height, width = grey.shape
    blocks = grey.reshape(height // 16, 16, width // 16, 16).transpose(0, 2, 1, 3).reshape(-1, 256)
    least = 0.02 if name in STYLES else 0.005  # a clear sky is nearly even
    assert np.quantile(blocks.std(axis=1), 0.02) > least
    assert np.median(blocks.std(axis=1)) > 0.05


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(STYLES, 2)))
def test_styles_differ_in_palette_or_marks(first, second):
    def character(name: str) -> np.ndarray:
        values = pixels(drawn(name))
        edges = [np.abs(values[step:] - values[:-step]).mean() * 4 for step in (1, 4)]
        return np.concatenate([values.mean((0, 1)), values.std((0, 1)), edges])

    assert np.abs(character(first) - character(second)).max() > 0.08


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("long_edge", [32, 64, 300])
def test_other_sizes(name, long_edge):
    image = drawn(name, long_edge)
    assert image.size == (long_edge, long_edge * 3 // 4 if name in CONTENTS else long_edge)
    assert np.asarray(image).std() > 25


def test_the_files_are_small():
    files = [Path(samples.__file__).with_name(f"{name}.webp") for name in NAMES]
    assert sum(file.stat().st_size for file in files) <= 600_000


def test_the_same_arguments_give_the_same_bytes():
    assert samples.draw("night", long_edge=32).tobytes() == drawn("night", 32).tobytes()


def test_the_default_is_the_file_itself():
    with Image.open(Path(samples.__file__).with_name("cubist.webp")) as file:
        assert samples.draw("cubist").tobytes() == file.convert("RGB").tobytes()


def test_unknown_name():
    with pytest.raises(OptionError, match=r"Unknown sample picture 'mosiac'\. Did you mean \"mosaic\"\?.*harbour"):
        samples.draw("mosiac")


@pytest.mark.parametrize("long_edge", [31, 64.0, True, "64"])
def test_bad_long_edge(long_edge):
    with pytest.raises(OptionError, match=r"long_edge must be a whole number of at least 32, got"):
        samples.draw("night", long_edge=long_edge)


def test_nothing_is_enlarged():
    with pytest.raises(OptionError, match=r"at most 512, the size of its file, got 513\. docs/samples/draw\.py"):
        samples.draw("night", long_edge=513)


@pytest.mark.parametrize(("seed", "words"), [(-1, "seed must be a whole number"), (1, "of seed 0, got")])
def test_bad_seed(seed, words):
    with pytest.raises(OptionError, match=words):
        samples.draw("night", seed=seed)
