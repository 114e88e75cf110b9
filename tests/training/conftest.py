"""Small pictures, files of random weights, the smallest task there is, and runs of a few steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

import styletransfer
from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import LAYERS
from styletransfer.training.data.crops import CropBatch, Crops, CropSettings
from styletransfer.training.data.folder import PictureFolder
from styletransfer.training.engine.config import RunConfig
from styletransfer.training.engine.loop import Trainer
from styletransfer.training.engine.processes import World
from styletransfer.training.engine.task import Losses, Task

CPU = torch.device("cpu")
#: Options of the smallest training.
TINY = {"batch_size": 2, "size": 32, "short_edge": 64, "precision": "float32", "device": "cpu", "num_workers": 0}


@pytest.fixture(autouse=True)
def _all_on_one_thread(one_thread: None) -> None:
    """Train on one thread."""


def paint(path: Path, seed: int, height: int = 80, width: int = 96) -> None:
    """Write a picture of soft coloured blobs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three usable pictures, one of them in a folder of its own."""
    folder = tmp_path / "pictures"
    for number, (name, height, width) in enumerate(
        [("a.png", 80, 96), ("b.jpg", 120, 70), ("more/c.PNG", 64, 64)]
    ):
        paint(folder / name, number, height, width)
    return folder


@pytest.fixture
def paintings(tmp_path: Path) -> Path:
    """A folder with two other pictures."""
    for number in range(2):
        paint(tmp_path / "paintings" / f"{number}.png", 10 + number)
    return tmp_path / "paintings"


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


class ToyTask(Task):
    """Learns a picture's mean colour: one parameter, and whatever goes wrong on demand."""

    kind = "toy"

    def __init__(self, folder: Path) -> None:
        self.module = nn.Conv2d(3, 1, 1)
        with torch.no_grad():
            self.module.weight.fill_(0.5)
            self.module.bias.fill_(0.1)
        self.sources = (Crops(PictureFolder(folder), CropSettings(size=32), seed=0),)
        self.bands: dict[str, Any] = {}
        self.scale: Callable[[int], float] = lambda step: 1.0
        self.before: Callable[[int], object] = lambda step: None
        self.observed: list[Mapping[str, float]] = []

    def losses(self, batches: Sequence[CropBatch], step: int, slots: range) -> Losses:
        self.before(step)
        apart = (self.module(batches[0].pictures) - 0.3).square().mean() * self.scale(step)
        return Losses({"apart": apart}, shown={"number": torch.tensor(float(step))}, observed={"seen": apart})

    def sample(self) -> Tensor:
        return torch.zeros(3, 16, 16)

    def export(self, folder: Path, notes: Mapping[str, Any]) -> list[Path]:
        return []

    def observe(self, observed: Mapping[str, float]) -> None:
        self.observed.append(dict(observed))

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        pass


@pytest.fixture
def toy(pictures: Path, tmp_path: Path) -> Callable[..., Trainer]:
    """A function ``toy(**options)``: a trainer of a `ToyTask` in ``tmp_path / "run"``, or in `folder`."""

    def build(folder: Path | None = None, **options: Any) -> Trainer:
        own = {name: options.pop(name) for name in ("settings", "on_step", "on_warning") if name in options}
        config = RunConfig(
            **{
                "steps": 6,
                "batch_size": 4,
                "size": 32,
                "precision": "float32",
                "warmup_steps": 0,
                "num_workers": 0,
            }
            | options
        )
        folder = folder or tmp_path / "run"
        folder.mkdir(exist_ok=True)
        return Trainer(ToyTask(pictures), config, folder, World(0, 1, CPU), **own)

    return build


@pytest.fixture
def log() -> Callable[..., list[dict[str, Any]]]:
    """A function ``log(folder, event)``: the lines of a run's log, of one kind if it is named."""

    def read(folder: Path, event: str | None = None) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if event in (None, line["event"])]

    return read


@pytest.fixture
def tiny() -> dict[str, Any]:
    """Options of the smallest training; a copy."""
    return dict(TINY)


@pytest.fixture(scope="session")
def narrow() -> VGG19Features:
    """An extractor of a few channels with random weights."""
    network = VGG19Features("narrow", widths=(4, 4, 6, 8, 8), last="conv4_1")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.uniform_(module.bias, -0.1, 0.1)
    return network


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tiny: dict[str, Any]) -> Callable[..., list[str]]:
    """A function ``command("decoder", ..., **options)``: the words of a tiny `styletransfer train`.

    Processes that are started with it run this checkout's package, without a network.
    """
    monkeypatch.setenv("PYTHONPATH", str(Path(styletransfer.__file__).parents[1]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")

    def words(*given: str | Path, **options: Any) -> list[str]:
        chosen = [(f"--{k.replace('_', '-')}", str(value)) for k, value in (tiny | options).items()]
        return ["train", *map(str, given), *(word for pair in chosen for word in pair)]

    return words
