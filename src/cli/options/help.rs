//! Help texts that are not about a single option.

// Some are of commands that not every build has.
#![cfg_attr(not(feature = "web"), allow(dead_code))]

/// What the program is.
pub(super) const ABOUT: &str = "\
Restores PostgreSQL archives, natively.

Reads pg_dump's custom, directory and tar formats, archive versions 1.10 to 1.16, and loads them \
into a database over several parallel sessions. Needs neither pg_restore nor any other PostgreSQL \
program. \"nocturne restore\" accepts every option of pg_restore.";

/// Below the short help.
pub(super) const SEE_LONG_HELP: &str = "See --help for details and exit codes.";

/// Exit codes and examples, with these examples of the nightly run.
macro_rules! epilogue {
    ($nights:literal) => {
        concat!(
            "\
EXIT CODES
  0    success
  1    some entries were not restored, or data differs from a digest file or a database
  2    invalid command line
  3    the archive is unreadable or damaged
  4    cannot connect to the server
  130  interrupted

EXAMPLES
  nocturne restore -d app app.dump
  nocturne list app.dump
  nocturne verify app.dump
  nocturne verify -d app app.dump
",
            $nights,
            "  nocturne completions bash > /etc/bash_completion.d/nocturne

See \"nocturne help COMMAND\" for a command's options."
        )
    };
}

/// Below the long help of the program.
pub(super) const EPILOGUE: &str = if cfg!(feature = "replicate") {
    epilogue!(
        "  nocturne fetch-backup --app pix-api-production
  nocturne run --dry-run
  nocturne report logs.txt
"
    )
} else {
    epilogue!("")
};

/// What `restore` does.
pub(super) const RESTORE: &str = "\
Restore an archive into a database, or write it as an SQL script.

Streams data from the archive into COPY, several tables at once, then builds indexes and \
constraints in parallel. If the server rejects an entry, nocturne reports the reason, lists the \
entries that depend on it and restores the rest. The final summary accounts for every entry: done, \
skipped, tolerated or failed.";

/// Below the long help of `restore`.
pub(super) const RESTORE_EPILOGUE: &str = "\
EXIT CODES
  0    every selected entry was restored, deliberately skipped, or tolerated
  1    some entries failed, or data differs from --digests; see the summary
  2    invalid command line
  3    the archive is unreadable, is a stream that ends early, or has a table of contents that is
       damaged or does not match --digests
  4    the server is unreachable or rejects the session
  130  interrupted; work in progress was rolled back

EXAMPLES
  Restore into an existing database, with the default number of sessions:
      nocturne restore -d app app.dump
  Restore into a managed server with other roles and provider-owned extensions:
      nocturne restore -d app --no-owner --no-privileges --tolerate comment-on-extension app.dump
  Replace existing objects:
      nocturne restore --clean --if-exists -d app app.dump
  Keep a journal; after an interruption the same command resumes:
      nocturne restore --resume -d app app.dump
  Restore all tables of one schema, without indexes:
      nocturne restore -d app -n sales --section pre-data --section data app.dump
  Stream from another machine, without a temporary file:
      ssh backup cat app.dump | nocturne restore -d app
  Stream from a web server, without a temporary file:
      nocturne restore -d app https://backups.example/app.tar.gz
  Inspect an archive without a server:
      nocturne restore --embedded app.dump
  Test a backup and clean up:
      nocturne restore --embedded --exit --query 'SELECT count(*) FROM users' app.dump
  Write an SQL script:
      nocturne restore -f app.sql app.dump

ENVIRONMENT
  DATABASE_URL    target database, if none of --dbname, --file and --embedded is given
  PGHOST, PGPORT, PGUSER, PGPASSWORD, PGPASSFILE, PGSSLMODE, …
                  libpq's defaults for connection parameters not given on the command line
  NOCTURNE_LOG    log filter, for example nocturne=debug,tokio_postgres=info; falls back to
                  RUST_LOG
  NO_COLOR        if set, disables colours

MEMORY
  About 3 MiB of buffers per job, plus the table of contents, whatever the size of the tables.

SECURITY
  An archive is a program: its author decides which SQL runs. Restore only archives that you \
trust, with a least-privileged role.";

/// What `sync` does.
pub(super) const SYNC: &str = "\
Make a database equal to an archive, changing only what differs.

