"""Distil a narrow VGG-19 from wider or published ones.

The student's taps are mapped by linear 1x1 heads onto the teachers' taps. A head is linear on purpose: where
``teacher = H student`` holds, so does ``Gram(teacher) = H Gram(student) H'``, and a picture whose Gram
matrices match in the student's features matches in the teacher's. The heads are dropped at the end, and every
channel is scaled to a mean activation of one (Gatys et al. 2016, section 2).

    python -m styletransfer.training.distill --pictures DIR --pictures DIR --oxford FILE --small FILE -o OUT
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from styletransfer.features.layers import LAYERS, LITE_WIDTHS
from styletransfer.features.vgg import pad_by_one
from styletransfer.training.data import PictureFolder
from styletransfer.training.teachers import SmallTeacher, load_oxford

#: Where the student is compared, and how much each comparison counts.
OXFORD_TAPS = {"relu1_1": 1.0, "relu1_2": 0.5, "relu2_1": 1.0, "relu2_2": 0.5, "relu3_1": 1.0}
SMALL_TAPS = {"relu3_3": 0.5, "relu4_1": 1.5, "relu4_2": 0.5, "relu4_4": 0.5, "relu5_1": 1.0}

#: ImageNet's colour statistics; the student's own choice of normalisation.
MEAN = torch.tensor([0.485, 0.456, 0.406])
STD = torch.tensor([0.229, 0.224, 0.225])


class Student(nn.Module):
    """A trainable VGG-19 of any width; `VGG19Features` is frozen and stays so."""

    def __init__(self, widths: tuple[int, ...] = LITE_WIDTHS, last: str = "conv5_1") -> None:
        super().__init__()
        self.widths = widths
        self.layers = LAYERS[: [layer.conv for layer in LAYERS].index(last) + 1]
        self.convs = nn.ModuleDict()
        channels = 3
        for layer in self.layers:
            conv = nn.Conv2d(channels, widths[layer.block - 1], 3)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.constant_(conv.bias, 0.05)  # type: ignore[arg-type]
            self.convs[layer.conv] = conv
            channels = widths[layer.block - 1]
        self.register_buffer("color_matrix", torch.diag(1 / STD).view(3, 3, 1, 1))
        self.register_buffer("color_bias", -MEAN / STD)

    color_matrix: Tensor
    color_bias: Tensor

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return every ReLU tap."""
        taps = {}
        x = F.conv2d(images, self.color_matrix, self.color_bias)
        for layer in self.layers:
            if layer.opens_block:
                x = F.max_pool2d(x, 2)
            x = F.relu(self.convs[layer.conv](pad_by_one(x, "reflect")))
            taps[layer.relu] = x
        return taps

    @torch.no_grad()
    def scale_to_unit_means(self, images: Tensor) -> None:
        """Scale each channel to a mean activation of one over `images`, leaving the function as it is.

        ReLU, pooling and padding commute with a positive factor per channel: the next convolution undoes it.
        """
        means = {tap: x.mean(dim=(0, 2, 3)).clamp_min(1e-2) for tap, x in self(images).items()}
        before: Tensor | None = None
        for layer in self.layers:
            weight = self.get_parameter(f"convs.{layer.conv}.weight")
            if before is not None:
                weight.mul_(before.view(1, -1, 1, 1))
            before = means[layer.relu]
            weight.div_(before.view(-1, 1, 1, 1))
            self.get_parameter(f"convs.{layer.conv}.bias").div_(before)

    def tensors(self) -> dict[str, Tensor]:
        """Return the convolutions and the colour map as they are stored."""
        stored = {name: value.detach() for name, value in self.convs.state_dict().items()}
        return stored | {"color.weight": self.color_matrix, "color.bias": self.color_bias}


class Target:
    """Centre and scale of a teacher's tap: channel means, and one deviation for the whole tap.

    Activations of the Oxford network reach hundreds; a head that starts near zero would take thousands of
    steps to get there. One scale for all channels keeps the weight that each has in a Gram matrix.
    """

    def __init__(self, sample: Tensor) -> None:
        self.mean = sample.mean(dim=(0, 2, 3), keepdim=True)
        self.deviation = (sample - self.mean).square().mean().sqrt()

    def loss(self, guess: Tensor, target: Tensor) -> Tensor:
        """Mean squared error over the tap's variance: 1 is no better than guessing the mean."""
        return F.mse_loss(guess, (target - self.mean) / self.deviation)


