//! `dependencies = "build"`.

use super::server::{Answers, Server};
use super::*;
use crate::archive::write_tar_gz;
use crate::fault::Kind;

fn redis(version: &str) -> Vec<u8> {
    let yaml = format!("apiVersion: v2\nname: redis\nversion: {version}\n");
    let template = format!("kind: Pod\nspec: {{image: \"redis:{version}\"}}\n");
    write_tar_gz([
        ("redis/Chart.yaml".into(), yaml.as_bytes()),
        ("redis/templates/p.yaml".into(), template.as_bytes()),
    ])
    .unwrap()
}

fn repository() -> Server {
    Server::start(|address| {
        let mut index = String::from("apiVersion: v1\nentries:\n  redis:\n");
        let mut answers = Answers::new();
        for version in ["1.3.0", "1.2.0", "2.0.0"] {
            index.push_str(&format!(
                "  - {{apiVersion: v2, name: redis, version: {version}, urls: [\"http://{address}/redis-{version}.tgz\"]}}\n"
            ));
            answers.insert(
                format!("/redis-{version}.tgz"),
                ("application/gzip".into(), redis(version)),
            );
        }
        answers.insert("/index.yaml".into(), ("text/yaml".into(), index.into_bytes()));
        answers
    })
}

struct Project {
    chart: Folder,
    cache: Folder,
}

impl Project {
    fn new(dependencies: &str) -> Self {
        let chart = small_chart();
        chart.write(
            "c/Chart.yaml",
            format!("{CHART_YAML}dependencies:\n{dependencies}").as_bytes(),
        );
        Self {
            chart,
            cache: Folder::new(&[]),
        }
    }

    fn package(&self) -> ChartPackage {
        let mut package = package(&self.chart.join("c"));
        package.dependencies = Dependencies::Build;
        package
    }

    fn build(
        &self,
        helm: &Helm,
        records: &[FetchedDependency],
        offline: bool,
    ) -> Result<(ChartTree, Vec<FetchedDependency>), Faults> {
        let tree = load(&self.package(), &ReadFiles)?.0;
        let scratch = Folder::new(&[]);
        let context = FetchContext {
            helm,
            records,
            cache: &self.cache.path,
            scratch: &scratch.path,
            files: &ReadFiles,
            offline,
            cancel: &CancellationToken::new(),
        };
        let result = runtime().block_on(build_dependencies(tree, &context));
        assert_eq!(
            std::fs::read_dir(&scratch.path).unwrap().count(),
            0,
            "the scratch folder is left empty"
        );
        result
    }

    fn render(&self, tree: &ChartTree) -> String {
        render_with(
            &helm(),
            &self.package(),
            tree,
            &RenderLimits::default(),
            &CancellationToken::new(),
        )
        .unwrap()
    }

    fn files(&self) -> Vec<String> {
        tree_of_any(&self.chart.join("c"))
    }
}

fn tree_of_any(path: &Utf8Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in path.read_dir_utf8().unwrap().flatten() {
        names.push(entry.file_name().to_owned());
    }
    names.sort();
    names
}

/// A Helm that must not be started.
fn no_helm() -> Helm {
    let gone = Folder::new(&[("helm", "")]);
    #[cfg(unix)]
    let helm = fake_helm(&gone, "exit 1");
    #[cfg(not(unix))]
    let helm = Helm::find_in(Some(&gone.join("helm")), None, None).unwrap();
    drop(gone);
    helm
}

#[test]
fn what_is_fetched_goes_into_the_cache_and_never_into_the_chart() {
    let server = repository();
    let project = Project::new(&format!(
        "- {{name: redis, version: ^1.0.0, repository: \"http://{}\", alias: cache}}\n- {{name: redis, version: ^1.0.0, repository: \"http://{0}\", alias: queue}}\n",
        server.address
    ));
    let before = project.files();
    let (tree, records) = project.build(&helm(), &[], false).unwrap_or_else(|f| panic!("{f:?}"));
    assert_eq!(project.files(), before);
    assert_eq!(records.len(), 1);
    assert_eq!(
        (records[0].name.as_str(), records[0].version.as_str()),
        ("redis", "1.3.0")
    );
    assert_eq!(
        records[0].digest,
        Digest::of(&redis("1.3.0")),
        "byte for byte what the repository holds"
    );
    assert!(tree.missing().is_empty());
    let text = project.render(&tree);
    assert_eq!(text.matches("redis:1.3.0").count(), 2, "both aliases render:\n{text}");
    assert!(pack(&tree).is_ok());

    // With the records and the cache neither Helm nor the network is needed.
    let asked = server.asked.lock().unwrap().len();
    let again = project.build(&no_helm(), &records, true).unwrap();
    assert_eq!(again, (tree.clone(), records.clone()));
    assert_eq!(server.asked.lock().unwrap().len(), asked);

    // An empty cache is filled with what the records say.
    std::fs::remove_dir_all(&project.cache.path).unwrap();
    assert!(
        project
            .build(&no_helm(), &records, true)
            .unwrap_err()
            .iter()
            .all(|f| f.message().contains("not in the cache"))
    );
    assert_eq!(project.build(&helm(), &records, false).unwrap(), (tree, records));
}

