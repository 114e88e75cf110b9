from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from torch import Tensor

from styletransfer.config import Config, option
from styletransfer.errors import ImageError, OptionError, OutputError, StylizeInterrupted
from styletransfer.features.vgg import VGG19Features
from styletransfer.images import Picture, save_image
from styletransfer.method import Method
from styletransfer.stylizer import OnStep, Request, Step, Stylization, Stylizer


@dataclass(frozen=True, kw_only=True, init=False)
class BlendConfig(Config):
    style_mix: tuple[float, ...] | None = option(None, "share of each style")
    notes: Any = option({"a": 1}, "anything")  # noqa: RUF009 - a dataclass field like the others


BLEND = Method(
    name="blend", title="Blend", summary="mean colour", config=BlendConfig, stylizer=lambda: Blend
)  # fmt: skip


class Blend(Stylizer):
    """Shows what the interface hands to a method: the mean colour of the mixed styles fills the picture."""

    declaration = BLEND

    def __init__(self, extractor: VGG19Features, **options: Any) -> None:
        self.extractor = extractor
        self.config = BlendConfig(**options)
        self.interrupt = False

    def _run(self, request: Request, on_step: OnStep | None) -> Stylization:
        content, styles, style_mix = request.content, [s.source for s in request.styles], request.shares
        self.got = content, styles, style_mix
        means = [s.mean(dim=(2, 3), keepdim=True) for s in styles]
        image = sum(share * mean for share, mean in zip(style_mix, means, strict=True)).expand_as(content)
        step = Step(step=1, steps=1, seconds=0.5, losses={"total": 2.0}, size=(content.shape[2], 7))
        result = Stylization(
            image=image, method="blend", extractor="none", losses={"total": 2.0}, history=[step], seconds=0.5,
            config=self.config,
        )  # fmt: skip
        if self.interrupt:
            raise StylizeInterrupted("stopped", stylization=dataclasses.replace(result, stopped="interrupted"))
        return result


@pytest.fixture
def blend(extractor: VGG19Features) -> Blend:
    return Blend(extractor)


def grey(value: float, height: int = 16, width: int = 20, batch: int = 1) -> Tensor:
    return torch.full((batch, 3, height, width), float(value))


class TestStyles:
    def test_one_style_need_not_be_a_list(self, blend: Blend) -> None:
        torch.testing.assert_close(blend.stylize(grey(0), grey(0.25, 30, 18)).image, grey(0.25))

    @pytest.mark.parametrize("kind", [list, tuple])
    def test_several_are_mixed_alike_by_default(self, blend: Blend, kind: type) -> None:
        styles = kind([grey(0.0), grey(1.0), grey(0.5), grey(0.5)])
        torch.testing.assert_close(blend.stylize(grey(0), styles).image, grey(0.5))
        assert blend.got[2] == (0.25,) * 4

    def test_shares_are_scaled_to_one(self, extractor: VGG19Features) -> None:
        blend = Blend(extractor, style_mix=(1, 3))
        torch.testing.assert_close(blend.stylize(grey(0), [grey(0.0), grey(1.0)]).image, grey(0.75))
        assert blend.got[2] == (0.25, 0.75)

    def test_shares_that_do_not_fit_are_refused(self, extractor: VGG19Features) -> None:
        message = r"^style_mix needs one number per style: got 2 for 1 style\(s\)\.$"
        with pytest.raises(OptionError, match=message):
            Blend(extractor, style_mix=(1, 3)).stylize(grey(0), grey(1))

    def test_none_at_all_is_refused(self, blend: Blend) -> None:
        with pytest.raises(OptionError, match="At least one style picture is needed, got an empty list"):
            blend.stylize(grey(0), [])

    def test_a_batch_takes_one_style_or_one_each(self, blend: Blend) -> None:
        styles = torch.cat([grey(0.0), grey(1.0)])
        assert blend.stylize(grey(0.5, batch=2), styles).image.mean(dim=(1, 2, 3)).tolist() == [0.0, 1.0]
        assert blend.stylize(grey(0.5, batch=2), grey(1.0)).image.shape == (2, 3, 16, 20)

    @pytest.mark.parametrize("contents", [1, 3])
    def test_other_numbers_of_styles_are_refused(self, blend: Blend, contents: int) -> None:
        with pytest.raises(
            ImageError, match=rf"^{contents} content picture\(s\) with 2 style pictures in one batch"
        ):
            blend.stylize(grey(0, batch=contents), grey(1, batch=2))

    def test_pictures_on_different_devices_are_refused(self, blend: Blend) -> None:
        elsewhere = Picture(rgb=grey(0.5).to("meta"))
        with pytest.raises(OptionError, match=r"content is on cpu, style on meta; give both on the same device"):
            blend.stylize(grey(0), elsewhere)

    @pytest.mark.parametrize("what", ["content", "style"])
    def test_messages_say_which_picture(self, blend: Blend, what: str) -> None:
        pictures = {"content": grey(0.5), "style": grey(0.5)} | {what: grey(0.5, 8, 8)}
        with pytest.raises(ImageError, match=rf"\b{what} tensor\b"):
            blend.stylize(pictures["content"], pictures["style"])
        pictures[what] = "missing.png"
        with pytest.raises(ImageError, match=rf'{what} "missing.png"'):
            blend.stylize(pictures["content"], pictures["style"])


