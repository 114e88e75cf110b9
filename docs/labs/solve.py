"""For teachers: the labs with their blanks filled in, written as notebooks of percent format, or run and timed.

python docs/labs/solve.py -o solved            # writes all labs, solved
python docs/labs/solve.py --run                # runs all labs and prints the seconds of each
python docs/labs/solve.py --run lab4_gatys     # one of them
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import os
import re
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
LABS = {page.stem: page for page in sorted(HERE.glob("lab*.py"))}


def solved(page: Path) -> str:
    """Return a lab's text with its blanks filled in."""
    text = page.read_text(encoding="utf-8")
    tree = ast.parse((HERE / "solutions" / page.name).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            blank = re.compile(rf"^def {node.name}\(.*?raise NotImplementedError\n", re.MULTILINE | re.DOTALL)
            if not blank.search(text):
                raise ValueError(f"{page.name} has no blank for {node.name}")
            text = blank.sub(lambda _, n=node: ast.unparse(n) + "\n", text)
    imports = [ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return "\n".join(["# %%", *imports, "", text]) if imports else text


def run(page: Path) -> float:
    """Run a solved lab in an empty folder, without what it prints, and return its seconds."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        os.chdir(folder)
        try:
            began = time.perf_counter()
            exec(compile(solved(page), page.name, "exec"), {"__name__": "__main__"})
            return time.perf_counter() - began
        finally:
            os.chdir(before)


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("labs", nargs="*", metavar="LAB", help=f"{', '.join(LABS)}; all if none is named")
    parser.add_argument("--run", action="store_true", help="run each and print its seconds")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="write them into this folder")
    asked = parser.parse_args(arguments)
    names = [name.removesuffix(".py") for name in asked.labs] or list(LABS)
    if unknown := [name for name in names if name not in LABS]:
        parser.error(f"no lab {unknown[0]!r}; there are: {', '.join(LABS)}")
    if not asked.run and asked.output is None:
        parser.error("give --run, or -o FOLDER")
    if asked.output is not None:
        asked.output.mkdir(parents=True, exist_ok=True)
        if asked.output.resolve() == HERE:
            parser.error("the labs themselves are in that folder; give another one")
        for name in names:
            (asked.output / f"{name}.py").write_text(solved(LABS[name]), encoding="utf-8")
    for name in names if asked.run else ():
        print(f"{name} {run(LABS[name]):.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
