//! What `init` writes: a commented `aosm.toml` from what lies in a folder. Nothing is written here.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::depth::Format;
use super::document::Document;
use super::find::{INPUT_FILES, PROJECT_FILE};
use super::input::{self, Input};
use super::input_kind::InputKind;
use super::names;
use super::nsd_generated::Generated;
use super::paths::Resolver;
use crate::fault::{Fault, Faults, Place};

/// How deep charts are looked for below the folder.
const MAX_DEPTH: usize = 3;

/// Charts proposed at most: beyond that the folder is a collection of charts, not a project.
const MAX_CHARTS: usize = 200;

/// A project file that could be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Where it belongs.
    pub file: Utf8PathBuf,
    /// Its text; loads without errors.
    pub text: String,
    /// What deserves a look before the first run, in words.
    pub notes: Vec<String>,
}

/// Makes a proposal for a folder. Fails if an `aosm.toml` is there: it is never overwritten.
pub fn propose(folder: &Utf8Path) -> Result<Proposal, Fault> {
    let file = folder.join(PROJECT_FILE);
    // A dangling link is something of that name too.
    if file.symlink_metadata().is_ok() {
        return Err(Fault::invalid(format!("{PROJECT_FILE}: exists already"))
            .at(Place::file_only(PROJECT_FILE))
            .hint("edit it, or remove it first: `init` never overwrites"));
    }
    if !folder.is_dir() {
        return Err(Fault::invalid(format!("{folder}: there is no such folder"))
            .at(Place::file_only(folder))
            .hint("name a folder that is there"));
    }
    let input = INPUT_FILES.into_iter().find(|name| folder.join(name).is_file());
    let (body, notes) = match input {
        Some(name) => from_input(folder, name),
        None => from_charts(folder)?,
    };
    Ok(Proposal {
        file,
        text: format!("{HEAD}\n{body}"),
        notes,
    })
}

const HEAD: &str = "\
# The project file of aosm-build. `aosm-build schema aosm` prints every key and what it means.
# Try `aosm-build plan`: it shows what would move, and moves nothing.
";

const STORES: &str = "\
# Where everything goes. A local store is a folder in the OCI image layout.
[stores.local]
kind = \"local\"
path = \".aosm/store\"

# An artifact store of AOSM instead. What is left out comes from the input file; `--store aosm` does the same without it:
# [stores.images]
# kind = \"acr\"

# Any OCI registry instead:
# [stores.registry]
# kind = \"registry\"
# registry = \"registry.example:5000/team\"
";

const DISKS: &str = "
# Disk images go to a storage account.
[stores.disks]
kind = \"storage-account\"
";

fn from_input(folder: &Utf8Path, name: &str) -> (String, Vec<String>) {
    let mut notes = Vec::new();
    let mut faults = Faults::new();
    let path = folder.join(name);
    let resolver = Resolver { current_dir: folder };
    let read = Document::read(&path, Utf8Path::new(name), Format::Jsonc, &mut faults)
        .and_then(|document| input::decode(&document, resolver, &mut faults));
    let errors = faults.iter().filter(|fault| fault.is_error()).count();
    if errors > 0 {
        let count = if errors == 1 {
            "an error".to_owned()
        } else {
            format!("{errors} errors")
        };
        notes.push(format!("{name} has {count}: `aosm-build check` shows more"));
    }
    let mut body = String::new();
    let _ = writeln!(
        body,
        "[project]\n# {} come from here; this file adds to it.\ninput = {}\n",
        match read
            .as_ref()
            .and_then(|input| input.publication.as_ref())
            .map(|publication| publication.kind)
        {
            Some(InputKind::Vnf) => "The disk image and the templates",
            Some(InputKind::Nexus) => "The images and the templates",
            Some(InputKind::Nsd) => "The templates",
            _ => "Charts, their values and the image sources",
        },
        quote(name)
    );
    body.push_str(STORES);
    let input = read.unwrap_or_else(Input::empty);
    if let Some(generated) = &input.generated {
        body.push_str(&generated_artifact(folder, generated, &mut notes));
    }
    let (packages, vhds) = (input.packages, input.vhds);
    if !vhds.is_empty() {
        body.push_str(DISKS);
        notes.push(
            "sas-env names the environment variable that has to hold the SAS URL of the disk image's container"
                .to_owned(),
        );
    }
    for vhd in &vhds {
        let _ = write!(
            body,
            "\n[[vhds]]\nname = {}\n# The environment variable that holds the container's URL with its signature (SAS).\nsas-env = \"DISKS_SAS\"\n",
            quote(&vhd.name.value)
        );
    }
    if let Some(package) = packages.first() {
        let _ = write!(
            body,
            "\n# More about a package of {name}, by its name:\n# [[charts]]\n# name = {}\n# values = [\"values-lab.yaml\"]\n",
            quote(&package.name.value)
        );
    }
    (body, notes)
}

