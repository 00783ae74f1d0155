//! No signature in anything that a run with disk images writes: not on the screen, not in a file, not in the process list,
//! whatever goes wrong and however much is told.

use std::time::Duration;

use crate::support::blob_server::{BlobServer, CopyPlan, Fault, Rule, SIGNATURE};
use crate::support::vhd::Vhd;
use crate::support::*;

const VARIABLE: &str = "DISKS_SAS";
const SOURCE: &str = "SOURCE_SAS";
const MIB: u64 = 1 << 20;

/// A project with a disk image, and a server that misbehaves.
struct Bench {
    project: Project,
    server: BlobServer,
}

impl Bench {
    fn new() -> Self {
        let project = Project::new();
        Vhd::new(2 * MIB).random(0, 100_000, 1).write(&project.path("disk.vhd"));
        Self {
            project,
            server: BlobServer::start(&["c"]),
        }
    }

    fn run(&self, arguments: &[&str]) -> Aosm {
        self.project
            .aosm(arguments)
            .env(VARIABLE, self.server.url("c"))
            .env(SOURCE, self.server.url("c/source.vhd"))
            .env("RUST_BACKTRACE", "full")
            .env("RUST_LOG", "trace")
    }

    fn upload(&self) -> Aosm {
        self.run(&[
            "vhd",
            "upload",
            "disk.vhd",
            "--sas-env",
            VARIABLE,
            "--blob",
            "a.vhd",
            "-vv",
        ])
    }

    fn copy(&self) -> Aosm {
        self.run(&[
            "vhd",
            "copy",
            "--from-env",
            SOURCE,
            "--sas-env",
            VARIABLE,
            "--blob",
            "b.vhd",
            "-vv",
        ])
    }
}

/// A signature in all the forms that it could be written in.
fn forms(signature: &str) -> Vec<String> {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let once = encode(signature);
    let core = signature.trim_end_matches('=').to_owned();
    // Its first half too: nothing may show a part of it.
    let half = core.chars().take(core.len() / 2).collect();
    vec![encode(&once), once, core, half]
}

/// Fails when the signature is anywhere in what the run said or left on the disk.
fn assert_nowhere(project: &Project, output: &Output, signature: &str, when: &str) {
    let scratch = project.folder();
    let scratch = scratch.parent().expect("the scratch folder");
    for form in forms(signature) {
        for (what, text) in [("standard output", &output.stdout), ("standard error", &output.stderr)] {
            assert!(!text.contains(&form), "{when}: {form} is on {what}: {output}");
        }
        let held = snapshot::holding(scratch, &form);
        assert_eq!(held, Vec::<std::path::PathBuf>::new(), "{when}: {form}");
    }
}

#[test]
fn a_search_for_signatures_can_fail() {
    let project = Project::new();
    project.write(".aosm/state/x", format!("at {SIGNATURE} it stands"));
    let found = forms(SIGNATURE)
        .iter()
        .any(|form| !snapshot::holding(&project.folder(), form).is_empty());
    assert!(found);
}

#[test]
fn failing_uploads_do_not_show_the_signature() {
    let lasting = |fault: Fault| Rule::next("", fault).times(1000);
    let at_pages = |fault: Fault| Rule::next("PUT page", fault).times(1000);
    let code = |status, text: &str| Fault::Refuse(status, text.to_owned(), None);
    let repeated = format!("https://d/c?sig={}", forms(SIGNATURE)[1]);
    let cases = [
        ("refused", Some(lasting(code(403, "AuthenticationFailed")))),
        ("firewall", Some(lasting(code(403, "AuthorizationFailure")))),
        ("unknown", Some(lasting(code(401, "NoAuthenticationInformation")))),
        ("a service that repeats it", Some(lasting(code(400, &repeated)))),
        ("a service that repeats it bare", Some(at_pages(code(400, SIGNATURE)))),
        (
            "refused in the middle",
            Some(at_pages(code(403, "AuthorizationPermissionMismatch"))),
        ),
        ("reset", Some(at_pages(Fault::ResetBefore))),
        (
            "broken off",
            Some(Rule::next("GET pagelist", Fault::Cut(10)).times(1000)),
        ),
        ("failing", Some(at_pages(code(500, "InternalError")))),
        ("good", None),
    ];
    // Each tries again for a while: side by side.
    std::thread::scope(|scope| {
        for (when, rule) in cases {
            scope.spawn(move || {
                let bench = Bench::new();
                let good = rule.is_none();
                bench.server.service().rules.extend(rule);
                let output = bench.upload().run();
                assert_eq!(output.code() == 0, good, "{when}: {output}");
                assert!(!bench.server.service().log.is_empty(), "{when}: it got there");
                assert_nowhere(&bench.project, &output, SIGNATURE, when);
            });
        }
    });
}

