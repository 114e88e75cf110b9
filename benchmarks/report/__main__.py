"""The command ``python -m benchmarks.report [FILE ...]``."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import page, plain
from benchmarks.report.compose import TITLE, compose
from benchmarks.results_file import ResultsError, load
from styletransfer.errors import StyleTransferError
from styletransfer.files import write_atomically

_RESULTS = Path(__file__).parents[1] / "results"


def write(files: Sequence[Path], folder: Path) -> list[Path]:
    """Write report.html, report.md and report.csv.

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
        "report.html": page.render(TITLE, sections),
        "report.md": plain.markdown(TITLE, sections),
        "report.csv": plain.comma_separated(runs),
    }
    return [
        write_atomically(folder / name, lambda file, text=text: file.write(text.encode()))
        for name, text in texts.items()
    ]


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
    parser.add_argument("--open", action="store_true", help="show the page in a browser")
    options = parser.parse_args(arguments)
    try:
        files = options.files or sorted(_RESULTS.glob("*.json"))
        if not files:
            raise ResultsError(
                "There are no results to report. Make some: "
                "python -m pytest benchmarks --benchmark-only --quick --benchmark-json results.json, "
                "then name the file."
            )
        folder = options.output or files[0].parent
        folder.mkdir(parents=True, exist_ok=True)
        written = write(files, folder)
    except (StyleTransferError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    print(f"Wrote {', '.join(str(path) for path in written)}. Look at {written[0]} first.")
    if options.open:
        webbrowser.open(written[0].resolve().as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(main())
