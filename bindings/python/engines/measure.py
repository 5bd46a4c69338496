#!/usr/bin/env python3
"""Rows a second: one process, two, two workers of Spark, two of Dask, over the same Parquet, and what the engines take of it.

    python measure.py --model MODEL_DIRECTORY --rows 1000000 --engine dask --out dask.json
    /tmp/spark/bin/python measure.py --model MODEL_DIRECTORY --rows 1000000 --engine spark --out spark.json

Each side reads the files, labels on one thread a process or worker, and writes Parquet. In a round all sides come in turn, every
second round backwards. `one process` and `two processes` run `spiketext.arrow` without an engine, two take every second file
each; their time has the start of Python, its imports and reading the model in it, as has `first` of an engine, whose workers
are there already. `again` is the same job in warm workers. The share lost is 1 - rate of the engine / rate of two processes.
CPU seconds are those of all processes of a side: they say more than the time where other work runs on the machine.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import cpu_seconds, label_files, make_rows, read_answers, spark_session


def plain(count, rows, model, out):
    """So many processes without an engine."""
    files = sorted(rows.iterdir())
    here = Path(__file__).resolve()
    sides = [
        subprocess.Popen([sys.executable, here, "--model", model, "--label", *files[side::count], "--out", out])
        for side in range(count)
    ]
    if any([side.wait() for side in sides]):
        raise RuntimeError("a process failed")


class Dask:
    name = "dask"

    def __init__(self):
        import dask
        import distributed

        dask.config.set({"distributed.worker.memory.target": False, "distributed.worker.memory.spill": False})
        self.cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", worker_dashboard_address="127.0.0.1:0"
        )
        self.client = distributed.Client(self.cluster)

    def run(self, rows, model, out):
        import dask.dataframe as dd

        import spiketext.dask

        spiketext.dask.classify(dd.read_parquet(rows), model).to_parquet(out, write_index=False)

    def end(self):
        self.client.close()
        self.cluster.close()


class Spark:
    name = "spark"

    def __init__(self):
        self.session = spark_session("measure")

    def run(self, rows, model, out):
        from spiketext import spark

        spark.classify(self.session.read.parquet(str(rows)), model).write.parquet(str(out))

    def end(self):
        self.session.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--engine", choices=["dask", "spark"], default="dask")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--label", type=Path, nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.label:
        return label_files(given.label, given.model, given.out)
    model = given.model.resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        rows = folder / "rows"
        make_rows(rows, given.rows)
        told = []

        def timed(side, action):
            shutil.rmtree(folder / "out", ignore_errors=True)
            load, cpu, begun = os.getloadavg()[0], cpu_seconds(), time.perf_counter()
            action()
            seconds = time.perf_counter() - begun
            rate = given.rows / seconds
            told.append({"side": side, "seconds": seconds, "rows_a_second": rate, "cpu": cpu_seconds() - cpu, "load": load})
            print(json.dumps(told[-1]), flush=True)
            answers = read_answers(folder / "out") if (folder / "out").exists() else None
            assert answers is None or answers["id"].to_pylist() == list(range(given.rows)), f"{side}: other rows"

        for number in range(given.rounds):
            def engine():
                running = []
                timed("start", lambda: running.append({"dask": Dask, "spark": Spark}[given.engine]()))
                timed("first", lambda: running[0].run(rows, model, folder / "out"))
                timed("again", lambda: running[0].run(rows, model, folder / "out"))
                running[0].end()

            sides = [
                lambda: timed("one process", lambda: plain(1, rows, model, folder / "out")),
                lambda: timed("two processes", lambda: plain(2, rows, model, folder / "out")),
                engine,
            ]
            for side in sides if number % 2 == 0 else sides[::-1]:
                side()
        if given.out:
            whole = {"engine": given.engine, "rows": given.rows, "model": model.name, "runs": told}
            given.out.write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main()
