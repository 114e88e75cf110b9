"""`styletransfer train`: options from the configs, and bad input as one sentence."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from safetensors.torch import save_file

import styletransfer
from styletransfer.cli import main
from styletransfer.cli.train import _SHOWN, TrainingBar
from styletransfer.features.vgg import VGG19Features
from styletransfer.training.engine.config import RENAMED
from styletransfer.weights.formats import trained_metadata

Train = Callable[..., Result]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A folder with two of pictures."""
    for number, name in enumerate(("content/a.png", "content/b.png", "style/c.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (72, 80, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    return tmp_path


@pytest.fixture(scope="session")
def narrow_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an extractor of a few channels with random weights."""
    network = VGG19Features("narrow", widths=(4, 4, 6, 8, 8), last="conv4_1")
    generator = torch.Generator().manual_seed(0)
    stored = {"color.weight": network.color_matrix, "color.bias": network.color_bias}
    for name, x in network.convs.state_dict().items():
        stored[name] = torch.randn(x.shape, generator=generator) * (2 / max(1, x[0].numel())) ** 0.5
    path = tmp_path_factory.mktemp("extractor") / "narrow.safetensors"
    save_file(
        {name: x.contiguous() for name, x in stored.items()},
        path,
        metadata=trained_metadata("narrow", network.widths, "conv4_1"),
    )
    return path


@pytest.fixture
def train(folders: Path, narrow_file: Path) -> Train:
    """A function that runs ``styletransfer train decoder`` with tiny settings; `more` wins."""

    def run(*more: str | Path) -> Result:
        words = [
            "train",
            "decoder",
            "--content",
            folders / "content",
            "--style",
            folders / "style",
            "--extractor",
            narrow_file,
            "-o",
            folders / "run",
        ]
        words += ["--preset", "lab", "--steps", 2, "--autoencoder-steps", 1, "--batch-size", 2, "--size", 32]
        words += ["--device", "cpu", "--num-workers", 0, "--precision", "float32", "--short-edge", 64, *more]
        return CliRunner().invoke(main, list(map(str, words)), catch_exceptions=False)

    return run


def shown(text: str) -> list[str]:
    """The lines that stay on a terminal: a bar is drawn over by what follows a carriage return."""
    return [line.rpartition("\r")[2] for line in text.rstrip("\n").split("\n")]


def assert_refused(result: Result, told: str) -> None:
    """Exit code 2 and, after warnings, one sentence that holds `told`."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    *warnings, last = shown(result.stderr)
    assert all(line.startswith("Warning: ") for line in warnings)
    assert last.startswith("Error: ")
    assert told in last


class TestHelp:
    @pytest.mark.parametrize("kind", ["decoder", "extractor"])
    def test_lists_the_configs_with_their_defaults(self, kind: str) -> None:
        told = " ".join(CliRunner().invoke(main, ["train", kind, "--help"]).stdout.split())
        assert "--learning-rate FLOAT peak of Adam's step length" in told
        assert "(default: 0.001)" in told
        assert "--precision auto|float32|bfloat16" in told
        assert "--gradient-checkpointing / --no-gradient-checkpointing" in told
        own = {
            "decoder": "--layers NAME,... aligned layers",
            "extractor": "--width FLOAT share of VGG-19's channels",
        }
        assert own[kind].lower() in told.lower()
        assert told.rstrip().endswith("Show this message and exit.")

    @pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["info", "adain"]])
    def test_other_commands_do_without_the_training(self, words: list[str]) -> None:
        code = (
            "import sys\n"
            "from styletransfer.cli import main\n"
            f"main({words!r}, standalone_mode=False)\n"
            "sys.exit(any(name.startswith('styletransfer.training') for name in sys.modules))\n"
        )
        environment = os.environ | {"PYTHONPATH": str(Path(styletransfer.__file__).parents[1])}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr


