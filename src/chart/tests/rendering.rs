//! Running Helm: what it is shown, what is hidden from others, and how it is stopped.

use super::*;
use crate::fault::Kind;

#[test]
fn a_chart_renders_the_same_in_every_form() {
    let folder = small_chart();
    let package_of = |name: &str| package(&folder.join(name));
    let text = rendered(&package_of("c")).unwrap();
    assert!(
        text.contains("# Source: contoso/templates/pod.yaml") && text.contains("image: a:1"),
        "{text}"
    );

    let packed = pack(&tree_of(&folder.join("c"))).unwrap();
    folder.write("c.tgz", &packed.archive);
    let mut tar = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed.archive[..]), &mut tar).unwrap();
    folder.write("c.tar", &tar);
    folder.write("odd,name \"x\"/c.tgz", &packed.archive);
    for form in ["c.tgz", "c.tar", "odd,name \"x\"/c.tgz"] {
        assert_eq!(rendered(&package_of(form)).unwrap(), text, "{form}");
    }
    folder.write("c/templates/pod.yaml", POD.replace('\n', "\r\n").as_bytes());
    assert_eq!(
        rendered(&package_of("c")).unwrap(),
        text,
        "line endings of the checkout do not reach Helm"
    );
}

#[test]
fn every_setting_reaches_helm() {
    let folder = small_chart();
    folder.write(
        "c/templates/pod.yaml",
        b"a: {{ .Release.Name }}/{{ .Release.Namespace }}/{{ .Capabilities.KubeVersion }}/{{ .Capabilities.APIVersions.Has \"x.io/v1\" }}/{{ .Values.image }}\n",
    );
    folder.write("c/crds/crd.yaml", b"kind: Thing\n");
    folder.write("one,two.yaml", b"image: from-file\n");
    let mut package = package(&folder.join("c"));
    package.kube_version = Some(Spanned::default_value("1.27.3".into()));
    package.api_versions = vec![
        Spanned::default_value("y.io/v1".into()),
        Spanned::default_value("x.io/v1".into()),
    ];
    package.values = vec![Spanned::default_value(folder.join("one,two.yaml"))];
    let text = rendered(&package).unwrap();
    assert!(text.contains("rel/ns/v1.27.3/true/from-file"), "{text}");
    assert!(!text.contains("kind: Thing"));
    package.include_crds = true;
    assert!(rendered(&package).unwrap().contains("kind: Thing"));
    set(&mut package, &[("image", "from-set")]);
    assert!(
        rendered(&package).unwrap().contains("/from-set"),
        "set goes over values files"
    );
}

#[test]
fn a_failing_template_is_shown_at_its_line_with_all_of_helms_words() {
    let folder = small_chart();
    folder.write(
        "c/templates/pod.yaml",
        b"a: 1\nb: {{ required \"image is needed\" .Values.nothing }}\n",
    );
    let fault = rendered(&package(&folder.join("c"))).unwrap_err();
    assert_eq!(fault.kind(), Kind::Invalid);
    assert!(fault.causes()[0].contains("image is needed"), "{fault}");
    let place = &fault.labels()[0].place;
    assert!(place.path().as_str().ends_with("c/templates/pod.yaml"), "{place}");
    assert_eq!(place.line_column().unwrap().0, 2);
    assert!(fault.labels()[1].place.to_string().starts_with("aosm.toml:1:8"));
    assert!(fault.hint_text().unwrap().contains("values"));
}

#[test]
fn a_values_file_that_is_not_there_is_an_error_before_helm_runs() {
    let folder = small_chart();
    let mut package = package(&folder.join("c"));
    package.values = vec![Spanned::default_value(folder.join("absent.yaml"))];
    assert!(
        rendered(&package)
            .unwrap_err()
            .message()
            .contains("no values file there")
    );
}

#[test]
fn a_library_chart_renders_to_nothing() {
    let folder = small_chart();
    folder.write("c/Chart.yaml", format!("{CHART_YAML}type: library\n").as_bytes());
    assert_eq!(rendered(&package(&folder.join("c"))).unwrap(), "");
}

