"""Several methods on one pair: rows, conditions, files, and what is refused."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from styletransfer import compare as package_compare
from styletransfer import samples
from styletransfer.comparing.result import Comparison, output_files
from styletransfer.comparing.run import compare
from styletransfer.errors import CompareInterrupted, ImageError, OptionError, OutputError
from styletransfer.features import create_extractor
from styletransfer.judging.evaluation import FIGURES
from styletransfer.stylizer import Step

BRIEF: dict[str, dict[str, Any]] = {"gatys": {"scales": (0.5, 1.0), "steps": (2, 3)}}


@pytest.fixture(scope="module")
def pair() -> tuple[Image.Image, Image.Image]:
    return samples.draw("valley", long_edge=96), samples.draw("mosaic", long_edge=64)


@pytest.fixture(scope="module")
def seen() -> list[tuple[str, Step]]:
    return []


@pytest.fixture(scope="module")
def comparison(pair: tuple[Image.Image, Image.Image], seen: list[tuple[str, Step]]) -> Comparison:
    return compare(*pair, options=BRIEF, device="cpu", on_step=lambda method, step: seen.append((method, step)))


def test_it_is_the_public_one() -> None:
    assert package_compare is compare


def test_rows_stand_in_the_order_asked_for(comparison: Comparison) -> None:
    assert [row.method for row in comparison.rows] == ["gatys", "adain"] == list(comparison.results)
    assert [row.steps for row in comparison.rows] == [5, 1]
    assert all(row.seconds == comparison.results[row.method].seconds > 0 for row in comparison.rows)


def test_options_reach_their_method(comparison: Comparison) -> None:
    assert comparison.results["gatys"].config.steps == (2, 3)
    assert comparison.results["adain"].config.alpha == 1


def test_on_step_gets_method_and_step_without_the_warm_up(
    comparison: Comparison, seen: list[tuple[str, Step]]
) -> None:
    assert [(method, step.step) for method, step in seen] == [
        *(("gatys", n) for n in range(1, 6)),
        ("adain", 1),
    ]


def test_gatys_own_loss_is_that_of_its_final_picture(comparison: Comparison) -> None:
    """The last record is of the picture that the last step began with; the final one is no worse."""
    [gatys, adain] = comparison.rows
    last = comparison.results["gatys"].history[-1].total
    assert gatys.objectives["gatys"] <= last * 1.001
    assert adain.objectives["gatys"] > 0
    assert list(adain.objectives) == ["gatys"]  # the feed-forward method minimises nothing when it runs


def test_without_a_method_that_minimises_there_is_no_such_column(pair: tuple[Image.Image, Image.Image]) -> None:
    alone = compare(*pair, methods=("adain",), device="cpu")
    assert alone.rows[0].objectives == {}
    assert "loss |" not in alone.to_markdown()
    assert "gatys" not in json.loads(alone.to_json())["runs"]
    assert len(alone.figure().axes) == 5  # content, style, result, two bars; no curve


def test_total_variation_is_measured_where_gatys_optimised_it(pair: tuple[Image.Image, Image.Image]) -> None:
    """In ImageNet's space differences are divided by about 0.226, so the TV term is 4.4 times as large."""
    extractor = create_extractor("vgg19-lite-1", device="cpu")
    only_tv = {
        "content_weight": 1e-9,
        "color_weight": 0.0,
        "style_weight": 0.0,
        "tv_weight": 1.0,
        "scales": (1.0,),
        "steps": 1,
    }
    totals = {}
    for space in ("rgb", "imagenet"):
        options = {"gatys": only_tv | {"variable": space, "clamp": False}}
        row = compare(*pair, options=options, extractor=extractor).rows[1]
        totals[space] = row.objectives["gatys"]
    assert totals["imagenet"] / totals["rgb"] == pytest.approx(1 / 0.2262, rel=0.03)


def test_json_holds_the_conditions(comparison: Comparison) -> None:
    read = json.loads(comparison.to_json())
    conditions = read["conditions"]
    assert conditions["content_size"] == [72, 96]
    assert conditions["style_size"] == [64, 64]
    assert conditions["extractors"] == {"gatys": "vgg19-lite-1", "adain": "vgg19-lite-1"}
    assert conditions["threads"] == torch.get_num_threads()
    assert conditions["versions"]["torch"] == torch.__version__
    assert conditions["judge"]["name"] == "vgg19-lite-1"
    assert "untimed step" in conditions["seconds"]
    assert read["runs"]["gatys"]["config"]["steps"] == [2, 3]
    assert len(read["runs"]["gatys"]["history"]) == 5
    assert read["rows"][1]["evaluation"]["judge"] == conditions["judge"]
    assert read["references"]["untouched content"]["gram"] == 1


