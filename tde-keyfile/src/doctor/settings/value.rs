//! What the texts of settings mean.

use alloc::string::String;
use alloc::vec::Vec;

/// A setting that is on or off, as the server reads it: `true`, `yes`, `on`, `1` and their opposites, in either
/// case, shortened as long as it is clear which (`parse_bool` of PostgreSQL).
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let text = text.trim().to_ascii_lowercase();
    let is = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if is("true", 1) || is("yes", 1) || is("on", 2) || text == "1" {
        Some(true)
    } else if is("false", 1) || is("no", 1) || is("off", 2) || text == "0" {
        Some(false)
    } else {
        None
    }
}

/// The items of a list, parts separated by commas, each perhaps in double quotes.
pub(crate) fn list(text: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut item = String::new();
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => items.push(core::mem::take(&mut item)),
            c => item.push(c),
        }
    }
    items.push(item);
    items.iter().map(|item| item.trim().into()).filter(|item: &String| !item.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_read_in_all_their_spellings() {
        for text in ["on", "ON", "t", "True", "y", "yes", "1"] {
            assert_eq!(boolean(text), Some(true), "{text}");
        }
        for text in ["off", "of", "f", "FALSE", "n", "no", "0"] {
            assert_eq!(boolean(text), Some(false), "{text}");
        }
        for text in ["", "o", "2", "onn", "enabled"] {
            assert_eq!(boolean(text), None, "{text}");
        }
    }

    #[test]
    fn lists_are_split_at_commas_outside_of_quotes() {
        assert_eq!(list(" pg_tde, \"a,b\" ,,c"), ["pg_tde", "a,b", "c"]);
        assert!(list("").is_empty());
    }
}
