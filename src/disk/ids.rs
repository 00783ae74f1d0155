//! Random numbers that must not meet: lease ids and upload ids.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use crate::digest::Digest;

/// 64 random bits.
pub fn random() -> u64 {
    let mut bytes = [0_u8; 8];
    if SystemRandom::new().fill(&mut bytes).is_ok() {
        return u64::from_le_bytes(bytes);
    }
    // No secret depends on it: time and process tell two machines apart well enough.
    let seed = format!("{:?} {}", std::time::SystemTime::now(), std::process::id());
    let digest = Digest::of(seed.as_bytes());
    u64::from_str_radix(digest.hex().get(..16).unwrap_or_default(), 16).unwrap_or_default()
}

/// A random GUID (RFC 9562, version 4): the form in which the service takes lease ids.
pub fn guid() -> String {
    let (high, low) = (random(), random());
    let high = (high & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000;
    let low = (low & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_has_the_form_of_one_and_no_two_are_equal() {
        let id = guid();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(id.as_bytes().get(14), Some(&b'4'), "{id}");
        assert_ne!(guid(), guid());
    }
}
