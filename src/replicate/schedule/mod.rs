//! When runs start: cron expressions as node-cron reads them, in a time zone.
