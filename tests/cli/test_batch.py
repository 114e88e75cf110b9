from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from styletransfer import samples
from styletransfer.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("photos/trip").mkdir(parents=True)
    samples.draw("valley", long_edge=48).save("photos/a.png")
    samples.draw("harbour", long_edge=48).save("photos/trip/b.png")
    samples.draw("woodcut", long_edge=48).save("mine.png")
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["batch", *words, "--device", "cpu", "--decoder", "fast", "--long-edge", "48"])


def test_a_folder_in_two_styles_and_once_more(folder: Path) -> None:
    result = run("photos", "mine.png", "night", "-o", "out")
    assert result.exit_code == 0, result.output
    assert "Made 4 of 4 pictures in " in result.stdout
    assert "network busy" in result.stdout
    with Image.open("out/trip/b-mine.png") as picture:
        assert picture.size == (48, 36)
    with Path("out/map.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 4
    again = run("photos", "mine.png", "night", "-o", "out")
    assert again.stdout == "Made 0 of 4 pictures in 0.0 s, 4 were there. The pictures are in out.\n"


def test_a_picture_is_that_of_stylize(folder: Path) -> None:
    run("photos", "mine.png", "-o", "out", "--preserve-color", "luminance", "--strength", "0.5")
    words = ["stylize", "photos/a.png", "mine.png", "-o", "single.png", "--preserve-color", "luminance"]
    words += ["--strength", "0.5", "--device", "cpu", "--decoder", "fast", "--long-edge", "48"]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert Path("out/a-mine.png").read_bytes() == Path("single.png").read_bytes()


def test_bad_pictures_are_named_and_the_exit_code_tells(folder: Path) -> None:
    Path("photos/bad.jpg").write_text("no picture")
    Path("photos/phone.heic").touch()
    result = run("photos", "mine.png", "night", "-o", "out")
    assert result.exit_code == 1
    assert 'Failed: bad.jpg: The content "photos/bad.jpg" is not a picture' in result.stderr
    assert "(2 pictures)" in result.stderr
    assert "Left out: photos/phone.heic: of a format that is not read" in result.stderr
    assert "Made 4 of 6 pictures" in result.stdout
    stopped = run("photos", "mine.png", "night", "-o", "out", "--max-failures", "0")
    assert stopped.exit_code == 1
    assert "1 failed, stopped by --max-failures, 1 left" in stopped.stdout


def test_only_errors_are_printed_when_quiet(folder: Path) -> None:
    result = run("photos", "night", "-o", "out", "-q")
    assert (result.exit_code, result.output) == (0, "")


def test_json_tells_everything(folder: Path) -> None:
    result = run("photos", "night", "-o", "out", "--json", "--judge", "vgg19-lite-1")
    record = json.loads(result.stdout)
    assert (record["total"], record["made"], record["failed"], record["to_do"]) == (2, 2, 0, 0)
    assert '"figures":{"moment"' in Path("out/map.jsonl").read_text()


def test_a_dry_run_writes_nothing(folder: Path) -> None:
    result = run("photos", "mine.png", "night", "-o", "out", "--dry-run")
    assert result.stdout.startswith(
        "4 pictures: 0 are there, 4 would be made in out.\n  a-mine.png: a.png in mine.png\n"
    )
    assert not Path("out").exists()
    told = json.loads(run("photos", "night", "-o", "out", "--dry-run", "--json").stdout)
    assert told["outputs"] == ["a-night.png", "trip/b-night.png"]


def test_random_pairs_patterns_names_and_formats(folder: Path) -> None:
    words = (
        "--pair",
        "random",
        "--seed",
        "3",
        "--name",
        "{style}/{content}",
        "--format",
        "jpg",
        "--quality",
        "80",
    )
    result = run("photos/**/*.png", *samples.list_styles(), "-o", "out", *words)
    assert result.exit_code == 0, result.output
    made = list(Path("out").rglob("*.jpg"))
    assert sorted(path.name for path in made) == ["a.jpg", "b.jpg"]
    assert all(path.relative_to("out").parts[0] in samples.list_styles() for path in made)


def test_an_iterative_method_takes_its_options_and_the_seed(folder: Path) -> None:
    words = [
        "batch",
        "photos",
        "night",
        "-o",
        "out",
        "-m",
        "gatys",
        "--steps",
        "1",
        "--scales",
        "1",
        "--seed",
        "2",
    ]
    result = CliRunner().invoke(main, [*words, "--long-edge", "32", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    (settings,) = (
        json.loads(x)["settings"] for x in Path("out/map.jsonl").read_text().splitlines() if '"run"' in x
    )
    assert (settings["method"], settings["config"]["seed"]) == ("gatys", 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("photos", "night", "-o", "photos/out"), "lies in the content folder"),
        (("photos", "nihgt", "-o", "out"), 'Did you mean "night"'),
        (("none", "night", "-o", "out"), 'The content "none" does not exist'),
        (("photos", "night", "-o", "out", "--pair", "zip"), "there must be one style for each content"),
        (("photos", "night", "-o", "out", "--pair", "all"), "Unknown pairing 'all'"),
        (("photos", "night", "-o", "out", "--styles-per-content", "2"), 'is for pairing="random"'),
        (("photos", "night", "-o", "out", "--name", "x"), "gives no places below the output folder"),
        (("photos", "night", "-o", "out", "--format", "gif"), "Unknown picture format"),
        (("photos", "night", "-o", "out", "-m", "none"), "Unknown method"),
        (("photos", "night", "-o", "out", "--steps", "3"), "--steps is an option of gatys"),
        (("photos", "night", "-o", "out", "--batch-size", "0"), "batch_size must be a whole number"),
        (("photos", "night", "-o", "out", "--judge", "none"), "Unknown judge"),
    ],
)
def test_bad_input_gets_one_sentence_and_writes_nothing(
    folder: Path, words: tuple[str, ...], message: str
) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert not Path("out").exists()
