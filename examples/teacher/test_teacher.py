"""What the scripts refuse before any work, the heads of a split, and the record of a teacher's texts: `python -m unittest` in this folder."""

import argparse
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

import heads
import teacher


class Refusals(unittest.TestCase):
    def test_numbers_of_nothing_are_refused(self):
        for text in ("0", "-1", "two", "1.5", ""):
            self.assertRaises(argparse.ArgumentTypeError, teacher.count, text)
        for text in ("0", "-1", "nan", "inf", ""):
            self.assertRaises(argparse.ArgumentTypeError, teacher.rate, text)
        self.assertEqual((teacher.count("3"), teacher.rate("5e-5")), (3, 5e-5))

    def test_no_file_that_is_read_is_written_over(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            read, other, link = folder / "train.csv", folder / "other.csv", folder / "link.csv"
            read.write_text("text\nx\n")
            other.write_text("text\ny\n")
            link.symlink_to(read)
            inside = folder / "fitted"
            inside.mkdir()
            for out, force in ((read, True), (link, True), (other, False), (inside / "a.jsonl", True), (inside, True),
                               (folder / "none" / "a.jsonl", False)):
                with self.assertRaises(SystemExit, msg=str(out)):
                    teacher.check_out(out, [inside, read], force)
            teacher.check_out(other, [inside, read], True)
            teacher.check_out(folder / "new.jsonl", [inside, read], False)


class Record(unittest.TestCase):
    def test_texts_are_known_whatever_their_case_and_blanks(self):
        # As `spiketext::data::teacher::FittedOn` has it, for the same.
        fitted = teacher.fitted_on([" Good film", "good  FILM\n"])
        self.assertEqual((fitted["texts"], fitted["least"]), (1, ["e1f9a9685be5d557"]))
        many = teacher.fitted_on([f"text {number}" for number in range(1000)], fitted["least"])
        self.assertEqual((many["texts"], len(many["least"]), sorted(many["least"])), (1001, teacher.NAMED, many["least"]))


class Heads(unittest.TestCase):
    def setUp(self):
        torch.set_num_threads(1)

    def test_rows_of_grams_are_fitted_as_dense_rows(self):
        texts = ["好吃很好", "不好吃", "很好很快", "太慢不好", "好快", "慢 慢"]
        own, rows = heads.Grams(texts).of(np.arange(len(texts)))
        dense = own.rows.to_dense()
        self.assertTrue(torch.allclose(dense.norm(dim=1), torch.ones(len(texts)), atol=1e-6))
        self.assertEqual(rows([1]).shape, (1, own.shape[1]))
        right = torch.tensor([1, 0, 1, 0, 1, 0])
        for of_sparse, of_dense in zip(heads.fitted(own, right, 2, 1e-2), heads.fitted(dense, right, 2, 1e-2)):
            self.assertTrue(torch.allclose(of_sparse, of_dense, atol=1e-3))

    def test_what_is_held_back_is_answered_by_who_has_not_seen_it(self):
        # Features that say nothing: a head that had seen a text could still know it, one that has not is right half the time.
        generator = np.random.default_rng(0)
        texts = [f"text {number}" for number in range(200)]
        place = {heads.key(text): row for row, text in enumerate(texts)}
        source = heads.Features("here", texts, place, generator.normal(size=(200, 150)).astype(np.float32))
        right = torch.from_numpy(generator.integers(0, 2, 200))
        fold_of = np.arange(200) % heads.FOLDS
        _, _, held = heads.held_back(source, np.arange(200), fold_of, right, 2)
        self.assertLess(abs((held.argmax(1) == right).float().mean().item() - 0.5), 0.12)
        with self.assertRaises(SystemExit):
            heads.Features("here", ["another text"], place, source.rows)

    def test_the_better_source_weighs_more(self):
        right = torch.tensor([0, 1] * 50)
        good = torch.nn.functional.one_hot(right, 2).float()
        good[:10] = good[:10].flip(1)
        noise = torch.from_numpy(np.random.default_rng(1).normal(size=(100, 2))).float()
        better, worse = heads.mixed(torch.stack([good, noise]), right).tolist()
        self.assertGreater(better, 2 * abs(worse))


if __name__ == "__main__":
    unittest.main()
