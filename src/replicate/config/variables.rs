//! Every environment variable: its name, accepted values, meaning, and the commands that read it.
//!
//! Variables of the replaced system keep its names and defaults; the rest are new. Where a variable
//! changed its meaning over the years of that system, the oldest documented meaning applies.

use super::NightCommand::{self, DropObjects, Enrich, FetchBackup, Incremental, Run, Web, Worker};
use super::variable::{ValueKind, Variable};

const NIGHTS: &[NightCommand] = &[Run, Worker];
const FETCHING: &[NightCommand] = &[Run, Worker, FetchBackup];
const RESTORING: &[NightCommand] = &[Run, Worker, DropObjects];
const COPYING: &[NightCommand] = &[Run, Worker, Incremental];
const TABLES: &[NightCommand] = &[Run, Worker, DropObjects, Incremental, Enrich];

const DATABASE: &str = "a URL such as `postgresql://user:password@host:5432/name`";
const HTTP: &str = "an `http://` or `https://` URL";

pub(super) static SCHEDULE: Variable = Variable::new(
    "SCHEDULE",
    ValueKind::Text(
        "a cron expression with 5 fields (6 if it starts with seconds), or a shorthand \
         such as `@daily`",
    ),
    &[Worker, Web],
    "Cron expression that starts runs: `10 5 * * *` is every day at 5:10. Read as the replaced \
     system's last versions did (cron-parser 4.9). 0 and 7 both mean Sunday. Month and day names \
     may be written in full or as their first three letters. If both the day of the month and the \
     day of the week are restricted, a day that matches either counts. A range that ends before it \
     starts, `L` and `#` are rejected.",
)
.option("schedule")
.required("by `worker`");

pub(super) static SCHEDULE_TIMEZONE: Variable = Variable::new(
    "SCHEDULE_TIMEZONE",
    ValueKind::Text("an IANA time zone, such as `Europe/Paris`"),
    &[Worker, Web, Run, FetchBackup],
    "Time zone of `SCHEDULE`, of \"today\" for backups, and of the times on the status page. A \
     time skipped when clocks go forward becomes the first minute after the gap; a time repeated \
     when they go back counts once, the first time.",
)
.option("schedule-timezone")
.default("UTC");

pub(super) static SCHEDULE_LATEST_START_MINUTES: Variable = Variable::new(
    "SCHEDULE_LATEST_START_MINUTES",
    ValueKind::Number { min: 0, max: 1440 },
    &[Worker],
    "Latest start of a run, in minutes after its scheduled time, if the process was down or asleep \
     at that time. A run noticed later than this counts as missed, which is recorded and notified.",
)
.option("latest-start-minutes")
.default("10");

pub(super) static SCALINGO_APP: Variable = Variable::new(
    "SCALINGO_APP",
    ValueKind::Text("an app name, such as `pix-api-production`"),
    FETCHING,
    "App whose database is backed up.",
)
.option("app")
.required("by `run`, `worker` and `fetch-backup`, unless `BACKUP_SOURCE` is set");

pub(super) static SCALINGO_API_TOKEN: Variable = Variable::new(
    "SCALINGO_API_TOKEN",
    ValueKind::Secret("an API token"),
    FETCHING,
    "API token of a collaborator of that app. A limited collaborator is not allowed to export \
     data.",
)
.required("with `SCALINGO_APP`");

pub(super) static SCALINGO_ADDON: Variable = Variable::new(
    "SCALINGO_ADDON",
    ValueKind::Text("an add-on ID, such as `ad-…`"),
    FETCHING,
    "Database add-on to read backups from, if the app has several databases.",
)
.option("addon");

pub(super) static SCALINGO_REGION: Variable = Variable::new(
    "SCALINGO_REGION",
    ValueKind::Word(&["osc-fr1", "osc-secnum-fr1"]),
    FETCHING,
    "Scalingo region of the app.",
)
.option("region")
.default("osc-fr1");

