//! What the demo writes into the reference CRM, set by set, in the words of an application.

use chrono::TimeDelta;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::{
    demo_sql,
    script::{Deed, Person},
};
use crate::{
    app::{
        error::{AppError, AppResult},
        waypost::Waypost,
    },
    model::execution::Instant,
};

/// Makes the tenant with its clock at `start`, and keeps other demos out of it as long as the
/// connection lives. Returns its number.
///
/// # Errors
/// The tenant is somebody's own; another demo runs in it.
pub(super) async fn claim(
    connection: &mut PgConnection,
    tenant: &str,
    start: Instant,
) -> AppResult<i32> {
    let alone: bool = sqlx::query_scalar(demo_sql!("demo_lock"))
        .bind(tenant)
        .fetch_one(&mut *connection)
        .await?;
    if !alone {
        return Err(AppError::no(format!(
            "another demo runs in the tenant {tenant:?} of this database: end it, or name another tenant with --tenant"
        )));
    }
    let made: Option<i32> = sqlx::query_scalar(demo_sql!("demo_tenant"))
        .bind(tenant)
        .bind(start)
        .fetch_optional(connection)
        .await?;
    made.ok_or_else(|| {
        AppError::no(format!(
            "there is a tenant {tenant:?} that no demo made (it has no clock of its own); its rows are not touched: name another with --tenant"
        ))
    })
}

/// Removes what an earlier demo left, in bulk.
///
/// # Errors
/// Of the database.
pub(super) async fn clear(waypost: &Waypost, tenant: i32) -> AppResult<()> {
    let mut tx = waypost.begin_as_owner().await?;
    let tables: Vec<String> = sqlx::query_scalar(demo_sql!("demo_tables"))
        .fetch_all(&mut *tx)
        .await?;
    for table in tables {
        // The names come from the catalog of our own schema.
        let delete = format!("delete from waypost.\"{table}\" where tenant_id = $1");
        sqlx::query(AssertSqlSafe(delete))
            .bind(tenant)
            .execute(&mut *tx)
            .await?;
    }
    sqlx::query(demo_sql!("demo_clear_crm"))
        .bind(waypost.tenant())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// What is written in one transaction, sorted by table.
#[derive(Debug, Default)]
pub(super) struct Batch {
    people: Vec<Person>,
    forms: Vec<(Uuid, Uuid, &'static str, bool)>,
    submitted: Vec<Uuid>,
    payments: Vec<(Uuid, Uuid, i32, bool, &'static str)>,
    tags: Vec<(Uuid, &'static str)>,
}

impl Batch {
    /// Sorts deeds of one half hour.
    pub(super) fn of(deeds: Vec<Deed>) -> Self {
        let mut batch = Self::default();
        for deed in deeds {
            match deed {
                Deed::Join(person) => batch.people.push(person),
                Deed::Form {
                    id,
                    contact,
                    form,
                    sent,
                } => {
                    batch.forms.push((id, contact, form, sent));
                }
                Deed::Submit { id } => batch.submitted.push(id),
                Deed::Pay {
                    id,
                    contact,
                    cents,
                    paid,
                    product,
                } => {
                    batch.payments.push((id, contact, cents, paid, product));
                }
                Deed::Tag { contact, tag } => batch.tags.push((contact, tag)),
            }
        }
        batch
    }

    /// Writes them, a statement a table.
    pub(super) async fn write(
        &self,
        tx: &mut PgConnection,
        tenant: &str,
        now: Instant,
    ) -> Result<(), sqlx::Error> {
        self.write_people(tx, now).await?;
        if !self.forms.is_empty() {
            sqlx::query(demo_sql!("demo_begin_forms"))
                .bind(column(&self.forms, |f| f.0))
                .bind(column(&self.forms, |f| f.1))
                .bind(column(&self.forms, |f| f.2))
                .bind(column(&self.forms, |f| f.3))
                .bind(now)
                .execute(&mut *tx)
                .await?;
        }
        if !self.submitted.is_empty() {
            sqlx::query(demo_sql!("demo_submit_forms"))
                .bind(&self.submitted)
                .bind(tenant)
                .bind(now)
                .execute(&mut *tx)
                .await?;
        }
        if !self.payments.is_empty() {
            sqlx::query(demo_sql!("demo_pay"))
                .bind(column(&self.payments, |p| p.0))
                .bind(column(&self.payments, |p| p.1))
                .bind(column(&self.payments, |p| p.2))
                .bind(column(&self.payments, |p| p.3))
                .bind(column(&self.payments, |p| p.4))
                .bind(now)
                .execute(&mut *tx)
                .await?;
        }
        if !self.tags.is_empty() {
            sqlx::query(demo_sql!("demo_tag"))
                .bind(column(&self.tags, |t| t.0))
                .bind(column(&self.tags, |t| t.1))
                .bind(tenant)
                .execute(&mut *tx)
                .await?;
        }
        Ok(())
    }

    async fn write_people(&self, tx: &mut PgConnection, now: Instant) -> Result<(), sqlx::Error> {
        if self.people.is_empty() {
            return Ok(());
        }
        let bought = |p: &Person| {
            p.bought_days_ago
                .map(|days| now - TimeDelta::days(i64::from(days)))
        };
        sqlx::query(demo_sql!("demo_contacts"))
            .bind(column(&self.people, |p| p.id))
            .bind(column(&self.people, |p| p.email.clone()))
            .bind(column(&self.people, |p| p.first))
            .bind(column(&self.people, |p| p.last))
            .bind(column(&self.people, |p| p.city))
            .bind(column(&self.people, |p| p.source))
            .bind(column(&self.people, |p| p.tags))
            .bind(column(&self.people, bought))
            .execute(tx)
            .await?;
        Ok(())
    }
}

fn column<R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}
