//! Contacts, read and written only through the named view and functions that a team may replace.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write as _,
};

use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, PgConnection, Row, types::Json};
use uuid::Uuid;

use super::{StoreResult, sql};
use crate::model::{path::builtin_contact_field, reads::Reads, transition::CrmWrite};

/// Built-in columns that are text, so that they need not come as JSON.
const TEXTS: &[&str] = &[
    "external_id",
    "email",
    "phone",
    "first_name",
    "last_name",
    "full_name",
    "company_name",
    "source",
    "address1",
    "city",
    "state",
    "postal_code",
    "country",
    "owner_id",
];

/// What a batch needs to know of its contacts: built-in columns and custom fields, by canonical name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    columns: BTreeSet<String>,
    custom: BTreeSet<String>,
    tags: bool,
    all: bool,
}

impl Wanted {
    /// Adds what one version reads.
    pub fn add(&mut self, reads: &Reads) {
        for field in reads.contact.iter().chain(&reads.snapshot) {
            if field.name == "tags" {
                self.tags = true;
            } else if field.custom || builtin_contact_field(&field.name).is_none() {
                self.custom.insert(field.name.clone());
            } else {
                self.columns.insert(field.name.clone());
            }
        }
        self.tags |= reads.tags;
        self.all |= reads.all_contact || reads.all_snapshot;
    }

    /// True where no contact needs to be read at all.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        !self.all && !self.tags && self.columns.is_empty() && self.custom.is_empty()
    }

    /// The built-in columns to be read by themselves, in the order of the answer; the zone comes anyway.
    fn names(&self) -> impl Iterator<Item = &str> {
        let each = (!self.all).then_some(&self.columns);
        let tags = (self.tags && !self.all).then_some("tags");
        let columns = each.into_iter().flatten().map(String::as_str);
        tags.into_iter()
            .chain(columns.filter(|name| *name != "timezone"))
    }

    /// The custom fields to be read by themselves, after those.
    fn custom_names(&self) -> Vec<&str> {
        let each = (!self.all).then_some(&self.custom);
        each.into_iter().flatten().map(String::as_str).collect()
    }

    /// The one piece of SQL that is put together at run time: a select list of known columns, and custom
    /// fields as parameters. Reading two fields beats shipping the whole contact by a fifth, and columns of
    /// their own beat an object.
    fn select(&self) -> String {
        let mut list = String::from("select c.id, c.timezone");
        if self.all {
            list.push_str(", (to_jsonb(c) - 'fields' - 'tenant') || coalesce(c.fields, '{}')");
        }
        for name in self.names() {
            match TEXTS.contains(&name) {
                true => drop(write!(list, ", c.{name}")),
                false => drop(write!(list, ", to_jsonb(c.{name})")),
            }
        }
        for index in 0..self.custom_names().len() {
            let _ = write!(list, ", c.fields -> ($3::text[])[{}]", index + 1);
        }
        // lateral: the arrays drive, whatever the statistics say of a tenant they have not seen yet.
        list.push_str(
            " from unnest($1::text[], $2::uuid[]) x(t, i) cross join lateral (\
               select * from waypost.contacts k where k.id = x.i and k.tenant = x.t offset 0) c \
             where $3::text[] is not null",
        );
        list
    }
}

/// Loads the wanted fields of `(tenant name, contact)`, by canonical name and without nulls; contacts that
/// do not exist are missing from the answer. The zone is always among them.
///
/// # Errors
/// Of the database.
pub async fn load(
    connection: &mut PgConnection,
    wanted: &Wanted,
    contacts: &[(&str, Uuid)],
) -> StoreResult<HashMap<Uuid, Map<String, Value>>> {
    let custom = wanted.custom_names();
    let rows = sqlx::query(AssertSqlSafe(wanted.select()))
        .bind(contacts.iter().map(|c| c.0).collect::<Vec<_>>())
        .bind(contacts.iter().map(|c| c.1).collect::<Vec<_>>())
        .bind(&custom)
        .fetch_all(connection)
        .await?;
    let names: Vec<&str> = wanted.names().collect();
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let mut fields = match wanted.all {
            true => row.try_get::<Json<Map<String, Value>>, _>(2)?.0,
            false => Map::with_capacity(names.len() + custom.len() + 1),
        };
        fields.retain(|_, value| !value.is_null());
        for (at, name) in (2..).zip(names.iter().chain(&custom)) {
            let value = match TEXTS.contains(name) && at < names.len() + 2 {
                true => row.try_get::<Option<String>, _>(at)?.map(Value::String),
                false => row.try_get::<Option<Value>, _>(at)?,
            };
            if let Some(value) = value.filter(|value| !value.is_null()) {
                fields.insert((*name).to_owned(), value);
            }
        }
        if let Some(zone) = row.try_get::<Option<String>, _>(1)? {
            fields.insert("timezone".into(), zone.into());
        }
        found.insert(row.try_get(0)?, fields);
    }
    Ok(found)
}

