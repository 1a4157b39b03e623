//! The parts of the help that are not about one option.

/// What the program is.
pub(super) const ABOUT: &str = "\
Restores PostgreSQL archives, natively.

Reads what pg_dump wrote in its custom, directory and tar formats, archive versions 1.10 to 1.16, and \
loads it into a database over several sessions at once. Neither pg_restore nor any other program \
of PostgreSQL is needed. The options of pg_restore are those of \"nocturne restore\".";

/// Below the short help.
pub(super) const SEE_LONG_HELP: &str = "--help tells more about each option, and about exit codes.";

/// Below the long help of the program.
pub(super) const EPILOGUE: &str = "\
EXIT CODES
  0    all is well
  1    some entries could not be restored, or data differ from a file of digests or a database
  2    the command line is wrong
  3    the archive cannot be read, or is damaged
  4    the server cannot be reached
  130  interrupted

EXAMPLES
  nocturne restore -d app app.dump
  nocturne list app.dump
  nocturne verify app.dump
  nocturne verify -d app app.dump
  nocturne fetch-backup --app pix-api-production
  nocturne run --dry-run
  nocturne report logs.txt
  nocturne completions bash > /etc/bash_completion.d/nocturne

\"nocturne help COMMAND\" tells about a command.";

/// What `restore` does.
pub(super) const RESTORE: &str = "\
Restore an archive into a database, or write it as an SQL script.

Data streams from the archive into COPY, several tables at once; then indexes and constraints are \
built side by side. An entry that the server refuses is reported with its reason, what depends on \
it is listed below that reason, and the rest is restored. The summary at the end accounts for \
every entry: done, skipped, tolerated or failed.";

/// Below the long help of `restore`.
pub(super) const RESTORE_EPILOGUE: &str = "\
EXIT CODES
  0    every entry that was wanted is restored, left out on purpose, or tolerated
  1    some entries failed, or data differ from --digests; the summary lists them
  2    the command line is wrong
  3    the archive cannot be read, is a stream that breaks off, or has a table of contents that is
       damaged or not that of --digests
  4    the server cannot be reached, or refuses the session
  130  interrupted; what was being restored is rolled back

EXAMPLES
  Restore into an existing database, as many sessions as are useful:
      nocturne restore -d app app.dump
  Into a managed server, where roles differ and extensions belong to the provider:
      nocturne restore -d app --no-owner --no-privileges --tolerate comment-on-extension app.dump
  Again, over what is there:
      nocturne restore --clean --if-exists -d app app.dump
  With a journal; the same command goes on if the restore is broken off:
      nocturne restore --resume -d app app.dump
  All tables of one schema, without their indexes:
      nocturne restore -d app -n sales --section pre-data --section data app.dump
  From another machine, nothing on disk:
      ssh backup cat app.dump | nocturne restore -d app
  From a web server, nothing on disk:
      nocturne restore -d app https://backups.example/app.tar.gz
  Look into it without a server of one's own:
      nocturne restore --embedded app.dump
  Try a backup out, and leave nothing behind:
      nocturne restore --embedded --exit --query 'SELECT count(*) FROM users' app.dump
  As an SQL script:
      nocturne restore -f app.sql app.dump

ENVIRONMENT
  DATABASE_URL    the target, when none of --dbname, --file and --embedded is given
  PGHOST, PGPORT, PGUSER, PGPASSWORD, PGPASSFILE, PGSSLMODE, …
                  as in PostgreSQL's own programs, for what the command line does not say
  NOCTURNE_LOG    which log lines are written, for instance nocturne=debug,tokio_postgres=info;
                  RUST_LOG is read when it is not set
  NO_COLOR        when set, no colours

MEMORY
  About 3 MiB for each job, for data on their way, and the table of contents, however large the \
tables are.

SECURITY
  An archive is a program: whoever wrote it decides what SQL runs. Restore only archives that you \
trust, with a role that may no more than it must.";

