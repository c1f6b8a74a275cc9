//! From `cargo metadata` to SQLite.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand, Node, Package};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::db::{Db, PackageId, SCHEMA};
use crate::progress;

/// A loaded graph. The database goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Graph {
    folder: TempDir,
    /// The root of the workspace.
    pub(crate) root: String,
    pub(crate) packages: usize,
    pub(crate) dependencies: usize,
}

impl Graph {
    pub(crate) fn open(&self, round_trip: Duration) -> rusqlite::Result<Db> {
        Db::open(&database(&self.folder), round_trip)
    }
}

/// `path` is a folder with a `Cargo.toml`, or that file.
pub(crate) fn load(path: &Path) -> Result<Graph> {
    let manifest = manifest(path)?;
    let spinner = progress::spinner("reading the dependency graph");
    let metadata = metadata(&manifest);
    spinner.finish_and_clear();
    let metadata = metadata?;

    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let (packages, dependencies) =
        fill(&database(&folder), &metadata).context("cannot fill the database")?;
    Ok(Graph { folder, root: metadata.workspace_root.into_string(), packages, dependencies })
}

fn database(folder: &TempDir) -> PathBuf {
    folder.path().join("graph.sqlite")
}

fn manifest(path: &Path) -> Result<PathBuf> {
    if path.is_dir() {
        let manifest = path.join("Cargo.toml");
        if !manifest.is_file() {
            bail!("{} is no Cargo project: it has no Cargo.toml", path.display());
        }
        return Ok(manifest);
    }
    if !path.try_exists().with_context(|| format!("cannot read {}", path.display()))? {
        bail!("{} does not exist", path.display());
    }
    Ok(path.to_owned())
}

fn metadata(manifest: &Path) -> Result<Metadata> {
    // Offline, cargo wants every package that it lists to be downloaded already. A build downloads
    // those of the host's platform only, so the list has to stop there as well.
    let options = ["--offline".to_owned(), "--filter-platform".to_owned(), host()?];
    let result = MetadataCommand::new().manifest_path(manifest).other_options(options).exec();
    match result {
        Ok(metadata) => Ok(metadata),
        Err(cargo_metadata::Error::CargoMetadata { stderr }) => {
            let hint = if stderr.contains("--offline") {
                "\nThis program does not use the network. `cargo fetch` in that project downloads what is missing."
            } else {
                ""
            };
            bail!(
                "cargo cannot tell the dependencies of {}:\n{}{hint}",
                manifest.display(),
                stderr.trim_end()
            )
        }
        Err(error) => Err(error)
            .with_context(|| format!("cannot read the dependencies of {}", manifest.display())),
    }
}

/// The triple of the machine, such as `x86_64-unknown-linux-gnu`. Cargo knows it.
fn host() -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).arg("-vV").output().context("cannot run cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`cargo -vV` does not name the host")?.to_owned())
}

/// Gives the numbers of packages and of dependencies.
fn fill(database: &Path, metadata: &Metadata) -> Result<(usize, usize)> {
    let nodes = &metadata.resolve.as_ref().context("cargo resolved no dependencies")?.nodes;
    let packages: HashMap<_, &Package> =
        metadata.packages.iter().map(|package| (&package.id, package)).collect();
    let mut entries: Vec<(&Package, &Node)> =
        nodes.iter().map(|node| (packages[&node.id], node)).collect();
    // Ids in the order of names, so that whatever is ordered by id reads well and is the same every
    // time.
    entries.sort_by_key(|(package, _)| (&package.name, &package.version, &package.id));
    let ids: HashMap<_, _> =
        (1..).map(PackageId).zip(&entries).map(|(id, (package, _))| (&package.id, id)).collect();

    let mut connection = Connection::open(database)?;
    // Nobody misses a temporary file after a crash.
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.execute_batch(SCHEMA)?;

    let bar = progress::bar("loading packages", entries.len());
    let transaction = connection.transaction()?;
    let mut dependencies = 0;
    {
        let mut package_row =
            transaction.prepare("INSERT INTO packages VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let mut feature_row = transaction.prepare("INSERT INTO features VALUES (?1, ?2)")?;
        // One package can be there under two names.
        let mut dependency_row =
            transaction.prepare("INSERT OR IGNORE INTO dependencies VALUES (?1, ?2)")?;
        for (package, node) in bar.wrap_iter(entries.iter()) {
            let id = ids[&package.id];
            let member = metadata.workspace_members.contains(&package.id);
            package_row.execute((
                id,
                package.name.as_str(),
                package.version.to_string(),
                &package.license,
                member,
            ))?;
            for feature in &node.features {
                feature_row.execute((id, feature.as_str()))?;
            }
            for dependency in &node.deps {
                dependencies += dependency_row.execute((id, ids[&dependency.pkg]))?;
            }
        }
    }
    transaction.commit()?;
    bar.finish_and_clear();
    Ok((entries.len(), dependencies))
}
