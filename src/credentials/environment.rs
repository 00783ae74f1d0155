//! User and password in variables: `AOSM_REGISTRY_<HOST>_USERNAME` and `…_PASSWORD` for one host, else
//! `AOSM_REGISTRY_USERNAME` and `AOSM_REGISTRY_PASSWORD`. Both of a pair come from one level.

use super::{Credential, CredentialError, CredentialSource, Obtained, Secret, Variables, Wanted};

/// The variables that hold a host's login.
#[derive(Debug, Clone)]
pub struct EnvironmentLogin {
    host: String,
    variables: Variables,
}

impl EnvironmentLogin {
    /// The login of this host, by its name with the port where one is written.
    pub fn new(host: impl Into<String>, variables: Variables) -> Self {
        Self {
            host: host.into(),
            variables,
        }
    }

    /// What the variables of this host begin with: capitals and digits, anything else is an underscore.
    pub fn prefix(host: &str) -> String {
        let name = host.chars().map(|c| match c {
            c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
            _ => '_',
        });
        format!("AOSM_REGISTRY_{}", name.collect::<String>())
    }
}

#[async_trait::async_trait]
impl CredentialSource for EnvironmentLogin {
    fn principal(&self) -> String {
        "environment".to_owned()
    }

    async fn get(&self, _wanted: &Wanted<'_>) -> Result<Obtained, CredentialError> {
        for (prefix, generation) in [(Self::prefix(&self.host), 1), ("AOSM_REGISTRY".to_owned(), 2)] {
            let (user, password) = (format!("{prefix}_USERNAME"), format!("{prefix}_PASSWORD"));
            match (self.variables.get(&user), self.variables.get(&password)) {
                (None, None) => {}
                (Some(username), Some(secret)) => {
                    return Ok(Obtained {
                        credential: Credential::Basic {
                            username,
                            password: Secret::new(secret),
                        },
                        generation,
                        from: format!("variables {user} and {password}"),
                    });
                }
                (given, _) => {
                    let (set, missing) = if given.is_some() {
                        (user, password)
                    } else {
                        (password, user)
                    };
                    return Err(CredentialError {
                        detail: format!("{set} is set, but {missing} is not"),
                        hint: Some(format!("set {missing} as well")),
                    });
                }
            }
        }
        Err(CredentialError {
            detail: format!(
                "auth = \"environment\", but neither {}_USERNAME nor AOSM_REGISTRY_USERNAME is set",
                Self::prefix(&self.host)
            ),
            hint: Some(self.remedy()),
        })
    }

    /// A process's environment does not change.
    fn rejected(&self, _generation: u64) {}

    fn remedy(&self) -> String {
        let prefix = Self::prefix(&self.host);
        format!(
            "set {prefix}_USERNAME and {prefix}_PASSWORD, or AOSM_REGISTRY_USERNAME and AOSM_REGISTRY_PASSWORD for all hosts"
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    async fn get(host: &str, pairs: &[(&str, &str)]) -> Result<Obtained, CredentialError> {
        let wanted = Wanted {
            repository: None,
            origin: "https://a.test",
            service: "",
            tell: &|_| {},
        };
        EnvironmentLogin::new(host, Variables::of(pairs.iter().copied()))
            .get(&wanted)
            .await
    }

    #[tokio::test]
    async fn a_hosts_own_variables_go_before_those_for_all() {
        let all = [("AOSM_REGISTRY_USERNAME", "all"), ("AOSM_REGISTRY_PASSWORD", "p")];
        let own = [
            ("AOSM_REGISTRY_A_B_TEST_5000_USERNAME", "own"),
            ("AOSM_REGISTRY_A_B_TEST_5000_PASSWORD", "q"),
        ];
        for (host, pairs, user, variable) in [
            (
                "a-b.test:5000",
                [all, own].concat(),
                "own",
                "AOSM_REGISTRY_A_B_TEST_5000_USERNAME",
            ),
            ("c.test", [all, own].concat(), "all", "AOSM_REGISTRY_USERNAME"),
        ] {
            let obtained = get(host, &pairs).await.unwrap();
            let Credential::Basic { username, .. } = obtained.credential else {
                panic!("no password")
            };
            assert_eq!(username, user);
            assert!(obtained.from.contains(variable), "{}", obtained.from);
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        for (pairs, detail, hint) in [
            (
                &[][..],
                "neither AOSM_REGISTRY_A_TEST_USERNAME nor",
                "AOSM_REGISTRY_PASSWORD",
            ),
            (
                &[("AOSM_REGISTRY_USERNAME", "u"), ("AOSM_REGISTRY_PASSWORD", "")],
                "AOSM_REGISTRY_PASSWORD is not",
                "set AOSM_REGISTRY_PASSWORD",
            ),
            // A half of a host's own pair is not filled up from the general one.
            (
                &[
                    ("AOSM_REGISTRY_A_TEST_PASSWORD", "hush"),
                    ("AOSM_REGISTRY_USERNAME", "u"),
                    ("AOSM_REGISTRY_PASSWORD", "p"),
                ],
                "AOSM_REGISTRY_A_TEST_USERNAME is not",
                "set AOSM_REGISTRY_A_TEST_USERNAME",
            ),
        ] {
            let error = get("a.test", pairs).await.unwrap_err();
            assert!(error.detail.contains(detail), "{error:?}");
            assert!(!error.detail.contains("hush"), "{error:?}");
            assert!(error.hint.unwrap().contains(hint));
        }
    }
}
