//! `vnf-input.jsonc` for virtual machines with a VHD, decoded in every form that the Azure CLI `aosm` extension has read.
//!
//! Its disk image becomes one of the project's, its templates become artifacts. A URL with a signature is a [`Secret`] from
//! the moment it is read; what points into the file shows stars in its place.

use super::document::Document;
use super::input::Input;
use super::input_kind::InputKind;
use super::input_values::{LEFT_OVER, filled, is_written, is_wrong, missing, whole_file};
use super::model::Spanned;
use super::node::Value;
use super::paths::Resolver;
use super::publication::Publication;
use super::sources::with_first;
use super::vhd_model::VhdSource;
use super::vhds::{self, PartialVhd};
use super::view::View;
use super::{check, input_head, input_templates, vnf_input_keys};
use crate::credentials::Secret;
use crate::fault::{Fault, Faults, Place};

/// The largest data disk in GB that the extension's template allows.
const MAX_DATA_DISK: u64 = 1023;

/// Checks and decodes.
pub(crate) fn decode(document: &Document, resolver: Resolver<'_>, faults: &mut Faults) -> Input {
    check::check(document, vnf_input_keys::ROOT, faults);
    // After a syntax error nothing of the file is left to judge.
    let mut unheard = Faults::new();
    let faults = if document.damaged { &mut unheard } else { faults };
    let root = View::root(document, vnf_input_keys::ROOT);
    let version = root.text("version");
    if let Some(version) = &version {
        input_head::check_version(version, "version", faults);
    }
    input_head::check(&root, "nf_name", "version", faults);
    let name = root.text("nf_name");
    let vhds = disks(&root, name.as_ref(), resolver, faults);
    Input {
        publication: Some(Publication::read(InputKind::Vnf, document, vnf_input_keys::ROOT)),
        artifacts: input_templates::of_network_function(&root, resolver, faults),
        vhd_lost: vhds.is_empty(),
        vhds,
        name,
        version,
        ..Input::empty()
    }
}

