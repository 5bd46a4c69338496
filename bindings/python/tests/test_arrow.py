"""Batches of Arrow come back with answers: every row, once, whatever stands in it."""

import os
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conftest import small

from spiketext import arrow

KINDS = {
    "string": pa.string(),
    "large string": pa.large_string(),
    "string view": pa.string_view(),
    "dictionary": pa.dictionary(pa.int8(), pa.string()),
    "dictionary of large strings": pa.dictionary(pa.int32(), pa.large_string()),
}


def column(texts, kind):
    if pa.types.is_dictionary(kind):
        return pa.array(texts, kind.value_type).dictionary_encode().cast(kind)
    return pa.array(texts, kind)


def batch_of(texts, kind=pa.string(), name="text"):
    return pa.RecordBatch.from_arrays([pa.array(range(len(texts)), pa.int64()), column(texts, kind)], names=["id", name])


@pytest.fixture(scope="module")
def model(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "model"
    fitted.model_.save(folder)
    return folder


@pytest.fixture(scope="module")
def several(texts):
    members = np.array([["film" in text, "story" in text] for text in texts]).astype(int)
    return small().fit(texts, members)


def answered(batches, *arguments, **choices):
    return pa.Table.from_batches(list(arrow.classify(batches, *arguments, **choices)))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_column_gives_the_answers_of_the_model(fitted, model, texts, kind):
    own = ["naïve 电影 🎬", None, *texts, "", "zzz"]
    got = answered(batch_of(own, KINDS[kind]), model)
    shares = fitted.predict_proba([text or "" for text in own])
    assert got.column_names == ["id", "text", "label", "probability", "unknown"]
    assert got["text"].type == KINDS[kind] and got["text"].to_pylist() == own and got["id"].to_pylist() == list(range(len(own)))
    assert got["label"].to_pylist() == fitted.predict([text or "" for text in own]).tolist()
    assert np.array_equal(got["probability"].to_numpy(), shares.max(axis=1)) and got["probability"].type == pa.float32()
    # A missing text, an empty one and one without a known word.
    assert np.flatnonzero(got["unknown"].to_numpy())[-2:].tolist() == [len(own) - 2, len(own) - 1] and got["unknown"][1].as_py()
    assert got.schema == arrow.schema(batch_of(own, KINDS[kind]).schema, model)


def test_a_dictionary_with_a_missing_value_or_none_at_all(fitted, model):
    values = pa.array([None, "a dull film", "a warm film"])
    odd = pa.DictionaryArray.from_arrays(pa.array([2, 0, None, 1]), values)
    got = answered(pa.table({"text": odd}), model)
    assert got["unknown"].to_pylist() == [False, True, True, False]
    assert got["label"].to_pylist() == fitted.predict(["a warm film", "", "", "a dull film"]).tolist()
    none = pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), pa.array([], pa.string()))
    assert answered(pa.table({"text": none}), model).num_rows == 0
    assert len(fitted.predict(none)) == 0


def test_the_columns_are_those_of_predict(fitted, model, texts):
    got = answered(batch_of(texts), str(model), prefix="m_", top=2, probabilities=True)
    assert got.column_names[2:] == [
        "m_label", "m_probability", "m_unknown", "m_label_1", "m_probability_1", "m_label_2", "m_probability_2", "m_probabilities",
    ]
    shares = fitted.predict_proba(texts)
    assert np.array_equal(np.array(got["m_probabilities"].to_pylist(), np.float32), shares)
    assert got["m_label_1"] == got["m_label"]
    assert all(row["m_label_1"] != row["m_label_2"] for row in got.to_pylist())
    assert np.array_equal(got["m_probability_2"].to_numpy(), shares.min(axis=1))


@pytest.mark.skipif("SPIKETEXT_PROGRAM" not in os.environ, reason="$SPIKETEXT_PROGRAM, the program, is not set")
@pytest.mark.parametrize("count", ["one", "several"])
def test_the_program_says_the_same(fitted, several, texts, tmp_path, count):
    import pyarrow.parquet as pq

    own = {"one": fitted, "several": several}[count].model_
    own.save(tmp_path / "model")
    table = pa.table({"id": range(len(texts) + 3), "text": ["", None, "zzz", *texts]})
    pq.write_table(table, tmp_path / "in.parquet")
    command = [os.environ["SPIKETEXT_PROGRAM"], "predict", "model", "--file", "in.parquet", "--text-column", "text"]
    subprocess.run([*command, "--out", "out.parquet", "--top", "2"], cwd=tmp_path, check=True, capture_output=True)
    wanted, got = pq.read_table(tmp_path / "out.parquet"), answered(table, own, top=2)
    assert got.column_names == wanted.column_names
    for name in wanted.column_names:
        values = got[name].to_pylist()
        if count == "several" and name == "labels":
            # The program's Parquet has one text of them, with | between.
            values = ["|".join(each) for each in values]
        else:
            assert got[name].type == wanted[name].type
        assert values == wanted[name].to_pylist(), name


