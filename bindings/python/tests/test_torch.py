"""The network in PyTorch does what the model does, to the last bit, and can be trained.

Compared are, without any tolerance: every spike, current and membrane of every layer at every step and position with
``Model.trace``, scores with what docs/FORMAT.md makes of the trace's outputs, labels with ``Model.predict``.
"""

import copy
import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import SMALL, small

from spiketext import Model

torch = pytest.importorskip("torch")
pytest.importorskip("snntorch")

from spiketext import torch_network

torch.set_num_threads(1)

#: Texts of 1 to some 150 tokens, shorter than kernels and longer than paddings, with words that no model knows among them.
WORDS = "a warm and funny film but qqqqq the boring story of two great hours , awful acting in every scene ! zzzzz".split()
LENGTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 17, 23, 40, 150]

SPARSE = {"network.filters": 5, "sparse.dimension": 64, "sparse.active": 6, "words.also-first": 100, "sparse.epochs": 3}
LEAK = {"network.beta": 0.8125, "network.initial": 0.0}
COUNT = {"network.readout": "spike-count", "network.outputs-per-class": 3}
PADDED = {"network.averaging": {"kind": "padded", "length": 9}}

CASES = {
    "lean": {},
    "leak": {"settings": {**SMALL, **LEAK}},
    "a leak that no float holds": {"settings": {**SMALL, "network.beta": 0.9, "network.initial": 0.3}},
    "hard reset": {"settings": {**SMALL, "network.reset": "hard"}},
    "hard reset, leak, padded": {"settings": {**SMALL, **LEAK, **PADDED, "network.reset": "hard"}},
    "counts": {"settings": {**SMALL, **COUNT}},
    "unknown words of rate 1/2": {"settings": {**SMALL, **PADDED, "words.unknown": "mean"}},
    "bernoulli": {"settings": {**SMALL, "network.encoder": "bernoulli"}},
    "latency": {"settings": {**SMALL, "network.encoder": "latency"}},
    "burst": {"settings": {**SMALL, "network.encoder": "burst"}},
    "direct": {"settings": {**SMALL, "network.encoder": "direct"}},
    "direct, codes of 16 bits": {"settings": {**SMALL, **PADDED, "network.encoder": "direct", "words.bits": "16",
                                              "words.unknown": "mean"}},
    "phase": {"steps": 8, "settings": {**SMALL, "network.encoder": "phase"}},
    "codebook": {"steps": 8, "settings": {**SMALL, "network.encoder": "codebook-green"}},
    "codebook, binary": {"steps": 8, "settings": {**SMALL, "network.encoder": "codebook-binary"}},
    "paper": {"recipe": "paper", "steps": 6, "settings": {"network.filters": 6, "dnn.batch": 16, "words.also-first": 100,
                                                          "fine-tuning.epochs": 1}},
    "pooled": {"recipe": "pooled"},
    "hidden layers": {"settings": {**SMALL, "network.hidden": [12, 6]}},
    "hidden layers from sums": {"recipe": "pooled", "settings": {**SMALL, "network.hidden": [12]}},
    "deep": {"recipe": "deep", "settings": {**SMALL, "network.widths": [3]}},
    "convolutions of even width": {"settings": {**SMALL, "network.widths": [2], "network.convolutions": 2,
                                                "network.convolution-width": 4}},
    "blocks of one layer": {"recipe": "deep", "settings": {**SMALL, "network.widths": [4], "network.residual-block": 1}},
    "four bits": {"settings": {**SMALL, "network.synapse-bits": "4"}},
    "a threshold of 1.3": {"settings": {**SMALL, "network.threshold": 1.3}},
    "sparse": {"recipe": "sparse", "steps": None, "settings": SPARSE},
    "sparse, padded": {"recipe": "sparse", "steps": None, "settings": {**SPARSE, **PADDED}},
}


def several(model):
    """Fifty texts and more, each with a word that the model knows."""
    rng = np.random.default_rng(0)
    made = [" ".join(rng.choice(WORDS, length)) for length in LENGTHS for _ in range(4)]
    known = [text for text, unknown in zip(made, model.unknown(made)) if not unknown]
    assert len(known) >= 50
    return known


