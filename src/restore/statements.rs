//! What SQL an entry becomes.
