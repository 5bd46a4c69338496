//! The page in a real browser: what it shows is what the program says, it obeys the keyboard, fits every width, asks nobody but its
//! server, and takes nothing that is typed for more than text. Without a Chromium on the machine it says what it leaves out.

mod browser;
#[path = "../common/mod.rs"]
mod common;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use browser::{Browser, PATIENCE};
use common::{server::Server, spiketext, succeeds};
use serde_json::{Value, json};

/// The checker of what everybody can use, at a version whose rules are known.
const AXE: &str = "axe-core@4.11.0";
const ARROW_RIGHT: (&str, u32) = ("ArrowRight", 39);
const ENTER: (&str, u32) = ("Enter", 13);
/// An answer is shown, and it is that to the text in the field.
const SHOWN: &str =
    "document.querySelector('.card .label') && document.querySelector('#raster-frame canvas').width > 1";

/// Says what is left out, past the test runner, which keeps the words of tests that pass to itself.
fn left_out(what: &str) {
    let _ = writeln!(std::io::stderr().lock(), "\nNOT TESTED: {what}\n");
}

/// The program text of the checker, had by npm once and kept; nothing where npm or the registry is out of reach.
fn axe() -> Option<String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("axe");
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if !script.exists() {
        fs::create_dir_all(&folder).ok()?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"]).arg(&folder).arg(AXE);
        npm.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    }
    fs::read_to_string(script).ok()
}

fn train(folder: &Path, out: &str, more: &[&str]) {
    let small = ["train", "--set", "network.filters=8", "--set", "dnn.epochs=2", "--set", "fine-tuning.epochs=0"];
    succeeds(folder, &[&small[..], more, &["--out", out]].concat());
}

fn label(folder: &Path, model: &str, text: &str) -> String {
    let line = succeeds(folder, &["predict", model, "--json", "--", text]);
    let predicted: Value = serde_json::from_str(&line).expect("JSON");
    predicted["label"].as_str().expect("a label").to_owned()
}

/// The address of the page in a state.
fn page(server: &Server, fragment: &str) -> String {
    format!("http://{}/{fragment}", server.address)
}

