"""AdaIN: against a textbook implementation on random weights in the published formats, and its own parts."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from styletransfer import samples
from styletransfer.errors import OptionError, OutputError, WeightsError
from styletransfer.features import create_extractor
from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import channel_stats
from styletransfer.images import load_image, save_image
from styletransfer.methods import create_stylizer
from styletransfer.methods.feedforward.adain import AdaINStylizer, EncodedStyle
from styletransfer.methods.feedforward.config import AdaINConfig
from styletransfer.methods.feedforward.decoder_files import LITE, Decoder
from styletransfer.methods.feedforward.statistics import (
    align_features,
    describe_change,
    mix_statistics,
    statistics_of_layers,
)
from styletransfer.methods.feedforward.stylizer import Painted, pad_to_multiple
from styletransfer.stylizer import Region
from styletransfer.transport import covariance_stats

Draw = Callable[..., Tensor]


# The textbook: what the release of pytorch-AdaIN is described as, in plain modules.


def textbook_encoder() -> nn.Sequential:
    """A 1x1 convolution, then blocks of reflection padding, 3x3 convolution and ReLU; ceil-mode pooling."""
    modules: list[nn.Module] = [nn.Conv2d(3, 3, 1)]
    channels = 3
    for block, (count, width) in enumerate([(2, 64), (2, 128), (4, 256), (4, 512), (4, 512)]):
        if block > 0:
            modules.append(nn.MaxPool2d(2, 2, 0, ceil_mode=True))
        for _ in range(count):
            modules += [nn.ReflectionPad2d(1), nn.Conv2d(channels, width, 3), nn.ReLU()]
            channels = width
    return nn.Sequential(*modules)


def textbook_decoder() -> nn.Sequential:
    """512-256, up, 256 x3, 128, up, 128, 64, up, 64, 3."""
    stages = [[256], [256, 256, 256, 128], [128, 64], [64, 3]]
    modules: list[nn.Module] = []
    channels = 512
    for stage in stages:
        if modules:
            modules.append(nn.Upsample(scale_factor=2, mode="nearest"))
        for width in stage:
            modules += [nn.ReflectionPad2d(1), nn.Conv2d(channels, width, 3), nn.ReLU()]
            channels = width
    return nn.Sequential(*modules[:-1])  # no ReLU at the end


def textbook_mean_std(features: Tensor) -> tuple[Tensor, Tensor]:
    batch, channels = features.shape[:2]
    flat = features.reshape(batch, channels, -1)
    std = (flat.var(dim=2, unbiased=True) + 1e-5).sqrt()
    return flat.mean(dim=2).view(batch, channels, 1, 1), std.view(batch, channels, 1, 1)


def textbook_adain(content: Tensor, style: Tensor) -> Tensor:
    (c_mean, c_std), (s_mean, s_std) = textbook_mean_std(content), textbook_mean_std(style)
    return (content - c_mean) / c_std * s_std + s_mean


@dataclasses.dataclass
class Release:
    encoder: nn.Sequential
    decoder: nn.Sequential
    encoder_file: Path
    decoder_file: Path

    @torch.no_grad()
    def stylize(self, content: Tensor, styles: list[Tensor], shares: list[float], alpha: float) -> Tensor:
        to_relu4_1 = self.encoder[:31]
        features = to_relu4_1(content)
        mixed = sum(w * textbook_adain(features, to_relu4_1(s)) for w, s in zip(shares, styles, strict=True))
        return self.decoder(alpha * mixed + (1 - alpha) * features).clamp(0, 1)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Random weights in files of exactly the published layout."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(5)
        encoder, decoder = textbook_encoder(), textbook_decoder()
        for module in [*encoder, *decoder]:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.uniform_(module.bias, -0.1, 0.1)
        decoder[-1].weight.mul_(0.1)  # so that most of the picture lies within [0, 1]
        decoder[-1].bias.fill_(0.5)
    folder = tmp_path_factory.mktemp("release")
    torch.save(encoder.state_dict(), folder / "vgg_normalised.pth")
    torch.save(decoder.state_dict(), folder / "decoder.pth")
    return Release(encoder, decoder, folder / "vgg_normalised.pth", folder / "decoder.pth")


@pytest.fixture(scope="module")
def published(release: Release) -> VGG19Features:
    return create_extractor("vgg19-normalised", weights=release.encoder_file, device="cpu")


def assert_equal(image: Tensor, expected: Tensor) -> None:
    assert image.shape == expected.shape
    within = ((expected > 0) & (expected < 1)).float().mean()
    assert within > 0.5, "a picture that is black and white through clamping would prove nothing"
    assert (image - expected).abs().max() <= 1e-5 * expected.abs().max()


class TestAgainstTheTextbook:
    def test_the_files_have_the_published_names(self, release: Release) -> None:
        assert list(release.encoder.state_dict())[:4] == ["0.weight", "0.bias", "2.weight", "2.bias"]
        assert list(release.encoder.state_dict())[-1] == "51.bias"
        assert next(iter(release.decoder.state_dict())) == "1.weight"
        assert list(release.decoder.state_dict())[-1] == "28.bias"

    @pytest.mark.parametrize("size", [(16, 16), (24, 40), (64, 48)])
    def test_at_multiples_of_8(
        self, release: Release, published: VGG19Features, picture: Draw, size: tuple[int, int]
    ) -> None:
        content, style = picture(*size, seed=1), picture(48, 32, seed=2)
        stylizer = create_stylizer("adain", extractor=published, decoder=release.decoder_file)
        result = stylizer.stylize(content, style)
        assert_equal(result.image, release.stylize(content, [style], [1.0], 1.0))

    @pytest.mark.parametrize("alpha", [0.0, 0.3, 0.9])
    def test_alpha(self, release: Release, published: VGG19Features, picture: Draw, alpha: float) -> None:
        content, style = picture(32, 24, seed=1), picture(24, 24, seed=2)
        stylizer = create_stylizer("adain", extractor=published, decoder=release.decoder_file, alpha=alpha)
        assert_equal(stylizer.stylize(content, style).image, release.stylize(content, [style], [1.0], alpha))

    def test_style_mix(self, release: Release, published: VGG19Features, picture: Draw) -> None:
        content, styles = picture(32, 24), [picture(24, 32, seed=n) for n in (1, 2, 3)]
        stylizer = create_stylizer(
            "adain", extractor=published, decoder=release.decoder_file, style_mix=[2, 1, 1], alpha=0.8
        )
        expected = release.stylize(content, styles, [0.5, 0.25, 0.25], 0.8)
        assert_equal(stylizer.stylize(content, styles).image, expected)

    def test_a_batch(self, release: Release, published: VGG19Features, picture: Draw) -> None:
        contents, styles = picture(24, 32, batch=2), picture(32, 24, seed=9, batch=2)
        stylizer = create_stylizer("adain", extractor=published, decoder=release.decoder_file)
        assert_equal(stylizer.stylize(contents, styles).image, release.stylize(contents, [styles], [1.0], 1.0))

    def test_losses_are_the_papers(self, release: Release, published: VGG19Features, picture: Draw) -> None:
        content, style = picture(32, 24, seed=1), picture(24, 40, seed=2)
        stylizer = create_stylizer("adain", extractor=published, decoder=release.decoder_file)
        result = stylizer.stylize(content, style)

        def taps(image: Tensor) -> list[Tensor]:
            return [release.encoder[:end](image) for end in (4, 11, 18, 31)]

        with torch.no_grad():
            got, wanted = taps(result.image), taps(style)
            target = textbook_adain(taps(content)[-1], wanted[-1])
            content_loss = ((got[-1] - target) ** 2).mean().item()
            style_loss = 0.0
            for own, other in zip(got, wanted, strict=True):
                for a, b in zip(textbook_mean_std(own), textbook_mean_std(other), strict=True):
                    style_loss += ((a - b) ** 2).mean().item()
        assert result.losses["content"] == pytest.approx(content_loss, rel=1e-4)
        assert result.losses["style"] == pytest.approx(10 * style_loss, rel=1e-4)
        assert result.losses["total"] == pytest.approx(content_loss + 10 * style_loss, rel=1e-4)

    @pytest.mark.parametrize("size", [(17, 23), (30, 33)])
    def test_odd_sizes_are_kept(
        self, release: Release, published: VGG19Features, picture: Draw, size: tuple[int, int]
    ) -> None:
        stylizer = create_stylizer("adain", extractor=published, decoder=release.decoder_file)
        assert stylizer.stylize(picture(*size), picture(20, 20)).image.shape == (1, 3, *size)

    def test_inside_an_odd_size_the_padding_is_not_seen(
        self, release: Release, published: VGG19Features, picture: Draw
    ) -> None:
        content, style = picture(27, 30), picture(32, 32, seed=1)
        stylizer = create_stylizer("adain", extractor=published, decoder=release.decoder_file)
        mirrored = nn.functional.pad(content, (0, 2, 0, 5), mode="reflect")
        expected = release.stylize(mirrored, [style], [1.0], 1.0)[:, :, :27, :30]
        assert_equal(stylizer.stylize(content, style).image, expected)

    def test_a_decoder_of_another_encoder_is_refused(self, release: Release, extractor: VGG19Features) -> None:
        with pytest.raises(
            WeightsError, match=r"'pytorch-adain' was trained for the extractor 'vgg19-normalised'"
        ):
            create_stylizer("adain", extractor=extractor, decoder=release.decoder_file)

    def test_an_extractor_without_a_decoder_says_what_to_do(self) -> None:
        torchvision = VGG19Features("vgg19", widths=(4, 4, 4, 4, 4))
        with pytest.raises(WeightsError, match="There is no public decoder for the extractor 'vgg19'"):
            create_stylizer("adain", extractor=torchvision)


@pytest.fixture
def stylizer(extractor: VGG19Features, decoder: Decoder) -> AdaINStylizer:
    return AdaINStylizer(extractor, decoder=decoder)


def with_options(stylizer: AdaINStylizer, **options: Any) -> AdaINStylizer:
    return AdaINStylizer(stylizer.extractor, AdaINConfig(**options), stylizer.decoder)


class TestEncodedStyle:
    def test_gives_the_picture_that_the_style_itself_gives(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        content, style = picture(), picture(24, 24, seed=1)
        encoded = stylizer.encode_style(style)
        assert torch.equal(stylizer.stylize(content, encoded).image, stylizer.stylize(content, style).image)

    def test_holds_statistics_only(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        encoded = stylizer.encode_style(picture(40, 24))
        assert encoded.extractor == "vgg19-lite-1"
        assert list(encoded.statistics) == ["relu1_1", "relu2_1", "relu3_1", "relu4_1"]
        assert [tuple(statistics.mean.shape) for statistics in encoded.statistics.values()] == [
            (1, 16, 1, 1), (1, 32, 1, 1), (1, 64, 1, 1), (1, 128, 1, 1)
        ]  # fmt: skip
        features = stylizer.extractor(picture(40, 24), ["relu3_1"])["relu3_1"]
        mean, std, covariance = encoded.statistics["relu3_1"]
        torch.testing.assert_close((mean, std), channel_stats(features))
        assert covariance is None

    def test_can_be_saved_and_loaded(self, stylizer: AdaINStylizer, picture: Draw, tmp_path: Path) -> None:
        encoded = stylizer.encode_style(picture(seed=1, batch=2))
        path = encoded.save(tmp_path / "style.safetensors")
        assert path.stat().st_size < 10_000
        assert encoded.extractor_sha256 == stylizer.extractor.sha256
        loaded = EncodedStyle.load(str(path))
        assert loaded.extractor == encoded.extractor
        assert list(loaded.statistics) == list(encoded.statistics)
        for layer, (mean, std, _) in encoded.statistics.items():
            assert torch.equal(loaded.statistics[layer].mean, mean)
            assert torch.equal(loaded.statistics[layer].std, std)
        contents = picture(batch=2)
        first, second = (stylizer.stylize(contents, style).image for style in (encoded, loaded))
        assert torch.equal(first, second)

    def test_cannot_be_saved_into_a_folder_that_is_missing(
        self, stylizer: AdaINStylizer, picture: Draw, tmp_path: Path
    ) -> None:
        with pytest.raises(OutputError):
            stylizer.encode_style(picture()).save(tmp_path / "missing" / "style.safetensors")

    def test_of_another_extractor_is_refused(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        other = dataclasses.replace(stylizer.encode_style(picture()), extractor="vgg19")
        with pytest.raises(
            OptionError, match=r"encoded with 'vgg19', this stylizer uses 'vgg19-lite-1'; encode it again"
        ):
            stylizer.stylize(picture(), other)

    def test_that_lacks_a_layer_is_refused(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        encoded = stylizer.encode_style(picture())
        partial = {layer: pair for layer, pair in encoded.statistics.items() if layer != "relu2_1"}
        with pytest.raises(OptionError, match=r"cannot be used here: it lacks relu2_1\. Encode the style again"):
            stylizer.stylize(picture(), dataclasses.replace(encoded, statistics=partial))

    def test_batches_that_do_not_fit_are_refused(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        encoded = stylizer.encode_style(picture(batch=3))
        for contents in (1, 2):
            with pytest.raises(OptionError, match=f"it holds 3 styles for {contents} contents; give one for all"):
                stylizer.stylize(picture(batch=contents), encoded)

    def test_is_mixed_with_pictures(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        stylizer = with_options(stylizer, style_mix=(0.3, 0.7))
        first, second = picture(seed=1), picture(24, 24, seed=2)
        mixed = stylizer.stylize(picture(), [stylizer.encode_style(first), second])
        assert torch.equal(mixed.image, stylizer.stylize(picture(), [first, second]).image)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda path: None, "does not exist"),
            (lambda path: path.mkdir(), "is a folder"),
            (lambda path: path.write_bytes(b""), "it is empty"),
            (lambda path: path.write_text("<html>"), "it is an HTML page"),
            (lambda path: torch.save({"relu1_1.mean": torch.zeros(1)}, path), "is no file of encoded styles"),
        ],
        ids=["missing", "folder", "empty", "page", "other"],
    )
    def test_files_of_another_kind_are_refused(
        self, tmp_path: Path, make: Callable[[Path], object], message: str
    ) -> None:
        path = tmp_path / "style.safetensors"
        make(path)
        with pytest.raises(WeightsError, match=message):
            EncodedStyle.load(path)

    def test_a_truncated_file_is_refused(self, stylizer: AdaINStylizer, picture: Draw, tmp_path: Path) -> None:
        path = stylizer.encode_style(picture()).save(tmp_path / "style.safetensors")
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(WeightsError, match="truncated or damaged"):
            EncodedStyle.load(path)

    def test_a_file_is_taken_as_style_picture_too(
        self, stylizer: AdaINStylizer, picture: Draw, tmp_path: Path
    ) -> None:
        style = save_image(picture(seed=1), tmp_path / "style.png")
        encoded = stylizer.encode_style(style)
        assert torch.equal(stylizer.stylize(picture(), encoded).image, stylizer.stylize(picture(), style).image)


class TestBatches:
    def test_equal_singles(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        contents, styles = picture(21, 34, batch=3), picture(24, 20, seed=5, batch=3)
        together = stylizer.stylize(contents, styles).image
        for i in range(3):
            alone = stylizer.stylize(contents[i : i + 1], styles[i : i + 1]).image
            torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-4, atol=1e-5)

    def test_one_style_for_all(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        contents, style = picture(24, 24, batch=2), picture(seed=5)
        together = stylizer.stylize(contents, style).image
        torch.testing.assert_close(together[1:], stylizer.stylize(contents[1:], style).image, rtol=1e-4, atol=1e-5)

    def test_one_style_for_all_mixed_with_one_for_each(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        contents, common, own = picture(24, 24, batch=2), picture(seed=5), picture(seed=6, batch=2)
        together = stylizer.stylize(contents, [common, own]).image
        alone = stylizer.stylize(contents[1:], [common, own[1:]]).image
        torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-5)


class TestOptions:
    def test_alpha_moves_from_the_reconstruction_to_the_style(
        self, stylizer: AdaINStylizer, picture: Draw
    ) -> None:
        content, style = picture(), picture(seed=1)
        features = stylizer.extractor(content, stylizer.decoder.taps)
        with torch.no_grad():
            own = statistics_of_layers(features)
            reconstruction = stylizer.decoder(features, describe_change(own, own)).clamp(0, 1)
        images = [with_options(stylizer, alpha=a).stylize(content, style).image for a in (0, 0.5, 1)]
        torch.testing.assert_close(images[0], reconstruction)
        distances = [(image - images[2]).abs().mean().item() for image in images]
        assert distances[0] > distances[1] > distances[2] == 0

    def test_without_measuring_there_are_no_losses(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        plain, quick = stylizer, with_options(stylizer, measure=False)
        result = quick.stylize(picture(), picture(seed=1))
        assert result.losses == {}
        assert torch.equal(result.image, plain.stylize(picture(), picture(seed=1)).image)

    def test_numpy_numbers_become_plain(self) -> None:
        config = AdaINConfig(alpha=np.float32(0.5), style_mix=np.array([1, 2]))
        assert (config.alpha, config.style_mix) == (0.5, (1.0, 2.0))
        assert type(config.alpha) is float

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"alpha": 1.1}, r"^alpha must be in \[0, 1\], got 1\.1\.$"),
            ({"alpha": -0.1}, r"^alpha must be in \[0, 1\], got -0\.1\.$"),
            ({"alpha": float("nan")}, r"^alpha must be in \[0, 1\], got nan\.$"),
            ({"alpha": True}, r"^alpha must be a number in \[0, 1\], got True\.$"),
            ({"alpha": "0.5"}, r"^alpha must be a number in \[0, 1\], got '0\.5'\.$"),
            ({"passes": 0}, r"^passes must be a whole number of at least 1 and at most 8, got 0\.$"),
            ({"passes": 9}, r"^passes must be a whole number of at least 1 and at most 8, got 9\.$"),
            ({"passes": 1.5}, r"^passes must be a whole number of at least 1 and at most 8, got 1\.5\.$"),
            ({"measure": 1}, r"^measure must be True or False, got 1\.$"),
            ({"style_mix": [1, -1]}, r"^Each number of style_mix must be above 0, got -1\.$"),
            ({"style_mix": "1:2"}, r"^style_mix must be a list with one number per style"),
        ],
    )
    def test_bad_values_are_refused(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(OptionError, match=message):
            AdaINConfig(**options)

    def test_unknown_options_are_refused(self, extractor: VGG19Features, decoder: Decoder) -> None:
        message = r"Method 'adain' has no option 'aplha'\. Did you mean \"alpha\"\?"
        with pytest.raises(OptionError, match=message):
            create_stylizer("adain", extractor=extractor, decoder=decoder, aplha=1)

    def test_an_extractor_that_ends_too_early_is_refused_by_name(self, decoder: Decoder, picture: Draw) -> None:
        shallow = VGG19Features("vgg19-lite-1", widths=(16, 32, 64, 128, 128), last="conv3_1")
        with pytest.raises(OptionError, match="'relu4_1' is deeper than this network"):
            AdaINStylizer(shallow, decoder=decoder).stylize(picture(), picture())


class TestPasses:
    def test_one_is_encode_align_decode(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        content, style = picture(), picture(seed=1)
        statistics = stylizer.encode_style(style).statistics
        features = stylizer.extractor(content, stylizer.decoder.taps)
        with torch.no_grad():
            change = describe_change(statistics_of_layers(features), statistics)
            expected = stylizer.decoder(align_features(features, statistics), change).clamp(0, 1)
        assert torch.equal(with_options(stylizer, passes=1).stylize(content, style).image, expected)

    def test_two_go_on_from_the_result_of_one(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        content, style = picture(), picture(seed=1)
        once = with_options(stylizer, passes=1)
        twice = once.stylize(once.stylize(content, style).image, style).image
        image = with_options(stylizer, passes=2).stylize(content, style).image
        torch.testing.assert_close(image, twice)
        assert not torch.equal(image, once.stylize(content, style).image)

    def test_the_decoder_has_a_number_of_its_own(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        assert stylizer.config.passes is None
        assert stylizer.decoder.spec.passes == 2
        images = [
            own.stylize(picture(), picture(seed=1)).image for own in (stylizer, with_options(stylizer, passes=2))
        ]
        assert torch.equal(*images)

    def test_no_strength_reconstructs_after_any_number(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        images = [
            with_options(stylizer, passes=n, alpha=0).stylize(picture(), picture(seed=1)).image for n in (1, 2, 3)
        ]
        torch.testing.assert_close(images[1], images[0])
        torch.testing.assert_close(images[2], images[0])


class TestModulation:
    @pytest.fixture
    def told(self, stylizer: AdaINStylizer, monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
        """What the decoder was told of the change, pass by pass."""
        real, told = stylizer.decoder.changes, list[Tensor]()

        def changes(change: Tensor) -> Any:
            told.append(change)
            return real(change)

        monkeypatch.setattr(stylizer.decoder, "changes", changes)
        return told

    def test_each_pass_is_told_its_own_change(
        self, stylizer: AdaINStylizer, told: list[Tensor], picture: Draw
    ) -> None:
        content, style = picture(), picture(seed=1)
        wanted = stylizer.encode_style(style).statistics
        stylizer.stylize(content, style)
        assert len(told) == 2
        before = stylizer.extractor(content, stylizer.decoder.taps)
        torch.testing.assert_close(told[0], describe_change(statistics_of_layers(before), wanted))
        assert not torch.equal(told[0], told[1])

    @pytest.mark.parametrize("passes", [1, 2])
    def test_no_strength_is_no_change(
        self, stylizer: AdaINStylizer, told: list[Tensor], picture: Draw, passes: int
    ) -> None:
        content = picture()
        with_options(stylizer, passes=passes, alpha=0).stylize(content, picture(seed=1))
        own = statistics_of_layers(stylizer.extractor(content, stylizer.decoder.taps))
        torch.testing.assert_close(told[-1], describe_change(own, own), atol=1e-5, rtol=1e-4)

    def test_it_makes_a_difference(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        image = stylizer.stylize(picture(), picture(seed=1)).image
        silent = copy.deepcopy(stylizer.decoder)
        assert silent.modulation is not None
        nn.init.zeros_(silent.modulation.out.weight)
        other = AdaINStylizer(stylizer.extractor, decoder=silent).stylize(picture(), picture(seed=1)).image
        assert (image - other).abs().max() > 1e-3


class TestParts:
    def test_no_gradient_is_kept_even_with_a_trainable_decoder(
        self, extractor: VGG19Features, picture: Draw
    ) -> None:
        result = AdaINStylizer(extractor, decoder=Decoder(LITE)).stylize(picture(), picture())
        assert not result.image.requires_grad

    def test_on_step_gets_a_copy(self, stylizer: AdaINStylizer, picture: Draw) -> None:
        result = stylizer.stylize(picture(), picture(), on_step=lambda step: step.image.zero_())
        assert result.image.abs().max() > 0

    def test_pad_to_multiple(self, picture: Draw) -> None:
        small = picture(17, 24)
        padded = pad_to_multiple(small, 8)
        assert padded.shape == (1, 3, 24, 24)
        assert torch.equal(padded[:, :, :17], small)
        assert torch.equal(padded[:, :, 17:], small[:, :, 9:16].flip(2))
        assert pad_to_multiple(padded, 8) is padded

    def test_align_features_and_mix_statistics(self) -> None:
        x = {"relu1_1": torch.randn(2, 3, 5, 5)}
        styles = [statistics_of_layers({"relu1_1": n * torch.randn(1, 3, 6, 6) + n}) for n in (1, 2)]
        mixed = mix_statistics(styles, (0.25, 0.75))
        expected = sum(
            share * align_features(x, style)["relu1_1"] for share, style in zip((0.25, 0.75), styles, strict=True)
        )
        torch.testing.assert_close(align_features(x, mixed)["relu1_1"], expected)


class TestCovariance:
    """Decoders that want the channels' covariance aligned."""

    @pytest.fixture
    def covariant(self, stylizer: AdaINStylizer) -> AdaINStylizer:
        """The same numbers, for a decoder of that alignment."""
        decoder = copy.deepcopy(stylizer.decoder)
        assert isinstance(decoder, Decoder)
        decoder.spec = dataclasses.replace(decoder.spec, alignment="covariance")
        return AdaINStylizer(stylizer.extractor, stylizer.config, decoder)

    def test_targets_have_the_styles_covariance(self, covariant: AdaINStylizer, picture: Draw) -> None:
        style = covariant.encode_style(picture(64, 64, seed=1))
        features = covariant.extractor(picture(64, 80), covariant.decoder.taps)
        transform = covariant.transform
        measured = transform.merge([transform.measure(features, dict.fromkeys(features))])
        targets = transform.fit(measured, style)(features)
        for layer, target in targets.items():
            wanted = style.statistics[layer].covariance  # type: ignore[attr-defined]
            got = covariance_stats(target)[2]
            assert (got - wanted).abs().max() < 0.05 * wanted.abs().max(), layer

    def test_another_picture_than_by_channels_and_one_can_choose(
        self, covariant: AdaINStylizer, stylizer: AdaINStylizer, picture: Draw
    ) -> None:
        content, style = picture(), picture(seed=1)
        by_channels = stylizer.stylize(content, style).image
        assert (covariant.stylize(content, style).image - by_channels).abs().mean() > 1e-3
        chosen = AdaINStylizer(covariant.extractor, AdaINConfig(alignment="channels"), covariant.decoder)
        assert torch.equal(chosen.stylize(content, style).image, by_channels)
        with pytest.raises(OptionError, match="alignment"):
            AdaINConfig(alignment="colors")

    def test_stacked_styles_keep_what_all_of_them_have(
        self, covariant: AdaINStylizer, stylizer: AdaINStylizer, picture: Draw
    ) -> None:
        first, second = (covariant.encode_style(picture(seed=seed)) for seed in (1, 2))
        both = type(first).stacked([first, second])
        alone = torch.cat([covariant.stylize(picture(), style).image for style in (first, second)])
        image = covariant.stylize(picture().repeat(2, 1, 1, 1), both).image
        torch.testing.assert_close(image, alone, rtol=0, atol=1e-5)
        plain = stylizer.encode_style(picture(seed=2))
        with pytest.raises(OptionError, match="it lacks the covariance of relu1_1"):
            covariant.stylize(picture().repeat(2, 1, 1, 1), EncodedStyle.stacked([first, plain]))  # type: ignore[list-item]

    def test_encoded_styles_keep_it(self, covariant: AdaINStylizer, picture: Draw, tmp_path: Path) -> None:
        content, style = picture(batch=2), picture(seed=1, batch=2)
        path = covariant.encode_style(style).save(tmp_path / "style.safetensors")
        assert path.stat().st_size < 200_000
        image = covariant.stylize(content, EncodedStyle.load(path)).image
        assert torch.equal(image, covariant.stylize(content, style).image)

    def test_encoded_styles_without_it_are_refused(
        self, covariant: AdaINStylizer, stylizer: AdaINStylizer, picture: Draw
    ) -> None:
        with pytest.raises(OptionError, match=r"it lacks the covariance of relu1_1.*Encode the style again"):
            covariant.stylize(picture(), stylizer.encode_style(picture(seed=1)))

    def test_one_of_another_shape_is_refused(
        self, covariant: AdaINStylizer, picture: Draw, tmp_path: Path
    ) -> None:
        encoded = covariant.encode_style(picture())
        assert isinstance(encoded, EncodedStyle)
        statistics = dict(encoded.statistics)
        layer = statistics["relu2_1"]
        assert layer.covariance is not None
        statistics["relu2_1"] = layer._replace(covariance=layer.covariance[:, 1:])
        path = dataclasses.replace(encoded, statistics=statistics).save(tmp_path / "style.safetensors")
        with pytest.raises(WeightsError, match="the covariance of relu2_1 is damaged"):
            EncodedStyle.load(path)

    def test_one_style_twice_is_that_style(self, covariant: AdaINStylizer, picture: Draw) -> None:
        content, style = picture(), picture(seed=1)
        twice = covariant.stylize(content, [style, style]).image
        torch.testing.assert_close(twice, covariant.stylize(content, style).image, rtol=1e-3, atol=1e-4)

    def test_a_white_mask_is_no_mask(self, covariant: AdaINStylizer, picture: Draw) -> None:
        content, style = picture(32, 48), picture(seed=1)
        masked = covariant.stylize(content, style, masks=[torch.ones(1, 1, 32, 48)]).image
        torch.testing.assert_close(masked, covariant.stylize(content, style).image, rtol=1e-3, atol=1e-4)

    def test_alpha_zero_reconstructs(self, covariant: AdaINStylizer, picture: Draw) -> None:
        content = picture()
        first, second = (with_options(covariant, alpha=0).stylize(content, picture(seed=n)).image for n in (1, 2))
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)

    def test_a_content_in_its_own_style_is_reconstructed(self, covariant: AdaINStylizer, picture: Draw) -> None:
        content = picture(32, 40)
        once = with_options(covariant, passes=1)
        own = with_options(covariant, passes=1, alpha=0).stylize(content, content).image
        torch.testing.assert_close(once.stylize(content, content).image, own, rtol=1e-3, atol=1e-3)


class TestMeasuringApartFromRendering:
    """What needs the whole picture is measured once; parts of it are then painted like the whole."""

    def test_a_part_with_the_wholes_measurements_is_painted_like_the_whole(self, picture: Draw) -> None:
        stylizer = create_stylizer("adain", device="cpu")
        assert isinstance(stylizer, AdaINStylizer)
        content = load_image(samples.draw("harbour", long_edge=256))
        night = stylizer.encode_style(samples.draw("night", long_edge=128))
        painted = Painted(region=Region(styles=()), style=night)
        with torch.no_grad():
            measured = stylizer.measure(content, painted)
            _, whole = stylizer.transfer(content, painted)
            columns = content.shape[3] // 16 * 8
            _, part = stylizer.transfer(content[:, :, :, :columns], painted, measured=measured)
            _, alone = stylizer.transfer(content[:, :, :, :columns], painted)
        inner = columns - 96  # farther from the cut than one position of any layer sees
        assert len(measured) == 2
        torch.testing.assert_close(part[..., :inner], whole[..., :inner], rtol=0, atol=1e-4)
        assert (alone[..., :inner] - whole[..., :inner]).abs().max() > 1e-2