/// Ids of a tenant's contacts after `after`, in order, at most `limit`.
///
/// # Errors
/// Of the database.
pub async fn page(
    connection: &mut PgConnection,
    tenant: &str,
    after: Uuid,
    limit: i64,
) -> StoreResult<Vec<Uuid>> {
    Ok(sqlx::query_scalar(sql!("contact_page"))
        .bind(tenant)
        .bind(after)
        .bind(limit)
        .fetch_all(connection)
        .await?)
}

/// Names of custom fields: those of the first `sample` contacts, and those of `asked` that any contact has.
///
/// # Errors
/// Of the database.
pub async fn field_names(
    connection: &mut PgConnection,
    tenant: &str,
    asked: &[&str],
    sample: i64,
) -> StoreResult<Vec<String>> {
    Ok(sqlx::query_scalar(sql!("contact_field_names"))
        .bind(tenant)
        .bind(asked)
        .bind(sample)
        .fetch_all(connection)
        .await?)
}

/// What one contact is to be written, over all steps of a batch: deltas, never a whole row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Delta {
    add_tags: Vec<String>,
    remove_tags: BTreeSet<String>,
    set: Map<String, Value>,
    notes: Vec<String>,
}

impl Delta {
    /// Adds one write, in the order of the steps: a later one wins.
    pub fn add(&mut self, write: &CrmWrite) {
        match write {
            CrmWrite::AddTags(tags) => {
                // One that was taken off before stays among those to take off: it goes to the end of the list,
                // as in the machine's copy.
                for tag in tags {
                    if !self.add_tags.contains(tag) {
                        self.add_tags.push(tag.clone());
                    }
                }
            }
            CrmWrite::RemoveTags(tags) => {
                for tag in tags {
                    self.add_tags.retain(|added| added != tag);
                    self.remove_tags.insert(tag.clone());
                }
            }
            CrmWrite::SetFields(fields) => self.set.extend(fields.clone()),
            CrmWrite::AddNote { body } => self.notes.push(body.clone()),
        }
    }

    fn changes_contact(&self) -> bool {
        !(self.add_tags.is_empty() && self.remove_tags.is_empty() && self.set.is_empty())
    }
}

/// Takes the rows that will be written, in id order, without waiting; returns those we got.
///
/// # Errors
/// Of the database.
pub async fn lock(
    connection: &mut PgConnection,
    contacts: &[(&str, Uuid)],
) -> StoreResult<BTreeSet<Uuid>> {
    let rows: Vec<Uuid> = sqlx::query_scalar(sql!("lock_contacts"))
        .bind(contacts.iter().map(|c| c.0).collect::<Vec<_>>())
        .bind(contacts.iter().map(|c| c.1).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().collect())
}

/// Writes the deltas of contacts that are locked; the CRM's triggers emit the events, with their cause.
///
/// # Errors
/// Of the database.
pub async fn write(
    connection: &mut PgConnection,
    deltas: &[(&str, Uuid, &Delta)],
    causes: &Map<String, Value>,
) -> StoreResult<()> {
    sqlx::query(sql!("set_cause"))
        .bind(Value::Object(causes.clone()).to_string())
        .execute(&mut *connection)
        .await?;
    let changed: Vec<_> = deltas.iter().filter(|d| d.2.changes_contact()).collect();
    if !changed.is_empty() {
        let list =
            |tags: &mut dyn Iterator<Item = &String>| Value::from_iter(tags.cloned()).to_string();
        sqlx::query(sql!("write_contacts"))
            .bind(changed.iter().map(|d| d.0).collect::<Vec<_>>())
            .bind(changed.iter().map(|d| d.1).collect::<Vec<_>>())
            .bind(
                changed
                    .iter()
                    .map(|d| list(&mut d.2.add_tags.iter()))
                    .collect::<Vec<_>>(),
            )
            .bind(
                changed
                    .iter()
                    .map(|d| list(&mut d.2.remove_tags.iter()))
                    .collect::<Vec<_>>(),
            )
            .bind(
                changed
                    .iter()
                    .map(|d| Value::Object(d.2.set.clone()).to_string())
                    .collect::<Vec<_>>(),
            )
            .execute(&mut *connection)
            .await?;
    }
    let notes: Vec<(&str, Uuid, &str)> = deltas
        .iter()
        .flat_map(|d| d.2.notes.iter().map(|note| (d.0, d.1, note.as_str())))
        .collect();
    if !notes.is_empty() {
        sqlx::query(sql!("add_notes"))
            .bind(notes.iter().map(|n| n.0).collect::<Vec<_>>())
            .bind(notes.iter().map(|n| n.1).collect::<Vec<_>>())
            .bind(notes.iter().map(|n| n.2).collect::<Vec<_>>())
            .execute(connection)
            .await?;
    }
    Ok(())
}
