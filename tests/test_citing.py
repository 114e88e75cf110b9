"""The entries of docs/citing.md are those of CITATION.cff, and both those of the package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from styletransfer import __version__

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "citing.md").read_text(encoding="utf-8")
CITATION = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
OWN, _, PAPERS = CITATION.partition("references:")


def bibtex() -> list[dict[str, str]]:
    """The fields of each entry, without their braces."""
    found = []
    for block in re.findall(r"^```bibtex\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        for entry in re.findall(r"^@\w+\{.*?^\}", block, re.MULTILINE | re.DOTALL):
            assert entry.count("{") == entry.count("}")
            fields = re.findall(r"^  (\w+)\s*= \{+(.*?)\}+,?$", entry, re.MULTILINE)
            found.append(dict(fields))
    return found


def of(title: str) -> dict[str, str]:
    """The one entry of that title."""
    (entry,) = (entry for entry in bibtex() if entry["title"] == title)
    return entry


def field(text: str, name: str) -> str:
    found = re.search(rf'^ *(?:- )?{name}: "?([^"\n]*)"?$', text, re.MULTILINE)
    assert found is not None, name
    return found[1]


def test_the_package_s_entry() -> None:
    entry = of(field(OWN, "title"))
    assert entry["version"] == field(OWN, "version") == __version__
    assert entry["license"] == field(OWN, "license")
    assert entry["author"] == field(OWN, "- name")
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert f"Copyright (c) {entry['year']} {entry['author']}" in licence


@pytest.mark.parametrize("paper", PAPERS.split("- type:")[1:], ids=lambda paper: field(paper, "title")[:24])
def test_the_papers_entries(paper: str) -> None:
    entry = of(field(paper, "title"))
    names = re.findall(r'family-names: ([^,]*), given-names: "?([^"}]*?)"? *\}', paper)
    assert entry["author"] == " and ".join(f"{family}, {given}" for family, given in names)
    assert entry["year"] == field(paper, "year")
    venue = re.search(r'conference: \{ name: "(.*)" \}', paper)
    assert venue is not None
    assert entry["booktitle"] == venue[1]


def test_no_entry_is_left_out() -> None:
    assert len(bibtex()) == 1 + PAPERS.count("- type:")
