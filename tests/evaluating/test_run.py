"""Judging a set: what is judged, what is named as a fault, what is kept."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import styletransfer
from styletransfer import samples
from styletransfer.errors import EvaluateInterrupted, ImageError, JudgeError, OptionError, OutputError
from styletransfer.evaluating.run import evaluate_set
from styletransfer.images import load_image
from styletransfer.judging.judge import Judge, create_judge

NAME = "vgg19-lite-1"


@pytest.fixture(scope="module")
def judge() -> Judge:
    return create_judge(NAME, device="cpu")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two contents, two styles, and two methods' results at half the contents' size."""
    monkeypatch.chdir(tmp_path)
    for name in ("harbour", "valley", "mosaic", "night"):
        samples.draw(name, long_edge=64).save(f"{name}.png")
    Path("pairs.csv").write_text(
        "content,style\nharbour.png,mosaic.png\nharbour.png,night.png\nvalley.png,mosaic.png\nvalley.png,night.png\n"
    )
    for method, quality in (("a", 95), ("b", 5)):
        Path(method).mkdir()
        for content in ("harbour", "valley"):
            for style in ("mosaic", "night"):
                small = Image.open(f"{content}.png").resize((32, 24))
                small.save(f"{method}/{content}_{style}.jpg", quality=quality)
    return tmp_path


def test_it_is_the_public_one() -> None:
    assert styletransfer.evaluate_set is evaluate_set


def test_every_picture_is_judged_as_alone(folder: Path, judge: Judge) -> None:
    found = evaluate_set("pairs.csv", {m: f"{m}/{{content}}_{{style}}.*" for m in "ab"}, judge=judge)
    assert found.methods == ["a", "b"]
    assert found.judge == judge.label
    assert found.summary.counts == {"a": 4, "b": 4}
    assert len([p for p in found.pictures if p.aid]) == 2 * 4
    assert not found.faults
    picture = next(p for p in found.pictures if (p.method, p.content, p.style) == ("b", "valley", "night"))
    content, style = (load_image(f"{name}.png", long_edge=32) for name in ("valley", "night"))
    alone = judge(load_image("b/valley_night.jpg"), content, style)
    assert picture.figures == pytest.approx(alone.figures())
    assert picture.size == (24, 32)
    assert picture.sha256 == hashlib.sha256(Path("b/valley_night.jpg").read_bytes()).hexdigest()
    assert found.inputs["style"]["night"] == hashlib.sha256(Path("night.png").read_bytes()).hexdigest()
    assert found.summary.means["a"]["ssim"].mean > found.summary.means["b"]["ssim"].mean


def test_faults_are_named_and_the_rest_is_judged(folder: Path, judge: Judge) -> None:
    Path("a/harbour_mosaic.jpg").unlink()
    Path("a/harbour_night.jpg").write_bytes(b"no picture")
    Image.new("RGB", (24, 24)).save("b/valley_mosaic.jpg")
    Image.new("RGB", (28, 21)).save("b/valley_night.jpg")
    found = evaluate_set("pairs.csv", ["a=a/{content}_{style}.jpg", "b=b/{content}_{style}.jpg"], judge=judge)
    reasons = {(f.method, f.content, f.style): f.reason for f in found.faults}
    assert "does not exist" in reasons["a", "harbour", "mosaic"]
    assert "is not a picture" in reasons["a", "harbour", "night"]
    assert "another shape" in reasons["b", "valley", "mosaic"]
    assert "is 28x21 pixels, but its pair is judged at 32x24" in reasons["b", "valley", "night"]
    assert len(reasons) == 4
    assert found.summary.counts == {"a": 2, "b": 2}
    assert found.summary.pairs == 0
    assert len([p for p in found.pictures if p.aid]) == 2 * 4  # once for each pair, whoever was judged first


def test_a_missing_content_or_style_is_named(folder: Path, judge: Judge) -> None:
    Path("valley.png").unlink()
    Path("night.png").write_bytes(b"")
    found = evaluate_set("pairs.csv", "a=a/{content}_{style}.jpg", judge=judge)
    assert [(p.content, p.style) for p in found.pictures if not p.aid] == [("harbour", "mosaic")]
    assert found.fault_lines()[0].startswith('a: The style "')
    assert found.fault_lines()[1].startswith('a: The content "')
    assert found.fault_lines()[1].endswith("(2 times)")


def test_nothing_to_judge_is_an_error(folder: Path, judge: Judge) -> None:
    with pytest.raises(ImageError, match=r"None of the 4 pictures of a could be judged\. The first: .*gone"):
        evaluate_set("pairs.csv", "a=gone/{content}_{style}.jpg", judge=judge)


def test_another_judge_is_refused_before_the_work(folder: Path, judge: Judge, make: Any) -> None:
    earlier = make({"old": {("harbour", "mosaic"): 0.3}})  # its label has another hash
    with pytest.raises(JudgeError, match="different judges"):
        evaluate_set("pairs.csv", "a=gone/{content}_{style}.jpg", judge=judge, add=[earlier])


def test_earlier_methods_stand_beside(folder: Path, judge: Judge) -> None:
    pattern = "{content}_{style}.jpg"
    evaluate_set("pairs.csv", f"a=a/{pattern}", judge=judge).save("out")
    found = evaluate_set("pairs.csv", f"b=b/{pattern}", judge=judge, add="out/evaluation.json")
    assert found.methods == ["b", "a"]
    assert found.summary.pairs == 4
    with pytest.raises(OptionError, match='method "a" stands in an earlier evaluation'):
        evaluate_set("pairs.csv", f"a=gone/{pattern}", judge=judge, add=["out/evaluation.json"])


