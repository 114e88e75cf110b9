"""Distil a narrow VGG-19 from wider or published ones.

The student's layers are mapped by linear 1x1 heads onto the teachers' layers. A head is linear on purpose: where
``teacher = H student`` holds, so does ``Gram(teacher) = H Gram(student) H'``, and a picture whose Gram
matrices match in the student's features matches in the teacher's. The heads are dropped at the end, and every
channel that fires steadily is scaled to a mean activation of one (Gatys et al. 2016, section 2).

A narrow teacher's own layers are learnt, not what its heads predict from them: that follows from its layers, which
a linear head finds more easily than a prediction behind a ReLU.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recomputed

from styletransfer.errors import OptionError
from styletransfer.files import write_atomically
from styletransfer.layers import VGG19_WIDTHS
from styletransfer.training import cards
from styletransfer.training.data.crops import CropBatch, Crops
from styletransfer.training.engine.task import Band, Losses, Task
from styletransfer.training.extractor.config import ExtractorConfig
from styletransfer.training.extractor.regression import Regression
from styletransfer.training.extractor.student import Student
from styletransfer.training.statistics import statistics_of
from styletransfer.training.teachers import Teacher
from styletransfer.weights.formats import trained_metadata

#: Where the student is compared if a teacher has the layer, and how much each comparison counts; the student's
#: deepest layer is always among them, and counts 1 if it isn't listed.
LAYER_WEIGHTS = {
    "relu1_1": 1.0, "relu1_2": 0.5, "relu2_1": 1.0, "relu2_2": 0.5, "relu3_1": 1.0,
    "relu3_3": 0.5, "relu4_1": 1.5, "relu4_2": 0.5, "relu4_4": 0.5, "relu5_1": 1.0,
}  # fmt: skip
#: Shallow layers are compared on a grid of about so many rows and columns; every position would tell little more.
_COMPARED = 32
#: When the student is written, crops of each folder that unit means are measured over, that heads are fitted to,
#: that they are judged on; and how many at a time.
_SCALED_OVER, _FITTED_OVER, _JUDGED_OVER, _AT_A_TIME = 256, 96, 32, 8
_DULL = Band(0.95, "The student learns nothing here: check the teacher's file, or lower the learning rate.")


class Head(nn.Module):
    """Predicts a teacher's layer from the student's, with that layer's centre and scale.

    Activations of the Oxford network reach hundreds; a head that starts near zero would take thousands of steps to
    get there. One scale for all channels keeps the weight that each has in a Gram matrix. The head starts where a
    ridge regression puts it: a random one would first drive a good student away from what it knows.

    Args:
        features: The student's layer of some pictures, (B, C, h, w).
        sample: The teacher's of the same, (B, D, h, w).
    """

    def __init__(self, features: Tensor, sample: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", sample.mean(dim=(0, 2, 3), keepdim=True))
        self.register_buffer("deviation", (sample - self.mean).square().mean().sqrt())
        self.conv = nn.Conv2d(features.shape[1], sample.shape[1], 1)
        regression = Regression(features.shape[1], sample.shape[1])
        regression.add(features, (sample - self.mean) / self.deviation)
        weight, bias = regression.solve()
        self.conv.load_state_dict({"weight": weight[:, :, None, None], "bias": bias})

    mean: Tensor
    deviation: Tensor

    def losses(self, features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean squared error over the layer's variance, and the Gram matrices' over the teacher's own.

        The first is 1 where the guess is no better than the mean.
        """
        apart = _apart(target)
        guess = self.conv(features[:, :, ::apart, ::apart]).float()
        wanted = (target[:, :, ::apart, ::apart].float() - self.mean) / self.deviation
        now, goal = statistics_of(guess), statistics_of(wanted)
        gram = now.gram_gap(goal) / goal.gram.square().sum((1, 2)).clamp_min(1e-8)
        return F.mse_loss(guess, wanted), gram.mean()


