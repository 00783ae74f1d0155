//! `schema`: JSON schemas of the project files and of every document that is printed.

use super::Ended;
use crate::fault::{Fault, Kind};
use crate::report::Screen;
use crate::schemas;

pub fn run(screen: &Screen, name: Option<&str>) -> Ended {
    let all = schemas::all();
    let Some(name) = name else {
        let names: Vec<&str> = all
            .iter()
            .map(|(name, _)| name.trim_end_matches(".schema.json"))
            .collect();
        screen.result(&names.join("\n"));
        return Ok(0);
    };
    let wanted = format!("{}.schema.json", name.trim_end_matches(".schema.json"));
    let Some((_, text)) = all.iter().find(|(file, _)| *file == wanted) else {
        let names: Vec<&str> = all
            .iter()
            .map(|(name, _)| name.trim_end_matches(".schema.json"))
            .collect();
        return Err(Fault::new(Kind::Usage, format!("there is no schema {name:?}"))
            .hint(format!("one of: {}", names.join(", ")))
            .into());
    };
    screen.result(text);
    Ok(0)
}
