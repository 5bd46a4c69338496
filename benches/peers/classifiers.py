"""Text classifiers side by side on SST-2 in one run: spiketext (`lean`, `sparse`), fastText and scikit-learn.

    cargo build --release --bins
    pip install fasttext==0.9.3 scikit-learn==1.9.1
    python benches/peers/classifiers.py --data-dir DIR --vectors en.300d.txt.gz

Each is trained on the training sentences; what it may choose (fastText: epochs and word pairs, logistic regression: word
pairs and C) is chosen on the development sentences. Then each labels the same file of lines, in turn, as a process of its
own on one thread: model read, text cut, answers written. Texts a second are those of the file over the time that it takes
more than a file of one line. One text a call is timed inside a process, over the test sentences. Memory is the peak of the
process. Prints a Markdown table and, with --json, every figure. Takes some five minutes; not one of the tests.
"""

import argparse
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMES = 40
ONE_THREAD = {"RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def sentences(folder, part):
    """Labels and sentences of a part: lines of a digit, a blank and the sentence."""
    lines = (folder / f"stsa.binary.{part}").read_text(encoding="utf-8").splitlines()
    return [line[0] for line in lines if line], [line[2:] for line in lines if line]


def train_fasttext(folder, out):
    import fasttext

    labels, texts = sentences(folder, "train")
    lines = "".join(f"__label__{label} {text}\n" for label, text in zip(labels, texts))
    (out / "fasttext.train").write_text(lines, encoding="utf-8")
    dev_labels, dev_texts = sentences(folder, "dev")
    best = None
    for epochs in (5, 10, 25, 50):
        for pairs in (1, 2):
            try:
                model = fasttext.train_supervised(
                    str(out / "fasttext.train"), epoch=epochs, wordNgrams=pairs, bucket=100_000, lr=0.1, thread=1, seed=1, verbose=0
                )
            except RuntimeError as problem:
                # "Encountered NaN", with this release at some settings.
                print(f"fastText, epochs {epochs}, wordNgrams {pairs}: {problem}", file=sys.stderr)
                continue
            score = accuracy(dev_labels, [fasttext_label(model, text) for text in dev_texts])
            if best is None or score > best[0]:
                best = (score, model, f"epochs {epochs}, wordNgrams {pairs}")
    if best is None:
        sys.exit("fastText: no setting could be trained")
    best[1].save_model(str(out / "fasttext.bin"))
    return best[2]


def fasttext_label(model, text):
    # The call below `predict`, which the released package cannot make with NumPy 2.
    return model.f.predict(text + "\n", 1, 0.0, "strict")[0][1].removeprefix("__label__")


def train_sklearn(folder, out):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    labels, texts = sentences(folder, "train")
    dev_labels, dev_texts = sentences(folder, "dev")
    best = None
    for pairs in (1, 2):
        for c in (0.3, 1.0, 3.0, 10.0, 30.0):
            words = TfidfVectorizer(ngram_range=(1, pairs), sublinear_tf=True, token_pattern=r"\S+")
            model = make_pipeline(words, LogisticRegression(C=c, max_iter=1000)).fit(texts, labels)
            score = accuracy(dev_labels, model.predict(dev_texts))
            if best is None or score > best[0]:
                best = (score, model, f"n-grams up to {pairs}, C = {c}")
    with open(out / "sklearn.pickle", "wb") as file:
        pickle.dump(best[1], file)
    return best[2]


def accuracy(wanted, found):
    return 100 * sum(a == b for a, b in zip(wanted, found)) / len(wanted)


def label(kind, model, texts, out):
    """What a measured process does: reads a model, labels the lines of a file, writes a label a line."""
    lines = Path(texts).read_text(encoding="utf-8").splitlines()
    if kind == "fastText":
        import fasttext

        own = fasttext.load_model(model)
        labels = [fasttext_label(own, line) for line in lines]
    else:
        own = pickle.loads(Path(model).read_bytes())
        labels = own.predict(lines)
    Path(out).write_text("".join(f"{one}\n" for one in labels), encoding="utf-8")


def single(kind, model, texts):
    """Milliseconds of the median text, a call each."""
    lines = Path(texts).read_text(encoding="utf-8").splitlines()
    if kind == "fastText":
        import fasttext

        own = fasttext.load_model(model)
        call = lambda line: fasttext_label(own, line)
    else:
        own = pickle.loads(Path(model).read_bytes())
        call = lambda line: own.predict([line])
    for line in lines[:200]:
        call(line)
    taken = []
    for line in lines:
        started = time.perf_counter()
        call(line)
        taken.append(time.perf_counter() - started)
    print(json.dumps(1e3 * statistics.median(taken)))


def run(command, out=None):
    """Seconds and peak bytes of a process; no fewer than this one's, which it begins as a copy of."""
    started = time.perf_counter()
    with open(out or os.devnull, "wb") as file:
        child = subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE, env={**os.environ, **ONE_THREAD})
        problems = child.stderr.read().decode()
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {problems}")
    return time.perf_counter() - started, 1024 * used.ru_maxrss


def size(path):
    path = Path(path)
    return path.stat().st_size if path.is_file() else sum(size(child) for child in path.iterdir())


