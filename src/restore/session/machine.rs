//! What is known about the server's machine: if the server runs on this machine, its processors and
//! memory.

use std::fs::read_to_string;
use std::path::Path;
use std::thread::available_parallelism;

use crate::server::Target;

/// The processors of the server's machine, if known.
pub(crate) fn processors(target: &Target) -> Option<usize> {
    let known = target.is_on_this_machine().then(available_parallelism);
    known.and_then(Result::ok).map(std::num::NonZero::get)
}

/// The free memory in bytes of the server's machine, if known: what Linux considers available
/// without swapping, and no more than what is left to this program's control groups, which are
/// likely to be the server's.
pub(crate) fn memory(target: &Target) -> Option<u64> {
    if !target.is_on_this_machine() {
        return None;
    }
    let available = available(&read_to_string("/proc/meminfo").ok()?)?;
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let left = left(Path::new("/sys/fs/cgroup"), &groups);
    Some(left.map_or(available, |left| left.min(available)))
}

/// `MemAvailable` in `proc_meminfo(5)`.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// The least memory that is left to any of the groups or their parents. In a container, the path of
/// a group may be the host's, but the mounted root is the container's own. Inactive file pages
/// count as used, but are available nevertheless.
///
/// `cgroups(7)`; in the kernel's `Documentation/admin-guide`: `cgroup-v2.rst` and
/// `cgroup-v1/memory.rst`.
fn left(mounted: &Path, groups: &str) -> Option<u64> {
    let group = |line: &str| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let (folder, limit, used, pages) = match controllers {
            "" => ("", "memory.max", "memory.current", "inactive_file "),
            "memory" => {
                let (limit, used) = ("memory.limit_in_bytes", "memory.usage_in_bytes");
                ("memory", limit, used, "total_inactive_file ")
            }
            _ => return None,
        };
        let root = mounted.join(folder);
        let folders = Path::new(path.trim_start_matches('/')).ancestors();
        // Without a limit, the file contains "max" or is missing.
        let number = |path: &Path| read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let left = folders.filter_map(|folder| {
            let folder = root.join(folder);
            let (limit, used) = (number(&folder.join(limit))?, number(&folder.join(used))?);
            let stat = read_to_string(folder.join("memory.stat")).unwrap_or_default();
            let pages = stat.lines().find_map(|line| line.strip_prefix(pages)?.parse().ok());
            Some(limit.saturating_sub(used.saturating_sub(pages.unwrap_or(0))))
        });
        left.min()
    };
    groups.lines().filter_map(group).min()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn available_memory_is_read_and_never_invented() {
        let text = "MemTotal:       24683292 kB\nMemAvailable:   23503056 kB\nBuffers: 1 kB\n";
        assert_eq!(available(text), Some(23_503_056 << 10));
        for text in ["", "MemTotal: 7 kB\n", "MemAvailable: much kB\n", "MemAvailable: 7 MB\n"] {
            assert_eq!(available(text), None, "{text}");
        }
    }

    #[test]
    fn smallest_group_limit_counts() {
        let mounted = tempfile::tempdir().unwrap();
        let write = |folder: &str, files: [(&str, &str); 2]| {
            let folder = mounted.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            for (name, text) in files {
                fs::write(folder.join(name), text).unwrap();
            }
        };
        let left = |groups: &str| left(mounted.path(), groups);
        assert_eq!(left("0::/a.slice/b.service\n"), None);
        write("a.slice", [("memory.max", "1000\n"), ("memory.current", "300\n")]);
        write("a.slice/b.service", [("memory.max", "max\n"), ("memory.current", "200\n")]);
        assert_eq!(left("0::/a.slice/b.service\n"), Some(700));
        fs::write(
            mounted.path().join("a.slice/memory.stat"),
            "anon 7\ninactive_file 250\nactive_file 9\n",
        )
        .unwrap();
        assert_eq!(left("0::/a.slice/b.service\n"), Some(950));
        write("memory", [("memory.limit_in_bytes", "600\n"), ("memory.usage_in_bytes", "900\n")]);
        // The host's path does not exist in the container.
        let both = "4:memory:/docker/0123\n3:cpuset:/\n0::/a.slice/b.service\nnonsense\n";
        assert_eq!(left(both), Some(0));
        assert_eq!(left("3:cpuset:/a.slice\n"), None);
    }
}
