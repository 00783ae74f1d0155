//! Problems that discovery found, as faults with their place in the rendered text.

use crate::discover::Problem;
use crate::fault::{Fault, Place, SourceFile};

/// Lines before the excerpt that are laid out empty, so that the line number comes out right.
const MAX_LINES: u64 = 1_000_000;

/// A problem as a fault. The excerpt is all of the rendered text that is shown.
pub fn fault(problem: &Problem) -> Fault {
    let message = &problem.message;
    let mut fault = if problem.error {
        Fault::invalid(message)
    } else {
        Fault::warning(message)
    };
    let template = if problem.template.is_empty() {
        &problem.package
    } else {
        &problem.template
    };
    let name = format!("{template} (rendered)");
    if problem.line > 0 && problem.line <= MAX_LINES && !problem.excerpt.is_empty() {
        let before = usize::try_from(problem.line - 1).unwrap_or(0);
        let text = format!("{}{}\n", "\n".repeat(before), problem.excerpt);
        let indent = problem.excerpt.len() - problem.excerpt.trim_start().len();
        let span = before + indent..before + problem.excerpt.trim_end().len();
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
        let fault = fault(&problem);
        let place = &fault.labels()[0].place;
        assert_eq!(place.to_string(), "contoso/templates/a.yaml (rendered):31:9");
    }
}
