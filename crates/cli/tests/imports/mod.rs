//! Which file of a crate uses which: a reading of its sources that is just good enough for that.
//!
//! Comments and strings are passed over, and so is what is compiled for tests alone. A path is followed through `use`
//! declarations, so that what a parent module passes on counts as what it is: `super::Chosen` in `a/b.rs` is a use of
//! `a/c.rs` if `a/mod.rs` says `use c::Chosen`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The path of a module from the root of its crate.
type ModulePath = Vec<String>;

/// A module in a file of its own.
#[derive(Debug, Default)]
struct Module {
    /// Where names come from: what follows `use`, by the name that it has here.
    names: BTreeMap<String, ModulePath>,
    /// Every path that occurs, those of `use` included, but for those that are only passed on (`pub use`).
    paths: BTreeSet<ModulePath>,
}

/// The modules of a crate.
#[derive(Debug, Default)]
pub struct Crate {
    modules: BTreeMap<ModulePath, Module>,
}

/// Among the members of one module, which uses which, and by which path.
pub type Uses = BTreeMap<(String, String), String>;

impl Crate {
    /// Reads the sources of a crate from its root file (`lib.rs` or `main.rs`) on.
    pub fn read(root: &Path) -> Self {
        let mut read = Self::default();
        read.add(Vec::new(), root, root.parent().expect("a folder"));
        read
    }

    /// Reads a module and those that it declares, whose files lie in `folder`.
    fn add(&mut self, path: ModulePath, file: &Path, folder: &Path) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let tokens = without_tests(&tokens(&text));
        for name in declared(&tokens) {
            let inside = folder.join(&name);
            let flat = folder.join(format!("{name}.rs"));
            let file = if flat.is_file() { flat } else { inside.join("mod.rs") };
            self.add([&path[..], &[name]].concat(), &file, &inside);
        }
        self.modules.insert(path, Module::of(&tokens));
    }

    /// The module that `path`, as it is written in `module`, leads to; `None` outside the crate.
    fn resolve(&self, module: &[String], path: &[String], depth: usize) -> Option<ModulePath> {
        let (first, mut rest) = path.split_first()?;
        let mut at: ModulePath = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" => module[..module.len().checked_sub(1)?].to_vec(),
            _ => return self.step(module, first, depth).and_then(|at| self.follow(at, rest, depth)),
        };
        while let Some(("super", after)) = rest.split_first().map(|(name, after)| (name.as_str(), after)) {
            at.pop()?;
            rest = after;
        }
        self.follow(at, rest, depth)
    }

    /// Goes on from a module as far as names are modules, or names that it has from others.
    fn follow(&self, mut at: ModulePath, path: &[String], depth: usize) -> Option<ModulePath> {
        for name in path {
            match self.step(&at, name, depth) {
                Some(next) => at = next,
                None => break,
            }
        }
        Some(at)
    }

    fn step(&self, at: &[String], name: &str, depth: usize) -> Option<ModulePath> {
        let child: ModulePath = [at, &[name.to_owned()]].concat();
        if self.modules.contains_key(&child) {
            return Some(child);
        }
        let path = self.modules.get(at)?.names.get(name)?;
        // Names that come from each other in a circle end nowhere.
        if depth > 8 { None } else { self.resolve(at, path, depth + 1) }
    }

    /// For each module with members, which of them (whole folders included) uses which other one.
    pub fn uses(&self) -> BTreeMap<String, Uses> {
        let mut all: BTreeMap<String, Uses> = BTreeMap::new();
        for (module, content) in &self.modules {
            for path in &content.paths {
                let Some(target) = self.resolve(module, path, 0) else { continue };
                let shared = module.iter().zip(&target).take_while(|(a, b)| a == b).count();
                // What a module and its own members know of each other is no concern of others.
                if let (Some(user), Some(used)) = (module.get(shared), target.get(shared)) {
                    let place = format!("{} uses {}", module.join("/"), path.join("::"));
                    let folder = module[..shared].join("/");
                    all.entry(folder).or_default().entry((user.clone(), used.clone())).or_insert(place);
                }
            }
        }
        all
    }
}

