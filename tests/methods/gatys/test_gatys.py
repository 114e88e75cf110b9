from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.errors import DivergenceError, ImageError, OptionError, StylizeInterrupted
from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import gram_matrix
from styletransfer.layers import LITE_WIDTHS
from styletransfer.methods import create_stylizer
from styletransfer.methods.feedforward import stylizer as stylizer_module
from styletransfer.methods.feedforward.adain import AdaINStylizer
from styletransfer.methods.feedforward.decoder_files import Decoder
from styletransfer.methods.gatys.config import PRESETS, GatysConfig
from styletransfer.methods.gatys.descent import minimize
from styletransfer.methods.gatys.palette import Palettes
from styletransfer.methods.gatys.strips import divide
from styletransfer.methods.gatys.stylizer import GatysStylizer, Objective, _join
from styletransfer.stylizer import Region, Step, StyleInput, Stylization

Draw = Callable[..., Tensor]
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def gatys(extractor: VGG19Features, **options: Any) -> GatysStylizer:
    """One size and few steps unless asked for more."""
    return GatysStylizer(extractor, GatysConfig(**({"scales": (1.0,), "steps": 3} | options)))


def region(styles: list[Tensor], shares: tuple[float, ...], mask: Tensor | None = None) -> Region:
    return Region(
        styles=tuple(StyleInput(source=s, share=p) for s, p in zip(styles, shares, strict=True)), mask=mask
    )


# The textbook: features, Gram matrices and losses in plain steps, from the weights alone.


def textbook_features(extractor: VGG19Features, image: Tensor, average: bool) -> dict[str, Tensor]:
    """Every convolution's value before its ReLU."""
    weights = extractor.state_dict()
    values, x = {}, image.contiguous()
    for block, count in enumerate((2, 2, 4, 4, 1), start=1):
        if block > 1:
            x = F.avg_pool2d(x, 2) if average else F.max_pool2d(x, 2)
        for number in range(1, count + 1):
            name = f"conv{block}_{number}"
            padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
            values[name] = F.conv2d(padded, weights[f"convs.{name}.weight"], weights[f"convs.{name}.bias"])
            x = F.relu(values[name])
    return values


def d2l_gram(x: Tensor) -> Tensor:
    channels = x.shape[1]
    n = x.numel() // channels
    flat = x.reshape((channels, n))
    return flat @ flat.T / (channels * n)


STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


class TestAgainstTheTextbook:
    def first_losses(
        self, extractor: VGG19Features, picture: Draw, preset: str
    ) -> tuple[dict[str, float], Tensor, Tensor, Tensor]:
        content, style, start = picture(48, 32, 1), picture(40, 48, 2), picture(48, 32, 3)
        result = gatys(extractor, preset=preset, init=start, steps=1).stylize(content, style)
        return dict(result.history[0].losses), content, style, start

    def test_d2l(self, extractor: VGG19Features, picture: Draw) -> None:
        losses, content, style, start = self.first_losses(extractor, picture, "d2l")
        got, of_content, of_style = (textbook_features(extractor, x, False) for x in (start, content, style))
        content_loss = torch.square(got["conv4_4"] - of_content["conv4_4"]).mean().item()
        style_loss = sum(torch.square(d2l_gram(got[k]) - d2l_gram(of_style[k])).mean().item() for k in STYLE)
        x = (start - MEAN) / STD
        tv = 0.5 * (
            torch.abs(x[:, :, 1:, :] - x[:, :, :-1, :]).mean() + torch.abs(x[:, :, :, 1:] - x[:, :, :, :-1]).mean()
        )
        assert losses["content"] == pytest.approx(content_loss, rel=1e-4)
        assert losses["style"] == pytest.approx(1e3 * style_loss, rel=1e-4)
        assert losses["tv"] == pytest.approx(10 * tv.item(), rel=1e-4)
        assert losses["total"] == pytest.approx(content_loss + 1e3 * style_loss + 10 * tv.item(), rel=1e-4)

    def test_gatys2016(self, extractor: VGG19Features, picture: Draw) -> None:
        losses, content, style, start = self.first_losses(extractor, picture, "gatys2016")
        got, of_content, of_style = (textbook_features(extractor, x, True) for x in (start, content, style))
        content_loss = 0.5 * torch.square(got["conv4_2"] - of_content["conv4_2"]).sum().item()  # equation 1
        style_loss = 0.0
        for layer in STYLE:
            flat, other = got[layer][0].flatten(1), of_style[layer][0].flatten(1)
            filters, positions = flat.shape
            # Equation 4; the style picture is larger, so its Gram matrix is brought to the same positions.
            gram, wanted = flat @ flat.T, other @ other.T * positions / other.shape[1]
            style_loss += 0.2 * torch.square(gram - wanted).sum().item() / (4 * filters**2 * positions**2)
        assert losses["content"] == pytest.approx(content_loss, rel=1e-4)
        assert losses["style"] == pytest.approx(1e3 * style_loss, rel=1e-4)
        assert losses["tv"] == 0
        assert losses["total"] == pytest.approx(content_loss + 1e3 * style_loss, rel=1e-4)

    def test_relative(self, extractor: VGG19Features, picture: Draw) -> None:
        content, style, start = picture(48, 32, 1), picture(40, 48, 2), picture(48, 32, 3)
        stylizer = gatys(
            extractor, init=start, steps=1, content_layers="conv4_2", style_layers=STYLE[:2],
            content_weight=2, style_weight=5, tv_weight=0.5, loss_scale="relative", pooling="max",
            center_grams=False,
        )  # fmt: skip
        got, of_content, of_style = (textbook_features(extractor, x, False) for x in (start, content, style))
        target = of_content["conv4_2"]
        content_loss = (got["conv4_2"] - target).square().mean() / (target - target.mean()).square().mean()
        style_loss = 0.0
        for layer in STYLE[:2]:
            gram, wanted = d2l_gram(got[layer]), d2l_gram(of_style[layer])
            style_loss += 0.5 * ((gram - wanted).square().mean() / wanted.square().mean()).item()
        losses = stylizer.stylize(content, style).history[0].losses
        assert losses["content"] == pytest.approx(2 * content_loss.item(), rel=1e-4)
        assert losses["style"] == pytest.approx(5 * style_loss, rel=1e-4)

    def test_relative_losses_do_not_depend_on_the_networks_scale(self, picture: Draw) -> None:
        totals = []
        for factor in (1.0, 50.0):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(4)
                network = VGG19Features("vgg19-lite-1", widths=LITE_WIDTHS, last="conv5_1")
            for convolution in network.convs.values():
                torch.nn.init.zeros_(convolution.bias)
            network.convs["conv1_1"].weight.mul_(20 * factor)
            result = gatys(network, steps=1, init="style", loss_scale="relative").stylize(
                picture(), picture(seed=1)
            )
            totals.append(result.history[0].total)
        assert totals[1] == pytest.approx(totals[0], rel=1e-3)


