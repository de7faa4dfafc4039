//! The `tde` command from the outside: what it prints, what it writes, what it exits with.

mod corpus;
mod tde;
