from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from styletransfer.features.layers import LAYERS


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three usable pictures, one of them in a folder of its own."""
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for number, (name, height, width) in enumerate(
        [("a.png", 80, 96), ("b.jpg", 120, 70), ("more/c.PNG", 64, 64)]
    ):
        small = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(folder / name)
    return folder


@pytest.fixture
def oxford_file(tmp_path: Path) -> Path:
    """Random leading convolutions under torchvision's names."""
    tensors: dict[str, Tensor] = {}
    channels = 3
    for layer in LAYERS[: [layer.conv for layer in LAYERS].index("conv3_1") + 1]:
        width = (64, 128, 256, 512, 512)[layer.block - 1]
        scale = (2 / (9 * channels)) ** 0.5 / (100 if channels == 3 else 1)
        tensors[f"features.{layer.torchvision_index}.weight"] = scale * torch.randn(width, channels, 3, 3)
        tensors[f"features.{layer.torchvision_index}.bias"] = 0.1 * torch.randn(width)
        channels = width
    save_file(tensors, tmp_path / "oxford.safetensors")
    return tmp_path / "oxford.safetensors"


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    """A random network of 6 channels with a colour map, and heads to 10 channels from block 3 on."""
    tensors = {"conv0.weight": torch.randn(3, 3, 1, 1), "conv0.bias": torch.randn(3)}
    channels, width, full = 3, 6, 10
    for layer in LAYERS[: [layer.conv for layer in LAYERS].index("conv5_1") + 1]:
        name = f"conv{layer.block}{layer.number}"
        tensors[f"{name}.weight"] = (2 / (9 * channels)) ** 0.5 * torch.randn(width, channels, 3, 3)
        tensors[f"{name}.bias"] = 0.1 * torch.rand(width)
        if layer.block >= 3:
            tensors[f"{name}_aux.weight"] = torch.randn(full, width, 1, 1)
            tensors[f"{name}_aux.bias"] = torch.randn(full)
        channels = width
    save_file(tensors, tmp_path / "small.safetensors")
    return tmp_path / "small.safetensors"