class TestObjective:
    def make(self, extractor: VGG19Features, picture: Draw, **options: Any) -> Objective:
        config = GatysConfig(**options)
        return Objective(extractor, config, picture(32, 32, 1), [region([picture(32, 32, 2)], (1.0,))])

    def test_has_a_term_for_each_layer(self, extractor: VGG19Features, picture: Draw) -> None:
        options = {"content_layers": ("relu3_2", "conv4_2"), "style_layers": ("relu1_1", "conv4_2")}
        terms = self.make(extractor, picture, **options)(picture(32, 32))
        assert list(terms) == [
            "content relu3_2",
            "content conv4_2",
            "style relu1_1",
            "style conv4_2",
            "color",
            "tv",
        ]
        assert all(term.ndim == 0 for term in terms.values())

    def test_is_zero_at_the_content_and_at_the_style(self, extractor: VGG19Features, picture: Draw) -> None:
        objective = self.make(extractor, picture)
        at_content, at_style = objective(picture(32, 32, 1)), objective(picture(32, 32, 2))
        for name, value in at_content.items():
            assert (value.item() == 0) == name.startswith("content")
        for name, value in at_style.items():
            assert (value.item() < 1e-9) == name.startswith("style")

    @pytest.mark.parametrize("scale", ["relative", "mean", "gatys2016"])
    def test_weights_multiply_their_terms(self, extractor: VGG19Features, picture: Draw, scale: str) -> None:
        options = {"loss_scale": scale, "content_layers": "relu4_1", "style_layers": ("relu1_1", "relu2_1")}
        ones = {"content_weight": 1, "style_weight": 1, "tv_weight": 1, "layer_weights": {}}
        plain = self.make(extractor, picture, **options, **ones)(picture(32, 32))
        weighted = self.make(
            extractor, picture, **options, content_weight=2, style_weight=3, tv_weight=5,
            layer_weights={"relu2_1": 7, "relu4_1": 11},
        )(picture(32, 32))  # fmt: skip
        factors = {"content relu4_1": 22, "style relu1_1": 3, "style relu2_1": 21, "tv": 5}
        for name, factor in factors.items():
            assert weighted[name].item() == pytest.approx(factor * plain[name].item(), rel=1e-5)

    def test_several_styles_are_mixed_in_their_gram_matrices(
        self, extractor: VGG19Features, picture: Draw
    ) -> None:
        styles = [picture(32, 32, n) for n in (2, 3)]
        config = GatysConfig(**{"style_layers": "relu2_1", "center_grams": False})
        objective = Objective(extractor, config, picture(), [region(styles, (0.25, 0.75))])
        grams = [gram_matrix(extractor(style, ["relu2_1"])["relu2_1"]) for style in styles]
        torch.testing.assert_close(objective.targets[0].grams["relu2_1"], 0.25 * grams[0] + 0.75 * grams[1])

    def test_centred_gram_matrices_are_covariances_of_the_style(
        self, extractor: VGG19Features, picture: Draw
    ) -> None:
        styles, shares = [picture(32, 32, n) for n in (2, 3)], (0.25, 0.75)
        config = GatysConfig(**{"style_layers": "relu2_1", "center_grams": True})
        objective = Objective(extractor, config, picture(), [region(styles, shares)])
        flats = [extractor(style, ["relu2_1"])["relu2_1"][0].flatten(1) for style in styles]
        mean = sum(share * flat.mean(dim=1, keepdim=True) for share, flat in zip(shares, flats, strict=True))
        expected = sum(
            share * (flat - mean) @ (flat - mean).T / flat.numel()
            for share, flat in zip(shares, flats, strict=True)
        )
        torch.testing.assert_close(objective.targets[0].grams["relu2_1"][0], expected)

    def test_its_scale_is_what_blank_features_score(self, picture: Draw) -> None:
        blank = Sick(lambda call: call > 2, 0.0)  # after the targets are set, relu3_1 is 0
        config = GatysConfig(**{"content_layers": "relu3_1", "style_layers": "relu3_1", "center_grams": False})
        objective = Objective(blank, config, picture(32, 32, 1), [region([picture(32, 32, 2)], (1.0,))])
        terms = objective(picture(32, 32))
        expected = terms["content relu3_1"].item() + terms["style relu3_1"].item()
        assert objective.scale == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize("preset", PRESETS)
    def test_gradient_is_finite_on_flat_pictures(
        self, extractor: VGG19Features, picture: Draw, preset: str
    ) -> None:
        config = GatysConfig(**{"preset": preset})
        for value in (0.0, 0.5, 1.0):
            flat = torch.full((1, 3, 32, 32), value)
            for content, style in ((flat, picture()), (picture(32, 32), flat), (flat, flat)):
                x = flat.clone().requires_grad_()
                total = sum(Objective(extractor, config, content, [region([style], (1.0,))])(x).values())
                (gradient,) = torch.autograd.grad(total, x)
                assert total.isfinite()
                assert gradient.isfinite().all()


