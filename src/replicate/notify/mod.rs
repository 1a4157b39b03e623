//! Tells other systems how a run ended.
