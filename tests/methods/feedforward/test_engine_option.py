"""The option `engine`: the same pictures, in strips too, from Python and from the command line."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from torch import Tensor

from styletransfer.cli import main
from styletransfer.errors import OptionError
from styletransfer.features.vgg import VGG19Features
from styletransfer.images import save_image
from styletransfer.methods.feedforward import stylizer as feedforward
from styletransfer.methods.feedforward.adain import AdaINStylizer
from styletransfer.methods.feedforward.config import AdaINConfig
from styletransfer.methods.feedforward.decoder_files import Decoder
from styletransfer.methods.feedforward.strips import Budget

Draw = Callable[..., Tensor]
#: Of pictures in [0, 1], after two passes.
BOUND = 5e-5

engines = pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])


def pair(engine: str, extractor: VGG19Features, decoder: Decoder, **options: float) -> list[AdaINStylizer]:
    pytest.importorskip(engine, reason=f"the engine {engine} is an extra of its own")
    return [AdaINStylizer(extractor, AdaINConfig(engine=name, **options), decoder) for name in ("torch", engine)]


@engines
@pytest.mark.parametrize("size", [(16, 16), (37, 53), (96, 64)])
def test_pictures_are_the_same(
    engine: str, size: tuple[int, int], extractor: VGG19Features, decoder: Decoder, picture: Draw
) -> None:
    content, style = picture(*size, seed=1), picture(40, 24, seed=2)
    in_torch, other = (each.stylize(content, style) for each in pair(engine, extractor, decoder))
    assert (other.image - in_torch.image).abs().max() <= BOUND
    assert other.losses == pytest.approx(in_torch.losses, rel=1e-3)
    assert other.config.engine == engine


@engines
def test_a_batch_with_a_map_of_strengths(
    engine: str, extractor: VGG19Features, decoder: Decoder, picture: Draw
) -> None:
    contents, styles = picture(48, 40, batch=2), picture(32, 32, seed=3, batch=2)
    strength = picture(48, 40, seed=4)[:, :1]
    first, second = (
        each.stylize(contents, styles, strength=strength).image
        for each in pair(engine, extractor, decoder, alpha=0.7)
    )
    assert (first - second).abs().max() <= BOUND


@engines
def test_strips(
    engine: str, extractor: VGG19Features, decoder: Decoder, picture: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_torch, other = pair(engine, extractor, decoder)
    content, style = picture(360, 32), picture(32, 32, seed=1)
    whole = in_torch.stylize(content, style).image
    monkeypatch.setattr(feedforward, "budget_for", lambda free: Budget(strip=1, kept=0))
    assert (other.stylize(content, style).image - whole).abs().max() <= BOUND


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(OptionError, match=r"Unknown engine 'onxruntime'\. Did you mean"):
        AdaINConfig(engine="onxruntime")


@pytest.mark.filterwarnings("default:The engine")
def test_on_the_command_line(tmp_path: Path, picture: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is absent: one line, the picture all the same, and the record has what was asked for."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else found(name))
    for name in ("content", "style"):
        save_image(picture(48, 32, seed=len(name)), tmp_path / f"{name}.png")
    made = tmp_path / "made.png"
    words = ["stylize", str(tmp_path / "content.png"), str(tmp_path / "style.png"), "-o", str(made)]
    result = CliRunner().invoke(main, [*words, "-m", "adain", "--engine", "openvino", "--device", "cpu", "--json"])
    assert result.exit_code == 0, result.output
    told = [line for line in result.stderr.splitlines() if "openvino" in line]
    assert len(told) == 1
    assert "is not installed, so torch computes instead" in told[0]
    assert made.is_file()
    assert json.loads(result.stdout)["config"]["engine"] == "openvino"
    refused = CliRunner().invoke(main, [*words, "-m", "adain", "--engine", "tensorflow"])
    assert refused.exit_code == 2
