"""Operations, against counts that were made by hand for VGG-19 at full width (billions, 2 a multiply-add)."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from benchmarks import floor
from benchmarks.textbook import adain, gatys
from benchmarks.textbook.gatys import STYLE_LAYERS
from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.feedforward.decoder_files import LITE, PYTORCH_ADAIN


@pytest.fixture(scope="module")
def vgg19() -> VGG19Features:
    return VGG19Features("vgg19-normalised", last="conv5_1")


@pytest.mark.parametrize("side", [256, 512, 1024])
def test_known_counts(vgg19: VGG19Features, side: int) -> None:
    size, scale = (side, side), (side / 256) ** 2
    stylizer = SimpleNamespace(extractor=vgg19, decoder=SimpleNamespace(spec=PYTORCH_ADAIN))
    counted = {
        "to relu4_1": floor.encoder(vgg19, "relu4_1", size),
        "to relu5_1": floor.encoder(vgg19, "relu5_1", size),
        "5 Grams": floor.grams(vgg19, STYLE_LAYERS, size),
        "decoder": adain.decoder_operations(PYTORCH_ADAIN, size),
        "AdaIN, style cached": adain.operations(stylizer, size),
        "AdaIN, style given": adain.operations(stylizer, size, size),
    }
    known = {
        "to relu4_1": 31.6,
        "to relu5_1": 47.3,
        "5 Grams": 2.3,
        "decoder": 31.6,
        "AdaIN, style cached": 63.3,
        "AdaIN, style given": 94.9,
    }
    assert {name: count / 1e9 / scale for name, count in counted.items()} == pytest.approx(known, rel=0.01)


def test_a_step_is_forward_and_backward(vgg19: VGG19Features) -> None:
    stylizer = SimpleNamespace(extractor=vgg19, config=SimpleNamespace(style_layers=STYLE_LAYERS))
    step = gatys.operations(stylizer, (256, 256))
    assert step / 1e9 == pytest.approx(94.7 + 2 * 2.3, rel=0.01)


def test_skips_and_blocks_are_counted() -> None:
    # From the widths of `LITE`, size by size: the skip is added before the blocks of its size.
    by_hand = 2 * (
        9 * (128 * 96 + 4 * 2 * 128 * 128) * 2 * 2
        + (64 * 96 + 9 * (2 * 96 * 96 + 96 * 96 + 96 * 96 + 96 * 64)) * 4 * 4
        + (32 * 64 + 9 * (64 * 64 + 64 * 32)) * 8 * 8
        + (16 * 32 + 9 * (32 * 32 + 32 * 16 + 16 * 3)) * 16 * 16
    )
    # Two layers: 960 statistics to 128, these and their positive parts to a scale and a shift of 1,712 channels.
    modulation = 2 * (960 * 128 + 256 * 2 * 1712)
    assert adain.decoder_operations(LITE, (16, 16)) == by_hand + modulation


def test_the_rate_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def rate(device: str, precision: str) -> float:
        calls.append(device)
        return 2e9

    monkeypatch.setattr(floor, "rate", rate)
    monkeypatch.setattr(floor, "_RATES", {})
    assert floor.seconds(10**9, "cpu", "fp32") == floor.seconds(10**9, "cpu", "fp32") == 0.5
    assert calls == ["cpu"]
    assert floor.measured_rates() == {"cpu fp32": 2e9}


def test_a_real_rate_is_plausible() -> None:
    assert 1e8 < floor.rate("cpu", "fp32") < 1e14
