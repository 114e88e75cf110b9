"""The judges by name: frozen for good, never mixed, the strict one first."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import styletransfer as st
from styletransfer.errors import JudgeError, WeightsError
from styletransfer.judging import judges
from styletransfer.judging.evaluation import Evaluation
from styletransfer.judging.judge import create_judge
from styletransfer.judging.judges import JUDGES, JudgeLabel, orientation_text, same_judge
from styletransfer.weights import store

real_default = judges.default_judge  # before the tests' fence replaces it

#: Measured once, and never to be changed: a judge that measures something else needs another name or version.
PINNED = json.loads(Path(__file__).with_name("pinned.json").read_text(encoding="utf-8"))

needs_its_network = [
    pytest.param(name, marks=pytest.mark.skipif(not info.available, reason=f"{name} is not installed"))
    for name, info in JUDGES.items()
]


def pattern(first: float, second: float, size: tuple[int, int] = (56, 72)) -> Tensor:
    """Return waves in three colours, (1, 3, H, W), rounded to 8 bits; the same on every machine."""
    y, x = torch.meshgrid(*(torch.arange(side, dtype=torch.float64) for side in size), indexing="ij")
    waves = [
        torch.sin(first * x + n) * torch.cos(second * y - n) + 0.3 * torch.sin(x * y / 90 + n) for n in range(3)
    ]
    picture = 0.5 + torch.stack(waves)[None] / 3
    return picture.mul(255).round().div(255).float().clamp(0, 1)


def figures(name: str) -> dict[str, float]:
    content, style, other = pattern(0.21, 0.13), pattern(1.1, 0.7, (48, 48)) ** 2, pattern(0.9, 0.5)
    evaluation = create_judge(name, device="cpu")((content + other) / 2, content, style)
    layers = {f"{kind} {k}": v for kind in ("moment", "gram") for k, v in getattr(evaluation, kind).items()}
    return evaluation.figures() | layers


@pytest.mark.parametrize("name", needs_its_network)
def test_its_figures_are_what_they_were(name: str) -> None:
    assert figures(name) == pytest.approx(PINNED[name], rel=2e-3)


def test_another_extractor_moves_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assets = tmp_path / "assets"
    shutil.copytree(store.assets_dir(), assets)
    before = load_file(assets / "vgg19-lite.safetensors")
    scaled = {name: value * 0.9 if name.endswith("bias") else value for name, value in before.items()}
    save_file(scaled, assets / "vgg19-lite.safetensors")
    sums = (assets / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    digest = store.sha256_of(assets / "vgg19-lite.safetensors")
    sums = [
        f"{digest}  vgg19-lite.safetensors" if line.endswith(" vgg19-lite.safetensors") else line for line in sums
    ]
    (assets / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="ascii")
    monkeypatch.setattr(store, "assets_dir", lambda: assets)
    changed = st.create_extractor("vgg19-lite", device="cpu")
    assert not torch.equal(changed.convs["conv1_1"].bias, before["conv1_1.bias"])
    assert figures("vgg19-lite-1") == pytest.approx(PINNED["vgg19-lite-1"], rel=2e-3)


def test_a_judge_refuses_another_network_however_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assets = tmp_path / "assets"
    shutil.copytree(store.assets_dir(), assets)
    file = assets / "vgg19-lite-1.safetensors"
    save_file({name: value * 0.9 for name, value in load_file(file).items()}, file)
    (assets / "SHA256SUMS").write_text(f"{store.sha256_of(file)}  {file.name}\n", encoding="ascii")
    monkeypatch.setattr(store, "assets_dir", lambda: assets)
    with pytest.raises(WeightsError, match="judge vgg19-lite-1 was frozen with"):
        create_judge("vgg19-lite-1")


def test_the_strict_judge_is_the_default_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert st.list_judges() == ["vgg19-oxford", "vgg19-lite-1"]
    assert real_default() == ("vgg19-oxford" if JUDGES["vgg19-oxford"].available else "vgg19-lite-1")
    statuses = [s for s in store.list_weights() if s.name != "vgg19-oxford"]
    monkeypatch.setattr(store, "list_weights", lambda: statuses)
    assert real_default() == "vgg19-lite-1"


class TestLabels:
    one, other = (JudgeLabel("a", 2, digit * 64) for digit in "01")

    def test_the_same_judge_is_returned(self) -> None:
        assert same_judge([self.one, JudgeLabel("a", 2, "0" * 64)]) == self.one

    @pytest.mark.parametrize("other", [other, JudgeLabel("b", 2, "0" * 64), JudgeLabel("a", 3, "0" * 64)])
    def test_figures_of_different_judges_are_refused(self, other: JudgeLabel) -> None:
        with pytest.raises(JudgeError, match=r"different judges: a 2 \(00000000\), .*judge all pictures again"):
            same_judge([self.one, self.one, other])

    def test_no_figures_at_all_have_no_judge(self) -> None:
        with pytest.raises(JudgeError, match="no figures"):
            same_judge([])

    def test_a_label_survives_json(self) -> None:
        assert JudgeLabel.from_dict(json.loads(json.dumps(self.one.to_dict())), "it") == self.one

    @pytest.mark.parametrize("stored", [None, 1, {}, {"name": "a", "version": "2", "sha256": "0"}])
    def test_figures_without_a_judge_are_refused(self, stored: object) -> None:
        with pytest.raises(JudgeError, match=r"old\.json does not say which judge"):
            JudgeLabel.from_dict(stored, "old.json")

    def test_known_results_are_told_by_their_own_judge_only(self) -> None:
        assert orientation_text(self.one) == ""
        for judge in JUDGES.values():
            assert all(set(known) <= set(PINNED[judge.name]) for known in judge.orientation.values())
            assert ("For orientation" in orientation_text(judge.label)) == bool(judge.orientation)


def test_a_comparison_refuses_rows_of_different_judges() -> None:
    content, style = pattern(0.2, 0.1), pattern(1.0, 0.5)
    made = st.compare(content, style, "adain")
    row = made.rows[0]
    foreign = Evaluation(**{**vars(row.evaluation), "judge": TestLabels.one})
    with pytest.raises(JudgeError, match="different judges"):
        type(made)(**{**vars(made), "rows": (type(row)(**{**vars(row), "evaluation": foreign}),)})


if __name__ == "__main__":  # for a new judge
    print(json.dumps({name: figures(name) for name, info in JUDGES.items() if info.available}, indent=2))
