//! `POST /v1/attack`: the few letters of a text that must change until the model answers otherwise.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, http::Response};
use serde::{Deserialize, Serialize};
use spiketext::{
    Model,
    score::{NoisePolicy, Scorer},
    target::Target,
    text::Language,
};
use spiketext_attack::{AttackRecipe, Origins, Protocol, Resources, Subject, Victim, trial};
use utoipa::ToSchema;

use super::changes::{ChangesField, ChangesRequest};
use crate::{
    accompany::Context,
    application::{Application, Pace, Until},
    asked::{Asked, check_text},
    problem::{Problem, document},
};

/// The attacks that need nothing but the program, as they are offered.
pub const OFFERED: [AttackRecipe; 4] =
    [AttackRecipe::DeepWordBug, AttackRecipe::Random, AttackRecipe::Homophones, AttackRecipe::LookAlikes];
/// The seed of what is drawn: the same text is attacked alike every time.
const SEED: u64 = 0;
/// Texts that a model is asked for before it is asked whether somebody still waits.
const AT_ONCE: usize = 64;

/// A text to attack.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "a warm and funny film"}))]
pub struct AttackRequest {
    /// The text.
    text: String,
    /// The name of a model; the first one of the server where it is absent.
    model: Option<String>,
    /// `deepwordbug` or `random` (typing errors), or for Chinese `homophones` or `look-alikes` (characters that sound or
    /// look alike); the first of those that suits the model's language where it is absent.
    attack: Option<String>,
    /// Other settings of the model.
    #[schema(value_type = Option<ChangesRequest>)]
    changes: ChangesField,
}

/// What came of an attack.
#[derive(Serialize, ToSchema)]
pub struct AttackAnswer {
    /// The name of the model.
    model: String,
    /// Its version.
    version: String,
    /// The attack.
    attack: &'static str,
    /// Whether the answer changed.
    flipped: bool,
    /// The text at the end: the first that is answered otherwise, or the worst that was found.
    text: String,
    /// The words that were changed.
    changes: Vec<AttackChange>,
    /// The answer before.
    label: String,
    /// The answer at the end.
    label_after: String,
    /// The probability of the first answer before.
    probability: f32,
    /// The same at the end.
    probability_after: f32,
    /// Texts that the model was asked for.
    queries: u64,
}

/// A word that was changed.
#[derive(Serialize, ToSchema)]
struct AttackChange {
    /// Which word of the text, from 0, as it is written.
    place: usize,
    /// What it was.
    from: String,
    /// What it became.
    to: String,
}

/// Looks for the few letters that make the model answer otherwise.
#[utoipa::path(
    post,
    path = "/v1/attack",
    request_body = AttackRequest,
    responses(
        (status = 200, description = "The changed text, and whether it is answered otherwise", body = AttackAnswer),
    )
)]
pub async fn attack(
    State(application): State<Arc<Application>>,
    Extension(context): Extension<Context>,
    Asked(request): Asked<AttackRequest>,
) -> Result<Response<Body>, Problem> {
    let AttackRequest { text, model, attack, changes } = request;
    let limits = application.options.limits;
    check_text(&text, "text", &limits)?;
    let (name, version) = context.begin(&application, std::slice::from_ref(&text), model.as_deref())?;
    let work = move |until: &Until| {
        let own = &version.model;
        if own.thresholds().is_some() {
            let message = "expected a model of one label a text, got one of several labels";
            return Err(Problem::unsuitable("model", message));
        }
        let recipe = recipe(attack.as_deref(), own.language())?;
        let (most, tokens) = (limits.tokens, own.words(&text).0.len());
        if tokens > most {
            let message = format!("expected at most {most} tokens (spiketext serve --max-tokens), got {tokens}");
            return Err(Problem::invalid("text", message));
        }
        let model = ChangesRequest::apply(&changes, &version, &limits, tokens)?;
        attacked(name, &version.name, &model, recipe, text, until)
    };
    application.work(Pace::Long, context.deadline, work).await.map(|answer| document(&answer))
}

fn recipe(asked: Option<&str>, language: Language) -> Result<AttackRecipe, Problem> {
    let names = |recipes: &[AttackRecipe]| recipes.iter().map(|recipe| recipe.name()).collect::<Vec<_>>().join(", ");
    let Some(asked) = asked else {
        let of_language =
            if language == Language::Chinese { AttackRecipe::Homophones } else { AttackRecipe::DeepWordBug };
        return Ok(of_language);
    };
    let found = OFFERED
        .into_iter()
        .find(|recipe| recipe.name() == asked)
        .ok_or_else(|| Problem::invalid("attack", format!("expected one of {}, got '{asked}'", names(&OFFERED))))?;
    let suits = |recipe: &AttackRecipe| recipe.suits(Protocol::Published, language);
    if suits(&found) {
        return Ok(found);
    }
    let known: Vec<AttackRecipe> = OFFERED.into_iter().filter(suits).collect();
    let language = language.name();
    let message = format!("expected one of {} for a model of the language {language}, got '{asked}'", names(&known));
    Err(Problem::unsuitable("attack", message))
}

