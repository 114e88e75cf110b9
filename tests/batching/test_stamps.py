from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from styletransfer.batching import stamps
from styletransfer.batching.stamps import Stamp, settings_id, stamp_of
from styletransfer.errors import ImageError


def test_a_stamp_goes_through_a_record(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    stamp = stamp_of(file)
    assert stamp == Stamp(hashlib.sha256(b"abc").hexdigest(), 3, file.stat().st_mtime_ns)
    assert Stamp.of_record(stamp.record("style"), "style") == stamp


def test_a_file_is_read_again_only_if_size_or_time_changed(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    before = stamp_of(file)
    assert stamp_of(file, before._replace(sha256="trusted")).sha256 == "trusted"
    os.utime(file, ns=(0, 5))
    assert stamp_of(file, before) == before._replace(changed=5)


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc")

    def growing(path: Path) -> str:
        path.write_bytes(b"abcdef")
        return "0"

    monkeypatch.setattr(stamps, "sha256_of", growing)
    with pytest.raises(ImageError, match="changes while it is read; wait until it is complete"):
        stamp_of(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read: No such file"):
        stamp_of(tmp_path / "none")


def test_settings_that_differ_have_other_ids() -> None:
    assert settings_id({"alpha": 1.0}) != settings_id({"alpha": 0.5})
