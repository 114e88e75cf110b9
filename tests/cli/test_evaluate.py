"""`styletransfer evaluate`: single pictures, sets, and mixtures of both."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from styletransfer import samples
from styletransfer.cli import main
from styletransfer.judging import learned
from styletransfer.judging.judge import Judge
from styletransfer.weights import catalogue

JUDGE = ("--judge", "vgg19-lite-1")
SET = ("--set", "pairs.csv", *JUDGE)
MINE = ("--pictures", "mine={content}_{style}.png")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("valley", "mosaic", "night"):
        samples.draw(name, long_edge=64).save(f"{name}.png")
    for style in ("mosaic", "night"):
        samples.draw("valley", long_edge=32).save(f"valley_{style}.png")
    Path("pairs.csv").write_text("content,style\nvalley.png,mosaic.png\nvalley.png,night.png\n")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["evaluate", *arguments], catch_exceptions=False)


def test_one_picture(folder: Path) -> None:
    result = run("valley_night.png", "valley.png", "night.png", *JUDGE)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "| figure | better | valley_night.png | *untouched content* | *colours alone* |"
    assert lines[2].startswith("| moment | lower | ")
    assert "Judge: vgg19-lite-1 2 (" in result.stdout
    assert "32x24 pixels" in result.stdout


def test_several_pictures_as_json(folder: Path) -> None:
    result = run(
        "valley_night.png", "valley.png", "valley.png", "night.png", *JUDGE, "--json", "--long-edge", "32"
    )
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert [picture["stylized"] for picture in told["pictures"]] == ["valley_night.png", "valley.png"]
    assert told["judge"]["name"] == "vgg19-lite-1"
    assert told["pictures"][1]["content"] == told["reading_aids"]["untouched content"]["content"] == 0


def test_a_set(folder: Path) -> None:
    result = run(*SET, *MINE, "-o", "out")
    assert result.exit_code == 0
    assert "| pictures judged | | 2 | 2 | 2 |" in result.stdout
    assert "Wrote to out: evaluation.md, evaluation.csv, evaluation.json, evaluation.png." in result.stdout
    told = json.loads(
        run(*SET, "--pictures", "b={content}_{style}.*", "--add", "out/evaluation.json", "--json").stdout
    )
    assert told["summary"]["counts"] == {"b": 2, "mine": 2}
    assert told["files"] == []


def test_a_fault_is_exit_code_1_and_nothing_is_2(folder: Path) -> None:
    Path("valley_night.png").unlink()
    result = run(*SET, *MINE)
    assert result.exit_code == 1
    assert 'mine: The stylized picture "valley_night.png" does not exist.' in result.stdout
    Path("valley_mosaic.png").unlink()
    result = run(*SET, *MINE, "-o", "out")
    assert result.exit_code == 2
    assert "None of the 2 pictures" in result.stderr
    assert not Path("out").exists()


def test_figures_of_another_judge_are_refused(folder: Path) -> None:
    run(*SET, *MINE, "-o", "out")
    stored = json.loads(Path("out/evaluation.json").read_text())
    stored["judge"]["version"] = 1
    Path("earlier.json").write_text(json.dumps(stored))
    result = run(*SET, "--pictures", "b={content}_{style}.png", "--add", "earlier.json", "-o", "new")
    assert result.exit_code == 2
    assert "different judges" in result.stderr
    assert not Path("new").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "at least three pictures, STYLIZED CONTENT STYLE, got 0"),
        (["a.png", "b.png"], "at least three pictures"),
        (["a.png", "b.png", "c.png", "-o", "out"], "--output belongs to a set"),
        (["a.png", "b.png", "c.png", *MINE], "--pictures belongs to a set"),
        (["a.png", "b.png", "c.png"], 'The stylized picture "a.png" does not exist'),
        (["a.png", "a.png", "b.png", "c.png"], 'The stylized picture "a.png" was given twice'),
        (["a.png", *SET, *MINE], 'Both single pictures ("a.png") and --set were given'),
        ([*SET], "--set needs --pictures"),
        ([*SET, *MINE, "-o", "pairs.csv"], "pairs.csv"),
        (["--set", "none.csv", *MINE], 'table "none.csv" does not exist'),
        (["--set", "styleid", *MINE], "takes two folders"),
        ([*SET, *MINE, "--long-edge", "3"], "long_edge"),
        ([*SET[:2], *MINE, "--judge", "vgg19-lit"], "Unknown judge"),
        (["mosaic.png", "valley.png", "night.png", *JUDGE], "another shape"),
    ],
)
def test_mistakes_are_one_sentence(folder: Path, arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_metrics_without_their_extra_or_their_networks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(learned, "find_spec", lambda name: None)
        result = run(*SET, *MINE, "--metrics", "lpips, artfid", "-o", "out")
    assert result.exit_code == 2
    assert "'lpips' needs the package lpips" in result.stderr
    assert 'python -m pip install "styletransfer-toolkit[metrics]"' in result.stderr
    monkeypatch.setattr(learned, "find_spec", lambda name: name)
    file = dataclasses.replace(catalogue.CATALOGUE["inception-fid"], url="http://127.0.0.1:9/none")
    monkeypatch.setattr(catalogue, "CATALOGUE", {**catalogue.CATALOGUE, file.name: file})
    result = run(*SET, *MINE, "--metrics", "fid", "-o", "out")
    assert result.exit_code == 2
    assert "'inception-fid' could not be fetched: " in result.stderr
    assert (
        "To do it by hand, download http://127.0.0.1:9/none (95,628,359 bytes, SHA-256 6726825d" in result.stderr
    )
    assert not Path("out").exists()


def test_an_input_is_never_overwritten(folder: Path) -> None:
    run(*SET, *MINE, "-o", "out")
    result = run(*SET, "--pictures", "b={content}_{style}.png", "--add", "out/evaluation.json", "-o", "out")
    assert result.exit_code == 2
    assert "inputs are never overwritten" in result.stderr


def test_no_picture_is_overwritten(folder: Path) -> None:
    Path("evaluation.png").write_bytes(Path("valley.png").read_bytes())
    picture = Path("evaluation.png").read_bytes()
    Path("contents.csv").write_text("content,style\nevaluation.png,night.png\n")
    Path("styles.csv").write_text("content,style\nvalley.png,evaluation.png\n")
    Path("one.csv").write_text("content,style\nvalley.png,night.png\n")
    Path("mine.csv").write_text("method,content,style,stylized\nm,valley,night,evaluation.png\n")
    for table, pictures in (
        ("contents.csv", "m=valley_night.png"),
        ("styles.csv", "m=valley_night.png"),
        ("one.csv", "m=evaluation.*"),
        ("one.csv", "mine.csv"),
    ):
        result = run("--set", table, "--pictures", pictures, *JUDGE, "-o", ".")
        assert result.exit_code == 2
        assert "inputs are never overwritten" in result.stderr
        assert Path("evaluation.png").read_bytes() == picture
        assert not Path("evaluation.md").exists()


def test_a_set_may_have_the_name_of_a_formula(folder: Path) -> None:
    Path("a$\\frac$b.csv").write_text("content,style\nvalley.png,night.png\n")
    assert run("--set", "a$\\frac$b.csv", *MINE, *JUDGE, "-o", "out").exit_code == 0


def test_ctrl_c_keeps_what_is_judged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = Judge.pair, []

    def pair(self: Judge, *pictures: object) -> object:
        calls.append(pictures)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, *pictures)  # type: ignore[arg-type]

    monkeypatch.setattr(Judge, "pair", pair)
    result = run(*SET, *MINE, "-o", "out")
    assert result.exit_code == 130
    assert "Interrupted; the results are of the pictures that were judged." in result.stderr
    assert json.loads(Path("out/evaluation.json").read_text())["summary"]["counts"] == {"mine": 1}
