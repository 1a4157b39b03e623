//! The web process: health, and a page of the last and the next runs.
