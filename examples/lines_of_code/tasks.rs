//! The walk through the folders, one task for each entry, and the two dispatchers that do the
//! reading.
//!
//! The system calls of files block, so the dispatchers are `blocking`: each batch is a job on a
//! pool of threads, and while jobs are on their way the tasks whose answers have come go on, and
//! ask for more. What has gathered beyond `max_batch` leaves as several jobs at once: large enough
//! that a job is worth a thread, and small enough that there are several. `max_in_flight` takes
//! them for the one batch that they were. It keeps together what gathers meanwhile; it is no limit
//! on threads.

use std::fs::{self, DirEntry};
use std::io::Error;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;

use crate::count::{Lines, Totals};
use crate::language::{self, Language};

#[derive(Debug, corio::Context)]
pub(crate) struct App {
    /// Jobs get a clone of their own, which moves the same bar.
    pub(crate) progress: ProgressBar,
    pub(crate) options: Options,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Nothing is left out.
    pub(crate) all: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    path: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Folder,
    File,
    /// A symbolic link, which could lead round in a circle, or a device.
    Other,
}

/// What is in each of the folders, sorted by name.
#[corio::dispatcher(blocking, max_batch = 16, max_in_flight = 4, faults = "error")]
fn list_folder(options: &Options, folders: &[PathBuf]) -> Vec<Result<Vec<Entry>, Error>> {
    folders.iter().map(|folder| list(folder, *options)).collect()
}

/// The lines of each of the files. If a job panics, its files are reported like those that can't be
/// read (`faults = "error"`), and the others are counted all the same.
#[corio::dispatcher(blocking, max_batch = 32, max_in_flight = 4, faults = "error")]
pub(crate) fn count_lines(progress: &ProgressBar, files: &[Source]) -> Vec<Result<Lines, Error>> {
    let count = |Source { path, language }: &Source| {
        let lines = fs::read(path).map(|text| Lines::count(&text, language));
        progress.inc(1);
        lines
    };
    files.iter().map(count).collect()
}

#[derive(Clone, Debug)]
pub(crate) struct Source {
    path: PathBuf,
    language: &'static Language,
}

/// A folder and all that is below it.
#[corio::task(App)]
pub(crate) fn walk(folder: PathBuf) -> Totals {
    let entries = match io!(list_folder(folder.clone())) {
        Ok(entries) => entries,
        Err(error) => return Totals::unreadable(folder, error),
    };
    let mut totals = Totals::default();
    for part in all!(entries.into_iter().map(visit)) {
        totals.add(part);
    }
    totals
}

#[corio::task(App)]
fn visit(entry: Entry) -> Totals {
    let Entry { path, kind } = entry;
    match (kind, language::of(&path)) {
        (Kind::Folder, _) => call!(corio::boxed(walk(path))),
        (Kind::File, Some(language)) => call!(count(path, language)),
        (Kind::File, None) | (Kind::Other, _) => Totals::other(),
    }
}

#[corio::task(App)]
fn count(path: PathBuf, language: &'static Language) -> Totals {
    context!().progress.inc_length(1);
    match io!(count_lines(Source { path: path.clone(), language })) {
        Ok(lines) => Totals::file(language, lines),
        Err(error) => Totals::unreadable(path, error),
    }
}

fn list(folder: &Path, options: Options) -> Result<Vec<Entry>, Error> {
    let mut entries = fs::read_dir(folder)?
        .map(|entry| Entry::new(&entry?))
        .collect::<Result<Vec<Entry>, Error>>()?;
    if !options.all {
        if entries.iter().any(|entry| entry.path.ends_with("CACHEDIR.TAG")) {
            return Ok(Vec::new());
        }
        entries.retain(|entry| !entry.is_hidden());
    }
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(entries)
}

impl Entry {
    fn new(entry: &DirEntry) -> Result<Entry, Error> {
        let kind = entry.file_type()?;
        let kind = if kind.is_dir() {
            Kind::Folder
        } else if kind.is_file() {
            Kind::File
        } else {
            Kind::Other
        };
        Ok(Entry { path: entry.path(), kind })
    }

    fn is_hidden(&self) -> bool {
        self.path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
    }
}
