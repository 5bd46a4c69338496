"""Pictures of spikes, membranes and costs, with Matplotlib.

Every function draws into ``ax``, or a new figure, and returns its axes, so that what is drawn can be changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._explain import Explanation
from ._model import Model, Trace

try:
    from matplotlib import pyplot
    from matplotlib.axes import Axes
except ImportError as error:
    raise ImportError("spiketext.plot needs Matplotlib: pip install matplotlib") from error

if TYPE_CHECKING:
    from ._classifier import SpikeTextClassifier

__all__ = ["contributions", "energy", "input_raster", "membranes", "raster", "scores"]


def _axes(ax: Axes | None, width: float = 7.0, height: float = 3.0) -> Axes:
    if ax is None:
        _, ax = pyplot.subplots(figsize=(width, height), layout="constrained")
    return ax


def _finish(ax: Axes) -> Axes:
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def input_raster(trace: Trace, *, most: int = 60, ax: Axes | None = None) -> Axes:
    """The spikes of each token, its time steps one beside the other; of so many dimensions that fire most."""
    ax = _axes(ax)
    steps, tokens, _ = trace.input.shape
    busiest = np.sort(np.argsort(-trace.input.sum(axis=(0, 1)), kind="stable")[:most])
    t, place, row = np.nonzero(trace.input[:, :, busiest])
    ax.scatter(place + (t + 0.5) / steps, row, s=3, marker="|", color="tab:blue", linewidths=1)
    for edge in range(1, tokens):
        ax.axvline(edge, color="0.85", linewidth=0.8, zorder=0)
    ax.set_xticks(np.arange(tokens) + 0.5, trace.tokens, rotation=30, ha="right")
    ax.set(xlim=(0, tokens), ylabel="dimension", title=f"input spikes, {steps} time steps a token")
    return _finish(ax)


def raster(trace: Trace, layer: str | None = None, *, ax: Axes | None = None) -> Axes:
    """The spikes of a layer over time, a row a neuron; of neurons at positions how many fire at a time."""
    ax = _axes(ax)
    chosen = trace[layer] if layer is not None else next(one for one in trace.layers if one.axes == "TC" or one.spikes is not None)
    if chosen.spikes is None:
        raise ValueError(f"raster: expected a layer that fires, got {chosen.name!r}, which adds up what comes in")
    if chosen.axes == "TPC":
        image = ax.imshow(chosen.spikes.sum(axis=1).T, aspect="auto", origin="lower", cmap="Blues", interpolation="nearest")
        ax.figure.colorbar(image, ax=ax, label="positions that fire")
    else:
        t, neuron = np.nonzero(chosen.spikes)
        ax.scatter(t, neuron, s=12, marker="|", color="tab:blue", linewidths=1.5)
        ax.set_xlim(-0.5, chosen.spikes.shape[0] - 0.5)
    ax.set(xlabel="time step", ylabel="neuron", title=f"spikes: {chosen.name}")
    return _finish(ax)


def membranes(
    trace: Trace,
    layer: str | None = None,
    neurons: Sequence[int] | None = None,
    *,
    position: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Membranes over time, with a mark at each spike; without ``neurons`` four that have most to show. ``position`` chooses a place
    in the text where a layer has neurons at each."""
    ax = _axes(ax)
    chosen = trace[layer] if layer is not None else trace.layers[0]
    values, spikes = chosen.membranes, chosen.spikes
    if chosen.axes == "TPC":
        if not 0 <= position < values.shape[1]:
            raise ValueError(f"position: expected a place from 0 to {values.shape[1] - 1}, got {position}")
        values, spikes = values[:, position], None if spikes is None else spikes[:, position]
    if neurons is None:
        moved = np.ptp(values, axis=0)
        if spikes is not None:
            # Those that fire at some steps and not at others have most to show.
            fired = spikes.sum(axis=0)
            moved = np.minimum(fired, len(spikes) - fired) + moved / (1 + moved.max())
        neurons = np.sort(np.argsort(-moved, kind="stable")[:4]).tolist()
    for neuron in neurons:
        (line,) = ax.plot(values[:, neuron], label=f"neuron {neuron}")
        if spikes is not None:
            t = np.nonzero(spikes[:, neuron])[0]
            ax.scatter(t, values[t, neuron], marker="^", color=line.get_color(), zorder=3)
    where = f" at {trace.tokens[position]!r}" if chosen.axes == "TPC" and position < len(trace.tokens) else ""
    ax.set(xlabel="time step", ylabel="membrane", title=f"membranes: {chosen.name}{where}")
    ax.legend(frameon=False, fontsize="small")
    return _finish(ax)


