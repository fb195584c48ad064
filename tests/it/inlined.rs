//! Functions whose header says that the planner puts their body in place of the call: it does. One that it does not costs
//! a call a row, which nothing else tells.

use std::{fs, path::Path};

use sqlx::{AssertSqlSafe, Row};

use crate::support::database;

/// Names of the functions in `sql/functions/` that say so.
fn said() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/functions");
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| {
            fs::read_to_string(path)
                .unwrap()
                .contains("Inlined by the planner")
        })
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_is_said_to_be_inlined_is() {
    let names = said();
    assert!(names.iter().any(|name| name == "bucket_of"), "{names:?}");
    let db = database("inlined").await;
    let mut c = db.connect().await;
    let rows = sqlx::query(
        "select p.proname::text, array(select t::regtype::text from unnest(p.proargtypes) t)
           from pg_proc p where p.pronamespace = 'waypost'::regnamespace and p.proname = any ($1)",
    )
    .bind(&names)
    .fetch_all(&mut c)
    .await
    .unwrap();
    assert_eq!(rows.len(), names.len());
    for row in rows {
        let (name, types): (String, Vec<String>) = (row.get(0), row.get(1));
        let columns: Vec<String> = (0..types.len()).map(|n| format!("x.a{n}")).collect();
        let values = types.iter().enumerate();
        let values: Vec<String> = values.map(|(n, t)| format!("null::{t} as a{n}")).collect();
        let explain = format!(
            "explain (verbose, costs off) select waypost.{name}({}) from (select {} offset 0) x",
            columns.join(", "),
            values.join(", ")
        );
        let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(explain))
            .fetch_all(&mut c)
            .await
            .unwrap();
        let called = format!("waypost.{name}(");
        assert!(!plan.iter().any(|line| line.contains(&called)), "{plan:#?}");
    }
}

/// The rules are asked of each candidate: as a call of its own they would be planned once for each.
#[tokio::test]
async fn what_is_asked_of_candidates_is_part_of_the_plan() {
    let db = database("inlined_rules").await;
    let mut c = db.connect().await;
    let plan: Vec<String> = sqlx::query_scalar(
        "explain (costs off)
         select e.* from (select null::uuid as c, clock_timestamp() as now offset 0) x
          cross join lateral waypost.eligible(1, 't', 1, x.c, null, null, x.now, null, null, false, x.now) e",
    )
    .fetch_all(&mut c)
    .await
    .unwrap();
    assert!(
        !plan
            .iter()
            .any(|line| line.contains("Function Scan on eligible")),
        "{plan:#?}"
    );
    assert!(
        plan.iter().any(|line| line.contains("on workflows")),
        "{plan:#?}"
    );
}
