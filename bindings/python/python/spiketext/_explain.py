"""Why a text has its label."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Ngram:
    """A window of words that made filters fire: tokens ``start`` to ``end`` (the token after the last) of a kernel of ``width``.

    ``parts`` is what all its spikes said for each class, ``[K]``, ``units`` the same in whole units of the grid where nothing was
    assumed, ``filters`` which filters fired and how often.
    """

    width: int
    start: int
    end: int
    parts: NDArray[np.float64]
    units: NDArray[np.int64] | None
    filters: list[tuple[int, int]]


@dataclass(frozen=True)
class Explanation:
    """What each word and n-gram of a text said for and against each class. Axes: L token, K class, in the order of ``labels``.

    ``scores`` is ``base`` plus the sum of ``words``, and ``base`` plus the sum of the n-grams' parts. Where ``approximations`` is
    empty the parts of n-grams are exact: spikes times weights. How an n-gram's part is shared among its words is an assumption
    everywhere: by the currents with which they drove its spikes.
    """

    tokens: list[str]
    known: NDArray[np.bool_]
    labels: list[str]
    label: str
    #: The second most probable class; the same where there is no other.
    runner_up: str
    probabilities: NDArray[np.float32]
    scores: NDArray[np.float64]
    base: NDArray[np.float64]
    #: What each word said, ``[L, K]``.
    words: NDArray[np.float64]
    ngrams: list[Ngram] = field(repr=False)
    #: What was assumed on the way from the scores to the n-grams.
    approximations: list[str]
    #: By how much each score falls without each word, ``[L, K]``; not a number for the last known word; None if not asked for.
    drops: NDArray[np.float64] | None
    #: Pearson's correlation of what words said with these drops, between label and runner-up.
    correlation: float | None
    #: The places of the fewest words that keep the label, and whether all smaller sets were tried.
    fewest: tuple[list[int], bool] | None
    _several: bool = field(default=False, repr=False)

    def pushes(self, parts: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """How far each word, or the given parts ``[..., K]``, push from the runner-up to the label; of a model of several labels
        how far they push to the label."""
        parts = self.words if parts is None else np.asarray(parts)
        label, other = self.labels.index(self.label), self.labels.index(self.runner_up)
        pushes: NDArray[np.float64] = parts[..., label] if self._several or label == other else parts[..., label] - parts[..., other]
        return pushes

    @classmethod
    def _of(cls, told: dict[str, Any], labels: list[str], several: bool) -> Explanation:
        numbers = told.pop("label"), told.pop("runner_up")
        ngrams = [Ngram(**ngram) for ngram in told.pop("ngrams")]
        label, runner_up = (labels[number] for number in numbers)
        return cls(**told, labels=labels, label=label, runner_up=runner_up, ngrams=ngrams, _several=several)
