"""`styletransfer stylize`: results, messages, exit codes, and nothing left behind."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from styletransfer import samples
from styletransfer.cli import main
from styletransfer.progress import ProgressBar
from styletransfer.stylizer import Step

BRIEF = ["-m", "gatys", "--steps", "2,2"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with two pictures in it."""
    monkeypatch.chdir(tmp_path)
    samples.draw("valley", long_edge=72).save("photo.png")
    samples.draw("mosaic", long_edge=64).save("mosaic.png")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["stylize", *arguments], catch_exceptions=False)


def test_adain_writes_a_picture_of_the_content_s_size(folder: Path) -> None:
    result = run("photo.png", "mosaic.png", "-o", "out.png")
    assert result.exit_code == 0
    assert result.stdout.startswith("Wrote out.png (72x54, adain")
    with Image.open("out.png") as picture:
        assert picture.size == (72, 54)


def test_default_name_never_overwrites(folder: Path) -> None:
    for expected in ("photo-mosaic-adain.png", "photo-mosaic-adain-2.png", "photo-mosaic-adain-3.png"):
        assert f"Wrote {expected} " in run("photo.png", "mosaic.png").stdout
        assert Path(expected).exists()


def test_explicit_output_replaces_an_earlier_result(folder: Path) -> None:
    Path("out.jpg").write_bytes(b"old")
    assert run("photo.png", "mosaic.png", "-o", "out.jpg").exit_code == 0
    with Image.open("out.jpg") as picture:
        assert picture.format == "JPEG"


def test_json_is_the_only_thing_on_stdout(folder: Path) -> None:
    result = run("photo.png", "mosaic.png", *BRIEF, "--style-weight", "5", "--json", "-o", "out.png")
    record = json.loads(result.stdout)
    assert record["output"] == "out.png"
    assert record["config"]["style_weight"] == 5
    assert record["config"]["steps"] == [2, 2]
    assert record["size"] == [54, 72]
    assert record["inputs"] == ["photo.png", "mosaic.png"]


def test_options_are_read_as_their_types(folder: Path) -> None:
    given = ["--scales", "1", "--steps", "1", "--layer-weights", "relu1_1=2,relu4_1=0.5", "--no-clamp"]
    given += ["--style-layers", "relu1_1,relu2_1", "--init", "noise", "--seed", "3", "--tv-weight", "0"]
    config = json.loads(run("photo.png", "mosaic.png", "-m", "gatys", *given, "--json").stdout)["config"]
    assert config["scales"] == [1.0]
    assert config["steps"] == 1
    assert config["layer_weights"] == {"relu1_1": 2.0, "relu4_1": 0.5}
    assert config["clamp"] is False
    assert config["style_layers"] == ["relu1_1", "relu2_1"]
    assert (config["init"], config["seed"], config["tv_weight"]) == ("noise", 3, 0)


def test_several_styles_are_mixed(folder: Path) -> None:
    samples.draw("woodcut", long_edge=64).save("woodcut.png")
    result = run("photo.png", "mosaic.png", "woodcut.png", "--style-mix", "0.7,0.3", "--json")
    record = json.loads(result.stdout)
    assert record["config"]["style_mix"] == [0.7, 0.3]
    assert record["output"] == "photo-mosaic-woodcut-adain.png"


def test_a_mask_says_where_a_style_belongs(folder: Path) -> None:
    sky = Image.new("L", (72, 54), 0)
    sky.paste(255, (0, 0, 72, 20))
    sky.save("sky.png")
    result = run("photo.png", "mosaic.png", "--mask", "sky.png", "--strength", "0.8", "-o", "out.png", "--json")
    assert json.loads(result.stdout)["strength"] == 0.8
    with Image.open("out.png") as out, Image.open("photo.png") as photo:
        below = (0, 20, 72, 54)
        assert out.crop(below).tobytes() == photo.convert("RGB").crop(below).tobytes()
        assert out.tobytes() != photo.convert("RGB").tobytes()


