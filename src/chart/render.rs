//! `helm template`: a chart in, the text of Kubernetes objects out.

use std::borrow::Cow;

use camino::{Utf8Path, Utf8PathBuf};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::blame;
use super::helm::Helm;
use super::overlay::{Overlay, overlay};
use super::process::{ChildLimits, Finished, Stopped, run};
use super::set_values::escape;
use super::stage::{private_file, scratch_in, stage};
use super::tree::{ChartTree, Form};
use crate::fault::{Fault, Kind};
use crate::project::{ChartPackage, RenderLimits};

/// Renders a package. `scratch` is a folder for temporary files; what is put there is removed at the end.
///
/// Ready-made manifests are put together instead, and a library chart renders to nothing, as it does for Helm.
pub async fn render(
    helm: &Helm,
    package: &ChartPackage,
    tree: &ChartTree,
    limits: &RenderLimits,
    scratch: &Utf8Path,
    cancel: &CancellationToken,
) -> Result<String, Fault> {
    if tree.form == Form::Manifests {
        return super::manifests::concatenate(tree, limits);
    }
    // One fault is all that a step can carry; `check` shows all of them.
    let overlay = overlay(package).map_err(first)?;
    let call = Call {
        helm,
        package,
        tree,
        limits,
        scratch,
        cancel,
    };
    match helm_template(call, &overlay, true).await? {
        Rendering::Text(text) => Ok(text),
        Rendering::Refused(fault) => Err(fault),
    }
}

/// How a render ended, where Helm itself answered.
#[derive(Debug)]
pub enum Rendering {
    /// The rendered text.
    Text(String),
    /// Helm ended with an error: the chart does not take these values. The same values give the same answer.
    Refused(Fault),
}

/// As [`render`], with more values over all that the package gives: a JSON map that is merged as a last values file.
/// `effective` are the package's own values, which say what a list is of which `set` changes one item.
#[allow(
    clippy::too_many_arguments,
    reason = "the arguments of `render` and the two kinds of values"
)]
pub async fn render_over(
    helm: &Helm,
    package: &ChartPackage,
    tree: &ChartTree,
    limits: &RenderLimits,
    effective: &serde_json::Value,
    over: &serde_json::Value,
    scratch: &Utf8Path,
    cancel: &CancellationToken,
) -> Result<Rendering, Fault> {
    let overlay = overlay(package).map_err(first)?.under(effective, over)?;
    let call = Call {
        helm,
        package,
        tree,
        limits,
        scratch,
        cancel,
    };
    helm_template(call, &overlay, false).await
}

/// What one call of Helm is about.
#[derive(Clone, Copy)]
struct Call<'r> {
    helm: &'r Helm,
    package: &'r ChartPackage,
    tree: &'r ChartTree,
    limits: &'r RenderLimits,
    scratch: &'r Utf8Path,
    cancel: &'r CancellationToken,
}

