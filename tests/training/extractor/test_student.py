"""The student: its scaling, its copy of an extractor, its widths."""

from __future__ import annotations

import copy

import pytest
import torch

from styletransfer.features.vgg import VGG19Features
from styletransfer.training.extractor.student import Student, student_widths

WIDTHS = (4, 4, 6, 8, 8)


class TestStudent:
    def test_scaling_leaves_the_function_as_it_is(self) -> None:
        student, images = Student(WIDTHS), torch.rand(2, 3, 48, 40)
        before = {tap: x.detach() for tap, x in student(images).items()}
        student.scale_to_unit_means([images])
        after = {tap: x.detach() for tap, x in student(images).items()}
        for tap, x in before.items():
            factor = x.mean(dim=(0, 2, 3), keepdim=True) / after[tap].mean(dim=(0, 2, 3), keepdim=True)
            torch.testing.assert_close(after[tap] * factor.nan_to_num(1.0), x, rtol=1e-3, atol=1e-4)

    def test_scaling_gives_steady_channels_a_mean_of_one_and_rare_ones_a_bounded_loudness(self) -> None:
        student, images = Student(WIDTHS), torch.rand(2, 3, 48, 40)
        with torch.no_grad():  # one channel fires at the brightest positions only, one never
            first = student(images)["relu1_1"]
            student.convs["conv1_1"].bias[0] -= 0.97 * first[:, 0].max()
            student.convs["conv1_1"].bias[1] = -100.0
        student.scale_to_unit_means([images])
        for tap, x in student(images).items():
            mean, rms = x.mean(dim=(0, 2, 3)), x.square().mean(dim=(0, 2, 3)).sqrt()
            alive = rms > 1e-4
            expected = torch.where(rms / mean > 4, rms / 4, mean)[alive]
            torch.testing.assert_close(expected, torch.ones_like(expected), rtol=1e-3, atol=1e-3)
            if tap == "relu1_1":
                assert mean[0] < 0.9
                assert not alive[1]
        assert student.convs["conv1_1"].bias[1] == -100.0

    def test_scaling_takes_pictures_in_parts(self) -> None:
        student, images = Student(WIDTHS), torch.rand(4, 3, 32, 32)
        parted = copy.deepcopy(student)
        student.scale_to_unit_means([images])
        parted.scale_to_unit_means(images.split(2))
        torch.testing.assert_close(parted.state_dict(), student.state_dict(), rtol=1e-4, atol=1e-5)

    def test_a_copy_of_an_extractor_is_that_extractor(self, narrow: VGG19Features) -> None:
        images = torch.rand(1, 3, 32, 48)
        student = Student.of(narrow)
        assert (student.widths, student.last) == (narrow.widths, "conv4_1")
        taps = {tap: x.detach() for tap, x in student(images).items()}
        torch.testing.assert_close(narrow(images, list(taps)), taps)
        with torch.no_grad():
            next(iter(student.parameters())).zero_()
        assert narrow.convs["conv1_1"].weight.any()

    @pytest.mark.parametrize(
        ("width", "expected"),
        [(1.0, (64, 128, 256, 512, 512)), (0.25, (16, 32, 64, 128, 128)), (0.001, (1, 1, 1, 1, 1))],
    )
    def test_widths(self, width: float, expected: tuple[int, ...]) -> None:
        assert student_widths(width) == expected
