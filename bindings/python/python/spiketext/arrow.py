"""Batches of Arrow in, the same batches with answers out: what Spark, Dask and other engines run in their workers.

    from spiketext import arrow
    for batch in arrow.classify(pyarrow.parquet.ParquetFile("letters.parquet").iter_batches(), "my-model"):
        ...

Memory does not grow with the number of batches: one is read, answered and given back before the next is asked for.
"""

from __future__ import annotations

import os
import socket
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from os import PathLike
from typing import Any, TypeAlias

import numpy as np

from . import set_threads
from ._model import Model

try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ModuleNotFoundError as error:
    told = f"spiketext.arrow: expected PyArrow (pip install 'spiketext[arrow]'): {error}"
    raise ModuleNotFoundError(told, name=error.name) from error

__all__ = ["classify", "load", "schema"]

#: A model directory, or a model in memory. A path is read once in a process.
AnyModel: TypeAlias = "str | PathLike[str] | Model | Any"

#: What is known of a model directory without reading it: names, times of change, sizes and places of its files.
Stamp: TypeAlias = tuple[tuple[str, int, int, int], ...]

#: Models that a process keeps. More are rarely used in turn, and each takes megabytes.
_KEPT = 4

#: How often a directory is read again that is written to meanwhile.
_TRIES = 5

#: The entries that a column of lists can have: its offsets are whole numbers of 32 bits.
_MOST_ENTRIES = 2**31 - 1

_models: OrderedDict[str, tuple[Stamp, Model]] = OrderedDict()
_loading = threading.Lock()
if hasattr(os, "register_at_fork"):
    # A child of a process whose other thread was loading would wait for that thread, which it does not have.
    def _new_lock() -> None:
        global _loading
        _loading = threading.Lock()

    os.register_at_fork(after_in_child=_new_lock)


def load(path: str | PathLike[str]) -> Model:
    """The model in the directory ``path``, read once in a process and again when it was replaced.

    Errors name this machine: in an engine the path may be there on one and not on another.
    """
    where = os.path.abspath(os.fspath(path))
    with _loading:
        for _ in range(_TRIES):
            seen = _stamp(where)
            kept = _models.get(where)
            if kept is not None and kept[0] == seen:
                _models.move_to_end(where)
                return kept[1]
            try:
                model = Model.load(where)
            except (OSError, ValueError) as error:
                # Between two of its files it may have been replaced.
                if _stamp(where) != seen:
                    continue
                raise type(error)(f"{error} (on the machine {socket.gethostname()})") from error
            if _stamp(where) == seen:
                _models[where] = (seen, model)
                _models.move_to_end(where)
                while len(_models) > _KEPT:
                    _models.popitem(last=False)
                return model
    raise OSError(
        f"classify: expected a model that stays as it is while it is read, got one that changed {_TRIES} times: {where}, on the "
        f"machine {socket.gethostname()} (write a new one beside it and rename it)"
    )


