//! Finds the files that a user means inside or beside a data directory.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The name of `file` relative to the data directory, parts separated by `/`.
///
/// A relative `file` that exists below the data directory is taken as that. Otherwise it may also be a
/// path (absolute, or relative to the working directory) to something inside the data directory, be it
/// through a link or through the place that a tablespace's link points to. `None`: it lies elsewhere, or
/// nowhere.
pub(crate) fn name_inside(data_directory: &Path, file: &Path) -> Option<String> {
    if let Some(name) = plain_name(file).filter(|name| exists(&data_directory.join(name))) {
        return Some(name);
    }
    if !exists(file) {
        return None;
    }
    let absolute = std::path::absolute(file).ok()?;
    let roots = [std::path::absolute(data_directory).ok(), data_directory.canonicalize().ok()];
    let canonical = absolute.parent()?.canonicalize().ok()?.join(absolute.file_name()?);
    roots
        .iter()
        .flatten()
        .flat_map(|root| [&absolute, &canonical].map(|path| path.strip_prefix(root).ok()))
        .flatten()
        .find_map(plain_name)
        .or_else(|| name_in_tablespace(data_directory, &canonical))
}

/// A name for a file that was not found: what the user wrote, if it can be a name at all.
pub(crate) fn plain_name(path: &Path) -> Option<String> {
    let mut name = String::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => {
                if !name.is_empty() {
                    name.push('/');
                }
                name.push_str(part.to_str()?);
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::ParentDir => return None,
        }
    }
    (!name.is_empty()).then_some(name)
}

fn name_in_tablespace(data_directory: &Path, canonical: &Path) -> Option<String> {
    let links = fs::read_dir(data_directory.join("pg_tblspc")).ok()?;
    links.flatten().find_map(|link| {
        let rest = canonical.strip_prefix(link.path().canonicalize().ok()?).ok()?;
        plain_name(&PathBuf::from("pg_tblspc").join(link.file_name()).join(rest))
    })
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_is_found_by_its_name_and_by_any_path_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("pgdata");
        fs::create_dir_all(root.join("base/1")).unwrap();
        fs::create_dir_all(root.join("pg_tblspc")).unwrap();
        fs::create_dir_all(dir.path().join("fast/PG_17_202406281/1")).unwrap();
        symlink(dir.path().join("fast"), root.join("pg_tblspc/16665")).unwrap();
        symlink(&root, dir.path().join("link")).unwrap();
        fs::write(root.join("base/1/2"), b"").unwrap();
        fs::write(root.join("pg_tblspc/16665/PG_17_202406281/1/3"), b"").unwrap();

        let found = |root: &Path, file: &Path| name_inside(root, file);
        let plain = Some("base/1/2".to_owned());
        assert_eq!(found(&root, Path::new("base/1/2")), plain);
        assert_eq!(found(&root, Path::new("./base//1/./2")), plain);
        assert_eq!(found(&root, &root.join("base/1/2")), plain);
        assert_eq!(found(&root, &root.join("base/../base/1/2")), plain);
        assert_eq!(found(&root, &dir.path().join("link/base/1/2")), plain);
        assert_eq!(found(&dir.path().join("link"), &root.join("base/1/2")), plain);

        let spaced = Some("pg_tblspc/16665/PG_17_202406281/1/3".to_owned());
        assert_eq!(found(&root, &root.join("pg_tblspc/16665/PG_17_202406281/1/3")), spaced);
        assert_eq!(found(&root, &dir.path().join("fast/PG_17_202406281/1/3")), spaced);

        assert_eq!(found(&root, Path::new("base/1/4")), None);
        fs::write(dir.path().join("elsewhere"), b"").unwrap();
        assert_eq!(found(&root, &dir.path().join("elsewhere")), None);
    }
}