class ExtractorTask(Task):
    """Holds student, heads and teachers of a distillation.

    Raises:
        OptionError: No teacher has the student's deepest layer.
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
        gradient_checkpointing: bool = False,
    ) -> None:
        self.sources = sources
        self.config = config
        self.device = device
        self.gradient_checkpointing = gradient_checkpointing
        self.teachers = [teacher.to(device) for teacher in teachers]
        self.plan = _plan(student, teachers)
        probe = torch.cat([source.batch(0, range(8)).pictures for source in sources]).to(device)
        with torch.no_grad():
            known = student.to(device)(probe)
        heads = nn.ModuleDict()
        for teacher, layers in zip(self.teachers, self.plan, strict=True):
            for layer, sample in self._taught(teacher, layers, probe).items():
                heads[layer] = Head(known[layer], sample.float())
        self.heads = heads
        self.student = student
        self.module = nn.ModuleDict({"student": student, "heads": heads}).to(device)
        self.bands = {layer: _DULL for layers in self.plan for layer in layers}

    def losses(self, batches: Sequence[CropBatch], step: int, slots: range) -> Losses:
        """Return the losses of one part of a step."""
        images = torch.cat([batch.pictures for batch in batches]).to(self.device)
        features: dict[str, Tensor] = (
            recomputed(self.student, images, use_reentrant=False)
            if self.gradient_checkpointing
            else self.student(images)
        )
        terms: dict[str, Tensor] = {}
        shown: dict[str, Tensor] = {}
        for teacher, layers in zip(self.teachers, self.plan, strict=True):
            for layer, target in self._taught(teacher, layers, images).items():
                error, gram = cast(Head, self.heads[layer]).losses(features[layer], target)
                terms[f"weighted {layer}"] = LAYER_WEIGHTS.get(layer, 1.0) * (
                    error + self.config.gram_weight * gram
                )
                shown |= {layer: error, f"gram {layer}": gram}
        return Losses(terms, shown=shown)

    @torch.no_grad()
    def sample(self) -> Tensor:
        """Return pictures beside the energy of the student's deepest layers, (3, H, W) in [0, 1]."""
        rows = []
        for picture in self.sources[0].batch(0, range(3)).pictures:
            maps = [picture[None]]
            for layer, x in self.student(picture[None].to(self.device)).items():
                if layer.endswith("_1"):
                    energy = x.float().square().mean(1, keepdim=True).sqrt()
                    energy = energy / energy.amax().clamp_min(1e-8)
                    maps.append(F.interpolate(energy, picture.shape[1:]).expand(-1, 3, -1, -1).cpu())
            rows.append(torch.cat(maps, dim=3))
        return torch.cat(rows, dim=2)[0].clamp(0, 1)

    def export(self, folder: Path, notes: Mapping[str, Any]) -> list[Path]:
        """Write ``extractor.safetensors`` (fp16), named after its width and content, and its model card."""
        notes = {**notes, "unexplained": self.unexplained()}
        scaled = copy.deepcopy(self.student)
        scaled.scale_to_unit_means(self._pictures(range(_SCALED_OVER)))
        stored = {name: x.half().cpu().contiguous() for name, x in scaled.tensors().items()}
        digest = hashlib.sha256(b"".join(x.numpy().tobytes() for x in stored.values())).hexdigest()[:8]
        name = f"vgg19-x{self.student.widths[0] / VGG19_WIDTHS[0]:g}-{digest}"
        metadata = trained_metadata(name, self.student.widths, self.student.last, notes)
        whole = save(stored, metadata=metadata)
        path = write_atomically(folder / "extractor.safetensors", lambda file: file.write(whole))
        what = (
            f"VGG-19's topology to {self.student.last}, {', '.join(map(str, self.student.widths))} channels. RGB "
            "in [0, 1] in; ImageNet mean and deviation, reflection padding, max pooling inside; every channel has "
            "a mean activation of about one."
        )
        return [path, cards.write(folder / "extractor.md", name, what, notes)]

    @torch.no_grad()
    def unexplained(self) -> dict[str, float]:
        """Return for each layer taught the share of its variance that the best linear head leaves unexplained.

        The heads are fitted again, and judged on other crops; none of the crops was trained on, the pictures were.
        1 is a student that knows nothing of the layer.
        """
        fitted = self._regressions(range(_FITTED_OVER))
        judged = self._regressions(range(_FITTED_OVER, _FITTED_OVER + _JUDGED_OVER))
        return {layer: judged[layer].unexplained(*fitted[layer].solve()) for layer in fitted}

    def _regressions(self, slots: range) -> dict[str, Regression]:
        """Return each layer's regression on the student's, over the probing step's crops."""
        found: dict[str, Regression] = {}
        for images in self._pictures(slots):
            known = self.student(images)
            for teacher, layers in zip(self.teachers, self.plan, strict=True):
                for layer, target in self._taught(teacher, layers, images).items():
                    sums = found.setdefault(layer, Regression(known[layer].shape[1], target.shape[1]))
                    apart = _apart(target)
                    sums.add(known[layer][:, :, ::apart, ::apart], target[:, :, ::apart, ::apart])
        return found

    def _pictures(self, slots: range) -> Iterator[Tensor]:
        """Yield the probing step's crops, of all folders, in parts."""
        for part in (slots[i : i + _AT_A_TIME] for i in range(0, len(slots), _AT_A_TIME)):
            yield torch.cat([source.batch(0, part).pictures for source in self.sources]).to(self.device)

    @staticmethod
    @torch.no_grad()
    def _taught(teacher: Teacher, layers: Sequence[str], images: Tensor) -> dict[str, Tensor]:
        return teacher.network(images, layers) if layers else {}


def _apart(target: Tensor) -> int:
    """Return the grid's step: a 1x1 convolution is as well judged on a grid as on all positions, and sooner."""
    return max(1, min(target.shape[2:]) // _COMPARED)


def _plan(student: Student, teachers: Sequence[Teacher]) -> list[list[str]]:
    """Give each layer to one teacher."""
    plan: list[list[str]] = [[] for _ in teachers]
    reached = [layer.relu for layer in student.layers]
    for layer in (layer for layer in reached if layer in LAYER_WEIGHTS or layer == reached[-1]):
        owners = [n for n, teacher in enumerate(teachers) if layer in teacher.network.available]
        if owners:
            plan[next((n for n in owners if teachers[n].exact), owners[0])].append(layer)
        elif layer == reached[-1]:
            deepest = max(teacher.deepest for teacher in teachers)
            raise OptionError(
                f"The student reaches {student.last}, where no teacher can teach it anything: the deepest layer "
                f"of any is {deepest}. Give a deeper teacher, or --last {deepest.replace('relu', 'conv')}."
            )
    return plan
