"""Labels as Python programs have them: lists, arrays, columns, indicator matrices. None is made up, none left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_array(labels: Any, what: str = "labels") -> NDArray[Any]:
    """Labels as an array, one a text (a column of one is taken for that) or a row a text.

    A missing one, or labels of several kinds, are errors that say where.
    """
    if isinstance(labels, (str, bytes, dict, set, frozenset)) or labels is None:
        raise TypeError(f"{what}: expected a label a text, got a {type(labels).__name__}")
    if hasattr(labels, "toarray"):  # SciPy's sparse matrices
        labels = labels.toarray()
    elif hasattr(labels, "to_pylist"):  # PyArrow
        labels = labels.to_pylist()
    elif hasattr(labels, "to_numpy"):  # pandas, Polars
        labels = labels.to_numpy()
    elif not hasattr(labels, "__array__"):
        try:
            labels = list(labels)
        except TypeError:
            raise TypeError(f"{what}: expected a label a text, got a {type(labels).__name__}") from None
    if np.ma.isMaskedArray(labels) and np.ma.getmaskarray(labels).any():
        at = int(np.flatnonzero(np.ma.getmaskarray(labels).ravel())[0])
        raise ValueError(f"{what}: expected a label at {at}, got a missing value")
    if isinstance(labels, list):
        if any(isinstance(label, (list, tuple, np.ndarray)) for label in labels):
            try:
                array = np.asarray(labels)
            except ValueError:
                raise ValueError(f"{what}: expected rows of one length, got rows of several") from None
        else:
            array = np.empty(len(labels), dtype=object)
            array[:] = labels
    else:
        array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array.ravel()
    if array.ndim not in (1, 2):
        raise ValueError(f"{what}: expected a label a text or a row a text, got {array.ndim} dimensions")
    _check_missing(array, what)
    return _of_one_kind(array, what) if array.dtype.kind == "O" else array


def _check_missing(array: NDArray[Any], what: str) -> None:
    if array.dtype.kind in "fc":
        missing = np.isnan(array)
    elif array.dtype.kind in "mM":
        missing = np.isnat(array)
    elif array.dtype.kind == "O":
        missing = np.array([_is_missing(label) for label in array.ravel()], dtype=bool).reshape(array.shape)
    else:
        return
    if missing.any():
        at = int(np.argwhere(missing)[0][0])
        raise ValueError(f"{what}: expected a label at {at}, got a missing value")


def _is_missing(label: Any) -> bool:
    if label is None or type(label).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(label, (float, np.floating, np.datetime64)) and bool(label != label)


def _of_one_kind(array: NDArray[Any], what: str) -> NDArray[Any]:
    """Objects as the array of their kind, if all are of one."""
    kinds: dict[str, int] = {}
    for at, label in enumerate(array.ravel()):
        if isinstance(label, str):
            kind = "str"
        elif isinstance(label, (bool, np.bool_)):
            kind = "bool"
        elif isinstance(label, (int, float, np.integer, np.floating)):
            kind = "number"
        else:
            kind = type(label).__name__
        kinds.setdefault(kind, at)
    if len(kinds) > 1:
        told = " and ".join(f"a {kind} at {at}" for kind, at in list(kinds.items())[:2])
        raise ValueError(f"{what}: expected labels of one kind, got {told}")
    if kinds and next(iter(kinds)) not in ("str", "bool", "number"):
        raise TypeError(f"{what}: expected strings, numbers or truth values, got a {next(iter(kinds))}")
    plain = np.array(array.tolist()) if array.size else array.astype(np.str_)
    # NumPy cuts zeros off the ends of strings, which may be all that tells two of them apart.
    return plain if plain.tolist() == array.tolist() else array
