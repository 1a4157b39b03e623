//! Each variable: its name, what it may hold, who reads it, what it means.
//!
//! Names and defaults of those that the replaced system had are its own; the rest is new. Where
//! a variable changed its meaning over that system's years, the oldest documented one counts.

use super::Command::{self, DropObjects, Enrich, FetchBackup, Incremental, Run, Web, Worker};
use super::variable::{Kind, Variable};

const NIGHTS: &[Command] = &[Run, Worker];
const FETCHING: &[Command] = &[Run, Worker, FetchBackup];
const RESTORING: &[Command] = &[Run, Worker, DropObjects];
const COPYING: &[Command] = &[Run, Worker, Incremental];
const TABLES: &[Command] = &[Run, Worker, DropObjects, Incremental, Enrich];

const DATABASE: &str = "a URL such as `postgresql://user:password@host:5432/name`";
const HTTP: &str = "an `http://` or `https://` URL";

pub(super) static SCHEDULE: Variable = Variable::new(
    "SCHEDULE",
    Kind::Text(
        "a cron expression of 5 fields, 6 with seconds first, or a shorthand such as `@daily`",
    ),
    &[Worker, Web],
    "When runs start, as the replaced system's last versions read it (cron-parser 4.9): \
     `10 5 * * *` is every day at 5:10. 0 and 7 are both Sunday. Months and days may be written \
     in full, or as their first three letters. If both the day of the month and the day of the \
     week are restricted, a day that fits either one counts. A range that ends before it starts, \
     `L` and `#` are refused.",
)
.option("schedule")
.required("by `worker`");

pub(super) static SCHEDULE_TIMEZONE: Variable = Variable::new(
    "SCHEDULE_TIMEZONE",
    Kind::Text("a name of the IANA database, such as `Europe/Paris`"),
    &[Worker, Web, Run, FetchBackup],
    "The zone in which `SCHEDULE` is read, in which a backup is today's, and in which the status \
     page shows times. A time that clocks leave out becomes the first minute after it; a time that \
     they show twice counts once, the first time.",
)
.option("schedule-timezone")
.default("UTC");

pub(super) static SCHEDULE_LATEST_START_MINUTES: Variable = Variable::new(
    "SCHEDULE_LATEST_START_MINUTES",
    Kind::Number { min: 0, max: 1440 },
    &[Worker],
    "How late a run may start, in minutes, when its time passed while the process was down or asleep. \
     A time that is noticed later is missed, which is recorded and notified.",
)
.option("latest-start-minutes")
.default("10");

pub(super) static SCALINGO_APP: Variable = Variable::new(
    "SCALINGO_APP",
    Kind::Text("an app's name, such as `pix-api-production`"),
    FETCHING,
    "The app whose database is backed up.",
)
.option("app")
.required("by `run`, `worker` and `fetch-backup`, unless `BACKUP_SOURCE` is set");

pub(super) static SCALINGO_API_TOKEN: Variable = Variable::new(
    "SCALINGO_API_TOKEN",
    Kind::Secret("an API token"),
    FETCHING,
    "The API token of a collaborator of that app. A limited collaborator may not export data.",
)
.required("with `SCALINGO_APP`");

pub(super) static SCALINGO_ADDON: Variable = Variable::new(
    "SCALINGO_ADDON",
    Kind::Text("an add-on's id, such as `ad-…`"),
    FETCHING,
    "The add-on that is the database, where the app has several databases.",
)
.option("addon");

pub(super) static SCALINGO_REGION: Variable = Variable::new(
    "SCALINGO_REGION",
    Kind::Word(&["osc-fr1", "osc-secnum-fr1"]),
    FETCHING,
    "The host's region that the app is in.",
)
.option("region")
.default("osc-fr1");

