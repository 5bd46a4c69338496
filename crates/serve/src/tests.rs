//! The queue under load, panics, deadlines and clients that leave: with labellers that wait for the test's word.

#[path = "../tests/common/mod.rs"]
mod common;

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use axum::{Router, http::StatusCode};
use common::{Answer, get, model, post_json};
use serde_json::json;
use spiketext::network::Readout;
use tokio::task::JoinHandle;

use crate::{
    application::{Application, Pace, Until},
    batches::MakeLabeller,
    log::Log,
    options::{Options, Place},
    problem::Problem,
    routes::router,
    versions::Version,
};

/// A server whose labeller waits for a word before each batch, tells its texts, and panics at the text "panic".
struct Gated {
    application: Arc<Application>,
    router: Router,
    begun: Receiver<Vec<String>>,
    word: Sender<()>,
}

impl Gated {
    fn new(change: impl FnOnce(&mut Options)) -> Self {
        let (begins, begun) = channel();
        let (word, words) = channel::<()>();
        let words = Arc::new(Mutex::new(words));
        let mut options = Options::new(vec![Place { name: "small".to_owned(), folder: "small".into() }]);
        change(&mut options);
        let place = options.models[0].clone();
        let application = Application::new(options, Log::to(std::io::sink()).expect("a log"));
        let version = Version::new(Arc::new(model(1.0, Readout::SpikeCount)), "1".to_owned(), None);
        let make = || -> MakeLabeller {
            let (begins, words) = (begins.clone(), Arc::clone(&words));
            Box::new(move |model| {
                let (begins, words, model) = (begins.clone(), Arc::clone(&words), Arc::clone(model));
                Box::new(move |texts| {
                    let _ = begins.send(texts.iter().map(|&text| text.to_owned()).collect());
                    let _ = words.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv();
                    assert!(!texts.contains(&"panic"), "asked for");
                    model.predict(texts).0
                })
            })
        };
        application.start(vec![(place, version)], make).expect("started");
        Self { router: router(Arc::clone(&application)), application, begun, word }
    }

    /// Sends texts and does not wait for the answer.
    fn ask(&self, texts: &[&str]) -> JoinHandle<Answer> {
        let (router, body) = (self.router.clone(), json!({ "texts": texts }));
        tokio::spawn(async move { post_json(&router, "/v1/classify", body).await })
    }

    /// The texts of the next batch, once its labelling has begun.
    fn next(&self) -> Vec<String> {
        self.begun.recv().expect("a batch")
    }

    /// Lets a batch go.
    fn go(&self) {
        self.word.send(()).expect("a worker");
    }

