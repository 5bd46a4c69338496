#!/usr/bin/env python3
"""Intervals and tests by SciPy and statsmodels, for the tests of crates/report/src/statistics.rs.

    python3 -m venv venv && venv/bin/pip install scipy statsmodels
    venv/bin/python make_statistics_golden.py             # writes ../testdata/golden/statistics.json

`student`: deviation, count, half the width of the mean's interval at 95 %. `mcnemar`: texts that only the first and only
the second network takes rightly, the exact probability. `holm`: probabilities and what they are corrected to.
`bootstrap`: for each text 1, 0 or -1 (only the first right, neither alone, only the second), and the interval of the mean
in points at 95 and at 90 %, percentiles of 200,000 draws of texts.
"""

import json
import pathlib
import random

import numpy as np
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests


def main():
    rng = random.Random(20)
    student = [[d, n, stats.t.ppf(0.975, n - 1) * d / np.sqrt(n)] for d, n in [(1.0, 2), (0.31, 3), (2.5, 5), (0.9, 30)]]
    discordant = [(0, 0), (1, 0), (0, 6), (10, 10), (3, 12), (40, 71), (150, 190)]
    exact = [[b, c, float(mcnemar([[0, b], [c, 0]], exact=True).pvalue) if b + c else 1.0] for b, c in discordant]
    families = [[0.01, 0.04, 0.03, 0.005], [0.5, 0.5], [0.02], [rng.random() ** 3 for _ in range(12)]]
    holm = [[family, multipletests(family, method="holm")[1].tolist()] for family in families]
    bootstrap = []
    for texts, first, second in [(60, 0.2, 0.1), (500, 0.06, 0.05)]:
        shares = [first, second, 1 - first - second]
        differences = rng.choices([1, -1, 0], weights=shares, k=texts)
        intervals = [
            stats.bootstrap(
                (np.array(differences),), np.mean, n_resamples=200_000, method="percentile", confidence_level=level,
                rng=np.random.default_rng(20), batch=2000,
            ).confidence_interval
            for level in (0.95, 0.9)
        ]
        bootstrap.append([differences, [[100 * i.low, 100 * i.high] for i in intervals]])
    golden = {
        "made with": f"scipy {scipy.__version__}, statsmodels {statsmodels.__version__}, numpy {np.__version__}",
        "student": student, "mcnemar": exact, "holm": holm, "bootstrap": bootstrap,
    }
    path = pathlib.Path(__file__).parent.parent / "testdata/golden/statistics.json"
    path.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