pub(super) static BACKUP_SOURCE: Variable = Variable::new(
    "BACKUP_SOURCE",
    Kind::Secret("a path, or an `http://` or `https://` URL"),
    FETCHING,
    "Where the backup is instead of at Scalingo: a file, a folder (its newest archive is read; \
     files whose names do not end in `.tar.gz`, `.tgz`, `.pgsql`, `.dump`, `.tar` or `.backup` are \
     skipped and named), or a URL. Shown without what a URL may hold in secrets. When such a backup was made is what \
     pg_dump wrote into its header, read in `SCHEDULE_TIMEZONE`: copying a file does not make it \
     newer.",
)
.option("from");

pub(super) static BACKUP_ID: Variable = Variable::new(
    "BACKUP_ID",
    Kind::Text("a backup's id"),
    FETCHING,
    "This backup of the app, instead of today's newest.",
)
.option("backup");

pub(super) static BACKUP_ANY_DAY: Variable = Variable::new(
    "BACKUP_ANY_DAY",
    Kind::Flag,
    FETCHING,
    "Takes the newest backup that is done, even when it is not of today. Otherwise a missing \
     backup of today is a failure, which is retried.",
)
.option("any-day")
.default("false");

pub(super) static BACKUP_MAX_AGE_HOURS: Variable = Variable::new(
    "BACKUP_MAX_AGE_HOURS",
    Kind::Number { min: 1, max: 24 * 366 },
    FETCHING,
    "Takes the newest backup that is done and not older than this, even when it is not of today. \
     `BACKUP_ANY_DAY` and `BACKUP_ID` go before it.",
)
.option("max-age-hours");

pub(super) static DOWNLOAD_FIRST: Variable = Variable::new(
    "DOWNLOAD_FIRST",
    Kind::Flag,
    NIGHTS,
    "Downloads the backup to the disk before the target is touched. Otherwise it is restored while \
     it downloads, and nothing is written to the disk; a backup that proves to be damaged has then \
     cost the target's old rows, unless `SWAP` is set.",
)
.option("download-first")
.default("false");

pub(super) static VERIFY_BACKUP: Variable = Variable::new(
    "VERIFY_BACKUP",
    Kind::Flag,
    FETCHING,
    "Verifies a backup before the target is touched, if all of its bytes are available: a file, a \
     folder, or any backup with `DOWNLOAD_FIRST`. A damaged backup then leaves the target as it was. \
     Reads the backup once more, at the speed of decompression. `fetch-backup` verifies the file \
     before it replaces another. A backup that is restored while it downloads cannot be verified \
     first.",
)
.option("verify-backup")
.default("true");

pub(super) static SCALINGO_AUTH_URL: Variable = Variable::new(
    "SCALINGO_AUTH_URL",
    Kind::Text(HTTP),
    FETCHING,
    "Another address of the authentication API than the host's; for tests.",
);

pub(super) static SCALINGO_API_URL: Variable = Variable::new(
    "SCALINGO_API_URL",
    Kind::Text(HTTP),
    FETCHING,
    "Another address of the region's API; for tests.",
);

pub(super) static SCALINGO_DB_URL: Variable = Variable::new(
    "SCALINGO_DB_URL",
    Kind::Text(HTTP),
    FETCHING,
    "Another address of the region's database API; for tests.",
);

pub(super) static DATABASE_URL: Variable = Variable::new(
    "DATABASE_URL",
    Kind::Secret(DATABASE),
    &[Run, Worker, DropObjects, Enrich, Incremental, Web],
    "The target. It is overwritten at each run. Runs are recorded in its schema `nocturne`, which \
     is kept.",
)
.option("database-url")
.required("by all commands but `fetch-backup`; by `web` with `STATUS_TOKEN` only");

pub(super) static SOURCE_DATABASE_URL: Variable = Variable::new(
    "SOURCE_DATABASE_URL",
    Kind::Secret(DATABASE),
    &[Run, Worker, Incremental],
    "The source of the incremental copy. A user that may only read is enough.",
)
.option("source-database-url")
.required("by `incremental`, and by `run` and `worker` when a table is incremental");

