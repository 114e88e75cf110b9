"""The worked example of docs/adding-a-method.md is a method like any other: contract, command line, comparison."""

from __future__ import annotations

import doctest
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

import styletransfer as st
from styletransfer import codes, samples
from styletransfer.cli import main
from styletransfer.errors import OptionError, WeightsError
from styletransfer.methods import METHODS
from styletransfer.transport import covariance_stats

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "adding-a-method.md").read_text(encoding="utf-8")
NAME = "wct"


def source() -> str:
    """The page's file: every Python block up to the part that uses the method."""
    page, _, _ = PAGE.partition("\n## Use it\n")
    return "\n\n".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the page's file and two pictures."""
    monkeypatch.chdir(tmp_path)
    samples.draw("valley", long_edge=48).save("photo.png")
    samples.draw("mosaic", long_edge=48).save("painting.png")
    (tmp_path / f"{NAME}.py").write_text(source(), encoding="utf-8")
    return tmp_path


@pytest.fixture(autouse=True)
def example(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The page's file as a module; what it adds to the registry is there for one test."""
    spec = importlib.util.spec_from_file_location(NAME, folder / f"{NAME}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, NAME, module)
    monkeypatch.setitem(METHODS, NAME, next(iter(METHODS.values())))  # taken out again, whatever takes its place
    spec.loader.exec_module(module)
    return module


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def test_it_keeps_the_contract(folder: Path) -> None:
    """In a process of its own, where the page's file registers the method for the whole run."""
    tests = [ROOT / "tests" / "contract" / f"test_{name}.py" for name in ("contract", "controls", "masks")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", NAME, "-p", "no:cacheprovider", "-k", NAME, *tests]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    counted = re.search(r"(\d+) passed", done.stdout)
    assert counted is not None
    assert int(counted[1]) > 80


def test_the_examples_of_its_docstrings(example: ModuleType) -> None:
    failed, attempted = doctest.testmod(example)
    assert (failed, attempted > 0) == (0, True)


def test_features_get_the_style_s_covariance(example: ModuleType) -> None:
    features = {"relu1_1": torch.randn(2, 5, 12, 9)}
    wanted = {"relu1_1": torch.randn(1, 5, 8, 8).cumsum(1) + 3}
    transform = example.WCT(ridge=0.0)
    content, style = (transform.merge([transform.measure(x, {"relu1_1": None})]) for x in (features, wanted))
    moved = transform.fit(content, transform.encode(style, "any"))(features)["relu1_1"]
    mean, _, covariance = covariance_stats(moved)
    torch.testing.assert_close(mean, style["relu1_1"].mean.expand_as(mean), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(covariance, style["relu1_1"].covariance.expand_as(covariance), atol=1e-2, rtol=1e-2)


def test_it_is_offered_on_the_command_line() -> None:
    result = run("stylize", "photo.png", "painting.png", "-m", NAME, "--ridge", "0.01", "--json")
    record = json.loads(result.stdout)
    assert (record["method"], record["config"]["ridge"], record["parts"]) == (NAME, 0.01, {"decoder": "lite"})
    assert Path(f"photo-painting-{NAME}.png").is_file()
    wrong = run("stylize", "photo.png", "painting.png", "-m", NAME, "--ridge", "2")
    assert (wrong.exit_code, "ridge must be in [0, 1], got 2" in wrong.stderr) == (2, True)


def test_it_is_described() -> None:
    assert "wct    feed-forward, any style: whiten and colour features" in run("info").stdout
    flags = [option["flag"] for option in json.loads(run("info", NAME, "--json").stdout)["options"]]
    assert {"--ridge", "--alpha", "--decoder", "--preserve-color"} <= set(flags)


def test_it_is_compared() -> None:
    result = run("compare", "photo.png", "painting.png", "-o", "out", "-m", f"adain,{NAME}", "--json")
    rows = json.loads(result.stdout)["rows"]
    assert [row["method"] for row in rows] == ["adain", NAME]
    assert Path("out", f"{NAME}.png").is_file()


def test_its_styles_are_kept_in_files(example: ModuleType) -> None:
    stylizer = st.create_stylizer(NAME)
    code = codes.encode("painting.png", stylizer, name="mosaic")
    codes.save_codes("styles.safetensors", [code])
    picture = stylizer.stylize("photo.png", "painting.png").image
    kept = codes.load_codes("styles.safetensors")["mosaic"]
    assert torch.equal(stylizer.stylize("photo.png", kept.style).image, picture)
    with pytest.raises(WeightsError, match=r"^x\.safetensors holds no statistics of a style\. Encode the style"):
        example.WCTStyle.from_tensors({}, code.info, "x.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: {k: found[k] for k in found if k != "relu2_1"}, "it lacks relu2_1"),
        (
            lambda found: {k: type(x)(*(p[:, :3] for p in x)) for k, x in found.items()},
            "it has 1x3 channels at relu1_1 for 1 content",
        ),
        (
            lambda found: {k: type(x)(*(torch.cat([p, p]) for p in x)) for k, x in found.items()},
            "it has 2x16 channels",
        ),
    ],
    ids=["layer", "channels", "batch"],
)
def test_a_style_that_does_not_fit_is_refused(example: ModuleType, change: Any, message: str) -> None:
    stylizer = st.create_stylizer(NAME)
    style = stylizer.encode_style("painting.png")
    other = example.WCTStyle(style.extractor, change(style.statistics))
    with pytest.raises(OptionError, match=f"The encoded style cannot be used here: .*{message}"):
        stylizer.stylize("photo.png", other)


def test_another_method_s_style_is_refused() -> None:
    style = st.create_stylizer("adain").encode_style("painting.png")
    with pytest.raises(OptionError, match="it belongs to another method"):
        st.create_stylizer(NAME).stylize("photo.png", style)
