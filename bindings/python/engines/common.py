"""What the check of Spark and the measurement of engines share: rows of texts, answers of one process, sessions, processes."""

import os
import random
import signal
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

from spiketext import arrow, datasets

#: Rows of one file, which is a partition of both engines.
ROWS_OF_A_FILE = 50_000


def make_rows(folder: Path, rows: int, seed: int = 0) -> None:
    """Files of ``id`` and ``text``: pieces of the built-in reviews in new order, 19 words a text in the mean, as SST-2 has. Every
    1000th text is missing, the one behind it is empty."""
    draw = random.Random(seed)
    reviews = datasets.load("reviews-en")
    words = [text.split() for part in (reviews.train, reviews.development, reviews.test) for text in part.texts]
    folder.mkdir(parents=True)
    for first in range(0, rows, ROWS_OF_A_FILE):
        ids = range(first, min(first + ROWS_OF_A_FILE, rows))
        texts = [None if i % 1000 == 500 else "" if i % 1000 == 501 else _text(draw, words) for i in ids]
        pq.write_table(pa.table({"id": ids, "text": texts}), folder / f"{first // ROWS_OF_A_FILE:03}.parquet")


def _text(draw: random.Random, words: list[list[str]]) -> str:
    text: list[str] = []
    length = draw.randint(4, 34)
    while len(text) < length:
        source = draw.choice(words)
        start = draw.randrange(len(source))
        text += source[start : start + draw.randint(2, 6)]
    return " ".join(text[:length])


def label_files(files: list[Path], model: Path, out: Path) -> None:
    """Labels files in this process, on one thread, without any engine."""
    out.mkdir(parents=True, exist_ok=True)
    for file in files:
        reader = pq.ParquetFile(file)
        added = arrow.schema(reader.schema_arrow, model)
        with pq.ParquetWriter(out / file.name, added) as writer:
            for batch in arrow.classify(reader.iter_batches(10_000), model, threads=1):
                writer.write_batch(batch)


def read_answers(folder: Path) -> pa.Table:
    """All rows of a folder of Parquet in the order of their ids."""
    return pyarrow.dataset.dataset(folder, format="parquet", exclude_invalid_files=True).to_table().sort_by("id")


def spark_session(name: str, **more: str):
    """A Spark of two worker processes that listens on this machine alone."""
    os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # A file a task.
        "spark.sql.files.openCostInBytes": str(2**30), **more,
    }
    builder = SparkSession.builder.master("local-cluster[2,1,1024]").appName(name)
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session


def processes() -> dict[int, str]:
    """The processes that this one began, and theirs, with their command lines."""
    parents, lines = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
                lines[int(entry)] = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(entry)] = int(stat.rsplit(")", 1)[1].split()[1])
    own = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in own} - own:
        own |= more
    return {pid: lines[pid] for pid in own - {os.getpid()} if pid in lines}


def cpu_seconds() -> float:
    """CPU time of this process and of all that it began."""
    ticks = 0
    for pid in [os.getpid(), *processes()]:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def wait_for(what, seconds: float = 300):
    """What it returns once that is true."""
    end = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s")
        time.sleep(0.05)
    return found
