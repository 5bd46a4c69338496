"""A model's network in PyTorch, with neurons of snnTorch: to look into, to train further, to build upon.

    network = model.to_torch()
    outcome = network(*torch_network.inputs(model, texts))
    outcome.layers[0].spikes, outcome.scores, outcome.labels()

As made, it gives the model's spikes, currents, membranes and scores to the last bit, for texts of any lengths in one batch.
Axes: T time step, B text of the batch, L token, D input dimension, P position of a kernel, C channel, O output, K class.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._model import Model

try:
    import snntorch
    import torch
    from snntorch import surrogate
    from torch import Tensor, nn
    from torch.nn import functional
except ImportError as error:
    raise ImportError("spiketext.torch_network needs PyTorch and snnTorch: pip install torch snntorch") from error

__all__ = ["Inputs", "Layer", "Outcome", "SpikingNetwork", "inputs"]


class Inputs(NamedTuple):
    """What a network reads: ``drive`` [T, B, L, D], the spikes of each token (1, or what a spike of the encoder weighs);
    ``presence`` [T, B, L], what drives the presence currents where a token is no silent one; ``lengths`` [B], tokens of each
    text, behind which all is 0."""

    drive: Tensor
    presence: Tensor
    lengths: Tensor

    def to(self, device: Any) -> Inputs:
        """The same on another device."""
        return Inputs(*(tensor.to(device) for tensor in self))


@dataclass(frozen=True)
class Layer:
    """What one layer did, as :class:`spiketext.LayerTrace` has it, for a batch: ``axes`` are TBPC, TBC or TBO. Of a layer over
    positions each text has ``positions`` [B] of its own; behind them nothing fires, and the rest means nothing."""

    name: str
    axes: str
    spikes: Tensor | None
    currents: Tensor
    membranes: Tensor
    positions: Tensor | None = None


@dataclass(frozen=True)
class Outcome:
    """Scores [B, K], whose softmax (of several labels: sigmoid) times ``scale`` are probabilities; mean currents of the outputs
    [B, K]; what each layer did; and of a model of several labels from which probability on each is answered [K]."""

    scores: Tensor
    currents: Tensor
    scale: int
    layers: list[Layer]
    thresholds: Tensor | None = None

    def labels(self) -> Tensor:
        """The class of each text [B]: of equal scores the one with more current, of equal currents the first. Of a model of
        several labels, which of them each text has [B, K]."""
        if self.thresholds is not None:
            return self.probabilities() >= self.thresholds
        best = self.scores == self.scores.amax(dim=1, keepdim=True)
        return torch.where(best, self.currents, -torch.inf).argmax(dim=1)

    def probabilities(self) -> Tensor:
        """A probability for each text and class, [B, K]."""
        scores = self.scale * self.scores
        return torch.softmax(scores, dim=1) if self.thresholds is None else torch.sigmoid(scores)


#: How many units a synapse may be large, by the bits that it is stored in (docs/FORMAT.md).
LARGEST = {"16": 2048, "8": 127, "4": 7}


class Neurons(snntorch.Leaky):  # type: ignore[misc]
    """Neurons of equation (4) of docs/DESIGN.md: ``u' = beta u + i``, a spike where ``u' > threshold``, then the reset.

    snnTorch charges them and lets them fire. The reset is made here, between the steps: snnTorch's own soft reset comes a step
    later, after the leak, or takes the threshold away once where a membrane is above it still (reference/README.md).
    """

    def __init__(self, neuron: Mapping[str, Any], spike_grad: Any, shares: NDArray[np.float32] | None = None) -> None:
        threshold = float(neuron["threshold"]) if shares is None else torch.from_numpy(shares.copy())
        self.made_of = {name: neuron[name] for name in (("beta", "threshold") if shares is None else ("beta",))}
        super().__init__(neuron["beta"], threshold, spike_grad=spike_grad or _surrogate(neuron), reset_mechanism="none")
        self.factor = 1.0 if shares is None else float(neuron["threshold"])
        self.initial = float(neuron["initial"])
        self.soft = neuron["reset"] == "soft"
        self.detach_reset = bool(neuron["detach_reset"])

    def forward(self, currents: Tensor, positions: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Spikes, and membranes after the reset, of ``currents`` [T, B, ...]. Pooled spikes are sums, so thresholds are
        multiplied by the ``positions`` [B, C] of the text."""
        self.level = self.threshold if positions is None else positions * self.threshold * self.factor
        # Where the surrogate is as wide as at a threshold of 1.
        self.width = None if positions is None else self.level.detach()
        membrane = (self.initial * self.level).expand(currents.shape[1:])
        spikes, membranes = [], []
        for current in currents:
            fired, charged = super().forward(current, membrane)
            taken = fired.detach() if self.detach_reset else fired
            membrane = charged - taken * self.level if self.soft else charged * (1 - taken)
            spikes.append(fired)
            membranes.append(membrane)
        # What snnTorch keeps from call to call belongs to these texts alone.
        self.reset_mem()
        return torch.stack(spikes), torch.stack(membranes)

    def fire(self, mem: Tensor) -> Tensor:
        above = mem - self.level
        return self.spike_grad(above if self.width is None else above / self.width)


