//! Files rewritten in pieces, and a rehearsal of that.

use std::io::{self, Read, Write};
use std::path::Path;

use super::plan::{After, Plan, Transform};
use super::read::CheckedReader;
use super::stage::{check_before, check_unchanged};
use super::{Error, Operation, Storage};

impl Plan {
    /// Makes the new content of every file that is rewritten in pieces, and throws it away: whether that can be
    /// done, without a change. Paths are below `root`.
    ///
    /// # Errors
    /// [`Error::Content`] if a content is refused, [`Error::ChangedSincePlanned`], [`Error::Io`].
    pub fn rehearse(self, storage: &dyn Storage, root: &Path) -> Result<(), Error> {
        for change in self.into_changes() {
            let path = root.join(&change.path);
            let found = check_before(storage, &path, change.before)?;
            let (After::Transformed(transform), Some((stat, _))) = (change.after, found) else { continue };
            let mut input = CheckedReader::open(storage, &path, stat)?;
            let nowhere = (path.as_path(), &mut io::sink() as &mut dyn Write);
            transform_checked(storage, transform, (&path, &mut input), nowhere)?;
            input.finish(storage)?;
        }
        Ok(())
    }
}

/// Runs a transformation, and tells whose fault an error is.
pub(super) fn transform_checked(
    storage: &dyn Storage,
    transform: Transform,
    (path, input): (&Path, &mut CheckedReader<'_>),
    (temporary, output): (&Path, &mut dyn Write),
) -> Result<(), Error> {
    let before = *input.before();
    let (mut input, mut output) = (Watched::new(input), Watched::new(output));
    transform(&mut input, &mut output).map_err(|source| match (input.failed, output.failed) {
        (true, _) => Error::io(Operation::Read, path)(source),
        (_, true) => Error::io(Operation::Write, temporary)(source),
        // What was refused may be the half of a file that another program is writing.
        _ => match check_unchanged(storage, path, Some(&before)) {
            Ok(()) => Error::Content { path: path.to_path_buf(), source },
            Err(_) => Error::ChangedWhileRead { path: path.to_path_buf() },
        },
    })
}

/// Remembers whether the system failed.
struct Watched<'t, T: ?Sized> {
    inner: &'t mut T,
    failed: bool,
}

impl<'t, T: ?Sized> Watched<'t, T> {
    const fn new(inner: &'t mut T) -> Self {
        Self { inner, failed: false }
    }

    fn watch<R>(&mut self, result: io::Result<R>) -> io::Result<R> {
        self.failed |= result.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        result
    }
}

impl<T: Read + ?Sized> Read for Watched<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buffer);
        self.watch(result)
    }
}

impl<T: Write + ?Sized> Write for Watched<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.inner.write(bytes);
        self.watch(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.inner.flush();
        self.watch(result)
    }
}
