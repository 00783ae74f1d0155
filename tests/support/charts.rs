//! Charts written on the spot: one deployment for each image.

use super::Project;

/// Writes a chart whose templates name these images, one file each, in this order.
pub fn write(project: &Project, folder: &str, name: &str, version: &str, images: &[&str]) {
    project.write(
        &format!("{folder}/Chart.yaml"),
        format!("apiVersion: v2\nname: {name}\nversion: {version}\n"),
    );
    project.write(&format!("{folder}/values.yaml"), "replicas: 1\n");
    for (number, image) in images.iter().enumerate() {
        project.write(
            &format!("{folder}/templates/app-{number}.yaml"),
            deployment(number, image),
        );
    }
}

/// A deployment of one container.
pub fn deployment(number: usize, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{number}\nspec:\n  \
         replicas: {{{{ .Values.replicas }}}}\n  selector: {{ matchLabels: {{ app: app-{number} }} }}\n  template:\n    \
         metadata: {{ labels: {{ app: app-{number} }} }}\n    spec:\n      containers:\n        - name: main\n          \
         image: \"{image}\"\n"
    )
}
