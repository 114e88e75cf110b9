"""The catalogue, files of one's own, and whole ways from a server to an extractor."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from styletransfer.errors import OptionError, WeightsError
from styletransfer.features import create_extractor
from styletransfer.weights import catalogue, store
from styletransfer.weights.catalogue import CATALOGUE
from styletransfer.weights.store import WeightFile
from styletransfer.weights.tensor_files import read_tensors

Serve = Callable[..., str]


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Callable[..., WeightFile]:
    """``put(name, path, url)`` makes the catalogue expect that file's size and hash."""

    def replace(name: str, path: Path, url: str = "http://127.0.0.1:9/none") -> WeightFile:
        file = dataclasses.replace(
            CATALOGUE[name], url=url, size=path.stat().st_size, sha256=store.sha256_of(path)
        )
        monkeypatch.setattr(catalogue, "CATALOGUE", {**CATALOGUE, name: file})
        return file

    return replace


def test_every_weight_set_has_its_provenance() -> None:
    for name, file in CATALOGUE.items():
        assert file.name == name
        assert all((file.network, file.licence, file.citation, file.trained_on, file.preprocessing))
        assert file.embedded or (str(file.url).startswith("https://") and len(str(file.sha256)) == 64)
        assert (file.kind == "decoder") == (file.encoder is not None)
        assert file.encoder is None or CATALOGUE[file.encoder].kind == "extractor"


def test_vgg19_is_the_file_that_torchvision_names() -> None:
    published = torchvision.models.VGG19_Weights.IMAGENET1K_V1
    file = CATALOGUE["vgg19"]
    assert file.url == published.url
    assert str(file.sha256).startswith(published.url.rsplit("-", 1)[1].removesuffix(".pth"))
    assert round(int(file.size or 0) / 2**20, 1) == round(published.meta["_file_size"], 1)


def test_list_weights_when_nothing_was_fetched(cache: Path) -> None:
    found = {status.name: status for status in catalogue.list_weights()}
    assert list(found) == ["vgg19-lite", "vgg19", "vgg19-normalised", "lite", "pytorch-adain"]
    assert found["vgg19-normalised"].state == "absent"
    assert found["vgg19-normalised"].size == 80_102_481
    assert found["vgg19"].path == cache / "vgg19.safetensors" == catalogue.path("vgg19")
    assert found["lite"].kind == "decoder"
    assert not cache.exists()


def test_unknown_name() -> None:
    with pytest.raises(OptionError, match=r"Unknown weight set 'vgg19-light'\. Did you mean \"vgg19-lite\"\?"):
        catalogue.fetch("vgg19-light")


@pytest.mark.parametrize("name", [f.name for f in CATALOGUE.values() if f.embedded])
def test_embedded_files_are_present_and_listed_with_their_hash(name: str) -> None:
    assert catalogue.path(name).is_file()
    assert catalogue.verify([name]) == [(name, True, f"{catalogue.path(name)} is as published.")]


def test_embedded_extractor_works() -> None:
    extractor = create_extractor(device="cpu")
    features = extractor(torch.rand(1, 3, 32, 32), ["relu1_1", "relu5_1"])
    assert features["relu5_1"].shape == (1, 128, 2, 2)
    assert all(x.mean() > 0 for x in features.values())
    assert {x.dtype for x in load_file(catalogue.path("vgg19-lite")).values()} == {torch.float16}


