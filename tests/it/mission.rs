//! The whole of it
use crate::support::cloud::{ACCOUNT, ACR, keys};
use crate::support::*;
#[test]
fn x() {
    let c = Cloud::contoso();
    let p = Project::new();
    p.write(
        "aosm.toml",
        format!(
            "[stores.images]\nkind = \"acr\"\n{}artifact-manifest = \"m\"\n",
            keys("contoso", ACR)
        ),
    );
    println!("{}", c.aosm(&p, &["plan"]).run());
    let _ = ACCOUNT;
}
