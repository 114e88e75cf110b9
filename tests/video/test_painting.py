"""Frames that know the one before: smoothing, cuts, strength over time, statistics carried on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import styletransfer as st
from styletransfer import samples
from styletransfer.errors import OptionError
from styletransfer.method import Method
from styletransfer.methods import METHODS
from styletransfer.stylizer import Carry
from styletransfer.video.opening import open_clip
from styletransfer.video.run import stylize_video
from tests.video.conftest import Copy
from tests.video.drawing import panning, write_video

pytest.importorskip("av", reason="needs the extra [video]", exc_type=ImportError)
pytest.importorskip("cv2", reason="needs the extra [video]", exc_type=ImportError)

#: Methods that smooth measurements, and methods that descend from the previous result.
MEASURING = [name for name, method in METHODS.items() if "carry" in method.accepts and not method.iterative]
DESCENDING = [name for name, method in METHODS.items() if "carry" in method.accepts and method.iterative]


def test_smoothing_halves_flicker_at_least(tmp_path: Path, one_thread: None) -> None:
    source = write_video(tmp_path / "in.mp4", panning(8, 64, 96, step=2))
    settings = {"decoder": "fast", "crf": 4}
    smooth = stylize_video(source, tmp_path / "smooth.mp4", "mosaic", **settings)
    rough = stylize_video(source, tmp_path / "rough.mp4", "mosaic", smoothing=0, **settings)
    figures = smooth.record()["flicker"]
    assert figures["pairs"] == 7
    assert figures["with_smoothing"] < figures["without_smoothing"] / 2
    alone = rough.record()["flicker"]
    assert alone["with_smoothing"] == alone["without_smoothing"]
    assert figures["with_smoothing"] < alone["with_smoothing"] / 2


def test_nothing_crosses_a_cut(tmp_path: Path, one_thread: None) -> None:
    """What follows a cut is what the second scene alone gives."""
    first, second = panning(4, 64, 96), [1 - frame for frame in panning(4, 64, 96, seed=3)]
    for number, frame in enumerate([*first, *second], start=1):
        st.save_image(frame, tmp_path / f"both_{number}.png")
    for number, frame in enumerate(second, start=1):
        st.save_image(frame, tmp_path / f"second_{number}.png")
    both = stylize_video(tmp_path / "both_%d.png", tmp_path / "a_%d.png", "night", decoder="fast", segment=3)
    stylize_video(tmp_path / "second_%d.png", tmp_path / "b_%d.png", "night", decoder="fast", segment=3)
    assert (both.cuts, both.flicker.pairs) == ((4,), 6)
    for number in range(1, 5):
        assert torch.equal(
            st.load_image(tmp_path / f"a_{number + 4}.png"), st.load_image(tmp_path / f"b_{number}.png")
        )


def test_strength_over_time(tmp_path: Path, one_thread: None) -> None:
    source = write_video(tmp_path / "in.mp4", panning(5, 64, 96, step=0), options={"bf": "0"})
    result = stylize_video(
        source, tmp_path / "out.mp4", "mosaic", strength="0:0,0.16:1", smoothing=0, decoder="fast", crf=4
    )
    changed = [
        float((new.rgb - old.rgb).abs().mean())
        for new, old in zip(open_clip(result.path).frames(), open_clip(source).frames(), strict=True)
    ]
    assert changed == sorted(changed)
    assert changed[-1] > 2 * changed[0]
    assert result.record()["strength"] == [[0.0, 0.0], [0.16, 1.0]]


def test_a_method_that_carries_nothing_is_smoothed_along_the_flow(
    tmp_path: Path, copy: Copy, made_up: Method
) -> None:
    source = write_video(tmp_path / "in.mp4", panning(4, 64, 96, step=2))
    result = copy(source, tmp_path / "out.mp4", amount=1.0, smoothing=0.5)
    assert result.flicker.pairs == 3


def test_styles_are_mixed(tmp_path: Path, one_thread: None) -> None:
    source = write_video(tmp_path / "in.mp4", panning(2))
    result = stylize_video(source, tmp_path / "out.gif", ["mosaic", "night"], decoder="fast", style_mix=(0.7, 0.3))
    assert len(result.record()["hashes"]["styles"]) == 2


def test_colours_of_each_frame_can_be_kept(tmp_path: Path, one_thread: None) -> None:
    """A control that needs the style's picture, which is then not encoded once."""
    source = write_video(tmp_path / "in.mp4", panning(2))
    result = stylize_video(source, tmp_path / "out.gif", "mosaic", decoder="fast", preserve_color="luminance")
    assert result.record()["controls"]["preserve_color"] == "luminance"


