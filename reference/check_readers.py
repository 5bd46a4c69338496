"""Holds the readers to what other programs write: random tables by Python's csv module in every dialect, pandas, polars
and pyarrow, read back by spiketext. Each must come back equal, or be refused with a line that names the place.

    python reference/check_readers.py SPIKETEXT [TABLES] [SEED]
    python reference/check_readers.py --archive FILE [TABLES] [SEED]

needs pandas, polars and pyarrow. It trains a small model first, since `predict --json` gives texts back one by one;
labels are compared by the counts of `data show --json`. A table that is read otherwise ends the run with its file.

The second way asks nobody: it packs short tables into FILE, an object a line with what must be read from each, for
`crates/spiketext/tests/tables_of_others.rs`. `testdata/tables.jsonl.zst` is `--archive testdata/tables.jsonl.zst`.
"""

import collections
import csv
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import pandas
import polars
import pyarrow
import pyarrow.parquet

PIECES = [
    "a fine film", "not good", "the end", "plot", "it's", '"quoted"', 'a "word" inside', "comma, here", "semi; colon",
    "a | pipe", "tab\there", "two\nlines", "three\n\nlines", "carriage\r\nreturn", "Ünïcode", "电影很好看", "🎬", "NaN",
    "null", "None", "-1", "0.50", "1,5", "=SUM(A1)", "#hash", "back\\slash", "ends with\\", '"', "''", "__label__x", "{\"a\": 1}",
    "[1, 2]", "http://x.y/z?a=b&c=d", "   ", " padded ",
]
LABELS = [["neg", "pos"], ["0", "1"], ["very good", "bad, really", "so-so"], ["1", "2", "10"], ["yes", "no"], ["好", "坏"]]
NAMES = [("text", "label"), ("review", "sentiment"), ("Text", "Class"), ("评论", "标签"), ("sentence", "category")]


def text(draw):
    pieces = [draw.choice(PIECES) for _ in range(draw.randint(1, 4))]
    if not "".join(pieces).strip():
        pieces.append("something")
    return " ".join(pieces)


def table(draw, fewest=30, most=60):
    """Names of columns and rows; text and label stand anywhere among others."""
    text_name, label_name = draw.choice(NAMES)
    labels = draw.choice(LABELS)
    others = draw.sample(["id", "when", "price", "author"], draw.randint(0, 3))
    names = others + [text_name, label_name]
    draw.shuffle(names)
    rows = []
    for number in range(draw.randint(fewest, most)):
        cells = {
            text_name: f"{text(draw)} {number}", label_name: labels[number % len(labels)], "id": str(number),
            "when": f"2024-01-{number % 28 + 1:02}", "price": f"{number}.5", "author": draw.choice(["", "Ann", "B, C", 'D "E" F']),
        }
        rows.append([cells[name] for name in names])
    return names, rows, names.index(text_name), names.index(label_name)


