"""A trained network: its answers, its spikes, its costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._explain import Explanation
from ._labels import as_array

if TYPE_CHECKING:
    from .torch_network import SpikingNetwork


@dataclass(frozen=True)
class LayerTrace:
    """What the neurons of one layer did. ``axes`` names the axes of the arrays: T time step, P position, C channel, O output.

    A membrane is what stays after a step, less what a spike took away. Outputs that only add up have no spikes.
    """

    name: str
    axes: str
    spikes: NDArray[np.bool_] | None
    currents: NDArray[np.float32]
    membranes: NDArray[np.float32]


@dataclass(frozen=True)
class Trace:
    """Everything that happened while a network read one text. ``input`` are the spikes of its tokens, axes T, L, D."""

    tokens: list[str]
    input: NDArray[np.bool_]
    layers: list[LayerTrace]
    label: str
    probabilities: dict[str, float]

    def __getitem__(self, name: str) -> LayerTrace:
        """The layer of that name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(f"{name!r}; layers: {', '.join(layer.name for layer in self.layers)}")


@dataclass(frozen=True)
class Attacked:
    """What came of an attack: numbers over all texts, and a record for each."""

    summary: dict[str, Any]
    records: list[dict[str, Any]] = field(repr=False)


class Model:
    """A trained spiking text classifier, as ``spiketext train`` makes it."""

    def __init__(self, core: _core.Model) -> None:
        if not isinstance(core, _core.Model):
            raise TypeError(f"expected what Model.load or SpikeTextClassifier.fit makes, got a {type(core).__name__}")
        self._core = core
        self._labels = core.labels

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Model:
        """Reads a model directory."""
        return cls(_core.Model.load(path))

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Writes a model directory, whole or not at all. A model that is there already is replaced if ``overwrite``; a folder
        of anything else never is."""
        self._core.save(path, overwrite=overwrite)

    def __getstate__(self) -> dict[str, bytes]:
        return self._core.to_files()

    def __setstate__(self, files: dict[str, bytes]) -> None:
        self.__init__(_core.Model.from_files(files))  # type: ignore[misc]

    @property
    def labels(self) -> list[str]:
        """The names of the classes, in the order of columns and outputs."""
        return list(self._labels)

    @property
    def language(self) -> str:
        """The language it reads, ``en`` or ``zh``."""
        return self._core.language

    @property
    def steps(self) -> int:
        """Time steps T."""
        return self._core.steps

    @property
    def multi_label(self) -> bool:
        """Whether a text may have several labels, or none."""
        return self._core.thresholds is not None

    @property
    def training(self) -> dict[str, Any]:
        """How it came about, and how good it is."""
        told: dict[str, Any] = json.loads(self._core.training())
        return told

    @property
    def config(self) -> dict[str, Any]:
        """Its network: layers, neurons, encoder."""
        told: dict[str, Any] = json.loads(self._core.config())
        return told

    @property
    def words(self) -> list[str]:
        """The words that it knows."""
        return self._core.words()

    @property
    def weights(self) -> list[dict[str, Any]]:
        """The arrays of each layer, flat, in the order that docs/FORMAT.md gives them."""
        return self._core.weights()

    def predict_proba(self, texts: Any) -> NDArray[np.float32]:
        """A probability for each text and class, ``[N, K]``."""
        return self._core.answer(texts)[0]

    def predict(self, texts: Any) -> NDArray[Any]:
        """The label of each text, ``[N]``; of a model of several labels which of them each has, ``[N, K]``."""
        _, labels, members, _ = self._core.answer(texts)
        return members if members is not None else np.array(self._labels)[labels]

    def unknown(self, texts: Any) -> NDArray[np.bool_]:
        """Which texts have no word that the model knows: their answers are the classes' shares in training, ``[N]``."""
        return self._core.answer(texts)[3]

    def trace(self, text: str) -> Trace:
        """Every spike, current and membrane while it reads a text."""
        if not isinstance(text, str):
            raise TypeError(f"trace: expected one text, got a {type(text).__name__}")
        told = self._core.trace(text)
        if told is None:
            raise ValueError("trace: expected a text with a word that the model knows, got none, and nothing is run for such a text")
        probabilities, numbers, _, _ = self._core.answer([text])
        return Trace(
            tokens=told["tokens"],
            input=told["input"],
            layers=[LayerTrace(**layer) for layer in told["layers"]],
            label=self._labels[int(numbers[0])],
            probabilities=dict(zip(self._labels, map(float, probabilities[0]), strict=True)),
        )

    def explain(self, text: str, *, delete: bool = True) -> Explanation:
        """What its words and n-grams said for and against each class; with ``delete`` also how far the scores fall without each
        word and the fewest words that keep the label, for which the network is asked again (of long texts that takes the time)."""
        if not isinstance(text, str):
            raise TypeError(f"explain: expected one text, got a {type(text).__name__}")
        told = self._core.explain(text, delete)
        if told is None:
            raise ValueError("explain: expected a text with a word that the model knows, got none, and nothing is run for such a text")
        return Explanation._of(told, self.labels, self.multi_label)

    def energy(self, texts: Any) -> dict[str, Any]:
        """Operations and energy, means over texts: ``tables`` has microjoules of this network and of the DNN of its shape
        under every cost table (docs/DESIGN.md, section 8)."""
        return self._core.energy(texts)

    def attack(
        self,
        texts: Any,
        labels: Any,
        attack: str = "textfooler",
        *,
        vectors: str | PathLike[str] | None = None,
        wordnet: str | PathLike[str] | None = None,
        seed: int = 0,
        progress: Callable[[dict[str, Any]], object] | None = None,
    ) -> Attacked:
        """Looks for changed texts that the model takes wrongly (docs/attacks.md). ``progress`` is called with each record."""
        number = {label: at for at, label in enumerate(self._labels)}
        targets = []
        for at, label in enumerate(as_array(labels).tolist()):
            if str(label) not in number:
                raise ValueError(f"labels: expected one of {', '.join(self._labels)}, got {label!r} at {at}")
            targets.append(number[str(label)])
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed: expected a number from 0, less than 2**64, got {seed}")
        records: list[dict[str, Any]] = []

        def told(message: str) -> None:
            records.append(json.loads(message))
            if progress is not None:
                progress(records[-1])

        summary = self._core.attack(texts, targets, attack, vectors=vectors, wordnet=wordnet, seed=seed, told=told)
        return Attacked(json.loads(summary), records)

    def to_nir(
        self,
        path: str | PathLike[str],
        *,
        target: str = "generic",
        length: int | None = None,
        overwrite: bool = False,
    ) -> dict[str, Any]:
        """Writes it as a NIR file for ``target`` (generic, snntorch, spikingjelly, norse or sinabs), for texts of ``length``
        tokens. What is returned says what the input channels mean and what the file does not carry (docs/interchange.md)."""
        if length is not None and length < 1:
            raise ValueError(f"length: expected a number of tokens from 1, got {length}")
        return self._core.to_nir(path, target=target, length=length, overwrite=overwrite)

    @classmethod
    def from_nir(cls, path: str | PathLike[str], *, like: Model, target: str = "generic") -> Model:
        """A model with the words of ``like``, from which the file was written for ``target``, and the file's weights, which
        may have been changed elsewhere."""
        like = getattr(like, "model_", like)
        if not isinstance(like, Model):
            raise TypeError(f"like: expected a Model, got a {type(like).__name__}")
        return cls(like._core.with_nir(path, target))

    def to_torch(self, spike_grad: Any = None) -> SpikingNetwork:
        """Its network as a module of PyTorch with snnTorch's neurons, the same spike for spike (``spiketext.torch_network``).

        ``spike_grad`` is a surrogate gradient of ``snntorch.surrogate``; without it, that which each layer was trained with.
        """
        from .torch_network import SpikingNetwork

        return SpikingNetwork(self.config, self.weights, spike_grad, self._core.thresholds)

    @classmethod
    def from_torch(cls, network: SpikingNetwork, *, like: Model) -> Model:
        """A model with the words of ``like``, from which :meth:`to_torch` made ``network``, and the network's weights, rounded
        to a grid of as many bits. Figures in ``training`` stay those of ``like``."""
        from .torch_network import into_model

        like = getattr(like, "model_", like)
        if not isinstance(like, Model):
            raise TypeError(f"like: expected a Model, got a {type(like).__name__}")
        return into_model(network, like)

    def __repr__(self) -> str:
        shown = ", ".join(self._labels[:6]) + (", …" if len(self._labels) > 6 else "")
        return f"Model(labels=[{shown}], recipe={self.training['recipe']!r}, steps={self.steps})"
