"""Lab 8: the family tree."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from styletransfer.labs.exercise import Answer, Exercise, LabError, ask
from styletransfer.labs.properties import drawn, near, tensor


def _correlated(seed: int = 0) -> Tensor:
    """Features whose channels go together."""
    mixing = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, 0.8], [0.3, 0.0, 1.0]])
    return (mixing @ drawn(2, 3, 80, seed=seed)).view(2, 3, 8, 10) + 1


def _covariance(features: Tensor) -> Tensor:
    rows = features.flatten(2)
    centred = rows - rows.mean(dim=2, keepdim=True)
    return centred @ centred.mT / rows.shape[2]


# whiten(features)


def _white(answer: Answer) -> None:
    got = tensor(ask(answer, _correlated()), (2, 3, 8, 10), "the result", "Features keep their shape.")
    near(got.mean(dim=(2, 3)), 0.0, "the mean of each channel", "Subtract it first.", 1e-3)
    covariance = _covariance(got)
    diagonal = torch.diagonal(covariance, dim1=1, dim2=2)
    if (
        float((diagonal - 1).abs().max()) < 1e-2
        and float((covariance - torch.diag_embed(diagonal)).abs().max()) > 1e-2
    ):
        raise LabError(
            "each channel has variance 1, but channels still go together: each was only divided by its deviation. "
            "Multiply by the inverse root of the whole covariance matrix (torch.linalg.eigh)."
        )
    if float((_covariance(got) - _covariance(_correlated()).inverse()).abs().max()) < 1e-2:
        raise LabError("it multiplies by the inverse of the covariance. Its inverse root is wanted.")
    positions = got.shape[2] * got.shape[3]
    if float(diagonal.mean()) < 1 - 0.5 / positions:  # divided by one position less
        covariance = covariance * positions / (positions - 1)
    near(covariance, torch.eye(3).expand(2, 3, 3), "the covariance", "It is to be the identity.", 1e-3)


def _whitens_each_by_itself(answer: Answer) -> None:
    x = _correlated()
    hint = "Each picture of the batch has a covariance of its own."
    near(ask(answer, x)[:1], ask(answer, x[:1]), "the first of two", hint, 1e-3)


# swap(content_features, style_features): 3x3 patches


def _itself(answer: Answer) -> None:
    x = _correlated()[:1]
    got = tensor(ask(answer, x, x.clone()), (1, 3, 8, 10), "the result", "It has the content's shape.")
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    hint = (
        "Each patch's nearest in its own picture is itself: nothing changes. Compare patches by their cosine, "
        "and divide by how many patches overlap at each position."
    )
    near(got[inner], x[inner], "features swapped with themselves", hint, 1e-3)


def _swapped(content: Tensor, style: Tensor) -> Tensor:
    """Return what is wanted: patches of 3x3 positions, the nearest by cosine, the mean where they overlap."""
    patches = F.unfold(style, 3)
    nearest = (F.normalize(patches, dim=1).mT @ F.unfold(content, 3)).argmax(dim=1)
    taken = patches[0].T[nearest[0]].T[None]
    size = (content.shape[2], content.shape[3])
    return F.fold(taken, size, 3) / F.fold(torch.ones_like(taken), size, 3)


def _known(answer: Answer) -> None:
    content, style = _correlated()[:1], _correlated(seed=3)[:1, :, :7, :9]
    hint = (
        "A patch is 3x3 positions of all channels, inside the picture; each is replaced by that patch of the "
        "style whose cosine with it is highest."
    )
    got = tensor(ask(answer, content, style), (1, 3, 8, 10), "the result", "It has the content's shape.")
    near(got, _swapped(content, style), "features swapped with those of another picture", hint, 1e-3)


def _made_of_the_style(answer: Answer) -> None:
    content, style = drawn(1, 3, 8, 10), 5 + torch.zeros(1, 3, 6, 6)
    got = ask(answer, content, style)
    near(
        got,
        5.0,
        "features swapped with a flat style of 5",
        "Only patches of the style may be in the result.",
        1e-3,
    )


def _scale_does_not_matter(answer: Answer) -> None:
    content, style = _correlated()[:1], _correlated(seed=3)[:1]
    hint = "Brighter patches must not win by their size: normalise the style's patches before they are compared."
    near(ask(answer, 3 * content, style), ask(answer, content, style), "three times the content", hint, 1e-3)
    loud = style.clone()
    loud[..., :3, :3] *= 100
    if float((ask(answer, content, loud) > 20).float().mean()) > 0.5:
        raise LabError(f"one loud patch of the style is everywhere. {hint}")


EXERCISES = (
    Exercise(
        "whiten",
        8,
        "give the channels of features (B, C, H, W) mean 0 and the identity as covariance, picture by picture.",
        (_white, _whitens_each_by_itself),
        {r"size of tensor": "What is subtracted from features keeps their dimensions: keepdim=True."},
    ),
    Exercise(
        "swap",
        8,
        "replace each 3x3 patch of content features (1, C, H, W) by the style's nearest by cosine, and average "
        "where patches overlap: swap(content_features, style_features).",
        (_itself, _made_of_the_style, _scale_does_not_matter, _known),
    ),
)
