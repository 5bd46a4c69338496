//! A training phase, the same for both networks: epochs of shuffled batches, the best epoch by the
//! development texts, early stopping, a checkpoint after each epoch.

use std::{path::Path, time::Instant};

use spiketext::{
    Error, Result,
    seed::{Purpose, shuffle, stream},
};

use crate::{
    events::{Event, Observer, Phase},
    prepare::EncodedText,
    recipe::Selection,
    score::Score,
    stop::Stop,
    store::Store,
    texts::TrainingTexts,
};

/// Makes batches out of texts, all that a step needs but the weights: so the next one can be made while one trains.
pub trait Batches: Send + Sync {
    /// What a step sees of its texts.
    type Batch: Send;

    /// The batch of the `step`-th step of the whole phase (from 0); `members` are the places of `texts` among all.
    fn batch(&self, texts: &[&EncodedText], members: &[usize], step: u64) -> Self::Batch;
}

/// A network in training.
pub trait Trainable: Send + Sync {
    /// Makes its batches.
    type Batches: Batches;

    /// What makes its batches, whatever the weights become.
    fn batches(&self) -> Self::Batches;

    /// Trains on one batch with the learning rates times `lr_scale` and returns its loss. `overlap` is work that
    /// depends on nothing here; it is given to the other threads where this one has little to share with them.
    fn train(
        &mut self,
        batch: <Self::Batches as Batches>::Batch,
        lr_scale: f64,
        overlap: impl FnOnce() + Send,
    ) -> f64;

    /// How well it tells the labels of the development texts.
    ///
    /// # Errors
    /// If its weights have become unusable.
    fn development_score(&self) -> Result<Score>;

    /// Puts everything that training changes into a checkpoint.
    fn save(&self, prefix: &str, store: &mut Store);

    /// Puts what the network is into a checkpoint, without what its optimiser remembers.
    fn save_values(&self, prefix: &str, store: &mut Store);

    /// Takes back what either of the two put there.
    ///
    /// # Errors
    /// If the checkpoint is not of this network.
    fn load(&mut self, prefix: &str, store: &Store) -> Result<()>;
}

/// The length of a phase.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Which phase.
    pub phase: Phase,
    /// Most epochs.
    pub epochs: usize,
    /// Epochs that are no better on the development texts, after which it ends; 0 never ends it.
    pub patience: usize,
    /// What makes one epoch better than another.
    pub selection: Selection,
    /// Texts of a step.
    pub batch: usize,
    /// Whether learning rates fall along a half cosine.
    pub cosine: bool,
    /// The run's seed.
    pub seed: u64,
    /// Whether the weights it begins with stand unless an epoch beats them.
    pub keep_start: bool,
    /// Who may end it before that.
    pub stop: Stop,
}

/// What came of a phase.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingHistory {
    /// The best score on the development texts; that of nothing before anything was measured.
    pub best: Score,
    /// The epoch it came from, from 1; 0 is the network as it began.
    pub best_epoch: usize,
    /// Epochs that were run.
    pub epochs: usize,
}

impl TrainingHistory {
    /// Keeps it, under names with `prefix` before them.
    pub fn put(&self, prefix: &str, store: &mut Store) {
        self.best.put(prefix, store);
        store.put_number(format!("{prefix}best-epoch"), self.best_epoch as u64);
        store.put_number(format!("{prefix}epochs"), self.epochs as u64);
    }

    /// What [`Self::put`] kept, of a phase of at most `epochs` epochs.
    ///
    /// # Errors
    /// If a part is missing, or there are more epochs than the phase has, or a best one that was not run.
    pub fn of_store(store: &Store, epochs: usize) -> Result<Self> {
        let epochs = store.count("epochs", epochs)?;
        let best_epoch = store.count("best-epoch", epochs)?;
        Ok(Self { best: Score::of_store(store)?, best_epoch, epochs })
    }
}

/// Where a phase leaves its checkpoints, and the one that it goes on from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saving<'a> {
    /// Where; none are written without.
    pub checkpoint: Option<Checkpoint<'a>>,
    /// What goes into each checkpoint beside this phase.
    pub carry: Option<&'a Store>,
    /// A checkpoint of this phase.
    pub resume: Option<&'a Store>,
}

/// Where checkpoints go, and what must agree for one to be taken up.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoint<'a> {
    /// The file.
    pub path: &'a Path,
    /// Recipe, data and seed of the run in one hash.
    pub fingerprint: &'a str,
}

