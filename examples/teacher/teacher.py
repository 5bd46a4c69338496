"""Teachers for small spiking students: a pretrained transformer, fine-tuned on labelled texts, and what it answers.

    python teacher.py fit --train train.csv --development development.csv --encoder minilm --out teacher
    python teacher.py label teacher train.csv more.csv --out teacher.jsonl

`fit` trains on the training texts alone and keeps the epoch that is best on the development texts. `label` writes a
probability for each class and text, with a first line that says which teacher it was. See README.md.
"""

import argparse
import copy
import csv
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import random
import shutil
import sys
import time
import unicodedata
from pathlib import Path

# Threads that wait give their core away. Those that spin are slow on a machine where others compute as well.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

import encoders

WARM_UP, WEIGHT_DECAY, HEAD_DROPOUT, LONGEST_GRADIENT = 0.1, 0.01, 0.1, 1.0
HEAD_FASTER = 10  # the head starts from nothing, the encoder does not
LABEL_TOKENS = 8192  # padded tokens a batch when nothing is trained
NAMED = 256  # so many of the texts that a teacher was fitted to are named by their hashes


def count(text):
    """A whole number of at least one, for argparse."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return number


def rate(text):
    """A finite number above nothing, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number


def check_out(out, read, force):
    """Refuses a place where a file would take something away: what is read, always; what is there, unless it is to go."""
    if not out.parent.is_dir():
        raise SystemExit(f"--out {out}: expected a file in a folder that is there")
    if out.is_dir():
        raise SystemExit(f"--out {out}: expected the name of a file, got a folder")
    for path in map(Path, read):
        inside = path.is_dir() and path.resolve() in out.resolve().parents
        if inside or (out.exists() and path.exists() and out.samefile(path)):
            raise SystemExit(f"--out {out}: expected a file that is not read, and {path} is")
    if (out.exists() or out.is_symlink()) and not force:
        raise SystemExit(f"--out {out}: expected a name that is free, and it is there already (--force writes over it)")


def text_hash(text):
    """The hash by which spiketext knows a text: whatever its case, width and blanks."""
    letters = "".join(letter.lower() for letter in unicodedata.normalize("NFKC", text))
    # Four control characters are blanks to Python alone.
    canonical = "".join(letter for letter in letters if not letter.isspace() or "\x1c" <= letter <= "\x1f")
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def fitted_on(texts, hashes=()):
    """What the first line of answers says of the texts that the teacher was fitted to, and of those that have these hashes:
    `train` refuses one that was fitted to its test texts."""
    hashes = sorted({*hashes, *map(text_hash, texts)})
    digest = hashlib.sha256("".join(f"{one}\n" for one in hashes).encode()).hexdigest()
    return {"texts": len(hashes), "sha256": digest, "least": hashes[:NAMED]}


def read(path, with_labels):
    """The texts of a CSV file or of JSON lines, and their labels if they are asked for."""
    columns = ("text", "label") if with_labels else ("text",)
    texts, labels = [], []
    csv.field_size_limit(1 << 30)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            if Path(path).suffix in (".jsonl", ".ndjson", ".json"):
                rows = ((number, json.loads(line)) for number, line in enumerate(file, 1) if line.strip())
            else:
                reader = csv.DictReader(file)
                missing = [column for column in columns if column not in (reader.fieldnames or [])]
                if missing:
                    raise SystemExit(f"{path}: expected the columns {', '.join(columns)}, got {reader.fieldnames}")
                rows = ((reader.line_num, row) for row in reader)
            for number, row in rows:
                values = [row.get(column) if isinstance(row, dict) else None for column in columns]
                if any(value is None for value in values):
                    raise SystemExit(f"{path}, line {number}: expected {', '.join(columns)}, got {str(row)[:200]}")
                texts.append(str(values[0]))
                labels.append(str(values[-1]))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, csv.Error) as error:
        raise SystemExit(f"{path}: expected a CSV file in UTF-8 or JSON lines, got: {error}")
    if not texts:
        raise SystemExit(f"{path}: expected at least one text, got none")
    return (texts, labels) if with_labels else texts


def by_value(name):
    """Numbers by value, before all other names."""
    try:
        value = float(name)
    except ValueError:
        value = math.nan
    return (0, value, name) if math.isfinite(value) else (1, 0.0, name)


