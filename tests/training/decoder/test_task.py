"""A decoder's training: its network, phases, losses and what comes of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from styletransfer.errors import OptionError, TrainingError
from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import channel_stats
from styletransfer.layers import VGG19_WIDTHS
from styletransfer.methods.feedforward.decoder_files import (
    FAST,
    LITE,
    PYTORCH_ADAIN,
    Decoder,
    SubpixelSpec,
    load_decoder,
)
from styletransfer.training.data.crops import Crops, CropSettings
from styletransfer.training.data.folder import PictureFolder
from styletransfer.training.data.styles import StyleBank, StyleTargets
from styletransfer.training.decoder.config import DecoderConfig
from styletransfer.training.decoder.network import decoder_spec, starting_decoder
from styletransfer.training.decoder.task import DecoderTask, _color_gap, _spread
from styletransfer.training.engine.precision import autocast
from styletransfer.training.engine.task import Losses
from styletransfer.training.statistics import color_quantiles, statistics_of
from styletransfer.training.teachers import LossNetwork, Teacher

PLAIN = {"autoencoder_steps": 3, "ramp": 0, "identity_every": 0, "passes": 1}
Make = Callable[..., DecoderTask]


@pytest.fixture
def make(narrow: VGG19Features, pictures: Path, paintings: Path) -> Make:
    """A function ``make(**options)``: a task of the narrow extractor on tiny crops."""

    def build(
        encoder: VGG19Features = narrow, gradient_checkpointing: bool = False, **options: Any
    ) -> DecoderTask:
        config = DecoderConfig(**PLAIN | options)
        network = LossNetwork([Teacher(encoder)])
        torch.manual_seed(1)
        return DecoderTask(
            encoder,
            network,
            Crops(PictureFolder(pictures), CropSettings(size=32), seed=0),
            StyleBank(PictureFolder(paintings), encoder, config.layers, network, seed=0, views=config.views),
            config,
            Decoder(decoder_spec(encoder, config)),
            gradient_checkpointing=gradient_checkpointing,
        )

    return build


def losses(task: DecoderTask, step: int, slots: range = range(2)) -> Losses:
    return task.losses([task.content.batch(step, slots)], step, slots)


def total(made: Losses) -> Tensor:
    return torch.stack(list(made.terms.values())).sum()


def gradients(task: DecoderTask, step: int) -> list[Tensor]:
    parameters = list(task.module.parameters())
    return list(torch.autograd.grad(total(losses(task, step)), parameters))


def extractor_of(widths: tuple[int, ...], name: str = "other") -> VGG19Features:
    with torch.device("meta"):
        return VGG19Features(name, widths=widths, last="conv5_1")


class TestSpec:
    def test_full_width_and_one_tap_mirror_the_paper(self) -> None:
        spec = decoder_spec(extractor_of(VGG19_WIDTHS), DecoderConfig(layers=("relu4_1",), passes=1))
        assert spec.stages == PYTORCH_ADAIN.stages == ((256,), (256, 256, 256, 128), (128, 64), (64, 3))
        assert (spec.channels, spec.passes, spec.encoder) == ((512,), 1, "other")

    def test_lite_widths_and_four_taps_are_lite(self, extractor: VGG19Features) -> None:
        spec = decoder_spec(extractor, DecoderConfig())
        assert (spec.stages, spec.taps, spec.channels, spec.passes) == (LITE.stages, LITE.taps, LITE.channels, 2)

    @pytest.mark.parametrize(
        ("widths", "tap", "stages"),
        [
            ((8, 16, 32, 64, 64), "relu4_1", ((32,), (32, 32, 32, 16), (16, 8), (8, 3))),
            ((32, 64, 128, 256, 256), "relu5_1", ((256,), (128,), (128, 128, 128, 64), (64, 32), (32, 3))),
            (VGG19_WIDTHS, "relu3_1", ((256, 256, 256, 128), (128, 64), (64, 3))),
            ((4, 4, 6, 8, 8), "relu1_2", ((4, 3),)),
        ],
    )
    def test_other_widths_and_depths(
        self, widths: tuple[int, ...], tap: str, stages: tuple[tuple[int, ...], ...]
    ) -> None:
        assert decoder_spec(extractor_of(widths), DecoderConfig(layers=(tap,))).stages == stages

    @pytest.mark.parametrize("preset", ["laptop", "fast"])
    def test_a_new_one_aligns_covariances_unless_told_otherwise(self, narrow: VGG19Features, preset: str) -> None:
        asked = {"layers": FAST.taps}
        assert decoder_spec(narrow, DecoderConfig.build(preset, asked)[1]).alignment == "covariance"
        asked["alignment"] = "channels"
        assert decoder_spec(narrow, DecoderConfig.build(preset, asked)[1]).alignment == "channels"

    def test_one_to_start_from_keeps_its_alignment_unless_told_otherwise(self, narrow: VGG19Features) -> None:
        config = DecoderConfig(alignment="channels")
        start = starting_decoder(None, narrow, config, seed=0)
        assert starting_decoder(start, narrow, DecoderConfig(), seed=0).spec.alignment == "channels"
        changed = starting_decoder(start, narrow, DecoderConfig(alignment="covariance"), seed=0)
        assert changed.spec.alignment == "covariance"
        assert start.spec.alignment == "channels"

    def test_a_mirrored_one_stays_what_it_is_for_a_fast_one(self, narrow: VGG19Features) -> None:
        mirrored = starting_decoder(None, narrow, DecoderConfig(), seed=0)
        assert starting_decoder(mirrored, narrow, DecoderConfig(network="subpixel"), seed=0).spec == mirrored.spec

    def test_one_to_start_from_is_of_the_network_asked_for(self, narrow: VGG19Features) -> None:
        fast = DecoderConfig.build("fast", {})[1]
        start = starting_decoder(None, narrow, fast, seed=0)
        assert starting_decoder(start, narrow, fast, seed=0).spec == start.spec
        with pytest.raises(OptionError, match=r"is of the network 'subpixel'.*give --network subpixel"):
            starting_decoder(start, narrow, DecoderConfig(), seed=0)

    @pytest.mark.parametrize(("network", "passes"), [("mirrored", 2), ("subpixel", 1)])
    def test_passes_are_the_networks_own_unless_told_otherwise(
        self, narrow: VGG19Features, network: str, passes: int
    ) -> None:
        config = DecoderConfig(network=network)
        assert starting_decoder(None, narrow, config, seed=0).spec.passes == passes
        start = starting_decoder(None, narrow, DecoderConfig(network=network, passes=3), seed=0)
        assert starting_decoder(start, narrow, config, seed=0).spec.passes == 3
        again = starting_decoder(start, narrow, DecoderConfig(network=network, passes=4), seed=0)
        assert (start.spec.passes, again.spec.passes) == (3, 4)

    def test_fast_for_any_extractor(self, narrow: VGG19Features) -> None:
        spec = decoder_spec(narrow, DecoderConfig.build("fast", {})[1])
        assert isinstance(spec, SubpixelSpec)
        assert (spec.stages, spec.blocks, spec.ranks, spec.passes) == (FAST.stages, FAST.blocks, FAST.ranks, 1)
        assert (spec.encoder, spec.channels) == (narrow.name, tuple(map(narrow.channels, FAST.taps)))

    @pytest.mark.parametrize(
        "layers", [("relu4_1",), ("relu1_1",), (*FAST.taps, "relu5_1"), ("relu1_1", "relu3_1")]
    )
    def test_layers_that_it_cannot_read(self, layers: tuple[str, ...]) -> None:
        with pytest.raises(OptionError, match=r"two to four of the layers .*give them with --layers"):
            decoder_spec(extractor_of((4, 4, 4, 4, 4)), DecoderConfig(network="subpixel", layers=layers))

    def test_fast_for_fewer_layers(self, narrow: VGG19Features) -> None:
        spec = decoder_spec(narrow, DecoderConfig.build("fast", {"layers": FAST.taps[:3]})[1])
        assert isinstance(spec, SubpixelSpec)
        assert (spec.stages, spec.blocks) == (FAST.stages[1:], FAST.blocks[1:])
        assert spec.ranks == FAST.ranks[9:]

    @pytest.mark.parametrize("taps", [("relu4_1",), ("relu2_1", "relu4_1"), ("relu1_1", "relu3_2")])
    def test_decodes_to_the_pictures_size(self, narrow: VGG19Features, taps: tuple[str, ...]) -> None:
        decoder = Decoder(decoder_spec(narrow, DecoderConfig(layers=taps)))
        assert decoder(narrow(torch.rand(1, 3, 32, 48), taps)).shape == (1, 3, 32, 48)

    def test_a_tap_that_the_extractor_has_not(self, narrow: VGG19Features) -> None:
        with pytest.raises(OptionError, match="relu5_1"):
            decoder_spec(narrow, DecoderConfig(layers=("relu5_1",)))


def test_near_styles_are_learnt_from(make: Make) -> None:
    """What the untouched contents score, summed over the layers, falls the more styles are drawn for each."""
    sums = []
    for among in (1, 2, 6):
        observed = losses(make(nearest_of=among, views=5), 4).observed
        sums.append(sum(float(value) for name, value in observed.items() if name.startswith("moment")))
    assert sums[0] >= sums[1] >= sums[2]
    assert sums[0] > sums[2]


class TestPhases:
    def test_autoencoder_then_style(self, make: Make) -> None:
        task = make()
        assert [task.phase(step) for step in (1, 3, 4)] == ["autoencoder", "autoencoder", "style"]
        assert set(losses(task, 3).terms) == {"identity", "identity range"}
        assert set(losses(task, 4).shown) == {"content", "moment", "gram", "deep", "color", "range"}

    def test_another_decoder_is_imitated_first(self, make: Make) -> None:
        """Its own pictures cost nothing, others something, and only the new one learns."""
        task, imitated = make(), make().module
        assert task.phase(1) == "autoencoder"
        task.imitated = imitated
        assert [task.phase(step) for step in (1, 3, 4)] == ["imitation", "imitation", "style"]
        made = losses(task, 3)
        assert made.shown.keys() == {"imitation"}
        assert made.terms["imitation"].item() == pytest.approx(0, abs=1e-9)
        with torch.no_grad():
            for parameter in imitated.parameters():
                parameter.mul_(0.5)
        made = losses(task, 3)
        assert made.terms["imitation"].item() == pytest.approx(10 * made.shown["imitation"].item())
        made.terms["imitation"].backward()
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in task.module.parameters())
        assert "style" in task.phase(4)

    def test_every_so_many_steps_a_content_is_its_own_style(self, make: Make) -> None:
        task = make(identity_every=4)
        assert [bool(losses(task, step).observed) for step in (4, 5, 7, 8)] == [False, True, True, False]

    def test_style_weights_rise(self, make: Make) -> None:
        task = make(ramp=10)
        assert [task._ramp(step) for step in (4, 8, 13, 50)] == [0.1, 0.5, 1.0, 1.0]
        made = losses(task, 8)
        assert made.terms["weighted moment"].item() == pytest.approx(0.5 * 40 * made.shown["moment"].item())
        assert made.terms["weighted content"].item() == pytest.approx(2 * made.shown["content"].item())

    def test_the_deepest_gram_gap_counts_once_more(self, make: Make) -> None:
        made = losses(make(deep_weight=5.0), 8)
        assert made.shown["deep"] != made.shown["gram"]
        assert made.terms["weighted deep"].item() == pytest.approx(5 * made.shown["deep"].item())

    @pytest.mark.parametrize("passes", [1, 2, 3])
    def test_only_the_last_pass_is_judged_and_all_learn(
        self, make: Make, monkeypatch: pytest.MonkeyPatch, passes: int
    ) -> None:
        task = make(passes=passes)
        real, drawn = task.module.forward, list[Tensor]()

        def forward(features: Any, change: Any) -> Tensor:
            drawn.append(real(features, change))
            drawn[-1].retain_grad()
            return drawn[-1]

        monkeypatch.setattr(task.module, "forward", forward)
        made = losses(task, 4)
        assert len(drawn) == passes
        made.terms["weighted moment"].backward()
        assert all(picture.grad is not None and picture.grad.any() for picture in drawn)

    def test_the_range_is_kept_in_every_pass(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        task = make(passes=2)
        contents = task.content.batch(4, range(2)).pictures
        results = iter([torch.full_like(contents, 1.5), contents])
        monkeypatch.setattr(task.module, "forward", lambda features, change: next(results))
        shown = task.style_losses(contents, 4, range(2)).shown
        assert shown["range"].item() == pytest.approx(0.25 / 2)
        assert shown["content"].item() == 0


class TestLosses:
    def test_a_perfect_decoder_has_no_identity_loss(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        task = make()
        contents = task.content.batch(1, range(2)).pictures
        monkeypatch.setattr(task.module, "forward", lambda features, change: contents)
        assert all(term.item() == 0 for term in task.identity_losses(contents).terms.values())

    def test_values_out_of_range_cost(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        task = make(range_weight=10.0)
        contents = task.content.batch(1, range(2)).pictures
        monkeypatch.setattr(task.module, "forward", lambda features, change: torch.full_like(contents, 1.5))
        assert task.identity_losses(contents).terms["identity range"].item() == pytest.approx(10 * 0.25)

    def test_untouched_contents_score_about_1(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        task = make()
        contents = task.content.batch(4, range(2)).pictures
        monkeypatch.setattr(task.module, "forward", lambda features, change: contents)
        shown = task.style_losses(contents, 4, range(2)).shown
        assert shown["content"].item() == 0
        assert 0.7 < shown["moment"].item() < 1  # the denominator has a share of the usual gap added
        assert 0.7 < shown["gram"].item() < 1

    def test_usual_gaps_do_not_depend_on_the_share_of_the_batch(self, make: Make) -> None:
        """Else two processes would have other gradients than one."""
        first, second = make(), make()
        losses(first, 4, range(2))
        losses(second, 4, range(2, 3))
        assert first.usual == second.usual
        assert set(first.usual) == {f"{k} relu{n}_1" for k in ("moment", "gram") for n in range(1, 5)}

    def test_usual_gaps_are_followed(self, make: Make) -> None:
        task = make()
        task.load_state({"usual": dict.fromkeys(task._gap_names(), 2.0)})
        task.observe({"gram relu1_1": 3.0})
        assert task.state()["usual"]["gram relu1_1"] == pytest.approx(2.01)

    @pytest.mark.parametrize("state", [{}, {"usual": []}, {"usual": {"gram relu1_1": 2.0}}, {"usual": 1}])
    def test_another_state_is_refused(self, make: Make, state: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="usual gaps must be those of relu1_1, relu2_1, relu3_1, relu4_1"):
            make().load_state(state)

    @pytest.mark.parametrize("gap", [0.0, -1.0, "x", None, float("inf")])
    def test_gaps_are_positive(self, make: Make, gap: Any) -> None:
        task = make()
        with pytest.raises(ValueError, match="positive numbers"):
            task.load_state({"usual": dict.fromkeys(task._gap_names(), gap)})

    def test_colors_of_the_style_cost_nothing(self, make: Make) -> None:
        task = make(color_weight=3.0)
        contents = task.content.batch(4, range(2)).pictures
        drawn = task.styles.draw(4, range(2), among=1)
        assert drawn.colors.shape == (2, 256, 32)
        assert _color_gap(contents, contents, drawn.colors).item() == pytest.approx(
            0.8, abs=0.2
        )  # the denominator is a bit larger
        assert _color_gap(contents, contents, color_quantiles(contents)).item() == 0
        made = task.style_losses(contents, 4, range(2))
        assert made.terms["weighted color"].item() == pytest.approx(3 * made.shown["color"].item())

    def test_the_probe_changes_nothing(self, make: Make) -> None:
        task = make()
        made = task.probe(torch.rand(1, 3, 32, 32))
        assert "weighted gram" in made.terms
        assert task.state() == {"usual": {}}

    @pytest.mark.parametrize("step", [2, 5])
    def test_recompute_changes_no_gradient(self, make: Make, step: int) -> None:
        for plain, again in zip(
            gradients(make(passes=2), step),
            gradients(make(passes=2, gradient_checkpointing=True), step),
            strict=True,
        ):
            torch.testing.assert_close(again, plain, rtol=1e-5, atol=1e-7)

    def test_bfloat16_teaches_every_weight(self, make: Make) -> None:
        """Also with several passes, whose cast weights must not be used again."""
        task = make(passes=2)
        with autocast(torch.device("cpu"), "bfloat16"):
            made = total(losses(task, 5))
        made.backward()
        assert all(p.grad is not None and p.grad.any() for p in task.module.parameters())

    def test_the_encoder_stays_frozen(self, make: Make, narrow: VGG19Features) -> None:
        total(losses(make(), 4)).backward()
        assert all(p.grad is None and not p.requires_grad for p in narrow.parameters())


class TestWarnings:
    def test_gate(self, make: Make) -> None:
        task = make(gate=0.3)
        assert task.warnings(2, {"identity features": 0.9}) == []
        assert task.warnings(3, {"identity features": 0.2}) == []
        (told,) = task.warnings(3, {"identity features": 0.9})
        assert told.startswith(
            "The autoencoder cannot reconstruct pictures yet: feature error 0.90, wanted below 0.3"
        )


class TestSample:
    def test_is_a_grid(self, make: Make) -> None:
        grid = make(passes=2).sample()
        assert grid.shape == (3, 4 * 192, 3 * 192)  # three contents, two styles
        assert 0 <= grid.min() <= grid.max() <= 1

    def test_a_picture_that_turned_bad_is_passed_over(self, make: Make) -> None:
        task = make()
        task.content.folder._kept.clear()
        task.content.folder.paths[1].write_text("no picture any more")
        assert task.sample().shape == (3, 3 * 192, 3 * 192)
        assert [problem.reason for problem in task.folders[0].problems] == ["not a picture"]

    @pytest.mark.parametrize(
        ("wanted", "bad", "expected"), [(2, [], [0, 1]), (9, [], [0, 1, 2]), (2, [0], [1, 2])]
    )
    def test_spread(self, pictures: Path, wanted: int, bad: list[int], expected: list[int]) -> None:
        folder = PictureFolder(pictures)
        folder._bad.update(bad)
        assert _spread(folder, wanted) == expected


class TestStyleBank:
    def test_gives_the_targets_of_a_batch(self, make: Make, narrow: VGG19Features) -> None:
        drawn = make().styles.draw(1, range(5))
        for layer in ("relu1_1", "relu4_1"):
            channels = narrow.channels(layer)
            assert drawn.encoded[layer][0].shape == (5, channels, 1, 1)
            assert drawn.judged[layer].gram.shape == (5, channels, channels)
            assert drawn.judged[layer].gram.dtype == torch.float32

    def test_is_a_function_of_step_and_slot(self, make: Make) -> None:
        whole, part = make(views=3).styles.draw(7, range(4)), make(views=3).styles.draw(7, range(2, 4))
        assert torch.equal(whole.judged["relu2_1"].mean[2:], part.judged["relu2_1"].mean)

    def test_the_nearest_of_some(self, make: Make) -> None:
        bank = make(views=3).styles
        drawn = [targets.judged["relu1_1"].mean for targets in itertools.islice(bank._slot(7, 2), 4)]

        def distance(position: int, style: StyleTargets) -> float:
            return float((style.judged["relu1_1"].mean - drawn[wanted]).abs().sum()) + position

        for wanted in range(4):
            chosen = bank.draw(7, range(2, 3), among=4, distance=distance).judged["relu1_1"].mean
            assert torch.equal(chosen, drawn[wanted])
        first = bank.draw(7, range(2, 3), among=1, distance=distance).judged["relu1_1"].mean
        assert torch.equal(first, drawn[0])

    def test_targets_are_those_of_the_picture(self, make: Make, narrow: VGG19Features) -> None:
        bank = make().styles
        features = narrow(bank.folder.whole(1), ["relu2_1"])["relu2_1"]
        targets = bank.targets(1)
        torch.testing.assert_close(targets.encoded["relu2_1"][:2], channel_stats(features))
        torch.testing.assert_close(
            targets.judged["relu2_1"].gram.float(), statistics_of(features).gram, rtol=1e-2, atol=1e-4
        )

    def test_looks_at_each_view_once_while_there_is_room(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bank, looked = make(views=2).styles, list[tuple[int, int]]()
        real = bank.view
        monkeypatch.setattr(bank, "view", lambda number, view: looked.append((number, view)) or real(number, view))
        for step in range(12):
            bank.draw(step, range(2))
        assert sorted(looked) == [(0, 0), (0, 1), (1, 0), (1, 1)]
        bank._room, oldest = 0, next(iter(bank._kept))
        bank.targets(0, 3)
        assert len(bank._kept) == 4
        assert oldest not in bank._kept

    def test_views_are_crops_of_their_own(self, make: Make) -> None:
        bank = make().styles
        whole, *views = (bank.view(0, n) for n in range(4))
        assert whole.shape == (1, 3, 80, 96)
        for view in views:
            assert 64 <= view.shape[2] == view.shape[3] <= 80
            assert 0 <= view.min() <= view.max() <= 1
        assert not torch.equal(views[0][:, :, :64, :64], views[1][:, :, :64, :64])

    def test_a_bad_style_is_drawn_anew(self, make: Make) -> None:
        bank = make().styles
        bank.folder._kept.clear()
        bank.folder.paths[0].write_text("no picture any more")
        drawn = bank.draw(0, range(20))
        assert {number for number, _ in bank._kept} == {1}
        assert drawn.judged["relu1_1"].mean.shape[0] == 20
        assert [problem.path.name for problem in bank.folder.problems] == ["0.png"]

    def test_no_usable_style_is_left(self, make: Make) -> None:
        bank = make().styles
        bank.folder._kept.clear()
        for path in bank.folder.paths:
            path.unlink()
        with pytest.raises(
            TrainingError, match=r"100 pictures in a row cannot be read .*Is the drive still there"
        ):
            bank.draw(0, range(1))


def test_a_short_training_lowers_the_loss(make: Make) -> None:
    task = make(identity_every=0, autoencoder_steps=0)
    optimizer = torch.optim.Adam(task.module.parameters(), lr=3e-3)

    def probe() -> float:
        with torch.no_grad():
            return float(total(losses(task, 1000, range(4))))

    before = probe()
    for step in range(1, 31):
        optimizer.zero_grad()
        total(losses(task, step)).backward()
        optimizer.step()
    assert probe() < 0.8 * before


def test_export_is_half_precision_with_its_passes(make: Make, tmp_path: Path) -> None:
    task = make(passes=3)
    path, card = task.export(tmp_path, {"settings": {"batch_size": 2}, "losses": {"content": 0.5}})
    decoder = load_decoder(path, encoder="narrow", device="cpu")
    assert decoder.spec.passes == 3
    for own, stored in zip(task.module.parameters(), decoder.parameters(), strict=True):
        torch.testing.assert_close(stored, own.detach(), rtol=1e-3, atol=1e-4)
    assert "| content | 0.5 |" in card.read_text(encoding="utf-8")