def _stamp(path: str) -> Stamp:
    """What changes when the model is replaced."""
    try:
        with os.scandir(path) as entries:
            told = [(entry.name, entry.stat()) for entry in entries]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(
            f"classify: expected a model directory at {path}, got none on the machine {socket.gethostname()} ({error.strerror}): "
            "every machine that labels texts has to see it under this path (a shared folder, or a copy on each), or be given a Model"
        ) from error
    return tuple(sorted((name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in told))


def schema(
    input_schema: pa.Schema,
    model: AnyModel,
    text_column: str = "text",
    *,
    prefix: str = "",
    top: int = 0,
    probabilities: bool = False,
) -> pa.Schema:
    """The schema of what :func:`classify` makes of batches of ``input_schema``: engines have to be told it beforehand.

    Raises as :func:`classify` does at its first batch.
    """
    if not isinstance(input_schema, pa.Schema):
        raise TypeError(f"schema: expected a pyarrow.Schema, got a {type(input_schema).__name__}")
    added = fields(model_of(model), prefix, top, probabilities)
    _text_index(input_schema, text_column, "")
    refuse_taken(input_schema.names, added)
    return _with(input_schema, added)


def classify(
    batches: Any,
    model: AnyModel,
    text_column: str = "text",
    *,
    prefix: str = "",
    top: int = 0,
    probabilities: bool = False,
    threads: int | None = None,
) -> Iterator[pa.RecordBatch]:
    """Labels the texts of a column: each batch comes back with the columns of the answers behind its own.

    ``batches`` is an iterable of record batches, a table, a reader, or what gives such a stream (``__arrow_c_stream__``: tables
    of Polars and pandas). Rows keep their order, batches without rows stay, and a table without batches gives one without rows. A batch is read when the one before it was taken.

    ``model`` is the path of a model directory, which a process reads once (:func:`load`), or a :class:`Model`.

    The texts of ``text_column`` are of Arrow's type string, large_string or string_view, or a dictionary of these. A missing
    text (null) is answered as an empty one, as by ``spiketext predict``: ``unknown``, with the classes' shares in training. A
    text that is not UTF-8 is read with U+FFFD for what cannot be, a ``UnicodeWarning`` says how many; the column itself is
    given back as it came.

    Columns that are added, as ``spiketext predict --out`` adds them, each name behind ``prefix``:

    - ``label`` (string); of a model of several labels ``labels`` (list of strings, the most probable first, maybe none);
    - ``probability`` (float32, 0 to 1): that of the most probable class;
    - ``unknown`` (bool): no word of the text is known to the model;
    - with ``top`` = K, ``label_1``, ``probability_1`` to ``label_K``, ``probability_K``: the K most probable classes;
    - with ``probabilities`` the column ``probabilities`` (list of float32): of all classes, in the order of ``Model.labels``.

    ``threads`` sets how many threads of this process work from then on (:func:`spiketext.set_threads`); ``None`` leaves that.

    Raises ``TypeError`` for what is no batch or no column of texts, ``ValueError`` for a column that is not there, that is
    there already, or for a batch whose columns are not those of the first; both say in which batch and from which row.
    ``FileNotFoundError`` for a model that is not there names the path and the machine.
    """
    if threads is not None:
        set_threads(threads)
    known = model_of(model)
    return _answers(_batches(batches), known, text_column, fields(known, prefix, top, probabilities), top, probabilities)


def model_of(model: AnyModel) -> Model:
    """The model that is meant by a path, a model or a classifier."""
    if isinstance(model, (str, PathLike)):
        return load(model)
    # A fitted SpikeTextClassifier has one.
    found = getattr(model, "model_", model)
    if not isinstance(found, Model):
        raise TypeError(f"classify: expected the path of a model directory or a Model, got a {type(model).__name__}")
    return found


def model_stamp(model: AnyModel) -> Stamp | None:
    """What changes when the model at a path is replaced; ``None`` for a model in memory."""
    return _stamp(os.path.abspath(os.fspath(model))) if isinstance(model, (str, PathLike)) else None


def fields(model: Model, prefix: str, top: int, probabilities: bool) -> list[pa.Field]:
    """The columns that answers of ``model`` are given in."""
    if not isinstance(prefix, str):
        raise TypeError(f"prefix: expected a str, got a {type(prefix).__name__}")
    if isinstance(top, bool) or not isinstance(top, (int, np.integer)):
        raise TypeError(f"top: expected a number of classes, got a {type(top).__name__}")
    if not 0 <= top <= len(model.labels):
        raise ValueError(f"top: expected a number of classes from 0 to {len(model.labels)}, which the model has, got {top}")
    told = [("labels", pa.list_(pa.string())) if model.multi_label else ("label", pa.string())]
    told += [("probability", pa.float32()), ("unknown", pa.bool_())]
    for rank in range(1, top + 1):
        told += [(f"label_{rank}", pa.string()), (f"probability_{rank}", pa.float32())]
    if probabilities:
        told.append(("probabilities", pa.list_(pa.float32())))
    return [pa.field(prefix + name, kind) for name, kind in told]


def refuse_taken(names: Iterable[str], added: list[pa.Field], *, exact: bool = True) -> None:
    """Refuses columns of answers whose names a table has already; where not ``exact``, whatever their case is."""
    same = str if exact else str.casefold
    there = {same(str(name)) for name in names}
    taken = [field.name for field in added if same(field.name) in there]
    if taken:
        shown = ", ".join(map(repr, taken))
        raise ValueError(
            f"classify: expected a table without the columns of the answers, got {shown} (prefix= names them otherwise)"
        )


def _with(input_schema: pa.Schema, added: list[pa.Field]) -> pa.Schema:
    return pa.schema([*input_schema, *added], metadata=input_schema.metadata)


def _batches(source: Any) -> Iterator[Any]:
    """Batches of whatever holds some."""
    if isinstance(source, pa.RecordBatch):
        return iter([source])
    if isinstance(source, pa.Table):
        return _read(source.to_reader())
    if isinstance(source, pa.RecordBatchReader):
        return _read(source)
    if hasattr(source, "__arrow_c_stream__"):
        return _read(pa.RecordBatchReader.from_stream(source))
    if isinstance(source, (str, bytes, dict)) or not isinstance(source, Iterable):
        raise TypeError(
            f"classify: expected record batches of PyArrow, a Table or a RecordBatchReader, got a {type(source).__name__}"
        )
    return iter(source)


def _read(reader: pa.RecordBatchReader) -> Iterator[Any]:
    """The batches of a reader, and one without rows if there are none: otherwise no trace of its columns would be left."""
    number = -1
    for number, batch in enumerate(reader):
        yield batch
    if number < 0:
        columns = [column.combine_chunks() for column in reader.schema.empty_table().columns]
        yield pa.RecordBatch.from_arrays(columns, schema=reader.schema)


def _answers(
    batches: Iterator[Any], model: Model, text_column: str, added: list[pa.Field], top: int, probabilities: bool
) -> Iterator[pa.RecordBatch]:
    first: pa.Schema | None = None
    at = 0
    before = 0
    # So that a list a text never has more entries than its offsets can count.
    most = max(_MOST_ENTRIES // len(model.labels), 1)
    for number, batch in enumerate(batches):
        where = f" in batch {number} (rows from {before})"
        if not isinstance(batch, pa.RecordBatch):
            raise TypeError(f"classify: expected a pyarrow.RecordBatch{where}, got a {type(batch).__name__}")
        if first is None:
            first = batch.schema
            at = _text_index(first, text_column, where)
            refuse_taken(first.names, added)
            out = _with(first, added)
        elif not batch.schema.equals(first):
            told = _difference(first, batch.schema)
            raise ValueError(f"classify: expected{where} the columns of the first batch, got {told}")
        for start in range(0, max(batch.num_rows, 1), most):
            piece = batch.slice(start, most)
            place = f" in batch {number} (rows from {before + start})"
            answers = _columns(model, piece.column(at), text_column, place, top, probabilities)
            yield pa.RecordBatch.from_arrays([*piece.columns, *answers], schema=out)
        before += batch.num_rows


def _difference(expected: pa.Schema, got: pa.Schema) -> str:
    """The first column in which schemas differ."""
    for wanted, field in zip(expected, got):
        if wanted.name != field.name:
            return f"a column {field.name!r} in the place of {wanted.name!r}"
        if wanted.type != field.type or wanted.nullable != field.nullable:
            return f"{field.name!r} of {_kind(field)} where it was {_kind(wanted)}"
    return f"{len(got)} columns where there were {len(expected)}"


def _kind(field: pa.Field) -> str:
    return f"{field.type}" if field.nullable else f"{field.type} not null"


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    # A column of nothing but missing texts may be of the type null.
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind)
    )