pub(super) static TARGET_DATABASE_URL: Variable = Variable::new(
    "TARGET_DATABASE_URL",
    Kind::Secret(DATABASE),
    &[Run, Worker, Incremental],
    "The target of the incremental copy. When it is not set, `DATABASE_URL` counts.",
)
.option("target-database-url");

pub(super) static PG_RESTORE_JOBS: Variable = Variable::new(
    "PG_RESTORE_JOBS",
    Kind::Number { min: 1, max: 1000 },
    &[Run, Worker, Enrich],
    "How many sessions restore side by side, and run files of the enrichment.",
)
.option("jobs")
.default("4");

pub(super) static RESTORE_FK_CONSTRAINTS: Variable = Variable::new(
    "RESTORE_FK_CONSTRAINTS",
    Kind::Flag,
    NIGHTS,
    "Restores foreign keys. Never those from or to a table that is incremental or left out.",
)
.option("restore-fk-constraints")
.default("false");

pub(super) static BACKUP_MODE: Variable = Variable::new(
    "BACKUP_MODE",
    Kind::Text(
        "a JSON object from tables to `incremental`, `none`, `schema-only` or `full`, such as \
         `{\"answers\":\"incremental\"}`",
    ),
    TABLES,
    "What is done with a table. `none`: neither it nor anything of its own is restored. \
     `incremental`: it is neither dropped nor restored, and gets its new rows from \
     `SOURCE_DATABASE_URL`; one that the target does not have yet is restored once. `schema-only`: \
     it is restored without rows. `full`, which also counts for tables that are not named: restored \
     with its rows. A name may have a schema before it (`public` when it has none), `*` for any \
     characters, and double quotes around a part in which `.`, `*` or `\"` stand for themselves. A \
     name without `*` goes before those with one, which count in the order in which they are \
     written. What is said of a partitioned table holds for its partitions, at every level; only \
     `full` and `schema-only` of a partition override these two modes of its table, by the \
     partition's name or by a pattern that does not match the table as well. Tables that inherit \
     from another (`INHERITS`) are not partitions: they need a name or pattern of their own. A run \
     fails before anything is dropped if no table of the backup is left.",
)
.option("backup-mode");

pub(super) static RESTORE_ANSWERS_AND_KES: Variable = Variable::new(
    "RESTORE_ANSWERS_AND_KES",
    Kind::Flag,
    TABLES,
    "`true` restores the tables `answers` and `knowledge-elements`; otherwise they are left out, \
     with all that is theirs. Without effect when `BACKUP_MODE` is set, which says more: then \
     setting both is an error.",
)
.option("restore-answers-and-kes")
.default("false");

pub(super) static RESTORE_ANSWERS_AND_KES_INCREMENTALLY: Variable = Variable::new(
    "RESTORE_ANSWERS_AND_KES_INCREMENTALLY",
    Kind::Flag,
    TABLES,
    "`true` makes these two tables incremental. Not together with `RESTORE_ANSWERS_AND_KES`, or \
     with `BACKUP_MODE`.",
)
.option("restore-answers-and-kes-incrementally")
.default("false");

pub(super) static BACKUP_MODE_STRICT: Variable = Variable::new(
    "BACKUP_MODE_STRICT",
    Kind::Flag,
    NIGHTS,
    "Fails a run, before anything is dropped, if a name in `BACKUP_MODE` or a pattern in \
     `RESTORE_EXCLUDE` fits nothing in the backup. Otherwise this is a warning, and a mistyped name \
     restores what it was to keep out.",
)
.option("backup-mode-strict")
.default("false");

