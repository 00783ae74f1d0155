//! The command line: raw flags, as typed. Help, man page and completions all come from here.

use std::num::NonZeroUsize;

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Fill AOSM artifact stores from Helm charts.
#[derive(Debug, Parser)]
#[command(
    name = "aosm-build",
    version,
    about = "Charts in, a full artifact store out: a declarative build tool for Azure Operator Service Manager publishers",
    long_about = "aosm-build reads aosm.toml and the cnf-input.jsonc you already have, finds every container image your \
Helm charts use, locates each in your source registries, and fills AOSM's artifact stores. It runs only what is stale.",
    after_help = "Examples:
  aosm-build init                 write an aosm.toml from a cnf-input.jsonc or a folder of charts
  aosm-build plan                 show what would move, and why
  aosm-build apply                move it
  aosm-build images --why nginx   show where an image comes from

Exit codes: 0 ok, 1 steps failed, 2 changes pending (plan --detailed-exitcode), 3 stale lock, 4 invalid input, \
5 network, disk or a missing tool, 6 another run holds the lock, 64 wrong usage, 70 a bug, 130 interrupted.",
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 110
)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Flags of every command.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Global {
    /// Work in this folder instead of the current one
    #[arg(short = 'C', value_name = "DIR", global = true, help_heading = "Global options")]
    pub directory: Option<Utf8PathBuf>,
    /// Use this project file (aosm.toml or a *-input.jsonc)
    #[arg(long, value_name = "FILE", global = true, help_heading = "Global options")]
    pub project: Option<Utf8PathBuf>,
    /// Use the overrides of [environments.NAME]
    #[arg(
        long,
        value_name = "NAME",
        env = "AOSM_ENVIRONMENT",
        global = true,
        help_heading = "Global options"
    )]
    pub environment: Option<String>,
    /// Send what names no store to this one; `aosm`, in a project without stores: to those that its input file names
    #[arg(long, value_name = "NAME", global = true, help_heading = "Global options")]
    pub store: Option<String>,
    /// The helm executable to use (3.8 or newer)
    #[arg(long, value_name = "PATH", global = true, help_heading = "Global options")]
    pub helm: Option<String>,
    /// Print JSON to standard output
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// When to use colour
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        global = true,
        help_heading = "Global options"
    )]
    pub color: Color,
    /// Print errors and results only
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Global options"
    )]
    pub quiet: bool,
    /// Say more: fresh steps, cache hits, requests that were tried again
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = "Global options")]
    pub verbose: u8,
    /// Ask nobody: use the lock, the cache and what earlier runs saw
    #[arg(long, global = true, help_heading = "Global options")]
    pub offline: bool,
    /// Fail (exit 3) if aosm.lock would change
    #[arg(long, global = true, help_heading = "Global options")]
    pub locked: bool,
    /// Use aosm.lock as it is, without checking it against the sources or writing it
    #[arg(long, global = true, conflicts_with = "locked", help_heading = "Global options")]
    pub frozen: bool,
}

/// What may be replaced, and how thoroughly stores are read: shared by `plan` and `apply`.
#[derive(Debug, Args, Clone, Default)]
pub struct Looking {
    /// Allow replacing what a store holds under a name, for all names or those that match GLOB
    #[arg(
        long,
        value_name = "GLOB",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "*"
    )]
    pub replace: Vec<String>,
    /// Check everything below each tag, not only what the tag names (local stores are hashed again)
    #[arg(long)]
    pub force_check: bool,
    /// Prove disk images so: `full` reads back what is there, and adopts what another tool put there if it is right
    #[arg(long, value_name = "HOW")]
    pub verify: Option<Proof>,
    /// Only steps whose id or name matches GLOB, and what they need
    #[arg(long, value_name = "GLOB")]
    pub only: Vec<String>,
    /// Seal the artifact manifests when everything is in its store: nothing in them can be changed afterwards
    #[arg(long)]
    pub seal: bool,
    /// Fill the stores from this bundle: charts are not read, and no source is asked
    #[arg(long, value_name = "FILE")]
    pub from_bundle: Option<Utf8PathBuf>,
}