def _text_index(of: pa.Schema, text_column: str, where: str) -> int:
    """The place of the column of texts."""
    if not isinstance(text_column, str):
        raise TypeError(f"text_column: expected the name of a column, got a {type(text_column).__name__}")
    places = [at for at, name in enumerate(of.names) if name == text_column]
    if len(places) != 1:
        texts = [field.name for field in of if _is_text(field.type)]
        told = f"those of texts are {', '.join(map(repr, texts))}" if texts else "none of its columns is one of texts"
        got = "no such column" if not places else f"{len(places)} of them"
        raise ValueError(f"text_column: expected one column {text_column!r}{where}, got {got}: {told}")
    kind = of.field(places[0]).type
    if not _is_text(kind):
        binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        advice = "; bytes become texts by .cast(pa.string())" if binary else ""
        raise TypeError(
            f"text_column: expected a column of texts (string, large_string, string_view, or a dictionary of these) in "
            f"{text_column!r}{where}, got {kind}{advice}"
        )
    return places[0]


def _columns(
    model: Model, column: pa.Array, text_column: str, where: str, top: int, probabilities: bool
) -> list[pa.Array]:
    """The answers to the texts of one column, a column each."""
    texts = _present(column)
    try:
        shares, numbers, members, unknown = model._core.answer(texts)
    except UnicodeError:
        texts, repaired = _repaired(texts)
        warnings.warn(
            f"classify: {len(repaired)} of {len(texts)} texts of {text_column!r}{where} are not UTF-8, the first of them in row "
            f"{repaired[0]} of these: read with U+FFFD for what cannot be",
            UnicodeWarning,
            stacklevel=2,
        )
        shares, numbers, members, unknown = model._core.answer(texts)
    labels = pa.array(model.labels, pa.string())
    columns: list[pa.Array] = []
    if members is None:
        columns.append(labels.take(pa.array(numbers)))
    else:
        # The most probable first.
        order = np.argsort(-shares, axis=1, kind="stable")
        chosen = order[np.take_along_axis(members, order, axis=1)]
        ends = np.concatenate([[0], np.cumsum(members.sum(axis=1))]).astype(np.int32)
        columns.append(pa.ListArray.from_arrays(pa.array(ends), labels.take(pa.array(chosen))))
    rows = np.arange(len(numbers))
    columns += [pa.array(shares[rows, numbers]), pa.array(unknown)]
    if top:
        # The answer comes first, then the others by their probability; what is equal, in the order of the classes.
        ranked = shares.copy()
        ranked[rows, numbers] = np.inf
        order = np.argsort(-ranked, axis=1, kind="stable")[:, :top]
        for rank in range(top):
            columns += [labels.take(pa.array(order[:, rank])), pa.array(shares[rows, order[:, rank]])]
    if probabilities:
        ends = np.arange(len(rows) + 1, dtype=np.int32) * np.int32(len(labels))
        columns.append(pa.ListArray.from_arrays(pa.array(ends), pa.array(shares.ravel())))
    return columns


