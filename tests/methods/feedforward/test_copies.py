"""Stylizers that are copied, pickled and sent to other processes, whatever computes their networks."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import styletransfer as st
from styletransfer.engines.interface import Networks
from styletransfer.stylizer import Stylizer


def with_sessions(monkeypatch: pytest.MonkeyPatch) -> Stylizer:
    """Return a stylizer whose networks are closures, as those of other runtimes are."""
    from styletransfer import engines

    load = engines.load

    def loaded(name: str, extractor: Any, decoder: Any) -> Networks:
        networks = load("torch", extractor, decoder)
        return Networks(lambda x, taps: networks.encode(x, taps), lambda *each: networks.stage(*each))

    monkeypatch.setattr(engines, "load", loaded)
    return st.create_stylizer("adain", decoder="fast", device="cpu")


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize(
    "make", [lambda m: st.create_stylizer("adain", decoder="fast", device="cpu"), with_sessions]
)
def test_a_twin_paints_the_same(
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[pytest.MonkeyPatch], Stylizer],
    twin: Callable[[Stylizer], Stylizer],
) -> None:
    stylizer = make(monkeypatch)
    content, style = torch.rand(2, 1, 3, 40, 48)
    image: Tensor = stylizer.stylize(content, style).image
    assert torch.equal(twin(stylizer).stylize(content, style).image, image)


def test_a_compiled_one_is_pickled_without_its_code() -> None:
    stylizer = st.create_stylizer("adain", decoder="fast", engine="compiled", device="cpu")
    assert pickle.loads(pickle.dumps(stylizer)).config.engine == "compiled"
