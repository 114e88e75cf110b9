"""The labs' checks: right answers pass, each usual wrong one is caught by its own hint."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer import functional, labs
from styletransfer.color import repaint_luminance
from styletransfer.errors import OptionError

Answer = Callable[..., Any]
MEAN, STD = (torch.tensor(x).view(1, 3, 1, 1) for x in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))


def collect(layers: Any, x: Tensor, wanted: list[int]) -> dict[int, Tensor]:
    found = {}
    for index, layer in enumerate(layers):
        x = layer(x)
        if index in wanted:
            found[index] = x.clone()
    return found


def receptive_field(layers: list[tuple[int, int]]) -> int:
    sees, apart = 1, 1
    for kernel, stride in layers:
        sees, apart = sees + (kernel - 1) * apart, apart * stride
    return sees


def style_loss(features: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
    each = [F.mse_loss(functional.gram_matrix(x), targets[layer]) for layer, x in features.items()]
    return torch.stack(each).mean()


def descend(
    loss: Answer,
    start: Tensor,
    steps: int,
    learning_rate: float,
    *,
    zero: bool = True,
    clamp: bool = True,
    optimizer: type[torch.optim.Optimizer] = torch.optim.Adam,
    keep: Callable[[Tensor], Any] = Tensor.item,
    late: bool = False,
    gradient: bool = True,
) -> tuple[Tensor, list[Any]]:
    picture, losses = start.clone().requires_grad_(gradient), []
    moves = optimizer([picture], lr=learning_rate)  # type: ignore[call-arg]
    for _ in range(steps):
        if zero:
            moves.zero_grad()
        value = loss(picture)
        value.backward()
        moves.step()
        if clamp:
            picture.data.clamp_(0, 1)
        losses.append(keep(loss(picture) if late else value))
    return picture.detach(), losses


def seconds_of(work: Answer, synchronize: Answer, rounds: int) -> float:
    work()
    taken = []
    for _ in range(rounds):
        synchronize()
        began = time.perf_counter()
        work()
        synchronize()
        taken.append(time.perf_counter() - began)
    return median(taken)


def guided_gram(features: Tensor, mask: Tensor) -> Tensor:
    return functional.gram_matrix(features, mask)


def invert(
    features_of: Answer,
    target: Tensor,
    start: Tensor,
    steps: int,
    learning_rate: float,
    *,
    step: bool = True,
    clamp: bool = True,
    own_start: bool = False,
    zero: bool = True,
) -> Tensor:
    picture = (torch.full_like(start, 0.5) if own_start else start.clone()).requires_grad_()
    optimizer = torch.optim.Adam([picture], lr=learning_rate)
    for _ in range(steps):
        if zero:
            optimizer.zero_grad()
        (features_of(picture) - target).square().mean().backward()
        if step:
            optimizer.step()
        if clamp:
            picture.data.clamp_(0, 1)
    return picture.detach()


def whiten(features: Tensor, *, root: float = -0.5, batch: bool = False) -> Tensor:
    rows = features.flatten(2)
    rows = rows - rows.mean(dim=2, keepdim=True)
    covariance = rows @ rows.mT / rows.shape[2]
    covariance = covariance.mean(0, keepdim=True) if batch else covariance
    values, vectors = torch.linalg.eigh(covariance)
    return ((vectors * (values + 1e-7).pow(root)[:, None]) @ vectors.mT @ rows).view(features.shape)


def swap(content: Tensor, style: Tensor, *, normalise: bool = True, average: bool = True) -> Tensor:
    patches = F.unfold(style, 3)[0].T.reshape(-1, style.shape[1], 3, 3)
    length = patches.flatten(1).norm(dim=1).clamp_min(1e-8).view(-1, 1, 1, 1) if normalise else 1.0
    chosen = F.one_hot(F.conv2d(content, patches / length).argmax(1), len(patches)).movedim(-1, 1).float()
    put = F.conv_transpose2d(chosen, patches)
    return put / F.conv_transpose2d(torch.ones_like(chosen[:, :1]), torch.ones(1, 1, 3, 3)) if average else put


RIGHT: dict[str, Answer] = {
    "invert": invert,
    "whiten": whiten,
    "swap": swap,
    "normalize": lambda x: (x - MEAN) / STD,
    "collect": collect,
    "receptive_field": receptive_field,
    "content_loss": F.mse_loss,
    "gram_matrix": functional.gram_matrix,
    "channel_stats": functional.channel_stats,
    "total_variation": functional.total_variation,
    "style_loss": style_loss,
    "descend": descend,
    "adain": functional.adain,
    "mix": lambda content, target, alpha: alpha * target + (1 - alpha) * content,
    "seconds_of": seconds_of,
    "keep_color": lambda content, stylized: repaint_luminance(content, functional.luminance(stylized)),
    "guided_gram": guided_gram,
}


def no_clone(layers: Any, x: Tensor, wanted: list[int]) -> dict[int, Tensor]:
    found = {}
    for index, layer in enumerate(layers):
        x = layer(x)
        if index in wanted:
            found[index] = x
    return found


def inputs_of(layers: Any, x: Tensor, wanted: list[int]) -> dict[int, Tensor]:
    found = {}
    for index, layer in enumerate(layers):
        if index in wanted:
            found[index] = x.clone()
        x = layer(x)
    return found


def gram(divisor: Callable[[Tensor], float], order: Callable[[Tensor], Tensor] | None = None) -> Answer:
    """A Gram matrix with another divisor, of rows that are formed in another order."""

    def answer(x: Tensor) -> Tensor:
        flat = x.flatten(2) if order is None else order(x)
        return flat @ flat.mT / divisor(x)

    return answer


def in_place(x: Tensor) -> Tensor:
    x -= x.mean()
    return functional.gram_matrix(x)


def stats(
    *, root: bool = True, epsilon: float = 1e-5, biased: bool = False, outside: bool = False, dims: Any = (2, 3)
) -> Answer:
    def answer(x: Tensor) -> tuple[Tensor, Tensor]:
        mean = x.mean(dims, keepdim=True).expand(*x.shape[:2], 1, 1)
        variance = x.var(dims, keepdim=True, correction=0 if biased else 1).expand(*x.shape[:2], 1, 1)
        if outside:
            return mean, variance.sqrt() + epsilon
        variance = variance + epsilon
        return mean, variance.sqrt() if root else variance

    return answer


def variation(*, down: bool = True, wrap: bool = False, mean: bool = True, each: float = 0.5) -> Answer:
    def answer(x: Tensor) -> Tensor:
        if wrap:
            pairs = [(x.roll(1, 3) - x).abs(), (x.roll(1, 2) - x).abs()]
        else:
            pairs = [x.diff(dim=3).abs(), x.diff(dim=2).abs()]
        pairs = pairs if down else pairs[:1]
        return each * sum(pair.mean((1, 2, 3)) if mean else pair.sum((1, 2, 3)) for pair in pairs)

    return answer


def last_layer(features: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
    loss = torch.zeros(())
    for layer, x in features.items():
        loss = F.mse_loss(functional.gram_matrix(x), targets[layer])
    return loss


def by_place(features: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
    pairs = zip(features.values(), targets.values(), strict=True)
    each = [(functional.gram_matrix(x).mean() - target.mean()).square() for x, target in pairs]
    return torch.stack(each).mean()


def paired_by_place(features: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
    pairs = zip(features.values(), targets.values(), strict=True)
    return torch.stack([F.mse_loss(functional.gram_matrix(x), target) for x, target in pairs]).mean()


def without_start(loss: Answer, start: Tensor, steps: int, learning_rate: float) -> tuple[Tensor, list[float]]:
    """Optimises another picture than the one that it looks at."""
    picture = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([start.clone().requires_grad_()], lr=learning_rate)
    losses = []
    for _ in range(steps):
        value = loss(picture)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return picture.detach(), losses


def few_losses(loss: Answer, start: Tensor, steps: int, learning_rate: float) -> tuple[Tensor, list[float]]:
    picture, losses = descend(loss, start, steps, learning_rate)
    return picture, losses[-1:]


def clamped_at_the_end(*given: Any, **named: Any) -> tuple[Tensor, list[float]]:
    picture, losses = descend(*given, **named, clamp=False)
    return picture.clamp(0, 1), losses


def rebound(loss: Answer, start: Tensor, steps: int, learning_rate: float) -> tuple[Tensor, list[float]]:
    picture, losses = start.clone().requires_grad_(), []
    optimizer = torch.optim.Adam([picture], lr=learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(picture)
        value.backward()
        optimizer.step()
        picture = picture.clamp(0, 1)
        losses.append(value.item())
    return picture.detach(), losses


def detached(loss: Answer, start: Tensor, steps: int, learning_rate: float) -> tuple[Tensor, list[float]]:
    """Goes on with another tensor than the optimiser has."""
    picture, losses = start.clone().requires_grad_(), []
    optimizer = torch.optim.Adam([picture], lr=learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(picture)
        value.backward()
        optimizer.step()
        picture = picture.clamp(0, 1).detach().requires_grad_()
        losses.append(value.item())
    return picture.detach(), losses


def forgets(loss: Answer, start: Tensor, steps: int, learning_rate: float) -> tuple[Tensor, list[float]]:
    """Has another optimiser in each step."""
    picture, losses = start, []
    for _ in range(steps):
        picture, (value,) = descend(loss, picture, 1, learning_rate)
        losses.append(value)
    return picture, losses


def moves_start(loss: Answer, start: Tensor, steps: int, learning_rate: float) -> tuple[Tensor, list[float]]:
    picture, losses = descend(loss, start, steps, learning_rate)
    start.copy_(picture)
    return start, losses


def swapped(content: Tensor, style: Tensor) -> Tensor:
    return functional.adain(style, content)


def without_keepdim(content: Tensor, style: Tensor) -> Tensor:
    (mean, std), (wanted, wide) = ((x.mean((2, 3)), (x.var((2, 3)) + 1e-5).sqrt()) for x in (content, style))
    return wide * (content - mean) / std + wanted


def by_equation_6(content: Tensor, style: Tensor) -> Tensor:
    """The variance divides by the number of positions."""
    (mean, std), (wanted, wide) = (stats(biased=True)(x) for x in (content, style))
    return wide * (content - mean) / std + wanted


def no_epsilon(content: Tensor, style: Tensor) -> Tensor:
    (mean, std), (wanted, wide) = (
        (x.mean((2, 3), keepdim=True), x.std((2, 3), keepdim=True)) for x in (content, style)
    )
    return wide * (content - mean) / std + wanted


def whole_batch(content: Tensor, style: Tensor) -> Tensor:
    (mean, std), (wanted, wide) = (
        (x.mean((0, 2, 3), keepdim=True), (x.var((0, 2, 3), keepdim=True) + 1e-5).sqrt()) for x in (content, style)
    )
    return wide * (content - mean) / std + wanted


def no_shift(content: Tensor, style: Tensor) -> Tensor:
    return functional.adain(content, style) - functional.channel_stats(style)[0]


def timed(*, warm: bool = True, before: bool = True, after: bool = True, each: bool = True) -> Answer:
    def answer(work: Answer, synchronize: Answer, rounds: int) -> float:
        if warm:
            work()
            synchronize()
        if before and warm:
            synchronize()
        began = time.perf_counter()
        for _ in range(rounds):
            work()
            if after:
                synchronize()
        taken = time.perf_counter() - began
        return taken / rounds if each else taken

    return answer


def starts_busy(work: Answer, synchronize: Answer, rounds: int) -> float:
    """Waits for nothing before the first clock, and gives the longest round."""
    taken = []
    for number in range(rounds + 1):
        began = time.perf_counter()
        work()
        synchronize()
        taken.append(time.perf_counter() - began)
        if number == 0:
            continue
    return max(taken)


def constant(work: Answer, synchronize: Answer, rounds: int) -> float:
    seconds_of(work, synchronize, rounds)
    return 0.02


def swap_by(side: int, content: Tensor, style: Tensor) -> Tensor:
    patches = F.unfold(style, side)
    nearest = (F.normalize(patches, dim=1).mT @ F.unfold(content, side)).argmax(dim=1)
    taken = patches[:, :, nearest[0]]
    size = content.shape[2:]
    return F.fold(taken, size, side) / F.fold(torch.ones_like(taken), size, side)


def means(content: Tensor, stylized: Tensor) -> Tensor:
    """Brightness as the mean of the channels."""
    return (content - content.mean(1, keepdim=True) + stylized.mean(1, keepdim=True)).clamp(0, 1)


WRONG: list[tuple[str, Answer, str]] = [
    ("invert", lambda *a: invert(*a, step=False), "the picture is the start"),
    ("invert", lambda *a: invert(*a, clamp=False), "Clamp the picture"),
    ("invert", lambda *a: invert(*a, own_start=True), "Begin with a copy of start"),
    ("invert", lambda f, target, start, steps, rate: f(start), "not its features"),
    ("invert", lambda f, target, start, steps, rate: start + 0.01, "Compare features"),
    ("whiten", lambda x: whiten(x, root=-1.0), "Its inverse root"),
    ("whiten", lambda x: whiten(x, batch=True), "It is to be the identity|a covariance of its own"),
    (
        "whiten",
        lambda x: (x - x.mean((2, 3), keepdim=True)) / x.std((2, 3), keepdim=True, correction=0),
        "only divided by its deviation",
    ),
    ("whiten", lambda x: whiten(x) + 1, "Subtract it first"),
    ("swap", lambda c, s: swap(c, s, normalise=False), "must not win by their size|itself: nothing changes"),
    ("swap", lambda c, s: swap(c, s, average=False), "divide by how many patches overlap"),
    ("swap", lambda c, s: c, "Only patches of the style"),
    ("swap", lambda c, s: functional.adain(c, s), "Only patches of the style|three times"),
    ("normalize", lambda x: (x / 255 - MEAN) / STD, "divides by 255"),
    ("normalize", lambda x: (x - MEAN.flip(1)) / STD.flip(1), "red and blue are exchanged"),
    ("normalize", lambda x: ((x - MEAN) / STD).flip(1) * STD.flip(1), "one deviation above the mean"),
    ("normalize", lambda x: (x - 0.5) / 0.5, "subtract the mean"),
    ("normalize", lambda x: x - MEAN, "divide by the deviation"),
    ("normalize", lambda x: x.mean(1, keepdim=True), "has the shape"),
    ("collect", no_clone, "inplace=True"),
    ("collect", inputs_of, "keep what comes out of it"),
    ("collect", lambda layers, x, wanted: [x], "is a dict"),
    ("collect", lambda layers, x, wanted: dict.fromkeys(wanted, 0), "is a int, wanted a tensor"),
    ("receptive_field", lambda layers: sum(kernel for kernel, _ in layers), "adds 2, not 3"),
    ("receptive_field", lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers), "are 2 pixels apart"),
    ("receptive_field", lambda layers: None, r"it returns nothing \(None\)"),
    ("receptive_field", lambda layers: [3], "it gives a list, wanted a number"),
    ("receptive_field", lambda layers: layers.pop()[0], "changes its input"),
    ("receptive_field", lambda layers: 1 / 0, "raises ZeroDivisionError"),
    ("content_loss", lambda x, y: (x - y).square().sum(), "sum of the squares"),
    ("content_loss", lambda x, y: (x - y).abs().mean(), "Differences are squared"),
    ("content_loss", lambda x, y: (x - y).square().mean().item(), "a plain number"),
    ("content_loss", lambda x, y: (x - y).square(), "A loss is one number"),
    ("content_loss", lambda x, y: (x - y).square().mean().detach(), "no gradient reaches"),
    ("content_loss", lambda x, y: (x - y).square().mean().sqrt(), "Differences are squared"),
    ("content_loss", lambda x, y: None, r"it returns nothing \(None\)"),
    (
        "gram_matrix",
        gram(lambda x: x[0].numel(), lambda x: x.movedim(1, -1).reshape(x.shape[0], x.shape[1], -1)),
        "reshape in the wrong order",
    ),
    ("gram_matrix", gram(lambda x: 1), r"Divide by C \* H \* W"),
    ("gram_matrix", gram(lambda x: x.shape[1]), r"Divide by H \* W too"),
    ("gram_matrix", gram(lambda x: x.shape[2] * x.shape[3]), "Divide by C too"),
    ("gram_matrix", in_place, "changes its input"),
    (
        "gram_matrix",
        lambda x: functional.gram_matrix(x).mean(0, keepdim=True).expand(x.shape[0], -1, -1),
        "mixed with each other",
    ),
    ("gram_matrix", lambda x: functional.gram_matrix(x[:1])[0], "one matrix for each picture"),
    ("gram_matrix", lambda x: functional.gram_matrix(x.detach()), "no gradient reaches"),
    ("channel_stats", stats(root=False), "Take its root"),
    ("channel_stats", stats(root=False, biased=True), "Take its root"),
    *(("channel_stats", stats(epsilon=0.0, biased=b), "1e-5 is missing") for b in (False, True)),
    *(("channel_stats", stats(outside=True, biased=b), "added after the root") for b in (False, True)),
    ("channel_stats", stats(epsilon=1e-4), "how much is added"),
    ("channel_stats", lambda x: (x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)), "It is the root of"),
    ("channel_stats", stats(dims=(0, 2, 3)), "for each channel of each picture"),
    ("channel_stats", lambda x: (x.mean((2, 3)), x.std((2, 3))), "keepdim=True"),
    ("channel_stats", lambda x: x.mean((2, 3), keepdim=True), "return two tensors"),
    ("total_variation", variation(down=False), "the one below it"),
    ("total_variation", variation(wrap=True), "wraps around|torch.roll"),
    ("total_variation", variation(each=1.0), "not their sum"),
    ("total_variation", variation(mean=False), "both directions' mean differences|stripes"),
    ("total_variation", lambda x: x.diff(dim=3).abs().mean(), "One number for each picture"),
    ("style_loss", last_layer, "Go through every layer"),
    ("style_loss", by_place, "names, not by their places"),
    ("style_loss", lambda f, t: F.l1_loss(f["relu1_1"], t["relu1_1"]), "What do the targets hold"),
    (
        "style_loss",
        lambda f, t: sum((x - y).sum() for x, y in zip(f.values(), t.values(), strict=True)),
        "What do the targets",
    ),
    ("style_loss", paired_by_place, "names, not by their places"),
    ("style_loss", lambda f, t: f.popitem()[1].sum(), "changes its input"),
    ("style_loss", lambda f, t: style_loss(f, t) * 2, "Take their mean"),
    ("style_loss", lambda f, t: style_loss(f, t).sqrt(), "the mean over the layers|own Gram"),
    ("style_loss", lambda f, t: sum(F.mse_loss(x, x.detach() * 0) for x in f.values()), "Compare Gram matrices"),
    ("descend", without_start, "Is the picture what the optimiser was given"),
    ("descend", few_losses, "took 1 losses for 50 steps"),
    ("descend", lambda *a, **k: descend(*a, **k, optimizer=torch.optim.SGD), "is the optimiser Adam"),
    ("descend", lambda *a, **k: descend(*a, **k, optimizer=torch.optim.RMSprop), "Is the optimiser Adam"),
    ("descend", lambda *a, **k: descend(*a, **k, keep=lambda value: value), "losses are kept as tensors"),
    ("descend", lambda *a, **k: descend(*a, **k, keep=str), "has a str in it, wanted numbers"),
    ("descend", lambda *a, **k: (descend(*a, **k)[0], 0.5), "wanted the list of the losses"),
    ("descend", lambda *a, **k: (descend(*a, **k)[0][0], [0.5]), "wanted that of start"),
    ("descend", lambda *a, **k: descend(*a, **k, late=True), "it was measured after the step"),
    ("descend", clamped_at_the_end, "clamped at the end only"),
    ("descend", forgets, "one optimiser used for all steps"),
    ("descend", lambda f, x, **k: descend(f, torch.zeros_like(x), **k), "Begin with a copy of it"),
    ("descend", detached, "does the optimiser still have the picture"),
    ("descend", rebound, "hangs on the step before"),
    ("descend", lambda *a, **k: descend(*a, **k, gradient=False), "Nothing that the loss was computed from"),
    *(
        ("descend", lambda f, x, steps, learning_rate, r=rate: descend(f, x, steps, r), "Is learning_rate used")
        for rate in (0.02, 0.05)
    ),
    ("descend", lambda f, x, steps, rate: descend(f, x, steps, rate), "Keep the names of the arguments"),
    ("descend", lambda *a, **k: descend(*a, **k, zero=False), "zero_grad in every step"),
    ("descend", lambda *a, **k: descend(*a, **k, clamp=False), "Clamp the picture"),
    ("descend", moves_start, "changes its input"),
    ("descend", lambda *a, **k: descend(*a, **k)[0], "return two things"),
    ("adain", swapped, "has the content's shape"),
    ("adain", no_epsilon, "Where does the 1e-5"),
    ("adain", whole_batch, "not of the whole batch"),
    ("adain", no_shift, "What is added at the end"),
    (
        "adain",
        lambda c, s: functional.adain(c, s) + functional.channel_stats(c)[0],
        "Is the content's own mean gone",
    ),
    ("adain", without_keepdim, "Which argument of mean keeps the dimensions"),
    (
        "adain",
        lambda c, s: c - functional.channel_stats(c)[0] + functional.channel_stats(s)[0],
        "the style's multiplied in",
    ),
    ("mix", lambda c, t, alpha: alpha * c + (1 - alpha) * t, "the content's features"),
    ("mix", lambda c, t, alpha: c + alpha * t, "the target's features"),
    ("mix", lambda c, t, alpha: alpha**2 * t + (1 - alpha**2) * c, "Equation 14"),
    ("seconds_of", timed(after=False), "before the clock is stopped"),
    ("seconds_of", timed(warm=False), "first call sets things up"),
    ("seconds_of", timed(each=False), "mean of one call"),
    ("seconds_of", starts_busy, "first call sets things up"),
    ("seconds_of", lambda work, synchronize, rounds: None, r"it returns nothing \(None\)"),
    ("seconds_of", lambda work, synchronize, rounds: "0.02", "return seconds as a number, got a str"),
    ("keep_color", lambda c, s: s, "colours are those of the stylized"),
    ("keep_color", lambda c, s: c, "brightness is the content's"),
    ("keep_color", means, "not the mean of the channels"),
    ("keep_color", lambda c, s: c - functional.luminance(c) + functional.luminance(s), r"leave \[0, 1\]"),
    ("keep_color", lambda c, s: functional.luminance(s), "Keep three channels"),
    ("guided_gram", lambda x, m: functional.gram_matrix(x * m), "sum of the mask, not by H"),
    ("guided_gram", lambda x, m: functional.gram_matrix(x * m) * m.numel() / m.sum(), "Weigh one side only"),
    ("guided_gram", lambda x, m: functional.gram_matrix(x), "Only what lies under the mask"),
    ("guided_gram", lambda x, m: functional.gram_matrix(x, m) * 2, "changes nothing"),
    ("normalize", lambda x: ((x - MEAN) / STD).round(), "not rounded"),
    ("content_loss", lambda x, y: (x - y).mean() ** 2, "Square each difference"),
    ("content_loss", lambda x, y: 0.5 * (x - y).abs().mean(), "Square each difference"),
    ("content_loss", lambda x, y: 4 * (x - y).pow(4).mean(), "Square each difference"),
    ("content_loss", lambda x, y: (x[0] - y[0]).square().mean(), "every picture of the batch"),
    ("content_loss", lambda x, y: (x - y).square().mean((1, 2, 3)).sum(), "every picture of the batch"),
    ("total_variation", lambda x: functional.total_variation(x.detach()), "no gradient"),
    ("invert", lambda f, t, s, n, r: invert(f, t, s, 60, r), "Take exactly so many steps"),
    ("invert", lambda f, t, s, n, r: invert(f, t, s, n // 2, r), "as many steps as it is asked for"),
    ("invert", lambda f, t, s, n, r: invert(f, t, s, n, 0.02), "Is the argument used"),
    ("invert", lambda f, t, s, n, r: invert(f, t, torch.rand_like(s), n, r), "copy of start"),
    ("style_loss", lambda x, t: style_loss({k: f.detach() for k, f in x.items()}, t), "no gradient"),
    ("seconds_of", lambda work, synchronize, rounds: constant(work, synchronize, rounds), "work that is given"),
    ("seconds_of", lambda work, synchronize, rounds: rounds * seconds_of(work, synchronize, rounds), "one call"),
    ("keep_color", lambda c, s: repaint_luminance(c[:1], functional.luminance(s)), "its own colours"),
    ("guided_gram", lambda x, m: guided_gram(x.detach(), m), "no gradient"),
    ("swap", lambda c, s: F.interpolate(s, c.shape[2:]), "3x3 positions"),
    ("swap", lambda c, s: swap_by(1, c, s), "3x3 positions"),
]


@pytest.mark.parametrize("name", labs.EXERCISES)
def test_right_answers_pass(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    labs.check(name, RIGHT[name])
    count = len(labs.EXERCISES[name].checks)
    passed = f"all {count} checks passed" if count > 1 else "the check passed"
    assert capsys.readouterr().out == f"{name}: right, {passed}.\n"


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG, ids=[f"{n}-{h[:20]}" for n, _, h in WRONG])
def test_wrong_answers_get_their_hint(name: str, answer: Answer, hint: str) -> None:
    with pytest.raises(labs.LabError, match=hint) as caught:
        labs.check(name, answer)
    assert str(caught.value).startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("channel_stats", stats(biased=True)),
        ("channel_stats", lambda x: [*functional.channel_stats(x)]),
        ("adain", by_equation_6),
        ("whiten", lambda x: whiten(x) * math.sqrt(1 - 1 / (x.shape[2] * x.shape[3]))),
        ("descend", lambda *a, **k: descend(*a, **k, keep=lambda value: value.detach())),
        ("descend", lambda *a, **k: descend(*a, **k, optimizer=torch.optim.AdamW)),
    ],
)
def test_other_right_answers_pass(name: str, answer: Answer) -> None:
    labs.check(name, answer)


def without_end(*given: Any, **named: Any) -> Any:
    return without_end(*given, **named)


def interrupted(*given: Any, **named: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", labs.EXERCISES)
class TestOddAnswers:
    """Whatever an answer is or gives, it ends in a sentence that names the exercise, and in nothing else."""

    @pytest.mark.parametrize("result", [None, "3", b"", 10**400, object(), {}, {"a": 1}, [], (), [None], True, 1j])
    def test_of_no_use(self, name: str, result: Any) -> None:
        with pytest.raises(labs.LabError, match=f"^{name}: ") as caught:
            labs.check(name, lambda *given, **named: result)
        if result is None:
            assert "it returns nothing (None)" in str(caught.value)

    @pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 3), (2, 3, 4, 5), (1, 3, 12, 16), (1, 3, 4, 4)])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.bool, torch.complex64])
    def test_tensors_of_other_kinds(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        for result in (torch.ones(shape).to(dtype), [torch.ones(shape).to(dtype)] * 2):
            with pytest.raises(labs.LabError, match=f"^{name}: "):
                labs.check(name, lambda *given, r=result, **named: r)

    def test_not_a_number(self, name: str) -> None:
        def broken(*given: Any, **named: Any) -> Any:
            result = RIGHT[name](*given, **named)
            if isinstance(result, dict):
                return {key: value * math.nan for key, value in result.items()}
            if isinstance(result, tuple):
                return (result[0] * math.nan, result[1])
            return result * math.nan

        with pytest.raises(labs.LabError, match=f"^{name}: "):
            labs.check(name, broken)

    def test_arrays_and_lists(self, name: str) -> None:
        def converted(into: Callable[[Tensor], Any]) -> Answer:
            def answer(*given: Any, **named: Any) -> Any:
                result = RIGHT[name](*given, **named)
                if isinstance(result, dict):
                    return {key: into(value.detach()) for key, value in result.items()}
                if isinstance(result, tuple):
                    return tuple(into(x.detach()) if isinstance(x, Tensor) else x for x in result)
                return into(result.detach()) if isinstance(result, Tensor) else {result}

            return answer

        for into in (Tensor.numpy, Tensor.tolist):
            with pytest.raises(labs.LabError, match=f"^{name}: .*(got|wanted|plain number|return two)"):
                labs.check(name, converted(into))

    def test_printed_in_place_of_returned(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(labs.LabError, match="what is printed, or is only computed in the last line, is lost"):
            labs.check(name, lambda *given, **named: print(RIGHT[name](*given, **named)))
        assert capsys.readouterr().out.count("\n") >= 1

    def test_printing_does_no_harm(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        def loud(*given: Any, **named: Any) -> Any:
            print("here")
            return RIGHT[name](*given, **named)

        labs.check(name, loud)
        assert capsys.readouterr().out.splitlines()[-1].startswith(f"{name}: right, ")

    def test_without_end(self, name: str) -> None:
        with pytest.raises(labs.LabError, match=r"it raises RecursionError.* It calls itself without end"):
            labs.check(name, without_end)

    def test_interrupted_or_left(self, name: str) -> None:
        with pytest.raises(labs.LabError, match=r"it was interrupted after 0 s.*does a loop never end"):
            labs.check(name, interrupted)
        with pytest.raises(labs.LabError, match=r"it raises SystemExit: 3"):
            labs.check(name, lambda *given, **named: sys.exit(3))

    def test_shapes_are_told_where_there_are_some(self, name: str) -> None:
        with pytest.raises(labs.LabError, match=r"it raises ValueError: odd") as caught:
            labs.check(name, raises)
        assert "none" not in str(caught.value)
        has = name not in ("receptive_field", "seconds_of")
        assert ("inputs of shape (" in str(caught.value)) == has


#: Not those whose inputs are functions and numbers.
@pytest.mark.parametrize("name", [name for name in labs.EXERCISES if name != "seconds_of"])
def test_inputs_changed_in_place(name: str) -> None:
    def spoils(*given: Any, **named: Any) -> Any:
        result = RIGHT[name](*given, **named)
        for each in given:
            if isinstance(each, Tensor):
                each.detach().mul_(0.5)
            elif isinstance(each, (list, dict)):
                each.clear()
        return result

    with pytest.raises(labs.LabError, match="it changes its input"):
        labs.check(name, spoils)


def raises(*given: Any, **named: Any) -> None:
    raise ValueError("odd.")


@pytest.mark.parametrize("name", labs.EXERCISES)
def test_what_is_not_written_says_the_task(name: str) -> None:
    def blank(*given: Any, **named: Any) -> None:
        raise NotImplementedError

    with pytest.raises(labs.LabError, match=r"is not written yet\. Your task: "):
        labs.check(name, blank)
    with pytest.raises(labs.LabError, match="is to be a function, got a int"):
        labs.check(name, 3)  # type: ignore[arg-type]


def test_an_unknown_exercise_is_refused() -> None:
    with pytest.raises(OptionError, match=r'Unknown exercise .*Did you mean "gram_matrix"'):
        labs.check("gram_matrx", RIGHT["gram_matrix"])


def test_a_notebook_shows_the_message_alone() -> None:
    with pytest.raises(labs.LabError) as caught:
        labs.check("mix", lambda c, t, alpha: c)
    assert caught.value._render_traceback_() == [f"Not yet. {caught.value}"]


@pytest.mark.parametrize("lab", [2, 3, 4, 5, 6, 7, 8])
def test_there_are_four_wrong_answers_of_each_lab(lab: int) -> None:
    assert sum(name in labs.list_exercises(lab) for name, _, _ in WRONG) >= 4