fn disks(
    root: &View<'_>,
    nf_name: Option<&Spanned<String>>,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> Vec<PartialVhd> {
    let tables = root.tables("vhd");
    if !is_written(root, "vhd") {
        let shown = root.document.source.path.as_str();
        faults.push(missing(
            shown,
            "vhd",
            &root.key_place("vhd").unwrap_or_else(|| whole_file(root)),
            "add the disk image: `\"vhd\": { \"version\": \"1-0-0\", \"file_path\": … }`",
        ));
    }
    let mut all: Vec<PartialVhd> = Vec::new();
    for (view, place) in tables {
        let Some(disk) = disk(&view, &place, nf_name, resolver, faults) else {
            continue;
        };
        let twice = all.iter().find(|other| other.name.value == disk.name.value);
        if let Some(first) = twice {
            let fault = Fault::invalid(format!("disk image {}: named twice", check::shorten(&disk.name.value)))
                .hint("give one of the two another `artifact_name`");
            let (at, first) = (disk.name.place.clone(), first.name.place.clone());
            faults.push(with_first(fault, at, first, "first named here"));
        } else {
            all.push(disk);
        }
    }
    all
}

fn disk(
    view: &View<'_>,
    place: &Place,
    nf_name: Option<&Spanned<String>>,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> Option<PartialVhd> {
    for_the_definition(view, faults);
    let version = filled(view, "vhd", "version", faults);
    if version.is_none() && !is_wrong(view, "version") {
        let hint = "three numbers joined by hyphens: `\"version\": \"1-0-0\"`";
        faults.push(missing("vhd", "version", place, hint));
    }
    let name = match (filled(view, "vhd", "artifact_name", faults), nf_name) {
        (Some(name), _) => Some(name),
        (None, Some(nf_name)) => Some(Spanned {
            value: format!("{}-vhd", nf_name.value),
            place: nf_name.place.clone(),
        }),
        (None, None) => None,
    };
    if name.is_none() && !is_wrong(view, "artifact_name") {
        let hint = "without it, it is `nf_name` and `-vhd`: fill in one of the two";
        faults.push(missing("vhd", "artifact_name", place, hint));
    }
    let (source, source_broken) = source(view, name.as_ref(), resolver, faults);
    Some(PartialVhd {
        // What was told once is not told again when files are joined.
        version: Some(version?),
        name: name?,
        source,
        source_broken,
        sas: None,
        sas_broken: false,
        container: None,
        store: None,
    })
}

/// Exactly one of two; with none, `aosm.toml` may have one.
fn source(
    view: &View<'_>,
    name: Option<&Spanned<String>>,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> (Option<VhdSource>, bool) {
    let file = filled(view, "vhd", "file_path", faults);
    let url = filled(view, "vhd", "blob_sas_url", faults).map(|url| Spanned {
        value: Secret::new(url.value),
        place: url.place,
    });
    match (file, url) {
        (Some(_), Some(url)) => {
            faults.push(
                Fault::invalid("vhd: `file_path` and `blob_sas_url` at once: only one may be set")
                    .at_opt(url.place)
                    .hint("keep one of the two; `\"\"` counts as left out"),
            );
            (None, true)
        }
        (Some(file), None) => {
            let file = vhds::image_file(&file, view, resolver, faults);
            let broken = file.is_none();
            (file.map(VhdSource::File), broken)
        }
        (None, Some(url)) => {
            let url = clear_url(url, name, faults);
            let broken = url.is_none();
            (url.map(VhdSource::Url), broken)
        }
        (None, None) => (None, is_wrong(view, "file_path") || is_wrong(view, "blob_sas_url")),
    }
}

/// A URL in clear text: used, and warned about. It is not repeated.
fn clear_url(url: Spanned<Secret>, name: Option<&Spanned<String>>, faults: &mut Faults) -> Option<Spanned<Secret>> {
    let is_url = url::Url::parse(url.value.expose().trim())
        .is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    if !is_url {
        faults.push(
            Fault::invalid("vhd.blob_sas_url: is no URL of a blob")
                .at_opt(url.place)
                .hint("write it whole: `https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB?…&sig=…`"),
        );
        return None;
    }
    let name = name.map_or("", |name| name.value.as_str());
    faults.push(
        Fault::warning("vhd.blob_sas_url: a signature in clear text: whoever reads the file can read the blob")
            .at_opt(url.place.clone())
            .hint(format!(
                "remove it here; in aosm.toml write `[[vhds]]` with `name = \"{}\"` and `blob-url-env = \"IMAGE_URL\"`, the \
                 variable that holds it",
                check::shorten(name)
            )),
    );
    Some(url)
}

/// Keys that end up in the network function definition and are of no use to a store.
fn for_the_definition(view: &View<'_>, faults: &mut Faults) {
    let place = |key: &str| view.value_place(key);
    let size = view.entry("image_disk_size_GB").map(|entry| &entry.node.value);
    let good = match size {
        None => true,
        Some(Value::Integer(number)) => u64::try_from(*number).is_ok_and(|number| number <= MAX_DATA_DISK),
        Some(Value::Text(text)) => {
            let text = text.trim();
            text.is_empty()
                || text.starts_with(LEFT_OVER)
                || text.parse::<u64>().is_ok_and(|number| number <= MAX_DATA_DISK)
        }
        Some(_) => false,
    };
    if !good {
        faults.push(
            Fault::warning(format!(
                "vhd.image_disk_size_GB: not a number from 0 to {MAX_DATA_DISK}"
            ))
            .at_opt(place("image_disk_size_GB"))
            .hint("the store does not need it; deploying the network function does"),
        );
    }
    if let Some(generation) = view.text("image_hyper_v_generation")
        && !matches!(generation.value.as_str(), "V1" | "V2")
        && !generation.value.starts_with(LEFT_OVER)
    {
        faults.push(
            Fault::warning("vhd.image_hyper_v_generation: neither `V1` nor `V2`")
                .at_opt(generation.place)
                .hint("the store does not need it; deploying the network function does"),
        );
    }
}
