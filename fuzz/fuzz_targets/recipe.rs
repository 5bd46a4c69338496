//! Recipes: a TOML file laid over the lean recipe, and single settings. What is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spiketext_train::Recipe;

fuzz_target!(|bytes: &[u8]| {
    let file = spiketext_fuzz::file("recipe.toml", bytes);
    let read = Recipe::lean().with_file(file.path());
    let set = std::str::from_utf8(bytes).ok().map(|setting| Recipe::lean().with_setting(setting));
    for recipe in [Some(read), set].into_iter().flatten().flatten() {
        if recipe.check().is_ok() {
            let file = spiketext_fuzz::file("again.toml", recipe.to_toml().as_bytes());
            let again = Recipe::lean().with_file(file.path()).expect("its own TOML");
            assert_eq!(again.to_toml(), recipe.to_toml());
        }
    }
});
