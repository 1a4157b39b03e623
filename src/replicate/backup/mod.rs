//! Where a night's backup comes from: the host's API, a folder, a file or a URL.