#[test]
fn the_page_shows_what_the_program_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let Some(mut browser) = Browser::start(folder) else {
        return left_out("the page (no chromium; $CHROMIUM names another)");
    };
    train(folder, "steps", &[]);
    train(folder, "other", &["--seed", "2"]);
    let server = Server::start(folder, &["steps", "other"]);

    // A link holds the state; what is shown is what the program says.
    let text = "a warm and funny film";
    browser.open(&page(&server, "#text=a+warm+and+funny+film&model=other"));
    browser.until(SHOWN);
    assert_eq!(browser.value("document.querySelector('#text').value"), text);
    assert_eq!(browser.value("document.querySelector('.card .label').textContent"), label(folder, "other", text));
    let words = browser.value("[...document.querySelectorAll('.word')].map((word) => word.firstChild.textContent)");
    assert_eq!(words, json!(["a", "warm", "and", "funny", "film"]));

    // Typed text is text, whatever it looks like; what is typed last is answered last.
    let hostile = "the worst <img src=x onerror=window.hurt=1> hotel <script>window.hurt=1</script>";
    browser.value("document.querySelector('#text').select(), document.querySelector('#text').focus()");
    browser.write(hostile);
    browser.until("[...document.querySelectorAll('.word')].some((word) => word.textContent.startsWith('worst'))");
    assert_eq!(browser.value("document.querySelector('.card .label').textContent"), label(folder, "other", hostile));
    assert_eq!(browser.value("window.hurt === undefined && !document.querySelector('main img, main script')"), true);
    assert_eq!(browser.value("new URLSearchParams(location.hash.slice(1)).get('text')"), hostile);

    // A text too long for a raster has an answer, and nothing of the text before is left; of a link that says nonsense, what
    // makes sense.
    let long = "good ".repeat(300);
    browser.value("document.querySelector('#text').select(), document.querySelector('#text').focus()");
    browser.write(long.trim_end());
    browser.until("document.querySelector('#under').textContent.includes('256 tokens')");
    assert_eq!(browser.value("document.querySelector('.card .label').textContent"), label(folder, "other", &long));
    assert_eq!(browser.value("document.querySelectorAll('.word').length"), 300);
    assert_eq!(
        browser.value("document.querySelector('#raster-frame').hidden && document.querySelector('#find').disabled"),
        true
    );
    // What a browser says of a refusal, of which there was one, or none if it came too late.
    assert!(browser.complaints.drain(..).all(|complaint| complaint.contains("422")));
    browser.open(&page(&server, "#text=a+warm+film&encoder=morse&steps=0&threshold=x&table=none&model=nobody&%ff=%"));
    browser.until(SHOWN);
    assert_eq!(
        browser.value("[encoder.value, model.value, document.querySelector('#reset').disabled]"),
        json!(["regular", "steps", true])
    );

    // Settings run the same weights otherwise.
    browser.open(&page(&server, "#text=a+warm+and+funny+film&model=steps"));
    browser.until(SHOWN);
    assert!(
        browser.value("document.querySelector('.card svg title').textContent").to_string().contains("8 time steps")
    );
    browser.value("(steps.value = 3, steps.dispatchEvent(new Event('input')))");
    browser.until("document.querySelector('.card svg title').textContent.includes('3 time steps')");
    assert_eq!(browser.value("document.querySelector('#settings-section').className"), "changed");
    browser.value("document.querySelector('#reset').click()");
    browser.until("document.querySelector('.card svg title').textContent.includes('8 time steps')");

    // From the keyboard: a spike, its membrane, its filter, the next filter.
    browser.value("document.querySelector('#raster-frame').focus()");
    browser.press(ARROW_RIGHT.0, ARROW_RIGHT.1);
    browser.press(ENTER.0, ENTER.1);
    browser.until("document.querySelector('#membranes title')?.textContent.includes('filter ')");
    let told = browser.value("document.querySelector('#under').textContent");
    assert!(told.as_str().is_some_and(|told| told.contains("speaks ")), "{told}");
    browser.until("document.querySelectorAll('#filter .places li').length > 8");
    let chosen = "document.querySelector('.cell[aria-checked=true]').getAttribute('aria-label')";
    let first = browser.value(chosen);
    browser.value("document.querySelector('.cell[aria-checked=true]').focus()");
    browser.press(ARROW_RIGHT.0, ARROW_RIGHT.1);
    browser.until(&format!("{chosen} !== {first}"));
    assert_eq!(browser.value("document.activeElement.getAttribute('aria-checked')"), "true");

    // Two models beside each other, and the letters that flip an answer.
    browser.value("(beside.value = 'other', beside.dispatchEvent(new Event('change')))");
    browser.until("document.querySelectorAll('.card .label').length === 2");
    assert_eq!(browser.value("document.querySelectorAll('#which button').length"), 2);
    browser.value("document.querySelector('#find').click()");
    browser.until("document.querySelector('#letters p')");
    let before = browser.value("document.querySelector('.card .label').textContent");
    if browser.value("document.querySelector('#letters p').textContent.includes('becomes')") == true {
        browser.value("document.querySelector('#letters button').click()");
        browser.until(&format!("document.querySelector('.card .label').textContent !== {before}"));
        browser.until("document.querySelector('#letters').textContent.includes('It was')");
    }

    // Energy is that of the server, under the table that is picked.
    browser.value("(table.value = table.options[1].value, table.dispatchEvent(new Event('change')))");
    let named = browser.value("document.querySelector('#energy title').textContent.includes(table.value)");
    assert_eq!(named, true);

    // A text without a known word is said to be one, and figures can be kept as files.
    let downloads = folder.join("downloads");
    let kept = json!({ "behavior": "allow", "downloadPath": downloads });
    browser.call("Page.setDownloadBehavior", kept);
    for (kind, start) in [("SVG", &b"<svg"[..]), ("PNG", b"\x89PNG")] {
        browser.value(&format!(
            "document.querySelector('[aria-label=\"Save the figure of raster as {kind}\"]').click()"
        ));
        let file = downloads.join(format!("spiketext-raster.{}", kind.to_lowercase()));
        let asked = Instant::now();
        while !fs::read(&file).is_ok_and(|bytes| bytes.starts_with(start)) {
            assert!(asked.elapsed() < PATIENCE, "no {}", file.display());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    browser.value("document.querySelector('#text').select(), document.querySelector('#text').focus()");
    browser.write("qqq zzz");
    browser.until("document.querySelector('.card .label')?.textContent === 'no known word'");

    assert_eq!(browser.complaints, [""; 0]);
    let own = page(&server, "");
    let elsewhere =
        |address: &&String| ![&own, "about:", "data:", "blob:"].iter().any(|start| address.starts_with(*start));
    assert_eq!(browser.asked.iter().find(elsewhere), None);
}

#[test]
fn the_page_fits_every_width_and_theme() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let Some(mut browser) = Browser::start(folder) else {
        return left_out("widths and themes of the page (no chromium)");
    };
    train(folder, "steps", &[]);
    train(folder, "other", &["--seed", "2"]);
    let server = Server::start(folder, &["steps", "other"]);
    let axe = axe();
    if axe.is_none() {
        left_out("whether everybody can use the page (axe-core, by npm)");
    }
    for (width, theme) in [(1280, "light"), (1280, "dark"), (800, "light"), (390, "dark"), (390, "light")] {
        browser.look(width, theme);
        browser.open(&page(&server, "#text=I+wanted+to+like+it,+but+the+story+goes+nowhere.&beside=other"));
        browser.until(SHOWN);
        browser.until("document.querySelectorAll('#filter .places li').length > 8");
        assert_eq!(browser.value("document.documentElement.dataset.theme"), theme);
        let over = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(over, 0, "{width} pixels");
        let Some(axe) = &axe else { continue };
        browser.value(&format!("{axe}; 0"));
        let found = browser
            .value("axe.run().then((found) => found.violations.map((one) => `${one.id}: ${one.nodes[0].html}`))");
        assert_eq!(found, json!([]), "{width} pixels, {theme}");
    }
    assert_eq!(browser.complaints, [""; 0]);
}

