"""Distillation: the student's scaling, the heads, who teaches which tap, and the file that comes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from styletransfer.errors import OptionError, WeightsError
from styletransfer.features import create_extractor
from styletransfer.features.vgg import VGG19Features
from styletransfer.methods import create_stylizer
from styletransfer.training import train_decoder, train_extractor
from styletransfer.training.extractor.student import Student
from styletransfer.training.extractor.task import ExtractorTask, Head, _plan
from styletransfer.training.teachers import Teacher, load_teacher

WIDTHS = (4, 4, 6, 8, 8)


class TestHead:
    def test_guessing_the_mean_costs_1_and_the_truth_nothing(self) -> None:
        sample = 300 * torch.randn(4, 5, 6, 6) + 100
        head = Head(torch.rand(4, 5, 6, 6), sample)
        with torch.no_grad():
            head.conv.weight.zero_()
            head.conv.bias.zero_()
        error, gram = head.losses(torch.rand(4, 5, 6, 6), sample)
        assert error.item() == pytest.approx(1.0, rel=1e-4)
        assert gram.item() == pytest.approx(1.0, rel=1e-4)
        with torch.no_grad():
            head.conv.weight.copy_(torch.eye(5).view(5, 5, 1, 1))
        error, gram = head.losses((sample - head.mean) / head.deviation, sample)
        assert error.item() == pytest.approx(0, abs=1e-9)
        assert gram.item() == pytest.approx(0, abs=1e-9)

    def test_begins_with_what_the_student_knows(self) -> None:
        features = torch.rand(2, 3, 8, 8)
        target = torch.einsum("bchw,dc->bdhw", features, torch.randn(5, 3)) + torch.randn(5).view(1, 5, 1, 1)
        error, _ = Head(features, target).losses(features, target)
        assert error.item() < 0.01

    def test_begins_finite_where_channels_are_silent(self) -> None:
        features = torch.zeros(2, 3, 8, 8)
        error, _ = Head(features, torch.rand(2, 5, 8, 8)).losses(features, torch.rand(2, 5, 8, 8))
        assert torch.isfinite(error)

    def test_channels_keep_their_share(self) -> None:
        """One scale for all: a quiet channel must not weigh as much as a loud one."""
        sample = torch.randn(4, 2, 6, 6) * torch.tensor([10.0, 0.1]).view(1, 2, 1, 1)
        assert Head(torch.rand(4, 3, 6, 6), sample).deviation.shape == ()


class TestPlan:
    def test_exact_taps_come_before_predicted_ones(self, oxford_file: Path, small_file: Path) -> None:
        oxford, small = load_teacher(oxford_file), load_teacher(small_file)
        student = Student(WIDTHS)
        exact = ["relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1"]
        rest = ["relu3_3", "relu4_1", "relu4_2", "relu4_4", "relu5_1"]
        assert _plan(student, [oxford, small]) == [exact, rest]
        assert _plan(student, [small, oxford]) == [rest, exact]

    def test_the_student_is_taught_what_it_has(self, small_file: Path) -> None:
        """A narrow network's own taps, whether it has heads there or not."""
        taps = ["relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_3", "relu4_1"]
        assert _plan(Student(WIDTHS, "conv4_1"), [load_teacher(small_file)]) == [taps]

    def test_a_narrow_tap_is_learnt_rather_than_the_prediction_made_of_it(self, small_file: Path) -> None:
        small, images = load_teacher(small_file), torch.rand(1, 3, 32, 32)
        [(tap, target)] = ExtractorTask._taught(small, ["relu4_1"], images).items()
        assert torch.equal(target, small.network(images, [tap])[tap])
        assert target.shape[1] != small(images, [tap])[tap].shape[1]

    def test_the_deepest_convolution_is_taught(self, small_file: Path) -> None:
        """Otherwise it would be written as random as it began."""
        [taps] = _plan(Student(WIDTHS, "conv4_3"), [load_teacher(small_file)])
        assert taps[-2:] == ["relu4_2", "relu4_3"]

    def test_no_teacher_goes_deep_enough(self, oxford_file: Path) -> None:
        with pytest.raises(OptionError, match=r"reaches conv4_1.*deepest layer of any is relu3_1.*--last conv3_1"):
            _plan(Student(WIDTHS, "conv4_1"), [load_teacher(oxford_file)])


Train = Callable[..., Path]


@pytest.fixture
def distil(pictures: Path, oxford_file: Path, small_file: Path, tmp_path: Path, tiny: dict[str, Any]) -> Train:
    """A function that distils for a few steps and returns the file."""

    def train(name: str = "student", **options: Any) -> Path:
        teachers = [oxford_file, small_file]
        chosen = tiny | {"preset": "lab", "steps": 2, "width": 1 / 16, "last": "conv4_1"} | options
        outcome = train_extractor([pictures], tmp_path / name, teachers=teachers, **chosen)
        assert outcome.finished
        return outcome.files[0]

    return train


