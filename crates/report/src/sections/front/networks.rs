//! The networks that compete, and their points under a cost table.

use spiketext::energy::{Prices, TABLES};
use spiketext_study::{Method, WayName};

use super::TABLE;
use crate::{
    cells::{Entry, Key, Study, dataset_name},
    numbers::Sample,
    published::DATASETS,
};

/// What networks have one colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Bags of words, and means of trained vectors.
    Words,
    /// DNNs in single precision.
    Dnn,
    /// DNNs in 8 bits.
    Int8,
    /// DNNs with weights of 4 bits.
    Int4,
    /// DNNs on as many input levels as a spiking network has.
    Levels,
    /// DNNs on the codes that a spiking network learnt.
    Codes,
    /// Spiking networks.
    Spiking,
}

impl Group {
    fn of(method: Method) -> Self {
        match method {
            Method::BagOfWords | Method::FastText => Self::Words,
            // A teacher's costs are not known here, so that it never stands on a front.
            Method::Original | Method::Dnn | Method::Teacher => Self::Dnn,
            Method::DnnInt8 => Self::Int8,
            Method::DnnInt4 => Self::Int4,
            Method::DnnLevels => Self::Levels,
            Method::DnnCodes => Self::Codes,
            Method::Converted | Method::FineTuned | Method::Direct => Self::Spiking,
        }
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Words => "bag of words, TF-IDF, fastText",
            Self::Dnn => "DNN",
            Self::Int8 => "DNN in 8 bits",
            Self::Int4 => "DNN, weights of 4 bits",
            Self::Levels => "DNN on T + 1 levels",
            Self::Codes => "DNN on codes of an SNN",
            Self::Spiking => "SNN",
        }
    }
}

/// A way of computing in words; nothing for the way a network is run.
#[must_use]
pub fn way_name(way: Option<WayName>) -> &'static str {
    match way {
        None => "",
        Some(WayName::WordTable) => "word table",
        Some(WayName::SignedCode) => "signed codes",
    }
}

/// A network and a way of computing it.
#[derive(Debug)]
pub struct Network<'a> {
    /// Its row.
    pub key: Key<'a>,
    /// How it is computed; none for the way it is run.
    pub way: Option<WayName>,
    /// A data set each.
    pub entries: Vec<Entry<'a>>,
}

/// A data set, or the mean over the published ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// A data set.
    Set(&'a str),
    /// The mean; only of networks that are there on all.
    Mean,
}

impl<'a> Place<'a> {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'a str {
        match self {
            Self::Set(name) => dataset_name(name),
            Self::Mean => "mean",
        }
    }
}

impl<'a> Network<'a> {
    /// Row, axis and way in words, not escaped.
    #[must_use]
    pub fn name(&self) -> String {
        match way_name(self.way) {
            "" => self.key.name(),
            way => format!("{}, {way}", self.key.name()),
        }
    }

    /// What it is.
    #[must_use]
    pub fn group(&self) -> Group {
        Group::of(self.key.kind.method)
    }

    /// Its entry on a data set, or those on all the published ones; none where one lacks.
    #[must_use]
    pub fn at(&self, place: Place<'_>) -> Option<Vec<Entry<'a>>> {
        let on = |name: &str| self.entries.iter().find(|entry| entry.dataset == name).cloned();
        match place {
            Place::Set(name) => Some(vec![on(name)?]),
            Place::Mean => DATASETS.iter().map(|(name, _)| on(name)).collect(),
        }
    }

    fn mean(&self, place: Place<'_>, value: impl Fn(&Entry<'a>) -> Option<f64>) -> Option<f64> {
        let values: Vec<f64> = self.at(place)?.iter().map(value).collect::<Option<_>>()?;
        Some(Sample::of(values)?.mean)
    }

    /// Percent of the test texts.
    #[must_use]
    pub fn accuracy(&self, place: Place<'_>) -> Option<f64> {
        self.mean(place, |entry| Some(entry.accuracy().mean))
    }

    /// Points by which it is ahead of another network on the seeds that both have, tested on the same texts.
    #[must_use]
    pub fn lead(&self, other: &Network<'_>, place: Place<'_>) -> Option<f64> {
        let sets = self.at(place)?.into_iter().zip(other.at(place)?).map(|(own, rival)| {
            let leads = own.cells.iter().filter_map(|cell| {
                let twin = rival
                    .cells
                    .iter()
                    .find(|twin| twin.seed == cell.seed && twin.settings.split == cell.settings.split)?;
                Some(cell.measured.test_accuracy - twin.measured.test_accuracy)
            });
            Some(Sample::of(leads)?.mean)
        });
        Some(Sample::of(sets.collect::<Option<Vec<_>>>()?)?.mean)
    }

