"""Convolutions of low rank: a full one where nothing is left out, and their place in VGG-19."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from styletransfer.errors import WeightsError
from styletransfer.features.low_rank import LowRankConv2d
from styletransfer.features.padding import pad_by_one
from styletransfer.features.vgg import VGG19Features

RANKS = {"conv1_1": (3, 2), "conv1_2": (2, 4), "conv2_1": (2, 3), "conv2_2": (6, 6)}


@pytest.fixture
def network() -> VGG19Features:
    """Two blocks of 4 and 6 channels, with random weights."""
    network = VGG19Features("low", widths=(4, 6, 6, 6, 6), last="conv2_2", ranks=RANKS)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    return network


@torch.no_grad()
@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from(["reflect", "zeros"]))
def test_ranks_of_all_channels_are_the_full_convolution(channels: int, wanted: int, padding: str) -> None:
    full, low = nn.Conv2d(channels, wanted, 3), LowRankConv2d(channels, wanted, channels, wanted)
    assert (low.reduce, low.expand) == (None, None)
    low.load_state_dict({"core.weight": full.weight, "bias": full.bias})
    x = torch.rand(2, channels, 5, 4)
    torch.testing.assert_close(low(x, padding), full(pad_by_one(x, padding)), rtol=0, atol=0)


@torch.no_grad()
@pytest.mark.parametrize("padding", ["reflect", "zeros"])
def test_is_the_product_of_its_parts(padding: str) -> None:
    low = LowRankConv2d(5, 6, 2, 3)
    nn.init.normal_(low.bias)
    first, core, last = low.reduce.weight[:, :, 0, 0], low.core.weight, low.expand.weight[:, :, 0, 0]
    product = torch.einsum("oq,qpkl,pi->oikl", last, core, first)
    x = torch.rand(1, 5, 6, 7)
    torch.testing.assert_close(low(x, padding), nn.functional.conv2d(pad_by_one(x, padding), product, low.bias))


@torch.no_grad()
def test_layers_are_divided_as_those_of_a_plain_network(network: VGG19Features) -> None:
    x, taps = torch.rand(1, 3, 16, 16), ("relu1_1", "relu1_2", "relu2_1", "relu2_2")
    before = network(x, taps)
    divisors = {"conv1_1": 2.0, "conv2_1": 5.0, "conv2_2": 0.5}
    network.divide_layers(divisors)
    for tap, features in network(x, taps).items():
        wanted = before[tap] / divisors.get(tap.replace("relu", "conv"), 1.0)
        torch.testing.assert_close(features, wanted, rtol=1e-4, atol=1e-6)


def test_a_variant_shares_the_parts(network: VGG19Features) -> None:
    other = network.variant(padding="zeros", pooling="avg")
    assert other.convs is network.convs
    assert other.ranks == RANKS
    x = torch.rand(1, 3, 16, 16)
    assert not torch.equal(other(x, ["relu2_2"])["relu2_2"], network(x, ["relu2_2"])["relu2_2"])


def test_gradients_reach_the_picture_and_no_part(network: VGG19Features) -> None:
    x = torch.rand(1, 3, 16, 16, requires_grad=True)
    network(x, ["relu2_2"])["relu2_2"].sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_a_missing_part_is_refused(network: VGG19Features) -> None:
    tensors = {name: x for name, x in network.convs.state_dict().items() if name != "conv2_1.reduce.weight"}
    colors = {"color_matrix": torch.eye(3), "color_bias": torch.zeros(3)}
    with pytest.raises(WeightsError, match=r"a\.bin has no tensor for conv2_1\.reduce\.weight"):
        network.load_convolutions(tensors, **colors, source="a.bin")


def test_the_hash_is_that_of_the_numbers(network: VGG19Features) -> None:
    before = network.sha256
    assert before is not None
    assert network.variant(padding="zeros").sha256 == before
    network.convs["conv2_1"].get_submodule("core").weight[0, 0, 0, 0] += 1e-4
    assert network.sha256 not in (None, before)
    assert network.half().sha256 is None
