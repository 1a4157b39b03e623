#!/usr/bin/env python3
"""Compare nocturne with pg_restore: the same archives into the same server, alternating.

Creates a database for each case (see cases.py), dumps it once, and restores the archive with both
programs and several numbers of jobs. The runs alternate, so that a noisy minute of the machine
affects both. After each run, outside the measured time, counts the rows of each table and the keys
and indexes, and compares them with the original.

Writes all figures to target/bench/<date>.json, and timelines of one more run of each program to
target/bench/<date>/. Needs only Linux (/proc) and Python 3.10.
"""

import argparse
import datetime
import hashlib
import json
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

# No __pycache__ in the source tree.
sys.dont_write_bytecode = True
import nights  # noqa: E402
import show  # noqa: E402
import timelines  # noqa: E402
from cases import ARCHIVES, CASES  # noqa: E402
from cluster import Cluster  # noqa: E402
from measure import measure  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "target" / "bench"

# Rows of the small table of the memory case, per unit of scale; the large one has 20 times as many.
SMALL_ROWS, FACTOR = 2000, 20


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    HOME.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now().astimezone()
    stamp = now.strftime("%Y-%m-%dT%H%M%S")
    result = {
        "date": now.isoformat(timespec="seconds"),
        "machine": machine(),
        "nocturne": nocturne_version(options.nocturne),
        "scale": options.scale,
        "rounds": options.rounds,
        "tuned": options.tuned,
        "cases": [],
        "memory": [],
        "nights": [],
    }
    # One server after another: the default one, then those that only some archives need.
    by_server = {}
    for case in options.cases:
        for name in CASES[case].archives:
            if name in options.formats:
                by_server.setdefault(ARCHIVES[name].major, []).append((CASES[case], name))
    for major, work in by_server.items():
        folder = options.bin if major is None else ROOT / f"target/postgres/{major}/bin"
        with Cluster(folder, HOME, options.tuned) as cluster:
            for case, name in work:
                if case.name == "nights":
                    result["nights"] = nights.nights(cluster, options, HOME, note)
                    continue
                result["cases"].append(speed_case(cluster, options, case, name))
                show.case(result["cases"][-1])
                if options.timelines and major is None and name == "custom":
                    archive, _ = archive_of(cluster, options, case, name)
                    timelines.make(cluster, options, case, archive, HOME / stamp)
            if major is None and options.memory:
                result["memory"] = memory_case(cluster, options)
    path = HOME / f"{stamp}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    show.all_of(result)
    print(f"\nall figures: {path.relative_to(ROOT)}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    listed = lambda text: text.split(",")
    # The server's programs run in another directory.
    absolute = lambda text: Path(text).resolve()
    parser.add_argument("--scale", type=float, default=100, help="scale of the data; 100 makes about 800 MB for the warehouse case (default 100)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each kind (default 5)")
    parser.add_argument("--cases", type=listed, default=list(CASES), help=f"some of {', '.join(CASES)} (default: all)")
    parser.add_argument("--formats", type=listed, default=list(ARCHIVES), help=f"some of {', '.join(ARCHIVES)} (default: all)")
    parser.add_argument("--jobs", type=listed, help="numbers of jobs (default: as in each case, mostly 1,2,4)")
    parser.add_argument("--tuned", action="store_true", help="use a server tuned for restores")
    parser.add_argument("--bin", type=absolute, default=ROOT / "target/postgres/15/bin", help="directory of the PostgreSQL programs")
    parser.add_argument("--nocturne", type=absolute, default=ROOT / "target/release/nocturne", help="program to measure")
    parser.add_argument("--nocturne-option", action="append", default=[], help="additional option for nocturne restore")
    parser.add_argument("--no-timelines", dest="timelines", action="store_false", help="skip the runs for timelines")
    parser.add_argument("--no-memory", dest="memory", action="store_false", help="skip the memory case")
    options = parser.parse_args()
    if not (options.bin / "postgres").exists():
        parser.error(f"no PostgreSQL in {options.bin}: run tests/postgres/fetch.sh")
    if not options.nocturne.exists():
        parser.error(f"{options.nocturne} is missing: run cargo build --release")
    for given, known in ((options.cases, CASES), (options.formats, ARCHIVES)):
        for name in given:
            if name not in known:
                parser.error(f"unknown: {name}")
    return options


# ------------------------------------------------------------------------------ the cases


def speed_case(cluster, options, case, name):
    """Runs both programs with all numbers of jobs, `rounds` times, alternating."""
    archive, original = archive_of(cluster, options, case, name)
    jobs = options.jobs or case.jobs
    # pg_restore has no such variants; one archive is enough to show them.
    variants = case.variants if name == "custom" else {}
    runs = {(tool, n): [] for n in jobs for tool in ("pg_restore", "nocturne", *variants)}
    for turn in range(options.rounds):
        # No run is always first, nor always after the same one.
        for tool, n in list(runs) if turn % 2 == 0 else reversed(list(runs)):
            note(f"{case.name}, {name}, round {turn + 1}: {tool} -j {n}")
            command = command_of(cluster, options, tool, archive, n, variants.get(tool, ()))
            runs[tool, n].append(restore(cluster, command, original, keys_valid=tool not in variants))
    return {
        "case": case.name,
        "what": case.what,
        "archive": name,
        "archive_bytes": size_of(archive),
        "postgresql": cluster.version,
        "settings": cluster.settings or "PostgreSQL's defaults",
        "cores": machine()["cores"],
        "targets": case.targets,
        "variants": [{"tool": tool, "jobs": int(n), "runs": figures} for (tool, n), figures in runs.items()],
    }


def memory_case(cluster, options):
    """Does memory grow with the table? Restores one table, and one 20 times as large."""
    cases = []
    for name, factor in (("small", 1), ("large", FACTOR)):
        rows = max(1, round(SMALL_ROWS * options.scale)) * factor
        note(f"memory: a table of {rows} rows")
        cluster.fresh("source")
        cluster.psql(
            "source",
            "-c",
            "CREATE TABLE alone (id bigint, a text, b text, c text); INSERT INTO alone "
            f"SELECT n, md5(n::text), md5((-n)::text), md5((n * 7)::text) FROM generate_series(1, {rows}) n",
        )
        archive = HOME / f"memory-{name}.dump"
        cluster.client("pg_dump", "--format=custom", "--file", archive, cluster.url("source"))
        original = cluster.contents("source")
        runs = {
            tool: restore(cluster, command_of(cluster, options, tool, archive, "2"), original)
            for tool in ("pg_restore", "nocturne")
        }
        cases.append({"table": name, "rows": rows, "archive_bytes": size_of(archive), "runs": runs})
        archive.unlink()
    cluster.psql("postgres", "-c", "DROP DATABASE source")
    return cases


def command_of(cluster, options, tool, archive, jobs, more=()):
    """Returns the command that restores an archive into the database `target`."""
    url = cluster.url("target")
    if tool != "pg_restore":
        command = [options.nocturne, "restore", archive, "-d", url, "-j", jobs, *options.nocturne_option, *more]
    elif archive.name.endswith(".tar.gz"):
        # pg_restore cannot read it: unpack it first, as a host's customers do.
        folder = HOME / "unpacked"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        words = [cluster.bin / "pg_restore", "--jobs", jobs, "--dbname", url]
        restore_it = " ".join(shlex.quote(str(word)) for word in words)
        unpack = f"tar -xzf {shlex.quote(str(archive))} -C {shlex.quote(str(folder))}"
        command = ["sh", "-c", f"{unpack} && {restore_it} {shlex.quote(str(folder))}/*/*.pgsql"]
    else:
        command = [cluster.bin / "pg_restore", "--jobs", jobs, "--dbname", url, archive]
    return [str(word) for word in command]


def restore(cluster, command, original, keys_valid=True):
    """Measures one run into a new database, and checks the result."""
    cluster.fresh("target")
    figures = measure(cluster, command)
    made = cluster.contents("target", keys_valid)
    expected = original if keys_valid else original | {"objects": original["all_objects"]}
    for part in ("rows", "objects"):
        if made[part] != expected[part]:
            keys = expected[part].keys() | made[part].keys()
            both = {key: (expected[part].get(key), made[part].get(key)) for key in keys}
            differing = {key: pair for key, pair in both.items() if pair[0] != pair[1]}
            raise SystemExit(f"{' '.join(command)}\nthe restored database differs; (original, restored): {differing}")
    return figures


def archive_of(cluster, options, case, name):
    """A case's archive and its contents; created once for each size and kept."""
    how = ARCHIVES[name]
    scale = "" if case.fixed else f"-{options.scale:g}"
    digest = hashlib.sha256(b"".join([*case.digest_of(), repr(how).encode()])).hexdigest()[:8]
    folder = HOME / "archives" / f"{case.name}{scale}-{cluster.version}-{name}-{digest}"
    archive = folder / ("backup.tar.gz" if how.wrapped else "archive")
    contents = folder / "contents.json"
    if not contents.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        note(f"creating a database: {case.what}")
        cluster.fresh("source")
        for path in case.sources:
            cluster.psql("source", "-v", f"scale={options.scale:g}", "-f", path)
        if not case.sources:
            scale = max(1, round(options.scale / 2))
            cluster.client("pgbench", "--initialize", "--quiet", "--foreign-keys", "--scale", scale, cluster.url("source"))
        note(f"dumping it: {name}")
        dump = folder / "20260101000000_app_1234" / "dump.pgsql" if how.wrapped else archive
        dump.parent.mkdir(exist_ok=True)
        cluster.client("pg_dump", *how.flags, "--file", dump, cluster.url("source"))
        if how.wrapped:
            subprocess.run(["tar", "-czf", archive, "-C", folder, dump.parent.name], check=True)
            shutil.rmtree(dump.parent)
        original = cluster.contents("source")
        original["all_objects"] = cluster.contents("source", keys_valid=False)["objects"]
        cluster.psql("postgres", "-c", "DROP DATABASE source")
        contents.write_text(json.dumps(original))
    return archive, json.loads(contents.read_text())


def note(text):
    print(text, file=sys.stderr, flush=True)


def size_of(path):
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def nocturne_version(program):
    done = subprocess.run([program, "--version"], capture_output=True, text=True)
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return f"{done.stdout.strip()} ({commit.stdout.strip()})"


def machine():
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.split(":")[1].strip() for line in cpuinfo if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory),
        "kernel": platform.release(),
    }


if __name__ == "__main__":
    main()
