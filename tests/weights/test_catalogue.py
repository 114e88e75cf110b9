"""The catalogue, files of one's own, and whole ways from a server to an extractor."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision import models

from styletransfer.errors import OptionError, WeightsError
from styletransfer.features import create_extractor
from styletransfer.weights import catalogue, store
from styletransfer.weights.catalogue import CATALOGUE, DEFAULT_EXTRACTOR, WeightFile

Serve = Callable[..., str]


def where(name: str) -> Path:
    return store.location(catalogue.find(name))


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
        assert file.embedded or len(str(file.sha256)) == 64
        assert file.embedded or file.distribution or str(file.url).startswith("https://")
        assert (file.kind == "decoder") == (file.encoder is not None)
        assert file.encoder is None or CATALOGUE[file.encoder].kind == "extractor"


@pytest.mark.parametrize(
    ("name", "published"),
    [("vgg19", models.VGG19_Weights.IMAGENET1K_V1), ("alexnet", models.AlexNet_Weights.IMAGENET1K_V1)],
)
def test_files_are_those_that_torchvision_names(name: str, published: models.WeightsEnum) -> None:
    file = CATALOGUE[name]
    assert file.url == published.url
    assert str(file.sha256).startswith(published.url.rsplit("-", 1)[1].removesuffix(".pth"))
    assert round(int(file.size or 0) / 2**20, 1) == round(published.meta["_file_size"], 1)


def test_list_weights_when_nothing_was_fetched(cache: Path) -> None:
    found = {status.name: status for status in store.list_weights()}
    assert list(found) == [
        *("vgg19-lite", "vgg19-oxford", "vgg19", "vgg19-normalised", "vgg19-lite-1"),
        *("lite", "fast", "pytorch-adain"),
        *("alexnet", "lpips-alex", "inception-fid", "art-inception"),
    ]
    assert found["vgg19-normalised"].state == "absent"
    assert found["vgg19-normalised"].size == 80_102_481
    assert found["vgg19"].path == cache / "vgg19.safetensors" == where("vgg19")
    assert found["lite"].kind == "decoder"
    assert not cache.exists()


def test_unknown_name() -> None:
    with pytest.raises(OptionError, match=r"Unknown weight set 'vgg19-light'\. Did you mean \"vgg19-lite\"\?"):
        store.fetch("vgg19-light")


@pytest.mark.parametrize("name", [f.name for f in CATALOGUE.values() if f.embedded])
def test_embedded_files_are_present_and_listed_with_their_hash(name: str) -> None:
    assert where(name).is_file()
    assert store.verify([name]) == [(name, True, f"{where(name)} is as published.")]


def test_embedded_extractor_works() -> None:
    extractor = create_extractor(device="cpu")
    features = extractor(torch.rand(1, 3, 32, 32), ["relu1_1", "relu5_1"])
    assert features["relu5_1"].shape == (1, 512, 2, 2)
    assert all(x.mean() > 0 for x in features.values())
    assert {x.dtype for x in load_file(where("vgg19-lite-1")).values()} == {torch.float16}


def test_normalised_from_the_server_to_the_extractor(
    serve: Serve, put: Callable[..., WeightFile], normalised_file: Path, cache: Path
) -> None:
    put("vgg19-normalised", normalised_file, serve("/vgg_normalised.pth", normalised_file.read_bytes()))
    fetched = create_extractor("vgg19-normalised", device="cpu")
    assert where("vgg19-normalised").is_file()
    images = torch.rand(1, 3, 16, 16)
    own = create_extractor("vgg19-normalised", weights=normalised_file, device="cpu")
    assert torch.equal(fetched(images, ["relu5_4"])["relu5_4"], own(images, ["relu5_4"])["relu5_4"])
    path = where("vgg19-normalised")
    assert ("vgg19-normalised", True, f"{path} is as published.") in store.verify()
    with path.open("r+b") as stream:  # one flipped byte
        stream.seek(4_000_000)
        byte = stream.read(1)
        stream.seek(4_000_000)
        stream.write(bytes([byte[0] ^ 1]))
    with pytest.raises(WeightsError, match=r"is damaged.*weights fetch vgg19-normalised --force"):
        create_extractor("vgg19-normalised", device="cpu")
    assert store.verify(["vgg19-normalised"])[0][1] is False
    assert store.fetch("vgg19-normalised", force=True) == path
    assert store.verify(["vgg19-normalised"])[0][1] is True


def test_vgg19_is_reduced_to_its_convolutions(
    serve: Serve,
    put: Callable[..., WeightFile],
    torchvision_file: Path,
    cache: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    put("vgg19", torchvision_file, serve("/vgg19.pth", torchvision_file.read_bytes()))
    reports: list[int] = []
    path = store.fetch("vgg19", progress=lambda done, _: reports.append(done))
    assert reports[-1] == torchvision_file.stat().st_size
    assert [p.name for p in cache.iterdir()] == ["vgg19.safetensors"]  # the large file is gone
    tensors, original = load_file(path), torch.load(torchvision_file, weights_only=True)
    assert len(tensors) == 32
    assert all(torch.equal(x, original[name]) for name, x in tensors.items())
    assert capfd.readouterr() == ("", "")  # the library never prints
    assert create_extractor("vgg19", device="cpu").padding == "zeros"
    assert store.verify(["vgg19"])[0][1] is True
    save_file({**tensors, "features.0.bias": torch.zeros(64)}, path, {"format": "styletransfer-vgg19-1"})
    assert store.verify(["vgg19"])[0][:2] == ("vgg19", False)
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
    assert store.fetch("vgg19") == tmp_path / "cache" / "vgg19.safetensors"
    assert copy.is_file()


def test_a_damaged_file_put_by_hand_is_refused(
    put: Callable[..., WeightFile], torchvision_file: Path, cache: Path
) -> None:
    file = put("vgg19", torchvision_file)
    cache.mkdir()
    (cache / file.file_name).write_bytes(torchvision_file.read_bytes()[:5000])
    with pytest.raises(WeightsError, match=r"vgg19-dcbb9e9d\.pth is not 'vgg19': it has 5,000 bytes"):
        store.fetch("vgg19")


def test_verify_names_what_is_absent() -> None:
    assert store.verify(["pytorch-adain"]) == [
        ("pytorch-adain", False, "Not fetched. Fetch it: styletransfer weights fetch pytorch-adain.")
    ]


def test_fetched_files_are_not_fetched_again(
    serve: Serve, put: Callable[..., WeightFile], normalised_file: Path, cache: Path
) -> None:
    put("vgg19-normalised", normalised_file)  # a URL at which nobody answers
    with pytest.raises(WeightsError, match="could not be fetched: the connection failed"):
        store.fetch("vgg19-normalised")
    cache.mkdir(exist_ok=True)
    shutil.copy(normalised_file, where("vgg19-normalised"))  # put there by hand
    assert store.fetch("vgg19-normalised") == cache / "vgg_normalised.pth"


def test_a_weight_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r'The weight file ".*" is a folder'):
        create_extractor(weights=tmp_path)
    with pytest.raises(WeightsError, match=r'The weight file ".*none\.pth" does not exist'):
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


def test_names_and_places_are_known_without_torch() -> None:
    code = (
        "import sys; from styletransfer import layers; from styletransfer.weights import catalogue, store\n"
        "store.list_weights(); store.verify(['lite'])\n"
        "print({'torch', 'numpy', 'PIL', 'urllib.request'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    assert catalogue.names("extractor")[0] == DEFAULT_EXTRACTOR
