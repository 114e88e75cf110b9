"""`styletransfer explain`: what a stylization did, as a figure and as JSON."""

from __future__ import annotations

from pathlib import Path

import click

from styletransfer.cli.options import completing
from styletransfer.cli.shared import device_option, folder_option, output_options, quick_imports
from styletransfer.cli.streams import tell, tell_json
from styletransfer.progress import CountBar
from styletransfer.weights import catalogue


@click.command("explain", short_help="Show what a stylization did, layer by layer and place by place.")
@click.argument("stylized", type=click.Path())
@click.argument("content", type=click.Path())
@click.argument("style", type=click.Path())
@folder_option
@click.option(
    "--extractor",
    default=None,
    metavar="NAME|FILE",
    help=f"Who looks.  [default: {catalogue.DEFAULT_EXTRACTOR}]",
    shell_complete=completing(lambda: catalogue.names("extractor"), files=True),
)
@click.option(
    "--long-edge", type=int, default=256, show_default=True, metavar="PIXELS", help="Reduce the pictures to this."
)
@click.option(
    "--inversion-steps",
    type=int,
    default=60,
    show_default=True,
    metavar="N",
    help="Steps of each inversion; 0 leaves the inversions out, which take nearly all of the time.",
)
@device_option
@output_options
def explain_command(
    stylized: str,
    content: str,
    style: str,
    output: Path,
    extractor: str | None,
    long_edge: int,
    inversion_steps: int,
    device: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show what STYLIZED has kept of CONTENT and taken from STYLE, whoever made it.

    Writes explanation.png and explanation.json: Gram distances of five layers before and after, maps of where the
    content changed and where style was gained, the channels that moved most, and what each layer keeps of the
    content (inversions).
    """
    with quick_imports():
        from styletransfer.explaining.explanation import LAYERS, explain, output_files

    output_files(output, protected=[stylized, content, style])
    with CountBar("inversions", len(LAYERS), unit=" inversions", quiet=quiet) as bar:
        told = explain(
            stylized,
            content,
            style,
            extractor=extractor,
            device=device,
            long_edge=long_edge,
            inversion_steps=inversion_steps,
            on_inversion=bar.update,
        )
    files = told.save(output)
    kept = f"The results are in {output}."
    if as_json:
        tell_json(told.to_dict() | {"files": [str(file) for file in files]}, kept=kept)
    elif not quiet:
        rows = [
            f"{layer.layer}: Gram distance {layer.gram_before:.3f} to {layer.gram_after:.3f}, "
            f"content changed by {layer.content_change:.2f}"
            for layer in told.layers
        ]
        tell("\n".join([*rows, f"Wrote {' and '.join(file.name for file in files)} to {output}."]), kept=kept)
