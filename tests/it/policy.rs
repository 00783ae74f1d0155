//! `[policy]`: every rule against real registries, in `plan`, `apply` and `check`.

use serde_json::Value;

use crate::documents::fits;
use crate::support::*;

const SIGNATURE: &str = "application/vnd.cncf.notary.signature";

/// Two images in a registry: `a:1.0.0` has two platforms and a signature, `b:dev` has one platform and nothing.
struct Scene {
    project: Project,
    host: String,
    from: String,
    image: Image,
}

impl Scene {
    fn new(settings: &str) -> Self {
        let registry = Registry::shared(Kind::Native);
        let from = registry.unique("policy");
        let image = ImageSpec::new(810).layers(&[3000]).multi_platform();
        registry.push(&image, &format!("{from}/a"), "1.0.0");
        let signature = Image::referrer(image.root(), SIGNATURE, b"signature");
        registry.push(&signature, &format!("{from}/a"), "signature");
        let plain = ImageSpec::new(811).layers(&[2000]).platform("linux", "amd64").build();
        registry.push(&plain, &format!("{from}/b"), "dev");
        let project = Project::new();
        let scene = Self {
            project,
            host: registry.host(),
            from,
            image,
        };
        charts::write(&scene.project, "app", "app", "1.0.0", &["x.example/b:dev"]);
        scene.set(settings);
        scene
    }

    fn set(&self, settings: &str) {
        self.project.write(
            "aosm.toml",
            format!(
                "[project]\nname = \"judged\"\nimage-sources = [\"{}/{}\"]\n[[images]]\nreference = \"x.example/a:1.0.0\"\n\
                 [[charts]]\nname = \"app\"\npath = \"app\"\n{settings}\n",
                self.host, self.from
            ),
        );
    }

    fn plan(&self, code: i32) -> Value {
        let document = self.project.run(&["plan", "--json"]).expect(code).json();
        fits(&self.project, "plan", &document);
        document
    }
}

/// A step of a plan by the end of its id.
fn step<'a>(plan: &'a Value, end: &str) -> &'a Value {
    let steps = plan["steps"].as_array().unwrap();
    let found = steps.iter().find(|step| step["id"].as_str().unwrap().ends_with(end));
    found.unwrap_or_else(|| panic!("no step {end}: {plan:#}"))
}

