"""Several methods on the same pair of pictures: results, seconds and losses side by side.

>>> from styletransfer import samples
>>> content, style = samples.draw("valley", long_edge=64), samples.draw("mosaic", long_edge=64)
>>> comparison = compare(content, style, scales=(1.0,), steps=2)
>>> [row.method for row in comparison.rows]
['gatys', 'adain']
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch

from styletransfer._checks import choice, number
from styletransfer.comparing.conditions import conditions
from styletransfer.comparing.result import Comparison, ComparisonRow, describe_progress
from styletransfer.comparing.warm_up import warm_up
from styletransfer.errors import (
    CompareInterrupted,
    ImageError,
    OptionError,
    StyleTransferError,
    StylizeInterrupted,
)
from styletransfer.features.vgg import VGG19Features
from styletransfer.images import ImageSource, Picture
from styletransfer.images.pixels import filled
from styletransfer.job import Fetch, Job, prepare
from styletransfer.judging.judge import Judge, create_judge
from styletransfer.methods import METHODS, distribute_options
from styletransfer.peers import DEFAULT_TIMEOUT, LONGEST_TIMEOUT, Peer, find_peers
from styletransfer.peers.run import PeerResult, run_peers
from styletransfer.progress import shown
from styletransfer.stylizer import EncodedStyle, Masks, OnStep, Step, Strength, Stylization

__all__ = ["Comparison", "ComparisonRow", "check_methods", "compare"]


def compare(
    content: ImageSource | Picture,
    style: ImageSource | Picture,
    methods: str | Sequence[str] | None = None,
    *,
    extractor: str | VGG19Features | None = None,
    device: str | torch.device | None = None,
    long_edge: int | None = None,
    short_edge: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    on_step: Callable[[str, Step], None] | None = None,
    progress: bool = False,
    fetch: Fetch | None = None,
    judge: str | Judge | None = None,
    peers: str | Peer | Sequence[str | Peer] = (),
    peer_timeout: float = DEFAULT_TIMEOUT,
    strength: Strength = 1.0,
    masks: Masks | None = None,
    style_masks: Masks | None = None,
    preserve: Masks | None = None,
    **shared: Any,
) -> Comparison:
    """Run several methods on the same pictures, under the same judge.

    Every method runs one untimed step on a small picture first, so that the seconds are those of the work and
    not of the first call's set-up. Loading weights, reading and writing files are not in the seconds either.

    Args:
        content: Path, PIL image, array (H, W), (H, W, 3) or (H, W, 4), or tensor (1, 3, H, W) in [0, 1].
        style: The same; one picture.
        methods: Names from `list_stylizers`, each once; all of them by default.
        extractor: Name of a weight set, or an extractor, which the methods share; each method's own if absent.
        device: Where to work; see `create_stylizer`.
        long_edge: Reduce both pictures to this longer side, pixels; never enlarges.
        short_edge: Reduce both to this shorter side instead.
        options: ``{method: {option: value}}``, for one method each.
        on_step: Called with the method's name and a `Step` after each step.
        progress: Show a progress bar for each method.
        fetch: Called with the name of each weight set that has to be downloaded; silent by default.
        judge: Who measures the results, by name or as an object; see `evaluate`.
        peers: Other people's programs to run on the same pictures afterwards; see `styletransfer.peers.find_peer`.
            The seconds of each may contain more than ours: see `ComparisonRow.clock`. One that fails is among
            `Comparison.failures`.
        peer_timeout: Seconds after which a peer is stopped.
        strength: See `stylize`; peers know nothing of it, nor of masks.
        masks: See `stylize`.
        style_masks: See `stylize`.
        preserve: See `stylize`.
        **shared: Options by name, as in `stylize`; each goes to every chosen method that has it.

    Returns:
        A `Comparison`.

    Raises:
        StyleTransferError: Bad input; found before any work starts wherever it can be.
        CompareInterrupted: Ctrl-C once there is something to keep; carries the comparison of the methods that
            are done and of the picture so far. Before that it is a plain KeyboardInterrupt.

    Example:
        >>> from styletransfer import samples
        >>> content, style = samples.draw("valley", long_edge=64), samples.draw("mosaic", long_edge=64)
        >>> comparison = compare(content, style, methods=("adain",), alpha=0.5)
        >>> comparison.rows[0].steps
        1
    """
    names = check_methods(methods)
    given: Any = style
    if isinstance(given, (list, tuple, EncodedStyle)):
        got = "an encoded one" if isinstance(given, EncodedStyle) else f"a {type(given).__name__}"
        raise ImageError(
            f"compare takes one style picture, which the judge has to see, got {got}; call it once for each style."
        )
    programs = check_peers(peers, peer_timeout)
    eyes = judge if isinstance(judge, Judge) else create_judge(judge, device=device)
    job = prepare(
        content,
        style,
        names,
        extractor=extractor,
        device=device,
        long_edge=long_edge,
        short_edge=short_edge,
        options=_options(names, options, shared),
        fetch=fetch,
    )
    if not isinstance(job.styles[0], Picture):
        raise ImageError(
            "compare takes a style picture, which the judge has to see, got an encoded one; give the picture."
        )
    counts = [picture.rgb.shape[0] for picture in (job.content, _style(job))]
    if counts != [1, 1]:
        raise ImageError(
            f"compare takes one content and one style, got batches of {counts[0]} and {counts[1]}; "
            "call it once for each pair."
        )
    request: dict[str, Any] = {
        "strength": strength,
        "masks": masks,
        "style_masks": style_masks,
        "preserve": preserve,
    }
    for stylizer in job.stylizers.values():
        stylizer.check(job.content, job.styles, **request)
    results: dict[str, Stylization] = {}
    outcomes: dict[str, PeerResult | StyleTransferError] = {}
    try:
        with shown(job.stylizers, job.content, enabled=progress) as bars:
            watchers = [watcher for watcher in (bars, on_step) if watcher is not None]
            for name, stylizer in job.stylizers.items():
                warm_up(stylizer, job.content, _style(job))
                results[name] = job.run(name, on_step=_watch(name, watchers), **request)
        pictures = job.content, _style(job)
        for peer, outcome in run_peers(
            programs, *pictures, progress=progress, device=job.device, timeout=peer_timeout
        ):
            outcomes[peer] = outcome
        return _judged(results, outcomes, job, eyes, request)
    except KeyboardInterrupt as interrupt:
        if isinstance(interrupt, StylizeInterrupted) and interrupt.stylization.history:
            results[name] = interrupt.stylization
        if not results:
            raise KeyboardInterrupt from None
        reached = _judged(results, outcomes, job, eyes, request)
        asked = [*names, *(peer.name for peer in programs)]
        raise CompareInterrupted(
            f"Interrupted ({describe_progress(reached, asked)}); what was reached is kept on this exception as "
            ".comparison.",
            comparison=reached,
        ) from None


def check_methods(methods: str | Sequence[str] | None = None) -> list[str]:
    """Return `methods` as a list; all registered ones for None.

    Raises:
        OptionError: None, an unknown one, or one that stands twice.
    """
    names = list(METHODS) if methods is None else [methods] if isinstance(methods, str) else list(methods)
    if not names:
        raise OptionError(f"compare needs at least one method; choose from: {', '.join(METHODS)}.")
    for position, name in enumerate(names):
        choice(name, METHODS, "method")
        if name in names[:position]:
            raise OptionError(f"The method {name!r} stands twice in methods; name each once.")
    return names


def check_peers(peers: str | Peer | Sequence[str | Peer], timeout: float = DEFAULT_TIMEOUT) -> list[Peer]:
    """Return `peers`, each of which is there and has a name that no method and no file of a comparison has.

    Raises:
        OptionError: An unknown peer, a name that is taken, or a wrong `timeout`.
        PeerError: A peer that is not there.
    """
    number(timeout, "peer_timeout", above=0.0, high=LONGEST_TIMEOUT)
    return find_peers(peers, taken=[*METHODS, "comparison", "content", "style"])


def _options(names: Sequence[str], options: object, shared: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Join options by method with those for all; the former win."""
    given = {} if options is None else options
    if not isinstance(given, Mapping) or not all(isinstance(own, Mapping) for own in given.values()):
        raise OptionError(
            f"options must be {{method: {{option: value}}}}, e.g. {{{names[0]!r}: {{...}}}}, got {options!r}."
        )
    for name in given:
        choice(name, names, "method in options")
    spread = distribute_options(names, shared)
    return {name: {**spread[name], **given.get(name, {})} for name in names}


