"""One encoder for many splits of a data set: what it reads of each text is kept, and each split has a head of its own.

    python heads.py read e5-small all.csv more.csv --longest 256 --out features.npz
    python heads.py answer features.npz --train train-0.csv --more more.csv --grams --out 0.jsonl

or, with an encoder that was fine-tuned on texts that no split tests:

    python teacher.py fit --train half.csv --development some.csv --encoder minilm --out encoder
    python heads.py read encoder all.csv more.csv --out features.npz
    python heads.py answer features.npz --train train-0.csv --seen half.csv some.csv --more more.csv --out 0.jsonl

To fine-tune an encoder for each of five splits costs five times as much as the answers are worth. Here it is fine-tuned once or
not at all; then logistic regression on its features is fitted, in seconds, to those training texts of a split that the encoder
has not seen: what it read of others is surer than what it reads of new texts. The strength of the penalty is chosen by
cross-validation among them, and each of them is answered by a head that has not seen it either. With --grams a second head
reads TF-IDF of runs of letters, and the logits of both are added, with weights that answer held-back texts best. No head and
no fine-tuned encoder meets a label of a test text of the split.
"""

import argparse
import hashlib
import json
import os
import time
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

import encoders
import teacher

PENALTIES = (1.0, 3e-1, 1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
OF_GRAMS = (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6)  # rows of grams have length 1, features a deviation of 1 each
LONGEST_GRAM, FEWEST = 3, 2  # letters of a gram; texts that have it
STEPS = 200
FOLDS = 5


def key(text):
    return hashlib.sha256(text.encode()).digest()[:16]


def opened(options):
    """What is known of the encoder, its network, and what makes rows of texts: one that `fit` wrote, or one as it comes."""
    if Path(options.encoder, "teacher.json").is_file():
        return teacher.opened(Path(options.encoder), options.made_from, options.threads)
    teacher.fixed(0, options.threads)
    pretrained = encoders.load(options.encoder)
    if not 8 <= options.longest <= pretrained.shape.positions:
        raise SystemExit(f"--longest {options.longest}: expected 8 to {pretrained.shape.positions}")
    model = teacher.Teacher(pretrained.shape, pretrained.pooling, 2)
    model.encoder.load_state_dict(pretrained.weights)
    record = {**pretrained.said(), "pooling": pretrained.pooling, "prefix": pretrained.prefix, "longest": options.longest,
              "precision": "bfloat16 products", "threads": options.threads, "versions": teacher.versions()}
    return record, model, lambda texts: pretrained.tokens([pretrained.prefix + text for text in texts], options.longest)


def reader(model, layers):
    """What is kept of a batch: the pooled states behind each of these layers, side by side."""
    if not all(1 <= layer <= len(model.encoder.layers) for layer in layers):
        raise SystemExit(f"--layers {' '.join(map(str, layers))}: expected 1 to {len(model.encoder.layers)}")
    found = {}
    for layer in layers:
        keep = lambda _module, _inputs, states, layer=layer: found.update({layer: states})
        model.encoder.layers[layer - 1].register_forward_hook(keep)

    def pooled(words):
        _, real = model.encoder(words)
        return torch.cat([model.pool(found[layer], real) for layer in layers], 1)

    return pooled


def read(options):
    teacher.check_out(options.out, [options.encoder, *options.files], options.force)
    texts, files = teacher.each_once(options.files)
    record, model, rows_of = opened(options)
    record["layers"] = options.layers or [len(model.encoder.layers)]
    began = time.perf_counter()
    width = model.head.in_features * len(record["layers"])
    features = teacher.answer(model, rows_of(texts), reader(model, record["layers"]), width).half().numpy()
    seconds = time.perf_counter() - began
    record["seconds_of_reading"] = round(seconds, 1)
    keys = np.frombuffer(b"".join(map(key, texts)), dtype="V16")
    unfinished = options.out.with_name(f"{options.out.name}.unfinished-{os.getpid()}")
    try:
        with open(unfinished, "wb") as file:
            np.savez(file, keys=keys, features=features, record=np.str_(json.dumps(record)))
        unfinished.replace(options.out)
    finally:
        unfinished.unlink(missing_ok=True)
    teacher.say(f"{options.out}: {len(texts)} texts of {len(files)} files in {seconds:.1f} s, {len(texts) / seconds:.0f} a second")


class Sparse:
    """Rows of mostly zeros, and what is needed to derive by what they are multiplied with: much faster than torch's own way."""

    def __init__(self, ends, columns, values, width):
        self.shape = (len(ends) - 1, width)
        self.rows = torch.sparse_csr_tensor(ends, columns, values, self.shape, check_invariants=True)
        by_column = self.rows.to_sparse_csc()
        self.turned = torch.sparse_csr_tensor(by_column.ccol_indices(), by_column.row_indices(), by_column.values(),
                                              self.shape[::-1], check_invariants=True)

    def __matmul__(self, weight):
        return Product.apply(weight, self)


class Product(torch.autograd.Function):
    @staticmethod
    def forward(context, weight, rows):
        context.rows = rows
        return rows.rows @ weight

    @staticmethod
    def backward(context, gradient):
        return context.rows.turned @ gradient, None


def fitted(rows, targets, classes, penalty, start=None):
    """Logistic regression: mean cross-entropy + penalty / 2 times the sum of squares, made least by L-BFGS. Rows may be sparse."""
    weight, bias = start or (torch.zeros(rows.shape[1], classes), torch.zeros(classes))
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=STEPS, history_size=10, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        value = functional.cross_entropy(rows @ weight + bias, targets) + penalty / 2 * weight.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    return weight.detach(), bias.detach()


class Features:
    """What the encoder read of texts, each feature scaled to mean 0 and deviation 1 on those that are fitted to."""

    penalties = PENALTIES

    def __init__(self, path, texts, place, features):
        missing = [text for text in texts if key(text) not in place]
        if missing:
            raise SystemExit(f"{path}: expected texts whose features were read, got {len(missing)} others, such as "
                             f"{missing[0][:60]!r}")
        self.rows = features[[place[key(text)] for text in texts]]

    def of(self, fitted_to):
        own = torch.from_numpy(self.rows[fitted_to]).float()
        mean, deviation = own.mean(0), own.std(0).clamp(min=1e-3)
        return (own - mean) / deviation, lambda some: (torch.from_numpy(self.rows[some]).float() - mean) / deviation


class Grams:
    """TF-IDF of runs of one to three letters, for writing without blanks: those of two or more of the texts that are fitted to."""

    penalties = OF_GRAMS

    def __init__(self, texts):
        found = {}
        self.grams = []
        for text in texts:
            letters = " ".join(unicodedata.normalize("NFKC", text).lower().split())
            counts = Counter(letters[start:start + length]
                             for length in range(1, LONGEST_GRAM + 1) for start in range(len(letters) - length + 1))
            numbers = np.array([found.setdefault(gram, len(found)) for gram in counts], dtype=np.int64)
            order = np.argsort(numbers)
            self.grams.append((numbers[order], 1 + np.log(np.array(list(counts.values()), dtype=np.float32)[order])))
        self.all = len(found)

    def of(self, fitted_to):
        having = np.zeros(self.all)
        for index in fitted_to:
            having[self.grams[index][0]] += 1
        kept = having >= FEWEST
        column = np.cumsum(kept) - 1
        rarity = (1 + np.log((1 + len(fitted_to)) / (1 + having))).astype(np.float32)

        def rows(some):
            ends, columns, values = [0], [], []
            for index in some:
                numbers, counts = self.grams[index]
                of_these = kept[numbers]
                numbers, counts = numbers[of_these], counts[of_these] * rarity[numbers[of_these]]
                columns.append(column[numbers])
                values.append(counts / max(np.linalg.norm(counts), 1e-9))
                ends.append(ends[-1] + len(numbers))
            return Sparse(*map(torch.tensor, (ends, np.concatenate(columns), np.concatenate(values))), int(kept.sum()))

        return rows(fitted_to), rows


def held_back(source, new, fold_of, right, classes):
    """Logits for texts by heads that have not seen them, with the penalty at which they are best."""
    parts = []
    for fold in range(FOLDS):
        inside = fold_of == fold
        own, rows = source.of(new[~inside])
        parts.append((inside, own, rows(new[inside])))
    best, heads = None, [None] * FOLDS
    for penalty in source.penalties:
        held = torch.empty(len(new), classes)
        for fold, (inside, own, others) in enumerate(parts):
            weight, bias = heads[fold] = fitted(own, right[~inside], classes, penalty, heads[fold])
            held[inside] = others @ weight + bias
        loss = functional.cross_entropy(held, right).item()
        if best is None or loss < best[0]:
            best = (loss, penalty, held)
    return best


def mixed(held, right):
    """How much of each source: weights of their logits by which held-back texts are answered best."""
    weights = torch.full((len(held),), 1 / len(held), requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        value = functional.cross_entropy(torch.einsum("s,stc->tc", weights, held), right)
        value.backward()
        return value

    optimiser.step(loss)
    return weights.detach()


def kept_features(paths):
    """The features of all files, which are one encoder's, and what is known of it."""
    place, features, records = {}, [], []
    for path in paths:
        try:
            with np.load(path) as kept:
                rows, keys, record = kept["features"], kept["keys"], json.loads(str(kept["record"]))
        except (OSError, ValueError, KeyError) as error:
            raise SystemExit(f"{path}: expected features that `read` wrote, got: {error}")
        before = sum(map(len, features))
        place.update((bytes(one), before + row) for row, one in enumerate(keys))
        features.append(rows)
        records.append(record)
    seconds = sum(record.pop("seconds_of_reading") for record in records)
    if any(record != records[0] for record in records):
        raise SystemExit(f"{', '.join(map(str, paths))}: expected features of one encoder, read alike")
    return place, np.concatenate(features), records[0], seconds


def answer(options):
    teacher.check_out(options.out, [*options.features, options.train, *options.seen, *options.more], options.force)
    torch.set_num_threads(options.threads)
    place, features, record, seconds = kept_features(options.features)
    train_texts, labels = teacher.read(options.train, True)
    classes = record.setdefault("classes", sorted(set(labels), key=teacher.by_value))
    targets = teacher.targets_of(options.train, labels, classes)
    more, files = teacher.each_once(options.more) if options.more else ([], [])
    # Training texts come first, each as often as it is there; what is written has each text once.
    texts = train_texts + [text for text in more if text not in set(train_texts)]
    seen = {key(text) for path in options.seen for text in teacher.read(path, False)}
    new = np.array([index for index, text in enumerate(train_texts) if key(text) not in seen])
    if len(new) < 10 * FOLDS:
        raise SystemExit(f"{options.train}: expected {10 * FOLDS} texts or more that are not in --seen, got {len(new)}")
    # Equal texts, which have one key, are held back together.
    fold_of = np.array([key(train_texts[index])[0] % FOLDS for index in new])
    sources = [Features(options.train, texts, place, features)] + ([Grams(texts)] if options.grams else [])
    right = targets[new]
    began = time.perf_counter()
    of_sources = [held_back(source, new, fold_of, right, len(classes)) for source in sources]
    weights = mixed(torch.stack([held for _, _, held in of_sources]), right) if options.grams else torch.ones(1)
    held = torch.einsum("s,stc->tc", weights, torch.stack([held for _, _, held in of_sources]))
    loss = functional.cross_entropy(held, right).item()
    accuracy = (held.argmax(1) == right).float().mean().item()
    logits = torch.zeros(len(texts), len(classes))
    for source, (_, penalty, _), weight in zip(sources, of_sources, weights):
        own, rows = source.of(new)
        matrix, bias = fitted(own, right, len(classes), penalty)
        logits += weight * (rows(np.arange(len(texts))) @ matrix + bias)
    logits[new] = held
    probabilities = dict(zip(texts, logits.double().softmax(1).tolist()))
    record["head"] = {
        "train": teacher.described(options.train, len(train_texts)), "fitted_to": len(new),
        "penalty": [penalty for _, penalty, _ in of_sources], "weight": [round(weight, 4) for weight in weights.tolist()],
        "of": ["features", "grams"][:len(sources)],
        "development_accuracy": round(100 * accuracy, 3), "development_loss": round(loss, 5),
        "development_accuracy_of_each": [round(100 * (held.argmax(1) == right).float().mean().item(), 3)
                                         for _, _, held in of_sources],
        "developed_on": f"{FOLDS} folds of the texts it is fitted to", "seconds_of_reading": round(seconds, 1),
        "seconds": round(time.perf_counter() - began, 1),
    }
    record.setdefault("development_accuracy", record["head"]["development_accuracy"])  # an encoder as it comes has none
    # Beside the encoder's own texts, as far as they are named, stand those of the split.
    of_encoder = record.get("fitted_on", {}).get("least", [])
    record["fitted_on"] = teacher.fitted_on(train_texts, of_encoder)
    record["labelled"] = {"files": files, "texts": len(probabilities), "versions": teacher.versions()}
    teacher.write_answers(options.out, record, probabilities.keys(), probabilities.values())
    teacher.say(f"{options.out}: {len(probabilities)} texts; heads on {len(new)} texts, penalties {record['head']['penalty']}, "
                f"weights {record['head']['weight']}, {100 * accuracy:.2f} % of those held back "
                f"({record['head']['development_accuracy_of_each']}), {record['head']['seconds']} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True, metavar="read|answer")
    verb = verbs.add_parser("read", help="keep what an encoder reads of texts")
    verb.add_argument("encoder", help="a name, a folder of weights, or a directory that teacher.py fit wrote")
    verb.add_argument("files", nargs="+", metavar="FILE", help="CSV or JSON lines with a column `text`")
    verb.add_argument("--layers", type=teacher.count, nargs="*", metavar="N",
                      help="whose states are kept, side by side [default: the last]")
    verb.add_argument("--longest", type=int, default=128, help="tokens of a text, where the encoder was not fine-tuned")
    verb.add_argument("--made-from", help="the folder that a fine-tuned encoder was made from, if it was one")
    verb.set_defaults(run=read)
    verb.add_argument("--out", type=Path, required=True)
    verb = verbs.add_parser("answer", help="fit a head to a split and write its probabilities")
    verb.add_argument("features", type=Path, nargs="+", help="what `read` wrote")
    verb.add_argument("--train", required=True, help="the training texts of the split: CSV or JSON lines with text and label")
    verb.add_argument("--seen", nargs="*", default=[], metavar="FILE", help="what the encoder was fitted to and chosen on")
    verb.add_argument("--more", nargs="*", default=[], metavar="FILE", help="more texts to answer, whose features were read")
    verb.add_argument("--grams", action="store_true", help="mix in a head on TF-IDF of runs of letters, for Chinese")
    verb.add_argument("--out", type=Path, required=True)
    verb.set_defaults(run=answer)
    for verb in verbs.choices.values():
        verb.add_argument("--threads", type=teacher.count, default=2)
        verb.add_argument("--force", action="store_true", help="write over a file that is there")
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
