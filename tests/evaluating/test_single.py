"""Several results of one pair, beside the reading aids."""

from __future__ import annotations

from pathlib import Path

import pytest

from styletransfer import samples
from styletransfer.errors import ImageError, OptionError
from styletransfer.evaluating.single import evaluate_pictures
from styletransfer.images import load_image
from styletransfer.judging.judge import create_judge

FILES = ["good.jpg", "poor.jpg"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("valley", "night"):
        samples.draw(name, long_edge=64).save(f"{name}.png")
    for name, quality in zip(FILES, (95, 5), strict=True):
        samples.draw("valley", long_edge=32).save(name, quality=quality)
    return tmp_path


def test_pictures_are_judged_at_their_size(folder: Path) -> None:
    judge = create_judge("vgg19-lite-1", device="cpu")
    judged, aids = evaluate_pictures(FILES, "valley.png", "night.png", judge=judge)
    assert list(judged) == FILES
    assert list(aids) == ["untouched content", "colours alone"]
    assert judged["good.jpg"].ssim > judged["poor.jpg"].ssim
    assert aids["untouched content"].ssim == pytest.approx(1)
    content, style = (load_image(f"{name}.png", long_edge=32) for name in ("valley", "night"))
    assert judged["poor.jpg"] == judge(load_image("poor.jpg"), content, style)


def test_what_is_refused(folder: Path) -> None:
    with pytest.raises(OptionError, match="at least one"):
        evaluate_pictures([], "valley.png", "night.png", judge="vgg19-lite-1")
    with pytest.raises(OptionError, match=r'stylized picture "good\.jpg" was given twice'):
        evaluate_pictures(["good.jpg", *FILES], "valley.png", "night.png", judge="vgg19-lite-1")
    with pytest.raises(OptionError, match="stylized must be a list, got None"):
        evaluate_pictures(None, "valley.png", "night.png", judge="vgg19-lite-1")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="long_edge"):
        evaluate_pictures(FILES, "valley.png", "night.png", judge="vgg19-lite-1", long_edge=8)
    with pytest.raises(ImageError, match="but its pair is judged at 64x48"):
        evaluate_pictures(["valley.png", *FILES], "valley.png", "night.png", judge="vgg19-lite-1")
