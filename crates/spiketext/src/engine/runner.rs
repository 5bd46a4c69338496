//! The runner: chooses a plan for a network and runs batch after batch with it. The only place that knows both plans.

use rayon::prelude::*;

use super::{Run, plain, text_cnn};
use crate::{encode::Noise, network::Network};

/// Runs a network on texts, with one noise. What it keeps between calls makes it faster and changes no result.
#[derive(Debug)]
pub struct Runner {
    noise: Noise,
    plan: Plan,
}

/// How a network is run.
#[derive(Debug)]
enum Plan {
    /// With the kernels for chains of one text convolution.
    TextCnn(Box<text_cnn::Runner>),
    /// As it stands, a text a thread.
    Plain,
}

impl Runner {
    /// A runner of `network` that has met no word yet.
    #[must_use]
    pub fn new(network: &Network, noise: Noise) -> Self {
        let plan =
            network.text_cnn().map_or(Plan::Plain, |cnn| Plan::TextCnn(Box::new(text_cnn::Runner::new(cnn, noise))));
        Self { noise, plan }
    }

    /// A runner that takes any network as it stands: what other plans are held to.
    #[cfg(test)]
    pub(super) fn plain(noise: Noise) -> Self {
        Self { noise, plan: Plan::Plain }
    }

    /// Runs the network on texts given as word ids ([`crate::text::UNKNOWN`] for unknown words). It must be the
    /// network that the runner was made for.
    ///
    /// # Panics
    /// If an id is neither a word of the network nor [`crate::text::UNKNOWN`].
    #[must_use]
    pub fn run<T: AsRef<[u32]> + Sync>(&mut self, network: &Network, texts: &[T]) -> Run {
        match (&mut self.plan, network.text_cnn()) {
            (Plan::TextCnn(runner), Some(cnn)) => runner.run(cnn, texts),
            _ => run_plainly(network, self.noise, texts),
        }
    }
}

fn run_plainly<T: AsRef<[u32]> + Sync>(network: &Network, noise: Noise, texts: &[T]) -> Run {
    let run_one = |text: &T| {
        let tokens = plain::Tokens::of(network, noise, text.as_ref());
        let mut run = Run::new(network.config());
        let mut tally = plain::Tally::new(network, &tokens, &mut run.firing);
        let answer = plain::run(network, &tokens, &mut tally);
        let operations = tally.finish();
        run.push(answer, operations);
        run
    };
    let runs: Vec<Run> = texts.par_iter().map(run_one).collect();
    let mut all = Run::new(network.config());
    runs.into_iter().for_each(|run| all.append(run));
    all
}