Compares the archive with what the last sync recorded in the schema nocturne. Tables that neither \
the archive nor anyone else has changed are left as they are. The others are read and compared row \
by row: rows that are gone are deleted, new ones inserted. All changes are made in one transaction, \
so readers see the database before the sync, then after it, and an interrupted sync changes nothing.

If definitions differ, or the changes cannot be applied, everything is restored, and the reason is \
reported. The first sync of an empty database is a restore. See docs/sync.md for details.";

/// Below the long help of `sync`.
pub(super) const SYNC_EPILOGUE: &str = "\
EXIT CODES
  0    the database is equal to the archive, or --dry-run has reported what would change
  1    the sync failed and changed nothing, or a restore of everything had errors; see the last lines
  2    invalid command line
  3    the archive is unreadable or damaged
  4    the server is unreachable or rejects the session
  130  interrupted; nothing was changed, unless everything was being restored

EXAMPLES
  Restore an archive into an empty database, and apply the next ones as changes:
      nocturne sync -d app monday.dump
      nocturne sync -d app tuesday.dump
  See what would change:
      nocturne sync --dry-run -d app tuesday.dump
  Start with a database that restore or pg_restore has filled:
      nocturne sync --adopt -d app monday.dump
  Never restore everything:
      nocturne sync --no-full -d app tuesday.dump

ENVIRONMENT
  DATABASE_URL, PGHOST, NOCTURNE_LOG, NO_COLOR, …
                  as for restore

MEMORY
  At most about 40 MiB per job, usually less than 10 MiB, plus the longest row and the table of \
contents, whatever the size of the tables.

SECURITY
  An archive is a program, as for restore: sync only archives that you trust.";

/// What `list` does.
pub(super) const LIST: &str = "\
Print an archive's table of contents.

The output matches pg_restore --list: one line per entry. Delete lines, comment them out with \
\";\" or reorder them, then pass the file to --use-list. With selection options, lists only the \
entries that they select.";

/// Below the long help of `list`.
pub(super) const LIST_EPILOGUE: &str = "\
EXIT CODES
  0  success
  2  invalid command line
  3  the archive cannot be read

EXAMPLES
  Restore everything but one table's data:
      nocturne list app.dump | grep -v 'TABLE DATA public logs ' > some.list
      nocturne restore -L some.list -d app app.dump
  Find the largest tables:
      nocturne list --format json app.dump

MEMORY
  The table of contents; data is not read.";

/// What `plan` does.
pub(super) const PLAN: &str = "\
Print a restore's plan: its jobs by predicted cost, the critical path, the lower bound of the \
duration in any order, and the wall time for the given number of sessions. Needs no server.

Predictions come from the job timings that earlier restores recorded, or from a cost model. See \
docs/planning.md for the model.";

/// Below the long help of `plan`.
pub(super) const PLAN_EPILOGUE: &str = "\
EXIT CODES
  0  success
  2  invalid command line
  3  the archive cannot be read

EXAMPLES
  Predict the duration and the bottlenecks with four sessions:
      nocturne plan -j 4 app.dump
  Write a page with a chart:
      nocturne plan --format html -f plan.html app.dump
  Draw the dependency graph:
      nocturne plan --format dot app.dump | dot -Tsvg > plan.svg
  Predict the gain from more cores, in this order and in pg_restore's:
      nocturne plan --compare app.dump

MEMORY
  The table of contents and the jobs.";

/// What `verify` does.
pub(super) const VERIFY: &str = "\
Read an archive from end to end and check that it is intact. Needs no server.

Decompresses every entry's data, checks the compression's checksums, and counts rows, bytes and \
large objects. With --write-digests, saves a digest of each entry's data for later comparison by \
verify or restore.

With --dbname, compares the data with a database: each table's rows in any order, by count and \
digest, large objects, sequence values, and whether materialized views are populated. Compares \
values, not their text format. Reads the database in one snapshot and changes nothing. See \
docs/verify.md for details.";

/// Below the long help of `verify`.
pub(super) const VERIFY_EPILOGUE: &str = "\
EXIT CODES
  0  the archive is intact and, with --dbname, the database has the same data
  1  the archive is intact, but data differs from --digests or the database, or cannot be compared
  2  invalid command line
  3  the archive is unreadable or damaged; the report names the entries
  4  the server is unreachable or rejects the session

