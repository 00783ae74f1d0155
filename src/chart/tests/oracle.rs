//! Rules that are Helm's, compared with Helm itself.

use std::collections::BTreeSet;

use super::super::overlay::overlay;
use super::super::set_values;
use super::*;
use crate::archive::{Limits, read_all};

/// Names in an archive, without the top folder.
fn names(bytes: &[u8]) -> BTreeSet<String> {
    let files = read_all(bytes, Utf8Path::new("c.tgz"), &Limits::CHART).unwrap();
    files
        .iter()
        .map(|(name, _)| name.split_first().1.unwrap().to_owned())
        .collect()
}

#[test]
fn helmignore_hides_what_helm_package_leaves_out() {
    let mut files = vec![("c/Chart.yaml", CHART_YAML)];
    for name in [
        "c/templates/a.yaml",
        "c/templates/.dot",
        "c/templates/.hid/x",
        "c/templates/sub/.dot",
        "c/docs/d.md",
        "c/docs/sub/e.md",
        "c/top.md",
        "c/a/b/f.md",
        "c/a/f.txt",
        "c/values.yaml",
        "c/[x].md",
        "c/sp ace",
        "c/.hidden",
        "c/charts/.keep",
        "c/charts/s/values.yaml",
        "c/charts/s/.helmignore",
    ] {
        files.push((name, "a: 1\n"));
    }
    files.push(("c/charts/s/Chart.yaml", "apiVersion: v2\nname: s\nversion: 1.0.0\n"));
    let folder = Folder::new(&files);
    for rules in [
        "",
        "*.md",
        "/*.md",
        "docs/*.md",
        "docs/",
        "docs",
        "/docs",
        "sub/",
        "docs/sub",
        "!*.md",
        "a/**/f.md",
        "*/*",
        "*",
        "a/?",
        "[[]x].md",
        "\\[x\\].md",
        "[!t]*.md",
        "[^t]*.md",
        "a/*/f.md",
        "b",
        "templates",
        "charts",
        "Chart.yaml",
        "[",
        "[]",
        ".helmignore",
        "# c",
        "/",
        "!",
        "sp ace",
        " top.md ",
        ".*",
        "a/b/",
        "f*",
        "values.yaml",
        "T*",
        "[a-d]*",
        "top.[l-n]d",
        "{top,x}.md",
        "*.md\n!top.md",
        "\u{feff}*.md",
        "x\\",
        "?op.md",
        "[^a-z]*",
        "charts/s/v*",
        "!C*\n*.md",
    ] {
        folder.write("c/.helmignore", format!("{rules}\n").as_bytes());
        let theirs = plain_helm(&["package", folder.join("c").as_str(), "-d", folder.join("out").as_str()]);
        let ours = load(&package(&folder.join("c")), &ReadFiles);
        match (theirs, ours) {
            (Ok(_), Ok((tree, _))) => {
                let theirs = std::fs::read(folder.join("out/contoso-1.0.0.tgz")).unwrap();
                let packed = pack(&tree).unwrap();
                assert_eq!(names(&packed.archive), names(&theirs), "rules {rules:?}");
                assert!(same_files(&packed.archive, &theirs).unwrap(), "rules {rules:?}");
            }
            (Err(_), Err(_)) => {}
            (theirs, ours) => panic!("rules {rules:?}: helm says {theirs:?}, we say {ours:?}"),
        }
    }
}

