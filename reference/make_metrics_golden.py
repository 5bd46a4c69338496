#!/usr/bin/env python3
"""Figures of labels by scikit-learn, and Wilson's interval by SciPy, for the tests of crates/spiketext/src/metrics.rs.

    python3 -m venv venv && venv/bin/pip install scikit-learn
    venv/bin/python make_metrics_golden.py                # writes ../testdata/golden/metrics.json

`targets` and `answers` are class numbers. `precision`, `recall` and `f1` have a number for each class, 0 where there is
nothing to divide by. Means over the classes are over those that have texts. `wilson` holds right, texts, low, high.
"""

import json
import pathlib
import random

import scipy
import sklearn
from scipy.stats import binomtest
from sklearn import metrics


def case(classes, targets, answers):
    labels = list(range(classes))
    present = sorted(set(targets))
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        targets, answers, labels=labels, average=None, zero_division=0
    )
    return {
        "classes": classes,
        "targets": targets,
        "answers": answers,
        "confusion": metrics.confusion_matrix(targets, answers, labels=labels).tolist(),
        "accuracy": float(metrics.accuracy_score(targets, answers)),
        "balanced_accuracy": float(metrics.recall_score(targets, answers, labels=present, average="macro")),
        "macro_f1": float(metrics.f1_score(targets, answers, labels=present, average="macro", zero_division=0)),
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
    }


def drawn(rng, classes, texts, shares, right):
    targets = rng.choices(range(classes), weights=shares, k=texts)
    answers = [t if rng.random() < right else rng.randrange(classes) for t in targets]
    return case(classes, targets, answers)


def main():
    rng = random.Random(19)
    cases = [
        case(2, [0] * 99 + [1], [0] * 100),
        case(3, [0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 2]),
        drawn(rng, 2, 60, [1, 1], 0.7),
        drawn(rng, 4, 80, [90, 5, 3, 2], 0.6),
        drawn(rng, 9, 70, [1] * 7 + [0, 30], 0.3),
    ]
    # The usual name of the mean recall, where all classes have texts.
    for made in cases:
        if len(set(made["targets"])) == made["classes"]:
            usual = metrics.balanced_accuracy_score(made["targets"], made["answers"])
            assert abs(usual - made["balanced_accuracy"]) < 1e-12
    wilson = []
    for right, texts in [(0, 1), (1, 1), (6, 6), (0, 6), (3, 6), (143, 144), (57, 144), (1000, 1000), (9999, 20000)]:
        interval = binomtest(right, texts).proportion_ci(confidence_level=0.95, method="wilson")
        wilson.append([right, texts, float(interval.low), float(interval.high)])
    made_with = f"scikit-learn {sklearn.__version__}, SciPy {scipy.__version__}"
    path = pathlib.Path(__file__).resolve().parent.parent / "testdata" / "golden" / "metrics.json"
    path.write_text(json.dumps({"made_with": made_with, "cases": cases, "wilson": wilson}, indent=None) + "\n")


if __name__ == "__main__":
    main()
