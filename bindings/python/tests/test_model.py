"""A trained network shows what it does."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import spiketext
from spiketext import Model, SpikeTextClassifier, Vectors, datasets


def test_save_and_load(fitted, texts, tmp_path):
    path = tmp_path / "model"
    fitted.model_.save(path)
    model = Model.load(path)
    assert np.array_equal(model.predict_proba(texts), fitted.predict_proba(texts))
    assert model.predict(texts).tolist() == fitted.predict(texts).tolist() and model.labels == ["bad", "good"]
    with pytest.raises(ValueError, match="overwrite"):
        fitted.model_.save(path)
    fitted.model_.save(path, overwrite=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="other"):
        fitted.model_.save(tmp_path / "other", overwrite=True)
    assert (tmp_path / "other" / "mine.txt").read_text() == "mine"
    with pytest.raises(FileNotFoundError):
        Model.load(tmp_path / "nothing")
    (path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"config\.json"):
        Model.load(path)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict_proba(texts), model.predict_proba(texts))


def test_a_trace_obeys_the_equations_of_its_neurons(fitted):
    model = fitted.model_
    trace = model.trace("a warm and funny film")
    assert trace.tokens == ["a", "warm", "and", "funny", "film"]
    assert trace.input.shape == (model.steps, 5, Vectors("en").dimension) and trace.input.any()
    names = [layer.name for layer in trace.layers]
    assert len(names) == 4 and names[0].endswith("width 2") and trace[names[0]].axes == "TPC"
    for layer in trace.layers:
        assert layer.currents.shape == layer.membranes.shape and layer.currents.shape[0] == model.steps
        if layer.spikes is None:
            assert np.array_equal(layer.membranes, np.cumsum(layer.currents, axis=0, dtype=np.float32))
            continue
        assert layer.spikes.shape == layer.currents.shape and layer.spikes.dtype == bool
        risen = layer.membranes[:-1] + layer.currents[1:]
        silent = ~layer.spikes[1:]
        assert np.array_equal(layer.membranes[1:][silent], risen[silent])
        assert (layer.membranes[1:][~silent] < risen[~silent]).all()
    scores = trace.layers[-1].currents.mean(axis=0)
    assert trace.label == model.labels[int(scores.argmax())]
    assert trace.probabilities == dict(zip(model.labels, map(float, model.predict_proba(["a warm and funny film"])[0])))
    with pytest.raises(TypeError):
        model.trace(["a", "b"])
    with pytest.raises(ValueError, match="knows"):
        model.trace("qqqqq zzzzz")
    with pytest.raises(KeyError, match="layers"):
        trace["nothing"]


def test_energy_counts_what_the_trace_shows(fitted):
    model = fitted.model_
    told = model.energy(["a warm and funny film"])
    assert told["texts"] == 1 and told["accumulations"] > 0 and told["dnn_multiply_accumulations"] > 0
    table = told["tables"]["45 nm, fp32 (Horowitz 2014)"]
    assert table["ratio"] == pytest.approx(table["snn_microjoules"] / table["dnn_microjoules"])
    twice = model.energy(["a warm and funny film"] * 2)
    assert twice["accumulations"] == told["accumulations"]


def test_attacks(fitted, texts, labels):
    seen = []
    outcome = fitted.model_.attack(texts[:6], labels[:6], "textfooler", progress=seen.append)
    assert len(outcome.records) == 6 == len(seen) and outcome.summary
    with pytest.raises(ValueError, match="textfooler"):
        fitted.model_.attack(texts[:2], labels[:2], "guess")
    with pytest.raises(ValueError, match="labels"):
        fitted.model_.attack(texts[:2], ["fine", "good"])
    with pytest.raises(ValueError, match="labels"):
        fitted.model_.attack(texts[:3], labels[:2])
    column = fitted.model_.attack(pa.array(texts[:6]), pa.array(labels[:6].tolist()), "textfooler")
    assert column.summary == outcome.summary
    for wrong in (pd.DataFrame({"a": texts[:2], "b": texts[:2]}), set(texts[:2]), texts[0]):
        with pytest.raises(TypeError, match="texts"):
            fitted.model_.attack(wrong, labels[:2])


def test_nir_and_back(texts, labels, tmp_path):
    from conftest import small

    path = tmp_path / "model.nir"
    settings = {"network.filters": 4, "sparse.dimension": 64, "sparse.active": 6, "words.also-first": 100, "sparse.epochs": 2}
    model = small(recipe="sparse", steps=None, settings=settings).fit(texts, labels).model_
    told = model.to_nir(path, target="snntorch", length=12)
    assert told["length"] == 12 and told["steps"] == 1 and isinstance(told["not_carried"], list)
    again = Model.from_nir(path, like=model, target="snntorch")
    assert np.array_equal(again.predict_proba(texts), model.predict_proba(texts))
    with pytest.raises(FileExistsError, match="overwrite"):
        model.to_nir(path)
    model.to_nir(path, length=12, overwrite=True)
    for call in (lambda: model.to_nir(tmp_path / "b.nir", target="lava"), lambda: Model.from_nir(path, like=model, target="x")):
        with pytest.raises(ValueError, match="snntorch"):
            call()
    with pytest.raises(ValueError, match="reset"):
        small().fit(texts, labels).model_.to_nir(tmp_path / "c.nir")
    with pytest.raises(FileNotFoundError):
        Model.from_nir(tmp_path / "none.nir", like=model)
    with pytest.raises(TypeError, match="like"):
        Model.from_nir(path, like="model")
    with pytest.raises(ValueError, match="length"):
        model.to_nir(tmp_path / "d.nir", length=0)
    # Nothing that is no such file is written over, and nothing put among a model's own files.
    model.save(tmp_path / "model")
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "link.nir").symlink_to(tmp_path / "elsewhere.nir")
    before = (tmp_path / "model" / "config.json").read_bytes()
    for place in ("mine.txt", "link.nir", "model/config.json", "model/new.nir"):
        with pytest.raises(FileExistsError, match="expected a"):
            model.to_nir(tmp_path / place, overwrite=True)
    assert (tmp_path / "mine.txt").read_text() == "mine" and (tmp_path / "model" / "config.json").read_bytes() == before
    assert Model.load(tmp_path / "model").labels == model.labels


def test_unknown_texts_are_told(fitted):
    assert fitted.model_.unknown(["a film", "qqqqq", ""]).tolist() == [False, True, True]


def test_vectors_and_data_sets():
    vectors = Vectors("en")
    assert len(vectors) > 1000 and "film" in vectors and vectors["film"].shape == (vectors.dimension,)
    assert np.array_equal(vectors.to_numpy()[vectors.words.index("film")], vectors["film"])
    rates = vectors.rates()
    assert rates.min() >= 0 and rates.max() <= 1
    assert "movie" in vectors.neighbours("film", 20) and next(iter(vectors)) == vectors.words[0]
    with pytest.raises(ValueError, match="words"):
        Vectors("en", words=10)
    for call in (lambda: vectors["qqqqq"], lambda: vectors.neighbours("qqqqq")):
        with pytest.raises(KeyError):
            call()
    assert "reviews-en" in datasets.built_in() and "sst2" in datasets.names()
    reviews = datasets.load("reviews-en")
    assert len(reviews.train) > len(reviews.test) > 0 and set(reviews.train.labels) == set(reviews.classes)
    with pytest.raises(ValueError, match="reviews-en"):
        datasets.load("reviews")


def test_data_sets_are_found_where_the_program_finds_them(tmp_path, monkeypatch):
    (tmp_path / "cache" / "data").mkdir(parents=True)
    monkeypatch.setenv("SPIKETEXT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SPIKETEXT_DATA_DIR", str(tmp_path / "named"))
    with pytest.raises(ValueError, match="named"):
        datasets.load("sst2")
    for name, texts in [("train", 6920), ("dev", 872), ("test", 1821)]:
        lines = "".join(f"{number % 2} text number {number} of {name}\n" for number in range(texts))
        (tmp_path / "cache" / "data" / f"stsa.binary.{name}").write_text(lines)
    assert len(datasets.load("sst2").train) == 6920
    with pytest.raises(ValueError, match="elsewhere"):
        datasets.load("sst2", data_dir=tmp_path / "elsewhere")


def test_import_is_quick_and_drags_nothing_in():
    code = (
        "import sys, time; began = time.perf_counter(); import numpy; middle = time.perf_counter(); import spiketext; "
        "print(time.perf_counter() - middle); print([m for m in ('sklearn', 'pandas', 'torch', 'matplotlib') if m in sys.modules])"
    )
    best = min(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
        for _ in range(3)
    )
    assert best[1] == "[]"


def test_threads_change_no_bit(texts, labels, fitted):
    from conftest import small

    try:
        for threads in (1, 3):
            spiketext.set_threads(threads)
            assert spiketext.threads() == threads
            assert np.array_equal(small().fit(texts, labels).predict_proba(texts), fitted.predict_proba(texts))
    finally:
        spiketext.set_threads(None)
    with pytest.raises(ValueError, match="threads"):
        spiketext.set_threads(0)


def test_an_explanation_adds_up(fitted, texts):
    for text in texts[:12]:
        explained = fitted.model_.explain(text)
        assert explained.label == fitted.predict([text])[0] and explained.runner_up != explained.label
        assert explained.base + explained.words.sum(axis=0) == pytest.approx(explained.scores)
        assert explained.base + sum(ngram.parts for ngram in explained.ngrams) == pytest.approx(explained.scores)
        assert explained.words.shape == explained.drops.shape == (len(explained.tokens), 2)
        assert len(explained.approximations) == 1 and all(ngram.units is None for ngram in explained.ngrams)
        places, proven = explained.fewest
        alone = " ".join(explained.tokens[at] for at in places)
        assert proven and fitted.predict([alone])[0] == explained.label
    assert fitted.model_.explain(texts[0], delete=False).drops is None
    with pytest.raises(TypeError, match="one text"):
        fitted.model_.explain([texts[0]])
    with pytest.raises(ValueError, match="knows"):
        fitted.model_.explain("qqqq")


def test_n_grams_of_sparse_codes_are_whole_units(texts, labels):
    settings = {"network.filters": 8, "sparse.dimension": 64, "sparse.active": 4, "sparse.epochs": 2}
    model = SpikeTextClassifier("sparse", settings=settings).fit(texts, labels).model_
    explained = model.explain(texts[0])
    assert explained.approximations == [] and all(ngram.units.dtype == np.int64 for ngram in explained.ngrams)
