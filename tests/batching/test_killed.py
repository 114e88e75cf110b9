"""A batch that is killed, and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from styletransfer import samples
from tests.batching.conftest import written

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
ROOT = Path(__file__).parents[2]


def start(output: str) -> subprocess.Popen[bytes]:
    words = ["batch", "in", "night", "mosaic", "-o", output, "--decoder", "fast", "--device", "cpu", "-q"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-m", "styletransfer", *words], env=environment)


def done(folder: Path) -> int:
    return (folder / "map.jsonl").read_bytes().count(b'"status":"done"') if (folder / "map.jsonl").exists() else 0


def test_a_killed_batch_goes_on_to_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in/deep").mkdir(parents=True)
    drawing = samples.draw("harbour", long_edge=256)
    for number in range(24):
        side = (64, 48) if number % 3 else (48, 64)
        place = f"in/deep/{number}.png" if number % 2 else f"in/{number}.png"
        drawing.crop((number, number, number + 90, number + 90)).resize(side).save(place)
    assert start("whole").wait(timeout=120) == 0
    for wanted in (5, 17):  # so many pictures are there when it is killed
        process = start("killed")
        while done(Path("killed")) < wanted and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=60) == -signal.SIGKILL
        reached = done(Path("killed"))
        assert wanted <= reached < 48
    assert start("killed").wait(timeout=120) == 0
    assert written(Path("killed")) == written(Path("whole"))
    assert len(written(Path("whole"))) == 48  # and no temporary file
    lines = [json.loads(line) for line in Path("killed/map.jsonl").read_text().splitlines()]
    made = Counter(line["output"] for line in lines if line.get("kind") == "picture")
    assert made == dict.fromkeys(written(Path("whole")), 1)  # nothing twice
    assert len(Path("killed/map.csv").read_text().splitlines()) == 49


def test_ctrl_c_in_a_terminal_keeps_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for number in range(24):
        samples.draw("harbour", long_edge=64).save(f"in/{number}.png")
    process = start("out")
    while done(Path("out")) < 3 and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert 3 <= done(Path("out")) == len(written(Path("out"))) < 48
    assert len(Path("out/map.csv").read_text().splitlines()) == 1 + done(Path("out"))
