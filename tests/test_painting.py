"""The code that draws the sample pictures: what it promises, and that the carried files are its work."""

from __future__ import annotations

import time

import numpy as np
import pytest
from PIL import Image

import draw
from painting import SAMPLES, _noise, _scene, _strokes, paint
from styletransfer import samples


def test_every_carried_picture_has_its_drawing_code():
    assert list(SAMPLES) == samples.list_contents() + samples.list_styles()


def test_a_picture_made_again_is_the_carried_file(tmp_path):
    start = time.process_time()  # CPU time: other processes do not count
    image = paint("watercolour")
    assert time.process_time() - start < 2.0
    draw.save(image, tmp_path / "again.webp")
    again = np.asarray(Image.open(tmp_path / "again.webp").convert("RGB"), np.float64)
    carried = np.asarray(samples.draw("watercolour"), np.float64)
    assert np.abs(again - carried).mean() < 1  # of 255; other versions of NumPy and libwebp round otherwise
    assert np.abs(np.asarray(image, np.float64) - carried).mean() < 6


@pytest.mark.parametrize("name", ["valley", "mosaic"])
def test_same_arguments_give_the_same_bytes_whatever_the_global_state(name):
    first = paint(name, long_edge=32)
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    assert paint(name, long_edge=32).tobytes() == first.tobytes()
    assert np.array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("name", ["valley", "mosaic"])
def test_seed_and_size_leave_the_composition(name):
    first, seeded, large = (
        np.asarray(paint(name, long_edge=size, seed=seed).resize((16, 16), Image.Resampling.BOX), np.float64)
        for size, seed in ((128, 0), (128, 1), (300, 0))
    )
    assert np.corrcoef(first.ravel(), large.ravel())[0, 1] > 0.9
    assert 1 < np.abs(first - seeded).mean() < 50


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
