//! One line of a configuration file.
//!
//! Source: PostgreSQL's documentation, "Setting Parameters", and `guc-file.l` of PostgreSQL 14 to 18, for what
//! is a name, a number and an unquoted string.

use alloc::string::String;

/// Reads a line: a name in lower case and its value; none if the line is empty or a comment.
///
/// An error is what the server, too, calls a syntax error; it does not start with one.
pub(super) fn parse(line: &str) -> Result<Option<(String, String)>, ()> {
    let rest = skip_blanks(line);
    if ends(rest) {
        return Ok(None);
    }
    let (name, rest) = rest.split_at(rest.find(|c| !is_in_name(c)).unwrap_or(rest.len()));
    // `name` or `extension.name`.
    let mut parts = name.split('.');
    let starts_well = |part: &str| part.chars().next().is_some_and(|c| !c.is_ascii_digit());
    if !parts.by_ref().take(2).all(starts_well) || parts.next().is_some() || name.is_empty() {
        return Err(());
    }
    let rest = skip_blanks(rest);
    let rest = skip_blanks(rest.strip_prefix('=').unwrap_or(rest));
    let (value, rest) = match rest.strip_prefix('\'') {
        Some(quoted) => quoted_string(quoted)?,
        None => {
            let (value, rest) = rest.split_at(rest.find(|c| !is_in_value(c)).unwrap_or(rest.len()));
            (String::from(value), rest)
        }
    };
    let is_quoted = rest.len() < line.len() && line[..line.len() - rest.len()].ends_with('\'');
    if (value.is_empty() && !is_quoted) || !ends(skip_blanks(rest)) {
        return Err(());
    }
    Ok(Some((name.to_ascii_lowercase(), value)))
}

fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\r'])
}

fn ends(text: &str) -> bool {
    text.is_empty() || text.starts_with('#')
}

fn is_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.' || !c.is_ascii()
}

fn is_in_value(c: char) -> bool {
    is_in_name(c) || matches!(c, '-' | '+' | ':' | '/')
}

/// The string behind an opening quote, and what follows the closing one.
fn quoted_string(text: &str) -> Result<(String, &str), ()> {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => match chars.peek() {
                Some((_, '\'')) => {
                    chars.next();
                    value.push('\'');
                }
                _ => return Ok((value, &text[at + 1..])),
            },
            '\\' => match chars.next().ok_or(())?.1 {
                'b' => value.push('\u{8}'),
                'f' => value.push('\u{c}'),
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                first @ '0'..='7' => {
                    let mut code = first.to_digit(8).unwrap_or(0);
                    for _ in 0..2 {
                        let Some(digit) = chars.peek().and_then(|(_, c)| c.to_digit(8)) else { break };
                        chars.next();
                        code = code * 8 + digit;
                    }
                    value.extend(char::from_u32(code & 0xff));
                }
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    Err(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn lines_are_read_as_the_server_reads_them() {
        for (line, name, value) in [
            ("a=b", "a", "b"),
            ("  A_b \t b # comment", "a_b", "b"),
            ("shared_preload_libraries = 'pg_tde, x'\r", "shared_preload_libraries", "pg_tde, x"),
            ("pg_tde.wal_encrypt on", "pg_tde.wal_encrypt", "on"),
            ("PG_TDE.Wal_Encrypt = ON#x", "pg_tde.wal_encrypt", "ON"),
            ("a = 'it''s'", "a", "it's"),
            (r"a = 'it\'s \101\n\x'", "a", "it's A\nx"),
            ("a = ''", "a", ""),
            ("a='#'", "a", "#"),
            ("shared_buffers = 128MB", "shared_buffers", "128MB"),
            ("a -1.5e+3", "a", "-1.5e+3"),
            ("include_dir 'conf.d'", "include_dir", "conf.d"),
        ] {
            assert_eq!(parse(line), Ok(Some((name.to_string(), value.to_string()))), "{line}");
        }
        for line in ["", "   ", "# a = b", "\t#", "\r"] {
            assert_eq!(parse(line), Ok(None), "{line}");
        }
        for line in [
            "a",
            "a =",
            "= b",
            "a = 'b",
            "a = b c",
            "1a = b",
            "a.b.c = d",
            "a. = b",
            "a = $b",
            "a = 'b' c",
            "a = \"b\"",
        ] {
            assert_eq!(parse(line), Err(()), "{line}");
        }
    }
}
