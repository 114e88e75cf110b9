"""`styletransfer batch`: folders of pictures in one or many styles."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styletransfer.cli.inputs import split_off_regions, strength_options
from styletransfer.cli.options import OptionsCommand, completing, method_options, options_for
from styletransfer.cli.shared import (
    chosen_edge,
    folder_option,
    method_option,
    output_options,
    quick_imports,
    split_off,
    working_options,
)
from styletransfer.cli.streams import tell, tell_json
from styletransfer.errors import BatchInterrupted
from styletransfer.judging.judges import list_judges
from styletransfer.methods import METHODS
from styletransfer.progress import duration, fetch_visibly

if TYPE_CHECKING:
    from styletransfer.batching.preparing import Batch
    from styletransfer.batching.result import BatchResult

#: Inputs at fault, and outputs of a dry run, that are named.
_NAMED = 20
#: What `--judge` without a name stands for.
_ANY_JUDGE = "any"


@click.command(
    "batch",
    cls=OptionsCommand,
    options=lambda: method_options(exclude=["style_mix", "seed"]),
    short_help="Repaint folders of pictures; goes on after any stop.",
)
@click.argument("contents", type=click.Path())
@click.argument("styles", metavar="STYLES...", nargs=-1, required=True, type=click.Path())
@folder_option
@method_option
@click.option(
    "--pair",
    "pairing",
    default="product",
    show_default=True,
    metavar="product|zip|random",
    help="Every content in every style; the first in the first and so on; or each in some, drawn at random.",
    shell_complete=completing(lambda: ("product", "zip", "random")),
)
@click.option("--styles-per-content", type=int, metavar="K", help="Of random pairs.  [default: 1]")
@click.option("--seed", type=int, metavar="N", help="Of random pairs, and of a method that has one.  [default: 0]")
@click.option(
    "--name",
    default="{content}-{style}",
    show_default=True,
    metavar="PATTERN",
    help="Names of the pictures, without suffix; {content} holds the folders below CONTENTS.",
)
@click.option(
    "--format",
    "file_format",
    default="png",
    show_default=True,
    metavar="NAME",
    help="png, jpg, webp, tiff or bmp.",
    shell_complete=completing(lambda: ("png", "jpg", "webp", "tiff", "bmp")),
)
@click.option("--quality", type=int, metavar="1-100", help="Of JPEG and WebP.  [default: 95]")
@click.option(
    "--batch-size",
    type=int,
    metavar="N",
    help="Pictures of one size at once, at most.  [default: 1 on the processor, else 8]",
)
@click.option("--readers", type=int, default=2, show_default=True, metavar="N", help="Threads that read pictures.")
@click.option(
    "--writers", type=int, default=2, show_default=True, metavar="N", help="Threads that write pictures."
)
@click.option("--max-failures", type=int, metavar="N", help="Stop when more pictures than this have failed.")
@click.option(
    "--judge",
    is_flag=False,
    flag_value=_ANY_JUDGE,
    default=None,
    metavar="[NAME]",
    help=f"Also measure each picture: {' or '.join(list_judges())}; without a name the first that is installed.",
    shell_complete=completing(list_judges),
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@strength_options
@working_options
@output_options
def batch_command(
    contents: str,
    styles: tuple[str, ...],
    output: Path,
    method: str,
    quiet: bool,
    as_json: bool,
    dry_run: bool,
    max_failures: int | None,
    readers: int,
    writers: int,
    **given: Any,
) -> None:
    """Repaint all CONTENTS in the manner of STYLES, into a folder.

    CONTENTS is a folder, searched with all below it, whose tree is kept; a pattern in quotes such as
    "photos/**/*.jpg"; or a CSV file with a column content. STYLES are the same (column style), or names of drawn
    or kept styles. Each picture is noted in map.jsonl with hashes of what it was made of, and at the end in
    map.csv. The same command again makes only what is missing or what has changed, whatever stopped the first one.

    Exit code 1 if some pictures could not be made; they are named at the end.
    """
    batch = _prepared(contents, styles, output, method, quiet, given)
    if dry_run:
        _tell_plan(batch, as_json=as_json, quiet=quiet)
        return
    from styletransfer.batching.run import run_batch

    try:
        result = run_batch(batch, readers=readers, writers=writers, max_failures=max_failures, progress=not quiet)
    except BatchInterrupted as interrupt:
        _report(interrupt.result, as_json=as_json, quiet=quiet)
        raise KeyboardInterrupt(str(interrupt)) from None
    _report(result, as_json=as_json, quiet=quiet)
    if result.failures or any(problem.counts for problem in result.left_out):
        click.get_current_context().exit(1)


def _prepared(
    contents: str, styles: tuple[str, ...], output: Path, method: str, quiet: bool, given: dict[str, Any]
) -> Batch:
    working, reading = split_off(given)
    asked, _ = split_off_regions(given)
    own = {name: given.pop(name) for name in ("pairing", "styles_per_content", "name", "quality", "file_format")}
    batch_size, judge = given.pop("batch_size"), given.pop("judge")
    chosen = options_for([method], given)[method]
    options = {**METHODS[method].bare, **chosen}
    with quick_imports():
        from styletransfer.batching.painting import Recipe
        from styletransfer.batching.preparing import Wanted, prepare_batch
        from styletransfer.batching.reading import Reading

    limits = {"frame": reading["frame"], "style_frame": reading["style_frame"]}
    if reading["max_pixels"] is not None:
        limits["max_pixels"] = reading["max_pixels"]
    return prepare_batch(
        Wanted(
            contents=contents,
            styles=list(styles),
            folder=output,
            seed=given.get("seed"),
            format=own.pop("file_format"),
            **own,
        ),
        Recipe(
            method=method,
            options=options,
            strength=asked["strength"],
            preserve=asked.get("preserve"),
            batch_size=batch_size,
            **working,
        ),
        Reading(long_edge=chosen_edge(reading["long_edge"], reading["full_size"]), **limits),
        judge=judge == _ANY_JUDGE or judge or False,
        fetch=partial(fetch_visibly, quiet=quiet),
    )


def _tell_plan(batch: Batch, *, as_json: bool, quiet: bool) -> None:
    left = len(batch.tasks)
    if as_json:
        tell_json(
            {
                "total": batch.total,
                "earlier": batch.total - left,
                "to_do": left,
                "outputs": [task.output for task in batch.tasks],
                "left_out": [{"path": str(p.path), "reason": p.reason} for p in batch.left_out],
            }
        )
        return
    if quiet:
        return
    tell(f"{batch.total} pictures: {batch.total - left} are there, {left} would be made in {batch.folder}.")
    for task in batch.tasks[:_NAMED]:
        tell(f"  {task.output}: {task.content.name} in {task.style.name}")
    if left > _NAMED:
        tell(f"  and {left - _NAMED} more")
    for problem in batch.left_out:
        tell(f"Left out: {problem.path}: {problem.reason}")


def _report(result: BatchResult, *, as_json: bool, quiet: bool) -> None:
    kept = f"The pictures are in {result.folder}."
    causes = result.causes()
    for cause, (reason, count) in list(causes.items())[:_NAMED]:
        click.echo(f"Failed: {cause}: {reason}" + (f" ({count} pictures)" if count > 1 else ""), err=True)
    if len(causes) > _NAMED:
        click.echo(f"and {len(causes) - _NAMED} more; {result.folder / 'map.csv'} has all.", err=True)
    for problem in result.left_out if not quiet else ():
        click.echo(f"Left out: {problem.path}: {problem.reason}", err=True)
    if result.damaged and not quiet:
        lost = f"{result.damaged} lines of the map could not be understood; their pictures count as not done."
        click.echo(lost, err=True)
    if as_json:
        tell_json(result.to_dict(), kept=kept)
        return
    if quiet:
        return
    told = [f"Made {result.made} of {result.total} pictures in {duration(result.seconds)}"]
    told += [f"{result.rate:.3g} a second, network busy {result.busy:.0%}"] if result.made else []
    told += [f"{result.earlier} were there"] if result.earlier else []
    told += [f"{len(result.failures)} failed"] if result.failures else []
    told += [f"stopped by --max-failures, {result.to_do} left"] if result.stopped == "failures" else []
    tell(f"{', '.join(told)}. {kept}", kept=kept)
