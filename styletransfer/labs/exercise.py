"""An exercise and its checks: properties that a right answer has, each with a hint for those that lack it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from styletransfer.errors import StyleTransferError
from styletransfer.labs.advice import GENERAL

Answer = Callable[..., Any]
#: Calls an answer and raises `LabError` if it lacks a property.
Check = Callable[[Answer], None]


class LabError(StyleTransferError):
    """An answer that is not right yet; the message says what it did, what is wanted, and hints at the way."""

    def _render_traceback_(self) -> list[str]:
        """Show notebooks the message alone: the fault is not where the check stands."""
        return [f"Not yet. {self}"]


@dataclass(frozen=True)
class Exercise:
    """What is to be written.

    Attributes:
        name: Of the function.
        lab: Number of its lab.
        task: One sentence.
        checks: In the order in which they are tried.
        advice: What the usual causes of exceptions are, by a regular expression that finds them.
    """

    name: str
    lab: int
    task: str
    checks: tuple[Check, ...]
    advice: Mapping[str, str] = field(default_factory=dict, hash=False)

    def check(self, answer: Answer) -> None:
        """Try every check.

        Raises:
            LabError: The first that fails.
        """
        if not callable(answer):
            raise LabError(f"{self.name} is to be a function, got a {type(answer).__name__}: {self.task}")
        for each in self.checks:
            try:
                each(answer)
            except LabError as problem:
                raise LabError(f"{self.name}: {problem}{self._advice(problem.__cause__)}") from problem.__cause__
            except Exception as problem:  # a result of such a kind that it cannot even be compared
                if _is_blank(problem):
                    raise LabError(f"{self.name} is not written yet. Your task: {self.task}") from None
                said = f"{type(problem).__name__}: {problem}"
                raise LabError(
                    f"{self.name}: its result cannot be compared with what is wanted ({said}). "
                    f"Your task: {self.task}"
                ) from problem

    def _advice(self, raised: BaseException | None) -> str:
        """Return what usually causes the exception that an answer raised, with a space before it."""
        if raised is None:
            return ""
        said = f"{type(raised).__name__}: {raised}"
        known = {**self.advice, **GENERAL}
        return next((f" {hint}" for pattern, hint in known.items() if re.search(pattern, said)), "")


def ask(answer: Answer, *inputs: Any, **named: Any) -> Any:
    """Call an answer; what it raises, and what it does to its inputs, is told.

    Raises:
        LabError: It raised, returned nothing, was interrupted, or changed an input.
    """
    before = [_copied(x) for x in inputs]
    began = time.perf_counter()
    try:
        result = answer(*inputs, **named)
    except LabError:
        raise
    except KeyboardInterrupt:
        raise LabError(
            f"it was interrupted after {time.perf_counter() - began:.0f} s. The inputs are small: "
            "does a loop never end?"
        ) from None
    except (Exception, SystemExit) as problem:
        if _is_blank(problem):
            raise
        shapes = ", ".join(str(tuple(x.shape)) for x in _tensors(inputs))
        said = f"{type(problem).__name__}: {problem}".removesuffix(".")
        raise LabError(f"it raises {said}{f' (inputs of shape {shapes})' if shapes else ''}.") from problem
    if result is None:
        raise LabError(
            "it returns nothing (None). A function gives back what stands after return; what is printed, or is "
            "only computed in the last line, is lost."
        )
    if not all(_same(was, now) for was, now in zip(before, inputs, strict=True)):
        raise LabError(
            "it changes its input. Operations whose names end with an underscore, x -= y, and methods of lists "
            "and dicts such as pop and sort work in place: the caller still needs the old values."
        )
    return result


def _is_blank(problem: BaseException) -> bool:
    """Tell whether this comes from a blank that was not filled in; torch's errors of this type have a message."""
    return isinstance(problem, NotImplementedError) and not str(problem)


def _copied(value: Any) -> Any:
    """Return an input as it is now: copies of tensors, also of those in dicts and lists."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value


def _same(was: Any, now: Any) -> bool:
    """Tell whether an input is still what was copied."""
    if isinstance(was, Tensor):
        return torch.equal(was, now.detach())
    if isinstance(was, dict):
        return list(was) == list(now) and all(_same(was[key], now[key]) for key in was)
    if isinstance(was, list):
        return len(was) == len(now) and all(_same(*pair) for pair in zip(was, now, strict=True))
    return True


def _tensors(inputs: Any) -> Iterator[Tensor]:
    """Yield the tensors among inputs, also those in dicts."""
    for each in inputs:
        if isinstance(each, Tensor):
            yield each
        elif isinstance(each, dict):
            yield from _tensors(each.values())
