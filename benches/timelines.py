"""A timeline of one run of each program: what each session did, and when."""

import datetime
import subprocess


def make(cluster, options, case, archive, folder):
    """Writes NAME-nocturne.html and NAME-pg_restore.html to the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = (options.jobs or case.jobs)[-1]
    url = cluster.url("target")
    cluster.fresh("target")
    page = folder / f"{case.name}-nocturne.html"
    command = [options.nocturne, "restore", archive, "-d", url, "-j", jobs, "--quiet", "--timeline", page]
    subprocess.run([*map(str, command), *options.nocturne_option], check=True)
    # pg_restore's log has no times: each line gets its time of arrival, as in a host's log.
    cluster.fresh("target")
    log = folder / f"{case.name}-pg_restore.log"
    command = [cluster.bin / "pg_restore", "--verbose", "--jobs", jobs, "--dbname", url, archive]
    with open(log, "w") as out:
        say = lambda line: out.write(f"{datetime.datetime.now():%Y-%m-%d %H:%M:%S.%f} +0000 UTC [bench-1] {line}\n")
        say("Start restore")
        with subprocess.Popen(map(str, command), stderr=subprocess.PIPE, text=True) as process:
            for line in process.stderr:
                say(line.rstrip("\n"))
        say("Restore done")
    page = folder / f"{case.name}-pg_restore.html"
    with open(page, "w") as out:
        subprocess.run([options.nocturne, "report", log, "--format", "html"], stdout=out, check=True)
