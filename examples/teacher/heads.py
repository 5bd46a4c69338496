"""One encoder for many splits of a data set: what it reads of each text is kept, and each split has a head of its own.

    python teacher.py fit --train half.csv --development some.csv --encoder minilm --out encoder
    python heads.py read encoder all.csv more.csv --out features.npz
    python heads.py answer encoder features.npz --train train-0.csv --seen half.csv some.csv --more more.csv --out 0.jsonl

To fine-tune an encoder for each of five splits costs five times as much as the answers are worth. Here it is fine-tuned once,
on texts that no split tests; then logistic regression on its features is fitted, in seconds, to those training texts of a
split that the encoder has not seen: what it read of others is surer than what it reads of new texts. The strength of the
penalty is chosen by cross-validation among them, and each of them is answered by a head that has not seen it either. No head
and no encoder meets a test text of the split.
"""

import argparse
import hashlib
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import teacher

PENALTIES = (1.0, 3e-1, 1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
STEPS = 200
FOLDS = 5


def key(text):
    return hashlib.sha256(text.encode()).digest()[:16]


def read(options):
    teacher.check_out(options.out, [options.teacher, *options.files], options.force)
    texts, files = teacher.each_once(options.files)
    record, model, rows_of = teacher.opened(options.teacher, options.encoder, options.threads)
    began = time.perf_counter()
    width = model.head.in_features
    features = teacher.answer(model, rows_of(texts), model.pooled, width).half().numpy()
    seconds = time.perf_counter() - began
    keys = np.frombuffer(b"".join(map(key, texts)), dtype="V16")
    unfinished = options.out.with_name(f"{options.out.name}.unfinished-{os.getpid()}")
    try:
        with open(unfinished, "wb") as file:
            np.savez(file, keys=keys, features=features, seconds=np.float64(seconds))
        unfinished.replace(options.out)
    finally:
        unfinished.unlink(missing_ok=True)
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
    read_files = [options.teacher, options.features, options.train, *options.seen, *options.more]
    teacher.check_out(options.out, read_files, options.force)
    with np.load(options.features) as kept:
        place = {bytes(one): row for row, one in enumerate(kept["keys"])}
        features, seconds = kept["features"], float(kept["seconds"])
    record, _, _ = teacher.opened(options.teacher, options.encoder, options.threads)
    classes = record["classes"]
    train_texts, labels = teacher.read(options.train, True)
    targets = teacher.targets_of(options.train, labels, classes)
    rows = rows_of(place, features, options.train, train_texts)
    seen = {key(text) for path in options.seen for text in teacher.read(path, False)}
    new = torch.tensor([index for index, text in enumerate(train_texts) if key(text) not in seen])
    if len(new) < 10 * FOLDS:
        raise SystemExit(f"{options.train}: expected {10 * FOLDS} texts or more that are not in --seen, got {len(new)}")
    # Equal texts, which have one key, are held back together.
    fold_of = torch.tensor([key(train_texts[index])[0] % FOLDS for index in new.tolist()])
    own, right = rows[new], targets[new]
    mean, deviation = own.mean(0), own.std(0).clamp(min=1e-3)
    scaled = lambda some: (some - mean) / deviation
    zero = {"weight": torch.zeros(len(classes), own.shape[1]), "bias": torch.zeros(len(classes))}
    best = None
    for penalty in PENALTIES:
        held = torch.empty(len(new), len(classes))
        for fold in range(FOLDS):
            inside = fold_of == fold
            head = fitted(scaled(own[~inside]), right[~inside], len(classes), penalty, zero)
            with torch.inference_mode():
                held[inside] = head(scaled(own[inside]))
        loss = functional.cross_entropy(held, right).item()
        if best is None or loss < best[0]:
            best = (loss, penalty, held)
    loss, penalty, held = best
    accuracy = (held.argmax(1) == right).float().mean().item()
    head = fitted(scaled(own), right, len(classes), penalty, zero)
    texts, files = teacher.each_once(options.more) if options.more else ([], [])
    texts = list(dict.fromkeys(train_texts + texts))
    with torch.inference_mode():
        probabilities = head(scaled(rows_of(place, features, options.features, texts))).double().softmax(1)
    probabilities = probabilities.clone()
    position = {text: row for row, text in enumerate(texts)}
    for index, shares in zip(new.tolist(), held.double().softmax(1)):
        probabilities[position[train_texts[index]]] = shares
    record["head"] = {
        "train": teacher.described(options.train, len(train_texts)), "fitted_to": len(new), "penalty": penalty,
        "development_accuracy": round(100 * accuracy, 3), "development_loss": round(loss, 5),
        "developed_on": f"{FOLDS} folds of the texts it is fitted to", "seconds_of_reading": round(seconds, 1),
    }
    # Beside the encoder's own texts, as far as they are named, stand those of the split.
    of_encoder = record.get("fitted_on", {}).get("least", [])
    record["fitted_on"] = teacher.fitted_on(train_texts, of_encoder)
    record["labelled"] = {"files": files, "texts": len(texts), "versions": teacher.versions()}
    teacher.write_answers(options.out, record, texts, probabilities.tolist())
    teacher.say(f"{options.out}: {len(texts)} texts; head on {len(new)} texts, penalty {penalty:g}, {100 * accuracy:.2f} % of those "
                "held back")


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
    verb.add_argument("--train", required=True, help="the training texts of the split: CSV or JSON lines with text and label")
    verb.add_argument("--seen", nargs="*", default=[], metavar="FILE", help="what the encoder was fitted to and chosen on")
    verb.add_argument("--more", nargs="*", default=[], metavar="FILE", help="more texts to answer, whose features were read")
    verb.add_argument("--out", type=Path, required=True)
    verb.set_defaults(run=answer)
    for verb in verbs.choices.values():
        verb.add_argument("--encoder", help="the folder that the encoder was made from, if it was one")
        verb.add_argument("--threads", type=teacher.count, default=2)
        verb.add_argument("--force", action="store_true", help="write over a file that is there")
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