    /// Waits until so many texts are with the model.
    async fn in_flight(&self, texts: usize) {
        while self.application.models()[0].in_flight() != texts {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn labelled(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_room_is_refused_and_there_is_room_again() {
    let gated = Gated::new(|options| options.limits.queue = 3);
    let first = gated.ask(&["good", "bad"]);
    assert_eq!(gated.next(), ["good", "bad"]);
    let second = gated.ask(&["film"]);
    gated.in_flight(3).await;
    let refused = post_json(&gated.router, "/v1/classify", json!({ "text": "bad film" })).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((refused.header("retry-after"), refused.refusal().1.as_str()), ("1", "overloaded"));
    // More than there will ever be room for is no matter of trying again.
    let never = post_json(&gated.router, "/v1/classify", json!({ "texts": ["a", "b", "c", "d"] })).await;
    assert_eq!((never.status, never.refusal().0.as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "texts"));
    // Who asks how it is does not wait for the model.
    assert_eq!(get(&gated.router, "/healthz").await.status, StatusCode::OK);
    assert_eq!(get(&gated.router, "/readyz").await.status, StatusCode::OK);
    assert!(get(&gated.router, "/metrics").await.text().contains("spiketext_texts_in_flight{"));
    gated.go();
    gated.go();
    for answer in [first, second] {
        assert_eq!(answer.await.expect("an answer").status, StatusCode::OK);
    }
    gated.in_flight(0).await;
    gated.go();
    let again = post_json(&gated.router, "/v1/classify", json!({ "text": "bad film" })).await;
    assert_eq!(again.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_labelled_together_and_a_panic_hits_only_who_caused_it() {
    let gated = Gated::new(|_| {});
    let first = gated.ask(&["good"]);
    gated.next();
    let (second, third) = (gated.ask(&["bad", "film"]), gated.ask(&["panic"]));
    gated.in_flight(4).await;
    for _ in 0..4 {
        gated.go();
    }
    assert_eq!(first.await.expect("an answer").status, StatusCode::OK);
    let mut together = gated.next();
    together.sort();
    assert_eq!(together, ["bad", "film", "panic"]);
    assert_eq!(second.await.expect("an answer").status, StatusCode::OK);
    let failed = third.await.expect("an answer");
    assert_eq!((failed.status, failed.refusal().1.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "internal"));
    gated.go();
    assert_eq!(gated.ask(&["good"]).await.expect("an answer").status, StatusCode::OK);
    assert!(get(&gated.router, "/metrics").await.text().contains("spiketext_batch_texts_bucket"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_labels_what_nobody_waits_for() {
    let gated = Gated::new(|options| options.limits.deadline = Duration::from_secs(2));
    let first = gated.ask(&["good"]);
    assert_eq!(gated.next(), labelled(&["good"]));
    let (late, left) = (gated.ask(&["bad"]), gated.ask(&["film"]));
    gated.in_flight(3).await;
    left.abort();
    // The word does not come before the deadline has passed.
    for answer in [first, late] {
        let answer = answer.await.expect("an answer");
        assert_eq!((answer.status, answer.refusal().1.as_str()), (StatusCode::GATEWAY_TIMEOUT, "late"));
    }
    gated.go();
    gated.in_flight(0).await;
    gated.go();
    assert_eq!(gated.ask(&["good film"]).await.expect("an answer").status, StatusCode::OK);
    assert_eq!(gated.next(), labelled(&["good film"]));
}

#[tokio::test]
async fn a_server_is_ready_from_the_models_to_the_word_to_stop() {
    let options = Options::new(vec![Place { name: "small".to_owned(), folder: "small".into() }]);
    let application = Application::new(options, Log::to(std::io::sink()).expect("a log"));
    let router = router(Arc::clone(&application));
    assert_eq!(get(&router, "/healthz").await.status, StatusCode::OK);
    for early in [get(&router, "/readyz").await, get(&router, "/v1/models").await] {
        assert_eq!((early.status, early.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
        assert_eq!(early.refusal().1, "not_ready");
    }
    let early = post_json(&router, "/v1/classify", json!({ "text": "good" })).await;
    assert_eq!(early.status, StatusCode::SERVICE_UNAVAILABLE);
    let gated = Gated::new(|_| {});
    assert_eq!(get(&gated.router, "/readyz").await.status, StatusCode::OK);
    gated.application.drain();
    assert_eq!(get(&gated.router, "/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get(&gated.router, "/healthz").await.status, StatusCode::OK);
    gated.go();
    // What is on its way is answered.
    assert_eq!(gated.ask(&["good"]).await.expect("an answer").status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_work_has_room_of_its_own_and_may_panic() {
    let gated = Gated::new(|_| {});
    let application = &gated.application;
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    let (open, closed) = tokio::sync::watch::channel(());
    let mut waiting = Vec::new();
    // As many as there is room for; none ends before the word.
    let refused = loop {
        let (application, mut closed) = (Arc::clone(application), closed.clone());
        let runtime = tokio::runtime::Handle::current();
        let work = async move {
            let work = move |_: &Until| {
                let _ = runtime.block_on(closed.changed());
                Ok(())
            };
            application.work(Pace::Long, deadline, work).await
        };
        let mut work = Box::pin(work);
        match std::future::poll_fn(|context| std::task::Poll::Ready(work.as_mut().poll(context))).await {
            std::task::Poll::Pending => waiting.push(work),
            std::task::Poll::Ready(refused) => break refused,
        }
        assert!(waiting.len() < 100_000, "there is no end");
    };
    assert_eq!(refused.expect_err("no room").code, "overloaded");
    // What is quick does not wait behind it.
    application.work(Pace::Quick, deadline, |_| Ok(())).await.expect("a place of its own");
    let trace = post_json(&gated.router, "/v1/trace", json!({ "text": "good" })).await;
    assert_eq!(trace.status, StatusCode::OK);
    drop(open);
    for work in waiting {
        work.await.expect("done");
    }
    let panicked = application.work::<()>(Pace::Long, deadline, |_| panic!("asked for")).await;
    assert_eq!(panicked.expect_err("a panic").code, "internal");
    application.work(Pace::Long, deadline, |_| Ok(())).await.expect("room again");
}

/// Work that would never end by itself frees its place once nobody waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn work_ends_when_its_time_is_over_or_its_client_leaves() {
    let gated = Gated::new(|_| {});
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let endless = |tell: tokio::sync::mpsc::UnboundedSender<&'static str>| {
        move |until: &Until| -> Result<(), Problem> {
            let _ = tell.send("begun");
            loop {
                if let Err(over) = until.check() {
                    let _ = tell.send("ended");
                    return Err(over);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    };
    let soon = std::time::Instant::now() + Duration::from_millis(300);
    let late = gated.application.work(Pace::Long, soon, endless(tell.clone())).await;
    assert_eq!(late.expect_err("no end").code, "late");
    let far = soon + Duration::from_secs(600);
    let (application, work) = (Arc::clone(&gated.application), endless(tell));
    let left = tokio::spawn(async move { application.work(Pace::Long, far, work).await });
    // The first ends in its own time; the second begins, perhaps in its place.
    let mut events = Vec::new();
    while events.iter().filter(|event| **event == "begun").count() < 2 {
        events.push(told.recv().await.expect("an event"));
    }
    left.abort();
    while let Some(event) = told.recv().await {
        events.push(event);
    }
    assert_eq!(events.iter().filter(|event| **event == "ended").count(), 2, "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_are_labelled_in_portions_and_only_as_long_as_somebody_waits() {
    let gated = Gated::new(|_| {});
    let long = "good ".repeat(40_000);
    let asked = gated.ask(&[&long, &long, &long]);
    for _ in 0..3 {
        assert_eq!(gated.next().len(), 1);
        gated.go();
    }
    let answer = asked.await.expect("an answer").json();
    assert_eq!(answer["results"].as_array().map(Vec::len), Some(3));
    assert_eq!(answer["results"][0], answer["results"][2]);
    let left = gated.ask(&[&long, &long]);
    assert_eq!(gated.next().len(), 1);
    left.abort();
    // Its end is told by and by.
    let _ = left.await;
    gated.go();
    gated.in_flight(0).await;
    gated.go();
    assert_eq!(gated.ask(&["good"]).await.expect("an answer").status, StatusCode::OK);
    assert_eq!(gated.next(), labelled(&["good"]));
}

/// A search is cut short, and its place is free, when nobody waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_attack_gives_up_after_its_deadline() {
    let gated = Gated::new(|options| options.limits.deadline = Duration::ZERO);
    let answer = post_json(&gated.router, "/v1/attack", json!({ "text": "a good film and a bad film" })).await;
    assert_eq!((answer.status, answer.refusal().1.as_str()), (StatusCode::GATEWAY_TIMEOUT, "late"));
}
