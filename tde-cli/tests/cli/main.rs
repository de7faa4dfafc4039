//! The `tde` command from the outside: what it prints, what it writes, what it exits with.

mod corpus;
mod damage;
mod decrypt;
mod edit;
mod keys;
mod output;
mod partial;
mod secrets;
mod tde;
mod transcripts;
