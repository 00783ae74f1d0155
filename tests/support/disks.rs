//! A container of the emulator with a counting proxy before it, and the `vhd` commands run against it.

use super::aosm::{Aosm, Output, Project};
use super::azurite::{ACCOUNT, Azurite, Sas};
use super::faulty::Faulty;
use super::traffic::{Entry, Mark};
use super::vhd::Vhd;

/// Name of the variable that holds the signature in these tests.
pub const VARIABLE: &str = "DISKS_SAS";

/// One container, reached through a proxy.
pub struct Disks {
    pub project: Project,
    pub azurite: &'static Azurite,
    pub proxy: Faulty,
    pub container: String,
}

impl Disks {
    /// A container of its own.
    pub fn new(name: &str) -> Self {
        let azurite = Azurite::shared();
        Self {
            project: Project::new(),
            azurite,
            proxy: Faulty::before(&azurite.host()),
            container: azurite.container(name),
        }
    }

    /// The same container from another machine: another project, another home.
    pub fn elsewhere(&self) -> Self {
        Self {
            project: Project::new(),
            azurite: self.azurite,
            proxy: Faulty::before(&self.azurite.host()),
            container: self.container.clone(),
        }
    }

    /// Writes a disk image into the project's folder.
    pub fn write(&self, name: &str, disk: &Vhd) -> &Self {
        disk.write(&self.project.path(name));
        self
    }

    /// The container's URL as runs see it.
    pub fn url(&self, sas: &Sas) -> String {
        let url = self.azurite.url(&self.container, sas);
        url.replace(&self.azurite.host(), &self.proxy.host())
    }

    /// A run that finds the signature in its variable.
    pub fn aosm(&self, arguments: &[&str]) -> Aosm {
        self.project.aosm(arguments).env(VARIABLE, self.url(&Sas::default()))
    }

    /// `vhd upload disk.vhd` into a blob, with more flags.
    pub fn upload(&self, blob: &str, flags: &[&str]) -> Aosm {
        let run = ["vhd", "upload", "disk.vhd", "--sas-env", VARIABLE, "--blob", blob];
        self.aosm(&[&run[..], flags].concat())
    }

    /// `vhd show` of a blob, as JSON.
    pub fn show(&self, blob: &str) -> serde_json::Value {
        let run = ["vhd", "show", "--sas-env", VARIABLE, "--blob", blob, "--json"];
        self.aosm(&run).run().ok().json()
    }

    /// Requests of runs about a blob since a mark.
    pub fn requests(&self, blob: &str, mark: Mark) -> Vec<Entry> {
        let path = format!("/{ACCOUNT}/{}/{blob}", self.container);
        let all = self.proxy.since(mark).0;
        all.into_iter().filter(|entry| entry.path == path).collect()
    }

    /// Bytes of bodies that runs sent to a blob since a mark.
    pub fn sent(&self, blob: &str, mark: Mark) -> u64 {
        self.requests(blob, mark).iter().map(|entry| entry.uploaded).sum()
    }

    /// A request of somebody else to a blob: with all rights, not through the proxy.
    pub fn by_hand(&self, method: &str, blob: &str, query: &str, headers: &[(&str, &str)], body: &[u8]) -> u16 {
        let resource = format!("{}/{blob}{query}", self.container);
        self.azurite.request(method, &resource, headers, body).status
    }

    /// Somebody else writes pages.
    pub fn put_pages(&self, blob: &str, at: usize, bytes: &[u8]) {
        let range = format!("bytes={at}-{}", at + bytes.len() - 1);
        let headers = [("x-ms-page-write", "update"), ("x-ms-range", range.as_str())];
        assert_eq!(self.by_hand("PUT", blob, "?comp=page", &headers, bytes), 201);
    }

    /// Somebody takes the lease away and leaves none.
    pub fn break_lease(&self, blob: &str) {
        let headers = [("x-ms-lease-action", "break"), ("x-ms-lease-break-period", "0")];
        assert_eq!(self.by_hand("PUT", blob, "?comp=lease", &headers, b""), 202);
    }

    /// Somebody else takes the lease, for a minute.
    pub fn take_lease(&self, blob: &str) {
        let headers = [
            ("x-ms-lease-action", "acquire"),
            ("x-ms-lease-duration", "60"),
            ("x-ms-proposed-lease-id", "12345678-1234-4234-8234-123456789abc"),
        ];
        assert_eq!(self.by_hand("PUT", blob, "?comp=lease", &headers, b""), 201);
    }

    /// Fails unless the blob is a page blob that holds exactly this, says so, and is leased by nobody.
    pub fn assert_holds(&self, blob: &str, disk: &Vhd, when: &str) {
        let content = disk.content();
        let head = self.azurite.head(&self.container, blob).expect("a blob");
        let header = |name: &str| head.get(name).unwrap_or_default().to_owned();
        assert_eq!(header("x-ms-blob-type"), "PageBlob", "{when}");
        assert_eq!(
            header("x-ms-meta-aosm_digest"),
            super::vhd::content_digest(&content),
            "{when}"
        );
        assert_eq!(header("x-ms-meta-aosm_upload"), "", "{when}");
        assert_eq!(header("x-ms-lease-state"), "available", "{when}");
        // A dump of a whole disk helps nobody.
        let held = self.azurite.content(&self.container, blob);
        let first = held.iter().zip(&content).position(|(a, b)| a != b);
        assert_eq!((held.len(), first), (content.len(), None), "{when}");
    }

    /// Fails if the blob claims a digest.
    pub fn assert_claims_nothing(&self, blob: &str, when: &str) {
        if let Some(head) = self.azurite.head(&self.container, blob) {
            assert_eq!(head.get("x-ms-meta-aosm_digest"), None, "{when}");
        }
    }
}

/// Fails if a run says anything of the signature.
pub fn no_secret(output: &Output) {
    for text in [&output.stdout, &output.stderr] {
        // Hints show what a signature looks like, with dots in it.
        let text = text.replace("sig=…", "").replace("sv=…", "");
        assert!(!text.contains("sig=") && !text.contains("sv="), "{output}");
    }
}
