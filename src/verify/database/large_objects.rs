//! Compares large objects: by OID, length and a digest that the server computes.

use std::collections::HashMap;

use super::report::{Compared, ComparedKind, Verdict};
use super::sessions::{Purpose, Zone};
use super::tables::{ComparisonPass, Queue, side_by_side, usable};
use crate::archive::{Digest, DumpId};
use crate::error::chain;
use crate::server;
use crate::verify::archive::{EntryReport, OBJECT_PART, ObjectFound};

/// Objects per query.
const BATCH: usize = 64;

/// OIDs listed in a report.
const LISTED_OIDS: usize = 5;

/// Some objects of the database, or the reason they could not be read.
type FoundObjects = Result<HashMap<u32, (u64, Digest)>, String>;

/// Compares the large objects of these entries; `None` if there are none.
pub(super) async fn compare(
    pass: &ComparisonPass,
    entries: &[DumpId],
    reports: &HashMap<i32, &EntryReport>,
) -> Option<Compared> {
    let reports: Vec<&EntryReport> =
        entries.iter().filter_map(|id| reports.get(&id.0).copied()).collect();
    if reports.is_empty() {
        return None;
    }
    let objects: HashMap<u32, ObjectFound> = reports
        .iter()
        .flat_map(|report| &report.objects)
        .map(|object| (object.oid, *object))
        .collect();
    let mut compared = Compared {
        kind: ComparedKind::LargeObjects,
        schema: None,
        name: "large objects".to_owned(),
        in_archive: Some(objects.len() as u64),
        in_database: None,
        verdict: Verdict::Unknown,
        detail: None,
        exact: false,
        notes: Vec::new(),
    };
    if let Some(error) = reports.iter().find_map(|report| report.error.as_ref()) {
        compared.detail = Some(format!("the archive is damaged: {error}"));
        return Some(compared);
    }
    let mut oids: Vec<u32> = objects.keys().copied().collect();
    oids.sort_unstable();
    let batches = oids.chunks(BATCH).map(<[u32]>::to_vec).enumerate().collect();
    let work = pass.clone();
    let results: HashMap<usize, FoundObjects> = side_by_side(pass.jobs, batches, move |queue| {
        let pass = work.clone();
        async move { ask(&pass, &queue).await }
    })
    .await;
    let mut here: HashMap<u32, (u64, Digest)> = HashMap::new();
    for found in results.into_values() {
        match found {
            Ok(found) => here.extend(found),
            Err(error) => {
                compared.detail = Some(error);
                return Some(compared);
            }
        }
    }
    compared.in_database = Some(here.len() as u64);
    let (mut missing, mut different) = (Vec::new(), Vec::new());
    for oid in oids {
        let ours = objects.get(&oid).and_then(|object| Some((object.bytes, object.parts?)));
        match here.get(&oid) {
            None => missing.push(oid),
            Some(theirs) if Some(*theirs) != ours => different.push(oid),
            Some(_) => {}
        }
    }
    let said = [(&missing, "missing"), (&different, "with different contents")];
    let said: Vec<String> = said
        .iter()
        .filter(|(oids, _)| !oids.is_empty())
        .map(|(oids, what)| format!("{} {what} ({})", oids.len(), named(oids)))
        .collect();
    compared.verdict = if said.is_empty() { Verdict::Equal } else { Verdict::Different };
    compared.detail = (!said.is_empty()).then(|| said.join(", "));
    Some(compared)
}

/// The first few OIDs.
fn named(oids: &[u32]) -> String {
    let mut text: Vec<String> = oids.iter().take(LISTED_OIDS).map(u32::to_string).collect();
    if oids.len() > LISTED_OIDS {
        text.push("…".to_owned());
    }
    text.join(", ")
}

/// Queries batches of objects until the queue is empty.
async fn ask(pass: &ComparisonPass, queue: &Queue<Vec<u32>>) -> Vec<(usize, FoundObjects)> {
    let (mut results, mut session) = (Vec::new(), None);
    while let Some((at, oids)) = queue.next() {
        let asked = async {
            let session = usable(&pass.sessions, &mut session).await?;
            let answer = async {
                pass.sessions.begin(session, Purpose::Read, Zone::Utc).await?;
                session.query_text(&query(&oids)).await
            };
            let answer = answer.await;
            if session.is_usable() {
                session.rollback().await?;
            }
            answer
        };
        let asked: server::Result<_> = asked.await;
        let found = asked.map_err(|error| chain(&error)).and_then(|rows| {
            rows.iter()
                .map(|row| object(row).ok_or("unexpected reply from the server".to_owned()))
                .collect()
        });
        results.push((at, found));
    }
    results
}

fn query(oids: &[u32]) -> String {
    let oids: Vec<String> = oids.iter().map(u32::to_string).collect();
    include_str!("large_objects.sql")
        .replace("{length}", &OBJECT_PART.to_string())
        .replace("{oids}", &format!("{{{}}}", oids.join(",")))
}

fn object(row: &[Option<String>]) -> Option<(u32, (u64, Digest))> {
    let [Some(oid), Some(size), Some(digest)] = row else { return None };
    Some((oid.parse().ok()?, (size.parse().ok()?, Digest::from_hex(digest)?)))
}
