"""The databases to restore: each case has a different shape and is created from SQL."""

from dataclasses import dataclass, field
from pathlib import Path

SQL = Path(__file__).resolve().parent.parent / "sql"


@dataclass(frozen=True)
class Archive:
    """How to archive a database."""

    flags: tuple
    # Major version of the server and its programs; None is the default one.
    major: str | None = None
    # As hosts deliver it: FOLDER/NAME.pgsql in a gzip-compressed tar.
    wrapped: bool = False


# gzip is the default of pg_dump's formats, and every version supports it.
ARCHIVES = {
    "custom": Archive(("--format=custom", "--compress=6")),
    "directory": Archive(("--format=directory", "--jobs=2", "--compress=6")),
    "zstd": Archive(("--format=custom", "--compress=zstd"), major="17"),
    "tar.gz": Archive(("--format=custom", "--compress=6"), wrapped=True),
}


@dataclass(frozen=True)
class Case:
    """A database, its archives, and the numbers of jobs to restore with."""

    name: str
    what: str
    # psql runs these with the variable scale.
    sources: tuple = ()
    archives: tuple = ("custom",)
    jobs: tuple = ("1", "2", "4")
    # Further nocturne runs: a label and its options.
    variants: dict = field(default_factory=dict)
    # Target speed relative to the best pg_restore, by archive or variant.
    targets: dict = field(default_factory=dict)
    # The size does not depend on the scale.
    fixed: bool = False

    def digest_of(self):
        """The inputs of the database, for the archive cache."""
        return [path.read_bytes() for path in self.sources]


def sql(*names):
    return tuple(SQL / name for name in names)


CASES = {
    case.name: case
    for case in (
        Case(
            "warehouse",
            "the warehouse database with all its keys",
            sql("warehouse/schema.sql", "warehouse/generate.sql"),
            archives=tuple(ARCHIVES),
            variants={"keys not valid": ("--foreign-keys", "not-valid")},
            targets={"custom": 1.4, "directory": 1.4, "zstd": 1.4, "tar.gz": 1.6, "keys not valid": 1.8},
        ),
        Case("huge", "one huge table", sql("bench/huge.sql"), targets={"custom": 1.7}),
        Case("many", "2,000 small tables", sql("bench/many.sql"), targets={"custom": 1.1}),
        Case(
            "partitions",
            "1,000 partitions with 3,000 indexes and keys: the cost of each of 9,000 entries",
            sql("bench/partitions.sql"),
            targets={"custom": 1.05},
        ),
        Case("wide", "wide rows: jsonb and text", sql("bench/wide.sql"), targets={"custom": 1.1}),
        Case("indexes", "two tables with a dozen indexes each", sql("bench/indexes.sql"), targets={"custom": 1.1}),
        Case("pgbench", "pgbench's tables", targets={"custom": 1.1}),
        Case("objects", "large objects", sql("bench/objects.sql"), targets={"custom": 1.1}),
        Case(
            "waiting",
            "keys and indexes that sleep instead of computing: imitates a server with many processors",
            sql("bench/waiting.sql"),
            jobs=("4", "8", "16"),
            targets={"custom": 2.0},
            fixed=True,
        ),
        # Measured by nights.py.
        Case("nights", "the warehouse database on the nights after: nocturne sync"),
    )
}
