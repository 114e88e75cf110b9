"""Tables, files, and evaluations that are joined or must not be."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import pytest
from PIL import Image

from styletransfer.errors import JudgeError, OptionError, OutputError
from styletransfer.evaluating.judged import Fault
from styletransfer.evaluating.result import FILES, SetEvaluation
from styletransfer.judging.evaluation import FIGURES
from styletransfer.judging.judges import JudgeLabel
from tests.evaluating.conftest import LABEL, Make, Values


def values(number: int, first: float = 0.2) -> Values:
    return {(f"c{i:02}", "s"): first + 0.01 * i for i in range(number)}


def whole(evaluation: SetEvaluation) -> SetEvaluation:
    """Return an evaluation with all figures that the judge gives."""
    pictures = (
        dataclasses.replace(p, figures=dict.fromkeys(FIGURES, 0.5) | p.figures) for p in evaluation.pictures
    )
    return dataclasses.replace(evaluation, pictures=tuple(pictures))


@pytest.fixture
def evaluation(make: Make) -> SetEvaluation:
    faults = [Fault("mine", f"c{i}", "s", "it is missing.") for i in range(3)]
    faults += [Fault("mine", f"d{i}", "s", f"broken {i}.") for i in range(12)]
    return make(
        {"mine": values(10), "a|b": values(10, first=0.5)},
        aids={"untouched content": values(10, first=0.8)},
        faults=tuple(faults),
        set_figures={"mine": {"fid": 18.25}},
    )


def test_the_table(evaluation: SetEvaluation) -> None:
    text = evaluation.to_markdown()
    assert "| figure | better | mine | a\\|b | *untouched content* |" in text
    assert "| pictures judged | | 10 | 10 | 10 |" in text
    assert "| Gram | lower | 0.245 [0.2" in text
    assert "| SSIM | higher | 0.755 [" in text
    assert "| TV | - | 0.100 | 0.100 | 0.100 |" in text
    assert "| FID | lower | 18.250 | - | - |" in text
    assert f"Judge: {LABEL.text}." in text
    assert "over the 10 pair(s) that all methods have" in text
    assert "| Gram | mine | a\\|b | mine | 0.300 | 0.0059 |" in text
    assert "| SSIM | a\\|b | mine | mine | 0.300 | 0.0059 |" in text
    assert "Holm for 3 test(s). 1 of them show no difference" in text
    assert "Not judged or measured: 15." in text
    assert "- mine: it is missing. (3 times)" in text
    assert "- and 3 more; evaluation.json names all of them" in text
    assert "no p can be below" not in text


def test_too_few_for_any_difference_is_said(make: Make) -> None:
    text = make({"a": values(6), "b": values(6, first=0.5)}).to_markdown()
    assert "With 6 pairs and 3 tests, no p can be below 0.094; a larger set is needed." in text


def test_published_rows_are_marked(make: Make) -> None:
    text = make({"mine": values(6)}, name="styleid").to_markdown()
    assert "not comparable with the judge's figures; for orientation" in text
    assert "| StyleID | 28.801 | 18.131 | 0.505 | 0.228 |" in text
    assert "Never compare across protocols" in text


def test_a_method_without_any_picture_is_counted(make: Make) -> None:
    faults = (Fault("gone", "c00", "s", "it is missing."),)
    evaluation = make({"mine": values(8), "other": values(8)}, faults=faults)
    text = evaluation.to_markdown()
    assert "| figure | better | mine | other | gone |" in text
    assert "| pictures judged | | 8 | 8 | 0 |" in text
    assert next(line for line in text.splitlines() if line.startswith("| SSIM ")).endswith(" | - |")
    assert "over the 8 pair(s) that all methods with pictures have" in text
    assert evaluation.to_dict()["summary"]["counts"] == {"mine": 8, "other": 8, "gone": 0}
    assert len(evaluation.summary.differences) == 3
    evaluation.figure()


def test_methods_without_a_common_pair_keep_their_counts(make: Make) -> None:
    text = make({"a": values(2), "b": {("x", "y"): 0.5}}).to_markdown()
    assert "| pictures judged | | 2 | 1 |" in text


def test_files(evaluation: SetEvaluation, tmp_path: Path) -> None:
    evaluation = whole(evaluation)
    files = evaluation.save(tmp_path / "out")
    assert [file.name for file in files] == list(FILES)
    assert files[0].read_text() == evaluation.to_markdown()
    rows = list(csv.DictReader(files[1].read_text().splitlines()))
    assert len(rows) == 30
    assert rows[0]["method"] == "mine"
    assert float(rows[0]["gram"]) == 0.2
    assert rows[-1]["stylized"] == ""
    with Image.open(files[3]) as drawn:
        assert drawn.width == 1400
    loaded = SetEvaluation.load(files[2])
    assert loaded == evaluation
    assert loaded.to_json() == evaluation.to_json() == files[2].read_text()


def test_nothing_is_left_where_writing_fails(evaluation: SetEvaluation, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "no" / "such", ""):
        with pytest.raises(OutputError):
            evaluation.save(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        '{"format": "another", "version": 1}',
        '{"format": "styletransfer set evaluation"}',
        "\xff",
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "e.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(OptionError, match="is no evaluation of a set"):
        SetEvaluation.load(tmp_path / "e.json")
    with pytest.raises(OptionError, match="does not exist"):
        SetEvaluation.load(tmp_path / "none.json")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 100_000])
def test_what_is_nested_too_deep_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(OptionError, match="is no evaluation of a set"):
        SetEvaluation.load(tmp_path / "e.json")


@pytest.mark.parametrize(
    "spoilt",
    [
        {"figures": {}},
        {"gram": "x"},
        {"gram": True},
        {"gram": None},
        {"gram": float("inf")},
        {"gram": 10**400},
        {"gram": 1e300},
        {"lpips": 10**400},
        {"size": [0, 64]},
        {"size": [-1, 64]},
        {"size": [1.5, 64]},
        {"size": [True, 64]},
        {"size": ["48", 64]},
        {"size": [10**400, 64]},
        {"layers": {"gram": {"relu1_1": True}}},
        {"aid": 3},
    ],
)
def test_a_damaged_picture_is_named(evaluation: SetEvaluation, tmp_path: Path, spoilt: dict[str, object]) -> None:
    stored = whole(evaluation).to_dict()
    picture = stored["pictures"][1]
    for name, value in spoilt.items():
        (picture if name in picture else picture["figures"])[name] = value
    (tmp_path / "e.json").write_text(json.dumps(stored))
    with pytest.raises(OptionError, match="is no evaluation of a set, or damaged") as caught:
        SetEvaluation.load(tmp_path / "e.json")
    infinite = spoilt == {"gram": float("inf")}  # no JSON
    assert infinite or "mine's picture of c01, s" in str(caught.value)


def test_damaged_evaluations_are_refused(evaluation: SetEvaluation, tmp_path: Path) -> None:
    evaluation = whole(evaluation)
    picture = evaluation.to_dict()["pictures"][0]
    changes: tuple[dict[str, object], ...] = ({"figures": {"gram": "x"}}, {"figures": {"gram": float("nan")}})
    changes += ({"method": 3}, {"size": [1]}, {"layers": 3}, {"size": "ab"})
    wrong = [{"pictures": [picture | change]} for change in changes]
    for spoil in (
        {"set": 3},
        {"pictures": [{}]},
        {"faults": 3},
        {"inputs": {}},
        {"pictures": [{"size": 1}]},
        *wrong,
    ):
        (tmp_path / "e.json").write_text(json.dumps(evaluation.to_dict() | spoil))
        with pytest.raises(OptionError, match="is no evaluation of a set"):
            SetEvaluation.load(tmp_path / "e.json")
    (tmp_path / "e.json").write_text(json.dumps(evaluation.to_dict() | {"judge": None}))
    with pytest.raises(JudgeError, match="does not say which judge"):
        SetEvaluation.load(tmp_path / "e.json")


class TestJoining:
    def test_methods_stand_side_by_side(self, make: Make) -> None:
        aids = {"untouched content": values(8, first=0.9)}
        new = make({"new": values(8)}, aids=aids, set_figures={"new": {"fid": 1.0}})
        old = make({"old": values(7, first=0.5)}, aids=aids, set_figures={"old": {"fid": 2.0}})
        joined = new.joined(old)
        assert joined.methods == ["new", "old"]
        assert joined.summary.pairs == 7
        assert len([p for p in joined.pictures if p.aid]) == 8
        assert joined.set_figures == {"new": {"fid": 1.0}, "old": {"fid": 2.0}}
        assert joined.conditions["joined"] == [old.conditions]

    def test_another_judge_is_refused(self, make: Make) -> None:
        for other in (dataclasses.replace(LABEL, version=1), JudgeLabel("vgg19-oxford", 2, "cd" * 32)):
            with pytest.raises(JudgeError, match="different judges"):
                make({"new": values(3)}).joined(make({"old": values(3)}, judge=other))

    def test_what_does_not_fit_is_refused(self, make: Make) -> None:
        new = make({"new": values(3)})
        with pytest.raises(OptionError, match='Both evaluations have a method "new"'):
            new.joined(new)
        with pytest.raises(OptionError, match=r"was judged at 32x24 pixels earlier, and at 64x48 now"):
            new.joined(make({"old": values(3)}, size=(24, 32)))
        inputs = {"content": {"c00": "another"}, "style": {}}
        with pytest.raises(OptionError, match='content picture "c00" of the earlier evaluation is another file'):
            new.joined(make({"old": values(3)}, inputs=inputs))
