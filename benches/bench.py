#!/usr/bin/env python3
"""nocturne beside pg_restore: the same archives into the same server, in turns.

Makes a database of a given size with sql/mission, dumps it once in two formats, and restores
each archive with both programs and several numbers of jobs. The turns alternate, so that a
noisy minute of the machine hits both. After each run, outside the measured time, the rows of
each table and the keys and indexes are counted and compared with the original.

Every figure goes to target/bench/<date>.json. Needs Linux (/proc) and Python 3.9 only.
"""

import argparse
import datetime
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from statistics import median

# No __pycache__ in the source tree.
sys.dont_write_bytecode = True
from cluster import Cluster  # noqa: E402
from measure import measure  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "target" / "bench"
SQL = ROOT / "sql" / "mission"

FORMATS = {"custom": ["--format=custom"], "directory": ["--format=directory", "--jobs=2"]}

# Rows of the small table of the memory case, for each unit of scale; the large one has 20 times.
SMALL_ROWS, FACTOR = 2000, 20


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    HOME.mkdir(parents=True, exist_ok=True)
    with Cluster(options.bin, HOME, options.tuned) as cluster:
        result = {
            "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "machine": machine(),
            "postgresql": cluster.version,
            "nocturne": nocturne_version(options.nocturne) if "nocturne" in options.tools else None,
            "settings": cluster.settings or "PostgreSQL's defaults",
            "scale": options.scale,
            "rounds": options.rounds,
            "speed": speed_case(cluster, options),
            "memory": memory_case(cluster, options),
        }
    show(result)
    path = HOME / f"{result['date'].replace(':', '')[:17]}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nall figures: {path.relative_to(ROOT)}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    listed = lambda text: text.split(",")
    parser.add_argument("--scale", type=float, default=100, help="100 makes about 800 MB of tables (default)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind (default 3)")
    parser.add_argument("--jobs", type=listed, default=["1", "2", "4"], help="numbers of jobs (default 1,2,4)")
    parser.add_argument("--formats", type=listed, default=list(FORMATS), help="custom, directory or both (default)")
    parser.add_argument("--tools", type=listed, default=["pg_restore", "nocturne"], help="one or both (default)")
    parser.add_argument("--tuned", action="store_true", help="a server that is set up for a restore")
    parser.add_argument("--bin", type=Path, default=ROOT / "target/postgres/15/bin", help="folder of PostgreSQL's programs")
    parser.add_argument("--nocturne", type=Path, default=ROOT / "target/release/nocturne", help="the program to measure")
    parser.add_argument("--nocturne-option", action="append", default=[], help="one more option for nocturne restore")
    options = parser.parse_args()
    if not (options.bin / "postgres").exists():
        parser.error(f"no PostgreSQL in {options.bin}: run tests/postgres/fetch.sh")
    if "nocturne" in options.tools and not options.nocturne.exists():
        parser.error(f"{options.nocturne} is missing: run cargo build --release")
    for name in options.formats:
        if name not in FORMATS:
            parser.error(f"unknown format {name}")
    return options


# ------------------------------------------------------------------------------ the cases


def speed_case(cluster, options):
    """All programs, formats and numbers of jobs, `rounds` times in turns."""
    archives, original = mission_archives(cluster, options)
    variants = [(tool, jobs) for jobs in options.jobs for tool in options.tools]
    cases = []
    for name in options.formats:
        runs = {variant: [] for variant in variants}
        for turn in range(options.rounds):
            # Nobody is always the first, nor always after the same one.
            for variant in variants if turn % 2 == 0 else reversed(variants):
                tool, jobs = variant
                note(f"{name}, round {turn + 1}: {tool} -j {jobs}")
                runs[variant].append(restore(cluster, options, tool, archives[name], jobs, original))
        cases.append(
            {
                "format": name,
                "archive_bytes": size_of(archives[name]),
                "variants": [{"tool": tool, "jobs": int(jobs), "runs": runs[tool, jobs]} for tool, jobs in variants],
            }
        )
    return cases