def _present(column: pa.Array) -> pa.Array:
    """The column with an empty text where one is missing."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_null(kind):
        return pa.array([""] * len(column), pa.string())
    if pa.types.is_dictionary(column.type):
        if not column.null_count and not column.dictionary.null_count:
            return column
        # Not all of Arrow's functions know every type: those that are wanted here know this one.
        values = column.dictionary.cast(pa.large_string())
        column = pa.DictionaryArray.from_arrays(column.indices, values).dictionary_decode()
    if not column.null_count:
        return column
    return pc.fill_null(column.cast(pa.large_string()), "")


def _repaired(column: pa.Array) -> tuple[pa.Array, list[int]]:
    """The texts with U+FFFD for each byte that cannot stand where it stands, and the rows in which there are such."""
    if pa.types.is_dictionary(column.type):
        values = column.dictionary.cast(pa.large_string()).cast(pa.large_binary())
        raw = [values[key].as_py() for key in column.indices.to_pylist()]
    else:
        raw = column.cast(pa.large_string()).cast(pa.large_binary()).to_pylist()
    texts, repaired = [], []
    for row, each in enumerate(raw):
        try:
            texts.append(each.decode("utf-8"))
        except UnicodeDecodeError:
            repaired.append(row)
            texts.append(each.decode("utf-8", "replace"))
    return pa.array(texts, pa.large_string()), repaired
