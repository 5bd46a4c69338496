//! `POST /v1/filter`: the words that a filter likes best.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, http::Response};
use serde::{Deserialize, Serialize};
use spiketext::explain::favourites::{Favourite, Favourites};
use utoipa::ToSchema;

use crate::{
    accompany::Context,
    application::{Application, Pace, Until},
    asked::{Asked, Whole},
    problem::{Problem, document},
};

/// A filter of the text convolution.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"width": 3, "filter": 0}))]
pub struct FilterRequest {
    /// The words that its kernel sees.
    #[schema(value_type = usize)]
    width: Whole,
    /// Its number among those of its width, from 0.
    #[schema(value_type = usize)]
    filter: Whole,
    /// The name of a model; the first one of the server where it is absent.
    model: Option<String>,
}

/// What a filter listens to.
#[derive(Serialize, ToSchema)]
pub struct FilterAnswer {
    /// The name of the model.
    model: String,
    /// Its version.
    version: String,
    /// The words that its kernel sees.
    width: usize,
    /// Its number among those of its width.
    filter: usize,
    /// The current that is there without a word.
    bias: f64,
    /// What a membrane has to pass.
    threshold: f32,
    /// For each place of the window the known words that drive it most, the strongest first.
    places: Vec<Vec<FilterWord>>,
}

/// A word and what it does at a place of a window.
#[derive(Serialize, ToSchema)]
struct FilterWord {
    /// The word.
    word: String,
    /// Its current, a step.
    current: f64,
}

/// Tells what a filter listens to: of all known words those that drive each place of its window most.
#[utoipa::path(
    post,
    path = "/v1/filter",
    request_body = FilterRequest,
    responses(
        (status = 200, description = "The words of each place of its window", body = FilterAnswer),
    )
)]
pub async fn filter(
    State(application): State<Arc<Application>>,
    Extension(context): Extension<Context>,
    Asked(request): Asked<FilterRequest>,
) -> Result<Response<Body>, Problem> {
    let FilterRequest { width, filter, model } = request;
    let (name, version) = context.begin(&application, &[], model.as_deref())?;
    let work = move |_: &Until| {
        let shape = version.model.network().config().convolution();
        let refused = |field: &str, expected: String, got: &Whole| {
            Err(Problem::unknown_filter(field, format!("expected {expected}, got {got}")))
        };
        let Some(kernel) = shape.widths.iter().position(|&own| own == width.value) else {
            let widths: Vec<String> = shape.widths.iter().map(ToString::to_string).collect();
            return refused("width", format!("a width of this model ({})", widths.join(", ")), &width);
        };
        let number = filter.value;
        if number >= shape.filters {
            return refused("filter", format!("a filter from 0 to {}", shape.filters - 1), &filter);
        }
        let found = version.favourites(kernel, number);
        let Favourites { width, filter, bias, threshold, places } = &*found;
        let word = |one: &Favourite| FilterWord { word: one.word.clone(), current: one.current };
        Ok(FilterAnswer {
            model: name,
            version: version.name.clone(),
            width: *width,
            filter: *filter,
            bias: *bias,
            threshold: *threshold,
            places: places.iter().map(|place| place.iter().map(word).collect()).collect(),
        })
    };
    application.work(Pace::Quick, context.deadline, work).await.map(|answer| document(&answer))
}
