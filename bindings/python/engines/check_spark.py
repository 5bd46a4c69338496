#!/usr/bin/env python3
"""`spiketext.spark` on a real Spark of two worker processes: bad rows, killed workers, a model that one worker does not see.

    python -m venv /tmp/spark && /tmp/spark/bin/pip install pyspark==4.3.0 'pandas<3' 'pyarrow>=18' WHEEL
    /tmp/spark/bin/python check_spark.py --model MODEL_DIRECTORY [--rows 1000000]

Needs Java 17. Takes minutes and half a gigabyte of downloads, so it is no part of the tests: it is run before a release, and
when `spark.py` or `arrow.py` change. All addresses are loopback. MODEL_DIRECTORY is a model of one label a text, of English.
Ends with status 1 at the first check that fails.
"""

import argparse
import os
import re
import shutil
import tempfile
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from common import cpu_seconds, kill, label_files, make_rows, processes, read_answers, spark_session, wait_for

from spiketext import Model, arrow, spark


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def same(got, wanted, what):
    """Every row once, with the answer that one process gives."""
    assert got.num_rows == wanted.num_rows, f"{what}: {got.num_rows} rows, expected {wanted.num_rows}"
    assert got["id"].to_pylist() == wanted["id"].to_pylist(), f"{what}: other rows"
    for name in ("text", "label", "probability", "unknown"):
        expected = wanted[name].combine_chunks().cast(got[name].type)
        assert got[name].combine_chunks().equals(expected), f"{what}: other values of {name}"
    say(f"{what}: {got.num_rows} rows, each once, answers as of one process")


def fails(action, what, *told):
    """It ends with an error that says these words."""
    try:
        action()
    except Exception as error:
        text = str(error)
        for words in told:
            assert words in text, f"{what}: {words!r} is not in: {text[-3000:]}"
        line = next(line for line in text.splitlines() if told[0] in line)
        say(f"{what}: {type(error).__name__}: {line.strip()}")
    else:
        raise AssertionError(f"{what}: no error")


def executors():
    return {pid: line for pid, line in processes().items() if "CoarseGrainedExecutorBackend" in line and "java" in line}


def python_workers():
    """Processes that run Python for the executors: forked off a daemon each, which is a child of the executor."""
    daemons = [pid for pid, line in processes().items() if "pyspark.daemon" in line]
    parent = lambda pid: int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    try:
        return [pid for pid in daemons if parent(pid) in daemons]
    except FileNotFoundError:
        return []


def killed(session, rows, model, wanted, out):
    """A Python worker and later an executor are killed while a million rows are labelled."""
    error = []

    def run():
        try:
            spark.classify(session.read.parquet(str(rows)), model).write.parquet(str(out))
        except BaseException as raised:
            error.append(raised)

    job = threading.Thread(target=run)
    job.start()
    written = lambda most: len(list(out.rglob("*.parquet"))) >= most or not job.is_alive()
    wait_for(lambda: written(2))
    worker = wait_for(python_workers)[0]
    kill(worker)
    say(f"killed the Python worker {worker}")
    wait_for(lambda: written(5))
    before = executors()
    victim = sorted(before)[0]
    kill(victim)
    say(f"killed the executor {victim} of {sorted(before)}; {len(list(out.rglob('*.parquet')))} files were there")
    assert job.is_alive(), "the job had ended before"
    job.join()
    if error:
        raise error[0]
    wait_for(lambda: len(executors()) == 2)
    same(read_answers(out), wanted, "a Python worker and an executor killed")


def bad_rows(session, rows, model):
    """Bytes that are no UTF-8 in the middle of a partition, which Spark's cast lets through."""
    from pyspark.sql.functions import expr

    bad = "cast(if(id % 50000 = 25000, X'6120FF2066696C6D', cast(text as binary)) as string)"
    frame = session.read.parquet(str(rows / "000.parquet"), str(rows / "001.parquet")).withColumn("text", expr(bad))
    answers = spark.classify(frame, model).select("id", "label", "probability", "unknown")
    got = answers.toPandas().sort_values("id", ignore_index=True)
    texts = ["a \ufffd film" if i % 50000 == 25000 else t for i, t in zip(*read_two(rows))]
    one = pa.Table.from_batches(arrow.classify(pa.table({"id": range(len(texts)), "text": texts}), model)).to_pandas()
    assert got["id"].tolist() == one["id"].tolist() and got["label"].tolist() == one["label"].tolist()
    assert (got["probability"] == one["probability"]).all() and (got["unknown"] == one["unknown"]).all()
    say(f"bytes that are no UTF-8, missing and empty texts in the middle of partitions: {len(got)} rows, each answered")


