"""One encoder for many splits of a data set: what it reads of each text is kept, and each split has a head of its own.

    python teacher.py fit --train half.csv --development some.csv --encoder minilm --out encoder
    python heads.py read encoder all.csv more.csv --out features.npz
    python heads.py answer encoder features.npz --train train-0.csv --development development-0.csv more.csv --out 0.jsonl

To fine-tune an encoder for each of five splits costs five times as much as the answers are worth. Here it is fine-tuned once,
on texts that no split tests; then logistic regression on its features is fitted to all training texts of a split, in
seconds. The strength of its penalty is chosen on the split's development texts. A head never meets a test text, and neither
did the encoder: `answer` refuses a development or training text that was not read, and nothing asks for the tests.
"""

import argparse
import hashlib
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import teacher

PENALTIES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
STEPS = 200


def key(text):
    return hashlib.sha256(text.encode()).digest()[:16]


def read(options):
    texts, files = teacher.each_once(options.files)
    record, model, rows_of = teacher.opened(options.teacher, options.encoder, options.threads)
    began = time.perf_counter()
    width = model.head.in_features
    features = teacher.answer(model, rows_of(texts), model.pooled, width).half().numpy()
    seconds = time.perf_counter() - began
    keys = np.frombuffer(b"".join(map(key, texts)), dtype="V16")
    with open(options.out, "wb") as file:
        np.savez(file, keys=keys, features=features, seconds=np.float64(seconds))
    teacher.say(f"{options.out}: {len(texts)} texts of {len(files)} files in {seconds:.1f} s, {len(texts) / seconds:.0f} a second")


def rows_of(place, features, path, texts):
    missing = [text for text in texts if key(text) not in place]
    if missing:
        raise SystemExit(f"{path}: expected texts whose features were read, got {len(missing)} others, such as {missing[0][:60]!r}")
    return torch.from_numpy(features[[place[key(text)] for text in texts]]).float()


def fitted(features, targets, classes, penalty, start):
    """Logistic regression: mean cross-entropy + penalty / 2 times the sum of squares, made least by L-BFGS."""
    head = nn.Linear(features.shape[1], classes)
    head.load_state_dict(start)
    optimiser = torch.optim.LBFGS(head.parameters(), max_iter=STEPS, history_size=10, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        value = functional.cross_entropy(head(features), targets) + penalty / 2 * head.weight.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    return head


def answer(options):
    if not options.out.parent.is_dir():
        raise SystemExit(f"--out {options.out}: expected a file in a folder that is there")
    with np.load(options.features) as kept:
        place = {bytes(one): row for row, one in enumerate(kept["keys"])}
        features, seconds = kept["features"], float(kept["seconds"])
    record, _, _ = teacher.opened(options.teacher, options.encoder, options.threads)
    parts, classes = {}, record["classes"]
    for name, path in (("train", options.train), ("development", options.development)):
        texts, labels = teacher.read(path, True)
        parts[name] = (rows_of(place, features, path, texts), teacher.targets_of(path, labels, classes), texts)
    own, targets, train_texts = parts["train"]
    mean, deviation = own.mean(0), own.std(0).clamp(min=1e-3)
    scaled = lambda rows: (rows - mean) / deviation
    best, start = None, {"weight": torch.zeros(len(classes), own.shape[1]), "bias": torch.zeros(len(classes))}
    for penalty in PENALTIES:
        head = fitted(scaled(own), targets, len(classes), penalty, start)
        start = head.state_dict()
        with torch.inference_mode():
            logits = head(scaled(parts["development"][0]))
            loss = functional.cross_entropy(logits, parts["development"][1]).item()
            right = (logits.argmax(1) == parts["development"][1]).float().mean().item()
        if best is None or loss < best[0]:
            best = (loss, right, penalty, head)
    loss, right, penalty, head = best
    texts, files = teacher.each_once(options.files)
    texts = list(dict.fromkeys(train_texts + texts))
    with torch.inference_mode():
        probabilities = head(scaled(rows_of(place, features, options.features, texts))).double().softmax(1).tolist()
    record["head"] = {
        "train": teacher.described(options.train, len(train_texts)),
        "development": teacher.described(options.development, len(parts["development"][2])),
        "penalty": penalty, "development_loss": round(loss, 5), "development_accuracy": round(100 * right, 3),
        "seconds_of_reading": round(seconds, 1),
    }
    record["labelled"] = {"files": files, "texts": len(texts), "versions": teacher.versions()}
    teacher.write_answers(options.out, record, texts, probabilities)
    teacher.say(f"{options.out}: {len(texts)} texts; head with penalty {penalty:g}, {100 * right:.2f} % of the development texts")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True, metavar="read|answer")
    verb = verbs.add_parser("read", help="keep what an encoder reads of texts")
    verb.add_argument("teacher", type=Path, help="a directory that teacher.py fit wrote")
    verb.add_argument("files", nargs="+", metavar="FILE", help="CSV or JSON lines with a column `text`")
    verb.set_defaults(run=read)
    verb.add_argument("--out", type=Path, required=True)
    verb = verbs.add_parser("answer", help="fit a head to a split and write its probabilities")
    verb.add_argument("teacher", type=Path, help="the directory that the features were read by")
    verb.add_argument("features", type=Path, help="what `read` wrote")
    verb.add_argument("files", nargs="*", metavar="FILE", help="more texts to answer, whose features were read")
    verb.add_argument("--train", required=True, help="CSV or JSON lines with text and label")
    verb.add_argument("--development", required=True, help="the same; chooses the penalty")
    verb.add_argument("--out", type=Path, required=True)
    verb.set_defaults(run=answer)
    for verb in verbs.choices.values():
        verb.add_argument("--encoder", help="the folder that the encoder was made from, if it was one")
        verb.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
