//! `--scope`: a database, the server, the default key.

use std::ffi::OsString;

use tde_keyfile::Oid;

/// A scope as it is named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScopeArg(pub(crate) Oid);

impl ScopeArg {
    /// Of `tde rotate`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "server" | "wal" => Ok(Self(Oid::PG_GLOBAL)),
            "default" => Ok(Self(Oid::PG_DEFAULT)),
            text => database(text).ok_or_else(|| {
                "expected `database OID` (the database's number), `server` or `default`".to_owned()
            }),
        }
    }

    /// Of `tde provider`.
    pub(crate) fn parse_of_provider(text: &str) -> Result<Self, String> {
        match text {
            "global" => Ok(Self(Oid::PG_GLOBAL)),
            text => database(text)
                .ok_or_else(|| "expected `database OID` (the database's number) or `global`".to_owned()),
        }
    }
}

fn database(text: &str) -> Option<ScopeArg> {
    let number = text.strip_prefix("database").map_or(text, |rest| rest.trim_start_matches([' ', ':', '=']));
    let oid = Oid::new(number.parse().ok()?);
    (oid != Oid::PG_DEFAULT && oid != Oid::PG_GLOBAL).then_some(ScopeArg(oid))
}

/// Makes one argument of `--scope database OID`, which is how people say it: an option with one or two values would
/// swallow the data directory behind it.
pub(crate) fn join_scope(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    for argument in arguments {
        let is_number = argument.to_str().is_some_and(|text| text.parse::<u32>().is_ok());
        let after_database = match &joined[..] {
            [.., option, value] if option == "--scope" => value == "database",
            [.., value] => value == "--scope=database",
            [] => false,
        };
        match joined.last_mut() {
            Some(last) if is_number && after_database => {
                last.push(":");
                last.push(&argument);
            }
            _ => joined.push(argument),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_named_in_several_ways() {
        for text in ["16384", "database:16384", "database=16384", "database 16384"] {
            assert_eq!(ScopeArg::parse(text), Ok(ScopeArg(Oid::new(16384))), "{text}");
            assert_eq!(ScopeArg::parse_of_provider(text), Ok(ScopeArg(Oid::new(16384))), "{text}");
        }
        assert_eq!(ScopeArg::parse("server"), Ok(ScopeArg(Oid::PG_GLOBAL)));
        assert_eq!(ScopeArg::parse("default"), Ok(ScopeArg(Oid::PG_DEFAULT)));
        assert_eq!(ScopeArg::parse_of_provider("global"), Ok(ScopeArg(Oid::PG_GLOBAL)));
        for text in ["", "database", "database:", "1663", "database:1664", "-1", "4294967296", "postgres"] {
            assert!(ScopeArg::parse(text).is_err(), "{text}");
            assert!(ScopeArg::parse_of_provider(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_two_words_of_a_database_are_joined_and_nothing_else_is() {
        let join = |words: &[&str]| join_scope(words.iter().map(OsString::from));
        assert_eq!(
            join(&["rotate", "--scope", "database", "5", "d"]),
            ["rotate", "--scope", "database:5", "d"]
        );
        assert_eq!(join(&["rotate", "--scope=database", "5", "6"]), ["rotate", "--scope=database:5", "6"]);
        assert_eq!(join(&["--scope", "server", "5"]), ["--scope", "server", "5"]);
        assert_eq!(join(&["--scope", "database", "data"]), ["--scope", "database", "data"]);
        assert_eq!(join(&["--key", "database", "5"]), ["--key", "database", "5"]);
    }
}
