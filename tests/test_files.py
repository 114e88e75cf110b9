"""The gate for files that are read, and the temporary files of writing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from styletransfer.errors import OutputError, WeightsError
from styletransfer.files import (
    check_place,
    claim,
    ordinary_file,
    passing_folder,
    remove_leftovers_below,
    write_atomically,
)


def refused(path: object, message: str) -> None:
    with pytest.raises(WeightsError) as caught:
        ordinary_file(path, "weight file", WeightsError, give="a .pth file")  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_ordinary_files_pass(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.touch()
    (tmp_path / "link").symlink_to(path)
    assert ordinary_file(path, "weight file", WeightsError) == path
    assert ordinary_file(str(tmp_path / "link"), "weight file", WeightsError) == tmp_path / "link"


def test_what_is_no_file(tmp_path: Path) -> None:
    refused(tmp_path, f'The weight file "{tmp_path}" is a folder; give a .pth file.')
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "is a device or pipe; give a .pth file.")
    refused("/dev/null", "is a device or pipe")
    for path in (None, 3, b"a.pth", "", "  "):
        refused(path, "has an empty path or one that is no text; give the name of a file.")
    refused("a\0b", "does not exist. Check the path.")
    refused(tmp_path / ("n" * 300), "cannot be read: File name too long. Check its path.")


def test_missing_files_suggest_only_near_names(tmp_path: Path) -> None:
    (tmp_path / "Decoder.pth").touch()
    refused(tmp_path / "decodr.pth", 'does not exist. Did you mean "Decoder.pth"? Check the path.')
    refused(tmp_path / "encoded.pth", 'encoded.pth" does not exist. Check the path.')
    refused(tmp_path / "no" / "a.pth", f'nor does its folder "{tmp_path / "no"}"; check the path.')


@pytest.mark.parametrize("address", ["https://a.org/x", "HTTP://a.org/x", "file:///x", "s3://b/x", "data:x"])
def test_addresses_are_named(address: str) -> None:
    refused(address, f"is an address ({address.partition(':')[0]}:); download it first and give a .pth file.")
    if address != "data:x":
        with pytest.raises(OutputError, match=r"it is an address \(.*:\), and only files are written"):
            check_place(address)


def start_writing(path: Path) -> subprocess.Popen[bytes]:
    """A process that has begun to write a file, and waits."""
    code = (
        "import sys; from styletransfer.files import write_atomically\n"
        "def write(file):\n"
        "    file.write(b'half'); file.flush(); print('begun', flush=True); sys.stdin.read()\n"
        "write_atomically(sys.argv[1], write)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    return process


def test_leftovers_of_killed_processes_are_removed_those_of_living_ones_are_not(tmp_path: Path) -> None:
    path, name = tmp_path / "a.bin", "n" * 255
    (tmp_path / ".other.bin.1234.part").touch()
    with start_writing(path) as killed, start_writing(path) as living:
        killed.send_signal(signal.SIGKILL)
        killed.wait(30)
        assert len(list(tmp_path.glob(".a.bin.*.part"))) == 2
        write_atomically(path, lambda file: file.write(b"mine"))
        assert len(list(tmp_path.glob(".a.bin.*.part"))) == 1
        assert path.read_bytes() == b"mine"
        living.communicate(timeout=30)
        assert living.returncode == 0
    assert path.read_bytes() == b"half"
    write_atomically(tmp_path / name, lambda file: file.write(b"long"))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".other.bin.1234.part", "a.bin", name]


def test_leftovers_in_a_whole_tree_are_removed_and_nothing_else(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    for name in (f".x.png.{'0' * 16}.part", ".x.png.1234.part", "movie.part", "x.png"):
        (deep / name).touch()

    def look(file: object) -> None:
        remove_leftovers_below(tmp_path)

    write_atomically(deep / "new.png", look, tidy=False)  # its own temporary file is in use
    assert sorted(entry.name for entry in deep.iterdir()) == [".x.png.1234.part", "movie.part", "new.png", "x.png"]


def test_without_tidying_leftovers_stay(tmp_path: Path) -> None:
    left = tmp_path / f".a.bin.{'0' * 16}.part"
    left.touch()
    write_atomically(tmp_path / "a.bin", lambda file: file.write(b"1"), tidy=False)
    assert left.exists()


def test_a_file_is_claimed_by_one(tmp_path: Path) -> None:
    with (tmp_path / "map").open("ab") as first, (tmp_path / "map").open("ab") as second:
        assert claim(first)
        assert not claim(second)
    with (tmp_path / "map").open("ab") as third:
        assert claim(third)


def test_a_file_that_is_being_written_here_is_no_leftover(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_atomically(
        path, lambda file: (file.write(b"1"), write_atomically(path, lambda inner: inner.write(b"2")))
    )
    assert path.read_bytes() == b"1"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="no locks to tell by")
def test_a_passing_folder_goes_and_takes_abandoned_ones_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    abandoned, other = tmp_path / "mine-1", tmp_path / "mine-2"
    for folder in (abandoned, other):
        folder.mkdir()
    (abandoned / "owner.lock").touch()
    with passing_folder("mine-") as first:
        assert not abandoned.exists()
        assert other.exists()  # nobody has said whose it is
        with passing_folder("mine-") as second:
            assert first.exists()  # in use
            assert second != first
        assert not second.exists()
    assert not first.exists()
