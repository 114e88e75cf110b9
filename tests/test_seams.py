"""No method is known by name outside `styletransfer/methods/`: what the rest knows, it reads from METHODS."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from styletransfer.methods import METHODS

ROOT = Path(__file__).parents[1]
#: Where a name is none of a method in the registry, but of something that shares it.
ALLOWED = {
    "styletransfer/functional.py": "the formula `adain`, a public function",
    "styletransfer/explaining/explanation.py": "inverts features with this method's descent",
    "styletransfer/labs/lab5.py": "the formula `adain`, which learners write",
    "styletransfer/weights/catalogue.py": "provenance of weight sets: titles of papers, addresses, names of files",
    "styletransfer/weights/formats.py": "the weight set pytorch-adain",
    "styletransfer/evaluating/published.py": "rows of papers, by the names that they give",
    "styletransfer/training/decoder/compression.py": "makes a decoder of this method cheap",
    "styletransfer/training/decoder/network.py": "text of a model card, which is a document",
    "styletransfer/training/decoder/task.py": "the recipe for the decoder of this method alone",
    "benchmarks/textbook/adain.py": "the method as textbooks have it, by hand",
    "benchmarks/targets.py": "the speed targets, which are set for two methods",
    "benchmarks/speed_cases.py": "their rows",
    "benchmarks/test_speed.py": "the same",
    "benchmarks/then.py": "these methods as they once were",
}
FILES = sorted(
    path
    for folder in ("styletransfer", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
    if path.relative_to(ROOT).parts[:2] != ("styletransfer", "methods")
)
#: Names and parts of names: GatysConfig, adain_loss, "gatys2016".
NAMED = re.compile("|".join(METHODS), re.IGNORECASE)


def docstrings(tree: ast.AST) -> set[int]:
    """The constants that are docstrings, which may speak of methods."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, owners)]
    return {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}


def words(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Everything in code that could name something: names, attributes, arguments, imports, texts."""
    spared = docstrings(tree)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in spared:
            yield line, node.value
        for field in ("id", "attr", "name", "arg", "module", "asname"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                yield line, value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_method_is_known_by_name(path: Path) -> None:
    found = [(line, text) for line, text in words(ast.parse(path.read_text("utf-8"))) if NAMED.search(text)]
    if path.relative_to(ROOT).as_posix() in ALLOWED:
        assert found, "take the file out of ALLOWED"
    else:
        assert not found


def test_the_search_finds_names() -> None:
    tree = ast.parse('"""Gatys."""\nfrom x import AdaINConfig\ny.gatys_loss = "gatys2016"\ndef f(adain=1): pass\n')
    assert [line for line, text in words(tree) if NAMED.search(text)] == [2, 3, 3, 4]
