"""Texts come in as Python programs have them."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

COLUMNS = {
    "tuple": tuple,
    "generator": lambda texts: (text for text in texts),
    "numpy of objects": lambda texts: np.array(texts, dtype=object),
    "numpy of letters": np.array,
    "numpy of strings": lambda texts: np.array(texts, dtype=np.dtypes.StringDType()),
    "pandas": pd.Series,
    "pandas of objects": lambda texts: pd.Series(texts, dtype=object),
    "pandas of strings": lambda texts: pd.Series(texts, dtype="string"),
    "pandas with an index": lambda texts: pd.Series(texts, index=range(100, 100 + len(texts))),
    "pandas categorical": lambda texts: pd.Series(texts, dtype="category"),
    "polars": pl.Series,
    "polars categorical": lambda texts: pl.Series(texts, dtype=pl.Categorical),
    "polars in pieces": lambda texts: pl.concat([pl.Series(texts[:7]), pl.Series(texts[7:])], rechunk=False),
    "arrow": pa.array,
    "arrow large": lambda texts: pa.array(texts, pa.large_string()),
    "arrow view": lambda texts: pa.array(texts, pa.string_view()),
    "arrow dictionary": lambda texts: pa.array(texts).dictionary_encode(),
    "arrow chunked": lambda texts: pa.chunked_array([texts[:5], [], texts[5:]]),
    "arrow sliced": lambda texts: pa.array(["before", *texts, "behind"]).slice(1, len(texts)),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_every_kind_of_column_gives_the_same_answers(fitted, texts, labels, kind):
    own = [*texts, "naïve 电影 🎬", ""]
    assert np.array_equal(fitted.predict_proba(COLUMNS[kind](own)), fitted.predict_proba(own))


def test_columns_train_too(texts, labels, fitted):
    from conftest import small

    frame = pd.DataFrame({"text": texts, "label": labels})
    assert np.array_equal(small().fit(frame["text"], frame["label"]).predict_proba(texts), fitted.predict_proba(texts))
    frame = pl.DataFrame({"text": texts, "label": labels.tolist()})
    assert np.array_equal(small().fit(frame["text"], frame["label"]).predict_proba(texts), fitted.predict_proba(texts))


def test_values_of_a_dictionary_that_no_row_has_shift_nothing(fitted, texts):
    values = pa.array([None, *texts[:3]])
    column = pa.DictionaryArray.from_arrays(pa.array([1, 3, 2, 3]), values)
    wanted = [texts[0], texts[2], texts[1], texts[2]]
    assert column.to_pylist() == wanted
    assert np.array_equal(fitted.predict_proba(column), fitted.predict_proba(wanted))
    with pytest.raises(ValueError, match="at 1"):
        fitted.predict(pa.DictionaryArray.from_arrays(pa.array([1, 0]), values))


def test_a_column_that_is_no_utf_8_is_refused_by_its_place(fitted):
    raw = pa.array([b"a", None, b"caf\xe9", b"b"])
    sound, broken = [pa.Array.from_buffers(pa.string(), len(part), part.buffers()) for part in (raw.slice(0, 1), raw.drop_null())]
    for column in (broken, pa.chunked_array([sound, broken]), pa.DictionaryArray.from_arrays(pa.array([0, 1]), broken)):
        with pytest.raises(UnicodeError, match=r"expected UTF-8 at [12], got the byte 0xe9 where it cannot stand"):
            fitted.predict(column)
    assert len(fitted.predict(pa.DictionaryArray.from_arrays(pa.array([0, 2]), broken))) == 2


@pytest.mark.parametrize(
    ("wrong", "error", "told"),
    [
        ("a text", TypeError, r"got a str \(for one text: \[texts\]\)"),
        (b"a text", TypeError, "bytes"),
        (5, TypeError, "int"),
        ({"a": 1}, TypeError, "dict"),
        ({"a", "b"}, TypeError, "set"),
        (["a", 3], TypeError, "int at 1"),
        (["a", None], ValueError, "missing value"),
        (["a", float("nan")], ValueError, "at 1, got a missing value"),
        (np.array([[1, 2]]), TypeError, "2 dimensions"),
        (np.array([["a"], ["b"]]), TypeError, "ravel"),
        (np.array([1.0]), TypeError, "float at 0"),
        (pd.DataFrame({"title": ["a"], "n": [1], "body": ["b"]}), TypeError, '"title", "body"'),
        (pl.DataFrame({"title": ["a"], "n": [1]}), TypeError, '"title"'),
        (pa.table({"n": [1]}), TypeError, "none of its columns"),
        (pd.Series([1, 2]), TypeError, "Int64"),
        (pd.Series(["a", None]), ValueError, "at 1"),
        (pl.Series(["a", None]), ValueError, "at 1"),
        (pa.array(["a", "b", None]).dictionary_encode(), ValueError, "at 2"),
        (pa.chunked_array([["a"], ["b", None]]), ValueError, "at 2"),
        (["\ud800"], UnicodeEncodeError, "surrogates"),
    ],
)
def test_what_is_no_text_is_refused_by_its_place(fitted, wrong, error, told):
    with pytest.raises(error, match=told):
        fitted.predict(wrong)
