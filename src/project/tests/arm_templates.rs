//! ARM templates judged: what could not be deployed, what a network function may not have, what is elsewhere.

use super::*;

const START: &str = r#""$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0""#;

fn judged(text: &str, network_function: bool) -> Vec<String> {
    let faults = judge_template("t.json".into(), text, network_function);
    faults.iter().map(line).collect()
}

#[test]
fn templates_that_can_be_deployed_need_no_word() {
    let nested = format!(
        r#"{{"type": "Microsoft.Resources/deployments", "properties": {{"template": {{{START}, "resources": [
        {{"type": "Microsoft.Network/virtualNetworks", "resources": [{{"type": "subnets"}}]}}]}}}}}}"#
    );
    for text in [
        TEMPLATE.to_owned(),
        format!("{{{START}, \"resources\": []}}"),
        format!("\n {{{START}, \"resources\": [{nested}]}}\n"),
        format!(
            r#"{{{START}, "languageVersion": "2.0", "resources": {{"vm": {{"type": "Microsoft.Compute/virtualMachines"}}}}}}"#
        ),
        format!(
            "{{{}, \"resources\": []}}",
            START.replace("deploymentTemplate", "subscriptionDeploymentTemplate")
        ),
        // An expression is known to the deployment only.
        format!(
            r#"{{{START}, "resources": [{{"type": "Microsoft.Resources/deployments", "properties": {{"template": "[variables('t')]"}}}}]}}"#
        ),
    ] {
        assert_eq!(judged(&text, false), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn what_could_not_be_deployed_is_an_error_with_its_line() {
    let deep = "[".repeat(100_000);
    let cases = [
        (String::new(), "t.json template t.json: is not JSON"),
        ("\u{feff}{}".to_owned(), "begins with a byte order mark"),
        (
            deep.clone(),
            "t.json:1:101 template t.json: nested deeper than 100 levels",
        ),
        (format!("{{\"a\": {deep}"), "nested deeper"),
        ("{\n  // note\n}".to_owned(), "t.json:2:3 template t.json: is not JSON"),
        (
            "{\n  \"a\": 1,\n}".to_owned(),
            "t.json:3:1 template t.json: is not JSON",
        ),
        (
            "[]".to_owned(),
            "t.json:1:1 template t.json: is no template: expected an object, found a list",
        ),
        (
            "{}".to_owned(),
            "is no template: it has no `$schema`, no `contentVersion`, no `resources`",
        ),
        (
            "{\"contentVersion\": \"1.0.0.0\", \"resources\": []}".to_owned(),
            "t.json:1:1 template t.json: is no template: it has no `$schema` / Azure Resource Manager asks for it: `\"$schema\"",
        ),
        (
            format!(
                "{{{}, \"resources\": []}}",
                START.replace("deploymentTemplate", "deploymentParameters")
            ),
            "t.json:1:13 template t.json: is a parameter file, not a template",
        ),
        (
            format!("{{{}, \"resources\": []}}", START.replace("\"1.0.0.0\"", "1")),
            "`contentVersion` should be text, not a number",
        ),
        (
            format!("{{{START}, \"resources\": null}}"),
            "`resources` should be a list, not null",
        ),
        (
            format!("{{{START},\n\"resources\": {{}}}}"),
            "t.json:2:14 template t.json: `resources` is an object, which only templates of language version 2.0 may have",
        ),
        (
            format!("{{{START}, \"resources\": [\n{{\"name\": \"x\"}}]}}"),
            "t.json:2:1 template t.json: a resource has no `type`",
        ),
        (
            format!("{{{START}, \"resources\": [\n5]}}"),
            "t.json:2:1 template t.json: a resource should be an object, not a number",
        ),
        (
            format!("{{{START}, \"resources\": [{{\"type\": \"\"}}]}}"),
            "a resource's `type` should be text, not an empty text",
        ),
        (
            format!("{{{START}, \"resources\": [{{\"type\": \"A.B/c\", \"resources\": [\n{{}}]}}]}}"),
            "t.json:2:1 template t.json: a resource has no `type`",
        ),
        (
            format!("{{{START}, \"resources\": [\n{{\"type\": \"Microsoft.Resources/deployments\"}}]}}"),
            "t.json:2:1 template t.json: a nested deployment has neither `properties.template` nor",
        ),
        (
            format!(
                "{{{START}, \"resources\": [{{\"type\": \"microsoft.resources/DEPLOYMENTS\", \"properties\": {{\"template\":\n{{{START}}}}}}}]}}"
            ),
            "t.json:2:1 template t.json: is no template: it has no `resources`",
        ),
    ];
    for (text, expected) in cases {
        let start: String = text.chars().take(200).collect();
        let found = judged(&text, false);
        assert_eq!(found.len(), 1, "{start}\n{found:?}");
        assert!(
            found[0].contains(expected),
            "{start}\nexpected {expected}\nfound    {}",
            found[0]
        );
        assert!(!found[0].ends_with("/ -"), "{found:?}");
    }
}

#[test]
fn types_that_network_functions_may_not_have_are_found_at_any_depth() {
    let nested = |inner: &str| {
        format!(
            r#"{{"type": "Microsoft.Network/x", "resources": [{{"type": "Microsoft.Resources/deployments", "properties": {{"template":
            {{{START}, "resources": [{inner}]}}}}}}]}}"#
        )
    };
    let text = format!(
        "{{{START}, \"resources\": [{}, {{\"type\": \"microsoft.compute/virtualMachines\"}}, {{\"type\": \"[parameters('t')]\"}}]}}",
        nested(&nested(
            "{\"type\": \"Microsoft.Sql/servers\", \"resources\": [{\"type\": \"databases\"}]}, {\"type\": \"Microsoft.Sql/servers\"}"
        ))
    );
    let found = judged(&text, true);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains(
            "resources that network functions may not have: Microsoft.Resources/deployments, Microsoft.Sql/servers"
        ),
        "{found:?}"
    );
    assert!(found[0].starts_with("warning t.json:"), "{found:?}");
    assert_eq!(judged(&text, false), Vec::<String>::new());
}