def scores(trace: Trace, labels: Sequence[str] | None = None, *, ax: Axes | None = None) -> Axes:
    """What the outputs have gathered after each time step, a line a class where there is an output a class."""
    ax = _axes(ax)
    read = trace.layers[-1]
    gathered = np.cumsum(read.spikes if read.spikes is not None else read.currents, axis=0, dtype=np.float64)
    names = list(labels) if labels is not None else list(trace.probabilities)
    groups = gathered.reshape(gathered.shape[0], len(names), -1).sum(axis=2)
    for at, name in enumerate(names):
        ax.plot(np.arange(1, len(groups) + 1), groups[:, at], marker="o", label=name)
    what = "spikes" if read.spikes is not None else "membrane"
    ax.set(xlabel="time step", ylabel=f"{what} of the outputs", title=f"answer: {trace.label}")
    ax.legend(frameon=False)
    return _finish(ax)


def contributions(explanation: Explanation, *, ax: Axes | None = None) -> Axes:
    """What each word said for the label against the runner-up, a bar a word in the order of the text; where it is known, a mark
    for what is lost without the word."""
    tokens = explanation.tokens
    ax = _axes(ax, height=0.6 + 0.28 * len(tokens))
    pushes, rows = explanation.pushes(), np.arange(len(tokens))
    ax.barh(rows, pushes, color=np.where(pushes > 0, "tab:blue", "tab:orange"), height=0.7)
    if explanation.drops is not None:
        ax.plot(explanation.pushes(explanation.drops), rows, "k|", markersize=9, label="lost without it")
        ax.legend(frameon=False, loc="best")
    ax.axvline(0, color="0.6", linewidth=0.8)
    ax.set_yticks(rows, tokens)
    ax.invert_yaxis()
    against = "" if explanation.label == explanation.runner_up else f" against {explanation.runner_up}"
    ax.set(xlabel="part of the score", title=f"for {explanation.label}{against}")
    return _finish(ax)


def energy(
    models: dict[str, Model | SpikeTextClassifier],
    texts: Any,
    labels: Any,
    *,
    table: str = "45 nm, fp32 (Horowitz 2014)",
    ax: Axes | None = None,
) -> Axes:
    """Accuracy over energy: a mark for each network, and a hollow one for the DNN of its shape at the same height (what that
    would score is not measured here)."""
    ax = _axes(ax, 5.0, 4.0)
    right = np.asarray([str(label) for label in labels])
    for name, model in models.items():
        network = getattr(model, "model_", model)
        if network.multi_label:
            raise ValueError(f"energy: expected models of one label a text, got {name!r}, a model of several")
        accuracy = 100 * float((network.predict(texts) == right).mean())
        told = network.energy(texts)["tables"]
        if table not in told:
            raise ValueError(f"table: expected one of {', '.join(told)}, got {table!r}")
        mark = ax.scatter(told[table]["snn_microjoules"], accuracy, label=name)
        ax.scatter(told[table]["dnn_microjoules"], accuracy, facecolors="none", edgecolors=mark.get_facecolor())
    ax.set(xscale="log", xlabel="µJ a text (hollow: DNN of the same shape)", ylabel="accuracy (%)", title=table)
    ax.legend(frameon=False)
    return _finish(ax)
