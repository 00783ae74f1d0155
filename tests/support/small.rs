//! A small project: one chart, a few small images. For tests that run it very many times.

use super::aosm::Project;
use super::image::{Image, ImageSpec};
use super::{layout, sha256};

/// The images of the small project: by the name each has in its source and in the store.
pub struct Small {
    pub images: Vec<(String, Image)>,
}

impl Small {
    /// This many images. All share one layer, every second one another.
    pub fn new(count: u64) -> Self {
        let images = (1..=count).map(|number| {
            let mut spec = ImageSpec::new(number).layers(&[60]).base_layer(900, 200);
            if number % 2 == 0 {
                spec = spec.base_layer(901, 150);
            }
            (format!("release/small-{number}:1.0.0"), spec.build())
        });
        Self {
            images: images.collect(),
        }
    }

    /// Writes the chart `small` 1.0.0, one workload an image, and what the chart needs in `aosm.toml`: `head` comes first.
    pub fn write(&self, project: &Project, head: &str) {
        project.write(
            "charts/small/Chart.yaml",
            "apiVersion: v2\nname: small\nversion: 1.0.0\n",
        );
        project.write("charts/small/values.yaml", "replicas: 1\n");
        let mut text = String::new();
        for (number, (name, _)) in self.images.iter().enumerate() {
            text += &format!(
                "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: small-{number}\nspec:\n  \
                 replicas: {{{{ .Values.replicas }}}}\n  template:\n    spec:\n      containers:\n        - name: main\n          \
                 image: repository/{name}\n"
            );
        }
        project.write("charts/small/templates/app.yaml", text);
        project.write(
            "aosm.toml",
            format!("{head}\n[[charts]]\nname = \"small\"\npath = \"charts/small\"\n"),
        );
    }

    /// The same with its images in an OCI layout beside it, and everything going to the local store.
    pub fn write_local(&self, project: &Project) {
        self.write(
            project,
            "[project]\nname = \"small\"\nimage-sources = [\"source.example\"]\n\
             [sources.\"source.example\"]\nkind = \"oci-layout\"\npath = \"images\"\n",
        );
        self.write_images(project);
    }

    /// Writes the source layout.
    pub fn write_images(&self, project: &Project) {
        let entries: Vec<(&str, &Image)> = self.images.iter().map(|(name, image)| (name.as_str(), image)).collect();
        layout::write(&project.path("images"), &entries);
    }

    /// The digest that a name should have in the store.
    pub fn digest(&self, name: &str) -> &str {
        let (_, image) = self
            .images
            .iter()
            .find(|(known, _)| known == name)
            .expect("an image of the project");
        image.digest()
    }

    /// Fails unless every tag in the local store is complete and what it should be; which tags there are. The chart's digest
    /// is not known here.
    pub fn whole_tags(&self, project: &Project) -> Vec<String> {
        let store = project.path(".aosm/store");
        let names = layout::names(&store);
        for name in &names {
            let image = layout::read(&store, name).expect("a tag of the index");
            if self.images.iter().any(|(known, _)| known == name) {
                assert_eq!(image.digest(), self.digest(name), "{name} is something else");
            } else {
                assert_eq!(name, "small:1.0.0", "nobody asked for {name}");
            }
        }
        names
    }

    /// The names that the store should hold in the end, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.images.iter().map(|(name, _)| name.clone()).collect();
        names.push("small:1.0.0".to_owned());
        names.sort();
        names
    }

    /// Fails unless the local store holds all of it, whole.
    pub fn assert_complete(&self, project: &Project) {
        assert_eq!(self.whole_tags(project), self.names());
    }
}

/// Runs jobs on all cores; a job that fails names its number.
pub fn in_parallel(numbers: &[usize], job: impl Fn(usize) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let workers = std::thread::available_parallelism()
        .map_or(2, std::num::NonZero::get)
        .max(2);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(number) = numbers.get(next.fetch_add(1, std::sync::atomic::Ordering::SeqCst)) {
                    job(*number);
                }
            });
        }
    });
}

/// Numbers below `limit`, made up from a seed.
pub fn seeded(seed: &str, count: usize, limit: usize) -> Vec<usize> {
    (0..count)
        .map(|at| {
            let digest = sha256(format!("{seed} {at}").as_bytes());
            let number = usize::from_str_radix(&digest["sha256:".len()..][..12], 16).expect("hex");
            number % limit.max(1)
        })
        .collect()
}
