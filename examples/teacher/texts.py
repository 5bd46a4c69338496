"""Texts for a teacher to answer, without labels: sentences of English film reviews, or Chinese reviews of goods.

    python texts.py snippets --archive rt.reviews.tsv.gz --out snippets.csv
    python texts.py movies --archive movie_reviews.zip --out movies.csv
    python texts.py goods --archive online_shopping_10_cats.zip --out goods.csv --most 30000

The archives, each once on request from where it is kept (this script opens no connection):

snippets https://github.com/christopheraaronhenry/box_office_growth, data/rt.reviews.tsv.gz (a file that many courses hand out):
         what critics wrote in a sentence or two, as MR and SST are made of, whose texts may be among them: `train` refuses those
         that it tests. Of 6 to 60 words, each once; whether a critic liked a film is left out.
movies   https://github.com/nltk/nltk_data, packages/corpora/movie_reviews.zip: the 2,000 reviews of Pang and Lee 2004 in lower
         case, a sentence a line. Sentences of 6 to 60 words, each once: 60,139.
goods    https://github.com/SophonPlus/ChineseNlpCorpus, datasets/online_shopping_10_cats: reviews of ten kinds of goods. Those of
         hotels are left out, as ChnSentiCorp holds hotel reviews.

Texts come in an order that the seed decides, so that --most takes a fair part of them.
"""

import argparse
import csv
import gzip
import hashlib
import io
import random
import sys
import zipfile
from pathlib import Path

SHA256 = {
    "snippets": "769086a46cab2f6aaca96c299f7f7fc84a68b8057773b97285424298f9a1dacb",
    "movies": "a41211ae685019137410268134db6a1a14428c89b671eb83056151a878539008",
    "goods": "6816ded66fde9d0927ecbd370b5e12d0174d1abac35192ec014ac2a0a8d25858",
}
FEWEST, MOST = 6, 60  # words of an English text
HOTELS = "酒店"


def of_usual_length(texts):
    for words in map(str.split, texts):
        if FEWEST <= len(words) <= MOST:
            yield " ".join(words)


def snippets(path):
    with gzip.open(path, "rt", encoding="latin-1", newline="") as file:
        yield from of_usual_length(row["review"] or "" for row in csv.DictReader(file, delimiter="\t"))


def movies(path):
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".txt"):
                yield from of_usual_length(io.TextIOWrapper(archive.open(name), encoding="latin-1"))


def goods(path):
    with zipfile.ZipFile(path) as archive, archive.open("online_shopping_10_cats.csv") as file:
        for row in csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig", newline="")):
            if row["cat"] != HOTELS and (row["review"] or "").strip():
                yield " ".join(row["review"].split())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=SHA256)
    parser.add_argument("--archive", type=Path, required=True)
    parser.add_argument("--most", type=int, help="texts [default: all]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="a CSV file with the column `text`, not there yet")
    options = parser.parse_args()
    if options.out.exists():
        raise SystemExit(f"--out {options.out}: expected a name that is free, and it is there already")
    try:
        found = hashlib.sha256(options.archive.read_bytes()).hexdigest()
    except OSError as error:
        raise SystemExit(f"--archive {options.archive}: expected the archive of `{options.what}`, got: {error}")
    if found != SHA256[options.what]:
        raise SystemExit(f"--archive {options.archive}: expected the sha256 {SHA256[options.what]}, got {found}")
    texts = list(dict.fromkeys({"snippets": snippets, "movies": movies, "goods": goods}[options.what](options.archive)))
    random.Random(options.seed).shuffle(texts)
    texts = texts[: options.most]
    with open(options.out, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text"])
        writer.writerows([text] for text in texts)
    print(f"{options.out}: {len(texts)} texts", file=sys.stderr)


if __name__ == "__main__":
    main()
