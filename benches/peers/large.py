"""Training and labelling at any size: spiketext beside fastText and scikit-learn's SGD over hashed words.

    pip install fasttext-wheel scikit-learn pyarrow
    python large.py texts stsa.binary.train 1000000 train.csv
    python large.py texts stsa.binary.dev 20000 test.csv --seed 1
    python large.py measure spiketext train.csv test.csv --program ./spiketext -- --epochs 1
    python large.py measure fasttext train.csv test.csv
    python large.py measure sgd train.csv test.csv
    python large.py label train.parquet --program ./spiketext --model model

`texts` makes labelled texts out of few: the first part of a sentence and the last part of another one of the same class, and in one
token of fifty two neighbouring letters changed places, so that new words never end. They are for time and memory, and say little of
accuracy. Each `measure` prints a JSON line: wall seconds, seconds of all cores, peak resident memory, accuracy on the test texts.
What came of it: docs/guide/large.md.
"""

import argparse
import csv
import json
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

BATCH = 10_000


def make_texts(source, number, out, seed):
    sentences = {}
    with open(source, encoding="utf-8", errors="replace") as file:
        for line in file:
            label, text = line.rstrip("\n").split(" ", 1)
            sentences.setdefault(label, []).append(text.split())
    labels, rng = sorted(sentences), random.Random(seed)

    def slip(token):
        if len(token) < 4 or rng.random() >= 0.02:
            return token
        at = rng.randrange(len(token) - 1)
        return token[:at] + token[at + 1] + token[at] + token[at + 2 :]

    def text(label):
        first, last = rng.choice(sentences[label]), rng.choice(sentences[label])
        return " ".join(slip(token) for token in first[: (len(first) + 1) // 2] + last[len(last) // 2 :])

    def rows():
        for row in range(number):
            label = labels[row % len(labels)]
            yield row, label, text(label)

    if str(out).endswith(".parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema([("id", pa.int64()), ("label", pa.string()), ("text", pa.string())])
        with pq.ParquetWriter(out, schema) as writer:
            batch = []
            for row in rows():
                batch.append(row)
                if len(batch) == 100_000:
                    writer.write_table(pa.table(list(map(list, zip(*batch))), schema=schema))
                    batch = []
            if batch:
                writer.write_table(pa.table(list(map(list, zip(*batch))), schema=schema))
        return
    with open(out, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label", "text"])
        writer.writerows(rows())


def batches(path):
    with open(path, newline="", encoding="utf-8") as file:
        batch = []
        for row in csv.DictReader(file):
            batch.append((row["text"], row["label"]))
            if len(batch) == BATCH:
                yield zip(*batch)
                batch = []
        if batch:
            yield zip(*batch)


def fasttext(train, test):
    import fasttext

    lines = Path(str(train) + ".ft")
    if not lines.exists():
        with open(lines, "w", encoding="utf-8") as file:
            for texts, labels in batches(train):
                file.writelines(f"__label__{label} {text}\n" for text, label in zip(texts, labels))
    print(json.dumps({"converted": True}), flush=True)
    model = fasttext.train_supervised(str(lines), epoch=1, wordNgrams=2, dim=100, thread=os.cpu_count(), verbose=0)
    right = number = 0
    for texts, labels in batches(test):
        # Not `predict`, which does not go with NumPy 2.
        for text, label in zip(texts, labels):
            right += model.f.predict(text + "\n", 1, 0.0, "strict")[0][1] == f"__label__{label}"
            number += 1
    return right / number


def sgd(train, test):
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import SGDClassifier

    hashed = HashingVectorizer(n_features=2**20, ngram_range=(1, 2), alternate_sign=False)
    model = SGDClassifier(loss="log_loss", random_state=0)
    classes = sorted({label for _, labels in batches(test) for label in labels})
    for texts, labels in batches(train):
        model.partial_fit(hashed.transform(texts), labels, classes=classes)
    right = number = 0
    for texts, labels in batches(test):
        found = model.predict(hashed.transform(texts))
        right += sum(found == list(labels))
        number += len(found)
    return right / number


def run(command, **more):
    """Runs a command; wall seconds, seconds of all cores, and peak memory."""
    begin = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, **more)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, {
        "seconds": round(time.perf_counter() - begin, 1),
        "core_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_mb": round(used.ru_maxrss / 1000),
    }


def measure(arguments):
    told = {"what": arguments.what, "train": os.path.basename(arguments.train), "load": os.getloadavg()[0]}
    if arguments.what == "spiketext":
        command = [arguments.program, "train", arguments.train, "--test", arguments.test, "--json", "--out", arguments.model]
        out, used = run(command + ["--text-column", "text", "--label-column", "label", *arguments.more])
        result = json.loads(out.splitlines()[-1])
        told |= {"accuracy": result["snn_accuracy"], "dnn_accuracy": result["dnn_accuracy"]}
        for line in out.splitlines():
            event = json.loads(line)
            if event["event"] == "epoch":
                told[f"{event['phase']}_{event['epoch']}_seconds"] = round(event["seconds"], 1)
    else:
        command = [sys.executable, __file__, "peer", arguments.what, arguments.train, arguments.test]
        out, used = run(command)
        told["accuracy"] = json.loads(out.splitlines()[-1])["accuracy"]
    print(json.dumps(told | used), flush=True)


def label(arguments):
    out = arguments.out or arguments.file + ".labelled.parquet"
    command = [arguments.program, "predict", arguments.model, "--file", arguments.file, "--text-column", "text", "--prefix", "answer_", "--out", out]
    _, used = run(command + ["--force", *arguments.more])
    print(json.dumps({"what": "label", "file": os.path.basename(arguments.file), "load": os.getloadavg()[0]} | used))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("texts")
    verb.add_argument("source")
    verb.add_argument("number", type=int)
    verb.add_argument("out")
    verb.add_argument("--seed", type=int, default=0)
    verb = verbs.add_parser("measure")
    verb.add_argument("what", choices=["spiketext", "fasttext", "sgd"])
    verb.add_argument("train")
    verb.add_argument("test")
    verb.add_argument("--program", default="spiketext")
    verb.add_argument("--model", default="large-model")
    verb = verbs.add_parser("label")
    verb.add_argument("file")
    verb.add_argument("--program", default="spiketext")
    verb.add_argument("--model", required=True)
    verb.add_argument("--out")
    verb = verbs.add_parser("peer")
    verb.add_argument("what")
    verb.add_argument("train")
    verb.add_argument("test")
    own = sys.argv[1:]
    # What stands behind `--` is for spiketext.
    at = own.index("--") if "--" in own else len(own)
    arguments = parser.parse_args(own[:at])
    arguments.more = own[at + 1 :]
    if arguments.verb == "texts":
        make_texts(arguments.source, arguments.number, arguments.out, arguments.seed)
    elif arguments.verb == "measure":
        measure(arguments)
    elif arguments.verb == "label":
        label(arguments)
    else:
        accuracy = {"fasttext": fasttext, "sgd": sgd}[arguments.what](arguments.train, arguments.test)
        print(json.dumps({"accuracy": round(100 * accuracy, 2)}))


if __name__ == "__main__":
    main()
