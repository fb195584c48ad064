//! Every statement of `sql/queries/` is accepted by the schema, and says what it is.

use sqlx::{AssertSqlSafe, Executor};

use crate::support::database;

fn files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![std::path::PathBuf::from("sql/queries")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "sql") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.display().to_string(), text));
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn every_query_is_accepted_by_the_schema() {
    let db = database("queries").await;
    let mut c = db.connect().await;
    let mut refused = Vec::new();
    for (n, (file, text)) in files().iter().enumerate() {
        let prepare = format!("prepare q{n} as\n{text}");
        if let Err(error) = c.execute(AssertSqlSafe(prepare)).await {
            refused.push(format!("{file}: {error}"));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(files().len() > 40);
}

#[test]
fn every_query_says_who_uses_it_what_it_locks_and_by_which_index() {
    for (file, text) in files() {
        for word in ["-- used by:", "-- locks:", "-- index:"] {
            assert!(text.contains(word), "{file} lacks `{word}`");
        }
        let name = file
            .rsplit('/')
            .next()
            .unwrap()
            .trim_end_matches(".sql")
            .to_owned();
        let used = walk("src")
            .iter()
            .any(|source| source.contains(&format!("\"{name}\"")));
        assert!(used, "{file} is used nowhere");
    }
}

fn walk(folder: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts.extend(walk(path.to_str().unwrap()));
        } else {
            texts.push(std::fs::read_to_string(path).unwrap());
        }
    }
    texts
}