#[test]
fn signatures_that_are_no_use_are_not_shown() {
    let bench = Bench::new();
    let good = bench.server.url("c");
    let signature = forms(SIGNATURE)[1].clone();
    for (when, url) in [
        ("cut off in front", good.trim_start_matches("http://").to_owned()),
        ("alone", format!("?sv=2024-11-04&sr=c&sig={signature}")),
        ("in quotes", format!("'{good}'")),
        ("with a blank", good.replace("&se", " &se")),
        ("escaped", good.replace('&', "&amp;")),
        ("without version", good.replace("sv=2024-11-04&", "")),
        ("of a blob", good.replace("sr=c", "sr=b")),
        ("expired", good.replace("2100", "2001")),
        ("without rights", good.replace("sp=racwd", "sp=l")),
        ("as login", good.replace("http://", &format!("http://x:{signature}@"))),
        ("as host", format!("http://{signature}/c")),
        ("as fragment", format!("{good}#{signature}")),
        ("of no machine", good.replace("127.0.0.1", "127.0.0.1.invalid")),
        ("in plain http elsewhere", good.replace("127.0.0.1", "192.0.2.1")),
        (
            "of a closed port",
            "http://127.0.0.1:9/devstoreaccount1/c".to_owned() + &good[good.find('?').unwrap()..],
        ),
    ] {
        let output = bench.upload().env(VARIABLE, &url).run();
        assert_ne!(output.code(), 0, "{when}: {output}");
        assert_nowhere(&bench.project, &output, SIGNATURE, when);
    }
    let file = temp_dir();
    let path = file.path().join("sas");
    for (when, text) in [
        ("of several", format!("A={good}\nB={good}\n")),
        ("of broken JSON", format!("{{\"A\": \"{good}\"")),
        ("open to others", good.replace("2100", "2001")),
    ] {
        std::fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap();
        let output = bench
            .run(&["vhd", "show", "--sas-file", path, "--blob", "a.vhd", "-vv"])
            .run();
        assert_ne!(output.code(), 0, "{when}: {output}");
        assert_nowhere(&bench.project, &output, SIGNATURE, when);
    }
}

#[test]
fn killed_and_stopped_uploads_leave_no_signature() {
    let bench = Bench::new();
    for number in [1, 3, 5, 7, 9] {
        let output = bench.upload().abort_at(number).run();
        assert_nowhere(&bench.project, &output, SIGNATURE, &format!("killed at {number}"));
    }
    bench.server.service().blobs.clear();
    bench
        .server
        .service()
        .rules
        .push(Rule::next("PUT page", Fault::HangBefore).times(100));
    let running = bench.upload().spawn();
    let limit = std::time::Instant::now() + Duration::from_secs(60);
    while bench.server.count("PUT page") == 0 {
        assert!(std::time::Instant::now() < limit, "it never wrote");
        std::thread::sleep(Duration::from_millis(20));
    }
    #[cfg(target_os = "linux")]
    {
        let line = std::fs::read(format!("/proc/{}/cmdline", running.id())).unwrap();
        let line = String::from_utf8_lossy(&line);
        assert!(line.contains("upload"), "{line}");
        assert!(forms(SIGNATURE).iter().all(|form| !line.contains(form)), "{line}");
    }
    running.interrupt();
    let output = running.wait();
    assert_ne!(output.code(), 0, "{output}");
    assert_nowhere(&bench.project, &output, SIGNATURE, "stopped");
}

