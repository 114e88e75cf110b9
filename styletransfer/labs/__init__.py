"""Checks of the course labs (docs/labs): they test what an answer does, and hint at what is wrong with it.

>>> from styletransfer import labs
>>> labs.check("content_loss", lambda features, target: (features - target).square().mean())
content_loss: right, all 7 checks passed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from styletransfer._checks import choice
from styletransfer.labs import lab0, lab1, lab2, lab3, lab4, lab5, lab6, lab7, lab8
from styletransfer.labs.exercise import Exercise, LabError

__all__ = ["EXERCISES", "Exercise", "LabError", "check", "list_exercises"]

#: By name, in the order of the labs.
EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise
    for lab in (lab0, lab1, lab2, lab3, lab4, lab5, lab6, lab7, lab8)
    for exercise in lab.EXERCISES
}


def list_exercises(lab: int | None = None) -> list[str]:
    """Return the names of the exercises, of one lab or of all.

    Example:
        >>> list_exercises(2)
        ['content_loss', 'gram_matrix', 'channel_stats', 'total_variation']
    """
    return [name for name, exercise in EXERCISES.items() if lab in (None, exercise.lab)]


def check(name: str, answer: Callable[..., Any]) -> None:
    """Test an answer; print that it is right, or say what is wrong and hint at why.

    Args:
        name: Of the exercise; see `list_exercises`.
        answer: The function that you wrote.

    Raises:
        LabError: The first check that the answer fails, with a hint.
        OptionError: No exercise of that name.
    """
    exercise = EXERCISES[choice(name, EXERCISES, "exercise")]
    exercise.check(answer)
    count = len(exercise.checks)
    print(f"{name}: right, {f'all {count} checks' if count > 1 else 'the check'} passed.")
