//! The journal for callers of the library: their work at points inside a restore, what they keep
//! and forget.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nocturne::restore::event::Events;
use nocturne::restore::journal::{self, JournalError, JournalOptions};
use nocturne::restore::{
    Ended, RestoreError, RestoreOptions, SplitSize, StagePoint, Stages, restore,
};
use nocturne::select::{SelectOptions, select};
use nocturne::server::{ConnectOptions, Target};
use nocturne::source::{self, Input};
use nocturne::statements::{SourceSettings, Style};

use super::source::{SOURCE, Source, assert_whole};
use crate::common::versions::newest;
use crate::common::{Database, cluster};

fn target(database: &Database<'_>) -> Target {
    let options = ConnectOptions { dbname: Some(database.url()), ..ConnectOptions::default() };
    Target::resolve(&options, &|_| None).unwrap()
}

async fn run(
    path: &Path,
    target: Target,
    stages: Stages,
    journal: JournalOptions,
) -> Result<Ended, RestoreError> {
    let archive = source::open(&Input::Path(path.to_owned())).unwrap();
    let entries = &archive.toc.entries;
    let selection = select(entries, &SelectOptions::default(), None).unwrap();
    let options = RestoreOptions {
        jobs: 3,
        style: Style { source: SourceSettings::of(&archive.toc), ..Style::default() },
        split_size: SplitSize::Never,
        stages,
        journal: Some(journal),
        ..RestoreOptions::default()
    };
    restore(archive, &selection, options, target, Events::discard(), std::future::pending()).await
}

/// Stages that count, of which the one after the rows fails the first time.
fn counting(counts: &Arc<[AtomicUsize; 2]>) -> Stages {
    let (before, after) = (counts.clone(), counts.clone());
    Stages::default()
        .at(StagePoint::AfterPreData, move || {
            before[0].fetch_add(1, Ordering::Relaxed);
            async { Ok::<(), std::io::Error>(()) }
        })
        .at(StagePoint::AfterData, move || {
            let first = after[1].fetch_add(1, Ordering::Relaxed) == 0;
            async move { if first { Err(std::io::Error::other("not yet")) } else { Ok(()) } }
        })
}

#[tokio::test(flavor = "multi_thread")]
async fn work_finished_at_a_point_is_not_repeated() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let database = cluster.fresh_db("stages");
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let options = JournalOptions::default();
    let first = run(&source.path(), target(&database), counting(&counts), options).await;
    assert!(
        matches!(first, Err(RestoreError::Stage { point: StagePoint::AfterData, .. })),
        "{first:?}"
    );
    let second = run(&source.path(), target(&database), counting(&counts), options).await;
    assert_eq!(second.unwrap(), Ended { errors: 0 });
    // Failed work is repeated, finished work is not.
    let counts = [0, 1].map(|place: usize| counts[place].load(Ordering::Relaxed));
    assert_eq!(counts, [1, 2]);
    assert_whole(&source, &database);
}

#[tokio::test(flavor = "multi_thread")]
async fn journal_can_be_kept_and_forgotten() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let database = cluster.fresh_db("kept");
    let target = target(&database);
    assert!(!journal::exists(&target).await.unwrap());
    let keep = JournalOptions { keep: true };
    for _ in 0..2 {
        // The second finds everything done.
        let ended = run(&source.path(), target.clone(), Stages::default(), keep).await;
        assert_eq!(ended.unwrap(), Ended { errors: 0 });
        assert!(journal::exists(&target).await.unwrap());
    }
    let other =
        Stages::default().at(StagePoint::AfterData, || async { Ok::<(), std::io::Error>(()) });
    match run(&source.path(), target.clone(), other, keep).await {
        Err(RestoreError::Journal(error @ JournalError::Differs { .. })) => {
            assert!(error.is_other_restore());
        }
        other => panic!("{other:?}"),
    }
    journal::forget(&target).await.unwrap();
    assert!(!journal::exists(&target).await.unwrap());
    // Twice is not an error.
    journal::forget(&target).await.unwrap();
    assert_whole(&source, &database);
}

#[tokio::test(flavor = "multi_thread")]
async fn existing_schema_is_kept() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let database = cluster.fresh_db("schema");
    database.execute("CREATE SCHEMA nocturne; CREATE TABLE nocturne.runs (id text)");
    let options = JournalOptions::default();
    let ended = run(&source.path(), target(&database), Stages::default(), options).await;
    assert_eq!(ended.unwrap(), Ended { errors: 0 });
    let tables = "SELECT string_agg(relname, ' ') FROM pg_class c JOIN pg_namespace n \
         ON n.oid = relnamespace WHERE nspname = 'nocturne' AND relkind = 'r'";
    assert_eq!(database.query(tables), "runs");
}