class TestCarry:
    def test_measurements_are_mixed_with_those_before(self) -> None:
        first = Carry(share=0.75)
        assert first.smoothed("mean", torch.ones(2)).tolist() == [1, 1]
        second = Carry(first.after, share=0.75)
        assert second.smoothed("mean", torch.zeros(2)).tolist() == [0.75, 0.75]
        assert second.smoothed("mean", torch.zeros(2)).tolist() == [0.75, 0.75]  # again, with the same result

    def test_another_shape_is_not_mixed(self) -> None:
        assert Carry({"mean": torch.ones(2)}, share=0.5).smoothed("mean", torch.zeros(3)).tolist() == [0, 0, 0]

    @pytest.mark.parametrize("method", MEASURING)
    def test_a_method_smooths_what_it_measures(self, method: str, one_thread: None) -> None:
        stylizer = st.create_stylizer(method)
        content, style = samples.draw("valley", long_edge=64), samples.draw("mosaic", long_edge=64)
        other = samples.draw("harbour", long_edge=64)
        alone = stylizer.stylize(content, style).image
        carry = Carry(share=0.9)
        assert torch.equal(stylizer.stylize(content, style, carry=carry).image, alone)
        assert carry.after
        stylizer.stylize(other, style, carry=(before := Carry(share=0.9)))
        after_other = stylizer.stylize(content, style, carry=Carry(before.after, share=0.9)).image
        same = stylizer.stylize(content, style, carry=Carry(carry.after, share=0.9)).image
        assert torch.allclose(same, alone, atol=1e-4)
        assert float((after_other - alone).abs().mean()) > 1e-3

    def test_others_refuse(self, made_up: Method) -> None:
        content, style = samples.draw("valley", long_edge=64), samples.draw("mosaic", long_edge=64)
        with pytest.raises(OptionError, match="does not take what a frame before carries; leave carry out"):
            st.create_stylizer(made_up.name).stylize(content, style, carry=Carry(share=0.5))


class TestDescents:
    """Methods of many steps start from the previous result, and stay close to it."""

    @pytest.fixture
    def pictures(self) -> dict[str, torch.Tensor]:
        names = {"content": "valley", "style": "mosaic", "moved": "watercolour"}
        drawn = {key: st.load_image(samples.draw(name, long_edge=64)) for key, name in names.items()}
        return {key: st.images.resize(picture, (48, 64)) for key, picture in drawn.items()}

    @pytest.mark.parametrize("method", DESCENDING)
    def test_what_is_trusted_stays(self, method: str, pictures: dict[str, torch.Tensor], one_thread: None) -> None:
        trust = torch.zeros(1, 1, 48, 64)
        trust[..., :32] = 1
        carry = Carry(share=0.5, moved=pictures["moved"], trust=trust, effort=0.1)
        stylizer = st.create_stylizer(method, temporal_weight=1e4)
        result = stylizer.stylize(pictures["content"], pictures["style"], carry=carry)
        apart = (result.image - pictures["moved"]).abs().mean(1, keepdim=True)
        assert float(apart[..., :28].mean()) < 0.05
        assert float(apart[..., 36:].mean()) > 0.1
        assert result.losses["temporal"] > 0
        assert len(result.history) == round(stylizer.plan((48, 64)).stages[-1].steps * 0.1)

    @pytest.mark.parametrize("method", DESCENDING)
    def test_a_weight_of_0_only_starts_there(
        self, method: str, pictures: dict[str, torch.Tensor], one_thread: None
    ) -> None:
        trust = torch.ones(1, 1, 48, 64)
        carry = Carry(share=0.5, moved=pictures["moved"], trust=trust, effort=0.02)
        stylizer = st.create_stylizer(method, temporal_weight=0)
        seen: list[torch.Tensor] = []
        stylizer.stylize(
            pictures["content"], pictures["style"], carry=carry, on_step=lambda step: seen.append(step.image)
        )
        assert float((seen[0] - pictures["moved"]).abs().mean()) < 0.1

    @pytest.mark.parametrize("method", DESCENDING)
    def test_a_grey_picture_starts_from_a_grey_one(
        self, method: str, pictures: dict[str, torch.Tensor], one_thread: None
    ) -> None:
        carry = Carry(share=0.5, moved=pictures["moved"], trust=torch.ones(1, 1, 48, 64), effort=0.02)
        stylizer = st.create_stylizer(method, temporal_weight=1e5, preserve_color="luminance")
        result = stylizer.stylize(pictures["content"], pictures["style"], carry=carry).image
        wanted = st.functional.luminance(pictures["moved"])
        assert float((st.functional.luminance(result) - wanted).abs().mean()) < 0.08

    @pytest.mark.parametrize("method", DESCENDING)
    def test_a_clip_with_key_frames(self, method: str, tmp_path: Path, one_thread: None) -> None:
        source = write_video(tmp_path / "in.mp4", panning(4, 48, 64, step=2))
        settings = {"extractor": "vgg19-lite-1", "steps": (2, 6), "segment": 2}
        smooth = stylize_video(source, tmp_path / "a.webp", "mosaic", method, key_every=2, **settings)
        alone = stylize_video(source, tmp_path / "b.webp", "mosaic", method, smoothing=0, init="noise", **settings)
        figures = [result.record()["flicker"]["with_smoothing"] for result in (smooth, alone)]
        assert figures[0] < figures[1] / 2
        assert smooth.record()["key_every"] == 2

    @pytest.mark.parametrize("method", MEASURING)
    def test_key_frames_of_a_method_of_one_step(self, method: str, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match=r"key_every is for methods of many steps \(.*\), and .* has one"):
            stylize_video(tmp_path / "in.mp4", tmp_path / "out.mp4", "mosaic", method, key_every=4)
