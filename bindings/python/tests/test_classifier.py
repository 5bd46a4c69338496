"""scikit-learn's conventions, written out: its own `check_estimator` runs one check on estimators of texts."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conftest import SMALL, small
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from spiketext import Model, SpikeTextClassifier


def same(a, b, texts):
    return np.array_equal(a.predict_proba(texts), b.predict_proba(texts))


def test_it_learns_and_answers(fitted, texts, labels):
    assert fitted.classes_.tolist() == ["bad", "good"]
    assert fitted.score(texts, labels) > 0.9
    probabilities = fitted.predict_proba(texts)
    assert probabilities.shape == (len(texts), 2) and probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert np.array_equal(fitted.classes_[probabilities.argmax(axis=1)], fitted.predict(texts))
    assert fitted.n_texts_ + fitted.n_development_ == len(texts)
    assert isinstance(fitted.model_, Model) and is_classifier(fitted)
    assert fitted.predict([]).shape == (0,) and fitted.predict_proba([]).shape == (0, 2)


def test_parameters_are_stored_as_they_are_given():
    vectors = object()
    settings = {"network.filters": 3}
    classifier = SpikeTextClassifier(vectors=vectors, settings=settings)
    assert classifier.vectors is vectors and classifier.settings is settings
    assert classifier.get_params()["recipe"] == "lean"
    assert classifier.set_params(recipe="sparse") is classifier and classifier.recipe == "sparse"
    with pytest.raises(ValueError):
        classifier.set_params(no_such_thing=1)
    copy = clone(small(random_state=3))
    assert copy.get_params() == small(random_state=3).get_params() and not hasattr(copy, "model_")


def test_what_is_not_fitted_says_so(texts):
    for call in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(small(), call)(texts)
    assert not [name for name in vars(small()) if name.endswith("_")]


def test_fitting_again_is_fitting(texts, labels, fitted):
    again = small().fit(texts, labels)
    assert same(again, fitted, texts)
    again.fit(texts[:32], labels[:32])
    assert same(again, small().fit(texts[:32], labels[:32]), texts)
    assert not same(small(random_state=1).fit(texts, labels), fitted, texts)
    assert same(small(random_state=0).fit(texts, labels), fitted, texts)
    assert sorted(vars(again)) == sorted(vars(fitted))


def test_pickle_fitted_and_not(fitted, texts):
    copy = pickle.loads(pickle.dumps(fitted))
    assert same(copy, fitted, texts) and copy.classes_.tolist() == ["bad", "good"]
    assert pickle.loads(pickle.dumps(small(epochs=2))).epochs == 2


def test_pipelines_searches_and_cross_validation(texts, labels):
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    pipeline = Pipeline([("lower", lower), ("spikes", small())]).fit(texts, labels)
    assert pipeline.score(texts, labels) > 0.9
    scores = cross_val_score(small(epochs=30), np.array(texts), labels, cv=2)
    assert scores.shape == (2,) and scores.mean() > 0.6
    search = GridSearchCV(small(), {"steps": [2, 4]}, cv=2, n_jobs=2).fit(np.array(texts), labels)
    assert search.best_params_["steps"] in (2, 4) and search.predict(texts).shape == labels.shape


def test_labels_of_any_kind(texts, labels):
    numbers = (labels == "good").astype(int) * 7 - 3
    classifier = small(epochs=2).fit(texts, numbers)
    assert classifier.classes_.tolist() == [-3, 4] and set(classifier.predict(texts)) <= {-3, 4}
    truth = small(epochs=2).fit(texts, labels == "good")
    assert truth.classes_.tolist() == [False, True] and truth.predict(texts).dtype == bool
    for wrong, told in [
        (np.where(labels == "good", 0.5, 1.0), "fractions"),
        (labels[:-1], "a label for each of"),
        (np.array(["same"] * len(texts)), "two classes"),
        ([None, *labels[1:]], "missing"),
        (np.where(labels == "good", np.nan, 1.0), "missing"),
    ]:
        with pytest.raises(ValueError, match=told):
            small().fit(texts, wrong)


@pytest.mark.parametrize(
    "kind",
    [
        list, tuple, pd.Series, pl.Series, pa.array, lambda labels: pa.chunked_array([labels[:5], labels[5:]]),
        lambda labels: pa.array(labels).dictionary_encode(), lambda labels: pd.Series(labels, dtype="string"),
        lambda labels: pd.Series(labels, dtype="category"), lambda labels: np.array(labels, dtype=object),
        lambda labels: np.array(labels).reshape(-1, 1), lambda labels: pd.DataFrame({"label": labels}), iter,
    ],
)  # fmt: skip
def test_labels_of_any_column_are_the_same(texts, labels, fitted, kind):
    own = labels.tolist()
    assert fitted.score(texts, kind(own)) == fitted.score(texts, labels)
    assert np.array_equal(small(epochs=1).fit(texts, kind(own)).predict(texts), small(epochs=1).fit(texts, own).predict(texts))


def test_labels_that_are_none_are_refused_by_their_place(texts, labels, fitted):
    own = labels.tolist()
    for wrong, error, told in [
        ([*own[:40], float("nan"), *own[41:]], ValueError, "label at 40, got a missing"),
        ([*own[:40], None, *own[41:]], ValueError, "at 40"),
        (pd.Series([*own[:40], None, *own[41:]], dtype="string"), ValueError, "at 40"),
        (pd.Series([True, None] * 32, dtype="boolean"), ValueError, "at 1"),
        (pa.array([*own[:40], None, *own[41:]]), ValueError, "at 40"),
        (np.array(["2020-01-01", "NaT"] * 32, dtype="datetime64[D]"), ValueError, "at 1"),
        (np.ma.array([0, 1] * 32, mask=[False, True] * 32), ValueError, "at 1"),
        (pd.DataFrame({"a": [1, None] * 32, "b": [0, 1] * 32}, dtype="Int64"), ValueError, "at 1"),
        ([1, *own[1:]], ValueError, "a number at 0 and a str at 1"),
        ([1, "1"] * 32, ValueError, "one kind"),
        ([b"good", b"bad"] * 32, TypeError, "bytes"),
        ("good", TypeError, "str"),
        ({"good", "bad"}, TypeError, "set"),
        (None, TypeError, "NoneType"),
        ([[0, 1], [1]] * 32, ValueError, "rows of one length"),
    ]:
        with pytest.raises(error, match=told):
            small().fit(texts, wrong)
        with pytest.raises(error, match=told):
            fitted.score(texts, wrong)
    assert small(epochs=1).fit(texts, ["a\0", "a"] * 32).classes_.tolist() == ["a", "a\0"]


def test_a_score_compares_like_with_like(texts, labels, fitted):
    for wrong in (labels[:-1], labels[:1], np.stack([labels, labels], axis=1)):
        with pytest.raises(ValueError, match="shape"):
            fitted.score(texts, wrong)
    with pytest.raises(ValueError, match="a text or more"):
        fitted.score([], [])
    with pytest.raises(ValueError, match="sample_weight"):
        fitted.score(texts, labels, sample_weight=[1.0])
    half = np.arange(len(texts)) < len(texts) // 2
    wanted = np.mean(fitted.predict(texts)[half] == labels[half])
    assert fitted.score(texts, labels, sample_weight=half) == pytest.approx(wanted)


def test_settings_may_be_what_python_has(texts, labels):
    padded = {"network.averaging": {"kind": "padded", "length": 12}, "network.widths": np.array([2, 3])}
    toml = {"network.averaging": '{kind="padded",length=12}', "network.widths": "[2, 3]"}
    fit = lambda settings: small(epochs=1, settings={**SMALL, **settings}).fit(texts, labels)
    assert same(fit(padded), fit(toml), texts)
    with pytest.raises(ValueError, match="settings"):
        fit({"network.filters": None})


def test_several_labels(texts, labels):
    good = labels == "good"
    film = np.array(["film" in text for text in texts])
    matrix = np.stack([good, film], axis=1).astype(int)
    classifier = small(epochs=6).fit(texts, matrix)
    answer = classifier.predict(texts)
    assert answer.shape == matrix.shape and set(np.unique(answer)) <= {0, 1}
    assert classifier.classes_.tolist() == [0, 1] and classifier.model_.multi_label
    assert (answer == matrix).mean() > 0.7
    right = classifier.score(texts, matrix)
    assert right == np.mean((answer == matrix).all(axis=1))
    scipy = sparse.csr_matrix(matrix)
    assert small(epochs=6).fit(texts, scipy).score(texts, scipy) == right
    for wrong in (matrix[:1], matrix[0]):
        with pytest.raises(ValueError, match="shape"):
            classifier.score(texts, wrong)
    for own, other in ((matrix, labels), (labels, matrix)):
        with pytest.raises(ValueError, match="validation"):
            small().fit(texts, own, validation=(texts[:4], other[:4]))


def test_weights_of_texts_and_classes(texts, labels, fitted):
    assert same(small().fit(texts, labels, sample_weight=np.ones(len(texts))), fitted, texts)
    weight = np.ones(len(texts))
    weight[:8] = 0
    wrong = labels.copy()
    wrong[:8] = wrong[:8][::-1]
    options = {"validation": (texts[8:], labels[8:])}
    silent = small().fit(texts, labels, sample_weight=weight, **options)
    assert same(silent, small().fit(texts, wrong, sample_weight=weight, **options), texts)
    with pytest.raises(ValueError, match="sample_weight"):
        small().fit(texts, labels, sample_weight=[1.0])
    assert not same(small(class_weight={"good": 9.0}).fit(texts, labels), fitted, texts)
    assert same(small(class_weight={"good": 1, "bad": 1}).fit(texts, labels), small(class_weight={"good": 1}).fit(texts, labels), texts)
    with pytest.raises(ValueError, match="class_weight"):
        small(class_weight={"fine": 2}).fit(texts, labels)
    for wrong in ("even", [1, 2]):
        with pytest.raises(ValueError, match="class_weight"):
            small(class_weight=wrong).fit(texts, labels)
    for wrong in (np.ones((len(texts), 1)), 1.0):
        with pytest.raises(ValueError, match="sample_weight"):
            small().fit(texts, labels, sample_weight=wrong)


def test_a_teacher(texts, labels):
    good = (labels == "good").astype(float)
    sure = np.stack([1 - good, good], axis=1) * 0.8 + 0.1
    few, rest = texts[:16], texts[16:]
    taught = small(epochs=20).fit(few, labels[:16], teacher_proba=sure[:16], unlabelled=rest, unlabelled_proba=sure[16:])
    assert taught.model_.training["teacher"]["unlabelled"] > 30
    assert taught.score(texts, labels) > 0.8
    none = sure.copy()
    none[:30] = np.nan
    assert small(epochs=2).fit(texts, labels, teacher_proba=none).model_.training["teacher"]["untaught"] >= 1
    for wrong, told in [
        ({"teacher_proba": sure[:5]}, "shape"),
        ({"teacher_proba": sure * 2}, "probabilities"),
        ({"unlabelled": rest}, "both or none"),
        ({"teacher_proba": good}, "teacher_proba"),
        ({"validation": 5}, "validation"),
        ({"validation": (texts[:2], ["fine", "good"])}, "'fine' at 0"),
    ]:
        with pytest.raises(ValueError, match=told):
            small().fit(texts, labels, **wrong)


def test_progress_tells_what_happens(texts, labels, capsys):
    events = []
    small(epochs=2, progress=events.append).fit(texts, labels)
    kinds = [event["event"] for event in events]
    assert kinds[0] == "prepared" and kinds.count("epoch") >= 2 and "converted" in kinds
    small(epochs=2, progress=True).fit(texts, labels)
    assert "development accuracy" in capsys.readouterr().err

    def stop(event):
        if event["event"] == "step":
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        small(progress=stop).fit(texts, labels)


def test_choices_that_cannot_be_are_refused_in_words(texts, labels):
    for choices, told in [
        ({"recipe": "fat"}, "lean"),
        ({"settings": {"network.filter": 3}}, "filter"),
        ({"settings": {"network.steps": 3}}, "twice"),
        ({"random_state": -1}, "random_state"),
        ({"random_state": 2**64}, "random_state"),
        ({"language": "xx"}, "xx"),
    ]:
        with pytest.raises(ValueError, match=told):
            small(**choices).fit(texts, labels)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        small(vectors="nowhere.txt").fit(texts, labels)
    with pytest.raises(ValueError, match="2 different"):
        small().fit(["good film", "bad film"], [0, 1])


def test_sparse_networks_too(texts, labels):
    settings = {"network.filters": 8, "sparse.dimension": 64, "sparse.active": 6, "words.also-first": 100}
    classifier = SpikeTextClassifier("sparse", settings=settings).fit(texts, labels)
    assert classifier.model_.steps == 1 and classifier.score(texts, labels) > 0.6


