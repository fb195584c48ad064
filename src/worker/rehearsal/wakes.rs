//! The statements over `wakes`; each names the file of `sql/queries/` it stands for.

use uuid::Uuid;

use super::{
    database::Database,
    table::{Said, Session},
};
use crate::model::transition::Input;

/// A row of `wakes`.
pub(super) type Wake = ((Uuid, i16, i32), Input);

/// `claim_wakes`, and `claim_wakes_of` where one is named.
pub(super) fn claim(
    db: &mut Database,
    me: Session,
    of: Option<Uuid>,
    limit: usize,
) -> Said<Vec<Wake>> {
    let rows = db.wakes.all(me);
    let keys = rows
        .map(|(key, _)| *key)
        .filter(|key| of.is_none_or(|id| key.0 == id));
    let mut got = Vec::new();
    for key in keys.collect::<Vec<_>>() {
        if got.len() == limit {
            break;
        }
        if db.wakes.take(me, &key) {
            got.extend(db.wakes.get(me, &key).map(|input| (key, input.clone())));
        }
    }
    Ok(got)
}

/// `insert_wakes`.
pub(super) fn insert(
    db: &mut Database,
    me: Session,
    key: (Uuid, i16, i32),
    input: &Input,
) -> Said<()> {
    db.wakes.insert(me, key, input.clone()).map(drop)
}

/// `delete_wakes`.
pub(super) fn delete(db: &mut Database, me: Session, wakes: &[Wake]) -> Said<()> {
    wakes.iter().for_each(|(key, _)| db.wakes.delete(me, key));
    Ok(())
}

/// What `cancel_executions` does with the inputs of an execution that has ended.
pub(super) fn delete_of(db: &mut Database, me: Session, execution: Uuid) -> Said<()> {
    let own = db.wakes.all(me).map(|row| *row.0);
    let own: Vec<_> = own.filter(|key| key.0 == execution).collect();
    for key in own {
        if db.wakes.wait_for(me, &key)? {
            db.wakes.delete(me, &key);
        }
    }
    Ok(())
}