def test_pairs_are_judged_at_the_size_of_earlier_methods(folder: Path, judge: Judge) -> None:
    pairs, pattern = [("valley.png", "night.png")], "large_{style}.png"
    for style in ("night", "mosaic"):
        samples.draw("valley", long_edge=64).save(f"large_{style}.png")
    earlier = evaluate_set(pairs, "a=a/{content}_{style}.jpg", judge=judge)
    found = evaluate_set([*pairs, ("valley.png", "mosaic.png")], f"b={pattern}", judge=judge, add=[earlier])
    assert [(p.style, p.size) for p in found.pictures if p.method == "b"] == [("mosaic", (48, 64))]
    assert "its pair is judged at 32x24. Judge all at one size: long_edge=32" in found.faults[0].reason
    found = evaluate_set(pairs, f"b={pattern}", judge=judge, add=[earlier], long_edge=32)
    assert found.summary.pairs == 1


def test_other_files_than_earlier_are_refused_before_the_work(folder: Path, judge: Judge) -> None:
    pairs = [("valley.png", "night.png")]
    earlier = evaluate_set(pairs, "a=a/{content}_{style}.jpg", judge=judge)
    Path("night.png").write_bytes(Path("mosaic.png").read_bytes())
    with pytest.raises(OptionError, match='style picture "night" of the earlier evaluation is another file'):
        evaluate_set(pairs, "b=gone/{content}_{style}.jpg", judge=judge, add=[earlier])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pairs": None}, "pairs must be a list, got None"),
        ({"pairs": 3}, "pairs must be a list, got 3"),
        ({"pairs": ["ab"]}, r"Each pair must be two paths, \(content, style\), got 'ab'"),
        ({"pairs": [3]}, "Each pair must be two paths"),
        ({"pairs": [("a.png",)]}, "Each pair must be two paths"),
        ({"pairs": [("a.png", None)]}, "style must be a text or path, got None"),
        ({"pictures": None}, "pictures must be a list, got None"),
        ({"pictures": 3}, "pictures must be a list, got 3"),
        ({"pictures": [None]}, "Each of pictures must be a text or path, got None"),
        ({"pictures": {"m": 3}}, "The pattern of m must be a text or path, got 3"),
        ({"contents": 3}, "contents must be a text or path, got 3"),
        ({"styles": b"x"}, "styles must be a text or path, got b'x'"),
        ({"metrics": None}, "metrics must be a list, got None"),
        ({"metrics": [3]}, "A metric must be a text or path, got 3"),
        ({"metrics": "lpip"}, "Unknown metric 'lpip'"),
        ({"add": None}, "add must be a list, got None"),
        ({"add": [None]}, "An earlier evaluation must be a text or path, got None"),
        ({"add": "gone.json"}, 'evaluation "gone.json" does not exist'),
    ],
)
def test_arguments_of_other_types_are_refused(
    folder: Path, judge: Judge, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(OptionError, match=said):
        evaluate_set(**{"pairs": "pairs.csv", "pictures": "a=gone/{content}_{style}.jpg", "judge": judge} | given)


def test_no_common_pair_is_refused_before_the_work(folder: Path, judge: Judge) -> None:
    earlier = evaluate_set([("valley.png", "night.png")], "a=a/{content}_{style}.jpg", judge=judge)
    with pytest.raises(OptionError, match=r'evaluation of a \(pairs\) has no pair in common with the set "pairs"'):
        evaluate_set([("valley.png", "mosaic.png")], "b=gone.jpg", judge=judge, add=[earlier])


def test_the_name_of_a_reading_aid_is_taken(folder: Path, judge: Judge) -> None:
    with pytest.raises(OptionError, match='"colours alone" is the name of a reading aid'):
        evaluate_set("pairs.csv", "colours alone=a/{content}_{style}.jpg", judge=judge)


def test_saving_overwrites_no_input(folder: Path, judge: Judge) -> None:
    Path("evaluation.png").write_bytes(Path("valley.png").read_bytes())
    found = evaluate_set([("evaluation.png", "night.png")], "a=evaluation.png", judge=judge)
    with pytest.raises(OutputError, match="inputs are never overwritten"):
        found.save(folder)
    assert not Path("evaluation.md").exists()


def test_an_interrupted_set_is_kept(folder: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = Judge.pair, []

    def pair(self: Judge, *pictures: Any) -> Any:
        calls.append(pictures)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, *pictures)

    monkeypatch.setattr(Judge, "pair", pair)
    with pytest.raises(EvaluateInterrupted, match="Interrupted after 2 of 4 pictures") as caught:
        evaluate_set("pairs.csv", "a=a/{content}_{style}.jpg", judge=judge)
    evaluation = caught.value.evaluation
    assert evaluation.summary.counts == {"a": 2}
    assert evaluation.to_markdown().startswith("**Interrupted: 2 of 4 pictures judged.**")
    assert evaluation.to_dict()["conditions"]["interrupted"] == "2 of 4 pictures judged"
    with pytest.raises(
        OptionError, match=r"evaluation of a \(pairs.csv\) was interrupted: 2 of 4 pictures judged"
    ):
        evaluate_set("pairs.csv", "b=gone/{content}_{style}.jpg", judge=judge, add=[evaluation])
    calls[:] = [()] * 2
    with pytest.raises(KeyboardInterrupt) as nothing:
        evaluate_set("pairs.csv", "a=a/{content}_{style}.jpg", judge=judge)
    assert not isinstance(nothing.value, EvaluateInterrupted)
