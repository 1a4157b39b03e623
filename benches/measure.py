"""Measures wall time, CPU time and memory of one command."""

import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path

# Seconds between two memory samples.
INTERVAL = 0.02


def measure(cluster, command):
    """Runs a command against a cluster. Returns the figures; an error ends the program."""
    server_before = cluster.cpu_seconds()
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        memory = MemoryWatch(process.pid)
        memory.start()
        # The rusage of a child includes the children it has waited for.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        memory.stop()
        if process.returncode != 0:
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise SystemExit(f"{' '.join(map(str, command))}\nexited with {process.returncode}:\n{text[-4000:]}")
    return {
        "wall_s": round(wall, 3),
        "client_cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
        "server_cpu_s": round(cluster.cpu_seconds() - server_before, 2),
        # The resident set of the largest process. Not ru_maxrss: that starts at the size of the
        # Python process that forked.
        "largest_process_mib": round(memory.largest / 1024, 1),
        # All processes together; shared pages count once.
        "all_processes_mib": round(memory.together / 1024, 1),
    }


class MemoryWatch(threading.Thread):
    """Samples the memory of a process and its descendants; figures in KiB."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.largest = 0
        self.together = 0
        self._stopped = threading.Event()

    def run(self):
        ended = False
        while not ended:
            pids = family(self.pid)
            # The kernel tracks the first figure's peak; only the last interval can be missed.
            self.largest = max(self.largest, *(field(pid, "status", "VmHWM") for pid in pids))
            self.together = max(self.together, sum(field(pid, "smaps_rollup", "Pss") for pid in pids))
            ended = self._stopped.wait(INTERVAL)

    def stop(self):
        self._stopped.set()
        self.join()


def family(pid):
    """Returns the process and its descendants."""
    found = [pid]
    for parent in found:
        try:
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                found.extend(map(int, children.read_text().split()))
        except OSError:
            pass
    return found


def field(pid, file, name):
    """Returns a figure of /proc/<pid>/<file>; 0 if the process has exited."""
    try:
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
