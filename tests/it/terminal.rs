//! What a person at a terminal sees, and Ctrl-C.
#![cfg(unix)]

use std::time::{Duration, Instant};

use crate::support::*;

/// A layer large enough to be on its way for a while.
fn image() -> Image {
    ImageSpec::new(401).layers(&[400_000, 200]).multi_platform()
}

/// A source that stops in the middle of every large blob, a project with one small and one large image, and a store: a
/// registry's address, or none for the local one.
fn stuck(name: &str, store: Option<&str>) -> (Project, Faulty) {
    let registry = Registry::shared(Kind::Plain);
    let below = registry.unique(name);
    registry.push(&image(), &format!("{below}/large"), "1");
    registry.push(&ImageSpec::new(402).build(), &format!("{below}/small"), "1");
    let source = Faulty::before(&registry.host());
    let project = Project::new();
    charts::write(
        &project,
        "chart",
        "contoso",
        "1.0.0",
        &["r.example/large:1", "r.example/small:1"],
    );
    let target = store.map_or_else(String::new, |host| {
        format!("[stores.target]\nkind = \"registry\"\nregistry = \"{host}/{below}-to\"\n")
    });
    project.write(
        "aosm.toml",
        format!(
            "[project]\nimage-sources = [\"{}/{below}\"]\n[[charts]]\nname = \"contoso\"\npath = \"chart\"\n{target}",
            source.host()
        ),
    );
    let large = image().blobs[0].digest.clone();
    source.rule(
        Rule::new(Fault::HangAfter(100_000))
            .on("GET blob")
            .when(move |entry| entry.reference == large),
    );
    (project, source)
}