EXAMPLES
  Check tonight's backup before you need it:
      nocturne verify app.dump
  Compare two archives of the same database:
      nocturne verify --write-digests app.digests app.dump
      nocturne verify --digests app.digests copy-of-app.dump
  Check that a restored database matches its archive:
      nocturne verify -d app app.dump

MEMORY
  About 3 MiB per job, plus the table of contents; with --dbname, also about 3 MiB per session.";

/// What `fetch-backup` does.
pub(super) const FETCH_BACKUP: &str = "\
Download the backup that a nightly run would restore.

Selects today's newest finished backup of SCALINGO_APP's database. Settings are environment \
variables; an option overrides its variable. The token has no option, because other users of a \
machine can read command lines. An interrupted download resumes where it stopped. Prints the \
backup's name, size and SHA-256 at the end.";

/// Below the long help of `fetch-backup`.
pub(super) const FETCH_BACKUP_EPILOGUE: &str = "\
EXIT CODES
  0    the download is complete
  1    no such backup, or it cannot be read or written; the partial file is kept
  2    invalid command line or setting
  4    the server is unreachable, or the connection failed too often; the partial file is kept
  130  interrupted; the partial file is kept

EXAMPLES
  nocturne fetch-backup --app pix-api-production
  nocturne fetch-backup --app pix-api-production --region osc-secnum-fr1 --any-day -o backup.tar.gz
  nocturne fetch-backup --app pix-api-production -o - | nocturne restore -d warehouse

ENVIRONMENT
  SCALINGO_API_TOKEN, SCALINGO_APP, SCALINGO_REGION, …
                  as for the nightly run; see docs/variables.md";

/// What `incremental` does.
pub(super) const INCREMENTAL: &str = "\
Copy new rows of append-only tables from the source database.

Source rows with keys above the target's highest key are new. Each range of keys is copied whole \
or not at all, and committed after the range below it, so an interrupted run resumes where it \
stopped. An empty table is copied from the beginning. Columns are matched by name; if the two \
tables differ, nocturne reports the statements that fix it. Does not replicate updates and deletes \
in the source.

Settings are environment variables; an option overrides its variable. See docs/variables.md for \
all of them.";

/// Below the long help of `incremental`.
pub(super) const INCREMENTAL_EPILOGUE: &str = "\
EXIT CODES
  0    all new rows were copied
  1    some tables were not copied, or --check-gaps found missing rows
  2    invalid command line or setting
  4    cannot connect
  130  interrupted by a signal; committed rows stay

EXAMPLES
  nocturne incremental --table answers --table knowledge-elements
  nocturne incremental -t stats.events:event_id --lag 10000 --check-gaps
  nocturne incremental --backup-mode '{\"answers\":\"incremental\"}'

MEMORY
  About 3 MiB per source connection.";

/// What `run` does.
pub(super) const RUN: &str = "\
Run one night now, as \"nocturne worker\" does at each scheduled time.

Finds the day's backup, drops the previous night's objects in the target, restores the backup \
while it downloads, runs the enrichment files, and copies new rows of incremental tables. The \
tables' modes decide what is dropped and restored: try --dry-run first. The target is overwritten. \
Only one run at a time can use a target; a second one reports which run holds it.

Settings are environment variables; an option overrides its variable. See docs/variables.md for \
all of them. All invalid settings are reported at once. A failed run is retried up to \
--max-retry-count times. Runs are recorded in the target's table nocturne.runs, and end with a \
report.";

/// Below the long help of `run`.
pub(super) const RUN_EPILOGUE: &str = "\
EXIT CODES
  0    the warehouse is ready, or --dry-run found no problem
  1    the run failed, or --dry-run found a problem; see the last lines
  2    invalid command line or setting
  130  interrupted by a signal; the target is incomplete

EXAMPLES
  Show what a run would do:
      nocturne run --dry-run
  Restore a local backup, without the host's API:
      nocturne run --from backup.tar.gz -d postgresql://owner@localhost/warehouse
  Restore the newest backup, even yesterday's, without retries:
      nocturne run --any-day --max-retry-count 0
  Change only what differs from the last night:
      nocturne run --delta
  Restore into a new database and keep the old one readable until the end:
      nocturne run --swap

MEMORY
  About 3 MiB per job, plus a decompressor. With --download-first, disk space for the backup (in \
TMPDIR).";

/// What `worker` does.
pub(super) const WORKER: &str = "\
Run nightly on a schedule, until stopped by a signal.

