"""Decoders: the published one against a textbook network, plans with skips, and files."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from styletransfer.errors import OptionError, OutputError, WeightsError
from styletransfer.features.padding import Padding
from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.feedforward.decoder import rectified
from styletransfer.methods.feedforward.decoder_files import (
    FORMAT,
    LITE,
    PYTORCH_ADAIN,
    Decoder,
    DecoderSpec,
    load_decoder,
    save_decoder,
)
from styletransfer.weights import catalogue, store
from styletransfer.weights.catalogue import CATALOGUE, default_decoder

SMALL = DecoderSpec(
    name="small",
    encoder="vgg19-lite-1",
    taps=("relu1_1", "relu2_1"),
    channels=(4, 6),
    stages=((5,), (5, 3)),
    notes={"pictures": 7},
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STYLETRANSFER_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def textbook() -> nn.Sequential:
    """pytorch-AdaIN's decoder, from its description: 512-256, up, 256 x3, 128, up, 128, 64, up, 64, 3."""

    def convolution(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3), nn.ReLU()]

    up: list[nn.Module] = [nn.Upsample(scale_factor=2, mode="nearest")]
    modules = convolution(512, 256) + up
    modules += [m for _ in range(3) for m in convolution(256, 256)]
    modules += convolution(256, 128) + up + convolution(128, 128) + convolution(128, 64) + up
    modules += convolution(64, 64) + convolution(64, 3)[:-1]
    return nn.Sequential(*modules)


def no_change(spec: DecoderSpec) -> Tensor:
    return torch.zeros(1, 4 * sum(spec.channels))


@pytest.fixture(scope="module")
def network() -> nn.Sequential:
    torch.manual_seed(0)
    return textbook().requires_grad_(False)


@pytest.fixture
def decoder_pth(tmp_path: Path, network: nn.Sequential) -> Path:
    path = tmp_path / "decoder.pth"
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=False)
    return path


def random_features(spec: DecoderSpec, height: int, width: int, *, ceil: bool = False) -> dict[str, Tensor]:
    features = {}
    for tap, channels in zip(spec.taps, spec.channels, strict=True):
        h, w = height, width
        for _ in range(int(tap[4]) - 1):
            h, w = ((h + 1) // 2, (w + 1) // 2) if ceil else (h // 2, w // 2)
        features[tap] = torch.rand(1, channels, h, w)
    return features


def test_the_textbook_has_the_published_names(network: nn.Sequential) -> None:
    indices = ["1", "5", "8", "11", "14", "18", "21", "25", "28"]
    assert list(network.state_dict()) == [f"{i}.{part}" for i in indices for part in ("weight", "bias")]


def test_pytorch_adain_agrees_with_the_textbook(decoder_pth: Path, network: nn.Sequential) -> None:
    decoder = load_decoder(decoder_pth, encoder="vgg19-normalised", device="cpu")
    features = torch.rand(2, 512, 3, 5)
    wanted = network(features)
    got = decoder({"relu4_1": features})
    assert got.shape == (2, 3, 24, 40)
    assert ((got - wanted).abs().max() / wanted.abs().max()).item() < 1e-5
    assert (got < 0).any()  # not clamped, and no ReLU at the end
    assert decoder.spec == PYTORCH_ADAIN


def test_skips_are_added_after_the_upsampling() -> None:
    decoder = Decoder(SMALL).double()
    features = {tap: x.double() for tap, x in random_features(SMALL, 6, 8).items()}
    first, (second, third) = decoder.stages[0][0], decoder.stages[1]  # type: ignore[index]

    def convolved(convolution: nn.Conv2d, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), convolution.weight, convolution.bias)

    x = convolved(first, features["relu2_1"]).relu()
    x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    skip = decoder.skips["relu1_1"]
    x = x + torch.einsum("oc,bchw->bohw", skip.weight[:, :, 0, 0], features["relu1_1"]) + skip.bias.view(-1, 1, 1)
    torch.testing.assert_close(decoder(features), convolved(third, convolved(second, x).relu()))


