"""Delta nights: `nocturne sync` on a database that has yesterday's rows, compared with restoring everything."""

import shutil
from statistics import median

from cases import SQL
from measure import measure

# Shares of changed rows, in percent (see sql/bench/churn.sql), and the most that a sync may take of the
# server's CPU time of a whole restore.
TARGETS = {0: 0.02, 0.2: 0.05, 1: 0.15, 5: 0.5, 20: 1.05}
# At this share, the least speed relative to the best pg_restore.
FASTER_AT, FASTER = 1, 8


def nights(cluster, options, home, note):
    """Measures each share of changed rows: a sync from the day before, and whole restores of the same archive."""
    folder = home / "nights"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    note("nights: creating a database")
    cluster.fresh("day")
    for name in ("warehouse/schema.sql", "warehouse/generate.sql"):
        cluster.psql("day", "-v", f"scale={options.scale:g}", "-f", SQL / name)
    cluster.psql("day", "-c", "VACUUM ANALYZE")
    before = folder / "before.dump"
    dump(cluster, "day", before)
    cluster.fresh("synced")
    run(cluster, options, "sync", before, "synced")
    cases = []
    for churn in TARGETS:
        cluster.psql("postgres", "-c", "DROP DATABASE IF EXISTS next WITH (FORCE)", "-c", "CREATE DATABASE next TEMPLATE day")
        cluster.psql("next", "-v", f"churn={churn}", "-f", SQL / "bench/churn.sql")
        after = folder / "after.dump"
        dump(cluster, "next", after)
        runs = {}
        for turn in range(options.rounds):
            tools = ["sync", "restore", *(f"pg_restore -j {jobs}" for jobs in (1, 2, 4))]
            for tool in tools if turn % 2 == 0 else reversed(tools):
                note(f"nights, {churn} %, round {turn + 1}: {tool}")
                if tool == "sync":
                    # From yesterday's rows, whatever the last round left. The first night's manifest says they are.
                    run(cluster, options, "sync", before, "synced")
                    figures = run(cluster, options, "sync", after, "synced")
                    check(cluster, "synced", "next")
                else:
                    cluster.fresh("target")
                    figures = run(cluster, options, tool, after, "target")
                runs.setdefault(tool, []).append(figures)
        cases.append({"churn_percent": churn, "archive_bytes": after.stat().st_size, "runs": runs})
        show(cases[-1])
    for database in ("day", "next", "synced"):
        cluster.psql("postgres", "-c", f"DROP DATABASE {database} WITH (FORCE)")
    shutil.rmtree(folder)
    return cases


def dump(cluster, database, archive):
    cluster.client("pg_dump", "--format=custom", "--compress=6", "--file", archive, cluster.url(database))


def run(cluster, options, tool, archive, database):
    """One run's figures, with the WAL that it wrote."""
    url = cluster.url(database)
    if tool.startswith("pg_restore"):
        command = [cluster.bin / "pg_restore", *tool.split()[1:], "--dbname", url, archive]
    else:
        command = [options.nocturne, tool, archive, "-d", url, "-j", "2", *options.nocturne_option]
    position = lambda: cluster.psql("postgres", "-c", "SELECT pg_current_wal_insert_lsn() - '0/0'")
    cluster.psql("postgres", "-c", "CHECKPOINT")
    start = int(position())
    figures = measure(cluster, [str(word) for word in command])
    return figures | {"wal_bytes": int(position()) - start}


def check(cluster, database, original):
    """Whether all rows are the original's."""
    tables = cluster.psql(original, "-c", "SELECT format('%I', relname) FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace ORDER BY 1").splitlines()
    sums = " UNION ALL ".join(f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {table} t" for table in tables)
    if cluster.psql(database, "-c", sums) != cluster.psql(original, "-c", sums):
        raise SystemExit(f"{database} differs from {original}")


def show(case):
    """The figures of one share, with the targets."""
    runs, churn = case["runs"], case["churn_percent"]
    of = lambda tool, name: median(figures[name] for figures in runs[tool])
    best = min((tool for tool in runs if tool.startswith("pg_restore")), key=lambda tool: of(tool, "wall_s"))
    print(f"\nnights: {churn} % of the rows changed; {case['archive_bytes'] / 1e6:.1f} MB")
    print(f"{'':18}{'wall s':>8}{'server CPU s':>14}{'client CPU s':>14}{'WAL MB':>9}")
    for tool in runs:
        print(f"{tool:18}{of(tool, 'wall_s'):8.2f}{of(tool, 'server_cpu_s'):14.2f}{of(tool, 'client_cpu_s'):14.2f}{of(tool, 'wal_bytes') / 1e6:9.1f}")
    share = of("sync", "server_cpu_s") / of("restore", "server_cpu_s")
    faster = of(best, "wall_s") / of("sync", "wall_s")
    wanted = f", target {FASTER}" if churn == FASTER_AT else ""
    print(f"server CPU: {share:.3f} of a restore's (target {TARGETS[churn]}); {faster:.1f} times as fast as {best}{wanted}", flush=True)
