"""Word vectors."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from . import _core


class Vectors:
    """Word vectors: ``Vectors("en")`` and ``Vectors("zh")`` are those that come with spiketext, a path is a file of GloVe,
    word2vec or fastText, packed or not. ``words`` reads at most so many from its head.
    """

    def __init__(self, source: str | PathLike[str] = "en", *, words: int | None = None) -> None:
        if words is not None and words < 1:
            raise ValueError(f"words: expected a number from 1, got {words}")
        self._core = _core.Vectors.load(source, words=words)
        self._words: list[str] | None = None

    @property
    def dimension(self) -> int:
        """Numbers of a vector, D."""
        return self._core.dimension

    @property
    def words(self) -> list[str]:
        """All words, the most frequent first where the file has them so."""
        if self._words is None:
            self._words = self._core.words()
        return self._words

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __len__(self) -> int:
        return len(self._core)

    def __contains__(self, word: str) -> bool:
        return word in self._core

    def __getitem__(self, word: str) -> NDArray[np.float32]:
        """The vector of a word, ``[D]``."""
        vector = self._core.vector(word)
        if vector is None:
            raise KeyError(word)
        return vector

    def to_numpy(self) -> NDArray[np.float32]:
        """All vectors, ``[V, D]``."""
        return self._core.matrix()

    def rates(self) -> NDArray[np.float32]:
        """The rates from 0 to 1 that become spikes, ``[V, D]`` (equation 1 of docs/DESIGN.md)."""
        return self._core.rates()

    def neighbours(self, word: str, count: int = 10, *, least_cosine: float = 0.0) -> list[str]:
        """The words whose vectors point most nearly the same way, nearest first."""
        if word not in self._core:
            raise KeyError(word)
        if count < 0:
            raise ValueError(f"count: expected a number from 0, got {count}")
        return self._core.neighbours(word, count, least_cosine)

    def __repr__(self) -> str:
        return f"Vectors(words={len(self)}, dimension={self.dimension})"