def test_markdown_says_what_each_figure_means(comparison: Comparison) -> None:
    notes = [line for line in comparison.to_markdown().splitlines() if line.startswith("- ")]
    assert all(any(note.startswith(f"- {figure.title}: ") for note in notes) for figure in FIGURES.values())
    assert comparison.judge.text in notes[-1]


def test_markdown_is_a_table_with_its_conditions(comparison: Comparison) -> None:
    lines = comparison.to_markdown().splitlines()
    names = [line.split("|")[1].strip() for line in lines[2:6]]
    assert names == ["gatys", "adain", "*untouched content*", "*colours alone*"]
    assert len({line.count("|") for line in lines[:6]}) == 1
    assert "96x72 pixels" in lines[-1]
    assert f"torch {torch.__version__}" in lines[-1]


def test_saves_everything_into_a_new_folder(comparison: Comparison, tmp_path: Path) -> None:
    files = comparison.save(tmp_path / "out")
    names = ["comparison.png", "comparison.json", "comparison.md", "gatys.png", "adain.png"]
    assert [file.name for file in files] == names
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    with Image.open(files[0]) as figure, Image.open(files[4]) as picture:
        assert figure.width == 1400
        assert picture.size == (96, 72)
    assert files == comparison.save(tmp_path / "out")  # replaces an earlier comparison


def test_a_failure_leaves_an_earlier_comparison_as_it_was(
    comparison: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in comparison.save(tmp_path)}
    synced: list[int] = []

    def full(number: int) -> None:
        synced.append(number)
        if len(synced) == 5:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match=r"adain\.png.*the disk is full"):
        replace(comparison, conditions={**comparison.conditions, "date": "later"}).save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_inputs_can_be_saved_too(comparison: Comparison, tmp_path: Path) -> None:
    assert [file.name for file in comparison.save(tmp_path, inputs=True)][-2:] == ["content.png", "style.png"]
    with Image.open(tmp_path / "content.png") as picture:
        assert picture.size == (96, 72)


def test_an_input_in_the_folder_is_not_overwritten(tmp_path: Path, pair: tuple[Image.Image, Image.Image]) -> None:
    content = tmp_path / "adain.png"
    pair[0].save(content)
    before = content.read_bytes()
    result = compare(content, pair[1], methods=("adain",), device="cpu")
    with pytest.raises(OutputError, match="inputs are never overwritten"):
        result.save(tmp_path)
    assert content.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["adain.png"]


def test_nor_is_one_that_was_opened_first(tmp_path: Path, pair: tuple[Image.Image, Image.Image]) -> None:
    style = tmp_path / "adain.png"
    pair[1].save(style)
    with Image.open(style) as opened, pytest.raises(OutputError, match="inputs are never overwritten"):
        compare(pair[0], opened, "adain", device="cpu").save(tmp_path)


def test_missing_parent_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist or is no folder; create it first"):
        output_files(tmp_path / "none" / "out", ["adain"])


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("here")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        output_files(tmp_path / "out", ["adain"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"preserve_color": "linear"}, "preserve_color linear"),
        ({"style_scale": 0.5}, "style_scale 0.5"),
        ({"match_histogram": "style"}, "match_histogram style"),
        ({"detail": 0.5}, "detail 0.5"),
        ({"feather": 4.0, "preserve": True}, "feather 4.0"),
        ({"strength": 0.5}, "strength 0.5"),
        ({"masks": True}, "masks"),
        ({"style_masks": True}, "style masks"),
    ],
    ids=str,
)
def test_takes_every_control_and_tells_it(options: dict[str, Any], said: str) -> None:
    content, style = (samples.draw(name, long_edge=48) for name in ("valley", "mosaic"))
    mask = np.zeros((36, 48), np.float32)
    mask[:, :24] = 1
    square = np.zeros((48, 48), np.float32)
    square[:24] = 1
    drawn = {"masks": [mask], "preserve": mask, "style_masks": [square]}
    given = {name: drawn[name] if value is True else value for name, value in options.items()}
    got = compare(content, style, ("adain",), device="cpu", **given)
    assert said in got.conditions["asked"]
    assert f"pixels; {got.conditions['asked'][0]}; " in got.to_markdown()


