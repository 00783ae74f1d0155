//! `aosm.toml` decoded: everything in it that needs no other file.

use std::collections::BTreeMap;
use std::time::Duration;

use super::artifact_model::{ArtifactConfig, ArtifactType, AttachmentConfig};
use super::charts::{self, Partial};
use super::document::Document;
use super::model::{CopyOptions, Discovery, ExtraImage, Network, RenderLimits, SourceConfig, Spanned};
use super::paths::Resolver;
use super::policy::{self, Policy};
use super::sources::{self, SourceList, with_first};
use super::store_drafts::Draft;
use super::vhds::{self, PartialVhd};
use super::view::View;
use super::{artifacts, check, copying, mask, names, rules, stores, toml_keys};
use crate::fault::{Fault, Faults};
use crate::reference::ImageReference;

/// What `aosm.toml` says.
pub(crate) struct Settings {
    /// `[project] name`.
    pub(crate) name: Option<Spanned<String>>,
    /// `[project] version`.
    pub(crate) version: Option<Spanned<String>>,
    /// `[project] input`.
    pub(crate) input: Option<Spanned<String>>,
    /// `[project] image-sources`.
    pub(crate) image_sources: Option<SourceList>,
    /// `[sources]`.
    pub(crate) sources: BTreeMap<String, SourceConfig>,
    /// `[stores]` as the environment sees them; may be empty.
    pub(crate) stores: Vec<Draft>,
    /// `[[charts]]`.
    pub(crate) charts: Vec<Partial>,
    /// `[[images]]`.
    pub(crate) images: Vec<ExtraImage>,
    /// `[[artifacts]]`.
    pub(crate) artifacts: Vec<ArtifactConfig>,
    /// `[[vhds]]`.
    pub(crate) vhds: Vec<PartialVhd>,
    /// `[[attachments]]`.
    pub(crate) attachments: Vec<AttachmentConfig>,
    /// `[discovery]`.
    pub(crate) discovery: Discovery,
    /// `[copy]`.
    pub(crate) copy: CopyOptions,
    /// `[policy]`.
    pub(crate) policy: Policy,
    /// `[network]`.
    pub(crate) network: Network,
    /// Limits in `[project]`.
    pub(crate) render_limits: RenderLimits,
}