class TextConvolution(nn.Module):  # type: ignore[misc]
    """Kernels of several widths over the tokens. ``synapses`` see spikes, ``presence`` whether a token is there: the constant
    currents of equation (10), which padding does not have."""

    def __init__(self, layer: Mapping[str, Any], arrays: Mapping[str, Any], spike_grad: Any, weight: float) -> None:
        super().__init__()
        widths, filters, dimension = (layer["shape"][name] for name in ("widths", "filters", "dimension"))
        self.widths: list[int] = widths
        columns = filters * np.cumsum([0, *widths])
        synapses = arrays["synapses"].reshape(dimension, -1)
        presence = arrays.get("presence", np.zeros(columns[-1], np.float32)).reshape(1, -1)
        bias = _or_zeros(arrays, filters * len(widths)).reshape(len(widths), filters)

        def kernels(numbers: NDArray[np.float32], at: int, own: NDArray[np.float32] | None) -> Any:
            part = numbers[:, columns[at] : columns[at + 1]].reshape(-1, widths[at], filters)
            return _filled(nn.Conv1d(len(numbers), filters, widths[at], bias=own is not None), part.transpose(2, 0, 1), own)

        self.synapses = nn.ModuleList(kernels(synapses, at, bias[at]) for at in range(len(widths)))
        self.presence = nn.ModuleList(kernels(presence, at, None) for at in range(len(widths)))
        self.neurons = nn.ModuleList(Neurons(layer["neuron"], spike_grad) for _ in widths)
        self.double = not all(
            _exact(weight, kernel.weight, around.weight, kernel.bias) for kernel, around in zip(self.synapses, self.presence)
        )

    def forward(self, drive: Tensor, presence: Tensor, positions: Sequence[Tensor]) -> list[Layer]:
        steps, texts = drive.shape[:2]
        rows, there = drive.flatten(0, 1).transpose(1, 2), presence.flatten(0, 1).unsqueeze(1)
        told = []
        for width, synapses, constant, neurons, own in zip(
            self.widths, self.synapses, self.presence, self.neurons, positions, strict=True
        ):
            sums = _sums(synapses, rows, self.double) + _sums(constant, there, self.double)
            currents = _with_bias(synapses, sums, self.double).unflatten(0, (steps, texts)).transpose(2, 3)
            spikes, membranes = neurons(currents)
            name = f"text-convolution, width {width}" if len(self.widths) > 1 else "text-convolution"
            told.append(Layer(name, "TBPC", spikes * _mask(own, spikes), currents, membranes, own))
        return told

    def arrays(self) -> dict[str, Tensor]:
        """Its weights as docs/FORMAT.md has them."""
        synapses, presence = (torch.cat(list(map(_columns, kernels)), 1) for kernels in (self.synapses, self.presence))
        return {"synapses": synapses, "presence": presence, "bias": torch.cat([kernel.bias for kernel in self.synapses])}


