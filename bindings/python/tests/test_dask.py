"""Two real workers, one of them killed: a study loses at most a cell of work, a table no row."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
dd = pytest.importorskip("dask.dataframe")

import spiketext.dask
from spiketext import arrow, study

ROOT = Path(__file__).resolve().parents[3]

#: The program, which the test of the workspace builds.
PROGRAM = os.environ.get("SPIKETEXT_PROGRAM")
needs_program = pytest.mark.skipif(PROGRAM is None, reason="$SPIKETEXT_PROGRAM, the program, is not set")

GRID = """
datasets = ["mine"]
[datasets-of.mine]
file = "mine.csv"
language = "en"

[[row]]
table = "main"
name = "bag of words"
method = "bag-of-words"

[[row]]
table = "main"
name = "lean converted SNN"
method = "converted"
recipe = "lean"
set = ["dnn.epochs=2", "network.filters=8"]
axis = { "network.steps" = [2, 4] }
"""


@contextlib.contextmanager
def workers(count=2, **more):
    """A cluster on this machine alone, with worker processes of one thread; none is left behind it."""
    with distributed.LocalCluster(
        n_workers=count, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0", silence_logs=50, **more,
    ) as cluster, distributed.Client(cluster, set_as_default=False) as client:
        pids = list(client.run(os.getpid).values())
        yield cluster, client
        pids += list(client.run(os.getpid).values())
    end = time.monotonic() + 30
    while any(os.path.isdir(f"/proc/{pid}") and "zombie" not in Path(f"/proc/{pid}/status").read_text() for pid in pids):
        assert time.monotonic() < end, "a worker is left"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def cluster():
    with workers() as both:
        yield both


@pytest.fixture(scope="module")
def model(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "model"
    fitted.model_.save(folder)
    return folder


def frame_of(texts, rows):
    own = [None if row % 97 == 5 else texts[row % len(texts)] for row in range(rows)]
    return pd.DataFrame({"id": np.arange(rows), "text": own}, index=pd.Index(np.arange(rows) * 2, name="own"))


def computed(client, frame):
    return client.compute(frame).result()


def test_a_table_comes_back_row_for_row(cluster, fitted, model, texts):
    frame = frame_of(texts, 1000)
    wanted = pa.Table.from_batches(arrow.classify(pa.table({"text": frame["text"]}), model, top=1, probabilities=True))
    labelled = spiketext.dask.classify(dd.from_pandas(frame, npartitions=7), model, top=1, probabilities=True)
    got = computed(cluster[1], labelled)
    assert got.index.equals(frame.index) and got["id"].tolist() == frame["id"].tolist()
    assert list(got.columns) == ["id", "text", *wanted.column_names[1:]]
    for name in wanted.column_names[1:]:
        assert [x.tolist() if isinstance(x, np.ndarray) else x for x in got[name].tolist()] == wanted[name].to_pylist(), name
    assert got.dtypes[["probability", "unknown"]].tolist() == [np.float32, np.bool_]
    assert got.dtypes.tolist() == labelled.dtypes.tolist() and got["text"].isna().sum() == frame["text"].isna().sum()
    # On the threads of this process, too.
    assert labelled.compute(scheduler="synchronous").equals(got)


def test_a_worker_that_is_killed_loses_no_row(model, texts, tmp_path):
    frame = frame_of(texts, 4000)
    with workers() as (_, client):
        pid = next(iter(client.run(os.getpid).values()))
        begun = tmp_path / "begun"

        def slow(part, begun):
            # Long enough for all of it not to be over before the kill.
            Path(begun).touch()
            time.sleep(0.1)
            return part

        labelled = spiketext.dask.classify(dd.from_pandas(frame, npartitions=20), model)
        future = client.compute(labelled.map_partitions(slow, begun, meta=labelled._meta))
        while not begun.exists():
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        got = future.result(timeout=60)
        assert pid not in client.run(os.getpid).values()
    wanted = pa.Table.from_batches(arrow.classify(pa.table({"text": frame["text"]}), model))
    assert got["id"].tolist() == frame["id"].tolist() and got["label"].tolist() == wanted["label"].to_pylist()
    assert np.array_equal(got["probability"], wanted["probability"].to_numpy())


def test_text_of_every_kind_of_pandas(model, fitted, texts):
    wanted = fitted.predict(texts).tolist()
    for kind in ("object", "string", "string[pyarrow]", "category", pd.ArrowDtype(pa.large_string())):
        frame = pd.DataFrame({"text": pd.Series(texts, dtype=kind)})
        with dask.config.set({"dataframe.convert-string": False}):
            got = spiketext.dask.classify(dd.from_pandas(frame, npartitions=2), model).compute(scheduler="synchronous")
        assert got["label"].tolist() == wanted and got["text"].dtype == frame["text"].dtype, kind


def test_empty_partitions_and_columns_of_every_name(model, texts):
    frame = pd.DataFrame({"text": texts, 5: 1, "body": texts})
    parts = dd.from_pandas(frame, npartitions=3)
    none = parts[parts["text"].str.len() > 1000]
    labelled = spiketext.dask.classify(none, model, "body", prefix="x_").compute(scheduler="synchronous")
    assert len(labelled) == 0 and list(labelled.columns) == ["text", 5, "body", "x_label", "x_probability", "x_unknown"]


@pytest.mark.parametrize(
    ("frame", "choices", "error", "told"),
    [
        ({"text": ["a"], "label": [1]}, {}, ValueError, r"got 'label' \(prefix="),
        ({"body": ["a"]}, {}, ValueError, "one column 'text', got 0; columns: 'body'"),
        ({"text": [1]}, {}, TypeError, "got int64"),
        ({"text": ["a"]}, {"top": 9}, ValueError, "from 0 to 2"),
        ({"text": ["a"]}, {"model": "/none/model"}, FileNotFoundError, "expected a model directory at /none/model"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(model, frame, choices, error, told):
    with pytest.raises(error, match=told):
        spiketext.dask.classify(dd.from_pandas(pd.DataFrame(frame), npartitions=1), **{"model": model, **choices})
    with pytest.raises(TypeError, match="got a DataFrame"):
        spiketext.dask.classify(pd.DataFrame(frame), model)


def test_a_row_that_is_no_text_is_named(model, texts):
    mixed = pd.DataFrame({"text": pd.Series([*texts, 7, "a", None], dtype=object)})
    with dask.config.set({"dataframe.convert-string": False}):
        labelled = spiketext.dask.classify(dd.from_pandas(mixed, npartitions=3), model)
        with pytest.raises(TypeError, match=rf"got a int in the row of index {len(texts)}"):
            labelled.compute(scheduler="synchronous")


def test_a_model_that_workers_do_not_see_is_named_with_the_machine(cluster, fitted, texts, tmp_path):
    import socket

    place = tmp_path / "model"
    fitted.model_.save(place)
    labelled = spiketext.dask.classify(dd.from_pandas(frame_of(texts, 10), npartitions=2), place)
    place.rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=f"{place}, got none on the machine {socket.gethostname()}"):
        computed(cluster[1], labelled)


def test_the_block_of_the_guide_runs(cluster, fitted, texts, tmp_path):
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/guide/dask.md").read_text(encoding="utf-8"), re.DOTALL)
    fitted.model_.save(tmp_path / "my-model")
    frame_of(texts, 100).to_parquet(tmp_path / "few.parquet")
    program = block.replace("tcp://10.0.0.1:8786", cluster[0].scheduler_address)
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60)
    assert len(pd.read_parquet(tmp_path / "labelled")) == 100


# --- The study ---


def prepare(folder):
    texts = "".join(f"{'a good film' if i % 2 == 0 else 'a bad film'}{' now' * i},{i % 2}\n" for i in range(60))
    (folder / "mine.csv").write_text(f"text,label\n{texts}")
    (folder / "grid.toml").write_text(GRID)
    # Says what it was asked for, and is slow enough to be killed in the middle.
    program = folder / "program"
    asked = f'case "$*" in *cell=*) echo "$*" >> "{folder}/asked"; sleep 0.2;; esac'
    program.write_text(f'#!/bin/sh\n{asked}\nexec "{PROGRAM}" "$@"\n')
    program.chmod(0o755)
    return program


def run_study(folder, address, *more):
    command = [sys.executable, "-m", "spiketext.study", "--scheduler", address, "--program", "./program"]
    command += ["--grid", "grid.toml", "--seeds", "2", "--out", "results", "--work", "work", *more]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@needs_program
def test_a_worker_that_is_killed_costs_a_study_at_most_a_cell(tmp_path):
    prepare(tmp_path)
    with workers() as (cluster, client):
        pid = next(iter(client.run(os.getpid).values()))
        running = run_study(tmp_path, cluster.scheduler_address)
        asked = tmp_path / "asked"
        while not asked.exists() or len(asked.read_text().splitlines()) < 2:
            assert running.poll() is None, running.communicate()
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        out, err = running.communicate(timeout=120)
        assert running.returncode == 0, out + err
        assert out.splitlines()[-1] == "6 cells run, 0 were there, 0 there with other choices, 0 failed"
        begun = [re.search("cell=(.*?) ", line)[1] for line in asked.read_text().splitlines()]
        assert len(set(begun)) == 6 and 6 <= len(begun) <= 7, begun
        # What is there stays, and nothing is asked of workers.
        out, err = run_study(tmp_path, cluster.scheduler_address).communicate(timeout=60)
        assert out == "0 cells run, 6 were there, 0 there with other choices, 0 failed\n", out + err
        (tmp_path / "results" / f"{begun[0]}.json").unlink()
        out, err = run_study(tmp_path, cluster.scheduler_address).communicate(timeout=60)
        assert out.startswith(f"6/6 {begun[0]} ("), out + err
        assert out.endswith("1 cells run, 5 were there, 0 there with other choices, 0 failed\n"), out + err
    alone = [PROGRAM, "reproduce", "--grid", "grid.toml", "--seeds", "2", "--out", "alone", "--work", "other"]
    subprocess.run(alone, cwd=tmp_path, check=True, capture_output=True)
    made, wanted = [
        {path.name: json.loads(path.read_text())["measured"]["test-accuracy"] for path in (tmp_path / name).glob("*.json")}
        for name in ("results", "alone")
    ]
    assert made == wanted and len(made) == 6


@needs_program
def test_a_cell_that_fails_is_named_and_the_others_go_on(cluster, tmp_path):
    program = prepare(tmp_path)
    # One gives up as the program does, one ends otherwise and is tried again.
    outcome = '{"event":"outcome","outcome":{"failed":1,"otherwise":0}}'
    ends = f"""case "$*" in
        *cell=*steps=2*seed0*) echo "failed: it: expected more" >&2; echo '{outcome}'; exit 1;;
        *cell=*steps=4*seed1*) echo "spiketext: no space" >&2; exit 2;;
    esac
    """
    program.write_text(program.read_text().replace("exec ", ends + "exec "))
    running = run_study(tmp_path, cluster[0].scheduler_address)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 1 and out.endswith("4 cells run, 0 were there, 0 there with other choices, 2 failed\n"), out + err
    assert "failed: main--lean-converted-snn--steps=2--mine--seed0: failed: it: expected more\n" in err
    assert re.search(r"failed: main--.*--steps=4--mine--seed1: exit status 2 on the machine .*: spiketext: no space\n", err)
    asked = (tmp_path / "asked").read_text()
    assert asked.count("steps=2--mine--seed0") == 1 and asked.count("steps=4--mine--seed1") == 3


@needs_program
def test_workers_of_another_program_make_no_cell(cluster, tmp_path):
    program = prepare(tmp_path)
    version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    # It says another version to all but the driver.
    other = 'if [ "$1" = --version ] && ! grep -q spiketext.study /proc/$PPID/cmdline; then echo "spiketext 9.9"; exit; fi'
    program.write_text(program.read_text().replace("exec ", other + "\nexec "))
    running = run_study(tmp_path, cluster[0].scheduler_address)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 2 and out == "", out + err
    assert "got spiketext 9.9 on the machine" in err and version.split("\n")[0] in err
    assert not (tmp_path / "results").exists()


@needs_program
def test_cells_of_other_choices_stay_and_are_told(cluster, tmp_path):
    prepare(tmp_path)
    only = ["--only", "row=bag of words,seed=0"]
    assert run_study(tmp_path, cluster[0].scheduler_address, *only).wait(60) == 0
    (tmp_path / "grid.toml").write_text(GRID.replace('"bag-of-words"', '"bag-of-words"\nset = ["iterations=7"]'))
    running = run_study(tmp_path, cluster[0].scheduler_address, *only)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 1 and "iterations" in err and "--again" in err and out.startswith("0 cells run"), out + err
    running = run_study(tmp_path, cluster[0].scheduler_address, *only, "--again")
    assert running.communicate(timeout=60)[0].endswith("1 cells run, 0 were there, 0 there with other choices, 0 failed\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], r"expected --scheduler ADDRESS \(tcp://HOST:8786.*`spiketext reproduce` runs the same cells"),
        (["--scheduler", "tcp://127.0.0.1:1", "--list"], "expected no --list over machines: `spiketext reproduce --list`"),
        (["--scheduler", "tcp://127.0.0.1:1", "--hours=2"], "expected no --hours"),
        (["--scheduler", "tcp://127.0.0.1:1", "--program", "/none/it"], r"expected the program /none/it on the machine .*\(--program\)"),
    ],
)
def test_a_study_that_cannot_be_says_what_it_expects(capsys, arguments, told):
    assert study.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and re.search(told, err), err


@needs_program
def test_a_scheduler_that_is_not_there_and_a_grid_that_is_not(capsys, tmp_path, monkeypatch):
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(study, "PATIENCE", 1)
    asked = ["--scheduler", "tcp://127.0.0.1:1", "--program", PROGRAM, "--grid"]
    assert study.main([*asked, "grid.toml", "--out", "results"]) == 2
    assert "expected a scheduler at tcp://127.0.0.1:1 (--scheduler)" in capsys.readouterr().err
    assert study.main([*asked, "none.toml", "--out", "results"]) == 2
    assert "none.toml" in capsys.readouterr().err


@needs_program
def test_a_program_does_not_outlive_its_worker(tmp_path):
    if sys.platform != "linux":
        pytest.skip("who started a program is watched by Linux alone")
    slow = tmp_path / "program"
    slow.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "spiketext 0" && exit\necho $$ > pid\nexec sleep 600\n')
    slow.chmod(0o755)
    program = f"from spiketext import study; study.run_cell('c', {str(slow)!r}, 'spiketext 0', [], {str(tmp_path)!r}, 1)"
    worker = subprocess.Popen([sys.executable, "-c", program])
    place = tmp_path / "pid"
    while not (place.exists() and place.read_text().endswith("\n")):
        assert worker.poll() is None
        time.sleep(0.01)
    pid = int(place.read_text())
    worker.kill()
    worker.wait()
    end = time.monotonic() + 10
    while os.path.isdir(f"/proc/{pid}") and "zombie" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < end
        time.sleep(0.01)


@needs_program
def test_the_job_of_the_guide_shares_cells_among_an_array(tmp_path):
    page = (ROOT / "docs/guide/dask.md").read_text()
    (script,) = [block for block in re.findall(r"```bash\n(.*?)```", page, re.DOTALL) if "#SBATCH" in block]
    prepare(tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "spiketext").symlink_to(PROGRAM)
    (tools / "srun").write_text('#!/bin/sh\nexec "$@"\n')
    (tools / "srun").chmod(0o755)
    (tmp_path / "study.toml").write_text(GRID)
    (tmp_path / "job.sh").write_text(script)
    slurm = {"SLURM_ARRAY_TASK_COUNT": "4", "SLURM_CPUS_PER_TASK": "1"}
    for task in range(4):
        environment = {**os.environ, **slurm, "PATH": f"{tools}:/usr/bin:/bin", "SLURM_ARRAY_TASK_ID": str(task)}
        done = subprocess.run(["bash", "job.sh"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / "results/mine").glob("*.json"))) == 3
