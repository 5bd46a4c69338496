#!/usr/bin/env python3
"""Makes testdata/golden/costs.json: what NeuroBench 2.3.0 counts for a small spiking network and a small DNN, and what
SpikingJelly 2.0.0 counts and prices by the model of Lemaire et al. 2022.

NeuroBench asks for a torchaudio that pins an older PyTorch, but its metrics need neither: install both alone, beside
the packages of make_goldens.py (from this folder):

    venv/bin/pip install --no-deps neurobench==2.3.0 spikingjelly==2.0.0 tqdm
    venv/bin/python make_costs_golden.py [--out some_folder]

The spiking network is built of snnTorch's neurons with a reset to zero in the same step, which is our hard reset (see
README.md). Weights are whole numbers of 1/64 and thresholds lie between them, so no rounding decides a spike; some
weights are zero. Texts are measured one by one: NeuroBench divides by the samples of a batch.
"""
import argparse
from importlib.metadata import version
from pathlib import Path

import snntorch
import torch
from neurobench.metrics.static import ConnectionSparsity, Footprint, ParameterCount
from neurobench.metrics.workload import ActivationSparsity, MembraneUpdates, SynapticOperations
from neurobench.metrics.workload.neuron_operations import NeuronOperations
from neurobench.models import SNNTorchModel, TorchModel
from spikingjelly.activation_based.neuron import IFNode
from spikingjelly.activation_based.op_counter.analytical_energy import estimate_lemaire_energy

from make_goldens import floats, to_text

WIDTHS, FILTERS, DIMENSION, CLASSES, STEPS, WORDS = (2, 3), 4, 6, 3, 5, 5
THRESHOLD = 1.0078125  # 1 + 1/128
FEATURE_THRESHOLD = 0.31  # of the positions
TEXTS = ([0, 1, 2, 3, 4, 1, 0], [4, 2, 0, 3], [1, 1, 3, 0, 2, 4, 3, 2, 1])
PADDED = 9  # every text has 9 rows then


class Connections(torch.nn.Module):
    """The layers with weights, alone: what footprint and parameters are compared on."""

    def __init__(self, generator, zeros):
        super().__init__()
        self.convolutions = torch.nn.ModuleList(torch.nn.Conv1d(DIMENSION, FILTERS, width) for width in WIDTHS)
        self.output = torch.nn.Linear(len(WIDTHS) * FILTERS, CLASSES)
        with torch.no_grad():
            for parameter in self.parameters():
                weights = torch.randint(-48, 49, parameter.shape, generator=generator)
                weights[weights == 0] = 7
                if zeros:
                    weights[torch.rand(parameter.shape, generator=generator) < 0.2] = 0
                parameter.copy_(weights / 64)


def neuron(threshold):
    return snntorch.Leaky(
        beta=1.0, threshold=threshold, reset_mechanism="zero", reset_delay=False, init_hidden=True, output=True
    )


class Spiking(torch.nn.Module):
    """One step of the network: convolution neurons, pooled features, outputs; `rows` tells the positions."""

    def __init__(self, connections, rows):
        super().__init__()
        self.connections = connections
        self.convolution_neurons = torch.nn.ModuleList(neuron(THRESHOLD) for _ in WIDTHS)
        self.feature_neurons = torch.nn.ModuleList(
            neuron(float(torch.tensor(rows - width + 1.0) * torch.tensor(FEATURE_THRESHOLD))) for width in WIDTHS
        )
        self.output_neurons = neuron(THRESHOLD)

    def forward(self, spikes):  # [1, L, D]
        features = []
        for convolution, neurons, pooled in zip(
            self.connections.convolutions, self.convolution_neurons, self.feature_neurons
        ):
            fired, _ = neurons(convolution(spikes.transpose(1, 2)))
            features.append(pooled(fired.sum(2))[0])
        return self.output_neurons(self.connections.output(torch.cat(features, 1)))


class RealValued(torch.nn.Module):
    """The tailored TextCNN: rectifiers at every position, their average, outputs."""

    def __init__(self, connections):
        super().__init__()
        self.connections = connections
        self.rectifiers = torch.nn.ModuleList(torch.nn.ReLU() for _ in WIDTHS)
        self.features = None

    def forward(self, rates):  # [1, L, D]
        pairs = zip(self.connections.convolutions, self.rectifiers)
        self.features = torch.cat([relu(conv(rates.transpose(1, 2))).mean(2) for conv, relu in pairs], 1)
        return self.connections.output(self.features)