/// What `list` does.
pub(super) const LIST: &str = "\
Print what is in an archive.

The text is that of pg_restore --list: a line for each entry, which can be deleted, commented out \
with \";\" or moved, and given back with --use-list. With the options of selection, only what they \
would choose is listed.";

/// Below the long help of `list`.
pub(super) const LIST_EPILOGUE: &str = "\
EXIT CODES
  0  all is well
  2  the command line is wrong
  3  the archive cannot be read

EXAMPLES
  All but one table's data:
      nocturne list app.dump | grep -v 'TABLE DATA public logs ' > some.list
      nocturne restore -L some.list -d app app.dump
  The largest tables:
      nocturne list --format json app.dump

MEMORY
  The table of contents; data are not read.";

/// What `plan` does.
pub(super) const PLAN: &str = "\
Print what a restore would do: its jobs by predicted cost, the longest chain of them, the least \
time that any order takes, and the wall time for so many sessions. No server is needed.

A prediction comes from what the job took in earlier restores, which restore writes down, or from \
a model of the work. docs/planning.md tells what the model knows.";

/// Below the long help of `plan`.
pub(super) const PLAN_EPILOGUE: &str = "\
EXIT CODES
  0  all is well
  2  the command line is wrong
  3  the archive cannot be read

EXAMPLES
  How long will it take with four sessions, and what will it wait for:
      nocturne plan -j 4 app.dump
  As a page with a chart:
      nocturne plan --format html -f plan.html app.dump
  What waits for what:
      nocturne plan --format dot app.dump | dot -Tsvg > plan.svg
  What more cores would bring, in this order and in pg_restore's:
      nocturne plan --compare app.dump

MEMORY
  The table of contents and the jobs.";

/// What `verify` does.
pub(super) const VERIFY: &str = "\
Read an archive from end to end and say whether all of it is sound; no server is needed.

Every entry's data are decompressed, with the checksums of the compression, and counted: rows, \
bytes, large objects. With --write-digests a digest of each is kept, which a later verify or \
restore compares with.

With --dbname, the data are compared with a database's: for each table the rows, whatever their \
order, by count and digest; large objects, the values of sequences, and whether materialized views \
are populated. Values are compared, not how a session writes them. The database is read in one \
snapshot and not changed. docs/verify.md has the details.";

/// Below the long help of `verify`.
pub(super) const VERIFY_EPILOGUE: &str = "\
EXIT CODES
  0  the archive is sound, and with --dbname the database has the same data
  1  it is sound, but some data differ from --digests or the database's, or cannot be compared
  2  the command line is wrong
  3  the archive cannot be read, or some of it is damaged; the report names the entries
  4  the server cannot be reached, or refuses the session

EXAMPLES
  Tonight's backup, before it is needed:
      nocturne verify app.dump
  Two archives of the same database:
      nocturne verify --write-digests app.digests app.dump
      nocturne verify --digests app.digests copy-of-app.dump
  Is the restored database what the archive holds:
      nocturne verify -d app app.dump

MEMORY
  About 3 MiB for each job, and the table of contents; with --dbname, as much for each session.";

/// What `fetch-backup` does.
pub(super) const FETCH_BACKUP: &str = "\
Find the backup that a nightly run would restore, and download it into a file.

The backup is the newest of today that is done, of the database of SCALINGO_APP. The settings are \
variables of the environment; each option stands above the variable of the same meaning. The token \
has no option, for other users of a machine can read its command lines. A connection that breaks \
is taken up where it broke. Name, size and SHA-256 are printed at the end.";

/// Below the long help of `fetch-backup`.
pub(super) const FETCH_BACKUP_EPILOGUE: &str = "\
EXIT CODES
  0    the file is whole
  1    there is no such backup, or it cannot be read or written; a part of it stays
  2    the command line or a setting is wrong
  4    the server cannot be reached, or the connection broke too often; a part stays
  130  interrupted; a part stays