def palette_loss(palettes: Palettes, image: Tensor) -> Tensor:
    (whole,) = divide(image.shape[2], ["relu1_1"], None)
    return palettes.distance(palettes.moments(image, whole))


class TestPalettes:
    def moments(self, styles: list[Tensor], shares: tuple[float, ...], side: int) -> tuple[Tensor, Tensor]:
        """Mean and covariance of the mixed colours, from their definition."""
        mean, square = torch.zeros(3), torch.zeros(3, 3)
        for style, share in zip(styles, shares, strict=True):
            colors = F.avg_pool2d(style, side)[0].flatten(1).T
            for color in colors:
                mean += share * color / len(colors)
                square += share * torch.outer(color, color) / len(colors)
        return mean, square - torch.outer(mean, mean)

    def test_are_nearly_met_by_the_style_itself(self, picture: Draw) -> None:
        style = picture(32, 32, 2)
        own, other = (
            palette_loss(Palettes([style], region([style], (1.0,))), x).item() for x in (style, picture(32, 32, 3))
        )
        assert own < 0.02
        assert other > 10 * own

    def test_agree_with_the_definition(self, picture: Draw) -> None:
        styles, shares, image = [picture(24, 24, 2), picture(32, 16, 3)], (0.25, 0.75), picture(20, 24, 4)
        expected = 0.0
        for side in (1, 4):
            mean, covariance = self.moments(styles, shares, side)
            got_mean, got = self.moments([image], (1.0,), side)
            about = got + torch.outer(got_mean - mean, got_mean - mean)  # second moments about the style's mean
            values, vectors = torch.linalg.eigh(covariance + 2e-4 * torch.eye(3))
            root = vectors @ torch.diag(values**-0.5) @ vectors.T
            expected += (root @ about @ root - torch.eye(3)).square().mean().item()
        got_loss = palette_loss(Palettes(styles, region(styles, shares)), image).item()
        assert got_loss == pytest.approx(expected, rel=1e-3)

    def test_do_not_depend_on_where_colours_are(self, picture: Draw) -> None:
        style, image = picture(32, 32, 2), picture(32, 32, 3)
        palettes = Palettes([style], region([style], (1.0,)))
        for other in (image.flip(2), image.flip(3), image.transpose(2, 3)):
            own = palette_loss(palettes, image).item()
            assert palette_loss(palettes, other).item() == pytest.approx(own, rel=1e-4)

    def test_no_weight_means_no_term(self, extractor: VGG19Features, picture: Draw) -> None:
        objective = Objective(extractor, GatysConfig(color_weight=0), picture(), [region([picture()], (1.0,))])
        assert objective.targets[0].palettes is None
        assert "color" not in objective(picture())


