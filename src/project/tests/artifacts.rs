//! `[[artifacts]]`, `[[attachments]]` and `[copy]`.

use super::*;

fn with(text: &str) -> Folder {
    toml(text)
        .with("vm.json", TEMPLATE)
        .with("vm.bicep", "param x string")
        .with("docs/readme.md", "hello")
        .with("docs/folder/a.txt", "a")
}

#[test]
fn an_artifact_is_read_with_its_files_and_defaults() {
    let folder = with(concat!(
        "[[artifacts]]\nname = \"samples/a\"\nversion = \"v1\"\nartifact-type = \"readme/example\"\n",
        "files = [{ path = \"docs/readme.md\" }, { path = \"./docs/folder/\", title = \"f\", media-type = \"a/b\" }]\n",
        "annotations = { \"com.example\" = \"\" }\n",
        "[[artifacts]]\nname = \"vm\"\nversion = \"1.0.0\"\nkind = \"arm-template\"\nfiles = [{ path = \"vm.json\" }]\n",
    ));
    let project = folder.clean();
    let [first, second] = project.artifacts.as_slice() else {
        panic!("{:?}", project.artifacts)
    };
    assert_eq!(
        (first.kind, first.artifact_type.as_deref()),
        (ArtifactType::OciArtifact, Some("readme/example"))
    );
    let titles: Vec<&str> = first.files.iter().map(|file| file.title.as_str()).collect();
    assert_eq!(titles, ["docs/readme.md", "f"]);
    assert_eq!(first.files[0].path.value, folder.path.join("docs/readme.md"));
    assert_eq!(first.files[1].media_type.as_deref(), Some("a/b"));
    assert_eq!(first.annotations["com.example"], "");
    assert_eq!(
        (second.kind, second.files[0].title.as_str()),
        (ArtifactType::ArmTemplate, "vm.json")
    );
}

#[test]
fn a_file_elsewhere_is_titled_by_its_last_part() {
    let folder = Folder::new().with("outside.txt", "x").with(
        "inner/aosm.toml",
        "[[artifacts]]\nname = \"a\"\nversion = \"1\"\nfiles = [{ path = \"../outside.txt\" }]\n",
    );
    let options = LoadOptions {
        folder: folder.path.join("inner"),
        current_dir: folder.path.join("inner"),
        ..folder.options()
    };
    let (project, _) = load(&options).unwrap();
    assert_eq!(project.artifacts[0].files[0].title, "outside.txt");
}

#[test]
fn attachments_name_what_they_are_attached_to() {
    let table = [
        ("image:release/a:1", Subject::Image("release/a:1".into())),
        ("chart:app", Subject::Chart("app".into())),
        ("artifact:x", Subject::Artifact("x".into())),
        ("lab:release/a:1", Subject::Reference("lab:release/a:1".into())),
        ("x.io/a:1", Subject::Reference("x.io/a:1".into())),
    ];
    for (text, subject) in table {
        let folder = with(&format!(
            "{APP}[[attachments]]\nsubject = \"{text}\"\nartifact-type = \"sbom/example\"\nfiles = [{{ path = \"vm.json\" }}]\n"
        ));
        assert_eq!(folder.clean().attachments[0].subject.value, subject, "{text}");
    }
}

