#!/usr/bin/env python3
"""The PyTorch peers of spiketext: the published spiking TextCNN in snnTorch and in SpikingJelly, timed on a CPU or a GPU.

`spiketext-peers` (README.md beside this file) starts it, one peer at a time, in turn with spiketext. By hand:

    python peers.py --peer spikingjelly --what train infer --threads 2

Each measurement is one JSON line: the seconds of every run, so that both sides are summed up by the same code.

Everything that is not the network is left out in the peers' favour: one batch of spikes is made before the clock starts
and used again in every run, and the classes have one output neuron each where the published network has ten.

Axes: T time step, B text of a batch, L token, D input dimension, P convolution position, C channel, K class.
"""
import argparse
import contextlib
import functools
import json
import platform
import time
from importlib.metadata import version

import torch
import torch.nn.functional as F
from torch import nn

WIDTHS = (3, 4, 5)
FILTERS = 100
CLASSES = 2


class StepByStep(nn.Module):
    """snnTorch: a loop over time, every layer once a step, as the authors of the published code wrote it."""

    def __init__(self, dimension):
        import snntorch
        import snntorch.surrogate

        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(1, FILTERS, (width, dimension)) for width in WIDTHS)
        self.output = nn.Linear(FILTERS * len(WIDTHS), CLASSES)
        slope = snntorch.surrogate.fast_sigmoid(slope=25)
        neurons = [snntorch.Leaky(beta=1.0, spike_grad=slope) for _ in range(2 * len(WIDTHS) + 1)]
        *hidden, self.output_neuron = neurons
        self.position_neurons = nn.ModuleList(hidden[: len(WIDTHS)])
        self.feature_neurons = nn.ModuleList(hidden[len(WIDTHS) :])

    def forward(self, spikes):
        """[T, B, L, D] to [T, B, K]."""
        layers = list(zip(self.convolutions, self.position_neurons, self.feature_neurons))
        membranes = [[position.init_leaky(), feature.init_leaky()] for _, position, feature in layers]
        last = self.output_neuron.init_leaky()
        fired = []
        for now in spikes.unsqueeze(2):
            features = []
            for (convolution, position, feature), membrane in zip(layers, membranes):
                here, membrane[0] = position(convolution(now), membrane[0])  # [B, F, P, 1]
                pooled = F.avg_pool2d(here, (here.shape[2], 1)).flatten(1)
                there, membrane[1] = feature(pooled, membrane[1])
                features.append(there)
            out, last = self.output_neuron(self.output(torch.cat(features, 1)), last)
            fired.append(out)
        return torch.stack(fired)


class AllStepsAtOnce(nn.Module):
    """SpikingJelly in its multi-step mode: each layer takes all time steps in one call, the faster of its two styles."""

    def __init__(self, dimension):
        from spikingjelly.activation_based import neuron, surrogate

        super().__init__()

        def neurons():
            return neuron.IFNode(v_reset=None, surrogate_function=surrogate.ATan(), step_mode="m")

        self.convolutions = nn.ModuleList(nn.Conv1d(dimension, FILTERS, width) for width in WIDTHS)
        self.position_neurons = nn.ModuleList(neurons() for _ in WIDTHS)
        self.feature_neurons = nn.ModuleList(neurons() for _ in WIDTHS)
        self.output = nn.Linear(FILTERS * len(WIDTHS), CLASSES)
        self.output_neuron = neurons()

    def forward(self, spikes):
        """[T, B, L, D] to [T, B, K]."""
        from spikingjelly.activation_based import functional

        functional.reset_net(self)
        time_and_batch = spikes.shape[:2]
        rows = spikes.flatten(0, 1).transpose(1, 2)  # [T B, D, L]
        features = []
        for convolution, position, feature in zip(self.convolutions, self.position_neurons, self.feature_neurons):
            currents = convolution(rows).unflatten(0, time_and_batch)  # [T, B, F, P]
            features.append(feature(position(currents).mean(-1)))
        return self.output_neuron(self.output(torch.cat(features, -1)))


def autocast_off(_device):
    return contextlib.nullcontext()


def autocast_bf16(device):
    return torch.autocast(device, dtype=torch.bfloat16)


# The network of a peer, and the arithmetic that it runs in.
PEERS = {
    "snntorch": (StepByStep, autocast_off),
    "spikingjelly": (AllStepsAtOnce, autocast_off),
    "spikingjelly-bf16": (AllStepsAtOnce, autocast_bf16),
}


def training(network, precision, spikes, labels):
    """A function that does one training step: forward, backward, AdamW."""
    from snntorch import functional

    loss_of = functional.ce_rate_loss()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)

    def step():
        optimiser.zero_grad()
        with precision():
            fired = network(spikes)
        loss_of(fired.float(), labels).backward()
        optimiser.step()

    return step


def inference(network, precision, spikes, _labels):
    """A function that runs the network once."""

    def run():
        with torch.no_grad(), precision():
            network(spikes)

    return run


KINDS = {"train": training, "infer": inference}


def repeated(run, settle, seconds, least):
    """Seconds of each run, for `seconds` and at least `least` runs, after one that is not counted.

    `settle` waits until the device has done what it was told."""
    run()
    settle()
    taken = []
    while len(taken) < least or sum(taken) < seconds:
        start = time.perf_counter()
        run()
        settle()
        taken.append(time.perf_counter() - start)
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=PEERS, help="which peer (needed unless --versions)")
    parser.add_argument("--what", choices=KINDS, nargs="+", default=list(KINDS), help="what to time")
    parser.add_argument("--versions", action="store_true", help="print versions and what the processor offers, and stop")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--batch", type=int, default=32, help="B, texts a run")
    parser.add_argument("--length", type=int, default=25, help="L, tokens a text")
    parser.add_argument("--steps", type=int, default=50, help="T, time steps")
    parser.add_argument("--dimension", type=int, default=300, help="D, input dimensions")
    parser.add_argument("--rate", type=float, default=0.5, help="mean firing rate of the input")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long to measure, at least")
    parser.add_argument("--least-runs", type=int, default=3, help="runs to measure, at least")
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    if a.versions:
        names = ("torch", "snntorch", "spikingjelly", "numpy")
        found = {"python": platform.python_version(), **{name: version(name) for name in names}}
        found["torch_cpu_capability"] = torch.backends.cpu.get_cpu_capability()
        if a.device == "cuda":
            if not torch.cuda.is_available():
                parser.error(f"torch {torch.__version__} finds no GPU")
            found["gpu"] = torch.cuda.get_device_name()
        print(json.dumps(found))
        return
    if a.peer is None:
        parser.error("--peer is needed")
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    build, autocast = PEERS[a.peer]
    network = build(a.dimension).to(a.device)
    # Made and moved before the clock starts.
    spikes = (torch.rand(a.steps, a.batch, a.length, a.dimension) < a.rate).float().to(a.device)
    labels = torch.randint(0, CLASSES, (a.batch,)).to(a.device)
    settle = torch.cuda.synchronize if a.device == "cuda" else lambda: None
    for what in a.what:
        run = KINDS[what](network, functools.partial(autocast, a.device), spikes, labels)
        taken = repeated(run, settle, a.seconds, a.least_runs)
        line = {
            "peer": a.peer,
            "what": what,
            "device": a.device,
            "threads": torch.get_num_threads(),
            "steps": a.steps,
            "dimension": a.dimension,
            "tokens_a_text": a.length,
            "input_rate": a.rate,
            "texts_a_run": a.batch,
            "seconds": taken,
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
