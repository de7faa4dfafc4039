//! The server's settings, as its configuration files have them.
//!
//! Source: PostgreSQL's documentation, "Setting Parameters": `postgresql.conf` with the files that it includes,
//! then `postgresql.auto.conf` of the data directory, then the command line; the last word counts. What a running
//! server was told since it was started is not seen here.

mod command_line;
mod line;
pub(super) mod value;

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use std::fs;
use std::path::{Path, PathBuf};

use crate::file::read_bounded;

const MAIN: &str = "postgresql.conf";
const AUTO: &str = "postgresql.auto.conf";
const COMMAND_LINE: &str = "postmaster.opts";
const MAX_FILE: u64 = 16 << 20;
/// As PostgreSQL has it (`CONF_FILE_MAX_DEPTH`).
const MAX_DEPTH: u32 = 10;
/// Against files that include each other in ever new combinations.
const MAX_FILES: usize = 1000;
const MAX_PROBLEMS: usize = 100;

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) value: String,
    /// `/etc/postgresql/17/main/postgresql.conf:12`.
    pub(super) place: String,
}

/// What the files say.
#[derive(Debug, Default)]
pub(super) struct Settings {
    values: BTreeMap<String, Setting>,
    /// Files that were read, in order.
    pub(super) files: Vec<PathBuf>,
    /// What keeps the server from reading them too: place and problem.
    pub(super) problems: Vec<String>,
    /// The main file, if it is missing.
    pub(super) missing: Option<PathBuf>,
}

impl Settings {
    /// Reads all of them. `configuration` takes the place of `postgresql.conf`.
    pub(super) fn load(data_directory: &Path, configuration: Option<&Path>) -> Self {
        let mut settings = Self::default();
        let command_line = read_bounded(&data_directory.join(COMMAND_LINE), MAX_FILE)
            .map(|content| command_line::settings(&String::from_utf8_lossy(&content)))
            .unwrap_or_default();
        let started_with = command_line
            .iter()
            .rev()
            .find(|(name, _)| name == "config_file")
            .map(|(_, file)| data_directory.join(file))
            .filter(|file| configuration.is_none() && file.exists());
        let main = match (configuration, started_with) {
            (Some(file), _) => file.to_owned(),
            (None, Some(file)) => file,
            (None, None) => data_directory.join(MAIN),
        };
        if main.exists() {
            settings.read(&main, 0);
        } else {
            settings.missing = Some(main);
        }
        let auto = data_directory.join(AUTO);
        if auto.exists() {
            settings.read(&auto, 0);
        }
        for (name, value) in command_line {
            settings.set(name, value, COMMAND_LINE.to_string());
        }
        settings
    }

    /// A setting that some file has.
    pub(super) fn get(&self, name: &str) -> Option<&Setting> {
        self.values.get(name)
    }

    /// Whether the configuration is known, so that a setting that is absent has its default.
    pub(super) const fn is_known(&self) -> bool {
        self.missing.is_none()
    }

    fn set(&mut self, name: String, value: String, place: String) {
        self.values.insert(name, Setting { value, place });
    }

    fn problem(&mut self, text: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(text);
        }
    }

    fn read(&mut self, path: &Path, depth: u32) {
        if depth > MAX_DEPTH || self.files.len() >= MAX_FILES {
            return self.problem(format!("{}: files are included too deeply", path.display()));
        }
        let content = match read_bounded(path, MAX_FILE) {
            Ok(content) => content,
            Err(error) => return self.problem(error.to_string()),
        };
        self.files.push(path.to_owned());
        let content = String::from_utf8_lossy(&content);
        for (number, text) in (1..).zip(content.split('\n')) {
            let place = format!("{}:{number}", path.display());
            match line::parse(text) {
                Ok(None) => {}
                Err(()) => self.problem(format!("{place}: syntax error")),
                Ok(Some((name, value))) => self.line(path, depth, (name, value, place)),
            }
        }
    }

    fn line(&mut self, file: &Path, depth: u32, (name, value, place): (String, String, String)) {
        let beside = || file.parent().unwrap_or(Path::new("")).join(&value);
        match &*name {
            "include" => self.read(&beside(), depth + 1),
            "include_if_exists" => {
                if beside().exists() {
                    self.read(&beside(), depth + 1);
                }
            }
            "include_dir" => match configuration_files(&beside()) {
                Ok(files) => files.iter().for_each(|file| self.read(file, depth + 1)),
                Err(error) => self.problem(format!("{place}: {}: {error}", beside().display())),
            },
            _ => self.set(name, value, place),
        }
    }
}

