"""Attacks the same texts with TextAttack and with spiketext, and writes both results side by side.

The victim is one spiketext model. TextAttack asks it through a pipe (`spiketext predict MODEL - --json`, a text a line),
spiketext attacks it by itself; with `--torch`, TextAttack also attacks the same network written in PyTorch, as its users have them. Both get the same texts: the first record of spiketext's own run says which.

    python reference/compare_attacks.py --spiketext target/release/spiketext --model MODEL --dataset sst2 --data-dir DIR \
        --wordnet /usr/share/wordnet --stopwords english.txt --count 200 --out docs/results/attacks-textattack.json

Needs textattack==0.3.11 (pip takes long to find versions that go together, uv does not) and nothing from the network:
NLTK's stop words (a word a line) and WordNet's database files are given by path. NLTK reads `index.sense` besides, which
is in Debian's package `wordnet-sense-index`.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import numpy


class Victim:
    """A spiketext model behind a pipe. A text becomes a line: line feeds in it become spaces."""

    def __init__(self, program, model):
        self.labels = None
        self.process = subprocess.Popen(
            [program, "predict", model, "-", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.model = None

    def __call__(self, texts):
        lines = "".join(" ".join(text.split()) + "\n" if text.strip() else " \n" for text in texts)
        self.process.stdin.write(lines)
        self.process.stdin.flush()
        answers = []
        for _ in texts:
            probabilities = json.loads(self.process.stdout.readline())["probabilities"]
            self.labels = self.labels or list(probabilities)
            answers.append([probabilities[label] for label in self.labels])
        return answers


class TorchVictim:
    """The same network as TextAttack's users have one: in PyTorch, all time steps at once, on all threads. Words are cut at white
    space, which is how SST-2 comes."""

    def __init__(self, folder):
        import safetensors.torch
        import torch

        folder = pathlib.Path(folder)
        config = json.loads((folder / "config.json").read_text())
        network, tensors = config["network"], safetensors.torch.load_file(folder / "model.safetensors")
        assert network["encoder"] == "regular" and network["readout"] == "membrane" and network["unknown"] == "silent"
        self.torch, self.steps, self.labels = torch, network["steps"], config["labels"]
        self.priors = config["priors"]
        self.words = {word: i for i, word in enumerate((folder / "vocab.txt").read_text().splitlines())}
        codes = tensors["codes"].to(torch.int64)
        self.rates = (codes * (257 if tensors["codes"].dtype == torch.uint8 else 1)).to(torch.float32) / 65536
        unit, output_unit = 2.0 ** config["synapse_exponent"], 2.0 ** config["output_exponent"]
        synapses, presence = tensors["synapses"].float() * unit, tensors["presence"].float() * unit
        weights, filters = torch.cat([synapses, presence[None]]), network["convolution"]["filters"]
        self.kernels, start = [], 0
        for width in network["convolution"]["widths"]:
            columns = weights[:, start : start + width * filters].reshape(-1, width, filters)
            self.kernels.append((width, columns.permute(2, 0, 1).contiguous()))
            start += width * filters
        self.filters, self.bias = filters, tensors["bias"].float() * unit
        self.thresholds = tensors["feature_thresholds"]
        self.output, self.output_bias = tensors["output_synapses"].float() * output_unit, tensors["output_bias"].float() * output_unit
        self.model = None

    def fire(self, currents, thresholds):
        """Integrate and fire over the first axis, from half a threshold, soft reset."""
        membrane, spikes = 0.5 * thresholds.expand_as(currents[0]).clone(), []
        for current in currents:
            membrane += current
            spike = (membrane > thresholds).float()
            membrane -= thresholds * spike
            spikes.append(spike)
        return self.torch.stack(spikes)

    def __call__(self, texts):
        torch, ids = self.torch, [[self.words.get(word.lower()) for word in text.split()] for text in texts]
        answers = [None] * len(texts)
        for length in {len(words) for words in ids}:
            group = [i for i, words in enumerate(ids) if len(words) == length]
            known = torch.tensor([[word is not None for word in ids[i]] for i in group]).reshape(len(group), length)
            rows = torch.tensor([[word or 0 for word in ids[i]] for i in group], dtype=torch.int64).reshape(len(group), length)
            rates = torch.cat([self.rates[rows], torch.ones(len(group), length, 1)], 2) * known[..., None]
            steps = torch.arange(1, self.steps + 1).view(-1, 1, 1, 1)
            spikes = torch.floor(steps * rates + 0.5) - torch.floor((steps - 1) * rates + 0.5)
            spikes = spikes.flatten(0, 1).transpose(1, 2)
            counts, positions = [], []
            for k, (width, kernel) in enumerate(self.kernels):
                short = max(width - length, 0)
                inputs = torch.nn.functional.pad(spikes, (0, short))
                currents = torch.nn.functional.conv1d(inputs, kernel, self.bias[k * self.filters : (k + 1) * self.filters])
                fired = self.fire(currents.view(self.steps, len(group), self.filters, -1), torch.ones(()))
                counts.append(fired.sum(3))
                positions += [fired.shape[3]] * self.filters
            features = self.fire(torch.cat(counts, 2), torch.tensor(positions) * self.thresholds)
            scores = (features @ self.output + self.output_bias).mean(0)
            for i, row, any_known in zip(group, torch.softmax(scores, 1).tolist(), known.any(1).tolist()):
                answers[i] = row if any_known else self.priors
        return answers


def nltk_data(folder, wordnet, stopwords):
    """Puts the corpora where NLTK looks for them."""
    corpora = pathlib.Path(folder) / "corpora"
    (corpora / "stopwords").mkdir(parents=True)
    shutil.copy(stopwords, corpora / "stopwords" / "english")
    shutil.copytree(wordnet, corpora / "wordnet", dirs_exist_ok=True)
    # NLTK reads the names of the lexicographer files, which Debian's package keeps elsewhere.
    names = corpora / "wordnet" / "lexnames"
    if not names.exists():
        kinds = ["adj.all", "adj.pert", "adv.all"] + ["noun"] * 26 + ["verb"] * 15 + ["adj.ppl"]
        parts = [3, 3, 4] + [1] * 26 + [2] * 15 + [3]
        lines = [f"{number:02}\t{kind}\t{part}" for number, (kind, part) in enumerate(zip(kinds, parts))]
        names.write_text("\n".join(lines) + "\n")
    os.environ["NLTK_DATA"] = str(folder)


def textattack_results(recipe_name, victim, records):
    """TextAttack's numbers on the texts of `records`."""
    victim([record["original"] for record in records[:20]])  # warm
    import nltk

    nltk.download = lambda *_, **__: True
    from nltk.corpus import wordnet
    from textattack.attack_recipes import DeepWordBugGao2018, PWWSRen2019
    from textattack.attack_results import FailedAttackResult, SkippedAttackResult, SuccessfulAttackResult
    from textattack.models.wrappers import ModelWrapper

    wordnet.langs = lambda: ["eng"]

    class Wrapper(ModelWrapper):
        def __init__(self):
            self.model = None

        def __call__(self, texts):
            return victim(texts)

    recipe = {"deepwordbug": DeepWordBugGao2018, "pwws": PWWSRen2019}[recipe_name]
    attack = recipe.build(Wrapper())
    attack.cuda_ = lambda: None
    endings, queries, changed = [], [], []
    started = time.time()
    for record in records:
        result = attack.attack(record["original"], record["label"])
        if isinstance(result, SkippedAttackResult):
            endings.append("skipped")
            continue
        endings.append("succeeded" if isinstance(result, SuccessfulAttackResult) else "failed")
        assert endings[-1] == "succeeded" or isinstance(result, FailedAttackResult)
        queries.append(result.num_queries)
        if endings[-1] == "succeeded":
            first, last = result.original_result.attacked_text, result.perturbed_result.attacked_text
            changed.append(100 * len(last.attack_attrs["modified_indices"]) / max(len(first.words), 1))
    return numbers(endings, queries, changed, time.time() - started)


