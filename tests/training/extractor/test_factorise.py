"""Networks of low rank from a full one: ranks for a budget, fits in closed form, and the file that comes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from styletransfer import memory
from styletransfer.errors import OptionError, TrainingError, WeightsError
from styletransfer.features import create_extractor
from styletransfer.features.low_rank import LowRankConv2d
from styletransfer.features.padding import pad_by_one
from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import VGG19_WIDTHS
from styletransfer.training import train_extractor
from styletransfer.training.extractor.factorise import Unexplained, factorise, measure, unexplained
from styletransfer.training.extractor.least_squares import Moments, fit
from styletransfer.training.extractor.ranks import choose_ranks, operations_of

LAST = "conv2_1"


@pytest.fixture
def teacher() -> VGG19Features:
    """A small network in place of VGG-19; nothing below asks for its width."""
    network = VGG19Features("small", widths=(16, 24, 8, 8, 8), last=LAST)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.uniform_(module.bias, 0, 0.1)
    return network


@pytest.fixture
def crops() -> list[Tensor]:
    smooth = nn.functional.interpolate(torch.rand(12, 3, 8, 8), (32, 32), mode="bicubic").clamp(0, 1)
    return list(smooth.split(4))


class TestRanks:
    def test_vgg19_itself_has_361_thousand_operations_a_pixel(self) -> None:
        assert operations_of(VGG19_WIDTHS, "conv5_1", {}) == pytest.approx(361.15, abs=0.01)

    def test_parts_are_counted_where_they_stand(self) -> None:
        one = 9 * 3 * 8 + 64 * 8  # a 3x3 convolution to 8 channels, and a 1x1 from there to 64
        assert operations_of(VGG19_WIDTHS, "conv1_1", {"conv1_1": (3, 8)}) == pytest.approx(one / 1000)

    @pytest.mark.parametrize("operations", [2.2, 3.2])
    def test_keep_to_the_budget(self, teacher: VGG19Features, crops: list[Tensor], operations: float) -> None:
        ranks = choose_ranks(measure(teacher, crops, LAST, 0), operations)
        assert 0.7 * operations < operations_of(teacher.widths, LAST, ranks) <= operations

    @pytest.mark.parametrize(
        ("operations", "message"),
        [
            (3.7, r"below the teacher's own 3\.6 thousand .*got 3\.7"),
            (0.1, r"at least \d\.\d thousand .*got 0\.1"),
        ],
    )
    def test_refuse_what_cannot_be(
        self, teacher: VGG19Features, crops: list[Tensor], operations: float, message: str
    ) -> None:
        with pytest.raises(OptionError, match=message):
            choose_ranks(measure(teacher, crops, LAST, 0), operations)


class TestFit:
    def test_finds_a_convolution_again(self) -> None:
        """Full ranks, and inputs that the teacher saw: the same convolution, but for 8 bits."""
        full, low = nn.Conv2d(4, 5, 3), LowRankConv2d(4, 5, 4, 5)
        moments = moments_of(full, torch.randn(4, 4, 24, 24))
        fit(low, moments)
        torch.testing.assert_close(low.core.weight, full.weight, rtol=0, atol=2e-3)
        torch.testing.assert_close(low.bias, full.bias, rtol=0, atol=5e-3)

    def test_finds_a_convolution_of_low_rank_again(self) -> None:
        product = torch.einsum("oq,qpkl,pi->oikl", torch.randn(6, 2), torch.randn(2, 3, 3, 3), torch.randn(3, 5))
        full, low = nn.Conv2d(5, 6, 3), LowRankConv2d(5, 6, 3, 2)
        full.load_state_dict({"weight": product, "bias": torch.randn(6)})
        x = torch.randn(4, 5, 24, 24)
        fit(low, moments_of(full, x))
        errors = Unexplained()
        with torch.no_grad():
            errors.add(low(x, "reflect"), full(pad_by_one(x, "reflect")))
        assert errors.share < 1e-3

    def test_without_pictures_that_tell_stays_with_the_teacher(self) -> None:
        """Black pictures tell nothing; the teacher's own weights do."""
        full, low = nn.Conv2d(4, 5, 3), LowRankConv2d(4, 5, 4, 5)
        fit(low, moments_of(full, 1e-3 * torch.randn(1, 4, 3, 3)))
        assert (low.core.weight - full.weight).norm() < 0.4 * full.weight.norm()