def test_labels_maps_and_what_is_preserved(folder: Path) -> None:
    labels = Image.new("P", (72, 54), 0)
    labels.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    labels.paste(1, (0, 0, 72, 20))
    labels.paste(2, (0, 30, 72, 54))
    labels.save("labels.png")
    corner = Image.new("L", (72, 54), 0)
    corner.paste(255, (0, 0, 30, 20))
    corner.save("corner.png")
    Image.new("L", (72, 54), 200).save("map.png")
    asked = ["--labels", "labels.png", "--preserve", "corner.png", "--strength", "map.png"]
    parts = ["--style-mask", "all", "--style-mask", "corner.png", "--feather", "2"]
    result = run("photo.png", "mosaic.png", "photo.png", *asked, *parts, "-o", "out.png", "--json")
    assert result.exit_code == 0, result.stderr
    hashes = json.loads(result.stdout)["hashes"]
    assert [len(hashes[key]) for key in ("masks", "style_masks", "preserve")] == [2, 2, 1]
    assert hashes["style_masks"][0] is None
    with Image.open("out.png") as out, Image.open("photo.png") as photo:
        for kept in ((0, 0, 26, 18), (0, 24, 72, 26)):
            assert out.crop(kept).tobytes() == photo.convert("RGB").crop(kept).tobytes()
        styled = (40, 0, 72, 16)
        assert out.crop(styled).tobytes() != photo.convert("RGB").crop(styled).tobytes()


def test_quiet_prints_nothing(folder: Path) -> None:
    result = run("photo.png", "mosaic.png", "--quiet")
    assert (result.exit_code, result.output) == (0, "")


def test_seed_is_allowed_for_every_method(folder: Path) -> None:
    assert run("photo.png", "mosaic.png", "-m", "adain", "--seed", "1").exit_code == 0


def test_reduction_is_told_and_full_size_switches_it_off(folder: Path) -> None:
    reduced = run("photo.png", "mosaic.png", "--long-edge", "48", "-o", "a.png")
    assert "long edge was reduced from 72 to 48 pixels: 48x36" in reduced.stderr
    full = run("photo.png", "mosaic.png", "--full-size", "-o", "b.png")
    assert "reduced" not in full.stderr
    both = run("photo.png", "mosaic.png", "--full-size", "--long-edge", "48")
    assert both.exit_code == 2
    assert "Both --full-size and --long-edge 48" in both.stderr


def _bad_files(folder: Path) -> None:
    (folder / "text.png").write_text("not a picture")
    (folder / "cut.png").write_bytes((folder / "photo.png").read_bytes()[:400])
    Image.new("RGB", (15, 40)).save(folder / "small.png")
    (folder / "weights.pth").write_bytes(b"<!DOCTYPE html><html></html>")
    (folder / "sub").mkdir()
    Image.new("L", (20, 20), 255).save(folder / "m.png")
    (folder / "x-steps").mkdir()
    Image.open(folder / "mosaic.png").save(folder / "x-steps" / "mosaic.png")