def test_normalised_from_the_server_to_the_extractor(
    serve: Serve, put: Callable[..., WeightFile], normalised_file: Path, cache: Path
) -> None:
    put("vgg19-normalised", normalised_file, serve("/vgg_normalised.pth", normalised_file.read_bytes()))
    fetched = create_extractor("vgg19-normalised", device="cpu")
    assert catalogue.path("vgg19-normalised").is_file()
    images = torch.rand(1, 3, 16, 16)
    own = create_extractor("vgg19-normalised", weights=normalised_file, device="cpu")
    assert torch.equal(fetched(images, ["relu5_4"])["relu5_4"], own(images, ["relu5_4"])["relu5_4"])
    path = catalogue.path("vgg19-normalised")
    assert ("vgg19-normalised", True, f"{path} is as published.") in catalogue.verify()
    with path.open("r+b") as stream:  # one flipped byte
        stream.seek(4_000_000)
        byte = stream.read(1)
        stream.seek(4_000_000)
        stream.write(bytes([byte[0] ^ 1]))
    with pytest.raises(WeightsError, match=r"is damaged.*weights fetch vgg19-normalised --force"):
        create_extractor("vgg19-normalised", device="cpu")
    assert catalogue.verify(["vgg19-normalised"])[0][1] is False
    assert catalogue.fetch("vgg19-normalised", force=True) == path
    assert catalogue.verify(["vgg19-normalised"])[0][1] is True


