"""The examples that hold a method in one file: short, free of the package, and equal to it."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import styletransfer as st
from styletransfer import samples

FOLDER = Path(__file__).parents[1] / "examples" / "by_hand"
FILES = sorted(FOLDER.glob("*.py"))

Picture = Callable[..., torch.Tensor]


def by_hand(name: str) -> dict[str, Any]:
    return runpy.run_path(str(FOLDER / f"{name}.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_whole_method_in_one_short_file_without_the_package(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 250
    assert "import styletransfer" not in text
    assert "from styletransfer" not in text


def test_gatys_takes_the_library_s_steps(picture: Picture) -> None:
    content, style = picture(48, 64, seed=1), picture(64, 56, seed=2)
    stylize = by_hand("gatys")["stylize"]
    options = {"preset": "gatys2016", "optimizer": "adam", "learning_rate": 0.02, "init": "content", "steps": 7}
    images: list[torch.Tensor] = []
    stylizer = st.create_stylizer("gatys", device="cpu", **options)
    result = stylizer.stylize(content, style, on_step=lambda step: images.append(step.image))
    totals = [step.total for step in result.history]
    # Adam's first steps go by the gradient's sign, so a pixel whose gradient is nearly 0 magnifies rounding, and
    # the steps that follow magnify it further: how much depends on the processor.
    image, losses = stylize(content, style, steps=1)
    assert losses == pytest.approx(totals[:1], rel=1e-4)
    assert ((image - images[1]).abs() > 1e-4).float().mean() < 0.005
    image, losses = stylize(content, style, steps=6)
    assert losses[:2] == pytest.approx(totals[:2], rel=1e-3)
    assert losses == pytest.approx(totals[:6], rel=0.02)
    assert losses[-1] < losses[0] / 3
    assert (image - images[6]).abs().mean() < 0.005


@pytest.mark.parametrize("alpha", [1.0, 0.6])
def test_adain_gives_the_library_s_picture(alpha: float) -> None:
    content = st.load_image(samples.draw("harbour", long_edge=106))  # sides that 8 does not divide
    style = st.load_image(samples.draw("night", long_edge=96))
    expected = st.stylize(content, style, method="adain", device="cpu", alpha=alpha).image
    image = by_hand("adain")["stylize"](content, style, alpha=alpha)
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-4)
    assert (expected - content).abs().mean() > 0.05


def test_the_file_works_as_a_command(tmp_path: Path) -> None:
    for name in ("harbour", "night"):
        samples.draw(name, long_edge=64).save(tmp_path / f"{name}.png")
    command = [sys.executable, str(FOLDER / "adain.py"), "harbour.png", "night.png", "out.png"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert st.load_image(tmp_path / "out.png").shape == (1, 3, 48, 64)
