//! What is wrong with a file of options.

use crate::failure::Failure;

/// What is wrong and where. The error's own text shows the whole line, which may be a password in the wrong place.
pub(super) fn failure(text: &str, error: &toml::de::Error) -> Failure {
    let before = error.span().and_then(|span| text.get(..span.start));
    Failure::message(match before {
        Some(before) => {
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            format!("line {line}, column {column}: {}", error.message())
        }
        None => error.message().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_told_and_not_what_stands_there() {
        let read = |text: &str| {
            let error = toml::from_str::<toml::Table>(text).unwrap_err();
            failure(text, &error).to_string()
        };
        let said = read("a = 1\npassword = hunter2 hunter2\n");
        assert!(said.starts_with("line 2, column 1") && !said.contains("hunter2"), "{said}");
        let said = read("\u{e4} = 'x' hunter2");
        assert!(said.starts_with("line 1, column ") && !said.contains("hunter2"), "{said}");
    }
}
