"""Other people's programs in the table of a comparison."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from styletransfer import samples
from styletransfer.comparing.result import Comparison
from styletransfer.comparing.run import compare
from styletransfer.errors import CompareInterrupted, OptionError, PeerError

CONTENT, STYLE = samples.draw("valley", long_edge=64), samples.draw("mosaic", long_edge=48)
FILES = "{content} {output} {style}"
COPY = f"copy='{sys.executable}' -c 'import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])' {FILES}"
SMALL = (
    f"small='{sys.executable}' -c 'import sys; from PIL import Image; "
    f"Image.open(sys.argv[1]).resize((32, 24)).save(sys.argv[2])' {FILES}"
)
FAILING = f"bad='{sys.executable}' -c 'import sys; sys.exit(\"no | model\")' {FILES}"


def run(*peers: str, content: Any = CONTENT, methods: str = "adain") -> Comparison:
    return compare(content, STYLE, methods, device="cpu", peers=peers)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    brief = {"gatys": {"scales": (1.0,), "steps": 2}}
    return compare(CONTENT, STYLE, "gatys", options=brief, device="cpu", peers=(FAILING, COPY, SMALL))


def test_a_peer_is_judged_like_a_method(comparison: Comparison) -> None:
    gatys, copy, small = comparison.rows
    assert [row.method for row in comparison.rows] == ["gatys", "copy", "small"]
    assert [row.clock for row in comparison.rows] == ["work", "whole process", "whole process"]
    assert (copy.steps, copy.seconds) == (None, comparison.peers["copy"].seconds)
    assert copy.evaluation.moment_ratio == pytest.approx(1, abs=0.05)  # untouched, but for 8 bits
    assert copy.evaluation.content < 0.01 < small.evaluation.content
    assert copy.objectives["gatys"] > gatys.objectives["gatys"]


def test_one_that_fails_loses_nothing_else(comparison: Comparison) -> None:
    assert comparison.failures == {"bad": "bad ended with exit code 1; it said: no | model"}
    rows = [line for line in comparison.to_markdown().splitlines() if line.startswith("|")]
    assert rows[-1 - len(comparison.references)].startswith("| bad | failed: bad ended with exit code 1")
    assert len({row.count("|") for row in rows}) == 1


def test_the_notes_name_clock_version_and_licence(comparison: Comparison) -> None:
    text = comparison.to_markdown()
    assert " (whole process) |" in text
    assert "- copy unknown (licence: not known), in a process of its own; seconds of the whole process;" in text
    assert "; resized from 32x24." in text


def test_json_holds_how_each_was_run(comparison: Comparison) -> None:
    record = json.loads(comparison.to_json())
    assert [row["clock"] for row in record["rows"]] == ["work", "whole process", "whole process"]
    assert record["peers"]["copy"]["settings"]["command"] == COPY.partition("=")[2]
    assert record["peers"]["small"]["resized_from"] == [24, 32]
    assert list(record["failures"]) == ["bad"]


def test_pictures_and_figure_are_saved(comparison: Comparison, tmp_path: Path) -> None:
    files = [path.name for path in comparison.save(tmp_path / "out")]
    assert files == ["comparison.png", "comparison.json", "comparison.md", "gatys.png", "copy.png", "small.png"]
    saved = Image.open(tmp_path / "out" / "copy.png").convert("RGB")
    assert saved.tobytes() == CONTENT.convert("RGB").tobytes()
    titles = [axes.get_title(loc="left") for axes in comparison.figure().axes]
    assert "copy (whole process)" in titles
    assert f"copy {comparison.peers['copy'].seconds:.2f} s" in repr(comparison)
    assert comparison._repr_html_().count("<img") == 5


def test_transparency_is_put_back_as_for_methods(tmp_path: Path) -> None:
    clear = CONTENT.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    made = run(COPY, content=clear)
    made.save(tmp_path / "out")
    alphas = [Image.open(tmp_path / "out" / f"{name}.png").getchannel("A") for name in ("adain", "copy")]
    assert alphas[0].tobytes() == alphas[1].tobytes() == clear.getchannel("A").tobytes()


@pytest.mark.parametrize(
    ("peers", "error", "message"),
    [
        (["styletransfer-light"], OptionError, "Did you mean"),
        (["microast"], PeerError, "microast=FOLDER"),
        ([f"no=no-such-program {FILES}"], PeerError, "there is no program"),
        ([f"adain=cp {FILES}"], OptionError, "is taken"),
        ([f"Comparison=cp {FILES}"], OptionError, "is taken"),
    ],
)
def test_bad_peers_are_found_before_the_work(
    peers: list[str], error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("styletransfer.comparing.run.prepare", lambda *_, **__: pytest.fail("work"))
    with pytest.raises(error, match=message):
        run(*peers)


def test_a_timeout_is_passed_on() -> None:
    sleeper = f"slow='{sys.executable}' -c 'import time; time.sleep(60)' {FILES}"
    made = compare(CONTENT, STYLE, "adain", device="cpu", peers=sleeper, peer_timeout=0.3)
    assert "did not end within 0.3 s" in made.failures["slow"]
    for wrong in (-1, 1e12):
        with pytest.raises(OptionError, match="peer_timeout must be above 0 and at most"):
            compare(CONTENT, STYLE, "adain", peers=sleeper, peer_timeout=wrong)


def test_ctrl_c_in_a_peer_keeps_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    from styletransfer.peers import run as running

    plain = running.run_peer

    def press(peer: Any, *pictures: Any, **settings: Any) -> Any:
        if peer.name == "small":
            raise KeyboardInterrupt
        return plain(peer, *pictures, **settings)

    monkeypatch.setattr(running, "run_peer", press)
    with pytest.raises(CompareInterrupted, match="adain done, bad failed, copy done, small not run") as caught:
        run(FAILING, COPY, SMALL)
    reached = caught.value.comparison
    assert list(reached.pictures) == ["adain", "copy"]
    assert torch.equal(reached.peers["copy"].image, reached.pictures["copy"].image)
