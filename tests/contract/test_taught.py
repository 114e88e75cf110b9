"""What controls do to pictures, with the weights that the package carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from styletransfer import samples
from styletransfer.functional import luminance
from styletransfer.images import load_image, save_image
from styletransfer.job import stylize
from styletransfer.judging.judge import create_judge
from styletransfer.judging.judges import list_judges
from styletransfer.methods import METHODS, create_stylizer, list_stylizers
from styletransfer.stylizer import Stylizer

EDGE = 128


@pytest.fixture(params=list_stylizers())
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def taught(method: str, **options: Any) -> Stylizer:
    short: dict[str, Any] = {"steps": 30, "scales": (1.0,)} if METHODS[method].iterative else {}
    return create_stylizer(method, device="cpu", **short, **options)


def pair(content: str = "harbour", style: str = "night") -> tuple[Tensor, Tensor]:
    one, other = (load_image(samples.draw(name, long_edge=EDGE)) for name in (content, style))
    return one, other


def centroid(picture: Tensor) -> float:
    """The mean spatial frequency of the brightness, weighted by its energy, in cycles a pixel."""
    grey = luminance(picture)[0, 0]
    height, width = grey.shape
    faded = (grey - grey.mean()) * torch.hann_window(height)[:, None] * torch.hann_window(width)
    energy = torch.fft.fft2(faded).abs().square()
    frequency = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.fftfreq(width)[None])
    return float((energy * frequency).sum() / energy.sum())


def test_strength_0_knows_no_style(method: str) -> None:
    """It returns the content, or what the method's network makes of it."""
    content, style = pair()
    image = taught(method).stylize(content, style, strength=0.0).image
    other = taught(method).stylize(content, pair(style="woodcut")[1], strength=0.0).image
    torch.testing.assert_close(image, other, rtol=0, atol=1 / 255)
    assert float((image - content).square().mean()) < (1e-5 if METHODS[method].iterative else 1e-2)
    if METHODS[method].iterative:
        torch.testing.assert_close(image, content, rtol=0, atol=1 / 255)


def test_strength_is_monotone_in_the_judges_figures(method: str) -> None:
    content, style = pair()
    judged = create_judge(list_judges()[-1], device="cpu").pair(content, style)
    figures = [
        judged(taught(method).stylize(content, style, strength=strength)).figures()
        for strength in (0.0, 0.3, 0.65, 1.0)
    ]
    for name in ("moment", "gram"):
        known = [own[name] for own in figures]
        assert known == sorted(known, reverse=True), name
        assert known[-1] < known[0] / 2
    kept = [own["content"] for own in figures]
    assert kept == sorted(kept)


@pytest.mark.parametrize("style", ["night", "mosaic"])
def test_coarser_strokes_move_energy_to_lower_frequencies(method: str, style: str) -> None:
    content, picture = pair(style=style)
    images = [taught(method, style_scale=scale).stylize(content, picture).image for scale in (0.5, 1.0, 2.0)]
    found = [centroid(image) for image in images]
    assert found[2] < 0.9 * min(found[:2])


def test_a_coarse_style_is_read_anew_in_its_full_detail(method: str, tmp_path: Path) -> None:
    content = load_image(samples.draw("harbour", long_edge=64))
    file = save_image(load_image(samples.draw("mosaic", long_edge=128)), tmp_path / "style.png")
    short: dict[str, Any] = {"steps": 3, "scales": (1.0,)} if METHODS[method].iterative else {}
    coarse = stylize(content, str(file), method, long_edge=64, style_scale=2.0, device="cpu", **short).image
    wanted = stylize(content, str(file), method, device="cpu", **short).image
    torch.testing.assert_close(coarse, wanted, rtol=0, atol=1e-4)


def test_halves_of_one_style_are_near_the_whole(method: str) -> None:
    """Left and right half have statistics of their own: near those of the whole, not equal to them."""
    content, style = pair()
    left = torch.zeros_like(content)
    left[..., : EDGE // 2] = 1
    halves = taught(method).stylize(content, [style, style], masks=[left, 1 - left]).image
    whole = taught(method).stylize(content, style).image
    assert float((halves - whole).abs().mean()) < 0.12