class TestDescent:
    @pytest.mark.parametrize(
        "options",
        [
            {"optimizer": "lbfgs"},
            {"optimizer": "lbfgs", "clamp": False},
            {"optimizer": "lbfgs", "loss_scale": "mean"},
            {"optimizer": "adam", "learning_rate": 0.02},
            {"optimizer": "lbfgs", "init": "noise"},
            {"preset": "gatys2016"},
            {"preset": "d2l", "learning_rate": 0.05},
        ],
        ids=str,
    )
    def test_the_loss_falls(self, extractor: VGG19Features, picture: Draw, options: dict[str, Any]) -> None:
        result = gatys(extractor, **({"steps": 12} | options)).stylize(picture(24, 24, 1), picture(24, 24, 2))
        totals = [step.total for step in result.history]
        assert result.losses["total"] < 0.95 * totals[0]
        assert result.losses["total"] <= min(totals)

    def test_losses_are_those_of_the_picture(self, extractor: VGG19Features, picture: Draw) -> None:
        content, style = picture(24, 32, 1), picture(24, 24, 2)
        stylizer = gatys(extractor, steps=4)
        result = stylizer.stylize(content, style)
        terms = Objective(extractor, stylizer.config, content, [region([style], (1.0,))])(result.image)
        for kind in ("content", "style", "tv"):
            expected = sum(value.item() for name, value in terms.items() if name.startswith(kind))
            assert result.losses[kind] == pytest.approx(expected, rel=1e-4)
        assert result.losses["total"] == pytest.approx(sum(v.item() for v in terms.values()), rel=1e-4)

    def test_the_history_is_complete(self, extractor: VGG19Features, picture: Draw) -> None:
        seen: list[Step] = []
        result = gatys(extractor, steps=5).stylize(picture(), picture(seed=1), on_step=seen.append)
        assert [step.step for step in result.history] == [1, 2, 3, 4, 5]
        assert seen == list(result.history)  # pictures are not compared
        for step in result.history:
            assert list(step.losses) == ["content", "style", "color", "tv", "total"]
            assert step.total == pytest.approx(sum(list(step.losses.values())[:4]), rel=1e-6)
            assert (step.steps, step.size, step.image) == (5, (32, 40), None)
        seconds = [step.seconds for step in result.history]
        assert seconds == sorted(seconds)
        assert 0 < seconds[0] <= seconds[-1] <= result.seconds

    def test_on_step_gets_a_copy_of_the_picture(self, extractor: VGG19Features, picture: Draw) -> None:
        seen: list[Tensor] = []

        def spoil(step: Step) -> None:
            assert step.image is not None
            seen.append(step.image.clone())
            step.image.fill_(math.nan)

        spoilt = gatys(extractor).stylize(picture(), picture(seed=1), on_step=spoil)
        assert torch.equal(spoilt.image, gatys(extractor).stylize(picture(), picture(seed=1)).image)
        torch.testing.assert_close(seen[0], picture())  # the start
        assert all(image.min() >= 0 and image.max() <= 1 for image in seen)

    def test_levelling_off(self, extractor: VGG19Features, picture: Draw) -> None:
        stylizer = gatys(extractor, steps=50, tolerance=0.9, patience=2)
        result = stylizer.stylize(picture(24, 24), picture(24, 24, 1))
        assert result.stopped == "levelled off"
        assert 3 <= len(result.history) < 50

    def test_the_style_as_content_stays(self, extractor: VGG19Features, picture: Draw) -> None:
        for optimizer, rate in (("lbfgs", 1.0), ("adam", 0.02)):
            stylizer = gatys(extractor, tv_weight=0, optimizer=optimizer, learning_rate=rate, steps=8)
            result = stylizer.stylize(picture(), picture())
            torch.testing.assert_close(result.image, picture(), atol=1e-3, rtol=0)

    def test_clamping(self, extractor: VGG19Features, picture: Draw) -> None:
        for clamp in (True, False):
            result = gatys(extractor, clamp=clamp, preset="d2l", steps=4).stylize(picture(), picture(seed=1))
            assert result.image.min() >= 0
            assert result.image.max() <= 1

    def test_other_pooling_is_used_and_the_extractor_left_alone(
        self, extractor: VGG19Features, picture: Draw
    ) -> None:
        runs = [gatys(extractor, pooling=p).stylize(picture(), picture(seed=1)) for p in (None, "max", "avg")]
        assert torch.equal(runs[0].image, runs[1].image)
        assert not torch.equal(runs[0].image, runs[2].image)
        assert extractor.pooling == "max"

    def test_decay(self, extractor: VGG19Features, picture: Draw) -> None:
        images: list[Tensor] = []
        gatys(
            extractor, optimizer="adam", learning_rate=0.01, decay=1e-6, decay_every=2, steps=4, clamp=False
        ).stylize(picture(), picture(seed=1), on_step=lambda step: images.append(step.image))  # fmt: skip
        moves = [(a - b).abs().max().item() for a, b in itertools.pairwise(images)]
        assert moves[0] > 1e-3
        assert moves[2] < 1e-6


