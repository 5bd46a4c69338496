"""Runs exported NIR files in the simulators that read them and compares every spike; makes the goldens in testdata/nir.

    nir_peers.py run READER FILE.nir FILE.npz      one export of `spiketext export --inputs`, a line of JSON
    nir_peers.py all FOLDER [TABLE.md]             every MODEL-READER.nir with its .npz, each in its environment; a table
    nir_peers.py make READER FOLDER                a small network of READER as a file, inputs, and its own spikes
    nir_peers.py tune FILE.nir FILE.npz OUT.nir    trains an export in snnTorch for a few steps and writes it again
    nir_peers.py neurobench FILE.nir FILE.npz      effective operations and sparsities by NeuroBench on the snnTorch network
    nir_peers.py module MODEL COUNT DATASET [DIR]  `Model.to_torch` on test texts of a data set, beside `Model.trace` (no NIR)

Readers need environments of their own, since sinabs is held to an older nir. Made with Python 3.11 and torch 2.15.0 (any
recent one will do), in folders named after the readers beside each other (ENVIRONMENTS names the folder that holds them):

    snntorch       pip install torch nir==1.0.8 nirtorch==2.6 snntorch==1.0.0
    spikingjelly   pip install torch nir==1.0.8 nirtorch==2.6 spikingjelly==2.0.0
    norse          pip install torch nir==1.0.8 nirtorch==2.6 norse==1.1.0
    sinabs         pip install torch nir==1.0.4 'nirtorch<2' sinabs==3.1.3
    neurobench     pip install torch nir==1.0.8 nirtorch==2.6 snntorch==1.0.0 neurobench==2.3.0
    rockpool       pip install nir==1.0.8 rockpool==3.1.0

`module` needs the Python package of spiketext beside torch and snnTorch; DIR has the files of the data set.
"""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

READERS = ["snntorch", "spikingjelly", "norse", "sinabs"]


class Reader:
    """A network read from a file, run on one text at a time."""

    def __init__(self, name, graph, steps):
        import torch

        self.name, self.torch, self.seen = name, torch, {}
        if name == "snntorch":
            from snntorch.import_nir import import_from_nir

            self.network = import_from_nir(graph)
        elif name == "spikingjelly":
            from spikingjelly.activation_based.nir_exchange import import_from_nir

            self.network = import_from_nir(graph, dt=1e-4)
        elif name == "norse":
            from norse.torch import from_nir

            self.network = from_nir(graph, dt=1.0)
        elif name == "sinabs":
            from sinabs.nir import from_nir

            # A batch of one text, whose steps it takes one after the other.
            self.network = from_nir(graph, num_timesteps=steps)
        for node, module in self.network.named_modules():
            if node.startswith("neurons_") and "." not in node:
                module.register_forward_hook(self.keep(node))

    def keep(self, node):
        def hook(_, __, output):
            output = output[0] if isinstance(output, tuple) else output
            self.seen.setdefault(node, []).append(output.detach().cpu())

        return hook

    def reset(self):
        self.seen = {}
        if self.name == "snntorch":
            for module in self.network.modules():
                if hasattr(module, "reset_mem"):
                    module.reset_mem()
        if self.name == "sinabs":
            from sinabs import reset_states

            reset_states(self.network)

    def run(self, inputs):
        """Inputs [T, C, L, 1]; gives outputs [T, O] and the spikes of each node of neurons [T, ...]."""
        torch = self.torch
        x = torch.from_numpy(inputs.astype("float32"))
        self.reset()
        with torch.no_grad():
            if self.name == "sinabs":
                outputs = [first(self.network(x))]
            else:
                outputs, state = [], None
                for step in x:
                    output, state = self.network(step[None], state)
                    outputs.append(output.reshape(1, -1))
        outputs = torch.cat([output.reshape(output.shape[0], -1) for output in outputs]).numpy()
        steps = len(inputs)
        flat = {node: torch.cat([s.reshape(-1) for s in seen]).numpy() for node, seen in self.seen.items()}
        spikes = {node: values.reshape(steps, -1) for node, values in flat.items()}
        return outputs, spikes


def first(output):
    return output[0] if isinstance(output, tuple) else output


