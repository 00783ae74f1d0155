//! Planning: local steps, then read-only looks at sources and stores, then a pure decision.

mod along;
mod attach;
mod build;
mod bytes;
mod cut;
mod decide;
mod document;
mod explain;
mod from_bundle;
mod images;
mod locating;
mod observe;
mod packs;
mod prepare;
mod reason;
mod session;
mod subject;
mod target;
mod wanted;
mod world;

pub use build::{Depth, PlanOptions, Planned, plan};
pub use decide::{Action, Decision, Desired, Effect, Seen, TakenTag, decide};
pub use document::{Plan, PlanStep, Summary, Transfer, Unwanted};
pub use explain::{Change, Explained, explain};
pub use from_bundle::plan_bundle;
pub use images::{FoundAt, ImageEntry, ImagesDocument};
pub use locating::{Asking, CopyOf, Locations, images_from_lock, locate_images, through_cache};
pub use observe::{Answers, Look, observe};
pub use packs::{PackInput, PackOutput, PackStep};
pub use prepare::{CacheContent, ChartOutput, Package, Prepared, Steps, pack_now, prepare};
pub use reason::Reason;
pub use session::{Mode, Session, cache_folder};
pub use target::{Target, check_names};
pub use wanted::{Wanted, WantedArtifact, WantedChart, WantedImage, wanted};
pub use world::World;
