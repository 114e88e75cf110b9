"""Distil a narrow VGG-19 from wider or published ones.

The student's taps are mapped by linear 1x1 heads onto the teachers' taps. A head is linear on purpose: where
``teacher = H student`` holds, so does ``Gram(teacher) = H Gram(student) H'``, and a picture whose Gram
matrices match in the student's features matches in the teacher's. The heads are dropped at the end, and every
channel is scaled to a mean activation of one (Gatys et al. 2016, section 2).

A narrow teacher's own taps are learnt, not what its heads make of them: whatever they predict can be had from its
taps, and a linear head finds those more easily than a prediction behind a ReLU.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recomputed

from styletransfer.errors import OptionError
from styletransfer.features.formats import IMAGENET_MEAN, IMAGENET_STD, trained_metadata
from styletransfer.features.layers import LAYERS, VGG19_WIDTHS
from styletransfer.features.vgg import VGG19Features, pad_by_one
from styletransfer.images import write_atomically
from styletransfer.training import cards
from styletransfer.training.config import ExtractorConfig
from styletransfer.training.crops import CropBatch, Crops
from styletransfer.training.statistics import statistics_of
from styletransfer.training.task import Band, Losses, Task
from styletransfer.training.teachers import Teacher

#: Where the student is compared if a teacher has the tap, and how much each comparison counts; the student's
#: deepest tap is always among them, and counts 1 if it isn't listed.
TAP_WEIGHTS = {
    "relu1_1": 1.0, "relu1_2": 0.5, "relu2_1": 1.0, "relu2_2": 0.5, "relu3_1": 1.0,
    "relu3_3": 0.5, "relu4_1": 1.5, "relu4_2": 0.5, "relu4_4": 0.5, "relu5_1": 1.0,
}  # fmt: skip
#: Shallow taps are compared on a grid of about so many rows and columns; every position would tell little more.
_COMPARED = 32
#: Penalty on a head's first weights, in shares of a channel's mean square.
_RIDGE = 1e-3
#: Pictures that unit means are measured over when the student is written.
_SCALED_OVER = 32
_DULL = Band(0.95, "The student learns nothing here: check the teacher's file, or lower the learning rate.")


class Student(nn.Module):
    """A trainable VGG-19 of any width; `VGG19Features` is frozen and stays so.

    Args:
        widths: Channels of the five blocks.
        last: Deepest convolution.
    """

    def __init__(self, widths: tuple[int, ...], last: str = "conv5_1") -> None:
        super().__init__()
        self.widths = widths
        self.last = last
        self.layers = LAYERS[: [layer.conv for layer in LAYERS].index(last) + 1]
        self.convs = nn.ModuleDict()
        channels = 3
        for layer in self.layers:
            conv = nn.Conv2d(channels, widths[layer.block - 1], 3)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.constant_(conv.bias, 0.05)  # type: ignore[arg-type]
            self.convs[layer.conv] = conv
            channels = widths[layer.block - 1]
        std = torch.tensor(IMAGENET_STD)
        self.register_buffer("color_matrix", torch.diag(1 / std).view(3, 3, 1, 1))
        self.register_buffer("color_bias", -torch.tensor(IMAGENET_MEAN) / std)
        self.to(memory_format=torch.channels_last)

    color_matrix: Tensor
    color_bias: Tensor

    @classmethod
    def of(cls, extractor: VGG19Features) -> Student:
        """Return a trainable copy of an extractor."""
        student = cls(extractor.widths, extractor.available[-1].replace("relu", "conv"))
        student.convs.load_state_dict(extractor.convs.state_dict())
        student.color_matrix.copy_(extractor.color_matrix)
        student.color_bias.copy_(extractor.color_bias)
        return student

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return every ReLU tap."""
        taps = {}
        x = images.contiguous(memory_format=torch.channels_last)
        x = F.conv2d(x, self.color_matrix, self.color_bias)
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


