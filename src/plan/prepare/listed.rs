//! A chart that a list names: packed, and nothing else.

use std::sync::Arc;

use super::package::{Keys, Package, for_package, packed};
use crate::chart::ChartTree;
use crate::discover::Discovered;
use crate::fault::{Fault, Faults};
use crate::plan::Session;
use crate::project::{ChartPackage, Listed};

/// A chart of a list is packed and nothing else: the list says which images there are. It must be the chart that is listed, as it is
/// pushed under the name and version of its `Chart.yaml`.
pub(super) async fn of_list(
    session: &Arc<Session>,
    index: usize,
    package: &ChartPackage,
    listed: &Listed,
    tree: Arc<ChartTree>,
) -> Result<Package, Faults> {
    let mut faults = Faults::new();
    if let Some(as_listed) = listed.charts.get(&package.name.value) {
        for (what, wanted, is) in [
            ("name", &as_listed.name, tree.name()),
            ("version", &as_listed.version, tree.version()),
        ] {
            if wanted.value != is {
                faults.push(
                    Fault::invalid(format!(
                        "chart {}: is listed with the {what} {}, and its Chart.yaml says {is}",
                        package.name.value, wanted.value
                    ))
                    .at_opt(wanted.place.clone())
                    .hint(
                        "a chart is pushed under what its Chart.yaml says: correct the path, or build the list again",
                    ),
                );
            }
        }
    }
    faults.into_result(()).map_err(|faults| for_package(faults, package))?;
    let (output, key) = packed(session, package, &tree).await?;
    Ok(Package {
        index,
        name: package.name.value.clone(),
        tree,
        discovered: Arc::new(Discovered::default()),
        chart: Some(output),
        keys: Keys {
            render: None,
            discover: None,
            package: Some(key),
        },
        fetched: Vec::new(),
    })
}