class TestInputs:
    def test_files_are_named_and_never_overwritten(self, blend: Blend, tmp_path: Path) -> None:
        content, style = tmp_path / "content.png", tmp_path / "style.png"
        for path in (content, style):
            save_image(grey(0.5), path)
        before = content.read_bytes()
        result = blend.stylize(content, [str(style), grey(1.0)])
        assert result.inputs == (content, style)
        for path in (content, style):
            with pytest.raises(OutputError):
                result.save(path)
        assert content.read_bytes() == before
        assert result.save(tmp_path / "result.png").is_file()

    def test_transparency_comes_back(self, blend: Blend, tmp_path: Path) -> None:
        alpha = np.linspace(0, 255, 16 * 20).reshape(16, 20).astype(np.uint8)
        pixels = np.dstack([np.full((16, 20, 3), 90, np.uint8), alpha])
        result = blend.stylize(PIL.Image.fromarray(pixels), grey(0.25))
        assert result.to_pil().mode == "RGBA"
        assert np.array_equal(np.asarray(result.to_pil())[..., 3], alpha)
        with PIL.Image.open(result.save(tmp_path / "x.png")) as stored:
            assert np.array_equal(np.asarray(stored)[..., 3], alpha)

    def test_what_was_read_already_is_taken_as_it_is(self, blend: Blend) -> None:
        picture = Picture(rgb=grey(0.5), alpha=torch.ones(1, 1, 16, 20), path=Path("before.png"))
        result = blend.stylize(picture, Picture(rgb=grey(0.25)))
        assert result.inputs == (Path("before.png"),)
        assert result.alpha is picture.alpha

    def test_an_interrupted_run_knows_files_and_transparency_too(self, blend: Blend) -> None:
        picture = Picture(rgb=grey(0.5), alpha=torch.ones(1, 1, 16, 20), path=Path("before.png"))
        blend.interrupt = True
        with pytest.raises(KeyboardInterrupt) as caught:
            blend.stylize(picture, grey(0.25))
        assert isinstance(caught.value, StylizeInterrupted)
        assert caught.value.stylization.stopped == "interrupted"
        assert caught.value.stylization.inputs == (Path("before.png"),)
        assert caught.value.stylization.alpha is picture.alpha


class TestStylization:
    def test_record_is_complete_and_json_ready(self, extractor: VGG19Features) -> None:
        notes = {"t": torch.rand(2, 3), 4: (1, None, True), "n": np.float64(0.5), "p": Path("x")}
        result = Blend(extractor, style_mix=(2.0,), notes=notes).stylize(grey(0), grey(1))
        record = json.loads(json.dumps(result.record(), allow_nan=False))
        assert record["config"] == {
            "style_mix": [2.0],
            "notes": {"t": "tensor (2, 3)", "4": [1, None, True], "n": 0.5, "p": "x"},
        }
        assert record["size"] == [16, 20]
        assert record["history"] == [{"step": 1, "seconds": 0.5, "size": [16, 7], "total": 2.0}]
        assert record["losses"] == {"total": 2.0}
        assert set(record["versions"]) == {"python", "torch", "styletransfer"}
        for key in ("method", "extractor", "seconds", "stopped", "inputs", "device"):
            assert key in record

    def test_record_names_files_without_their_folders(self, blend: Blend, tmp_path: Path) -> None:
        save_image(grey(0.5), tmp_path / "content.png")
        assert blend.stylize(tmp_path / "content.png", grey(1)).record()["inputs"] == ["content.png"]

    def test_a_config_with_a_tensor_that_has_a_history_can_be_recorded(self, extractor: VGG19Features) -> None:
        start = torch.rand(1, 3, 16, 20, requires_grad=True) * 1
        result = Blend(extractor, notes=start).stylize(grey(0), grey(1))
        assert result.record()["config"]["notes"] == "tensor (1, 3, 16, 20)"

    def test_several_pictures_do_not_go_into_one_file(self, blend: Blend, tmp_path: Path) -> None:
        result = blend.stylize(grey(0, batch=2), grey(1))
        with pytest.raises(ImageError, match="batch of 2"):
            result.save(tmp_path / "x.png")
        assert list(tmp_path.iterdir()) == []

    def test_two_results_can_be_compared_without_an_error(self, blend: Blend) -> None:
        first, second = blend.stylize(grey(0), grey(1)), blend.stylize(grey(0), grey(1))
        assert first != second
        assert first == first

    def test_is_frozen(self, blend: Blend) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            blend.stylize(grey(0), grey(1)).seconds = 0.0  # type: ignore[misc]


class TestStep:
    def test_total(self) -> None:
        step = Step(step=1, steps=2, seconds=0.0, losses={"a": 1.0, "total": 3.0}, size=(1, 1))
        assert step.total == 3.0
        assert step.image is None

    def test_total_is_nan_where_nothing_was_measured(self) -> None:
        assert math.isnan(Step(step=1, steps=1, seconds=0.0, losses={}, size=(1, 1)).total)


class TestOption:
    def test_keeps_help_and_choices(self) -> None:
        field = option(3, "how many", choices=["a", "b"], span=(0, 5))
        about = {"help": "how many", "choices": ("a", "b"), "picture": False, "span": (0, 5)}
        assert (field.default, dict(field.metadata)) == (3, about)

    def test_copies_a_changeable_default(self) -> None:
        first, second = BlendConfig(), BlendConfig()
        assert first.notes == {"a": 1}
        assert first.notes is not second.notes


def test_the_interface_itself_cannot_be_built() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Stylizer()  # type: ignore[abstract]