def numbers(endings, queries, changed, seconds):
    count = {ending: endings.count(ending) for ending in ("skipped", "failed", "succeeded")}
    attacked = count["succeeded"] + count["failed"]
    return {
        **count,
        "success_rate": 100 * count["succeeded"] / max(attacked, 1),
        "queries": sum(queries) / max(len(queries), 1),
        "changed_words": sum(changed) / max(len(changed), 1),
        "seconds": seconds,
        "texts_per_second": len(endings) / seconds,
    }


def spiketext_results(options, attack, seed, folder):
    """spiketext's numbers, and its records."""
    out = pathlib.Path(folder) / f"{attack}-{seed}.jsonl"
    command = [options.spiketext, "attack", options.model, "--dataset", options.dataset, "--attack", attack]
    command += ["--count", str(options.count), "--seed", str(seed), "--quiet", "--out", str(out)]
    command += ["--data-dir", options.data_dir] if options.data_dir else []
    command += ["--wordnet", options.wordnet] if attack == "pwws" else []
    started = time.time()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.time() - started
    records = [json.loads(line) for line in out.read_text().splitlines()[1:]]
    attacked = [record for record in records if record["ending"] != "skipped"]
    changed = [100 * len(r["changes"]) / r["words"] for r in attacked if r["ending"] == "succeeded"]
    endings = [record["ending"] for record in records]
    return numbers(endings, [record["queries"] for record in attacked], changed, seconds), records


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spiketext", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--dataset", default="sst2")
    parser.add_argument("--data-dir")
    parser.add_argument("--wordnet", required=True)
    parser.add_argument("--stopwords", required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3, help="of spiketext's draws; TextAttack's are seeded once")
    parser.add_argument("--torch", action="store_true", help="attack the same network in PyTorch too, at most 200 texts")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    version = subprocess.run([options.spiketext, "--version"], capture_output=True, text=True, check=True).stdout
    result = {"program": version.split("\n")[1].removeprefix("built from "), "dataset": options.dataset, "count": options.count, "attacks": {}}
    result["textattack"] = importlib.metadata.version("textattack")
    with tempfile.TemporaryDirectory() as folder:
        nltk_data(pathlib.Path(folder) / "nltk", options.wordnet, options.stopwords)
        victim = Victim(options.spiketext, options.model)
        for attack in ("deepwordbug", "pwws"):
            own = [spiketext_results(options, attack, seed, folder) for seed in range(options.seeds)]
            random.seed(0)
            numpy.random.seed(0)
            theirs = textattack_results(attack, victim, own[0][1])
            result["attacks"][attack] = {"spiketext": [run for run, _ in own], "textattack": theirs}
            if options.torch:
                records = own[0][1][:: max(1, len(own[0][1]) // 200)]
                native = TorchVictim(options.model)
                texts = [record["original"] for record in records]
                same = sum(numpy.argmax(a) == numpy.argmax(b) for a, b in zip(native(texts), victim(texts)))
                random.seed(0)
                numpy.random.seed(0)
                torch_results = textattack_results(attack, native, records)
                torch_results["labels_as_spiketext"] = 100 * same / len(texts)
                result["attacks"][attack]["textattack_torch"] = torch_results
                ratio = own[0][0]["texts_per_second"] / torch_results["texts_per_second"]
                print(
                    f"{attack}, victim in PyTorch: success {torch_results['success_rate']:.2f}, {same} of {len(texts)} labels the same, "
                    f"texts/s {torch_results['texts_per_second']:.2f} ({ratio:.0f} x)",
                    file=sys.stderr,
                )
            for run, _ in own:
                difference = run["success_rate"] - theirs["success_rate"]
                print(
                    f"{attack}: success {run['success_rate']:.2f} against {theirs['success_rate']:.2f} ({difference:+.2f}), "
                    f"queries {run['queries']:.1f} against {theirs['queries']:.1f} "
                    f"({100 * (run['queries'] / theirs['queries'] - 1):+.1f} %), "
                    f"texts/s {run['texts_per_second']:.1f} against {theirs['texts_per_second']:.2f} "
                    f"({run['texts_per_second'] / theirs['texts_per_second']:.0f} x)",
                    file=sys.stderr,
                )
    pathlib.Path(options.out).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