def test_new_blocks_and_a_new_modulation_change_nothing_and_learn() -> None:
    """Else a finished decoder could not be given them and be trained on."""
    decoder, deeper = Decoder(SMALL), Decoder(dataclasses.replace(SMALL, blocks=(2, 1), modulation=7))
    missing, unexpected = deeper.load_state_dict(decoder.state_dict(), strict=False)
    assert not unexpected
    assert len(missing) == (3 * 2 + 2) * 2  # weights and biases: two layers a block, two of the modulation
    features, change = random_features(SMALL, 10, 13), torch.rand(1, 40)
    torch.testing.assert_close(deeper(features, change), decoder(features))
    deeper(features, change).square().sum().backward()
    for stage in deeper.blocks:
        for block in stage:  # type: ignore[attr-defined]
            assert block.second.weight.grad.any()
    assert deeper.modulation is not None
    assert deeper.modulation.out.weight.grad is not None
    assert deeper.modulation.out.weight.grad.any()


def test_a_modulation_scales_and_shifts_each_convolution_but_the_last() -> None:
    decoder = Decoder(dataclasses.replace(SMALL, blocks=(0, 1), modulation=3)).double()
    modulation = decoder.modulation
    assert modulation is not None
    assert modulation.widths == (5, 5, 5, 5)  # 5; block 5, 5; 5, 3
    nn.init.normal_(modulation.out.weight)
    nn.init.normal_(decoder.blocks[1][0].second.weight)  # type: ignore[index]
    change = torch.randn(1, 40, dtype=torch.double)
    plain = Decoder(dataclasses.replace(SMALL, blocks=(0, 1))).double()
    plain.load_state_dict({k: v for k, v in decoder.state_dict().items() if not k.startswith("modulation.")})
    block = plain.blocks[1][0]  # type: ignore[index]
    modulated = (plain.stages[0][0], block.first, block.second, plain.stages[1][0])  # type: ignore[index]
    with torch.no_grad():  # the same, worked into the weights
        for convolution, (scale, shift) in zip(modulated, modulation(change), strict=True):
            convolution.weight *= scale.view(-1, 1, 1, 1)
            convolution.bias.copy_(convolution.bias * scale.flatten() + shift.flatten())
        features = {tap: x.double() for tap, x in random_features(SMALL, 6, 8).items()}
        torch.testing.assert_close(decoder(features, change), plain(features))


@pytest.mark.parametrize(("slope", "learns"), [(0.0, False), (0.2, True)])
def test_with_a_slope_silent_channels_learn(slope: float, learns: bool) -> None:
    decoder = Decoder(dataclasses.replace(SMALL, slope=slope, blocks=(1,)))
    first = decoder.stages[0][0]  # type: ignore[index]
    nn.init.constant_(first.bias, -1e3)  # silent for every picture
    features = random_features(SMALL, 6, 8)
    decoder(features).square().sum().backward()
    assert first.weight.grad.any() == learns
    inner = torch.tensor([-2.0, 3.0])
    assert rectified(inner, slope).tolist() == pytest.approx([-2 * slope, 3.0])


def test_a_modulation_needs_the_change() -> None:
    with pytest.raises(OptionError, match=r"'small' is conditioned .* give it describe_change"):
        Decoder(dataclasses.replace(SMALL, modulation=3))(random_features(SMALL, 6, 8))


@pytest.mark.parametrize("padding", ["reflect", "zeros"])
def test_blocks_come_before_a_stages_convolutions(padding: Padding) -> None:
    spec = dataclasses.replace(SMALL, blocks=(1,), padding=padding)
    decoder = Decoder(spec).double()
    block = decoder.blocks[0][0]  # type: ignore[index]
    nn.init.normal_(block.second.weight)
    features = {tap: x.double() for tap, x in random_features(SMALL, 6, 8).items()}

    def convolved(convolution: nn.Conv2d, x: Tensor) -> Tensor:
        padded = F.pad(x, (1, 1, 1, 1), mode="reflect" if padding == "reflect" else "constant")
        return F.conv2d(padded, convolution.weight, convolution.bias)

    x = features["relu2_1"]
    changed = x + convolved(block.second, convolved(block.first, x).relu())
    plain = Decoder(dataclasses.replace(spec, blocks=())).double()
    plain.load_state_dict({k: v for k, v in decoder.state_dict().items() if not k.startswith("blocks.")})
    torch.testing.assert_close(decoder(features), plain({**features, "relu2_1": changed}))


