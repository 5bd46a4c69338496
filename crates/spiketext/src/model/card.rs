//! The model card: what a person should know of a model before using it.

use std::{fmt::Write, path::Path};

use serde_json::Value;

use super::{Choices, ClassReport, Model, TEXTS};
use crate::{
    energy::{Numbers, Prices, TABLES},
    network::Codes,
};

/// Lines on how files were read.
const SHOWN_READINGS: usize = 20;

/// The card as Markdown, for a model in `folder`.
pub(super) fn write(model: &Model, folder: &Path) -> String {
    let t = model.training();
    let network = model.network().config();
    let mut card = String::new();
    let mut line = |text: String| {
        card.push_str(&text);
        card.push('\n');
    };
    line(format!("# A spiking text classifier: {}\n", name(&t.dataset)));
    let labels: Vec<usize> = (0..model.labels().len()).collect();
    let all = || names(model, &labels);
    let answers = match (labels.len() > SHOWN, model.thresholds().is_some()) {
        (false, false) => format!("one of: {}", all()),
        (false, true) => format!("any number of these labels, or none: {}", all()),
        (true, false) => format!("one of {} labels (in the table below)", labels.len()),
        (true, true) => format!("any number of {} labels (in the table below), or none", labels.len()),
    };
    line(format!("It reads {} and answers with {answers}.\n", reads(model)));
    let folder = in_shell(folder);
    let commands = [
        (format!("predict {folder} \"some text\""), "the label of a text"),
        (format!("predict {folder} --file FILE"), "of each text of a file"),
        (format!("evaluate {folder} FILE"), "how well it does on labelled texts"),
        (format!("inspect {folder}"), "what it is made of"),
    ];
    let longest = commands.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    for (command, what) in &commands {
        line(format!("    spiketext {command:longest$}   {what}"));
    }
    line(String::new());
    line("## Results\n".into());
    if !t.altered.is_empty() {
        let what: Vec<String> = t.altered.iter().map(|what| plain(what)).collect();
        line(format!(
            "**Altered after training: {}.** All figures here are those of the network before; `spiketext evaluate` measures this one.\n",
            what.join("; ")
        ));
    }
    line(format!(
        "On {} test texts, on which no choice of this run was made; choices were made on {} development texts.\n",
        t.texts[2], t.texts[1]
    ));
    if t.straddling > 0 {
        line(format!(
            "Development or test texts that stand in an earlier part, too, as the parts were given: {}. The network knows \
             them, so the figures are better than those of new texts.\n",
            t.straddling
        ));
    }
    line("| network | test accuracy | 95 % interval | test macro F1 | development accuracy |".into());
    line("| --- | --- | --- | --- | --- |".into());
    let interval = |accuracy: f64| {
        t.interval(accuracy).map_or_else(String::new, |[low, high]| format!("{low:.2} to {high:.2} %"))
    };
    let f1 = t.macro_f1;
    for (is_there, name, test, f1, development) in [
        (t.has_dnn(), "DNN (tailored TextCNN)", t.test.dnn, f1.map(|f1| f1.dnn), t.development.dnn),
        (t.was_converted(), "converted SNN", t.test.converted, f1.map(|f1| f1.converted), t.development.converted),
        (true, "this SNN", t.test.snn, f1.map(|f1| f1.snn), t.development.snn),
    ] {
        if !is_there {
            continue;
        }
        let tested = t.is_tested().then(|| (format!("{test:.2} %"), interval(test), percent(f1)));
        let (test, interval, f1) = tested.unwrap_or_else(|| ("not tested".to_owned(), String::new(), String::new()));
        line(format!("| {name} | {test} | {interval} | {f1} | {development:.2} % |"));
    }
    if let Some(original) = t.original {
        let interval = interval(original);
        line(format!("| original TextCNN (maximum pooling), beside | {original:.2} % | {interval} | | |"));
    }
    if !t.is_tested() {
        line("\nThere were no test texts: development accuracy, by which the model was chosen, is better than that of new texts.".into());
    }
    line(
        "\nThe interval is Wilson's at 95 %, for all texts of the kind of which the test texts are a sample. Macro F1 is the \
         mean of the F1 of the classes that have test texts."
            .into(),
    );
    if let Some(f1) = t.micro_f1 {
        line(format!(
            "\nA text may have several labels: it counts as right here where all of them were found and no other. Micro \
             F1, over the answers of all classes together: {}this SNN {:.2} %. Each class is answered from a probability \
             on that did best on the development texts.",
            if t.was_converted() {
                format!("DNN {:.2} %, converted SNN {:.2} %, ", f1.dnn, f1.converted)
            } else {
                String::new()
            },
            f1.snn
        ));
    }
    if !t.was_converted() {
        line("\nThis SNN was trained with surrogate gradients from its first weights; none was converted.".into());
    } else if t.fine_tuning_epochs[0] == 0 {
        line("\nThis SNN is the converted one: it was not fine-tuned.".into());
    } else if t.fine_tuning_epochs[1] == 0 {
        line("\nFine-tuning did not improve on the converted weights, so this SNN is the converted one.".into());
    }
    for text in of_classes(model) {
        line(text);
    }
    if t.is_tested() {
        line(format!("\nUnknown tokens in the test texts: {:.1} %.", 100.0 * t.unknown_share));
    }
    line(String::new());
    line("## Limits\n".into());
    limits(model).into_iter().for_each(|limit| line(format!("- {limit}")));
    line(String::new());
    let measured_on = if t.is_tested() { "test" } else { "development" };
    line(format!("## Activity and cost of a text, mean over the {measured_on} texts\n"));
    line("| what | value |".into());
    line("| --- | --- |".into());
    line(format!("| time steps | {} |", network.steps));
    line(format!("| firing rate: input | {:.3} |", t.costs.input_rate));
    line(format!("| firing rate: convolution | {:.3} |", t.costs.convolution_rate));
    line(format!("| firing rate: features | {:.3} |", t.costs.feature_rate));
    if t.costs.output_rate > 0.0 {
        line(format!("| firing rate: outputs | {:.3} |", t.costs.output_rate));
    }
    line(format!("| DNN multiply-accumulations | {:.0} |", t.costs.dnn_macs));
    line(format!("| SNN accumulations | {:.0} |", t.costs.snn_acs));
    if t.costs.snn_macs > 0.0 {
        line(format!("| SNN multiply-accumulations | {:.0} |", t.costs.snn_macs));
    }
    line(format!("| additions of pooling (not among them) | {:.0} |", t.costs.pooling_additions));
    line(String::new());
    line("| energy of arithmetic | this SNN | DNN of its shape | ratio |".into());
    line("| --- | --- | --- | --- |".into());
    for table in TABLES.iter().filter_map(|table| match table.prices {
        Prices::Operations(table) => Some(table),
        Prices::Device { .. } | Prices::Memory => None,
    }) {
        let own = table.of_numbers(Numbers::of(network));
        let snn = own.microjoules(t.costs.snn_macs, t.costs.snn_acs);
        let dnn = table.microjoules(t.costs.dnn_macs, 0.0);
        // Where no test text had a known word, nothing was run.
        let (digits, many) = if snn < 0.1 { (5, 4) } else { (3, 2) };
        let ratio = if dnn > 0.0 { format!("{:.many$}", snn / dnn) } else { String::new() };
        line(format!("| {} | {snn:.digits$} uJ | {dnn:.3} uJ | {ratio} |", table.name));
    }
    if Numbers::of(network) != Numbers::OfTable {
        line(
            "\nThis network computes in whole numbers of few bits; where a table is of floating point, it has the price of \
             whole numbers of 8 bits with sums of 32."
                .into(),
        );
    }
    line(
        "\nPriced, not measured; no memory traffic, no idle current. A DNN with fewer filters or in whole numbers may cost \
         less than either (`spiketext evaluate` has tables of memory and of devices).\n"
            .into(),
    );
    let of_calibration = format!(
        "Neurons that never fired on the calibration texts: {} of {} convolution channels, {} of {} features; that \
         always fired: {} and {}.\n",
        t.extremes.convolution.dead,
        t.extremes.convolution.neurons,
        t.extremes.features.dead,
        t.extremes.features.neurons,
        t.extremes.convolution.saturated,
        t.extremes.features.saturated,
    );
    if t.was_converted() {
        line(of_calibration);
    }
    line("## How it was made\n".into());
    line(format!("- data: {} ({}); {} training texts", t.dataset, t.source, t.texts[0]));
    if let Some(columns) = &t.columns {
        let quoted = |name: &String| format!("\"{}\"", name_in(name));
        let text: Vec<String> = columns.text.iter().map(quoted).collect();
        let label = columns.label.as_ref().map(|label| format!("; labels from {}", quoted(label)));
        line(format!("- columns: texts from {}{}", text.join(", "), label.unwrap_or_default()));
    }
    t.readings.iter().take(SHOWN_READINGS).for_each(|read| line(format!("- read: {}", plain(read))));
    if t.readings.len() > SHOWN_READINGS {
        line(format!("- and {} lines more, in config.json", t.readings.len() - SHOWN_READINGS));
    }
    if let Some(a) = &t.adversarial {
        line(format!(
            "- {} of them are adversarial examples: texts that fooled an earlier network, of {} attacked with {}",
            a.found, a.attacked, a.attack
        ));
    }
    if let Some(teacher) = &t.teacher {
        let files: Vec<String> = teacher.files.iter().map(|file| plain(file)).collect();
        line(format!(
            "- taught by {}: {} of {} different training texts, and {} that nobody else has labelled",
            if files.is_empty() { "a teacher".to_owned() } else { files.join(", ") },
            teacher.taught,
            teacher.taught + teacher.untaught,
            teacher.unlabelled
        ));
        teacher
            .about
            .iter()
            .for_each(|about| line(format!("- the teacher, by its file: {}", plain(&about.to_string()))));
    }
    let (words, inputs) = (model.vocabulary().len(), network.dimension());
    let of_a_word = match &model.network().weights().codes {
        Codes::Active { active, .. } => format!("{words} with {active} active inputs of {inputs}, learnt"),
        _ => format!("{words} of {inputs} dimensions,"),
    };
    line(format!("- words: {of_a_word} from {}{}", t.vectors, licence(&t.vectors)));
    // Not how long it took: one seed makes one card.
    line(format!("- recipe: {}, seed {}, by {}", t.recipe, t.seed, t.program));
    line(format!(
        "- DNN: {} epochs, best {}; {}: {} epochs, best {}",
        t.dnn_epochs[0],
        t.dnn_epochs[1],
        if t.was_converted() { "fine-tuning" } else { "direct training" },
        t.fine_tuning_epochs[0],
        t.fine_tuning_epochs[1]
    ));
    let (language, choices) = match &t.choices {
        Choices::Fields(fields) => ("json", format!("{:#}\n", Value::Object(fields.clone()))),
        Choices::Toml(text) => ("toml", text.clone()),
    };
    let _ = write!(card, "\n## Every choice\n\n```{language}\n{choices}```\n");
    card
}

