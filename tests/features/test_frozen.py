"""Convolutions of which only the input's gradient is wanted, and Winograd's, against torch's own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from styletransfer.features import winograd
from styletransfer.features.frozen import convolution
from styletransfer.features.low_rank import LowRankConv2d
from styletransfer.features.padding import pad_by_one, unpad_by_one
from styletransfer.features.vgg import VGG19Features


def made(kind: str) -> nn.Module:
    torch.manual_seed(0)
    conv = {
        "plain": lambda: nn.Conv2d(5, 7, 3),
        "low rank": lambda: LowRankConv2d(5, 7, 3, 4),
        "no reduction": lambda: LowRankConv2d(5, 7, 5, 4),
        "no expansion": lambda: LowRankConv2d(5, 7, 3, 7),
    }[kind]()
    nn.init.normal_(conv.get_parameter("bias"))
    return conv.requires_grad_(False).double()


def core(conv: nn.Module) -> Tensor:
    return conv.core.weight if isinstance(conv, LowRankConv2d) else conv.get_parameter("weight")


def plain(x: Tensor, conv: nn.Module, padding: str) -> Tensor:
    """As torch differentiates it."""
    return conv(x, padding) if isinstance(conv, LowRankConv2d) else conv(pad_by_one(x, padding))


@given(
    kind=st.sampled_from(["plain", "low rank", "no reduction", "no expansion"]),
    size=st.tuples(st.integers(1, 11), st.integers(1, 11)),
    padding=st.sampled_from(["reflect", "zeros"]),
    relu=st.booleans(),
    fast=st.booleans(),
)
def test_values_and_gradients_are_torchs(
    kind: str, size: tuple[int, int], padding: str, relu: bool, fast: bool
) -> None:
    conv, x = made(kind), torch.randn(1, 5, *size, dtype=torch.float64).requires_grad_()
    wanted = plain(x, conv, padding)
    wanted = wanted.relu() if relu else wanted
    kernel = winograd.spectrum(core(conv)) if fast else None
    result = convolution(x, conv, padding, relu=relu, kernel=kernel)
    torch.testing.assert_close(result, wanted)
    outside = torch.randn_like(wanted)
    torch.testing.assert_close(
        torch.autograd.grad(result, x, outside)[0], torch.autograd.grad(wanted, x, outside)[0]
    )


def test_nothing_but_the_result_is_kept() -> None:
    kept: list[Tensor] = []
    x = torch.randn(1, 5, 8, 8, dtype=torch.float64).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda held: held):
        result = convolution(x, made("plain"), "reflect", relu=True)
    assert [tensor.data_ptr() for tensor in kept] == [result.data_ptr()]


def test_several_pictures_take_the_direct_way() -> None:
    conv, x = made("plain"), torch.randn(2, 5, 6, 6, dtype=torch.float64)
    kernel = winograd.spectrum(core(conv))
    assert torch.equal(convolution(x, conv, "zeros", relu=False, kernel=kernel), plain(x, conv, "zeros"))


@given(size=st.tuples(st.integers(1, 5), st.integers(1, 5)), padding=st.sampled_from(["reflect", "zeros"]))
def test_unpadding_is_the_gradient_of_padding(size: tuple[int, int], padding: str) -> None:
    x = torch.randn(2, 3, *size, dtype=torch.float64).requires_grad_()
    padded = pad_by_one(x, padding)
    outside = torch.randn_like(padded)
    (wanted,) = torch.autograd.grad(padded, x, outside)
    torch.testing.assert_close(unpad_by_one(outside.clone(), padding), wanted)


def test_large_pictures_are_worked_on_in_bands() -> None:
    conv = nn.Conv2d(3, 2, 3, bias=False).requires_grad_(False).double()
    x = torch.randn(1, 3, 71, 90, dtype=torch.float64)
    kernel = winograd.spectrum(conv.weight)
    assert len(winograd._bands(18, 22)) > 1
    torch.testing.assert_close(winograd.convolve(x, kernel), conv(x))


class TestHastened:
    def network(self) -> VGG19Features:
        torch.manual_seed(0)
        network = VGG19Features("wide", widths=(8, 16, 64, 128, 80), last="conv5_1")
        for conv in network.convs.values():
            nn.init.kaiming_normal_(conv.get_parameter("weight"))
        return network

    def test_features_are_the_same_but_for_rounding(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
        network, picture = self.network(), torch.rand(1, 3, 259, 271)
        fast = network.hastened()
        for layer, x in fast(picture, ["relu3_1", "relu4_4", "relu5_1"]).items():
            wanted = network(picture, [layer])[layer]
            assert (x - wanted).norm() < 2e-5 * wanted.norm()
            assert torch.equal(x, wanted) is (layer == "relu3_1")
        assert network._kernels is None
        assert fast._kernels is not None
        used = {name for name, kernel in fast._kernels.items() if kernel is not None}
        assert used == {"conv4_1", "conv4_2", "conv4_3", "conv4_4", "conv5_1"}
        assert fast.sha256 == network.sha256

    def test_only_where_it_was_found_to_be_faster(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
        network, picture = self.network(), torch.rand(1, 3, 259, 271)
        assert torch.equal(*(each(picture, ["relu5_1"])["relu5_1"] for each in (network, network.hastened())))

    def test_another_precision_has_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
        low = self.network().hastened().cast(torch.bfloat16)
        assert low._kernels is None
        assert low(torch.rand(1, 3, 32, 32), ["relu5_1"])["relu5_1"].dtype == torch.bfloat16
