"""Checkpoints: whole or not at all, read without trust, refused where something differs."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from styletransfer.errors import OutputError, TrainingError
from styletransfer.training.engine import checkpoint as checkpoints
from styletransfer.training.engine.checkpoint import Checkpoint


def make(step: int = 3, **changes: Any) -> Checkpoint:
    values = {
        "step": step,
        "updates": 2,
        "kind": "decoder",
        "config": {"batch_size": 4, "layers": ["relu1_1", "relu4_1"]},
        "tensors": {
            "module.weight": torch.arange(6.0).view(2, 3),
            "first.weight": torch.ones(2, 3),
            "second.weight": torch.ones(2, 3),
        },
        "extra": {"usual": {"gram relu1_1": 0.25}},
        "seconds": 1.5,
        "recent": {"content": [0.5, 0.25]},
    }
    return Checkpoint(**values | changes)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def full(*args: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_round_trip(tmp_path: Path) -> None:
    written = make()
    path = checkpoints.write(tmp_path, written, 3)
    assert path == checkpoints.latest(tmp_path) == tmp_path / "step-3.safetensors"
    read = checkpoints.read(path)
    for field in dataclasses.fields(Checkpoint):
        if field.name != "tensors":
            assert getattr(read, field.name) == getattr(written, field.name)
    assert checkpoints.check_tensors(read, written.tensors) is None
    assert all(torch.equal(read.tensors[name], x) for name, x in written.tensors.items())
    assert torch.equal(read.part("module")["weight"], written.tensors["module.weight"])
    checkpoints.compare(read, "decoder", written.config)


def test_the_last_ones_are_kept_by_number(tmp_path: Path) -> None:
    (tmp_path / "step-best.safetensors").touch()
    for step in (8, 9, 10, 11):
        checkpoints.write(tmp_path, make(step), 2)
    assert names(tmp_path) == ["step-10.safetensors", "step-11.safetensors", "step-best.safetensors"]
    latest = checkpoints.latest(tmp_path)
    assert latest is not None
    assert latest.name == "step-11.safetensors"


def test_a_folder_without_any(tmp_path: Path) -> None:
    assert checkpoints.latest(tmp_path) is None
    assert checkpoints.latest(tmp_path / "nowhere") is None


class TestDiskFull:
    def test_the_last_one_is_intact(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        checkpoints.write(tmp_path, make(3), 1)
        before = (tmp_path / "step-3.safetensors").read_bytes()
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(
            OutputError, match=r"step-4\.safetensors.*step-3\.safetensors, is intact: make room, .*--resume\.$"
        ):
            checkpoints.write(tmp_path, make(4), 1)
        assert names(tmp_path) == ["step-3.safetensors"]
        assert (tmp_path / "step-3.safetensors").read_bytes() == before

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
        assert checkpoints.read(tmp_path / "step-3.safetensors").seconds == 1.5


def rewrite(path: Path, state: object, tensors: dict[str, torch.Tensor] | None = None) -> None:
    """Replace what a checkpoint says, and perhaps holds, as a damaged or a foreign file would."""
    text = state if isinstance(state, str) else json.dumps(state)
    held = checkpoints.read(path).tensors if tensors is None else tensors
    save_file(dict(held), path, metadata={"format": checkpoints.FORMAT, "state": text})


ODD = [None, True, -1, 1.5, 10**400, "x", [], {}, [1], {"a": "b"}, float("nan"), float("inf")]
#: For each field what it may be; every other value of `ODD` is refused.
SOUND = {
    "step": [], "updates": [], "kind": ["x"], "config": [{}, {"a": "b"}], "extra": [{}, {"a": "b"}],
    "seconds": [1.5], "recent": [{}],
}  # fmt: skip


class TestDamage:
    @pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
    def test_cut_short(self, tmp_path: Path, share: float) -> None:
        checkpoints.write(tmp_path, make(2), 3)
        path = checkpoints.write(tmp_path, make(3), 3)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(
            TrainingError,
            match=r"step-3\.safetensors is cut short .* --resume continues from step-2\.safetensors\.$",
        ):
            checkpoints.read(path)

    def test_the_only_one(self, tmp_path: Path) -> None:
        path = checkpoints.write(tmp_path, make(3), 3)
        path.write_bytes(path.read_bytes()[:300])
        with pytest.raises(TrainingError, match=r"damaged\. Start without --resume\.$"):
            checkpoints.read(path)

    @pytest.mark.parametrize(
        ("field", "value"),
        [(field, value) for field, sound in SOUND.items() for value in ODD if value not in sound],
        ids=repr,
    )
    def test_every_value_is_checked(self, tmp_path: Path, field: str, value: object) -> None:
        path = checkpoints.write(tmp_path, make(), 3)
        state = {name: x for name, x in vars(make()).items() if name != "tensors"}
        rewrite(path, state | {field: value})
        with pytest.raises(TrainingError, match=rf"step-3\.safetensors is damaged: .*{field}"):
            checkpoints.read(path)

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ("", "its state is no JSON"),
            ("[" * 100_000, "its state is no JSON"),
            ("[1]", "its state must hold step, updates"),
            ('{"step": 3}', "its state must hold step, updates"),
        ],
        ids=["nothing", "nested", "list", "fields"],
    )
    def test_a_state_of_another_kind(self, tmp_path: Path, text: str, fault: str) -> None:
        path = checkpoints.write(tmp_path, make(), 3)
        rewrite(path, text)
        with pytest.raises(TrainingError, match=fault):
            checkpoints.read(path)

    @pytest.mark.parametrize(
        ("changes", "fault"),
        [
            ({"recent": {"a": [1, None]}}, "recent has a value"),
            ({"recent": {"a": [1e308, float("nan")]}}, "recent has a value"),
            ({"updates": 4}, "more updates than steps"),
            ({"step": 2}, "it holds step 2"),
        ],
    )
    def test_values_that_do_not_fit(self, tmp_path: Path, changes: dict[str, Any], fault: str) -> None:
        path = checkpoints.write(tmp_path, make(), 3)
        rewrite(path, {name: x for name, x in vars(make()).items() if name != "tensors"} | changes)
        with pytest.raises(TrainingError, match=fault):
            checkpoints.read(path)

    @pytest.mark.parametrize(
        ("changes", "fault"),
        [
            ({"module.weight": torch.zeros(3, 2)}, r"module.weight is \(3, 2\) float32, wanted \(2, 3\) float32"),
            ({"module.weight": torch.zeros(2, 3).int()}, r"module.weight is \(2, 3\) int32, wanted"),
            ({"module.weight": torch.full((2, 3), torch.nan)}, "module.weight holds NaN or infinite"),
            ({"second.weight": -torch.ones(2, 3)}, "second.weight holds negative numbers"),
            ({"other": torch.zeros(1)}, "other is not known"),
            ({"first.weight": None}, "first.weight is missing"),
        ],
    )
    def test_tensors_that_do_not_fit(self, changes: dict[str, torch.Tensor | None], fault: str) -> None:
        tensors = {name: x for name, x in (make().tensors | changes).items() if x is not None}
        told = checkpoints.check_tensors(make(tensors=tensors), make().tensors)
        assert told is not None
        assert re.match(fault, told)

    @settings(max_examples=200)
    @given(data=st.data())
    def test_whatever_is_in_it_is_a_training_error_or_harmless(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        path = checkpoints.write(tmp_path_factory.mktemp("fuzz"), make(3), 3)
        broken = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 8))):
            place = data.draw(st.integers(0, len(broken) - 1))
            broken[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
            broken = broken or bytearray(b"x")
        path.write_bytes(broken)
        with contextlib.suppress(TrainingError):
            checkpoints.check_tensors(checkpoints.read(path), make().tensors)

    def test_another_file(self, tmp_path: Path) -> None:
        save_file({"x": torch.zeros(2)}, tmp_path / "step-3.safetensors")
        with pytest.raises(TrainingError, match=r"step-3\.safetensors is no checkpoint of this package"):
            checkpoints.read(tmp_path / "step-3.safetensors")

    def test_those_of_an_earlier_version_are_refused(self, tmp_path: Path) -> None:
        torch.save({"format": "styletransfer-checkpoint-1"}, tmp_path / "step-3.pt")
        with pytest.raises(TrainingError, match=r"\(step-3\.pt, \.\.\.\) were written by an earlier version"):
            checkpoints.newest(tmp_path)

    def test_gone(self, tmp_path: Path) -> None:
        with pytest.raises(TrainingError, match=r'step-3\.safetensors" does not exist'):
            checkpoints.read(tmp_path / "step-3.safetensors")

    @pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
    def test_no_file(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "step-3.safetensors"
        {"pipe": os.mkfifo, "folder": Path.mkdir, "device": lambda p: p.symlink_to("/dev/zero")}[kind](path)
        with pytest.raises(TrainingError, match=r"checkpoint .*step-3\.safetensors"):
            checkpoints.read(path)


class TestCompare:
    def test_lists_and_tuples_are_the_same(self) -> None:
        checkpoints.compare(make(), "decoder", {"batch_size": 4, "layers": ["relu1_1", "relu4_1"]})

    def test_another_task(self) -> None:
        with pytest.raises(
            TrainingError, match=r"another task: decoder, not extractor\. Choose another folder\.$"
        ):
            checkpoints.compare(make(), "extractor", make().config)

    def test_names_all_that_differs(self) -> None:
        with pytest.raises(TrainingError) as caught:
            checkpoints.compare(make(), "decoder", {"batch_size": 8, "layers": ("relu4_1",), "width": 0.5})
        for told in (
            "batch_size was 4, is 8",
            "layers was ['relu1_1', 'relu4_1'], is ['relu4_1']",
            "width was None, is 0.5",
            "Give the old ones, or start a new run in another folder",
        ):
            assert told in str(caught.value)