#[test]
fn neither_signature_of_a_copy_is_shown() {
    for (when, plan) in [
        ("refused", CopyPlan::Refused(403, "CannotVerifyCopySource".into())),
        (
            "refused with its source",
            CopyPlan::Refused(409, format!("https://d/c?sig={SIGNATURE}")),
        ),
        (
            "failing",
            CopyPlan::Fails(
                1,
                format!("404 NotFound \"copy failed when reading https://d/c?sig={SIGNATURE}\""),
            ),
        ),
        ("good", CopyPlan::After(1)),
    ] {
        let bench = Bench::new();
        let disk = Vhd::new(2 * MIB).random(0, 100_000, 1).content();
        let length = disk.len() as u64;
        bench
            .server
            .service()
            .plant("/c/source.vhd", length, &[(0, disk.into())]);
        bench.server.service().copies = plan;
        let output = bench.copy().run();
        assert_eq!(output.code() == 0, when == "good", "{when}: {output}");
        assert!(bench.server.count("PUT copy") > 0, "{when}: {output}");
        assert_nowhere(&bench.project, &output, SIGNATURE, when);
        if when == "good" {
            // The service repeats the source with its signature.
            let output = bench
                .run(&["vhd", "show", "--sas-env", VARIABLE, "--blob", "b.vhd", "--json", "-vv"])
                .run()
                .ok();
            assert_nowhere(&bench.project, &output, SIGNATURE, "shown");
        }
    }
    let bench = Bench::new();
    let disk = Vhd::new(2 * MIB).random(0, 100_000, 1).content();
    bench
        .server
        .service()
        .plant("/c/source.vhd", disk.len() as u64, &[(0, disk.into())]);
    bench.server.service().copies = CopyPlan::Never;
    let running = bench.copy().spawn();
    let limit = std::time::Instant::now() + Duration::from_secs(60);
    while bench.server.count("PUT copy") == 0 {
        assert!(std::time::Instant::now() < limit, "it never began");
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = running.kill();
    assert_nowhere(&bench.project, &output, SIGNATURE, "killed while the service copies");
}

#[test]
fn the_emulator_refuses_and_nothing_is_shown() {
    let azurite = Azurite::shared();
    let container = azurite.container("secrets");
    let project = Project::new();
    Vhd::new(2 * MIB).random(0, 100_000, 1).write(&project.path("disk.vhd"));
    let arguments = [
        "vhd",
        "upload",
        "disk.vhd",
        "--sas-env",
        VARIABLE,
        "--blob",
        "a.vhd",
        "-vv",
    ];
    for (when, resource, sas, words) in [
        ("expired", container.as_str(), Sas::expired(), "the signature expired"),
        ("read only", &container, Sas::rights("r"), "w (write)"),
        (
            "not yet",
            &container,
            Sas::default().from(3600),
            "the signature is good from",
        ),
        ("no container", "nothing-here", Sas::default(), "container"),
    ] {
        let url = azurite.url(resource, &sas);
        let query: Vec<(String, String)> = url::form_urlencoded::parse(url.split_once('?').unwrap().1.as_bytes())
            .into_owned()
            .collect();
        let (_, signature) = query.iter().find(|(name, _)| name == "sig").unwrap();
        let output = project.aosm(&arguments).env(VARIABLE, &url).run();
        assert_ne!(output.code(), 0, "{when}: {output}");
        assert!(output.stderr.contains(words), "{when}: {output}");
        assert_nowhere(&project, &output, signature, when);
    }
}
