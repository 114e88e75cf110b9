"""Tests of the pictures drawn by code: what they promise, and that none has become a flat placeholder."""

from __future__ import annotations

import functools
import itertools
import time

import numpy as np
import pytest
from PIL import Image

from styletransfer import samples
from styletransfer.errors import OptionError
from styletransfer.samples import _noise, _scene, _strokes

CONTENTS = samples.list_contents()
STYLES = samples.list_styles()
NAMES = CONTENTS + STYLES
SIZE = 128


@functools.cache
def drawn(name: str, long_edge: int = SIZE, seed: int = 0) -> Image.Image:
    """Draw each picture once for all tests."""
    return samples.draw(name, long_edge=long_edge, seed=seed)


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
def test_same_arguments_give_the_same_bytes_whatever_the_global_state(name):
    first = drawn(name, 32)
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    assert samples.draw(name, long_edge=32).tobytes() == first.tobytes()
    assert np.array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_gives_other_details_of_the_same_picture(name):
    other = drawn(name, seed=1)
    difference = np.abs(pixels(other) - pixels(drawn(name)))
    assert difference.max() > 0.2
    assert difference.mean() < 0.35


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


@pytest.mark.parametrize("name", NAMES)
def test_composition_does_not_depend_on_the_size(name):
    small, large = (pixels(drawn(name, size).resize((16, 16), Image.Resampling.BOX)) for size in (SIZE, 300))
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_drawn_quickly(name):
    start = time.process_time()  # CPU time: other processes do not count
    samples.draw(name)
    assert time.process_time() - start < 2.0


def test_unknown_name():
    with pytest.raises(OptionError, match=r"Unknown sample picture 'mosiac'\. Did you mean \"mosaic\"\?.*harbour"):
        samples.draw("mosiac")


@pytest.mark.parametrize("long_edge", [31, 2049, 64.0, True, "64"])
def test_bad_long_edge(long_edge):
    with pytest.raises(
        OptionError, match=r"long_edge must be a whole number of at least 32 and at most 2048, got"
    ):
        samples.draw("night", long_edge=long_edge)


def test_bad_seed():
    with pytest.raises(OptionError, match=r"seed must be a whole number of at least 0.*got -1"):
        samples.draw("night", seed=-1)


def test_noise_repeats_beyond_its_borders():
    field = _noise.noise(np.random.default_rng(0), (64, 64), (8, 8))
    wrapped = np.concatenate([field[:, -2:], field[:, :2]], axis=1)
    bend = np.abs(np.diff(field, n=2, axis=1)).mean()
    assert np.abs(np.diff(wrapped, n=2, axis=1)).mean() < 2 * bend  # a seam would be some 8 times that
    assert field.std() > 0.3


def test_fbm_has_mean_0_and_deviation_1():
    field = _noise.fbm(np.random.default_rng(1), (60, 90), (4, 6))
    assert field.shape == (60, 90)
    assert field.mean() == pytest.approx(0, abs=1e-5)
    assert field.std() == pytest.approx(1, abs=1e-3)


def test_smoothstep_by_hand():
    values = np.array([-1.0, 0.0, 0.25, 0.5, 1.0, 3.0])
    assert _noise.smoothstep(0, 1, values) == pytest.approx([0, 0, 0.15625, 0.5, 1, 1])
    assert _noise.smoothstep(1, 0, values) == pytest.approx([1, 1, 0.84375, 0.5, 0, 0])


def test_ramp_by_hand():
    colours = _noise.ramp(np.array([0.0, 0.5, 2.0]), (0.0, (0, 0.2, 1)), (1.0, (1, 0.4, 0)))
    assert colours == pytest.approx(np.array([[0, 0.2, 1], [0.5, 0.3, 0.5], [1, 0.4, 0]]))


def test_sample_is_linear_between_pixels_and_clamped():
    field = np.array([[0.0, 1.0], [2.0, 3.0]], np.float32)
    read = _noise.sample(field, np.array([0.5, 0.0, 9.0]), np.array([0.5, 0.25, -4.0]))
    assert read == pytest.approx([1.5, 0.25, 2.0], abs=3e-3)


def test_blur_keeps_the_sum_and_spreads():
    field = np.zeros((41, 41), np.float32)
    field[20, 20] = 1
    blurred = _noise.blur(field, 3)
    assert blurred.sum() == pytest.approx(1, abs=1e-4)
    assert blurred[20, 20] == pytest.approx(37**2 / 343**2, rel=1e-4)  # (7-box)^3 at its centre is 37 / 343


def test_a_stroke_covers_its_place_along_its_direction():
    brush = _strokes.make_brush(np.random.default_rng(0), 30, 6, bristles=0.0, opacity=1.0)
    canvas = _strokes.Canvas(np.zeros((64, 64, 3), np.float32))
    half = np.array([0.5])
    canvas.stroke(brush, half, half, np.array([0.0]), np.array([[1.0, 0.5, 0.0]]))
    picture = canvas.flat()
    assert picture[32, 32] == pytest.approx([1.0, 0.5, 0.0], abs=0.02)
    assert picture[32, 22:42, 0].min() > 0.5
    assert picture[22:28, 32].max() == 0
    assert picture[36:42, 32].max() == 0


def test_a_stroke_outside_the_canvas_changes_nothing():
    brush = _strokes.make_brush(np.random.default_rng(0), 10, 4)
    canvas = _strokes.Canvas(np.full((32, 32, 3), 0.25, np.float32))
    away = np.array([-3.0, 4.0])
    canvas.stroke(brush, away, away, np.zeros(2), np.ones((2, 3)))
    assert np.all(canvas.flat() == np.float32(0.25))


def test_polygon_covers_exactly_its_pixels_and_is_clipped():
    scene = _scene.Scene(np.zeros((20, 40, 3), np.float32))
    scene.polygon([(0.25, 0.1), (0.5, 0.1), (0.5, 0.3), (0.25, 0.3)], (1.0, 1.0, 1.0))
    assert scene.cover[5:11, 11:19].min() == 1
    assert scene.cover[:3].max() == 0
    scene.polygon([(-0.5, -0.5), (1.5, -0.5), (1.5, 1.5), (-0.5, 1.5)], (0.5, 0.5, 0.5), opacity=0.5)
    assert scene.picture[15, 30] == pytest.approx([0.25] * 3, abs=0.01)
    scene.polygon([(2.0, 2.0), (3.0, 2.0), (3.0, 3.0)], (0.0, 0.0, 0.0))  # outside: nothing happens


def test_water_mirrors_what_stands_above():
    picture = np.zeros((64, 64, 3), np.float32)
    picture[:32, :32] = 1
    mirrored = _scene.water(np.random.default_rng(0), picture, 0.5, (0.0, 0.0, 0.0))
    assert np.array_equal(mirrored[:31], picture[:31])
    assert mirrored[34:44, 4:24].mean() > mirrored[34:44, 40:60].mean() + 0.3
