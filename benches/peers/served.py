"""Servers to stand beside `spiketext serve`: FastAPI before TF-IDF with logistic regression, and before this project's Python package.

    pip install fastapi uvicorn scikit-learn ./bindings/python
    KIND=tfidf TEXTS=stsa.binary.train uvicorn --app-dir benches/peers served:app --port 8078 --log-level error
    KIND=package MODEL=lean uvicorn --app-dir benches/peers served:app --port 8078 --log-level error
    wrk -t1 -c8 -d6s --latency -s post.lua http://127.0.0.1:8078/v1/classify

A request has one text, as `{"text": ...}`; lines of TEXTS are a label, a space and a text. What came of it: docs/guide/serve.md.
"""

import os

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Asked(BaseModel):
    text: str


if os.environ["KIND"] == "tfidf":
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    with open(os.environ["TEXTS"], encoding="utf-8", errors="replace") as file:
        labels, texts = zip(*(line.rstrip("\n").split(" ", 1) for line in file))
    pipeline = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10, max_iter=1000))
    pipeline.fit(texts, labels)

    def label(text):
        return str(pipeline.predict([text])[0])

else:
    import spiketext

    model = spiketext.Model.load(os.environ["MODEL"])

    def label(text):
        return str(model.predict([text])[0])


@app.post("/v1/classify")
def classify(asked: Asked):
    return {"label": label(asked.text)}
