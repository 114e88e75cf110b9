"""Metrics of other people's networks, of which a stand-in measures here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from styletransfer import samples
from styletransfer.errors import ImageError, JudgeError, OptionError
from styletransfer.evaluating import metrics
from styletransfer.evaluating.run import evaluate_set
from styletransfer.judging import learned
from styletransfer.judging.judge import create_judge
from styletransfer.judging.learned import METRICS, Score


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the stand-in was asked to measure; LPIPS is 0.1, 0.2, ..., FID is 2."""
    found: list[tuple[Any, ...]] = []

    def measure(names: Sequence[str], *sources: Any, device: Any, progress: Any) -> dict[str, Score]:
        found.append((*names, *sources))
        count = len(sources[0])
        each = tuple((i + 1) / 10 for i in range(count))
        of = {"lpips": (each[0], each, None), "fid": (2.0, (), 2.0), "artfid": (3.3, each, 2.0)}
        return {
            name: Score(label=name, value=of[name][0], each=of[name][1], fid=of[name][2], pictures=count, styles=1)
            for name in names
        }

    monkeypatch.setattr(learned, "measure", measure)
    monkeypatch.setattr(learned, "require", lambda names: [METRICS[name] for name in names])
    monkeypatch.setattr(metrics, "fetch_visibly", lambda name, quiet: found.append((name,)))
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("valley", "night", "mosaic"):
        samples.draw(name, long_edge=64).save(f"{name}.png")
    for name in ("a_night", "a_mosaic", "b_night"):
        samples.draw("valley", long_edge=64).save(f"{name}.png")
    return tmp_path


PAIRS = [("valley.png", "mosaic.png"), ("valley.png", "night.png")]
PICTURES = ["a=a_{style}.png", "b=b_{style}.png"]


def test_they_are_measured_over_the_pairs_that_all_have(folder: Path, asked: list[tuple[Any, ...]]) -> None:
    names = ["lpips", "artfid", "fid"]
    found = evaluate_set(PAIRS, PICTURES, judge=create_judge("vgg19-lite-1"), metrics=names)
    assert ("alexnet",) in asked  # fetched before the work
    assert asked[-2] == (*names, ["a_night.png"], ["valley.png"], ["night.png"])
    assert {(p.method, p.style): p.figures["lpips"] for p in found.pictures if "lpips" in p.figures} == {
        ("a", "night"): 0.1,
        ("b", "night"): 0.1,
    }
    measured = {"metric_pictures": 1, "artfid": 3.3, "art_inception_fid": 2.0, "fid": 2.0}
    assert found.set_figures == {"a": measured, "b": measured}
    text = found.to_markdown()
    assert "| LPIPS | lower | 0.100 | 0.100 | - | - |" in text
    assert "| ArtFID | lower | 3.300 | 3.300 | - | - |" in text
    assert "| pictures measured | | 1 | 1 | - | - |" in text
    assert f"- {METRICS['fid'].label}: Fr" in text
    assert "lpips" in found.to_csv().splitlines()[0]
    found.figure()


def test_reduced_pictures_are_measured_reduced(folder: Path, asked: list[tuple[Any, ...]]) -> None:
    judge = create_judge("vgg19-lite-1")
    evaluate_set(PAIRS[1:], PICTURES, judge=judge, long_edge=32, metrics=["lpips"])
    assert asked[-1][1][0].startswith(b"\x89PNG")


def test_other_networks_are_refused(folder: Path, asked: list[tuple[Any, ...]]) -> None:
    judge = create_judge("vgg19-lite-1")
    earlier = evaluate_set(PAIRS[1:], PICTURES[:1], judge=judge, metrics=["fid"])
    earlier.conditions["metrics"]["fid"] = "fid (another 00000000)"  # type: ignore[index]
    with pytest.raises(JudgeError, match=r"fid \(inception-fid .* and of fid \(another 00000000\) cannot"):
        evaluate_set(PAIRS[1:], PICTURES[1:], judge=judge, add=[earlier], metrics=["fid"])


def test_what_cannot_be_measured_is_named_and_the_rest_is_kept(
    folder: Path, asked: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ImageError("ArtFID reads larger ones.")

    monkeypatch.setattr(learned, "measure", refuse)
    found = evaluate_set(PAIRS[1:], PICTURES, judge=create_judge("vgg19-lite-1"), metrics=["artfid"])
    assert found.summary.counts == {"a": 1, "b": 1}
    assert found.fault_lines() == ["a, b: No metrics: ArtFID reads larger ones. (2 times)"]


def test_unknown_metrics_are_refused_before_the_work(folder: Path) -> None:
    with pytest.raises(OptionError, match="Unknown metric 'fidd'"):
        evaluate_set(PAIRS, "a=gone_{style}.png", judge=create_judge("vgg19-lite-1"), metrics=["fidd"])
