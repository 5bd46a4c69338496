#!/usr/bin/env python3
"""Runs a model directory of spiketext without spiketext: NumPy and the standard library, written from docs/FORMAT.md.

    run_model.py MODEL < texts.txt              one text a line, tokens between blanks, as the tokeniser spells them
    run_model.py MODEL --tokens < texts.jsonl   one JSON list of tokens a line
    run_model.py MODEL --check answers.jsonl    what `spiketext predict MODEL ... --trace --json --all` said, spike for spike

Answers are JSON lines: label, scores, probabilities, known_tokens. Axes: T step, P position, D dimension of a word,
C channel, F filter of one width, M product (tap and filter of a text convolution), O output, K class.
"""

import argparse
import hashlib
import json
import re
import struct
import sys
from pathlib import Path

import numpy as np

UNKNOWN = 2**32 - 2
HALF = 32768
DTYPES = {"U8": "<u1", "U16": "<u2", "I8": "<i1", "I16": "<i2", "I32": "<i4", "F32": "<f4"}
TREEBANK = {"-lrb-": "(", "-rrb-": ")", "-lsb-": "[", "-rsb-": "]", "-lcb-": "{", "-rcb-": "}", "``": '"', "''": '"'}


def read_safetensors(path):
    """Tensors by name: a header of JSON behind its length, then the data."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, about in header.items():
        if name != "__metadata__":
            start, end = (8 + length + offset for offset in about["data_offsets"])
            tensors[name] = np.frombuffer(data[start:end], DTYPES[about["dtype"]]).reshape(about["shape"])
    return tensors


def format_2(config, tensors):
    """The description and the tensors of a model of format 1 as format 2 has them."""
    old = config["network"]
    layers = [
        {"kind": "text-convolution", "shape": old["convolution"], "neuron": old["convolution_neuron"]},
        {"kind": "pooling"},
        {"kind": "neurons", "neuron": old["feature_neuron"]},
        {"kind": "readout", "classes": old["classes"], "outputs_per_class": old["outputs_per_class"],
         "read": old["readout"], "neuron": old["output_neuron"]},
    ]
    network = {name: old[name] for name in ("steps", "encoder", "unknown")}
    network |= {"padding": old["averaging"], "synapse_bits": "16", "layers": layers}
    names = {"codes": "codes", "synapses": "0.synapses", "presence": "0.presence", "bias": "0.bias",
             "feature_thresholds": "2.thresholds", "output_synapses": "3.synapses", "output_bias": "3.bias"}
    exponents = {"0": config["synapse_exponent"], "3": config["output_exponent"]}
    config = {**config, "version": 2, "network": network, "exponents": exponents}
    return config, {names[name]: tensor for name, tensor in tensors.items()}


def leaves(layers):
    """The layers in the order of running, residual blocks opened: path, layer, leaf that goes around it or None."""
    found = []
    for at, layer in enumerate(layers):
        if layer["kind"] == "residual":
            around = len(found) - 1
            for i, inner in enumerate(layer["layers"]):
                last = i + 1 == len(layer["layers"])
                found.append((f"{at}.{i}", inner, around if last else None))
        else:
            found.append((str(at), layer, None))
    return found


class Words:
    """The vocabulary, and which word stands for a token."""

    def __init__(self, text):
        body = text.removesuffix("\n")
        self.ids = {word: i for i, word in enumerate(body.split("\n") if text else [])}

    def encode(self, tokens):
        found = []
        for token in tokens:
            spelling = next((word for word in [token, *self.spellings(token)] if word in self.ids), None)
            if spelling is not None:
                found.append(self.ids[spelling])
                continue
            parts = [part for part in re.split(r"[-/_\\‐‑–]", token) if part and part != token]
            found.extend([self.ids[part] for part in parts if part in self.ids] or [UNKNOWN])
        return found

    @staticmethod
    def spellings(token):
        if token in TREEBANK:
            yield TREEBANK[token]
        if token and not token[0].isalnum() and set(token) == {token[0]}:
            yield from (token[0] * count for count in (3, 2, 1) if count < len(token))


def chacha8(seed, purpose, first, second):
    """The words of 32 bits of a ChaCha stream of 8 rounds: block counter from 0, nonce 0."""
    key = struct.unpack("<8I", struct.pack("<4Q", seed, purpose, first, second))
    block = 0
    while True:
        start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *key, block & 0xFFFFFFFF, block >> 32, 0, 0]
        state = list(start)

        def quarter(a, b, c, d):
            for to, other, by, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                state[to] = (state[to] + state[other]) & 0xFFFFFFFF
                mixed = state[by] ^ state[to]
                state[by] = (mixed << bits | mixed >> (32 - bits)) & 0xFFFFFFFF

        for _ in range(4):
            for i in range(4):
                quarter(i, i + 4, i + 8, i + 12)
            for i in range(4):
                quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
        yield from ((word + added) & 0xFFFFFFFF for word, added in zip(state, start))
        block += 1


def spikes_of(encoder, rates, steps, seed, word):
    """Rows of spikes of a word, [T, D], or the 8 bit planes of a constant current, [8, D]."""
    rates = rates.astype(np.int64)
    if encoder == "bernoulli":
        words = chacha8(seed, 5, 0, word)
        # A step begins with a new word of the stream.
        count = -(-2 * len(rates) // 4)
        draws = [struct.pack(f"<{count}I", *(next(words) for _ in range(count))) for _ in range(steps)]
        return np.array([np.frombuffer(draw, "<u2")[: len(rates)] < rates for draw in draws])
    if encoder == "regular":
        whole = [(t * rates + HALF) // 65536 for t in range(steps + 1)]
        return np.array([whole[t + 1] > whole[t] for t in range(steps)])
    if encoder == "winners":
        return np.repeat((rates > HALF)[None], steps, 0)
    if encoder == "latency":
        return np.array([(65536 - rates) * steps // 65536 == t for t in range(steps)])
    if encoder == "burst":
        longest = max(steps, 2)
        spikes, apart = -(-5 * rates // 65535), longest - (longest - 2) * rates // 65535
        return np.array([(t % apart == 0) & (t // apart < spikes) for t in range(steps)])
    codes = np.arange(256)
    if encoder == "codebook-green":
        codes = np.array(sorted(range(256), key=lambda code: (bin(code).count("1"), code)))
    rows = 8 if encoder == "direct" else steps
    return np.array([codes[rates >> 8] >> (7 - t % 8) & 1 == 1 for t in range(rows)])


def fire(neuron, thresholds, currents):
    """Spikes [T, ...] of neurons with `thresholds` [...] under `currents` [T, ...]: charge, fire, reset."""
    thresholds = np.float32(thresholds)
    membranes = np.float32(neuron["initial"]) * thresholds
    spikes = np.zeros(currents.shape, bool)
    for t, current in enumerate(currents):
        membranes = np.float32(neuron["beta"]) * membranes + current
        spikes[t] = membranes > thresholds
        rest = np.float32(0) if neuron["reset"] == "hard" else membranes - thresholds
        membranes = np.where(spikes[t], rest, membranes)
    return spikes


class Model:
    def __init__(self, folder):
        folder = Path(folder)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        for name in ("model.safetensors", "vocab.txt"):
            wanted = config.get("sha256", {}).get(name)
            if wanted and hashlib.sha256((folder / name).read_bytes()).hexdigest() != wanted:
                sys.exit(f"{folder / name}: not the file that config.json was saved with")
        tensors = read_safetensors(folder / "model.safetensors")
        if config["format"] != "spiketext-model" or config["version"] not in (1, 2):
            sys.exit(f"{folder}: expected a spiketext model of format 1 or 2")
        if config["version"] == 1:
            config, tensors = format_2(config, tensors)
        self.config, self.network = config, config["network"]
        self.words = Words((folder / "vocab.txt").read_bytes().decode("utf-8"))
        if "active_codes" in tensors:
            codes, dimension = tensors["active_codes"], self.network["layers"][0]["shape"]["dimension"]
            self.rates = np.zeros((len(codes), dimension), np.int64)
            for row, active in zip(self.rates, codes):
                row[active[active != 65535]] = 65535
        else:
            codes = tensors["codes"]
            self.rates = codes.astype(np.int64) * (257 if codes.dtype == np.uint8 else 1)
        self.tensors, self.leaves = tensors, leaves(self.network["layers"])

    def numbers(self, path, name):
        """An array of a layer; whole numbers times their unit."""
        tensor = self.tensors[f"{path}.{name}"]
        if name == "thresholds":
            return tensor
        return tensor.astype(np.float32) * np.float32(2.0 ** self.config["exponents"][path])

    def read(self, ids):
        """The words of a text that are read."""
        padding = self.network["padding"]
        return ids[: padding["length"]] if padding["kind"] == "padded" else ids

    def run(self, ids):
        """What each layer does on a text given as word ids, and the scores [K] and the label."""
        network, steps = self.network, self.network["steps"]
        ids = self.read(ids)
        tokens, kept, signal = [], [], None
        for word in ids:
            silent = word == UNKNOWN and network["unknown"] == "silent"
            rates = np.full(self.rates.shape[1], HALF) if word == UNKNOWN else self.rates[word]
            tokens.append(None if silent else spikes_of(network["encoder"], rates, steps, self.config["seed"], word))
        for path, layer, around in self.leaves:
            kind = layer["kind"]
            if kind == "text-convolution":
                signal = self.text_convolution(path, layer, tokens)
            elif kind == "convolution":
                signal = [self.convolution(path, layer, signal[0], kept[around][0] if around is not None else None)]
            elif kind == "pooling":
                positions = [train.shape[1] for train in signal]
                signal = [train.sum(axis=1) for train in signal]
            elif kind == "neurons":
                sums, shares = np.concatenate(signal, axis=1), self.numbers(path, "thresholds")
                each = np.repeat(np.float32(positions), [part.shape[1] for part in signal])
                thresholds = each * shares * np.float32(layer["neuron"]["threshold"])
                signal = fire(layer["neuron"], thresholds, np.float32(sums))
            else:
                currents = self.dense(path, signal, positions, max(len(tokens), 1))
                fires = kind == "dense" or layer["read"] == "spike-count"
                threshold = np.full(currents.shape[1], layer["neuron"]["threshold"])
                signal = fire(layer["neuron"], threshold, currents) if fires else None
            kept.append(signal)
        scores, label = self.answer(currents, signal)
        return {"tokens": tokens, "layers": kept, "currents": currents, "scores": scores, "label": label}

    def text_convolution(self, path, layer, tokens):
        """Spikes of each kernel width, [T, P, F]."""
        network, shape, steps = self.network, layer["shape"], self.network["steps"]
        synapses, presence = self.numbers(path, "synapses"), self.numbers(path, "presence")
        bias, filters, encoder = self.numbers(path, "bias"), shape["filters"], network["encoder"]
        rows = network["padding"]["length"] if network["padding"]["kind"] == "padded" else len(tokens)
        # What each token puts into every tap and filter, [T, M]; whole numbers of units, exact in double precision.
        products = []
        for spikes in tokens:
            if spikes is None:
                products.append(None)
                continue
            product = spikes.astype(np.float64) @ synapses.astype(np.float64) + presence
            if encoder == "direct":
                product = np.repeat((product * 0.5 ** (1 + np.arange(8))[:, None]).sum(0, keepdims=True), steps, 0)
            elif encoder == "phase":
                product = product * (8 * 0.5 ** (1 + np.arange(steps) % 8))[:, None]
            products.append(product)
        trains, column = [], 0
        for which, width in enumerate(shape["widths"]):
            positions = max(rows - width + 1, 1)
            sums = np.zeros((steps, positions, filters))
            for tap in range(width):
                for p in range(positions):
                    if p + tap < len(products) and products[p + tap] is not None:
                        sums[:, p] += products[p + tap][:, column : column + filters]
                column += filters
            currents = bias[which * filters : (which + 1) * filters] + np.float32(sums)
            trains.append(fire(layer["neuron"], np.full(currents.shape[1:], layer["neuron"]["threshold"]), currents))
        return trains

    def convolution(self, path, layer, before, around):
        """Spikes [T, P, C] of a kernel over the positions of `before`; spikes `around` the block come in as well."""
        width, filters, positions = layer["width"], layer["filters"], before.shape[1]
        synapses = self.numbers(path, "synapses").astype(np.float64)
        sums = np.zeros((*before.shape[:2], filters))
        for tap in range(width):
            weights = synapses[:, tap * filters : (tap + 1) * filters]
            for p in range(positions):
                seen = p + tap - (width - 1) // 2
                if 0 <= seen < positions:
                    sums[:, p] += before[:, seen].astype(np.float64) @ weights
        if around is not None:
            sums += around * self.numbers(path, "shortcut").astype(np.float64)
        currents = self.numbers(path, "bias") + np.float32(sums)
        return fire(layer["neuron"], np.full(currents.shape[1:], layer["neuron"]["threshold"]), currents)

    def dense(self, path, signal, positions, tokens):
        """Currents [T, O] of a dense layer or a read-out from spikes [T, C] or sums of each kernel width."""
        synapses, bias = self.numbers(path, "synapses").astype(np.float64), self.numbers(path, "bias")
        if isinstance(signal, list):
            currents, row = bias.astype(np.float64), 0
            by_tokens = self.network["padding"]["kind"] == "tokens"
            if by_tokens:
                positions, currents = [1] * len(positions), tokens * currents
            for sums, count in zip(signal, positions):
                weights = synapses[row : row + sums.shape[1]]
                currents, row = currents + (sums.astype(np.float64) @ weights) / count, row + sums.shape[1]
            return np.float32(currents / tokens if by_tokens else currents)
        return bias + np.float32(signal.astype(np.float64) @ synapses)

    def answer(self, currents, spikes):
        """Scores [K] and the label: equal spike counts are told apart by the mean currents."""
        group = self.network["layers"][-1]["outputs_per_class"]

        def means(values):
            sums = np.zeros(values.shape[1] // group, np.float32)
            for row in np.float32(values):
                for k, members in enumerate(row.reshape(-1, group)):
                    # One after the other, in single precision: NumPy's own sum takes another order.
                    total = np.float32(0)
                    for member in members:
                        total += member
                    sums[k] += total
            return sums / np.float32(len(values) * group)

        charge = means(currents)
        scores = charge if spikes is None else means(spikes)
        return scores, max(range(len(scores)), key=lambda k: (scores[k], charge[k], -k))

    def predict(self, tokens):
        """The answer to a text given as tokens."""
        ids = self.words.encode(tokens)
        known = sum(word != UNKNOWN for word in self.read(ids))
        labels = self.config["labels"]
        if known == 0:
            priors = np.float32(self.config["priors"])
            return {"label": labels[int(np.argmax(priors))], "labels": self.reached(priors), "scores": None,
                    "probabilities": priors.tolist(), "known_tokens": 0}, None
        run = self.run(ids)
        readout = self.network["layers"][-1]
        scale = np.float32(readout["outputs_per_class"] if readout["read"] == "spike-count" else 1)
        if "thresholds" in self.config:
            probabilities = 1 / (1 + np.exp(-run["scores"]))
        else:
            weights = np.exp(scale * (run["scores"] - run["scores"].max()))
            probabilities = weights / weights.sum()
        return {"label": labels[run["label"]], "labels": self.reached(probabilities), "scores": run["scores"].tolist(),
                "probabilities": probabilities.tolist(), "known_tokens": known}, run

    def reached(self, probabilities):
        """The labels that a multi-label model answers, the most probable first; None for other models."""
        if "thresholds" not in self.config:
            return None
        thresholds = np.float32(self.config["thresholds"])
        order = sorted(range(len(thresholds)), key=lambda k: (-probabilities[k], k))
        return [self.config["labels"][k] for k in order if probabilities[k] >= thresholds[k]]


def check(model, answers):
    """Holds runs to what the program said of the same texts; the first difference ends it."""
    texts = spikes = scores = 0
    for line in answers:
        want = json.loads(line)
        trace = want.get("trace")
        tokens = [token["token"] for token in trace["tokens"]] if trace else want["text"].split()
        got, run = model.predict(tokens)

        def same(what, own, theirs):
            if own != theirs:
                sys.exit(f"{want['text']!r}: {what}: {own} here, {theirs} there")

        texts += 1
        left_out = [label for label in model.config["labels"] if label not in want["probabilities"]]
        if left_out:
            sys.exit(f"{want['text']!r}: no probability of {left_out[0]!r}; `predict --all` gives those of all classes")
        theirs = [want["probabilities"][label] for label in model.config["labels"]]
        apart = max(abs(own - other) for own, other in zip(got["probabilities"], theirs))
        if apart > 1e-6:
            sys.exit(f"{want['text']!r}: probabilities are {apart} apart")
        same("label", got["label"], want["label"])
        same("labels", got["labels"], want.get("labels"))
        same("known tokens", got["known_tokens"], want["known_tokens"])
        if want.get("scores"):
            same("scores", got["scores"], np.float32(want["scores"]).tolist())
            scores += len(want["scores"])
        if not trace:
            continue
        if model.network["encoder"] != "direct":
            for i, (own, theirs) in enumerate(zip(run["tokens"], trace["tokens"])):
                own = np.zeros((trace["steps"], 0)) if own is None else own
                same(f"spikes of token {i}", [np.flatnonzero(row).tolist() for row in own], theirs["spikes"])
                spikes += int(own.sum())
        for own, theirs in zip(run["layers"][0], trace["convolution"]):
            same("positions", own.shape[1], theirs["positions"])
            same("spikes of the convolution", [np.argwhere(step).tolist() for step in own], theirs["spikes"])
            spikes += int(own.sum())
        scores += len(run["scores"])
        same("output currents", run["currents"].tolist(), np.float32(trace["output_currents"]).tolist())
        if trace["outputs"] is not None:
            same("output spikes", [np.flatnonzero(row).tolist() for row in run["layers"][-1]], trace["outputs"])
    if texts == 0:
        sys.exit("no answers to compare with")
    print(f"the same: labels of {texts} texts, {scores} scores or what they are made of, {spikes} spikes below")


def main():
    parser = argparse.ArgumentParser(description="Run a model directory of spiketext with NumPy alone.")
    parser.add_argument("model", help="the model directory")
    parser.add_argument("--tokens", action="store_true", help="standard input holds a JSON list of tokens a line")
    parser.add_argument("--check", metavar="FILE", help="compare with what `predict --trace --json` said")
    arguments = parser.parse_args()
    model = Model(arguments.model)
    if arguments.check:
        with open(arguments.check, encoding="utf-8") as answers:
            return check(model, answers)
    for line in sys.stdin:
        answer, _ = model.predict(json.loads(line) if arguments.tokens else line.split())
        print(json.dumps(answer))


if __name__ == "__main__":
    main()