class TestFactorise:
    def test_of_full_rank_is_the_teacher(self, teacher: VGG19Features, crops: list[Tensor]) -> None:
        ranks = {"conv1_1": (3, 16), "conv1_2": (16, 16), "conv2_1": (16, 24)}
        student = factorise(teacher, crops, LAST, ranks, 0)
        assert max(unexplained(student, teacher, crops).values()) < 1e-3

    def test_the_error_falls_as_operations_rise(self, teacher: VGG19Features, crops: list[Tensor]) -> None:
        spectra = measure(teacher, crops, LAST, 0)
        students = [factorise(teacher, crops, LAST, choose_ranks(spectra, n), 0) for n in (2.2, 2.8, 3.5)]
        errors = [unexplained(student, teacher, crops)["relu2_1"] for student in students]
        assert errors == sorted(errors, reverse=True)
        assert errors[0] > 2 * errors[-1]

    def test_is_the_same_with_the_same_seed(self, teacher: VGG19Features, crops: list[Tensor]) -> None:
        ranks = {"conv1_1": (3, 8), "conv1_2": (8, 8), "conv2_1": (8, 8)}
        one, again = (factorise(teacher, crops, LAST, ranks, 3) for _ in range(2))
        assert one.sha256 == again.sha256

    def test_takes_the_teachers_colours(self, teacher: VGG19Features, crops: list[Tensor]) -> None:
        teacher.color_bias.copy_(torch.tensor([0.1, 0.2, 0.3]))
        student = factorise(teacher, crops, LAST, {"conv1_1": (3, 8), "conv1_2": (8, 8), "conv2_1": (8, 8)}, 0)
        assert torch.equal(student.color_bias, teacher.color_bias)


def test_unexplained_is_1_for_the_means_of_the_channels() -> None:
    wanted = torch.rand(2, 3, 5, 5)
    errors = Unexplained()
    errors.add(wanted.mean(dim=(0, 2, 3), keepdim=True).expand_as(wanted), wanted)
    assert errors.share == pytest.approx(1.0, rel=1e-5)


