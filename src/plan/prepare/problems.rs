//! Problems that discovery found, as faults with their place in the rendered text.

use crate::chart::{ChartTree, manifest_place};
use crate::discover::Problem;
use crate::fault::{Fault, Place, SourceFile};

/// Lines before the excerpt that are laid out empty, so that the line number comes out right.
const MAX_LINES: u64 = 1_000_000;

/// Stands for a line that is not kept.
const HIDDEN: &str = "(not shown: it may belong to a Secret)";

/// A problem of a package's rendered text as a fault. Ready-made manifests are shown as the files they are.
pub fn fault(problem: &Problem, tree: &ChartTree) -> Fault {
    let fault = in_rendered(problem);
    if tree.is_chart() {
        return fault;
    }
    let line = usize::try_from(problem.line).unwrap_or(0);
    match manifest_place(tree, line, problem.excerpt.is_empty().then_some(HIDDEN)) {
        Some(place) => in_file(problem, place),
        None => fault,
    }
}

fn in_file(problem: &Problem, place: Place) -> Fault {
    let fault = of_severity(problem).at(place);
    match &problem.hint {
        Some(hint) if hint.contains("rendered text") => fault.hint("correct this file"),
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

fn of_severity(problem: &Problem) -> Fault {
    if problem.error {
        Fault::invalid(&problem.message)
    } else {
        Fault::warning(&problem.message)
    }
}

/// The excerpt is all of the rendered text that is shown; none where it may be a Secret's.
fn in_rendered(problem: &Problem) -> Fault {
    let mut fault = of_severity(problem);
    let template = if problem.template.is_empty() {
        &problem.package
    } else {
        &problem.template
    };
    let name = format!("{template} (rendered)");
    let excerpt = if problem.excerpt.trim().is_empty() {
        HIDDEN
    } else {
        &problem.excerpt
    };
    if problem.line > 0 && problem.line <= MAX_LINES {
        let before = usize::try_from(problem.line - 1).unwrap_or(0);
        let text = format!("{}{excerpt}\n", "\n".repeat(before));
        let indent = excerpt.len() - excerpt.trim_start().len();
        let span = before + indent..before + excerpt.trim_end().len();
        fault = fault.at(Place::new(SourceFile::new(name, text), span));
    } else {
        fault = fault.at(Place::file_only(name));
    }
    match &problem.hint {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_has_the_line_of_the_rendered_text() {
        let problem = Problem {
            error: true,
            message: "no image".into(),
            package: "contoso".into(),
            template: "contoso/templates/a.yaml".into(),
            line: 31,
            excerpt: "        image: \"\"".into(),
            hint: None,
        };
        let fault = in_rendered(&problem);
        let place = &fault.labels()[0].place;
        assert_eq!(place.to_string(), "contoso/templates/a.yaml (rendered):31:9");
    }
}
