"""Writes testdata/cases/multi_label.*: the same texts of several labels, or none, in every format that holds such.

Needs pyarrow. Run from the repository: python reference/make_multi_label_cases.py
"""

import csv
import json
import pathlib
import random

import pyarrow
import pyarrow.parquet

WORDS = {
    "food": ["soup", "bread", "salad", "dinner", "dessert"],
    "price": ["cheap", "bill", "expensive", "money", "discount"],
    "service": ["waiter", "staff", "slow", "polite", "queue"],
    "place": ["garden", "window", "noise", "table", "view"],
}
FILLERS = ["we talked about the", "then there was the", "my friend noticed the", "everybody remembers the"]


def rows():
    draw = random.Random(19)
    for number in range(240):
        # "place" is rare, some texts have no label.
        labels = [label for label in WORDS if draw.random() < (0.15 if label == "place" else 0.4)]
        words = [draw.choice(WORDS[label]) for label in labels for _ in range(2)] or ["weather", "journey"]
        draw.shuffle(words)
        text = ", ".join(f"{draw.choice(FILLERS)} {word}" for word in words)
        yield f"{text} on day {number}", labels


def main():
    folder = pathlib.Path(__file__).parent.parent / "testdata" / "cases"
    table = list(rows())
    texts = [text for text, _ in table]
    labels = [labels for _, labels in table]
    with open(folder / "multi_label.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": t, "label": l}) + "\n" for t, l in table)
    for name, cell in [("pipes", "|".join), ("python", repr)]:
        with open(folder / f"multi_label_{name}.csv", "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["text", "label"])
            writer.writerows((t, cell(l)) for t, l in table)
    pyarrow.parquet.write_table(
        pyarrow.table({"text": texts, "label": pyarrow.array(labels, pyarrow.list_(pyarrow.string()))}),
        folder / "multi_label.parquet",
    )


if __name__ == "__main__":
    main()