def run(name, network, arrays):
    import nir
    import numpy as np

    data = np.load(arrays)
    inputs = data["inputs"]
    reader = Reader(name, nir.read(network), inputs.shape[1])
    wanted = {key[len("spikes_"):]: data[key] for key in data.files if key.startswith("spikes_")}
    # Spikes that differ, of all spikes that either has, and texts without any difference.
    differing = total = equal_texts = 0
    scores, largest = [], 0.0
    classes = data["scores"].shape[1] if "scores" in data else data["outputs"].shape[-1]
    for text, own in enumerate(inputs):
        outputs, spikes = reader.run(own)
        same = True
        for node, expected in wanted.items():
            expected = expected[text].reshape(len(own), -1)
            got = spikes[node]
            assert got.shape == expected.shape, (node, got.shape, expected.shape)
            differing += int((got != expected).sum())
            total += int(((got > 0) | (expected > 0)).sum())
            same &= bool((got == expected).all())
        equal_texts += same
        largest = max(largest, float(abs(outputs - data["outputs"][text]).max()))
        scores.append(outputs.astype("float64").reshape(len(own), classes, -1).mean(axis=(0, 2)))
    labels = np.argmax(np.array(scores), axis=1)
    result = {
        "file": Path(network).stem,
        "reader": name,
        "texts": len(inputs),
        "equal_texts": equal_texts,
        "spikes": total,
        "differing_spikes": differing,
        "largest_difference_of_outputs": largest,
    }
    if "labels" in data:
        known = data["known"] == 1
        result["equal_labels"] = int((labels == data["labels"]).sum())
        result["labels_of_the_model"] = int((labels == data["model_labels"])[known].sum())
        result["known"] = int(known.sum())
    return result


