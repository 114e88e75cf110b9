"""The judge: known values, an independent slow implementation, and what it refuses."""

from __future__ import annotations

import copy
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from styletransfer.errors import DivergenceError, ImageError, OptionError
from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import total_variation
from styletransfer.images import Picture, to_pil
from styletransfer.judging.evaluation import FIGURES
from styletransfer.judging.judge import CONTENT_LAYER, STYLE_LAYERS, Judge, evaluate
from styletransfer.judging.judges import JudgeLabel
from styletransfer.layers import LITE_WIDTHS
from styletransfer.stylizer import Stylization

LABEL = JudgeLabel("random", 2, "0" * 64)


@pytest.fixture(scope="module")
def judge() -> Judge:
    """A network with random weights: what is tested holds for any."""
    torch.manual_seed(0)
    network = VGG19Features("vgg19-lite-1", widths=LITE_WIDTHS, last="conv5_1")
    for convolution in network.convs.values():  # strong enough that features follow the picture, not the biases
        torch.nn.init.kaiming_normal_(convolution.weight)
    return Judge(LABEL, network)


def pictures(count: int = 3, size: tuple[int, int] = (32, 40)) -> list[Tensor]:
    """Noise whose brightness and contrast fall from one to the next, so that the styles differ."""
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(1, 3, *size, generator=generator) ** (1 + n) for n in range(count)]


def test_untouched_content_is_zero_content_and_ratio_one(judge: Judge) -> None:
    content, style, _ = pictures()
    judged = evaluate(content, content, style, judge=judge)
    assert judged.content == 0
    assert judged.gram_ratio == judged.moment_ratio == judged.style_ratio == judged.color == 1
    assert (judged.ssim, judged.edges) == (pytest.approx(1), pytest.approx(1))


def test_the_style_picture_itself_has_no_style_loss(judge: Judge) -> None:
    content, style, _ = pictures()
    judged = evaluate(style, content, style, judge=judge)
    assert judged.style_ratio == 0
    assert max(*judged.gram.values(), *judged.moment.values(), judged.color) == 0
    assert judged.ssim < 0.5
    assert judged.content > 0.01


def test_agrees_with_slow_implementation(judge: Judge) -> None:
    stylized, content, style = pictures()
    judged = evaluate(stylized, content, style, judge=judge)
    features = [
        {k: v[0].double().numpy() for k, v in judge.network(x, (*STYLE_LAYERS, CONTENT_LAYER)).items()}
        for x in (stylized, content, style)
    ]

    def gap(one: list[float], other: list[float]) -> float:
        return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))

    def moments(x: np.ndarray) -> list[float]:
        return [c.mean() for c in x] + [math.sqrt(c.var(ddof=min(1, c.size - 1)) + 1e-5) for c in x]

    def gram(x: np.ndarray) -> list[float]:
        return [float((a * b).sum()) / x.size for a in x for b in x]

    got, was, want = features
    for layer in STYLE_LAYERS:
        for measure, found in ((moments, judged.moment), (gram, judged.gram)):
            alone = gap(measure(was[layer]), measure(want[layer]))
            assert alone > 1e-3 * gap(measure(want[layer]), [0.0] * len(measure(want[layer])))
            assert found[layer] == pytest.approx(gap(measure(got[layer]), measure(want[layer])) / alone, rel=1e-3)
    change = ((got["relu4_2"] - was["relu4_2"]) ** 2).mean() / was["relu4_2"].var()
    assert judged.content == pytest.approx(change, rel=5e-5)
    assert judged.total_variation == pytest.approx(float(total_variation(stylized)), rel=1e-6)
    assert judged.gram_ratio == pytest.approx(sum(judged.gram.values()) / 5)
    assert judged.moment_ratio == pytest.approx(sum(judged.moment.values()) / 5)
    assert judged.style_ratio == pytest.approx((judged.gram_ratio + judged.moment_ratio) / 2)
    assert judged.deep == judged.gram["relu5_1"]


def test_where_nothing_has_to_change_ratios_are_to_a_thousandth(judge: Judge) -> None:
    content, stylized, _ = pictures()
    judged = judge(stylized, content, content)
    for layer in STYLE_LAYERS:
        got, want = (judge.facts(x).grams[layer] for x in (stylized, content))
        relative = float((got - want).square().sum() / want.square().sum())
        assert judged.gram[layer] == pytest.approx(relative / 0.001, rel=1e-4)


