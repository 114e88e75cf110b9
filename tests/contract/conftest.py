"""Every registered method, and a made-up one, quick and with random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from styletransfer.features.vgg import VGG19Features
from styletransfer.methods import METHODS, create_stylizer, list_stylizers
from styletransfer.methods.feedforward.decoder_files import Decoder
from styletransfer.stylizer import Stylizer
from tests.made_up import TINT


@pytest.fixture(params=[*list_stylizers(), TINT.name])
def method(request: pytest.FixtureRequest) -> str:
    if request.param == TINT.name:
        request.getfixturevalue("made_up")
    return str(request.param)


@pytest.fixture
def quick(method: str, decoder: Decoder) -> dict[str, Any]:
    """Options that make the method quick, and random weights for its parts."""
    parts = {part.name: {"decoder": decoder}[part.kind] for part in METHODS[method].parts}
    return {**METHODS[method].brief, **parts}


@pytest.fixture
def make(method: str, extractor: VGG19Features, quick: dict[str, Any]) -> Callable[..., Stylizer]:
    """Build the method quick and with random weights; further options may be given."""
    return lambda **options: create_stylizer(method, extractor=extractor, **(quick | options))
