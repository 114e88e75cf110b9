from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import channel_stats, gram_matrix
from styletransfer.methods.decoder import LITE, Decoder, load_decoder, save_decoder
from styletransfer.training.data import PictureFolder
from styletransfer.training.decoder import DecoderTrainer, DecoderTraining
from styletransfer.training.styles import StyleBank

SETTINGS = {"batch": 2, "size": 32, "steps": 4, "warmup_steps": 3, "identity_every": 0}


class Judge:
    """A loss network: the encoder's own features."""

    taps = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")

    def __init__(self, extractor: VGG19Features) -> None:
        self.extractor = extractor
        self.pictures = 0

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        self.pictures += images.shape[0]
        return self.extractor(images, self.taps)


@pytest.fixture
def make(extractor: VGG19Features, pictures: Path) -> Callable[..., DecoderTrainer]:
    def build(start: Decoder | None = None, **settings: float) -> DecoderTrainer:
        folder = PictureFolder(pictures)
        chosen = DecoderTraining(**(SETTINGS | settings))
        return DecoderTrainer(extractor, Judge(extractor), folder, folder, chosen, "cpu", start)

    return build


Make = Callable[..., DecoderTrainer]


class TestStyleBank:
    def make(self, extractor: VGG19Features, pictures: Path) -> StyleBank:
        return StyleBank(PictureFolder(pictures), extractor, LITE.taps, Judge(extractor), "cpu")

    def test_gives_the_targets_of_a_batch(self, extractor: VGG19Features, pictures: Path) -> None:
        drawn = self.make(extractor, pictures).draw(5, torch.Generator().manual_seed(0))
        for layer, channels in zip(LITE.taps, LITE.channels, strict=True):
            assert drawn.encoded[layer][0].shape == drawn.moments[layer][1].shape == (5, channels, 1, 1)
            assert drawn.grams[layer].shape == (5, channels, channels)
            assert drawn.grams[layer].dtype == torch.float32

    def test_looks_at_each_picture_once(self, extractor: VGG19Features, pictures: Path) -> None:
        bank = self.make(extractor, pictures)
        for seed in range(10):
            bank.draw(4, torch.Generator().manual_seed(seed))
        assert bank.network.pictures == len(bank.pictures) == 3

    def test_targets_are_those_of_the_picture(self, extractor: VGG19Features, pictures: Path) -> None:
        bank = self.make(extractor, pictures / "more")  # a single picture
        targets = bank.draw(1, torch.Generator().manual_seed(0))
        features = extractor(bank.pictures.whole(0), ["relu2_1"])["relu2_1"]
        torch.testing.assert_close(targets.encoded["relu2_1"], channel_stats(features))
        torch.testing.assert_close(targets.grams["relu2_1"], gram_matrix(features), rtol=1e-2, atol=1e-4)


class TestTerms:
    def test_untouched_contents_score_about_their_weights(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trainer = make(moment_weight=6.0, gram_weight=4.0)
        contents = trainer.content.crops(1, 32, trainer.generator)
        monkeypatch.setattr(trainer.decoder, "forward", lambda features: contents)
        terms = trainer.style_terms(contents, trainer.styles.draw(1, trainer.generator))
        assert terms["content"].item() == 0
        assert terms["moment"].item() == pytest.approx(6.0, rel=0.2)  # the denominator has a floor
        assert terms["gram"].item() == pytest.approx(4.0, rel=0.2)
        assert terms["range"].item() == 0

    def test_values_out_of_range_cost(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        trainer = make(range_weight=10.0)
        contents = trainer.content.crops(1, 32, trainer.generator)
        monkeypatch.setattr(trainer.decoder, "forward", lambda features: torch.full_like(contents, 1.5))
        assert trainer.identity_terms(contents)["range"].item() == pytest.approx(10 * 0.25)

    def test_a_perfect_decoder_has_no_identity_loss(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        trainer = make()
        contents = trainer.content.crops(2, 32, trainer.generator)
        monkeypatch.setattr(trainer.decoder, "forward", lambda features: contents)
        assert all(term.item() == 0 for term in trainer.identity_terms(contents).values())


class TestRun:
    def test_the_identity_loss_falls(self, make: Make, tmp_path: Path) -> None:
        trainer = make(warmup_steps=20, steps=0, learning_rate=3e-3)
        probe = PictureFolder(trainer.content.folder).crops(2, 32, torch.Generator().manual_seed(9))

        def loss() -> float:
            with torch.no_grad():
                return sum(float(term) for term in trainer.identity_terms(probe).values())

        before = loss()
        trainer.run(tmp_path / "decoder.safetensors")
        assert loss() < 0.8 * before

    def test_its_file_is_a_decoder(self, make: Make, tmp_path: Path) -> None:
        trainer = make(identity_every=2)
        trainer.run(tmp_path / "decoder.safetensors")
        decoder = load_decoder(tmp_path / "decoder.safetensors", encoder="vgg19-lite", device="cpu")
        assert decoder.spec == LITE
        assert decoder.spec.notes["steps_done"] == 7
        assert decoder.spec.notes["settings"]["warmup_steps"] == 3
        assert {"content", "moment", "gram", "range", "identity_pixels"} <= set(decoder.spec.notes["losses"])
        json.dumps(decoder.spec.notes, allow_nan=False)
        for own, stored in zip(trainer.decoder.parameters(), decoder.parameters(), strict=True):
            torch.testing.assert_close(stored, own.detach(), rtol=1e-3, atol=1e-4)  # stored in half precision

    def test_the_same_seed_gives_the_same_decoder(self, make: Make, tmp_path: Path) -> None:
        files = [tmp_path / f"{number}.safetensors" for number in range(2)]
        for path in files:
            torch.rand(7)
            make().run(path)
        first, second = (load_decoder(path, encoder="vgg19-lite", device="cpu") for path in files)
        for a, b in zip(first.parameters(), second.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)

    def test_goes_on_from_a_decoder(self, make: Make, tmp_path: Path) -> None:
        path = save_decoder(Decoder(LITE), tmp_path / "start.safetensors")
        start = load_decoder(path, encoder="vgg19-lite", device="cpu").requires_grad_(True)
        trainer = make(start, warmup_steps=1, steps=0)
        before = [p.detach().clone() for p in trainer.decoder.parameters()]
        trainer.run(tmp_path / "next.safetensors")
        moved = [(a - b).abs().max().item() for a, b in zip(trainer.decoder.parameters(), before, strict=True)]
        assert max(moved) > 0
        assert max(moved) < 0.01  # one small step away from the start

    def test_the_encoder_stays_frozen(self, make: Make, tmp_path: Path) -> None:
        trainer = make()
        before = {name: x.clone() for name, x in trainer.encoder.state_dict().items()}
        trainer.run(tmp_path / "decoder.safetensors")
        assert all(torch.equal(x, before[name]) for name, x in trainer.encoder.state_dict().items())

    def test_the_learning_rate_rises_and_falls(self, make: Make) -> None:
        trainer, rates = make(learning_rate=1.0), []
        for step in (1, 25, 50, 500, 1000):
            trainer._set_rate(step, 1000)
            rates.append(trainer.optimizer.param_groups[0]["lr"])
        assert rates[0] == pytest.approx(1 / 50, rel=1e-2)
        assert rates[1] == pytest.approx(0.5, rel=1e-2)
        assert rates[2] == pytest.approx(1.0, rel=1e-2)
        assert rates[3] == pytest.approx(0.5, rel=1e-2)
        assert rates[4] == pytest.approx(1e-3)