pub(super) static BACKUP_SOURCE: Variable = Variable::new(
    "BACKUP_SOURCE",
    ValueKind::Secret("a path, or an `http://` or `https://` URL"),
    FETCHING,
    "Read the backup from here instead of Scalingo: a file, a folder (its newest archive is read; \
     files whose names do not end in `.tar.gz`, `.tgz`, `.pgsql`, `.dump`, `.tar` or `.backup` are \
     skipped and logged), or a URL. A URL is shown without the parts that may hold secrets. The \
     age of such a backup is the date that pg_dump wrote into its header, read in \
     `SCHEDULE_TIMEZONE`: copying a file does not make it newer.",
)
.option("from");

pub(super) static BACKUP_ID: Variable = Variable::new(
    "BACKUP_ID",
    ValueKind::Text("a backup ID"),
    FETCHING,
    "Restore this backup of the app instead of today's newest.",
)
.option("backup");

pub(super) static BACKUP_ANY_DAY: Variable = Variable::new(
    "BACKUP_ANY_DAY",
    ValueKind::Flag,
    FETCHING,
    "Accept the newest finished backup even if it is not from today. Otherwise a missing backup of \
     today is a failure, which is retried.",
)
.option("any-day")
.default("false");

pub(super) static BACKUP_MAX_AGE_HOURS: Variable = Variable::new(
    "BACKUP_MAX_AGE_HOURS",
    ValueKind::Number { min: 1, max: 24 * 366 },
    FETCHING,
    "Accept the newest finished backup up to this age in hours, even if it is not from today. \
     `BACKUP_ANY_DAY` and `BACKUP_ID` take precedence.",
)
.option("max-age-hours");

pub(super) static DOWNLOAD_FIRST: Variable = Variable::new(
    "DOWNLOAD_FIRST",
    ValueKind::Flag,
    NIGHTS,
    "Download the whole backup to disk before changing the target. Otherwise it is restored while \
     it downloads, and nothing is written to disk; if the backup then proves damaged, the target's \
     old rows are already gone, unless `SWAP` is set or `DELTA` drops nothing.",
)
.option("download-first")
.default("false");

pub(super) static VERIFY_BACKUP: Variable = Variable::new(
    "VERIFY_BACKUP",
    ValueKind::Flag,
    FETCHING,
    "Verify the backup before changing the target, if the whole backup is available: a file, a \
     folder, or any backup with `DOWNLOAD_FIRST`. A damaged backup then leaves the target \
     unchanged. Verifying reads the backup once more, at decompression speed. `fetch-backup` \
     verifies the file before it replaces an existing one. A backup that is restored while it \
     downloads cannot be verified first.",
)
.option("verify-backup")
.default("true");

pub(super) static SCALINGO_AUTH_URL: Variable = Variable::new(
    "SCALINGO_AUTH_URL",
    ValueKind::Text(HTTP),
    FETCHING,
    "Override the address of the authentication API; for tests.",
);

pub(super) static SCALINGO_API_URL: Variable = Variable::new(
    "SCALINGO_API_URL",
    ValueKind::Text(HTTP),
    FETCHING,
    "Override the address of the region's API; for tests.",
);

pub(super) static SCALINGO_DB_URL: Variable = Variable::new(
    "SCALINGO_DB_URL",
    ValueKind::Text(HTTP),
    FETCHING,
    "Override the address of the region's database API; for tests.",
);

pub(super) static DATABASE_URL: Variable = Variable::new(
    "DATABASE_URL",
    ValueKind::Secret(DATABASE),
    &[Run, Worker, DropObjects, Enrich, Incremental, Web],
    "Target database; overwritten by every run. Runs are recorded in its schema `nocturne`, which \
     is kept.",
)
.option("database-url")
.required("by all commands except `fetch-backup`; by `web` only with `STATUS_TOKEN`");

pub(super) static SOURCE_DATABASE_URL: Variable = Variable::new(
    "SOURCE_DATABASE_URL",
    ValueKind::Secret(DATABASE),
    &[Run, Worker, Incremental],
    "Source database of the incremental copy. A read-only user is enough.",
)
.option("source-database-url")
.required("by `incremental`, and by `run` and `worker` if a table is incremental");

