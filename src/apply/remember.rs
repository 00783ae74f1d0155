//! After a run: receipts for `--offline`, history for `why`. Neither ever decides freshness while a store can be asked.

use std::collections::BTreeMap;

use crate::disk::remember::keep_receipt;
use crate::event::Event;
use crate::fault::Fault;
use crate::graph::{StepId, StepKind};
use crate::plan::{DiskContent, Planned, Session};
use crate::state::{History, Receipts, Remembered};

/// Remembers the steps that are in place now. Failing to remember is a warning.
pub(super) fn remember(session: &Session, planned: &Planned, done: &[usize]) {
    let mut receipts: BTreeMap<usize, Receipts> = BTreeMap::new();
    let folder = session.state.path("receipts");
    let mut history = History::load(&session.state.path("history"));
    for index in done {
        let (Some(target), Some(step)) = (planned.targets.get(*index), planned.plan.steps.get(*index)) else {
            continue;
        };
        // What is sealed is asked of the service each time.
        if target.kind == StepKind::Seal {
            continue;
        }
        let identity = match (planned.world.stores.get(&target.store), &planned.world.disks) {
            (Some(store), _) => store.identity().to_string(),
            (None, Some(disks)) => disks.identity(target.store),
            (None, None) => continue,
        };
        if let Some(disk) = &target.disk
            && let (Some(blob), Some(receipt)) = (&disk.blob, &disk.receipt)
        {
            keep_receipt(session.state.root(), &blob.label(), receipt);
        }
        // A chart with the same content under another digest stays what it is.
        let held = match step.action {
            crate::plan::Action::Fresh => step.observed.clone(),
            _ => step.desired.clone(),
        };
        receipts
            .entry(target.store)
            .or_insert_with(|| Receipts::load(&folder, &identity))
            .set(target.title.clone(), held);
        // What was read counts only once it is in place: until then `why` has to tell what changed.
        if let Some(DiskContent::File { key, .. }) = target.disk.as_ref().and_then(|disk| disk.content.as_ref()) {
            let id = StepId::local(StepKind::Inspect, &target.name.repository);
            let read = Remembered {
                key: Some(key.key()),
                ..Remembered::default()
            };
            history.set(id.as_str(), read);
        }
        let archive = target.chart.as_ref().map(|chart| chart.output.archive.clone());
        history.set(
            target.id.as_str(),
            Remembered {
                key: None,
                desired: step.desired.clone(),
                archive,
            },
        );
    }
    for package in &planned.prepared.packages {
        let mut keep = |kind, key: crate::digest::Digest, archive| {
            let id = StepId::local(kind, &package.name);
            history.set(
                id.as_str(),
                Remembered {
                    key: Some(key),
                    desired: None,
                    archive,
                },
            );
        };
        keep(StepKind::Render, package.keys.render.key(), None);
        keep(StepKind::Discover, package.keys.discover.key(), None);
        if let (Some(key), Some(chart)) = (&package.keys.package, &package.chart) {
            keep(StepKind::Package, key.key(), Some(chart.archive.clone()));
        }
    }
    for pack in planned.packs() {
        let key = Some(pack.key.key());
        let packed = Remembered {
            key,
            ..Remembered::default()
        };
        history.set(pack.id.as_str(), packed);
    }
    let mut results: Vec<Result<(), Fault>> = receipts.values().map(|receipts| receipts.save(&folder)).collect();
    results.push(history.save(&session.state.path("history")));
    for fault in results.into_iter().filter_map(Result::err) {
        session.events.emit(Event::Fault(
            Fault::warning("this run could not be remembered").because(fault),
        ));
    }
}
