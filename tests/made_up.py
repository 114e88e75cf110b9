"""A made-up third method, which nothing but a declaration makes known: a part, an option, no strength, no masks.

The fixture `made_up` registers it; as a plugin (``pytest -p made_up``) this module does so for a whole run.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from styletransfer._checks import number, style_shares
from styletransfer.config import Config, option
from styletransfer.features.vgg import VGG19Features
from styletransfer.method import Method, Part
from styletransfer.methods import METHODS
from styletransfer.methods.feedforward.decoder_files import load_decoder
from styletransfer.stylizer import OnStep, Request, Step, Stylization, Stylizer
from styletransfer.weights.catalogue import default_decoder


@dataclass(frozen=True, kw_only=True, init=False)
class TintConfig(Config):
    owner: ClassVar[str] = "Method 'tint'"

    amount: float = option(1.0, "how far the colours move, in [0, 1]")
    style_mix: tuple[float, ...] | None = option(None, "share of each style, > 0; equal if absent")

    def __post_init__(self) -> None:
        number(self.amount, "amount", low=0.0, high=1.0)
        object.__setattr__(self, "style_mix", style_shares(self.style_mix))


class TintStylizer(Stylizer):
    """Move the content's mean colour to the style's. Its decoder is loaded and not used."""

    def __init__(self, extractor: VGG19Features, config: TintConfig | None = None, decoder: Any = None) -> None:
        self.extractor = extractor
        self.config = TintConfig() if config is None else config
        source = default_decoder(extractor.name) if decoder is None else decoder
        self.decoder = load_decoder(source, encoder=extractor, device=extractor.device)

    @property
    def parts(self) -> Mapping[str, str]:
        return {"decoder": self.decoder.spec.name}

    def _run(self, request: Request, on_step: OnStep | None) -> Stylization:
        start = time.perf_counter()
        content = request.content
        wanted = sum(style.share * style.source.mean((2, 3), keepdim=True) for style in request.styles)
        moved = content + self.config.amount * (wanted - content.mean((2, 3), keepdim=True))
        image = moved.clamp(0, 1).clone()
        loss = float((image.mean((2, 3), keepdim=True) - wanted).square().mean())
        step = Step(
            step=1,
            steps=1,
            seconds=time.perf_counter() - start,
            losses={"colour": loss, "total": loss},
            size=(content.shape[2], content.shape[3]),
            image=image.clone(),
        )
        if on_step is not None:
            on_step(step)
        return Stylization(
            image=image,
            method=self.method,
            extractor=self.extractor.name,
            losses=step.losses,
            history=[dataclasses.replace(step, image=None)],
            seconds=step.seconds,
            config=self.config,
        )


TINT = Method(
    name="tint",
    title="Tint",
    summary="made up: moves the mean colour",
    config=TintConfig,
    stylizer=lambda: TintStylizer,
    extractor="vgg19-lite-1",
    parts=(Part(name="decoder", help="decoder's name or file", kind="decoder", default=default_decoder),),
    weight_sets=lambda extractor, options: (str(options.get("decoder") or default_decoder(extractor)),),
)
TintStylizer.declaration = TINT


def pytest_configure(config: pytest.Config) -> None:
    METHODS[TINT.name] = TINT
