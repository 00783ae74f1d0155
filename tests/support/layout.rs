//! Images on disk: OCI image layouts (folder or tar) and what `docker save` writes.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::image::{Image, Part};
use super::sha256;

/// The annotation that names an entry of a layout.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The files of an OCI image layout that holds these images under these names, sorted by path.
pub fn files(entries: &[(&str, &Image)]) -> Vec<(String, Vec<u8>)> {
    let mut files = std::collections::BTreeMap::new();
    let mut list = Vec::new();
    for (name, image) in entries {
        for part in image.blobs.iter().chain(&image.manifests) {
            files.insert(format!("blobs/{}", part.digest.replace(':', "/")), part.bytes.to_vec());
        }
        let mut descriptor = image.root().descriptor();
        descriptor["annotations"] = json!({ REF_NAME: name });
        list.push(descriptor);
    }
    let index = json!({"schemaVersion": 2, "mediaType": super::image::OCI_INDEX, "manifests": list});
    let mut text = serde_json::to_vec_pretty(&index).expect("JSON");
    text.push(b'\n');
    files.insert("index.json".to_owned(), text);
    files.insert("oci-layout".to_owned(), b"{\"imageLayoutVersion\":\"1.0.0\"}".to_vec());
    files.into_iter().collect()
}

/// Writes an OCI image layout folder.
pub fn write(folder: &Path, entries: &[(&str, &Image)]) {
    for (path, bytes) in files(entries) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, bytes).expect("a file of the layout");
    }
}

/// Writes a tar of an OCI image layout.
pub fn write_archive(file: &Path, entries: &[(&str, &Image)]) {
    write_tar(file, &files(entries));
}

/// Writes what `docker save` wrote before version 25: `manifest.json`, configs and one folder a layer, layers unpacked.
pub fn write_docker_save(file: &Path, entries: &[(&str, &Image)]) {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut manifest = Vec::new();
    for (name, image) in entries {
        let root = image.root().json();
        let config = find(
            image,
            root["config"]["digest"].as_str().expect("a single-platform image"),
        );
        let config_name = format!("{}.json", hex(&config.digest));
        let mut layers = Vec::new();
        for layer in root["layers"].as_array().expect("layers") {
            let blob = find(image, layer["digest"].as_str().expect("a digest"));
            let mut tar = Vec::new();
            let mut unpacked = flate2::read::GzDecoder::new(blob.bytes.as_slice());
            std::io::Read::read_to_end(&mut unpacked, &mut tar).expect("gzip");
            let id = sha256(format!("{name} {}", blob.digest).as_bytes());
            let path = format!("{}/layer.tar", hex(&id));
            files.push((format!("{}/VERSION", hex(&id)), b"1.0".to_vec()));
            files.push((
                format!("{}/json", hex(&id)),
                json!({"id": hex(&id)}).to_string().into_bytes(),
            ));
            files.push((path.clone(), tar));
            layers.push(path);
        }
        files.push((config_name.clone(), config.bytes.to_vec()));
        manifest.push(json!({"Config": config_name, "RepoTags": [name], "Layers": layers}));
    }
    files.push((
        "manifest.json".to_owned(),
        Value::Array(manifest).to_string().into_bytes(),
    ));
    files.push(("repositories".to_owned(), b"{}".to_vec()));
    write_tar(file, &files);
}

fn find<'a>(image: &'a Image, digest: &str) -> &'a Part {
    image
        .blobs
        .iter()
        .find(|b| b.digest == digest)
        .expect("a blob of the image")
}

fn hex(digest: &str) -> &str {
    digest.strip_prefix("sha256:").expect("a sha256 digest")
}

/// A tar of these files; packed with gzip when the name ends in `.gz` or `.tgz`.
pub fn write_tar(file: &Path, files: &[(String, Vec<u8>)]) {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        archive
            .append_data(&mut header, path, bytes.as_slice())
            .expect("a tar in memory");
    }
    let bytes = archive.into_inner().expect("a tar in memory");
    let packed = file.extension().is_some_and(|e| e == "gz" || e == "tgz");
    let mut out = fs::File::create(file).expect("an archive");
    if packed {
        let mut gzip = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
        gzip.write_all(&bytes).expect("an archive");
        gzip.finish().expect("an archive");
    } else {
        out.write_all(&bytes).expect("an archive");
    }
}

/// Names in a layout's index, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = index(folder)
        .iter()
        .filter_map(|entry| entry["annotations"][REF_NAME].as_str().map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// Reads an image out of a layout, with everything below it; every digest and size is checked. `None` when there is no
/// such name; a name whose image is incomplete or damaged is a failure.
pub fn read(folder: &Path, name: &str) -> Option<Image> {
    let entry = index(folder)
        .into_iter()
        .find(|entry| entry["annotations"][REF_NAME] == name)?;
    Some(gather(&entry, &mut |descriptor| {
        let digest = descriptor["digest"].as_str().expect("a digest");
        let path = folder.join("blobs").join(digest.replace(':', "/"));
        fs::read(&path).unwrap_or_else(|e| panic!("{name}: {}: {e}", path.display()))
    }))
}

fn index(folder: &Path) -> Vec<Value> {
    let Ok(bytes) = fs::read(folder.join("index.json")) else {
        return Vec::new();
    };
    let index: Value = serde_json::from_slice(&bytes).expect("index.json is JSON");
    index["manifests"].as_array().cloned().unwrap_or_default()
}

/// Everything below a descriptor, fetched by `fetch` and checked.
pub fn gather(descriptor: &Value, fetch: &mut dyn FnMut(&Value) -> Vec<u8>) -> Image {
    let bytes = fetch(descriptor);
    let media_type = descriptor["mediaType"].as_str().expect("a media type");
    let root = checked(descriptor, Part::new(media_type, bytes));
    let content = root.json();
    let mut image = Image {
        blobs: Vec::new(),
        manifests: Vec::new(),
        platform: None,
    };
    let push = |list: &mut Vec<Part>, part: Part| {
        if list.iter().all(|p| p.digest != part.digest) {
            list.push(part);
        }
    };
    for child in content["manifests"].as_array().into_iter().flatten() {
        let child = gather(child, fetch);
        child.blobs.into_iter().for_each(|blob| push(&mut image.blobs, blob));
        child
            .manifests
            .into_iter()
            .for_each(|manifest| push(&mut image.manifests, manifest));
    }
    let layers = content["layers"].as_array().into_iter().flatten();
    for blob in layers.chain(content.get("config")) {
        let part = checked(
            blob,
            Part::new(blob["mediaType"].as_str().expect("a media type"), fetch(blob)),
        );
        push(&mut image.blobs, part);
    }
    push(&mut image.manifests, root);
    image
}

fn checked(descriptor: &Value, part: Part) -> Part {
    assert_eq!(
        descriptor["digest"],
        part.digest.as_str(),
        "content is not what its digest says"
    );
    assert_eq!(
        descriptor["size"],
        part.bytes.len(),
        "{}: the size is not what its descriptor says",
        part.digest
    );
    part
}
