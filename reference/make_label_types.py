"""Writes 13_label_types.parquet: forty texts with labels of every kind that Parquet knows.

needs pyarrow and numpy.
"""

import datetime
import decimal
import sys

import numpy
import pyarrow
import pyarrow.parquet

ROWS = range(40)
pick = lambda *values: [values[n % len(values)] for n in ROWS]
pyarrow.parquet.write_table(
    pyarrow.table({
        "text": [f"film {n}" for n in ROWS],
        "half": pyarrow.array(numpy.array(pick(0, 1), dtype=numpy.float16)),
        "single": pyarrow.array(numpy.array(pick(0.1, 0.5), dtype=numpy.float32)),
        "double": pick(0.0, 1.0, float("nan"), None),
        "whole": pyarrow.array(pick(0, 1), pyarrow.int64()),
        "string": pick("0.0", "1"),
        "decimal": pyarrow.array(pick(decimal.Decimal("1.50"), decimal.Decimal("2.00")), pyarrow.decimal128(5, 2)),
        "day": pick(datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)),
        "truth": pick(False, True),
        "one": pick(["pos"], ["neg"]),
    }),
    sys.argv[1] if len(sys.argv) > 1 else "testdata/cases/13_label_types.parquet",
)
