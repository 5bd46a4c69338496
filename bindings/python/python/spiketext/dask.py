"""Texts of Dask DataFrames labelled by the workers of a cluster, or by the threads of this process.

    import dask.dataframe, spiketext.dask
    spiketext.dask.classify(dask.dataframe.read_parquet("letters"), "/models/my-model").to_parquet("labelled")
"""

from __future__ import annotations

import os
import sys
from os import PathLike
from typing import Any

import pandas as pd
import pyarrow as pa

from . import arrow

__all__ = ["classify"]


def classify(
    ddf: Any,
    model: arrow.AnyModel,
    text_column: str = "text",
    *,
    prefix: str = "",
    top: int = 0,
    probabilities: bool = False,
) -> Any:
    """A Dask DataFrame with the columns of the answers behind those of ``ddf``, row for row, with its index and partitions.

    Columns, missing texts and errors are those of :func:`spiketext.arrow.classify`; labels are of pandas' ``string[pyarrow]``,
    lists of Arrow's types, ``probability`` is ``float32``, ``unknown`` is ``bool``. What is no text is a ``TypeError`` that names
    the index of its row.

    ``model`` is best the path of a model directory that this process and all workers see: each worker process reads it once.
    A :class:`spiketext.Model` works as well, and is sent along with every task. Each task works on one thread: a worker's
    threads together use as many as it has.
    """
    if not hasattr(ddf, "map_partitions"):
        raise TypeError(f"classify: expected a Dask DataFrame, got a {type(ddf).__name__}")
    if isinstance(model, (str, PathLike)):
        # Workers have working directories of their own.
        model = os.path.abspath(os.fspath(model))
    # Without rows, by the same way: what columns come out, of which types.
    meta = answered(ddf._meta, model, text_column, prefix, top, probabilities)
    # Dask knows results by what they were made from: from another model in the same place they are others.
    seen = arrow.model_stamp(model)
    return ddf.map_partitions(answered, model, text_column, prefix, top, probabilities, seen, meta=meta)


def answered(
    frame: pd.DataFrame,
    model: arrow.AnyModel,
    text_column: str,
    prefix: str,
    top: int,
    probabilities: bool,
    _seen: object = None,
) -> pd.DataFrame:
    """One partition with its answers."""
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"classify: expected partitions of pandas, got a {type(frame).__name__}")
    arrow.refuse_taken(frame.columns, arrow.fields(arrow.model_of(model), prefix, top, probabilities))
    batch = pa.RecordBatch.from_arrays([_texts(frame, text_column)], names=[text_column])
    (answers,) = arrow.classify(
        [batch], model, text_column, prefix=prefix, top=top, probabilities=probabilities, threads=_threads()
    )
    return frame.assign(**{
        name: _series(answers.column(name), frame.index) for name in answers.schema.names[1:]
    })


def _texts(frame: pd.DataFrame, text_column: str) -> pa.Array:
    """A column of pandas as one of Arrow."""
    places = [at for at, name in enumerate(frame.columns) if name == text_column]
    if len(places) != 1:
        shown = ", ".join(repr(str(name)) for name in frame.columns)
        raise ValueError(f"text_column: expected one column {text_column!r}, got {len(places)}; columns: {shown}")
    column = frame.iloc[:, places[0]]
    kind = column.dtype
    if kind == object and len(column) and pd.api.types.infer_dtype(column, skipna=True) not in ("string", "empty"):
        for index, text in column.items():
            if not isinstance(text, str) and not pd.isna(text):
                raise TypeError(
                    f"text_column: expected texts in {text_column!r}, got a {type(text).__name__} in the row of index {index!r}"
                )
    if kind == object:
        return pa.array(column, pa.large_string(), from_pandas=True)
    texts = pa.array(column, from_pandas=True)
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _series(column: pa.Array, index: pd.Index[Any]) -> pd.Series[Any]:
    """A column of answers as one of pandas."""
    if pa.types.is_string(column.type):
        values: Any = pd.StringDtype("pyarrow").__from_arrow__(column.cast(pa.large_string()))
    elif pa.types.is_list(column.type):
        values = pd.arrays.ArrowExtensionArray(column)
    else:
        values = column.to_numpy(zero_copy_only=False)
    return pd.Series(values, index=index)


def _threads() -> int | None:
    """As many threads as the worker runs tasks at once: one a task. Outside of a worker all that there are."""
    # Who is a worker has imported this.
    distributed: Any = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return int(distributed.get_worker().state.nthreads)
    except ValueError:
        return None
