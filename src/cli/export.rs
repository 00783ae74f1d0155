//! `export`: everything the stores should hold, in one file; or what that is, in the files of the Azure CLI extension.

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueEnum};

use super::Ended;
use super::context::{Context, current_folder};
use crate::apply::{self, ExportFilesDocument};
use crate::durable::{self, Sync};
use crate::fault::{Fault, Faults, Kind, Place};
use crate::peer::{self, ParameterFile};
use crate::plan::{Depth, PlanOptions, plan};
use crate::report::{bytes, count};

/// Files of another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// The artifacts.json of `az aosm`: what goes into the stores, and where each of it comes from
    AzAosm,
    /// A parameter file of Resource Manager for each template: base, artifactManifest, nfDefinition or nsdDefinition
    ArmParameters,
}

/// What is written, and where.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The bundle; replaced in one step when all of it is there
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "format",
        conflicts_with = "format"
    )]
    bundle: Option<Utf8PathBuf>,
    /// Write the files of another tool instead of a bundle
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<ExportFormat>,
    /// Where to: a file for az-aosm (without it, the list is printed), a folder for arm-parameters
    #[arg(
        long,
        value_name = "PATH",
        conflicts_with = "bundle",
        required_if_eq("format", "arm-parameters")
    )]
    output: Option<Utf8PathBuf>,
    /// With arm-parameters: the values and templates of this folder, which `az aosm nfd build` or `nsd build` wrote
    #[arg(long, value_name = "FOLDER", conflicts_with = "bundle")]
    from: Option<Utf8PathBuf>,
    /// Only steps whose id or name matches GLOB, and what they need
    #[arg(long, value_name = "GLOB")]
    only: Vec<String>,
}

pub async fn run(context: &Context, args: &ExportArgs) -> Ended {
    match (&args.bundle, args.format) {
        (Some(file), _) => bundle(context, file, &args.only).await,
        (None, Some(ExportFormat::AzAosm)) => az_aosm(context, args).await,
        (None, _) => arm_parameters(context, args),
    }
}

fn options(only: &[String]) -> Result<PlanOptions, Fault> {
    Ok(PlanOptions {
        only: super::plan::globs("--only", only)?,
        depth: Depth::Digests,
        ..PlanOptions::default()
    })
}

async fn bundle(context: &Context, file: &Utf8Path, only: &[String]) -> Ended {
    let options = options(only)?;
    let path = current_folder()?.join(file);
    let session = context.session()?;
    let _lock = apply::lock(&session)?;
    let planned = plan(&session, &options).await?;
    let exported = apply::export(&session, &planned, &path).await?;
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&exported);
    } else {
        context.screen.result(&format!(
            "wrote {file}: {}, {}",
            count(exported.entries, "artifact"),
            bytes(exported.bytes)
        ));
    }
    Ok(0)
}

async fn az_aosm(context: &Context, args: &ExportArgs) -> Ended {
    if args.from.is_some() {
        return Err(usage(
            "--from: belongs to --format arm-parameters",
            "the folder has its artifacts.json already",
        )
        .into());
    }
    let options = options(&args.only)?;
    let current = current_folder()?;
    let session = context.session()?;
    let _lock = apply::lock(&session)?;
    let planned = plan(&session, &options).await?;
    let (placed, warnings) = apply::placed(&session, &planned)?;
    apply::save_lock(&session, &planned)?;
    context.screen.finish();
    context.screen.faults(&warnings);
    let Some(file) = &args.output else {
        context.screen.result(&peer::artifacts_json(&placed, &current));
        return Ok(0);
    };
    let path = current.join(file);
    let text = peer::artifacts_json(&placed, definition_folder(&path));
    write(&path, file, &text)?;
    written(
        context,
        &[file.to_string()],
        &format!(": {}", count(placed.len() as u64, "artifact")),
    );
    Ok(0)
}

/// Paths in the list start from the folder that the extension is pointed at: the one above `artifacts`.
fn definition_folder(file: &Utf8Path) -> &Utf8Path {
    let folder = file.parent().unwrap_or(file);
    match (folder.file_name(), folder.parent()) {
        (Some("artifacts"), Some(above)) => above,
        _ => folder,
    }
}

fn arm_parameters(context: &Context, args: &ExportArgs) -> Ended {
    if !args.only.is_empty() {
        return Err(usage("--only: has no say in --format arm-parameters", "leave it out").into());
    }
    let Some(output) = &args.output else {
        return Err(usage("--output: is missing", "name the folder that the files go into").into());
    };
    let current = current_folder()?;
    let files = match &args.from {
        Some(folder) => {
            let path = current.join(folder);
            let ((steps, values), warnings) = peer::read_steps(&path, folder)?;
            context.screen.faults(&warnings);
            peer::parameter_files(&path, folder, &steps, &values)?
        }
        None => of_project(context)?,
    };
    let mut paths = Vec::new();
    for file in files {
        let shown = output.join(&file.name);
        write(&current.join(&shown), &shown, &file.text)?;
        paths.push(shown.to_string());
    }
    written(context, &paths, "");
    Ok(0)
}

/// Without a built folder, the values that the input file has.
fn of_project(context: &Context) -> Result<Vec<ParameterFile>, Faults> {
    let project = context.project()?;
    let Some(publication) = &project.publication else {
        return Err(
            Fault::invalid("the project has no input file, so publisher and store are not known")
                .at_opt(project.files.first().map(Place::file_only))
                .hint("name one (`input` in [project]), or a built folder: --from cnf-cli-output")
                .into(),
        );
    };
    peer::parameter_files_of(publication)
}

fn write(path: &Utf8Path, shown: &Utf8Path, text: &str) -> Result<(), Fault> {
    let folder = path.parent().unwrap_or(path);
    let done = durable::create_dir_all(folder).and_then(|()| durable::write(path, text.as_bytes(), Sync::Yes));
    done.map_err(|error| {
        Fault::infrastructure(format!("{shown}: cannot be written"))
            .because(durable::words(&error))
            .hint("name a place that can be written")
    })
}

fn written(context: &Context, files: &[String], more: &str) {
    if context.screen.json() {
        context.screen.json_result(&ExportFilesDocument::new(files.to_vec()));
    } else {
        context.screen.result(&format!("wrote {}{more}", files.join(", ")));
    }
}

fn usage(message: &str, hint: &str) -> Fault {
    Fault::new(Kind::Usage, message).hint(hint)
}