def test_content_that_is_the_style_gives_zero_not_nan(judge: Judge) -> None:
    content = pictures(1)[0]
    assert evaluate(content, content, content, judge=judge).style_ratio == 0


def test_flat_and_black_pictures_give_numbers(judge: Judge) -> None:
    black, grey = torch.zeros(1, 3, 16, 16), torch.full((1, 3, 16, 16), 0.5)
    judged = evaluate(black, grey, black, judge=judge)
    numbers = [judged.content, judged.style_ratio, *judged.gram.values(), *judged.moment.values()]
    assert all(math.isfinite(number) for number in numbers)


def test_a_method_s_variant_does_not_move_the_ruler(judge: Judge) -> None:
    three = pictures()
    usual = evaluate(*three, judge=judge)
    other = Judge(LABEL, judge.network.variant(pooling="avg", padding="zeros"))
    assert evaluate(*three, judge=other) == usual


def test_batch_is_the_mean_of_its_pictures(judge: Judge) -> None:
    one, two, content, style = pictures(4)
    both = evaluate(torch.cat([one, two]), content.expand(2, -1, -1, -1), style, judge=judge)
    singly = [evaluate(x, content, style, judge=judge) for x in (one, two)]
    assert both.content == pytest.approx(sum(x.content for x in singly) / 2, rel=1e-4)
    assert both.style_ratio == pytest.approx(sum(x.style_ratio for x in singly) / 2, rel=1e-4)


def test_every_kind_of_source_gives_the_same(judge: Judge) -> None:
    stylized, content, style = (x.mul(255).round().div(255) for x in pictures())
    usual = evaluate(stylized, content, style, judge=judge)
    array = content[0].permute(1, 2, 0).numpy()
    assert evaluate(to_pil(stylized), array, Picture(rgb=style), judge=judge).content == pytest.approx(
        usual.content, rel=1e-4
    )


def test_arguments_are_left_alone_and_no_gradient_is_kept(judge: Judge) -> None:
    three = pictures()
    before = [x.clone() for x in three]
    evaluate(*three, judge=judge)
    assert all(torch.equal(x, y) for x, y in zip(three, before, strict=True))


def test_output_is_json_that_names_its_judge(judge: Judge) -> None:
    judged = evaluate(*pictures(), judge=judge)
    read = json.loads(json.dumps(judged.to_dict(), allow_nan=False))
    assert JudgeLabel.from_dict(read["judge"], "it") == LABEL
    assert read["size"] == [32, 40]
    assert set(read["layers"]["gram"]) == set(STYLE_LAYERS)
    assert set(FIGURES) <= set(read)


def test_a_pair_looks_at_its_pictures_once(judge: Judge) -> None:
    one, two, content, style = pictures(4)
    pair = judge.pair(content, style)
    assert [pair(one), pair(two)] == [judge(one, content, style), judge(two, content, style)]


def test_the_reading_aid_lies_between_nothing_and_the_style(judge: Judge) -> None:
    _, content, style = pictures()
    aid = judge.pair(content, style).references()
    assert list(aid) == ["untouched content", "colours alone"]
    assert aid["untouched content"].figures()["gram"] == 1
    assert aid["colours alone"].color < 0.5
    assert aid["colours alone"].gram["relu1_1"] < 0.9


def test_different_sizes_are_refused_with_a_way_out(judge: Judge) -> None:
    with pytest.raises(ImageError, match=r"stylized picture is 32x40, the content 64x80.*long_edge=40"):
        evaluate(pictures()[0], pictures(size=(64, 80))[0], pictures()[1], judge=judge)


