//! Directory archives in a tar, with their table of contents at any position.

use std::path::Path;

use super::sources::{archive, piped, sample, tar};
use crate::common::versions::newest;
use crate::common::{assert_same_database, cluster, nocturne};

fn members(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.retain(|name| name != "toc.dat");
    names
}

#[test]
fn toc_may_be_anywhere_in_a_tar_file() {
    let cluster = cluster(newest());
    let source = sample(cluster);
    for compression in ["gzip", "none"] {
        let (scratch, folder) = archive(&source, "d", &["-Z", compression]);
        let names = members(&folder);
        let places = [0, names.len() / 2, names.len()];
        for (place, jobs) in places.into_iter().zip(["1", "2", "4"]) {
            let mut order: Vec<&str> = names.iter().map(String::as_str).collect();
            order.insert(place, "toc.dat");
            for wrapper in ["a.tar", "a.tar.gz"] {
                let wrapped = scratch.path().join(wrapper);
                tar(&folder, &order, &wrapped);
                let target = cluster.fresh_db("tar");
                let args = ["-d", &target.url(), "-j", jobs];
                let restored = nocturne().arg("restore").arg(&wrapped).args(args).run();
                let restored = restored.expect_code(0);
                assert!(!restored.stderr().contains("ERROR"), "{restored}");
                assert_same_database(&target, &source);

                let target = cluster.fresh_db("pipe");
                let restored = piped(&wrapped, &target, &["-j", jobs]);
                if place == 0 {
                    assert_eq!(restored.code(), 0, "{restored}");
                    assert_same_database(&target, &source);
                } else {
                    assert_eq!(restored.code(), 3, "{restored}");
                    assert!(restored.stderr().contains("pass the archive as a file"), "{restored}");
                }
            }
        }
    }
}
