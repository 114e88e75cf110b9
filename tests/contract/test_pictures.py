"""Pictures of the default methods and the fast decoder, held by the judge's figures and by their own losses.

The figures stand in pictures.json. After a change that is meant to move them (new weights, say) write them again:

    python tests/contract/test_pictures.py

They agree to 0.3 % between one and two threads, and with oneDNN switched off; on a processor with other vector
instructions the smallest term of the descent's loss moved by 5 %, hence the room below. Longer descents agree
less: L-BFGS magnifies rounding, so that after twenty steps the figures differ by 8 %.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import styletransfer as st
from styletransfer import samples

TABLE = Path(__file__).with_name("pictures.json")
PAIRS = (("valley", "mosaic"), ("harbour", "night"))
LONG_EDGE = 96
#: Method, its extractor, options, and the relative difference that is allowed. Beside its steps, all of
#: the descent is the default.
CASES: dict[str, tuple[str, str, dict[str, Any], float]] = {
    "gatys": ("gatys", "vgg19-lite", {"steps": (5, 5)}, 0.05),
    "adain": ("adain", "vgg19-lite-1", {}, 0.01),
    "adain fast": ("adain", "vgg19-lite-1", {"decoder": "fast"}, 0.01),
}


def figures(case: str, content: str, style: str) -> dict[str, float]:
    pair = [st.load_image(samples.draw(name, long_edge=LONG_EDGE)) for name in (content, style)]
    method, extractor, options, _ = CASES[case]
    result = st.stylize(*pair, method=method, extractor=extractor, device="cpu", **options)
    judged = st.evaluate(result, *pair, judge="vgg19-lite-1")
    own = {f"own {term}": value for term, value in result.losses.items()}
    return judged.figures() | own


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("case", CASES)
def test_pictures_are_what_they_were(case: str, pair: tuple[str, str]) -> None:
    wanted = json.loads(TABLE.read_text(encoding="utf-8"))[case]["-".join(pair)]
    # A colour term of 0.01 in a loss of 3 says little by its third digit.
    assert figures(case, *pair) == pytest.approx(wanted, rel=CASES[case][3], abs=1e-3)


def write_table() -> None:
    torch.set_num_threads(1)
    table = {
        case: {"-".join(pair): {k: float(f"{v:.5g}") for k, v in figures(case, *pair).items()} for pair in PAIRS}
        for case in CASES
    }
    TABLE.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_table()
