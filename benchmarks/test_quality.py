"""One picture of each method, and of other people's programs, for several pairs: judged, and kept for the page."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from benchmarks import pictures
from benchmarks.case import Case
from benchmarks.cases import part_options, peers
from benchmarks.harness import Bench
from benchmarks.networks import networks
from styletransfer.methods import METHODS
from styletransfer.peers.run import run_peer

#: Pixels of the pair on which a descent warms up.
_WARM_UP = "32"


@pytest.mark.matrix("quality")
def test_quality(bench: Bench, case: Case) -> None:
    nets, method = networks(case.extractor, case.device), METHODS[case.subject]
    brief = dict(method.brief)
    stylizer = nets.stylizer(case.subject, {**part_options(case), **({} if bench.plan.measuring else brief)})
    content, style = (picture.to(case.device) for picture in pictures.pair(case.pair, case.size))

    def warm_up() -> None:
        small = (picture.to(case.device) for picture in pictures.pair(case.pair, _WARM_UP))
        nets.stylizer(case.subject, brief).stylize(*small)

    image: Tensor = bench.run(
        lambda: stylizer.stylize(content, style).image,
        weights=nets.weights_of(case.subject),
        picture=lambda image: image,
        rounds=1 if method.iterative else None,
        warm_up=warm_up if method.iterative else None,
        weigh=False,
    )
    bench.benchmark.extra_info["picture"] = pictures.packed(image)


@pytest.mark.matrix("peers")
def test_peer(bench: Bench, case: Case) -> None:
    """It warms up and takes its seconds by itself where it can; `PeerResult.clock` says what they contain."""
    peer, pair = peers(bench.plan)[case.subject], pictures.pair(case.pair, case.size)
    result: Any = bench.run(
        lambda: run_peer(peer, *pair),
        weights="trained",
        picture=lambda result: result.image,
        rounds=1,
        warm_up=lambda: 0.0,
        weigh=False,
    )
    bench.benchmark.extra_info.update(peer=result.to_dict(), picture=pictures.packed(result.image))
