//! What is known of the server's machine: if the server runs on this one, what this one has.

use std::fs::read_to_string;
use std::thread::available_parallelism;

use crate::target::Target;

/// The processors of the server's machine, where they are known.
pub(super) fn processors(target: &Target) -> Option<usize> {
    let known = target.is_on_this_machine().then(available_parallelism);
    known.and_then(Result::ok).map(std::num::NonZero::get)
}

/// The memory in bytes that the server's machine has left, where it is known: what Linux thinks can
/// be had without swapping, and no more than the limit of this program's control group.
///
/// `proc_meminfo(5)`, and `memory.max` in the kernel's `Documentation/admin-guide/cgroup-v2.rst`.
pub(super) fn memory(target: &Target) -> Option<u64> {
    if !target.is_on_this_machine() {
        return None;
    }
    let available = available(&read_to_string("/proc/meminfo").ok()?)?;
    let limit = read_to_string("/sys/fs/cgroup/memory.max").ok();
    // "max" where there is none.
    let limit = limit.and_then(|text| text.trim().parse().ok());
    Some(limit.map_or(available, |limit: u64| limit.min(available)))
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_available_is_read_and_nothing_made_up() {
        let text = "MemTotal:       24683292 kB\nMemAvailable:   23503056 kB\nBuffers: 1 kB\n";
        assert_eq!(available(text), Some(23_503_056 << 10));
        for text in ["", "MemTotal: 7 kB\n", "MemAvailable: much kB\n", "MemAvailable: 7 MB\n"] {
            assert_eq!(available(text), None, "{text}");
        }
    }
}