/// The rules that a step breaks, with their level.
fn broken(step: &Value) -> Vec<String> {
    let reasons = step["reasons"].as_array().unwrap().iter();
    reasons
        .filter(|reason| reason["type"] == "policy")
        .map(|reason| {
            format!(
                "{} {}",
                reason["rule"].as_str().unwrap(),
                reason["level"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn without_any_policy_a_tag_that_moves_is_one_warning_and_nothing_stops() {
    let scene = Scene::new("");
    let output = scene.project.run(&["plan"]).ok();
    assert_eq!(output.stderr.matches("warning:").count(), 1, "{output}");
    let output = output.says("image x.example/b:dev: the tag `dev` may name another image tomorrow");
    let output = output
        .says("app/templates/")
        .says("rendered line")
        .says("in Deployment/");
    assert!(output.stdout.contains("policy deny-tags (warning)"), "{output}");
    let plan = scene.plan(0);
    assert_eq!(step(&plan, "/b:dev")["action"], "run");
    assert_eq!(broken(step(&plan, "/b:dev")), ["deny-tags warning"]);
    assert!(broken(step(&plan, "/a:1.0.0")).is_empty());
    scene.project.run(&["apply"]).ok().says("3 done");
    // It is there, and the warning stays.
    let plan = scene.plan(0);
    assert_eq!(step(&plan, "/b:dev")["action"], "fresh");
    assert_eq!(broken(step(&plan, "/b:dev")), ["deny-tags warning"]);
    scene
        .project
        .run(&["plan", "--detailed-exitcode"])
        .ok()
        .says("nothing to do");
}

#[test]
fn a_broken_rule_makes_its_step_invalid_and_stops_no_other() {
    let scene = Scene::new("[policy]\ndeny-tags = [\"d*\"]");
    let output = scene.project.run(&["plan"]).expect(4);
    let output = output.says("image x.example/b:dev: the tag `dev` is denied by `d*`");
    let output = output.says("the rule: deny-tags").says("aosm.toml");
    assert!(
        output.stderr.contains("[\"d*\"]"),
        "the line of the rule is shown: {output}"
    );
    assert_eq!(output.stderr.matches("error:").count(), 1, "{output}");
    let plan = scene.plan(4);
    let judged = step(&plan, "/b:dev");
    assert_eq!(
        (&judged["action"], &judged["effect"]),
        (&"invalid".into(), &"none".into())
    );
    assert_eq!(judged["transfer"], Value::Null);
    let reason = &judged["reasons"][0];
    assert_eq!(reason["reference"], "x.example/b:dev");
    assert!(
        reason["places"][0].as_str().unwrap().starts_with("app/templates/"),
        "{reason}"
    );
    assert_eq!(plan["summary"]["invalid"], 1);
    assert_eq!(step(&plan, "/a:1.0.0")["action"], "run");
    // The rest moves, what is refused does not, and what is there already counts as refused too.
    let applied = scene.project.run(&["apply", "--json"]).expect(4).json();
    fits(&scene.project, "apply", &applied);
    assert_eq!(applied["summary"]["done"], 2, "{applied:#}");
    assert_eq!(step(&applied, "/b:dev")["outcome"], "failed");
    let error = step(&applied, "/b:dev")["error"].as_str().unwrap();
    assert!(
        error.contains("deny-tags") && !error.contains("not in the store"),
        "{error}"
    );
    assert_eq!(scene.plan(4)["summary"]["fresh"], 2);
    scene.set("");
    scene.project.run(&["apply"]).ok();
    scene.set("[policy]\ndeny-tags = [\"dev\"]");
    assert_eq!(step(&scene.plan(4), "/b:dev")["action"], "invalid");
    // Nobody asked for it now.
    scene.project.run(&["plan", "--only", "*a:1.0.0"]).ok();
}

#[test]
fn each_rule_is_kept_by_one_image_and_broken_by_the_other() {
    let scene = Scene::new("");
    let limit = scene.image.size() - 1;
    let host = &scene.host;
    let from = &scene.from;
    let table = [
        ("deny-tags = []".to_owned(), vec![], vec![]),
        ("deny-tags = [\"1.*\"]".to_owned(), vec!["deny-tags error"], vec![]),
        (
            "deny-tags = []\nrequire-digest = true".to_owned(),
            vec!["require-digest error"],
            vec!["require-digest error"],
        ),
        (
            "deny-tags = []\nplatforms = [\"linux/amd64\", \"linux/arm64\"]".to_owned(),
            vec![],
            vec!["platforms error"],
        ),
        (
            "deny-tags = []\nrequire-referrer = [\"signature\"]".to_owned(),
            vec![],
            vec!["require-referrer error"],
        ),
        (
            format!("deny-tags = []\nrequire-referrer = [\"{SIGNATURE}\", \"sbom\"]"),
            vec!["require-referrer error"],
            vec!["require-referrer error", "require-referrer error"],
        ),
        (
            format!("deny-tags = []\ndeny-registries = [\"{host}/{from}/a\"]"),
            vec!["deny-registries error"],
            vec![],
        ),
        (
            format!("deny-tags = []\ndeny-registries = [\"{host}\"]"),
            vec!["deny-registries error"],
            vec!["deny-registries error"],
        ),
        (
            format!("deny-tags = []\nmax-size = \"{limit}\""),
            vec!["max-size error"],
            vec![],
        ),
    ];
    for (rules, of_a, of_b) in table {
        scene.set(&format!("[policy]\n{rules}"));
        let plan = scene.plan(if of_a.is_empty() && of_b.is_empty() { 0 } else { 4 });
        assert_eq!(broken(step(&plan, "/a:1.0.0")), of_a, "{rules}");
        assert_eq!(broken(step(&plan, "/b:dev")), of_b, "{rules}");
    }
}

#[test]
fn referrers_are_looked_for_even_if_none_are_copied() {
    let scene =
        Scene::new("[copy]\nreferrers = \"none\"\n[policy]\ndeny-tags = []\nrequire-referrer = [\"signature\"]");
    let plan = scene.plan(4);
    assert!(broken(step(&plan, "/a:1.0.0")).is_empty());
    assert_eq!(broken(step(&plan, "/b:dev")), ["require-referrer error"]);
}

#[test]
fn cosigns_tags_count_as_signatures() {
    let scene = Scene::new("[policy]\ndeny-tags = []\nrequire-referrer = [\"signature\"]");
    let registry = Registry::shared(Kind::Native);
    let (repository, cosign) = (format!("{}/b", scene.from), ImageSpec::new(812).layers(&[20]).build());
    assert_eq!(broken(step(&scene.plan(4), "/b:dev")), ["require-referrer error"]);
    let digest = registry.client().digest(&repository, "dev").unwrap();
    registry.push(&cosign, &repository, &format!("{}.sig", digest.replace(':', "-")));
    assert!(broken(step(&scene.plan(0), "/b:dev")).is_empty());
}

#[test]
fn a_size_is_that_of_what_is_copied() {
    let scene = Scene::new("");
    let limit = scene.image.size() - 1;
    scene.set(&format!("[policy]\ndeny-tags = []\nmax-size = \"{limit}\""));
    scene
        .project
        .run(&["plan"])
        .expect(4)
        .says("image x.example/a:1.0.0: it has")
        .says("aosm.toml");
    scene.set(&format!(
        "[copy]\nplatforms = [\"linux/amd64\"]\n[policy]\ndeny-tags = []\nmax-size = \"{limit}\""
    ));
    scene.plan(0);
}

#[test]
fn check_judges_what_needs_no_network_and_what_the_lock_knows() {
    let scene = Scene::new("[policy]\ndeny-tags = [\"dev\"]\nplatforms = [\"linux/arm64\"]\nrequire-digest = true");
    let registry = Registry::shared(Kind::Native);
    let mark = registry.mark();
    let output = scene.project.run(&["check"]).expect(4);
    let output = output.says("image x.example/b:dev: the tag `dev` is denied");
    // Two lack a digest, one has a denied tag; platforms are not known yet.
    assert_eq!(output.stderr.matches("error:").count(), 3, "{output}");
    output.silent_about("linux/arm64 is missing");
    assert_eq!(registry.since(mark).under(&scene.from).0.len(), 0);
    scene.project.run(&["lock"]).ok();
    let mark = registry.mark();
    let output = scene
        .project
        .run(&["check"])
        .expect(4)
        .says("image x.example/b:dev: linux/arm64 is missing");
    assert_eq!(output.stderr.matches("error:").count(), 4, "{output}");
    assert_eq!(registry.since(mark).under(&scene.from).0.len(), 0);
    scene.set("[policy]");
    let checked = scene.project.run(&["check", "--json"]).ok();
    fits(&scene.project, "check", &checked.json());
    assert_eq!(checked.json()["warnings"], 1, "{checked}");
}

#[test]
fn offline_without_a_lock_rules_stay_open_and_that_is_said() {
    let scene = Scene::new("[policy]\ndeny-tags = []\nplatforms = [\"linux/arm64\"]");
    let output = scene.project.run(&["plan", "--offline"]).ok();
    output
        .says("policy platforms: not judged for x.example/a:1.0.0, x.example/b:dev")
        .says("run once without --offline");
    scene.project.run(&["lock"]).ok();
    scene
        .project
        .run(&["plan", "--offline"])
        .expect(4)
        .silent_about("not judged")
        .says("image x.example/b:dev: linux/arm64 is missing; it has linux/amd64");
}

#[test]
fn an_exception_with_its_reason_lifts_a_rule() {
    let allow =
        "[[policy.allow]]\nreference = \"x.example/b:*\"\nrule = \"platforms\"\nreason = \"amd64 only, by contract\"\n";
    let scene = Scene::new(&format!(
        "[policy]\ndeny-tags = []\nplatforms = [\"linux/arm64\"]\n{allow}"
    ));
    scene.plan(0);
    scene.set(&format!(
        "[policy]\ndeny-tags = [\"dev\"]\nplatforms = [\"linux/arm64\"]\n{allow}"
    ));
    assert_eq!(broken(step(&scene.plan(4), "/b:dev")), ["deny-tags error"]);
    // One that is for nothing any more is told, unless only some steps were asked for.
    scene.set(&format!("[policy]\ndeny-tags = []\n{}", allow.replace("/b:", "/gone:")));
    for command in ["plan", "check"] {
        scene
            .project
            .run(&[command])
            .ok()
            .says("policy.allow: no image matches `x.example/gone:*`")
            .says("aosm.toml");
    }
    let some = scene.project.run(&["plan", "--only", "*b:dev"]).ok();
    some.silent_about("policy.allow");
}

#[test]
fn two_references_that_come_to_one_name_are_both_judged() {
    let twin = "[[images]]\nreference = \"y.example/a:1.0.0\"\n[[images]]\nreference = \"z.example/a:1.0.0\"\n";
    let allow = |reference: &str| {
        format!("[[policy.allow]]\nreference = \"{reference}\"\nrule = \"deny-tags\"\nreason = \"known\"\n")
    };
    let scene = Scene::new(&format!(
        "{twin}[policy]\ndeny-tags = [\"1.*\"]\n{}{}",
        allow("x.*"),
        allow("z.*")
    ));
    let plan = scene.plan(4);
    let judged = step(&plan, "/a:1.0.0");
    assert_eq!(broken(judged), ["deny-tags error"]);
    assert_eq!(judged["reasons"][0]["reference"], "y.example/a:1.0.0");
}

#[test]
fn what_is_attached_to_a_refused_image_is_blocked() {
    let scene = Scene::new(
        "[[attachments]]\nsubject = \"x.example/a:1.0.0\"\nartifact-type = \"sbom/example\"\nfiles = [{ path = \"sbom\" }]\n\
         [policy]\ndeny-tags = [\"1.*\"]\n",
    );
    scene.project.write("sbom", "bill");
    let plan = scene.plan(4);
    let attached = step(&plan, "/sbom/example");
    assert_eq!(attached["action"], "blocked", "{attached}");
    assert_eq!(plan["summary"]["blocked"], 1);
}

#[test]
fn a_bundle_is_not_written_while_a_rule_is_broken() {
    let scene = Scene::new("[policy]\ndeny-tags = [\"dev\"]");
    scene
        .project
        .run(&["export", "--bundle", "b.tar"])
        .expect(4)
        .says("the tag `dev` is denied");
    assert!(!scene.project.path("b.tar").exists());
    scene.set("");
    scene.project.run(&["export", "--bundle", "b.tar"]).ok();
    scene.set("[policy]\ndeny-tags = [\"dev\"]");
    scene.project.run(&["plan", "--from-bundle", "b.tar"]).ok();
}

#[test]
fn a_plan_says_the_same_from_every_folder_although_a_rule_is_broken() {
    let scene = Scene::new("[policy]\ndeny-tags = [\"1.0.0\", \"dev\"]");
    let here = scene.plan(4);
    assert_eq!(step(&here, "/a:1.0.0")["reasons"][0]["places"][0], "aosm.toml:5");
    let above = scene.project.folder().parent().unwrap().to_owned();
    let there = scene
        .project
        .aosm(&["-C", "project", "plan", "--json"])
        .current_dir(&above);
    assert_eq!(there.run().expect(4).json(), here);
    scene.project.run(&["why", "/b:dev"]).ok().says("policy deny-tags");
    // Which steps there are has nothing to do with it.
    scene.project.run(&["graph"]).ok().silent_about("deny-tags");
}