impl Module {
    fn of(tokens: &[String]) -> Self {
        let mut module = Self::default();
        let mut at = 0;
        while at < tokens.len() {
            if tokens[at] == "use" {
                let passed_on = at > 0 && matches!(tokens[at - 1].as_str(), "pub" | ")");
                let end = at + tokens[at..].iter().position(|token| token == ";").unwrap_or(tokens.len() - at);
                let mut leaves = Vec::new();
                leaves_of(&tokens[at + 1..end], &mut Vec::new(), &mut leaves);
                for (name, path) in leaves {
                    if !passed_on {
                        module.paths.insert(path.clone());
                    }
                    module.names.insert(name, path);
                }
                at = end;
            } else if is_name(&tokens[at]) && tokens.get(at + 1).is_some_and(|token| token == "::") {
                let mut path = vec![tokens[at].clone()];
                while tokens.get(at + 1).is_some_and(|t| t == "::") && tokens.get(at + 2).is_some_and(|t| is_name(t))
                {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                module.paths.insert(path);
            }
            at += 1;
        }
        module
    }
}

/// The ends of a tree of imports, each with the name it has afterwards.
fn leaves_of(tree: &[String], prefix: &mut ModulePath, leaves: &mut Vec<(String, ModulePath)>) {
    let before = prefix.len();
    let mut at = 0;
    while at < tree.len() {
        match tree[at].as_str() {
            "{" => {
                let mut depth = 0;
                let mut start = at + 1;
                for (i, token) in tree.iter().enumerate().skip(at) {
                    depth += usize::from(token == "{");
                    depth -= usize::from(token == "}");
                    if (token == "," && depth == 1) || depth == 0 {
                        leaves_of(&tree[start..i], prefix, leaves);
                        start = i + 1;
                    }
                    if depth == 0 {
                        break;
                    }
                }
                prefix.truncate(before);
                return;
            }
            "as" => {
                leaves.push((tree[at + 1].clone(), prefix.clone()));
                prefix.truncate(before);
                return;
            }
            "::" => {}
            name => prefix.push(name.to_owned()),
        }
        at += 1;
    }
    if prefix.last().is_some_and(|last| last == "self" && prefix.len() > 1) {
        prefix.pop();
    }
    if let Some(name) = prefix.last().filter(|_| !tree.is_empty()) {
        leaves.push((name.clone(), prefix.clone()));
    }
    prefix.truncate(before);
}

/// The names of modules in files of their own.
fn declared(tokens: &[String]) -> Vec<String> {
    let declares = |three: &&[String]| three[0] == "mod" && three[2] == ";";
    tokens.windows(3).filter(declares).map(|three| three[1].clone()).collect()
}

/// Leaves out what `#[cfg(test)]` stands before.
fn without_tests(tokens: &[String]) -> Vec<String> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].iter().map(String::as_str).take(mark.len()).eq(mark) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += mark.len();
        let is_import = tokens[at..].iter().take_while(|token| *token != "{").any(|token| token == "use");
        let mut depth = 0usize;
        while at < tokens.len() {
            let token = tokens[at].as_str();
            at += 1;
            match token {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            if depth == 0 && (token == ";" || (token == "}" && !is_import)) {
                break;
            }
        }
    }
    kept
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and single signs; comments, strings, characters and lifetimes are left out.
fn tokens(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let starts = |at: usize, what: &str| what.chars().enumerate().all(|(i, c)| letters.get(at + i) == Some(&c));
    let mut found = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let c = letters[at];
        if starts(at, "//") {
            while at < letters.len() && letters[at] != '\n' {
                at += 1;
            }
        } else if starts(at, "/*") {
            while at < letters.len() && !starts(at, "*/") {
                at += 1;
            }
            at += 2;
        } else if c == '"' {
            at += 1;
            while at < letters.len() && letters[at] != '"' {
                at += 1 + usize::from(letters[at] == '\\');
            }
            at += 1;
        } else if c == '\'' {
            // A character, or a lifetime.
            let escaped = letters.get(at + 1) == Some(&'\\');
            at += match () {
                () if escaped => 3 + letters[at + 3..].iter().position(|&c| c == '\'').unwrap_or(0) + 1,
                () if letters.get(at + 2) == Some(&'\'') => 3,
                () => 1,
            };
        } else if c.is_alphabetic() || c == '_' {
            let start = at;
            while letters.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
                at += 1;
            }
            let word: String = letters[start..at].iter().collect();
            let hashes = letters[at..].iter().take_while(|&&c| c == '#').count();
            if matches!(word.as_str(), "r" | "br") && letters.get(at + hashes) == Some(&'"') {
                let end = format!("\"{}", "#".repeat(hashes));
                at += hashes + 1;
                while at < letters.len() && !starts(at, &end) {
                    at += 1;
                }
                at += end.len();
            } else {
                found.push(word);
            }
        } else if starts(at, "::") {
            found.push("::".to_owned());
            at += 2;
        } else {
            if !c.is_whitespace() {
                found.push(c.to_string());
            }
            at += 1;
        }
    }
    found
}

