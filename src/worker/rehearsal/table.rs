//! A table in memory with what the protocol relies on: row locks, SKIP LOCKED, READ COMMITTED, unique keys,
//! rollback. A statement is one call without a pause; between two statements anything may happen.

use std::collections::BTreeMap;

/// A session of the server, with at most one transaction.
pub(super) type Session = u32;

/// Why a statement gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Another transaction holds a row that it needs.
    Wait,
    /// A constraint or a trigger refuses it.
    Refused,
}

/// What a statement says.
pub(super) type Said<T> = Result<T, Stop>;

#[derive(Debug, Clone)]
struct Row<V> {
    /// As committed; none: there is no such row.
    stands: Option<V>,
    /// Number of the commit that wrote it.
    serial: u64,
    /// Whose row lock it is.
    holder: Option<Session>,
    /// What the holder has written, and the others do not see.
    writes: Option<Option<V>>,
}

/// Rows by their primary key.
#[derive(Debug, Clone)]
pub(super) struct Table<K, V> {
    rows: BTreeMap<K, Row<V>>,
    locks: Vec<(Session, K)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            locks: Vec::new(),
        }
    }
}

impl<V> Row<V> {
    fn seen_by(&self, me: Session) -> Option<&V> {
        match &self.writes {
            Some(own) if self.holder == Some(me) => own.as_ref(),
            _ => self.stands.as_ref(),
        }
    }

    fn free_for(&self, me: Session) -> bool {
        self.holder.is_none_or(|holder| holder == me)
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    /// The row as this session sees it.
    pub(super) fn get(&self, me: Session, key: &K) -> Option<&V> {
        self.rows.get(key)?.seen_by(me)
    }

    /// All rows that this session sees, in the order of their keys.
    pub(super) fn all(&self, me: Session) -> impl Iterator<Item = (&K, &V)> {
        let seen = move |(key, row)| Some((key, Row::seen_by(row, me)?));
        self.rows.iter().filter_map(seen)
    }

    /// All rows as committed, each with the number of the commit that wrote it.
    pub(super) fn stand(&self) -> impl Iterator<Item = (&K, &V, u64)> {
        let rows = self.rows.iter();
        rows.filter_map(|(key, row)| Some((key, row.stands.as_ref()?, row.serial)))
    }

    /// Whether nothing stands in it.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.values().all(|row| row.stands.is_none())
    }

    /// The row as committed.
    pub(super) fn committed(&self, key: &K) -> Option<&V> {
        self.rows.get(key)?.stands.as_ref()
    }

    /// Number of the commit that wrote the row.
    pub(super) fn serial(&self, key: &K) -> Option<u64> {
        let row = self.rows.get(key)?;
        row.stands.as_ref().map(|_| row.serial)
    }

    /// Rows that others are writing or have locked, with what stood and what is to stand.
    pub(super) fn others(&self, me: Session) -> impl Iterator<Item = (Option<&V>, Option<&V>)> {
        let busy = move |row: &&Row<V>| !row.free_for(me);
        self.rows.values().filter(busy).map(|row| {
            let to_be = row.writes.as_ref().and_then(Option::as_ref);
            (row.stands.as_ref(), to_be)
        })
    }

    /// `for update skip locked`: true where it is ours now.
    pub(super) fn take(&mut self, me: Session, key: &K) -> bool {
        let Some(row) = self.rows.get_mut(key) else {
            return false;
        };
        if !row.free_for(me) || row.seen_by(me).is_none() {
            return false;
        }
        if row.holder.is_none() {
            row.holder = Some(me);
            self.locks.push((me, key.clone()));
        }
        true
    }

    /// `for update`: false where there is no such row (any more).
    pub(super) fn wait_for(&mut self, me: Session, key: &K) -> Said<bool> {
        match self.rows.get(key) {
            Some(row) if !row.free_for(me) => Err(Stop::Wait),
            _ => Ok(self.take(me, key)),
        }
    }

