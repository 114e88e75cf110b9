"""The reader of weight files: what it takes, and what it refuses at once and without filling the memory."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import struct
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from styletransfer.errors import StyleTransferError, WeightsError
from styletransfer.features import create_extractor
from styletransfer.methods.feedforward.adain import EncodedStyle
from styletransfer.methods.feedforward.decoder import Decoder, DecoderSpec
from styletransfer.methods.feedforward.decoder_files import FORMAT, load_decoder, save_decoder
from styletransfer.weights.formats import trained_metadata
from styletransfer.weights.tensor_files import open_tensors, read_tensors


@pytest.fixture
def at_once() -> Iterator[None]:
    """Fail a test that takes more than two seconds or 300 MB, whatever it raises."""
    status, peak = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def memory(line: str) -> int:
        found = [text for text in status.read_text().splitlines() if text.startswith(line)]
        return int(found[0].split()[1]) // 1000 if found else 0

    linux = peak.exists()
    if linux:
        peak.write_text("5")  # the peak begins anew
    before, began = memory("VmRSS") if linux else 0, time.process_time()
    yield
    assert time.process_time() - began < 2
    assert not linux or memory("VmHWM") - before < 300


def damage(path: Path, start: int, end: int | None = None) -> None:
    path.write_bytes(path.read_bytes()[start:end])


def refused(path: Path, message: str, name: str = "vgg19-lite-1") -> None:
    with pytest.raises(WeightsError, match=message):
        create_extractor(name, weights=path, device="cpu")


def test_own_files_in_other_wrappings(lite_tensors: dict[str, Tensor], lite_file: Path, tmp_path: Path) -> None:
    stored = load_file(lite_file)
    torch.save({"state_dict": {f"module.{k}": nn.Parameter(x) for k, x in stored.items()}}, tmp_path / "a.pth")
    images = torch.rand(1, 3, 16, 16)
    first = create_extractor("vgg19-lite-1", weights=lite_file, device="cpu")(images, ["relu5_1"])
    other = create_extractor("vgg19-lite-1", weights=tmp_path / "a.pth", device="cpu")(images, ["relu5_1"])
    assert torch.equal(first["relu5_1"], other["relu5_1"])


def test_the_suffix_does_not_matter(lite_file: Path, tmp_path: Path) -> None:
    torch.save(load_file(lite_file), tmp_path / "a.safetensors")
    lite_file.rename(tmp_path / "b.pth")
    for name in ("a.safetensors", "b.pth"):
        assert create_extractor("vgg19-lite-1", weights=tmp_path / name, device="cpu").available


def test_files_that_are_no_weights(tmp_path: Path, lite_file: Path) -> None:
    refused(tmp_path / "none.pth", r'The weight file ".*none\.pth" does not exist')
    refused(tmp_path, r'The weight file ".*" is a folder; give')
    path = tmp_path / "a.pth"
    for content, message in (
        (b"", "it is empty"),
        (b"garbage, nothing but garbage", "it begins with b'garbage,'"),
        (b"<html><head></head></html>", "it is an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS pointer"),
        (b"PK\x03\x04 but no archive", r"a\.pth is truncated or damaged"),
        (b"\x80\x02 but no pickle", r"a\.pth is damaged|a\.pth is truncated or damaged"),
    ):
        path.write_bytes(content)
        refused(path, message)
    damage(lite_file, 0, 100_000)
    refused(lite_file, r"vgg19-lite-1\.safetensors is truncated or damaged")


@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_pytorch_files(tmp_path: Path, lite_file: Path, zipped: bool) -> None:
    path = tmp_path / "a.pth"
    torch.save(load_file(lite_file), path, _use_new_zipfile_serialization=zipped)
    damage(path, 0, path.stat().st_size // 2)
    refused(path, r"a\.pth is (truncated or )?damaged")


def test_pickles_are_never_executed(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    for zipped in (True, False):
        torch.save(nn.Conv2d(3, 3, 1), path, _use_new_zipfile_serialization=zipped)
        refused(
            path,
            r"holds Python objects besides tensors, which are not loaded .*torch\.save\(model\.state_dict",
        )
    torch.save([torch.zeros(1)], path)
    refused(path, r"holds no state dict \(tensors by name\) but a list")
    torch.save({}, path)
    refused(path, "holds no tensors")


def test_wrong_contents(tmp_path: Path, lite_file: Path) -> None:
    stored = load_file(lite_file)
    path = tmp_path / "a.safetensors"
    save_file({k: x for k, x in stored.items() if k != "conv3_2.bias"}, path)
    refused(path, r"has no tensor 'conv3_2\.bias', so it is not a file of 'vgg19-lite-1'")
    save_file({**stored, "conv3_2.weight": torch.zeros(64, 64, 1, 1)}, path)
    refused(path, r"conv3_2\.weight has shape \(64, 64, 1, 1\), 'vgg19-lite-1' wants \(64, 64, 3, 3\)")
    save_file({**stored, "conv4_1.bias": torch.full((128,), float("inf"))}, path)
    refused(path, r"conv4_1\.bias holds NaN or infinite numbers; the file is damaged")
    save_file({**stored, "color.bias": torch.full((3,), float("nan"))}, path)
    refused(path, r"color\.bias holds NaN")
    save_file({**stored, "color.bias": torch.zeros(4)}, path)
    refused(path, r"color\.bias has shape \(4,\), 'vgg19-lite-1' wants \(3,\)")


def test_a_file_of_another_weight_set_is_recognised(lite_file: Path, normalised_file: Path) -> None:
    refused(lite_file, r"no tensor 'features\.0\.weight'.* It looks like a file of 'vgg19-lite-1'", "vgg19")
    refused(normalised_file, r"It looks like a file of 'vgg19-normalised'", "vgg19-lite-1")


def test_half_precision_becomes_float32(lite_file: Path) -> None:
    tensors, metadata = read_tensors(lite_file)
    assert {x.dtype for x in tensors.values()} == {torch.float32}
    assert metadata == {}


def test_only_what_is_wanted_is_read(lite_file: Path) -> None:
    names = ["conv1_1.bias", "color.bias", "none"]
    for wanted in (names, set(names), lambda name: name in names):
        tensors, _ = read_tensors(lite_file, wanted)
        assert set(tensors) == {"conv1_1.bias", "color.bias"}
    with pytest.raises(WeightsError, match=r"claims to hold .* bytes of numbers; no more than 1,000 are read"):
        read_tensors(lite_file, max_bytes=1000)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.full((128,), 2e6), r"conv4_1\.bias holds 2e\+06; a number beyond 1,000,000 is no weight"),
        (torch.full((128,), -1e30, dtype=torch.float64), r"conv4_1\.bias holds 1e\+30"),
        (torch.full((128,), 1e300, dtype=torch.float64), r"conv4_1\.bias holds NaN or infinite numbers"),
        (torch.zeros(128, dtype=torch.int64), r"conv4_1\.bias holds torch\.int64, wanted are floating-point"),
        (torch.zeros(128, dtype=torch.complex64), r"conv4_1\.bias holds torch\.complex64|besides tensors|damaged"),
    ],
)
def test_numbers_that_are_no_weights(lite_file: Path, value: Tensor, message: str) -> None:
    save_file({**load_file(lite_file), "conv4_1.bias": value}, lite_file)
    refused(lite_file, message)


def test_not_ordinary_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    for path in (tmp_path / "pipe.pth", Path("/dev/zero")):
        refused(path, "is a device or pipe")
        for load in (functools.partial(load_decoder, encoder="vgg19-lite-1", device="cpu"), EncodedStyle.load):
            with pytest.raises(WeightsError, match="is a device or pipe"):
                load(path)
    for name in ("x" * 300 + ".pth", "a\0.pth", "https://example.org/a.pth", "/proc/self/mem", ""):
        for source in (lambda n=name: create_extractor(weights=n), lambda n=name: load_decoder(n, encoder="x")):
            with pytest.raises(WeightsError):
                source()


def write_header(path: Path, header: bytes, claimed: int | None = None) -> None:
    path.write_bytes(struct.pack("<Q", len(header) if claimed is None else claimed) + header)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("header", "claimed"),
    [
        (b"{" + b"[" * 900_000, None),
        (b'{"a":' * 150_000, None),
        (b"{}", 2**63),
        (b"{}", 100_000_000),
        (json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode(), None),
        (
            json.dumps(
                {f"{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(15000)}
            ).encode(),
            None,
        ),
    ],
)
def test_safetensors_that_claim_too_much(tmp_path: Path, header: bytes, claimed: int | None) -> None:
    write_header(tmp_path / "a.safetensors", header, claimed)
    refused(tmp_path / "a.safetensors", "is truncated or damaged|has no tensor")


@pytest.mark.usefixtures("at_once")
def test_a_file_larger_than_any(tmp_path: Path, lite_file: Path) -> None:
    for start in (b"\x80\x02", b"PK\x03\x04", lite_file.read_bytes()):
        with (tmp_path / "a.pth").open("wb") as file:
            file.write(start)
            file.truncate(2**40)  # a sparse file
        refused(tmp_path / "a.pth", r"has 1,099,511,627,776 bytes; no weight file has more than 600,000,000")


class Memory:
    """Pickled, a request for 10 GB."""

    def __reduce__(self) -> Any:
        return bytearray, (10_000_000_000,)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("zipped", [True, False])
def test_pytorch_files_that_claim_too_much(lite_file: Path, tmp_path: Path, zipped: bool) -> None:
    tensors = {name: x.float() for name, x in load_file(lite_file).items()}
    path = tmp_path / "a.pth"
    for value, message in (
        (torch.zeros(1).expand(10**10), r"conv1_1\.weight has shape \(10000000000,\), 'vgg19-lite-1' wants"),
        (torch.zeros(1).expand(16, 3, 3, 3), r"conv1_1\.weight claims more numbers than are stored"),
        (Memory(), "holds Python objects besides tensors"),
        (torch.zeros(3).to_sparse(), "holds Python objects besides tensors"),
        (torch.zeros(3, device="meta"), "holds Python objects besides tensors"),
    ):
        torch.save({**tensors, "conv1_1.weight": value}, path, _use_new_zipfile_serialization=zipped)
        refused(path, message)
    torch.save({"a": torch.zeros(1).expand(10**10)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"claims to hold 4e\+10 bytes"):
        read_tensors(path)
    torch.save(tensors, path, _use_new_zipfile_serialization=zipped)
    stored = path.read_bytes()
    place = stored.index(b"cpuq") + 5  # right after the name of the device: how many numbers the storage has
    assert stored[place : place + 1] in (b"K", b"M")
    width = 2 if stored[place : place + 1] == b"K" else 3
    path.write_bytes(stored[:place] + b"\x8a\x06" + (10**13).to_bytes(6, "little") + stored[place + width :])
    refused(path, "damaged")


@pytest.mark.usefixtures("at_once")
def test_archives_that_unpack_to_more(tmp_path: Path, lite_file: Path) -> None:
    path, plain = tmp_path / "a.pth", tmp_path / "plain.pth"
    torch.save(load_file(lite_file), plain)
    with zipfile.ZipFile(plain) as archive, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as deflated:
        for entry in archive.infolist():
            deflated.writestr(entry.filename, archive.read(entry))
        with deflated.open("a/bomb", "w") as bomb:
            bomb.write(bytes(30_000_000))
    refused(path, "is a compressed archive, which is not read. Write it again with torch.save")
    with zipfile.ZipFile(path, "w") as many:
        for number in range(15_000):
            many.writestr(f"a/{number}", b"")
    refused(path, "is truncated or damaged")


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("flood", [b"N", b"(", b"K\x01q\x00", b"r\xff\xff\xff\xff"])
def test_pickles_that_do_not_end(tmp_path: Path, flood: bytes) -> None:
    data = b"\x80\x02N" + flood * (1_500_000 // len(flood)) + b"."
    (tmp_path / "a.pth").write_bytes(data)
    refused(tmp_path / "a.pth", "damaged")


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    "spec",
    [
        {"widths": [10**12] * 5},
        {"widths": [16] * 200_000},
        {"widths": ["16"] * 5},
        {"widths": [4096] * 5},
        {"name": "x" * 1000},
        {"name": 5},
        {"last": ["conv1_1"]},
        {"widths": {"0": 16}},
        "[" * 100_000,
        "9" * 100_000,
        '{"name": ' * 50_000,
    ],
)
def test_extractors_described_beyond_reason(tmp_path: Path, spec: dict[str, Any] | str) -> None:
    metadata = trained_metadata("mine", (4, 5, 6, 7, 8), "conv1_1")
    metadata["spec"] = json.dumps(json.loads(metadata["spec"]) | spec) if isinstance(spec, dict) else spec
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", metadata)
    with pytest.raises(WeightsError, match=r"the description of the extractor .* is damaged|has no tensor"):
        create_extractor(tmp_path / "a.safetensors", device="cpu")


SMALL = DecoderSpec(
    name="small", encoder="vgg19-lite-1", taps=("relu1_1", "relu2_1"), channels=(4, 6), stages=((5,), (5, 3))
)
MOST = {
    "taps": ["relu5_1"],
    "channels": [4096],
    "stages": [[4096] * 32] * 4 + [[4096] * 31 + [3]],
    "blocks": [32] * 5,
}


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    "spec",
    [
        {"stages": [[3]] * 100_000},
        {"stages": [[5], [3] * 100_000]},
        {"stages": [[10**12], [3]]},
        {"stages": ["5", "3"]},
        {"stages": {"0": [5]}},
        {"blocks": [10**12]},
        {"blocks": [1] * 100_000},
        {"channels": [10**12, 6]},
        {"channels": "46"},
        {"modulation": 10**12},
        {"passes": 10**400},
        {"passes": "1"},
        {"slope": 1e999},
        {"taps": 5},
        {"taps": [["relu1_1"], {}]},
        {"taps": ["relu1_1"] * 50_000},
        {"name": None},
        {"encoder": "x" * 1000},
        {"padding": [1]},
        {"upsampling": {}},
        {"notes": [1]},
        {"unheard": 1},
        "[" * 100_000,
        MOST | {"modulation": 4096},
    ],
)
def test_decoders_described_beyond_reason(tmp_path: Path, spec: dict[str, Any] | str) -> None:
    path = save_decoder(Decoder(SMALL), tmp_path / "a.safetensors")
    own = json.loads(open_tensors(path).metadata["spec"])
    told = json.dumps(own | spec) if isinstance(spec, dict) else spec
    save_file(load_file(path), path, {"format": FORMAT, "spec": told})
    with pytest.raises(WeightsError, match=r"the description of the decoder .* is damaged|has shape"):
        load_decoder(path, encoder="vgg19-lite-1", device="cpu")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[bytes]]:
    """Small sound files of every kind."""
    folder = tmp_path_factory.mktemp("samples")
    path = save_decoder(Decoder(SMALL), folder / "decoder.safetensors")
    tensors = {"conv1_1.weight": torch.randn(4, 3, 3, 3), "conv1_1.bias": torch.randn(4),
               "color.weight": torch.randn(3, 3, 1, 1), "color.bias": torch.randn(3)}  # fmt: skip
    save_file(tensors, folder / "extractor.safetensors", trained_metadata("mine", (4, 5, 6, 7, 8), "conv1_1"))
    torch.save(tensors, folder / "zipped.pth")
    torch.save(tensors, folder / "plain.pth", _use_new_zipfile_serialization=False)
    assert create_extractor(folder / "extractor.safetensors", device="cpu").name == "mine"
    assert load_decoder(path, encoder="vgg19-lite-1", device="cpu").spec.name == "small"
    yield [path.read_bytes() for path in sorted(folder.iterdir())]
    shutil.rmtree(folder)


@given(data=st.data())
@settings(max_examples=300)
def test_any_damage_is_our_own_error(
    tmp_path_factory: pytest.TempPathFactory, samples: list[bytes], data: st.DataObject
) -> None:
    """Bytes changed, cut or put in at random, mostly in the description; or nothing but random bytes."""
    whole = bytearray(data.draw(st.sampled_from([*samples, b"", b"\x80\x02", b"PK\x03\x04"]), label="file"))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(whole), 1500)))
        place = max(0, len(whole) - place) if data.draw(st.booleans()) else place
        whole[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=8))
    path = tmp_path_factory.getbasetemp() / "fuzzed.pth"
    path.write_bytes(whole)
    for load in (
        lambda: create_extractor(path, device="cpu"),
        lambda: create_extractor("vgg19-lite-1", weights=path, device="cpu"),
        lambda: load_decoder(path, encoder="vgg19-lite-1", device="cpu"),
    ):
        began = time.process_time()
        with contextlib.suppress(StyleTransferError):
            load()
        assert time.process_time() - began < 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(field=st.sampled_from(["name", "widths", "last", "taps", "stages", "blocks", "channels", "slope", "passes",
                              "modulation", "padding", "upsampling", "notes", "encoder"]), value=JSON)  # fmt: skip
@settings(max_examples=60)
def test_any_description_is_our_own_error(
    tmp_path_factory: pytest.TempPathFactory, field: str, value: object
) -> None:
    path = tmp_path_factory.getbasetemp() / "described.safetensors"
    spec = json.loads(trained_metadata("mine", (4, 5, 6, 7, 8), "conv1_1")["spec"])
    spec |= {"encoder": "vgg19-lite-1", "taps": ["relu1_1"], "channels": [4], "stages": [[3]], field: value}
    for kind in (FORMAT, trained_metadata("", (), "")["format"]):
        save_file({"a": torch.zeros(1)}, path, {"format": kind, "spec": json.dumps(spec)})
        with pytest.raises(StyleTransferError):
            create_extractor(path, device="cpu")
        with pytest.raises(StyleTransferError):
            load_decoder(path, encoder="vgg19-lite-1", device="cpu")
