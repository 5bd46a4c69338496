#!/usr/bin/env python3
"""Times `fit` and `predict` from Python beside the program, in turn, on the same texts, settings and threads.

    python python.py --program target/release/spiketext --data-dir DIR --threads 1 --rounds 5 --out python.json

Both sides are processes of their own that read the same file and write their results: a model directory, or a table of texts
and labels (the program's has probabilities, too). Every round runs each side once, every second round backwards; wall time and
CPU time (user and system) are those of the whole process. What a side takes to start is measured in every round, too, and taken
off: of `fit` the program's `--version` and Python's import of spiketext, scikit-learn and NumPy; of `predict` the same command
with one text, which loads the model. Beside them stands what the call alone took inside of Python. A round that is not counted
comes first; after it all weights of both models must be equal, and so must all labels.

The program makes a checkpoint after each epoch and looks at test texts, here two; Python does neither. Needs spiketext of the
same commit as the program, scikit-learn, NumPy, and the files of SST-2 in DIR.
"""

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SETTINGS = {"sparse": {"dnn.epochs": 3, "sparse.epochs": 4}, "lean": {"dnn.epochs": 4}}


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def fit(recipe, train, out):
    """The side of Python, in a process of its own: reads, fits, saves; tells the seconds of the call alone."""
    from spiketext import SpikeTextClassifier

    texts, labels = zip(*read(train))
    began = time.perf_counter()
    classifier = SpikeTextClassifier(recipe, settings=SETTINGS[recipe], random_state=0).fit(list(texts), list(labels))
    seconds = time.perf_counter() - began
    classifier.model_.save(out)
    return seconds


def predict(model, file, out):
    """The same: reads, labels, writes."""
    from spiketext import Model

    model = Model.load(model)
    texts = [row[0] for row in read(file)]
    began = time.perf_counter()
    labels = model.predict(texts)
    seconds = time.perf_counter() - began
    with open(out, "w", newline="", encoding="utf-8") as written:
        rows = csv.writer(written)
        rows.writerow(["text", "label"])
        rows.writerows(zip(texts, labels))
    return seconds


def timed(command, threads):
    """Wall and CPU seconds of a process, and what it wrote on its standard output."""
    names = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads))}
    with tempfile.TemporaryFile() as told:
        began = time.perf_counter()
        process = subprocess.Popen(list(map(str, command)), stdout=told, stderr=subprocess.DEVNULL, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}: ended with {process.returncode}")
        told.seek(0)
        return wall, used.ru_utime + used.ru_stime, told.read().decode()


def same(first, second):
    """Whether two models have equal weights everywhere."""
    import numpy as np

    from spiketext import Model

    own, other = Model.load(first), Model.load(second)
    pairs = list(zip(own.weights, other.weights, strict=True))
    return own.words == other.words and all(np.array_equal(a[name], b[name]) for a, b in pairs for name in a)


def main():
    if sys.argv[1:2] in (["fit"], ["predict"]):
        print({"fit": fit, "predict": predict}[sys.argv[1]](*sys.argv[2:]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--recipe", choices=SETTINGS, default="sparse")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=10, help="label the training texts so many times")
    parser.add_argument("--out")
    options = parser.parse_args()
    from spiketext import datasets

    sst2 = datasets.load("sst2", data_dir=options.data_dir)
    version = timed([options.program, "--version"], 1)[2].splitlines()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        rows = list(zip(sst2.train.texts, sst2.train.labels))
        files = {"train": rows, "test": list(zip(sst2.test.texts, sst2.test.labels))[:2],
                 "many": [row[:1] for row in rows] * options.repeat, "one": [rows[0][:1]]}
        for name, of in files.items():
            with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([("text", "label")[: len(of[0])], *of])
        sets = [word for key, value in SETTINGS[options.recipe].items() for word in ("--set", f"{key}={value}")]
        ours = [sys.executable, __file__]
        labels = lambda file: ["predict", folder / "model", "--file", folder / f"{file}.csv", "--header", "--out"]
        # For every measurement both commands, and where their results go.
        commands = {
            "start": {"program": [options.program, "--version"],
                      "python": [sys.executable, "-c", "import spiketext; spiketext.SpikeTextClassifier"]},
            "fit": {"program": [options.program, "train", folder / "train.csv", "--test", folder / "test.csv", "--recipe",
                                options.recipe, *sets, "--seed", "0", "--out"],
                    "python": [*ours, "fit", options.recipe, folder / "train.csv"]},
            "predict one": {"program": [options.program, *labels("one")],
                            "python": [*ours, "predict", folder / "model", folder / "one.csv"]},
            "predict": {"program": [options.program, *labels("many")],
                        "python": [*ours, "predict", folder / "model", folder / "many.csv"]},
        }
        seen = {what: {side: [] for side in sides} for what, sides in commands.items()}
        for round_number in range(options.rounds + 1):
            for what, sides in commands.items():
                for side in sorted(sides, reverse=round_number % 2 == 1):
                    out = folder / f"{what}-{side}-{round_number}{'.csv' if 'predict' in what else ''}"
                    measured = timed([*sides[side], *([out] if what != "start" else [])], options.threads)
                    # The first round warms caches and shows that both sides do the same.
                    if round_number:
                        inside = float(measured[2]) if side == "python" and what != "start" else None
                        seen[what][side].append({"wall": measured[0], "cpu": measured[1], "inside": inside})
                if round_number == 0 and what == "fit":
                    if not same(folder / "fit-program-0", folder / "fit-python-0"):
                        sys.exit("fit: the models differ")
                    (folder / "fit-program-0").rename(folder / "model")
                if round_number == 0 and what == "predict":
                    # The text, the label; the program's table goes on with probabilities.
                    answers = [[row[:2] for row in read(folder / f"predict-{side}-0.csv")] for side in sides]
                    if answers[0] != answers[1]:
                        sys.exit("predict: the labels differ")
            print(f"round {round_number} of {options.rounds}", file=sys.stderr, flush=True)

    def middle(what, side, number):
        return statistics.median(run[number] for run in seen[what][side])

    result = {}
    for what, base in (("fit", "start"), ("predict", "predict one")):
        result[what] = {"inside_of_python": middle(what, "python", "inside")}
        for number in ("wall", "cpu"):
            own = {side: middle(what, side, number) for side in ("program", "python")}
            less = {side: own[side] - middle(base, side, number) for side in own}
            pairs = zip(seen[what]["python"], seen[what]["program"], strict=True)
            ratios = [a[number] / b[number] for a, b in pairs]
            result[what][number] = {
                **own, "ratio": own["python"] / own["program"], "ratios_of_rounds": [min(ratios), max(ratios)],
                "without_start": {**less, "ratio": less["python"] / less["program"]},
            }
    result["start"] = {side: middle("start", side, "wall") for side in ("program", "python")}
    told = {"program": version, "recipe": options.recipe, "settings": SETTINGS[options.recipe], "threads": options.threads,
            "texts": {"fit": len(rows), "predict": len(rows) * options.repeat}, "rounds": options.rounds,
            "python": platform.python_version(), "day": time.strftime("%Y-%m-%d"), "medians": result, "runs": seen}
    print(json.dumps({name: told[name] for name in told if name != "runs"}, indent=1))
    if options.out:
        Path(options.out).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
