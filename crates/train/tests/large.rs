//! Where texts and their tokens wait makes no difference: a network trained on what lies in files is, to the last bit of its
//! checkpoint, the one trained on what is in memory.

use std::path::Path;

use spiketext::{
    data::{Corpus, Dataset, ReadOptions},
    model::Model,
};
use spiketext_train::{CHECKPOINT, Options, Recipe, VectorSource, train};

fn small(name: &str) -> Recipe {
    let mut recipe = Recipe::named(name).expect("a recipe");
    (recipe.network.widths, recipe.network.filters) = (vec![2, 3], 6);
    recipe.words.also_first = 100;
    recipe.words.longest = 12;
    recipe.words.fresh_from = 2;
    recipe.dnn.epochs = 2.into();
    recipe.dnn.batch = 16;
    recipe.fine_tuning.least_loss = 0.0;
    recipe.fine_tuning.epochs = 2.into();
    recipe.fine_tuning.learning_rate = 1e-3;
    recipe.sparse.epochs = 2.into();
    (recipe.sparse.dimension, recipe.sparse.active) = (40, 4);
    recipe
}

/// A table of texts of one label, or of several, some of them equal and some with words that nobody knows.
fn table(path: &Path, several: bool) {
    let (good, bad) = (["warm", "funny", "lovely", "great"], ["dull", "awful", "boring", "zzqx-film"]);
    let row = |n: usize| {
        let words = if n.is_multiple_of(2) { good } else { bad };
        let label = match (several, n % 6) {
            (true, 0) => "",
            (true, 3) => "bad;long",
            _ if n.is_multiple_of(2) => "good",
            _ => "bad",
        };
        let rest = "and the rest of the story is told again ".repeat(n % 3);
        format!("a {} and {} film {} {rest},{label}\n", words[n % 4], words[n / 4 % 4], n % 150)
    };
    let rows: String = (0..400).map(row).collect();
    std::fs::write(path, "text,label\n".to_owned() + &rows).expect("written");
}

/// The checkpoint of a run, and the model.
fn bytes(recipe: &Recipe, in_memory: Option<usize>, run: impl FnOnce(&Options) -> Model) -> (Vec<u8>, Model) {
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoints = Some(folder.path().to_owned());
    let model = run(&Options { seed: 3, checkpoints, in_memory, ..Options::default() });
    let path = folder.path().join(CHECKPOINT);
    (std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", recipe.name)), model)
}

#[test]
fn texts_in_files_train_the_network_of_texts_in_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.csv");
    for (name, several) in [("lean", false), ("lean", true), ("sparse", false)] {
        table(&path, several);
        let recipe = small(name);
        let options = |in_memory| {
            let mut options = ReadOptions::default();
            (options.multi_label, options.in_memory) = (several, in_memory);
            options
        };
        let few = Corpus::from_files(&[&path], None, &options(Some(500))).expect("texts");
        let set = Dataset::from_files(&[&path], None, &options(None)).expect("texts");
        assert!(few.is_in_file());
        let vectors = VectorSource::BuiltIn(None);
        let on_disk = bytes(&recipe, Some(300), |options| {
            train(&few, &vectors, &recipe, options, &mut |_| {}).expect("trained")
        });
        let in_memory =
            bytes(&recipe, None, |options| train(&set, &vectors, &recipe, options, &mut |_| {}).expect("trained"));
        assert!(on_disk.0 == in_memory.0, "{name}, several labels {several}: checkpoints differ");
        assert_eq!(on_disk.1.network(), in_memory.1.network());
        assert_eq!(on_disk.1.vocabulary(), in_memory.1.vocabulary());
        let [mut a, mut b] = [on_disk.1, in_memory.1].map(|model| model.training().clone());
        (a.seconds, b.seconds) = (0.0, 0.0);
        assert_eq!(a, b);
    }
}
