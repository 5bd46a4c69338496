//! `spiketext serve`: models behind HTTP.

use std::{io::Write, net::SocketAddr, num::NonZeroUsize, path::PathBuf, process::ExitCode, time::Duration};

use spiketext_serve::{Limits, Log, Options, Place, Tokens, serve};

use crate::support::terminal;

/// The variable that holds tokens where no file does.
const TOKENS: &str = "SPIKETEXT_TOKENS";

/// Serve models over HTTP.
///
/// Texts in, labels, spikes, reasons and costs out, as JSON. Standard output names the address and the models once they are
/// loaded; standard error is the log, one JSON object a line. A model's folder that changes is read again while the old
/// version goes on. SIGTERM or ctrl-C stops: what was taken is finished first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext serve runs/reviews-en-lean-0
  spiketext serve MODEL best=runs/7/model --listen 127.0.0.1:9000 --token-file tokens.txt
  curl -s http://127.0.0.1:8080/v1/classify -H 'Content-Type: application/json' -d '{\"text\": \"a warm film\"}'

Routes:
  POST /v1/classify  text or texts, model, top_k, threshold: labels and probabilities, in order
  POST /v1/trace     text, model, membranes, changes: every spike, and currents and membranes
  POST /v1/explain   text, model, quick, changes: what `spiketext explain --json` prints
  POST /v1/energy    text or texts, model, changes: operations and energy
  POST /v1/attack    text, model, attack: the few words to misspell until the answer changes
  POST /v1/filter    width, filter, model: the words that drive a filter
  GET  /v1/models    names, versions, classes
  GET  /healthz      lives; /readyz: requests should come (both need no token)
  GET  /metrics      counts for Prometheus
  GET  /reference    the interface as a page; /openapi.json: as a document for programs; /: a page that shows the spikes

A request that names no model is answered by the first one. Refusals are {\"error\": {\"code\", \"message\", \"field\"}}. There is no
TLS: what others reach belongs behind a proxy that has it. While a changed model is loaded, both versions are in memory.

More: docs/guide/serve.md.")]
pub struct Arguments {
    /// The model directories; their names are those of the folders, or given as NAME=DIR.
    #[arg(value_name = "[NAME=]DIR", required = true, value_parser = Place::parse)]
    models: Vec<Place>,
    /// The address to listen on; port 0 takes a free one, and 0.0.0.0 or `[::]` lets other machines in.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Answer only requests with one of the tokens in this file, one a line [default: those in $SPIKETEXT_TOKENS, if set].
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Seconds that a request may take, from its first line to its answer; idle connections are closed after as many.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = seconds)]
    deadline: f64,
    /// Seconds that requests which were taken may go on after SIGTERM or ctrl-C.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = seconds)]
    drain: f64,
    /// Write texts into the log, too.
    #[arg(long)]
    log_texts: bool,
    #[command(flatten)]
    limits: LimitArguments,
}

/// Limits.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
struct LimitArguments {
    /// Bytes of a request's body; larger ones are refused with 413.
    #[arg(long, value_name = "BYTES", default_value_t = default(Limits::default().body))]
    max_body: NonZeroUsize,
    /// Texts of a request; more are refused with 422.
    #[arg(long, value_name = "N", default_value_t = default(Limits::default().texts))]
    max_texts: NonZeroUsize,
    /// Bytes of a text; longer ones are refused with 422.
    #[arg(long, value_name = "BYTES", default_value_t = default(Limits::default().text))]
    max_text: NonZeroUsize,
    /// Tokens of a text that is traced or explained; with "quick" 16 times as many.
    #[arg(long, value_name = "N", default_value_t = default(Limits::default().tokens))]
    max_tokens: NonZeroUsize,
    /// Texts that may wait for a model or be labelled by it at a time; more are refused with 503.
    #[arg(long, value_name = "N", default_value_t = default(Limits::default().queue))]
    queue: NonZeroUsize,
    /// Connections at a time; more wait to be taken.
    #[arg(long, value_name = "N", default_value_t = default(Limits::default().connections))]
    max_connections: NonZeroUsize,
}

fn default(limit: usize) -> NonZeroUsize {
    NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN)
}

/// Seconds, above 0 and at most a day.
fn seconds(text: &str) -> Result<f64, String> {
    let told = || format!("expected seconds above 0, at most 86400, got '{text}'");
    text.parse::<f64>().ok().filter(|&seconds| seconds > 0.0 && seconds <= 86_400.0).ok_or_else(told)
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { models, listen, token_file, deadline, drain, log_texts, limits } = arguments;
    let tokens = match (token_file, std::env::var(TOKENS)) {
        (Some(file), _) => {
            let text = std::fs::read_to_string(&file).map_err(spiketext::Error::read(&file))?;
            Tokens::parse(&text, &format!("--token-file {}", file.display()))
        }
        (None, Ok(text)) => Tokens::parse(&text, &format!("${TOKENS}")),
        (None, Err(std::env::VarError::NotPresent)) => Ok(Tokens::default()),
        (None, Err(_)) => Err(format!("${TOKENS}: expected text, got bytes that are none")),
    };
    let log = Log::to(std::io::stderr())?;
    let options = Options {
        models,
        listen,
        tokens: tokens.map_err(|error| anyhow::anyhow!("serve: {error}"))?,
        drain: Duration::from_secs_f64(drain),
        log_texts,
        build: crate::PROGRAM.to_owned(),
        limits: Limits {
            body: limits.max_body.get(),
            texts: limits.max_texts.get(),
            text: limits.max_text.get(),
            tokens: limits.max_tokens.get(),
            queue: limits.queue.get(),
            connections: limits.max_connections.get(),
            deadline: Duration::from_secs_f64(deadline),
        },
        ..Options::new(Vec::new())
    };
    let warns = options.tokens.is_empty() && !listen.ip().is_loopback();
    // What a panic says may have texts in it; where it came from has none.
    let panics = log.clone();
    std::panic::set_hook(Box::new(move |information| {
        let place = information.location().map_or_else(|| "somewhere".to_owned(), ToString::to_string);
        panics.message("error", "panic", &format!("a panic at {place}"));
    }));
    serve(options, log.clone(), |address, models| {
        let mut told = format!("listening on http://{address}\n");
        for (name, version) in models {
            told += &format!("model {} {version}\n", terminal::one_line(name, None));
        }
        let mut out = std::io::stdout().lock();
        match out.write_all(told.as_bytes()).and_then(|()| out.flush()) {
            // Who has read what it wanted may leave; the server goes on.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
        if warns {
            let message = format!(
                "anyone who reaches {address} may ask: --token-file FILE asks for tokens, and there is no TLS without a proxy"
            );
            log.message("warning", "open", &message);
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}
