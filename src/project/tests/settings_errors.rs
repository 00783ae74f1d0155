//! One wrong thing at a time in `aosm.toml`.

use super::*;

#[test]
fn one_wrong_thing_gives_one_error_with_its_place_and_a_hint() {
    let cases: &[(&str, &str)] = &[
        (
            "image-sources = [\"x.io\"]",
            "aosm.toml:4:1 charts.image-sources: unknown key / `image-sources` belongs to `project`",
        ),
        (
            "[stores.a]\nkind = \"local\"\nseal = true",
            "aosm.toml:6:1 stores.a.seal: is for stores of AOSM only / remove it, or write `kind = \"acr\"`",
        ),
        (
            "[stores.a]\nkind = \"registry\"\nregistry = \"x.io\"\npublisher = \"x\"",
            "aosm.toml:7:1 stores.a.publisher: is for stores of AOSM only / remove it, or write `kind = \"acr\"`",
        ),
        (
            "[stores.a]\nregistry = \"x.io\"",
            "aosm.toml:4:9 stores.a: `kind` is missing / add `kind = \"registry\"`",
        ),
        (
            "[stores.a]\nkind = \"registry\"",
            "aosm.toml:4:9 stores.a: `registry` is missing",
        ),
        (
            "[stores.a]\nkind = \"registry\"\nregistry = \"x.io\"\npath = \"x\"",
            "aosm.toml:7:1 stores.a.path: a registry has no path / remove it, or write `kind = \"local\"`",
        ),
        (
            "[stores.a]\nkind = \"local\"\nregistry = \"x.io\"",
            "aosm.toml:6:1 stores.a.registry: a local store has no registry",
        ),
        (
            "[stores.a]\nkind = \"registry\"\nregistry = \"http://x.io\"",
            "aosm.toml:6:12 stores.a.registry: write the host without a scheme",
        ),
        (
            "[stores.a]\nkind = \"registry\"\nregistry = \"x.io/Team\"",
            "aosm.toml:6:12 stores.a.registry: `Team` is no repository name",
        ),
        (
            "[stores.\"a b\"]\nkind = \"local\"",
            "aosm.toml:4:9 stores.a b: such a name has only letters",
        ),
        (
            "[stores.oci]\nkind = \"local\"",
            "aosm.toml:4:9 stores.oci: `oci:DIR:REF` on the command line means an image layout",
        ),
        (
            "[stores.a]\nkind = \"local\"\n[stores.b]\nkind = \"local\"",
            "aosm.toml:6:9 aosm.toml:4:9 stores.b: the same place as stores.a",
        ),
        (
            "[stores]\na = 1",
            "aosm.toml:5:5 stores.a: expected a table, found a number / write `[stores.a]`",
        ),
        (
            "[project]\nversion = \"1.0\"",
            "aosm.toml:5:11 project.version: a version is three numbers joined by dots",
        ),
        (
            "[project]\nimage-sources = [\"x.io\", \"ftp://y.io\"]",
            "aosm.toml:5:26 image source: `ftp://` is no way to reach a registry",
        ),
        (
            "[project]\nimage-sources = [\"x.io/a:1\"]",
            "aosm.toml:5:18 image source: this is an image, not a place to search: leave out `:1`",
        ),
        (
            "[project]\nimage-sources = [\"x.io\", 5]",
            "aosm.toml:5:26 project.image-sources: expected a list of texts, found a number in it",
        ),
        (
            "[project]\nimage-sources = [\"\"]",
            "aosm.toml:5:18 project.image-sources: is empty",
        ),
        (
            "[project]\nrender-timeout = 1.5",
            "aosm.toml:5:18 project.render-timeout: expected a whole number, found a number",
        ),
        (
            "[sources.\"x.io/ns\"]",
            "aosm.toml:4:10 sources.\"x.io/ns\": `x.io/ns` is no host name / name the host alone",
        ),
        (
            "[sources.\"X.io\"]\n[sources.\"x.io\"]\n[project]\nimage-sources=[\"x.io\"]",
            "aosm.toml:5:10 aosm.toml:4:10 sources.\"x.io\": named twice",
        ),
        (
            "[sources.\"x.io\"]\npath = \"x\"",
            "aosm.toml:5:8 sources.\"x.io\": a registry has no path",
        ),
        (
            "[sources.\"x.io\"]\nkind = \"oci-layout\"",
            "aosm.toml:4:10 sources.\"x.io\": `path` is missing",
        ),
        (
            "[sources.\"x.io\"]\nauth = \"managed\"",
            "aosm.toml:5:8 sources.x.io.auth: `managed` is none of the possible words",
        ),
        (
            "[sources.\"x.io\"]\nauth = \"docker-config\"\ntenant = \"t\"",
            "aosm.toml:6:10 sources.\"x.io\".tenant: this way to log in knows no tenants",
        ),
        (
            "[stores.a]\nkind = \"registry\"\nregistry = \"x.io\"\ntenant = \"a/../b\"",
            "aosm.toml:7:10 stores.a.tenant: is neither the id of a tenant nor a domain",
        ),
        (
            "[[charts]]\nname = \"app\"\npath = \"app\"",
            "aosm.toml:5:8 aosm.toml:2:8 package app: named twice",
        ),
        (
            "[[charts]]\nname = \"b\"",
            "aosm.toml:5:8 package b: neither `path` nor `manifests`",
        ),
        (
            "[[charts]]\nname = \"b\"\npath = \"ap\"",
            "aosm.toml:6:8 chart ap: there is no such file or folder / did you mean `app`",
        ),
        (
            "[[charts]]\nname = \"b\"\npath = \"charts\\\\b\"",
            "aosm.toml:6:8 chart charts\\b: there is no such file or folder / write paths with `/`",
        ),
        (
            "[[charts]]\nname = \"b\"\npath = \"aosm.toml\"",
            "aosm.toml:6:8 chart aosm.toml: not a folder, `.tgz`, `.tar` or `.tar.gz`",
        ),
        (
            "[[charts]]\nname = \"b\"\npath = \".\"",
            "aosm.toml:6:8 chart .: no `Chart.yaml` in this folder",
        ),
        (
            "[[charts]]\nname = \"b\"\npath = \"app\"\nvalues = [\"v.yaml\"]",
            "aosm.toml:7:11 values file v.yaml: there is no such file or folder",
        ),
        (
            "[[charts]]\nname = \"b\"\npath = \"app\"\nvalues = [\"app\"]",
            "aosm.toml:7:11 values file app: is a folder",
        ),
        (
            "[[charts]]\nname = \"b\"\npath = \"app\"\nkube-version = \"new\"",
            "aosm.toml:7:16 charts.kube-version: a Kubernetes version looks like",
        ),
        (
            "[[charts]]\nname = \"b\"\npath = \"app\"\nstore = \"lokal\"",
            "aosm.toml:7:9 store lokal: the project has none of this name / did you mean `local`?",
        ),
        (
            "[[charts]]\nname = \"b\"\nmanifests = [\"m/*.yaml\"]",
            "aosm.toml:6:14 manifests m/*.yaml: nothing matches",
        ),
        (
            "[[charts]]\nname = \"b\"\nmanifests = [\"m/a.yaml\"]",
            "aosm.toml:6:14 manifest m/a.yaml: there is no such file or folder",
        ),
        (
            "[[charts]]\nname = \"b\"\nmanifests = [\"app\"]",
            "aosm.toml:6:14 manifest app: is a folder / write `app/*.yaml`",
        ),
        (
            "[[charts]]\nname = \"b\"\npath = \"app\"\nmanifests = [\"app/*.yaml\"]",
            "aosm.toml:7:1 package b: `path` and `manifests` at once",
        ),
        (
            "[[charts]]\nname = \"b\"\nmanifests = [\"app/*.yaml\"]\nvalues = []",
            "aosm.toml:7:1 package b: `values` has no use with `manifests`",
        ),
        (
            "[[charts]]\nname = \"My_App\"\npath = \"app\"",
            "aosm.toml:5:8 package My_App: Helm takes only lower-case letters",
        ),
        (
            "[[charts]]\nname = \"a.b\"\npath = \"app\"",
            "aosm.toml:5:8 package a.b: a namespace has only lower-case letters",
        ),
        (
            "[[charts]]\nname = \"b\"\npath = \"app\"\nrelease-name = \"B\"",
            "aosm.toml:7:16 package b: Helm takes only lower-case letters",
        ),
        (
            "[[charts]]\nname = \"b\"\npath = \"app\"\nset = \"a=b\"",
            "aosm.toml:7:7 charts.set: expected a table, found text",
        ),
        (
            "[[charts]]\nname = \"b\"\npath = \"app\"\nset = { a = [] }",
            "aosm.toml:7:9 charts.set.a: an empty list or table cannot be set so",
        ),
        (
            "[[images]]\nversion = \"1\"",
            "aosm.toml:4:1 images: `reference` is missing",
        ),
        (
            "[[images]]\nreference = \"a b\"",
            "aosm.toml:5:13 images.reference: `a b` is no image reference: it has white space in it",
        ),
        (
            "[[images]]\nreference = \"a\"\nversion = \"a b\"",
            "aosm.toml:6:11 images.version: a tag has at most 128",
        ),
        (
            "[[images]]\nreference = \"a\"\n[[images]]\nreference = \"a\"",
            "aosm.toml:7:13 aosm.toml:5:13 image a: named twice",
        ),
        (
            "[[images]]\nreference = \"a\"\nstore = \"x\"",
            "aosm.toml:6:9 store x: the project has none of this name",
        ),
        (
            "[discovery]\nnamespaces = [\"a/b\"]",
            "aosm.toml:5:15 discovery.namespaces: `a/b` has a slash",
        ),
        (
            "[discovery]\nnamespaces = [\"a\"]\nregistry-placeholders = [\"a\"]",
            "aosm.toml:5:15 discovery.namespaces: `a` is a registry placeholder too",
        ),
        (
            "[discovery]\nignore = [\"[\"]",
            "aosm.toml:5:11 discovery.ignore: not a pattern",
        ),
        (
            "[[discovery.rules]]\nkind = \"X\"",
            "aosm.toml:4:1 discovery.rules: the rule says nowhere to look",
        ),
        (
            "[[discovery.rules]]\npointer = \"spec\"",
            "aosm.toml:5:1 discovery.rules: a JSON pointer starts with `/`",
        ),
        (
            "[[discovery.rules]]\nregex = \"(\"",
            "aosm.toml:5:9 discovery.rules: not a regular expression",
        ),
        (
            "[[discovery.rules]]\nregex = \"abc\"",
            "aosm.toml:5:1 discovery.rules: the regular expression has no group",
        ),
        (
            "[[discovery.rules]]\npointer = \"/a\"\ntag = \"t\"",
            "aosm.toml:6:1 discovery.rules: `tag` needs `repository`",
        ),
        (
            "[[discovery.rules]]\nenv = \"A\"\narg = \"b\"",
            "aosm.toml:6:1 discovery.rules: a value is of an environment variable or of a flag",
        ),
        (
            "[network]\nproxy = \"proxy\"",
            "aosm.toml:5:9 network.proxy: it is no URL",
        ),
        (
            "[network]\nca-file = \"ca.pem\"",
            "aosm.toml:5:11 CA file ca.pem: there is no such file or folder",
        ),
        (
            "[network]\nplain-http = [\"a b\"]",
            "aosm.toml:5:15 network.plain-http: `a b` is no host name",
        ),
        (
            "[copy]\nplatforms = [\"x\"]",
            "aosm.toml:5:14 copy.platforms: `x` is no platform",
        ),
        (
            "[environments.prod.stores.a]\nreplace = true",
            "aosm.toml:4:27 stores.a: `kind` is missing",
        ),
        (
            "[environments.prod]\nstore = 1",
            "aosm.toml:5:1 environments.prod.store: unknown key / did you mean `stores`?",
        ),
    ];
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let folder = toml(&format!("{APP}{text}\n"));
        let found = match folder.load() {
            Err(faults) => faults
                .iter()
                .filter(|fault| fault.is_error())
                .map(line)
                .collect::<Vec<_>>(),
            Ok((_, warnings)) => vec![format!("no error; {}", lines(&warnings))],
        };
        if found.len() != 1 || !found[0].starts_with(expected) {
            wrong.push(format!(
                "{text}\nexpected {expected}\nfound    {}",
                found.join("\n         ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
