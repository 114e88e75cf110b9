from __future__ import annotations

import pytest

from styletransfer.errors import OptionError
from styletransfer.layers import BY_TAP, LAYERS, TAPS, check_taps


@pytest.mark.parametrize(
    ("tap", "torchvision", "normalised"),
    [
        ("conv1_1", 0, 2),
        ("conv1_2", 2, 5),
        ("conv2_1", 5, 9),
        ("conv2_2", 7, 12),
        ("conv3_1", 10, 16),
        ("conv3_4", 16, 25),
        ("conv4_1", 19, 29),
        ("conv4_2", 21, 32),
        ("conv5_1", 28, 42),
        ("conv5_4", 34, 51),
    ],
)
def test_indices_of_the_published_networks(tap: str, torchvision: int, normalised: int) -> None:
    assert BY_TAP[tap].torchvision_index == torchvision
    assert BY_TAP[tap].normalised_index == normalised


@pytest.mark.parametrize(
    ("tap", "stride", "receptive_field"),
    # relu2_1: conv 3, conv 5, pooling 6, conv 6 + 2 * 2 = 10; and so on by hand.
    [
        ("relu1_1", 1, 3),
        ("relu1_2", 1, 5),
        ("relu2_1", 2, 10),
        ("relu3_1", 4, 24),
        ("relu4_1", 8, 68),
        ("relu5_1", 16, 156),
    ],
)
def test_strides_and_receptive_fields(tap: str, stride: int, receptive_field: int) -> None:
    assert (BY_TAP[tap].stride, BY_TAP[tap].receptive_field) == (stride, receptive_field)


def test_names_and_order() -> None:
    assert len(LAYERS) == 16
    assert TAPS[:4] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2")
    assert TAPS[-1] == "relu5_4"
    assert [layer.conv for layer in LAYERS if layer.opens_block] == [
        "conv2_1",
        "conv3_1",
        "conv4_1",
        "conv5_1",
    ]


def test_check_taps_orders_and_drops_repetitions() -> None:
    assert check_taps(["relu4_1", "conv1_2", "relu4_1"]) == ("conv1_2", "relu4_1")
    assert check_taps("relu3_1") == ("relu3_1",)


@pytest.mark.parametrize(
    ("taps", "message"),
    [
        (
            ["relu4_9"],
            r"Unknown layer 'relu4_9'\. Did you mean \"relu4_4\"\? Layers are named relu1_1 to relu5_4",
        ),
        (["relu41"], r"Unknown layer 'relu41'\. Did you mean \"relu4_1\"\?"),
        (["pool1"], r"Unknown layer 'pool1'\."),
        ([21], r"Unknown layer 21\. Layers are named"),
        ([], r"At least one layer is needed"),
    ],
)
def test_check_taps_refuses(taps: list[str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        check_taps(taps)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("block4_conv2", "relu4_2"),  # Keras, whose convolutions include the ReLU
        ("block6_conv1", None),
        ("conv_4", "conv2_2"),  # PyTorch's tutorial: the fourth of all
        ("relu_16", "relu5_4"),
        ("conv_17", None),
        ("conv_0", None),
        ("features.21", "conv4_2"),  # torchvision
        ("features.22", "relu4_2"),
        ("vgg19.features[0]", "conv1_1"),
        ("features.27", None),  # a pooling
        ("features.99", None),
        ("conv4-2", "conv4_2"),
        ("conv4_2_relu", "relu4_2"),
        ("Conv4_2", "conv4_2"),
        ("relu_4_1", "relu4_1"),
        ("rleu4_1", "relu4_1"),
        ("relu4", "relu4_1"),
        ("relu41", "relu4_1"),
        ("relu4_9", "relu4_4"),
        ("relu9_1", None),
        ("pool4", None),
        ("layer4_1", None),
        ("conv4_2_1", None),
        ("conv" + "9" * 5000, None),
        ("", None),
    ],
)
def test_a_layer_of_another_library_suggests_the_right_block_or_nothing(name: str, meant: str | None) -> None:
    with pytest.raises(OptionError, match=r"^Unknown layer ") as refused:
        check_taps([name])
    hint = f'Did you mean "{meant}"? Layers are' if meant else "'. Layers are"
    assert hint in str(refused.value)


def test_check_taps_knows_where_the_network_ends() -> None:
    with pytest.raises(OptionError, match=r"'relu5_1' is deeper than this network, which ends at 'relu4_1'"):
        check_taps(["relu5_1"], TAPS[: TAPS.index("relu4_1") + 1])


def test_no_list_of_layers() -> None:
    with pytest.raises(OptionError, match=r'a list of names, e\.g\. \["relu4_1"\], got 5'):
        check_taps(5)  # type: ignore[arg-type]


def test_a_layer_too_deep_says_the_way_out() -> None:
    with pytest.raises(OptionError, match=r"ends at 'relu1_1'\. Choose a layer up to that one, or a deeper"):
        check_taps(["relu4_1"], ["conv1_1", "relu1_1"])