    /// Writes a row that is ours.
    pub(super) fn put(&mut self, me: Session, key: &K, value: V) {
        self.write(me, key, Some(value));
    }

    /// Deletes a row that is ours.
    pub(super) fn delete(&mut self, me: Session, key: &K) {
        self.write(me, key, None);
    }

    fn write(&mut self, me: Session, key: &K, value: Option<V>) {
        let row = self.rows.get_mut(key).expect("a row that was locked");
        assert_eq!(row.holder, Some(me), "a write without the row's lock");
        row.writes = Some(value);
    }

    /// `insert ... on conflict do nothing`: false where the key is taken; waits for who is about to take it.
    pub(super) fn insert(&mut self, me: Session, key: K, value: V) -> Said<bool> {
        let row = self.rows.entry(key.clone()).or_insert(Row {
            stands: None,
            serial: 0,
            holder: None,
            writes: None,
        });
        if !row.free_for(me) {
            // A row that is only locked is there, and stays.
            return match (&row.stands, &row.writes) {
                (Some(_), None | Some(Some(_))) => Ok(false),
                _ => Err(Stop::Wait),
            };
        }
        if row.seen_by(me).is_some() {
            return Ok(false);
        }
        if row.holder.is_none() {
            row.holder = Some(me);
            self.locks.push((me, key));
        }
        row.writes = Some(Some(value));
        Ok(true)
    }

    /// Ends a transaction: `serial` numbers its commit; none: it is rolled back.
    pub(super) fn end(&mut self, me: Session, serial: Option<u64>) {
        let (rows, mut at) = (&mut self.rows, 0);
        while at < self.locks.len() {
            if self.locks[at].0 != me {
                at += 1;
                continue;
            }
            let (_, key) = self.locks.swap_remove(at);
            let Some(row) = rows.get_mut(&key) else {
                continue;
            };
            row.holder = None;
            if let (Some(writes), Some(serial)) = (row.writes.take(), serial) {
                row.stands = writes;
                row.serial = serial;
            }
            if row.stands.is_none() {
                rows.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Table<u8, &'static str> {
        let mut table = Table::default();
        assert_eq!(table.insert(1, 7, "old"), Ok(true));
        table.end(1, Some(1));
        table
    }

    #[test]
    fn others_see_what_is_committed() {
        let mut table = one();
        assert!(table.take(1, &7));
        table.put(1, &7, "new");
        assert_eq!(table.get(1, &7), Some(&"new"));
        assert_eq!(table.get(2, &7), Some(&"old"));
        table.end(1, Some(2));
        assert_eq!(table.get(2, &7), Some(&"new"));
        assert_eq!(table.stand().map(|row| row.2).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_lock_is_skipped_or_waited_for() {
        let mut table = one();
        assert!(table.take(1, &7));
        assert!(!table.take(2, &7), "skip locked");
        assert_eq!(table.wait_for(2, &7), Err(Stop::Wait));
        table.delete(1, &7);
        assert_eq!(table.insert(2, 7, "mine"), Err(Stop::Wait));
        table.end(1, Some(2));
        assert_eq!(table.wait_for(2, &7), Ok(false), "it is gone");
        assert_eq!(table.insert(2, 7, "mine"), Ok(true));
    }

    #[test]
    fn a_rollback_leaves_nothing() {
        let mut table = one();
        assert!(table.take(1, &7));
        table.delete(1, &7);
        assert_eq!(table.insert(1, 8, "more"), Ok(true));
        table.end(1, None);
        assert_eq!(table.all(2).map(|row| *row.0).collect::<Vec<_>>(), [7]);
        assert!(table.take(2, &7));
    }

    #[test]
    fn a_key_is_there_once() {
        let mut table = one();
        assert_eq!(table.insert(2, 7, "again"), Ok(false));
        assert_eq!(table.insert(2, 8, "first"), Ok(true));
        assert_eq!(table.insert(3, 8, "second"), Err(Stop::Wait));
        table.end(2, Some(2));
        assert_eq!(table.insert(3, 8, "second"), Ok(false));
    }
}
