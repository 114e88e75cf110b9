"""Style codes: encoded styles in files, and the library of those known by name."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import styletransfer as st
from styletransfer import codes, samples
from styletransfer.code_files import CodeInfo, read_code_file, write_code_file
from styletransfer.errors import ImageError, OptionError, OutputError, WeightsError
from styletransfer.weights.tensor_files import open_tensors

#: Letters of three bytes each.
LONG = "\N{CJK UNIFIED IDEOGRAPH-753B}" * 100
ONES = {"relu1_1.mean": torch.ones(1, 2, 1, 1), "relu1_1.std": torch.ones(1, 2, 1, 1)}


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLETRANSFER_STYLES", str(tmp_path / "library.safetensors"))
    return tmp_path / "library.safetensors"


@pytest.fixture(scope="module")
def code() -> codes.StyleCode:
    picture = samples.draw("mosaic", long_edge=64)
    return codes.encode(picture, name="small", source="drawn here", licence="mine", long_edge=64)


def info(name: str = "one", **known: Any) -> CodeInfo:
    return CodeInfo(name=name, method="adain", extractor="vgg19-lite-1", **known)


def named(code: codes.StyleCode, name: str) -> codes.StyleCode:
    return dataclasses.replace(code, info=dataclasses.replace(code.info, name=name))


class TestFiles:
    def test_what_is_written_is_read(self, tmp_path: Path) -> None:
        entries = [(info("one", licence="CC0", source="a.jpg"), ONES), (info("two words"), {"a": torch.zeros(3)})]
        path = write_code_file(tmp_path / "a.safetensors", entries)
        for (known, tensors), (wanted, written) in zip(read_code_file(path), entries, strict=True):
            assert known == wanted
            assert tensors.keys() == written.keys()
            assert all(torch.equal(tensors[key], written[key]) for key in written)
        assert [known.name for known, _ in read_code_file(path, "two words")] == ["two words"]

    @pytest.mark.parametrize(
        "name", ["", " one", "a/b", "x" * 101, "\N{CJK UNIFIED IDEOGRAPH-753B}" * 40, "a#b", "a.b", 3, None]
    )
    def test_names_that_could_be_paths_are_refused(self, name: Any) -> None:
        with pytest.raises(OptionError, match="A style's name has letters"):
            info(name)

    def test_none_and_two_of_one_name_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match="holds at least one"):
            write_code_file(tmp_path / "a.safetensors", [])
        with pytest.raises(OptionError, match="Two styles are called 'one'"):
            write_code_file(tmp_path / "a.safetensors", [(info(), ONES)] * 2)
        assert not list(tmp_path.iterdir())

    def test_numbers_that_were_changed_are_refused(self, tmp_path: Path) -> None:
        path = write_code_file(tmp_path / "a.safetensors", [(info(), ONES)])
        metadata, tensors = dict(open_tensors(path).metadata), load_file(path)
        tensors["0/relu1_1.mean"][0, 0] = 2
        save_file(tensors, path, metadata=metadata)
        with pytest.raises(WeightsError, match=r"the style 'one' is not as it was written. Encode it again"):
            read_code_file(path)

    @pytest.mark.parametrize(
        ("metadata", "message"),
        [
            (None, "is no file of encoded styles"),
            ({"format": "other"}, "is no file of encoded styles"),
            ({"format": "styletransfer-styles-1"}, "cannot be read; the file is damaged"),
            ({"format": "styletransfer-styles-1", "styles": "{"}, "cannot be read; the file is damaged"),
            ({"format": "styletransfer-styles-1", "styles": "[]"}, "cannot be read; the file is damaged"),
            ({"format": "styletransfer-styles-1", "styles": "[3]"}, "cannot be read; the file is damaged"),
            (
                {"format": "styletransfer-styles-1", "styles": '[{"name": 3}]'},
                "cannot be read; the file is damaged",
            ),
            (
                {
                    "format": "styletransfer-styles-1",
                    "styles": json.dumps([{"name": "a/b", "method": "adain", "extractor": "x"}]),
                },
                "A style's name has letters",
            ),
        ],
    )
    def test_files_of_another_kind_are_refused(self, tmp_path: Path, metadata: Any, message: str) -> None:
        save_file(ONES, tmp_path / "a.safetensors", metadata=metadata)
        with pytest.raises(WeightsError, match=message):
            read_code_file(tmp_path / "a.safetensors")


class TestEncoding:
    def test_tells_where_it_comes_from(self, code: codes.StyleCode, tmp_path: Path) -> None:
        assert (code.info.name, code.info.source, code.info.licence) == ("small", "drawn here", "mine")
        assert (code.info.method, code.info.extractor, code.info.source_sha256) == ("adain", "vgg19-lite-1", None)
        file = st.save_image(st.load_image(samples.draw("night", long_edge=32)), tmp_path / "my style (1).png")
        known = codes.encode(file).info
        assert (known.name, known.source) == ("my style -1-", "my style (1).png")
        assert len(str(known.source_sha256)) == len(str(known.extractor_sha256)) == 64

    def test_a_mask_chooses_what_is_looked_at(self, code: codes.StyleCode) -> None:
        mask = torch.zeros(1, 3, 64, 64)
        mask[..., :20] = 1
        masked = codes.encode(samples.draw("mosaic", long_edge=64), name="part", mask=mask)
        mean = "relu1_1.mean"
        assert (masked.style.tensors()[mean] - code.style.tensors()[mean]).abs().max() > 1e-3

    def test_a_picture_in_memory_needs_a_name(self) -> None:
        with pytest.raises(OptionError, match="has no name; give one with name="):
            codes.encode(samples.draw("mosaic", long_edge=64).copy())

    def test_a_method_without_codes_is_refused(self) -> None:
        with pytest.raises(OptionError, match=r"Method 'gatys' does not encode styles. Choose from: adain"):
            codes.encode("mosaic", st.create_stylizer("gatys", device="cpu"))


class TestUse:
    def test_a_code_equals_its_picture(self, code: codes.StyleCode, tmp_path: Path) -> None:
        content = st.load_image(samples.draw("valley", long_edge=64))
        wanted = st.stylize(content, samples.draw("mosaic", long_edge=64), device="cpu").image
        codes.add_codes([code])
        path = codes.save_codes(tmp_path / "own.safetensors", [code])
        for style in (code.style, "small", path, f"{path}#small", str(path)):
            assert torch.equal(st.stylize(content, style, device="cpu").image, wanted)
        mixed = st.stylize(content, ["small", "night"], device="cpu", style_mix=(0.999999, 1e-6), long_edge=64)
        torch.testing.assert_close(mixed.image, wanted, rtol=0, atol=1e-2)

    def test_a_file_goes_before_a_name(self, code: codes.StyleCode, tmp_path: Path) -> None:
        codes.add_codes([code])
        assert codes.find("small") is not None
        (tmp_path / "small").write_bytes(b"")
        assert codes.find("small") is None

    def test_a_file_of_several_wants_a_choice(self, code: codes.StyleCode, tmp_path: Path) -> None:
        path = codes.save_codes(tmp_path / "two.safetensors", [code, named(code, "second")])
        with pytest.raises(
            WeightsError, match=r"holds 2 styles: small, second. Choose one: .*two.safetensors#small"
        ):
            codes.find(path)
        with pytest.raises(WeightsError, match=r"has no style 'smal'. Did you mean .small."):
            codes.find(f"{path}#smal")

    def test_what_is_no_name_and_no_file_is_told(self, code: codes.StyleCode) -> None:
        codes.add_codes([named(code, "starry night")])
        with pytest.raises(
            ImageError, match=r'no style of that name is known. Did you mean "starry night"\?.*mosaic'
        ):
            st.stylize(torch.rand(1, 3, 32, 32), "stary night", device="cpu")

    def test_of_another_extractor_or_other_weights_is_refused(self, code: codes.StyleCode) -> None:
        content: Any = torch.rand(1, 3, 32, 32)
        other: Any = dataclasses.replace(code.style, extractor_sha256="0" * 64)  # type: ignore[type-var]
        with pytest.raises(OptionError, match=r"encoded with other weights of 'vgg19-lite-1' .SHA-256 00000000"):
            st.stylize(content, other, device="cpu")
        with pytest.raises(OptionError, match="encoded with 'vgg19', this stylizer uses 'vgg19-lite-1'"):
            st.stylize(content, dataclasses.replace(code.style, extractor="vgg19"), device="cpu")  # type: ignore[type-var]
        with pytest.raises(OptionError, match="'gatys' does not take an encoded style; give the picture itself"):
            st.stylize(content, code.style, "gatys", device="cpu")
        with pytest.raises(ImageError, match="which the judge has to see, got"):
            st.compare(content, code.style, device="cpu")  # type: ignore[arg-type]

    def test_its_file_is_never_overwritten(self, code: codes.StyleCode, tmp_path: Path) -> None:
        path = codes.save_codes(tmp_path / "own.safetensors", [code])
        result = st.stylize(torch.rand(1, 3, 32, 32), f"{path}#small", device="cpu")
        with pytest.raises(OutputError, match="never overwritten"):
            result.save(path, format="png")
        assert len(result.record()["hashes"]["encoded_styles"]) == 1

    def test_names_that_no_file_can_have_are_told(self) -> None:
        with pytest.raises(ImageError):
            st.stylize(torch.rand(1, 3, 32, 32), LONG, device="cpu")


class TestLibrary:
    def test_is_made_listed_and_emptied(self, code: codes.StyleCode, library: Path) -> None:
        assert codes.list_codes() == []
        assert codes.add_codes([code]) == library
        codes.add_codes([named(code, "second")])
        assert [known.name for known in codes.list_codes()] == ["small", "second"]
        assert codes.look_up("second").info.name == "second"
        codes.remove_codes(["small"])
        assert [known.name for known in codes.list_codes()] == ["second"]
        codes.remove_codes(["second"])
        assert not library.exists()

    def test_names_are_not_taken_twice(self, code: codes.StyleCode, library: Path) -> None:
        codes.add_codes([code])
        before = library.read_bytes()
        with pytest.raises(OptionError, match=r"has a style 'small' already.*--replace"):
            codes.add_codes([named(code, "new"), code])
        with pytest.raises(OptionError, match="'mosaic' is the name of a drawn style"):
            codes.add_codes([named(code, "mosaic")], replace=True)
        assert library.read_bytes() == before
        changed = dataclasses.replace(code, info=dataclasses.replace(code.info, licence="other"))
        codes.add_codes([changed], replace=True)
        assert [known.licence for known in codes.list_codes()] == ["other"]

    def test_what_is_not_in_it_cannot_be_removed_or_shown(self, code: codes.StyleCode) -> None:
        with pytest.raises(OptionError, match=r"has no style 'night'. Drawn styles are part of the package"):
            codes.remove_codes(["night"])
        codes.add_codes([code])
        with pytest.raises(OptionError, match=r"has no style 'smal'. Did you mean .small."):
            codes.look_up("smal")

    def test_its_pictures_are_never_overwritten(self, tmp_path: Path) -> None:
        file = st.save_image(st.load_image(samples.draw("night", long_edge=32)), tmp_path / "a.png")
        with pytest.raises(OptionError, match=r"ends with \.safetensors"):
            codes.save_codes(str(file), [codes.encode(file)])

    def test_many_at_once_lose_nothing(self, code: codes.StyleCode) -> None:
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda number: codes.add_codes([named(code, f"style {number}")]), range(6)))
        assert sorted(known.name for known in codes.list_codes()) == [f"style {number}" for number in range(6)]

    def test_more_than_a_file_holds_is_refused_before_it_is_written(
        self, code: codes.StyleCode, library: Path
    ) -> None:
        long = dataclasses.replace(code.info, licence="x" * 2000, source="y" * 2000)
        many = [dataclasses.replace(code, info=dataclasses.replace(long, name=f"{n}")) for n in range(300)]
        with pytest.raises(OptionError, match="300 styles are more than a file holds"):
            codes.add_codes(many)
        assert not library.exists()

    def test_odd_places_are_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STYLETRANSFER_STYLES", "~nosuchuser/x.safetensors")
        with pytest.raises(WeightsError, match=r"STYLETRANSFER_STYLES is '~nosuchuser.*no such user"):
            codes.list_codes()
        monkeypatch.setenv("STYLETRANSFER_STYLES", "x" * 300)
        assert codes.list_codes() == []

    def test_a_damaged_one_is_told_and_kept(self, code: codes.StyleCode, library: Path) -> None:
        library.write_bytes(b"damaged")
        for work in (codes.list_codes, lambda: codes.add_codes([code]), lambda: codes.remove_codes(["a"])):
            with pytest.raises(WeightsError):
                work()
        assert library.read_bytes() == b"damaged"
