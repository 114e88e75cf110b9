"""Every lab runs with its solutions, and stops at the first blank without them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from styletransfer import labs

LABS = Path(__file__).parents[2] / "docs" / "labs"
PAGES = sorted(LABS.glob("lab*.py"))


def solved(page: Path) -> str:
    """The lab's text with its blanks filled in."""
    text, answers = page.read_text(encoding="utf-8"), LABS / "solutions" / page.name
    source = answers.read_text(encoding="utf-8")
    tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            blank = re.compile(rf"^def {node.name}\(.*?raise NotImplementedError\n", re.MULTILINE | re.DOTALL)
            assert blank.search(text), f"{page.name} has no blank for {node.name}"
            text = blank.sub(lambda _, n=node: ast.unparse(n) + "\n", text)
    imports = [ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return "\n".join([*imports, text])


def quick(text: str) -> str:
    """The same with small pictures and few steps."""
    text = re.sub(r"^EDGE = \d+", "EDGE = 64", text, flags=re.MULTILINE)
    return re.sub(r"^STEPS = \d+", "STEPS = 6", text, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_runs_with_its_solutions(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(quick(solved(page)), page.name, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_stops_at_the_first_blank(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(labs.LabError, match=r"is not written yet\. Your task: "):
        exec(compile(quick(page.read_text(encoding="utf-8")), page.name, "exec"), {"__name__": "__main__"})


def test_every_exercise_has_its_place_and_its_check() -> None:
    asked = [
        name for page in PAGES for name in re.findall(r'labs\.check\("(\w+)"', page.read_text(encoding="utf-8"))
    ]
    assert sorted(asked) == sorted(labs.EXERCISES)
    readme = (LABS / "README.md").read_text(encoding="utf-8")
    for page in PAGES:
        assert f"]({page.name})" in readme
    for name in labs.EXERCISES:
        assert f"`{name}`" in readme


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_has_all_of_its_parts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for part in (
        "**You will be able to**",
        "Time: ",
        "## Theory",
        "## By hand",
        "## With the library",
        "## Stretch",
    ):
        assert part in text, part
    assert "Nothing to download" in text or "nothing to download" in text