class TestRun:
    def test_writes_and_tells(self, train: Train, folders: Path) -> None:
        result = train()
        assert result.exit_code == 0
        *written, last = result.stdout.splitlines()
        assert written == [f"Wrote {folders / 'run' / name}." for name in ("decoder.safetensors", "decoder.md")]
        assert last.startswith("2 steps in ")
        assert "far too few" in result.stderr
        assert (folders / "run" / "samples" / "step-0000002.png").is_file()

    def test_json(self, train: Train) -> None:
        told = json.loads(train("--json").stdout)
        assert (told["steps"], len(told["files"])) == (2, 2)
        assert "content" in told["losses"]

    def test_quiet_says_nothing_but_warnings(self, train: Train) -> None:
        result = train("--quiet")
        assert (result.exit_code, result.stdout) == (0, "")
        assert {line[:8] for line in result.stderr.splitlines()} == {"Warning:"}

    def test_the_card_holds_the_command(
        self, train: Train, folders: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["styletransfer", "train", "decoder", "--seed", "3"])
        train()
        card = (folders / "run" / "decoder.md").read_text(encoding="utf-8")
        assert "- command: styletransfer train decoder --seed 3" in card

    def test_resume(self, train: Train) -> None:
        train()
        assert train("--resume").exit_code == 0
        assert_refused(train("--resume", "--seed", "3"), "seed was 0, is 3")

    def test_a_stopped_run_is_an_interrupted_command(
        self, train: Train, folders: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from styletransfer.training.engine.processes import World

        monkeypatch.setattr(World, "agree", lambda world, wanted: True)
        result = train()
        assert result.exit_code == 130
        assert shown(result.stderr)[-1] == (
            f"Stopped after step 1; the checkpoint is in {folders / 'run'}. Continue with --resume."
        )


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["--preset", "labb"], "Unknown preset 'labb'. Did you mean \"lab\"?"),
            (["--steps", "0"], "steps must be a whole number of at least 1 and at most 1000000000, got 0"),
            (["--batch-size", "0"], "batch_size must be a whole number of at least 1 and at most 65536, got 0"),
            (
                ["--batch-size", "3", "--gradient-accumulation-steps", "2"],
                "A batch of 3 cannot be shared by 1 process(es) in 2 part(s)",
            ),
            (["--autoencoder-steps", "5"], "With steps=2 and autoencoder_steps=5 no step trains the style"),
            (["--size", "40"], "size must be a multiple of 16"),
            (["--passes", "9"], "passes must be a whole number"),
            (["--seed", "99999999999999999999999"], "seed must be a whole number"),
            (["--num-workers", "-1"], "num_workers must be a whole number of at least 0"),
            (["--layers", "relu9_1"], "relu9_1"),
            (["--steps", "1" + "0" * 400], "steps must be a whole number of at least 1 and at most 1000000000"),
            (["--batch-size", "1000000000"], "batch_size must be a whole number of at least 1 and at most 65536"),
            (["--size", str(2**40)], "size must be a whole number of at least 32 and at most 1024"),
            (["--num-workers", "100000"], "num_workers must be a whole number of at least 0 and at most 256"),
            (["--nearest-of", "1000000000"], "nearest_of must be a whole number of at least 1 and at most 64"),
            (["--batch-size", "65536", "--size", "1024"], "Not enough memory on cpu: a step needs at least"),
            (["--device", "tpu"], "Unknown device 'tpu'"),
            (["--extractor", "vgg20"], "vgg20"),
            (["--extractor", "nowhere/own.safetensors"], "nowhere/own.safetensors"),
            (["--loss-network", "vgg20"], 'There is no teacher "vgg20"'),
            (["--start", "nothing.safetensors"], "nothing.safetensors"),
            (["--resume"], "to resume from; start without --resume"),
        ],
    )
    def test_options(self, train: Train, options: list[str], told: str) -> None:
        assert_refused(train(*options), told)

    @pytest.mark.parametrize(("old", "new"), RENAMED.items())
    def test_former_names_are_refused_with_the_new_ones(self, train: Train, old: str, new: str) -> None:
        flag, now = (f"--{name.replace('_', '-')}" for name in (old, new))
        for word in (flag, f"{flag}=1"):
            result = train(word, "1")
            assert result.exit_code == 2
            assert f"Error: No such option: {flag}. It is called {now} now." in result.stderr

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
    def test_a_gpu_that_is_absent(self, train: Train) -> None:
        assert_refused(train("--device", "cuda"), 'The device "cuda" is not available here')

    @pytest.mark.parametrize(
        ("name", "told"),
        [("empty", "is empty"), ("missing", "does not exist"), ("texts", "none of which is named like a picture"),
         ("one", "only 1 usable picture(s); at least 2 needed"), ("bad", "no usable picture")],
    )  # fmt: skip
    def test_folders(self, train: Train, folders: Path, name: str, told: str) -> None:
        for made in ("empty", "texts", "one", "bad"):
            (folders / made).mkdir()
        (folders / "texts" / "a.txt").touch()
        (folders / "bad" / "a.png").write_text("no")
        Image.new("RGB", (80, 80)).save(folders / "one" / "a.png")
        assert_refused(train("--content", folders / name), told)

    def test_a_folder_that_holds_a_run(self, train: Train) -> None:
        train()
        assert_refused(train(), "already holds a run")

    @pytest.mark.skipif(not Path("/proc").is_dir(), reason="Linux")
    def test_a_place_that_cannot_be_written_to(self, train: Train) -> None:
        assert_refused(train("-o", "/proc/x"), "The run's folder /proc/x cannot be written to")

    def test_few_shot_is_a_decoders(self, folders: Path) -> None:
        words = [
            "train",
            "extractor",
            "--pictures",
            folders / "content",
            "--teacher",
            "vgg19-lite-1",
            "-o",
            folders / "run",
        ]
        result = CliRunner().invoke(main, [*map(str, words), "--preset", "few-shot"], catch_exceptions=False)
        assert_refused(result, "Unknown preset 'few-shot'")


def test_the_bar_follows_folders_and_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    from styletransfer.training import Progress

    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    with TrainingBar() as bar:
        hooks = bar.hooks
        assert hooks.on_reading is not None
        assert hooks.on_step is not None
        for done, files in ((1, 2), (2, 2), (1, 3), (2, 3), (3, 3)):
            hooks.on_reading(done, files)
            assert bar.bar is not None
            assert (bar.bar.bar.n, bar.bar.bar.total) == (done, files)
        hooks.on_step(Progress(11, 20, 5.0, "style", {"content": 0.5}))
        drawn = bar.bar.bar
        assert (drawn.n, drawn.total, drawn.initial) == (11, 20, 10)
        assert drawn.last_print_n >= 10  # the time left is reckoned from the steps since then
        hooks.on_warning("look here")  # type: ignore[misc]
    assert "Warning: look here" in terminal.getvalue()
    assert "content" in _SHOWN
