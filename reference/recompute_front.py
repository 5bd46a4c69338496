"""Computes the front of one data set anew, from the cells of a study alone.

    python recompute_front.py ../docs/results/study.jsonl.zst sst2 --table ../docs/results/tables/front.csv

What `spiketext report` shows of accuracy over energy is made again without its code: accuracies from the answers that cells
hold text by text; energies under the tables of arithmetic from operations and the prices below; energies of spiking networks
under the tables of devices from operations and neuron updates; all others (memory, whose rules need every text's shape) are
taken from the cells. Then the networks that nothing else beats in both. With --table each point is compared with the
report's, and the exit status says whether all agree.

Cells: a folder of JSON files, or lines of JSON, packed by Zstandard or not (needs the package `zstandard`).
"""

import argparse
import csv
import io
import json
import math
import pathlib
import sys
from collections import defaultdict

# Picojoules of a multiply-accumulation and an accumulation: Horowitz, ISSCC 2014 (multiplication + addition, addition), and
# Hu et al. for the last.
ARITHMETIC = {
    "45 nm, fp32 (Horowitz 2014)": (3.7 + 0.9, 0.9),
    "45 nm, fp16 (Horowitz 2014)": (1.1 + 0.4, 0.4),
    "45 nm, int8 (Horowitz 2014)": (0.2 + 0.03, 0.03),
    "45 nm, int8 with 32-bit sums (Horowitz 2014)": (0.2 + 0.1, 0.1),
    "77 fJ/SOP, 12.5 pJ/FLOP (Hu et al.)": (12.5, 0.077),
}
# Networks of whole numbers have a price of their own where a table's numbers are larger.
WHOLE = ARITHMETIC["45 nm, int8 with 32-bit sums (Horowitz 2014)"]
LARGER = {"45 nm, fp32 (Horowitz 2014)", "45 nm, fp16 (Horowitz 2014)"}
# Picojoules of a synaptic operation and of a neuron's update, and whether zeros cost nothing: keras-spiking.
DEVICES = {
    "CPU (keras-spiking)": (8600.0, 8600.0, False),
    "GPU (keras-spiking)": (300.0, 300.0, False),
    "ARM (keras-spiking)": (900.0, 900.0, False),
    "Loihi (keras-spiking)": (27.1, 81.0, True),
    "SpiNNaker (keras-spiking)": (13300.0, 26000.0, True),
    "SpiNNaker 2 (keras-spiking)": (450.0, 2190.0, True),
}
SPIKING = {"converted", "fine-tuned", "direct"}
WAYS = {"word-table": "word table", "signed-code": "signed codes"}


def cells_of(path):
    if path.is_dir():
        return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(path.glob("*.json"))]
    data = path.read_bytes()
    if path.suffix == ".zst":
        import zstandard

        data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
    return [json.loads(line) for line in data.decode("utf-8").splitlines()]


def accuracy_of(cell):
    """Percent of the test texts, from what was answered to each."""
    answers = cell["measured"]["answers"]
    targets, labels = (answers[name].split() for name in ("targets", "labels"))
    assert len(targets) == len(labels) == cell["measured"]["texts"][2], cell["row"]
    accuracy = 100.0 * sum(map(str.__eq__, targets, labels)) / len(targets)
    assert math.isclose(accuracy, cell["measured"]["test-accuracy"]), cell["row"]
    return accuracy


def energies_of(cell, costs, stored):
    """Microjoules of a text by table."""
    macs, acs = costs["effective-macs"], costs["effective-acs"]
    few_bits = cell["settings"]["choices"].get("network", {}).get("synapse-bits") in ("4", "8")
    whole = cell["method"] in ("dnn-int8", "dnn-int4") or (cell["method"] in SPIKING and few_bits)
    energies = {}
    for table, microjoules in stored.items():
        if table in ARITHMETIC:
            mac, ac = WHOLE if whole and table in LARGER else ARITHMETIC[table]
            energies[table] = (macs * mac + acs * ac) * 1e-6
        elif table in DEVICES and cell["method"] in SPIKING and "dense" in costs:
            synapse, neuron, events = DEVICES[table]
            operations = macs + acs if events else costs["dense"]
            energies[table] = (synapse * operations + neuron * costs["neuron-updates"]) * 1e-6
        else:
            energies[table] = microjoules
        if not math.isclose(energies[table], microjoules, rel_tol=1e-9):
            raise SystemExit(f"{cell['row']} {cell['axis']}, seed {cell['seed']}, {table}: the cell has {microjoules}, "
                             f"its operations make {energies[table]}")
    return energies


