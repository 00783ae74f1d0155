//! `dependencies = "build"`: what a chart needs and does not carry, brought into the cache, never into the user's tree.
//!
//! `file://` dependencies are read where they lie (relative to the chart, as Helm resolves them) and join the tree file
//! by file: no Helm, no network, and an edit next door is seen. The others are fetched by `helm dependency update` for a
//! chart that asks for exactly them, with the versions of the lock or of `Chart.lock`. What was fetched is kept by
//! digest, and recorded; with the records and the cache nothing is fetched again.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::decode::name_of;
use super::file::ChartFile;
use super::helm::Helm;
use super::load::load_path;
use super::process::{ChildLimits, Stopped, run};
use super::stage::scratch_in;
use super::tree::{ChartTree, Form, Missing};
use super::version::{is_version, satisfies};
use super::yaml;
use crate::archive::{Limits, for_each_entry};
use crate::digest::{Digest, FileDigests};
use crate::durable;
use crate::fault::{Fault, Faults, Kind, Place};
use crate::project::Spanned;

/// A dependency that was fetched: what the lock records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FetchedDependency {
    /// Name in its `Chart.yaml`.
    pub name: String,
    /// Version in its `Chart.yaml`.
    pub version: String,
    /// The repository as the chart that needs it names it.
    pub url: String,
    /// Digest of the archive.
    pub digest: Digest,
}

/// What fetching works with.
pub struct FetchContext<'a> {
    /// The Helm that fetches; started only when something is to be fetched.
    pub helm: &'a Helm,
    /// Records of the lock.
    pub records: &'a [FetchedDependency],
    /// Folder that keeps what was fetched, by digest.
    pub cache: &'a Utf8Path,
    /// Folder for temporary files.
    pub scratch: &'a Utf8Path,
    /// Hashes of local files.
    pub files: &'a dyn FileDigests,
    /// Nothing may be fetched (`--offline`, `--frozen`).
    pub offline: bool,
    /// Stops the fetch.
    pub cancel: &'a CancellationToken,
}

/// A whole repository index and the charts: more time than a render, but not for ever.
const FETCH_LIMITS: ChildLimits = ChildLimits {
    timeout: Duration::from_secs(600),
    output: 16 * 1024 * 1024,
};

/// Local dependencies of local dependencies of …: more is a circle.
const MAX_DEPTH: usize = 8;

/// A dependency to be fetched, and where in the tree it goes.
struct Wanted {
    missing: Missing,
    prefix: String,
    /// Version that the lock or a `Chart.lock` settled on.
    settled: Option<String>,
    record: Option<FetchedDependency>,
}

/// Gives the tree with all its dependencies, and the records of those that were fetched, sorted.
pub async fn build_dependencies(
    tree: ChartTree,
    context: &FetchContext<'_>,
) -> Result<(ChartTree, Vec<FetchedDependency>), Faults> {
    let mut tree = tree;
    let missing = std::mem::take(&mut tree.missing);
    if missing.is_empty() {
        return Ok((tree, Vec::new()));
    }
    let base = (tree.form == Form::Folder).then(|| tree.path.clone());
    let mut faults = Faults::new();
    let mut wanted = Vec::new();
    let mut collector = Collector {
        context,
        files: Vec::new(),
        wanted: &mut wanted,
        faults: &mut faults,
    };
    collector.collect(missing, "", base.as_deref(), &tree.locked, 0);
    let local = std::mem::take(&mut collector.files);
    if faults.has_errors() {
        return Err(faults);
    }
    let records = fetch(&wanted, context, &tree).await?;
    tree.files.extend(local);
    for (wanted, record) in wanted.iter().zip(&records) {
        let path = cached(context.cache, &record.digest);
        let size = std::fs::metadata(&path).map_or(0, |meta| meta.len());
        tree.files.push(ChartFile {
            name: format!("{}charts/{}-{}.tgz", wanted.prefix, record.name, record.version),
            path,
            digest: record.digest.clone(),
            size,
            converted: false,
        });
    }
    tree.seal();
    let mut records = records;
    records.sort();
    records.dedup();
    Ok((tree, records))
}

struct Collector<'a, 'c> {
    context: &'a FetchContext<'c>,
    files: Vec<ChartFile>,
    wanted: &'a mut Vec<Wanted>,
    faults: &'a mut Faults,
}

