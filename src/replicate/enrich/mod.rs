//! The warehouse's own indexes and views, from a folder of SQL files.