/// Waits for something, and fails when it never comes.
fn until(what: &str, mut come: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !come() {
        assert!(Instant::now() < limit, "{what} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Has the copy of the large image begun?
fn begun(source: &Faulty) -> bool {
    let large = image().blobs[0].digest.clone();
    source
        .traffic()
        .0
        .iter()
        .any(|entry| entry.is("GET blob") && entry.reference == large)
}

#[test]
fn ctrl_c_ends_a_copy_cleanly_and_the_next_run_converges() {
    let registry = Registry::shared(Kind::Plain);
    let host = registry.host();
    for store in [None, Some(host.as_str())] {
        let (project, source) = stuck("ctrl-c", store);
        let running = project
            .aosm(&["apply", "--json"])
            .limit(Duration::from_secs(60))
            .spawn();
        until("the copy", || begun(&source));
        running.interrupt();
        let output = running.wait().expect(130);
        assert!(
            !output.stderr.contains("error:"),
            "an interruption is no error: {output}"
        );
        assert!(output.stderr.contains("stopping"), "{output}");
        let applied = output.json();
        let large = applied["steps"]
            .as_array()
            .unwrap()
            .iter()
            .find(|step| step["id"].as_str().unwrap().contains("large"));
        assert_ne!(large.unwrap()["outcome"], "done", "{applied}");
        assert!(project.path("aosm.lock").exists(), "what was located stays located");
        // Whatever has a name is whole.
        if store.is_none() {
            for name in layout::names(&project.path(".aosm/store")) {
                layout::read(&project.path(".aosm/store"), &name).unwrap();
            }
            assert!(!layout::names(&project.path(".aosm/store")).contains(&"large:1".to_owned()));
        }
        source.clear();
        project.run(&["apply"]).ok();
        project
            .run(&["apply"])
            .ok()
            .says("nothing to do: 3 artifacts up to date");
    }
}

#[test]
fn ctrl_c_twice_ends_at_once() {
    let (project, source) = stuck("twice", None);
    let mut running = project.aosm(&["apply"]).limit(Duration::from_secs(60)).spawn();
    until("the copy", || begun(&source));
    running.interrupt();
    until("the end", || {
        if !running.ended() {
            running.interrupt();
        }
        running.ended()
    });
    running.wait().expect(130);
    source.clear();
    project.run(&["apply"]).ok();
}

/// Something that says it is Helm 4, and takes forever to render.
fn slow_helm(project: &Project) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = project.home().join("slow-helm");
    let begun = project.home().join("begun");
    std::fs::write(
        &path,
        format!(
            "#!/bin/sh\ncase \"$1\" in\n  version) echo v4.0.0 ;;\n  *) echo >'{}'; sleep 600 ;;\nesac\n",
            begun.display()
        ),
    )
    .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn ctrl_c_while_helm_renders_is_no_failure_of_helm() {
    for arguments in [&["apply"][..], &["plan"], &["check"]] {
        let project = Project::new();
        charts::write(&project, "chart", "contoso", "1.0.0", &["r.example/one:1"]);
        project.write(
            "aosm.toml",
            "[project]\nimage-sources = [\"r.example\"]\n[[charts]]\nname = \"contoso\"\npath = \"chart\"\n",
        );
        let helm = slow_helm(&project);
        let running = project
            .aosm(arguments)
            .env("AOSM_HELM", helm)
            .limit(Duration::from_secs(60))
            .spawn();
        until("the rendering", || project.home().join("begun").exists());
        running.interrupt();
        let output = running.wait().expect(130).silent_about("helm template");
        assert!(!output.stderr.contains("failed"), "{output}");
    }
}

#[test]
fn ctrl_c_while_sources_are_asked_ends_with_130_and_no_lock() {
    let (project, source) = stuck("asked", None);
    source.rule(Rule::new(Fault::Hang).on("HEAD manifest"));
    for arguments in [&["plan"][..], &["apply"], &["lock"], &["images", "--locate"]] {
        let mark = source.mark();
        let running = project.aosm(arguments).limit(Duration::from_secs(60)).spawn();
        until("the question", || source.since(mark).count("HEAD manifest") > 0);
        running.interrupt();
        running.wait().expect(130);
        assert!(!project.path("aosm.lock").exists(), "{arguments:?}");
    }
}

#[test]
fn one_apply_at_a_time_and_plans_beside_it() {
    let (project, source) = stuck("held", None);
    let running = project.aosm(&["apply"]).limit(Duration::from_secs(120)).spawn();
    until("the copy", || begun(&source));
    let held = project.run(&["apply"]).expect(6).says("another apply is running");
    held.says(&running.id().to_string());
    project.run(&["plan"]).ok();
    project.run(&["images"]).ok();
    running.interrupt();
    running.wait().expect(130);
    source.clear();
    project.run(&["apply"]).ok();
}

#[test]
fn a_terminal_gets_a_live_display_and_a_clean_screen_at_the_end() {
    let project = Project::fixture("contoso-cnf");
    let (code, text) = terminal::run(project.aosm(&["apply"]).env("TERM", "xterm-256color").into_command());
    assert_eq!(code, 0, "{text}");
    assert!(text.contains('\u{1b}'), "{text}");
    assert!(text.contains("6 done"), "{text}");
    assert!(text.contains("applying") || text.contains("charts"), "{text}");
    let last = text.trim_end().lines().last().unwrap_or_default();
    assert!(last.contains("6 done"), "{last:?}");
    // Quiet, JSON and dumb terminals: no display.
    project.remove(".aosm");
    for (arguments, term) in [
        (&["apply", "--quiet"][..], "xterm"),
        (&["plan", "--json"], "xterm"),
        (&["plan"], "dumb"),
    ] {
        let (code, text) = terminal::run(project.aosm(arguments).env("TERM", term).into_command());
        assert_eq!(code, 0, "{text}");
        assert!(!text.contains('\u{1b}'), "{arguments:?}: {text:?}");
    }
}

#[test]
fn no_color_takes_the_colours_from_a_terminal() {
    let project = Project::fixture("contoso-cnf");
    let coloured = |text: &str| text.contains("\u{1b}[32m") || text.contains("\u{1b}[2m");
    let run = |project: &Project, name: &str, value: &str, arguments: &[&str]| {
        let command = project.aosm(arguments).env("TERM", "xterm-256color").env(name, value);
        terminal::run(command.into_command()).1
    };
    let plain = run(&project, "OTHER", "1", &["plan"]);
    assert!(coloured(&plain), "{plain:?}");
    assert!(!coloured(&run(&project, "NO_COLOR", "1", &["plan"])));
    assert!(
        coloured(&run(&project, "NO_COLOR", "", &["plan"])),
        "an empty one means nothing"
    );
    assert!(!coloured(&run(&project, "OTHER", "1", &["plan", "--color", "never"])));
    assert!(coloured(&run(
        &project,
        "NO_COLOR",
        "1",
        &["plan", "--color", "always"]
    )));
}
