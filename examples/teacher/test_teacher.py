"""What the scripts refuse before any work, and the record of a teacher's texts: `python -m unittest` in this folder."""

import argparse
import tempfile
import unittest
from pathlib import Path

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


if __name__ == "__main__":
    unittest.main()
