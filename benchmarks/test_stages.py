"""The stages apart: reading, extracting, what the methods' textbooks name, writing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import ToTensor
from torchvision.utils import save_image as textbook_save

import styletransfer as st
from benchmarks import floor, pictures, textbook
from benchmarks.case import Case
from benchmarks.harness import Bench, Beside
from benchmarks.networks import Networks, networks
from styletransfer.methods import METHODS

#: Extracted: the layers of the best-known style loss.
_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@pytest.mark.matrix("stages")
def test_stage(bench: Bench, case: Case, tmp_path: Path) -> None:
    content, style = (draw(case.size).to(case.device) for draw in (pictures.content, pictures.style))
    weights = "none"
    if case.subject in ("load", "save"):
        parts = _file(case.subject, content, tmp_path)
    elif case.subject == "copy":  # to the device and back, which the other rows leave out
        here = content.cpu()
        parts = {"work": lambda: here.to(case.device).cpu()}
    else:
        nets = networks(case.extractor, case.device)
        bench.skip_if_too_large(nets.extractor)
        if case.subject == "extract":
            weights, parts = nets.weights, _extract(nets, content)
        else:
            method = _owner(case.subject)
            weights = nets.weights_of(method)
            parts = textbook.of(method).stage(case.subject, nets.stylizer(method, {}), content, style)
    by_the_book = parts.get("textbook")
    with torch.no_grad():
        bench.run(
            parts["work"],
            weights=weights,
            beside=Beside(work=by_the_book, name=f"textbook: {case.subject}") if by_the_book else None,
            operations=parts.get("operations"),
        )


def _file(stage: str, picture: Tensor, folder: Path) -> dict[str, Any]:
    source = st.save_image(picture, folder / "picture.png")
    if stage == "load":
        return {
            "work": lambda: st.load_image(source),
            "textbook": lambda: ToTensor()(Image.open(source).convert("RGB"))[None],
        }
    target = folder / "written.png"
    return {"work": lambda: st.save_image(picture, target), "textbook": lambda: textbook_save(picture, target)}


def _extract(nets: Networks, content: Tensor) -> dict[str, Any]:
    encoder = textbook.Encoder(nets.extractor, _LAYERS[-1])
    return {
        "work": lambda: nets.extractor(content, _LAYERS),
        "textbook": lambda: encoder(content, _LAYERS),
        "operations": floor.encoder(nets.extractor, _LAYERS[-1], (content.shape[2], content.shape[3])),
    }


def _owner(stage: str) -> str:
    """Return the method whose textbook names the stage."""
    books = {method: textbook.of(method) for method in METHODS}
    [method] = [method for method, book in books.items() if book and stage in book.STAGES]
    return method