def in_environment(reader, *arguments):
    python = Path(os.environ.get("ENVIRONMENTS", ".")) / reader / "bin" / "python"
    command = [str(python), "-W", "ignore", __file__, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        last = done.stderr.strip().splitlines()[-1:] or ["nothing said"]
        return {"file": "-".join(map(str, arguments[2:3])), "reader": reader, "error": last[0]}
    return json.loads(lines[-1])


def all_of(folder, table=None):
    results = []
    for network in sorted(Path(folder).glob("*.nir")):
        model, _, reader = network.stem.rpartition("-")
        if reader in READERS:
            result = in_environment(reader, "run", reader, network, network.with_suffix(".npz"))
            results.append({**result, "file": model, "reader": reader})
            print(json.dumps(results[-1]), flush=True)
    lines = [
        "| model | reader | texts, every spike equal | spikes | that differ | labels as the file's | as the model's |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for r in results:
        if "error" in r:
            lines.append(f"| `{r['file']}` | {r['reader']} | {r['error']} | | | | |")
            continue
        lines.append(
            f"| `{r['file']}` | {r['reader']} | {r['equal_texts']} of {r['texts']} | {r['spikes']:,} | {r['differing_spikes']:,} "
            f"| {r['equal_labels']} of {r['texts']} | {r['labels_of_the_model']} of {r['known']} |"
        )
    if table:
        Path(table).write_text("\n".join(lines) + "\n")


def make(name, folder):
    """A small network of the reader's own layers, as it exports them, with inputs and its own spikes."""
    import nir
    import numpy as np
    import torch

    torch.manual_seed(1)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # Weights of whole eighths, so that sums are exact in single precision.
    def eighths(module):
        for parameter in module.parameters():
            if parameter.dim():
                parameter.data = torch.round(parameter.data * 24) / 8
        return module

    steps, texts = 6, 4
    if name == "nir":
        rng = np.random.default_rng(1)
        weight = lambda *shape: (np.round(rng.normal(size=shape) * 8) / 8).astype(np.float32)
        graph = nir.NIRGraph(
            nodes={
                "in": nir.Input(input_type=np.array([3, 8])),
                "conv": nir.Conv1d(input_shape=8, weight=weight(4, 3, 3), stride=1, padding="same", dilation=1, groups=1,
                                   bias=weight(4)),
                "fire": nir.IF(r=np.full((4, 8), 1e4), v_threshold=np.full((4, 8), 1.0625), v_reset=np.zeros((4, 8))),
                "flat": nir.Flatten(input_type=np.array([4, 8]), start_dim=0, end_dim=-1),
                "scale": nir.Scale(scale=np.full(32, 0.5, dtype=np.float32)),
                "dense": nir.Linear(weight=weight(5, 32)),
                "leak": nir.LIF(tau=np.full(5, 1e-3), r=np.full(5, 10.0), v_leak=np.zeros(5), v_threshold=np.full(5, 0.53),
                                v_reset=np.zeros(5)),
                "out": nir.Output(output_type=np.array([5])),
            },
            edges=[("in", "conv"), ("conv", "fire"), ("fire", "flat"), ("flat", "scale"), ("scale", "dense"), ("dense", "leak"),
                   ("leak", "out")],
        )
        nir.write(folder / "nir.nir", graph)
        inputs = (rng.random((texts, steps, 3, 8)) < 0.4).astype(np.uint8)
        outputs = np.array([by_equations(graph, x) for x in inputs], dtype=np.float32)
        np.savez_compressed(folder / "nir.npz", inputs=inputs, outputs=outputs)
        return {"made": "nir", "spikes": float(outputs.sum())}
    shape = (2, 6, 1)
    inputs = (torch.rand(texts, steps, *shape) < 0.5).float()
    conv, dense = eighths(torch.nn.Conv2d(2, 3, 3, padding=(1, 1))), eighths(torch.nn.Linear(18, 4))
    if name == "snntorch":
        import snntorch as snn
        from snntorch.export_nir import export_to_nir

        # A number for each neuron: NIR's types are inferred from the shape of these.
        leaky = lambda *neurons: snn.Leaky(
            beta=torch.full(neurons, 0.8125), threshold=torch.full(neurons, 0.7), reset_mechanism="zero", init_hidden=True,
            reset_delay=False,
        )
        network = torch.nn.Sequential(conv, leaky(3, 6, 1), torch.nn.Flatten(), dense, leaky(4))
        graph = export_to_nir(network, torch.zeros(1, *shape), ignore_dims=[0])
        outputs = []
        for text in inputs:
            for module in network:
                if hasattr(module, "reset_mem"):
                    module.reset_mem()
            outputs.append(torch.stack([network(step[None])[0] for step in text]))
    elif name == "spikingjelly":
        from spikingjelly.activation_based import functional, layer, neuron
        from spikingjelly.activation_based.nir_exchange import export_to_nir

        fires = lambda: neuron.IFNode(v_threshold=1.0625, v_reset=0.0)
        flat, own, last = layer.Flatten(), layer.Conv2d(2, 3, 3, padding=(1, 1)), layer.Linear(18, 4)
        own.load_state_dict(conv.state_dict())
        last.load_state_dict(dense.state_dict())
        network = torch.nn.Sequential(own, fires(), flat, last, fires())
        outputs = []
        for text in inputs:
            functional.reset_net(network)
            outputs.append(torch.stack([network(step[None])[0] for step in text]))
        functional.reset_net(network)
        graph = export_to_nir(network, torch.zeros(1, *shape), dt=1e-4)
    elif name == "norse":
        import norse.torch as norse
        from norse.torch.functional.iaf import IAFParameters

        fires = lambda neurons: norse.IAFCell(IAFParameters(v_th=torch.full((neurons,), 0.3125)), dt=1.0)
        network = norse.SequentialState(eighths(torch.nn.Linear(12, 9)), fires(9), eighths(torch.nn.Linear(9, 4)), fires(4))
        inputs = inputs.reshape(texts, steps, -1)
        graph = norse.to_nir(network, torch.zeros(12))
        outputs = []
        for text in inputs:
            state, own = None, []
            for step in text:
                output, state = network(step[None], state)
                own.append(output[0])
            outputs.append(torch.stack(own))
    nir.write(folder / f"{name}.nir", graph)
    outputs = torch.stack(outputs).detach().numpy().astype(np.float32)
    assert 0 < outputs.mean() < 1, "some neurons fire, some do not"
    np.savez_compressed(folder / f"{name}.npz", inputs=inputs.numpy().astype(np.uint8), outputs=outputs)
    return {"made": name, "spikes": float(outputs.sum())}


def by_equations(graph, inputs, dt=1e-4):
    """The spikes of the graph made by `make nir`: NIR's equations by Euler's method, in double precision."""
    import numpy as np

    n = graph.nodes
    v, u, out = np.zeros((4, 8)), np.zeros(5), []
    for x in inputs.astype(np.float64):
        padded = np.pad(x, ((0, 0), (1, 1)))
        windows = np.stack([padded[:, i:i + 3] for i in range(8)], axis=-1)
        v = v + dt * n["fire"].r * (np.einsum("fck,ckn->fn", n["conv"].weight, windows) + n["conv"].bias[:, None])
        s = v > n["fire"].v_threshold
        v = np.where(s, 0.0, v)
        i = n["dense"].weight.astype(np.float64) @ (0.5 * s.reshape(-1))
        u = u + dt / n["leak"].tau * (-u + n["leak"].r * i)
        z = u > n["leak"].v_threshold
        u = np.where(z, 0.0, u)
        out.append(z.astype(np.float64))
    return np.array(out)


def tune(network, arrays, out):
    """Trains what the export calls weights, but not its pooling, in snnTorch, and writes the file again with them."""
    import nir
    import numpy as np
    import torch

    graph = nir.read(network)
    data = np.load(arrays)
    reader = Reader("snntorch", graph, data["inputs"].shape[1])
    modules = dict(reader.network.named_modules())
    # The read-out alone: its weights are all the model's own, so nothing has to be held still.
    readout = modules[max(node for node in graph.nodes if node.startswith("weights_"))]
    optimiser = torch.optim.SGD(readout.parameters(), lr=0.05)
    labels = torch.from_numpy(data["model_labels"])
    for _ in range(2):
        for text, inputs in enumerate(data["inputs"][:40]):
            x, state, total = torch.from_numpy(inputs.astype("float32")), None, 0
            reader.reset()
            for step in x:
                output, state = reader.network(step[None], state)
                total = total + output.reshape(1, -1)
            loss = torch.nn.functional.cross_entropy(total / len(x), labels[text:text + 1])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    for name, node in graph.nodes.items():
        if name in modules and hasattr(modules[name], "weight"):
            node.weight = modules[name].weight.detach().numpy()
            node.bias = modules[name].bias.detach().numpy()
    nir.write(out, graph)
    # What snnTorch answers with the new weights, for who reads the file back.
    scores = []
    for inputs in data["inputs"]:
        outputs, _ = reader.run(inputs)
        scores.append(outputs.astype("float64").mean(axis=0))
    np.savez_compressed(Path(out).with_suffix(".npz"), scores=np.array(scores, dtype=np.float32))
    return {"tuned": out}


def neurobench(network, arrays):
    """Effective operations and activation sparsity of an export in snnTorch, by NeuroBench's own hooks."""
    import nir
    import numpy as np
    import torch
    from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
    from neurobench.models import SNNTorchModel

    data = np.load(arrays)
    reader = Reader("snntorch", nir.read(network), data["inputs"].shape[1])
    model = SNNTorchModel(reader.network)
    differing, largest = 0, 0.0
    neurons = [key for key in data.files if key.startswith("spikes_")]
    for text, inputs in enumerate(data["inputs"]):
        x = torch.from_numpy(inputs.astype("float32"))[None]
        model.register_hooks()
        with torch.no_grad():
            outputs = model(x)
        counted = SynapticOperations()(model, outputs, (x, None))
        sparsity = ActivationSparsity()(model, outputs, (x, None))
        model.cleanup_hooks()
        got = counted["Effective_ACs"] + counted["Effective_MACs"]
        differing += int(got) != int(data["operations"][text].sum())
        spikes = [data[key][text] for key in neurons]
        wanted = 1 - sum(int((s != 0).sum()) for s in spikes) / sum(s.size for s in spikes)
        largest = max(largest, abs(float(sparsity) - wanted))
    return {
        "file": Path(network).stem,
        "texts": len(data["inputs"]),
        "texts_whose_operations_differ": differing,
        "operations_a_text": float(data["operations"].sum() / len(data["inputs"])),
        "largest_difference_of_sparsity": largest,
    }


def module(model, count, dataset, data_dir=None):
    """Every spike, current and membrane of the network in snnTorch, many texts at once, beside those of the model."""
    import numpy as np
    import torch
    from spiketext import Model, datasets, torch_network

    model = Model.load(model)
    texts = datasets.load(dataset, data_dir=data_dir).test.texts[:int(count)]
    texts = [text for text, unknown in zip(texts, model.unknown(texts)) if not unknown]
    network = model.to_torch()
    total = fired = differing = numbers = other_numbers = equal_texts = equal_labels = 0
    for first_text in range(0, len(texts), 25):
        batch = texts[first_text:first_text + 25]
        with torch.no_grad():
            outcome = network(*torch_network.inputs(model, batch))
        answers = [model.labels[k] for k in outcome.labels().tolist()]
        for b, text in enumerate(batch):
            trace, before = model.trace(text), differing + other_numbers
            for own, theirs in zip(outcome.layers, trace.layers, strict=True):
                for name in ("spikes", "currents", "membranes"):
                    wanted, got = getattr(theirs, name), getattr(own, name)
                    if wanted is None:
                        continue
                    got = got[:, b].numpy()
                    got = got if own.positions is None else got[:, :int(own.positions[b])]
                    assert got.shape == wanted.shape, (own.name, got.shape, wanted.shape)
                    unlike = int((got != wanted).sum())
                    if name == "spikes":
                        total, fired, differing = total + got.size, fired + int(wanted.sum()), differing + unlike
                    else:
                        numbers, other_numbers = numbers + got.size, other_numbers + unlike
            equal_texts += differing + other_numbers == before
            equal_labels += answers[b] == trace.label
    return {
        "texts": len(texts), "equal_texts": equal_texts, "equal_labels": equal_labels,
        "neurons_times_steps": total, "spikes": fired, "differing_spikes": differing,
        "currents_and_membranes": numbers, "that_differ": other_numbers,
    }


def main():
    warnings.filterwarnings("ignore")
    verb, arguments = sys.argv[1], sys.argv[2:]
    if verb == "all":
        all_of(*arguments)
        return
    result = {"run": run, "make": make, "tune": tune, "neurobench": neurobench, "module": module}[verb](*arguments)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
