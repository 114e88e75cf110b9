from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import styletransfer as st
from styletransfer import samples
from styletransfer.errors import ImageError, OptionError, OutputError
from styletransfer.explaining.explanation import LAYERS, explain
from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import gram_matrix
from styletransfer.images import load_image
from styletransfer.methods.gatys.inversion import invert

PHOTO, PAINTING = (load_image(samples.draw(name, long_edge=64)) for name in ("valley", "mosaic"))


def test_an_untouched_picture_has_changed_nothing(extractor: VGG19Features) -> None:
    told = explain(PHOTO, PHOTO, PAINTING, extractor=extractor, inversion_steps=0)
    for layer in told.layers:
        assert layer.content_change == 0
        assert layer.gram_before == layer.gram_after > 0
        assert [moved.shift for moved in layer.moved] == [0.0] * len(layer.moved)
    assert not told.change.any()
    assert not told.gain.any()
    assert told.change.shape == told.gain.shape == PHOTO.shape[2:]


def test_the_style_itself_is_reached(extractor: VGG19Features) -> None:
    square = PAINTING[:, :, :48, :]
    told = explain(square, PHOTO, square, extractor=extractor, inversion_steps=0)
    assert all(layer.gram_after == pytest.approx(0, abs=1e-10) for layer in told.layers)
    assert told.gain.mean() > 0


def test_figures_by_hand(extractor: VGG19Features) -> None:
    told = explain(PHOTO.flip(3), PHOTO, PAINTING, extractor=extractor, inversion_steps=0)
    with torch.no_grad():
        was, now, style = (extractor(x, LAYERS)["relu2_1"] for x in (PHOTO, PHOTO.flip(3), PAINTING))
    layer = told.layers[1]
    wanted = gram_matrix(style)
    apart = (gram_matrix(now) - wanted).square().sum() / wanted.square().sum()
    assert layer.gram_after == pytest.approx(float(apart), rel=1e-4)
    assert layer.content_change == pytest.approx(float((now - was).square().mean() / was.var()), rel=1e-4)
    first = layer.moved[0]
    spread = ((was.var((2, 3)) + now.var((2, 3))) / 2).sqrt().clamp_min(1e-3)
    shifts = (now.mean((2, 3)) - was.mean((2, 3))) / spread
    assert abs(first.shift) == pytest.approx(float(shifts.abs().max()), rel=0.05, abs=1e-4)
    assert first.content == pytest.approx(float(was.mean((2, 3))[0, first.channel]), rel=1e-4)


def test_a_change_is_mapped_where_it_is(extractor: VGG19Features) -> None:
    changed = PHOTO.clone()
    changed[..., 48:] = 1 - changed[..., 48:]
    told = explain(changed, PHOTO, PAINTING, extractor=extractor, inversion_steps=0)
    assert told.change[:, 52:].mean() > 10 * told.change[:, :12].mean()


def test_shallow_layers_keep_more() -> None:
    """The embedded network: from relu1_1 the picture comes back, from relu5_1 it does not."""
    network = st.create_extractor(device="cpu")
    shallow, deep = (invert(network, PHOTO, layer, steps=40) for layer in ("relu1_1", "relu5_1"))
    near, far = ((picture - PHOTO).square().mean() for picture in (shallow, deep))
    assert near < far / 3
    assert near < 0.01


def test_everything_is_written(tmp_path: Path, extractor: VGG19Features) -> None:
    seen: list[tuple[int, int]] = []

    def watch(done: int, count: int) -> None:
        seen.append((done, count))

    told = explain(PHOTO.flip(2), PHOTO, PAINTING, extractor=extractor, inversion_steps=1, on_inversion=watch)
    assert seen[-1] == (5, 5)
    assert tuple(told.inversions) == LAYERS
    files = told.save(tmp_path / "told")
    assert [file.name for file in files] == ["explanation.png", "explanation.json"]
    record = json.loads(files[1].read_text())
    assert [layer["layer"] for layer in record["layers"]] == list(LAYERS)
    assert record["maps"]["content_change"]["most"] == pytest.approx(float(told.change.max()))
    assert load_image(files[0]).shape[3] == 1400


def test_inputs_are_never_overwritten(tmp_path: Path, extractor: VGG19Features) -> None:
    photo = tmp_path / "explanation.png"
    st.save_image(PHOTO, photo)
    told = explain(photo, PHOTO, PAINTING, extractor=extractor, inversion_steps=0)
    with pytest.raises(OutputError, match="never overwritten"):
        told.save(tmp_path)


def test_bad_requests_are_refused(extractor: VGG19Features) -> None:
    with pytest.raises(ImageError, match="one picture each"):
        explain(PHOTO.expand(2, -1, -1, -1), PHOTO, PAINTING, extractor=extractor)
    with pytest.raises(OptionError, match="inversion_steps must be a whole number"):
        explain(PHOTO, PHOTO, PAINTING, extractor=extractor, inversion_steps=-1)
