//! Where a row lies: `ctid`, by which the transaction that locked it finds it again without a lookup.

use sqlx::{
    Decode, Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef, types::Oid},
};

/// Number of the type `tid`, and of its array (`pg_type.dat`); both are the same in every server.
const TID: Oid = Oid(27);
const TIDS: Oid = Oid(1010);

/// Where a row lies: right until it is written, which only the transaction that holds its lock can do.
///
/// As the server sends it: four bytes for the page, two for the place on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ctid([u8; 6]);

/// Where the row of an execution is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nowhere yet: this transaction enrolled it.
    None,
    /// By its key: this transaction wrote it, or read it without asking where.
    Key,
    /// There, where this transaction locked it.
    At(Ctid),
}

impl Type<Postgres> for Ctid {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TID)
    }

    /// By whatever name the driver found for the number.
    fn compatible(ty: &PgTypeInfo) -> bool {
        ty.oid() == Some(TID)
    }
}

impl PgHasArrayType for Ctid {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIDS)
    }
}

impl Encode<'_, Postgres> for Ctid {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Ctid {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(value.as_bytes()?.try_into()?))
    }
}