def python_csv(draw, path, names, rows):
    choices = {
        "delimiter": draw.choice(",;\t|"),
        "lineterminator": draw.choice(["\n", "\r\n"]),
        "quotechar": draw.choice(['"', '"', '"', "'"]),
        "quoting": draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC, csv.QUOTE_NONE]),
        "doublequote": draw.random() < 0.8,
    }
    if not choices["doublequote"] or choices["quoting"] == csv.QUOTE_NONE or draw.random() < 0.1:
        choices["escapechar"] = "\\"
    encoding = draw.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16"])
    with open(path, "w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, **choices)
        writer.writerow(names)
        writer.writerows(rows)
    # The dialect that everybody reads: nothing in it may be refused.
    usual = choices["quotechar"] == '"' and choices["doublequote"] and "escapechar" not in choices
    return f"csv {choices} {encoding}", usual


def frame(names, rows):
    return pandas.DataFrame(rows, columns=names)


def pandas_csv(draw, path, names, rows):
    separator = draw.choice(",;\t")
    packed = draw.choice([None, "gzip", "zstd"]) if separator != "\t" else None
    index = draw.random() < 0.3
    # The same bytes at any time.
    compression = {"method": "gzip", "mtime": 1} if packed == "gzip" else packed
    frame(names, rows).to_csv(path, sep=separator, index=index, compression=compression)
    return f"pandas to_csv sep={separator!r} index={index} {packed}", True


def pandas_json(draw, path, names, rows):
    lines = draw.random() < 0.5
    frame(names, rows).to_json(path, orient="records", lines=lines, force_ascii=draw.random() < 0.5)
    return f"pandas to_json lines={lines}", True


def pandas_parquet(draw, path, names, rows):
    codec = draw.choice(["snappy", "gzip", "zstd", "none", "brotli"])
    frame(names, rows).to_parquet(path, compression=None if codec == "none" else codec)
    return f"pandas to_parquet {codec}", codec != "brotli"


def polars_any(draw, path, names, rows):
    data = polars.DataFrame(rows, schema=names, orient="row")
    kind = draw.choice(["csv", "ndjson", "json", "parquet"])
    if kind == "csv":
        separator = draw.choice(",;|")
        style = draw.choice(["necessary", "always", "non_numeric"])
        data.write_csv(path, separator=separator, quote_style=style)
        return f"polars write_csv {separator!r} {style}", True
    getattr(data, f"write_{kind}")(path)
    return f"polars write_{kind}", True


def pyarrow_parquet(draw, path, names, rows):
    columns = {name: pyarrow.array([row[at] for row in rows]) for at, name in enumerate(names)}
    if draw.random() < 0.5:
        columns = {name: column.dictionary_encode() for name, column in columns.items()}
    large = draw.random() < 0.3
    if large:
        columns = {name: column.cast(pyarrow.large_string()) for name, column in columns.items()}
    codec = draw.choice(["snappy", "gzip", "zstd", "lz4", "none"])
    version = draw.choice(["1.0", "2.6"])
    pyarrow.parquet.write_table(pyarrow.table(columns), path, compression=codec, version=version, row_group_size=draw.choice([7, 1000]))
    return f"pyarrow write_table {codec} {version} large={large}", True


WRITERS = [python_csv, python_csv, python_csv, pandas_csv, pandas_json, pandas_parquet, polars_any, pyarrow_parquet]


def ending(told):
    for word, name in [("json", "jsonl"), ("parquet", "parquet"), ("write_table", "parquet"), ("gzip", "csv.gz"), ("zstd", "csv.zst")]:
        if word in told and not (word in ("gzip", "zstd") and "parquet" in told):
            return name
    return "tsv" if "'\\t'" in told else "csv"


def plain(text):
    """What no reader need keep: white space at the ends, and which line end it is."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def archive(place, count, draw):
    """Writes tables of other programs, and what must be read from each, to one packed file."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "table"
        for number in range(count):
            names, rows, text_at, label_at = table(draw, 6, 12)
            told, usual = draw.choice(WRITERS)(draw, path, names, rows)
            lines.append(json.dumps({
                "name": f"{number}.{ending(told)}", "writer": told, "usual": usual, "escaped": "escapechar" in told,
                "single_quotes": "'quotechar': \"'\"" in told, "text": names[text_at], "label": names[label_at], "texts": [row[text_at] for row in rows],
                "labels": [row[label_at] for row in rows], "bytes": path.read_bytes().hex(),
            }, ensure_ascii=False))
            path.unlink()
    packed = pyarrow.Codec("zstd", compression_level=19).compress("\n".join(lines).encode() + b"\n", asbytes=True)
    pathlib.Path(place).write_bytes(packed)
    print(f"{count} tables, {len(packed)} bytes")


def main():
    program = sys.argv[1]
    if program == "--archive":
        count = int(sys.argv[3]) if len(sys.argv) > 3 else 400
        archive(sys.argv[2], count, random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1))
        return
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    draw = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    folder = pathlib.Path(tempfile.mkdtemp())

    def run(*arguments):
        return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, cwd=folder)

    trained = run("train", "--out", "model", "--epochs", "1", "--set", "fine-tuning.epochs=0")
    if trained.returncode:
        sys.exit(trained.stderr)
    outcomes = collections.Counter()
    for number in range(count):
        names, rows, text_at, label_at = table(draw)
        first = folder / "first"
        told, usual = draw.choice(WRITERS)(draw, first, names, rows)
        path = first.rename(folder / f"{number}.{ending(told)}")
        texts = [plain(row[text_at]) for row in rows]
        labels = collections.Counter(row[label_at] for row in rows)

        def wrong(what):
            sys.exit(f"table {number}, {told}: {what}\n{path}")

        outcome = "equal"
        predicted = run("predict", "model", "--file", path, "--json")
        # Without labels, columns may be asked for; whoever names them gets them.
        if predicted.returncode and "--text-column" in predicted.stderr:
            predicted = run("predict", "model", "--file", path, "--json", "--text-column", names[text_at])
            outcome = "equal once the column was named"
        named = []
        if predicted.returncode and "escapechar" in told:
            # Whoever is asked and says so gets them; and some are never asked, since nothing shows.
            named = ["--escape", "\\"]
            predicted = run("predict", "model", "--file", path, "--json", "--text-column", names[text_at], *named)
            outcome = "equal once --escape was said"
        if predicted.returncode:
            if usual:
                wrong(f"refused: {predicted.stderr}")
            if path.name not in predicted.stderr:
                wrong(f"a refusal that names no place: {predicted.stderr}")
            outcome = "refused"
        else:
            found = [plain(json.loads(line)["text"]) for line in predicted.stdout.splitlines()]
            # An escape before a backslash cannot be told from two backslashes.
            if "escapechar" in told and [own.replace("\\\\", "\\") for own in found] == texts:
                outcome += ", backslashes as they stand" if found != texts else ""
            elif found != texts:
                pairs = [(own, other) for own, other in zip(found, texts) if own != other]
                wrong(f"{len(found)} texts of {len(texts)}, first that differs {pairs[:1]}")
            shown = run("data", "show", path, "--json", "--text-column", names[text_at], "--label-column", names[label_at], *named)
            if shown.returncode:
                wrong(f"labels refused: {shown.stderr}")
            shown = json.loads(shown.stdout)
            counts = collections.Counter()
            for part in shown["summary"]["parts"]:
                counts.update(dict(zip(shown["labels"], part["classes"])))
            if counts != labels:
                wrong(f"labels {counts}, not {labels}")
        outcomes[(told.split(" ")[0] + " " + told.split(" ")[1] if not told.startswith("csv") else "csv", outcome)] += 1
        path.unlink()
    for (writer, outcome), times in sorted(outcomes.items()):
        print(f"{writer}: {outcome}: {times}")


if __name__ == "__main__":
    main()