/// The artifact of the network functions of a service design: in force where its file is there, else to be filled in.
fn generated_artifact(folder: &Utf8Path, generated: &Generated, notes: &mut Vec<String>) -> String {
    let file = generated.file();
    let is_there = folder.join(&file).is_file();
    let mut text =
        String::from("\n# What the Azure CLI extension generates for the network functions of the service design.\n");
    let mark = if is_there { "" } else { "# " };
    if !is_there {
        text.push_str("# Once `az aosm nsd build` has written the file, take out the marks.\n");
        notes.push(format!("{file} is needed and not there: `az aosm nsd build` writes it"));
    }
    let _ = writeln!(text, "{mark}[[artifacts]]");
    for (key, value) in generated.entry() {
        let _ = writeln!(text, "{mark}{key} = {value}");
    }
    text
}

fn from_charts(folder: &Utf8Path) -> Result<(String, Vec<String>), Fault> {
    let charts = find_charts(folder);
    if charts.is_empty() {
        return Err(Fault::invalid("no chart and no `cnf-input.jsonc` in this folder")
            .at(Place::file_only(folder))
            .hint(format!("run it where your charts are: folders with `Chart.yaml`, up to {MAX_DEPTH} levels down, or `.tgz` files")));
    }
    let mut notes = vec!["image-sources is a guess to fill in: the registries that hold the charts' images".to_owned()];
    let mut body = String::from(
        "[project]\n# Where images are searched, in this order: a registry and, perhaps, a namespace in it.\n# image-sources = \
         [\"myregistry.azurecr.io/samples\"]\nimage-sources = []\n\n",
    );
    body.push_str(STORES);
    let mut used: Vec<String> = Vec::new();
    for chart in charts {
        let name = unique_name(&chart, &used);
        let _ = write!(
            body,
            "\n[[charts]]\nname = {}\npath = {}\n",
            quote(&name),
            quote(chart.as_str())
        );
        let _ = writeln!(body, "# values = [\"values-lab.yaml\"]");
        used.push(name);
    }
    if used.len() == MAX_CHARTS {
        notes.push(format!("only the first {MAX_CHARTS} charts were taken"));
    }
    Ok((body, notes))
}

/// A name that Helm takes and that no other package has: from the chart's file or folder.
fn unique_name(chart: &Utf8Path, used: &[String]) -> String {
    let stem = chart.file_name().unwrap_or("chart");
    let stem = stem.strip_suffix(".tgz").map_or(stem, without_version);
    let letters: String = stem
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                c
            } else {
                '-'
            }
        })
        .take(45)
        .collect();
    let trimmed = letters.trim_matches('-');
    let name = if names::namespace(trimmed).is_ok() {
        trimmed
    } else {
        "chart"
    }
    .to_owned();
    let taken = |name: &String| used.contains(name);
    if !taken(&name) {
        return name;
    }
    // One more number than there are names: one of them is free.
    let numbered = (2..=used.len() + 2).map(|number| format!("{name}-{number}"));
    numbered.into_iter().find(|name| !taken(name)).unwrap_or(name)
}

/// `contoso-1.2.0` → `contoso`, as `helm package` names archives.
fn without_version(stem: &str) -> &str {
    stem.char_indices()
        .filter(|(at, c)| {
            *c == '-'
                && stem
                    .get(at + 1..)
                    .is_some_and(|rest| semver::Version::parse(rest).is_ok())
        })
        .map(|(at, _)| at)
        .next()
        .and_then(|at| stem.get(..at))
        .unwrap_or(stem)
}

/// Charts below a folder, from it, sorted. Nothing inside a chart counts: its `charts/` are its own.
fn find_charts(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut charts = Vec::new();
    search(folder, Utf8Path::new(""), 0, &mut charts);
    charts.sort();
    charts.truncate(MAX_CHARTS);
    charts
}

fn search(base: &Utf8Path, folder: &Utf8Path, depth: usize, charts: &mut Vec<Utf8PathBuf>) {
    if base.join(folder).join("Chart.yaml").is_file() {
        charts.push(if folder.as_str().is_empty() {
            Utf8PathBuf::from(".")
        } else {
            folder.to_owned()
        });
        return;
    }
    let Ok(entries) = base.join(folder).read_dir_utf8() else {
        return;
    };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by(|a, b| a.file_name().cmp(b.file_name()));
    for entry in entries {
        let name = entry.file_name();
        // Hidden folders are those of tools; our own store and cache are among them.
        if name.starts_with('.') || charts.len() > MAX_CHARTS {
            continue;
        }
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth < MAX_DEPTH {
            search(base, &folder.join(name), depth + 1, charts);
        } else if kind.is_file() && Utf8Path::new(name).extension() == Some("tgz") {
            charts.push(folder.join(name));
        }
    }
}

/// A TOML basic string.
fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
