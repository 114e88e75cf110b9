"""Every example runs, in docstrings, README and docs; every command is understood; links lead somewhere."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import shlex
import sys
from pathlib import Path
from unittest import mock
from urllib.parse import unquote

import click
import pytest

import styletransfer
from styletransfer import samples
from styletransfer.cli import main
from styletransfer.images import save_image
from styletransfer.methods import METHODS
from styletransfer.weights import store

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: With those whose Python is that of another page.
READ = [*PAGES, ROOT / "README.zh-CN.md"]
#: Files that the examples may count on.
FILES = ("photo.jpg", "painting.jpg", "second.jpg")
#: Modules that only an extra's package lets import; `tests/app` has the page of the app.
EXTRAS = ("styletransfer.app.page", "styletransfer.app.widgets")


def doctests() -> list[doctest.DocTest]:
    names = [
        module.name
        for module in pkgutil.walk_packages(styletransfer.__path__, "styletransfer.")
        if not module.name.endswith("__main__") and module.name not in EXTRAS
    ]
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [t for name in ("styletransfer", *names) for t in finder.find(importlib.import_module(name))]
    return [test for test in found if test.examples]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; figures are not shown."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    return tmp_path


@pytest.mark.parametrize("test", doctests(), ids=lambda test: test.name)
def test_examples_in_docstrings(test: doctest.DocTest, folder: Path) -> None:
    told: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    result = runner.run(test, out=told.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(told)


def fences(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> list[str]:
    return [text for language, text in fences(page) if language in languages]


def commands(page: Path) -> list[str]:
    """All commands of the package in a page's shell blocks, from the word after ``styletransfer``."""
    found = []
    for text in blocks(page, "sh", "bash", "shell", "console"):
        for line in text.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\|\||;|\|", line.removeprefix("$ ").partition(" #")[0]):
                words = shlex.split(part.partition(" > ")[0])
                if words and Path(words[0]).name == "styletransfer":
                    found.append(shlex.join(words[1:]))
                elif words[1:3] == ["-m", "styletransfer"]:
                    found.append(shlex.join(words[3:]))
    return found


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """Walk down the groups to the command; return it with the words that are left."""
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"there is no command {words[0]!r} in {command.name!r}"
        command, words = found, words[1:]
    return command, words


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def test_there_is_a_readme_with_examples() -> None:
    readme = ROOT / "README.md"
    assert blocks(readme, "python")
    assert commands(readme)


def run_command(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run one line of a README as if it had been typed; lines that install something are left out."""
    for part in line.split(" && "):
        words = shlex.split(part, comments=True)
        if not words or words[0] == "." or Path(words[0]).name in ("python", "python3"):
            assert not words or {"pip", "venv", "pytest", ".venv/bin/activate"} & set(words), line
            continue
        assert words[0] == "styletransfer", line
        monkeypatch.setattr(sys, "argv", [*words, "--long-edge=64"] if words[1] == "demo" else words)
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, line


def test_the_readme_runs_from_top_to_bottom(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every command and Python block in order, in a fresh folder; only the demo's pictures are smaller."""
    namespace = {"__name__": "__main__"}
    for language, text in fences(ROOT / "README.md"):
        if language == "python":
            exec(compile(text, "README.md", "exec"), namespace)
        for line in text.splitlines() if language == "console" else ():
            run_command(line, monkeypatch)
    made = {file.name for file in folder.iterdir()}
    assert made >= {"styletransfer-demo", "adain.png", "quick.png", "gatys.png", "comparison", "run"}
    assert made >= {"result.png", "trained.png"}


def test_the_readme_s_sizes_are_those_of_the_catalogue() -> None:
    rows = re.findall(r"^\| (?:decoder )?`([\w-]+)`.*?\| ([\d.]+) MB \|", README, re.MULTILINE)
    listed = {status.name: status.size for status in store.list_weights() if status.kind != "metric"}
    assert sorted(name for name, _ in rows) == sorted(listed)
    for name, size in rows:
        assert listed[name] is None or float(size) == pytest.approx(listed[name] / 1e6, rel=0.03), name


@pytest.mark.parametrize("page", [p for p in PAGES[1:] if blocks(p, "python")], ids=name_of)
def test_python_blocks_run_one_after_the_other(page: Path, folder: Path) -> None:
    for name, sample in zip(FILES, ("valley", "mosaic", "woodcut"), strict=True):
        save_image(samples.draw(sample, long_edge=96), name)
    namespace = {"__name__": "__main__"}
    with mock.patch.dict(METHODS):  # a page may register a method of its own
        for number, block in enumerate(blocks(page, "python"), start=1):
            code = compile(block, f"{name_of(page)}, python block {number}", "exec", dont_inherit=True)
            exec(code, namespace)


@pytest.mark.parametrize(
    ("page", "command"),
    [(page, command) for page in READ for command in commands(page)],
    ids=lambda value: name_of(value) if isinstance(value, Path) else value,
)
def test_commands_are_understood(page: Path, command: str) -> None:
    found, words = resolve(shlex.split(command))
    if words in (["--help"], ["--version"]):
        return
    assert not isinstance(found, click.Group), f"{command!r} needs a command"
    found.make_context(str(found.name), words).close()  # parses, but does not run


@pytest.mark.parametrize("page", READ, ids=name_of)
def test_commands_named_in_the_text_exist(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`styletransfer ([^`]+)`", text):
        words = shlex.split(code.replace("...", " "))
        while words and not re.fullmatch(r"[a-z]+", words[-1]):
            if words[-1].startswith("--"):
                options = {name for parameter in resolve(words[:1])[0].params for name in parameter.opts}
                assert words[-1].partition("=")[0] in options, code
            words.pop()
        resolve(words)


def test_contributing_names_every_room() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path in Path(styletransfer.__file__).parent.iterdir():
        if path.suffix == ".py" and not path.stem.startswith("__"):
            assert f"`{path.name}`" in text
        elif path.is_dir() and (path / "__init__.py").is_file():
            assert f"`{path.name}/`" in text


#: Words of our own that a stranger would stumble over, and the places that explain them.
EXPLAINED = {
    r"textbook": r"conventions\.md#benchmarks|#what-the-textbook-is",
    r"of the (machine's )?floor": r"conventions\.md#benchmarks|The \*floor\*|the \*floor\*|direct convolution",
    r"(strict|small) judge": r"judges\.md|\*the strict judge\*|conventions\.md#judges-and-figures",
    r"\bmoment\b": r"judges\.md|means and (standard )?deviations|training\.md#measured-from-outside",
}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_words_of_our_own_are_explained(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    if page.name == "conventions.md":
        return
    for word, explanation in EXPLAINED.items():
        if re.search(word, re.sub(r"`[^`]*`", "", text)):
            assert re.search(explanation, text), f"{name_of(page)} says {word!r} and explains it nowhere"


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ +(.+?)\s*$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", READ, ids=name_of)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{name_of(page)} links to {link}, which does not exist"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{name_of(page)} links to {link}, but there is no such heading"