#[test]
fn set_means_what_it_means_to_helm() {
    let folder = small_chart();
    folder.write("c/values.yaml", b"");
    folder.write("c/templates/pod.yaml", b"v: {{ .Values | toJson }}\n");
    for text in [
        "a={}",
        "a={x,1,true}",
        "a[1]=x",
        "a.b\\.c=1",
        "a=null",
        "a=0x10",
        "a=007",
        "a=",
        "a=b\\,c",
        "a=1,b=2",
        "a={x},b=3",
        "a[0].b=1,a[0].c=2",
        "a[0][1]=q",
        "a=TRUE",
        "a= b ",
        "a.b=",
        "a=1,",
        "a={x},",
        "a[0]={x,y}",
        "a=-5",
        "a=+5",
        "a=9223372036854775808",
        "a[1].b=x,a[0]=y",
        "a={x\\,y,z}",
        "a=\"q\"",
        "a\\=b=c",
        "a=b=c",
        "a.b=1,a=2",
        "a[+1]=x",
        "a=b\\",
        "a={x}y=1",
        "a[0]=,b=1",
        "a[2].b=1",
        "a=0",
        "a=-0",
        "a=0.5",
        "a=1e3",
        "a.b={}",
        "a=yes",
        "a=~",
        "a= true",
        "a=[1]",
        "a=ü",
        "a.b.c=1,a.b.d=2",
        "a[0]=1,a[0]=2",
        "a[0]=1,a[0].b=2",
        "a=x y",
        "a={ x , y }",
        "a=#c",
        "a=: b",
        "a=999999",
        "a=\t",
    ] {
        let theirs = plain_helm(&["template", "rel", folder.join("c").as_str(), "--set", text]);
        let (key, value) = text.split_once('=').unwrap();
        let mut package = package(&folder.join("c"));
        // Split where a key of the project file would end; joined again it is the same text.
        set(&mut package, &[(key, value)]);
        assert_eq!(rendered(&package).map_err(|f| f.to_string()), theirs, "{text}");
    }
    for text in [
        "a={}x",
        "a[-1]=x",
        "a[0]b=x",
        "a={x",
        "a[x]=1",
        "a=2,a.b=1",
        "a[ 1]=x",
        "a[65537]=1",
        "a=1,,b=2",
        "a=1,b",
        "a=null,a.b=1",
        "a.=x",
    ] {
        let theirs = plain_helm(&["template", "rel", folder.join("c").as_str(), "--set", text]);
        let (key, value) = text.split_once('=').unwrap();
        let mut package = package(&folder.join("c"));
        set(&mut package, &[(key, value)]);
        assert!(theirs.is_err() && overlay(&package).is_err(), "{text}: {theirs:?}");
    }
    // Helm drops these without a word; here they are errors.
    for text in ["=x", ".a=x", "a[0", "a[0]"] {
        assert!(set_values::parse(text).is_err(), "{text}");
    }
}

#[test]
fn set_changes_what_values_files_gave_as_helm_does() {
    let folder = small_chart();
    folder.write("c/values.yaml", b"list: [chart]\nm: {chart: 1}\n");
    folder.write("c/templates/pod.yaml", b"v: {{ .Values | toJson }}\n");
    folder.write("v.yaml", b"list: [p, {q: 1, r: 2}]\nm: {x: 1, y: {z: 2}}\n");
    folder.write("w.yaml", b"other: [1]\n---\nlist: [w]\n");
    for (values, text) in [
        (&["v.yaml"][..], "list[0]=x"),
        (&["v.yaml"], "list[1].q=x"),
        (&["v.yaml"], "list[3]=x,m.y.z=5"),
        (&["v.yaml"], "m.y.z=null,m.w=1"),
        (&["v.yaml"], "list={only}"),
        (&["v.yaml"], "list[0]=a\\,b\\\\c"),
        (&["v.yaml"], "fresh[1]=x"),
        (&[], "list[1]=5"),
        (&["w.yaml"], "list[1]=x"),
    ] {
        let mut package = package(&folder.join("c"));
        let (key, value) = text.split_once('=').unwrap();
        set(&mut package, &[(key, value)]);
        package.values = values
            .iter()
            .map(|name| Spanned::default_value(folder.join(name)))
            .collect();
        let chart = folder.join("c");
        let mut args = vec!["template", "rel", chart.as_str(), "--set", text];
        for file in &package.values {
            args.extend(["--values", file.value.as_str()]);
        }
        assert_eq!(
            rendered(&package).map_err(|f| f.to_string()),
            plain_helm(&args),
            "{values:?} {text}"
        );
    }
    let mut package = package(&folder.join("c"));
    package.values = vec![Spanned::default_value(folder.join("v.yaml"))];
    for (key, value, word) in [("list[1].q", "5", "one item"), ("pin", "12345678", "a million")] {
        set(&mut package, &[(key, value)]);
        let fault = rendered(&package).unwrap_err();
        assert!(
            fault.message().contains(word) && !fault.to_string().contains(value),
            "{fault}"
        );
    }
}