def _style(job: Job) -> Picture:
    """Return the one style, which is a picture."""
    return cast(Picture, job.styles[0])


def _watch(method: str, watchers: Sequence[Callable[[str, Step], object]]) -> OnStep | None:
    """Return a callback that passes a method's steps to all watchers, or None if there are none."""

    def tell(step: Step) -> None:
        for watcher in watchers:
            watcher(method, step)

    return tell if watchers else None


def _judged(
    results: Mapping[str, Stylization],
    outcomes: Mapping[str, PeerResult | StyleTransferError],
    job: Job,
    judge: Judge,
    asked: Mapping[str, Any],
) -> Comparison:
    """Measure every result in the same way."""
    content, style, device = job.content, _style(job), job.device
    pictures = content.rgb.to(device), style.rgb.to(device)
    pair = judge.pair(content, style)
    objectives = {name: stylizer.objective(*pictures) for name, stylizer in job.stylizers.items()}
    peers = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, PeerResult)}
    everything: dict[str, Stylization | PeerResult] = {**results, **peers}
    rows = tuple(
        ComparisonRow(
            method=name,
            seconds=result.seconds,
            steps=len(result.history) if isinstance(result, Stylization) else None,
            losses=result.losses if isinstance(result, Stylization) else {},
            objectives={
                owner: loss(result.image.to(device)) for owner, loss in objectives.items() if loss is not None
            },
            evaluation=pair(_seen(result, content)),
            clock=result.clock if isinstance(result, PeerResult) else "work",
        )
        for name, result in everything.items()
    )
    return Comparison(
        content=content,
        style=style,
        rows=rows,
        references=pair.references(),
        results=results,
        conditions=conditions(job, content, style, judge, asked),
        peers=peers,
        failures={name: str(outcome) for name, outcome in outcomes.items() if name not in peers},
    )


def _seen(result: Stylization | PeerResult, content: Picture) -> Stylization | Picture:
    """Return a result as the judge is to see it: a peer's with the content's transparency, like ours."""
    if isinstance(result, Stylization):
        return result
    return Picture(rgb=result.image if content.alpha is None else filled(result.image, content.alpha.cpu()))