#[test]
fn one_wrong_thing_in_an_artifact_gives_one_error_with_its_place_and_a_hint() {
    let good = "name = \"a\"\nversion = \"1.0.0\"\n";
    let file = "files = [{ path = \"vm.json\" }]\n";
    let table: &[(String, &str)] = &[
        (
            format!("name = \"A\"\nversion = \"1\"\n{file}"),
            "artifacts.name: `A` is no repository name",
        ),
        (
            format!("name = \"a\"\nversion = \"a b\"\n{file}"),
            "artifacts.version: a tag has at most",
        ),
        (
            format!("name = \"a\"\nversion = \"1.0\"\nkind = \"arm-template\"\n{file}"),
            "artifacts.version: AOSM takes only three numbers joined by dots for a template, not `1.0`",
        ),
        (
            format!("name = \"a\"\nversion = \"1-0-0\"\nkind = \"image-file\"\n{file}"),
            "artifacts.version: AOSM takes only three numbers joined by dots, `~` before them or not, for an image file",
        ),
        (
            format!("name = \"a\"\nversion = \"~1.0.0\"\nkind = \"image-file\"\n{file}"),
            "artifacts.version: no registry takes a tag that begins with `~`",
        ),
        (
            format!("{good}kind = \"arm\"\n{file}"),
            "artifacts.kind: `arm` is none of the possible words",
        ),
        (good.to_owned(), "artifacts: `files` is missing"),
        (
            format!("{good}files = [{{ path = \"absent\" }}]\n"),
            "file absent: there is no such file or folder",
        ),
        (
            format!("{good}files = [{{ title = \"x\" }}]\n"),
            "artifacts.files: `path` is missing",
        ),
        (
            format!("{good}files = [{{ path = \"vm.json\", title = \"../x\" }}]\n"),
            "artifacts.files.title: `../x` climbs out",
        ),
        (
            format!("{good}files = [{{ path = \"vm.json\", title = \"C:/x\" }}]\n"),
            "artifacts.files.title: `C:/x` is an absolute path",
        ),
        (
            format!("{good}files = [{{ path = \"vm.json\", media-type = \"json\" }}]\n"),
            "artifacts.files.media-type: `json` is no media type",
        ),
        (
            format!("{good}files = [{{ path = \"vm.json\" }}, {{ path = \"docs/readme.md\", title = \"vm.json\" }}]\n"),
            "artifacts.files: two are titled `vm.json`",
        ),
        (
            format!("{good}artifact-type = \"x\"\n{file}"),
            "artifacts.artifact-type: `x` is no media type",
        ),
        (
            format!("{good}annotations = {{ a = 5 }}\n{file}"),
            "artifacts.annotations.a: expected text, found a number",
        ),
        (
            format!("{good}annotations = {{ \"\" = \"5\" }}\n{file}"),
            "artifacts.annotations: a key is empty",
        ),
        (
            format!("{good}store = \"nowhere\"\n{file}"),
            "store nowhere: the project has none of this name",
        ),
        (
            format!("{good}kind = \"arm-template\"\nfiles = [{{ path = \"docs\" }}]\n"),
            "template docs: is a folder",
        ),
        (
            format!("{good}kind = \"arm-template\"\nfiles = [{{ path = \"vm.json\", media-type = \"a/b\" }}]\n"),
            "template vm.json: its media type is fixed",
        ),
        (
            format!("{good}kind = \"arm-template\"\nfiles = []\n"),
            "artifacts.files: a template is one file, these are 0",
        ),
        (
            format!("{good}kind = \"arm-template\"\nartifact-type = \"a/b\"\n{file}"),
            "artifacts.artifact-type: has no place in a template",
        ),
    ];
    for (text, expected) in table {
        let error = with(&format!("{APP}[[artifacts]]\n{text}")).error();
        assert!(error.contains(expected), "{text}\n{error}\n{expected}");
        assert!(error.starts_with("aosm.toml:") && !error.ends_with("/ -"), "{error}");
    }
}

#[test]
fn an_artifact_named_twice_is_an_error_with_both_places() {
    let one = "[[artifacts]]\nname = \"a\"\nversion = \"1.0.0\"\nfiles = [{ path = \"vm.json\" }]\n";
    let error = with(&format!("{one}{one}")).error();
    assert_eq!(
        error,
        "aosm.toml:6:8 aosm.toml:2:8 artifact a: named twice / give one of the two another name"
    );
}

#[test]
fn one_wrong_thing_in_an_attachment_gives_one_error() {
    let table = [
        ("artifact-type = \"a/b\"\n", "attachments: `subject` is missing"),
        ("subject = \"chart:app\"\n", "attachments: `artifact-type` is missing"),
        (
            "subject = \"chart:\"\nartifact-type = \"a/b\"\n",
            "attachments.subject: `chart:` names nothing",
        ),
        (
            "subject = \"chart:app\"\nartifact-type = \"b\"\n",
            "attachments.artifact-type: `b` is no media type",
        ),
        (
            "subject = \"chart:app\"\nartifact-type = \"a/b\"\nfiles = [{ path = \"absent\" }]\n",
            "file absent: there is no such file",
        ),
        (
            "subject = \"chart:app\"\nartifact-type = \"a/b\"\nstore = \"x\"\n",
            "attachments.store: unknown key",
        ),
    ];
    for (text, expected) in table {
        let error = with(&format!("{APP}[[attachments]]\n{text}")).error();
        assert!(error.contains(expected), "{text}\n{error}");
    }
}

#[test]
fn copying_reads_platforms_and_referrers() {
    let read = |text: &str| with(&format!("{APP}[copy]\n{text}")).clean().copy;
    assert_eq!(read("referrers = \"none\"").referrers, Referrers::None);
    assert_eq!(read("referrers = \"all\"").referrers, Referrers::All);
    assert_eq!(read("concurrency = 2").referrers, Referrers::All);
    assert_eq!(
        read("referrers = [\"a/b\"]").referrers,
        Referrers::Types(vec!["a/b".into()])
    );
    let platforms: Vec<String> = read("platforms = [\"linux/amd64\", \"linux/arm/v7\"]")
        .platforms
        .into_iter()
        .map(|platform| platform.value)
        .collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm/v7"]);
    for (text, expected) in [
        ("platforms = [\"amd64\"]", "copy.platforms: `amd64` is no platform"),
        (
            "referrers = \"some\"",
            "copy.referrers: `some` is none of the possible words",
        ),
        ("referrers = []", "copy.referrers: the list is empty"),
        ("referrers = [\"sbom\"]", "copy.referrers: `sbom` is no media type"),
        (
            "referrers = 5",
            "copy.referrers: expected text or a list of texts, found a number",
        ),
    ] {
        let error = with(&format!("{APP}[copy]\n{text}")).error();
        assert!(error.contains(expected), "{text}\n{error}");
    }
}
