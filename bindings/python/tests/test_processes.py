"""Processes that are forked off one that has worked, threads beside work, and ctrl-C."""

import concurrent.futures
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from conftest import small

#: A batch: one text would stay on the calling thread and prove nothing.
MANY = 64


def answer(model, texts):
    return model.predict_proba(texts * MANY)


def work(model, texts, queue):
    queue.put(answer(model, texts))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_answers_after_its_parent_has(fitted, texts, method):
    wanted = answer(fitted.model_, texts)
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    children = [context.Process(target=work, args=(fitted.model_, texts, queue)) for _ in range(2)]
    [child.start() for child in children]
    answers = [queue.get(timeout=120) for _ in children]
    [child.join(timeout=60) for child in children]
    assert all(np.array_equal(got, wanted) for got in answers)
    assert [child.exitcode for child in children] == [0, 0]


def test_a_child_trains_after_its_parent_has(fitted, texts, labels):
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        jobs = [pool.apply_async(train, (texts, labels)) for _ in range(2)]
        assert all(np.array_equal(job.get(timeout=240), fitted.predict_proba(texts)) for job in jobs)


def train(texts, labels):
    return small().fit(texts, labels).predict_proba(texts)


def test_a_grandchild_and_its_parent_answer_side_by_side(fitted, texts):
    # As a server that loads, answers once to warm up and then forks its workers, which fork again.
    wanted = answer(fitted.model_, texts).sum()
    ends = []
    for _ in range(3):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                inner = os.fork()
                total = answer(fitted.model_, texts).sum()
                if inner == 0:
                    os.write(write, str(total).encode())
                    os._exit(0)
                code = os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]) or int(total != wanted)
            finally:
                os._exit(code)
        os.close(write)
        ends.append((child, read))
    assert answer(fitted.model_, texts).sum() == wanted
    for child, read in ends:
        assert float(os.read(read, 100)) == pytest.approx(wanted)
        assert os.waitpid(child, 0)[1] == 0


def test_no_call_touches_threads_that_a_fork_would_lose(tmp_path):
    # Whatever else than its own pool did work would leave threads without its name.
    program = textwrap.dedent(
        """
        import os, pickle, sys
        sys.path.insert(0, sys.argv[1])
        from conftest import BAD, ENDS, GOOD, small
        from spiketext import Model, Vectors, datasets
        texts = [text + end for end in ENDS for pair in zip(GOOD, BAD) for text in pair]
        labels = ["good", "bad"] * (len(texts) // 2)
        fitted = small().fit(texts, labels)
        model = pickle.loads(pickle.dumps(fitted)).model_
        model.save("model")
        model = Model.load("model")
        model.predict(texts * 64), model.energy(texts), model.trace(texts[0]), model.attack(texts[:2], labels[:2]), model.weights
        Vectors("en").neighbours("film"), datasets.load("reviews-zh")
        names = {open(f"/proc/self/task/{task}/comm").read().strip() for task in os.listdir("/proc/self/task")
                 if int(task) != os.getpid()}
        # PyArrow's allocator has a thread, too.
        print(sorted({name.rstrip("0123456789") for name in names} - {"jemalloc_bg_thd"}))
        """
    )
    if not os.path.isdir("/proc/self/task"):
        pytest.skip("names of threads are not to be seen here")
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program, os.path.dirname(__file__)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )
    assert done.stdout == "['spiketext-']\n", done.stdout


def test_joblib(fitted, texts):
    joblib = pytest.importorskip("joblib")
    wanted = answer(fitted.model_, texts)
    for backend in ("loky", "threading", "multiprocessing"):
        got = joblib.Parallel(n_jobs=2, backend=backend)(joblib.delayed(answer)(fitted.model_, texts) for _ in range(3))
        assert all(np.array_equal(one, wanted) for one in got), backend


def test_python_goes_on_while_a_model_is_trained(texts, labels):
    ticks = 0
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        training = executor.submit(small(epochs=40).fit, texts, labels)
        while not training.done():
            ticks += 1
            time.sleep(0.001)
        training.result()
    assert ticks > 10


def test_many_threads_share_a_model(fitted, texts):
    wanted, wrong = answer(fitted.model_, texts), []

    def ask():
        for _ in range(3):
            if not np.array_equal(answer(fitted.model_, texts), wanted):
                wrong.append(1)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not wrong


def test_ctrl_c_ends_training_at_once():
    program = textwrap.dedent(
        """
        import time
        from spiketext import SpikeTextClassifier, datasets
        reviews = datasets.load("reviews-en")
        def told(event):
            if event["event"] == "step":
                print("training", flush=True)
        try:
            SpikeTextClassifier(epochs=4000, progress=told).fit(reviews.train.texts, reviews.train.labels)
        except KeyboardInterrupt:
            print("stopped", flush=True)
        """
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "training\n"
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=60)
    assert out.splitlines()[-1] == "stopped" and child.returncode == 0
