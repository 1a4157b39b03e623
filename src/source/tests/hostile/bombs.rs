//! Decompression bombs: few bytes that expand to very many.

use super::*;

/// Compressed twice, to almost nothing.
fn bomb(bytes: &[u8]) -> Vec<u8> {
    gzip(&gzip(bytes))
}

/// Asserts the error for a stream that exceeds the memory limit.
fn is_over_the_limit(error: &str) {
    assert!(error.contains(" MiB of memory for "), "{error}");
    assert!(error.contains("unpack the archive first"), "{error}");
}

#[test]
fn text_inflated_from_few_bytes_is_refused() {
    let mut raw = Raw::header(1);
    raw.int(1).int(1).int(0).text("0").text("0").text("t").text("TABLE");
    let start = raw.0.len();
    raw.int(2).int(900 << 20);
    raw.0.resize(start + (192 << 20), b' ');
    let error = refused(&gzip(&raw.0));
    is_over_the_limit(&error);
    assert!(error.contains("hostile: at byte "), "{error}");
    // In a plain file, the same text is simply truncated.
    let error = refused(&raw.0);
    assert!(error.contains("unexpected end of data: in TOC entry 1 of 1"), "{error}");
}

#[test]
fn entries_inflated_from_few_bytes_are_refused() {
    let mut entries = Raw::header(1);
    let mut one = Raw(Vec::new());
    one.entry(1, "").null().offset(3, 0);
    entries.int(320_000).0.extend(one.0.repeat(320_000));
    is_over_the_limit(&refused(&gzip(&entries.0)));
    let error = refused(&entries.0);
    assert!(error.ends_with("two entries have the number 1"), "all read from a file: {error}");
}

#[test]
fn toc_inflated_inside_a_tar_is_refused() {
    let mut toc = Raw::header(3);
    toc.int(1).int(1).int(0).text("0").text("0").text("t").text("TABLE").int(2).int(900 << 20);
    toc.0.resize(192 << 20, b' ');
    let error = refused(&gzip(&tar_of(&[("toc.dat", &toc.0)])));
    is_over_the_limit(&error);
    assert!(error.contains("toc.dat: at byte "), "{error}");
}

#[test]
fn tar_name_inflated_from_few_bytes_is_refused() {
    for kind in [tar::EntryType::GNULongName, tar::EntryType::XHeader] {
        let mut tar = tar::Builder::new(Vec::new());
        add(&mut tar, "name", kind, &vec![b'x'; 2 << 20]);
        add(&mut tar, "toc.dat", tar::EntryType::Regular, b"");
        let error = refused(&gzip(&tar.into_inner().unwrap()));
        assert!(error.contains("name and attributes exceed 1048576 bytes"), "{error}");
    }
}

#[test]
fn repeated_compression_is_refused_by_its_ratio() {
    let archive = model(vec![rows(1)]).custom(CUSTOM);
    let zeros = vec![0; 128 << 20];
    let tar = tar_of(&[("a.dump", &archive), ("zeros", &zeros)]);
    let error = open_bytes(&bomb(&tar)).and_then(read).unwrap_err().to_string();
    assert!(error.contains("which no backup does"), "{error}");
    // Compressed once, as a table of zeros would be.
    open_bytes(&gzip(&tar)).and_then(read).unwrap();
}

#[test]
fn nested_wrappers_are_limited_to_five() {
    let mut bytes = model(vec![rows(1)]).custom(CUSTOM);
    for _ in 0..5 {
        bytes = gzip(&bytes);
    }
    open_bytes(&bytes).and_then(read).unwrap();
    assert!(refused(&gzip(&bytes)).contains("wrapped more than 5 times"));
}
