//! Explained texts as a page: one file, nothing from elsewhere, and no text that is taken for mark-up.

use std::{fmt::Write, path::Path};

use spiketext::{
    explain::{Deletion, Explanation},
    model::Model,
};

use super::Explained;

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c1c1e;--paper:#fff;--line:#d8d8dc;--soft:#5b5b62;--with:37,99,235;--against:217,89,20}
@media (prefers-color-scheme:dark){:root{--ink:#ececf1;--paper:#17171a;--line:#3a3a40;--soft:#a5a5ae;--with:96,150,255;--against:240,130,50}}
body{font:16px/1.6 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1rem;margin:0 0 .3rem}p{margin:.3rem 0}article{border-top:1px solid var(--line);padding:1rem 0}
.soft{color:var(--soft);font-size:.9rem}.text{font-size:1.15rem;line-height:2;overflow-wrap:anywhere}
.text span,.key span{padding:.1em .25em;border-radius:.25em}.strange{text-decoration:underline dotted;color:var(--soft)}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.1rem .8rem .1rem 0;text-align:right}
td:first-child,th:first-child{text-align:left}summary{cursor:pointer}
";

/// The page.
pub fn page(model: &Model, path: &Path, texts: &[Explained], left_out: usize) -> String {
    let mut page = String::from("<!doctype html>\n<html lang=\"");
    page += match model.language() {
        spiketext::Language::Chinese => "zh",
        _ => "en",
    };
    let name = escaped(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy());
    let _ = write!(
        page,
        "\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>{name}: why these labels</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Why these labels</h1>\n\
         <p>Model <code>{name}</code>, classes {}.</p>\n\
         <p class=\"key\"><span style=\"background:rgba(var(--with),.5)\">blue</span> pushes to the label, \
         <span style=\"background:rgba(var(--against),.5)\">orange</span> against it; \
         <span class=\"strange\">dotted</span> words are unknown to the model.</p>\n",
        model.labels().iter().map(|label| escaped(label)).collect::<Vec<_>>().join(", ")
    );
    for explained in texts {
        article(model, explained, &mut page);
    }
    if left_out > 0 {
        let _ = writeln!(page, "<p>{left_out} more texts are left out.</p>");
    }
    page += "</main>\n</body>\n</html>\n";
    page
}

fn article(model: &Model, explained: &Explained, page: &mut String) {
    let name = |class: usize| escaped(&model.labels()[class]);
    let Some((found, deletion)) = &explained.found else {
        let class = spiketext::slices::argmax(model.priors());
        let _ = writeln!(
            page,
            "<article>\n<h2>{} (unknown)</h2>\n<p class=\"text\">{}</p>\n<p class=\"soft\">No word of it is known: the answer \
             is the class's share in training.</p>\n</article>",
            name(class),
            escaped(&explained.text)
        );
        return;
    };
    let answered: Vec<String> = match &found.labels {
        Some(classes) if classes.is_empty() => vec!["no label".to_owned()],
        Some(classes) => classes
            .iter()
            .map(|&class| format!("{} {:.1} %", name(class), 100.0 * found.probabilities[class]))
            .collect(),
        None => vec![format!("{} {:.1} %", name(found.label), 100.0 * found.probabilities[found.label])],
    };
    let _ = write!(page, "<article>\n<h2>{}</h2>\n<p class=\"text\">", answered.join(", "));
    let pushes = found.pushes();
    let strongest = pushes.iter().fold(0.0, |most: f64, push| most.max(push.abs()));
    for (token, &push) in found.tokens.iter().zip(&pushes) {
        let word = escaped(&token.text);
        if !token.known {
            let _ = write!(page, "<span class=\"strange\">{word}</span> ");
            continue;
        }
        let side = if push > 0.0 { "with" } else { "against" };
        let share = if strongest > 0.0 { 0.6 * push.abs() / strongest } else { 0.0 };
        let _ = write!(
            page,
            "<span style=\"background:rgba(var(--{side}),{share:.2})\" title=\"{push:+.3}\">{word}</span> "
        );
    }
    page.push_str("</p>\n");
    let push = |parts: &[f64]| found.push(parts, found.label, found.runner_up);
    let (score, base) = (push(&found.scores), push(&found.base));
    let against = if found.labels.is_some() || found.label == found.runner_up {
        String::new()
    } else {
        format!(" against {}", name(found.runner_up))
    };
    let _ = writeln!(
        page,
        "<p class=\"soft\">For {}{against}: {score:+.3} = words {:+.3}, base {base:+.3}. {}</p>",
        name(found.label),
        score - base,
        assumed(found)
    );
    details(found, deletion.as_ref(), page);
    page.push_str("</article>\n");
}

fn assumed(found: &Explanation) -> String {
    if found.approximations.is_empty() {
        return "N-grams are exact: spikes times weights.".to_owned();
    }
    let told: Vec<&str> = found.approximations.iter().map(|approximation| approximation.describe()).collect();
    format!("Assumed: {}.", escaped(&told.join("; ")))
}

/// N-grams, words and what is lost without them.
fn details(found: &Explanation, deletion: Option<&Deletion>, page: &mut String) {
    let word = |at: usize| escaped(&found.tokens[at].text);
    page.push_str("<details>\n<summary>Words and n-grams</summary>\n");
    for (side, places) in ["With", "Against"].iter().zip(found.strongest(5)) {
        let told: Vec<String> = places
            .iter()
            .map(|(place, push)| format!("“{}” {push:+.3}", place.clone().map(word).collect::<Vec<_>>().join(" ")))
            .collect();
        if !told.is_empty() {
            let _ = writeln!(page, "<p>{side}: {}</p>", told.join(", "));
        }
    }
    let lost = if deletion.is_some() { "<th scope=\"col\">lost without it</th>" } else { "" };
    let _ = writeln!(page, "<table>\n<tr><th scope=\"col\">word</th><th scope=\"col\">said</th>{lost}</tr>");
    for (at, push) in found.pushes().into_iter().enumerate().filter(|&(at, _)| found.tokens[at].known) {
        let drop = deletion.map_or_else(String::new, |deletion| {
            let drop = deletion.drops[at].as_ref().map(|drop| found.push(drop, found.label, found.runner_up));
            format!("<td>{}</td>", drop.map_or_else(String::new, |drop| format!("{drop:+.3}")))
        });
        let _ = writeln!(page, "<tr><td>{}</td><td>{push:+.3}</td>{drop}</tr>", word(at));
    }
    page.push_str("</table>\n");
    if let Some(fewest) = deletion.and_then(|deletion| deletion.fewest.as_ref()) {
        let words: Vec<String> = fewest.words.iter().map(|&at| word(at)).collect();
        let proven = if fewest.proven { "" } else { " (fewer may do: not all smaller sets were tried)" };
        let _ = writeln!(page, "<p>Alone these words have the label, too: “{}”{proven}.</p>", words.join(" "));
    }
    page.push_str("</details>\n");
}

/// Text as text, in an element or an attribute.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            // What turns the direction of writing or is no character of a page.
            letter if letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                safe.push('\u{fffd}')
            }
            letter => safe.push(letter),
        }
    }
    safe
}
