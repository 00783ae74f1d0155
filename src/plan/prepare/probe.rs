//! Renders with other values, for finding out which values make which part of an image. Cached like all renders.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use serde_json::Value;

use super::package::Package;
use super::run::Tools;
use crate::cache::KeyDocument;
use crate::chart::{self, EffectiveValues, Rendering};
use crate::digest::Digest;
use crate::discover;
use crate::engine::cpu;
use crate::fault::{Fault, Kind};
use crate::plan::Session;
use crate::project::ChartPackage;
use crate::values::{self, Answer, Prober, Rendered};

/// The name of the output in the cache.
const ANSWER: &str = "answer.json";

/// Renders one package.
pub(in crate::plan) struct PackageProber {
    session: Arc<Session>,
    config: ChartPackage,
    package: Package,
    effective: Arc<EffectiveValues>,
    tools: Arc<Tools>,
    runs: AtomicUsize,
}

/// The tools that all probers of a run share: Helm is looked for once, and so many processes run at a time.
pub(in crate::plan) fn probing_tools() -> Arc<Tools> {
    Arc::new(Tools::new(false))
}

impl PackageProber {
    pub(in crate::plan) fn new(
        session: &Arc<Session>,
        config: &ChartPackage,
        package: &Package,
        effective: &Arc<EffectiveValues>,
        tools: &Arc<Tools>,
    ) -> Self {
        Self {
            session: Arc::clone(session),
            config: config.clone(),
            package: package.clone(),
            effective: Arc::clone(effective),
            tools: Arc::clone(tools),
            runs: AtomicUsize::new(0),
        }
    }

    /// Helm processes started so far.
    pub(in crate::plan) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    /// What the answer depends on: the plain render, the values over it (as a digest: lists in them are the package's
    /// own), and how images are found.
    fn key(&self, over: &Value) -> KeyDocument {
        let rules = serde_json::to_string(&self.session.project.discovery).unwrap_or_default();
        let mut key = KeyDocument::new("values-probe", values::REVISION);
        if let Some(render) = &self.package.keys.render {
            key = key.input("render", render.key());
        }
        key.input("values", Digest::of(over.to_string().as_bytes()))
            .field("discover", discover::REVISION.to_string())
            .field("package", self.package.name.clone())
            .field("rules", rules)
    }

    async fn ask(&self, over: &Value) -> Result<(Answer, bool), Fault> {
        let helm = self.tools.helm(&self.session).await?;
        let _permit = self.tools.helm_permit().await;
        self.session.stopped()?;
        self.runs.fetch_add(1, Ordering::SeqCst);
        let rendering = chart::render_over(
            &helm,
            &self.config,
            &self.package.tree,
            &self.session.project.render_limits,
            &self.effective.values,
            over,
            &self.session.scratch(),
            &self.session.cancel,
        )
        .await;
        let text = match rendering {
            Ok(Rendering::Text(text)) => text,
            Ok(Rendering::Refused(fault)) => return Ok((Answer::Refused(words(&fault)), true)),
            // Too slow or too much with these values: another time it may not be, so it is not kept.
            Err(fault) if fault.kind() == Kind::Invalid => return Ok((Answer::Refused(words(&fault)), false)),
            Err(fault) => return Err(fault),
        };
        let (name, rules) = (self.package.name.clone(), self.session.project.discovery.clone());
        let rendered = cpu(move || {
            let text = chart::blank_secrets(&text);
            Rendered {
                discovered: discover::discover(&text, &name, &rules),
                pull_secrets: discover::pull_secrets(&text),
            }
        })
        .await?;
        Ok((Answer::Rendered(rendered), true))
    }
}

#[async_trait]
impl Prober for PackageProber {
    async fn probe(&self, over: &Value) -> Result<Answer, Fault> {
        let key = self.key(over);
        let cached = self.session.cache.lookup(&key.key()).and_then(|result| {
            let bytes = self.session.cache.output(result.output(ANSWER)?)?;
            serde_json::from_slice::<Answer>(&bytes).ok()
        });
        if let Some(answer) = cached {
            return Ok(answer);
        }
        let (answer, lasts) = self.ask(over).await?;
        if lasts {
            let bytes = serde_json::to_vec(&answer).unwrap_or_default();
            self.session.cache.store(&key, &[(ANSWER, &bytes)])?;
        }
        Ok(answer)
    }
}

/// A refusal in Helm's own words where it has some.
fn words(fault: &Fault) -> String {
    match fault.causes() {
        [] => fault.message().to_owned(),
        causes => causes.join(": "),
    }
}