impl Schedule {
    /// Runs the phase. `network` ends with the weights of its best epoch.
    ///
    /// # Errors
    /// If a checkpoint cannot be written, loss or weights leave the finite numbers, or somebody asked to stop.
    pub fn run(
        &self,
        network: &mut impl Trainable,
        texts: &TrainingTexts,
        saving: Saving<'_>,
        observer: &mut Observer<'_>,
    ) -> Result<TrainingHistory> {
        let Saving { checkpoint, carry, resume } = saving;
        let mut best = Store::default();
        let mut history = TrainingHistory::default();
        if let Some(store) = resume {
            network.load("best.", store)?;
            network.save_values("best.", &mut best);
            network.load("now.", store)?;
            history = TrainingHistory::of_store(store, self.epochs)?;
            observer(&Event::Resumed { phase: self.phase, epochs_done: history.epochs });
        } else {
            network.save_values("best.", &mut best);
            if self.keep_start {
                history.best = network.development_score()?;
            }
        }
        let patience = if self.patience == 0 { usize::MAX } else { self.patience };
        while history.epochs < self.epochs && history.epochs - history.best_epoch < patience {
            let started = Instant::now();
            let epoch = history.epochs + 1;
            // All of it on a thread of the pool: from outside, every kernel or every step would wait for one to wake
            // up.
            let train_loss = rayon::scope(|_| self.epoch(network, texts, epoch, observer))?;
            let score = network.development_score()?;
            // What it began with counts only where it is to be kept.
            let first = history.best_epoch == 0 && !self.keep_start;
            let better = first || score.is_better(&history.best, self.selection);
            history.epochs = epoch;
            if better {
                history.best = score.clone();
                history.best_epoch = epoch;
                best = Store::default();
                network.save_values("best.", &mut best);
            }
            if let Some(checkpoint) = checkpoint {
                let mut store = Store::default();
                network.save("now.", &mut store);
                history.put("", &mut store);
                store.put_text("phase", self.phase.name().into());
                store.put_text("fingerprint", checkpoint.fingerprint.into());
                let stores: Vec<&Store> = [&best, &store].into_iter().chain(carry).collect();
                Store::write_all(&stores, checkpoint.path)?;
            }
            observer(&Event::Epoch {
                phase: self.phase,
                epoch,
                train_loss,
                development_accuracy: 100.0 * score.accuracy,
                development_micro_f1: score.micro_f1_of_sets().map(|share| 100.0 * share),
                development_macro_f1: 100.0 * score.macro_f1,
                never_answered: score.never_answered.len(),
                best: better,
                seconds: started.elapsed().as_secs_f64(),
            });
        }
        network.load("best.", &best)?;
        Ok(history)
    }

    /// Trains on all texts once and returns their mean loss.
    fn epoch(
        &self,
        network: &mut impl Trainable,
        texts: &TrainingTexts,
        epoch: usize,
        observer: &mut Observer<'_>,
    ) -> Result<f64> {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        shuffle(&mut stream(self.seed, Purpose::Shuffle, self.phase as u64, epoch as u64), &mut order);
        let parts: Vec<&[usize]> = order.chunks(self.batch).collect();
        let (steps, batches) = (parts.len(), network.batches());
        let step_of_all = |step: usize| (epoch - 1) * steps + step;
        let batch_of = |step: usize, members: &[usize]| {
            let texts = texts.several(members.iter().copied())?;
            let texts: Vec<&EncodedText> = texts.iter().collect();
            Ok(batches.batch(&texts, members, step_of_all(step) as u64))
        };
        let (mut loss, mut next) = (0.0, None);
        for (step, &members) in parts.iter().enumerate() {
            let batch = next.take().unwrap_or_else(|| batch_of(step, members))?;
            let lr_scale = if self.cosine {
                let done = step_of_all(step) as f64 / (self.epochs * steps) as f64;
                0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            } else {
                1.0
            };
            let prepare = || next = parts.get(step + 1).map(|members| batch_of(step + 1, members));
            let batch_loss = network.train(batch, lr_scale, prepare);
            if !batch_loss.is_finite() {
                return Err(Error::invalid(
                    self.phase.name(),
                    "a finite loss (a lower learning rate may keep it so)",
                    format!("{batch_loss} at step {} of epoch {epoch}", step + 1),
                ));
            }
            loss += batch_loss * members.len() as f64;
            observer(&Event::Step {
                phase: self.phase,
                epoch,
                epochs: self.epochs,
                step: step + 1,
                steps,
                texts: members.len(),
            });
            if self.stop.is_asked() {
                return Err(Error::Stopped { operation: self.phase.name() });
            }
        }
        Ok(loss / texts.len().max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by the fuzz target of checkpoints: a best epoch after the last one ran below zero.
    #[test]
    fn a_history_comes_back_or_is_refused() {
        let score = |accuracy| Score { accuracy, never_answered: vec![1, 4], ..Score::default() };
        let history = TrainingHistory { best: score(0.75), best_epoch: 2, epochs: 3 };
        let mut store = Store::default();
        history.put("dnn.", &mut store);
        let part = store.part("dnn.");
        let again = TrainingHistory::of_store(&part, 3).expect("as it was");
        assert_eq!((again.best, again.best_epoch, again.epochs), (score(0.75), 2, 3));
        let refused = |history: TrainingHistory, most: usize, told: &str| {
            let mut store = Store::default();
            history.put("", &mut store);
            let error = TrainingHistory::of_store(&store, most).map(|_| ()).expect_err(told).to_string();
            assert!(error.contains(told), "{error}");
        };
        let of = |accuracy, best_epoch, epochs| TrainingHistory { best: score(accuracy), best_epoch, epochs };
        refused(of(0.5, 4, 3), 9, "best-epoch");
        refused(of(0.5, 1, usize::MAX), 9, "epochs");
        refused(of(f64::NAN, 1, 3), 9, "best-accuracy");
        refused(of(1.5, 1, 3), 9, "best-accuracy");
        let empty = TrainingHistory::of_store(&Store::default(), 3).map(|_| ()).expect_err("nothing there");
        assert!(empty.to_string().contains("none"), "{empty}");
    }
}