@pytest.mark.parametrize(("size", "message"), [((40, 40), "different shapes"), ((16, 20), "Reduce the")])
def test_other_sizes_get_advice_that_helps(judge: Judge, size: tuple[int, int], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        evaluate(pictures()[0], pictures(size=size)[0], pictures()[1], judge=judge)


def test_batches_that_do_not_fit_are_refused(judge: Judge) -> None:
    with pytest.raises(ImageError, match="hold 3, 2 pictures"):
        evaluate(torch.rand(1, 3, 16, 16), torch.rand(3, 3, 16, 16), torch.rand(2, 3, 16, 16), judge=judge)


def test_an_unknown_judge_is_refused_with_a_suggestion() -> None:
    with pytest.raises(OptionError, match=r'Did you mean "vgg19-oxford"'):
        evaluate(*pictures(), judge="vgg19-oxfort")


@settings(deadline=None, max_examples=15)
@given(height=st.integers(16, 40), width=st.integers(16, 40), seed=st.integers(0, 99))
def test_all_sizes_give_finite_losses(height: int, width: int, seed: int) -> None:
    torch.manual_seed(seed)
    network = VGG19Features("vgg19-lite-1", widths=(2, 2, 2, 2, 2), last="conv5_1")
    judged = evaluate(*torch.rand(3, 1, 3, height, width), judge=Judge(LABEL, network))
    assert judged.size == (height, width)
    assert math.isfinite(judged.style_ratio)
    assert judged.style_ratio >= 0
    assert judged.content >= 0


class TestInvisibleColours:
    """Pictures that look the same are judged the same, whatever hides where nothing is to be seen."""

    @staticmethod
    def variants() -> list[np.ndarray]:
        visible = np.random.default_rng(0).integers(0, 256, (32, 40, 4), np.uint8)
        visible[..., 3] = 255
        made = []
        for colour in ((0, 0, 0), (0, 255, 0), (255, 255, 255)):
            picture = visible.copy()
            picture[8:24, 10:30] = (*colour, 0)
            made.append(picture)
        return made

    def test_as_content_as_style_and_as_result(self, judge: Judge) -> None:
        other, third, _ = pictures()
        for place in range(3):
            three: list[Any] = [other, third, other.flip(3)]
            judged = []
            for variant in self.variants():
                three[place] = variant
                judged.append(evaluate(*three, judge=judge))
            assert judged[0] == judged[1] == judged[2]
            three[place] = three[place][..., :3]  # what is hidden shows
            assert evaluate(*three, judge=judge) != judged[0]

    def test_a_result_is_judged_as_its_file(self, judge: Judge, tmp_path: Path) -> None:
        content, style, _ = pictures()
        alpha = torch.ones(1, 1, 32, 40)
        alpha[:, :, 8:24, 10:30] = 0
        made = Stylization(
            image=style.mul(255).round().div(255), method="x", extractor="x", losses={}, history=[], seconds=1.0,
            config=None, alpha=alpha,
        )  # fmt: skip
        in_memory = evaluate(made, content, style, judge=judge)
        saved = evaluate(made.save(tmp_path / "made.png"), content, style, judge=judge)
        assert in_memory.figures() == pytest.approx(saved.figures(), rel=1e-4)


class TestNotFinite:
    def test_weights_of_absurd_size_are_an_error_that_names_them(self, judge: Judge) -> None:
        absurd = copy.deepcopy(judge)
        for convolution in absurd.network.convs.values():
            convolution.weight.mul_(1e30)
        with pytest.raises(DivergenceError, match="figures of the judge random are not finite"):
            evaluate(*pictures(), judge=absurd)

    def test_so_are_pictures_that_nobody_checked(self, judge: Judge) -> None:
        bad = Picture(rgb=torch.full((1, 3, 32, 40), math.nan))
        for place in range(3):
            three: list[Any] = pictures()
            three[place] = bad
            with pytest.raises(DivergenceError, match="are the pictures' values finite"):
                evaluate(*three, judge=judge)

    @pytest.mark.parametrize("values", list(itertools.product((0.0, 0.5, 1.0), repeat=3)))
    def test_flat_pictures_give_numbers(self, judge: Judge, values: tuple[float, ...]) -> None:
        judged = evaluate(*(torch.full((1, 3, 16, 17), value) for value in values), judge=judge)
        json.dumps(judged.to_dict(), allow_nan=False)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.enable_grad, torch.no_grad])
def test_gradient_modes_make_no_difference(judge: Judge, mode: Callable[[], Any]) -> None:
    usual = evaluate(*pictures(), judge=judge)
    with mode():
        assert evaluate(*pictures(), judge=judge) == usual


def test_the_default_dtype_makes_no_difference(judge: Judge) -> None:
    three = pictures()
    usual = evaluate(*three, judge=judge)
    torch.set_default_dtype(torch.float64)
    try:
        assert evaluate(*three, judge=judge) == usual
        assert evaluate(*(x.double() for x in three), judge=judge) == usual
    finally:
        torch.set_default_dtype(torch.float32)


def test_other_things_than_pictures_are_refused(judge: Judge) -> None:
    content, style, _ = pictures()
    for odd in (None, 7, [content], {"a": 1}):
        with pytest.raises(ImageError, match="stylized"):
            evaluate(odd, content, style, judge=judge)  # type: ignore[arg-type]
