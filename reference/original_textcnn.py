"""The original TextCNN (maximum pooling) in PyTorch, on SST-2 and a file of word vectors.

A check on the row `original TextCNN` of docs/results.md, which lies below the published figure: does another program on
the same texts and vectors get further? Words are frozen, as published; rates are centred ((x - mean) / (6 deviations),
kept within 1/2), which is the published shift without its constant. The epoch is chosen on the development texts; the
test texts are labelled once, by the network of that epoch.

    python original_textcnn.py --data-dir DIR --vectors en.300d.txt.gz --seeds 3 --out original-textcnn-torch.json
"""

import argparse
import copy
import gzip
import json
import math
import platform
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

LENGTH, WIDTHS, FILTERS, OUTPUTS_PER_CLASS, BATCH = 25, (3, 4, 5), 100, 10, 32


def read_texts(path):
    with open(path, encoding="utf-8") as file:
        lines = (line.rstrip("\n").split(" ", 1) for line in file)
        return [(int(label), text.lower().split()) for label, text in lines]


def read_vectors(path, wanted):
    """Vectors of the wanted words, and mean and deviation over all entries of the file."""
    found, count, total, squares = {}, 0, 0.0, 0.0
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            word, *numbers = line.rstrip().split(" ")
            if len(numbers) != 300:
                continue
            vector = np.array(numbers, dtype=np.float64)
            count, total, squares = count + vector.size, total + vector.sum(), squares + (vector**2).sum()
            if word in wanted:
                found.setdefault(word, vector)
    mean = total / count
    return found, mean, math.sqrt(squares / count - mean**2)


class TextCnn(nn.Module):
    def __init__(self, rates, classes):
        super().__init__()
        self.rates = rates
        self.convolutions = nn.ModuleList(nn.Conv1d(rates.shape[1], FILTERS, width) for width in WIDTHS)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(len(WIDTHS) * FILTERS, classes * OUTPUTS_PER_CLASS)
        self.classes = classes

    def forward(self, words):
        inputs = self.rates[words].transpose(1, 2)
        features = [functional.relu(convolution(inputs)).amax(2) for convolution in self.convolutions]
        outputs = self.output(self.dropout(torch.cat(features, 1)))
        return outputs.view(len(words), self.classes, OUTPUTS_PER_CLASS).sum(2)


def accuracy(network, words, labels):
    network.eval()
    with torch.no_grad():
        right = (network(words).argmax(1) == labels).float().mean().item()
    network.train()
    return 100 * right


def train(rates, parts, seed, rate, patience):
    torch.manual_seed(seed)
    network = TextCnn(rates, 2)
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0)
    (words, labels), development, test = parts
    best, epoch = (-1.0, 0, None), 0
    while epoch < 200 and epoch - best[1] < patience:
        epoch += 1
        for chosen in torch.randperm(len(words)).split(BATCH):
            optimiser.zero_grad()
            functional.cross_entropy(network(words[chosen]), labels[chosen]).backward()
            optimiser.step()
        now = accuracy(network, *development)
        if now > best[0]:
            best = (now, epoch, copy.deepcopy(network.state_dict()))
    network.load_state_dict(best[2])
    return {
        "seed": seed,
        "epochs": epoch,
        "best_epoch": best[1],
        "development_accuracy": best[0],
        "test_accuracy": accuracy(network, *test),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--vectors", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--patience", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    parts = [read_texts(arguments.data_dir / f"stsa.binary.{part}") for part in ("train", "dev", "test")]
    wanted = {word for part in parts for _, text in part for word in text}
    vectors, mean, deviation = read_vectors(arguments.vectors, wanted)
    # Row 0 is silence: padding and words without a vector.
    ids = {word: i + 1 for i, word in enumerate(vectors)}
    table = np.zeros((len(ids) + 1, 300), dtype=np.float32)
    table[1:] = np.clip((np.stack(list(vectors.values())) - mean) / (6 * deviation), -0.5, 0.5)

    def tensors(part):
        words = torch.zeros(len(part), LENGTH, dtype=torch.long)
        for row, (_, text) in zip(words, part):
            own = [ids.get(word, 0) for word in text][:LENGTH]
            row[: len(own)] = torch.tensor(own, dtype=torch.long)
        return words, torch.tensor([label for label, _ in part])

    parts = [tensors(part) for part in parts]
    started, runs = time.time(), []
    for seed in range(arguments.seeds):
        runs.append(train(torch.from_numpy(table), parts, seed, arguments.learning_rate, arguments.patience))
        print(runs[-1], flush=True)
    tests = [run["test_accuracy"] for run in runs]
    result = {
        "what": "original TextCNN in PyTorch, SST-2, frozen centred vectors, maximum pooling",
        "torch": torch.__version__,
        "machine": platform.machine(),
        "learning_rate": arguments.learning_rate,
        "patience": arguments.patience,
        "words": len(wanted),
        "words_with_a_vector": len(ids),
        "seconds": round(time.time() - started, 1),
        "runs": runs,
        "test_accuracy_mean": float(np.mean(tests)),
        "test_accuracy_deviation": float(np.std(tests, ddof=1)) if len(tests) > 1 else None,
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
