"""Checkpoints: whole or not at all, read without trust, refused where something differs."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import random
from pathlib import Path

import pytest
import torch

from styletransfer.errors import OutputError, TrainingError
from styletransfer.training import checkpoint as checkpoints
from styletransfer.training.checkpoint import Checkpoint


def make(step: int = 3) -> Checkpoint:
    return Checkpoint(
        step=step,
        kind="decoder",
        config={"batch": 4, "taps": ("relu1_1", "relu4_1")},
        module={"weight": torch.arange(6.0).view(2, 3), "bias": torch.zeros(2)},
        optimizer={
            "state": {0: {"exp_avg": torch.ones(2, 3)}},
            "param_groups": [{"lr": 0.1, "betas": (0.9, 0.99)}],
        },
        extra={"usual": {"gram relu1_1": 0.25}},
        seconds=1.5,
        recent={"content": [0.5, 0.25]},
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def full(*args: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_round_trip(tmp_path: Path) -> None:
    written = make()
    path = checkpoints.write(tmp_path, written, 3)
    assert path == checkpoints.latest(tmp_path) == tmp_path / "step-3.pt"
    read = checkpoints.read(path)
    for field in dataclasses.fields(Checkpoint):
        if field.name != "module":
            assert str(getattr(read, field.name)) == str(getattr(written, field.name))
    assert all(torch.equal(read.module[name], x) for name, x in written.module.items())
    checkpoints.compare(read, "decoder", written.config)


def test_the_last_ones_are_kept_by_number(tmp_path: Path) -> None:
    (tmp_path / "step-best.pt").touch()
    for step in (8, 9, 10, 11):
        checkpoints.write(tmp_path, make(step), 2)
    assert names(tmp_path) == ["step-10.pt", "step-11.pt", "step-best.pt"]
    latest = checkpoints.latest(tmp_path)
    assert latest is not None
    assert latest.name == "step-11.pt"


def test_a_folder_without_any(tmp_path: Path) -> None:
    assert checkpoints.latest(tmp_path) is None
    assert checkpoints.latest(tmp_path / "nowhere") is None


class TestDiskFull:
    def test_the_last_one_is_intact(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        checkpoints.write(tmp_path, make(3), 1)
        before = (tmp_path / "step-3.pt").read_bytes()
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OutputError, match=r"step-4\.pt.*step-3\.pt, is intact: make room, .*--resume\.$"):
            checkpoints.write(tmp_path, make(4), 1)
        assert names(tmp_path) == ["step-3.pt"]
        assert (tmp_path / "step-3.pt").read_bytes() == before

    def test_there_is_none_yet(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OutputError, match=r"There is no checkpoint yet: make room, then start again\.$"):
            checkpoints.write(tmp_path, make(4), 1)
        assert names(tmp_path) == []

    def test_a_step_is_replaced_whole_or_not_at_all(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        checkpoints.write(tmp_path, make(3), 1)
        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(OutputError, match="is intact"):
            checkpoints.write(tmp_path, dataclasses.replace(make(3), seconds=9.0), 1)
        assert checkpoints.read(tmp_path / "step-3.pt").seconds == 1.5


class TestDamage:
    @pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
    def test_cut_short(self, tmp_path: Path, share: float) -> None:
        checkpoints.write(tmp_path, make(2), 3)
        path = checkpoints.write(tmp_path, make(3), 3)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(TrainingError, match=r"step-3\.pt is cut short .* --resume goes on from step-2\.pt\.$"):
            checkpoints.read(path)

    def test_the_only_one(self, tmp_path: Path) -> None:
        path = checkpoints.write(tmp_path, make(3), 3)
        path.write_bytes(path.read_bytes()[:500])
        with pytest.raises(TrainingError, match=r"damaged\. Start without --resume\.$"):
            checkpoints.read(path)

    def test_whatever_is_in_it_is_a_training_error_or_harmless(self, tmp_path: Path) -> None:
        path = checkpoints.write(tmp_path, make(3), 3)
        whole, draw = path.read_bytes(), random.Random(0)
        for _ in range(60):
            broken = bytearray(whole)
            for _ in range(draw.choice((1, 20, 200))):
                broken[draw.randrange(len(broken))] = draw.randrange(256)
            path.write_bytes(broken)
            with contextlib.suppress(TrainingError):
                checkpoints.read(path)

    @pytest.mark.parametrize("content", [{"format": "other"}, [1, 2], torch.zeros(2)])
    def test_another_file(self, tmp_path: Path, content: object) -> None:
        torch.save(content, tmp_path / "step-3.pt")
        with pytest.raises(TrainingError, match=r"step-3\.pt is no checkpoint of this package\."):
            checkpoints.read(tmp_path / "step-3.pt")

    def test_one_of_another_version(self, tmp_path: Path) -> None:
        torch.save({"format": checkpoints.FORMAT, "step": 3, "mood": 1}, tmp_path / "step-3.pt")
        with pytest.raises(TrainingError, match=r"step-3\.pt is a checkpoint of another version\. Start without"):
            checkpoints.read(tmp_path / "step-3.pt")

    def test_nothing_in_it_is_executed(self, tmp_path: Path) -> None:
        torch.save({"format": checkpoints.FORMAT, "step": Path("x")}, tmp_path / "step-3.pt")
        with pytest.raises(TrainingError, match="cut short or damaged"):
            checkpoints.read(tmp_path / "step-3.pt")

    def test_gone(self, tmp_path: Path) -> None:
        with pytest.raises(TrainingError, match=r"step-3\.pt cannot be read: No such file"):
            checkpoints.read(tmp_path / "step-3.pt")


class TestCompare:
    def test_lists_and_tuples_are_the_same(self) -> None:
        checkpoints.compare(make(), "decoder", {"batch": 4, "taps": ["relu1_1", "relu4_1"]})

    def test_another_task(self) -> None:
        with pytest.raises(
            TrainingError, match=r"another task: decoder, not extractor\. Choose another folder\.$"
        ):
            checkpoints.compare(make(), "extractor", make().config)

    def test_names_all_that_differs(self) -> None:
        with pytest.raises(TrainingError) as caught:
            checkpoints.compare(make(), "decoder", {"batch": 8, "taps": ("relu4_1",), "width": 0.5})
        for told in (
            "batch was 4, is 8",
            "taps was ('relu1_1', 'relu4_1'), is ('relu4_1',)",
            "width was None, is 0.5",
            "Give the old ones, or start a new run in another folder",
        ):
            assert told in str(caught.value)