class Teacher(nn.Module):
    """An encoder, its states pooled, and a linear layer."""

    def __init__(self, shape, pooling, classes):
        super().__init__()
        self.encoder = encoders.Encoder(shape)
        self.pooling = pooling
        self.head = nn.Linear(shape.width, classes)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def pooled(self, words):
        """What the head reads of each text."""
        return self.pool(*self.encoder(words))

    def pool(self, states, real):
        if self.pooling == "first":
            return states[:, 0].float()
        real = real.unsqueeze(2).float()
        return (states.float() * real).sum(1) / real.sum(1)

    def forward(self, words):
        return self.head(functional.dropout(self.pooled(words), HEAD_DROPOUT, self.training)).float()


def padded(rows):
    longest = max(map(len, rows))
    return torch.tensor([row + [-1] * (longest - len(row)) for row in rows])


def batches_to_train(rows, batch, generator):
    """Batches of texts of similar length in random order: little padding, and lengths still mix over an epoch."""
    order = generator.permutation(len(rows))
    batches = []
    for start in range(0, len(order), 50 * batch):
        pool = sorted(order[start:start + 50 * batch], key=lambda index: len(rows[index]))
        batches += [pool[first:first + batch] for first in range(0, len(pool), batch)]
    return [batches[index] for index in generator.permutation(len(batches))]


def answer(model, rows, of=None, width=None):
    """The logits for all rows, or what `of` gives for a batch; the order in which they are computed follows their lengths."""
    model.eval()
    of, width = of or model, width or model.head.out_features
    order = sorted(range(len(rows)), key=lambda index: (len(rows[index]), index))
    logits, start = torch.empty(len(rows), width), 0
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        while start < len(order):
            end = start + 1
            while end < len(order) and (end + 1 - start) * len(rows[order[end]]) <= LABEL_TOKENS:
                end += 1
            some = order[start:end]
            logits[some] = of(padded([rows[index] for index in some]))
            start = end
    return logits


def optimiser_for(model, learning_rate, layer_decay):
    """AdamW with a rate for each layer; normalisations, biases and word vectors do not decay."""
    depth, groups = len(model.encoder.layers), {}
    for name, parameter in model.named_parameters():
        if name.startswith("head."):
            rate = learning_rate * HEAD_FASTER
        else:
            layer = int(name.split(".")[2]) + 1 if ".layers." in name else 0
            rate = learning_rate * layer_decay ** (depth - layer)
        vectors = name.startswith(("encoder.words.", "encoder.positions."))
        decay = 0.0 if parameter.ndim < 2 or vectors else WEIGHT_DECAY
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW([{"params": parameters, "lr": rate, "weight_decay": decay}
                              for (rate, decay), parameters in groups.items()], fused=True)


def train(model, sets, options, seconds, after_epoch):
    """Trains over `sets`, one set of rows and targets an epoch, with a linear warm-up and decay over all of them."""
    generator = np.random.default_rng(options.seed)
    optimiser = optimiser_for(model, options.learning_rate, options.layer_decay)
    steps = sum(math.ceil(len(rows) / options.batch) for rows, _ in sets)
    warm_up = max(1, round(WARM_UP * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm_up, (steps - step) / max(1, steps - warm_up)))
    for epoch, (rows, targets) in enumerate(sets):
        began, total, seen, told = time.perf_counter(), 0.0, 0, time.perf_counter()
        model.train()
        for some in batches_to_train(rows, options.batch, generator):
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(padded([rows[index] for index in some]))
            loss = functional.cross_entropy(logits, targets[some])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), LONGEST_GRADIENT)
            optimiser.step()
            schedule.step()
            total, seen = total + loss.item() * len(some), seen + len(some)
            if time.perf_counter() - told > 60:
                told = time.perf_counter()
                say(f"epoch {epoch + 1}: {seen} of {len(rows)} texts, {seen / (told - began):.0f} a second")
        seconds.append(time.perf_counter() - began)
        after_epoch(epoch, total / len(rows), seconds[-1])


def fixed(seed, threads):
    random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # it would cost time and decide nothing


def described(path, texts):
    return {"file": Path(path).name, "texts": texts, "sha256": encoders.sha256(path)}


def versions():
    names = ("torch", "tokenizers", "safetensors", "numpy")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}}


def say(line):
    print(line, file=sys.stderr, flush=True)


def targets_of(path, labels, classes):
    known = {name: number for number, name in enumerate(classes)}
    for label in labels:
        if label not in known:
            raise SystemExit(f"{path}: expected classes of the training texts, {', '.join(classes)}, got {label!r}")
    return torch.tensor([known[label] for label in labels])


