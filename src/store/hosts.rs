//! Several hosts in one URL, and the one of them that may be written to.
//!
//! As libpq writes it: `postgres://user@one:5432,two:5432/database`, or `?host=/dir/one,/dir/two`. The driver knows one
//! host only and cannot tell a standby from a primary, so a process that was given several looks once a second
//! whether its primary still is one, and leads its pools to the next that is.

use std::{str::FromStr, time::Duration};

use sqlx::{ConnectOptions, Connection, PgConnection, PgPool, postgres::PgConnectOptions};

use super::{StoreError, StoreResult, sql};

/// How often the primary is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Longest a host may take to answer, before the next one is tried.
const PATIENCE: Duration = Duration::from_secs(2);

/// One URL for each host that the URL names, in its order; itself where it names one.
#[must_use]
pub fn each(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return vec![url.to_owned()];
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let hosts: Vec<&str> = hosts.split(',').collect();
    let pairs: Vec<(&str, Vec<String>)> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name, values(name, value)))
        .collect();
    let count = pairs
        .iter()
        .map(|(_, values)| values.len())
        .chain([hosts.len()])
        .max()
        .unwrap_or(1);
    if count == 1 {
        return vec![url.to_owned()];
    }
    // One value serves all, as libpq has it for ports.
    let nth = |list: usize, n: usize| if list == 1 { 0 } else { n.min(list - 1) };
    (0..count)
        .map(|n| {
            let host = hosts[nth(hosts.len(), n)];
            let query: Vec<String> = pairs
                .iter()
                .map(|(name, values)| format!("{name}={}", values[nth(values.len(), n)]))
                .collect();
            let mark = if query.is_empty() { "" } else { "?" };
            format!("{scheme}://{user}{host}{path}{mark}{}", query.join("&"))
        })
        .collect()
}

fn values(name: &str, value: &str) -> Vec<String> {
    if !matches!(name, "host" | "hostaddr" | "port") {
        return vec![value.to_owned()];
    }
    let plain = value.replace("%2C", ",").replace("%2c", ",");
    plain.split(',').map(str::to_owned).collect()
}

/// Where each host of a URL is reached.
///
/// # Errors
/// The URL cannot be read.
pub fn options(url: &str) -> StoreResult<Vec<PgConnectOptions>> {
    each(url)
        .iter()
        .map(|url| PgConnectOptions::from_str(url).map_err(StoreError::from))
        .collect()
}

/// A connection to the first host that answers and may be written to; where there is only one, to it.
///
/// # Errors
/// Of the last host that was tried.
pub async fn connect(hosts: &[PgConnectOptions]) -> Result<PgConnection, sqlx::Error> {
    let mut last = sqlx::Error::Configuration("no host".into());
    for host in hosts {
        if hosts.len() == 1 {
            return host.connect().await;
        }
        match tokio::time::timeout(PATIENCE, primary(host)).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => last = error,
            Err(_) => last = sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()),
        }
    }
    Err(last)
}

async fn primary(host: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = host.connect().await?;
    must_write(&mut connection).await?;
    Ok(connection)
}

/// Refuses a connection to a standby.
///
/// # Errors
/// It is one; or of the database.
pub async fn must_write(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    if sqlx::query_scalar(sql!("may_write"))
        .fetch_one(connection)
        .await?
    {
        return Ok(());
    }
    // Looks like a connection that failed, so that whoever waits for one tries again.
    let text = "this host takes no writes: it is a standby";
    Err(sqlx::Error::Io(std::io::Error::new(
        std::io::ErrorKind::ConnectionRefused,
        text,
    )))
}

/// The URL of the host that may be written to now; for what takes a URL.
///
/// # Errors
/// None can.
pub async fn writable(url: &str) -> StoreResult<String> {
    let urls = each(url);
    if let [only] = &urls[..] {
        return Ok(only.clone());
    }
    let mut last = StoreError::Database(sqlx::Error::Configuration("no host".into()));
    for url in urls {
        let host = options(&url)?;
        match tokio::time::timeout(PATIENCE, primary(&host[0])).await {
            Ok(Ok(connection)) => {
                connection.close().await.ok();
                return Ok(url);
            }
            Ok(Err(error)) => last = error.into(),
            Err(_) => last = sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()).into(),
        }
    }
    Err(last)
}

/// Leads the pool to the host that may be written to, as long as the pool is open.
pub(super) async fn lead(pool: PgPool, hosts: Vec<PgConnectOptions>) {
    let mut kept: Option<PgConnection> = None;
    loop {
        let still = async {
            match kept.as_mut() {
                Some(connection) => must_write(connection).await.is_ok(),
                None => false,
            }
        };
        if !tokio::time::timeout(PATIENCE, still).await.unwrap_or(false) {
            kept = None;
            for host in &hosts {
                if let Ok(Ok(connection)) = tokio::time::timeout(PATIENCE, primary(host)).await {
                    tracing::info!(host = host.get_host(), "the primary");
                    pool.set_connect_options(host.clone());
                    kept = Some(connection);
                    break;
                }
            }
        }
        tokio::select! {
            () = pool.close_event() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::each;

    #[test]
    fn one_host_is_the_url_itself() {
        for url in [
            "postgres://u:p@h:5432/d?sslmode=require",
            "postgres://u@localhost/d?host=/run/a",
            "postgres://",
            "nonsense",
        ] {
            assert_eq!(each(url), [url]);
        }
    }

    #[test]
    fn several_hosts_are_several_urls() {
        assert_eq!(
            each("postgres://u:p%40w@one:5432,two:5433/d?sslmode=require"),
            [
                "postgres://u:p%40w@one:5432/d?sslmode=require",
                "postgres://u:p%40w@two:5433/d?sslmode=require"
            ]
        );
        assert_eq!(
            each("postgres://u@localhost:5432/d?host=/run/a,/run/b"),
            [
                "postgres://u@localhost:5432/d?host=/run/a",
                "postgres://u@localhost:5432/d?host=/run/b"
            ]
        );
        assert_eq!(
            each("postgres://u@/d?host=a%2Cb&port=1,2"),
            [
                "postgres://u@/d?host=a&port=1",
                "postgres://u@/d?host=b&port=2"
            ]
        );
    }
}