#[test]
fn a_linked_template_is_a_warning() {
    let link = r#""properties": {"templateLink": {"uri": "https://example.com/x.json?sv=1&sig=c2VjcmV0"}}"#;
    let text = format!("{{{START}, \"resources\": [\n{{\"type\": \"Microsoft.Resources/deployments\", {link}}}]}}");
    let faults = judge_template("t.json".into(), &text, false);
    let found: Vec<String> = faults.iter().map(line).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("warning t.json:2:"), "{found:?}");
    assert!(found[0].contains("links to another template"), "{found:?}");
    let shown: Vec<&str> = faults
        .iter()
        .flat_map(Fault::labels)
        .map(|label| label.place.text())
        .collect();
    assert!(shown.iter().all(|text| !text.contains("c2VjcmV0")), "{shown:?}");
    let unusual = TEMPLATE.replace("deploymentTemplate", "createUIDefinition");
    assert!(
        judged(&unusual, false)[0].starts_with("warning"),
        "{:?}",
        judged(&unusual, false)
    );
}

#[test]
fn a_file_with_thousands_of_errors_gives_some_of_them() {
    let many = vec!["5"; 5000].join(",");
    let found = judged(&format!("{{{START}, \"resources\": [{many}]}}"), false);
    assert_eq!(found.len(), 21);
    assert!(found[20].contains("4980 more of this sort"), "{}", found[20]);
    // Warnings stay warnings.
    let link = r#"{"type": "Microsoft.Resources/deployments", "properties": {"templateLink": {}}}"#;
    let many = vec![link; 50].join(",");
    let found = judged(&format!("{{{START}, \"resources\": [{many}]}}"), false);
    assert_eq!(found.len(), 21);
    assert!(found.iter().all(|line| line.starts_with("warning")), "{found:?}");
}

#[test]
fn templates_of_aosm_toml_are_judged_with_both_places() {
    let text = "[[artifacts]]\nname = \"a\"\nversion = \"1.0.0\"\nkind = \"arm-template\"\nfiles = [{ path = \"templates/vm.json\" }]\n";
    let folder = Folder::new()
        .with("aosm.toml", text)
        .with("templates/vm.json", TEMPLATE);
    folder.clean();
    let folder = folder.with("templates/vm.json", TEMPLATE.replace("\"type\"", "\"typ\""));
    let fault = folder.error();
    assert!(
        fault.starts_with("templates/vm.json:2:44 aosm.toml:5:19 template vm.json: a resource has no `type`"),
        "{fault}"
    );
    // Bicep is judged when it is built.
    let folder = Folder::new()
        .with("aosm.toml", text.replace(".json", ".bicep"))
        .with("templates/vm.bicep", "nonsense");
    assert_eq!(folder.clean().artifacts[0].files[0].title, "vm.json");
}
