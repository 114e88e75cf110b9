"""Build the documentation as a site: ``python docs/build.py [FOLDER]``, with the extra ``[docs]``.

The pages are those of docs/, README as the start, and what else readers look for: model cards, the methods by
hand, the API from docstrings. They are written for readers of the repository; here their links are pointed to
the site's pages, links to what the site does not hold become plain text, and equations become MathML, which
browsers show without a script. Warnings are errors. The site needs no network.

Sphinx, because it has been looked after for longest, reads Google's docstrings, and finds broken links and anchors
itself; Furo, because its pages load nothing from elsewhere and fit narrow screens.
"""

from __future__ import annotations

import inspect
import posixpath
import re
import shutil
import sys
import tempfile
from pathlib import Path

from latex2mathml.converter import convert
from sphinx.cmd.build import main as sphinx

import styletransfer

ROOT = Path(__file__).resolve().parents[1]
#: From the repository to the site, beside the pages of docs/.
PAGES = {
    "README.md": "index.md",
    "docs/README.md": "index.md",
    "README.zh-CN.md": "zh-cn.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "NOTICE": "notice.md",
    "benchmarks/results/report.md": "measured.md",
    **{f"docs/labs/{path.name}": f"labs/{path.stem}.md" for path in ROOT.glob("docs/labs/lab*.py")},
    **{f"examples/by_hand/{name}.py": f"by_hand/{name}.md" for name in ("gatys", "adain")},
    **{path.relative_to(ROOT).as_posix(): f"cards/{path.name}" for path in ROOT.glob("styletransfer/assets/*.md")},
}
#: The order of pages, by part.
ORDER = {
    "Use": (
        "install",
        "methods",
        "controls",
        "batches",
        "video",
        "app",
        "services",
        "explaining",
        "api",
        "faq",
        "conventions",
    ),
    "Judge": ("judges", "evaluating", "peers", "metrics"),
    "Weights": ("weights", "training", "training-data"),
    "Speed": ("performance", "benchmarks", "measured", "gatys-study"),
    "Learn": ("labs/README", "by_hand/gatys", "by_hand/adain", "deviations"),
    "Project": ("zh-cn", "contributing", "adding-a-method", "citing", "changelog", "notice"),
}
#: Pages below another one.
BELOW = {
    "labs/README": (*sorted(path.stem for path in ROOT.glob("docs/labs/lab*.py")), "project", "teachers"),
    "methods": ("gatys", "adain"),
    "controls": ("strength", "styles", "codes", "color", "space", "strokes", "detail", "descent", "precision"),
    "weights": ("vgg19-lite-1", "vgg19-lite", "decoder-lite", "decoder-fast"),
}
FOLDERS = {"methods": "methods", "controls": "controls", "weights": "cards", "labs/README": ""}
#: Modules in the API beside the package's face.
MODULES = ("codes", "color", "filming", "functional", "losses", "plotting", "samples")
#: Code, in which a dollar is a dollar.
_CODE = re.compile(r"(^```.*?^```|(`+)[^`].*?\2)", re.MULTILINE | re.DOTALL)
#: As GitHub reads them: an inline equation has no space inside its dollars and no word beside them.
_BLOCK = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
_INLINE = re.compile(r"(?<![\w\\$])\$(?=\S)((?:[^$\n]|\n(?!\s*\n))+?)(?<=\S)\$(?!\w)")
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def assemble(folder: Path) -> None:
    """Write the site's sources into a folder."""
    pages = {path.relative_to(ROOT).as_posix(): None for path in (ROOT / "docs").rglob("*.md")}
    places = {source: source.removeprefix("docs/") for source in pages} | PAGES
    for path in (ROOT / "docs").rglob("*"):
        if path.suffix in (".jpg", ".png", ".webp", ".svg"):
            places[path.relative_to(ROOT).as_posix()] = path.relative_to(ROOT / "docs").as_posix()
    for source, place in places.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if not place.endswith(".md"):
            shutil.copyfile(ROOT / source, target)
        elif source != "docs/README.md":
            target.write_text(_page(source, place, places), encoding="utf-8")
    for lab in ROOT.glob("docs/labs/lab*.py"):
        shutil.copyfile(lab, folder / "labs" / lab.name)
    (folder / "api.rst").write_text(_api(), encoding="utf-8")
    shutil.copyfile(ROOT / "docs" / "conf.py", folder / "conf.py")


