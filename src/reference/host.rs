//! Registry hosts: one spelling for comparison, Docker Hub's names, loopback.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The one name that all of Docker Hub's hosts are compared under.
const DOCKER_HUB: &str = "docker.io";

/// The spelling of a host for comparison: lower case; Docker Hub's hosts become `docker.io`. Ports stay.
pub fn normalise_host(host: &str) -> String {
    let lower = host.to_ascii_lowercase();
    match lower.as_str() {
        "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB.to_owned(),
        _ => lower,
    }
}

/// True for Docker Hub under any of its names: `docker.io`, `index.docker.io` and the endpoint behind both.
pub fn is_docker_hub(host: &str) -> bool {
    normalise_host(host) == DOCKER_HUB
}

/// True for a host (with or without port) on this machine: `localhost`, 127.0.0.0/8, `::1`, also mapped to IPv6.
/// Such hosts are spoken to in plain HTTP.
pub fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(address, _)| address),
        None if host.bytes().filter(|b| *b == b':').count() == 1 => host.split_once(':').map_or(host, |(name, _)| name),
        None => host,
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || name.parse::<Ipv6Addr>().is_ok_and(|address| {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|mapped| mapped.is_loopback())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_hub_is_one_host_under_all_its_names() {
        for name in ["docker.io", "index.docker.io", "Docker.IO", "registry-1.docker.io"] {
            assert!(is_docker_hub(name), "{name}");
            assert_eq!(normalise_host(name), "docker.io");
        }
        for name in ["docker.io:443", "docker.io.evil.example", "mydocker.io", "ghcr.io"] {
            assert!(!is_docker_hub(name), "{name}");
        }
    }

    #[test]
    fn other_hosts_are_only_put_in_lower_case() {
        assert_eq!(normalise_host("MyRegistry.azurecr.io:443"), "myregistry.azurecr.io:443");
    }

    #[test]
    fn loopback_is_known_in_every_spelling() {
        for host in [
            "localhost",
            "LOCALHOST:5000",
            "127.0.0.1",
            "127.9.9.9:80",
            "[::1]",
            "[::1]:5000",
            "::1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "128.0.0.1",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "[::2]:1",
            "10.0.0.1:5000",
            "127.0.0.01",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