def test_vgg19_is_reduced_to_its_convolutions(
    serve: Serve,
    put: Callable[..., WeightFile],
    torchvision_file: Path,
    cache: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    put("vgg19", torchvision_file, serve("/vgg19.pth", torchvision_file.read_bytes()))
    reports: list[int] = []
    path = catalogue.fetch("vgg19", progress=lambda done, _: reports.append(done))
    assert reports[-1] == torchvision_file.stat().st_size
    assert [p.name for p in cache.iterdir()] == ["vgg19.safetensors"]  # the large file is gone
    tensors, original = load_file(path), torch.load(torchvision_file, weights_only=True)
    assert len(tensors) == 32
    assert all(torch.equal(x, original[name]) for name, x in tensors.items())
    assert capfd.readouterr() == ("", "")  # the library never prints
    assert create_extractor("vgg19", device="cpu").padding == "zeros"
    assert catalogue.verify(["vgg19"])[0][1] is True
    save_file({**tensors, "features.0.bias": torch.zeros(64)}, path, {"format": "styletransfer-vgg19-1"})
    assert catalogue.verify(["vgg19"])[0][:2] == ("vgg19", False)
    with pytest.raises(WeightsError, match=r"do not have the checksum.*weights fetch vgg19 --force"):
        create_extractor("vgg19", device="cpu")


@pytest.mark.parametrize("folder", ["cache", "torch/hub/checkpoints"])
def test_a_file_of_torchvision_put_by_hand_is_used_and_kept(
    put: Callable[..., WeightFile], torchvision_file: Path, tmp_path: Path, folder: str
) -> None:
    file = put("vgg19", torchvision_file)
    copy = tmp_path / folder / file.file_name
    copy.parent.mkdir(parents=True)
    copy.hardlink_to(torchvision_file)
    assert catalogue.fetch("vgg19") == tmp_path / "cache" / "vgg19.safetensors"
    assert copy.is_file()


def test_a_damaged_file_put_by_hand_is_refused(
    put: Callable[..., WeightFile], torchvision_file: Path, cache: Path
) -> None:
    file = put("vgg19", torchvision_file)
    cache.mkdir()
    (cache / file.file_name).write_bytes(torchvision_file.read_bytes()[:5000])
    with pytest.raises(WeightsError, match=r"vgg19-dcbb9e9d\.pth is not 'vgg19': it has 5,000 bytes"):
        catalogue.fetch("vgg19")


def test_verify_names_what_is_absent() -> None:
    assert catalogue.verify(["pytorch-adain"]) == [
        ("pytorch-adain", False, "Not fetched. Fetch it: styletransfer weights fetch pytorch-adain.")
    ]


def damage(path: Path, start: int, end: int | None = None) -> None:
    path.write_bytes(path.read_bytes()[start:end])


def refused(path: Path, message: str, name: str = "vgg19-lite") -> None:
    with pytest.raises(WeightsError, match=message):
        create_extractor(name, weights=path, device="cpu")


def test_own_files_in_other_wrappings(lite_tensors: dict[str, Tensor], lite_file: Path, tmp_path: Path) -> None:
    stored = load_file(lite_file)
    torch.save({"state_dict": {f"module.{k}": nn.Parameter(x) for k, x in stored.items()}}, tmp_path / "a.pth")
    images = torch.rand(1, 3, 16, 16)
    first = create_extractor("vgg19-lite", weights=lite_file, device="cpu")(images, ["relu5_1"])
    other = create_extractor("vgg19-lite", weights=tmp_path / "a.pth", device="cpu")(images, ["relu5_1"])
    assert torch.equal(first["relu5_1"], other["relu5_1"])


def test_the_suffix_does_not_matter(lite_file: Path, tmp_path: Path) -> None:
    torch.save(load_file(lite_file), tmp_path / "a.safetensors")
    lite_file.rename(tmp_path / "b.pth")
    for name in ("a.safetensors", "b.pth"):
        assert create_extractor("vgg19-lite", weights=tmp_path / name, device="cpu").available


def test_files_that_are_no_weights(tmp_path: Path, lite_file: Path) -> None:
    refused(tmp_path / "none.pth", r"There is no weight file .*none\.pth")
    refused(tmp_path, "cannot be read: it is a folder")
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
    refused(lite_file, r"vgg19-lite\.safetensors is truncated or damaged")


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
    refused(path, r"has no tensor 'conv3_2\.bias', so it is not a file of 'vgg19-lite'")
    save_file({**stored, "conv3_2.weight": torch.zeros(64, 64, 1, 1)}, path)
    refused(path, r"conv3_2\.weight has shape \(64, 64, 1, 1\), 'vgg19-lite' wants \(64, 64, 3, 3\)")
    save_file({**stored, "conv4_1.bias": torch.full((128,), float("inf"))}, path)
    refused(path, r"conv4_1\.bias holds NaN or infinite numbers; the file is damaged")
    save_file({**stored, "color.bias": torch.full((3,), float("nan"))}, path)
    refused(path, r"the colour map holds NaN")
    save_file({**stored, "color.bias": torch.zeros(4)}, path)
    refused(path, r"color\.weight and color\.bias have shapes .* and \(4,\), 'vgg19-lite' wants")


def test_a_file_of_another_weight_set_is_recognised(lite_file: Path, normalised_file: Path) -> None:
    refused(lite_file, r"no tensor 'features\.0\.weight'.* It looks like a file of 'vgg19-lite'", "vgg19")
    refused(normalised_file, r"It looks like a file of 'vgg19-normalised'", "vgg19-lite")


def test_half_precision_becomes_float32(lite_file: Path) -> None:
    tensors, metadata = read_tensors(lite_file)
    assert {x.dtype for x in tensors.values()} == {torch.float32}
    assert metadata == {}


def test_fetched_files_are_not_fetched_again(
    serve: Serve, put: Callable[..., WeightFile], normalised_file: Path, cache: Path
) -> None:
    put("vgg19-normalised", normalised_file)  # a URL at which nobody answers
    with pytest.raises(WeightsError, match="could not be fetched: no connection"):
        catalogue.fetch("vgg19-normalised")
    cache.mkdir(exist_ok=True)
    shutil.copy(normalised_file, catalogue.path("vgg19-normalised"))  # put there by hand
    assert catalogue.fetch("vgg19-normalised") == cache / "vgg_normalised.pth"


def test_a_weight_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"cannot be read: it is a folder"):
        create_extractor(weights=tmp_path)
    with pytest.raises(WeightsError, match=r"no weight file .*none\.pth\. Check the path"):
        create_extractor(weights=tmp_path / "none.pth")
    with pytest.raises(OptionError, match="weights must be the path of a file, got a int"):
        create_extractor(weights=5)  # type: ignore[arg-type]


def test_a_cached_page_in_place_of_the_reduced_file_says_how_to_fetch_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLETRANSFER_HOME", str(tmp_path))
    (tmp_path / "vgg19.safetensors").write_bytes(b"<!DOCTYPE html><html>")
    with pytest.raises(WeightsError, match=r"an HTML page.* Fetch it again: .* fetch vgg19 --force\."):
        create_extractor("vgg19")
