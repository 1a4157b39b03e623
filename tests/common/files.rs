//! Files that a test writes for the program to read.

/// A folder with these files: names and contents.
pub fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("the path is inside the folder"))
            .expect("a temporary folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}