/// Checks and decodes.
pub(crate) fn decode(
    document: &Document,
    environment: Option<&str>,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> Settings {
    check::check(document, toml_keys::ROOT, faults);
    // Of a file with syntax errors parts are lost, so what else seems wrong with it may not be.
    let mut unheard = Faults::new();
    let faults = if document.damaged { &mut unheard } else { faults };
    let root = View::root(document, toml_keys::ROOT);
    let project = root.table("project");
    let text = |key: &str| project.as_ref().and_then(|view| view.text(key));
    let version = text("version");
    if let Some(version) = &version
        && let Err(why) = names::version(&version.value)
    {
        faults.push(
            Fault::invalid(format!("project.version: {why}"))
                .at_opt(version.place.clone())
                .hint("write it like `version = \"1.0.0\"`"),
        );
    }
    let copy = copying::read(&root, faults);
    Settings {
        name: text("name"),
        version,
        input: text("input"),
        image_sources: project
            .as_ref()
            .and_then(|view| sources::list(view, "image-sources", faults)),
        sources: sources::table(&root, resolver, faults),
        stores: stores::all(&root, environment, faults),
        charts: charts::from_settings(&root, resolver, faults),
        images: images(&root, faults),
        artifacts: artifacts::artifacts(&root, resolver, faults),
        vhds: vhds::from_settings(&root, resolver, faults),
        attachments: artifacts::attachments(&root, resolver, faults),
        discovery: rules::read(&root, faults),
        policy: policy::read(&root, &copy, faults),
        copy,
        network: network(&root, resolver, faults),
        render_limits: project.as_ref().map(render_limits).unwrap_or_default(),
    }
}

fn render_limits(view: &View<'_>) -> RenderLimits {
    let defaults = RenderLimits::default();
    RenderLimits {
        timeout: view
            .number("render-timeout")
            .map_or(defaults.timeout, Duration::from_secs),
        output: view.number("render-output-limit").unwrap_or(defaults.output),
    }
}

fn images(root: &View<'_>, faults: &mut Faults) -> Vec<ExtraImage> {
    let mut images: Vec<ExtraImage> = Vec::new();
    for (view, _) in root.tables("images") {
        let Some(reference) = view.text("reference") else {
            continue;
        };
        let image = ExtraImage {
            reference,
            version: view.text("version"),
            store: view.text("store"),
            kind: ArtifactType::OciArtifact,
            only_from: None,
            named_in: "[[images]]",
        };
        if let Err(why) = ImageReference::parse(&image.reference.value) {
            faults.push(
                Fault::invalid(format!(
                    "images.reference: `{}` is no image reference: {why}",
                    check::shorten(&image.reference.value)
                ))
                .at_opt(image.reference.place.clone())
                .hint(why.hint()),
            );
        }
        if let Some(version) = &image.version
            && let Err(why) = names::tag(&version.value)
        {
            faults.push(
                Fault::invalid(format!("images.version: {why}"))
                    .at_opt(version.place.clone())
                    .hint("it is the image's tag in the store: write it like `version = \"1.0.0\"`"),
            );
        }
        let store = |image: &ExtraImage| image.store.as_ref().map(|store| store.value.clone());
        let twin = images
            .iter()
            .find(|other| other.reference.value == image.reference.value && store(other) == store(&image));
        if let Some(first) = twin {
            let fault = Fault::invalid(format!("image {}: named twice", check::shorten(&image.reference.value)))
                .hint("remove one of the two");
            faults.push(with_first(
                fault,
                image.reference.place.clone(),
                first.reference.place.clone(),
                "first named here",
            ));
        } else {
            images.push(image);
        }
    }
    images
}

/// Those of an input file, then those of `aosm.toml`; an image that both name is told with both places.
pub(crate) fn join_images(input: Vec<ExtraImage>, settings: Vec<ExtraImage>, faults: &mut Faults) -> Vec<ExtraImage> {
    let mut joined = input;
    for image in settings {
        match joined
            .iter()
            .find(|other| other.named_in != image.named_in && other.reference.value == image.reference.value)
        {
            Some(first) => {
                let reference = check::shorten(&image.reference.value);
                let fault = Fault::invalid(format!("image {reference}: named in both files"))
                    .hint("leave it out here: the input file has it");
                let (at, first) = (image.reference.place.clone(), first.reference.place.clone());
                faults.push(with_first(fault, at, first, "the other"));
            }
            None => joined.push(image),
        }
    }
    joined
}

fn network(root: &View<'_>, resolver: Resolver<'_>, faults: &mut Faults) -> Network {
    let Some(view) = root.table("network") else {
        return Network::default();
    };
    let mut file = |key: &str, what: &str| charts::file_path(&view.text(key)?, what, &view, resolver, faults);
    let ca_file = file("ca-file", "CA file");
    let client_certificate = file("client-certificate", "client certificate");
    let proxy = view.text("proxy");
    if let Some(proxy) = &proxy {
        check_proxy(proxy, faults);
    }
    Network {
        proxy,
        no_proxy: view.plain_texts("no-proxy"),
        ca_file,
        client_certificate,
        plain_http: plain_http(&view, faults),
        requests_per_second: view
            .number("requests-per-second")
            .and_then(|number| u32::try_from(number).ok()),
    }
}

/// The proxy may carry a password, so messages do not repeat it.
fn check_proxy(proxy: &Spanned<String>, faults: &mut Faults) {
    let why = match url::Url::parse(&proxy.value) {
        Ok(url) if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") => "its scheme is not supported",
        Ok(url) if url.host_str().is_none_or(str::is_empty) => "it names no host",
        Ok(_) => return,
        Err(_) => "it is no URL",
    };
    faults.push(
        Fault::invalid(format!("network.proxy: {why}"))
            .at_opt(proxy.place.clone())
            .hint("write it like `http://proxy.example:3128`"),
    );
}

fn plain_http(view: &View<'_>, faults: &mut Faults) -> Vec<String> {
    let mut hosts = Vec::new();
    for text in view.texts("plain-http") {
        let named = if mask::has_user_info(&text.value) {
            Err("user and password do not belong here".to_owned())
        } else {
            let rest = text
                .value
                .trim()
                .trim_start_matches("http://")
                .trim_end_matches('/')
                .to_ascii_lowercase();
            names::host(&rest).map(|()| rest)
        };
        match named {
            Ok(host) => hosts.push(host),
            Err(why) => faults.push(
                Fault::invalid(format!("network.plain-http: {why}"))
                    .at_opt(text.place)
                    .hint("write the host with its port: `registry.example:5000`"),
            ),
        }
    }
    hosts
}
