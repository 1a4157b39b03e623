//! Connection parameters and trust; sessions with a server are in `tests/it/session/`.

mod params;
mod trust;
#[cfg(feature = "replicate")]
mod untrusted;