class TestInit:
    def first_picture(self, extractor: VGG19Features, content: Tensor, style: Any, **options: Any) -> Tensor:
        seen: list[Tensor] = []
        gatys(extractor, steps=1, **options).stylize(content, style, on_step=lambda step: seen.append(step.image))
        return seen[0]

    def test_content(self, extractor: VGG19Features, picture: Draw) -> None:
        first = self.first_picture(extractor, picture(), picture(seed=1), init="content")
        torch.testing.assert_close(first, picture())

    def test_style_of_another_size(self, extractor: VGG19Features, picture: Draw) -> None:
        flat = torch.tensor([0.2, 0.5, 0.7]).view(1, 3, 1, 1).expand(1, 3, 20, 17)
        first = self.first_picture(extractor, picture(), flat, init="style")
        torch.testing.assert_close(first, flat[:, :, :1, :1].expand(1, 3, 32, 40))

    def test_noise_has_a_seed(self, extractor: VGG19Features, picture: Draw) -> None:
        starts = []
        for seed in (3, 3, 4):
            torch.rand(seed)  # the global random state plays no part
            starts.append(self.first_picture(extractor, picture(), picture(seed=1), init="noise", seed=seed))
        assert torch.equal(starts[0], starts[1])
        assert not torch.equal(starts[0], starts[2])
        assert starts[0].mean().item() == pytest.approx(0.5, abs=0.02)

    def test_noise_leaves_the_global_random_state_alone(self, extractor: VGG19Features, picture: Draw) -> None:
        before = torch.get_rng_state()
        gatys(extractor, init="noise", steps=1).stylize(picture(), picture(seed=1))
        assert torch.equal(torch.get_rng_state(), before)

    def test_a_tensor(self, extractor: VGG19Features, picture: Draw) -> None:
        start = picture(seed=7)
        first = self.first_picture(extractor, picture(), picture(seed=1), init=start)
        torch.testing.assert_close(first, start)
        assert torch.equal(start, picture(seed=7))

    def test_a_tensor_for_each_picture_of_a_batch(self, extractor: VGG19Features, picture: Draw) -> None:
        starts, contents = picture(seed=7, batch=2), picture(batch=2)
        together = gatys(extractor, init=starts).stylize(contents, picture(seed=1)).image
        for i in range(2):
            alone = gatys(extractor, init=starts[i : i + 1]).stylize(contents[i : i + 1], picture(seed=1))
            torch.testing.assert_close(together[i : i + 1], alone.image)

    @pytest.mark.parametrize("shape", [(1, 3, 32, 41), (2, 3, 32, 40)])
    def test_a_tensor_of_another_shape_is_refused(
        self, extractor: VGG19Features, picture: Draw, shape: tuple[int, ...]
    ) -> None:
        with pytest.raises(ImageError, match=r"init has shape .* the content \(1, 3, 32, 40\); give a picture of"):
            gatys(extractor, init=torch.rand(shape)).stylize(picture(), picture())

    def test_a_tensor_out_of_range_is_refused(self, extractor: VGG19Features, picture: Draw) -> None:
        with pytest.raises(ImageError, match="init tensor"):
            gatys(extractor, init=picture() + 1).stylize(picture(), picture())

    def test_adain(
        self, extractor: VGG19Features, decoder: Decoder, picture: Draw, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stylizer_module, "load_decoder", lambda *_, **__: decoder)
        starter = AdaINStylizer(extractor)
        styles = [picture(seed=1), picture(24, 24, seed=2)]
        first = self.first_picture(extractor, picture(27, 30), styles, init="adain")
        torch.testing.assert_close(first, starter.stylize(picture(27, 30), styles).image)

    def test_adain_works_on_its_own_extractor_where_this_one_has_no_decoder(self) -> None:
        torchvision = VGG19Features("vgg19", widths=(4, 4, 4, 4, 4))
        assert gatys(torchvision, init="adain").parts == {"decoder": "lite"}


