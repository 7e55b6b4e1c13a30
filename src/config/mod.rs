//! Every setting, once: its flag, its environment variable, its place in the file, its default and its help.

mod surroundings;

pub use surroundings::Surroundings;