class TestCtrlC:
    @staticmethod
    def interrupted(pair: tuple[Image.Image, Image.Image], at: str, number: int = 1) -> CompareInterrupted:
        def press(method: str, step: Step) -> None:
            if (method, step.step) == (at, number):
                raise KeyboardInterrupt

        with pytest.raises(CompareInterrupted) as caught:
            compare(*pair, options=BRIEF, device="cpu", on_step=press)
        return caught.value

    def test_keeps_the_picture_so_far(self, pair: tuple[Image.Image, Image.Image]) -> None:
        error = self.interrupted(pair, "gatys", 3)
        assert "gatys after 3 step(s), adain not run" in str(error)
        [row] = error.comparison.rows
        assert (row.method, row.steps) == ("gatys", 3)
        assert row.objectives["gatys"] > 0
        result = error.comparison.results["gatys"]
        assert result.stopped == "interrupted"
        assert result.image.shape == (1, 3, 72, 96)
        titles = [axes.get_title(loc="left") for axes in error.comparison.figure().axes]
        assert "Gatys (interrupted)" in titles

    def test_keeps_what_is_done(self, pair: tuple[Image.Image, Image.Image]) -> None:
        error = self.interrupted(pair, "adain")
        assert "gatys done, adain not run" in str(error)
        assert [row.method for row in error.comparison.rows] == ["gatys"]

    def test_while_judging_keeps_everything(
        self, pair: tuple[Image.Image, Image.Image], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = sys.modules["styletransfer.comparing.run"]
        judge, calls = module._judged, []

        def press_once(*args: Any) -> Comparison:
            calls.append(args)
            if len(calls) == 1:
                raise KeyboardInterrupt
            judged: Comparison = judge(*args)
            return judged

        monkeypatch.setattr(module, "_judged", press_once)
        with pytest.raises(CompareInterrupted, match="adain done") as caught:
            compare(*pair, methods=("adain",), device="cpu")
        assert list(caught.value.comparison.results) == ["adain"]

    def test_in_the_warm_up_keeps_nothing(
        self, pair: tuple[Image.Image, Image.Image], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def press(*_: object) -> None:
            raise KeyboardInterrupt

        # The warm-up takes the first look; its small picture is not the user's.
        monkeypatch.setattr("styletransfer.methods.gatys.stylizer.minimize", press)
        with pytest.raises(KeyboardInterrupt) as caught:
            compare(*pair, options=BRIEF, device="cpu")
        assert type(caught.value) is KeyboardInterrupt


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"methods": ("gatis",)}, r'Unknown method \'gatis\'. Did you mean "gatys"'),
        ({"methods": ()}, "at least one method"),
        ({"methods": ("adain", "adain")}, "stands twice"),
        ({"methods": ("adain",), "options": {"gatys": {}}}, "Unknown method in options 'gatys'"),
        ({"options": {"adain": {"alfa": 1}}}, r'no option \'alfa\'. Did you mean "alpha"'),
        ({"options": {"adain": {"alpha": 2.0}}}, r"alpha must be in \[0, 1\], got 2.0"),
        ({"device": "abacus"}, "Unknown device"),
        ({"options": {"gatys": 5}}, r"options must be \{method: \{option: value\}\}"),
        ({"stepps": 5}, r"gatys, adain: no option 'stepps'\. Did you mean \"steps\""),
        ({"methods": "adain", "steps": 5}, "'steps' is an option of gatys, not of adain.*choose gatys"),
    ],
)
def test_bad_options_are_refused(
    arguments: dict[str, Any], message: str, pair: tuple[Image.Image, Image.Image]
) -> None:
    with pytest.raises(OptionError, match=message):
        compare(*pair, **arguments)


def test_batches_are_refused() -> None:
    with pytest.raises(ImageError, match="batches of 2 and 1; call it once for each pair"):
        compare(torch.rand(2, 3, 16, 16), torch.rand(1, 3, 16, 16), methods=("adain",), device="cpu")


