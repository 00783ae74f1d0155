//! Bicep sources through the binary: built into the cache where a compiler is there, and nowhere else.
//!
//! The compiler is played by a script with the command line of the real one: `bicep --version`, `bicep build FILE --stdout`.

use std::path::PathBuf;

use crate::support::refusal::refused_run;
use crate::support::*;

const STORE: &str = "[stores.local]\nkind = \"local\"\npath = \"store\"\n";

fn artifact(name: &str, path: &str) -> String {
    format!(
        "[[artifacts]]\nname = \"{name}\"\nversion = \"1.0.0\"\nkind = \"arm-template\"\nfiles = [{{ path = \"{path}\" }}]\n"
    )
}

/// A project with Bicep sources, and a compiler in a folder of its own.
struct Scene {
    project: Project,
}

/// Writes down each build, takes the source with everything beside it into what it writes, and fails where that says so.
const COMPILER: &str = r#"#!/bin/sh
here="$(dirname "$0")"
if [ "$1" = --version ]; then
  echo "Bicep CLI version $(cat "$here/version") (fake)"
  exit 0
fi
[ "$1" = build ] && [ "$3" = --stdout ] || { echo "unknown command line: $*" >&2; exit 64; }
echo "$*" >> "$here/builds"
[ -z "$AOSM_ARM_TOKEN" ] || { echo "a secret was handed on" >&2; exit 65; }
if grep -q BROKEN "$2"; then
  echo "$2(2,3) : Error BCP007: This declaration type is not recognized. [https://aka.ms/bicep/core-diagnostics#BCP007]" >&2
  exit 1
fi
if grep -q unused "$2"; then
  echo "$2(1,7) : Warning no-unused-params: Parameter \"unused\" is declared but never used." >&2
fi
sum="$(cat "$(dirname "$2")"/*.bicep "$(dirname "$2")"/modules/*.bicep 2>/dev/null | cksum | cut -d' ' -f1)"
if grep -q NOTHING "$2"; then echo "[]"; exit 0; fi
provider="$(sed -n "s/^resource vm '\([^@]*\)@.*/\1/p" "$2")"
cat <<END
{
  "\$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "metadata": { "sum": "$sum" },
  "resources": [ { "type": "$provider", "name": "vm" } ]
}
END
"#;

const SOURCE: &str = "param location string\nresource vm 'Microsoft.Compute/virtualMachines@2023-03-01' = {}\n\
                      module net 'modules/net.bicep' = {}\n";

impl Scene {
    fn new() -> Self {
        let project = Project::new();
        project.write("templates/vm.bicep", SOURCE);
        project.write("templates/modules/net.bicep", "param a string\n");
        project.write("aosm.toml", format!("{STORE}{}", artifact("vm", "templates/vm.bicep")));
        let scene = Self { project };
        std::fs::create_dir_all(scene.tools()).unwrap();
        scene.install("bicep", COMPILER);
        scene.version("0.30.23");
        scene
    }

    fn tools(&self) -> PathBuf {
        self.project.home().join("bin")
    }