class TestReproducible:
    @pytest.mark.parametrize("options", [{}, {"init": "noise"}, {"preset": "d2l"}], ids=str)
    def test_the_same_run_gives_the_same_picture(
        self, extractor: VGG19Features, picture: Draw, options: dict[str, Any]
    ) -> None:
        runs = []
        for number in range(2):
            torch.manual_seed(number)
            runs.append(gatys(extractor, **options).stylize(picture(), picture(seed=1)))
        assert torch.equal(runs[0].image, runs[1].image)
        assert [s.losses for s in runs[0].history] == [s.losses for s in runs[1].history]

    def test_a_stylizer_remembers_nothing(self, extractor: VGG19Features, picture: Draw) -> None:
        stylizer = gatys(extractor)
        first = stylizer.stylize(picture(), picture(seed=1)).image
        stylizer.stylize(picture(24, 24, 5), picture(seed=6))
        assert torch.equal(stylizer.stylize(picture(), picture(seed=1)).image, first)


class TestSizes:
    def test_coarse_to_fine(self, extractor: VGG19Features, picture: Draw) -> None:
        shapes: list[tuple[int, ...]] = []
        stylizer = gatys(extractor, scales=(0.5, 0.75, 1.0), steps=(3, 2, 1))
        result = stylizer.stylize(
            picture(66, 81), picture(40, 40), on_step=lambda step: shapes.append(tuple(step.image.shape[2:]))
        )
        sizes = [(33, 40)] * 3 + [(50, 61)] * 2 + [(66, 81)]
        assert [step.size for step in result.history] == shapes == sizes
        assert [step.step for step in result.history] == [1, 2, 3, 4, 5, 6]
        assert {step.steps for step in result.history} == {6}
        assert result.image.shape == (1, 3, 66, 81)

    def test_each_size_goes_on_from_the_one_before(self, extractor: VGG19Features, picture: Draw) -> None:
        images: list[Tensor] = []
        stylizer = gatys(extractor, scales=(0.5, 1.0), steps=(1, 1), init=torch.ones(1, 3, 64, 64))
        result = stylizer.stylize(
            torch.zeros(1, 3, 64, 64), picture(), on_step=lambda step: images.append(step.image)
        )
        assert images[0].mean() > 0.99
        assert (images[1].mean() - images[0].mean()).abs() < 0.5
        assert len(result.history) == 2

    def test_sizes_too_small_to_see_are_left_out(self, extractor: VGG19Features, picture: Draw) -> None:
        stylizer = gatys(extractor, scales=(0.25, 0.5, 1.0), steps=(1, 1, 1))
        result = stylizer.stylize(picture(63, 200), picture())
        assert [step.size for step in result.history] == [(63, 200)]
        result = stylizer.stylize(picture(64, 70), picture())
        assert [step.size for step in result.history] == [(32, 35), (64, 70)]
        assert {step.steps for step in result.history} == {2}


class Sick(VGG19Features):
    """An extractor whose relu3_1 is useless at the calls numbered in `bad`, from 1.

    A run looks twice to set its targets (content, style), then once a step.
    """

    def __init__(self, bad: Callable[[int], bool], value: float) -> None:
        super().__init__("vgg19-lite-1", widths=LITE_WIDTHS, last="conv5_1")
        for convolution in self.convs.values():
            torch.nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        self.bad, self.value, self.calls = bad, value, [0]

    def forward(self, images: Tensor, layers: Any) -> dict[str, Tensor]:
        self.calls[0] += 1
        features = super().forward(images, layers)
        if self.bad(self.calls[0]):
            features["relu3_1"] = features["relu3_1"] * self.value
        return features