/// How thoroughly disk images are proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Proof {
    /// By size, type, page ranges and metadata.
    Quick,
    /// Everything is read back.
    Full,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented aosm.toml from a cnf-input.jsonc or a folder of charts; never overwrites
    #[command(after_help = "Example:\n  aosm-build init && aosm-build check")]
    Init {
        /// Print the file instead of writing it
        #[arg(long)]
        stdout: bool,
    },
    /// Show what `apply` would move, and why; changes nothing
    #[command(
        after_help = "Examples:\n  aosm-build plan\n  aosm-build plan --json | jq .summary\n  aosm-build plan --detailed-exitcode   \
# exit 2 when changes are pending\n\nSigns: + create, ~ replace or seal, = fresh, ! invalid, ? unknown, - blocked"
    )]
    Plan {
        /// What may be replaced, and how thoroughly stores are read
        #[command(flatten)]
        looking: Looking,
        /// Exit with 2 when changes are pending and nothing is invalid
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Bring the stores to what the project wants: run the stale steps, in parallel
    #[command(
        after_help = "Examples:\n  aosm-build apply\n  aosm-build apply --only 'copy:*contoso-a*'\n  aosm-build apply --replace=contoso:1.0.0\n\n\
Independent steps go on after a failure. Ctrl-C ends cleanly after the running steps; twice ends at once."
    )]
    Apply {
        /// What may be replaced, and how thoroughly stores are read
        #[command(flatten)]
        looking: Looking,
        /// Steps at a time [default: 8]
        #[arg(short, long, value_name = "N", value_parser = super::units::at_least_one)]
        jobs: Option<NonZeroUsize>,
    },
    /// Write everything the stores should hold into one file, for where no source can be reached
    #[command(
        after_help = "Examples:\n  aosm-build export --bundle contoso.tar\n  aosm-build apply --from-bundle contoso.tar   # there: no source is asked\n\n\
The file is an OCI image layout in a plain tar, which other tools read as well. The same content is the same bytes."
    )]
    Export {
        /// The file; replaced in one step when all of it is there
        #[arg(long, value_name = "FILE")]
        bundle: Utf8PathBuf,
        /// Only steps whose id or name matches GLOB, and what they need
        #[arg(long, value_name = "GLOB")]
        only: Vec<String>,
    },
    /// List the container images the charts use, each with every place it was found; needs no network
    #[command(
        after_help = "Examples:\n  aosm-build images\n  aosm-build images --why release/contoso-a\n  aosm-build images --locate --json\n  \
                      aosm-build images --values-paths              # which values make each image\n  \
                      aosm-build images --values-paths --format bicep > values-paths.bicep"
    )]
    Images {
        /// Ask the sources where each image is
        #[arg(long)]
        locate: bool,
        /// Show the whole chain for one image: package, template, object, field, line
        #[arg(long, value_name = "REF")]
        why: Option<String>,
        /// Show which values make each image, and which AOSM can set to redirect it; renders the charts again
        #[arg(long, conflicts_with_all = ["locate", "why"])]
        values_paths: bool,
        /// Print the values paths as they stand in a network function definition, instead of the tables
        #[arg(
            long,
            value_enum,
            value_name = "FORM",
            requires = "values_paths",
            conflicts_with = "json"
        )]
        format: Option<ValuesFormat>,
    },
    /// Locate every image and write aosm.lock
    #[command(
        after_help = "Examples:\n  aosm-build lock\n  aosm-build lock --check               # exit 3 when the sources moved\n  aosm-build lock --update release/contoso-a"
    )]
    Lock {
        /// Ask the sources again, for all images or those named
        #[arg(long, value_name = "REF", num_args = 0.., conflicts_with = "check")]
        update: Option<Vec<String>>,
        /// Compare the lock with the charts and the sources; write nothing
        #[arg(long)]
        check: bool,
    },
    /// Explain a step: desired and observed, and what changed since it last ran, with file and line
    #[command(after_help = "Example:\n  aosm-build why push:local/contoso:1.0.0")]
    Why {
        /// A step id, or a part that only one step has
        step: String,
    },
    /// Print the graph of steps
    #[command(after_help = "Example:\n  aosm-build graph --format dot | dot -Tsvg > graph.svg")]
    Graph {
        /// The form
        #[arg(long, value_enum, default_value = "mermaid")]
        format: GraphFormat,
    },
    /// Validate everything that needs no network: project files, charts, values, references
    #[command(after_help = "Example:\n  aosm-build check && git commit")]
    Check,
    /// Push, attach, discover, pull, list, delete or copy one artifact
    #[command(
        after_help = "Examples:\n  aosm-build artifact push myregistry.azurecr.io/samples/artifact:1.0 notes.txt:text/plain\n  \
                      aosm-build artifact discover myregistry.azurecr.io/net-monitor:v1"
    )]
    Artifact {
        /// What to do
        #[command(subcommand)]
        command: Box<super::artifact::ArtifactCommand>,
    },
    /// Check, upload, copy, download or show one disk image (VHD)
    #[command(after_help = "Example:\n  aosm-build vhd check ubuntu.vhd")]
    Vhd {
        /// What to do
        #[command(subcommand)]
        command: Box<super::vhd::VhdCommand>,
    },
    /// List or show the artifact stores of a publisher
    #[command(after_help = "Example:\n  aosm-build store list --resource-group contoso-rg --publisher contoso")]
    Store {
        /// What to do
        #[command(subcommand)]
        command: Box<super::store::StoreCommand>,
    },
    /// Write, make, compare, seal, show or delete the artifact manifest of a store
    #[command(
        after_help = "Examples:\n  aosm-build artifact-manifest generate > deploy.bicep   # what the project needs, to deploy\n  \
                      aosm-build artifact-manifest create                    # or make it right away\n  \
                      aosm-build artifact-manifest check                     # what is missing, extra or different\n  \
                      aosm-build apply --seal                                # fill the store, then close the manifest"
    )]
    ArtifactManifest {
        /// What to do
        #[command(subcommand)]
        command: Box<super::artifact_manifest::ArtifactManifestCommand>,
    },
    /// Show the credential that an artifact manifest grants: names, rights and end, not the secret
    Credential(Box<super::credential::CredentialArgs>),
    /// Look at everything a run needs: Helm, logins, every source and store, clock, disk; writes nothing
    #[command(
        after_help = "Examples:\n  aosm-build doctor\n  aosm-build doctor --json | jq '.checks[] | select(.state == \"missing\")'\n\n\
One line each, with what to do about it. Exit 5 when something is missing. Without a project it looks at the machine alone."
    )]
    Doctor,
    /// Log in to a registry: check the login there, and keep it where docker keeps logins
    Login(super::login::LoginCommand),
    /// Forget the login of a registry
    Logout(super::logout::LogoutCommand),
    /// Look at or shrink the cache
    #[command(after_help = "Examples:\n  du -sh $(aosm-build cache dir)\n  aosm-build cache prune --max-size 1GiB")]
    Cache {
        /// What to do
        #[command(subcommand)]
        action: CacheAction,
    },
    /// Print shell completions
    #[command(
        after_help = "Example:\n  aosm-build completions bash > ~/.local/share/bash-completion/completions/aosm-build"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = "Example:\n  aosm-build man | man -l -")]
    Man,
    /// Print a JSON schema of a project file or of a document that is printed
    #[command(after_help = "Example:\n  aosm-build schema aosm > aosm.schema.json")]
    Schema {
        /// Which; all names without it
        name: Option<String>,
    },
}

/// Forms of a network function definition's values paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ValuesFormat {
    /// A `helmArtifactProfile` for each chart, as JSON
    Json,
    /// The same as an exported Bicep variable
    Bicep,
}

/// Forms of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// Graphviz
    Dot,
    /// Mermaid, as Markdown viewers draw it
    Mermaid,
    /// aosm-graph/1
    Json,
}

/// What to do with the cache.
#[derive(Debug, Subcommand)]
pub enum CacheAction {
    /// Print the cache folder
    #[command(after_help = "Example:\n  du -sh $(aosm-build cache dir)")]
    Dir,
    /// Remove old entries until the cache fits
    #[command(after_help = "Example:\n  aosm-build cache prune --max-size 1GiB --max-age 30d")]
    Prune {
        /// Keep at most this much
        #[arg(long, value_name = "SIZE", default_value = "5GiB", value_parser = super::units::size)]
        max_size: u64,
        /// Remove entries older than this
        #[arg(long, value_name = "AGE", value_parser = super::units::age)]
        max_age: Option<std::time::Duration>,
    },
}
