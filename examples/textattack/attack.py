"""Attacks a spiketext model with TextAttack, and with spiketext's own attack of the same name.

    python attack.py --data-dir FOLDER                         trains recipe `sparse` on SST-2, attacks 100 development texts
    python attack.py --model MODEL --count 20 --out out.json   attacks a model that is there

What TextAttack needs of a model is the class `SpikingModel` below. Packages and data: README.md beside this file.
"""

import argparse
import importlib.metadata
import json
import platform
import random
import time

import numpy as np
import textattack
from textattack.attack_recipes import DeepWordBugGao2018
from textattack.attack_results import SkippedAttackResult, SuccessfulAttackResult
from textattack.models.wrappers import ModelWrapper

from spiketext import Model, SpikeTextClassifier, datasets


class SpikingModel(ModelWrapper):
    """Texts in, probabilities [N, K] out, in the order of the model's labels: all that an attack from outside asks for."""

    def __init__(self, model):
        # Either a Model or a fitted SpikeTextClassifier; both have predict_proba.
        self.model = model

    def __call__(self, texts):
        return self.model.predict_proba(texts)


def attack(model, texts, labels, seed):
    """TextAttack's DeepWordBug on texts whose labels are given by number; its figures."""
    # TextAttack draws typos from Python's and NumPy's common streams.
    random.seed(seed)
    np.random.seed(seed)
    recipe = DeepWordBugGao2018.build(SpikingModel(model))
    texts_and_labels = textattack.datasets.Dataset(list(zip(texts, labels)))
    arguments = textattack.AttackArgs(num_examples=len(texts), random_seed=seed, disable_stdout=True, silent=True)
    began = time.perf_counter()
    results = textattack.Attacker(recipe, texts_and_labels, arguments).attack_dataset()
    seconds = time.perf_counter() - began
    skipped = [result for result in results if isinstance(result, SkippedAttackResult)]
    succeeded = [result for result in results if isinstance(result, SuccessfulAttackResult)]
    attacked = [result for result in results if not isinstance(result, SkippedAttackResult)]
    for result in succeeded[:3]:
        print(result.original_text(), "->", result.perturbed_text(), sep="\n  ")
    # The model's own word on what fooled it.
    if succeeded:
        answers = model.predict_proba([result.perturbed_text() for result in succeeded]).argmax(axis=1)
        assert (answers != [result.original_result.ground_truth_output for result in succeeded]).all()
    return figures(len(skipped), len(attacked), len(succeeded), [result.num_queries for result in attacked], seconds)


def own_attack(model, texts, labels, seed):
    """spiketext's attack of the same name on the same texts."""
    began = time.perf_counter()
    records = model.attack(texts, [model.labels[label] for label in labels], "deepwordbug", seed=seed).records
    seconds = time.perf_counter() - began
    attacked = [record for record in records if record["ending"] != "skipped"]
    succeeded = sum(record["ending"] == "succeeded" for record in attacked)
    return figures(len(records) - len(attacked), len(attacked), succeeded, [record["queries"] for record in attacked], seconds)


def figures(skipped, attacked, succeeded, queries, seconds):
    texts = skipped + attacked
    return {
        "skipped": skipped,
        "attacked": attacked,
        "succeeded": succeeded,
        "success_rate": round(100 * succeeded / max(attacked, 1), 2),
        "accuracy_before": round(100 * attacked / texts, 2),
        "accuracy_after": round(100 * (attacked - succeeded) / texts, 2),
        "queries_a_text": round(sum(queries) / max(attacked, 1), 2),
        "seconds": round(seconds, 3),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a model directory; without one, a model is trained")
    parser.add_argument("--recipe", default="sparse")
    parser.add_argument("--data-dir", help="the folder with the files of SST-2 (`spiketext data list`)")
    parser.add_argument("--count", type=int, default=100, help="attack so many development texts, the first ones")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="write the figures as JSON")
    arguments = parser.parse_args()
    sst2 = datasets.load("sst2", data_dir=arguments.data_dir)
    if arguments.model:
        model = Model.load(arguments.model)
    else:
        classifier = SpikeTextClassifier(arguments.recipe, random_state=arguments.seed)
        model = classifier.fit(sst2.train.texts, sst2.train.labels).model_
    texts = sst2.development.texts[: arguments.count]
    labels = [model.labels.index(label) for label in sst2.development.labels[: arguments.count]]
    told = {
        "model": model.training["recipe"], "model_seed": model.training["seed"], "data": "sst2, development",
        "texts": len(texts), "seed": arguments.seed, "day": time.strftime("%Y-%m-%d"), "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in ("spiketext", "textattack", "torch", "nltk", "numpy")},
        "textattack": attack(model, texts, labels, arguments.seed),
        "spiketext": own_attack(model, texts, labels, arguments.seed),
    }
    print(json.dumps(told, indent=1))
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            file.write(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