/// A circle among the members of a module, if there is one, as the places that make it.
pub fn circle(uses: &Uses) -> Option<Vec<String>> {
    fn walk(uses: &Uses, way: &mut Vec<String>, clear: &mut BTreeSet<String>) -> Option<Vec<String>> {
        let last = way.last()?.clone();
        for used in uses.keys().filter(|(user, _)| *user == last).map(|(_, used)| used) {
            if let Some(start) = way.iter().position(|name| name == used) {
                let mut names = way[start..].to_vec();
                names.push(used.clone());
                return Some(
                    names.windows(2).map(|pair| uses[&(pair[0].clone(), pair[1].clone())].clone()).collect(),
                );
            }
            if !clear.contains(used) {
                way.push(used.clone());
                if let Some(circle) = walk(uses, way, clear) {
                    return Some(circle);
                }
                way.pop();
            }
        }
        clear.insert(last);
        None
    }
    let mut clear = BTreeSet::new();
    uses.keys().find_map(|(user, _)| walk(uses, &mut vec![user.clone()], &mut clear))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(files: &[(&str, &str)]) -> BTreeMap<String, Uses> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        Crate::read(&folder.path().join("lib.rs")).uses()
    }

    #[test]
    fn groups_parents_and_names_that_are_passed_on_are_followed() {
        let uses = written(&[
            ("lib.rs", "pub mod a;\nmod b;\npub use b::Thing;\n"),
            ("a/mod.rs", "mod inner;\nmod other;\nuse other::Chosen;\n"),
            (
                "a/inner.rs",
                "use super::Chosen;\nuse crate::{\n    Thing, // crate::nothing\n    b::{self, f as g},\n};\n",
            ),
            (
                "a/other.rs",
                "fn f() { let _ = \"super::inner::x\"; }\n#[cfg(test)]\nmod tests { use super::super::inner; }\n",
            ),
            (
                "b.rs",
                "#[cfg(test)]\nuse crate::a::{x};\n#[cfg(test)]\nmod tests { use crate::a; }\nfn late() { \
                 crate::a::f() }",
            ),
        ]);
        let pair = |user: &str, used: &str| (user.to_owned(), used.to_owned());
        assert_eq!(uses["a"].keys().collect::<Vec<_>>(), [&pair("inner", "other")]);
        assert_eq!(
            uses[""].keys().collect::<Vec<_>>(),
            [&pair("a", "b"), &pair("b", "a")],
            "code after tests counts"
        );
        assert!(circle(&uses["a"]).is_none());
        let places = circle(&uses[""]).expect("a circle");
        assert_eq!(places.len(), 2);
        assert!(places.contains(&"b uses crate::a::f".to_owned()), "{places:?}");
    }

    #[test]
    fn strings_characters_and_lifetimes_hide_nothing_after_them() {
        let text =
            "let a = '\"'; let b = '\\''; fn f<'a>() {} r#\"\"crate::x\"\"# crate::y; /* crate::z */ 'c' crate::w";
        let found: Vec<String> = Module::of(&tokens(text)).paths.iter().map(|path| path.join("::")).collect();
        assert_eq!(found, ["crate::w", "crate::y"]);
    }
}