class TestCommand:
    @pytest.fixture
    def fitted(self, pictures: Path, oxford_file: Path, tmp_path: Path) -> Callable[..., Any]:
        """A function ``fitted(name, **options)``: a small fit to a random network of VGG-19's first layers."""

        def run(name: str = "run", **options: Any) -> Any:
            chosen = {"operations": 20.0, "crops": 16, "size": 32, "short_edge": 64, "last": LAST} | options
            teachers = chosen.pop("teachers", [oxford_file])
            return train_extractor([pictures], tmp_path / name, teachers=teachers, device="cpu", **chosen)

        return run

    def test_writes_a_file_that_can_be_used(self, fitted: Callable[..., Any]) -> None:
        outcome = fitted()
        file, card = outcome.files
        assert (outcome.finished, outcome.steps) == (True, 3)
        extractor = create_extractor(file, device="cpu")
        assert extractor.name.startswith("vgg19-low-rank-19k-")
        assert extractor.widths == (64, 128, 256, 1, 1)
        features = extractor(torch.rand(1, 3, 32, 32), ["relu2_1"])
        assert features["relu2_1"].shape == (1, 128, 16, 16)
        with safe_open(file, framework="pt") as opened:
            spec = json.loads(opened.metadata()["spec"])
            assert opened.get_tensor("conv1_2.core.weight").dtype == torch.int8
        told = card.read_text(encoding="utf-8")
        assert {conv: tuple(pair) for conv, pair in spec["ranks"].items()} == extractor.ranks
        assert f"- operations: {spec['notes']['operations']}" in told
        assert f"| conv1_2 | {extractor.ranks['conv1_2'][0]}, {extractor.ranks['conv1_2'][1]} |" in told
        assert 0 < spec["notes"]["unexplained"]["relu2_1"] < 0.5
        assert "learning_rate" not in told

    def test_is_read_as_it_was_fitted(self, fitted: Callable[..., Any], oxford_file: Path) -> None:
        """The parts were rounded to 8 bits while they were fitted; the file adds no error."""
        first, second = (create_extractor(fitted(name).files[0], device="cpu") for name in "ab")
        assert first.sha256 == second.sha256
        assert first.name == second.name

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"operations": 5}, r"operations must be .*10"),
            ({"operations": float("nan")}, r"operations must be .*nan"),
            ({"operations": 500.0}, r"below the teacher's own 57\.0 thousand"),
            ({"width": 0.5, "steps": 5}, r"without steps; steps, width would do nothing\. Leave out them"),
            ({"start": "vgg19-lite-1"}, r"nothing to start from or to resume"),
            ({"resume": True}, r"nothing to start from or to resume"),
            ({"teachers": ["vgg19-lite-1"]}, r"need a full VGG-19 .*'vgg19-lite-1' has 16, 32, 64, 128, 128 chan"),
            ({"teachers": ["vgg19-lite"]}, r"need a full VGG-19 as teacher; 'vgg19-lite' has low ranks itself"),
            ({"teachers": ["a", "b"]}, r"there is one teacher, got 2"),
            ({"last": "conv4_1"}, r"ends at conv3_1\. Give a deeper one, or --last conv3_1"),
            ({"crops": 3}, r"crops must be .*16"),
        ],
    )
    def test_refuses(
        self, options: dict[str, Any], message: str, fitted: Callable[..., Any], tmp_path: Path
    ) -> None:
        with pytest.raises(OptionError, match=message):
            fitted(**options)
        assert not (tmp_path / "run" / "extractor.safetensors").exists()

    def test_refuses_what_does_not_fit_into_memory(
        self, fitted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(memory, "available", lambda device: 10**9)
        with pytest.raises(TrainingError, match=r"the fit needs about 1\.5 GB, 1\.0 GB are free.*fewer crops"):
            fitted()

    def test_is_no_start_of_a_distillation(
        self, fitted: Callable[..., Any], pictures: Path, tmp_path: Path
    ) -> None:
        file = fitted().files[0]
        with pytest.raises(OptionError, match="has low ranks, which gradient steps do not train"):
            train_extractor([pictures], tmp_path / "more", teachers=[file], start=file, device="cpu", steps=1)


@pytest.mark.parametrize(
    ("ranks", "message"),
    [
        ([1, 2], "Its ranks must be an object"),
        ({"conv9_9": [1, 1]}, "ranks of an unknown convolution, 'conv9_9'"),
        ({"conv1_2": [65, 8]}, r"first rank of conv1_2 must be .*64"),
        ({"conv1_2": [8, 0]}, r"second rank of conv1_2 must be"),
        ({"conv1_2": [8, 10**30]}, r"second rank of conv1_2 must be"),
        ({"conv1_2": [8]}, "damaged"),
        ({"conv1_2": 8}, "damaged"),
        ({"conv1_2": ["a", 8]}, r"first rank of conv1_2 must be"),
    ],
)
def test_damaged_ranks_are_refused(ranks: Any, message: str) -> None:
    from styletransfer.weights.formats import TRAINED, trained_format

    spec = {"name": "a", "widths": list(VGG19_WIDTHS), "last": "conv5_1", "ranks": ranks}
    with pytest.raises(WeightsError, match=message):
        trained_format({"format": TRAINED, "spec": json.dumps(spec)}, "a.safetensors")


def moments_of(conv: nn.Conv2d, x: Tensor) -> Moments:
    """Return the moments of a convolution's input and answer at all positions."""
    assert conv.bias is not None
    with torch.no_grad():
        moments = Moments(conv.weight.detach(), conv.bias.detach())
        moments.add(x, conv(pad_by_one(x, "reflect")), torch.arange(x.shape[0] * x.shape[2] * x.shape[3]))
    return moments