impl Collector<'_, '_> {
    fn collect(
        &mut self,
        missing: Vec<Missing>,
        prefix: &str,
        base: Option<&Utf8Path>,
        locked: &[(String, String)],
        depth: usize,
    ) {
        for missing in missing {
            let repository = missing.dependency.repository.clone();
            let name = missing.dependency.name.clone();
            if let Some(path) = repository.strip_prefix("file://") {
                self.local(&missing, path, prefix, base, depth);
            } else if repository.is_empty() {
                self.faults.push(
                    Fault::invalid(format!("dependency {name}: names no repository and is not in charts/"))
                        .at(missing.place)
                        .hint("put the chart into charts/, or name its repository"),
                );
            } else {
                let wanted = self.remote(missing, prefix, locked);
                let same = |w: &Wanted| w.missing.dependency.name == name && w.prefix == prefix;
                // One chart under two aliases is fetched once.
                let twice = self
                    .wanted
                    .iter()
                    .any(|w| same(w) && w.missing.dependency.version == wanted.missing.dependency.version);
                if !twice {
                    self.wanted.push(wanted);
                }
            }
        }
    }

    fn remote(&self, missing: Missing, prefix: &str, locked: &[(String, String)]) -> Wanted {
        let dependency = &missing.dependency;
        let fits =
            |version: &str| dependency.version == version || satisfies(version, &dependency.version) == Some(true);
        let settled = locked
            .iter()
            .find(|(name, version)| *name == dependency.name && fits(version));
        let settled = settled.map(|(_, version)| version.clone());
        let record = self.context.records.iter().find(|record| {
            // A version becomes part of a path; the lock is a file that anybody may have edited.
            record.name == dependency.name
                && is_version(&record.version)
                && record.url == dependency.repository
                && settled
                    .as_ref()
                    .map_or_else(|| fits(&record.version), |version| *version == record.version)
        });
        let settled = record.map(|record| record.version.clone()).or(settled);
        Wanted {
            record: record.cloned(),
            settled,
            prefix: prefix.to_owned(),
            missing,
        }
    }

    fn local(&mut self, missing: &Missing, path: &str, prefix: &str, base: Option<&Utf8Path>, depth: usize) {
        let dependency = &missing.dependency;
        let Some(base) = base else {
            self.faults.push(
                Fault::invalid(format!(
                    "dependency {}: {} means nothing in an archive",
                    dependency.name, dependency.repository
                ))
                .at(missing.place.clone())
                .hint("pack the chart with its dependencies: `helm dependency build`, then `helm package`"),
            );
            return;
        };
        let folder = tidy(&base.join(path));
        if depth >= MAX_DEPTH || !folder.is_dir() {
            let why = if depth >= MAX_DEPTH {
                "charts that need each other in a circle"
            } else {
                "no chart folder there"
            };
            self.faults.push(
                Fault::invalid(format!(
                    "dependency {}: {}: {why}",
                    dependency.name,
                    super::shown(&folder)
                ))
                .at(missing.place.clone())
                .hint("`file://` paths start at the chart that names them"),
            );
            return;
        }
        let found = Spanned::new(folder.clone(), missing.place.clone());
        let Some(inner) = load_path(&found, self.context.files, self.faults) else {
            return;
        };
        let version_fits = satisfies(inner.version(), &dependency.version) != Some(false);
        if inner.name() != dependency.name || !version_fits {
            self.faults.push(
                Fault::invalid(format!(
                    "dependency {} {}: {} holds {} {}",
                    dependency.name,
                    dependency.version,
                    super::shown(&folder),
                    inner.name(),
                    inner.version()
                ))
                .at(missing.place.clone())
                .hint("name and version must be those in the Chart.yaml there"),
            );
            return;
        }
        let prefix = format!("{prefix}charts/{}/", dependency.name);
        for file in inner.files {
            self.files.push(ChartFile {
                name: format!("{prefix}{}", file.name),
                ..file
            });
        }
        self.collect(inner.missing, &prefix, Some(&folder), &inner.locked, depth + 1);
    }
}

/// A path without `.` and `..`, by its text alone, as Helm resolves it.
fn tidy(path: &Utf8Path) -> Utf8PathBuf {
    use camino::Utf8Component;
    let mut tidy = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => {
                tidy.pop();
            }
            other => tidy.push(other.as_str()),
        }
    }
    tidy
}

