"""Equations on the site: what `docs/build.py` makes of ``$...$`` and ``$$...$$``."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("sphinx", reason="the extra [docs]")
pytest.importorskip("latex2mathml", reason="the extra [docs]")

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_site", DOCS / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_equations_become_mathml(build: ModuleType) -> None:
    page = build.with_formulas("A mean $\\mu$ of\n\n$$ \\mu = \\frac{1}{M}\n\\sum_k x_k $$\n\nnumbers.")
    assert page.count("<math") == 2
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline">' in page
    assert "<mfrac>" in page
    assert "$" not in page
    assert re.search(r"\n\n<div [^>]*overflow[^>]*><math [^>]*display=\"block\"[^>]*>.*</math></div>\n\n", page)


@pytest.mark.parametrize(
    "text",
    [
        "`echo $HOME and $PATH`",
        "``a `$x$` b``",
        "```console\n$ cp $HOME/x $y\n```\n",
        "It costs $5, or $ 6 $ in all.",
        r"\$x\$ is escaped",
        "one $dollar\n\nand another$ paragraph",
    ],
)
def test_other_dollars_stay(build: ModuleType, text: str) -> None:
    assert build.with_formulas(text) == text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_no_equation_is_left_as_text(build: ModuleType, page: Path) -> None:
    shown = build.with_formulas(page.read_text(encoding="utf-8"))
    prose = re.sub(r"^```.*?^```|`[^`]*`", "", shown, flags=re.MULTILINE | re.DOTALL)
    assert "$" not in prose
    assert "\\" not in re.sub(r"<math.*?</math>", "", prose).replace("\\.venv", "")
    assert not re.search(r"<mi>\\", shown), "a command that the converter does not know"
