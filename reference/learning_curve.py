"""How accuracy grows with the number of training texts: recipe lean as it is, beside TF-IDF and logistic regression.

    python reference/learning_curve.py SPIKETEXT DATA_DIR OUT.csv [DRAWS] [CACHE.jsonl]

needs scikit-learn and jieba. From the *training* parts of the six sets (no development or test text of theirs), and from
the tickets and intents of make_jobs.py, it draws 1,000 texts to measure on and, from the rest, 200, 500, 2,000 and all
to train on; again for each draw. spiketext sets a tenth of the texts that it is given apart to choose on and has
built-in vectors; logistic regression (scikit-learn's defaults, more iterations, words and pairs of words) learns from
all of them. Chinese is cut by jieba for both. Cells are kept in CACHE, so that a run that stopped goes on.
"""

import csv
import hashlib
import json
import math
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import unicodedata

import bag_of_words
import make_jobs

SIZES = [200, 500, 2000, 0]
SETS = ["mr", "sst2", "subj", "sst5", "chnsenti", "waimai", "tickets", "intents"]
HELD = 1000
# Fewer texts than a set of 300 classes needs to have each of them.
LEAST = {"intents": 2000}


def lines(path, encoding="utf-8"):
    return path.read_text(encoding=encoding).splitlines()


def load(name, raw):
    if name == "mr":
        return [(text, label) for label in ("neg", "pos") for text in lines(raw / f"rt-polarity.{label}", "cp1252")]
    if name == "subj":
        return [(text, label) for label in ("objective", "subjective") for text in lines(raw / f"subj.{label}", "cp1252")]
    if name in ("sst2", "sst5"):
        path = raw / {"sst2": "stsa.binary.train", "sst5": "stsa.fine.train"}[name]
        return [tuple(reversed(line.split(" ", 1))) for line in lines(path) if " " in line]
    if name == "tickets":
        return [(f"{subject} {body}".strip(), queue) for _, subject, body, queue in make_jobs.tickets(random.Random(1))]
    if name == "intents":
        return list(dict.fromkeys(make_jobs.intents(random.Random(2))))
    path = raw / {"chnsenti": "ChnSentiCorp_htl_all.csv", "waimai": "waimai_10k.csv"}[name]
    with open(path, encoding="utf-8-sig", newline="") as file:
        return [(row["review"], row["label"]) for row in csv.DictReader(file)]


def pool(name, raw):
    """Different texts of the training part: where there is no official one, eight tenths by spiketext's hash."""
    seen, kept = set(), []
    for text, label in load(name, raw):
        form = "".join(c for c in unicodedata.normalize("NFKC", text).lower() if not c.isspace())
        number = int.from_bytes(hashlib.sha256(form.encode()).digest()[:8], "big")
        if form and form not in seen and (name in ("sst2", "sst5", "tickets", "intents") or number % 10 < 8):
            kept.append((text.strip(), label))
        seen.add(form)
    return kept


def spiking(program, folder, train, held, draw):
    """spiketext on the same texts."""
    for name, rows in (("train", train), ("held", held)):
        with open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
    command = [program, "train", "train.csv", "--test", "held.csv", "--seed", str(draw), "--out", "model", "--json"]
    output = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if output.returncode:
        sys.exit(output.stderr)
    result = json.loads(output.stdout.splitlines()[-1])
    return {"dnn": result["dnn_accuracy"], "snn": result["snn_accuracy"], "snn_f1": result["macro_f1"]["snn"]}


def main():
    program, raw, out = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    draws = int(sys.argv[4]) if len(sys.argv) > 4 else 3
    raw = raw if (raw / "rt-polarity.pos").exists() else raw / "raw"
    cache = pathlib.Path(sys.argv[5]) if len(sys.argv) > 5 else out.with_suffix(".jsonl")
    cells = {}
    if cache.exists():
        cells = {tuple(cell["key"]): cell for cell in map(json.loads, cache.read_text().splitlines())}
    folder = pathlib.Path(tempfile.mkdtemp())
    for draw in range(draws):
        for name in SETS:
            texts = pool(name, raw)
            random.Random(f"{name} {draw}").shuffle(texts)
            held, rest = texts[:HELD], texts[HELD:]
            for size in SIZES:
                key = (name, size, draw)
                if key in cells or 0 < size < LEAST.get(name, 0) or size > len(rest):
                    continue
                train = rest[:size] if size else rest
                cell = {"key": key, "texts": len(train), "classes": len({label for _, label in train})}
                # A text whose label is not among the training texts has no class for either of the two.
                known = {label for _, label in train}
                asked = [row for row in held if row[1] in known]
                cell["rival"], cell["rival_f1"] = bag_of_words.measured(train, asked, name in ("chnsenti", "waimai"))
                cell.update(spiking(program, folder, train, asked, draw))
                cells[key] = cell
                with open(cache, "a") as file:
                    file.write(json.dumps(cell) + "\n")
                print(cell, flush=True)
    with open(out, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["set", "classes", "texts", "draws", "dnn_accuracy", "snn_accuracy", "rival_accuracy", "accuracy_error",
                         "snn_macro_f1", "rival_macro_f1"])
        for name in SETS:
            for size in SIZES:
                own = [cells[key] for draw in range(draws) if (key := (name, size, draw)) in cells]
                if not own:
                    continue
                mean = lambda what: statistics.mean(cell[what] for cell in own)
                differences = [cell["snn"] - cell["rival"] for cell in own]
                error = statistics.stdev(differences) / math.sqrt(len(own)) if len(own) > 1 else 0
                figures = [mean("dnn"), mean("snn"), mean("rival"), error, mean("snn_f1"), mean("rival_f1")]
                writer.writerow([name, max(cell["classes"] for cell in own), round(mean("texts")), len(own),
                                 *(f"{figure:.2f}" for figure in figures)])


if __name__ == "__main__":
    main()
