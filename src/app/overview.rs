//! How things stand: what the metrics and the status page show.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{error::AppResult, waypost::Waypost};
use crate::store::overview;
pub use crate::store::overview::Lag;

/// How things stand over all tenants. What could not be read within two seconds is missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Overview {
    /// Executions by status.
    pub executions: Option<BTreeMap<&'static str, i64>>,
    /// Open outbox rows by state, and those that ended unknown.
    pub outbox: Option<BTreeMap<String, i64>>,
    /// How far behind the loops are.
    pub lag: Option<Lag>,
}

impl Waypost {
    /// How things stand just now; each figure has two seconds.
    pub async fn overview(&self) -> Overview {
        let (executions, outbox, lag) =
            tokio::join!(self.count_executions(), self.count_sends(), self.lag());
        Overview {
            executions: kept(executions),
            outbox: kept(outbox),
            lag: kept(lag),
        }
    }

    async fn count_executions(&self) -> AppResult<BTreeMap<&'static str, i64>> {
        let mut tx = self.begin_as_owner().await?;
        overview::be_brief(&mut tx).await?;
        Ok(overview::executions(&mut tx, None).await?)
    }

    async fn count_sends(&self) -> AppResult<BTreeMap<String, i64>> {
        let mut tx = self.begin_as_owner().await?;
        overview::be_brief(&mut tx).await?;
        Ok(overview::sends(&mut tx, None).await?)
    }

    async fn lag(&self) -> AppResult<Lag> {
        let mut tx = self.begin_as_owner().await?;
        overview::be_brief(&mut tx).await?;
        Ok(overview::lag(&mut tx).await?)
    }
}

fn kept<T>(found: AppResult<T>) -> Option<T> {
    match found {
        Ok(found) => Some(found),
        Err(error) => {
            tracing::warn!(%error, "a figure of the overview could not be read");
            None
        }
    }
}
