//! Room at the providers: how many sends each has on its way, and how many more a claim may take for it.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::Semaphore;

use crate::store::outbox::{Claim, Room};

/// For each send under way one more may wait for its slot, so that a provider is not idle while the next is claimed.
const WAITING: usize = 1;

/// The providers that one dispatcher has sends on their way to.
#[derive(Debug)]
pub(super) struct Providers {
    /// Sends under way at once, at each.
    slots: usize,
    /// Kinds of action that call nobody: they always have room.
    local: Vec<String>,
    busy: HashMap<String, Busy>,
    /// Whether anything was ever sent outside: until then a claim need not look.
    outside: bool,
}

#[derive(Debug)]
struct Busy {
    slots: Arc<Semaphore>,
    sends: usize,
}

impl Providers {
    pub(super) fn new(slots: usize, local: Vec<String>) -> Self {
        Self {
            slots: slots.max(1),
            local,
            busy: HashMap::new(),
            outside: false,
        }
    }

    fn most(&self) -> usize {
        self.slots.saturating_mul(1 + WAITING)
    }

    /// What a claim of at most `limit` rows may take; none: nothing was ever sent outside.
    pub(super) fn room(&self, limit: i32) -> Option<Room> {
        let number = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        let busy = self.busy.iter().map(|(provider, busy)| {
            let left = self.most().saturating_sub(busy.sends);
            (provider.clone(), number(left))
        });
        let local = self.local.iter().map(|action| (action.clone(), limit));
        self.outside.then(|| Room {
            known: local.chain(busy).collect(),
            others: number(self.most()),
        })
    }

    /// Takes a place at this row's provider, and answers with the slots to wait for; none: there is no room. Whoever
    /// drives a clock waits for all of them anyway and is not `limited`.
    pub(super) fn enter(&mut self, claim: &Claim, limited: bool) -> Option<Arc<Semaphore>> {
        self.outside = true;
        let (most, slots) = (self.most(), self.slots);
        let busy = self.busy.entry(provider_of(claim)).or_insert_with(|| Busy {
            slots: Arc::new(Semaphore::new(slots)),
            sends: 0,
        });
        (busy.sends < most || !limited).then(|| {
            busy.sends += 1;
            busy.slots.clone()
        })
    }

    /// This row's send has come back.
    pub(super) fn leave(&mut self, claim: &Claim) {
        let provider = provider_of(claim);
        if let Some(busy) = self.busy.get_mut(&provider) {
            busy.sends = busy.sends.saturating_sub(1);
            if busy.sends == 0 {
                self.busy.remove(&provider);
            }
        }
    }
}

/// Whose slots a send takes: the host it calls, else its kind of action. `sql/queries/claim_outbox_room.sql` says the
/// same; a secret in the place of the host stays what it is.
fn provider_of(claim: &Claim) -> String {
    let url = claim.request.get("url").and_then(serde_json::Value::as_str);
    match url.and_then(host) {
        Some(host) if !host.is_empty() => host.to_lowercase(),
        _ => claim.action.clone(),
    }
}

fn host(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(rest) => rest.find(']').map(|end| &host[..end + 2]),
        None => host.split([':', '[', ']']).next(),
    }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn hosts_are_read_off_addresses() {
        let table = [
            ("https://api.example.com/v1?a=b", Some("api.example.com")),
            ("http://127.0.0.1:8080", Some("127.0.0.1")),
            ("https://user:pass@example.com:443/x@y", Some("example.com")),
            ("https://[::1]:80/", Some("[::1]")),
            ("https://{{secrets.host}}/x", Some("{{secrets.host}}")),
            ("{{secrets.url}}", None),
            ("://example.com", None),
            ("https:///path", Some("")),
        ];
        for (url, wanted) in table {
            assert_eq!(host(url), wanted, "{url}");
        }
    }
}