/// The texts that it reads.
fn reads(model: &Model) -> String {
    let language = model.language().title();
    match model.training().language_share {
        Some(share) if model.training().is_of_another_language() => format!(
            "text in another language, which the program does not know by name ({:.0} % of the training texts' words \
             are {language}; they are cut as {language} is),",
            100.0 * share
        ),
        _ => format!("{language} text"),
    }
}

/// What the model is not for.
fn limits(model: &Model) -> Vec<String> {
    let (t, language) = (model.training(), model.language());
    let mut limits = vec![format!(
        "Language: it knows {} words{}; of a text in any other language it knows next to nothing, and its answer says \
         little.",
        model.vocabulary().len(),
        if t.is_of_another_language() { String::new() } else { format!(" of {}", language.title()) }
    )];
    let several = model.thresholds().is_some();
    let usual = match several {
        false => "gets the most frequent class of the training texts",
        true => "gets the labels that are frequent enough in the training texts, most often none",
    };
    limits.push(format!(
        "Words that it does not know say nothing. A text without a known word {usual}, and is marked `unknown`."
    ));
    if let Some([middle, most, longest]) = t.tokens {
        limits.push(format!(
            "Length: of the training texts half have up to {middle} tokens, 99 of 100 up to {most}, the longest {longest}; \
             of much longer or shorter texts the results say nothing."
        ));
    }
    let read = model.network().config().padding.longest();
    if read < usize::MAX {
        limits.push(format!("It reads the first {read} tokens of a text and no more."));
    }
    if matches!(model.seen(), Ok(Some(_))) {
        limits.push(format!(
            "`{TEXTS}` beside it holds hashes of the texts that it was made of: who has a text can find out whether it was \
             one of them. The model works without that file."
        ));
    }
    let always =
        if several { "" } else { "It answers every text with one of its labels, whatever the text is about. " };
    limits.push(format!("{always}The results hold for texts of the same kind as the test texts."));
    limits
}