BAD = {
    "missing file": (["none.png", "mosaic.png"], "none.png"),
    "directory": (["sub", "mosaic.png"], "sub"),
    "not a picture": (["text.png", "mosaic.png"], "text.png"),
    "truncated": (["cut.png", "mosaic.png"], "cut.png"),
    "too small": (["small.png", "mosaic.png"], "16"),
    "bad style": (["photo.png", "text.png"], "style"),
    "unknown method": (["photo.png", "mosaic.png", "-m", "gatis"], 'Did you mean "gatys"'),
    "unknown layer": (["photo.png", "mosaic.png", "-m", "gatys", "--style-layers", "relu9_1"], "relu9_1"),
    "unknown weight set": (
        ["photo.png", "mosaic.png", "--extractor", "vgg19-lit"],
        'Did you mean "vgg19-lite"',
    ),
    "unknown decoder": (["photo.png", "mosaic.png", "--decoder", "light"], "light"),
    "unknown preset": (
        ["photo.png", "mosaic.png", "-m", "gatys", "--preset", "gatys"],
        'Did you mean "gatys2016"',
    ),
    "unknown flag": (["photo.png", "mosaic.png", "--alhpa", "1"], "--alpha"),
    "other method's option": (
        ["photo.png", "mosaic.png", "--steps", "3"],
        "--steps is an option of gatys, not of adain",
    ),
    "no number": (["photo.png", "mosaic.png", "--alpha", "much"], "not a valid float"),
    "no list": (["photo.png", "mosaic.png", "-m", "gatys", "--scales", "a,b"], "not a list like"),
    "no pairs": (["photo.png", "mosaic.png", "-m", "gatys", "--layer-weights", "relu1_1"], "relu1_1=2"),
    "alpha": (["photo.png", "mosaic.png", "--alpha", "1.5"], "alpha must be in [0, 1], got 1.5"),
    "style_mix length": (["photo.png", "mosaic.png", "--style-mix", "1,1"], "got 2 for 1 style(s)"),
    "style_mix sign": (["photo.png", "mosaic.png", "--style-mix", "-1"], "style_mix"),
    "long edge": (["photo.png", "mosaic.png", "--long-edge", "8"], "at least 16"),
    "device": (["photo.png", "mosaic.png", "--device", "abacus"], "abacus"),
    "HTML for weights": (["photo.png", "mosaic.png", "--decoder", "weights.pth"], "weights.pth"),
    "decoder of another encoder": (
        ["photo.png", "mosaic.png", "--decoder", "pytorch-adain"],
        "vgg19-normalised",
    ),
    "suffix": (["photo.png", "mosaic.png", "-o", "out.gif"], ".png"),
    "no suffix": (["photo.png", "mosaic.png", "-o", "out"], "no suffix"),
    "folder missing": (["photo.png", "mosaic.png", "-o", "none/out.png"], "does not exist"),
    "output is an input": (["photo.png", "mosaic.png", "-o", "photo.png"], "inputs are never overwritten"),
    "output is a folder": (["photo.png", "mosaic.png", "-o", "sub"], "it is a folder"),
    "no style": (["photo.png"], "STYLE"),
    "masks too many": (["photo.png", "mosaic.png", "--mask", "photo.png", "--mask", "photo.png"], "got 2 mask(s)"),
    "mask missing": (["photo.png", "mosaic.png", "--mask", "none.png"], 'mask 1 "none.png" does not exist'),
    "output is a mask": (["photo.png", "mosaic.png", "--mask", "m.png", "-o", "m.png"], "never overwritten"),
    "labels and masks": (
        ["photo.png", "mosaic.png", "--mask", "photo.png", "--labels", "photo.png"],
        "--mask and --labels both say where styles belong",
    ),
    "labels of a photograph": (["photo.png", "mosaic.png", "--labels", "photo.png"], "Store them as PNG"),
    "labels missing": (
        ["photo.png", "mosaic.png", "--labels", "none.png"],
        'picture of labels "none.png" does not exist',
    ),
    "output is labels": (["photo.png", "mosaic.png", "--labels", "m.png", "-o", "m.png"], "never overwritten"),
    "output is a map": (["photo.png", "mosaic.png", "--strength", "m.png", "-o", "m.png"], "never overwritten"),
    "output is preserved": (
        ["photo.png", "mosaic.png", "--preserve", "m.png", "-o", "m.png"],
        "never overwritten",
    ),
    "output is a style mask": (
        ["photo.png", "mosaic.png", "--style-mask", "m.png", "-o", "m.png"],
        "never overwritten",
    ),
    "an input among the steps": (
        ["photo.png", "x-steps/mosaic.png", "-m", "gatys", "--save-every", "1", "-o", "x.png"],
        "inputs are never overwritten",
    ),
    "film over the result, spelt otherwise": (
        ["photo.png", "mosaic.png", "-m", "gatys", "-o", "sub/../film.png", "--animation", "film.png"],
        "both name sub/../film.png",
    ),
    "style masks too many": (
        ["photo.png", "mosaic.png", "--style-mask", "all", "--style-mask", "all"],
        "got 2 style mask(s) for 1 style(s)",
    ),
    "feather of nothing": (["photo.png", "mosaic.png", "--feather", "2"], "there are none"),
    "map missing": (
        ["photo.png", "mosaic.png", "--strength", "none.png"],
        'strength map "none.png" does not exist',
    ),
    "no such style": (["photo.png", "mosaik"], "no style of that name is known. Did you mean"),
    "strength": (["photo.png", "mosaic.png", "--strength", "2"], "strength must be in [0, 1], got 2.0"),
    "film of one step": (["photo.png", "mosaic.png", "--save-every", "2"], "--save-every follows a descent"),
    "film format": (
        ["photo.png", "mosaic.png", "-m", "gatys", "--animation", "film.avi"],
        "an animation is one of .webp, .gif, .png",
    ),
    "film over the result": (
        ["photo.png", "mosaic.png", "-m", "gatys", "-o", "film.png", "--animation", "film.png"],
        "-o and --animation both name film.png",
    ),
    "film too often": (
        ["photo.png", "mosaic.png", "-m", "gatys", "--save-every", "0"],
        "--save-every must be a whole number of at least 1",
    ),
    "colour twice": (
        ["photo.png", "mosaic.png", "--preserve-color", "linear", "--match-histogram", "style"],
        "preserve_color='linear' keeps the content's colours",
    ),
    "nothing left of the style": (["photo.png", "mosaic.png", "--style-scale", "0.05"], "style_scale=0.05 leaves"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_sentence_exit_code_2_and_no_file(folder: Path, name: str) -> None:
    _bad_files(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    arguments, message = BAD[name]
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_full_disk_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    result = run("photo.png", "mosaic.png", "-o", "out.png")
    assert result.exit_code == 2
    assert "the disk is full" in result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["mosaic.png", "photo.png"]


def _interrupt_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def press(bar: ProgressBar, step: Step) -> None:
        if step.step == number:
            raise KeyboardInterrupt

    monkeypatch.setattr(ProgressBar, "__call__", press)


def test_ctrl_c_keeps_the_picture_so_far(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _interrupt_at(monkeypatch, 3)
    long = ["-m", "gatys", "--scales", "1", "--steps", "9"]
    result = run("photo.png", "mosaic.png", *long, "-o", "out.png")
    assert result.exit_code == 130
    assert "Interrupted after 3 step(s); the picture so far is in out.png." in result.stderr
    with Image.open("out.png") as picture:
        assert picture.size == (72, 54)


def test_ctrl_c_elsewhere_is_short(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _interrupt_at(monkeypatch, 1)
    result = run("photo.png", "mosaic.png", "-o", "out.png")
    assert result.exit_code == 130
    assert result.stderr.strip().endswith("Interrupted; nothing was written.")
    assert not Path("out.png").exists()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
    ],
)
def test_too_little_memory_suggests_a_smaller_size(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("styletransfer.job.prepare", fail)
    result = run("photo.png", "mosaic.png", "--full-size")
    assert result.exit_code == 2
    with Image.open("photo.png") as photo:
        half = max(photo.size) // 2
    assert (
        f"Not enough memory for pictures of this size; a smaller one may fit: --long-edge {half}." in result.stderr
    )


def test_too_little_memory_to_start_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ImportError("libtorch_cpu.so: failed to map segment from shared object")

    monkeypatch.setattr("styletransfer.job.prepare", fail)
    result = run("photo.png", "mosaic.png")
    assert result.exit_code == 2
    assert result.stderr == "Error: Not enough memory to load PyTorch. Free memory, or raise the limit.\n"


def test_a_bug_keeps_its_traceback(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("styletransfer.job.prepare", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        run("photo.png", "mosaic.png")


def test_a_warning_is_one_line_without_code_and_quiet_drops_it(folder: Path) -> None:
    with Image.open("photo.png") as photo:
        photo.save("profile.png", icc_profile=b"no profile")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        loud = run("profile.png", "mosaic.png")
        quiet = run("profile.png", "mosaic.png", "-q")
    assert loud.stderr.startswith('Warning: The content "profile.png" has a colour profile that cannot be used')
    assert ".py" not in loud.stderr
    assert quiet.output == ""


def test_the_descent_is_filmed(folder: Path) -> None:
    quick = ("-m", "gatys", "--steps", "4", "--scales", "1", "--long-edge", "32", "-o", "out.png")
    result = run("photo.png", "mosaic.png", *quick, "--save-every", "2", "--animation", "out.webp")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (folder / "out-steps").iterdir()) == ["step-0002.png", "step-0004.png"]
    with Image.open("out.webp") as movie:
        assert getattr(movie, "n_frames", 1) == 3
