"""Whole runs: resumed ones, bad folders, precision, starts from something finished, a user's own weights."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from styletransfer.errors import OptionError, OutputError, TrainingError, WeightsError
from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import LAYERS, VGG19_WIDTHS
from styletransfer.methods import create_stylizer
from styletransfer.methods.feedforward.decoder_files import (
    FAST,
    LITE,
    PYTORCH_ADAIN,
    Decoder,
    load_decoder,
    save_decoder,
)
from styletransfer.training import Hooks, Outcome, train_decoder, train_extractor
from styletransfer.training.engine import checkpoint as checkpoints
from styletransfer.training.engine.config import RENAMED
from styletransfer.weights import reduced

Log = Callable[..., list[dict[str, Any]]]
Train = Callable[..., Outcome]
Command = Callable[..., list[str]]
Process = subprocess.Popen[str]


@pytest.fixture
def train(pictures: Path, paintings: Path, tmp_path: Path, narrow: VGG19Features, tiny: dict[str, Any]) -> Train:
    """A function that trains a decoder of the narrow extractor for six steps, into ``tmp_path / name``."""

    def run(name: str = "run", **options: Any) -> Outcome:
        chosen = {"extractor": narrow, "content": pictures, "style": paintings, "preset": "lab"}
        chosen |= {"steps": 6, "autoencoder_steps": 2, "save_steps": 2, **tiny} | options
        return train_decoder(output=tmp_path / name, **chosen)

    return run


@pytest.fixture
def distil(pictures: Path, small_file: Path, tmp_path: Path, tiny: dict[str, Any]) -> Train:
    """The same for an extractor."""

    def run(name: str = "run", **options: Any) -> Outcome:
        chosen = {"teachers": [small_file], "preset": "lab", "steps": 6, "save_steps": 2} | tiny
        return train_extractor(
            [pictures], tmp_path / name, **chosen | {"width": 1 / 16, "last": "conv4_1"} | options
        )

    return run


def same(first: Any, second: Any) -> bool:
    """Whether two nested states are equal bit for bit."""
    if isinstance(first, Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def assert_equal_ends(first: Path, second: Path, step: int = 6) -> None:
    """Weights, optimiser, log's values and export are equal bit for bit."""
    ends = [checkpoints.read(folder / f"step-{step}.safetensors") for folder in (first, second)]
    for part in ("tensors", "updates", "extra", "recent", "config"):
        assert same(getattr(ends[0], part), getattr(ends[1], part)), part
    (export,) = (path.name for path in first.glob("[de]*.safetensors"))
    assert same(load_file(first / export), load_file(second / export))