/// What `include_dir` includes: names that end in `.conf` and do not begin with a dot, in order.
fn configuration_files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.ends_with(".conf") && !name.starts_with('.') && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(settings: &Settings, name: &str) -> Option<String> {
        settings.get(name).map(|setting| setting.value.clone())
    }

    #[test]
    fn the_last_word_counts_over_files_included_and_altered() {
        let root = tempfile::tempdir().unwrap();
        let (data, etc) = (root.path().join("data"), root.path().join("etc"));
        fs::create_dir_all(&data).unwrap();
        fs::create_dir_all(etc.join("conf.d")).unwrap();
        let main = "a = main\nb = main\nc = main\ne = main\ninclude 'more.conf'\ninclude_if_exists = 'absent'\n\
                    include_dir 'conf.d'\nB = main_again\nf = main\n";
        fs::write(etc.join("postgresql.conf"), main).unwrap();
        fs::write(etc.join("more.conf"), "a = more\nb = more\n").unwrap();
        fs::write(etc.join("conf.d/10.conf"), "c = ten\nd = ten\n").unwrap();
        fs::write(etc.join("conf.d/20.conf"), "d = 'twenty'\n").unwrap();
        fs::write(etc.join("conf.d/.hidden.conf"), "d = hidden\n").unwrap();
        fs::write(etc.join("conf.d/30.conf.old"), "d = old\n").unwrap();
        fs::write(data.join("postgresql.auto.conf"), "e = 'auto'\nf = 'auto'\n").unwrap();
        let opts =
            format!("postgres \"-c\" \"config_file={}/postgresql.conf\" \"-c\" \"f=opts\"\n", etc.display());
        fs::write(data.join("postmaster.opts"), opts).unwrap();
        let settings = Settings::load(&data, None);
        for (name, expected) in
            [("a", "more"), ("b", "main_again"), ("c", "ten"), ("d", "twenty"), ("e", "auto"), ("f", "opts")]
        {
            assert_eq!(value(&settings, name).as_deref(), Some(expected), "{name}");
        }
        assert!(settings.problems.is_empty() && settings.is_known(), "{settings:?}");
        assert!(settings.get("d").unwrap().place.ends_with("conf.d/20.conf:1"));

        fs::write(root.path().join("other.conf"), "a = other").unwrap();
        let other = Settings::load(&data, Some(&root.path().join("other.conf")));
        assert_eq!(value(&other, "a").as_deref(), Some("other"));
        assert_eq!(value(&other, "b"), None);
    }

    #[test]
    fn what_the_server_would_not_read_is_a_problem() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("postgresql.conf");
        assert_eq!(Settings::load(data.path(), None).missing.as_deref(), Some(&*path));
        for (content, part) in [
            ("a = 'b\n", "postgresql.conf:1: syntax error"),
            ("include 'absent'\n", "absent"),
            ("include_dir 'absent'\n", "absent"),
            ("include 'postgresql.conf'\n", "too deeply"),
            ("include 'postgresql.conf'\ninclude 'postgresql.conf'\n", "too deeply"),
        ] {
            fs::write(&path, content).unwrap();
            let settings = Settings::load(data.path(), None);
            assert!(
                settings.problems.iter().any(|problem| problem.contains(part)),
                "{content}: {settings:?}"
            );
        }
    }
}
