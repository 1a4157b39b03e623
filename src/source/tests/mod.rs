//! Malicious archives, and digests of the bytes of fixtures.

mod hostile;
mod stored_digests;