#[test]
fn records_decide_the_version_and_a_changed_archive_is_noticed() {
    let server = repository();
    let project = Project::new(&format!(
        "- {{name: redis, version: 1.x, repository: \"http://{}\"}}\n",
        server.address
    ));
    let record = |digest: Digest| FetchedDependency {
        name: "redis".into(),
        version: "1.2.0".into(),
        url: format!("http://{}", server.address),
        digest,
    };
    let good = record(Digest::of(&redis("1.2.0")));
    assert_eq!(
        project.build(&helm(), &[good.clone()], false).unwrap().1,
        [good.clone()]
    );
    let fault = project
        .build(&helm(), &[record(Digest::of(b"other"))], false)
        .unwrap_err()
        .into_iter()
        .next()
        .unwrap();
    assert_eq!(fault.kind(), Kind::Stale);
    assert!(fault.message().contains("the lock says"), "{fault}");
    // A damaged cache entry is fetched again.
    project.cache.write(&format!("{}.tgz", good.digest.hex()), b"torn");
    assert_eq!(project.build(&helm(), &[good.clone()], false).unwrap().1, [good]);
    // A record that no longer fits the range does not count; neither does one of another repository.
    project.chart.write(
        "c/Chart.yaml",
        format!(
            "{CHART_YAML}dependencies:\n- {{name: redis, version: ^2, repository: \"http://{}\"}}\n",
            server.address
        )
        .as_bytes(),
    );
    assert_eq!(
        project
            .build(&helm(), &[record(Digest::of(&redis("1.2.0")))], false)
            .unwrap()
            .1[0]
            .version,
        "2.0.0"
    );
    // A Chart.lock settles what the range leaves open.
    project.chart.write(
        "c/Chart.yaml",
        format!(
            "{CHART_YAML}dependencies:\n- {{name: redis, version: 1.x, repository: \"http://{}\"}}\n",
            server.address
        )
        .as_bytes(),
    );
    project
        .chart
        .write("c/Chart.lock", b"dependencies:\n- name: redis\n  version: 1.2.0\n");
    assert_eq!(project.build(&helm(), &[], false).unwrap().1[0].version, "1.2.0");
}

#[test]
fn what_cannot_be_fetched_says_why() {
    let server = repository();
    for (dependency, word) in [
        (
            format!(
                "- {{name: redis, version: 9.x, repository: \"http://{}\"}}\n",
                server.address
            ),
            "redis",
        ),
        (
            format!(
                "- {{name: absent, version: 1.x, repository: \"http://{}\"}}\n",
                server.address
            ),
            "absent",
        ),
        ("- {name: redis, version: 1.x}\n".into(), "names no repository"),
        (
            "- {name: redis, version: 1.x, repository: \"http://127.0.0.1:1\"}\n".into(),
            "cannot be fetched",
        ),
    ] {
        let faults = Project::new(&dependency).build(&helm(), &[], false).unwrap_err();
        let fault = faults.iter().next().unwrap();
        assert!(fault.message().contains(word), "{word}: {fault}");
        assert!(fault.labels()[0].place.to_string().contains("Chart.yaml:"), "{fault:?}");
        assert!(fault.hint_text().is_some());
    }
}

#[test]
fn local_dependencies_are_read_where_they_lie() {
    let project = Project::new("- {name: common, version: 1.x, repository: \"file://../libs/common\"}\n");
    project.chart.write("libs/common/Chart.yaml", b"apiVersion: v2\nname: common\nversion: 1.1.0\ndependencies:\n- {name: base, repository: \"file://../base\"}\n");
    project.chart.write("libs/common/templates/c.yaml", b"kind: C\n");
    project.chart.write("libs/common/.helmignore", b"*.md\n");
    project.chart.write("libs/common/big.md", b"ignored\n");
    project
        .chart
        .write("libs/base/Chart.yaml", b"apiVersion: v2\nname: base\nversion: 1.0.0\n");
    project.chart.write("libs/base/templates/b.yaml", b"kind: B\n");
    let (tree, records) = project.build(&no_helm(), &[], true).unwrap();
    assert!(records.is_empty(), "nothing was fetched, nothing is recorded");
    let text = project.render(&tree);
    assert!(text.contains("kind: C") && text.contains("kind: B"), "{text}");
    let packed = pack(&tree).unwrap();
    project.chart.write("libs/base/templates/b.yaml", b"kind: B2\n");
    let changed = project.build(&no_helm(), &[], true).unwrap().0;
    assert_ne!(changed.digest(), tree.digest(), "an edit next door is seen");
    assert_ne!(pack(&changed).unwrap(), packed);

    project.chart.write(
        "libs/common/Chart.yaml",
        b"apiVersion: v2\nname: common\nversion: 2.0.0\n",
    );
    assert!(
        project
            .build(&no_helm(), &[], true)
            .unwrap_err()
            .iter()
            .next()
            .unwrap()
            .message()
            .contains("holds common 2.0.0")
    );
    std::fs::remove_dir_all(project.chart.join("libs")).unwrap();
    assert!(
        project
            .build(&no_helm(), &[], true)
            .unwrap_err()
            .iter()
            .next()
            .unwrap()
            .message()
            .contains("no chart folder there")
    );
}

#[test]
fn charts_that_need_each_other_are_an_error() {
    let project = Project::new("- {name: a, repository: \"file://../a\"}\n");
    project.chart.write(
        "a/Chart.yaml",
        b"name: a\nversion: 1.0.0\ndependencies:\n- {name: b, repository: \"file://../b\"}\n",
    );
    project.chart.write(
        "b/Chart.yaml",
        b"name: b\nversion: 1.0.0\ndependencies:\n- {name: a, repository: \"file://../a\"}\n",
    );
    assert!(
        project
            .build(&no_helm(), &[], true)
            .unwrap_err()
            .iter()
            .any(|f| f.message().contains("circle"))
    );
}
