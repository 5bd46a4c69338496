"""Texts of Spark's DataFrames labelled by its executors (``mapInArrow``).

    from spiketext import spark
    spark.classify(session.read.parquet("letters"), "/models/my-model").write.parquet("labelled")
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from os import PathLike
from typing import TYPE_CHECKING, Any

from . import arrow

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["classify"]


def classify(
    df: Any,
    model: arrow.AnyModel,
    text_column: str = "text",
    *,
    prefix: str = "",
    top: int = 0,
    probabilities: bool = False,
    threads: int = 1,
) -> Any:
    """A DataFrame with the columns of the answers behind those of ``df``, row for row.

    Columns, missing texts and errors are those of :func:`spiketext.arrow.classify`: ``label`` or ``labels`` (``array<string>``),
    ``probability`` (``float``), ``unknown`` (``boolean``). A column that is not of strings, that is not there, or whose name is
    taken (in any case, unless ``spark.sql.caseSensitive``) is an error of this call, before anything runs.

    ``model`` is the path of a model directory that the driver and all executors see; a worker process of Python reads it once.
    A :class:`spiketext.Model` works as well: Spark sends it along. ``threads`` is how many threads a task uses, one unless
    ``spark.task.cpus`` says otherwise. The package has to be installed on all machines (docs/guide/spark.md).
    """
    from pyspark.sql.types import ArrayType, BooleanType, CharType, FloatType, StringType, StructField, StructType, VarcharType

    if not hasattr(df, "mapInArrow"):
        raise TypeError(f"classify: expected a DataFrame of Spark, got a {type(df).__name__}")
    if threads < 1:
        raise ValueError(f"threads: expected a number from 1, got {threads}")
    if isinstance(model, (str, PathLike)):
        text = os.fspath(model)
        if "://" in text or text.startswith(("hdfs:", "s3:", "file:", "dbfs:")):
            raise ValueError(
                "model: expected a path that every machine sees, or a Model (Model.load here, Spark sends it along), got the "
                f"address {text}"
            )
        # Executors have working directories of their own.
        model = os.path.abspath(text)
    known = arrow.model_of(model)
    added = arrow.fields(known, prefix, top, probabilities)
    exact = str(df.sparkSession.conf.get("spark.sql.caseSensitive", "false")).lower() == "true"
    arrow.refuse_taken(df.columns, added, exact=exact)
    found = [field for field in df.schema.fields if field.name == text_column]
    if len(found) != 1:
        shown = ", ".join(map(repr, df.columns))
        raise ValueError(f"text_column: expected one column {text_column!r}, got {len(found)}; columns: {shown}")
    if not isinstance(found[0].dataType, (StringType, CharType, VarcharType)):
        raise TypeError(
            f"text_column: expected a column of strings in {text_column!r}, got {found[0].dataType.simpleString()} "
            f"(a cast says what its texts are: .withColumn(name, column.cast('string')))"
        )
    kinds = {"string": StringType(), "float": FloatType(), "bool": BooleanType()}
    new = []
    for field in added:
        name = str(field.type)
        kind = ArrayType(kinds[str(field.type.value_type)]) if name.startswith("list") else kinds[name]
        new.append(StructField(field.name, kind))
    sent = model if isinstance(model, str) else known

    def answer(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # Runs in the executors: what it needs is imported there.
        try:
            from spiketext.arrow import classify as answers
        except ModuleNotFoundError as error:
            import socket

            raise ModuleNotFoundError(
                f"classify: expected the package spiketext and PyArrow on the machine {socket.gethostname()} (docs/guide/spark.md says "
                f"how they get there, and why not by --py-files): {error}"
            ) from error
        return answers(batches, sent, text_column, prefix=prefix, top=top, probabilities=probabilities, threads=threads)

    return df.mapInArrow(answer, StructType([*df.schema.fields, *new]))