    fn install(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.tools().join(name);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn version(&self, version: &str) {
        std::fs::write(self.tools().join("version"), version).unwrap();
    }

    fn aosm(&self, arguments: &[&str]) -> Aosm {
        let path = format!("{}:/usr/bin:/bin", self.tools().display());
        self.project.aosm(arguments).env("PATH", path)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.aosm(arguments).run()
    }

    /// How often the compiler built something.
    fn builds(&self) -> usize {
        let text = std::fs::read_to_string(self.tools().join("builds")).unwrap_or_default();
        text.lines().count()
    }

    fn desired(&self) -> String {
        let plan = self.run(&["plan", "--json"]).ok().json();
        plan["steps"][0]["desired"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_bicep_source_is_built_into_the_cache_and_pushed_as_json() {
    let registry = Registry::shared(Kind::Plain);
    let store = registry.unique("bicep");
    let scene = Scene::new();
    scene.project.edit(
        "aosm.toml",
        STORE,
        &format!(
            "[stores.lab]\nkind = \"registry\"\nregistry = \"{}/{store}\"\n",
            registry.host()
        ),
    );
    let before = snapshot::walk(&scene.project.path("templates"));
    scene.run(&["plan"]).ok().says("from templates/vm.bicep");
    let applied = scene.aosm(&["apply"]).env("AOSM_ARM_TOKEN", "secret").run().ok();
    assert!(!applied.stdout.contains("secret") && !applied.stderr.contains("secret"));
    assert_eq!(snapshot::walk(&scene.project.path("templates")), before);
    let pushed = registry.client().pull(&format!("{store}/vm"), "1.0.0").unwrap();
    let layer = &pushed.root().json()["layers"][0];
    assert_eq!(layer["annotations"]["org.opencontainers.image.title"], "vm.json");
    assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar");
    let again = scene.run(&["plan", "--json"]).ok().json();
    assert_eq!(again["summary"]["fresh"], 1, "{again}");
    assert_eq!(scene.builds(), 1);
}

#[test]
fn it_is_built_again_only_when_something_it_depends_on_changes() {
    let scene = Scene::new();
    let first = scene.desired();
    assert_eq!((scene.desired(), scene.builds()), (first.clone(), 1));
    // Files that no text of it names are not read.
    scene.project.write("templates/other.txt", "x");
    assert_eq!((scene.desired(), scene.builds()), (first.clone(), 1));
    scene.project.write("templates/modules/net.bicep", "param b string\n");
    let second = scene.desired();
    scene
        .run(&["why", "push:local/vm:1.0.0"])
        .ok()
        .silent_about("cache/cas");
    assert_eq!(scene.builds(), 2);
    assert_ne!(first, second);
    // What was built before is not built anew.
    scene.project.write("templates/modules/net.bicep", "param a string\n");
    assert_eq!((scene.desired(), scene.builds()), (first.clone(), 2));
    scene.project.write("bicepconfig.json", "{}");
    assert_eq!((scene.desired(), scene.builds()), (first.clone(), 3));
    // Another compiler: another file, as installing one gives.
    scene.version("0.31.0");
    scene.install("bicep", &format!("{COMPILER}\n# newer\n"));
    assert_eq!((scene.desired(), scene.builds()), (first, 4));
    // Which files are read is not known beforehand.
    scene.project.edit(
        "templates/vm.bicep",
        "param location string",
        "var all = loadDirectoryFileInfo('.')",
    );
    let (one, other) = (scene.desired(), scene.desired());
    assert_eq!((one == other, scene.builds()), (true, 6));
}

#[test]
fn without_a_compiler_one_error_says_what_to_install() {
    let scene = Scene::new();
    scene.project.write("templates/net.bicep", SOURCE);
    let more = artifact("net", "templates/net.bicep");
    scene.project.edit("aosm.toml", STORE, &format!("{STORE}{more}"));
    let empty = scene.project.home().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let without = || scene.project.aosm(&["plan"]).env("PATH", &empty);
    refused_run(&scene.project, without(), 5, &[".aosm"])
        .one()
        .says("bicep: not found on PATH")
        .says("needed for net.bicep, vm.bicep")
        .says("az bicep install");
    let named = without().env("AOSM_BICEP", "nowhere/bicep");
    refused_run(&scene.project, named, 5, &[".aosm"])
        .one()
        .says("named by AOSM_BICEP");
    // Where the Azure CLI keeps it.
    let kept = scene.project.home().join(".azure/bin");
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::copy(scene.tools().join("version"), kept.join("version")).unwrap();
    std::fs::copy(scene.tools().join("bicep"), kept.join("bicep")).unwrap();
    scene.aosm(&["plan"]).env("PATH", "/usr/bin:/bin").run().ok();
    // What needs no compiler asks for none.
    scene.project.aosm(&["images"]).env("PATH", &empty).run().ok();
}

#[test]
fn the_azure_cli_builds_where_it_has_the_compiler() {
    let scene = Scene::new();
    std::fs::rename(scene.tools().join("bicep"), scene.tools().join("hidden")).unwrap();
    scene.install(
        "az",
        "#!/bin/sh\nhere=\"$(dirname \"$0\")\"\n[ \"$1\" = bicep ] || exit 64\ncase \"$2\" in\n\
         version) exec \"$here/hidden\" --version ;;\n\
         build) [ \"$3\" = --file ] || exit 64; exec \"$here/hidden\" build \"$4\" \"$5\" ;;\nesac\nexit 64\n",
    );
    scene.run(&["apply"]).ok().says("1 done");
    assert_eq!(scene.builds(), 1);
    scene.install(
        "az",
        "#!/bin/sh\necho 'ERROR: Bicep CLI not found. Install it now by running \"az bicep install\".' >&2\nexit 1\n",
    );
    refused_run(&scene.project, scene.aosm(&["plan"]), 5, &[".aosm"])
        .one()
        .says("does not have it")
        .says("Bicep CLI not found");
}

#[test]
fn what_the_compiler_refuses_is_told_in_its_own_words() {
    let scene = Scene::new();
    scene
        .project
        .write("templates/vm.bicep", "param location string\n  BROKEN\n");
    refused_run(&scene.project, scene.aosm(&["plan"]), 4, &[".aosm"])
        .one()
        .says("template vm.bicep: cannot be built")
        .says("templates/vm.bicep:2:3")
        .says("templates/vm.bicep(2,3) : Error BCP007");
    scene.project.write("templates/vm.bicep", "NOTHING");
    refused_run(&scene.project, scene.aosm(&["plan"]), 4, &[".aosm"])
        .one()
        .says("template vm.bicep as JSON: is no template: expected an object, found a list");
    // Warnings are told each time, also when nothing is built.
    scene
        .project
        .write("templates/vm.bicep", format!("param unused string\n{SOURCE}"));
    for _ in 0..2 {
        scene
            .run(&["plan"])
            .ok()
            .says("template vm.bicep: a warning of the compiler")
            .says("templates/vm.bicep(1,7) : Warning no-unused-params");
    }
}

#[test]
fn templates_of_input_files_may_be_bicep_and_are_judged_when_built() {
    let scene = Scene::new();
    scene.project.remove("aosm.toml");
    scene.project.copy_in(&root().join("fixtures/contoso-nexus"), ".");
    scene
        .project
        .edit("vnf-input.jsonc", "templates/vm.json", "templates/vm.bicep");
    let output = scene.run(&["check"]).ok();
    assert!(output.stderr.is_empty(), "{output}");
    scene
        .project
        .edit("templates/vm.bicep", "Microsoft.Compute", "Microsoft.Sql");
    scene
        .run(&["check"])
        .ok()
        .says("resources that network functions may not have: Microsoft.Sql/virtualMachines");
    scene.run(&["apply"]).ok().says("3 done");
    let again = scene.run(&["plan", "--json"]).ok().json();
    assert_eq!(again["summary"]["fresh"], 3, "{again}");
}