fn cached(cache: &Utf8Path, digest: &Digest) -> Utf8PathBuf {
    cache.join(format!("{}.tgz", digest.hex()))
}

/// Is it in the cache, whole? A damaged one is fetched again.
fn is_cached(context: &FetchContext<'_>, digest: &Digest) -> bool {
    context
        .files
        .file_digest(&cached(context.cache, digest))
        .is_ok_and(|(found, _)| found == *digest)
}

/// Makes sure that all of them are in the cache.
async fn fetch(
    wanted: &[Wanted],
    context: &FetchContext<'_>,
    tree: &ChartTree,
) -> Result<Vec<FetchedDependency>, Faults> {
    let absent: Vec<&Wanted> = wanted
        .iter()
        .filter(|w| !w.record.as_ref().is_some_and(|r| is_cached(context, &r.digest)))
        .collect();
    let fetched = if absent.is_empty() {
        Vec::new()
    } else {
        run_helm(&absent, context, tree).await?
    };
    let mut fetched = fetched.into_iter();
    let mut records = Vec::with_capacity(wanted.len());
    for want in wanted {
        match &want.record {
            Some(record) if is_cached(context, &record.digest) => records.push(record.clone()),
            _ => records.extend(fetched.next()),
        }
    }
    if records.len() == wanted.len() {
        Ok(records)
    } else {
        Err(Fault::bug("a fetched dependency was lost").into())
    }
}

async fn run_helm(
    absent: &[&Wanted],
    context: &FetchContext<'_>,
    tree: &ChartTree,
) -> Result<Vec<FetchedDependency>, Faults> {
    let names: Vec<&str> = absent.iter().map(|w| w.missing.dependency.name.as_str()).collect();
    let names = names.join(", ");
    let place = absent.first().map(|w| w.missing.place.clone());
    if context.offline {
        return Err(
            Fault::infrastructure(format!("chart {}: dependencies not in the cache: {names}", tree.name()))
                .at_opt(place)
                .hint("run once without `--offline`")
                .into(),
        );
    }
    let (guard, folder) = scratch_in(context.scratch)?;
    let chart = folder.join("fetch");
    let no_scratch = |e: std::io::Error| {
        Fault::infrastructure("temporary folder: cannot be written")
            .because(e)
            .hint("check free space and permissions of the temporary folder")
    };
    std::fs::create_dir_all(&chart).map_err(no_scratch)?;
    std::fs::write(chart.join("Chart.yaml"), asking_chart(absent)).map_err(no_scratch)?;

    let mut command = context.helm.command();
    inherit_access(&mut command);
    for name in [
        "HELM_CACHE_HOME",
        "XDG_CACHE_HOME",
        "HELM_REPOSITORY_CACHE",
        "TMPDIR",
        "TEMP",
        "TMP",
    ] {
        command.env(name, folder.as_str());
    }
    command
        .current_dir(&folder)
        .args(["dependency", "update", "--"])
        .arg(chart.as_str());
    let failed = |why: String| {
        Faults::from(
            Fault::infrastructure(format!(
                "chart {}: dependencies cannot be fetched: {names}",
                tree.name()
            ))
            .at_opt(place.clone())
            .because(why)
            .hint("check the repositories and the login (`helm registry login`, `helm repo add`)"),
        )
    };
    match run(command, None, FETCH_LIMITS, context.cancel).await {
        Ok(done) if done.status.success() => {}
        Ok(done) => return Err(failed(done.stderr.trim().replace(chart.as_str(), tree.name()))),
        Err(Stopped::Cancelled) => {
            return Err(Fault::new(Kind::Interrupted, format!("chart {}: fetch stopped", tree.name())).into());
        }
        Err(Stopped::TimedOut) => return Err(failed("helm took longer than 600 s".into())),
        Err(Stopped::TooMuchOutput) => return Err(failed("helm wrote more than 16 MiB".into())),
        Err(Stopped::Spawn(e) | Stopped::Pipe(e)) => return Err(failed(e.to_string())),
    }
    let mut found = Vec::new();
    for entry in chart
        .join("charts")
        .read_dir_utf8()
        .map_err(|e| failed(e.to_string()))?
        .flatten()
    {
        let bytes = std::fs::read(entry.path()).map_err(no_scratch)?;
        if let Some((name, version)) = identity(&bytes, Utf8Path::new(entry.file_name()))? {
            found.push((name, version, bytes));
        }
    }
    let mut records = Vec::new();
    for want in absent {
        records.push(keep(want, &found, context, &failed)?);
    }
    drop(guard);
    Ok(records)
}

