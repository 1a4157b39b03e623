//! The routes, and which need the token.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono_tz::Tz;

use super::token::Token;
use super::{metrics, page};
use crate::error::chain;
use crate::replicate::schedule::CronSchedule;
use crate::replicate::worker::{Clock, History, RunRecord};

/// How many runs the page and the metrics read.
const RUNS: usize = 30;

/// The data of the pages about runs.
pub struct Site {
    /// The token that gives access.
    pub token: Token,
    /// The records.
    pub history: Arc<dyn History>,
    /// When runs start, if SCHEDULE is set for this process.
    pub schedule: Option<CronSchedule>,
    /// The zone of the times on the page.
    pub zone: Tz,
    /// The app that nocturne runs in.
    pub app: Option<String>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The records, or why they cannot be read.
pub(super) type Runs = Result<Vec<RunRecord>, String>;

/// All routes. Without a site, only the health checks.
pub fn router(site: Option<Site>) -> Router {
    let router = Router::new().route("/", get(hello)).route("/healthz", get(hello));
    let router = match site {
        None => router,
        Some(site) => router.merge(about_runs(Arc::new(site))),
    };
    router.fallback(|| async { missing() }).layer(middleware::map_response(with_headers))
}

fn about_runs(site: Arc<Site>) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/metrics", get(numbers))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&site), guard))
        // It reveals nothing about the data, and browsers would not send the token for it.
        .route("/status.css", get(style))
        .with_state(site)
}

async fn hello() -> &'static str {
    concat!("nocturne ", env!("CARGO_PKG_VERSION"), "\n")
}

async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("status.css"))
}

async fn status(State(site): State<Arc<Site>>) -> Response {
    let runs = runs(&site).await;
    let code = if runs.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let html = page::render(&site, &runs, site.clock.now()).into_string();
    (code, [(CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}

async fn numbers(State(site): State<Arc<Site>>) -> impl IntoResponse {
    let runs = runs(&site).await;
    let text = metrics::render(site.schedule.as_ref(), &runs, site.clock.now());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

async fn runs(site: &Site) -> Runs {
    site.history.latest(RUNS).await.map_err(|error| {
        let reason = chain(&error);
        tracing::warn!("{reason}");
        reason
    })
}

/// Only passes requests that present the token.
async fn guard(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    query: Result<Query<HashMap<String, String>>, axum::extract::rejection::QueryRejection>,
    request: Request,
    next: Next,
) -> Response {
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let asked = query.ok();
    let asked = asked.as_ref().and_then(|query| query.get("token")).map(String::as_str);
    match bearer.or(asked) {
        Some(token) if site.token.is(token) => next.run(request).await,
        // All other requests get 404.
        _ => missing(),
    }
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, "not found\n").into_response()
}

async fn with_headers(mut response: Response) -> Response {
    const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; \
                          form-action 'none'; frame-ancestors 'none'";
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        // The address may contain the token.
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
