"""One suite for every registered method: what `Stylizer` promises, whoever stands behind it."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from torch import Tensor

from styletransfer.errors import ImageError, OptionError, OutputError, WeightsError
from styletransfer.features.vgg import VGG19Features
from styletransfer.images import load_image, read_picture, save_image
from styletransfer.job import prepare, stylize
from styletransfer.methods import METHODS, create_stylizer, list_stylizers
from styletransfer.stylizer import Step, Stylization, Stylizer

Draw = Callable[..., Tensor]


Make = Callable[..., Stylizer]


class TestRegistry:
    def test_inventory(self) -> None:
        assert list_stylizers() == ["gatys", "adain"]

    def test_a_method_describes_itself(self, method: str, make: Make) -> None:
        declared = METHODS[method]
        assert declared.name == method
        assert 10 < len(declared.summary) < 120
        assert "\n" not in declared.summary
        stylizer = make()
        assert issubclass(declared.stylizer(), Stylizer)
        assert type(stylizer) is declared.stylizer()
        assert dataclasses.replace(stylizer.declaration, extractor=declared.extractor) == declared
        assert type(stylizer.config) is declared.config
        assert not isinstance(stylizer, torch.nn.Module)

    def test_a_preset_is_applied_wherever_a_config_is_built(self, method: str) -> None:
        declared = METHODS[method]
        for name, changes in declared.presets.items():
            for config in (declared.config(preset=name), declared.configure({"preset": name})[0]):
                recorded = {field: getattr(config, field) for field in changes}
                assert recorded == dict(changes), name

    def test_the_plan_is_what_is_done(self, make: Make, picture: Draw) -> None:
        stylizer = make()
        plan = stylizer.plan((40, 50))
        result = stylizer.stylize(picture(40, 50), picture(seed=1))
        assert plan.stages[-1].size == (40, 50)
        assert len(result.history) <= plan.steps
        assert {step.size for step in result.history} <= {stage.size for stage in plan.stages}

    def test_a_config_is_frozen_and_each_option_has_a_help_text(self, method: str, make: Make) -> None:
        config = make().config
        for field in dataclasses.fields(config):
            assert field.kw_only
            assert field.metadata["help"]
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(config, field.name, None)

    def test_unknown_methods_are_refused_with_a_suggestion(self, method: str) -> None:
        message = f'Unknown method {method[:-1]!r}. Did you mean "{method}"? Choose one of: {", ".join(METHODS)}.'
        with pytest.raises(OptionError, match=f"^{re.escape(message)}$"):
            create_stylizer(method[:-1])

    def test_unknown_options_are_refused_with_a_suggestion(self, method: str, make: Make) -> None:
        message = f"Method '{method}' has no option 'style_mixx'. Did you mean \"style_mix\"?"
        with pytest.raises(OptionError, match=f"^{re.escape(message)}"):
            make(style_mixx=(1,))

    def test_an_unknown_weight_set_is_refused_with_a_suggestion(self, method: str) -> None:
        with pytest.raises(OptionError, match=r"Unknown extractor 'vgg19-light'\. Did you mean \"vgg19-lite\"\?"):
            create_stylizer(method, extractor="vgg19-light")

    def test_an_unknown_device_is_refused(self, method: str, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match="Unknown device 'gpu'"):
            create_stylizer(method, device="gpu")


class TestResult:
    def test_shape_range_and_type(self, make: Make, picture: Draw) -> None:
        result = make().stylize(picture(31, 44), picture(26, 20, seed=1))
        assert isinstance(result, Stylization)
        assert result.image.shape == (1, 3, 31, 44)
        assert result.image.dtype == torch.float32
        assert result.image.isfinite().all()
        assert 0 <= result.image.min() <= result.image.max() <= 1
        assert result.image.is_contiguous()
        assert not result.image.requires_grad
        assert not result.image.is_inference()

    def test_the_picture_is_repainted(self, make: Make, picture: Draw) -> None:
        first, second = (make().stylize(picture(), picture(seed=n)).image for n in (1, 2))
        assert (first - picture()).abs().max() > 1e-3
        assert (first - second).abs().max() > 1e-4

    def test_describes_itself(self, method: str, make: Make, picture: Draw) -> None:
        stylizer = make()
        result = stylizer.stylize(picture(), picture(seed=1))
        assert (result.method, result.extractor) == (method, "vgg19-lite-1")
        assert result.config is stylizer.config
        assert result.stopped in ("steps", "levelled off")
        assert result.seconds > 0
        assert result.losses["total"] == pytest.approx(
            sum(value for name, value in result.losses.items() if name != "total"), rel=1e-5
        )
        assert all(math.isfinite(value) for value in result.losses.values())

    def test_the_record_is_json_ready(self, method: str, make: Make, picture: Draw) -> None:
        result = make().stylize(picture(), picture(seed=1))
        record = json.loads(json.dumps(result.record(), allow_nan=False))
        assert record["method"] == method
        assert record["size"] == [32, 40]
        assert len(record["history"]) == len(result.history)
        assert set(record["config"]) == {field.name for field in dataclasses.fields(result.config)}

    def test_the_same_input_gives_the_same_picture(self, make: Make, picture: Draw) -> None:
        stylizer = make()
        first = stylizer.stylize(picture(), picture(seed=1)).image
        torch.rand(5)
        assert torch.equal(stylizer.stylize(picture(), picture(seed=1)).image, first)
        assert torch.equal(make().stylize(picture(), picture(seed=1)).image, first)

    def test_can_be_saved_and_shown(self, make: Make, picture: Draw, tmp_path: Path) -> None:
        result = make().stylize(picture(), picture(seed=1))
        assert result.to_pil().size == (40, 32)
        path = result.save(tmp_path / "result.png")
        assert (load_image(path) - result.image).abs().max() <= 0.5 / 255 + 1e-6


class TestHistory:
    def test_every_step_is_told(self, make: Make, picture: Draw) -> None:
        seen: list[Step] = []
        result = make().stylize(picture(31, 44), picture(seed=1), on_step=seen.append)
        assert [step.step for step in seen] == list(range(1, len(seen) + 1))
        assert seen == list(result.history)
        for step in seen:
            assert step.steps == len(seen)
            assert step.size == (31, 44)
            assert step.seconds > 0
            assert math.isfinite(step.total)
            assert step.image is not None
            assert step.image.shape == (1, 3, 31, 44)
            assert 0 <= step.image.min() <= step.image.max() <= 1
        assert all(step.image is None for step in result.history)

    def test_what_on_step_does_to_its_picture_is_its_own_affair(self, make: Make, picture: Draw) -> None:
        spoilt = make().stylize(picture(), picture(seed=1), on_step=lambda step: step.image.fill_(9.0))
        assert torch.equal(spoilt.image, make().stylize(picture(), picture(seed=1)).image)

    def test_ctrl_c_passes_through(self, make: Make, picture: Draw) -> None:
        def stop(step: Step) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            make().stylize(picture(), picture(seed=1), on_step=stop)

    def test_errors_in_on_step_pass_through(self, make: Make, picture: Draw) -> None:
        def fail(step: Step) -> None:
            raise ZeroDivisionError("mine")

        with pytest.raises(ZeroDivisionError, match="mine"):
            make().stylize(picture(), picture(seed=1), on_step=fail)


class TestPictures:
    def test_are_never_changed(self, make: Make, picture: Draw) -> None:
        content, style = picture(), picture(24, 30, seed=1)
        copies = content.clone(), style.clone()
        result = make().stylize(content, style)
        assert torch.equal(content, copies[0])
        assert torch.equal(style, copies[1])
        result.image.zero_()  # nor shared with the result
        assert torch.equal(content, copies[0])

    def test_that_carry_gradients_are_taken(self, make: Make, picture: Draw) -> None:
        content = picture().requires_grad_()
        result = make().stylize(content * 1.0, picture(seed=1))
        assert not result.image.requires_grad
        assert content.grad is None

    def test_paths_images_arrays_and_tensors_agree(self, make: Make, tmp_path: Path) -> None:
        pixels = [np.random.default_rng(n).integers(0, 256, (20, 27, 3), np.uint8) for n in range(2)]
        paths = [tmp_path / f"{n}.png" for n in range(2)]
        for array, path in zip(pixels, paths, strict=True):
            PIL.Image.fromarray(array).save(path)
        kinds: list[list[Any]] = [
            list(paths),
            [str(path) for path in paths],
            [PIL.Image.fromarray(array) for array in pixels],
            pixels,
            [array.astype(np.float64) / 255 for array in pixels],
            [torch.from_numpy(array).permute(2, 0, 1) / 255 for array in pixels],
            [torch.from_numpy(array).permute(2, 0, 1)[None] / 255 for array in pixels],
            [read_picture(path) for path in paths],
        ]
        images = [make().stylize(*pair).image for pair in kinds]
        for image in images[1:]:
            torch.testing.assert_close(image, images[0], rtol=1e-3, atol=1e-3)

    def test_transparency_is_kept(self, make: Make, picture: Draw, tmp_path: Path) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (20, 27, 4), np.uint8)
        result = make().stylize(PIL.Image.fromarray(pixels), picture(seed=1))
        with PIL.Image.open(result.save(tmp_path / "x.png")) as stored:
            assert np.array_equal(np.asarray(stored)[..., 3], pixels[..., 3])

    def test_inputs_are_not_overwritten(self, make: Make, picture: Draw, tmp_path: Path) -> None:
        content = save_image(picture(), tmp_path / "content.png")
        with pytest.raises(OutputError):
            make().stylize(content, picture(seed=1)).save(content)

    @pytest.mark.parametrize("size", [(16, 16), (16, 90), (50, 17)])
    def test_the_style_may_have_any_size(self, make: Make, picture: Draw, size: tuple[int, int]) -> None:
        result = make().stylize(picture(21, 22), picture(*size, seed=1))
        assert result.image.shape == (1, 3, 21, 22)
        assert result.image.isfinite().all()

    def test_flat_pictures_give_finite_ones(self, make: Make, picture: Draw) -> None:
        for value in (0.0, 1.0):
            flat = torch.full((1, 3, 24, 24), value)
            for content, style in ((flat, picture()), (picture(), flat), (flat, flat)):
                assert make().stylize(content, style).image.isfinite().all()

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("missing.png", 'content "missing.png"'),
            (torch.rand(1, 3, 15, 40), "content tensor"),
            (torch.rand(1, 3, 20, 20) * 2, "content tensor"),
            (torch.full((1, 3, 20, 20), math.nan), "content tensor"),
            (np.zeros((20, 20, 5), np.uint8), "content array"),
            (7, "content is a int"),
        ],
        ids=["missing", "small", "range", "nan", "channels", "type"],
    )
    def test_bad_ones_are_refused(self, make: Make, picture: Draw, content: Any, message: str) -> None:
        with pytest.raises(ImageError, match=re.escape(message)):
            make().stylize(content, picture())


class TestStyles:
    def test_several_are_mixed(self, make: Make, picture: Draw) -> None:
        first, second = picture(seed=1), picture(24, 30, seed=2)
        alone = [make().stylize(picture(), style).image for style in (first, second)]
        mixed = make(style_mix=[3, 1]).stylize(picture(), [first, second]).image
        assert all((mixed - image).abs().max() > 1e-5 for image in alone)
        same = make(style_mix=(0.5, 0.5)).stylize(picture(), [first, first]).image
        torch.testing.assert_close(same, alone[0], rtol=1e-3, atol=1e-3)

    def test_nearly_all_of_one_is_that_one(self, make: Make, picture: Draw) -> None:
        first, second = picture(seed=1), picture(24, 30, seed=2)
        mixed = make(style_mix=(1, 1e-9)).stylize(picture(), [first, second]).image
        torch.testing.assert_close(mixed, make().stylize(picture(), first).image, rtol=1e-3, atol=1e-3)

    def test_alike_without_shares(self, make: Make, picture: Draw) -> None:
        styles = [picture(seed=1), picture(24, 30, seed=2)]
        mixed = make(style_mix=(2, 2)).stylize(picture(), styles).image
        assert torch.equal(make().stylize(picture(), styles).image, mixed)

    def test_shares_of_the_wrong_length_are_refused(self, make: Make, picture: Draw) -> None:
        with pytest.raises(OptionError, match=r"style_mix needs one number per style: got 2 for 3 style\(s\)\."):
            make(style_mix=(1, 1)).stylize(picture(), [picture()] * 3)

    @pytest.mark.parametrize("shares", [(1, 0), (1, -1), (1, math.nan), ("a", "b"), "12", 1])
    def test_bad_shares_are_refused_when_the_method_is_built(self, make: Make, shares: Any) -> None:
        with pytest.raises(OptionError, match="style_mix"):
            make(style_mix=shares)

    def test_an_empty_list_is_refused(self, make: Make, picture: Draw) -> None:
        with pytest.raises(OptionError, match="At least one style picture is needed"):
            make().stylize(picture(), [])


class TestBatches:
    def test_equal_singles(self, make: Make, picture: Draw) -> None:
        contents, styles = picture(21, 30, batch=2), picture(24, 20, seed=5, batch=2)
        together = make().stylize(contents, styles)
        assert together.image.shape == contents.shape
        for i in range(2):
            alone = make().stylize(contents[i : i + 1], styles[i : i + 1]).image
            torch.testing.assert_close(together.image[i : i + 1], alone, rtol=1e-3, atol=1e-4)

    def test_one_style_for_all(self, make: Make, picture: Draw) -> None:
        contents, style = picture(21, 30, batch=2), picture(24, 20, seed=5)
        together = make().stylize(contents, style).image
        alone = make().stylize(contents[1:], style).image
        torch.testing.assert_close(together[1:], alone, rtol=1e-3, atol=1e-4)


class TestGradientModes:
    @pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
    def test_make_no_difference(self, make: Make, picture: Draw, mode: Callable[[], Any]) -> None:
        expected = make().stylize(picture(), picture(seed=1)).image
        stylizer = make()
        with mode():
            got = stylizer.stylize(picture(), picture(seed=1)).image
        assert torch.equal(got, expected)

    def test_nor_does_the_default_dtype(self, make: Make, picture: Draw) -> None:
        expected = make().stylize(picture(), picture(seed=1)).image
        content, style = picture(), picture(seed=1)
        torch.set_default_dtype(torch.float64)
        try:
            got = make().stylize(content, style).image
        finally:
            torch.set_default_dtype(torch.float32)
        assert got.dtype == torch.float32
        assert torch.equal(got, expected)

    def test_all_in_inference_mode(self, method: str, quick: dict[str, Any], picture: Draw) -> None:
        """Extractor and parts made in inference mode serve afterwards, too."""
        options = {k: v for k, v in quick.items() if k not in [part.name for part in METHODS[method].parts]}
        with torch.inference_mode():
            stylizer = create_stylizer(method, device="cpu", **options)
            inside = stylizer.stylize(picture(), picture(seed=1)).image
        assert torch.equal(stylizer.stylize(picture(), picture(seed=1)).image, inside)


class TestStrength:
    def test_is_honoured_or_refused_by_name(self, method: str, make: Make, picture: Draw) -> None:
        content, style = picture(), picture(seed=1)
        if "strength" not in METHODS[method].accepts:
            with pytest.raises(OptionError, match=f"Method '{method}' does not take a strength"):
                make().stylize(content, style, strength=0.5)
            return
        full, none = (make().stylize(content, style, strength=s).image for s in (1.0, 0.0))
        assert (full - none).abs().max() > 1e-3
        ones = torch.ones(1, 1, *content.shape[2:])
        torch.testing.assert_close(make().stylize(content, style, strength=ones).image, full, atol=1e-5, rtol=0)
        torch.testing.assert_close(
            make().stylize(content, style, strength=0 * ones).image, none, atol=1e-5, rtol=0
        )

    def test_a_map_may_be_a_picture_of_any_size(self, method: str, make: Make, picture: Draw) -> None:
        if "strength" not in METHODS[method].accepts:
            pytest.skip("refused by name")
        content, style = picture(), picture(seed=1)
        level = np.full((64, 80), 0.5, np.float32)
        image = make().stylize(content, style, strength=level).image
        wanted = make().stylize(content, style, strength=0.5).image
        torch.testing.assert_close(image, wanted, atol=1e-4, rtol=0)

    def test_a_batch_may_have_one_each(self, method: str, make: Make, picture: Draw) -> None:
        """A schedule over a sequence of pictures."""
        if "strength" not in METHODS[method].accepts:
            pytest.skip("refused by name")
        contents, style = picture(batch=3), picture(seed=1)
        images = make().stylize(contents, style, strength=[0.0, 0.5, 1.0]).image
        for content, image, strength in zip(contents, images, (0.0, 0.5, 1.0), strict=True):
            alone = make().stylize(content, style, strength=strength).image[0]
            torch.testing.assert_close(image, alone, atol=1e-4, rtol=0)

    @pytest.mark.parametrize(
        ("strength", "message"),
        [
            (-0.1, r"strength must be in \[0, 1\]"),
            (1.1, r"strength must be in \[0, 1\]"),
            ([0.1, 0.2], r"strength has 2 number\(s\) for 1 content"),
            (None, "strength must be a number"),
            ("half", r"strength is a number in \[0, 1\] or the file of a map, got 'half'"),
            ("half.png", 'strength map "half.png" does not exist'),
            (torch.ones(3, 1, 32, 40), r"strength has 3 maps for 1 content"),
            (2 * torch.ones(1, 1, 32, 40), "strength map tensor has values from 2 to 2"),
            (np.full((32, 40), -1.0), "strength map array has values from -1 to -1"),
        ],
    )
    def test_bad_ones_are_refused(self, make: Make, picture: Draw, strength: Any, message: str) -> None:
        with pytest.raises((OptionError, ImageError), match=message):
            make().stylize(picture(), picture(seed=1), strength=strength)


class TestForecasts:
    def test_more_pixels_need_more_memory(self, make: Make) -> None:
        stylizer = make()
        needs = [stylizer.forecast(size) for size in ((128, 160), (512, 640), (2048, 2560))]
        known = [(need.memory, need.least) for need in needs if need is not None]
        assert len(known) in (0, 3)
        assert known == sorted(known)
        assert all(0 < least <= memory for memory, least in known)

    def test_a_batch_needs_more_than_one(self, make: Make) -> None:
        one, two = (make().forecast((512, 640), batch=batch) for batch in (1, 2))
        assert one is None or (two is not None and two.memory >= one.memory)

    def test_the_largest_fits_and_no_larger_one(self, make: Make) -> None:
        stylizer, free = make(), 500_000_000
        largest = stylizer.largest(free, (3, 4))
        if largest is None:
            assert stylizer.forecast((64, 64)) is None
            return
        height, width = largest
        fitting, beyond = stylizer.forecast(largest), stylizer.forecast((height * 11 // 10, width * 11 // 10))
        assert fitting is not None
        assert beyond is not None
        assert fitting.least <= free < beyond.least

    @pytest.mark.parametrize("size", [(0, 5), (15, 64), (512, 512, 3), "512x512", 512, (64.0, 64), (64, True)])
    def test_bad_sizes_are_refused(self, make: Make, size: Any) -> None:
        stylizer = make()
        for ask in (stylizer.forecast, stylizer.estimate):
            with pytest.raises(OptionError, match=r"size|height|width"):
                ask(size)
        with pytest.raises(OptionError, match="batch must be a whole number"):
            stylizer.forecast((64, 64), batch=0)

    def test_the_largest_is_that_of_the_free_memory(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("styletransfer.stylizer.available", lambda device: 500_000_000)
        assert make().largest() == make().largest(500_000_000)
        assert make().largest(10) is None
        monkeypatch.setattr("styletransfer.stylizer.available", lambda device: None)
        assert make().largest() is None
        with pytest.raises(OptionError, match="free must be of at least 0"):
            make().largest(-1)

    def test_what_cannot_fit_is_refused_before_any_work(
        self, make: Make, picture: Draw, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stylizer, content = make(), picture(96, 128)
        needed = stylizer.forecast((96, 128))
        if needed is None:
            pytest.skip("it tells nothing of its memory")

        def work(*_: Any) -> Stylization:
            raise AssertionError("it has begun")

        monkeypatch.setattr(type(stylizer), "_run", work)
        monkeypatch.setattr("styletransfer.stylizer.available", lambda device: needed.least - 1)
        with pytest.raises(ImageError, match=r"The content is 128x96 pixels.*are free.*--long-edge \d+"):
            stylizer.stylize(content, picture(seed=1))

    def test_an_estimate_is_the_plans_work_at_the_speed_of_a_few_steps(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stylizer = make()
        real, made = type(stylizer).stylize, list[Stylization]()

        def stylize(self: Stylizer, content: Any, style: Any) -> Stylization:
            made.append(real(self, content, style))
            steps = [dataclasses.replace(s, seconds=5.0 + 2.0 * n) for n, s in enumerate(made[-1].history)]
            made[-1] = dataclasses.replace(made[-1], history=steps)
            return made[-1]

        monkeypatch.setattr(type(stylizer), "stylize", stylize)
        got = stylizer.estimate((64, 96))
        timed = made[-1].image.shape[2] * made[-1].image.shape[3]
        a_step = 2.0 if len(made[-1].history) > 1 else 5.0
        assert got == pytest.approx(a_step / timed * stylizer.plan((64, 96)).work)


class TestOneCall:
    def test_reduces_both_pictures(self, method: str, make: Make, extractor: VGG19Features,
                                   quick: dict[str, Any], picture: Draw) -> None:  # fmt: skip
        content, style = picture(48, 64), picture(80, 40, seed=1)
        result = stylize(content, style, method, extractor=extractor, long_edge=32, **quick)
        assert result.image.shape == (1, 3, 24, 32)
        reduced = [load_image(source, long_edge=32) for source in (content, style)]
        assert torch.equal(result.image, make().stylize(*reduced).image)

    def test_tells_every_step(self, method: str, extractor: VGG19Features, quick: dict[str, Any],
                              picture: Draw) -> None:  # fmt: skip
        seen: list[Step] = []
        result = stylize(picture(), picture(seed=1), method, extractor=extractor, on_step=seen.append, **quick)
        assert len(seen) == len(result.history) > 0

    def test_a_job_keeps_pictures_that_are_read_already(self, extractor: VGG19Features, picture: Draw) -> None:
        read = read_picture(picture())
        job = prepare(read, [read, picture(60, 80)], [], extractor=extractor, long_edge=40)
        assert job.content is read
        assert job.styles[0] is read
        assert job.styles[1].rgb.shape == (1, 3, 30, 40)


def test_without_a_decoder_adain_says_what_to_do() -> None:
    with pytest.raises(WeightsError, match="There is no public decoder for the extractor 'vgg19'"):
        create_stylizer("adain", extractor=VGG19Features("vgg19", widths=(2, 2, 2, 2, 2)))
