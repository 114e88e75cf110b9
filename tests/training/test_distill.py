from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from styletransfer.features import create_extractor
from styletransfer.training.distill import OXFORD_TAPS, SMALL_TAPS, Student, Target, distill


class TestStudent:
    def test_scaling_leaves_the_function_as_it_is(self) -> None:
        student, images = Student(), torch.rand(2, 3, 48, 40)
        before = {tap: x.detach() for tap, x in student(images).items()}
        student.scale_to_unit_means(images)
        after = {tap: x.detach() for tap, x in student(images).items()}
        for tap, x in before.items():
            means = x.mean(dim=(0, 2, 3), keepdim=True).clamp_min(1e-2)
            torch.testing.assert_close(after[tap] * means, x, rtol=1e-3, atol=1e-4)

    def test_scaling_gives_living_channels_a_mean_of_one(self) -> None:
        student, images = Student(), torch.rand(2, 3, 48, 40)
        alive = {tap: x.mean(dim=(0, 2, 3)) > 1e-2 for tap, x in student(images).items()}
        student.scale_to_unit_means(images)
        for tap, x in student(images).items():
            means = x.mean(dim=(0, 2, 3))[alive[tap]]
            torch.testing.assert_close(means, torch.ones_like(means), rtol=1e-3, atol=1e-3)

    def test_its_file_is_an_extractor_with_the_same_features(self, tmp_path: Path) -> None:
        student, images = Student(), torch.rand(1, 3, 32, 40)
        path = tmp_path / "student.safetensors"
        save_file({name: x.contiguous() for name, x in student.tensors().items()}, path)
        taps = student(images)
        features = create_extractor("vgg19-lite", weights=path, device="cpu")(images, list(taps))
        for tap, x in taps.items():
            torch.testing.assert_close(features[tap], x, rtol=1e-4, atol=1e-5)


def test_target_is_1_for_guessing_the_mean() -> None:
    sample = 300 * torch.randn(4, 5, 6, 6) + 100
    target = Target(sample)
    assert target.loss(torch.zeros(4, 5, 6, 6), sample).item() == pytest.approx(1.0, rel=1e-4)
    assert target.loss((sample - target.mean) / target.deviation, sample).item() == 0.0


def test_a_short_run(
    pictures: Path, oxford_file: Path, small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "lite.safetensors"
    settings = {"batch": 4, "size": 32, "learning_rate": 1e-2}
    first = distill([pictures, pictures], oxford_file, small_file, output, steps=1, **settings)
    last = distill([pictures, pictures], oxford_file, small_file, output, steps=25, **settings)
    assert set(first) == {f"oxford_{t}" for t in OXFORD_TAPS} | {f"small_{t}" for t in SMALL_TAPS}
    # The numbers are running means over about 50 steps, so they lag behind.
    assert sum(last.values()) < 0.95 * sum(first.values())
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["step"] for record in told] == [10]
    stored = load_file(output)
    assert {x.dtype for x in stored.values()} == {torch.float16}
    extractor = create_extractor("vgg19-lite", weights=output, device="cpu")
    features = extractor(torch.rand(1, 3, 32, 32), ["relu5_1"])["relu5_1"]
    assert features.isfinite().all()
