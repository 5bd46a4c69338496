"""Word vectors from a sentence encoder: each word goes through it alone, and what comes out becomes a file of static vectors.

    python words.py ENCODER --words glove.txt.gz --out distilled.txt.gz [--dimensions 256] [--beside]

As model2vec does: the encoder's pooled state of a single word, the principal components of all of them, and less length for
frequent words, `a / (a + p)` (Arora, Liang and Ma 2017), where a word's share p follows from its rank (Zipf). ENCODER is a
name (see README.md) or a directory that `teacher.py fit` wrote. The words are those of a file of word vectors, in its
order, which is by frequency; --beside puts its own vectors before the new ones, both of one size.
"""

import argparse
import gzip
import sys
import time
from pathlib import Path

import numpy as np
import torch

import encoders
import teacher

FREQUENT = 1e-3  # a of Arora et al.


def vectors(path):
    """The words and vectors of a file in GloVe's form, packed or not."""
    opened = gzip.open if str(path).endswith(".gz") else open
    words, rows = [], []
    with opened(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            word, *numbers = line.rstrip("\n").split(" ")
            if number == 1 and len(numbers) == 1:
                continue  # word2vec's first line
            words.append(word)
            rows.append(np.array(numbers, dtype=np.float32))
    if not words or len({len(row) for row in rows}) != 1:
        raise SystemExit(f"{path}: expected lines of a word and numbers, as many on each")
    return words, np.stack(rows)


def states(name, words, threads):
    """What the encoder makes of each word alone."""
    if Path(name, "teacher.json").is_file():
        _, model, rows_of = teacher.opened(Path(name), None, threads)
        rows, width = rows_of(words), model.head.in_features
    else:
        teacher.fixed(0, threads)
        pretrained = encoders.load(name)
        model = teacher.Teacher(pretrained.shape, pretrained.pooling, 2)
        model.encoder.load_state_dict(pretrained.weights)
        rows, width = pretrained.tokens([pretrained.prefix + word for word in words], 32), pretrained.shape.width
    return teacher.answer(model, rows, model.pooled, width).float().numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", help="a name, a folder of weights, or a directory that teacher.py fit wrote")
    parser.add_argument("--words", required=True, help="word vectors whose words are taken")
    parser.add_argument("--dimensions", type=teacher.count, default=256)
    parser.add_argument("--beside", action="store_true", help="keep the vectors of --words before the new ones")
    parser.add_argument("--threads", type=teacher.count, default=2)
    parser.add_argument("--out", type=Path, required=True, help="a .txt or .txt.gz file")
    parser.add_argument("--force", action="store_true", help="write over a file that is there")
    options = parser.parse_args()
    teacher.check_out(options.out, [options.encoder, options.words], options.force)
    words, known = vectors(options.words)
    began = time.perf_counter()
    found = states(options.encoder, words, options.threads)
    if not 1 <= options.dimensions <= found.shape[1]:
        raise SystemExit(f"--dimensions {options.dimensions}: expected 1 to {found.shape[1]}")
    centred = found - found.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    main_axes = axes[:, ::-1][:, : options.dimensions]
    new = centred @ main_axes
    # Components differ by orders of magnitude; the root of their deviations keeps some of that and hides none.
    new /= np.sqrt(new.std(0))
    share = 1.0 / (np.arange(len(words)) + 1.0)
    share /= share.sum()
    new *= (FREQUENT / (FREQUENT + share))[:, None]
    new /= new.std()
    rows = np.concatenate([known / known.std(), new], 1) if options.beside else new
    opened = gzip.open if options.out.suffix == ".gz" else open
    with opened(options.out, "wt", encoding="utf-8") as file:
        for word, row in zip(words, rows):
            file.write(word + " " + " ".join(f"{number:.4f}" for number in row) + "\n")
    print(f"{options.out}: {len(words)} words of {rows.shape[1]} dimensions, {time.perf_counter() - began:.0f} s",
          file=sys.stderr)


if __name__ == "__main__":
    main()
