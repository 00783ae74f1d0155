//! A machine without certificate authorities: no hindrance where no TLS is used, else one error that says what to install.

use crate::support::refusal::refused_run;
use crate::support::*;

fn project(host: &str) -> Project {
    let project = Project::new();
    project.write(
        "aosm.toml",
        format!(
            "[project]\nname = \"p\"\nimage-sources = [\"{host}\"]\n\n[[images]]\nreference = \"{host}/certificates/app:1\"\n"
        ),
    );
    project
}

/// Where the system's authorities are looked for, there are none.
fn without_authorities(aosm: Aosm) -> Aosm {
    aosm.env("SSL_CERT_FILE", "/nonexistent/authorities.pem")
        .env("SSL_CERT_DIR", "/nonexistent")
}

#[test]
fn plain_registries_need_no_certificate_authorities() {
    let registry = Registry::shared(Kind::Plain);
    registry.push(&ImageSpec::new(3).build(), "certificates/app", "1");
    let project = project(&registry.host());
    without_authorities(project.aosm(&["apply"])).run().ok();
}

#[test]
#[cfg(target_os = "linux")]
fn tls_without_certificate_authorities_is_one_error_with_a_way_out() {
    // Nothing is sent anywhere: TLS is not even set up.
    let project = project("registry.example.invalid");
    let run = without_authorities(project.aosm(&["plan"]));
    refused_run(&project, run, 5, &[])
        .one()
        .says("No CA certificates")
        .says("package ca-certificates");
}