#[cfg(unix)]
#[test]
fn set_values_stand_neither_in_arguments_nor_in_the_environment() {
    let folder = small_chart();
    folder.write("v.yaml", b"list: [a]\n");
    let helm = fake_helm(
        &folder,
        &format!(
            "printf '%s\\n' \"$@\" > {0}/args; env > {0}/env; cat > {0}/stdin; for a in \"$@\"; do case $a in 'list[0]='*) f=${{a#*=}}; cat \"$f\" > {0}/file; ls -l \"$f\" > {0}/mode;; esac; done; ls -la \"$TMPDIR\" > {0}/scratch; pwd > {0}/pwd",
            folder.path
        ),
    );
    let mut package = package(&folder.join("c"));
    package.values = vec![Spanned::default_value(folder.join("v.yaml"))];
    set(
        &mut package,
        &[("password", "hunter2"), ("list[0]", "hunter2-list"), ("port", "8080")],
    );
    let tree = tree_of(&folder.join("c"));
    render_with(&helm, &package, &tree, &ROOMY, &CancellationToken::new()).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert!(
        !read("args").contains("hunter2") && !read("env").contains("hunter2"),
        "{}{}",
        read("args"),
        read("env")
    );
    assert_eq!(read("stdin"), "{\"password\":\"hunter2\",\"port\":8080}");
    assert_eq!(read("file"), "hunter2-list");
    assert!(read("mode").starts_with("-rw-------"), "{}", read("mode"));
    let environment = read("env");
    for name in ["CARGO", "AOSM_HELM", "KUBECONFIG", "USER="] {
        assert!(!environment.contains(name), "{name} in\n{environment}");
    }
    let home = environment.lines().find(|line| line.starts_with("HOME=")).unwrap();
    assert!(home.contains(read("pwd").trim()), "{home}");
}

#[cfg(unix)]
#[test]
fn a_chart_that_changes_under_helms_hands_is_not_taken_for_what_was_read() {
    for (edit, word) in [
        ("echo b >> values.yaml", "changed while"),
        ("echo b > new.txt", "appeared while"),
        ("rm values.yaml", "cannot be read"),
    ] {
        let folder = small_chart();
        let helm = fake_helm(&folder, &format!("cd {}/c; {edit}; echo 'kind: Pod'", folder.path));
        let package = package(&folder.join("c"));
        let tree = tree_of(&folder.join("c"));
        let fault = render_with(&helm, &package, &tree, &ROOMY, &CancellationToken::new()).unwrap_err();
        assert!(fault.message().contains(word), "{edit}: {fault}");
    }
}

#[cfg(unix)]
#[test]
fn values_that_helm_repeats_are_hidden_in_the_error() {
    let folder = small_chart();
    let helm = fake_helm(&folder, "echo \"cannot use hunter2 in $*\" >&2; exit 1");
    let mut package = package(&folder.join("c"));
    set(&mut package, &[("password", "hunter2")]);
    let fault = render_with(
        &helm,
        &package,
        &tree_of(&folder.join("c")),
        &ROOMY,
        &CancellationToken::new(),
    )
    .unwrap_err();
    assert!(fault.to_string().contains("cannot use ***"), "{fault}");
    assert!(!fault.to_string().contains("hunter2"), "{fault}");
}

#[cfg(unix)]
#[test]
fn limits_stop_helm_and_name_the_setting() {
    let folder = small_chart();
    let tree = tree_of(&folder.join("c"));
    let package = package(&folder.join("c"));
    let run = |script: &str, limits: &RenderLimits| {
        render_with(
            &fake_helm(&folder, script),
            &package,
            &tree,
            limits,
            &CancellationToken::new(),
        )
        .unwrap_err()
    };
    let fault = run("sleep 100", &QUICK);
    assert!(
        fault.message().contains("0.3 s") && fault.hint_text().unwrap().contains("`render-timeout`"),
        "{fault:?}"
    );
    let fault = run("while :; do echo yes; done", &ROOMY);
    assert!(
        fault.message().contains("1024 bytes") && fault.hint_text().unwrap().contains("`render-output-limit`"),
        "{fault:?}"
    );
    let fault = run("exit 3", &ROOMY);
    assert!(fault.causes()[0].contains("said nothing"), "{fault:?}");
    let fault = run("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1", &ROOMY);
    assert!(fault.causes()[0].len() < 1_100_000 && fault.causes()[0].contains("more than 1 MiB"));
}

