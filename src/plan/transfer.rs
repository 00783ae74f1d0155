//! How an image gets to an AOSM store: a pure choice by facts that are known from locating and looking.
//!
//! A registry that fetches an image by itself spares this machine the bytes, and cannot do everything: it takes whole images
//! only, leaves behind what refers to them, replaces nothing, and has limits of its own.

use super::{Effect, Transfer};
use crate::azure::import::{MANIFESTS_LIMIT, PUBLIC_LAYER_LIMIT};
use crate::project::CopyMode;

/// Where an image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin<'a> {
    /// A registry.
    Registry {
        /// Its host.
        host: &'a str,
        /// It is an Azure registry.
        azure: bool,
        /// It is on this machine.
        here: bool,
        /// The project says that it is reached without TLS.
        plain: bool,
    },
    /// A folder or an archive.
    File,
}

/// What the manifests of an image say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// How many manifests there are.
    pub manifests: usize,
    /// Bytes of the largest blob.
    pub largest: u64,
}

/// What is known about an image and its target.
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, each a row of the table"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts<'a> {
    /// What the store says.
    pub mode: CopyMode,
    /// Where the image comes from.
    pub origin: Origin<'a>,
    /// Is it known which registry is behind the store?
    pub registry_known: bool,
    /// Is that on this machine?
    pub target_here: bool,
    /// Does the target hold the source, so that it can take the blobs from itself?
    pub mounts: bool,
    /// What running changes.
    pub effect: Effect,
    /// Some of it is there: damaged, or without what should travel along.
    pub partly_there: bool,
    /// How many referrers travel along.
    pub referrers: usize,
    /// Only some of its platforms are wanted.
    pub cut: bool,
    /// What its manifests say, where they could be read.
    pub known: Option<Known>,
}

/// How it gets there, and why so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    /// How.
    pub transfer: Transfer,
    /// Why, in words.
    pub why: String,
    /// The store demands an import, and this says why there cannot be one.
    pub refused: bool,
}

/// Chooses.
pub(super) fn choose(facts: &Facts<'_>) -> Way {
    let way = |transfer, why: String| Way {
        transfer,
        why,
        refused: false,
    };
    if facts.mounts {
        return way(
            Transfer::Mount,
            "the registry takes it from another of its repositories".to_owned(),
        );
    }
    match (facts.mode, obstacle(facts)) {
        (CopyMode::Stream, _) => way(Transfer::Stream, "the store says `copy = \"stream\"`".to_owned()),
        (CopyMode::Auto, Some(why)) => way(Transfer::Stream, format!("no import: {why}")),
        (CopyMode::ServerSide, Some(why)) => Way {
            transfer: Transfer::Stream,
            why,
            refused: true,
        },
        (CopyMode::Auto | CopyMode::ServerSide, None) => {
            let from = match facts.origin {
                Origin::Registry { host, .. } => host,
                Origin::File => "",
            };
            way(
                Transfer::ServerSide,
                format!("the registry fetches it from {from} by itself"),
            )
        }
    }
}

