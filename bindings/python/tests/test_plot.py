"""Pictures are drawn, and show what they say."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest

from spiketext import plot


def test_every_picture_shows_its_numbers(fitted, texts, labels, tmp_path):
    trace = fitted.model_.trace("a warm and funny film")
    drawn = plot.input_raster(trace)
    assert [label.get_text() for label in drawn.get_xticklabels()] == trace.tokens
    features = next(layer for layer in trace.layers if layer.axes == "TC")
    drawn = plot.raster(trace, features.name)
    assert len(drawn.collections[0].get_offsets()) == features.spikes.sum()
    plot.raster(trace, trace.layers[0].name)
    with pytest.raises(ValueError, match="adds up"):
        plot.raster(trace, trace.layers[-1].name)
    drawn = plot.membranes(trace, neurons=[0, 3], position=1)
    assert np.array_equal(drawn.lines[1].get_ydata(), trace.layers[0].membranes[:, 1, 3]) and "warm" in drawn.get_title()
    drawn = plot.scores(trace)
    assert [line.get_label() for line in drawn.lines] == ["bad", "good"] and trace.label in drawn.get_title()
    explained = fitted.model_.explain("a warm and funny film")
    drawn = plot.contributions(explained)
    assert [bar.get_width() for bar in drawn.patches] == pytest.approx(explained.pushes().tolist())
    drawn = plot.energy({"lean": fitted}, texts, labels)
    drawn.figure.savefig(tmp_path / "energy.png")
    with pytest.raises(ValueError, match="table"):
        plot.energy({"lean": fitted}, texts, labels, table="none")
