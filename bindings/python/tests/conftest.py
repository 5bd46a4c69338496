"""What the tests share: small texts, and a classifier that learns them in a second."""

import numpy as np
import pytest

from spiketext import SpikeTextClassifier

#: Enough of the recipe to learn these texts, and little of all else.
SMALL = {"network.filters": 8, "network.widths": [2, 3], "words.also-first": 100, "dnn.batch": 16, "dnn.learning-rate": 0.005}

GOOD = ["a warm and funny film", "great acting and a lovely story", "wonderful, moving and clever", "i loved this movie"]
BAD = ["a dull and boring film", "terrible acting and a silly story", "awful, tired and stupid", "i hated this movie"]
ENDS = ["", " indeed", " from start to end", " in every scene", " for two hours", " said my friend", " once again", " to be fair"]


@pytest.fixture(scope="session")
def texts():
    return [text + end for end in ENDS for pair in zip(GOOD, BAD) for text in pair]


@pytest.fixture(scope="session")
def labels(texts):
    return np.array(["good", "bad"] * (len(texts) // 2))


def small(**choices):
    return SpikeTextClassifier(**{"steps": 4, "epochs": 4, "settings": SMALL, **choices})


@pytest.fixture(scope="session")
def fitted(texts, labels):
    return small().fit(texts, labels)
