"""A classifier by scikit-learn's conventions."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._model import Model

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import NotFittedError as NotFittedError
    from sklearn.utils.validation import check_random_state
except ImportError as error:
    raise ImportError("SpikeTextClassifier needs scikit-learn: pip install scikit-learn") from error


class SpikeTextClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A spiking text classifier: words become spike trains, a small spiking network reads them.

    Parameters
    ----------
    recipe : "lean", "paper", "pooled", "deep" or "sparse"
        What network is trained and how; ``sparse`` fires least and computes in whole numbers.
    steps, epochs : int or None
        Time steps of the network and epochs of its DNN; None leaves them to the recipe.
    vectors : path, "en", "zh", "random" or None
        Word vectors; None takes the built-in ones of the texts' language.
    language : "en", "zh" or None
        How texts are cut into words; None finds it from their script.
    class_weight : None, "balanced" or a dict of a weight for each class
    settings : dict or None
        Any other field of the recipe, as ``{"network.filters": 25}`` (``spiketext train --print-recipe`` shows all).
    random_state : int, numpy.random.RandomState or None
        The seed; one seed makes one model, bit for bit, on any number of threads. None stands for 0.
    progress : bool or callable
        True writes a line that grows; a callable gets each event as a dict (``event`` is prepared, step, epoch, converted
        or note).

    Attributes
    ----------
    classes_ : array of the labels, in the order of the columns of ``predict_proba``
    model_ : the trained :class:`spiketext.Model`
    n_texts_, n_development_ : how many texts it was trained on, and how many were set apart to choose on
    """

    model_: Model
    classes_: NDArray[Any]
    n_texts_: int
    n_development_: int

    def __init__(
        self,
        recipe: str = "lean",
        *,
        steps: int | None = None,
        epochs: int | None = None,
        vectors: str | PathLike[str] | None = None,
        language: str | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        settings: Mapping[str, Any] | None = None,
        random_state: Any = None,
        progress: bool | Callable[[dict[str, Any]], object] = False,
    ) -> None:
        self.recipe = recipe
        self.steps = steps
        self.epochs = epochs
        self.vectors = vectors
        self.language = language
        self.class_weight = class_weight
        self.settings = settings
        self.random_state = random_state
        self.progress = progress

    def fit(
        self,
        texts: Any,
        labels: Any,
        sample_weight: Any = None,
        *,
        validation: tuple[Any, Any] | None = None,
        teacher_proba: Any = None,
        unlabelled: Any = None,
        unlabelled_proba: Any = None,
    ) -> SpikeTextClassifier:
        """Trains on texts and their labels, or on an indicator matrix where a text may have several.

        A tenth of the texts, by their content, is set apart to choose on, unless ``validation=(texts, labels)`` is given.
        ``teacher_proba`` are a teacher's probabilities for the texts, ``[N, K]`` in the order of the sorted labels;
        ``unlabelled`` are texts that only the teacher has labelled, ``unlabelled_proba`` its probabilities for those.
        """
        classes, targets = _targets(labels, None)
        names = _names(classes)
        if validation is not None:
            if len(validation) != 2:
                raise ValueError(f"validation: expected (texts, labels), got {len(validation)} things")
            validation = (validation[0], _targets(validation[1], classes if targets.ndim == 1 else targets.shape[1])[1])
        if (unlabelled is None) != (unlabelled_proba is None):
            raise ValueError("unlabelled and unlabelled_proba: expected both or none")
        weight = self.class_weight
        if isinstance(weight, Mapping):
            number = {label: at for at, label in enumerate(classes)}
            unknown = [label for label in weight if label not in number]
            if unknown:
                raise ValueError(f"class_weight: expected classes among {list(classes)}, got {unknown[0]!r}")
            weight = {names[at]: float(weight.get(label, 1.0)) for label, at in number.items()}
        model = _core.fit(
            texts,
            targets,
            names,
            name="memory",
            recipe=self.recipe,
            settings=self._settings(),
            vectors=self.vectors,
            language=self.language,
            class_weight=weight,
            seed=self._seed(),
            weights=None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64),
            development=validation,
            answers=None if teacher_proba is None else np.asarray(teacher_proba, dtype=np.float64),
            unlabelled=None if unlabelled is None else (unlabelled, np.asarray(unlabelled_proba, dtype=np.float64)),
            told=self._listener(),
        )
        self.model_ = Model(model)
        self.classes_ = np.asarray(classes)
        self.n_texts_, self.n_development_ = self.model_.training["texts"][:2]
        return self

    def predict(self, texts: Any) -> NDArray[Any]:
        """The label of each text, or an indicator matrix if it was trained on one."""
        _, labels, members, _ = self._fitted()._core.answer(texts)
        return members.astype(np.int64) if members is not None else self.classes_[labels]

    def predict_proba(self, texts: Any) -> NDArray[np.float32]:
        """A probability for each text and class, ``[N, K]``."""
        return self._fitted().predict_proba(texts)

    def score(self, texts: Any, labels: Any, sample_weight: Any = None) -> float:
        """The share of texts whose label is right; of several labels, that of texts with exactly the right ones."""
        right = np.asarray(self.predict(texts)) == np.asarray(labels)
        right = right.all(axis=1) if right.ndim == 2 else right
        return float(np.average(right, weights=sample_weight))

    def _fitted(self) -> Model:
        if not hasattr(self, "model_"):
            raise NotFittedError("this SpikeTextClassifier is not fitted yet: call fit with texts and labels first")
        return self.model_

    def _seed(self) -> int:
        if self.random_state is None:
            return 0
        if isinstance(self.random_state, (int, np.integer)):
            if self.random_state < 0:
                raise ValueError(f"random_state: expected a number from 0, got {self.random_state}")
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31))

    def _settings(self) -> list[str]:
        chosen = dict(self.settings or {})
        for name, value in (("network.steps", self.steps), ("dnn.epochs", self.epochs)):
            if value is not None:
                if name in chosen:
                    raise ValueError(f"settings: {name} is there twice, as {chosen[name]!r} and as {value!r}")
                chosen[name] = value
        return [f"{key}={_written(value)}" for key, value in chosen.items()]

    def _listener(self) -> Callable[[str], object] | None:
        if not self.progress:
            return None
        tell = self.progress if callable(self.progress) else _Line()
        return lambda message: tell(json.loads(message))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.target_tags.multi_output = False
        tags.classifier_tags.multi_label = True
        tags.no_validation = True
        return tags