class Head(nn.Module):
    """Predicts a teacher's tap from the student's, with the tap's centre and scale.

    Activations of the Oxford network reach hundreds; a head that starts near zero would take thousands of steps to
    get there. One scale for all channels keeps the weight that each has in a Gram matrix. The head starts where a
    ridge regression puts it: a random one would first drive a good student away from what it knows.

    Args:
        features: The student's tap of some pictures, (B, C, h, w).
        sample: The teacher's of the same, (B, D, h, w).
    """

    def __init__(self, features: Tensor, sample: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", sample.mean(dim=(0, 2, 3), keepdim=True))
        self.register_buffer("deviation", (sample - self.mean).square().mean().sqrt())
        self.conv = nn.Conv2d(features.shape[1], sample.shape[1], 1)
        weight, bias = _regression(features, (sample - self.mean) / self.deviation)
        with torch.no_grad():
            self.conv.weight.copy_(weight)
            self.conv.bias.copy_(bias)  # type: ignore[union-attr]

    mean: Tensor
    deviation: Tensor

    def losses(self, features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean squared error over the tap's variance, and the Gram matrices' over the teacher's own.

        The first is 1 where the guess is no better than the mean.
        """
        # A 1x1 convolution is as well judged on a grid of positions as on all, at a fraction of the time.
        apart = max(1, min(target.shape[2:]) // _COMPARED)
        guess = self.conv(features[:, :, ::apart, ::apart]).float()
        wanted = (target[:, :, ::apart, ::apart].float() - self.mean) / self.deviation
        now, goal = statistics_of(guess), statistics_of(wanted)
        gram = now.gram_gap(goal) / goal.gram.square().sum((1, 2)).clamp_min(1e-8)
        return F.mse_loss(guess, wanted), gram.mean()


class ExtractorTask(Task):
    """Holds student, heads and teachers of a distillation.

    Args:
        student: What is trained.
        teachers: What it learns from; each tap from the first full-width one that has it, else from the first
            narrow one.
        sources: Crops, one folder each; a step takes its batch of each.
        config: What it is trained for.
        device: Where.
        recompute: Whether activations are computed twice rather than kept.

    Raises:
        OptionError: No teacher has the student's deepest tap.
    """

    kind: ClassVar[str] = "extractor"

    def __init__(
        self,
        student: Student,
        teachers: Sequence[Teacher],
        sources: Sequence[Crops],
        config: ExtractorConfig,
        device: torch.device,
        *,
        recompute: bool = False,
    ) -> None:
        self.sources = sources
        self.config = config
        self.device = device
        self.recompute = recompute
        self.teachers = [teacher.to(device) for teacher in teachers]
        self.plan = _plan(student, teachers)
        probe = torch.cat([source.batch(0, range(8)).pictures for source in sources]).to(device)
        with torch.no_grad():
            known = student.to(device)(probe)
        heads = nn.ModuleDict()
        for teacher, taps in zip(self.teachers, self.plan, strict=True):
            for tap, sample in self._taught(teacher, taps, probe).items():
                heads[tap] = Head(known[tap], sample.float())
        self.heads = heads
        self.student = student
        self.module = nn.ModuleDict({"student": student, "heads": heads}).to(device)
        self.bands = {tap: _DULL for taps in self.plan for tap in taps}

    def losses(self, batches: Sequence[CropBatch], step: int, slots: range) -> Losses:
        """Return the losses of one part of a step."""
        images = torch.cat([batch.pictures for batch in batches]).to(self.device)
        features: dict[str, Tensor] = (
            recomputed(self.student, images, use_reentrant=False) if self.recompute else self.student(images)
        )
        terms: dict[str, Tensor] = {}
        shown: dict[str, Tensor] = {}
        for teacher, taps in zip(self.teachers, self.plan, strict=True):
            for tap, target in self._taught(teacher, taps, images).items():
                error, gram = cast(Head, self.heads[tap]).losses(features[tap], target)
                terms[f"weighted {tap}"] = TAP_WEIGHTS.get(tap, 1.0) * (error + self.config.gram_weight * gram)
                shown |= {tap: error, f"gram {tap}": gram}
        return Losses(terms, shown=shown)

    def observe(self, observed: Mapping[str, float]) -> None:
        """Nothing is carried from step to step but the weights."""

    def state(self) -> dict[str, Any]:
        """Return nothing; centres and scales of the heads are in the module."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take nothing back."""

    @torch.no_grad()
    def sample(self) -> Tensor:
        """Return pictures beside the energy of the student's deepest taps, (3, H, W) in [0, 1]."""
        rows = []
        for picture in self.sources[0].batch(0, range(3)).pictures:
            maps = [picture[None]]
            for tap, x in self.student(picture[None].to(self.device)).items():
                if tap.endswith("_1"):
                    energy = x.float().square().mean(1, keepdim=True).sqrt()
                    energy = energy / energy.amax().clamp_min(1e-8)
                    maps.append(F.interpolate(energy, picture.shape[1:]).expand(-1, 3, -1, -1).cpu())
            rows.append(torch.cat(maps, dim=3))
        return torch.cat(rows, dim=2)[0].clamp(0, 1)

    def export(self, folder: Path, notes: Mapping[str, Any]) -> list[Path]:
        """Write ``extractor.safetensors`` (fp16), named after its width and content, and its model card."""
        scaled = copy.deepcopy(self.student)
        share = max(1, _SCALED_OVER // len(self.sources))
        images = torch.cat([source.batch(0, range(share)).pictures for source in self.sources])
        scaled.scale_to_unit_means(images.to(self.device))
        stored = {name: x.half().cpu().contiguous() for name, x in scaled.tensors().items()}
        digest = hashlib.sha256(b"".join(x.numpy().tobytes() for x in stored.values())).hexdigest()[:8]
        name = f"vgg19-x{self.student.widths[0] / VGG19_WIDTHS[0]:g}-{digest}"
        metadata = trained_metadata(name, self.student.widths, self.student.last, notes)
        whole = save(stored, metadata=metadata)
        path = write_atomically(folder / "extractor.safetensors", lambda file: file.write(whole))
        card = cards.extractor(name, self.student.widths, self.student.last, notes)
        return [path, cards.write(folder / "extractor.md", card)]

    @staticmethod
    @torch.no_grad()
    def _taught(teacher: Teacher, taps: Sequence[str], images: Tensor) -> dict[str, Tensor]:
        return teacher.network(images, taps) if taps else {}


def _regression(features: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight (D, C, 1, 1) and bias (D,) of the ridge regression of (B, D, h, w) on (B, C, h, w)."""
    # In float64, and so on the CPU: MPS has none, and the channels of a network are nearly collinear.
    x, y = (values.detach().cpu().double().movedim(1, -1).flatten(0, 2) for values in (features, wanted))
    centre, target = x.mean(0), y.mean(0)
    x, y = x - centre, y - target
    square = x.T @ x
    ridge = _RIDGE * square.diagonal().mean().clamp_min(1e-12)
    solution = torch.linalg.solve(square + ridge * torch.eye(len(square), dtype=torch.float64), x.T @ y)
    return solution.T[:, :, None, None], target - centre @ solution


def student_widths(width: float) -> tuple[int, ...]:
    """Return the channels of the five blocks at a share of VGG-19's width."""
    return tuple(max(1, round(width * full)) for full in VGG19_WIDTHS)


def _plan(student: Student, teachers: Sequence[Teacher]) -> list[list[str]]:
    """Give each tap to one teacher."""
    plan: list[list[str]] = [[] for _ in teachers]
    reached = [layer.relu for layer in student.layers]
    for tap in (tap for tap in reached if tap in TAP_WEIGHTS or tap == reached[-1]):
        owners = [n for n, teacher in enumerate(teachers) if tap in teacher.network.available]
        if owners:
            plan[next((n for n in owners if teachers[n].exact), owners[0])].append(tap)
        elif tap == reached[-1]:
            deepest = max(teacher.deepest for teacher in teachers)
            raise OptionError(
                f"The student reaches {student.last}, where no teacher tells it anything: the deepest tap of any "
                f"is {deepest}. Give a deeper teacher, or --last {deepest.replace('relu', 'conv')}."
            )
    return plan
