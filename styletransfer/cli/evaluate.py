"""`styletransfer evaluate`: pictures of any program under one judge, alone or over a set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styletransfer.cli.shared import device_option, judge_option, output_options
from styletransfer.cli.streams import tell, tell_json
from styletransfer.errors import EvaluateInterrupted, OptionError

if TYPE_CHECKING:
    from styletransfer.evaluating.result import SetEvaluation

#: Options that mean something for a set only.
_OF_SETS = ("pictures", "contents", "styles", "add", "metrics", "output")


@click.command("evaluate", short_help="Judge pictures of any program, alone or over a set.")
@click.argument("files", nargs=-1, type=click.Path(), metavar="[STYLIZED... CONTENT STYLE]")
@click.option(
    "--set",
    "pairs",
    metavar="PAIRS.csv|styleid",
    help="Judge a set: a CSV file with the columns content and style, or a named set.",
)
@click.option(
    "--pictures",
    multiple=True,
    metavar="NAME=PATTERN|FILE.csv",
    help="A method's pictures, e.g. mine=out/{content}_{style}.png (or .*); or a CSV file with the columns "
    "method, content, style, stylized. May be repeated.",
)
@click.option("--contents", type=click.Path(), metavar="DIR", help="Folder of the content pictures of a set.")
@click.option("--styles", type=click.Path(), metavar="DIR", help="Folder of the style pictures of a set.")
@click.option(
    "--add",
    multiple=True,
    type=click.Path(),
    metavar="EARLIER.json",
    help="An evaluation.json of other methods on the same pictures, to stand beside. May be repeated.",
)
@click.option(
    "--metrics",
    metavar="NAME,...",
    help="Also measure lpips, fid, artfid (extra metrics) over a set; networks are downloaded on first use.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to write a set's results.",
)
@judge_option
@click.option(
    "--long-edge", type=int, metavar="PIXELS", help="Reduce all pictures to this longer side before judging."
)
@device_option
@output_options
def evaluate_command(files: tuple[str, ...], pairs: str | None, quiet: bool, as_json: bool, **given: Any) -> None:
    """Judge how much style was taken and how much content was kept, whoever made the pictures.

    With three or more pictures, judge the results of one pair; the last two are content and style. With --set
    and --pictures, judge methods over a set of pairs and print their means with intervals, and what tests between
    them say; -o writes evaluation.md, .csv, .json and .png. The content is reduced to the size of the result.

    Exit code 1 if some pictures of a set could not be judged, 2 if none could.
    """
    of_sets = {name: given.pop(name) for name in _OF_SETS}
    if pairs is None:
        if misplaced := [name for name in _OF_SETS if of_sets[name]]:
            raise OptionError(f"--{misplaced[0]} belongs to a set; give --set, or leave it out.")
        _evaluate_pair(files, quiet=quiet, as_json=as_json, **given)
        return
    if files:
        raise OptionError(
            f'Both single pictures ("{files[0]}") and --set were given. For a set, name the pictures with '
            "--pictures NAME=PATTERN."
        )
    if not of_sets["pictures"]:
        raise OptionError("--set needs --pictures NAME=PATTERN, once for each method.")
    output, metrics = of_sets.pop("output"), of_sets.pop("metrics")
    of_sets["metrics"] = [name.strip() for name in metrics.split(",")] if metrics else []
    evaluation = _evaluate_set(pairs, output, quiet=quiet, as_json=as_json, **of_sets, **given)
    _report(evaluation, output, quiet=quiet, as_json=as_json)
    if evaluation.faults:
        click.get_current_context().exit(1)


def _evaluate_pair(files: tuple[str, ...], *, quiet: bool, as_json: bool, **options: Any) -> None:
    if len(files) < 3:
        raise OptionError(
            f"evaluate needs at least three pictures, STYLIZED CONTENT STYLE, got {len(files)}; or a set (--set)."
        )
    from styletransfer import codes
    from styletransfer.evaluating.single import evaluate_pictures
    from styletransfer.evaluating.table import notes, pictures_table

    *stylized, content, style = files
    judged, aids = evaluate_pictures(stylized, content, codes.as_picture_source(style, "evaluate"), **options)
    first = next(iter(judged.values()))
    if as_json:
        found = [{"stylized": name} | evaluation.to_dict() for name, evaluation in judged.items()]
        told = {name: evaluation.to_dict() for name, evaluation in aids.items()}
        tell_json({"judge": first.judge.to_dict(), "pictures": found, "reading_aids": told})
    elif not quiet:
        height, width = first.size
        columns = judged | {f"*{name}*": evaluation for name, evaluation in aids.items()}
        head = (
            f"Judge: {first.judge.text}. {width}x{height} pixels. Columns in italics are reading aids, no methods."
        )
        tell("\n".join([pictures_table(columns), "", head, "", *notes(first.judge)]))


def _evaluate_set(pairs: str, output: Path | None, *, quiet: bool, as_json: bool, **options: Any) -> SetEvaluation:
    """Call `evaluate_set` under a bar; what an interrupted one has judged is reported."""
    from styletransfer.evaluating.run import evaluate_set

    try:
        return evaluate_set(pairs, output=output, progress=not quiet, **options)
    except EvaluateInterrupted as interrupt:
        _report(interrupt.evaluation, output, quiet=quiet, as_json=as_json)
        raise KeyboardInterrupt("Interrupted; the results are of the pictures that were judged.") from None


def _report(evaluation: SetEvaluation, output: Path | None, *, quiet: bool, as_json: bool) -> None:
    files = [] if output is None else evaluation.save(output)
    kept = f"The results are in {output}." if files else ""
    if as_json:
        tell_json(evaluation.to_dict() | {"files": [str(file) for file in files]}, kept=kept)
    elif not quiet:
        tell(evaluation.to_markdown(), kept=kept)
        if files:
            tell(f"Wrote to {output}: {', '.join(file.name for file in files)}.", kept=kept)
