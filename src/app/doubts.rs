//! What only a tenant's data tells about a definition: goals met already, fields nobody has, twins that run.

use std::collections::BTreeSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{definitions::Checked, error::AppResult, waypost::Waypost};
use crate::{
    catalog::{finding::Finding, parse::Source},
    engine::{
        check::{self, Known, at_entry::AtEntry, codes, overlap},
        contact::Contact,
        program::{Numbers, Program, TenantInfo},
    },
    model::execution::Instant,
    store::{
        contacts::{self, Wanted},
        tenants::{self, Tenant},
        workflows,
    },
};

/// Contacts that are looked at for goals that are met already, and for names of custom fields.
const MOST_CONTACTS: i64 = 20_000;
/// Contacts that are read at once.
const PAGE: i64 = 1_000;

impl Waypost {
    /// Warnings about valid definitions that only the tenant's contacts and active workflows can give.
    /// An unknown tenant gives none.
    ///
    /// # Errors
    /// Of the database.
    pub async fn doubts(&self, files: &[Checked]) -> AppResult<Vec<Finding>> {
        let mut tx = self.begin_as_owner().await?;
        let Some(tenant) = tenants::find(&mut tx, self.tenant()).await? else {
            return Ok(Vec::new());
        };
        let now = tenants::now(&mut tx, &tenant.name).await?;
        let valid: Vec<&Source> = files
            .iter()
            .filter(|file| file.is_valid())
            .filter_map(|file| file.source.as_ref())
            .collect();
        let active = workflows::active(&mut tx, tenant.id).await?;
        let others: Vec<_> = active
            .iter()
            .filter(|one| !valid.iter().any(|source| source.definition.id == one.id))
            .map(overlap::Messaging::of)
            .collect();
        let mut found = Vec::new();
        for source in valid {
            found.extend(overlap::against(source, &others));
            found.extend(of_contacts(&mut tx, &tenant, source, now).await?);
        }
        Ok(found)
    }
}

/// What the contacts say about one definition; without contacts nothing.
async fn of_contacts(
    tx: &mut PgConnection,
    tenant: &Tenant,
    source: &Source,
    now: Instant,
) -> AppResult<Vec<Finding>> {
    let info = TenantInfo {
        name: tenant.name.clone(),
        timezone: tenant.timezone,
    };
    let numbers = Numbers {
        workflow: 0,
        version: 0,
    };
    // What does not compile was refused before.
    let Ok(program) = Program::compile(&source.definition, numbers, &info) else {
        return Ok(Vec::new());
    };
    let first = contacts::page(tx, &tenant.name, Uuid::nil(), 1).await?;
    if first.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = unknown_fields(tx, &tenant.name, source, &program).await?;
    found.extend(met_now(tx, &tenant.name, source, &program, now).await?);
    Ok(found)
}

/// Custom fields that are read and that no contact has.
async fn unknown_fields(
    tx: &mut PgConnection,
    tenant: &str,
    source: &Source,
    program: &Program,
) -> AppResult<Vec<Finding>> {
    let read = [program.reads(), program.trigger_reads()];
    let read: BTreeSet<&str> = read
        .iter()
        .flat_map(|reads| reads.contact.iter().chain(&reads.snapshot))
        .filter(|field| field.custom)
        .map(|field| &*field.name)
        .collect();
    if read.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = read.into_iter().collect();
    let there = contacts::field_names(tx, tenant, &names, MOST_CONTACTS).await?;
    let known = Known {
        fields: Some(there.into_iter().collect()),
        ..Known::default()
    };
    let mut found = check::check_for(source, &known).list;
    found.retain(|finding| finding.code == codes::UNKNOWN_CONTACT_FIELD);
    Ok(found)
}

/// Goals that contacts meet right now, with how many do.
async fn met_now(
    tx: &mut PgConnection,
    tenant: &str,
    source: &Source,
    program: &Program,
    now: Instant,
) -> AppResult<Vec<Finding>> {
    let mut count = AtEntry::new(program, now);
    if count.is_nothing() {
        return Ok(Vec::new());
    }
    let mut wanted = Wanted::default();
    wanted.add(program.reads());
    let (mut last, mut seen, mut all) = (Uuid::nil(), 0, false);
    while seen < MOST_CONTACTS {
        let page = contacts::page(tx, tenant, last, PAGE).await?;
        let Some(end) = page.last() else {
            all = true;
            break;
        };
        (last, seen) = (*end, seen + PAGE);
        let of_tenant: Vec<(&str, Uuid)> = page.iter().map(|id| (tenant, *id)).collect();
        for (id, fields) in contacts::load(tx, &wanted, &of_tenant).await? {
            count.look(&Contact::new(id, fields));
        }
    }
    Ok(source.findings(count.problems(all)).list)
}