def memory_case(cluster, options):
    """Whether memory grows with the table: one table, and one 20 times as large."""
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
        runs = {tool: restore(cluster, options, tool, archive, "2", original) for tool in options.tools}
        cases.append({"table": name, "rows": rows, "archive_bytes": size_of(archive), "runs": runs})
        archive.unlink()
    cluster.psql("postgres", "-c", "DROP DATABASE source")
    return cases


def restore(cluster, options, tool, archive, jobs, original):
    """One measured run into a new database, and the check of what it made."""
    cluster.fresh("target")
    url = cluster.url("target")
    if tool == "pg_restore":
        command = [cluster.bin / "pg_restore", "--jobs", jobs, "--dbname", url, archive]
    else:
        command = [options.nocturne, "restore", archive, "-d", url, "-j", jobs, *options.nocturne_option]
    figures = measure(cluster, [str(word) for word in command])
    made = cluster.contents("target")
    if made != original:
        differing = {
            key: (original[part].get(key), made[part].get(key))
            for part in original
            for key in original[part].keys() | made[part].keys()
            if original[part].get(key) != made[part].get(key)
        }
        raise SystemExit(f"{tool} -j {jobs} made another database; (original, restored): {differing}")
    return figures


def mission_archives(cluster, options):
    """The archives by format, and what is in them; made once for each size and kept."""
    sources = sorted(SQL.glob("*.sql"))
    if not sources:
        raise SystemExit(f"{SQL} is missing")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]
    folder = HOME / "archives" / f"mission-{options.scale:g}-{cluster.version}-{digest}"
    archives = {name: folder / name for name in FORMATS}
    contents = folder / "contents.json"
    if not contents.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        note(f"making a database of scale {options.scale:g}")
        cluster.fresh("source")
        for name in ("schema.sql", "generate.sql"):
            cluster.psql("source", "-v", f"scale={options.scale:g}", "-f", SQL / name)
        for name, flags in FORMATS.items():
            note(f"dumping it: {name}")
            # gzip is the default of both formats, and the one that every version has.
            cluster.client("pg_dump", *flags, "--compress=6", "--file", archives[name], cluster.url("source"))
        original = cluster.contents("source")
        cluster.psql("postgres", "-c", "DROP DATABASE source")
        contents.write_text(json.dumps(original))
    return archives, json.loads(contents.read_text())


# ------------------------------------------------------------------------------ the report


def show(result):
    """Prints the tables."""
    where = result["machine"]
    print(f"\n{where['processor']}, {where['cores']} cores, {where['memory_gib']} GiB; PostgreSQL {result['postgresql']}")
    print(f"scale {result['scale']:g}, {result['rounds']} rounds; server: {result['settings']}")
    for case in result["speed"]:
        best = min(
            (median(run["wall_s"] for run in variant["runs"]) for variant in case["variants"] if variant["tool"] == "pg_restore"),
            default=None,
        )
        print(f"\n{case['format']}, gzip, {case['archive_bytes'] / 1e6:.1f} MB")
        print(f"{'':18}{'wall s':>9}{'':>9}{'× best':>12}{'server':>9}{'client':>9}{'peak MiB':>10}{'':>9}")
        print(f"{'':18}{'min':>9}{'median':>9}{'pg_restore':>12}{'CPU s':>9}{'CPU s':>9}{'largest':>10}{'all':>9}")
        for variant in case["variants"]:
            of = lambda figure, how=median: how(run[figure] for run in variant["runs"])
            ratio = f"{of('wall_s') / best:.2f}" if best else "-"
            print(
                f"{variant['tool'] + ' -j ' + str(variant['jobs']):18}{of('wall_s', min):9.2f}{of('wall_s'):9.2f}{ratio:>12}"
                f"{of('server_cpu_s'):9.2f}{of('client_cpu_s'):9.2f}{of('largest_process_mib', max):10.1f}{of('all_processes_mib', max):9.1f}"
            )
    print("\nmemory, -j 2: peak MiB of all processes")
    tools = list(result["memory"][0]["runs"])
    print(f"{'':28}" + "".join(f"{tool:>12}" for tool in tools))
    for case in result["memory"]:
        figures = "".join(f"{case['runs'][tool]['all_processes_mib']:12.1f}" for tool in tools)
        print(f"{case['table'] + ' table, ' + str(case['rows']) + ' rows':28}{figures}")


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