Settings are environment variables; an option overrides its variable. See docs/variables.md for \
all of them. All invalid settings are reported at once. A failed run is retried; a failed night \
does not end the process. Runs never overlap: a scheduled time during a run is reported as missed. \
Runs are recorded in the target's table nocturne.runs.

On SIGTERM or SIGINT, the current run stops within 25 seconds; the next start resumes it.";

/// Below the long help of `worker`.
pub(super) const WORKER_EPILOGUE: &str = "\
EXIT CODES
  0    stopped by a signal, or --dry-run found no problem
  1    a system error prevents the process from running, or --dry-run found a problem
  2    invalid command line or setting
  130  stopped by a second signal, before the run had stopped

EXAMPLES
  nocturne worker --dry-run
  nocturne worker --schedule @daily --schedule-timezone Europe/Paris";

/// What `web` does.
pub(super) const WEB: &str = "\
Serve the status page and metrics on $PORT.

/ and /healthz show the version to everyone. If STATUS_TOKEN is set, /status shows recent and \
upcoming runs, and /metrics serves the same to Prometheus. Both need the token, as \
\"Authorization: Bearer TOKEN\" or as ?token=TOKEN. Without STATUS_TOKEN, both return 404.";

/// Below the long help of `web`.
pub(super) const WEB_EPILOGUE: &str = "\
EXIT CODES
  0    stopped by a signal
  1    cannot listen on the port
  2    invalid command line or setting
  130  stopped by a second signal, before the last requests were answered

EXAMPLES
  nocturne web --port 8080";

/// What `drop-objects` does.
pub(super) const DROP_OBJECTS: &str = "\
Drop everything that the role owns in the target, except kept tables.

Drops objects of every kind in every schema, and needs no superuser. Other owners' objects, their \
extensions, the schema public, all privileges, and the schema nocturne with its records of runs \
are unchanged. Kept tables keep their rows, indexes and sequences, and the types and functions \
that they need; their foreign keys to dropped tables are dropped. Each object is dropped in its \
own transaction, which waits for readers up to --drop-timeout-ms, then reports them.";

/// Below the long help of `drop-objects`.
pub(super) const DROP_OBJECTS_EPILOGUE: &str = "\
EXIT CODES
  0    everything was dropped, or --dry-run printed the statements
  1    an object could not be dropped, or another run is using the target
  2    invalid command line or setting, or --keep matches no table
  4    cannot connect to the server
  130  interrupted; dropped objects stay dropped

EXAMPLES
  nocturne drop-objects --dry-run
  nocturne drop-objects -d postgres://me@db/app --keep answers --keep 'events.*'";

/// What `enrich` does.
pub(super) const ENRICH: &str = "\
Run a folder of SQL files that add the warehouse's own indexes and views.

Files run in parallel, each file's statements in sequence. Comments at the top of a file declare \
what it needs:

  -- requires-table: users      skip unless this table exists
  -- unless-table: students     skip if this table exists
  -- depends: users             run after users.sql, if that succeeded

A failed file stops only the files that depend on it.";

/// Below the long help of `enrich`.
pub(super) const ENRICH_EPILOGUE: &str = "\
EXIT CODES
  0    every file succeeded, or was skipped by its own rules
  1    a file failed, or another run is using the target
  2    invalid command line or setting, or a file is not a script
  4    cannot connect to the server
  130  interrupted; running statements were cancelled

EXAMPLES
  nocturne enrich -d postgres://me@db/app --dir sql/enrichment -j 4";

/// What `report` does.
pub(super) const REPORT: &str = "\
Summarize the logs of nightly runs: duration of each stage, slowest entries.

Reads the host's logs (with a time and a container before each line) or plain ones, from nocturne \
or from the system of Node.js and pg_restore that it replaces. Reports every run, complete or not, \
as far as the log covers it. If there is exactly one complete run, prints only the lines that the \
replaced system's script prints.";

/// Below the long help of `report`.
pub(super) const REPORT_EPILOGUE: &str = "\
EXIT CODES
  0  at least one run was found
  1  the log cannot be read, or has no run of that day
  2  invalid command line

EXAMPLES
  scalingo --app APP logs --lines 100000 > logs.txt
  nocturne report logs.txt --date 2020-10-22 --lang fr
  nocturne report logs.txt --format html -f night.html
  nocturne report logs.txt --format json | jq '.runs[0].items | max_by(.seconds)'";
