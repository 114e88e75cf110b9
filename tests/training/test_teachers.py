from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

from styletransfer.training.teachers import OXFORD_MEAN, LossNetwork, SmallTeacher, load_oxford


def test_oxford_takes_0_to_255_minus_its_mean(oxford_file: Path) -> None:
    network = load_oxford(oxford_file)
    assert network.available[-1] == "relu3_1"
    images = torch.rand(2, 3, 20, 24)
    first = network.convs["conv1_1"]
    shifted = 255 * images - torch.tensor(OXFORD_MEAN).view(1, 3, 1, 1)
    expected = F.conv2d(F.pad(shifted, (1, 1, 1, 1), mode="reflect"), first.weight, first.bias)
    torch.testing.assert_close(network(images, ["conv1_1"])["conv1_1"], expected, rtol=1e-4, atol=1e-3)


def test_small_teacher_predicts_through_its_heads(small_file: Path) -> None:
    teacher = SmallTeacher(small_file)
    images = torch.rand(1, 3, 32, 32)
    taps = teacher(images, ["relu2_1", "relu4_1"])
    assert taps["relu2_1"].shape == (1, 6, 16, 16)  # no head
    assert taps["relu4_1"].shape == (1, 10, 4, 4)
    assert taps["relu4_1"].min() >= 0
    narrow = teacher.network(images, ["relu4_1"])["relu4_1"]
    tensors = teacher._heads["relu4_1"]
    torch.testing.assert_close(taps["relu4_1"], F.relu(F.conv2d(narrow, *tensors)))


def test_the_loss_network_joins_both(oxford_file: Path, small_file: Path) -> None:
    network = LossNetwork(load_oxford(oxford_file), SmallTeacher(small_file))
    taps = network(torch.rand(1, 3, 32, 32))
    assert tuple(taps) == network.taps == ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    assert [x.shape[1] for x in taps.values()] == [64, 128, 256, 10]