class TestRun:
    def test_its_file_is_an_extractor(self, distil: Train) -> None:
        path = distil()
        with safe_open(path, "pt") as file:
            spec = json.loads(file.metadata()["spec"])
            assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
            assert not [name for name in file.keys() if "head" in name]  # noqa: SIM118
        extractor = create_extractor(path, device="cpu")
        assert extractor.name == spec["name"]
        assert extractor.name.startswith("vgg19-x0.0625-")
        assert extractor.widths == (4, 8, 16, 32, 32)
        assert extractor.available[-1] == "relu4_1"
        assert spec["notes"]["steps_done"] == 2
        assert extractor(torch.rand(1, 3, 32, 32), ["relu4_1"])["relu4_1"].isfinite().all()
        card = path.with_suffix(".md").read_text(encoding="utf-8")
        assert "teachers: oxford.safetensors, small.safetensors" in card
        assert "| width | 0.0625 |" in card
        unexplained = spec["notes"]["unexplained"]
        assert list(unexplained) == [tap for tap in spec["notes"]["losses"] if tap.startswith("relu")]
        assert all(0 < share < 1.5 for share in unexplained.values())
        assert f"| relu4_1 | {unexplained['relu4_1']:.3g} |" in card

    def test_the_name_tells_the_weights_apart(self, distil: Train) -> None:
        names = [create_extractor(distil(str(seed), seed=seed), device="cpu").name for seed in (0, 1)]
        assert names[0] != names[1]
        assert create_extractor(distil("again"), device="cpu").name == names[0]

    def test_it_learns(self, distil: Train, log: Callable[..., list[dict[str, Any]]]) -> None:
        path = distil(steps=40, learning_rate=3e-3, logging_steps=1, warmup_steps=0, batch_size=4)
        steps = log(path.parent, "step")
        taps = [name for name in steps[0] if name.startswith("weighted")]
        assert len(taps) == 7
        totals = [sum(step[tap] for tap in taps) for step in steps]
        assert sum(totals[-10:]) < 0.9 * sum(totals[:10])

    def test_a_teacher_is_explained_by_itself(self, distil: Train, pictures: Path, tiny: dict[str, Any]) -> None:
        path = distil()
        options = tiny | {"preset": "lab", "steps": 1, "learning_rate": 1e-9}
        outcome = train_extractor([pictures], path.parent / "again", teachers=[path], start=path, **options)
        with safe_open(outcome.files[0], "pt") as file:
            unexplained = json.loads(file.metadata()["spec"])["notes"]["unexplained"]
        *known, _ = unexplained.values()  # the deepest tap of so small a student is silent nearly everywhere
        assert max(known) < 1e-4

    def test_goes_on_from_an_extractor(self, distil: Train, narrow: VGG19Features) -> None:
        path = distil(start=narrow, learning_rate=1e-9)
        again = create_extractor(path, device="cpu")
        assert again.widths == narrow.widths  # not those of the option
        images = torch.rand(1, 3, 32, 32)
        ours, theirs = again(images, ["relu4_1"])["relu4_1"], narrow(images, ["relu4_1"])["relu4_1"]
        scale = ours.mean((2, 3)) / theirs.mean((2, 3)).clamp_min(1e-6)
        alive = theirs.mean((2, 3)) > 0.02
        spread = (ours - theirs * scale[:, :, None, None]).abs().amax((2, 3))
        assert spread[alive].max() < 0.1 * ours.max()

    def test_the_random_state_stays_as_it_was(self, distil: Train) -> None:
        before = torch.get_rng_state()
        distil()
        assert torch.equal(torch.get_rng_state(), before)

    def test_recompute_gives_the_same_weights(self, distil: Train) -> None:
        plain, again = (
            create_extractor(distil(str(r), gradient_checkpointing=r), device="cpu") for r in (False, True)
        )
        torch.testing.assert_close(plain.state_dict(), again.state_dict(), rtol=1e-2, atol=1e-4)

    @pytest.mark.parametrize("given", [{"pictures": []}, {"teachers": []}])
    def test_needs_pictures_and_teachers(self, given: dict[str, Any], pictures: Path, tmp_path: Path) -> None:
        chosen: dict[str, Any] = {"pictures": [pictures], "teachers": ["vgg19-lite-1"]} | given
        with pytest.raises(OptionError, match="at least one folder of pictures and one teacher"):
            train_extractor(output=tmp_path / "run", **chosen)


def test_a_decoder_is_bound_to_its_trained_extractor(
    distil: Train, pictures: Path, paintings: Path, tmp_path: Path, tiny: dict[str, Any]
) -> None:
    one, other = distil("one"), distil("other", seed=7)
    outcome = train_decoder(
        pictures,
        paintings,
        tmp_path / "run",
        extractor=str(one),
        preset="lab",
        steps=2,
        autoencoder_steps=1,
        **tiny,
    )
    decoder = outcome.files[0]
    content, style = torch.rand(1, 3, 40, 48), torch.rand(1, 3, 32, 32)
    stylizer = create_stylizer("adain", extractor=create_extractor(one, device="cpu"), decoder=decoder)
    assert stylizer.stylize(content, style).image.shape == (1, 3, 40, 48)
    with pytest.raises(
        WeightsError, match=r"trained for the extractor 'vgg19-x0\.0625-.*cannot decode features of"
    ):
        create_stylizer("adain", extractor=create_extractor(other, device="cpu"), decoder=decoder)


def test_an_extractor_can_teach(distil: Train) -> None:
    assert isinstance(load_teacher(distil()), Teacher)