def in_single_steps(values, classes):
    """Means over steps and outputs of a class, added up one after the other in single precision (docs/FORMAT.md)."""
    total = np.zeros(classes, np.float32)
    for row in np.float32(values).reshape(len(values), classes, -1):
        step = np.zeros(classes, np.float32)
        for member in row.T:
            step = step + member
        total = total + step
    return total / np.float32(values.shape[0] * values.shape[1] // classes)


def compare(model, outcome, texts):
    """Holds an outcome to the model's traces and answers; how many spikes were compared, and how many fired."""
    assert [model.labels[k] for k in outcome.labels().tolist()] == model.predict(texts).tolist()
    compared = fired = 0
    for b, text in enumerate(texts):
        trace = model.trace(text)
        assert [layer.name for layer in trace.layers] == [layer.name for layer in outcome.layers]
        for own, theirs in zip(outcome.layers, trace.layers):
            assert own.axes == theirs.axes[0] + "B" + theirs.axes[1:]
            places = slice(None) if own.positions is None else slice(int(own.positions[b]))
            for name in ("spikes", "currents", "membranes"):
                wanted, got = getattr(theirs, name), getattr(own, name)
                assert (wanted is None) == (got is None), name
                if wanted is not None:
                    got = got[:, b].detach().numpy()
                    assert np.array_equal(got[:, places], wanted), (text, own.name, name)
            if theirs.spikes is not None:
                compared, fired = compared + theirs.spikes.size, fired + int(theirs.spikes.sum())
                assert own.spikes[:, b].sum() == theirs.spikes.sum(), "nothing fires behind the end of a text"
        last = trace.layers[-1]
        wanted = in_single_steps(last.currents if last.spikes is None else last.spikes, len(model.labels))
        assert np.array_equal(outcome.scores[b].detach().numpy(), wanted)
    answers = model.predict_proba(texts)
    top = answers.max(axis=1, keepdims=True) == answers
    assert top[np.arange(len(texts)), outcome.labels().numpy()].all()
    return compared, fired


@pytest.mark.parametrize("case", CASES)
def test_everything_is_the_models(case, texts, labels):
    model = small(**CASES[case]).fit(texts, labels).model_
    network = model.to_torch()
    read = several(model)
    with torch.no_grad():
        together = network(*torch_network.inputs(model, read))
        compared, fired = compare(model, together, read)
        for at in range(0, len(read), 3):
            alone = network(*torch_network.inputs(model, read[at : at + 1]))
            compare(model, alone, read[at : at + 1])
            assert torch.equal(alone.scores[0], together.scores[at])
    assert 0 < fired < compared
    print(f"{case}: {len(read)} texts, {compared:,} spikes compared, {fired:,} fired")


@pytest.mark.parametrize("case", ["lean", "paper", "deep", "sparse", "hidden layers from sums"])
def test_training_and_its_numbers(case, texts, labels, tmp_path):
    model = small(**CASES[case]).fit(texts, labels).model_
    network = model.to_torch()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    inputs = torch_network.inputs(model, texts)
    targets = torch.tensor([model.labels.index(label) for label in labels])
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    losses = []
    for _ in range(4):
        outcome = network(*inputs)
        loss = torch.nn.functional.cross_entropy(outcome.scale * outcome.scores, targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.isfinite(losses).all()
    parameters = dict(network.named_parameters())
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name, value in parameters.items() if value.grad is not None and value.grad.any()}
    assert any(name.startswith("text_convolution.synapses") for name in changed)
    assert "readout.synapses.weight" in changed
    # Into a file and out of it; into a network as it was before.
    torch.save(network.state_dict(), tmp_path / "network.pt")
    again = model.to_torch()
    again.load_state_dict(torch.load(tmp_path / "network.pt", weights_only=True))
    with torch.no_grad():
        assert torch.equal(again(*inputs).scores, network(*inputs).scores)
        again.load_state_dict(before)
        compare(model, again(*inputs), texts)


@pytest.mark.parametrize("case", CASES)
def test_the_way_back(case, texts, labels):
    model = small(**CASES[case]).fit(texts, labels).model_
    network = model.to_torch()
    same = Model.from_torch(network, like=model)
    assert [list(layer) for layer in same.weights] == [list(layer) for layer in model.weights]
    for own, other in zip(same.weights, model.weights):
        assert all(np.array_equal(own[name], other[name]) for name in own)
    assert np.array_equal(same.predict_proba(texts), model.predict_proba(texts))
    # Weights that grow, by up to four times, and some thresholds: what comes back is the nearest network on the grid.
    torch.manual_seed(0)
    with torch.no_grad():
        for value in network.parameters():
            value.mul_(1 + 3 * torch.rand_like(value))
        if network.features is not None:
            network.features.threshold.mul_(1.0625)
    changed = Model.from_torch(network, like=model)
    for own, other in zip(changed.weights, model.weights):
        assert "synapses" not in own or not own["synapses"].any() or not np.array_equal(own["synapses"], other["synapses"])
    again = changed.to_torch()
    with torch.no_grad():
        compare(changed, again(*torch_network.inputs(changed, texts)), texts)
    # By half a unit at most, of a unit that has grown by four times at most.
    grids = [json.loads(one._core.to_files()["config.json"])["exponents"] for one in (model, changed)]
    assert all(grids[0][path] <= grids[1][path] <= grids[0][path] + 2 for path in grids[0])
    path = {"text_convolution": "0", "readout": str(len(model.config["layers"]) - 1)}
    for (name, own), value in zip(again.named_parameters(), network.parameters(), strict=True):
        exponent = grids[1].get(path.get(name.split(".")[0]), max(grids[1].values()))
        assert (own - value).detach().abs().max() <= 2.0**exponent / 2, name


def test_a_way_back_that_is_none(fitted):
    network = fitted.model_.to_torch()
    network.readout.synapses.weight.data[0, 0] = torch.nan
    with pytest.raises(ValueError, match="finite synapses of layer 3"):
        Model.from_torch(network, like=fitted.model_)
    network = fitted.model_.to_torch()
    network.features.beta.fill_(0.5)
    with pytest.raises(ValueError, match="beta"):
        Model.from_torch(network, like=fitted.model_)
    with pytest.raises(TypeError, match="like"):
        Model.from_torch(network, like="model")


def test_sums_that_single_precision_rounds():
    layer = {"kind": "dense", "neurons": 1, "neuron": {"beta": 1.0, "threshold": 1.0, "initial": 0.0, "reset": "soft",
             "detach_reset": True, "surrogate": {"kind": "triangle", "slope": 1.0}}}
    for weights, double in (([2**23, 2**23 - 1], False), ([2**24, 1, 1], True), ([0.5, 2**-25, 0], True), ([0, 0], False)):
        weights = np.array(weights, np.float32)
        dense = torch_network.Dense(layer, {"synapses": weights}, None, False)
        assert dense.double == double, weights
        currents = dense(torch.ones(1, 1, len(weights))).currents
        assert currents.item() == np.float32(weights.astype(np.float64).sum())


def test_several_labels(texts, labels):
    members = np.column_stack([labels == "good", labels == "bad", ["film" in text for text in texts]]).astype(int)
    classifier = small().fit(texts, members)
    network = classifier.model_.to_torch()
    outcome = network(*torch_network.inputs(classifier, texts))
    assert np.array_equal(outcome.labels().numpy(), classifier.predict(texts))
    # The exponential function of a machine may differ in the last bit.
    assert np.allclose(outcome.probabilities().detach().numpy(), classifier.predict_proba(texts), rtol=1e-6, atol=0)
    again = Model.from_torch(network, like=classifier.model_)
    assert again.multi_label and np.array_equal(again.predict(texts), classifier.predict(texts))


def test_a_copy_and_a_processor(fitted, texts):
    network = fitted.model_.to_torch()
    inputs = torch_network.inputs(fitted, texts)
    scores = network(*inputs).scores
    scores.sum().backward()
    again = copy.deepcopy(network)(*inputs.to("cpu")).scores
    assert torch.equal(again, scores)


def test_a_surrogate_of_ones_own(fitted, texts):
    from snntorch import surrogate

    seen = []
    for spike_grad in (None, surrogate.fast_sigmoid(slope=5)):
        network = fitted.model_.to_torch(spike_grad)
        outcome = network(*torch_network.inputs(fitted, texts[:4]))
        compare(fitted.model_, outcome, texts[:4])
        outcome.scores[:, 0].sum().backward()
        seen.append(network.text_convolution.synapses[0].weight.grad)
    assert seen[0].any() and not torch.equal(*seen)


def test_what_is_refused(fitted, texts):
    with pytest.raises(TypeError, match="texts"):
        torch_network.inputs(fitted.model_, texts[0])
    with pytest.raises(ValueError, match="'qqqqq' at 1"):
        torch_network.inputs(fitted.model_, [texts[0], "qqqqq"])
    with pytest.raises(ValueError, match="none"):
        torch_network.inputs(fitted.model_, [])
    drive, presence, lengths = torch_network.inputs(fitted, texts[:2])
    with pytest.raises(ValueError, match=r"\[T, B, L, D\]"):
        fitted.model_.to_torch()(drive.transpose(2, 3), presence, lengths)
    with pytest.raises(ValueError, match="'attention'"):
        torch_network.SpikingNetwork(
            {**fitted.model_.config, "layers": [{"kind": "attention"}]}, fitted.model_.weights
        )


@pytest.mark.parametrize("missing", ["torch", "snntorch"])
def test_without_torch_one_is_told_what_to_install(fitted, tmp_path, missing):
    fitted.model_.save(tmp_path / "model")
    code = (
        f"import sys; sys.modules[{missing!r}] = None\nfrom spiketext import Model\n"
        f"try: Model.load({str(tmp_path / 'model')!r}).to_torch()\nexcept ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install" in done.stdout and "snntorch" in done.stdout