/// Under which licence the word vectors of that name are, as far as is known.
fn licence(vectors: &str) -> &'static str {
    match vectors {
        "built-in en" => ": made of the vectors of spaCy's en_core_web_md 3.7.1, MIT licence, copyright Explosion",
        "built-in zh" => ": trained for spiketext on public Chinese shopping reviews, under the licence of spiketext",
        "random" => "",
        _ => ": whoever passes the model on passes on what was made of that file, whose licence counts",
    }
}

/// A folder as a shell takes it.
fn in_shell(folder: &Path) -> String {
    let shown: String = folder
        .to_string_lossy()
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    let is_plain = |c: char| c.is_alphanumeric() || "_@%+=:,./-".contains(c);
    if !shown.is_empty() && shown.chars().all(is_plain) {
        shown
    } else {
        format!("'{}'", shown.replace('\'', r"'\''"))
    }
}

/// The lines on each class, the worst first, and on those of which there is nothing to say.
fn of_classes(model: &Model) -> Vec<String> {
    let t = model.training();
    if t.classes.is_empty() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for (told, classes) in t.warnings() {
        let (first, rest) = told.split_at(1);
        lines.push(format!("\n{}{rest}: {}.", first.to_uppercase(), names(model, &classes)));
    }
    if !t.is_tested() {
        return lines;
    }
    lines.push("\nEach class on the test texts, the worst first:\n".into());
    lines.push("| class | test texts | precision | recall | F1 |".into());
    lines.push("| --- | --- | --- | --- | --- |".into());
    for class in t.worst_first() {
        let ClassReport { texts, precision, recall, f1, .. } = &t.classes[class];
        let [precision, recall, f1] = [*precision, *recall, *f1].map(percent);
        lines.push(format!("| {} | {} | {precision} | {recall} | {f1} |", name(&model.labels()[class]), texts[2]));
    }
    lines
}