class TestResume:
    @pytest.mark.parametrize("kind", ["train", "distil"])
    @pytest.mark.parametrize("last", [2, 4])
    def test_equals_an_unbroken_run(
        self, request: pytest.FixtureRequest, tmp_path: Path, kind: str, last: int
    ) -> None:
        start: Train = request.getfixturevalue(kind)
        start("whole")

        def crash(progress: Any) -> None:
            if progress.step == last + 1:
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            start("broken", hooks=Hooks(on_step=crash))
        assert checkpoints.latest(tmp_path / "broken") == tmp_path / "broken" / f"step-{last}.safetensors"
        outcome = start("broken", resume=True)
        assert (outcome.finished, outcome.steps) == (True, 6)
        assert_equal_ends(tmp_path / "whole", tmp_path / "broken")

    def test_of_a_finished_run_writes_the_same_again(self, train: Train, tmp_path: Path) -> None:
        first = train()
        again = train(resume=True)
        assert again.losses == first.losses
        assert_equal_ends(tmp_path / "run", tmp_path / "run")

    def test_lists_what_differs(self, train: Train, paintings: Path) -> None:
        train()
        (paintings / "0.png").rename(paintings / "2.png")
        with pytest.raises(TrainingError) as caught:
            train(resume=True, seed=3, views=2)
        for name in ("seed was 0, is 3", "views was 4, is 2", "style was '"):
            assert name in str(caught.value)

    def test_how_often_things_are_kept_may_differ(self, train: Train) -> None:
        train()
        assert train(resume=True, save_steps=1, save_total_limit=1, logging_steps=1, cache_megabytes=0).finished

    def test_another_task_has_another_folder(self, train: Train, distil: Train) -> None:
        train()
        with pytest.raises(TrainingError, match="another task: decoder, not extractor"):
            distil(resume=True)

    def test_a_damaged_checkpoint(self, train: Train, tmp_path: Path) -> None:
        train()
        newest = tmp_path / "run" / "step-6.safetensors"
        newest.write_bytes(newest.read_bytes()[:1000])
        with pytest.raises(TrainingError, match=r"step-6\.safetensors is cut short .* from step-4\.safetensors"):
            train(resume=True)
        newest.unlink()
        assert train(resume=True).finished

    def test_needs_a_checkpoint(self, train: Train, tmp_path: Path) -> None:
        with pytest.raises(TrainingError, match="no checkpoint in"):
            train(resume=True)
        assert not (tmp_path / "run").exists()

    def test_precision_is_settled_once(
        self, train: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("styletransfer.training.engine.run.resolve", lambda *given: "float32")
        train(precision="auto")
        monkeypatch.setattr("styletransfer.training.engine.run.resolve", lambda *given: "bfloat16")
        assert train(precision="auto", resume=True).finished


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_former_names_are_refused_with_the_new_ones(train: Train, tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(OptionError, match=f"The option {old} is called {new} now; give {new}"):
        train(**{old: 1})
    assert not (tmp_path / "run").exists()


class TestFolders:
    def test_holds_a_run_already(self, train: Train) -> None:
        train()
        with pytest.raises(TrainingError, match=r"already holds a run .*step-6\.safetensors\)\. Give --resume"):
            train()

    def test_cannot_be_written_to(self, train: Train, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match=r"folder .*file/run cannot be written to: .*\. Choose another"):
            train("file/run")

    def test_all_four_bad_files_are_logged(self, train: Train, pictures: Path, tmp_path: Path, log: Log) -> None:
        whole = (pictures / "b.jpg").read_bytes()
        (pictures / "cut.jpg").write_bytes(whole[: len(whole) // 2])
        (pictures / "text.jpg").write_text("not a picture")
        Image.new("RGB", (10, 10)).save(pictures / "small.png")
        (pictures / "x.png").mkdir()
        assert train().finished
        assert {Path(line["path"]).name for line in log(tmp_path / "run", "problem")} == {
            "cut.jpg", "text.jpg", "small.png", "x.png",
        }  # fmt: skip

    def test_bad_styles_are_logged_too(self, train: Train, paintings: Path, tmp_path: Path, log: Log) -> None:
        (paintings / "text.jpg").write_text("not a picture")
        train()
        assert [Path(line["path"]).name for line in log(tmp_path / "run", "problem")] == ["text.jpg"]

    @pytest.mark.parametrize("victim", ["content", "style"])
    def test_a_picture_that_is_cut_short_is_met_on_the_way(
        self, train: Train, pictures: Path, paintings: Path, tmp_path: Path, log: Log,
        monkeypatch: pytest.MonkeyPatch, victim: str,
    ) -> None:  # fmt: skip
        """As in a large folder, of which only the headers are read before."""
        monkeypatch.setattr("styletransfer.training.data.folder.FULL_LOOK", 0)
        path = pictures / "b.jpg" if victim == "content" else paintings / "1.png"
        path.write_bytes(path.read_bytes()[:-400])
        assert train(batch_size=4).finished
        assert [Path(line["path"]).name for line in log(tmp_path / "run", "problem")] == [path.name]

    def test_the_same_folder_twice_warns(self, train: Train, pictures: Path) -> None:
        told: list[str] = []
        train(style=pictures, hooks=Hooks(on_warning=told.append))
        assert told[0].startswith("3 picture(s) are in both the content and the style folder")
        assert told[1].startswith("4 style steps are far too few")

    def test_pictures_of_other_formats_are_told(self, train: Train, paintings: Path) -> None:
        (paintings / "a.heic").write_bytes(b"phone")
        told: list[str] = []
        train(steps=1, autoencoder_steps=0, hooks=Hooks(on_warning=told.append))
        assert "1 file(s)" in told[0]
        assert "a.heic: of a format that is not read (.heic)" in told[0]

    def test_leftovers_of_killed_runs_are_removed(self, train: Train, tmp_path: Path) -> None:
        (tmp_path / "run" / "samples").mkdir(parents=True)
        for place in ("run", "run/samples"):
            (tmp_path / place / ".step-500.safetensors.0123456789abcdef.part").touch()
        (tmp_path / "run" / "mine.part").touch()
        train(steps=1, autoencoder_steps=0)
        assert [path.name for path in tmp_path.rglob("*.part")] == ["mine.part"]

    def test_one_training_at_a_time(self, train: Train, tmp_path: Path) -> None:
        told: list[str] = []

        def second(progress: Any) -> None:
            with pytest.raises(TrainingError, match=r"Another training is at work in .*run\. Wait for its end"):
                train(resume=progress.step >= 2)
            told.append("refused")

        train(hooks=Hooks(on_step=second), save_steps=2)
        assert told == ["refused"] * 6
        assert train(resume=True).finished  # the lock was given back

    def test_a_log_that_is_no_file(self, train: Train, tmp_path: Path) -> None:
        (tmp_path / "run").mkdir()
        os.mkfifo(tmp_path / "run" / "log.jsonl")
        with pytest.raises(OutputError, match=r"log\.jsonl is no ordinary file"):
            train()


class TestPrecision:
    def test_bfloat16_leaves_the_encoder_alone(self, train: Train, narrow: VGG19Features) -> None:
        outcome = train(precision="bfloat16")
        assert all(x.dtype == torch.float32 for x in narrow.state_dict().values())
        assert outcome.finished
        assert all(abs(value) < 1e4 for value in outcome.losses.values())

    def test_bfloat16_resumes_bit_for_bit(self, train: Train, tmp_path: Path) -> None:
        train("whole", precision="bfloat16")
        train("broken", precision="bfloat16")
        (tmp_path / "broken" / "step-6.safetensors").unlink()
        train("broken", precision="bfloat16", resume=True)
        assert_equal_ends(tmp_path / "whole", tmp_path / "broken")

    def test_is_close_to_float32(self, train: Train) -> None:
        exact, rough = train("a", steps=3), train("b", steps=3, precision="bfloat16")
        assert rough.losses["moment"] == pytest.approx(exact.losses["moment"], rel=0.1)


class TestStart:
    def test_its_file_stylizes_with_its_passes(self, train: Train, narrow: VGG19Features) -> None:
        path, card = train(passes=3).files
        stylizer = create_stylizer("adain", extractor=narrow, decoder=path)
        assert stylizer.decoder.spec.passes == 3  # type: ignore[attr-defined]
        assert stylizer.stylize(torch.rand(1, 3, 33, 47), torch.rand(1, 3, 32, 32)).image.shape == (1, 3, 33, 47)
        assert json.dumps(dict(stylizer.decoder.spec.notes), allow_nan=False)  # type: ignore[attr-defined]
        assert "3 pass(es)" in card.read_text(encoding="utf-8")

    def test_a_fast_decoder_stylizes_and_can_be_trained_on(self, train: Train, extractor: VGG19Features) -> None:
        options = {"extractor": extractor, "layers": FAST.taps, "preset": "fast", "sample_steps": 3}
        first = train("first", **options).files[0]
        second = train("second", **options, start=first, autoencoder_steps=0).files[0]
        stylizer = create_stylizer("adain", extractor=extractor, decoder=second, device="cpu")
        assert load_decoder(second, encoder=extractor, device="cpu").spec.kind == "subpixel"
        assert stylizer.stylize(torch.rand(1, 3, 33, 47), torch.rand(1, 3, 32, 32)).image.shape == (1, 3, 33, 47)

    def test_few_shot_goes_on_from_a_decoder(
        self, train: Train, decoder: Decoder, extractor: VGG19Features, tmp_path: Path
    ) -> None:
        start = save_decoder(decoder, tmp_path / "start.safetensors")
        outcome = train(
            extractor=extractor,
            start=start,
            preset="few-shot",
            steps=2,
            autoencoder_steps=0,
            views=2,
            warmup_steps=0,
        )
        after = load_file(outcome.files[0])
        moved = max((after[name].float() - x).abs().max().item() for name, x in decoder.state_dict().items())
        assert 0 < moved < 3e-3  # two steps of at most 3e-4, and half precision
        assert not [w for w in (tmp_path / "run" / "log.jsonl").read_text().splitlines() if "too few" in w]

    def test_a_mirrored_decoder_is_made_cheap(
        self, train: Train, decoder: Decoder, extractor: VGG19Features, tmp_path: Path
    ) -> None:
        path, _ = train(
            extractor=extractor,
            start=decoder,
            network="subpixel",
            steps=3,
            autoencoder_steps=2,
            warmup_steps=0,
            logging_steps=1,
        ).files
        made = load_decoder(path, encoder=extractor, device="cpu")
        assert (made.spec.kind, made.spec.passes, made.spec.alignment) == ("subpixel", 1, decoder.spec.alignment)
        log = (tmp_path / "run" / "log.jsonl").read_text()
        assert '"imitation"' in log

    def test_an_imitation_is_not_resumed_as_something_else(
        self, train: Train, decoder: Decoder, extractor: VGG19Features
    ) -> None:
        options = {"extractor": extractor, "network": "subpixel", "autoencoder_steps": 2, "warmup_steps": 0}
        train(**options, start=decoder, steps=3)
        with pytest.raises(TrainingError, match="imitated"):
            train(**options, steps=3, resume=True)

    def test_few_shot_of_the_fast_network_goes_on_from_the_fast_decoder(self, train: Train) -> None:
        path, _ = train(
            extractor="vgg19-lite-1",
            network="subpixel",
            preset="few-shot",
            autoencoder_steps=0,
            steps=1,
            warmup_steps=0,
        ).files
        made, fast = (load_decoder(x, encoder="vgg19-lite-1", device="cpu") for x in (path, "fast"))
        assert dataclasses.replace(made.spec, name="fast") == fast.spec
        for own, given in zip(made.parameters(), fast.parameters(), strict=True):
            torch.testing.assert_close(own, given, rtol=0, atol=2e-3)

    def test_few_shot_needs_a_decoder(self, train: Train) -> None:
        with pytest.raises(OptionError, match="few-shot continues from a finished decoder; give one with --start"):
            train(preset="few-shot", autoencoder_steps=0)

    def test_a_decoder_that_is_given_stays_as_it_is(
        self, train: Train, decoder: Decoder, extractor: VGG19Features
    ) -> None:
        before = {name: x.clone() for name, x in decoder.state_dict().items()}
        train(extractor=extractor, start=decoder, steps=2, autoencoder_steps=1)
        assert same(before, dict(decoder.state_dict()))
        assert not any(p.requires_grad for p in decoder.parameters())

    def test_of_other_taps(self, train: Train, decoder: Decoder, extractor: VGG19Features) -> None:
        with pytest.raises(OptionError, match=f"give --layers {','.join(LITE.taps)}"):
            train(extractor=extractor, start=decoder, layers=("relu4_1",))

    def test_of_another_extractor(self, train: Train, decoder: Decoder) -> None:
        with pytest.raises(WeightsError, match="trained for the extractor 'vgg19-lite-1'"):
            train(start=decoder)

    def test_the_random_state_stays_as_it_was(self, train: Train) -> None:
        before = torch.get_rng_state()
        train(steps=2, autoencoder_steps=1)
        assert torch.equal(torch.get_rng_state(), before)


def test_full_width_with_weights_that_a_user_has(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random numbers in the file that `weights fetch vgg19` leaves in the cache."""
    tensors, channels = dict[str, Tensor](), 3
    for layer in LAYERS:
        width, name = VGG19_WIDTHS[layer.block - 1], f"features.{layer.torchvision_index}"
        tensors[f"{name}.weight"] = (2 / (9 * channels)) ** 0.5 * torch.randn(width, channels, 3, 3)
        tensors[f"{name}.bias"] = torch.zeros(width)
        channels = width
    monkeypatch.setenv("STYLETRANSFER_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    metadata = {"format": reduced.FORMAT, "sha256": reduced.checksum(tensors)}
    save_file(tensors, tmp_path / "cache" / "vgg19.safetensors", metadata=metadata)
    outcome = train(extractor="vgg19", layers=("relu4_1",), passes=1, steps=2, autoencoder_steps=1)
    decoder = load_decoder(outcome.files[0], encoder="vgg19", device="cpu")
    assert decoder.spec.stages == PYTORCH_ADAIN.stages
    assert outcome.finished
    for path in tmp_path.rglob("step-*.safetensors"):
        path.unlink()  # 40 MB


class TestProcesses:
    def options(self, **more: Any) -> dict[str, Any]:
        return {
            "preset": "lab",
            "steps": 15,
            "autoencoder_steps": 4,
            "save_steps": 3,
            "sample_steps": 1000,
        } | more

    def start(self, command: Command, pictures: Path, paintings: Path, run: Path, **options: Any) -> Process:
        words = command("decoder", "--content", pictures, "--style", paintings, "-o", run, "--quiet", **options)
        return subprocess.Popen(
            [sys.executable, "-m", "styletransfer", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def test_killed_at_a_random_moment(
        self, command: Command, pictures: Path, paintings: Path, tmp_path: Path, tiny: dict[str, Any]
    ) -> None:
        run = tmp_path / "run"
        with self.start(command, pictures, paintings, run, **self.options()) as process:
            wait_for(lambda: checkpoints.latest(run), process)
            time.sleep(random.Random(0).uniform(0, 0.1))
            process.kill()
        assert checkpoints.latest(run) != run / "step-15.safetensors"
        assert train_decoder(pictures, paintings, run, resume=True, **self.options(**tiny)).finished
        assert train_decoder(pictures, paintings, tmp_path / "whole", **self.options(**tiny)).finished
        assert_equal_ends(tmp_path / "whole", run, 15)

    @pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
    def test_the_whole_group_is_told_to_stop(
        self, command: Command, pictures: Path, paintings: Path, tmp_path: Path, kind: signal.Signals
    ) -> None:
        """As a batch system or a terminal does it: the processes that load pictures get the signal too."""
        run = tmp_path / "run"
        options = self.options(steps=100_000, num_workers=1)
        with self.start(command, pictures, paintings, run, **options) as process:
            wait_for(lambda: checkpoints.latest(run), process)
            os.killpg(process.pid, kind)
            out, told = process.communicate(timeout=120)
        assert process.returncode == 130, told
        assert out == ""
        last = told.splitlines()[-1]
        assert last.startswith("Stopped after step ")
        assert last.endswith(f"; the checkpoint is in {run}. Continue with --resume.")
        step = int(last.split()[3].rstrip(";"))
        assert checkpoints.latest(run) == run / f"step-{step}.safetensors"
        assert (run / "decoder.safetensors").is_file()


def wait_for(done: Callable[[], object], process: Process, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not done():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            pytest.fail(process.communicate()[1])
        time.sleep(0.02)