#[test]
fn versions_are_refused_where_helm_refuses_them() {
    let folder = small_chart();
    folder.write("c/templates/pod.yaml", b"v: {{ .Chart.Version | quote }} \n");
    for version in [
        "1",
        "1.2",
        "v1.2.3",
        "01.2.3",
        "1.2.3-01",
        "1.2.3-a_b",
        "1.2.3+b_c",
        "1.2.3+b.c-d",
        "1.10",
        "'1.10'",
        "null",
        "true",
        "1.2.3.4",
        "x1",
        "1.2.3-",
        "20240101",
        "1.2.3-rc.1+x",
    ] {
        folder.write(
            "c/Chart.yaml",
            format!("apiVersion: v2\nname: contoso\nversion: {version}\n").as_bytes(),
        );
        let theirs = plain_helm(&["template", "rel", folder.join("c").as_str()]);
        match (load(&package(&folder.join("c")), &ReadFiles), theirs) {
            (Ok((tree, _)), Ok(text)) => assert!(
                text.contains(&format!("v: \"{}\"", tree.version())),
                "{version}: {text}"
            ),
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{version}: we say {ours:?}, helm says {theirs:?}"),
        }
    }
}

#[test]
fn what_helm_packs_of_a_folder_has_the_same_files_as_ours() {
    let folder = small_chart();
    let yaml = "name:   contoso\napiVersion: v2\n# a comment\nversion: 1.0.0\ndescription: 'x <y>'\ndeprecated: false\ndependencies:\n- {name: sub, version: 1.x, repository: \"\"}\n";
    folder.write("c/Chart.yaml", yaml.as_bytes());
    folder.write(
        "c/charts/sub/Chart.yaml",
        b"apiVersion: v2\nname: sub\nversion: 1.0.0\n",
    );
    folder.write("c/charts/sub/templates/x.yaml", b"a: 1\n");
    plain_helm(&[
        "package",
        folder.join("c/charts/sub").as_str(),
        "-d",
        folder.join("subs").as_str(),
    ])
    .unwrap();
    let pack_both = || {
        plain_helm(&["package", folder.join("c").as_str(), "-d", folder.join("out").as_str()]).unwrap();
        let theirs = std::fs::read(folder.join("out/contoso-1.0.0.tgz")).unwrap();
        (pack(&tree_of(&folder.join("c"))).unwrap().archive, theirs)
    };
    let (ours, theirs) = pack_both();
    assert_ne!(ours, theirs);
    assert!(same_files(&ours, &theirs).unwrap());
    // A packed subchart is unpacked by Helm when it packs.
    std::fs::remove_dir_all(folder.join("c/charts/sub")).unwrap();
    std::fs::copy(folder.join("subs/sub-1.0.0.tgz"), folder.join("c/charts/sub-1.0.0.tgz")).unwrap();
    let (packed, _) = pack_both();
    assert!(same_files(&packed, &theirs).unwrap());

    folder.write("c/templates/pod.yaml", b"kind: Job\n");
    assert!(!same_files(&pack_both().0, &theirs).unwrap(), "another template");
    folder.write("c/templates/pod.yaml", POD.as_bytes());
    folder.write("c/Chart.yaml", yaml.replace("x <y>", "z").as_bytes());
    assert!(!same_files(&pack_both().0, &theirs).unwrap(), "another description");
    folder.write("c/Chart.yaml", yaml.as_bytes());
    folder.write("c/more.txt", b"");
    assert!(!same_files(&pack_both().0, &theirs).unwrap(), "another file");
    assert!(same_files(&theirs, b"no archive").is_err());
}
