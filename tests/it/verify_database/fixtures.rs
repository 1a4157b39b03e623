//! Every archive of `fixtures/`, restored and compared, on every version.

use std::fs;

use super::source::verify;
use crate::common::{cluster, fixtures, nocturne, restore};

/// Compares each chosen fixture with nocturne's restore of it.
fn equal_when_restored(choose: impl Fn(&str) -> bool) {
    let mut compared = 0;
    for (number, fixture) in fixtures().iter().filter(|fixture| choose(&fixture.name)).enumerate() {
        let target = cluster(fixture.major).fresh_db("verified");
        let format = ["text", "binary"][number % 2];
        // A data-only archive needs its tables.
        if fixture.name.contains("data-only") {
            let whole = fixtures().into_iter().find(|other| {
                other.major == fixture.major
                    && other.name.starts_with("warehouse-")
                    && other.name.contains("directory-gzip")
            });
            restore(&whole.unwrap().path, &target, &["--section=pre-data"]).expect(0);
        }
        restore(&fixture.path, &target, &["--copy-format", format, "-j", "2"]).expect(0);
        let verified = verify(&fixture.path, &target.url(), &["-j", "2"]);
        eprintln!("{}: {} items", fixture.name, verified.items().len());
        assert_eq!(verified.differences(), [""; 0], "{}: {}", fixture.name, verified.finished);
        let is_without_data =
            ["empty-", "schema-only"].iter().any(|name| fixture.name.contains(name));
        assert_eq!(verified.items().is_empty(), is_without_data, "{}", fixture.name);
        verified.expect(0);
        compared += 1;
    }
    assert!(compared > 0, "no such fixture: nothing was compared");
}

#[test]
fn every_object_type_is_equal_when_restored() {
    equal_when_restored(|name| name.starts_with("every-"));
}

#[test]
fn warehouse_database_is_equal_when_restored() {
    equal_when_restored(|name| name.starts_with("warehouse-"));
}

#[test]
fn partitions_encodings_and_extensions_are_equal_when_restored() {
    equal_when_restored(|name| !name.starts_with("every-") && !name.starts_with("warehouse-"));
}

#[test]
fn streamed_archive_is_compared_while_read() {
    let fixtures = fixtures();
    let fixture = fixtures.iter().find(|f| f.name.starts_with("warehouse-") && !f.is_wrapped());
    let fixture = fixture.unwrap();
    let target = cluster(fixture.major).fresh_db("streamed");
    restore(&fixture.path, &target, &[]).expect(0);
    let pipe = |sql: &str| {
        target.execute(sql);
        let cat = fs::read(&fixture.path).unwrap();
        nocturne().args(["verify", "-d", &target.url()]).input(cat).run()
    };
    pipe("").expect_code(0);
    pipe("DELETE FROM \"knowledge-elements\" WHERE id % 7 = 0").expect_code(1);
}
