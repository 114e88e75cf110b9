"""Judge results of one pair, whoever made them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from styletransfer._checks import integer
from styletransfer.errors import OptionError
from styletransfer.evaluating.reading import PairReader, read_style, size_of
from styletransfer.evaluating.tables import Source, several, text_path
from styletransfer.images import SMALLEST_SIDE
from styletransfer.judging.evaluation import Evaluation
from styletransfer.judging.judge import Judge, create_judge

__all__ = ["evaluate_pictures"]


def evaluate_pictures(
    stylized: Source | Sequence[Source],
    content: Source,
    style: Source,
    *,
    judge: str | Judge | None = None,
    device: str | torch.device | None = None,
    long_edge: int | None = None,
) -> tuple[dict[str, Evaluation], dict[str, Evaluation]]:
    """Judge results of one pair at one size: that of the first, to which the content is reduced.

    Args:
        stylized: The files of the results.
        content: The file of the picture that was repainted.
        style: The file of the picture whose manner was taken.
        judge: Name of a judge, or one from `create_judge`; the strictest that is installed by default.
        device: Where it works.
        long_edge: Reduce all pictures to this longer side.

    Returns:
        What the judge says of each file, and of the reading aids by name.

    Raises:
        StyleTransferError: Bad input.
    """
    if long_edge is not None:
        integer(long_edge, "long_edge", low=SMALLEST_SIDE)
    paths = [text_path(path, "A stylized picture") for path in several(stylized, "stylized")]
    if twice := [path for path in paths if paths.count(path) > 1]:
        raise OptionError(f'The stylized picture "{twice[0]}" was given twice; give each one once.')
    reader, read = PairReader(long_edge), {}
    size: tuple[int, int] | None = None
    for path in paths:
        read[path], original = reader.read(path, content, size)
        size = size_of(original)
    if size is None:
        raise OptionError("There is no stylized picture to judge; give at least one.")
    manner = read_style(style, size)
    network = judge if isinstance(judge, Judge) else create_judge(judge, device=device)
    seen = network.pair(original, manner)
    return {name: seen(picture) for name, picture in read.items()}, seen.references()