EXAMPLES
  nocturne fetch-backup --app pix-api-production
  nocturne fetch-backup --app pix-api-production --region osc-secnum-fr1 --any-day -o backup.tar.gz
  nocturne fetch-backup --app pix-api-production -o - | nocturne restore -d warehouse

ENVIRONMENT
  SCALINGO_API_TOKEN, SCALINGO_APP, SCALINGO_REGION, …
                  as for the nightly run: docs/variables.md lists them";

/// What `incremental` does.
pub(super) const INCREMENTAL: &str = "\
Copy the new rows of append-only tables from the source database.

The highest key in the target says where the last run stopped; rows of the source above it are new. \
A range of keys is copied whole or not at all, and committed after the range below it, so that a \
run which breaks off is resumed where it stopped. An empty table is copied from the beginning. \
Columns go by name; a difference between the two tables is told with the statements that mend it. \
Rows that the source changes or deletes later are not followed.

The settings are variables of the environment; each option stands above the variable of the same \
meaning, and docs/variables.md lists them all.";

/// Below the long help of `incremental`.
pub(super) const INCREMENTAL_EPILOGUE: &str = "\
EXIT CODES
  0    all is copied
  1    tables could not be copied, or --check-gaps found that rows are missing
  2    the command line or a setting is wrong
  4    no connection
  130  stopped by a signal; what was committed stays

EXAMPLES
  nocturne incremental --table answers --table knowledge-elements
  nocturne incremental -t stats.events:event_id --lag 10000 --check-gaps
  nocturne incremental --backup-mode '{\"answers\":\"incremental\"}'

MEMORY
  About 3 MiB for each connection that reads.";

/// What `run` does.
pub(super) const RUN: &str = "\
Do a whole night now: what \"nocturne worker\" does at each time of its schedule.

Finds the backup of the day, drops what the last night left in the target, restores the backup while \
it downloads, runs the files of the enrichment, and copies the new rows of incremental tables. What \
is dropped and what is restored is decided by the tables' modes: try --dry-run first. The target is \
overwritten. One run at a time works on a target: another one says who is at work.

The settings are variables of the environment; each option stands above the variable of the same \
meaning, and docs/variables.md lists them all. Everything that is wrong with them is told at once. A \
run that fails is tried again, --max-retry-count times. Runs are recorded in the table nocturne.runs \
of the target, and end with a report.";

/// Below the long help of `run`.
pub(super) const RUN_EPILOGUE: &str = "\
EXIT CODES
  0    the warehouse is ready, or --dry-run found nothing wrong
  1    the run failed, or would; the last lines say why
  2    the command line or a setting is wrong
  130  stopped by a signal; the target is not complete

EXAMPLES
  What would be done, without doing it:
      nocturne run --dry-run
  A backup that is on this machine, without the host:
      nocturne run --from backup.tar.gz -d postgresql://owner@localhost/warehouse
  The newest backup, even if it is of yesterday, and no second try:
      nocturne run --any-day --max-retry-count 0
  Beside the old database, which takes readers until the end:
      nocturne run --swap

MEMORY
  About 3 MiB for each job, and a decompressor. With --download-first, the backup's size on the disk \
(TMPDIR).";

/// What `worker` does.
pub(super) const WORKER: &str = "\
Start a nightly run at each time of a schedule, until a signal.

The settings are variables of the environment; each option stands above the variable of the same \
meaning, and docs/variables.md lists them all. Everything that is wrong with them is told at once. \
A run that fails is tried again; the failure of a night does not end the process. Runs never \
overlap: a time that comes while one goes on is reported as missed. Runs are recorded in the \
table nocturne.runs of the target.

SIGTERM and SIGINT let the run leave within 25 seconds; it is resumed at the next start.";

/// Below the long help of `worker`.
pub(super) const WORKER_EPILOGUE: &str = "\
EXIT CODES
  0    asked to stop, or --dry-run found nothing wrong
  1    the process cannot work, for a reason of the system; or --dry-run found what would fail
  2    the command line or a setting is wrong
  130  asked to stop a second time, before the run had left

