"""The front door of batches: `stylize_folder`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from styletransfer._checks import choice
from styletransfer.batching.outputs import NAME
from styletransfer.batching.painting import Recipe
from styletransfer.batching.preparing import Wanted, prepare_batch
from styletransfer.batching.reading import Reading
from styletransfer.batching.result import BatchResult
from styletransfer.batching.run import OnPicture, run_batch
from styletransfer.batching.sources import Given
from styletransfer.images.pixels import MAX_PIXELS
from styletransfer.judging.judge import Judge
from styletransfer.methods import DEFAULT_METHOD, METHODS

__all__ = ["stylize_folder"]


def stylize_folder(
    contents: Given | Sequence[Given],
    styles: Given | Sequence[Given],
    output: str | os.PathLike[str],
    method: str = DEFAULT_METHOD,
    *,
    pairing: str = "product",
    styles_per_content: int | None = None,
    seed: int | None = None,
    name: str = NAME,
    format: str = "png",
    quality: int | None = None,
    batch_size: int | None = None,
    readers: int = 2,
    writers: int = 2,
    max_failures: int | None = None,
    judge: bool | str | Judge = False,
    extractor: Any = None,
    device: Any = None,
    long_edge: int | None = None,
    short_edge: int | None = None,
    max_pixels: int = MAX_PIXELS,
    strength: Any = 1.0,
    preserve: Any = None,
    on_picture: OnPicture | None = None,
    progress: bool = False,
    **options: Any,
) -> BatchResult:
    """Repaint many pictures into a folder, with a map of what made what; an earlier run is continued.

    A picture is done if the map (``map.jsonl``) has it with the same content, style and options, and its file is
    there; all others are made. ``map.csv`` is the same as a table.

    Args:
        contents: A folder, a pattern, a CSV file with the column content, a picture file, or a list of these.
        styles: The same with the column style, or names of drawn and kept styles.
        output: The folder to write to; made if it is missing. Folders below `contents` are kept.
        method: See `list_stylizers`.
        pairing: ``"product"``, ``"zip"`` or ``"random"``: all with all, one by one, or drawn.
        styles_per_content: For random pairs; 1 if absent.
        seed: Of random pairs, and of a method that has one.
        name: Of the files, without suffix: a text with the fields ``{content}`` and ``{style}``.
        format: ``"png"``, ``"jpg"``, ``"webp"``, ``"tiff"`` or ``"bmp"``.
        quality: Of JPEG and WebP, 1 to 100.
        batch_size: Pictures of one size that are painted at once, at most; if absent, one on the processor and
            eight elsewhere.
        readers: Threads that read pictures.
        writers: Threads that write pictures.
        max_failures: Stop when more pictures than this have failed; never if absent.
        judge: Measure each picture: True, a judge or its name. Its figures are in the map.
        extractor: See `create_stylizer`.
        device: The same.
        long_edge: Reduce all pictures to this longer side, pixels; never enlarges.
        short_edge: Reduce them to this shorter side instead.
        max_pixels: Refuse larger pictures.
        strength: Of the style, in [0, 1]; or a grey picture, which is resized to each content.
        preserve: A grey picture, or several, white where contents are kept.
        on_picture: Called with the number of pictures that are there, that failed, and of all.
        progress: Show a progress bar.
        **options: The method's options and the controls.

    Returns:
        A `BatchResult`. Pictures that cannot be read or painted are its ``failures``; they stop nothing.

    Raises:
        StyleTransferError: Bad input, found before the work; or a disk that is full. What is done is kept.
        BatchInterrupted: Ctrl-C; what is done is kept.

    Example:
        >>> from pathlib import Path
        >>> from styletransfer import samples
        >>> Path("photos").mkdir()
        >>> for drawing in ("valley", "harbour"):
        ...     _ = samples.draw(drawing, long_edge=48).save(f"photos/{drawing}.png")
        >>> result = stylize_folder("photos", ["mosaic", "night"], "out", long_edge=48)
        >>> result.made, sorted(path.name for path in Path("out").glob("valley*"))
        (4, ['valley-mosaic.png', 'valley-night.png'])
        >>> stylize_folder("photos", ["mosaic", "night"], "out", long_edge=48).made
        0
    """
    declared = METHODS[choice(method, METHODS, "method")]
    chosen = {**declared.bare, **options}
    if seed is not None and "seed" in declared.option_names:
        chosen["seed"] = seed
    batch = prepare_batch(
        Wanted(
            contents=contents,
            styles=styles,
            folder=output,
            pairing=pairing,
            styles_per_content=styles_per_content,
            seed=seed,
            name=name,
            format=format,
            quality=quality,
        ),
        Recipe(
            method=method,
            options=chosen,
            extractor=extractor,
            device=device,
            strength=strength,
            preserve=preserve,
            batch_size=batch_size,
        ),
        Reading(long_edge=long_edge, short_edge=short_edge, max_pixels=max_pixels),
        judge=judge,
    )
    return run_batch(
        batch,
        readers=readers,
        writers=writers,
        max_failures=max_failures,
        on_picture=on_picture,
        progress=progress,
    )
