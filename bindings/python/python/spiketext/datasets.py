"""Known data sets by name: the built-in ones, and those whose original files are at hand (``spiketext data fetch``)."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from . import _core

__all__ = ["Dataset", "Part", "built_in", "load", "names"]


@dataclass(frozen=True)
class Part:
    """Texts and their labels, by name."""

    texts: list[str]
    labels: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Dataset:
    """A data set in three parts: to train on, to choose on, to look at once at the end."""

    name: str
    classes: list[str]
    train: Part
    development: Part
    test: Part


def names() -> list[str]:
    """Names that :func:`load` knows."""
    return [name for name, _ in _core.known_datasets()]


def built_in() -> list[str]:
    """Those that need no files."""
    return [name for name, is_built_in in _core.known_datasets() if is_built_in]


def load(name: str, *, data_dir: str | PathLike[str] | None = None) -> Dataset:
    """The data set of that name; ``data_dir`` is the folder of its original files, else ``$SPIKETEXT_DATA_DIR``, else the
    cache of ``spiketext data fetch``."""
    told = _core.load_dataset(name, data_dir)
    classes = np.array(told["labels"])

    def part(which: str) -> Part:
        texts, numbers = told[which]
        return Part(texts, classes[numbers])

    return Dataset(told["name"], told["labels"], part("train"), part("development"), part("test"))