def test_one_extractor_serves_all(pair: tuple[Image.Image, Image.Image], monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = create_extractor

    def counted(*args: Any, **kwargs: Any) -> Any:
        made.append(args)
        return real(*args, **kwargs)

    monkeypatch.setattr("styletransfer.features.create_extractor", counted)
    compare(*pair, scales=(1.0,), steps=1, device="cpu")
    assert len(made) == 1


class TestOptions:
    def test_given_flat_go_to_every_method_that_has_them(self, pair: tuple[Image.Image, Image.Image]) -> None:
        got = compare(*pair, scales=(1.0,), steps=2, alpha=0.5, style_mix=(1.0,), device="cpu")
        assert [row.steps for row in got.rows] == [2, 1]
        assert got.results["adain"].config.alpha == 0.5
        assert [result.config.style_mix for result in got.results.values()] == [(1.0,), (1.0,)]

    def test_by_method_win_over_flat_ones(self, pair: tuple[Image.Image, Image.Image]) -> None:
        got = compare(*pair, scales=(1.0,), steps=3, options={"gatys": {"steps": 1}}, device="cpu")
        assert got.rows[0].steps == 1

    def test_a_picture_among_them_does_not_stop_the_warm_up(self, pair: tuple[Image.Image, Image.Image]) -> None:
        start = torch.rand(1, 3, 72, 96)
        got = compare(*pair, "gatys", scales=(1.0,), steps=1, init=start, device="cpu")
        assert got.rows[0].steps == 1


def test_narrow_pictures_are_warmed_up_too() -> None:
    got = compare(torch.rand(3, 16, 200), torch.rand(3, 200, 16), "adain", device="cpu")
    assert got.results["adain"].image.shape == (1, 3, 16, 200)


@pytest.mark.parametrize("style", [[torch.rand(3, 16, 16)] * 2, ()])
def test_several_styles_are_refused(style: Any) -> None:
    with pytest.raises(ImageError, match=r"compare takes one style picture.*call it once for each style"):
        compare(torch.rand(3, 16, 16), style, "adain", device="cpu")


class TestShowsItself:
    def test_in_a_few_words(self, comparison: Comparison) -> None:
        text = repr(comparison)
        assert re.fullmatch(r"<Comparison gatys \d+\.\d\d s, adain \d+\.\d\d s; 96x72 pixels>", text)

    def test_in_a_notebook_with_both_inputs_seconds_and_figures(self, comparison: Comparison) -> None:
        page = comparison._repr_html_()
        assert page.count("<img") == 4
        ratio = comparison.rows[1].evaluation.style_ratio
        for wanted in (
            "content",
            "style",
            "gatys",
            "adain",
            f"{comparison.rows[0].seconds:.2f} s",
            f"{ratio:.4g}",
        ):
            assert wanted in page

    def test_as_the_figure(self, comparison: Comparison) -> None:
        with Image.open(io.BytesIO(comparison._repr_png_())) as figure:
            assert (figure.format, figure.width) == ("PNG", 1400)

    def test_progress_on_request(
        self, pair: tuple[Image.Image, Image.Image], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[tuple[str, int]] = []
        monkeypatch.setattr(
            "styletransfer.progress.Bars.__call__", lambda self, method, step: told.append((method, step.step))
        )
        compare(*pair, scales=(1.0,), steps=2, device="cpu")
        assert told == []
        compare(*pair, scales=(1.0,), steps=2, device="cpu", progress=True)
        assert told == [("gatys", 1), ("gatys", 2), ("adain", 1)]


def test_a_run_can_be_repeated_from_its_record(tmp_path: Path, pair: tuple[Image.Image, Image.Image]) -> None:
    paths = []
    for name, picture in zip(("content.png", "style.png"), pair, strict=True):
        paths.append(tmp_path / name)
        picture.save(paths[-1])
    first = compare(*paths, scales=(1.0,), steps=2, device="cpu")
    record = json.loads(first.to_json())
    hashes = record["conditions"]["hashes"]
    assert hashes["content"] == hashlib.sha256(paths[0].read_bytes()).hexdigest()
    assert len(hashes["weights"]["vgg19-lite-1"]) == 64
    assert len(record["runs"]["adain"]["hashes"]["weights"]) == 2  # the decoder's too
    methods = [row["method"] for row in record["rows"]]
    options = {method: record["runs"][method]["config"] | record["runs"][method]["parts"] for method in methods}
    again = compare(
        *paths, methods, extractor=record["conditions"]["extractors"]["gatys"], options=options, device="cpu"
    )
    for name, result in first.results.items():
        assert torch.equal(again.results[name].image, result.image)