def fit(options):
    if options.out.exists():
        raise SystemExit(f"--out {options.out}: expected a name that is free, and it is there already")
    train_texts, train_labels = read(options.train, True)
    development_texts, development_labels = read(options.development, True)
    classes = sorted(set(train_labels), key=by_value)
    if len(classes) < 2 or "text" in classes:
        raise SystemExit(f"{options.train}: expected two classes or more, none called `text`, got {classes}")
    train_targets = targets_of(options.train, train_labels, classes)
    development_targets = targets_of(options.development, development_labels, classes)
    before_texts, before_targets, left_out = [], torch.empty(0, dtype=torch.long), 0
    if options.before:
        texts, labels = read(options.before, True)
        held = set(development_texts)
        kept = [index for index, text in enumerate(texts) if text not in held]
        left_out = len(texts) - len(kept)
        if not kept:
            raise SystemExit(f"{options.before}: expected texts that are not development texts, got none")
        before_texts = [texts[index] for index in kept]
        before_targets = targets_of(options.before, labels, classes)[kept]

    # Files may change while training runs: they are described as they were read.
    read_files = {"train": described(options.train, len(train_texts)),
                  "development": described(options.development, len(development_texts))}
    if options.before:
        read_files["before"] = {**described(options.before, len(before_texts)),
                                "left_out_as_development_texts": left_out}

    fixed(options.seed, options.threads)
    pretrained = encoders.load(options.encoder)
    pooling = options.pooling or pretrained.pooling
    if not 8 <= options.longest <= pretrained.shape.positions:
        raise SystemExit(f"--longest {options.longest}: expected 8 to {pretrained.shape.positions}")
    numbers = [pretrained.tokens([pretrained.prefix + text for text in texts], options.longest)
               for texts in (train_texts, development_texts, before_texts)]
    # Only the word vectors of tokens that occur are held while training: the others would get no gradient.
    used = sorted({word for rows in numbers for row in rows for word in row})
    place = {word: row for row, word in enumerate(used)}
    train_rows, development_rows, before_rows = [[[place[word] for word in row] for row in rows] for rows in numbers]
    shape = copy.copy(pretrained.shape)
    shape.words = len(used)
    weights, pretrained.weights = pretrained.weights, None
    weights["words.weight"] = weights["words.weight"][used]
    model = Teacher(shape, pooling, len(classes))
    model.encoder.load_state_dict(weights)

    epochs, seconds, best = [], [], {}

    def after_epoch(epoch, loss, took):
        began = time.perf_counter()
        logits = answer(model, development_rows)
        right = (logits.argmax(1) == development_targets).float().mean().item()
        development_loss = functional.cross_entropy(logits, development_targets).item()
        over = "before" if options.before and epoch == 0 else "train"
        epochs.append({"epoch": epoch + 1, "texts": over, "training_loss": round(loss, 5),
                       "development_loss": round(development_loss, 5),
                       "development_accuracy": round(100 * right, 3)})
        say(f"epoch {epoch + 1} ({over}): training loss {loss:.4f}, development loss {development_loss:.4f}, "
            f"accuracy {100 * right:.2f} %, {took:.0f} s, labelled {len(development_rows)} texts in "
            f"{time.perf_counter() - began:.1f} s")
        key = (right, -development_loss)
        if over == "train" and (not best or key > best["key"]):
            best.update(key=key, epoch=epoch + 1, weights=copy.deepcopy(model.state_dict()))

    sets = [(train_rows, train_targets)] * options.epochs
    if options.before:
        sets = [(before_rows, before_targets)] + sets
    train(model, sets, options, seconds, after_epoch)

    record = {
        **pretrained.said(), "classes": classes, "pooling": pooling, "prefix": pretrained.prefix,
        **read_files, "fitted_on": fitted_on(train_texts + before_texts),
        "seed": options.seed, "epochs_run": len(sets), "epoch_chosen": best["epoch"],
        "development_accuracy": round(100 * best["key"][0], 3), "epochs": epochs,
        "learning_rate": options.learning_rate, "layer_decay": options.layer_decay, "batch": options.batch,
        "head_dropout": HEAD_DROPOUT, "head_rate_over_encoder_rate": HEAD_FASTER, "weight_decay": WEIGHT_DECAY,
        "warm_up": WARM_UP, "longest": options.longest, "precision": "bfloat16 products", "threads": options.threads,
        "versions": versions(), "seconds_of_training": round(sum(seconds), 1),
    }
    unfinished = options.out.with_name(f"{options.out.name}.unfinished-{os.getpid()}")
    unfinished.mkdir(parents=True)
    try:
        save_file({**best["weights"], "used_words": torch.tensor(used)}, unfinished / "weights.safetensors")
        text = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
        (unfinished / "teacher.json").write_text(text, encoding="utf-8")
        unfinished.rename(options.out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    say(f"{options.out}: epoch {best['epoch']} of {len(sets)}, {100 * best['key'][0]:.2f} % of the development texts")


def opened(folder, encoder, threads):
    """A teacher that `fit` wrote: what is known of it, its network, and what makes rows of texts."""
    try:
        record = json.loads((folder / "teacher.json").read_text(encoding="utf-8"))
        weights = load_file(folder / "weights.safetensors")
    except (OSError, ValueError) as error:
        raise SystemExit(f"{folder}: expected a directory that `fit` wrote, got: {error}")
    fixed(record["seed"], threads)
    pretrained = encoders.load(encoder or record["encoder"])
    if pretrained.weights_sha256 != record["weights_sha256"]:
        raise SystemExit(f"{folder}: expected the weights of {record['encoder']} with sha256 "
                         f"{record['weights_sha256']}, got {pretrained.weights_sha256}")
    # Words that no training text has keep the vectors that they came with.
    words = pretrained.weights["words.weight"]
    words[weights.pop("used_words")] = weights["encoder.words.weight"]
    weights["encoder.words.weight"] = words
    model = Teacher(pretrained.shape, record["pooling"], len(record["classes"]))
    model.load_state_dict(weights)
    rows = lambda texts: pretrained.tokens([record["prefix"] + text for text in texts], record["longest"])
    return record, model, rows


def each_once(paths):
    """The different texts of files in their order, and what files these are."""
    files, texts = [], {}
    for path in paths:
        of_file = read(path, False)
        files.append(described(path, len(of_file)))
        texts.update(dict.fromkeys(of_file))
    return list(texts), files


def write_answers(path, record, texts, probabilities):
    """The file that students read: who answers, and a line a text. It is there whole or not at all."""
    unfinished = path.with_name(f"{path.name}.unfinished-{os.getpid()}")
    try:
        with open(unfinished, "w", encoding="utf-8") as file:
            file.write(json.dumps({"text": None, "teacher": record}, ensure_ascii=False) + "\n")
            for text, shares in zip(texts, probabilities):
                rounded = {name: float(f"{share:.6g}") for name, share in zip(record["classes"], shares)}
                file.write(json.dumps({"text": text, **rounded}, ensure_ascii=False) + "\n")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def label(options):
    check_out(options.out, [options.teacher, *options.files], options.force)
    texts, files = each_once(options.files)
    record, model, rows_of = opened(options.teacher, options.encoder, options.threads)
    began = time.perf_counter()
    probabilities = answer(model, rows_of(texts)).double().softmax(1).tolist()
    seconds = time.perf_counter() - began
    record["labelled"] = {"files": files, "texts": len(texts), "seconds": round(seconds, 1), "versions": versions()}
    write_answers(options.out, record, texts, probabilities)
    say(f"{options.out}: {len(texts)} texts in {seconds:.1f} s, {len(texts) / seconds:.0f} a second")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True, metavar="fit|label")
    verb = verbs.add_parser("fit", help="fine-tune an encoder on labelled texts")
    verb.add_argument("--train", required=True, help="CSV or JSON lines with text and label")
    verb.add_argument("--development", required=True, help="the same; chooses the epoch")
    verb.add_argument("--before", help="the same, of the same classes: one epoch over these first")
    verb.add_argument("--encoder", required=True, help=f"{', '.join(encoders.ENCODERS)} or a folder (README.md)")
    verb.add_argument("--epochs", type=count, default=4, help="over the training texts")
    verb.add_argument("--learning-rate", type=rate, default=5e-5)
    verb.add_argument("--layer-decay", type=rate, default=1.0, help="rate of a layer over that of the one above it")
    verb.add_argument("--pooling", choices=("mean", "first"), help="as the encoder was trained, if not said")
    verb.add_argument("--batch", type=count, default=32)
    verb.add_argument("--longest", type=int, default=128, help="tokens of a text that are read")
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--threads", type=count, default=2)
    verb.add_argument("--out", type=Path, required=True, help="a directory that is not there yet")
    verb.set_defaults(run=fit)
    verb = verbs.add_parser("label", help="write a teacher's probabilities")
    verb.add_argument("teacher", type=Path, help="a directory that fit wrote")
    verb.add_argument("files", nargs="+", metavar="FILE", help="CSV or JSON lines with a column `text`")
    verb.add_argument("--encoder", help="the folder that it was made from, if it was one")
    verb.add_argument("--threads", type=count, default=2)
    verb.add_argument("--out", type=Path, required=True)
    verb.add_argument("--force", action="store_true", help="write over a file that is there")
    verb.set_defaults(run=label)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
