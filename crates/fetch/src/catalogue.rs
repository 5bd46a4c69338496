//! What can be fetched, where it is, and the sums that tell it is the true one.
//!
//! The data sets are those of [`spiketext::data::known`] that are not built in, under the same names.

use std::borrow::Cow;

use spiketext::data::treebank::Grain;

use crate::{Content, Item, Member, Remote, TreeFile};

/// The treebank's archive, which holds three data sets.
const TREES: Remote = Remote::new(
    "https://nlp.stanford.edu/sentiment/trainDevTestTrees_PTB.zip",
    789_539,
    "5c613a4f673fc74097d523a2c83f38e0cc462984d847b82c7aaf36b01cbbbfcc",
);

const TREE_FILES: &[TreeFile] = &[
    TreeFile { member: "train.txt", part: "train", fine: 8544, binary: 6920 },
    TreeFile { member: "dev.txt", part: "dev", fine: 1101, binary: 872 },
    TreeFile { member: "test.txt", part: "test", fine: 2210, binary: 1821 },
];

const fn treebank(name: &'static str) -> Item {
    Item { name, remote: TREES, content: Content::Trees(Cow::Borrowed(TREE_FILES)) }
}

/// The different phrases of its training sentences that are not neutral and no development or test sentence.
const PHRASES: usize = 77_199;

/// The different phrases of its training sentences that are no development or test sentence.
const FINE_PHRASES: usize = 157_395;

static DATA: [Item; 8] = [
    Item {
        name: "mr",
        remote: Remote::unchecked("https://www.cs.cornell.edu/people/pabo/movie-review-data/rt-polaritydata.tar.gz"),
        content: Content::Members(Cow::Borrowed(&[
            Member {
                member: "rt-polarity.neg",
                file: "rt-polarity.neg",
                bytes: 612_256,
                sha256: "4ace77d558c3714723843f1d65b60c01e3417b208180f0728808d76ad0eeeaca",
            },
            Member {
                member: "rt-polarity.pos",
                file: "rt-polarity.pos",
                bytes: 626_139,
                sha256: "2da124ec187a9d5a29c9f04e91c540e02baed5af8868f550a26bd6fd4dbf8bf0",
            },
        ])),
    },
    Item {
        name: "subj",
        remote: Remote::unchecked("https://www.cs.cornell.edu/people/pabo/movie-review-data/rotten_imdb.tar.gz"),
        content: Content::Members(Cow::Borrowed(&[
            Member {
                member: "plot.tok.gt9.5000",
                file: "subj.objective",
                bytes: 669_456,
                sha256: "5ddc9b44dc60d64d651347fcd7bdd489b0c70661e3f768215c16eea36f51204a",
            },
            Member {
                member: "quote.tok.gt9.5000",
                file: "subj.subjective",
                bytes: 630_790,
                sha256: "73a2dcf8dc3cbcc7f068a70ef9f021c86b2a8e4dac81566b7fd015b3e938f2c5",
            },
        ])),
    },
    treebank("sst2"),
    Item {
        name: "sst2-phrases",
        remote: TREES,
        content: Content::Phrases { trees: Cow::Borrowed(TREE_FILES), grain: Grain::Binary, phrases: PHRASES },
    },
    treebank("sst5"),
    Item {
        name: "sst5-phrases",
        remote: TREES,
        content: Content::Phrases { trees: Cow::Borrowed(TREE_FILES), grain: Grain::Fine, phrases: FINE_PHRASES },
    },
    Item {
        name: "chnsenti",
        remote: Remote::new(
            "https://raw.githubusercontent.com/SophonPlus/ChineseNlpCorpus/master/datasets/\
             ChnSentiCorp_htl_all/ChnSentiCorp_htl_all.csv",
            2_904_858,
            "1d414b9c65caf3a836abdb4efded621968502ad3338e1a9d885ae131c86083f0",
        ),
        content: Content::Whole,
    },
    Item {
        name: "waimai",
        remote: Remote::new(
            "https://raw.githubusercontent.com/SophonPlus/ChineseNlpCorpus/master/datasets/waimai_10k/waimai_10k.csv",
            919_380,
            "b8b5c11c00b51578d35937fca56e03a126b45381f1ea4b22893237cb377a26fe",
        ),
        content: Content::Whole,
    },
];

/// An archive of word vectors, kept as it is: [`spiketext::vectors::read`] reads its members.
#[derive(Clone, Debug)]
pub struct Vectors {
    /// The archive.
    pub item: Item,
    /// The files of vectors in it.
    pub members: &'static [&'static str],
}

static VECTORS: [Vectors; 1] = [Vectors {
    item: Item {
        name: "glove.6B",
        remote: Remote::new(
            "https://nlp.stanford.edu/data/glove.6B.zip",
            862_182_613,
            "617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
        ),
        content: Content::Whole,
    },
    members: &["glove.6B.50d.txt", "glove.6B.100d.txt", "glove.6B.200d.txt", "glove.6B.300d.txt"],
}];

/// The data sets that can be fetched.
#[must_use]
pub fn data() -> &'static [Item] {
    &DATA
}

/// The word vectors that can be fetched.
#[must_use]
pub fn vectors() -> &'static [Vectors] {
    &VECTORS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_data_set_and_no_other_can_be_fetched_with_all_its_files() {
        let known: Vec<_> = spiketext::data::known().iter().filter(|set| !set.is_built_in()).collect();
        assert_eq!(known.len(), DATA.len());
        for (set, item) in known.iter().zip(&DATA) {
            assert_eq!(set.name, item.name);
            let files = item.files();
            assert!(set.files().iter().all(|file| files.iter().any(|have| have == file)), "{}: {files:?}", set.name);
        }
    }

    #[test]
    fn numbers_of_texts_are_those_of_the_known_sets() {
        let texts = |name: &str| spiketext::data::known().iter().find(|set| set.name == name).unwrap().texts();
        assert_eq!(TREE_FILES.iter().map(|file| file.fine).sum::<usize>(), texts("sst5"));
        let binary = |files: &[TreeFile]| files.iter().map(|file| file.binary).sum::<usize>();
        assert_eq!(binary(TREE_FILES), texts("sst2"));
        assert_eq!(PHRASES + binary(&TREE_FILES[1..]), texts("sst2-phrases"));
        let fine = |files: &[TreeFile]| files.iter().map(|file| file.fine).sum::<usize>();
        assert_eq!(FINE_PHRASES + fine(&TREE_FILES[1..]), texts("sst5-phrases"));
    }

    #[test]
    fn sums_are_sums_and_addresses_are_safe() {
        let items = DATA.iter().chain(VECTORS.iter().map(|vectors| &vectors.item));
        for item in items {
            assert!(item.remote.url.starts_with("https://"), "{}", item.remote.url);
            let mut sums: Vec<&str> = item.remote.sha256.into_iter().collect();
            if let Content::Members(members) = &item.content {
                sums.extend(members.iter().map(|member| member.sha256));
            }
            assert!(!sums.is_empty(), "{}", item.name);
            let digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
            assert!(sums.iter().all(|sum| sum.len() == 64 && sum.chars().all(digit)), "{}", item.name);
        }
    }
}
