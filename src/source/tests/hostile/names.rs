//! Names that lead outside the archive, and members that are not files.

use super::*;

#[test]
fn toc_path_leading_outside_is_refused_with_offset() {
    for name in ["../../etc/passwd", "/etc/passwd", "..", ".", "a/b", "a\\b", "a\0b"] {
        let mut raw = Raw::header(3);
        raw.int(1).entry(1, "").null();
        let place = raw.0.len();
        raw.text(name);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("toc.dat"), &raw.0).unwrap();
        let directory = open(&Input::Path(folder.path().to_owned())).unwrap_err().to_string();
        let tar = tar_of(&[("toc.dat", &raw.0)]);
        for error in [directory, refused(&tar), refused(&gzip(&tar))] {
            let what = format!(
                "toc.dat: at byte {place}: a file name outside the archive ({name:?}) \
                 in TOC entry 1 of 1"
            );
            assert!(error.ends_with(&what), "{error}");
        }
    }
}

#[test]
fn large_object_list_naming_other_files_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    for name in ["../secret", secret.to_str().unwrap()] {
        let folder = outside.path().join("archive");
        std::fs::create_dir_all(&folder).unwrap();
        unpack(&folder, &model(vec![objects(9)]));
        std::fs::write(folder.join("blobs_9.toc"), format!("77 {name}\n")).unwrap();
        let archive = open(&Input::Path(folder)).unwrap();
        let error = read(archive).unwrap_err().to_string();
        assert!(error.contains("blobs_9.toc: "), "{error}");
        assert!(error.contains(&format!("refers to a file outside itself ({name:?})")), "{error}");
    }
}

#[test]
fn symlink_in_directory_archive_is_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.dat");
    std::fs::write(&secret, ROWS).unwrap();
    let folder = outside.path().join("archive");
    std::fs::create_dir(&folder).unwrap();
    let refuses_a_link = |name: &str| {
        std::fs::remove_file(folder.join(name)).unwrap();
        std::os::unix::fs::symlink(&secret, folder.join(name)).unwrap();
        let error = open(&Input::Path(folder.clone())).and_then(read).unwrap_err().to_string();
        assert!(error.contains(&format!("{name}: ")), "{error}");
        assert!(
            error.ends_with("a symbolic link; links in an archive are not followed"),
            "{error}"
        );
    };
    unpack(&folder, &model(vec![rows(1)]));
    refuses_a_link("1.dat");
    unpack(&folder, &model(vec![objects(9)]));
    refuses_a_link("blob_77.dat");
    refuses_a_link("blobs_9.toc");
    refuses_a_link("toc.dat");
    // The archive itself may be a link, made by the user who runs nocturne.
    std::fs::remove_file(folder.join("toc.dat")).unwrap();
    unpack(&folder, &model(vec![]));
    let other = outside.path().join("link");
    std::os::unix::fs::symlink(&folder, &other).unwrap();
    open(&Input::Path(other)).and_then(read).unwrap();
}

#[test]
fn special_file_in_directory_archive_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    unpack(folder.path(), &model(vec![rows(1)]));
    let file = folder.path().join("1.dat");
    let refuse = || {
        let read = open(&Input::Path(folder.path().to_owned())).and_then(read);
        let error = read.unwrap_err().to_string();
        assert!(error.ends_with("1.dat: entry 1 TABLE DATA t: not a regular file"), "{error}");
    };
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    refuse();
    std::fs::remove_dir(&file).unwrap();
    // Opening a FIFO without a writer blocks forever.
    let made = std::process::Command::new("mkfifo").arg(&file).status().unwrap();
    assert!(made.success());
    refuse();
}

#[test]
fn tar_links_devices_and_fifos_are_not_files() {
    let (name, toc) = model(vec![rows(1)]).files().remove(0);
    let kinds = [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Fifo,
        tar::EntryType::Char,
        tar::EntryType::Block,
        tar::EntryType::Directory,
    ];
    for kind in kinds {
        let mut tar = tar::Builder::new(Vec::new());
        add(&mut tar, &name, tar::EntryType::Regular, &toc);
        let mut header = tar::Header::new_ustar();
        header.set_path("1.dat").unwrap();
        header.set_link_name("/etc/passwd").unwrap();
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_cksum();
        tar.append(&header, std::io::empty()).unwrap();
        let error = open_bytes(&tar.into_inner().unwrap()).and_then(read).unwrap_err().to_string();
        assert!(error.contains("the file 1.dat is missing from the archive"), "{kind:?}: {error}");
    }
}

#[test]
fn tar_member_with_parent_path_is_refused() {
    let files = model(vec![rows(1)]).files();
    let [(_, toc), (_, data)] = &files[..] else { panic!("two files") };
    let tar = tar_of(&[("a/toc.dat", toc), ("a/../a/1.dat", data)]);
    for error in both_refuse(&tar) {
        let what = "a/../a/1.dat: a path that leads outside the tar";
        assert!(error.ends_with(what), "{error}");
    }
    // Names are never opened, so an absolute one is harmless.
    let tar = tar_of(&[("/srv/toc.dat", toc), ("/srv/1.dat", data)]);
    assert_eq!(open_bytes(&tar).and_then(read).unwrap(), ROWS.as_bytes());
    open_bytes(&gzip(&tar)).and_then(read).unwrap();
}

#[test]
fn duplicate_member_names_are_refused() {
    let files = model(vec![rows(1)]).files();
    let [(_, toc), (_, data)] = &files[..] else { panic!("two files") };
    let tar = tar_of(&[("toc.dat", toc), ("1.dat", data), ("1.dat", b"2\n\\.\n\n\n")]);
    for error in both_refuse(&tar) {
        assert!(error.ends_with("1.dat: the tar contains two files with this name"), "{error}");
    }
}