def read_two(rows):
    table = pa.concat_tables([pq.read_table(rows / "000.parquet"), pq.read_table(rows / "001.parquet")])
    return table["id"].to_pylist(), table["text"].to_pylist()


def refused(session, rows, model):
    """What can be known beforehand is refused before anything runs."""
    from pyspark.sql.functions import col, lit

    frame = session.read.parquet(str(rows))
    fails(lambda: spark.classify(frame, model, "body"), "no such column", "expected one column 'body'")
    fails(lambda: spark.classify(frame.withColumn("text", col("id")), model), "numbers", "got bigint")
    fails(lambda: spark.classify(frame.withColumn("text", col("text").cast("binary")), model), "bytes", "got binary")
    fails(lambda: spark.classify(frame.withColumn("Label", lit(1)), model), "a name that is taken", "got 'label'")
    fails(lambda: spark.classify(frame, "/none/model"), "no model at the driver", "expected a model directory at /none/model")
    fails(lambda: spark.classify(frame, "s3://models/model"), "an address", "got the address s3://models/model")


def missing_model(session, rows, model, wanted):
    """A path that means another folder in each process: the driver has the model there, executors as they are told."""
    place = Path("/proc/self/cwd/model-here")
    shutil.copytree(model, Path.cwd() / "model-here")
    few = session.read.parquet(str(rows)).limit(20_000).repartition(8)
    run = lambda: spark.classify(few, place).toArrow().sort_by("id")
    host = os.uname().nodename
    fails(run, "a model that no worker has", "expected a model directory at /proc/self/cwd/model-here", host, "every machine")
    wait_for(lambda: len(executors()) == 2)
    one, other = [Path(os.readlink(f"/proc/{pid}/cwd")) for pid in executors()]
    assert one != other
    shutil.copytree(model, one / "model-here")
    try:
        got = run()
    except Exception as error:
        assert "expected a model directory at /proc/self/cwd/model-here" in str(error) and host in str(error), error
        say("a model that one worker lacks: an error that names path and machine")
    else:
        few_wanted = wanted.filter(pc.is_in(wanted["id"], got["id"].combine_chunks()))
        same(got, few_wanted, "a model that one worker lacks: tried again where it is")
        assert got.num_rows == 20_000
    shutil.copytree(model, other / "model-here")
    assert run().num_rows == 20_000
    say("a model that both have now: answered")


def replaced(session, rows, model, folder):
    """A worker that has read a model sees another in its place."""
    few = session.read.parquet(str(rows / "000.parquet")).limit(2000).repartition(4)
    place = folder / "changing"
    shutil.copytree(model, place)
    before = spark.classify(few, place).toArrow()
    later = Path(f"{place}-later")
    # Told from the other by its labels alone.
    changed = Model.load(model)
    changed.save(later)
    config = (later / "config.json").read_text()
    for label in changed.labels:
        config = config.replace(f'"{label}"', f'"really-{label}"')
    (later / "config.json").write_text(config)
    shutil.rmtree(place)
    later.rename(place)
    after = spark.classify(few, place).toArrow()
    assert set(after["label"].to_pylist()) == {f"really-{label}" for label in set(before["label"].to_pylist())}
    say("a replaced model: seen by all workers")
    sent = spark.classify(few, Model.load(model), top=1, probabilities=True, prefix="m_").toArrow()
    assert sent.num_rows == 2000 and len(sent["m_probabilities"][0]) == len(changed.labels)
    say("a model that Spark sends along: answered")


def guide(session, rows, model):
    """The block of the page, in a folder with what it names."""
    page = Path(__file__).resolve().parents[3] / "docs/guide/spark.md"
    (block,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    shutil.copytree(model, "my-model")
    shutil.copy(rows / "000.parquet", "few.parquet")
    exec(block, {})
    assert read_answers(Path("labelled")).num_rows == pq.ParquetFile("few.parquet").metadata.num_rows
    say("the block of docs/guide/spark.md runs")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    model = given.model.resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        os.chdir(folder)
        rows = folder / "rows"
        say(f"load {os.getloadavg()[0]:.1f}; making {given.rows} rows")
        make_rows(rows, given.rows)
        label_files(sorted(rows.iterdir()), model, folder / "one")
        wanted = read_answers(folder / "one")
        say("one process is done; starting Spark")
        session = spark_session("check")
        try:
            say(f"Spark {session.version} is there")
            refused(session, rows, model)
            bad_rows(session, rows, model)
            killed(session, rows, model, wanted, folder / "killed")
            missing_model(session, rows, model, wanted)
            replaced(session, rows, model, folder)
            guide(session, rows, model)
            say(f"all checks passed; load {os.getloadavg()[0]:.1f}, {cpu_seconds():.0f} s of CPU")
        finally:
            session.stop()


if __name__ == "__main__":
    main()
