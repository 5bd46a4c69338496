//! What a long run says when it is asked to end: by ctrl-C, or by a plain `kill`.

use std::io::{IsTerminal, Write};

use spiketext::files::remove_begun;

/// The exit code of a run that was interrupted.
pub const INTERRUPTED: i32 = 130;

/// From now on, the first SIGINT or SIGTERM has `last` run on a thread of its own, after which the process ends; the
/// second ends it at once. A signal that the process was started without (`nohup`, `&` in a script) stays ignored. Where
/// there are no such signals, nothing changes.
///
/// # Errors
/// If the system refuses.
#[cfg(unix)]
pub fn watch(last: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    use std::sync::{Arc, atomic::AtomicBool};

    use signal_hook::{
        consts::{SIGINT, SIGTERM},
        flag,
        iterator::Signals,
    };

    let ignored = ignored_signals();
    let signals: Vec<i32> = [SIGINT, SIGTERM].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0).collect();
    let asked = Arc::new(AtomicBool::new(false));
    for &signal in &signals {
        // In this order: the first signal finds the flag down and raises it.
        flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&asked))?;
        flag::register(signal, Arc::clone(&asked))?;
    }
    let mut signals = Signals::new(signals)?;
    std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        if signals.forever().next().is_some() {
            last();
            std::process::exit(INTERRUPTED);
        }
    })?;
    Ok(())
}

/// Where there are no such signals, nothing changes.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn watch(_last: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    Ok(())
}

/// From now on, an interruption takes files away that were begun and not finished, and says so, or says `kept`: what is kept
/// of the work, if something is.
///
/// # Errors
/// If the system refuses.
pub fn remove_begun_files(kept: impl FnOnce() -> Option<String> + Send + 'static) -> std::io::Result<()> {
    watch(move || {
        remove_begun();
        let mut out = std::io::stderr();
        // Below the bar of a terminal.
        let line_end = if out.is_terminal() { "\n" } else { "" };
        let told = kept().unwrap_or_else(|| "nothing is written".to_owned());
        let _ = writeln!(out, "{line_end}spiketext: interrupted: {told}");
    })
}

/// The signals that the process ignores, a bit each from number 1; none where the system does not say.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// The command line that this process was started with, as it can be given to a shell again, with `flag` if it was not
/// among its arguments.
pub fn command_with(flag: &str) -> String {
    let arguments: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let missing = !arguments.iter().any(|argument| argument == flag);
    let words = arguments.iter().map(String::as_str).chain(missing.then_some(flag));
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_stand_as_a_shell_takes_them() {
        for (word, shell) in [
            ("--set=dnn.epochs=3", "--set=dnn.epochs=3"),
            ("", "''"),
            ("my reviews.csv", "'my reviews.csv'"),
            ("it's", r"'it'\''s'"),
            ("--set=network.widths=[3]", "'--set=network.widths=[3]'"),
            ("评论.csv", "评论.csv"),
        ] {
            assert_eq!(quoted(word), shell);
        }
    }
}