@pytest.mark.parametrize("ceil", [False, True])
@torch.no_grad()
def test_lite_returns_exactly_the_picture_size(ceil: bool) -> None:
    decoder = Decoder(LITE)
    for height in range(16, 41):
        features = random_features(LITE, height, 56 - height, ceil=ceil)
        assert decoder(features, no_change(LITE)).shape == (1, 3, height, 56 - height)


@given(
    blocks=st.sets(st.integers(1, 4), min_size=1),
    widths=st.lists(st.integers(1, 5), min_size=4, max_size=4),
    size=st.tuples(st.integers(16, 40), st.integers(16, 40)),
    ceil=st.booleans(),
)
@settings(deadline=None, max_examples=30)
def test_any_plan_decodes_any_size(blocks: set[int], widths: list[int], size: tuple[int, int], ceil: bool) -> None:
    depth = max(blocks)
    spec = DecoderSpec(
        name="plan",
        encoder="x",
        taps=tuple(f"relu{block}_1" for block in sorted(blocks)),
        channels=tuple(widths[: len(blocks)]),
        stages=(*((width, width + 1) for width in widths[: depth - 1]), (3,)),
        upsampling="bilinear",
    )
    features = random_features(spec, *size, ceil=ceil)
    images = Decoder(spec)(features)
    scale = 2 ** (min(blocks) - 1)
    assert images.shape[2:] == tuple(side * scale for side in features[spec.taps[0]].shape[2:])
    assert torch.isfinite(images).all()


def test_odd_sides_are_repeated_or_cut_at_the_far_end() -> None:
    decoder = Decoder(SMALL).requires_grad_(False)
    for short, long in ((2, 5), (3, 5)):  # pooling without and with ceil mode
        features = {"relu1_1": torch.zeros(1, 4, long, 6), "relu2_1": torch.rand(1, 6, short, 3)}
        seen: list[Tensor] = []
        handle = decoder.stages[1][0].register_forward_pre_hook(lambda _, x, seen=seen: seen.append(x[0]))  # type: ignore[index]
        decoder(features)
        handle.remove()
        fitted = seen[0][:, :, 1:-1, 1:-1] - decoder.skips["relu1_1"].bias.view(1, -1, 1, 1)
        coarse = decoder.stages[0][0](F.pad(features["relu2_1"], (1, 1, 1, 1), mode="reflect")).relu()  # type: ignore[index]
        rows = [0, 0, 1, 1, min(2, short - 1)]
        torch.testing.assert_close(fitted, coarse[:, :, rows].repeat_interleave(2, 3))


def test_features_that_do_not_fit() -> None:
    decoder = Decoder(SMALL)
    with pytest.raises(OptionError, match="The decoder 'small' needs the features of relu1_1 too"):
        decoder({"relu2_1": torch.rand(1, 6, 4, 4)})
    with pytest.raises(OptionError, match="features of relu1_1 are 11x8, but the deeper ones lead to 8x8"):
        decoder({"relu2_1": torch.rand(1, 6, 4, 4), "relu1_1": torch.rand(1, 4, 11, 8)})