pub(super) static TARGET_DATABASE_URL: Variable = Variable::new(
    "TARGET_DATABASE_URL",
    ValueKind::Secret(DATABASE),
    &[Run, Worker, Incremental],
    "Target database of the incremental copy. Defaults to `DATABASE_URL`.",
)
.option("target-database-url");

pub(super) static PG_RESTORE_JOBS: Variable = Variable::new(
    "PG_RESTORE_JOBS",
    ValueKind::Number { min: 1, max: 1000 },
    &[Run, Worker, Enrich],
    "Number of sessions that restore in parallel, and that run enrichment files.",
)
.option("jobs")
.default("4");

pub(super) static RESTORE_FK_CONSTRAINTS: Variable = Variable::new(
    "RESTORE_FK_CONSTRAINTS",
    ValueKind::Flag,
    NIGHTS,
    "Restore foreign keys. Foreign keys from or to an incremental or excluded table are never \
     restored.",
)
.option("restore-fk-constraints")
.default("false");

pub(super) static BACKUP_MODE: Variable = Variable::new(
    "BACKUP_MODE",
    ValueKind::Text(
        "a JSON object that maps tables to `incremental`, `none`, `schema-only` or `full`, such as \
         `{\"answers\":\"incremental\"}`",
    ),
    TABLES,
    "How to restore each table. `none`: the table and everything that belongs to it is skipped. \
     `incremental`: the table is neither dropped nor restored, and gets its new rows from \
     `SOURCE_DATABASE_URL`; if the target does not have it yet, it is restored once. \
     `schema-only`: the table is restored without rows. `full`, the default for tables that are \
     not named: the table is restored with its rows. A name may have a schema before it (default \
     `public`), `*` for any characters, and double quotes around a part in which `.`, `*` or `\"` \
     stand for themselves. A name without `*` takes precedence over patterns, which apply in the \
     order in which they are written. The mode of a partitioned table applies to its partitions, \
     at every level; only `full` and `schema-only` of a partition override these two modes of its \
     table, by the partition's name or by a pattern that does not match the table as well. Tables \
     that inherit from another (`INHERITS`) are not partitions: they need their own name or \
     pattern. A run fails before anything is dropped if no table of the backup remains.",
)
.option("backup-mode");

pub(super) static RESTORE_ANSWERS_AND_KES: Variable = Variable::new(
    "RESTORE_ANSWERS_AND_KES",
    ValueKind::Flag,
    TABLES,
    "Restore the tables `answers` and `knowledge-elements`. Otherwise they are skipped, with \
     everything that belongs to them. Has no effect if `BACKUP_MODE` is set, which is more \
     general: setting both is an error.",
)
.option("restore-answers-and-kes")
.default("false");

pub(super) static RESTORE_ANSWERS_AND_KES_INCREMENTALLY: Variable = Variable::new(
    "RESTORE_ANSWERS_AND_KES_INCREMENTALLY",
    ValueKind::Flag,
    TABLES,
    "Make these two tables (`answers`, `knowledge-elements`) incremental. Cannot be combined with \
     `RESTORE_ANSWERS_AND_KES` or `BACKUP_MODE`.",
)
.option("restore-answers-and-kes-incrementally")
.default("false");

pub(super) static BACKUP_MODE_STRICT: Variable = Variable::new(
    "BACKUP_MODE_STRICT",
    ValueKind::Flag,
    NIGHTS,
    "Fail before anything is dropped if a name in `BACKUP_MODE` or a pattern in `RESTORE_EXCLUDE` \
     matches nothing in the backup. Otherwise this is a warning, and a mistyped name restores what \
     it was meant to exclude.",
)
.option("backup-mode-strict")
.default("false");

pub(super) static RESTORE_EXCLUDE: Variable = Variable::new(
    "RESTORE_EXCLUDE",
    ValueKind::Text("a JSON array of patterns, such as `[\"BLOB*\",\"FUNCTION billing.*\"]`"),
    NIGHTS,
    "Entries of the backup to skip, with everything that depends on them. A pattern is an entry's \
     kind and name as shown by `nocturne list` and the log, such as `EVENT TRIGGER watcher` or `FK \
     CONSTRAINT public.answers answers_user`; `*` stands for any characters. `BLOB*` matches all \
     large objects, `FUNCTION *` all functions and therefore their source. A warning lists the \
     dependent entries that are also skipped. A run fails before anything is dropped if no table \
     of the backup remains.",
)
.option("exclude");