pub(super) static RESTORE_EXCLUDE: Variable = Variable::new(
    "RESTORE_EXCLUDE",
    Kind::Text("a JSON array of patterns, such as `[\"BLOB*\",\"FUNCTION billing.*\"]`"),
    NIGHTS,
    "Entries of the backup that are not restored, with all that depends on them. A pattern is an \
     entry's kind and name as `nocturne list` and the log have them, `EVENT TRIGGER watcher` or `FK \
     CONSTRAINT public.answers answers_user`; `*` stands for any characters. `BLOB*` is all large \
     objects, `FUNCTION *` all functions and so their source. What goes along is a warning. A run \
     fails before anything is dropped if no table of the backup is left.",
)
.option("exclude");

pub(super) static RESTORE_TOLERATE: Variable = Variable::new(
    "RESTORE_TOLERATE",
    Kind::Text("a JSON array such as `[\"42501\",\"missing-role\"]`"),
    NIGHTS,
    "Errors of the server that do not fail a run: SQLSTATEs, `already-exists`, `missing-role` or \
     `comment-on-extension`, as in `nocturne restore --tolerate`. The last one is always tolerated. \
     The summary lists what was tolerated.",
)
.option("tolerate");

pub(super) static FROM_SCRATCH: Variable = Variable::new(
    "FROM_SCRATCH",
    Kind::Flag,
    NIGHTS,
    "Restores the backup from the start: what an unfinished attempt restored is dropped, and a backup \
     that is restored already is restored again. Retries of the same run resume. Otherwise a run by \
     the schedule does not restore a backup again that a finished run restored with the same \
     settings, and copies incremental tables only; a run by hand restores it.",
)
.option("from-scratch")
.default("false");

pub(super) static SWAP: Variable = Variable::new(
    "SWAP",
    Kind::Flag,
    NIGHTS,
    "Restores into a new database and renames it at the end, so that readers never see an empty \
     one. The role must be allowed to create databases. Not together with incremental tables.",
)
.option("swap")
.default("false");

pub(super) static SWAP_TEMPLATE: Variable = Variable::new(
    "SWAP_TEMPLATE",
    Kind::Text("a database's name"),
    NIGHTS,
    "The template of the new database of `SWAP`: one that has the extensions that only a superuser \
     may create. The role must be allowed to copy it, and to connect to it: what it has of other \
     roles does not count for `SWAP_DROPS_OTHERS`. `template0` when it is not set.",
)
.option("swap-template");

pub(super) static SWAP_DROPS_OTHERS: Variable = Variable::new(
    "SWAP_DROPS_OTHERS",
    Kind::Flag,
    NIGHTS,
    "Lets `SWAP` replace a database in which other roles own objects or extensions that the new one \
     does not have. Otherwise such a night fails before anything is changed, and names them.",
)
.option("swap-drops-others")
.default("false");

pub(super) static DROP_TIMEOUT_MS: Variable = Variable::new(
    "DROP_TIMEOUT_MS",
    Kind::Number { min: 0, max: 2_147_483_647 },
    RESTORING,
    "How long, in milliseconds, dropping an object may wait for those who read it, or a table that \
     refers to it. Then they are named, and nothing is dropped. 0 waits without end.",
)
.option("drop-timeout-ms")
.default("300000");

pub(super) static ENRICHMENT_DIR: Variable = Variable::new(
    "ENRICHMENT_DIR",
    Kind::Text("a folder"),
    &[Run, Worker, Enrich],
    "The folder of SQL files with indexes and views of the warehouse's own. The default is looked \
     for beside the folder of the program (`bin/nocturne` and `sql/enrichment`), then in the working \
     directory.",
)
.option("enrichment-dir")
.default("sql/enrichment");

pub(super) static HOOKS_DIR: Variable = Variable::new(
    "HOOKS_DIR",
    Kind::Text("a folder"),
    NIGHTS,
    "The folder of SQL files that run between the stages of a restore. Without it, none do.",
)
.option("hooks-dir");

