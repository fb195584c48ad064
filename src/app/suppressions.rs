//! Suppression lists: who is kept out of workflows.

use std::path::Path;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};

use super::{
    error::{AppError, AppResult},
    waypost::Waypost,
};
use crate::store::suppressions;
pub use crate::store::suppressions::{About, Suppression};

/// Entries of one transaction, when there are many.
const BATCH: usize = 1_000;
/// Longest value, in bytes.
const LONGEST: usize = 1_000;
/// Entries of one page.
const PAGE: i64 = 1_000;

/// What became of many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// Values read.
    pub values: u64,
    /// Entries that were not there before.
    pub new: u64,
}

impl Waypost {
    /// All entries, of one list or of every one, page by page.
    ///
    /// # Errors
    /// Of the database.
    pub async fn suppressions(
        &self,
        list: Option<&str>,
        page: &mut dyn FnMut(Vec<Suppression>),
    ) -> AppResult<()> {
        let mut tx = self.begin().await?;
        let mut after = None;
        loop {
            let rows =
                suppressions::list(&mut tx, self.tenant(), list, after.as_ref(), PAGE).await?;
            let last = rows.last();
            after = last.map(|row| (row.list.clone(), row.kind.clone(), row.value.clone()));
            let more = rows.len() >= usize::try_from(PAGE).unwrap_or_default();
            page(rows);
            if !more {
                return Ok(());
            }
        }
    }

    /// Suppresses values; answers how many were not suppressed before.
    ///
    /// # Errors
    /// Of the database; a value that can be no such thing.
    pub async fn suppress(&self, values: &[String], about: &About) -> AppResult<i32> {
        let mut tx = self.begin().await?;
        let new = suppressions::add(&mut tx, values, about).await?;
        tx.commit().await?;
        Ok(new)
    }

    /// Takes a value off a list (none: off all of them); answers from how many.
    ///
    /// # Errors
    /// Of the database.
    pub async fn unsuppress(
        &self,
        value: &str,
        kind: Option<&str>,
        list: Option<&str>,
    ) -> AppResult<i32> {
        let mut tx = self.begin().await?;
        let gone = suppressions::remove(&mut tx, value, kind, list).await?;
        tx.commit().await?;
        Ok(gone)
    }

    /// Suppresses the values of a file (`-`: standard input), one a line, in batches that commit one by one.
    ///
    /// # Errors
    /// The file cannot be read; a batch has a value that can be no such thing, by the numbers of its lines.
    pub async fn suppress_file(
        &self,
        file: &Path,
        about: &About,
        progress: &dyn Fn(u64),
    ) -> AppResult<Imported> {
        if file.as_os_str() == "-" {
            let lines = BufReader::new(tokio::io::stdin());
            return self.suppress_lines(lines, "-", about, progress).await;
        }
        let name = file.display().to_string();
        let opened = tokio::fs::File::open(file)
            .await
            .map_err(|error| AppError::usage(format!("{name}: {error}")))?;
        self.suppress_lines(BufReader::new(opened), &name, about, progress)
            .await
    }

    async fn suppress_lines(
        &self,
        mut lines: impl AsyncBufRead + Unpin,
        file: &str,
        about: &About,
        progress: &dyn Fn(u64),
    ) -> AppResult<Imported> {
        let mut done = Imported::default();
        let mut batch = Vec::with_capacity(BATCH);
        let (mut line, mut number, mut first) = (Vec::new(), 0_u64, 1);
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line).await;
            let read = read.map_err(|error| AppError::usage(format!("{file}: {error}")))?;
            number += 1;
            let value = line.trim_ascii();
            if value.len() > LONGEST {
                return Err(AppError::usage(format!(
                    "{file}:{number}: the value has {} bytes; {LONGEST} are read",
                    value.len()
                )));
            }
            if !value.is_empty() {
                let value = String::from_utf8(value.to_vec());
                let value = value.map_err(|_| {
                    AppError::usage(format!("{file}:{number}: the line is no UTF-8"))
                })?;
                batch.push(value);
            }
            if batch.len() >= BATCH || (read == 0 && !batch.is_empty()) {
                let new = self.suppress(&batch, about).await.map_err(|error| {
                    AppError::usage(format!(
                        "{file}: lines {first} to {number}: {error}; {} values were taken before these",
                        done.values
                    ))
                })?;
                done.values += batch.len() as u64;
                done.new += u64::try_from(new).unwrap_or_default();
                first = number + 1;
                batch.clear();
                progress(done.values);
            }
            if read == 0 {
                return Ok(done);
            }
        }
    }
}
