"""Several processes at one training: who am I, and means over all. Started by ``torchrun``; alone otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from styletransfer.errors import OptionError
from styletransfer.features.vgg import pick_device


@dataclass(frozen=True)
class World:
    """This process among all that train together.

    Attributes:
        rank: Its number, from 0; process 0 writes what is written.
        size: How many there are.
        device: Where it works.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes checkpoints, logs and samples."""
        return self.rank == 0

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over all processes; one exchange for all of them."""
        listed = list(tensors)
        if self.size == 1 or not listed:
            return
        flat = torch.cat([tensor.detach().reshape(-1).float() for tensor in listed])
        dist.all_reduce(flat)
        flat /= self.size
        start = 0
        for tensor in listed:
            tensor.copy_(flat[start : start + tensor.numel()].view_as(tensor))
            start += tensor.numel()

    def agree(self, wanted: bool) -> bool:
        """Return whether any process wants it: one that was told to stop stops all."""
        if self.size == 1:
            return wanted
        votes = torch.tensor([float(wanted)], device=self.device)
        dist.all_reduce(votes)
        return bool(votes.item() > 0)


def join(device: str | None = None) -> World:
    """Join the processes that ``torchrun`` started, or stand alone.

    Args:
        device: ``"cpu"``, ``"cuda"`` or ``"mps"``; the best there is if None. Under ``torchrun`` each process
            takes the CUDA device of its local rank. Gloo carries the sums on CPUs, NCCL on CUDA.

    Raises:
        OptionError: A device that is not there, or fewer CUDA devices than processes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World(0, 1, pick_device(device))
    if "RANK" not in os.environ:
        raise OptionError(
            f"WORLD_SIZE is {size}, but RANK is not set. Start several processes with torchrun, or unset "
            "WORLD_SIZE."
        )
    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    picked = pick_device(device)
    if picked.type == "cuda":
        if local >= torch.cuda.device_count():
            raise OptionError(
                f"torchrun started process {local} here, but there are only {torch.cuda.device_count()} CUDA "
                "device(s). Lower --nproc-per-node, or give --device cpu."
            )
        picked = torch.device("cuda", local)
        torch.cuda.set_device(picked)
    elif picked.type == "mps":
        raise OptionError(
            'Several processes cannot share the device "mps"; give --device cpu, or use one process.'
        )
    if not dist.is_initialized():
        dist.init_process_group("nccl" if picked.type == "cuda" else "gloo", timeout=timedelta(minutes=30))
    return World(rank, size, picked)


def leave() -> None:
    """Leave the group of processes, if there was one."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