/// Runs Helm. With `explain`, it is asked again where it keeps the broken text to itself.
async fn helm_template(of: Call<'_>, overlay: &Overlay, explain: bool) -> Result<Rendering, Fault> {
    let Call {
        helm,
        package,
        tree,
        limits,
        scratch,
        cancel,
    } = of;
    if tree.metadata.is_library() {
        return Ok(Rendering::Text(String::new()));
    }
    let (guard, folder) = scratch_in(scratch)?;
    let chart = chart_path(tree, &folder).await?;
    let mut flags: Vec<String> = Vec::new();
    for (at, (path, text)) in overlay.files.iter().enumerate() {
        let file = private_file(&folder, &format!("set-{at}"), text)?;
        let file = escape(file.as_str(), &['\\', ',']);
        flags.extend(["--set-file".to_owned(), format!("{path}={file}")]);
    }
    if overlay.json.is_some() {
        flags.extend(["--values".to_owned(), "-".to_owned()]);
    }
    let command_with = |more: &[&str]| -> Result<Command, Fault> {
        let mut command = command(helm, package, &chart, &folder)?;
        command.args(&flags).args(more);
        command.arg("--").arg(&package.release_name.value).arg(chart.as_str());
        Ok(command)
    };
    let input = || overlay.json.clone().map(String::into_bytes);
    let child = ChildLimits {
        timeout: limits.timeout,
        output: limits.output,
    };
    let outcome = run(command_with(&[])?, input(), child, cancel).await;
    // Helm tells a line of a text that it keeps to itself, unless it is asked again.
    let broken_text = match &outcome {
        Ok(done) if explain && !done.status.success() && blame::is_broken_yaml(&done.stderr) => {
            let again = run(command_with(&["--debug"])?, input(), child, cancel).await;
            again
                .ok()
                .map(|done| String::from_utf8_lossy(&done.stdout).into_owned())
        }
        _ => None,
    };
    drop(guard);
    if outcome.is_ok() && !tree.needs_staging() {
        let tree = tree.clone();
        let unchanged = tokio::task::spawn_blocking(move || tree.check_unchanged()).await;
        unchanged.map_err(|e| Fault::bug(format!("reading a chart again failed: {e}")))??;
    }
    let name = &package.name.value;
    match outcome {
        Ok(done) if done.status.success() => Ok(Rendering::Text(match String::from_utf8(done.stdout) {
            Ok(text) => text,
            // Bytes that are no text cannot be YAML; whoever parses the output names the line.
            Err(bad) => String::from_utf8_lossy(bad.as_bytes()).into_owned(),
        })),
        Ok(done) => {
            let fault = failure(package, tree, &done, broken_text.as_deref(), &chart, overlay);
            Ok(Rendering::Refused(fault))
        }
        Err(Stopped::Cancelled) => Err(Fault::new(Kind::Interrupted, format!("render {name}: stopped"))),
        Err(Stopped::TimedOut) => Err(Fault::invalid(format!(
            "render {name}: helm took longer than {} s and was stopped",
            limits.timeout.as_secs_f64()
        ))
        .at_opt(package.name.place.clone())
        .hint("look for a template that does not end, or set a longer `render-timeout` in `[project]`")),
        Err(Stopped::TooMuchOutput) => Err(Fault::invalid(format!(
            "render {name}: helm wrote more than {} bytes and was stopped",
            limits.output
        ))
        .at_opt(package.name.place.clone())
        .hint("look for a loop in a template, or set a larger `render-output-limit` in `[project]`")),
        Err(Stopped::Spawn(e)) => Err(Fault::infrastructure(format!(
            "render {name}: {} cannot be started",
            helm.path()
        ))
        .because(e)
        .hint("check that it is a Helm executable for this system")),
        Err(Stopped::Pipe(e)) => Err(Fault::infrastructure(format!("render {name}: helm cannot be heard"))
            .because(e)
            .hint("run the command again")),
    }
}

fn first(faults: crate::fault::Faults) -> Fault {
    faults
        .into_iter()
        .find(Fault::is_error)
        .unwrap_or_else(|| Fault::bug("a refusal without a fault"))
}

/// What Helm is pointed at: the chart itself where it can be, else a copy.
async fn chart_path(tree: &ChartTree, folder: &Utf8Path) -> Result<Utf8PathBuf, Fault> {
    if !tree.needs_staging() {
        return Ok(camino::absolute_utf8(&tree.path).unwrap_or_else(|_| tree.path.clone()));
    }
    let (tree, folder) = (tree.clone(), folder.to_owned());
    tokio::task::spawn_blocking(move || stage(&tree, &folder))
        .await
        .map_err(|e| Fault::bug(format!("copying a chart failed: {e}")))?
}

fn command(helm: &Helm, package: &ChartPackage, chart: &Utf8Path, folder: &Utf8Path) -> Result<Command, Fault> {
    let mut command = helm.command();
    home(&mut command, folder)?;
    // A relative path in a template or a flag must not find anything of the user's.
    command
        .current_dir(folder)
        .arg("template")
        .arg("--namespace")
        .arg(&package.namespace.value);
    debug_assert!(chart.is_absolute(), "helm runs in another folder");
    for file in &package.values {
        let path = camino::absolute_utf8(&file.value).unwrap_or_else(|_| file.value.clone());
        if !path.is_file() {
            return Err(Fault::invalid(format!("{}: no values file there", super::shown(&path)))
                .at_opt(file.place.clone())
                .hint("relative paths start at the file that names them"));
        }
        command.arg("--values").arg(csv_field(path.as_str()).as_ref());
    }
    if let Some(version) = &package.kube_version {
        command.arg("--kube-version").arg(&version.value);
    }
    for version in &package.api_versions {
        command.arg("--api-versions").arg(csv_field(&version.value).as_ref());
    }
    if package.include_crds {
        command.arg("--include-crds");
    }
    Ok(command)
}