def test_trainable_as_constructed_and_frozen_as_loaded(tmp_path: Path) -> None:
    decoder = Decoder(SMALL)
    decoder(random_features(SMALL, 8, 8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in decoder.parameters())
    loaded = load_decoder(save_decoder(decoder, tmp_path / "a.safetensors"), encoder="vgg19-lite-1", device="cpu")
    assert not any(p.requires_grad for p in loaded.parameters())
    assert not loaded.training


def test_starts_near_mid_grey() -> None:
    torch.manual_seed(0)
    decoder = Decoder(LITE)
    features = {tap: torch.zeros_like(x) for tap, x in random_features(LITE, 32, 32).items()}
    images = decoder(features, no_change(LITE))
    assert 0 < images.mean().item() < 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"taps": ("relu2_1", "relu1_1")}, "from shallow to deep, once each"),
        ({"taps": ("relu1_1", "relu2_9")}, r"Unknown layer 'relu2_9'"),
        ({"channels": (4,)}, r"channels for each tap, got 1 for 2 taps"),
        ({"stages": ((3,),)}, r"of 'relu2_1' has 2 stages of at least one convolution"),
        ({"stages": ((), (3,))}, r"of at least one convolution, got \(\(\), \(3,\)\)"),
        ({"stages": ((5,), (4,))}, r"end with 3 \(RGB\)"),
        ({"blocks": (1, 1, 1)}, r"residual blocks for at most 2 stages, got \(1, 1, 1\)"),
        ({"blocks": (-1,)}, r"must be a whole number of at least 0 and at most 32, got -1"),
        ({"stages": ((5,) * 33, (3,))}, r"convolutions of a stage must be .* at most 32, got 33"),
        ({"stages": ((5000,), (3,))}, r"Each width of a decoder must be .* at most 4096, got 5000"),
        ({"channels": (4, 0)}, r"Each width of a decoder must be .* at least 1 .* got 0"),
        ({"modulation": -1}, r"modulation must be a whole number of at least 0 and at most 4096, got -1"),
        ({"slope": -0.1}, r"slope must be .* got -0\.1"),
        ({"padding": "same"}, r"Unknown padding 'same'"),
        ({"passes": 0}, r"passes must be a whole number of at least 1 and at most 8, got 0"),
        ({"passes": 9}, r"passes must be a whole number of at least 1 and at most 8, got 9"),
        ({"upsampling": "nearst"}, r'Unknown upsampling \'nearst\'\. Did you mean "nearest"'),
    ],
)
def test_plans_that_make_no_sense(change: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        dataclasses.replace(SMALL, **change)  # type: ignore[arg-type]


def test_a_file_brings_everything_back(tmp_path: Path) -> None:
    decoder = Decoder(SMALL)
    path = save_decoder(decoder, tmp_path / "own.safetensors", {"steps": 12, "losses": [1.0, 0.5]})
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == FORMAT == "styletransfer-decoder-1"
    assert json.loads(metadata["spec"])["stages"] == [[5], [5, 3]]
    loaded = load_decoder(str(path), encoder="vgg19-lite-1", device="cpu")
    assert loaded.spec == SMALL
    assert loaded.spec.notes == {"pictures": 7, "steps": 12, "losses": [1.0, 0.5]}
    features = random_features(SMALL, 10, 13)
    assert torch.equal(loaded(features), decoder(features))


def test_a_file_brings_its_passes_blocks_modulation_and_slope_back(tmp_path: Path) -> None:
    spec = dataclasses.replace(SMALL, passes=3, blocks=(2,), modulation=4, slope=0.1)
    path = save_decoder(Decoder(spec), tmp_path / "own.safetensors")
    assert load_decoder(path, encoder="vgg19-lite-1", device="cpu").spec == spec


def test_older_files_know_of_one_pass_and_no_blocks_modulation_or_slope(tmp_path: Path) -> None:
    path = save_decoder(Decoder(SMALL), tmp_path / "own.safetensors")
    spec = dataclasses.asdict(SMALL)
    for name in ("passes", "blocks", "modulation", "slope"):
        del spec[name]
    save_file(load_file(path), path, {"format": FORMAT, "spec": json.dumps(spec)})
    assert load_decoder(path, encoder="vgg19-lite-1", device="cpu").spec == SMALL


def test_half_precision_halves_the_file(tmp_path: Path) -> None:
    decoder = Decoder(SMALL)
    path = save_decoder(decoder.half(), tmp_path / "own.safetensors")
    assert {x.dtype for x in load_file(path).values()} == {torch.float16}
    assert next(load_decoder(path, encoder="vgg19-lite-1", device="cpu").parameters()).dtype == torch.float32


def test_saving_where_one_cannot(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"does not exist"):
        save_decoder(Decoder(SMALL), tmp_path / "none" / "own.safetensors")


def test_loading_draws_no_random_numbers(tmp_path: Path) -> None:
    path = save_decoder(Decoder(SMALL), tmp_path / "own.safetensors")
    state = torch.get_rng_state()
    load_decoder(path, encoder="vgg19-lite-1", device="cpu")
    assert torch.equal(torch.get_rng_state(), state)


def test_a_decoder_object_is_taken_as_it_is() -> None:
    decoder = Decoder(SMALL)
    assert load_decoder(decoder, encoder="vgg19-lite-1", device="cpu") is decoder
    with pytest.raises(WeightsError, match="'small' was trained for the extractor 'vgg19-lite-1'"):
        load_decoder(decoder, encoder="vgg19", device="cpu")


class TestHash:
    """A decoder belongs to an extractor's numbers, not only to its name."""

    @pytest.fixture
    def bound(self, extractor: VGG19Features, tmp_path: Path) -> Path:
        """A decoder's file that names the extractor's hash."""
        return save_decoder(
            Decoder(dataclasses.replace(SMALL, encoder_sha256=extractor.sha256)), tmp_path / "bound.safetensors"
        )

    def test_the_same_numbers_are_welcome(self, bound: Path, extractor: VGG19Features) -> None:
        spec = load_decoder(bound, encoder=copy.deepcopy(extractor), device="cpu").spec
        assert spec.encoder_sha256 == extractor.sha256

    def test_other_numbers_of_the_same_name_are_refused(self, bound: Path, extractor: VGG19Features) -> None:
        later = copy.deepcopy(extractor)
        later.color_bias += 0.1
        message = r"an earlier or other extractor of the name 'vgg19-lite-1': that one's SHA-256 begins with "
        for source in (bound, load_decoder(bound, encoder=extractor, device="cpu")):
            with pytest.raises(WeightsError, match=message + str(extractor.sha256)[:8]):
                load_decoder(source, encoder=later, device="cpu")

    def test_rounded_numbers_cannot_be_compared(self, bound: Path, extractor: VGG19Features) -> None:
        assert load_decoder(bound, encoder=copy.deepcopy(extractor).half(), device="cpu").spec.name == "small"

    def test_old_files_for_vgg19_lite_belong_to_vgg19_lite_1(self, tmp_path: Path) -> None:
        path = save_decoder(Decoder(dataclasses.replace(SMALL, encoder="vgg19-lite")), tmp_path / "a.safetensors")
        assert load_decoder(path, encoder="vgg19-lite-1", device="cpu").spec.encoder == "vgg19-lite-1"
        with pytest.raises(WeightsError, match="trained for the extractor 'vgg19-lite-1'"):
            load_decoder(path, encoder="vgg19-lite", device="cpu")

    @pytest.mark.parametrize("hash_", [5, ["a"], {}])
    def test_a_hash_that_is_no_text_is_refused(self, hash_: Any) -> None:
        with pytest.raises(OptionError, match="encoder_sha256 must be a text"):
            dataclasses.replace(SMALL, encoder_sha256=hash_)


def test_default_decoders() -> None:
    assert default_decoder("vgg19-lite-1") == "lite"
    assert default_decoder("vgg19-normalised") == "pytorch-adain"
    message = (
        r"no public decoder for the extractor 'vgg19'\. "
        r"Use the extractor 'vgg19-lite-1' or 'vgg19-normalised', or train a decoder .styletransfer train decoder"
    )
    for name in ("lite", "fast", "pytorch-adain"):
        with pytest.raises(WeightsError, match=message):
            load_decoder(name, encoder="vgg19")
    with pytest.raises(WeightsError, match=message):
        default_decoder("vgg19")


def test_another_encoder_is_refused_before_anything_is_fetched(decoder_pth: Path, cache: Path) -> None:
    message = (
        r"'pytorch-adain' was trained for the extractor 'vgg19-normalised' and cannot decode features of "
        r"'vgg19-lite-1'\. Use extractor='vgg19-normalised', or a decoder for 'vgg19-lite-1'"
    )
    for source in ("pytorch-adain", decoder_pth):
        with pytest.raises(WeightsError, match=message):
            load_decoder(source, encoder="vgg19-lite-1")
    assert not cache.exists()


def test_a_trained_decoder_for_vgg19_is_welcome(tmp_path: Path) -> None:
    decoder = Decoder(dataclasses.replace(SMALL, encoder="vgg19"))
    path = save_decoder(decoder, tmp_path / "own.safetensors")
    assert load_decoder(path, encoder="vgg19", device="cpu").spec.encoder == "vgg19"


def test_pytorch_adain_by_name(
    decoder_pth: Path, network: nn.Sequential, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = dataclasses.replace(CATALOGUE["pytorch-adain"], sha256=store.sha256_of(decoder_pth))
    monkeypatch.setattr(catalogue, "CATALOGUE", {**CATALOGUE, file.name: file})
    cache.mkdir()
    decoder_pth.rename(cache / "decoder.pth")
    decoder = load_decoder("pytorch-adain", encoder="vgg19-normalised", device="cpu")
    features = torch.rand(1, 512, 2, 2)
    torch.testing.assert_close(decoder({"relu4_1": features}), network(features))


def test_lite_is_embedded() -> None:
    decoder = load_decoder("lite", encoder="vgg19-lite-1", device="cpu")
    assert decoder.spec.encoder == "vgg19-lite-1"
    assert decoder.spec.notes
    assert decoder(random_features(decoder.spec, 33, 40), no_change(decoder.spec)).shape == (1, 3, 33, 40)


def refused(source: str | Path, message: str) -> None:
    with pytest.raises((WeightsError, OptionError), match=message):
        load_decoder(source, encoder="vgg19-lite-1", device="cpu")


def test_files_that_are_no_decoder(tmp_path: Path, network: nn.Sequential) -> None:
    refused("light", r'Unknown decoder \'light\'\. Did you mean "lite"\?')
    refused("none.safetensors", r'The weight file "none\.safetensors" does not exist')
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"<!doctype html>")
    refused(path, "it is an HTML page")
    save_file({"color.weight": torch.zeros(3)}, path)
    refused(path, r"is not a decoder: neither .* It looks like a file of 'vgg19-lite-1'")
    torch.save({**network.state_dict(), "14.weight": torch.zeros(1)}, path)
    refused(path, r"14\.weight has shape \(1,\), 'pytorch-adain' wants \(128, 256, 3, 3\)")
    torch.save({**network.state_dict(), "14.bias": torch.full((128,), float("nan"))}, path)
    refused(path, r"14\.bias holds NaN or infinite numbers")


def test_damaged_files_of_our_own(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_decoder(Decoder(SMALL), path)
    tensors = load_file(path)
    spec = json.dumps({**dataclasses.asdict(SMALL)})
    save_file(
        {k: x for k, x in tensors.items() if k != "skips.relu1_1.bias"},
        path,
        {"format": FORMAT, "spec": spec},
    )
    refused(path, r"has no tensor 'skips\.relu1_1\.bias', so it is not a file of 'small'")
    for damaged in (
        "",
        "[]",
        "{}",
        spec.replace("stages", "stage"),
        spec.replace("relu2_1", "relu9_1"),
        spec.replace('"passes": 1', '"passes": 0'),
        spec.replace('"blocks": []', '"blocks": ["a"]'),
    ):
        save_file(tensors, path, {"format": FORMAT, "spec": damaged})
        refused(path, "the description of the decoder in its metadata is damaged")


def test_neither_the_default_dtype_nor_inference_mode_matters(tmp_path: Path) -> None:
    path = save_decoder(Decoder(SMALL), tmp_path / "own.safetensors")
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode():
            decoder = load_decoder(path, encoder="vgg19-lite-1", device="cpu")
    finally:
        torch.set_default_dtype(torch.float32)
    assert {x.dtype for x in decoder.parameters()} == {torch.float32}
    assert not any(x.is_inference() for x in decoder.parameters())
    features = {k: x.requires_grad_() for k, x in random_features(SMALL, 6, 8).items()}
    decoder(features).sum().backward()
    assert features["relu2_1"].grad is not None
