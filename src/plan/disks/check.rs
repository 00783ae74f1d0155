//! The `validate` steps: is each file a disk image that Azure takes? Two short reads a file, each time.

use crate::engine::cpu;
use crate::fault::{Fault, Faults};
use crate::plan::Session;
use crate::project::{Project, VhdConfig, VhdSource};
use crate::vhd::{Problem, check_file};

/// Checks all files of a project. Everything that is wrong with any of them comes back together.
pub fn check_disks(project: &Project) -> Faults {
    project.vhds.iter().flat_map(problems).collect()
}

/// The same of one, on a thread that may wait for a disk.
pub(super) async fn check(session: &Session, vhd: &VhdConfig) -> Result<Vec<Fault>, Fault> {
    session.stopped()?;
    let vhd = vhd.clone();
    cpu(move || problems(&vhd)).await
}

fn problems(vhd: &VhdConfig) -> Vec<Fault> {
    let VhdSource::File(file) = &vhd.source else {
        return Vec::new();
    };
    let place = || file.place.clone().or_else(|| vhd.name.place.clone());
    match check_file(&file.value) {
        Ok(problems) => problems
            .iter()
            .map(|problem| told(vhd, problem).at_opt(place()))
            .collect(),
        Err(fault) => vec![match place() {
            Some(place) => fault.label(place, format!("the disk image {}", vhd.name.value)),
            None => fault,
        }],
    }
}

fn told(vhd: &VhdConfig, problem: &Problem) -> Fault {
    Fault::invalid(format!("disk image {}: {}", vhd.name.value, problem.message)).hint(&problem.repair)
}