class TestGuard:
    @pytest.mark.parametrize("value", [math.nan, math.inf])
    @pytest.mark.parametrize("options", [{}, {"optimizer": "adam", "learning_rate": 0.02}, {"preset": "d2l"}])
    def test_useless_for_good(self, picture: Draw, value: float, options: dict[str, Any]) -> None:
        stylizer = gatys(
            Sick(lambda call: call > 6, value), steps=20, retries=2, **(options | {"style_layers": "relu3_1"})
        )
        before = picture(24, 30)
        with pytest.raises(DivergenceError, match=r"'style relu3_1' was not finite") as caught:
            stylizer.stylize(before, picture(seed=1))
        assert caught.value.term == "style relu3_1"
        image = caught.value.image
        assert image is not None
        assert image.shape == before.shape
        assert image.isfinite().all()
        assert 0 <= image.min() <= image.max() <= 1
        assert image.std() > 0.01  # no black picture

    def test_useless_from_a_larger_size_on_keeps_the_smaller_ones_picture(self, picture: Draw) -> None:
        # Coarse: 2 looks at the targets, 2 steps, 1 to measure the end. Fine: 2 looks, the first step fails.
        sick = Sick(lambda call: call > 7, math.nan)
        stylizer = gatys(sick, scales=(0.5, 1.0), steps=(2, 2), style_layers="relu3_1")
        with pytest.raises(DivergenceError) as caught:
            stylizer.stylize(picture(66, 65), picture(seed=1))
        assert caught.value.image is not None
        assert caught.value.image.shape == (1, 3, 66, 65)
        assert caught.value.image.isfinite().all()

    def test_useless_in_a_smaller_size_gives_a_picture_of_full_size(self, picture: Draw) -> None:
        stylizer = gatys(
            Sick(lambda call: call > 4, math.nan), scales=(0.5, 1.0), steps=(9, 9), style_layers="relu3_1"
        )
        with pytest.raises(DivergenceError) as caught:
            stylizer.stylize(picture(66, 65), picture(seed=1))
        assert caught.value.image is not None
        assert caught.value.image.shape == (1, 3, 66, 65)

    def test_useless_from_the_start(self, picture: Draw) -> None:
        with pytest.raises(DivergenceError, match="'style relu3_1'") as caught:
            gatys(Sick(lambda call: call > 2, math.nan), style_layers="relu3_1").stylize(picture(), picture())
        assert caught.value.image is None

    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    def test_useless_for_a_moment(self, picture: Draw, optimizer: str) -> None:
        stylizer = gatys(
            Sick(lambda call: call == 6, math.nan), steps=10, optimizer=optimizer, learning_rate=0.02,
            style_layers="relu3_1", init="noise",
        )  # fmt: skip
        result = stylizer.stylize(picture(), picture(seed=1))
        totals = [step.total for step in result.history]
        assert len(totals) == 10
        assert all(math.isfinite(total) for total in totals)
        assert result.losses["total"] < totals[0]
        assert result.image.isfinite().all()