EXAMPLES
  nocturne worker --dry-run
  nocturne worker --schedule @daily --schedule-timezone Europe/Paris";

/// What `web` does.
pub(super) const WEB: &str = "\
Answer on $PORT: health, and a page of the last and the next runs.

/ and /healthz tell the version to everybody. With STATUS_TOKEN set, /status is a page of the last \
and the next runs, and /metrics tells the same to Prometheus, to those who have the token: as \
\"Authorization: Bearer TOKEN\" or as ?token=TOKEN. Without it these pages do not exist.";

/// Below the long help of `web`.
pub(super) const WEB_EPILOGUE: &str = "\
EXIT CODES
  0    asked to stop
  1    the port cannot be had
  2    the command line or a setting is wrong
  130  asked to stop a second time, before the last requests were answered

EXAMPLES
  nocturne web --port 8080";

/// What `drop-objects` does.
pub(super) const DROP_OBJECTS: &str = "\
Drop everything that the role owns in the target, but for tables that are kept.

Of every kind and in every schema, without being a superuser; what belongs to others, to their \
extensions, the schema public and all privileges are left alone, and so is the schema nocturne \
with the records of runs. Kept tables stay with rows, indexes, sequences, and the types and \
functions that they need; their foreign keys to tables that go are dropped. Each object is dropped \
in a transaction of its own, which waits for readers no longer than --drop-timeout-ms, and then \
tells who they are.";

/// Below the long help of `drop-objects`.
pub(super) const DROP_OBJECTS_EPILOGUE: &str = "\
EXIT CODES
  0    all of it is dropped, or --dry-run printed what would be
  1    an object cannot be dropped, or another run is at work on the target
  2    the command line or a setting is wrong, or --keep names no table
  4    the server cannot be reached
  130  interrupted; what was dropped stays dropped

EXAMPLES
  nocturne drop-objects --dry-run
  nocturne drop-objects -d postgres://me@db/app --keep answers --keep 'events.*'";

/// What `enrich` does.
pub(super) const ENRICH: &str = "\
Run a folder of SQL files: indexes and views of the warehouse's own.

Files run side by side, the statements of each one after the other. Comments at the top of a file \
say what it needs:

  -- requires-table: users      skipped unless this table is there
  -- unless-table: students     not needed when this one is there
  -- depends: users             after users.sql, if that is done

A file that fails does not keep others from running, but for those that depend on it.";

/// Below the long help of `enrich`.
pub(super) const ENRICH_EPILOGUE: &str = "\
EXIT CODES
  0    every file is done, or skipped for a reason of its own
  1    a file failed, or another run is at work on the target
  2    the command line or a setting is wrong, or a file is no script
  4    the server cannot be reached
  130  interrupted; what ran is cancelled

EXAMPLES
  nocturne enrich -d postgres://me@db/app --dir sql/enrichment -j 4";

/// What `report` does.
pub(super) const REPORT: &str = "\
Read the logs of nightly runs: how long each part took, and which entries were slow.

Reads the host's logs (a time and a container before each line) or bare ones, of nocturne and of \
the system of Node.js and pg_restore that it replaces. Each run is reported, complete or not, with \
what is known of it. One complete run gives the lines of the replaced system's script and no other.";

/// Below the long help of `report`.
pub(super) const REPORT_EPILOGUE: &str = "\
EXIT CODES
  0  at least one run was found
  1  the log cannot be read, or holds no run of that day
  2  the command line is wrong

EXAMPLES
  scalingo --app APP logs --lines 100000 > logs.txt
  nocturne report logs.txt --date 2020-10-22 --lang fr
  nocturne report logs.txt --format html -f night.html
  nocturne report logs.txt --format json | jq '.runs[0].items | max_by(.seconds)'";