def main():
    if sys.argv[1:2] == ["label"]:
        return label(*sys.argv[2:])
    if sys.argv[1:2] == ["single"]:
        return single(*sys.argv[2:])
    if sys.argv[1:2] == ["train"]:
        kind, data, out = sys.argv[2:]
        print({"fastText": train_fasttext, "scikit-learn": train_sklearn}[kind](Path(data), Path(out)))
        return
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data-dir", type=Path, required=True)
    arguments.add_argument("--vectors", type=Path, required=True)
    arguments.add_argument("--bin", type=Path, default=ROOT / "target/release", help="folder of the built programs")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--json", type=Path)
    given = arguments.parse_args()
    kept = tempfile.TemporaryDirectory()
    folder = Path(kept.name)
    labels, texts = sentences(given.data_dir, "test")
    many, few, once = folder / "many.txt", folder / "few.txt", folder / "test.txt"
    many.write_text("".join(f"{text}\n" for text in TIMES * texts), encoding="utf-8")
    few.write_text(texts[0] + "\n", encoding="utf-8")
    once.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    me = [sys.executable, __file__]
    program, timer = given.bin / "spiketext", given.bin / "spiketext-peers"
    data = ["--data-dir", given.data_dir, "--vectors", given.vectors, "--seed", str(given.seed)]
    rows = {}
    for recipe in ("lean", "sparse"):
        model = folder / recipe
        print(f"training spiketext {recipe}", file=sys.stderr)
        run([program, "train", "--dataset", "sst2", *data, "--recipe", recipe, "--set", "words.also-first=30000", "--out", model])
        answers = lambda file: [json.loads(line)["label"] for line in file.read_text().splitlines()]
        rows[f"spiketext `{recipe}`"] = {
            "model": model,
            "label": lambda texts, model=model: [program, "predict", model, "--file", texts, "--json"],
            "single": [timer, "measure", "latency", *data, "--recipe", recipe, "--model", model],
            "read": answers,
        }
    for kind, path in (("fastText", "fasttext.bin"), ("scikit-learn", "sklearn.pickle")):
        print(f"training {kind}", file=sys.stderr)
        # In a process of its own: what this one takes, measured ones begin with.
        train = [*me, "train", kind, given.data_dir, folder]
        chosen = subprocess.run(train, check=True, stdout=subprocess.PIPE, text=True).stdout.strip().splitlines()[-1]
        model, out = folder / path, folder / f"{kind}.labels"
        rows[kind] = {
            "model": model,
            "chosen": chosen,
            "label": lambda texts, kind=kind, model=model, out=out: [*me, "label", kind, model, texts, out],
            "single": [*me, "single", kind, model, once],
            "out": out,
            "read": lambda file: file.read_text().splitlines(),
        }
    names = {"negative": "0", "positive": "1"}
    for name, row in rows.items():
        out = row.get("out", folder / "answers")
        run(row["label"](once), None if "out" in row else out)
        found = [names.get(one, one) for one in row["read"](out)]
        row["accuracy"] = accuracy(labels, found)
        row["bytes"], row["times"], row["starts"], row["memory"], row["singles"] = size(row["model"]), [], [], [], []
    for turn in range(given.rounds):
        order = list(rows.items())
        for name, row in order if turn % 2 == 0 else reversed(order):
            print(f"round {turn + 1}: {name}", file=sys.stderr)
            row["starts"].append(run(row["label"](few))[0])
            seconds, peak = run(row["label"](many))
            row["times"].append(seconds)
            row["memory"].append(peak)
            answer = subprocess.run(row["single"], check=True, capture_output=True, env={**os.environ, **ONE_THREAD})
            answer = json.loads(answer.stdout)
            row["singles"].append(answer["p50_ms"] if isinstance(answer, dict) else answer)
    print("| | test accuracy, % | texts a second | one text, ms (median) | start, s | model, MB | peak memory, MB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    count = TIMES * len(texts)
    figures = []
    for name, row in rows.items():
        start = statistics.median(row["starts"])
        rates = sorted(count / (seconds - start) for seconds in row["times"])
        middle = statistics.median(rates)
        line = {
            "name": name,
            "accuracy": row["accuracy"],
            "texts-a-second": middle,
            "least-and-most": [rates[0], rates[-1]],
            "one-text-milliseconds": statistics.median(row["singles"]),
            "start-seconds": start,
            "model-bytes": row["bytes"],
            "peak-bytes": max(row["memory"]),
            "chosen": row.get("chosen"),
        }
        figures.append(line)
        print(
            f"| {name} | {line['accuracy']:.2f} | {middle:,.0f} ({rates[0]:,.0f} to {rates[-1]:,.0f})"
            f" | {line['one-text-milliseconds']:.4f} | {start:.2f} | {row['bytes'] / 1e6:.2f}"
            f" | {line['peak-bytes'] / 1e6:.0f} |"
        )
    for name, row in rows.items():
        if "chosen" in row:
            print(f"\n{name}: {row['chosen']}")
    load = os.getloadavg()[0]
    print(f"\n{count:,} texts a file, {given.rounds} rounds, one thread; load of the machine at the end {load:.1f}")
    if given.json:
        built = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.split()
        # Model folders are temporary: nobody needs their names.
        rounds = {name: {key: row[key] for key in ("times", "starts", "singles", "memory")} for name, row in rows.items()}
        whole = {
            "command": f"classifiers.py --rounds {given.rounds} --seed {given.seed}",
            "texts": count,
            "day": time.strftime("%Y-%m-%d"),
            "machine": processor(),
            "load": load,
            "versions": {
                "spiketext": built[1],
                "commit": built[-1],
                "python": sys.version.split()[0],
                **{name: version(name) for name in ("fasttext", "scikit-learn", "numpy")},
            },
            "rows": figures,
            "rounds": rounds,
        }
        given.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def processor():
    """The processor's name and how many of it there are."""
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores"


if __name__ == "__main__":
    main()
