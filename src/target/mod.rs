//! One PostgreSQL session.
