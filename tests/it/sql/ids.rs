//! Ids in SQL are those of `model::ids`, to the bit.

use uuid::Uuid;
use waypost::model::{
    execution::Status,
    ids,
    transition::{EntryKind, Policy},
};

use super::support::{installed, one};

#[tokio::test]
async fn a_hundred_random_ids_are_the_same_in_sql_and_in_rust() {
    let mut db = installed("ids").await;
    for round in 0..100u64 {
        let contact = if round == 0 {
            Uuid::nil()
        } else {
            Uuid::new_v4()
        };
        let other = Uuid::new_v4();
        let tenant = (other.as_u128() as i32).rem_euclid(1_000_000_007);
        let millis = (other.as_u128() >> 90) as i64;
        let seq = (other.as_u128() >> 64) as i32;
        let bucket = ids::bucket_of(tenant, contact);
        let parts = ["default", "welcome ü", "", &contact.to_string()];
        let id = ids::derive(millis, bucket, &parts);
        let row: (i16, i16, Uuid, i16, Uuid) = sqlx::query_as(
            "select waypost.bucket_of($1, $2), waypost.home_bucket($1),
                    waypost.derive_id($3, $4, variadic $5), waypost.bucket_in($6), waypost.outbox_id($6, $7)",
        )
        .bind(tenant)
        .bind(contact)
        .bind(millis)
        .bind(bucket)
        .bind(parts.map(str::to_owned).to_vec())
        .bind(id)
        .bind(seq)
        .fetch_one(&mut *db)
        .await
        .expect("the functions answer");
        let ours = (
            bucket,
            ids::home_bucket(tenant),
            id,
            ids::bucket_in(id),
            ids::outbox_id(id, seq),
        );
        assert_eq!(
            row, ours,
            "tenant {tenant}, contact {contact}, millis {millis}, seq {seq}"
        );
    }
}

#[tokio::test]
async fn numbers_have_the_same_names_in_sql_and_in_rust() {
    let mut db = installed("names").await;
    for status in Status::ALL {
        let name = one(
            &mut db,
            &format!("select waypost.status_name({}::smallint)", status.code()),
        )
        .await;
        assert_eq!(name, status.as_str());
    }
    for (kind, name) in EntryKind::ALL {
        let theirs = one(
            &mut db,
            &format!("select waypost.entry_name({}::smallint)", kind.code()),
        )
        .await;
        assert_eq!(theirs, name);
    }
    for policy in [
        Policy::Dedupe,
        Policy::Reconcile,
        Policy::Hold,
        Policy::Retry,
    ] {
        let theirs = one(
            &mut db,
            &format!("select waypost.policy_name({}::smallint)", policy.code()),
        )
        .await;
        assert_eq!(serde_json::to_value(policy).expect("a word"), theirs);
    }
}