pub(super) static RESTORE_TOLERATE: Variable = Variable::new(
    "RESTORE_TOLERATE",
    ValueKind::Text("a JSON array such as `[\"42501\",\"missing-role\"]`"),
    NIGHTS,
    "Server errors that do not fail a run: SQLSTATEs, `already-exists`, `missing-role`, \
     `comment-on-extension` or `comment-on-others`, as in `nocturne restore --tolerate`. The last \
     two are always tolerated. The summary lists the tolerated errors.",
)
.option("tolerate");

pub(super) static FROM_SCRATCH: Variable = Variable::new(
    "FROM_SCRATCH",
    ValueKind::Flag,
    NIGHTS,
    "Restore the backup from the start: drop what an unfinished attempt restored, and restore \
     again a backup that is already restored. Retries of the same run still resume. Otherwise a \
     scheduled run skips a backup that a finished run restored with the same settings, and only \
     copies incremental tables; a manual run restores it again.",
)
.option("from-scratch")
.default("false");

pub(super) static DELTA: Variable = Variable::new(
    "DELTA",
    ValueKind::Flag,
    NIGHTS,
    "Change only what differs between the backup and the last night's, in one transaction: readers \
     see the last night's warehouse until the new one is complete, without `SWAP` and without the \
     right to create databases. Objects that others create in the warehouse stay. If a definition \
     changed, everything is dropped and restored, and the log has the reason. Cannot be combined \
     with `SWAP`.",
)
.option("delta")
.default("false");

pub(super) static SWAP: Variable = Variable::new(
    "SWAP",
    ValueKind::Flag,
    NIGHTS,
    "Restore into a new database and rename it at the end, so that readers never see an empty one. \
     The role must be allowed to create databases. Cannot be combined with incremental tables.",
)
.option("swap")
.default("false");

pub(super) static SWAP_TEMPLATE: Variable = Variable::new(
    "SWAP_TEMPLATE",
    ValueKind::Text("a database name"),
    NIGHTS,
    "Template of the new database of `SWAP`, with the extensions that only a superuser can create. \
     The role must be allowed to copy it and to connect to it; objects of other roles that the \
     template contains are not checked by `SWAP_DROPS_OTHERS`. Defaults to `template0`.",
)
.option("swap-template");

pub(super) static SWAP_DROPS_OTHERS: Variable = Variable::new(
    "SWAP_DROPS_OTHERS",
    ValueKind::Flag,
    NIGHTS,
    "Let `SWAP` replace a database in which other roles own objects or extensions that the new one \
     lacks. Otherwise such a run fails before anything is changed, and lists them.",
)
.option("swap-drops-others")
.default("false");

pub(super) static DROP_TIMEOUT_MS: Variable = Variable::new(
    "DROP_TIMEOUT_MS",
    ValueKind::Number { min: 0, max: 2_147_483_647 },
    RESTORING,
    "How long, in milliseconds, dropping an object may wait for sessions that read it, or that \
     read a table that references it. After that the run fails without dropping anything, and \
     lists these sessions. 0 means no limit.",
)
.option("drop-timeout-ms")
.default("300000");

pub(super) static ENRICHMENT_DIR: Variable = Variable::new(
    "ENRICHMENT_DIR",
    ValueKind::Text("a folder"),
    &[Run, Worker, Enrich],
    "Folder of SQL files that create the warehouse's own indexes and views. The default is looked \
     up next to the program's folder (`bin/nocturne` and `sql/enrichment`), then in the working \
     directory.",
)
.option("enrichment-dir")
.default("sql/enrichment");

pub(super) static HOOKS_DIR: Variable = Variable::new(
    "HOOKS_DIR",
    ValueKind::Text("a folder"),
    NIGHTS,
    "Folder of SQL files to run between the stages of a restore. Without it, no hooks run.",
)
.option("hooks-dir");