def _page(source: str, place: str, places: dict[str, str]) -> str:
    text = (ROOT / source).read_text(encoding="utf-8")
    if source.startswith("docs/labs/lab"):
        title, _, rest = _lab(text).partition("\n")
        return f"{title}\n\nThe notebook: {{download}}`{Path(source).name}`\n{rest}"
    if source.endswith(".py"):
        return f"# {Path(source).stem.title()} by hand\n\n`{source}` in the repository.\n\n```python\n{text}```\n"
    if source == "NOTICE":
        return f"# Notice\n\n```text\n{text}```\n"
    pointed = _pointed(with_formulas(text), source, place, places)
    own = place.removesuffix(".md")
    below = [posixpath.join(FOLDERS[own], name) for name in BELOW.get(own, ())]
    if place == "index.md":
        return pointed + "".join(_tree(part, names) for part, names in ORDER.items())
    return pointed + (_tree("", below) if below else "")


def _lab(text: str) -> str:
    """Return a notebook of the percent format as a page."""
    page = []
    for cell in re.split(r"^# %%", text, flags=re.MULTILINE)[1:]:
        kind, _, body = cell.partition("\n")
        if "[markdown]" in kind:
            page.append(with_formulas(re.sub(r"^# ?", "", body.strip(), flags=re.MULTILINE)))
        elif body.strip():
            page.append(f"```python\n{body.replace('# %matplotlib inline', '').strip()}\n```")
    return "\n\n".join(page) + "\n"


def with_formulas(text: str) -> str:
    """Return Markdown with its equations, ``$...$`` and ``$$...$$``, as MathML; code stays as it is."""
    parts = _CODE.split(text)  # text, code, the mark around it if it is inline; and so on
    for number in range(0, len(parts), 3):
        shown = _BLOCK.sub(_display, parts[number])
        parts[number] = _INLINE.sub(lambda m: _formula(m.group(1), "inline"), shown)
    return "".join(part for number, part in enumerate(parts) if number % 3 < 2)


def _display(match: re.Match[str]) -> str:
    # Wide ones are scrolled by themselves on narrow screens.
    style = "margin: 0.6em 0; padding: 0.4em 0; overflow: auto hidden"
    return f'\n\n<div style="{style}">{_formula(match.group(1), "block")}</div>\n\n'


def _formula(tex: str, display: str) -> str:
    known = " ".join(tex.split()).replace(r"\arg\min", r"\operatorname{argmin}")
    formula = convert(known, display=display)
    if "\\" in formula:
        raise ValueError(f"the converter does not know all of this equation: {tex!r}")
    return formula


def _tree(caption: str, names: tuple[str, ...] | list[str]) -> str:
    title = f":caption: {caption}\n" if caption else ""
    return "\n```{toctree}\n:hidden:\n" + title + "\n" + "\n".join(names) + "\n```\n"


def _pointed(text: str, source: str, place: str, places: dict[str, str]) -> str:
    """Point a page's links to the site's pages."""

    def pointed(match: re.Match[str]) -> str:
        picture, words, link = match.groups()
        if re.match(r"[a-z]+:|#", link):
            return match.group(0)
        path, mark, anchor = link.partition("#")
        there = places.get(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)))
        if there is None:
            return words
        here = posixpath.relpath(there, posixpath.dirname(place) or ".")
        return f"{picture}[{words}]({here}{mark}{anchor})"

    return _LINK.sub(pointed, text)


def _api() -> str:
    """Return the API's page: the public names by kind, then modules that are reached as attributes."""
    members = {name: getattr(styletransfer, name) for name in styletransfer.__all__}
    kinds = {
        "Functions": ("autofunction", [n for n, m in members.items() if inspect.isfunction(m)]),
        "Classes": ("autoclass", [n for n, m in members.items() if inspect.isclass(m) and not _is_raised(m)]),
        "Exceptions": ("autoexception", [n for n, m in members.items() if inspect.isclass(m) and _is_raised(m)]),
    }
    lines = ["Python API", "==========", "", "Made of the docstrings; every example in them runs as a test.", ""]
    for title, (directive, names) in kinds.items():
        lines += [title, "-" * len(title), ""]
        for name in names:
            lines += [
                f".. {directive}:: styletransfer.{name}",
                "   :members:" if directive != "autofunction" else "",
                "",
            ]
    for module in MODULES:
        title = f"styletransfer.{module}"
        lines += [title, "-" * len(title), "", f".. automodule:: {title}", "   :members:", ""]
    return "\n".join(lines)


def _is_raised(member: type) -> bool:
    return issubclass(member, BaseException)


if __name__ == "__main__":
    out = Path(sys.argv[1] if sys.argv[1:] else "site").resolve()
    with tempfile.TemporaryDirectory() as made:
        assemble(Path(made))
        sys.exit(sphinx(["-q", "-W", "--keep-going", "-b", "html", "-j", "auto", made, str(out)]))
