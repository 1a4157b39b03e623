"""A temporary PostgreSQL server for measurements."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")

# Settings that an administrator uses during a restore. The data is safe: fsync is on.
TUNED = {
    "shared_buffers": "1GB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class Cluster:
    """A separate server on a private socket, with the default settings or the TUNED ones."""

    def __init__(self, bin_dir, home, tuned):
        self.bin = Path(bin_dir)
        self.home = Path(home)
        self.data = self.home / "cluster"
        self.socket = Path(tempfile.mkdtemp(prefix="bench-"))
        self.settings = dict(TUNED) if tuned else {}
        self.account = server_account()
        version = subprocess.run([self.bin / "postgres", "--version"], check=True, capture_output=True, text=True)
        self.version = version.stdout.split("(PostgreSQL)")[1].split()[0]

    def __enter__(self):
        # A killed run may have left a server.
        if self.data.exists():
            self._server("pg_ctl", "stop", "-D", self.data, "-m", "immediate", check=False)
            shutil.rmtree(self.data)
        self.data.mkdir(parents=True, mode=0o700)
        for folder in (self.data, self.socket):
            if self.account:
                os.chown(folder, self.account["user"], self.account["group"])
        self._server("initdb", "-D", self.data, "-U", "postgres", "--locale=C", "-E", "UTF8", "--auth=trust", "--no-sync")
        options = {"listen_addresses": "", "unix_socket_directories": str(self.socket), **self.settings}
        # The values of -c options would need shell quoting.
        with open(self.data / "postgresql.auto.conf", "a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in options.items())
        self._server("pg_ctl", "start", "-w", "-D", self.data, "-l", self.data / "log")
        self.postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        return self

    def __exit__(self, *_):
        self._server("pg_ctl", "stop", "-D", self.data, "-m", "immediate", check=False)
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.rmtree(self.socket, ignore_errors=True)

    def _server(self, program, *args, check=True):
        """Runs one of the server's programs under the server's account."""
        # Its output goes to a file: the server would inherit a pipe and never close it.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [self.bin / program, *args], cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output, **self.account
            )
            if check and done.returncode != 0:
                output.seek(0)
                raise SystemExit(f"{program} failed:\n{output.read().decode()}")

    def url(self, database):
        """The connection URL of a database."""
        return f"postgresql:///{database}?host={self.socket}&port=5432&user=postgres"

    def client(self, program, *args):
        """Runs a client program to its end and returns its output."""
        done = subprocess.run([self.bin / program, *map(str, args)], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{program} failed:\n{done.stderr}")
        return done.stdout

    def psql(self, database, *args):
        """Runs psql; any error ends the program."""
        return self.client("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.url(database), *args)

    def fresh(self, database):
        """Creates an empty database, replacing an existing one, on an idle server."""
        self.psql("postgres", "-c", f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        self.psql("postgres", "-c", f"CREATE DATABASE {database} TEMPLATE template0")
        # Keeps files of earlier databases from being written during the next run.
        self.psql("postgres", "-c", "CHECKPOINT")

    def cpu_seconds(self):
        """User and system time of the server so far, including ended sessions."""
        while True:
            sessions = self._processes()
            main = processor_ticks(self.postmaster)
            # A session that ended in between is in neither count: count again.
            if self._processes().keys() == sessions.keys():
                return (sum(main) + sum(sessions.values())) / TICKS

    def _processes(self):
        """The ticks of each live process under the postmaster."""
        found = {}
        for children in Path(f"/proc/{self.postmaster}/task").glob("*/children"):
            for pid in map(int, children.read_text().split()):
                try:
                    found[pid] = sum(processor_ticks(pid)[:2])
                except OSError:
                    found[pid] = 0
        return found

    def contents(self, database, keys_valid=True):
        """The expected result of a restore: rows of each table, all keys and indexes, large objects.

        Counts only valid constraints, unless keys_valid is False."""
        tables = self.psql(
            database,
            "-c",
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1",
        ).splitlines()
        literal = lambda text: "'" + text.replace("'", "''") + "'"
        counts = " UNION ALL ".join(f"SELECT {literal(table)}, count(*) FROM {table}" for table in tables)
        rows = dict(line.rsplit("|", 1) for line in self.psql(database, "-c", counts).splitlines())
        objects = self.psql(
            database,
            "-c",
            "SELECT 'constraints ' || contype::text, count(*) FROM pg_constraint JOIN pg_namespace n ON n.oid = connamespace "
            "WHERE nspname NOT IN ('pg_catalog', 'information_schema') "
            f"{'AND convalidated ' if keys_valid else ''}GROUP BY contype "
            "UNION ALL SELECT 'indexes', count(*) FROM pg_index JOIN pg_class c ON c.oid = indexrelid "
            "JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE indisvalid AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') "
            "UNION ALL SELECT 'large objects', count(*) FROM pg_largeobject_metadata "
            "UNION ALL SELECT 'bytes of large objects', sum(length(data)) FROM pg_largeobject ORDER BY 1",
        )
        return {"rows": rows, "objects": dict(line.rsplit("|", 1) for line in objects.splitlines())}


def processor_ticks(pid):
    """utime, stime, and those of the children it has waited for; see proc(5)."""
    # Field 3 follows the name, which may contain anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return [int(field) for field in fields[11:15]]


def server_account():
    """Arguments for subprocess: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise SystemExit("PostgreSQL cannot run as root, and there is no account postgres or nobody")
