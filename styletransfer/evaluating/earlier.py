"""Earlier evaluations that shall stand beside a new one: what is refused before the work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from styletransfer.errors import OptionError
from styletransfer.evaluating.result import SetEvaluation
from styletransfer.evaluating.sets import PairSet
from styletransfer.evaluating.summary import common_pairs
from styletransfer.judging.judge import REFERENCES

__all__ = ["check_earlier", "joined"]


def check_earlier(earlier: Sequence[SetEvaluation], methods: Iterable[str], chosen: PairSet) -> None:
    """Refuse names that would meet, and evaluations that cannot be compared with a new one.

    Args:
        earlier: The evaluations.
        methods: Those that shall be judged.
        chosen: The pairs that they have.

    Raises:
        OptionError: A name that is taken, an evaluation that was interrupted, or no pair that all have.
    """
    taken, common = set(methods), {pair.key for pair in chosen.pairs}
    for evaluation in earlier:
        if both := taken & set(evaluation.methods):
            raise OptionError(
                f'The method "{min(both)}" stands in an earlier evaluation, too; give one of them another name.'
            )
        label = f"The earlier evaluation of {', '.join(evaluation.methods)} ({evaluation.name})"
        if stopped := evaluation.conditions.get("interrupted"):
            raise OptionError(f"{label} was interrupted: {stopped}. Evaluate it anew, or leave it out.")
        common &= set(common_pairs(evaluation.pictures))
        if not common:
            raise OptionError(
                f'{label} has no pair in common with the set "{chosen.name}" and the others; give one of the same '
                "pairs. Pairs are told apart by the names of their files."
            )
        taken |= set(evaluation.methods)
    if both := taken & set(REFERENCES):
        raise OptionError(f'"{min(both)}" is the name of a reading aid; give the method another name.')


def joined(evaluation: SetEvaluation, earlier: Iterable[SetEvaluation]) -> SetEvaluation:
    """Return an evaluation with the earlier ones beside it."""
    for other in earlier:
        evaluation = evaluation.joined(other)
    return evaluation