fn percent(percent: Option<f64>) -> String {
    percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.2} %"))
}

/// The most labels in a sentence.
const SHOWN: usize = 10;

/// The most characters of a label.
const SHOWN_CHARACTERS: usize = 60;

/// Names of classes in a sentence, the first of many.
fn names(model: &Model, classes: &[usize]) -> String {
    let mut names: Vec<String> = classes.iter().take(SHOWN).map(|&class| name(&model.labels()[class])).collect();
    if classes.len() > SHOWN {
        names.push(format!("{} more ({} in all)", classes.len() - SHOWN, classes.len()));
    }
    names.join(", ")
}

/// A label as it can stand in a sentence or a table: [`name_in`], between quotes where a blank at an end would not show.
fn name(label: &str) -> String {
    let name = name_in(label);
    if label.is_empty() || label.starts_with(char::is_whitespace) || label.ends_with(char::is_whitespace) {
        return format!("\"{name}\"");
    }
    name
}

/// A name on one line, without what Markdown reads as its own. An ellipsis stands for what is behind a line end or too
/// long.
fn name_in(label: &str) -> String {
    let line = label.split(['\n', '\r', '\u{2028}', '\u{2029}']).next().unwrap_or_default();
    let head: String = line.chars().take(SHOWN_CHARACTERS).collect();
    let mut name = plain(&head);
    if head.len() < label.len() {
        name.push('…');
    }
    name
}

