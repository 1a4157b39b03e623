//! SQL files that run between the stages of a restore.
