"""Several processes: the same training as one, and who says what."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from styletransfer.errors import OptionError
from styletransfer.training import train_decoder
from styletransfer.training.engine import checkpoint as checkpoints
from styletransfer.training.engine import processes
from styletransfer.training.engine.checkpoint import Checkpoint
from styletransfer.training.engine.processes import World

CPU = torch.device("cpu")
ALONE = {"preset": "lab", "batch_size": 4, "steps": 2, "autoencoder_steps": 0, "identity_every": 2, "ramp": 0}


class TestAlone:
    def test_leads_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("WORLD_SIZE", raising=False)
        world = processes.join("cpu")
        assert (world.rank, world.size, world.leads) == (0, 1, True)
        assert world.agree(True)
        assert not world.agree(False)
        x = torch.ones(3)
        world.average([x])
        assert x.tolist() == [1, 1, 1]
        processes.leave()

    def test_torchrun_may_start_a_single_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WORLD_SIZE", "1")
        assert processes.join("cpu") == World(0, 1, CPU)


class TestJoin:
    def test_half_an_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WORLD_SIZE", "4")
        monkeypatch.delenv("RANK", raising=False)
        with pytest.raises(OptionError, match="WORLD_SIZE is 4, but RANK is not set"):
            processes.join("cpu")

    def test_more_processes_than_gpus(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in (("WORLD_SIZE", "4"), ("RANK", "3"), ("LOCAL_RANK", "3")):
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(processes, "pick_device", lambda device: torch.device("cuda"))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        with pytest.raises(OptionError, match=r"process 3 here, but .* only 2 CUDA device\(s\)\. Lower"):
            processes.join("cuda")

    def test_mps_is_not_shared(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WORLD_SIZE", "2")
        monkeypatch.setenv("RANK", "0")
        monkeypatch.setattr(processes, "pick_device", lambda device: torch.device("mps"))
        with pytest.raises(OptionError, match='cannot share the device "mps"; give --device cpu'):
            processes.join("mps")


def moments(stored: Checkpoint) -> torch.Tensor:
    """Adam's first moments of all weights; after one step a tenth of the gradient that was followed."""
    return torch.cat([moment.double().flatten() for moment in stored.part("first").values()])


def in_two_processes(
    command: Callable[..., list[str]], tmp_path: Path, pictures: Path, paintings: Path, options: dict[str, Any]
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Train under torchrun; once more if PyTorch itself aborted while a process took leave.

    On a busy machine it did so twice in some thirty starts ("terminate called without an active exception").
    """
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1"]
    for folder in (tmp_path / "two", tmp_path / "again"):
        words = command("decoder", "--content", pictures, "--style", paintings, "-o", folder, "--json", **options)
        done = subprocess.run(
            [*torchrun, "--nproc-per-node", "2", "-m", "styletransfer", *words],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        if "terminate called without an active exception" not in done.stderr:
            break
    return done, folder


def test_two_processes_train_as_one(
    command: Callable[..., list[str]], pictures: Path, paintings: Path, tmp_path: Path, tiny: dict[str, Any]
) -> None:
    options: dict[str, Any] = tiny | ALONE | {"save_steps": 1}
    train_decoder(pictures, paintings, tmp_path / "one", **options)
    done, folder = in_two_processes(command, tmp_path, pictures, paintings, options)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"] == 2  # told once
    events = [json.loads(line)["event"] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert (events.count("start"), events.count("end")) == (1, 1)
    for step in (1, 2):
        one, two = (checkpoints.read(run / f"step-{step}.safetensors") for run in (tmp_path / "one", folder))
        apart = (moments(one) - moments(two)).norm() / moments(one).norm()
        assert apart < (1e-6 if step == 1 else 1e-3)
        assert two.recent == {name: pytest.approx(values, rel=1e-5) for name, values in one.recent.items()}
        torch.testing.assert_close(two.part("module"), one.part("module"), rtol=1e-4, atol=1e-5)
    assert two.extra["usual"] == pytest.approx(one.extra["usual"], rel=1e-5)
