"""Why checkpoints are not left to accelerate: what a run that is killed while it saves would lose."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

checkpointing = pytest.importorskip("accelerate.checkpointing")


def test_its_checkpoints_mix_steps_when_a_run_is_killed_between_two_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    network = torch.nn.Linear(2, 2)
    network, optimizer = accelerator.prepare(network, torch.optim.Adam(network.parameters()))

    def step() -> None:
        optimizer.zero_grad()
        accelerator.backward(network(torch.ones(1, 2)).square().sum())
        optimizer.step()

    def killed(stored: object, file: object, *args: object, **options: object) -> None:
        if "optimizer" in str(file):
            raise KeyboardInterrupt
        real(stored, file, *args, **options)

    step()
    accelerator.save_state(str(tmp_path))
    step()
    after_two = {name: x.clone() for name, x in network.state_dict().items()}
    real = checkpointing.save
    monkeypatch.setattr(checkpointing, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        accelerator.save_state(str(tmp_path))
    step()
    accelerator.load_state(str(tmp_path))  # without a word
    assert all(torch.equal(x, after_two[name]) for name, x in network.state_dict().items())
    assert {float(state["step"]) for state in optimizer.state_dict()["state"].values()} == {1.0}
    shutil.rmtree(tmp_path)
