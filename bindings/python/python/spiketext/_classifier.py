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
from ._labels import as_array
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
            if not isinstance(validation, (tuple, list)) or len(validation) != 2:
                raise ValueError(f"validation: expected (texts, labels), got a {type(validation).__name__}")
            known = classes if targets.ndim == 1 else int(targets.shape[1])
            validation = (validation[0], _targets(validation[1], known, "labels of validation")[1])
        if (unlabelled is None) != (unlabelled_proba is None):
            raise ValueError("unlabelled and unlabelled_proba: expected both or none")
        weight = self.class_weight
        if isinstance(weight, Mapping):
            number = {label: at for at, label in enumerate(classes.tolist())}
            unknown = [label for label in weight if label not in number]
            if unknown:
                raise ValueError(f"class_weight: expected classes among {list(number)}, got {unknown[0]!r}")
            weight = {names[at]: float(weight.get(label, 1.0)) for label, at in number.items()}
        elif weight is not None and not isinstance(weight, str):
            kind = type(weight).__name__
            raise ValueError(f'class_weight: expected None, "balanced" or a dict of a weight for each class, got a {kind}')
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
            weights=_weights(sample_weight),
            development=validation,
            answers=None if teacher_proba is None else _probabilities(teacher_proba, "teacher_proba"),
            unlabelled=None if unlabelled is None else (unlabelled, _probabilities(unlabelled_proba, "unlabelled_proba")),
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
        answers, wanted = self.predict(texts), as_array(labels)
        if len(answers) == 0:
            raise ValueError("score: expected a text or more, got none")
        if wanted.shape != answers.shape:
            raise ValueError(f"labels: expected an array of shape {answers.shape}, as the answers have, got {wanted.shape}")
        right = answers == wanted
        right = right.all(axis=1) if right.ndim == 2 else right
        return float(np.average(right, weights=_weights(sample_weight, len(answers))))

    def _fitted(self) -> Model:
        if not hasattr(self, "model_"):
            raise NotFittedError("this SpikeTextClassifier is not fitted yet: call fit with texts and labels first")
        return self.model_

    def _seed(self) -> int:
        if self.random_state is None:
            return 0
        if isinstance(self.random_state, (int, np.integer)):
            if not 0 <= self.random_state < 2**64:
                raise ValueError(f"random_state: expected a number from 0, less than 2**64, got {self.random_state}")
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


def _targets(
    labels: Any, known: NDArray[Any] | int | None, what: str = "labels"
) -> tuple[NDArray[Any], NDArray[np.int64] | NDArray[np.bool_]]:
    """The classes, and each text's by number or, of an indicator matrix, its row. ``known`` are classes found before, or how
    many columns a matrix must have."""
    array = as_array(labels, what)
    if array.ndim == 2:
        if known is not None and not isinstance(known, int):
            raise ValueError(f"{what}: expected a label a text, as those that are trained on, got {array.shape[1]} columns")
        if not np.isin(array, (0, 1)).all():
            raise ValueError(f"{what}: expected an indicator matrix of zeros and ones, got other numbers")
        if known is not None and array.shape[1] != known:
            raise ValueError(f"{what}: expected {known} columns, got {array.shape[1]}")
        return np.arange(array.shape[1]), array.astype(np.bool_)
    if isinstance(known, int):
        raise ValueError(f"{what}: expected an indicator matrix of {known} columns, as that which is trained on")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise ValueError(f"{what}: expected labels, got {array[~np.isfinite(array)][0]}")
        if not (array == np.round(array)).all():
            raise ValueError(f"{what}: expected classes, got numbers with fractions")
    if known is None:
        classes, numbers = np.unique(array, return_inverse=True)
        return classes, numbers.astype(np.int64)
    number = {label: at for at, label in enumerate(np.asarray(known).tolist())}
    for at, label in enumerate(array.tolist()):
        if label not in number:
            raise ValueError(f"{what}: expected labels among {list(number)}, got {label!r} at {at}")
    return known, np.array([number[label] for label in array.tolist()], dtype=np.int64)


def _weights(weights: Any, texts: int | None = None) -> NDArray[np.float64] | None:
    if weights is None:
        return None
    array = np.asarray(weights, dtype=np.float64)
    if np.ma.isMaskedArray(weights) and np.ma.getmaskarray(weights).any():
        raise ValueError("sample_weight: expected a weight a text, got a missing value")
    if array.ndim != 1 or texts is not None and len(array) != texts:
        expected = "a weight a text" if texts is None else f"a weight for each of {texts} texts"
        raise ValueError(f"sample_weight: expected {expected}, got an array of shape {array.shape}")
    return array


def _probabilities(rows: Any, what: str) -> NDArray[np.float64]:
    array = np.asarray(rows, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"{what}: expected a row a text and a column a class, got an array of shape {array.shape}")
    return array


def _names(classes: NDArray[Any]) -> list[str]:
    names = [str(label) for label in np.asarray(classes).tolist()]
    if len(set(names)) != len(names):
        raise ValueError(f"labels: expected classes with different names, got {names}")
    return names


def _written(value: Any, inside: bool = False) -> str:
    """A value as the recipe's files have it; a string that is not inside of another value may be TOML itself."""
    if isinstance(value, np.generic) or isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_written(item, True)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_written(item, True) for item in value) + "]"
    if isinstance(value, str):
        return json.dumps(value) if inside else value
    if isinstance(value, (int, float)):
        return str(value)
    raise ValueError(f"settings: expected numbers, strings, truth values, lists and dicts of them, got a {type(value).__name__}")


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