pub(super) static INCREMENTAL_KEYS: Variable = Variable::new(
    "INCREMENTAL_KEYS",
    Kind::Text("a JSON object from tables to columns, such as `{\"events\":\"event_id\"}`"),
    COPYING,
    "The ascending key of incremental tables whose key is not `id`. One whose type need not grow \
     with every row, such as a UUID, is a warning. Names are written as in \
     `BACKUP_MODE`.",
)
.option("incremental-keys")
.default("{}");

pub(super) static INCREMENTAL_JOBS: Variable = Variable::new(
    "INCREMENTAL_JOBS",
    Kind::Number { min: 1, max: 100 },
    COPYING,
    "How many connections read from the source side by side, of all tables together. One more \
     holds the snapshot that they share.",
)
.option("incremental-jobs")
.default("2");

pub(super) static INCREMENTAL_RANGE_ROWS: Variable = Variable::new(
    "INCREMENTAL_RANGE_ROWS",
    Kind::Number { min: 0, max: 1_000_000_000_000 },
    COPYING,
    "About how many rows of a table with an integer key are copied in one transaction. A run that \
     breaks off goes on behind the last one that was committed. 0 takes one transaction for all \
     that is new in a table.",
)
.option("range-rows")
.default("5000000");

pub(super) static INCREMENTAL_LAG: Variable = Variable::new(
    "INCREMENTAL_LAG",
    Kind::Number { min: 0, max: 1_000_000_000_000 },
    COPYING,
    "How far below the source's highest key to stop, in keys. For keys that are given out before \
     the transaction that uses them starts; others are waited for \
     (`INCREMENTAL_LATE_COMMITS_TIMEOUT_MS`).",
)
.option("lag")
.default("0");

pub(super) static INCREMENTAL_ADD_COLUMNS: Variable = Variable::new(
    "INCREMENTAL_ADD_COLUMNS",
    Kind::Flag,
    COPYING,
    "Adds columns that only the source has to the target, when they may be NULL; rows that are \
     there already get NULL. Otherwise a new column is a failure of its table, told with the \
     statement that adds it.",
)
.option("add-columns")
.default("false");

pub(super) static INCREMENTAL_CHECK_GAPS: Variable = Variable::new(
    "INCREMENTAL_CHECK_GAPS",
    Kind::Flag,
    COPYING,
    "Counts the rows that earlier runs should have copied on both sides, and tells where some are \
     missing. Reads the keys of the whole table.",
)
.option("check-gaps")
.default("false");

pub(super) static INCREMENTAL_FILL_GAPS: Variable = Variable::new(
    "INCREMENTAL_FILL_GAPS",
    Kind::Flag,
    COPYING,
    "Copies the rows that `INCREMENTAL_CHECK_GAPS` finds missing, whose key has to be unique, and \
     checks as that does. Needs the privilege TEMPORARY in the target.",
)
.option("fill-gaps")
.default("false");

pub(super) static INCREMENTAL_LATE_COMMITS_TIMEOUT_MS: Variable = Variable::new(
    "INCREMENTAL_LATE_COMMITS_TIMEOUT_MS",
    Kind::Number { min: 0, max: 2_147_483_647 },
    COPYING,
    "How long, in milliseconds, to wait for transactions of the source that may still commit keys \
     below the highest one. After that a warning names them, and the copy starts without them. 0 \
     does not wait.",
)
.option("late-commits-timeout-ms")
.default("300000");

pub(super) static INCREMENTAL_ALLOW_BEHIND: Variable = Variable::new(
    "INCREMENTAL_ALLOW_BEHIND",
    Kind::Flag,
    COPYING,
    "Accepts, with a warning, a table whose highest key in the source is below the target's. \
     Otherwise this is a failure of the table: most often the source is the wrong database or an \
     older copy, and the rows it adds next would never be copied.",
)
.option("allow-behind")
.default("false");

