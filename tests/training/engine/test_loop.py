"""The loop: steps, resumption, signals, what is not finite, memory, the learning rate."""

from __future__ import annotations

import errno
import math
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from styletransfer.errors import OptionError, OutputError, TrainingError
from styletransfer.training.engine import checkpoint as checkpoints
from styletransfer.training.engine import loop, memory
from styletransfer.training.engine.loop import Progress, Trainer
from styletransfer.training.engine.processes import World

Toy = Callable[..., Trainer]
Log = Callable[..., list[dict[str, Any]]]


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: x.clone() for name, x in trainer.task.module.state_dict().items()}


def same(first: Any, second: Any) -> bool:
    """Whether two nested states are equal bit for bit."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def send(kind: signal.Signals, *, at: int) -> Callable[[int], None]:
    """Send this process a signal, once."""
    sent: list[int] = []

    def before(step: int) -> None:
        if step == at and not sent:
            sent.append(step)
            os.kill(os.getpid(), kind)

    return before


class TestRun:
    def test_tells_what_it_does(self, toy: Toy, log: Log, tmp_path: Path) -> None:
        told: list[Progress] = []
        trainer = toy(
            steps=5, logging_steps=2, save_steps=2, save_total_limit=2, sample_steps=3, on_step=told.append
        )
        assert trainer.run()
        assert [line["step"] for line in log(tmp_path / "run", "step")] == [2, 4, 5]
        assert [line["step"] for line in log(tmp_path / "run", "sample")] == [3, 5]
        assert [line["step"] for line in log(tmp_path / "run", "checkpoint")] == [2, 4, 5]
        assert sorted(path.name for path in (tmp_path / "run").glob("step-*.safetensors")) == [
            "step-4.safetensors",
            "step-5.safetensors",
        ]
        assert [p.step for p in told] == [1, 2, 3, 4, 5]
        assert told[0].steps == 5
        assert set(told[0].typical) == {"apart", "number"}  # not what was only observed
        assert log(tmp_path / "run")[-1] == {
            "event": "end",
            "step": 5,
            "seconds": pytest.approx(0, abs=60),
            "finished": True,
        }
        assert len(trainer.task.observed) == 5  # type: ignore[attr-defined]
        assert set(trainer.task.observed[0]) == {"seen"}  # type: ignore[attr-defined]

    def test_an_early_sample(self, toy: Toy, log: Log, tmp_path: Path) -> None:
        toy(steps=21, sample_steps=1000).run()
        assert [line["step"] for line in log(tmp_path / "run", "sample")] == [20, 21]

    def test_the_learning_rate_rises_and_falls(self, toy: Toy) -> None:
        trainer = toy(steps=1000, warmup_steps=50, learning_rate=1.0)
        rates = [trainer._rate(step) for step in (1, 25, 50, 500, 1000)]
        assert rates == pytest.approx([1 / 50, 0.5, 1.0, 0.5, 1e-3], rel=1e-2)
        assert toy(steps=10, warmup_steps=0, learning_rate=2.0)._rate(1) == pytest.approx(2.0, rel=0.05)

    def test_the_gradient_is_clipped(self, toy: Toy) -> None:
        trainer = toy(steps=1, max_grad_norm=1e-3)
        trainer.task.scale = lambda step: 1e6  # type: ignore[attr-defined]
        trainer.run()
        norm = math.sqrt(sum(float(p.grad.square().sum()) for p in trainer.parameters if p.grad is not None))
        assert norm == pytest.approx(1e-3, rel=1e-3)

    def test_a_network_that_learns_nothing_is_told(self, toy: Toy, log: Log, tmp_path: Path) -> None:
        told: list[str] = []
        trainer = toy(steps=120, logging_steps=200, on_warning=told.append)
        trainer.task.scale = lambda step: 0.0  # type: ignore[attr-defined]
        trainer.run()
        assert len(told) == 1
        assert "No gradient has reached" in told[0]
        assert [line["text"] for line in log(tmp_path / "run", "warning")] == told

    @pytest.mark.parametrize("accumulate", [2, 4])
    def test_parts_make_the_whole(self, toy: Toy, tmp_path: Path, accumulate: int) -> None:
        whole, parts = (
            toy(tmp_path / "a", steps=4),
            toy(tmp_path / "b", steps=4, gradient_accumulation_steps=accumulate),
        )
        whole.run()
        parts.run()
        torch.testing.assert_close(weights(parts), weights(whole), rtol=1e-5, atol=1e-6)
        assert parts.journal.typical == pytest.approx(whole.journal.typical, rel=1e-5)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"batch_size": 3, "gradient_accumulation_steps": 2}, "choose a batch_size that is a multiple of 2"),
            ({"batch_size": 1, "gradient_accumulation_steps": 2}, "A batch of 1 cannot be shared"),
        ],
    )  # fmt: skip
    def test_a_batch_that_cannot_be_shared(self, toy: Toy, options: dict[str, int], message: str) -> None:
        with pytest.raises(OptionError, match=message):
            toy(**options)


class TestResume:
    def test_equals_an_unbroken_run(self, toy: Toy, tmp_path: Path) -> None:
        unbroken = toy(tmp_path / "a", steps=7, save_steps=3)
        unbroken.run()
        broken = toy(tmp_path / "b", steps=7, save_steps=3)

        def crash(step: int) -> None:
            if step == 5:
                raise KeyError("power cut")

        broken.task.before = crash  # type: ignore[attr-defined]
        with pytest.raises(KeyError):
            broken.run()
        resumed = toy(tmp_path / "b", steps=7, save_steps=3)
        resumed.resume()
        assert resumed.done == 3
        assert resumed.run()
        ends = [checkpoints.read(tmp_path / name / "step-7.safetensors") for name in "ab"]
        assert same(ends[0].tensors, ends[1].tensors)
        assert ends[0].updates == ends[1].updates == 7
        assert ends[0].recent == ends[1].recent

    def test_without_a_checkpoint(self, toy: Toy) -> None:
        with pytest.raises(TrainingError, match=r"no checkpoint in .*run to resume from; start without --resume"):
            toy().resume()

    def test_of_other_settings(self, toy: Toy) -> None:
        toy(steps=1, settings={"batch_size": 4, "size": 32}).run()
        with pytest.raises(
            TrainingError, match=r"batch_size was 4, is 8; seed was None, is 1\. Give the old ones"
        ):
            toy(steps=1, settings={"batch_size": 8, "size": 32, "seed": 1}).resume()

    def test_of_another_architecture(self, toy: Toy) -> None:
        toy(steps=1).run()
        other = toy(steps=1)
        other.task.module = torch.nn.Conv2d(3, 2, 1)
        other.named = dict(other.task.module.named_parameters())
        with pytest.raises(
            TrainingError, match=r"step-1\.safetensors is damaged: first.bias is \(1,\) float32, wanted \(2,\)"
        ):
            other.resume()

    def test_of_a_finished_run_does_nothing(self, toy: Toy) -> None:
        first = toy(steps=2)
        first.run()
        again = toy(steps=2)
        again.resume()
        assert again.run()
        assert same(weights(again), weights(first))
        assert again.journal.recent == first.journal.recent


class TestSignals:
    @pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
    def test_the_step_is_left_at_once(self, toy: Toy, log: Log, tmp_path: Path, kind: signal.Signals) -> None:
        before = signal.getsignal(kind)
        trainer = toy(steps=50)
        told = send(kind, at=3)
        trainer.task.before = lambda step: told(step) or (step == 3 and time.sleep(60))  # type: ignore[attr-defined]
        began = time.monotonic()
        assert not trainer.run()
        assert time.monotonic() - began < 10
        assert trainer.done == 2
        assert checkpoints.latest(tmp_path / "run") == tmp_path / "run" / "step-2.safetensors"
        assert log(tmp_path / "run")[-1]["finished"] is False
        assert signal.getsignal(kind) == before
        again = toy(steps=50)
        again.resume()
        assert again.done == 2

    def test_in_the_first_step(self, toy: Toy, tmp_path: Path) -> None:
        trainer = toy(steps=50)
        trainer.task.before = send(signal.SIGTERM, at=1)  # type: ignore[attr-defined]
        assert not trainer.run()
        assert trainer.done == 0
        assert checkpoints.latest(tmp_path / "run") is None

    def test_what_changes_the_weights_is_finished(self, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
        trainer = toy(steps=50)
        real = trainer.optimizer.step

        def step() -> None:
            real()
            if trainer.updates == 3:
                os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(trainer.optimizer, "step", step)
        assert not trainer.run()
        assert (trainer.done, trainer.updates) == (4, 4)

    def test_several_processes_finish_the_step(self, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
        """Else the others would wait for this one."""
        monkeypatch.setattr(World, "average", lambda world, tensors: None)
        monkeypatch.setattr(World, "agree", lambda world, wanted: wanted)
        trainer = toy(steps=50)
        trainer.world = World(0, 2, torch.device("cpu"))
        trainer.task.before = send(signal.SIGTERM, at=3)  # type: ignore[attr-defined]
        assert not trainer.run()
        assert trainer.done == 3

    def test_a_second_one_ends_at_once(self, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
        trainer = toy(steps=50)

        def twice(step: int) -> bool:
            if step == 3:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
            return False

        monkeypatch.setattr(trainer.task, "phase", lambda step: str(twice(step)))
        with pytest.raises(KeyboardInterrupt):
            trainer.run()

    def test_workers_that_died_by_themselves(self, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
        def dying(*args: Any, **options: Any) -> Any:
            raise TrainingError("A process that loads batches died")
            yield

        monkeypatch.setattr(loop, "batches", dying)
        with pytest.raises(TrainingError, match="loads batches died"):
            toy().run()


class TestNotFinite:
    def test_a_bad_step_is_left_out(self, toy: Toy, log: Log, tmp_path: Path) -> None:
        trainer, seen = toy(steps=4, logging_steps=1, save_steps=1, save_total_limit=9), math.nan
        trainer.task.scale = lambda step: seen if step == 3 else 1.0  # type: ignore[attr-defined]
        assert trainer.run()
        states = [checkpoints.read(tmp_path / "run" / f"step-{n}.safetensors") for n in (2, 3, 4)]
        assert same(states[0].tensors, states[1].tensors)
        assert [state.updates for state in states] == [2, 2, 3]
        assert not same(states[1].tensors, states[2].tensors)
        assert [line["text"] for line in log(tmp_path / "run", "warning")] == [
            "apart is not finite; the step was left out"
        ]
        assert [line["apart"] is None for line in log(tmp_path / "run", "step")] == [False, False, True, False]
        assert "NaN" not in (tmp_path / "run" / "log.jsonl").read_text()
        assert math.isfinite(trainer.journal.typical["apart"])

    def test_twenty_in_a_row_end_the_run(self, toy: Toy) -> None:
        trainer = toy(steps=100)
        trainer.task.scale = lambda step: math.inf if step > 5 else 1.0  # type: ignore[attr-defined]
        told = (
            r"apart was not finite for 20 steps in a row; given up at step 25\..* intact.*lower --learning-rate or"
        )
        with pytest.raises(TrainingError, match=told):
            trainer.run()

    def test_nineteen_do_not(self, toy: Toy) -> None:
        trainer = toy(steps=45)
        trainer.task.scale = lambda step: 1.0 if step % 20 == 0 else math.nan  # type: ignore[attr-defined]
        assert trainer.run()


class TestMemory:
    @pytest.mark.parametrize(
        "error",
        [
            torch.OutOfMemoryError("CUDA out of memory."),
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
            MemoryError(),
        ],
    )
    def test_advice(self, toy: Toy, error: Exception) -> None:
        trainer = toy(steps=3, batch_size=4, size=96)

        def fail(step: int) -> None:
            raise error

        trainer.task.before = fail  # type: ignore[attr-defined]
        with pytest.raises(TrainingError) as caught:
            trainer.run()
        told = str(caught.value)
        assert told.startswith(
            "Not enough memory on cpu for a batch of 4 crops of 96 pixels. The last checkpoint is"
        )
        for option in (
            "--gradient-accumulation-steps 2",
            "--batch-size 2",
            "--size 48",
            "--gradient-checkpointing",
        ):
            assert option in told

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (
                {"batch_size": 6, "gradient_accumulation_steps": 2, "size": 48},
                ["--batch-size 2", "--size 32", "--gradient-checkpointing"],
            ),
            ({"batch_size": 1, "size": 32}, ["--gradient-checkpointing"]),
            ({"batch_size": 1, "size": 32, "gradient_checkpointing": True}, ["another machine"]),
            (
                {"batch_size": 8, "gradient_accumulation_steps": 2, "size": 32, "gradient_checkpointing": True},
                ["--gradient-accumulation-steps 4", "--batch-size 4"],
            ),
        ],
    )
    def test_advice_can_be_followed(self, toy: Toy, options: dict[str, Any], expected: list[str]) -> None:
        trainer = toy(**options)
        told = memory.smaller(trainer.config, trainer.world)
        assert len(told) == len(expected)
        assert all(option in text for option, text in zip(expected, told, strict=True))

    def test_other_errors_pass(self, toy: Toy) -> None:
        trainer = toy()

        def fail(step: int) -> None:
            raise RuntimeError("shape mismatch")

        trainer.task.before = fail  # type: ignore[attr-defined]
        with pytest.raises(RuntimeError, match="shape mismatch"):
            trainer.run()

    def test_a_run_that_cannot_fit_is_refused_before_the_first_step(
        self, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(memory, "available", lambda device: 10_000_000)
        trainer = toy(steps=3, batch_size=64, size=512)
        # A convolution keeps its 3 channels, their difference to the target is squared: 4 numbers of 4 bytes.
        with pytest.raises(TrainingError) as caught:
            trainer.run()
        told = str(caught.value)
        assert (
            "a step needs at least 0.3 GB (64 crops of 512 pixels at a time, 4 MB each), 0.0 GB are free" in told
        )
        assert "enough for 2 crops at a time" in told
        assert "--batch-size 32" in told
        assert trainer.done == 0
        assert toy(tmp_path / "small", steps=1, batch_size=1, size=512).run()

    def test_what_is_free_is_known(self) -> None:
        free = memory.available(torch.device("cpu"))
        assert free is None or free > 10_000_000

    def test_a_sample_needs_memory_too(self, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
        trainer = toy(steps=1)

        def fail() -> torch.Tensor:
            raise MemoryError

        monkeypatch.setattr(trainer.task, "sample", fail)
        with pytest.raises(TrainingError, match="Not enough memory"):
            trainer.run()


class TestDiskFull:
    @pytest.mark.parametrize("victim", ["log.jsonl", "step-0000004.png", "step-4.safetensors"])
    def test_the_last_checkpoint_is_intact(
        self, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str
    ) -> None:
        trainer = toy(steps=9, save_steps=2, sample_steps=2, logging_steps=1)
        real_open, real_replace = Path.open, Path.replace
        trainer.task.before = lambda step: full.append(step)  # type: ignore[attr-defined]
        full: list[int] = []

        def no_room() -> bool:
            return bool(full) and full[-1] >= 4

        def guarded(path: Path, *args: Any, **options: Any) -> Any:
            if path.name == victim and no_room():
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            return real_open(path, *args, **options)

        def replace(path: Path, target: Path) -> Path:
            if target.name == victim and no_room():
                raise OSError(errno.ENOSPC, "No space left on device")
            return real_replace(path, target)

        monkeypatch.setattr(Path, "open", guarded)
        monkeypatch.setattr(Path, "replace", replace)
        with pytest.raises(
            OutputError, match=r"step-2\.safetensors, is intact: make room, then continue with --resume\.$"
        ):
            trainer.run()
        monkeypatch.undo()
        again = toy(steps=9, save_steps=2)
        again.resume()
        assert again.done == 2


def test_bad_files_are_noted_once(toy: Toy, log: Log, pictures: Path, tmp_path: Path) -> None:
    (pictures / "text.jpg").write_text("no")
    trainer = toy(steps=3)
    folder = trainer.task.sources[0].folder
    found = folder.problems[0]

    def meet(step: int) -> None:
        if step == 2:
            folder._bad.add(0)
            folder.note(type(found)(folder.paths[0], "gone"))

    trainer.task.before = meet  # type: ignore[attr-defined]
    trainer.run()
    noted = [(Path(line["path"]).name, line["reason"]) for line in log(tmp_path / "run", "problem")]
    assert noted == [("text.jpg", "not a picture"), ("a.png", "gone")]
