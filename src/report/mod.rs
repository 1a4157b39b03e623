//! What a restore did, for people and for machines: readers of events.
