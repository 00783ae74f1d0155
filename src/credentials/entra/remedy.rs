//! What to do about refusals of Entra, by their codes ("Microsoft Entra authentication and authorization error codes").

/// Codes, and a hint for each; the first that a refusal names counts.
const REMEDIES: [(&[&str], &str); 8] = [
    (
        &["AADSTS7000222"],
        "the application's secret has expired: make a new one (az ad app credential reset --id CLIENT) and put it into \
         AZURE_CLIENT_SECRET",
    ),
    (
        &["AADSTS7000215"],
        "put the value of one of the application's secrets, not its id, into AZURE_CLIENT_SECRET; the old one may have \
         expired",
    ),
    (
        &["AADSTS700016"],
        "check AZURE_CLIENT_ID, and the tenant: the application is not in that one",
    ),
    (
        &["AADSTS90002", "AADSTS900023", "AADSTS900021"],
        "check the tenant: AZURE_TENANT_ID, tenant in aosm.toml, or --tenant",
    ),
    (
        &[
            "AADSTS70021",
            "AADSTS700211",
            "AADSTS700212",
            "AADSTS700213",
            "AADSTS700223",
        ],
        "give the application a federated credential with exactly the issuer, subject and audience of this token: az ad \
         app federated-credential create",
    ),
    (
        &["AADSTS700024"],
        "set this machine's clock; a token from a file may also be old: it must be replaced before it ends",
    ),
    (
        &["AADSTS700027"],
        "give the certificate's public part to the application, or a newer certificate to this program",
    ),
    (
        &["AADSTS7000112", "AADSTS53003"],
        "ask who administers the tenant: the application is disabled, or a policy forbids this login",
    ),
];

/// What to do about a refusal in these words, where its code says so.
pub(super) fn of(words: &str) -> Option<&'static str> {
    let named = |code: &&str| {
        words.match_indices(*code).any(|(at, _)| {
            let rest = words.get(at + code.len()..).unwrap_or_default();
            !rest.starts_with(|c: char| c.is_ascii_digit())
        })
    };
    REMEDIES
        .iter()
        .find(|(codes, _)| codes.iter().any(named))
        .map(|(_, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn codes_that_begin_alike_are_told_apart() {
        for (words, part) in [
            (
                "AADSTS7000222: The provided client secret keys are expired.",
                Some("has expired"),
            ),
            ("AADSTS7000215: Invalid client secret provided.", Some("not its id")),
            ("AADSTS700021: something else", None),
            (
                "AADSTS70021: No matching federated identity record found",
                Some("federated credential"),
            ),
            (
                "AADSTS700213: No matching federated identity record found",
                Some("federated credential"),
            ),
            (
                "AADSTS700024: Client assertion is not within its valid time range.",
                Some("clock"),
            ),
            ("AADSTS70002", None),
            ("", None),
        ] {
            let hint = of(words);
            assert_eq!(hint.is_some(), part.is_some(), "{words}: {hint:?}");
            assert!(
                hint.unwrap_or_default().contains(part.unwrap_or_default()),
                "{words}: {hint:?}"
            );
        }
    }
}