/// Text that shows as it is, whatever Markdown would read in it.
fn plain(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                // A backslash that is meant to show is written twice.
                name.push('\\');
                name.extend(c.escape_default());
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '&' | '~' | '#' => name.extend(['\\', c]),
            c => name.push(c),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::tests, network::Readout};

    /// The model of the tests, with other labels and a report on them.
    fn model(labels: [&str; 3], classes: [ClassReport; 3]) -> Model {
        let model = tests::model(Readout::Membrane);
        let training = crate::model::Training { classes: classes.into(), ..model.training().clone() };
        Model::new(
            model.language(),
            labels.map(str::to_owned).to_vec(),
            model.priors().to_vec(),
            0,
            model.vocabulary().clone(),
            model.network().clone(),
            training,
        )
        .expect("a model")
    }

    #[test]
    fn classes_stand_in_a_table_the_worst_first() {
        let class = |texts, f1, never_answered| ClassReport {
            texts,
            f1,
            recall: f1,
            never_answered,
            ..ClassReport::default()
        };
        let classes =
            [class([5, 2, 4], Some(75.0), false), class([1, 0, 0], None, false), class([2, 1, 1], Some(0.0), true)];
        let card = write(&model(["a|b\nc", " padded", "rare"], classes), Path::new("runs/my model"));
        let rows: Vec<&str> = card.lines().filter(|line| line.ends_with(" |")).collect();
        let table = rows.iter().position(|row| row.starts_with("| class ")).expect("a table of classes");
        assert_eq!(
            rows[table + 2..table + 5],
            [
                "| rare | 1 | - | 0.00 % | 0.00 % |",
                r"| a\|b… | 4 | - | 75.00 % | 75.00 % |",
                "| \" padded\" | 0 | - | - | - |"
            ]
        );
        assert!(card.contains("although there are texts of it there: rare."), "{card}");
        assert!(card.contains("Without a development text, so that no choice regards it: \" padded\"."), "{card}");
        assert!(card.contains("Without a test text, so that nothing is known of it: \" padded\"."), "{card}");
        assert!(card.contains("| this SNN | 80.50 % | 20.65 to 100.00 % | - | 80.50 % |"), "{card}");
    }

    #[test]
    fn a_reader_finds_the_commands_the_columns_and_the_limits() {
        let mut training = tests::model(Readout::Membrane).training().clone();
        training.columns = Some(crate::model::ColumnNames {
            text: vec!["title".into(), "body|text".into()],
            label: Some("queue".into()),
        });
        training.tokens = Some([12, 40, 77]);
        let built = |vectors: &str, language_share| {
            let model = tests::model(Readout::Membrane);
            let training = crate::model::Training { vectors: vectors.into(), language_share, ..training.clone() };
            let (labels, priors) = (model.labels().to_vec(), model.priors().to_vec());
            let (words, network) = (model.vocabulary().clone(), model.network().clone());
            let model = Model::new(model.language(), labels, priors, 0, words, network, training).expect("a model");
            write(&model, Path::new("it's here/model"))
        };
        let card = built("built-in en", Some(0.98));
        for part in [
            r"spiketext predict 'it'\''s here/model' ",
            r#"columns: texts from "title", "body\|text"; labels from "queue""#,
            "knows 10 words of English;",
            "half have up to 12 tokens, 99 of 100 up to 40, the longest 77",
            "MIT licence, copyright Explosion",
        ] {
            assert!(card.contains(part), "{part}: {card}");
        }
        let card = built("cc.de.300.vec.gz", Some(0.1));
        assert!(card.contains("in another language") && card.contains("of that file, whose licence"), "{card}");
        assert!(!card.contains("reads English") && !card.contains("words of English;"), "{card}");
    }

    #[test]
    fn long_labels_and_line_ends_are_cut() {
        assert_eq!(name(&"x".repeat(300)), format!("{}…", "x".repeat(60)));
        assert_eq!((name("a\r\nb").as_str(), name("\n").as_str(), name("a\tb").as_str()), ("a…", "\"…\"", "a\\\\tb"));
        assert_eq!(name(&"字".repeat(60)), "字".repeat(60));
    }

    #[test]
    fn many_labels_are_counted() {
        let model = tests::model(Readout::Membrane);
        let told = names(&model, &(0..300).map(|class| class % 3).collect::<Vec<_>>());
        assert!(told.starts_with("no, perhaps, yes, ") && told.ends_with("290 more (300 in all)"), "{told}");
        assert_eq!(names(&model, &[0, 2]), "no, yes");
    }

    #[test]
    fn an_older_model_has_no_table_of_classes() {
        let card = write(&tests::model(Readout::Membrane), Path::new("runs/toy"));
        assert!(
            !card.contains("the worst first") && card.contains("answers with one of: no, perhaps, yes."),
            "{card}"
        );
    }
}