def distill(
    folders: list[Path],
    oxford_file: Path,
    small_file: Path,
    output: Path,
    *,
    steps: int = 4000,
    batch: int = 8,
    size: int = 128,
    learning_rate: float = 2e-3,
    seed: int = 0,
    device: str = "cpu",
) -> dict[str, float]:
    """Train, scale and write the student; return the last losses (averaged over about 50 steps)."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data = [PictureFolder(folder) for folder in folders]
    oxford = load_oxford(oxford_file).to(device)
    small = SmallTeacher(small_file)
    small.network.to(device)
    small._heads = {tap: (w.to(device), b.to(device)) for tap, (w, b) in small._heads.items()}
    student = Student().to(device)
    heads = nn.ModuleDict()
    targets: dict[str, Target] = {}
    probe = torch.cat([folder.crops(16, size, generator) for folder in data]).to(device)
    for prefix, teacher, taps in (("oxford", oxford, OXFORD_TAPS), ("small", small, SMALL_TAPS)):
        with torch.no_grad():
            samples = teacher(probe, taps)
        for tap, sample in samples.items():
            targets[f"{prefix}_{tap}"] = Target(sample)
            heads[f"{prefix}_{tap}"] = nn.Conv2d(student.widths[int(tap[4]) - 1], sample.shape[1], 1)
    heads.to(device)
    for network in (oxford, small.network, student):
        network.to(memory_format=torch.channels_last)
    parameters = [*student.parameters(), *heads.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=learning_rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(1.0, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + 1e-3,
    )
    weights = {f"oxford_{tap}": weight for tap, weight in OXFORD_TAPS.items()}
    weights |= {f"small_{tap}": weight for tap, weight in SMALL_TAPS.items()}
    recent: dict[str, float] = {}
    start = time.perf_counter()
    for step in range(1, steps + 1):
        images = torch.cat([folder.crops(batch // len(data), size, generator) for folder in data]).to(device)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            # The full-width teacher costs more than all the rest, so it sees every other picture.
            wanted = {f"oxford_{tap}": x for tap, x in oxford(images[::2], OXFORD_TAPS).items()}
            wanted |= {f"small_{tap}": x for tap, x in small(images, SMALL_TAPS).items()}
        features = student(images)
        losses = {}
        for name, target in wanted.items():
            seen = features[name.split("_", 1)[1]][:: batch // target.shape[0]]
            losses[name] = targets[name].loss(heads[name](seen), target)
        total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
        optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        schedule.step()
        for name, loss in losses.items():
            recent[name] = 0.98 * recent.get(name, loss.item()) + 0.02 * loss.item()
        if step % 100 == 0 or step == 10:
            record = {"step": step, "seconds": round(time.perf_counter() - start, 1)}
            print(json.dumps(record | {k: round(v, 4) for k, v in recent.items()}), flush=True)
        if step % 1000 == 0 or step == steps:
            _write(student, data, generator, output, device)
    return recent


def _write(
    student: Student, data: list[PictureFolder], generator: torch.Generator, output: Path, device: str
) -> None:
    scaled = Student(student.widths).to(device)
    scaled.load_state_dict(student.state_dict())
    images = torch.cat([folder.crops(32, 128, generator) for folder in data]).to(device)
    scaled.scale_to_unit_means(images)
    save_file({name: value.half().cpu().contiguous() for name, value in scaled.tensors().items()}, output)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Distil vgg19-lite.")
    parser.add_argument("--pictures", type=Path, action="append", required=True, help="may be repeated")
    parser.add_argument("--oxford", type=Path, required=True, help="leading layers of the Oxford VGG-19")
    parser.add_argument("--small", type=Path, required=True, help="published narrow network with heads")
    parser.add_argument("-o", "--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    distill(
        args.pictures, args.oxford, args.small, args.output, steps=args.steps, batch=args.batch,
        size=args.size, learning_rate=args.learning_rate, seed=args.seed, device=args.device,
    )  # fmt: skip


if __name__ == "__main__":
    main()