pub(super) static INCREMENTAL_STATEMENT_TIMEOUT_MS: Variable = Variable::new(
    "INCREMENTAL_STATEMENT_TIMEOUT_MS",
    Kind::Number { min: 0, max: 2_147_483_647 },
    COPYING,
    "How long, in milliseconds, the source may take for one statement, such as reading one range. \
     0 is without end.",
)
.option("source-statement-timeout-ms")
.default("21600000");

pub(super) static MAX_RETRY_COUNT: Variable = Variable::new(
    "MAX_RETRY_COUNT",
    Kind::Number { min: 0, max: 1000 },
    NIGHTS,
    "How often a failed run is tried again. 0 is never.",
)
.option("max-retry-count")
.default("10");

pub(super) static MIN_TIMEOUT: Variable = Variable::new(
    "MIN_TIMEOUT",
    Kind::Number { min: 0, max: 86_400_000 },
    NIGHTS,
    "The wait before the first retry, in milliseconds; it doubles from retry to retry, up to \
     `MAX_TIMEOUT`, and chance adds a part of it.",
)
.option("min-timeout")
.default("900000");

pub(super) static MAX_TIMEOUT: Variable = Variable::new(
    "MAX_TIMEOUT",
    Kind::Number { min: 0, max: 86_400_000 },
    NIGHTS,
    "The longest wait before a retry, in milliseconds.",
)
.option("max-timeout")
.default("900000");

pub(super) static RETRIES_TIMEOUT_MINUTES: Variable = Variable::new(
    "RETRIES_TIMEOUT_MINUTES",
    Kind::Number { min: 0, max: 10_080 },
    NIGHTS,
    "A warning is logged when a run has failed and tries have gone on for longer than this, in \
     minutes.",
)
.option("retries-timeout-minutes")
.default("180");

const WEBHOOKS: &str =
    "a JSON array of URLs, or of objects such as `{\"url\":\"https://…\",\"token\":\"…\"}`";

pub(super) static NOTIFICATIONS: Variable = Variable::new(
    "NOTIFICATIONS",
    Kind::Secret(WEBHOOKS),
    COPYING,
    "Where a JSON summary is POSTed when a run, or an incremental copy, has ended, well or not. A token is sent as \
     `Authorization: Bearer`. Only the host of a URL is ever shown.",
)
.default("[]");

pub(super) static REPORT_LANG: Variable = Variable::new(
    "REPORT_LANG",
    Kind::Word(&["en", "fr"]),
    COPYING,
    "The language of the report at the end of a run. By default that of the locale (`LC_ALL`, \
     `LC_MESSAGES`, `LANG`): French for French, else English.",
)
.option("report-lang");

pub(super) static NOTIFICATION_URLS: Variable = Variable::new(
    "NOTIFICATION_URLS",
    Kind::Secret(WEBHOOKS),
    COPYING,
    "An older name of `NOTIFICATIONS`. Not both.",
);

pub(super) static LOG_FORMAT: Variable = Variable::new(
    "LOG_FORMAT",
    Kind::Word(&["text", "json"]),
    &[Run, Worker, Incremental, Web, DropObjects, FetchBackup, Enrich],
    "How log lines are written on standard error: for people, or one JSON object a line.",
)
.option("log-format")
.default("text");

pub(super) static APP: Variable = Variable::new(
    "APP",
    Kind::Text("an app's name"),
    &[Run, Worker, Incremental, Web],
    "The name under which runs are told: the app that nocturne itself runs in. The host sets it.",
);

pub(super) static PORT: Variable = Variable::new(
    "PORT",
    Kind::Number { min: 0, max: 65_535 },
    &[Web],
    "The port that the web process listens on, at every address. The host sets it. 0 takes any \
     free one.",
)
.option("port")
.required("by `web`");

pub(super) static STATUS_TOKEN: Variable = Variable::new(
    "STATUS_TOKEN",
    Kind::Secret("16 visible characters or more"),
    &[Web],
    "Opens `/status` and `/metrics` to those who have it. Without it these pages do not exist.",
);
