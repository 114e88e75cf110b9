"""Precisions: their names, and what a device can do of them."""

from __future__ import annotations

import pytest
import torch

from styletransfer import precision
from styletransfer.errors import OptionError

CPU = torch.device("cpu")


def test_float32_is_everywhere() -> None:
    assert precision.resolve("float32", CPU) is torch.float32
    assert precision.supported(CPU)[0] == "float32"


def test_a_processor_without_bfloat16_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_processor_has_bfloat16", lambda: False)
    assert precision.resolve("auto", CPU) is torch.float32
    with pytest.warns(UserWarning, match=r"float32 is used: this processor has no bfloat16 instructions"):
        assert precision.resolve("bfloat16", CPU) is torch.float32


def test_a_processor_with_bfloat16_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_processor_has_bfloat16", lambda: True)
    assert precision.resolve("auto", CPU) is precision.resolve("bfloat16", CPU) is torch.bfloat16


def test_float16_is_for_cuda() -> None:
    with pytest.warns(UserWarning, match="float32 is used: float16 is for CUDA"):
        assert precision.resolve("float16", CPU) is torch.float32


def test_unknown_names_are_refused() -> None:
    with pytest.raises(OptionError, match=r'Unknown precision .*Did you mean "bfloat16"'):
        precision.resolve("bfloat", CPU)