class TestInterrupt:
    def run(self, stylizer: GatysStylizer, content: Any, style: Tensor, at: int) -> Stylization:
        def stop(step: Step) -> None:
            if step.step == at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) as caught:
            stylizer.stylize(content, style, on_step=stop)
        assert isinstance(caught.value, StylizeInterrupted)
        assert str(caught.value).startswith(f"Interrupted after {at} steps; the picture so far is kept")
        return caught.value.stylization

    def test_keeps_the_picture_so_far(self, extractor: VGG19Features, picture: Draw) -> None:
        stylizer = gatys(extractor, steps=9)
        kept = self.run(stylizer, picture(), picture(seed=1), at=3)
        assert kept.stopped == "interrupted"
        assert [step.step for step in kept.history] == [1, 2, 3]
        assert kept.losses == kept.history[-1].losses
        torch.testing.assert_close(kept.image, gatys(extractor, steps=2).stylize(picture(), picture(seed=1)).image)

    def test_has_the_full_size_even_from_a_smaller_one(self, extractor: VGG19Features, picture: Draw) -> None:
        kept = self.run(gatys(extractor, scales=(0.5, 1.0), steps=5), picture(66, 65), picture(seed=1), at=2)
        assert kept.image.shape == (1, 3, 66, 65)
        assert kept.image.isfinite().all()

    def test_can_be_saved_with_transparency_but_not_over_its_input(
        self, extractor: VGG19Features, picture: Draw, tmp_path: Path
    ) -> None:
        source = tmp_path / "content.png"
        PIL.Image.fromarray(np.full((20, 24, 4), 77, np.uint8)).save(source)
        kept = self.run(gatys(extractor), source, picture(seed=1), at=1)
        assert kept.inputs == (source,)
        with PIL.Image.open(kept.save(tmp_path / "kept.png")) as stored:
            assert stored.getpixel((0, 0))[3] == 77

    def test_before_the_first_step_keeps_the_start(
        self, extractor: VGG19Features, picture: Draw, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stop(*_: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("styletransfer.methods.gatys.stylizer.minimize", stop)
        with pytest.raises(StylizeInterrupted, match="Interrupted after 0 steps") as caught:
            gatys(extractor).stylize(picture(), picture(seed=1))
        torch.testing.assert_close(caught.value.stylization.image, picture())
        assert dict(caught.value.stylization.losses) == {}

    def test_before_the_first_step_of_a_later_picture_keeps_the_earlier_one(
        self, extractor: VGG19Features, picture: Draw, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_first, calls = minimize, []

        def stop(*args: Any) -> Any:
            calls.append(args)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return run_first(*args)

        monkeypatch.setattr("styletransfer.methods.gatys.stylizer.minimize", stop)
        contents = picture(batch=2)
        with pytest.raises(StylizeInterrupted) as caught:
            gatys(extractor, steps=2).stylize(contents, picture(seed=1))
        kept = caught.value.stylization
        assert len(kept.history) == 2
        assert kept.losses["total"] > 0
        assert torch.equal(kept.image[1:], contents[1:])

    def test_in_a_batch_keeps_all_pictures(self, extractor: VGG19Features, picture: Draw) -> None:
        contents = picture(batch=3)
        kept = self.run(gatys(extractor, steps=3), contents, picture(seed=1), at=5)
        first = gatys(extractor, steps=3).stylize(contents[:1], picture(seed=1))
        assert kept.image.shape == contents.shape
        assert kept.stopped == "interrupted"
        assert torch.equal(kept.image[:1], first.image)
        assert torch.equal(kept.image[2:], contents[2:])  # not reached
        assert len(kept.history) == 5


class TestBatches:
    def test_equal_singles(self, extractor: VGG19Features, picture: Draw) -> None:
        contents, styles = picture(batch=2), picture(24, 24, seed=4, batch=2)
        stylizer = gatys(extractor, init="style")
        together = stylizer.stylize(contents, styles)
        alone = [stylizer.stylize(contents[i : i + 1], styles[i : i + 1]) for i in range(2)]
        assert torch.equal(together.image, torch.cat([result.image for result in alone]))
        for term, value in together.losses.items():
            assert value == pytest.approx((alone[0].losses[term] + alone[1].losses[term]) / 2)

    def test_steps_are_counted_through(self, extractor: VGG19Features, picture: Draw) -> None:
        result = gatys(extractor, steps=2).stylize(picture(batch=3), picture(seed=1))
        assert [step.step for step in result.history] == [1, 2, 3, 4, 5, 6]
        assert {step.steps for step in result.history} == {6}
        seconds = [step.seconds for step in result.history]
        assert seconds == sorted(seconds)


class TestGradientModes:
    @pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
    def test_runs_where_gradients_are_switched_off(
        self, extractor: VGG19Features, picture: Draw, mode: Callable[[], Any]
    ) -> None:
        expected = gatys(extractor).stylize(picture(), picture(seed=1)).image
        with mode():
            result = gatys(extractor).stylize(picture(), picture(seed=1))
        assert torch.equal(result.image, expected)
        assert not result.image.requires_grad

    def test_the_extractor_collects_no_gradient(self, extractor: VGG19Features, picture: Draw) -> None:
        gatys(extractor).stylize(picture(), picture(seed=1))
        assert all(parameter.grad is None for parameter in extractor.parameters())


def test_layers_deeper_than_the_network_are_refused_when_it_is_built(extractor: VGG19Features) -> None:
    with pytest.raises(OptionError, match=r"Layer 'relu5_2' is deeper than this network, which ends at 'relu5_1'"):
        create_stylizer("gatys", extractor=extractor, style_layers=("relu1_1", "relu5_2"))


@pytest.mark.parametrize(
    ("reasons", "joined"),
    [
        (("levelled off", "steps"), "steps"),
        (("steps", "levelled off"), "steps"),
        (("levelled off", "levelled off"), "levelled off"),
        (("levelled off", "steps", "interrupted"), "interrupted"),
    ],
)
def test_why_a_batch_stopped_counts_all_of_its_pictures(reasons: tuple[str, ...], joined: str) -> None:
    one = Stylization(
        image=torch.zeros(1, 3, 16, 16),
        method="gatys",
        extractor="x",
        losses={"total": 1.0},
        history=[],
        seconds=1.0,
        config=None,
    )
    batch = _join([dataclasses.replace(one, stopped=reason) for reason in reasons])
    assert (batch.stopped, batch.seconds, batch.image.shape[0]) == (joined, len(reasons), len(reasons))


def test_an_interrupted_run_keeps_the_content_where_no_mask_is(extractor: VGG19Features, picture: Draw) -> None:
    def stop(step: Step) -> None:
        if step.step == 2:
            raise KeyboardInterrupt

    content, mask = picture(), torch.zeros(1, 3, 32, 40)
    mask[..., :20] = 1
    with pytest.raises(KeyboardInterrupt) as caught:
        gatys(extractor, init="noise").stylize(content, picture(seed=1), masks=[mask], on_step=stop)
    assert isinstance(caught.value, StylizeInterrupted)
    reached = caught.value.stylization.image
    assert torch.equal(reached[..., 20:], content[..., 20:])
    assert (reached - content)[..., :20].abs().max() > 0.1