/// Empty homes: no repositories, plugins, caches or kubeconfig of the user's.
pub(super) fn home(command: &mut Command, folder: &Utf8Path) -> Result<(), Fault> {
    let home = folder.join("home");
    std::fs::create_dir_all(&home).map_err(|e| {
        Fault::infrastructure("temporary folder: cannot be written")
            .because(e)
            .hint("check free space and permissions of the temporary folder")
    })?;
    for name in [
        "HOME",
        "USERPROFILE",
        "APPDATA",
        "HELM_CACHE_HOME",
        "HELM_CONFIG_HOME",
        "HELM_DATA_HOME",
    ] {
        command.env(name, home.as_str());
    }
    for name in ["TMPDIR", "TEMP", "TMP"] {
        command.env(name, folder.as_str());
    }
    command.env("HELM_PLUGINS", home.join("plugins").as_str());
    Ok(())
}

/// Helm reads these flags as one line of CSV each: a comma would split a path in two.
fn csv_field(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(text)
    }
}

fn failure(
    package: &ChartPackage,
    tree: &ChartTree,
    done: &Finished,
    broken_text: Option<&str>,
    chart: &Utf8Path,
    overlay: &Overlay,
) -> Fault {
    let shown = super::shown(&tree.path);
    let mut text = done.stderr.replace(chart.as_str(), shown.as_str());
    for file in &package.values {
        text = text.replace(file.value.as_str(), super::shown(&file.value).as_str());
    }
    // Where a template prints a value into its complaint or its output, it must not go further.
    let mut broken_text = broken_text.map(str::to_owned);
    for secret in secrets(package, overlay) {
        text = text.replace(&secret, "***");
        broken_text = broken_text.map(|broken| broken.replace(&secret, "***"));
    }
    let text = text.trim();
    let name = &package.name.value;
    let blamed = blame::blamed(package, tree, text, broken_text.as_deref());
    let mut fault = Fault::invalid(format!("render {name}: helm template failed"));
    fault = match (blamed, &package.name.place) {
        (Some((place, what)), Some(named)) => fault.label(place, what).label(named.clone(), "for this package"),
        (Some((place, _)), None) => fault.at(place),
        (None, named) => fault.at_opt(named.clone()),
    };
    fault = if text.is_empty() {
        fault.because(format!("helm said nothing and ended with {}", done.status))
    } else {
        fault.because(text)
    };
    fault.hint(hint(text, &shown))
}

fn hint(text: &str, shown: &Utf8Path) -> String {
    if text.contains("missing in charts/") {
        format!("run `helm dependency build {shown}`, or write `dependencies = \"build\"`")
    } else if blame::is_broken_yaml(text) {
        format!("the line is that of the rendered text: `helm template --debug {shown}` prints all of it")
    } else if blame::is_about_values(text) {
        "correct the values file: it must be a YAML map".to_owned()
    } else if text.contains("execution error at") || text.contains("values don't meet the specifications") {
        "the chart asks for values: give them with `values = [\"file.yaml\"]` or `set`".to_owned()
    } else {
        format!("`helm template {shown}` with the same values should fail the same way")
    }
}

/// Texts of `set` values that are long enough to be told from ordinary words.
fn secrets(package: &ChartPackage, overlay: &Overlay) -> Vec<String> {
    let whole = package.set.iter().map(|(_, value)| value.clone());
    let parts = package
        .set
        .iter()
        .flat_map(|(_, value)| value.split([',', '{', '}']).map(str::to_owned));
    let mut texts: Vec<String> = whole
        .chain(parts)
        .chain(overlay.files.iter().map(|(_, text)| text.clone()))
        .filter(|t| t.len() >= 4)
        .collect();
    texts.retain(|text| !matches!(text.as_str(), "true" | "false" | "null"));
    // The longest first, so that no half of one stays behind.
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_commas_stay_one_value() {
        assert_eq!(csv_field("/a/b.yaml"), "/a/b.yaml");
        assert_eq!(csv_field("/a,b/\"c\".yaml"), "\"/a,b/\"\"c\"\".yaml\"");
    }
}
