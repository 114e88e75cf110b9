"""Saving: formats, what is refused, and that a failure leaves nothing behind."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from styletransfer.errors import ImageError, OutputError
from styletransfer.files import write_atomically, write_together
from styletransfer.images import (
    check_output,
    load_image,
    read_picture,
    save_image,
)

GREY = torch.full((1, 3, 20, 30), 0.5)


def refused(path: object, *parts: str, protected: tuple[Path, ...] = ()) -> None:
    """`check_output` and `save_image` both refuse `path`, in one line that says `parts`."""
    for call in (
        lambda: check_output(path, protected=protected),  # type: ignore[arg-type]
        lambda: save_image(GREY, path, protected=protected),  # type: ignore[arg-type]
    ):
        with pytest.raises(OutputError) as caught:
            call()
        for part in parts:
            assert part in str(caught.value)
        assert "\n" not in str(caught.value)


# --- formats -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "file_format", "mode"),
    [
        (".png", "PNG", "RGBA"),
        (".PNG", "PNG", "RGBA"),
        (".jpg", "JPEG", "RGB"),
        (".jpeg", "JPEG", "RGB"),
        (".webp", "WEBP", "RGBA"),
        (".tif", "TIFF", "RGBA"),
        (".tiff", "TIFF", "RGBA"),
        (".bmp", "BMP", "RGB"),
    ],
)
def test_suffix_decides_the_format(tmp_path: Path, suffix: str, file_format: str, mode: str) -> None:
    path = tmp_path / f"a{suffix}"
    alpha = torch.full((1, 1, 20, 30), 77 / 255)
    assert save_image(GREY, path, alpha=alpha) == path
    with Image.open(path) as image:
        assert (image.format, image.mode, image.size) == (file_format, mode, (30, 20))
        shown = 128 if mode == "RGBA" else 128 * 77 / 255 + 178  # white shows through
        assert abs(image.getpixel((4, 4))[1] - shown) <= 2
        if mode == "RGBA":
            assert image.getpixel((4, 4))[3] == 77
    save_image(GREY, path)
    with Image.open(path) as image:
        assert image.mode == "RGB"


def test_str_path(tmp_path: Path) -> None:
    path = save_image(GREY, str(tmp_path / "a.png"))
    assert isinstance(path, Path)
    assert path.is_file()


def test_jpeg_is_fine_and_not_subsampled(tmp_path: Path) -> None:
    path = save_image(GREY, tmp_path / "a.jpg")
    with Image.open(path) as image:
        assert [(component[1], component[2]) for component in image.layer] == [(1, 1)] * 3
        quality_95 = Image.new("RGB", (8, 8))
        quality_95.save(tmp_path / "b.jpg", quality=95)
        with Image.open(tmp_path / "b.jpg") as other:
            assert image.quantization == other.quantization


@settings(deadline=None, max_examples=25)
@given(
    hnp.arrays(
        np.uint8,
        st.tuples(st.integers(16, 33), st.integers(16, 33), st.sampled_from([3, 4])),
        elements=st.integers(0, 255),
    )
)
def test_eight_bits_survive_load_and_save(tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray) -> None:
    first, second = (tmp_path_factory.mktemp("round") / "a.png" for _ in range(2))
    pixels[..., 3:] = pixels[..., 3:].clip(20)  # less to be seen would change the colours
    Image.fromarray(pixels).save(first)
    picture = read_picture(first)
    save_image(picture.rgb, second, alpha=picture.alpha)
    with Image.open(second) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
    again = read_picture(second)
    assert torch.equal(again.rgb, picture.rgb)


def test_every_byte_value_survives(tmp_path: Path) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    save_image(load_image(pixels), tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png"))[..., 0], pixels)


def test_pil_images_and_arrays_are_saved_too(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    for image in (Image.fromarray(pixels), pixels):
        path = save_image(image, tmp_path / "a.png")
        np.testing.assert_array_equal(np.asarray(Image.open(path)), pixels)


def test_picture_that_does_not_fit_the_format(tmp_path: Path) -> None:
    for suffix, side in ((".webp", 16384), (".jpg", 65501)):
        for size in ((1, side), (side, 1)):
            with pytest.raises(OutputError, match=rf"{size[0]}x{size[1]} pixels does not fit into .*; use \.png"):
                check_output(tmp_path / f"a{suffix}", size=size)
        check_output(tmp_path / f"a{suffix}", size=(side - 1, side - 1))
        with pytest.raises(OutputError, match=rf"a picture of 1x{side} pixels does not fit into .*; use \.png"):
            save_image(torch.zeros(3, 1, side), tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


# --- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "  "])
def test_empty_path(path: str) -> None:
    refused(path, "The output path is empty; give a file name such as stylized.png.")


@pytest.mark.parametrize("path", [None, 3, b"a.png"])
def test_no_path(path: object) -> None:
    refused(path, f"The output must be a path, got {type(path).__name__}")


def test_unknown_suffix(tmp_path: Path) -> None:
    refused(
        tmp_path / "a.jgp",
        'unknown picture format ".jgp". Did you mean ".jpg"? ',
        "Choose one of: .png, .jpg, .jpeg, .webp, .tif, .tiff, .bmp.",
    )
    refused(tmp_path / "a.blend1", 'unknown picture format ".blend1". Choose one of')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a", ".png"])
def test_missing_suffix(tmp_path: Path, name: str) -> None:
    refused(tmp_path / name, "the name has no suffix, and the suffix decides the format. Add one of: .png, .jpg")
    assert list(tmp_path.iterdir()) == []


def test_missing_folder(tmp_path: Path) -> None:
    refused(tmp_path / "no" / "a.png", f'the folder "{tmp_path / "no"}" does not exist; create it first')
    assert list(tmp_path.iterdir()) == []


def test_file_as_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused(tmp_path / "file" / "a.png", f'"{tmp_path / "file"}" is a file, not a folder')


def test_folder_as_target(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    refused(tmp_path / "a.png", "it is a folder; give the name of a file in it, e.g. stylized.png")
    refused(tmp_path, "it is a folder")


def test_pipe_as_target(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    os.mkfifo(path)
    refused(path, "it is a device or pipe, not an ordinary file")
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_impossible_names(tmp_path: Path) -> None:
    refused(tmp_path / "a\0b.png", "Cannot write", "null")
    refused(tmp_path / ("n" * 300 + ".png"), "the name is too long; choose a shorter one")


def test_folder_not_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda place, mode: Path(place) != tmp_path)
    refused(tmp_path / "a.png", f'the folder "{tmp_path}" is not writable; choose another')
    assert list(tmp_path.iterdir()) == []


def test_write_protected_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"precious")
    monkeypatch.setattr(os, "access", lambda place, mode: Path(place) != path)
    refused(path, "the existing file is write-protected; choose another name")
    assert path.read_bytes() == b"precious"


def test_check_output_writes_nothing(tmp_path: Path) -> None:
    assert check_output(tmp_path / "a.png") == tmp_path / "a.png"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.full((1, 3, 20, 30), torch.nan), "holds NaN or infinite values"),
        (torch.full((1, 3, 20, 30), 200.0), "divide by 255"),
        (torch.zeros(3, 3, 20, 30), "is a batch of 3 pictures"),
        (torch.zeros(2, 20, 30), r"has shape \(2, 20, 30\)"),
    ],
)
def test_bad_picture_leaves_no_file(tmp_path: Path, image: torch.Tensor, message: str) -> None:
    with pytest.raises(ImageError, match=f"The picture to save .*{message}"):
        save_image(image, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


# --- inputs are never overwritten --------------------------------------------------------------------------


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.new("RGB", (16, 16), (1, 2, 3)).save(path)
    return path


def test_input_under_any_spelling(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photo.parent
    (folder / "sub").mkdir()
    (folder / "way").symlink_to(folder)
    (folder / "link.png").symlink_to(photo)
    (folder / "hard.jpg").hardlink_to(photo)
    before = photo.read_bytes()
    monkeypatch.chdir(folder)
    for name in ("photo.png", "./photo.png", "sub/../photo.png", "way/photo.png", "link.png", "hard.jpg"):
        for path in (name, folder / name):
            refused(path, f'Cannot write "{path}": it is the input file "{photo}"', protected=(photo,))
    refused(photo, f'it is the input file "{folder / "link.png"}"', protected=(folder / "link.png",))
    assert photo.read_bytes() == before


def test_the_picture_read_protects_its_file(photo: Path) -> None:
    picture = read_picture(photo)
    assert picture.path is not None
    refused(photo, "inputs are never overwritten. Choose another name.", protected=(picture.path,))


def test_other_files_may_be_overwritten(photo: Path) -> None:
    other = photo.with_name("other.png")
    other.write_bytes(b"old")
    gone = photo.with_name("gone.png")
    save_image(GREY, other, protected=[photo, gone, str(photo)])
    assert load_image(other).shape == (1, 3, 20, 30)
    assert check_output(gone, protected=[gone]) == gone  # an input that is gone cannot be lost


# --- writing -----------------------------------------------------------------------------------------------


def test_write_atomically(tmp_path: Path) -> None:
    path = tmp_path / "note.json"
    assert write_atomically(str(path), lambda file: file.write(b"one")) == path
    assert write_atomically(path, lambda file: file.write(b"two")) == path
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_the_target_appears_only_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    def write(file: BinaryIO) -> None:
        file.write(b"x" * 100_000)
        assert not path.exists()
        (temporary,) = tmp_path.iterdir()  # in the same folder, so that the last step is a mere renaming
        assert temporary.name.startswith(".")

    write_atomically(path, write)
    assert path.stat().st_size == 100_000


def test_data_reach_the_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, order = tmp_path / "a.txt", []
    fsync, replace = os.fsync, Path.replace

    def record_fsync(descriptor: int) -> None:
        order.append(("fsync", os.fstat(descriptor).st_size))
        fsync(descriptor)

    def record_replace(self: Path, target: Path) -> Path:
        order.append(("replace", self.stat().st_size))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(Path, "replace", record_replace)
    write_atomically(path, lambda file: file.write(b"four"))
    assert order == [("fsync", 4), ("replace", 4)]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ENOSPC, "the disk is full; free some space or choose another folder"),
        (errno.EDQUOT, "your disk quota is used up; free some space or choose another folder"),
        (errno.EACCES, "permission denied; choose a folder that you may write to"),
        (errno.EROFS, "the file system is read-only; choose another folder"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
@pytest.mark.parametrize("existing", [False, True])
def test_failure_while_writing_leaves_what_was_there(
    tmp_path: Path, code: int, reason: str, existing: bool
) -> None:
    path = tmp_path / "a.txt"
    if existing:
        path.write_bytes(b"old")

    def write(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(code, os.strerror(code))

    with pytest.raises(OutputError) as caught:
        write_atomically(path, write)
    assert str(caught.value) == f'Cannot write "{path}": {reason}.'
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("a.txt", b"old")] * existing


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failure_of_the_last_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
    with pytest.raises(OutputError, match="the disk is full"):
        save_image(GREY, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("problem", [KeyboardInterrupt, RuntimeError, OutputError])
def test_other_exceptions_pass_and_clean_up(tmp_path: Path, problem: type[BaseException]) -> None:
    def write(file: BinaryIO) -> None:
        raise problem("mine")

    with pytest.raises(problem, match=r"^mine$"):
        write_atomically(tmp_path / "a.txt", write)
    assert list(tmp_path.iterdir()) == []


def test_write_atomically_checks_the_place(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path, "it is a folder"),
        (tmp_path / "no" / "a.json", "does not exist; create it first"),
        ("", "The output path is empty"),
    ):
        with pytest.raises(OutputError, match=message):
            write_atomically(path, lambda file: pytest.fail("must not be called"))


def test_links_stay_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "real" / "a.png")
    assert save_image(GREY, link) == link
    assert link.is_symlink()
    assert [entry.name for entry in (tmp_path / "real").iterdir()] == ["a.png"]


@pytest.mark.skipif(os.name != "posix", reason="POSIX file modes")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_mode_is_that_of_an_ordinary_file(tmp_path: Path, umask: int) -> None:
    # In a process of its own: the umask belongs to the whole process.
    code = (
        "import os, sys; from styletransfer.files import write_atomically;"
        f"os.umask({umask}); write_atomically(sys.argv[1], lambda file: file.write(b'x'))"
    )
    path = tmp_path / "a.txt"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=60)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_a_folder_that_takes_no_files_is_found_before_the_work() -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("needs /proc, whose permissions promise what it does not hold")
    with pytest.raises(OutputError, match=r"takes no new files|not writable"):
        check_output("/proc/out.png")


def test_files_that_belong_together_appear_together(tmp_path: Path) -> None:
    def fail(file: BinaryIO) -> None:
        raise KeyboardInterrupt

    def write(file: BinaryIO) -> None:
        file.write(b"whole")

    with pytest.raises(KeyboardInterrupt):
        write_together({tmp_path / "a": write, tmp_path / "b": fail})
    assert list(tmp_path.iterdir()) == []
    assert write_together({tmp_path / "a": write, tmp_path / "b": write}) == [tmp_path / "a", tmp_path / "b"]
    assert (tmp_path / "b").read_bytes() == b"whole"