def test_several_labels_are_a_list(several, texts):
    got = answered(batch_of(["", *texts]), several.model_, top=1)
    assert got.column_names[2:5] == ["labels", "probability", "unknown"]
    members, shares = several.predict(["", *texts]), several.predict_proba(["", *texts])
    for row, labels in enumerate(got["labels"].to_pylist()):
        assert sorted(labels) == [name for name, has in zip(several.model_.labels, members[row]) if has]
        assert labels == sorted(labels, key=lambda name: -shares[row][several.model_.labels.index(name)])
    assert {len(labels) for labels in got["labels"].to_pylist()} >= {0, 1}
    assert answered(batch_of([]), several.model_)["labels"].type == pa.list_(pa.string())


def test_batches_come_one_by_one_and_stay_as_they_are(model, texts):
    asked = []

    def source():
        for number in range(10_000):
            asked.append(number)
            yield batch_of(texts[: number % 3])

    stream = arrow.classify(source(), model)
    assert asked == []
    sizes = [next(stream).num_rows for _ in range(7)]
    assert sizes == [0, 1, 2, 0, 1, 2, 0] and len(asked) == 7


def test_where_batches_end_does_not_matter(model, texts):
    table = pa.table({"id": range(len(texts)), "text": pa.chunked_array([texts[:5], [], [None], texts[5:-1]])})
    whole = answered(table.combine_chunks(), model)
    assert answered(table, model).to_pylist() == whole.to_pylist()
    assert answered(table.to_batches(max_chunksize=1), model).to_pylist() == whole.to_pylist()
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=3))
    assert answered(reader, model).to_pylist() == whole.to_pylist()
    sliced = pa.concat_tables([table, table]).combine_chunks().slice(len(texts))
    assert answered(sliced, model).to_pylist() == whole.to_pylist()


def test_tables_of_others_and_a_table_without_rows(model, texts):
    wanted = answered(pa.table({"text": texts}), model)["label"].to_pylist()
    assert answered(pl.DataFrame({"text": texts}), model)["label"].to_pylist() == wanted
    assert answered(pd.DataFrame({"text": texts}), model)["label"].to_pylist() == wanted
    none = answered(pa.table({"text": pa.array([], pa.string())}), model)
    assert none.num_rows == 0 and none.column_names == ["text", "label", "probability", "unknown"]
    nothing = answered(pa.table({"text": pa.nulls(2)}), model)
    assert nothing["unknown"].to_pylist() == [True, True]
    assert answered(pd.DataFrame({"text": pd.Series([], dtype="category")}), model).num_rows == 0


def test_text_that_is_no_utf_8_loses_no_row(fitted, model):
    raw = pa.array([b"a warm film", b"a \xff dull film", None, b"a warm film"])
    wanted = fitted.predict(["a warm film", "a \ufffd dull film", "", "a warm film"]).tolist()
    for kind, same in ((pa.string(), pa.binary()), (pa.large_string(), pa.large_binary())):
        held = pa.Array.from_buffers(kind, len(raw), raw.cast(same).buffers())
        with pytest.warns(UnicodeWarning, match=r"1 of 4 texts of 'text' in batch 0 .*row 1"):
            got = answered(pa.table({"text": held}), model)
        assert got.num_rows == 4 and got["label"].to_pylist() == wanted
        assert got["text"].chunk(0).buffers()[2].to_pybytes().count(b"\xff") == 1
    values = pa.Array.from_buffers(pa.string(), 2, raw.slice(0, 2).buffers())
    with pytest.warns(UnicodeWarning, match=r"2 of 3 .*row 0"):
        odd = pa.DictionaryArray.from_arrays(pa.array([1, 0, 1]), values)
        assert answered(pa.table({"text": odd}), model).num_rows == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        unread = pa.DictionaryArray.from_arrays(pa.array([0, 0]), values)
        assert answered(pa.table({"text": unread}), model).num_rows == 2


