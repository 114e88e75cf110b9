"""How much memory a step needs and how much there is: a run that cannot fit is refused before it starts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch
from torch import Tensor

from styletransfer.errors import TrainingError
from styletransfer.memory import available, is_lack
from styletransfer.training.engine.config import RunConfig
from styletransfer.training.engine.precision import autocast
from styletransfer.training.engine.processes import World
from styletransfer.training.engine.task import Task

#: Sides of the two pictures whose difference tells what a pixel costs.
_SIDES = (32, 64)


def check(task: Task, config: RunConfig, world: World) -> None:
    """Refuse a run of which not even the activations of a step fit into memory.

    Two small pictures are put through the losses, and what autograd keeps for the way back is counted; it grows
    with the number of pixels. The true need is higher, so what passes may still fail.

    Raises:
        TrainingError: The numbers, and what would fit.
    """
    free = available(world.device)
    if free is None:
        return
    small, large = (_kept(task, side, config, world.device) for side in _SIDES)
    crop = max(large - small, 0) / (_SIDES[1] ** 2 - _SIDES[0] ** 2) * config.size**2
    share = config.batch_size // world.size // config.gradient_accumulation_steps
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if world.device.type == "cpu" else 1
    fixed = 4 * sum(p.nbytes for p in task.module.parameters())  # weights, gradients, Adam's two moments
    need = local * (fixed + share * crop)
    if need > free:
        fitting = max(0, int((free / local - fixed) / crop)) if crop else 0
        raise TrainingError(
            f"Not enough memory on {world.device}: a step needs at least {need / 1e9:.1f} GB ({share} crops of "
            f"{config.size} pixels at a time, {crop / 1e6:.0f} MB each), {free / 1e9:.1f} GB are free, enough for "
            f"{fitting} crops at a time. What may fit: {', or '.join(smaller(config, world))}."
        )


def _kept(task: Task, side: int, config: RunConfig, device: torch.device) -> int:
    """Return the bytes that autograd keeps of one picture's losses."""
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with hooks, autocast(device, config.precision):
        alive = task.probe(image.to(device))  # else the storages' addresses would be used again
    del alive
    return sum(sizes.values())


def smaller(config: RunConfig, world: World) -> list[str]:
    """Return the options that need less memory and can be given."""
    found, parts = [], config.gradient_accumulation_steps
    least = world.size * parts
    if config.batch_size // world.size % (2 * parts) == 0:
        found.append(f"the same batch in more parts (--gradient-accumulation-steps {2 * parts})")
    if config.batch_size > least:
        half = config.batch_size // 2 // least * least or least
        found.append(f"a smaller batch (--batch-size {half})")
    if config.size > 32:
        found.append(f"smaller crops (--size {max(32, config.size // 32 * 16)})")
    return [*found, *([] if config.gradient_checkpointing else ["--gradient-checkpointing"])] or [
        "another machine"
    ]


@contextlib.contextmanager
def watched(config: RunConfig, world: World) -> Iterator[None]:
    """Turn a lack of memory into advice."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_lack(error):
            raise
        raise TrainingError(
            f"Not enough memory on {world.device} for a batch of {config.batch_size} crops of {config.size} "
            f"pixels. The last checkpoint is intact. What may fit: {', or '.join(smaller(config, world))}."
        ) from error
