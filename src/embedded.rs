//! A throw-away PostgreSQL server from the binaries on the machine.
