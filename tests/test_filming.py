from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
import torch
from PIL import Image

from styletransfer.errors import OptionError, OutputError
from styletransfer.filming import Animation, Film, check_film, check_followed, frames_apart
from styletransfer.stylizer import Step

SIZE = (24, 32)


def run(film: Film, steps: int = 6) -> None:
    """Walk from black to white, the first half at half the size."""
    for number in range(1, steps + 1):
        size = SIZE if number > steps // 2 else (12, 16)
        image = torch.full((1, 3, *size), number / steps)
        film(Step(step=number, steps=steps, seconds=0.1 * number, losses={}, size=size, image=image))


@pytest.mark.parametrize("suffix", ["webp", "gif", "png"])
def test_every_second_step_is_a_frame(tmp_path: Path, suffix: str) -> None:
    film = Film(SIZE, every=2)
    run(film)
    assert film.steps == [2, 4, 6]
    path = film.save(tmp_path / f"film.{suffix}")
    with Image.open(path) as movie:
        assert getattr(movie, "n_frames", 1) == 3
        assert movie.size == (32, 24)
        shades = []
        for number in range(3):
            movie.seek(number)
            shades.append(movie.convert("L").getpixel((16, 12)))
    assert shades == pytest.approx([85, 170, 255], abs=6)


def test_pictures_are_written_as_they_are_made(tmp_path: Path) -> None:
    film = Film(SIZE, every=3, folder=tmp_path / "steps", animate=False)
    run(film)
    assert sorted(path.name for path in (tmp_path / "steps").iterdir()) == ["step-0003.png", "step-0006.png"]
    with Image.open(tmp_path / "steps" / "step-0003.png") as picture:
        assert picture.size == (32, 24)


def test_large_frames_are_reduced(tmp_path: Path) -> None:
    film = Film((40, 2000), every=1)
    film(Step(step=1, steps=1, seconds=0.1, losses={}, size=(40, 2000), image=torch.rand(1, 3, 40, 2000)))
    with Image.open(film.save(tmp_path / "film.gif")) as movie:
        assert movie.width == 512


def test_about_forty_frames() -> None:
    assert [frames_apart(steps) for steps in (3, 40, 120, 500)] == [1, 1, 3, 12]


def test_bad_requests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="save_every must be a whole number of at least 1, got 0"):
        Film(SIZE, every=0)
    with pytest.raises(OutputError, match=r"an animation is one of .webp, .gif, .png"):
        check_film(tmp_path / "film.mp4")
    with pytest.raises(OutputError, match="no step was filmed"):
        Film(SIZE, every=9).save(tmp_path / "film.gif")
    with pytest.raises(OptionError, match="--animation follows a descent, and method 'fast' has one step"):
        check_followed("fast", iterative=False, asked="--animation", others=["slow"])
    assert not list(tmp_path.iterdir())


def test_frames_are_known_by_their_step() -> None:
    film = Film(SIZE, every=3)
    run(film)
    assert list(film.frames) == [3, 6]
    assert film.frames[6].getpixel((0, 0)) == (255, 255, 255)
    assert not Film(SIZE, every=3, animate=False).frames


def test_a_notebook_shows_the_film_as_an_image_in_the_page() -> None:
    film = Film(SIZE, every=2)
    run(film)
    page = film.animation(milliseconds=250)._repr_html_()
    assert page.startswith('<img src="data:image/webp;base64,')
    with Image.open(io.BytesIO(base64.b64decode(page.split(",")[1].split('"')[0]))) as movie:
        assert movie.format == "WEBP"
        assert movie.n_frames == 3  # type: ignore[attr-defined]


def test_an_animation_without_frames_is_refused() -> None:
    with pytest.raises(OptionError, match="An animation has at least one frame, got none"):
        Animation(frames=[])
    with pytest.raises(OptionError, match=r"No step was filmed\. Film with animate=True"):
        Film(SIZE, every=1, animate=False).animation()
    with pytest.raises(OptionError, match=r"No step was filmed\. Film more often than every 9"):
        Film(SIZE, every=9).animation()
