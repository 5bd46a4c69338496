"""Runs the three jobs of make_jobs.py with spiketext and with TF-IDF and logistic regression, on the same texts.

    python reference/run_jobs.py SPIKETEXT FOLDER DATA_DIR [SEEDS]

needs scikit-learn and jieba. A fifth of the texts is set apart by chance, in a file of its own; spiketext takes its
development texts from the others, logistic regression (scikit-learn's defaults, more iterations, words and pairs of
words) learns from all of them. Chinese is cut by jieba for both. Memory is the largest resident set of the process.
"""

import csv
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import time

import bag_of_words
import make_jobs

FLAGS = {
    "tickets": ["--text-column", "Subject", "--text-column", "Body", "--label-column", "Queue", "--skip-bad"],
    "intents": [],
    "waimai": [],
}


def tickets(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    return rows[0], rows[1:]


def halves(rows, draw):
    """Four fifths and one."""
    rows = rows[:]
    draw.shuffle(rows)
    cut = len(rows) * 4 // 5
    return rows[:cut], rows[cut:]


def cut(folder, job, seed):
    """Files to train on and one to test on; and both as texts with labels."""
    draw = random.Random(seed)
    if job == "tickets":
        head, rows = tickets(folder / "tickets.csv")
        parts = halves(rows, draw)
        files = [folder / f"tickets-{name}-{seed}.csv" for name in ("train", "test")]
        for path, part in zip(files, parts):
            with open(path, "w", encoding="utf-8-sig", newline="") as file:
                csv.writer(file, delimiter=";").writerows([head] + part)
        pairs = [[(f"{row[2]}\n{row[3]}", row[5].strip()) for row in part if row[5].strip()] for part in parts]
        return files[:1], files[1], pairs
    names = {"intents": ["intents.jsonl"], "waimai": [f"waimai-{part}.jsonl" for part in range(1, 7)]}[job]
    text, label = {"intents": ("utterance", "intent"), "waimai": ("评论", "情感")}[job]
    train, test = [], []
    files = []
    for name in names:
        with open(folder / name, encoding="utf-8") as file:
            kept, apart = halves(file.readlines(), draw)
        files.append(folder / f"{job}-train-{seed}-{name}")
        files[-1].write_text("".join(kept), encoding="utf-8")
        train, test = train + kept, test + apart
    path = folder / f"{job}-test-{seed}.jsonl"
    path.write_text("".join(test), encoding="utf-8")
    pairs = [[(row[text], str(row[label])) for row in map(json.loads, part)] for part in (train, test)]
    return files, path, pairs


def measured(command):
    """What a command prints, its seconds and its megabytes."""
    started = time.time()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(map(str, command))} failed")
    return output, time.time() - started, usage.ru_maxrss / 1024


def rival(pairs_path):
    """The rival in a process of its own, so that its memory can be measured."""
    chinese, (train, test) = json.loads(pathlib.Path(pairs_path).read_text(encoding="utf-8"))
    accuracy, macro_f1 = bag_of_words.measured(train, test, chinese)
    print(json.dumps({"accuracy": accuracy, "macro_f1": macro_f1}))


def main():
    program, folder, data = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    seeds = int(sys.argv[4]) if len(sys.argv) > 4 else 3
    sys.argv = ["make_jobs.py", str(folder), str(data)]
    make_jobs.main()
    print("| job | texts | classes | | accuracy | macro F1 | seconds | MB |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    for job, flags in FLAGS.items():
        rows = {"spiketext DNN": [], "spiketext SNN": [], "TF-IDF, logistic regression": []}
        for seed in range(seeds):
            files, test, pairs = cut(folder, job, seed)
            out = folder / f"model-{job}-{seed}"
            command = [program, "train", *files, "--test", test, *flags, "--seed", str(seed), "--out", out, "--json"]
            output, seconds, megabytes = measured(command)
            result = json.loads(output.splitlines()[-1])
            for name in ("dnn", "snn"):
                figures = (result[f"{name}_accuracy"], result["macro_f1"][name], seconds, megabytes)
                rows[f"spiketext {name.upper()}"].append(figures)
            path = folder / "pairs.json"
            path.write_text(json.dumps([job == "waimai", pairs]), encoding="utf-8")
            output, seconds, megabytes = measured([sys.executable, __file__, "--rival", path])
            rival_figures = json.loads(output)
            rows["TF-IDF, logistic regression"].append((rival_figures["accuracy"], rival_figures["macro_f1"], seconds, megabytes))
        texts, classes = sum(map(len, pairs)), len({label for _, label in pairs[0]})
        for name, figures in rows.items():
            mean = [statistics.mean(column) for column in zip(*figures)]
            spread = [statistics.stdev(column) if seeds > 1 else 0 for column in zip(*figures)]
            shown = [f"{mean[i]:.1f} ± {spread[i]:.1f}" for i in (0, 1)] + [f"{mean[2]:.0f}", f"{mean[3]:.0f}"]
            print(f"| {job} | {texts} | {classes} | {name} | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--rival"]:
        rival(sys.argv[2])
    else:
        main()
