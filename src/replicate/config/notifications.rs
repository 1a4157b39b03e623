//! `NOTIFICATIONS`: URLs that are notified of the outcome of a run.

use secrecy::SecretString;
use serde_json::Value;

use super::reader::{VariableReader, Wrong};
use super::table;
use crate::replicate::notify::Webhook;

/// Reads `NOTIFICATIONS`, or its older name.
pub(super) fn read(reader: &mut VariableReader<'_>) -> Vec<Webhook> {
    if reader.is_set(&table::NOTIFICATIONS) && reader.is_set(&table::NOTIFICATION_URLS) {
        reader.problem(
            &table::NOTIFICATION_URLS,
            "cannot be combined with NOTIFICATIONS, the newer name of the same variable: unset one \
             of them",
        );
    }
    let show = |webhooks: &Vec<Webhook>, _: &str| match webhooks.as_slice() {
        [] => "[]".to_owned(),
        all => all.iter().map(Webhook::to_string).collect::<Vec<_>>().join(", "),
    };
    let parse = |text: &str| parse(text).map_err(Wrong::Because);
    let new = reader.read_shown(&table::NOTIFICATIONS, parse, show);
    let old = reader.read_shown(&table::NOTIFICATION_URLS, parse, show);
    // The new variable has a default, so it has a value even if it is unset.
    old.or(new).unwrap_or_default()
}

/// Messages name a position in the array, never its content, which may be a secret.
fn parse(text: &str) -> Result<Vec<Webhook>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("invalid JSON at line {line} column {column}")
    })?;
    let Value::Array(items) = value else { return Err("expected a JSON array".to_owned()) };
    items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            webhook(item).map_err(|problem| format!("element {}: {problem}", index + 1))
        })
        .collect()
}

fn webhook(item: &Value) -> Result<Webhook, String> {
    let (url, token) = match item {
        Value::String(url) => (url, None),
        Value::Object(members) => {
            if let Some(name) =
                members.keys().find(|name| !["url", "token"].contains(&name.as_str()))
            {
                return Err(format!("unknown member \"{name}\""));
            }
            let token = match members.get("token") {
                None | Some(Value::Null) => None,
                Some(Value::String(token)) => Some(token),
                Some(_) => return Err("\"token\" is not a string".to_owned()),
            };
            match members.get("url") {
                Some(Value::String(url)) => (url, token),
                _ => return Err("\"url\" is missing or not a string".to_owned()),
            }
        }
        _ => return Err("expected a URL or an object with \"url\"".to_owned()),
    };
    // The sample settings of the old system write an absent token as an empty one.
    let token =
        token.filter(|token| !token.is_empty()).map(|token| SecretString::from(token.as_str()));
    Webhook::new(url, token).map_err(|error| error.to_string())
}
