"""How the command line starts: without torch, in little time; what it completes; and how Ctrl-C ends it early."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

import styletransfer
from styletransfer.cli import main
from styletransfer.methods import METHODS

ROOT = Path(styletransfer.__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}

LIGHT = """
import os, sys
from styletransfer.cli import main
for words in ("--help", "--version", "info", "stylize --help", "weights list", "train --help"):
    main(words.split(), standalone_mode=False)
os.environ |= {"_STYLETRANSFER_COMPLETE": "bash_complete", "COMP_WORDS": "styletransfer info ", "COMP_CWORD": "2"}
try:
    main([], prog_name="styletransfer")
except SystemExit:
    pass
print(sorted({"torch", "torchvision", "numpy", "PIL", "matplotlib"} & set(sys.modules)))
"""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=True
    )


def test_help_info_and_completion_do_without_torch() -> None:
    *_, completed, heavy = python("-c", LIGHT).stdout.splitlines()
    assert completed == f"plain,{list(METHODS)[-1]}"
    assert heavy == "[]"


def test_help_takes_little_processor_time() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    python("-m", "styletransfer", "--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < 1.0  # 0.2 s where it was written; 2 s with torch


def complete(*words: str) -> list[str]:
    *arguments, incomplete = words
    found = ShellComplete(main, {}, "styletransfer", "_STYLETRANSFER_COMPLETE").get_completions(
        arguments, incomplete
    )
    return [item.value if item.type == "plain" else f"<{item.type}>" for item in found]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["com"], ["compare", "completion"]),
        (["stylize", "-m", ""], list(METHODS)),
        (["info", "g"], ["gatys"]),
        (["stylize", "--preset", "d"], ["default", "d2l", "d2l-two-stage"]),
        (["stylize", "--extractor", "vgg19-o"], ["vgg19-oxford"]),
        (["stylize", "--extractor", "./own"], ["<file>"]),
        (["stylize", "--decoder", "l"], ["lite"]),
        (["stylize", "--init", "no"], ["noise"]),
        (["stylize", "pho"], ["<file>"]),
        (["stylize", "--style-w"], ["--style-weight"]),
        (["demo", "--style", "w"], ["woodcut", "watercolour"]),
        (["demo", "--content", ""], ["harbour", "valley"]),
        (["weights", "fetch", "vgg19-n"], ["vgg19-normalised"]),
        (["weights", "v"], ["verify"]),
        (["completion", "z"], ["zsh"]),
    ],
    ids=" ".join,
)
def test_names_are_completed(words: list[str], expected: list[str]) -> None:
    assert complete(*words) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert f"_STYLETRANSFER_COMPLETE={shell}_complete" in result.stdout


def test_commands_are_listed_by_use() -> None:
    assert isinstance(main, click.Group)
    listed = main.list_commands(click.Context(main))
    assert listed[:3] == ["stylize", "compare", "demo"]
    helped = CliRunner().invoke(main, ["--help"]).stdout
    assert all(method.summary[:40] in helped for method in METHODS.values())


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("module", ["click", "torch"])
def test_ctrl_c_during_imports_is_one_line(tmp_path: Path, module: str) -> None:
    """The import log tells how far the start is; torch's C++ once aborted here with a core dump."""
    command = [sys.executable, "-X", "importtime", "-m", "styletransfer", "stylize", "a.png", "b.png"]
    with subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if f" {module}._" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = [line for line in process.stderr.read().splitlines() if not line.startswith("import time:")]
    assert process.returncode == 130
    assert rest == ["Interrupted; nothing was written."]


STYLIZE = """
import sys
from styletransfer.cli import main
main(["stylize", *sys.argv[1:]], standalone_mode=False)
print(*sys.modules)
"""


def test_stylize_imports_what_it_uses(tmp_path: Path) -> None:
    for name, draw in (("content.png", "valley"), ("style.png", "mosaic")):
        styletransfer.save_image(styletransfer.samples.draw(draw, long_edge=32), tmp_path / name)
    files = [str(tmp_path / name) for name in ("content.png", "style.png")]
    loaded = set(python("-c", STYLIZE, *files, "-o", str(tmp_path / "out.png"), "-q").stdout.split())
    assert "torch" in loaded
    others = {"compare", "doctor", "evaluate", "train"}
    unused = {
        "sympy",
        "scipy",
        "matplotlib",
        "torchvision",
        "torch._dynamo",
        "torch._inductor",
        "importlib.metadata",
    }
    brought = set(python("-c", "import torch, sys; print(*sys.modules)").stdout.split())
    assert not (unused | {f"styletransfer.cli.{name}" for name in others}) & (loaded - brought)
    assert not {"PIL.PdfImagePlugin", "PIL.DdsImagePlugin"} & loaded


ENDING = """
import atexit, sys
import styletransfer.cli
from styletransfer.__main__ import main

command = styletransfer.cli.main

def registering(**names):  # as torch does while the command runs
    atexit.register(print, "handled")
    return command(**names)

styletransfer.cli.main = registering
main()
"""


def test_the_end_is_quick_and_complete() -> None:
    """Handlers are called, output is written, and the exit code is kept."""
    *_, version, handled = python("-c", ENDING, "--version").stdout.splitlines()
    assert "version" in version
    assert handled == "handled"
    with pytest.raises(subprocess.CalledProcessError) as failed:
        python("-c", ENDING, "info", "nothing")
    assert failed.value.returncode == 2
    assert "nothing" in failed.value.stderr
    assert failed.value.stdout == "handled\n"


def test_losses_that_nobody_reads_are_not_measured(tmp_path: Path) -> None:
    for name, draw in (("content.png", "valley"), ("style.png", "mosaic")):
        styletransfer.save_image(styletransfer.samples.draw(draw, long_edge=32), tmp_path / name)
    words = ["stylize", *(str(tmp_path / name) for name in ("content.png", "style.png"))]
    told = CliRunner().invoke(main, [*words, "-o", str(tmp_path / "a.png"), "--json", "-q"])
    assert json.loads(told.stdout)["losses"]
    quiet = CliRunner().invoke(main, [*words, "-o", str(tmp_path / "b.png")])
    assert quiet.exit_code == 0
    assert "loss" not in quiet.stderr
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
