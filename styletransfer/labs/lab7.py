"""Lab 7: control."""

from __future__ import annotations

import torch

from styletransfer.functional import gram_matrix, luminance
from styletransfer.labs.exercise import Answer, Exercise, LabError, ask
from styletransfer.labs.properties import differentiable, drawn, near, tensor

# keep_color(content, stylized)


def _same_shape(answer: Answer) -> None:
    tensor(
        ask(answer, drawn(2, 3, 4, 5), drawn(2, 3, 4, 5, seed=1)),
        (2, 3, 4, 5),
        "the result",
        "Keep three channels.",
    )


def _keeps_chroma(answer: Answer) -> None:
    content, stylized = 0.4 + drawn(1, 3, 4, 5) / 5, 0.4 + drawn(1, 3, 4, 5, seed=1) / 5
    got = ask(answer, content, stylized)
    chroma, wanted = got - luminance(got), content - luminance(content)
    if float((chroma - (stylized - luminance(stylized))).abs().max()) < 1e-4:
        raise LabError(
            "its colours are those of the stylized picture. Add the content's chroma, not the stylized one's."
        )
    near(chroma, wanted, "its chroma (the colour without its luminance)", "It is to be the content's.", 1e-3)


def _each_by_its_own(answer: Answer) -> None:
    content, stylized = 0.4 + drawn(2, 3, 4, 5) / 5, 0.4 + drawn(2, 3, 4, 5, seed=1) / 5
    hint = "Each picture of a batch keeps its own colours."
    near(
        ask(answer, content, stylized)[1:], ask(answer, content[1:], stylized[1:]), "the second of two", hint, 1e-5
    )


def _takes_brightness(answer: Answer) -> None:
    content, stylized = 0.4 + drawn(1, 3, 4, 5) / 5, 0.4 + drawn(1, 3, 4, 5, seed=1) / 5
    got = luminance(ask(answer, content, stylized))
    if float((got - luminance(content)).abs().max()) < 1e-4:
        raise LabError(
            "its brightness is the content's: the style has gone. Take the stylized picture's luminance."
        )
    hint = "It is the stylized picture's. Luminance is 0.299 R + 0.587 G + 0.114 B, not the mean of the channels."
    near(got, luminance(stylized), "its luminance", hint, 1e-3)


def _in_range(answer: Answer) -> None:
    got = ask(answer, drawn(1, 3, 8, 8), drawn(1, 3, 8, 8, seed=1))
    if float(got.min()) < -1e-6 or float(got.max()) > 1 + 1e-6:
        raise LabError("colours leave [0, 1]. Clamp them at the end.")


# guided_gram(features, mask)


def _counts_the_mask(answer: Answer) -> None:
    features, mask = drawn(1, 3, 4, 6), torch.zeros(1, 1, 4, 6)
    mask[..., :3] = 1
    got = tensor(ask(answer, features, mask), (1, 3, 3), "the Gram matrix", "The mask chooses positions.")
    wanted = gram_matrix(features[..., :3].contiguous())
    if float((got - wanted / 2).abs().max()) < 1e-5:
        raise LabError("it is half as large for a mask of one half. Divide by the sum of the mask, not by H * W.")
    hint = "Only what lies under the mask counts, as if the rest were cut away."
    near(got, wanted, "the Gram matrix under a mask of one half", hint)


def _soft(answer: Answer) -> None:
    features, mask = drawn(2, 3, 4, 6), drawn(1, 1, 4, 6, seed=2)
    got = ask(answer, features, mask)
    squared = gram_matrix(features, mask.square()) * mask.square().sum() / mask.sum()
    if float((got - squared).abs().max()) < 1e-5:
        raise LabError("a soft mask counts squared: F times the mask stands on both sides. Weigh one side only.")
    near(
        got,
        gram_matrix(features, mask),
        "the Gram matrix under a soft mask",
        "Each position counts by its weight.",
    )


def _white(answer: Answer) -> None:
    features = drawn(1, 3, 4, 6)
    hint = "A white mask changes nothing."
    near(ask(answer, features, torch.ones(1, 1, 4, 6)), gram_matrix(features), "the Gram matrix under white", hint)


def _guided_gradient(answer: Answer) -> None:
    differentiable(
        lambda x: ask(answer, x, torch.ones(1, 1, 3, 4, dtype=x.dtype)).square().sum(), drawn(1, 2, 3, 4)
    )


EXERCISES = (
    Exercise(
        "keep_color",
        7,
        "give the content the luminance of another picture and keep its chroma: keep_color(content, stylized).",
        (_same_shape, _takes_brightness, _keeps_chroma, _each_by_its_own, _in_range),
    ),
    Exercise(
        "guided_gram",
        7,
        "return the Gram matrices under a mask (1, 1, H, W): guided_gram(features, mask).",
        (_white, _counts_the_mask, _soft, _guided_gradient),
        {r"size of tensor": "Features become rows (B, C, H * W); the mask has to have the same positions."},
    ),
)