class SpikingJelly(torch.nn.Module):
    """The spiking network once more, all steps, with SpikingJelly's neurons; features are fed in units of their
    threshold. It fires on >=, which is the same where no membrane meets its threshold."""

    def __init__(self, connections, rows):
        super().__init__()
        self.connections, self.rows = connections, rows
        self.convolution_neurons = torch.nn.ModuleList(IFNode(THRESHOLD, 0.0) for _ in WIDTHS)
        self.feature_neurons, self.output_neurons = IFNode(1.0, 0.0), IFNode(THRESHOLD, 0.0)

    def forward(self, train):  # [T, L, D]
        fired = []
        for spikes in train:
            features = []
            for width, convolution, neurons in zip(
                WIDTHS, self.connections.convolutions, self.convolution_neurons
            ):
                sums = neurons(convolution(spikes[None].transpose(1, 2))).sum(2)
                features.append(sums / (FEATURE_THRESHOLD * (self.rows - width + 1)))
            fired.append(self.output_neurons(self.connections.output(self.feature_neurons(torch.cat(features, 1)))))
        return torch.cat(fired)


class WithoutModules(torch.nn.Module):
    """The DNN with its rectifiers as functions: SpikingJelly refuses modules that the model does not price."""

    def __init__(self, connections):
        super().__init__()
        self.connections = connections

    def forward(self, rates):
        features = [torch.relu(conv(rates.transpose(1, 2))).mean(2) for conv in self.connections.convolutions]
        return self.connections.output(torch.cat(features, 1))


def lemaire(model, data):
    report = estimate_lemaire_energy(model, data)
    return {**report.counts, **report.breakdown_pj}


def regular(rate):
    """Evenly spaced spikes of rates in whole 1/65536: floor(t r + 1/2) - floor((t - 1) r + 1/2)."""
    up_to = [(t * rate + 32768) // 65536 for t in range(STEPS + 1)]
    return torch.stack([after - before for before, after in zip(up_to, up_to[1:])])


def measured(model, data):
    """The workload metrics of one text."""
    model.register_hooks()
    with torch.no_grad():
        predictions = model(data)
    found = {}
    for metric in (ActivationSparsity, SynapticOperations, MembraneUpdates, NeuronOperations):
        if metric in (MembraneUpdates, NeuronOperations) and isinstance(model, TorchModel):
            continue
        result = metric()(model, predictions, (data, None))
        for name, value in result.items() if isinstance(result, dict) else [(metric.__name__, result)]:
            found[name] = float(value)
    model.cleanup_hooks()
    return found, predictions


def static(connections):
    model = TorchModel(connections)
    return {metric.__name__: float(metric()(model)) for metric in (Footprint, ParameterCount, ConnectionSparsity)}


def weights_of(connections):
    return {
        "conv_weights": [floats(c.weight.transpose(1, 2)) for c in connections.convolutions],  # [F][width][D]
        "conv_biases": [floats(c.bias) for c in connections.convolutions],
        "linear_weight": floats(connections.output.weight),
        "linear_bias": floats(connections.output.bias),
        "static": static(connections),
    }


def golden():
    generator = torch.Generator().manual_seed(9)
    codes = torch.randint(1, 65536, (WORDS, DIMENSION), generator=generator)
    spiking, real = Connections(generator, zeros=True), Connections(generator, zeros=False)
    cases = []
    for padded in (0, PADDED):
        for text in TEXTS:
            rows = max(len(text), padded)
            train, rates = torch.zeros(STEPS, rows, DIMENSION), torch.zeros(rows, DIMENSION)
            for i, word in enumerate(text):
                train[:, i] = regular(codes[word]).float()
                rates[i] = codes[word] / 65536
            network, dnn = Spiking(spiking, rows), RealValued(real)
            found, outputs = measured(SNNTorchModel(network), train[None])
            beside, _ = measured(TorchModel(dnn), rates[None])
            again = SpikingJelly(spiking, rows)
            with torch.no_grad():
                assert torch.equal(again(train), outputs[0]), "both libraries' neurons fire alike"
            cases.append({
                "text": text, "padded": padded, "spiking": found, "output_spikes": outputs[0].sum(0).int().tolist(),
                "real_valued": beside, "active_features": int((dnn.features != 0).sum()),
                "lemaire_spiking": lemaire(SpikingJelly(spiking, rows), train),
                "lemaire_real_valued": lemaire(WithoutModules(real), rates[None]),
            })
    return {
        "about": "costs of a small spiking text network (regular code, hard reset) and of a small DNN: NeuroBench's "
                 "metrics, and SpikingJelly's counts and picojoules by Lemaire et al. 2022",
        "made_by": {name: version(name).split("+")[0] for name in ("neurobench", "spikingjelly", "torch", "snntorch")},
        "widths": list(WIDTHS), "filters": FILTERS, "steps": STEPS, "classes": CLASSES,
        "threshold": THRESHOLD, "feature_threshold": FEATURE_THRESHOLD, "codes": codes.tolist(),
        "spiking": weights_of(spiking), "real_valued": weights_of(real), "cases": cases,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "testdata" / "golden")
    folder = parser.parse_args().out
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "costs.json"
    path.write_text(to_text(golden()) + "\n")
    print(f"{path}: {path.stat().st_size} bytes")