/// Takes what was fetched for one dependency into the cache.
fn keep(
    want: &Wanted,
    found: &[(String, String, Vec<u8>)],
    context: &FetchContext<'_>,
    failed: &dyn Fn(String) -> Faults,
) -> Result<FetchedDependency, Faults> {
    let dependency = &want.missing.dependency;
    let asked = want.settled.as_deref().unwrap_or(&dependency.version);
    let (name, version, bytes) = found
        .iter()
        .find(|(name, version, _)| {
            *name == dependency.name && (version == asked || satisfies(version, asked) != Some(false))
        })
        .ok_or_else(|| failed(format!("helm brought no {} {asked}", dependency.name)))?;
    let digest = Digest::of(bytes);
    if let Some(record) = want.record.as_ref().filter(|record| record.digest != digest) {
        return Err(Fault::new(
            Kind::Stale,
            format!(
                "dependency {name} {version}: the repository now holds {}, the lock says {}",
                digest.short(),
                record.digest.short()
            ),
        )
        .at(want.missing.place.clone())
        .hint("somebody published the version anew: run `aosm-build lock --update` if that is right")
        .into());
    }
    durable::write(&cached(context.cache, &digest), bytes, durable::Sync::No).map_err(|e| {
        Fault::infrastructure("cache: cannot be written")
            .at(Place::file_only(context.cache))
            .because(e)
            .hint("check free space and permissions there, or name another folder in AOSM_CACHE_DIR")
    })?;
    Ok(FetchedDependency {
        name: name.clone(),
        version: version.clone(),
        url: dependency.repository.clone(),
        digest,
    })
}

/// A chart that asks for exactly these. JSON is YAML.
fn asking_chart(absent: &[&Wanted]) -> String {
    let dependencies: Vec<serde_json::Value> = absent
        .iter()
        .enumerate()
        .map(|(at, want)| {
            let dependency = &want.missing.dependency;
            serde_json::json!({
                "name": dependency.name,
                "version": want.settled.as_deref().unwrap_or(&dependency.version),
                "repository": dependency.repository,
                // Two versions of one chart may be asked for.
                "alias": format!("fetched-{at}"),
            })
        })
        .collect();
    serde_json::json!({"apiVersion": "v2", "name": "fetch", "version": "0.0.0", "dependencies": dependencies})
        .to_string()
}

/// What reaching repositories needs of the user's environment: login state, added repositories, proxies, certificates.
fn inherit_access(command: &mut tokio::process::Command) {
    const NAMES: [&str; 27] = [
        "PATH",
        "HOME",
        "USERPROFILE",
        "APPDATA",
        "LOCALAPPDATA",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_RUNTIME_DIR",
        "HELM_CONFIG_HOME",
        "HELM_DATA_HOME",
        "HELM_PLUGINS",
        "HELM_REGISTRY_CONFIG",
        "HELM_REPOSITORY_CONFIG",
        "DOCKER_CONFIG",
        "REGISTRY_AUTH_FILE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "all_proxy",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "GNUPGHOME",
        "ProgramData",
    ];
    for name in NAMES {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

/// Name and version in a chart archive.
fn identity(bytes: &[u8], label: &Utf8Path) -> Result<Option<(String, String)>, Fault> {
    let mut found = None;
    for_each_entry(bytes, label, &Limits::CHART, &mut |entry| {
        if entry.name.split_first().1 != Some("Chart.yaml") {
            return Ok(std::ops::ControlFlow::Continue(()));
        }
        let text = String::from_utf8_lossy(&entry.read()?).into_owned();
        let version = yaml::parse(&text)
            .ok()
            .and_then(|root| root.get("version")?.node.text());
        found = name_of(&text).zip(version.filter(|version| is_version(version)));
        Ok(std::ops::ControlFlow::Break(()))
    })?;
    Ok(found)
}