def test_a_replaced_model_is_seen_and_one_that_stayed_is_not_read_again(fitted, texts, labels, tmp_path):
    place = tmp_path / "model"
    fitted.model_.save(place)
    first = arrow.load(place)
    assert arrow.load(str(place)) is first and arrow.load(os.path.relpath(place)) is first
    other = small(steps=2).fit(texts, np.where(labels == "good", "warm", "cold"))
    other.model_.save(place, overwrite=True)
    assert set(answered(batch_of(texts), place)["label"].to_pylist()) == {"warm", "cold"}
    shutil.rmtree(place)
    with pytest.raises(FileNotFoundError, match="expected a model directory"):
        arrow.load(place)


def test_few_models_are_kept(fitted, tmp_path):
    for number in range(8):
        fitted.model_.save(tmp_path / str(number))
        arrow.load(tmp_path / str(number))
    assert len(arrow._models) <= 4 and os.fspath(tmp_path / "7") in arrow._models


def test_models_in_memory_and_classifiers_work(fitted, model, texts):
    wanted = answered(batch_of(texts), model).to_pylist()
    assert answered(batch_of(texts), fitted).to_pylist() == wanted
    assert answered(batch_of(texts), fitted.model_).to_pylist() == wanted


def test_a_model_that_is_not_there_names_path_and_machine(tmp_path):
    import socket

    (tmp_path / "empty").mkdir()
    for name in ("none", "empty"):
        with pytest.raises(FileNotFoundError, match=name) as raised:
            arrow.classify([], tmp_path / name)
        assert socket.gethostname() in str(raised.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError, match="expected a model directory"):
        arrow.classify([], tmp_path / "file")


@pytest.mark.parametrize(
    ("batches", "choices", "error", "told"),
    [
        (pa.table({"body": ["a"]}), {}, ValueError, r"one column 'text' in batch 0 .*no such column: those of texts are 'body'"),
        (pa.table({"n": [1]}), {}, ValueError, "none of its columns is one of texts"),
        (pa.table([["a"], ["b"]], names=["text", "text"]), {}, ValueError, "got 2 of them"),
        (pa.table({"text": [1]}), {}, TypeError, r"in 'text' in batch 0 \(rows from 0\), got int64"),
        (pa.table({"text": [b"a"]}), {}, TypeError, "got binary; bytes become texts by .cast"),
        (pa.table({"text": [["a"]]}), {}, TypeError, "got list<"),
        (pa.table({"text": ["a"], "label": [1], "unknown": [2]}), {}, ValueError, r"got 'label', 'unknown' \(prefix="),
        (pa.table({"text": ["a"], "m_label": [1]}), {"prefix": "m_"}, ValueError, "got 'm_label'"),
        ([batch_of(["a"]), "b"], {}, TypeError, r"in batch 1 \(rows from 1\), got a str"),
        ([batch_of(["a", "b"]), batch_of(["a"], pa.large_string())], {}, ValueError,
         r"in batch 1 \(rows from 2\) the columns of the first batch, got 'text' of large_string where it was string"),
        ([batch_of(["a"]), batch_of(["a"], name="body")], {}, ValueError, "a column 'body' in the place of 'text'"),
        ("letters.parquet", {}, TypeError, "got a str"),
        (5, {}, TypeError, "got a int"),
        (batch_of(["a"]), {"top": 3}, ValueError, "from 0 to 2, which the model has, got 3"),
        (batch_of(["a"]), {"top": "2"}, TypeError, "got a str"),
        (batch_of(["a"]), {"prefix": None}, TypeError, "got a NoneType"),
        (batch_of(["a"]), {"text_column": 1}, TypeError, "got a int"),
        (batch_of(["a"]), {"threads": 0}, ValueError, "threads"),
    ],
)
def test_what_cannot_be_is_refused_by_its_place(model, batches, choices, error, told):
    with pytest.raises(error, match=told):
        list(arrow.classify(batches, model, **choices))


def test_a_bad_batch_leaves_those_before_it(model, texts):
    stream = arrow.classify(iter([batch_of(texts), pa.table({"text": [1]}).to_batches()[0]]), model)
    assert next(stream).num_rows == len(texts)
    with pytest.raises(ValueError, match=rf"in batch 1 \(rows from {len(texts)}\)"):
        next(stream)


def test_what_is_no_model_is_refused(model):
    with pytest.raises(TypeError, match="got a int"):
        arrow.classify([], 5)
    with pytest.raises(TypeError, match=r"expected a pyarrow\.Schema"):
        arrow.schema({"text": "string"}, model)


def test_threads_are_those_of_the_process(model):
    program = (
        "import sys, spiketext\nfrom spiketext import arrow\nimport pyarrow as pa\n"
        "list(arrow.classify(pa.table({'text': ['a']}), sys.argv[1], threads=1))\nprint(spiketext.threads())"
    )
    done = subprocess.run([sys.executable, "-c", program, model], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