def points_of(cells, dataset):
    """(row, axis, way) -> table -> (accuracy, microjoules), means over the seeds."""
    found = defaultdict(lambda: defaultdict(list))
    for cell in cells:
        costs = cell["measured"].get("costs")
        if cell["dataset"] != dataset or cell["table"] not in ("main", "front") or not costs:
            continue
        accuracy = accuracy_of(cell)
        axis = tuple(sorted(cell["axis"].items()))
        stored = {energy["table"]: energy["network"] for energy in costs["energy"]}
        ways = [("", energies_of(cell, costs, stored))]
        for way in costs.get("ways", []):
            stored = {energy["table"]: energy["microjoules"] for energy in way["energy"]}
            ways.append((WAYS[way["way"]], energies_of(cell, way, stored)))
        for way, energies in ways:
            for table, microjoules in energies.items():
                # A device that computes zeros makes nothing of bits that are not set, or of signs.
                by_events = cell["method"] in ("dnn-levels", "dnn-codes") or way == WAYS["signed-code"]
                if by_events and table in DEVICES and not DEVICES[table][2]:
                    continue
                found[cell["table"], cell["row"], axis, way][table].append((accuracy, microjoules))
    mean = lambda pairs: tuple(sum(values) / len(values) for values in zip(*pairs))
    return {key: {table: mean(pairs) for table, pairs in tables.items()} for key, tables in found.items()}


def front_of(points):
    """The keys that nothing else beats: no other is as cheap and better, or as good and cheaper. Not of signed codes, whose
    answers nobody measured."""
    points = {key: own for key, own in points.items() if key[3] != WAYS["signed-code"]}
    beaten = lambda own: any(
        other != own and other[0] >= own[0] and other[1] <= own[1] for other in points.values()
    )
    return [key for key, own in sorted(points.items(), key=lambda item: item[1][1]) if not beaten(own)]


def name_of(key):
    table, row, axis, way = key
    parts = [row] + [f"{'T' if name.endswith('steps') else name.split('.')[-1]} = {value}" for name, value in axis]
    return ", ".join(parts + ([way] if way else []))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cells", type=pathlib.Path)
    parser.add_argument("dataset")
    parser.add_argument("--table", type=pathlib.Path, help="front.csv of the report, to be compared with")
    parser.add_argument("--under", default="45 nm, fp32 (Horowitz 2014)", help="the cost table whose front is printed")
    arguments = parser.parse_args()
    cells = cells_of(arguments.cells)
    points = points_of(cells, arguments.dataset)
    if not points:
        known = ", ".join(sorted({cell["dataset"] for cell in cells})) or "none"
        raise SystemExit(f"expected a data set with cells of main or front among {known}, got {arguments.dataset}")
    tables = sorted({table for own in points.values() for table in own})
    if arguments.under not in tables:
        raise SystemExit(f"--under: expected one of {'; '.join(tables)}, got {arguments.under}")
    fronts = {}
    for table in tables:
        own = {key: tables[table] for key, tables in points.items() if table in tables}
        fronts[table] = (own, front_of(own))
    own, front = fronts[arguments.under]
    for key in front:
        print(f"{own[key][1]:12.5g} microjoules  {own[key][0]:6.2f} %  {name_of(key)}")
    if arguments.table is None:
        return
    titles = {"mr": "MR", "sst2": "SST-2", "subj": "Subj", "sst5": "SST-5", "chnsenti": "ChnSenti", "waimai": "Waimai"}
    with arguments.table.open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["data set"] == titles.get(arguments.dataset, arguments.dataset)]
    # A name does not say which table of the study its row is of; accuracy and energy do. Of equals the report has one on
    # the front, and here are all of them: what is compared is where the front runs.
    priced = "microjoules a text, "
    reported = sorted(
        (column.removeprefix(priced), line["network"] + (f", {line['way']}" if line["way"] else ""),
         float(line["test accuracy"]), float(microjoules))
        for line in lines for column, microjoules in line.items() if column.startswith(priced) and microjoules
    )
    computed = sorted(
        (table, name_of(key), *own[key]) for table, (own, _) in fronts.items() for key in own
    )
    same = lambda one, other: one[:2] == other[:2] and near(one[2:], other[2:])
    # Reported to three decimals and four digits.
    near = lambda one, other: math.isclose(one[0], other[0], abs_tol=6e-4) and math.isclose(one[1], other[1], rel_tol=6e-4)
    apart = [pair for pair in zip(reported, computed) if not same(*pair)]
    print(f"{len(computed)} points computed, {len(reported)} reported, {len(apart)} of them differ")
    for pair in apart[:5]:
        print("  reported", *pair[0], "\n  computed", *pair[1])
    wrong = len(apart) + (len(computed) != len(reported)) + (not reported)
    for table, (own, front) in fronts.items():
        theirs = sorted(
            (float(line["test accuracy"]), float(line[priced + table]))
            for line in lines if table in line["on the front of"].split("; ")
        )
        ours = sorted({own[key] for key in front})
        if len(theirs) != len(ours) or not all(map(near, theirs, ours)):
            print(f"  another front under {table}: reported {theirs}, computed {ours}")
            wrong += 1
    print(f"{len(fronts)} fronts compared" if not wrong else f"{wrong} differences")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