/// The reference of the interface: no script, and yet it fits widths and themes, and every link in it leads somewhere.
#[test]
fn the_reference_can_be_read_by_everybody() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let Some(mut browser) = Browser::start(folder) else {
        return left_out("the reference of the interface (no chromium)");
    };
    train(folder, "steps", &[]);
    let server = Server::start(folder, &["steps"]);
    let axe = axe();
    if axe.is_none() {
        left_out("whether everybody can use the reference (axe-core, by npm)");
    }
    let address = page(&server, "reference");
    // From the page's footer.
    browser.open(&page(&server, ""));
    browser.until(SHOWN);
    browser.value("document.querySelector('footer a').click()");
    browser.until("document.querySelectorAll('section h2').length > 9");
    assert_eq!(browser.value("location.href"), address);
    for (width, theme) in [(1280, "light"), (1280, "dark"), (800, "light"), (390, "dark"), (390, "light")] {
        browser.look(width, theme);
        browser.open(&address);
        let paper = browser.value("getComputedStyle(document.documentElement).backgroundColor");
        assert_eq!(paper, if theme == "dark" { "rgb(20, 23, 27)" } else { "rgb(252, 252, 250)" });
        browser.value("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
        let over = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(over, 0, "{width} pixels");
        let Some(axe) = &axe else { continue };
        browser.value(&format!("{axe}; 0"));
        let found = browser
            .value("axe.run().then((found) => found.violations.map((one) => `${one.id}: ${one.nodes[0].html}`))");
        assert_eq!(found, json!([]), "{width} pixels, {theme}");
    }
    let dangling = browser.value(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map((link) => link.hash.slice(1)).filter((id) => !document.getElementById(id))",
    );
    assert_eq!(dangling, json!([]));
    assert_eq!(browser.value("document.scripts.length"), 0);
    // From the keyboard: the first stop leads past the list, and a refusal can be opened.
    browser.value("document.querySelector('summary').closest('details').open = false, document.querySelector('summary').focus()");
    browser.press(ENTER.0, ENTER.1);
    browser.until("document.querySelector('details').open");
    assert_eq!(browser.complaints, [""; 0]);
    let own = page(&server, "");
    let elsewhere = |asked: &&String| !asked.starts_with(&own) && !asked.starts_with("about:");
    assert_eq!(browser.asked.iter().find(elsewhere), None);
}

#[test]
fn a_page_without_a_token_asks_for_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let Some(mut browser) = Browser::start(folder) else {
        return left_out("tokens and the page (no chromium)");
    };
    train(folder, "model", &[]);
    let mut command = spiketext(folder, &["serve", "model", "--listen", "127.0.0.1:0"]);
    command.env("SPIKETEXT_TOKENS", "secret-of-the-page");
    let server = Server::of(command, folder);
    browser.open(&page(&server, ""));
    browser.until("!document.querySelector('#token-form').hidden && !document.querySelector('#trouble').hidden");
    browser.value("document.querySelector('#token').focus()");
    browser.write("secret-of-the-page");
    browser.press(ENTER.0, ENTER.1);
    browser.until(SHOWN);
    assert_eq!(browser.value("document.querySelector('#token-form').hidden"), true);
    let told = browser.value("location.href + document.body.innerText");
    assert!(!told.to_string().contains("secret-of-the-page"));
}