pub(super) static INCREMENTAL_KEYS: Variable = Variable::new(
    "INCREMENTAL_KEYS",
    ValueKind::Text(
        "a JSON object that maps tables to columns, such as `{\"events\":\"event_id\"}`",
    ),
    COPYING,
    "Key columns of incremental tables whose ascending key is not `id`. A key whose type does not \
     have to grow with every row, such as a UUID, is a warning. Names are written as in \
     `BACKUP_MODE`.",
)
.option("incremental-keys")
.default("{}");

pub(super) static INCREMENTAL_JOBS: Variable = Variable::new(
    "INCREMENTAL_JOBS",
    ValueKind::Number { min: 1, max: 100 },
    COPYING,
    "Number of connections that read from the source in parallel, for all tables together. One \
     more connection holds their shared snapshot.",
)
.option("incremental-jobs")
.default("2");

pub(super) static INCREMENTAL_RANGE_ROWS: Variable = Variable::new(
    "INCREMENTAL_RANGE_ROWS",
    ValueKind::Number { min: 0, max: 1_000_000_000_000 },
    COPYING,
    "Approximate number of rows copied per transaction, for tables with an integer key. An \
     interrupted run resumes after the last committed range. 0 copies all new rows of a table in \
     one transaction.",
)
.option("range-rows")
.default("5000000");

pub(super) static INCREMENTAL_LAG: Variable = Variable::new(
    "INCREMENTAL_LAG",
    ValueKind::Number { min: 0, max: 1_000_000_000_000 },
    COPYING,
    "How far below the source's highest key to stop, in keys. For keys that are assigned before \
     the transaction that uses them starts; for all others the copy waits \
     (`INCREMENTAL_LATE_COMMITS_TIMEOUT_MS`).",
)
.option("lag")
.default("0");

pub(super) static INCREMENTAL_ADD_COLUMNS: Variable = Variable::new(
    "INCREMENTAL_ADD_COLUMNS",
    ValueKind::Flag,
    COPYING,
    "Add columns that only the source has to the target, if they may be NULL; existing rows get \
     NULL. Otherwise a new column fails its table, and the error shows the statement that adds it.",
)
.option("add-columns")
.default("false");

pub(super) static INCREMENTAL_CHECK_GAPS: Variable = Variable::new(
    "INCREMENTAL_CHECK_GAPS",
    ValueKind::Flag,
    COPYING,
    "Compare, between both sides, the number of rows that earlier runs should have copied, and \
     report where rows are missing. Reads the keys of the whole table.",
)
.option("check-gaps")
.default("false");

pub(super) static INCREMENTAL_FILL_GAPS: Variable = Variable::new(
    "INCREMENTAL_FILL_GAPS",
    ValueKind::Flag,
    COPYING,
    "Copy missing rows, found as by `INCREMENTAL_CHECK_GAPS`; their key must be unique. Needs the \
     privilege TEMPORARY in the target.",
)
.option("fill-gaps")
.default("false");

pub(super) static INCREMENTAL_LATE_COMMITS_TIMEOUT_MS: Variable = Variable::new(
    "INCREMENTAL_LATE_COMMITS_TIMEOUT_MS",
    ValueKind::Number { min: 0, max: 2_147_483_647 },
    COPYING,
    "How long, in milliseconds, to wait for transactions of the source that may still commit keys \
     below the highest one. After that a warning lists them, and the copy starts without them. 0 \
     does not wait.",
)
.option("late-commits-timeout-ms")
.default("300000");

pub(super) static INCREMENTAL_ALLOW_BEHIND: Variable = Variable::new(
    "INCREMENTAL_ALLOW_BEHIND",
    ValueKind::Flag,
    COPYING,
    "Accept, with a warning, a table whose highest key in the source is below the target's. \
     Otherwise the table fails: most often the source is the wrong database or an older copy, and \
     the rows it adds next would never be copied.",
)
.option("allow-behind")
.default("false");