/// A classifier that is asked as long as somebody waits. Then it gives in at once, which ends every search.
struct Patient<'a> {
    inner: Box<dyn Scorer + 'a>,
    /// The class that the text had.
    before: usize,
    until: &'a Until,
}

impl Scorer for Patient<'_> {
    fn labels(&self) -> &[String] {
        self.inner.labels()
    }

    fn begin(&mut self, examination: u64) {
        self.inner.begin(examination);
    }

    fn score(&mut self, texts: &[String]) -> Vec<Vec<f32>> {
        let mut answers = Vec::with_capacity(texts.len());
        for texts in texts.chunks(AT_ONCE) {
            if self.until.is_over() {
                let classes = self.labels().len();
                let other = (self.before + 1) % classes;
                let given_in: Vec<f32> = (0..classes).map(|class| f32::from(u8::from(class == other))).collect();
                answers.resize(answers.len() + texts.len(), given_in);
            } else {
                answers.append(&mut self.inner.score(texts));
            }
        }
        answers
    }
}

fn attacked(
    name: String,
    version: &str,
    model: &Model,
    recipe: AttackRecipe,
    text: String,
    until: &Until,
) -> Result<AttackAnswer, Problem> {
    let label = |text: &str| model.predict(&[text]).0.into_iter().next().map_or(0, |prediction| prediction.label);
    let before = label(&text);
    let subjects = [Subject { index: 0, text, target: Target::of(before) }];
    let (protocol, language) = (Protocol::Published, model.language());
    let origins =
        Origins { vectors: None, lenient: false, built_in: None, wordnet: std::path::Path::new(""), corpus: &[] };
    let gathered = Resources::gather(recipe.needs(protocol), language, &origins, &subjects);
    let resources = gathered.map_err(|error| Problem::invalid("attack", error.to_string()))?;
    let attack = recipe.build(protocol, language, &resources);
    let attack = attack.map_err(|error| Problem::invalid("attack", error.to_string()))?;
    let victim = Victim::Spiking { model, noise: NoisePolicy::Fixed, seed: model.seed(), judges: 1 };
    let mut found = None;
    let told = &mut |record| {
        found = Some(record);
        Ok::<(), Problem>(())
    };
    let patient = || -> Box<dyn Scorer + '_> { Box::new(Patient { inner: victim.scorer(), before, until }) };
    let judge = |scorer: &mut dyn Scorer, text: &str| victim.votes(scorer, text);
    trial::run(&attack, language, &subjects, SEED, patient, judge, told)?;
    until.check()?;
    let attempt = found.ok_or_else(Problem::internal)?.attempt;
    let after = label(&attempt.text);
    let changed = |one: &spiketext_attack::Change| AttackChange {
        place: one.place,
        from: one.from.clone(),
        to: one.to.clone(),
    };
    Ok(AttackAnswer {
        model: name,
        version: version.to_owned(),
        attack: recipe.name(),
        flipped: after != before,
        changes: attempt.changes.iter().map(changed).collect(),
        label: model.labels()[before].clone(),
        label_after: model.labels()[after].clone(),
        probability: attempt.before,
        probability_after: attempt.after,
        queries: attempt.queries,
        text: attempt.text,
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Two classes, of which the first is always the more probable one.
    struct Sure(Vec<String>);

    impl Scorer for Sure {
        fn labels(&self) -> &[String] {
            &self.0
        }

        fn begin(&mut self, _: u64) {}

        fn score(&mut self, texts: &[String]) -> Vec<Vec<f32>> {
            vec![vec![0.75, 0.25]; texts.len()]
        }
    }

    #[test]
    fn nobody_is_asked_for_an_attack_that_nobody_waits_for() {
        let labels = || ["negative", "positive"].map(str::to_owned).to_vec();
        let texts = vec![String::new(); AT_ONCE + 1];
        for (left, answer) in [(Duration::from_secs(600), vec![0.75, 0.25]), (Duration::ZERO, vec![0.0, 1.0])] {
            let until = Until::new(Instant::now() + left);
            let mut patient = Patient { inner: Box::new(Sure(labels())), before: 0, until: &until };
            assert_eq!(patient.score(&texts), vec![answer; AT_ONCE + 1]);
        }
    }
}