class Convolution(nn.Module):  # type: ignore[misc]
    """A kernel over the positions of the layer before, silence on both sides. The last layer of a residual block of ``around``
    layers is driven by what came into the block as well."""

    def __init__(self, layer: Mapping[str, Any], arrays: Mapping[str, Any], spike_grad: Any, around: int | None) -> None:
        super().__init__()
        width, filters = layer["width"], layer["filters"]
        kernels = arrays["synapses"].reshape(-1, width, filters).transpose(2, 0, 1)
        self.synapses = _filled(nn.Conv1d(kernels.shape[1], filters, width), kernels, _or_zeros(arrays, filters))
        self.shortcut = None if around is None else nn.Parameter(torch.from_numpy(arrays["shortcut"].copy()))
        self.neurons = Neurons(layer["neuron"], spike_grad)
        self.sides = ((width - 1) // 2, width // 2)
        self.around = around
        direct = [] if self.shortcut is None else [self.shortcut[:, None]]
        self.double = not _exact(1.0, self.synapses.weight, self.synapses.bias, *direct)

    def forward(self, spikes: Tensor, around: Tensor | None, positions: Tensor) -> Layer:
        rows = functional.pad(spikes.flatten(0, 1).transpose(1, 2), self.sides)
        sums = _sums(self.synapses, rows, self.double)
        if self.shortcut is not None and around is not None:
            sums = sums + around.flatten(0, 1).transpose(1, 2) * self.shortcut[:, None]
        currents = _with_bias(self.synapses, sums, self.double).unflatten(0, spikes.shape[:2]).transpose(2, 3)
        fired, membranes = self.neurons(currents)
        return Layer("convolution", "TBPC", fired * _mask(positions, fired), currents, membranes, positions)

    def arrays(self) -> dict[str, Tensor]:
        """Its weights as docs/FORMAT.md has them."""
        own = {"synapses": _columns(self.synapses), "bias": self.synapses.bias}
        return own if self.shortcut is None else {**own, "shortcut": self.shortcut}


class Dense(nn.Module):  # type: ignore[misc]
    """All inputs to all outputs, every step: from spikes, or from spikes that are summed over positions and divided by their
    number (``padding`` "tokens": by that of the tokens)."""

    def __init__(self, layer: Mapping[str, Any], arrays: Mapping[str, Any], spike_grad: Any, by_tokens: bool) -> None:
        super().__init__()
        self.name: str = layer["kind"]
        outputs = layer["neurons"] if self.name == "dense" else layer["classes"] * layer["outputs_per_class"]
        weights = arrays["synapses"].reshape(-1, outputs).T
        self.synapses = _filled(nn.Linear(weights.shape[1], outputs), weights, _or_zeros(arrays, outputs))
        self.by_tokens = by_tokens
        fires = self.name == "dense" or layer["read"] == "spike-count"
        self.neurons = Neurons(layer["neuron"], spike_grad) if fires else None
        self.double = not _exact(1.0, self.synapses.weight, self.synapses.bias)

    def forward(self, spikes: Tensor) -> Layer:
        return self._fired(_with_bias(self.synapses, _sums(self.synapses, spikes, self.double), self.double))

    def pooled(self, sums: Sequence[Tensor], positions: Sequence[Tensor], lengths: Tensor) -> Layer:
        """From sums [T, B, C] for each kernel width: in double precision and in this order, rounded once."""
        weights = self.synapses.weight.double().split([part.shape[-1] for part in sums], dim=1)
        bias, tokens = self.synapses.bias.double(), lengths.double().clamp(min=1)[:, None]
        total = tokens * bias if self.by_tokens else bias
        for part, weight, own in zip(sums, weights, positions, strict=True):
            product = functional.linear(part.double(), weight)
            total = total + (product if self.by_tokens else product / own.double()[:, None])
        return self._fired((total / tokens if self.by_tokens else total).float())

    def _fired(self, currents: Tensor) -> Layer:
        axes = "TBC" if self.name == "dense" else "TBO"
        if self.neurons is None:
            return Layer(self.name, axes, None, currents, _running(currents))
        spikes, membranes = self.neurons(currents)
        return Layer(self.name, axes, spikes, currents, membranes)

    def arrays(self) -> dict[str, Tensor]:
        """Its weights as docs/FORMAT.md has them."""
        return {"synapses": self.synapses.weight.T, "bias": self.synapses.bias}


class SpikingNetwork(nn.Module):  # type: ignore[misc]
    """The chain of a model: text convolution, further convolutions, sums over positions, neurons of these, dense layers and the
    read-out, as far as it has them. Parameters are synapses, presence, biases and shortcuts; thresholds and leaks are buffers.

    ``spike_grad`` is a surrogate gradient of ``snntorch.surrogate``; without it, that which each layer was trained with.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        weights: Sequence[Mapping[str, Any]],
        spike_grad: Any = None,
        thresholds: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("label_thresholds", None if thresholds is None else torch.tensor(thresholds))
        self.padding: dict[str, Any] = config["padding"]
        by_tokens = self.padding["kind"] == "tokens"
        # The smallest weight of a spike decides what sums are whole numbers of.
        least = {"direct": 1 / 256, "phase": 1 / 32}.get(config["encoder"], 1.0)
        self.convolutions, self.dense = nn.ModuleList(), nn.ModuleList()
        self.features: Neurons | None = None
        own = iter(weights)
        for layer in config["layers"]:
            kind = layer["kind"]
            if kind == "residual":
                block = layer["layers"]
                for at, inner in enumerate(block, 1):
                    around = len(block) if at == len(block) else None
                    self.convolutions.append(Convolution(inner, next(own), spike_grad, around))
                continue
            arrays = next(own)
            if kind == "text-convolution":
                self.text_convolution = TextConvolution(layer, arrays, spike_grad, least)
            elif kind == "convolution":
                self.convolutions.append(Convolution(layer, arrays, spike_grad, None))
            elif kind == "neurons":
                self.features = Neurons(layer["neuron"], spike_grad, arrays["thresholds"])
            elif kind == "dense":
                self.dense.append(Dense(layer, arrays, spike_grad, by_tokens))
            elif kind == "readout":
                self.readout = Dense(layer, arrays, spike_grad, by_tokens)
                self.classes: int = layer["classes"]
                self.scale: int = layer["outputs_per_class"] if layer["read"] == "spike-count" else 1
            elif kind != "pooling":
                raise ValueError(f"to_torch: expected layers that it knows, got {kind!r}")

    def forward(self, drive: Tensor, presence: Tensor, lengths: Tensor) -> Outcome:
        """Reads spike trains [T, B, L, D], presence [T, B, L] and the tokens of each text [B], as :func:`inputs` makes them."""
        if drive.dim() != 4 or presence.shape != drive.shape[:3] or lengths.shape != drive.shape[1:2]:
            got = ", ".join(str(list(tensor.shape)) for tensor in (drive, presence, lengths))
            raise ValueError(f"network: expected spikes [T, B, L, D], presence [T, B, L] and lengths [B], got {got}")
        widths = self.text_convolution.widths
        padded = self.padding["kind"] == "padded"
        # A text that is shorter than a kernel has one position: all kernels find room.
        room = max(int(self.padding["length"]) if padded else drive.shape[2], *widths) - drive.shape[2]
        drive, presence = functional.pad(drive, (0, 0, 0, room)), functional.pad(presence, (0, room))
        rows = torch.full_like(lengths, self.padding["length"]) if padded else lengths
        positions = [(rows - width + 1).clamp(min=1) for width in widths]

        layers: list[Layer] = self.text_convolution(drive, presence, positions)
        trains: list[Any] = [layer.spikes for layer in layers]
        kept = [trains[0]]
        for convolution in self.convolutions:
            around = None if convolution.around is None else kept[-convolution.around]
            layers.append(convolution(kept[-1], around, positions[0]))
            kept.append(layers[-1].spikes)
            trains = [kept[-1]]

        sums = [train.sum(dim=2) for train in trains]
        spikes: Tensor | None = None
        if self.features is not None:
            currents = torch.cat(sums, dim=-1)
            of_each = [own[:, None].expand(-1, part.shape[-1]) for own, part in zip(positions, sums, strict=True)]
            spikes, membranes = self.features(currents, torch.cat(of_each, dim=-1).float())
            layers.append(Layer("neurons", "TBC", spikes, currents, membranes))
        for dense in [*self.dense, self.readout]:
            layers.append(dense(spikes) if spikes is not None else dense.pooled(sums, positions, rows))
            spikes = layers[-1].spikes
        charge = _means(layers[-1].currents, self.classes)
        scores = charge if layers[-1].spikes is None else _means(layers[-1].spikes, self.classes)
        return Outcome(scores, charge, self.scale, layers, self.label_thresholds)


def inputs(model: Model, texts: Any) -> Inputs:
    """The spikes of texts, as ``model`` reads them, padded together: what a :class:`SpikingNetwork` takes.

    A text without a word that the model knows has none: its answer is no work of the network (``model.unknown`` finds such).
    """
    model = getattr(model, "model_", model)
    if isinstance(texts, str):
        raise TypeError("texts: expected a list or an array of texts, got one str")
    unknown, texts = model.unknown(texts), [str(text) for text in texts]
    if not texts:
        raise ValueError("texts: expected a text or more, got none")
    if unknown.any():
        raise ValueError(f"texts: expected texts with a word that the model knows, got {texts[int(unknown.argmax())]!r} "
                         f"at {int(unknown.argmax())}; model.unknown finds such texts")
    config, steps = model.config, model.steps
    encoder, silent = config["encoder"], config["unknown"] == "silent"
    number = {word: at for at, word in enumerate(model.words)}
    weigh = np.ones(steps, np.float32)
    codes: NDArray[Any] | None = None
    if encoder == "phase":
        weigh = np.float32(8) * np.float32(0.5) ** (1 + np.arange(steps) % 8).astype(np.float32)
    elif encoder == "direct":
        # Its inputs are no spikes, so that a trace has none: the eight highest bits of each rate.
        codes = _tensors(model._core.to_files()["model.safetensors"])["codes"]
        codes = codes if codes.dtype == np.uint8 else codes >> 8
    read, there = [], []
    for text in texts:
        trace = model.trace(text)
        known = np.array([not silent or token in number for token in trace.tokens])
        if codes is None:
            read.append(trace.input * weigh[:, None, None])
        else:
            middle = np.full(codes.shape[1], 128)
            rates = np.array([codes[number[token]] if token in number else middle for token in trace.tokens]) / np.float32(256)
            read.append(np.repeat((rates * known[:, None])[None], steps, 0))
        there.append(known * (weigh if codes is None else np.full(steps, 255 / 256, np.float32))[:, None])
    longest = max(len(known[0]) for known in there)
    drive = np.zeros((steps, len(texts), longest, config["layers"][0]["shape"]["dimension"]), np.float32)
    presence = np.zeros(drive.shape[:3], np.float32)
    for at, (spikes, known) in enumerate(zip(read, there, strict=True)):
        drive[:, at, : spikes.shape[1]], presence[:, at, : known.shape[1]] = spikes, known
    lengths = torch.tensor([known.shape[1] for known in there])
    return Inputs(torch.from_numpy(drive), torch.from_numpy(presence), lengths)


def into_model(network: SpikingNetwork, like: Model) -> Model:
    """What :meth:`spiketext.Model.from_torch` gives."""
    files = like._core.to_files()
    config, tensors = json.loads(files["config.json"]), _tensors(files["model.safetensors"])
    layers = config["network"]["layers"]
    convolutions, dense = iter(network.convolutions), iter(network.dense)
    changed = False
    for path, layer in _leaves(layers):
        kind = layer["kind"]
        if kind == "neurons" and network.features is not None:
            tensors[f"{path}.thresholds"] = network.features.threshold.detach().float().cpu().numpy()
            continue
        if kind in ("neurons", "pooling"):
            continue
        own: Any = network.text_convolution if kind == "text-convolution" else network.readout
        if kind in ("convolution", "dense"):
            own = next(convolutions if kind == "convolution" else dense)
        numbers = {name: array.detach().double().cpu().numpy() for name, array in own.arrays().items()}
        most = max(float(np.abs(numbers[name]).max(initial=0)) for name in ("synapses", "shortcut") if name in numbers)
        exponent: int = config["exponents"][path]
        # A coarser grid where a weight has grown beyond the old one.
        while np.rint(most / 2.0**exponent) > LARGEST[config["network"]["synapse_bits"]]:
            exponent += 1
        changed = changed or config["exponents"][path] != exponent
        config["exponents"][path] = exponent
        for name, array in numbers.items():
            before = tensors.get(f"{path}.{name}")
            if before is None or before.size != array.size or not np.isfinite(array).all():
                raise ValueError(f"from_torch: expected finite {name} of layer {path} in the shape that the model has")
            after = np.rint(array / 2.0**exponent).astype(before.dtype).reshape(before.shape)
            changed = changed or not np.array_equal(after, before)
            tensors[f"{path}.{name}"] = after
    for module in network.modules():
        if isinstance(module, Neurons):
            for name, value in module.made_of.items():
                if not (getattr(module, name) == torch.tensor(value, device=getattr(module, name).device)).all():
                    raise ValueError(f"from_torch: expected neurons with the {name} of the model, {value}")
    # The sum of the file as it was.
    config.pop("sha256", None)
    if changed:
        config["training"].setdefault("altered", []).append("weights from a PyTorch module")
        config["training"].pop("run", None)
    files = {**files, "config.json": json.dumps(config).encode(), "model.safetensors": _safetensors(tensors)}
    return Model(_core.Model.from_files(files))


def _leaves(layers: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """Layers in the order of running with their paths, residual blocks opened."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for at, layer in enumerate(layers):
        if layer["kind"] == "residual":
            found.extend((f"{at}.{inside}", inner) for inside, inner in enumerate(layer["layers"]))
        else:
            found.append((str(at), layer))
    return found


def _surrogate(neuron: Mapping[str, Any]) -> Any:
    """The surrogate gradient of equation (7) that a neuron was trained with."""
    of = neuron["surrogate"]
    if of["kind"] == "arctangent":
        return surrogate.atan(alpha=of["alpha"])
    if of["kind"] == "fast-sigmoid":
        return surrogate.fast_sigmoid(slope=of["slope"])
    slope = of["slope"]

    # snnTorch's "triangular" is no triangle.
    def triangle(above: Tensor, gradient: Tensor, _: Tensor) -> Tensor:
        return gradient * (1 - slope * above.abs()).clamp(min=0)

    return surrogate.custom_surrogate(triangle)


def _filled(layer: Any, weight: NDArray[np.float32], bias: NDArray[np.float32] | None) -> Any:
    layer.weight = nn.Parameter(torch.from_numpy(np.ascontiguousarray(weight)))
    if bias is not None:
        layer.bias = nn.Parameter(torch.from_numpy(bias.copy()))
    return layer


def _or_zeros(arrays: Mapping[str, Any], size: int) -> NDArray[np.float32]:
    bias: NDArray[np.float32] = arrays.get("bias", np.zeros(size, np.float32))
    return bias


def _exact(weight: float, *arrays: Tensor) -> bool:
    """Whether single precision holds every sum: whole numbers of the largest power of two that divides all, times ``weight``,
    the least that a spike weighs. A spike weighs 4 at most."""
    numbers = [array.detach().double().numpy().reshape(len(array), -1) for array in arrays]
    most = sum((np.abs(rows).sum(axis=1) for rows in numbers), np.zeros(1))
    flat = np.concatenate([rows.ravel() for rows in numbers])
    fractions, exponents = np.frexp(flat[flat != 0])
    if not len(fractions):
        return True
    whole = np.ldexp(fractions, 24).astype(np.int64)
    unit = np.ldexp((whole & -whole).astype(np.float64), exponents - 24).min()
    return bool(most.max() * (1.0 if weight == 1.0 else 4.0) < 2**24 * unit * weight)


def _sums(layer: Any, signal: Tensor, double: bool) -> Tensor:
    """What comes through the synapses of a layer: without its bias and in double precision where single might round."""
    if not double:
        return layer(signal)
    apply = functional.linear if isinstance(layer, nn.Linear) else functional.conv1d
    return apply(signal.double(), layer.weight.double())


def _with_bias(layer: Any, sums: Tensor, double: bool) -> Tensor:
    """Sums that were made in double precision, rounded once, and the bias; of others it is in them already."""
    if not double:
        return sums
    return sums.float() + (layer.bias if isinstance(layer, nn.Linear) else layer.bias[:, None])


def _mask(positions: Tensor, spikes: Tensor) -> Tensor:
    """Ones at the positions that a text has, [B, P, 1]."""
    places = torch.arange(spikes.shape[2], device=spikes.device)
    return (places < positions[:, None]).to(spikes.dtype)[:, :, None]


def _columns(kernel: Any) -> Tensor:
    """The weights of a convolution, [C, D, W], in columns of taps and filters, [D, W C]."""
    return kernel.weight.permute(1, 2, 0).flatten(1)


def _running(currents: Tensor) -> Tensor:
    """Sums over the steps so far, one after the other: torch.cumsum rounds otherwise."""
    sums = [currents[0]]
    for current in currents[1:]:
        sums.append(sums[-1] + current)
    return torch.stack(sums)


def _means(values: Tensor, classes: int) -> Tensor:
    """Means over steps and outputs of each class, [T, B, O] to [B, K], added up in the order of docs/FORMAT.md."""
    groups = values.unflatten(2, (classes, -1))
    return _running(_running(groups.movedim(3, 0))[-1])[-1] / (groups.shape[0] * groups.shape[3])


#: Types of numbers as safetensors files name them.
KINDS = {"U8": "<u1", "U16": "<u2", "I8": "<i1", "I16": "<i2", "I32": "<i4", "F32": "<f4"}


def _tensors(data: bytes) -> dict[str, NDArray[Any]]:
    """Tensors of a safetensors file, by name."""
    (length,) = struct.unpack("<Q", data[:8])
    found = {}
    for name, about in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in about["data_offsets"])
            found[name] = np.frombuffer(data[begin:end], KINDS[about["dtype"]]).reshape(about["shape"])
    return found


def _safetensors(tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """A safetensors file, those of the largest numbers first as such files have them."""
    names = {np.dtype(kind): name for name, kind in KINDS.items()}
    header: dict[str, Any] = {"__metadata__": {"format": "spiketext-model"}}
    parts: list[bytes] = []
    begin = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        parts.append(np.ascontiguousarray(tensor).tobytes())
        end = begin + len(parts[-1])
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(parts)
