//! How an image is repaired: `qemu-img` lines that can be copied.
//!
//! `force_size` keeps the disk's size as it is (without it `qemu-img` rounds it to a geometry), and keeps it even where it is no whole
//! number of MiB. So a disk of another size is made a raw image, resized, and only then converted.

use camino::Utf8Path;

use super::footer::Footer;

const MIB: u64 = 1 << 20;

/// Programs whose VHDs have the size that the footer says; `qemu-img` takes others' from their geometry, which may be smaller
/// (the list is its own, in `block/vpc.c`; its own older mark rounds the size up to a geometry, so both are the same).
const SIZED_BY_FOOTER: [&[u8; 4]; 6] = [b"win ", b"qem2", b"d2v ", b"tap\0", b"CTXS", b"qemu"];

/// What is to be converted: `qemu-img`'s words for format and file.
pub(super) struct Input {
    words: String,
    stem: String,
    /// Where the result must not be called as the source is.
    is_vhd: bool,
}

impl Input {
    /// A file of a format.
    pub fn of(name: &str, format: &str) -> Self {
        let path = Utf8Path::new(name);
        Self {
            words: format!("-f {format} {}", shell_word(name)),
            stem: path.with_extension("").into_string(),
            is_vhd: path
                .extension()
                .is_some_and(|ending| ending.eq_ignore_ascii_case("vhd")),
        }
    }

    /// A VHD with this footer.
    pub fn vhd(name: &str, footer: &Footer) -> Self {
        let mut input = Self::of(name, "vpc");
        if !SIZED_BY_FOOTER.contains(&&footer.creator) {
            let option = format!(
                "driver=vpc,force_size_calc=current_size,file.filename={}",
                name.replace(',', ",,")
            );
            input.words = format!("--image-opts {}", shell_word(&option));
        }
        input
    }

    fn raw(&self) -> String {
        shell_word(&format!("{}.raw", self.stem))
    }

    fn vhd_file(&self) -> String {
        let ending = if self.is_vhd { "-fixed.vhd" } else { ".vhd" };
        shell_word(&format!("{}{ending}", self.stem))
    }

    /// The lines that make a fixed VHD of it. `size` is that of the disk, where it is known.
    pub fn to_fixed(&self, size: Option<u64>) -> String {
        if size.is_some_and(|size| size > 0 && size.is_multiple_of(MIB)) {
            return to_vhd(&self.words, &self.vhd_file());
        }
        let raw = self.raw();
        let resize = match size {
            Some(size) => format!("qemu-img resize -f raw {raw} {}", in_mib(size)),
            None => format!("qemu-img resize -f raw {raw} \"$(( ($(wc -c < {raw}) + 1048575) / 1048576 ))M\""),
        };
        format!(
            "qemu-img convert {} -O raw {raw}\n{resize}\n{}",
            self.words,
            to_vhd(&format!("-f raw {raw}"), &self.vhd_file())
        )
    }
}

/// The lines that make a fixed VHD of a raw image of so many bytes.
pub(super) fn raw_to_fixed(name: &str, length: u64) -> String {
    let input = Input::of(name, "raw");
    let convert = to_vhd(&input.words, &input.vhd_file());
    if length > 0 && length.is_multiple_of(MIB) {
        convert
    } else {
        format!(
            "qemu-img resize -f raw {} {}\n{convert}",
            shell_word(name),
            in_mib(length)
        )
    }
}

/// The next whole MiB, as people and `qemu-img` write it.
pub(super) fn in_mib(size: u64) -> String {
    format!("{}M", size.div_ceil(MIB).max(1))
}

fn to_vhd(input: &str, output: &str) -> String {
    format!("qemu-img convert {input} -O vpc -o subformat=fixed,force_size {output}")
}

/// One word, in single quotes where a POSIX shell needs them.
pub(super) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@=,+%".contains(c);
    // A name that begins with a hyphen would be taken for a flag.
    let word = if word.starts_with('-') {
        format!("./{word}")
    } else {
        word.to_owned()
    };
    if !word.is_empty() && word.chars().all(plain) {
        return word;
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_in_whole_mib_is_converted_and_any_other_is_resized_first() {
        let input = Input::of("a/disk.qcow2", "qcow2");
        assert_eq!(
            input.to_fixed(Some(96 * MIB)),
            "qemu-img convert -f qcow2 a/disk.qcow2 -O vpc -o subformat=fixed,force_size a/disk.vhd"
        );
        assert_eq!(
            input.to_fixed(Some(96 * MIB + 1)),
            "qemu-img convert -f qcow2 a/disk.qcow2 -O raw a/disk.raw\n\
             qemu-img resize -f raw a/disk.raw 97M\n\
             qemu-img convert -f raw a/disk.raw -O vpc -o subformat=fixed,force_size a/disk.vhd"
        );
        assert!(
            input
                .to_fixed(None)
                .contains("resize -f raw a/disk.raw \"$(( ($(wc -c < a/disk.raw)")
        );
    }

    #[test]
    fn nothing_is_written_over_its_source_and_names_are_quoted() {
        let lines = Input::of("my disk.VHD", "vpc").to_fixed(Some(MIB));
        assert!(lines.starts_with("qemu-img convert -f vpc 'my disk.VHD' "), "{lines}");
        assert!(lines.ends_with(" 'my disk-fixed.vhd'"), "{lines}");
        assert_eq!(
            raw_to_fixed("-x.img", 100_000_000),
            "qemu-img resize -f raw ./-x.img 96M\n\
             qemu-img convert -f raw ./-x.img -O vpc -o subformat=fixed,force_size ./-x.vhd"
        );
        assert!(!raw_to_fixed("disk", 4 * MIB).contains("resize"));
    }
}
