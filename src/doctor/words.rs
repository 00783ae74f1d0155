//! Small words that several checks share.

/// Binary units, whole numbers: `12 GiB`.
pub(super) fn bytes(size: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut size, mut unit) = (size, "bytes");
    for next in UNITS {
        if size < 1024 {
            break;
        }
        size /= 1024;
        unit = next;
    }
    format!("{size} {unit}")
}

/// `1 image`, `2 images`.
pub(super) fn count(number: usize, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{s}")
}