pub(super) static INCREMENTAL_STATEMENT_TIMEOUT_MS: Variable = Variable::new(
    "INCREMENTAL_STATEMENT_TIMEOUT_MS",
    ValueKind::Number { min: 0, max: 2_147_483_647 },
    COPYING,
    "Timeout in milliseconds of one statement on the source, such as reading one range. 0 means no \
     limit.",
)
.option("source-statement-timeout-ms")
.default("21600000");

pub(super) static MAX_RETRY_COUNT: Variable = Variable::new(
    "MAX_RETRY_COUNT",
    ValueKind::Number { min: 0, max: 1000 },
    NIGHTS,
    "Number of retries of a failed run. 0 disables retries.",
)
.option("max-retry-count")
.default("10");

pub(super) static MIN_TIMEOUT: Variable = Variable::new(
    "MIN_TIMEOUT",
    ValueKind::Number { min: 0, max: 86_400_000 },
    NIGHTS,
    "Wait before the first retry, in milliseconds; it doubles with each retry, up to \
     `MAX_TIMEOUT`, plus a random part.",
)
.option("min-timeout")
.default("900000");

pub(super) static MAX_TIMEOUT: Variable = Variable::new(
    "MAX_TIMEOUT",
    ValueKind::Number { min: 0, max: 86_400_000 },
    NIGHTS,
    "Longest wait before a retry, in milliseconds.",
)
.option("max-timeout")
.default("900000");

pub(super) static RETRIES_TIMEOUT_MINUTES: Variable = Variable::new(
    "RETRIES_TIMEOUT_MINUTES",
    ValueKind::Number { min: 0, max: 10_080 },
    NIGHTS,
    "Log a warning when a failed run has been retried for longer than this, in minutes.",
)
.option("retries-timeout-minutes")
.default("180");

const WEBHOOKS: &str =
    "a JSON array of URLs, or of objects such as `{\"url\":\"https://…\",\"token\":\"…\"}`";

pub(super) static NOTIFICATIONS: Variable = Variable::new(
    "NOTIFICATIONS",
    ValueKind::Secret(WEBHOOKS),
    COPYING,
    "URLs that receive a JSON summary by POST when a run or an incremental copy ends, whether it \
     succeeds or fails. A token is sent as `Authorization: Bearer`. Only the host of a URL is ever \
     shown.",
)
.default("[]");

pub(super) static REPORT_LANG: Variable = Variable::new(
    "REPORT_LANG",
    ValueKind::Word(&["en", "fr"]),
    COPYING,
    "Language of the report at the end of a run. By default that of the locale (`LC_ALL`, \
     `LC_MESSAGES`, `LANG`): French for a French locale, otherwise English.",
)
.option("report-lang");

pub(super) static NOTIFICATION_URLS: Variable = Variable::new(
    "NOTIFICATION_URLS",
    ValueKind::Secret(WEBHOOKS),
    COPYING,
    "Older name of `NOTIFICATIONS`. Set only one of the two.",
);

pub(super) static LOG_FORMAT: Variable = Variable::new(
    "LOG_FORMAT",
    ValueKind::Word(&["text", "json"]),
    &[Run, Worker, Incremental, Web, DropObjects, FetchBackup, Enrich],
    "Format of log lines on standard error: text, or one JSON object per line.",
)
.option("log-format")
.default("text");

pub(super) static APP: Variable = Variable::new(
    "APP",
    ValueKind::Text("an app name"),
    &[Run, Worker, Incremental, Web],
    "Name under which runs are reported: the app that nocturne itself runs in. Set by the host.",
);

pub(super) static PORT: Variable = Variable::new(
    "PORT",
    ValueKind::Number { min: 0, max: 65_535 },
    &[Web],
    "Port that the web process listens on, on all addresses. Set by the host. 0 picks any free \
     port.",
)
.option("port")
.required("by `web`");

pub(super) static STATUS_TOKEN: Variable = Variable::new(
    "STATUS_TOKEN",
    ValueKind::Secret("at least 16 visible ASCII characters"),
    &[Web],
    "Token that gives access to `/status` and `/metrics`. Without it these pages do not exist.",
);
