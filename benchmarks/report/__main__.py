"""The command ``python -m benchmarks.report [FILE ...]``."""

from __future__ import annotations

import argparse
import shlex
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import page, plain, readme, sheet
from benchmarks.report.compose import TITLE, compose
from benchmarks.results_file import ResultsError, load
from styletransfer.errors import StyleTransferError
from styletransfer.files import write_atomically, write_together

_RESULTS = Path(__file__).parents[1] / "results"
_README = Path(__file__).parents[2] / "README.md"


def write(files: Sequence[Path], folder: Path) -> list[Path]:
    """Write report.html, report.md, report.csv, and the pictures that report.md shows.

    Args:
        files: Results.
        folder: Where to; it must exist.

    Raises:
        ResultsError: A file that cannot be used.
        OutputError: The folder cannot be written to.
    """
    runs = [load(path) for path in files]
    sections = compose(runs)
    texts = {
        "report.html": page.render(TITLE, sections).encode(),
        "report.md": plain.markdown(TITLE, sections).encode(),
        "report.csv": plain.comma_separated(runs).encode(),
    }
    if strips := plain.first_strips(sections):
        texts[plain.SHEET] = sheet.draw(strips)
    return write_together(
        {folder / name: lambda file, data=data: file.write(data) for name, data in texts.items()}
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report", description="Write results files as one page (HTML, Markdown and CSV)."
    )
    parser.add_argument(
        "files", nargs="*", type=Path, help="what --benchmark-json wrote; by default benchmarks/results/*.json"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="where to write; by default beside the first file"
    )
    parser.add_argument(
        "--readme", action="store_true", help="put the first file's table of quality into the README, too"
    )
    parser.add_argument("--open", action="store_true", help="show the page in a browser")
    options = parser.parse_args(arguments)
    files = options.files or sorted(_RESULTS.glob("*.json"))
    try:
        if not files:
            raise ResultsError(
                "There are no results to report. Make some: "
                "python -m pytest benchmarks --benchmark-only --quick --benchmark-json results.json, "
                "then name the file."
            )
        folder = options.output or files[0].parent
        folder.mkdir(parents=True, exist_ok=True)
        written = write(files, folder)
        if options.readme:
            text = readme.put(load(files[0]), _README)
            written.append(write_atomically(_README, lambda file: file.write(text.encode())))
    except (StyleTransferError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        named = " ".join(shlex.quote(str(path)) for path in files)
        print(f"Interrupted. Write the page: python -m benchmarks.report {named}", file=sys.stderr)
        return 130
    print(f"Wrote {', '.join(str(path) for path in written)}. Look at {written[0]} first.")
    if options.open:
        webbrowser.open(written[0].resolve().as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(main())