def _targets(labels: Any, known: Any) -> tuple[NDArray[Any], NDArray[np.int64] | NDArray[np.bool_]]:
    """The classes, and each text's by number or, of an indicator matrix, its row. ``known`` are classes found before."""
    if hasattr(labels, "toarray"):
        labels = labels.toarray()
    elif hasattr(labels, "to_numpy"):
        labels = labels.to_numpy()
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] > 1:
        if not np.isin(array, (0, 1)).all():
            raise ValueError("labels: expected an indicator matrix of zeros and ones, got other numbers")
        if isinstance(known, int) and array.shape[1] != known:
            raise ValueError(f"labels: expected {known} columns, got {array.shape[1]}")
        return np.arange(array.shape[1]), array.astype(np.bool_)
    if array.ndim == 2:
        array = array.ravel()
    if array.ndim != 1:
        raise ValueError(f"labels: expected a label a text or an indicator matrix, got {array.ndim} dimensions")
    if array.dtype.kind == "O":
        for at, label in enumerate(array):
            if label is None or label != label:
                raise ValueError(f"labels: expected a label at {at}, got a missing value")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise ValueError(f"labels: expected labels, got {array[~np.isfinite(array)][0]}")
        if not (array == np.round(array)).all():
            raise ValueError("labels: expected classes, got numbers with fractions")
    if known is None:
        classes, numbers = np.unique(array, return_inverse=True)
        return classes, numbers.astype(np.int64)
    number = {label: at for at, label in enumerate(np.asarray(known).tolist())}
    try:
        return known, np.array([number[label] for label in array.tolist()], dtype=np.int64)
    except KeyError as error:
        raise ValueError(f"validation: expected labels among {list(number)}, got {error.args[0]!r}") from None


def _names(classes: NDArray[Any]) -> list[str]:
    names = [str(label) for label in np.asarray(classes).tolist()]
    if len(set(names)) != len(names):
        raise ValueError(f"labels: expected classes with different names, got {names}")
    return names


def _written(value: Any) -> str:
    """A value as the recipe's files have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(json.dumps(item) if isinstance(item, str) else _written(item) for item in value) + "]"
    return str(value)


class _Line:
    """Progress as a line that grows, or in a notebook as one that is written anew."""

    def __call__(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "step":
            width = 30
            done = ((event["epoch"] - 1) * event["steps"] + event["step"]) / (event["epochs"] * event["steps"])
            bar = ("=" * int(done * width)).ljust(width)
            self._write(f"\r{event['phase']:>11} [{bar}] epoch {event['epoch']} of {event['epochs']}", end="")
        elif kind == "epoch":
            accuracy = event["development_accuracy"]
            self._write(f"\r{event['phase']:>11} epoch {event['epoch']}: development accuracy {accuracy:.2f} %".ljust(70))
        elif kind == "note":
            self._write(event["message"])

    @staticmethod
    def _write(text: str, end: str = "\n") -> None:
        sys.stderr.write(text + end)
        sys.stderr.flush()
