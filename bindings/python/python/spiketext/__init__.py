"""Spiking neural networks that classify text.

    from spiketext import SpikeTextClassifier
    classifier = SpikeTextClassifier().fit(texts, labels)
    classifier.predict(["a warm and funny film"])

``SpikeTextClassifier`` follows scikit-learn's conventions, ``Model`` is a trained network that shows its spikes, currents,
membranes, operations and energy, ``Vectors`` are word vectors, ``datasets`` known data sets.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from . import _core, datasets
from ._explain import Explanation, Ngram
from ._model import Attacked, LayerTrace, Model, Trace
from ._vectors import Vectors

if TYPE_CHECKING:
    from ._classifier import NotFittedError, SpikeTextClassifier

__version__ = _core.VERSION

__all__ = [
    "Attacked", "Explanation", "LayerTrace", "Model", "Ngram", "NotFittedError", "SpikeTextClassifier", "Trace", "Vectors", "datasets",
    "set_threads", "threads",
]

# A process that is forked off this one has none of its threads: it makes its own at its first call.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_core.after_fork)


def set_threads(threads: int | None = None) -> None:
    """So many threads work from now on; ``None`` for ``$RAYON_NUM_THREADS``, else one a core.

    Results do not depend on it. Where many processes share a machine, one thread each is best.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"threads: expected a number from 1, or None, got {threads}")
    _core.set_threads(threads)


def threads() -> int:
    """How many threads a call uses."""
    return _core.threads()


def __getattr__(name: str) -> object:
    # scikit-learn takes longer to import than all else together: only who asks for a classifier waits for it.
    if name in ("SpikeTextClassifier", "NotFittedError"):
        from . import _classifier

        return getattr(_classifier, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "NotFittedError", "SpikeTextClassifier"])
