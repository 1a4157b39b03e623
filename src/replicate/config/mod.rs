//! What the environment and the command line say about a run, checked at once.
