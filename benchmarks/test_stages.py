"""The stages apart: reading, extracting, encoding a style, decoding, writing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from styletransfer.methods.feedforward.modulation import describe_change
from torch import Tensor
from torchvision.transforms import ToTensor
from torchvision.utils import save_image as textbook_save

import styletransfer as st
from benchmarks import floor, pictures
from benchmarks.cases import Case
from benchmarks.harness import Bench, Beside
from benchmarks.networks import Networks, networks
from benchmarks.reference import STYLE_LAYERS, TextbookDecoder, TextbookEncoder, calc_mean_std
from styletransfer.methods.feedforward.adain import AdaINStylizer, align_features, statistics_of_layers

#: What a stage needs: its work, the textbook's, its operations, and whether it makes the stylized picture.
Parts = tuple[Callable[[], Any], Callable[[], Any], int | None, bool]


@pytest.mark.matrix("stages")
def test_stage(bench: Bench, case: Case, tmp_path: Path) -> None:
    content, style = (draw(case.size).to(case.device) for draw in (pictures.content, pictures.style))
    if case.subject in ("load", "save"):
        weights, parts = "none", _file(case.subject, content, tmp_path)
    elif case.subject == "copy":
        weights, parts = "none", _copy(content, case.device)
    else:
        nets = networks(case.extractor, case.device)
        bench.skip_if_too_large(nets.extractor)
        weights, parts = nets.weights, _network(case.subject, nets, content, style, bench.size)
    work, textbook, operations, makes_picture = parts
    with torch.no_grad():
        bench.run(
            work,
            weights=weights,
            beside=Beside(work=textbook, name=f"textbook: {case.subject}"),
            operations=operations,
            picture=(lambda image: image.clamp(0, 1)) if makes_picture else None,
        )


def _file(stage: str, picture: Tensor, folder: Path) -> Parts:
    source = st.save_image(picture, folder / "picture.png")
    if stage == "load":
        return (
            lambda: st.load_image(source),
            lambda: ToTensor()(Image.open(source).convert("RGB"))[None],
            None,
            False,
        )
    target = folder / "written.png"
    return lambda: st.save_image(picture, target), lambda: textbook_save(picture, target), None, False


def _copy(picture: Tensor, device: str) -> Parts:
    """To the device and back, which the other rows leave out."""
    here = picture.cpu()

    def there_and_back() -> Tensor:
        return here.to(device).cpu()

    return there_and_back, there_and_back, None, False


def _network(stage: str, nets: Networks, content: Tensor, style: Tensor, size: tuple[int, int]) -> Parts:
    extractor, decoder = nets.extractor, nets.decoder
    stylizer = nets.stylizer(AdaINStylizer.method, {})
    assert isinstance(stylizer, AdaINStylizer)
    if stage == "extract":
        textbook = TextbookEncoder(extractor, STYLE_LAYERS[-1])
        return (
            lambda: extractor(content, STYLE_LAYERS),
            lambda: textbook(content, STYLE_LAYERS),
            floor.encoder(extractor, STYLE_LAYERS[-1], size),
            False,
        )
    if stage == "encode style":
        textbook = TextbookEncoder(extractor, decoder.taps[-1])

        def encode() -> dict[str, Any]:
            return {tap: calc_mean_std(x) for tap, x in textbook(style, decoder.taps).items()}

        operations = floor.encoder(extractor, decoder.taps[-1], (style.shape[2], style.shape[3]))
        return lambda: stylizer.encode_style(style), encode, operations, False
    statistics = stylizer.encode_style(style).statistics
    with torch.no_grad():
        features = extractor(content, decoder.taps)
        targets = align_features(features, statistics)
        change = describe_change(statistics_of_layers(features), statistics)
    plain = {tap: x.contiguous() for tap, x in targets.items()}
    by_the_book = TextbookDecoder(decoder)
    operations = floor.decoder(decoder.spec, size)
    return lambda: decoder(targets, change), lambda: by_the_book(plain, change), operations, True