#[cfg(unix)]
#[test]
fn a_stopped_run_takes_everything_down_that_helm_started() {
    let folder = small_chart();
    let started = folder.join("started");
    // The grandchild keeps the pipe open and would outlive a kill of its parent alone.
    let helm = fake_helm(
        &folder,
        &format!("sleep 1000 & echo $! > {started}.part; mv {started}.part {started}; wait"),
    );
    let package = package(&folder.join("c"));
    let tree = tree_of(&folder.join("c"));
    let cancel = CancellationToken::new();
    let scratch = Folder::new(&[]);
    let fault = runtime().block_on(async {
        let limits = RenderLimits::default();
        let running = render(&helm, &package, &tree, &limits, &scratch.path, &cancel);
        let stopper = async {
            while !started.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            cancel.cancel();
        };
        tokio::join!(running, stopper).0.unwrap_err()
    });
    assert_eq!(fault.kind(), Kind::Interrupted);
    let pid: i32 = std::fs::read_to_string(&started).unwrap().trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    // Killed at once, but reaped by whoever adopts it.
    for _ in 0..500 {
        let gone = rustix::process::test_kill_process(pid).is_err()
            || std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).is_ok_and(|s| s.contains(") Z"));
        if gone {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the grandchild is alive");
}

#[test]
fn helm_is_looked_for_in_order_and_named_ones_must_exist() {
    let real = helm();
    let absent = Utf8Path::new("no/such/helm");
    let folder = real.path().parent().unwrap().as_os_str();
    assert!(
        Helm::find_in(Some(absent), Some(real.path()), Some(folder))
            .unwrap_err()
            .message()
            .contains("--helm")
    );
    assert!(
        Helm::find_in(None, Some(absent), Some(folder))
            .unwrap_err()
            .message()
            .contains("AOSM_HELM")
    );
    assert_eq!(Helm::find_in(Some(real.path()), Some(absent), None).unwrap(), real);
    let none = Helm::find_in(None, None, Some("".as_ref())).unwrap_err();
    assert_eq!(none.kind(), Kind::Infrastructure);
    assert!(none.message().contains("not found on PATH") && none.hint_text().unwrap().contains("helm.sh"));
}

#[test]
fn the_version_is_asked_once() {
    let memory = Remembering::default();
    let cancel = CancellationToken::new();
    let helm = helm();
    let version = runtime().block_on(helm.version(&memory, &cancel)).unwrap();
    assert!(version.starts_with('v'), "{version}");
    memory.remember(helm.path(), "helm-version/1", "v3.99.0");
    assert_eq!(runtime().block_on(helm.version(&memory, &cancel)).unwrap(), "v3.99.0");
}

#[cfg(unix)]
#[test]
fn old_and_strange_helms_are_refused() {
    let folder = Folder::new(&[]);
    let version = |script: &str| {
        let helm = fake_helm(&folder, script);
        runtime()
            .block_on(helm.version(&ReadFiles, &CancellationToken::new()))
            .map_err(|f| f.to_string())
    };
    for (script, word) in [
        ("echo v3.7.2", "3.8 or newer"),
        ("echo v2.17.0", "3.8 or newer"),
        ("echo hello", "which is none"),
        ("echo broken >&2; exit 1", "broken"),
        ("head -c 1000000 /dev/zero", "without end"),
    ] {
        let error = version(script).unwrap_err();
        assert!(error.contains(word), "{word} in {error}");
    }
    assert_eq!(version("echo v3.8.0").unwrap(), "v3.8.0");
    assert_eq!(version("echo v3.17.0-rc.1+g123").unwrap(), "v3.17.0-rc.1+g123");
}
