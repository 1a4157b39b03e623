//! Measurements. The tests are next to the code.

mod speed;
