//! Derived identities: the same thing has the same id for ever (I-3), and an id alone finds its row.
//!
//! An id is a UUIDv8: 48 bits of the originating event's millisecond (ids sort by time and their
//! indexes stay local), then 10 bits of bucket, then 64 bits of SHA-256 over what the id stands for.
//! `waypost.derive_id` and `waypost.bucket_of` in SQL compute the same values; a test compares them.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Number of buckets, for ever.
pub const BUCKETS: i16 = 1024;

/// The bucket in which all rows of one contact lie.
///
/// Integer arithmetic over the UUID's last eight bytes, the same in SQL and in Rust.
#[must_use]
pub fn bucket_of(tenant: i32, contact: Uuid) -> i16 {
    let b = contact.as_bytes();
    let mix = b[8..].iter().fold(i64::from(tenant), |h, byte| {
        (h * 31 + i64::from(*byte)) % 1_000_003
    });
    (mix % i64::from(BUCKETS)) as i16
}

/// The bucket of a tenant's own rows that belong to no contact.
#[must_use]
pub fn home_bucket(tenant: i32) -> i16 {
    bucket_of(tenant, Uuid::nil())
}

/// Builds a derived id from a time in Unix milliseconds, a bucket and the parts it stands for.
///
/// Parts are joined with the unit separator (0x1F), so that `("ab","c")` and `("a","bc")` differ.
#[must_use]
pub fn derive(millis: i64, bucket: i16, parts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            hash.update([0x1f]);
        }
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut tail = [0u8; 8];
    tail.copy_from_slice(&digest[..8]);
    assemble(millis, bucket, u64::from_be_bytes(tail))
}

/// 48 bits of time, version 8, 10 bits of bucket and 2 of hash, variant, 62 bits of hash.
fn assemble(millis: i64, bucket: i16, hash: u64) -> Uuid {
    let time = (millis.max(0) as u128) & 0xffff_ffff_ffff;
    let middle = ((bucket as u128) & 0x3ff) << 2 | u128::from(hash >> 62);
    let tail = u128::from(hash) & 0x3fff_ffff_ffff_ffff;
    Uuid::from_u128(time << 80 | 0x8 << 76 | middle << 64 | 0b10 << 62 | tail)
}

/// The id of an outbox row: the execution's own time and bucket, and its visit.
#[must_use]
pub fn outbox_id(execution: Uuid, seq: i32) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(execution.as_bytes());
    hash.update(seq.to_be_bytes());
    let digest = hash.finalize();
    let mut tail = [0u8; 8];
    tail.copy_from_slice(&digest[..8]);
    assemble(
        (execution.as_u128() >> 80) as i64,
        bucket_in(execution),
        u64::from_be_bytes(tail),
    )
}

/// The contact that a text names: a UUID itself, else the one that stands for a team's own key
/// (`waypost.contact_id` in SQL).
#[must_use]
pub fn contact_id(key: &str) -> Uuid {
    if let Ok(id) = Uuid::try_parse(key) {
        return id;
    }
    let digest = Sha256::new()
        .chain_update("waypost.contact:")
        .chain_update(key)
        .finalize();
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The bucket that a derived id carries.
#[must_use]
pub fn bucket_in(id: Uuid) -> i16 {
    ((id.as_u128() >> 66) & 0x3ff) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_carries_its_time_and_bucket() {
        let id = derive(
            1_700_000_000_123,
            777,
            &["default", "welcome", "c1", "k", "e"],
        );
        assert_eq!(id.get_version_num(), 8);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(bucket_in(id), 777);
        assert_eq!((id.as_u128() >> 80) as i64, 1_700_000_000_123);
        let send = outbox_id(id, 3);
        assert_eq!(bucket_in(send), 777);
        assert_eq!(send.as_u128() >> 80, id.as_u128() >> 80);
        assert_ne!(send, outbox_id(id, 4));
    }

    #[test]
    fn a_bucket_follows_from_the_tenant_and_the_last_eight_bytes() {
        let rows = [
            (0, 0u128, 0i64),
            (0, 17, 17),
            (1, 0, 31i64.pow(8)),
            (3, 0x0105, 3 * 31i64.pow(8) + 31 + 5),
            (3, 7 << 64 | 0x0105, 3 * 31i64.pow(8) + 31 + 5), // the first eight do not count
        ];
        for (tenant, contact, mix) in rows {
            let expected = mix % 1_000_003 % 1_024;
            let bucket = bucket_of(tenant, Uuid::from_u128(contact));
            assert_eq!(i64::from(bucket), expected, "{tenant} {contact}");
        }
        assert_eq!(home_bucket(3), bucket_of(3, Uuid::nil()));
        assert_ne!(home_bucket(3), home_bucket(4));
    }

    #[test]
    fn any_key_names_a_contact() {
        let own = Uuid::from_u128(7);
        assert_eq!(contact_id(&own.to_string()), own);
        assert_eq!(contact_id("customer-17").get_version_num(), 8);
        assert_ne!(contact_id("customer-17"), contact_id("customer-18"));
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(derive(1, 1, &["ab", "c"]), derive(1, 1, &["a", "bc"]));
    }
}