    /// Energy a text under a cost table.
    #[must_use]
    pub fn microjoules(&self, place: Place<'_>, table: &str) -> Option<f64> {
        self.mean(place, |entry| match self.way {
            None => Some(entry.energy(table)?.0),
            Some(way) => entry.way(way, |way| {
                way.energy.iter().find(|priced| priced.table == table).map(|priced| priced.microjoules)
            }),
        })
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn footprint(&self, place: Place<'_>) -> Option<f64> {
        self.mean(place, |entry| {
            let own = entry.cost(|costs| costs.footprint as f64);
            let of_way = |way| entry.way(way, |way| way.footprint.map(|bytes| bytes as f64));
            self.way.and_then(of_way).or(own)
        })
    }

    /// Measured nanoseconds a text; none for other ways than the one that ran.
    #[must_use]
    pub fn nanoseconds(&self, place: Place<'_>) -> Option<f64> {
        if self.way.is_some() {
            return None;
        }
        self.mean(place, |entry| Some(entry.sample(|cell| cell.seconds.nanoseconds_a_text)?.mean))
    }
}

/// A network where it stands on a data set, or in the mean, under a cost table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Its number among the networks.
    pub network: usize,
    /// Percent of the test texts.
    pub accuracy: f64,
    /// Energy a text.
    pub microjoules: f64,
}

/// All networks that have an energy.
#[derive(Debug)]
pub struct Networks<'a> {
    /// In the order of the study, each as it is run before its other ways.
    pub all: Vec<Network<'a>>,
    /// The data sets that any of them is on, in the order of the page.
    pub datasets: Vec<&'a str>,
}

impl<'a> Networks<'a> {
    /// Those of a study.
    #[must_use]
    pub fn of(study: &'a Study) -> Self {
        let mut all = Vec::new();
        let mut datasets: Vec<&str> = study.columns("main");
        datasets.extend(study.columns(TABLE).into_iter().filter(|name| !datasets.contains(name)).collect::<Vec<_>>());
        for table in ["main", TABLE] {
            for key in study.keys(table) {
                let mut entries: Vec<Entry<'a>> =
                    datasets.iter().filter_map(|dataset| study.entry(key, dataset)).collect();
                entries.retain(|entry| entry.cost(|costs| costs.dense).is_some());
                if entries.is_empty() {
                    continue;
                }
                all.push(Network { key, way: None, entries: entries.clone() });
                for way in [WayName::WordTable, WayName::SignedCode] {
                    let mut entries = entries.clone();
                    entries.retain(|entry| entry.way(way, |way| Some(way.effective_acs)).is_some());
                    if !entries.is_empty() {
                        all.push(Network { key, way: Some(way), entries });
                    }
                }
            }
        }
        Self { all, datasets }
    }

    /// Every data set, and the mean where all published ones are there.
    #[must_use]
    pub fn places(&self) -> Vec<Place<'a>> {
        let mut places: Vec<Place<'a>> = self.datasets.iter().map(|name| Place::Set(name)).collect();
        if self.all.iter().any(|network| network.at(Place::Mean).is_some()) {
            places.push(Place::Mean);
        }
        places
    }

    /// The points of a place under a cost table. What costs nothing there was not priced.
    #[must_use]
    pub fn points(&self, place: Place<'_>, table: &str) -> Vec<Point> {
        // A device that computes zeros makes nothing of bits that are not set, or of signs.
        let dense = computes_zeros(table);
        let point = |(number, network): (usize, &Network<'a>)| {
            let by_events =
                network.way == Some(WayName::SignedCode) || matches!(network.group(), Group::Levels | Group::Codes);
            if dense && by_events {
                return None;
            }
            let microjoules = network.microjoules(place, table).filter(|energy| *energy > 0.0)?;
            Some(Point { network: number, accuracy: network.accuracy(place)?, microjoules })
        };
        self.all.iter().enumerate().filter_map(point).collect()
    }
}

impl Networks<'_> {
    /// The points that none beats, but for signed codes: what those would answer was not measured.
    #[must_use]
    pub fn front(&self, points: &[Point]) -> Vec<Point> {
        let measured = |point: &&Point| self.all[point.network].way != Some(WayName::SignedCode);
        front(&points.iter().filter(measured).copied().collect::<Vec<_>>())
    }
}

/// Whether a cost table is of a device that computes zeros too.
#[must_use]
pub fn computes_zeros(table: &str) -> bool {
    TABLES.iter().any(|known| known.name == table && matches!(known.prices, Prices::Device { events: false, .. }))
}

/// The points that none beats in both accuracy and energy, the cheapest first. Of equals the first.
#[must_use]
fn front(points: &[Point]) -> Vec<Point> {
    let mut order: Vec<Point> = points.to_vec();
    order.sort_by(|a, b| {
        let cheaper = a.microjoules.total_cmp(&b.microjoules);
        cheaper.then_with(|| b.accuracy.total_cmp(&a.accuracy)).then(a.network.cmp(&b.network))
    });
    let mut best = f64::NEG_INFINITY;
    order.retain(|point| {
        point.accuracy > best && {
            best = point.accuracy;
            true
        }
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_holds_what_nothing_beats() {
        let pairs = [(2.0, 80.0), (1.0, 70.0), (3.0, 79.0), (2.0, 81.0), (5.0, 90.0), (5.0, 90.0)];
        let points: Vec<Point> = pairs
            .into_iter()
            .enumerate()
            .map(|(network, (microjoules, accuracy))| Point { network, accuracy, microjoules })
            .collect();
        assert_eq!(front(&points).iter().map(|point| point.network).collect::<Vec<_>>(), [1, 3, 4]);
        assert!(front(&[]).is_empty());
    }
}
