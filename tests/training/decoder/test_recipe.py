"""What a decoder's training refuses before it reads a picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from styletransfer.errors import OptionError
from styletransfer.training.decoder.recipe import train_decoder


def test_the_decoder_to_start_from_is_not_overwritten(tmp_path: Path) -> None:
    start = tmp_path / "decoder.safetensors"
    start.write_bytes(b"precious")
    with pytest.raises(OptionError, match="would be overwritten; choose another output folder"):
        train_decoder("photos", "paintings", tmp_path, start=start)
    assert start.read_bytes() == b"precious"