/// Why the registry cannot import it: the first reason.
fn obstacle(facts: &Facts<'_>) -> Option<String> {
    let Origin::Registry {
        host,
        azure,
        here,
        plain,
    } = facts.origin
    else {
        return Some("it comes from a file".to_owned());
    };
    if !facts.registry_known {
        return Some("Resource Manager does not tell which registry is behind the store".to_owned());
    }
    if here && !facts.target_here {
        return Some(format!("{host} is on this machine"));
    }
    if plain {
        return Some(format!("{host} is reached without TLS"));
    }
    if facts.effect == Effect::Replace {
        return Some("it replaces what is there, and an import replaces nothing".to_owned());
    }
    if facts.referrers > 0 {
        return Some("what refers to it travels along, and an import leaves that behind".to_owned());
    }
    if facts.partly_there {
        return Some("some of it is there already".to_owned());
    }
    if facts.cut {
        return Some("only some of its platforms are wanted, and an import takes all".to_owned());
    }
    let Known { manifests, largest } = facts.known?;
    if manifests > MANIFESTS_LIMIT {
        return Some(format!(
            "it has {manifests} manifests, and an import takes {MANIFESTS_LIMIT} at most"
        ));
    }
    if !azure && largest > PUBLIC_LAYER_LIMIT {
        let gib = PUBLIC_LAYER_LIMIT >> 30;
        return Some(format!(
            "a layer has more than {gib} GiB, which an import takes from Azure registries only"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn usual() -> Facts<'static> {
        Facts {
            mode: CopyMode::Auto,
            origin: registry(false, false, false),
            registry_known: true,
            target_here: false,
            mounts: false,
            effect: Effect::Create,
            partly_there: false,
            referrers: 0,
            cut: false,
            known: known(3, GIB),
        }
    }

    fn registry(azure: bool, here: bool, plain: bool) -> Origin<'static> {
        Origin::Registry {
            host: "source.example",
            azure,
            here,
            plain,
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "as facts have it")]
    fn known(manifests: usize, largest: u64) -> Option<Known> {
        Some(Known { manifests, largest })
    }

    #[test]
    #[allow(clippy::too_many_lines, reason = "one table, a row a fact")]
    fn every_fact_has_its_say_in_the_choice() {
        use Transfer::{Mount, ServerSide, Stream};
        let table = [
            (usual(), ServerSide, "fetches it from source.example by itself"),
            (Facts { known: None, ..usual() }, ServerSide, ""),
            (
                Facts {
                    mode: CopyMode::Stream,
                    ..usual()
                },
                Stream,
                "copy = \"stream\"",
            ),
            (
                Facts {
                    mounts: true,
                    ..usual()
                },
                Mount,
                "another of its repositories",
            ),
            (
                Facts {
                    mounts: true,
                    mode: CopyMode::Stream,
                    ..usual()
                },
                Mount,
                "",
            ),
            (
                Facts {
                    origin: Origin::File,
                    ..usual()
                },
                Stream,
                "from a file",
            ),
            (
                Facts {
                    registry_known: false,
                    ..usual()
                },
                Stream,
                "does not tell which registry",
            ),
            (
                Facts {
                    origin: registry(false, true, false),
                    ..usual()
                },
                Stream,
                "on this machine",
            ),
            (
                Facts {
                    origin: registry(false, true, false),
                    target_here: true,
                    ..usual()
                },
                ServerSide,
                "",
            ),
            (
                Facts {
                    origin: registry(true, false, true),
                    ..usual()
                },
                Stream,
                "without TLS",
            ),
            (
                Facts {
                    effect: Effect::Replace,
                    ..usual()
                },
                Stream,
                "replaces nothing",
            ),
            (
                Facts {
                    referrers: 1,
                    ..usual()
                },
                Stream,
                "travels along",
            ),
            (
                Facts {
                    partly_there: true,
                    ..usual()
                },
                Stream,
                "there already",
            ),
            (Facts { cut: true, ..usual() }, Stream, "some of its platforms"),
            (
                Facts {
                    known: known(50, 1),
                    ..usual()
                },
                ServerSide,
                "",
            ),
            (
                Facts {
                    known: known(51, 1),
                    ..usual()
                },
                Stream,
                "51 manifests",
            ),
            (
                Facts {
                    known: known(1, 2 * GIB),
                    ..usual()
                },
                ServerSide,
                "",
            ),
            (
                Facts {
                    known: known(1, 2 * GIB + 1),
                    ..usual()
                },
                Stream,
                "more than 2 GiB",
            ),
            (
                Facts {
                    known: known(1, 9 * GIB),
                    origin: registry(true, false, false),
                    ..usual()
                },
                ServerSide,
                "",
            ),
        ];
        for (facts, transfer, words) in table {
            let way = choose(&facts);
            assert_eq!((way.transfer, way.refused), (transfer, false), "{facts:?}");
            assert!(way.why.contains(words), "{facts:?}: {}", way.why);
        }
    }

    #[test]
    fn where_an_import_is_demanded_what_stands_in_its_way_is_refused_instead_of_streamed() {
        let demanded = Facts {
            mode: CopyMode::ServerSide,
            ..usual()
        };
        assert_eq!(choose(&demanded).transfer, Transfer::ServerSide);
        for facts in [
            Facts { cut: true, ..demanded },
            Facts {
                referrers: 2,
                ..demanded
            },
            Facts {
                origin: Origin::File,
                ..demanded
            },
            Facts {
                known: known(51, 1),
                ..demanded
            },
            Facts {
                effect: Effect::Replace,
                ..demanded
            },
        ] {
            assert!(choose(&facts).refused, "{facts:?}");
        }
        assert!(
            !choose(&Facts {
                mounts: true,
                ..demanded
            })
            .refused
        );
    }
}
