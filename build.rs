//! Embeds `migrations/` and `sql/` in the library, so that the binary alone can install itself.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// Folder below the package, and the name of the list that it becomes (`src/store/embedded.rs`).
const FOLDERS: [(&str, &str); 7] = [
    ("migrations", "MIGRATIONS"),
    ("migrations/crm", "CRM_MIGRATIONS"),
    ("sql/functions", "FUNCTIONS"),
    ("sql/views", "VIEWS"),
    ("sql/mapping", "MAPPING"),
    ("sql/crm", "CRM_OBJECTS"),
    ("sql/security", "SECURITY"),
];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let mut out = String::new();
    for (folder, list) in FOLDERS {
        println!("cargo:rerun-if-changed={folder}");
        writeln!(out, "pub(super) static {list}: &[Embedded] = &[").map_err(io::Error::other)?;
        for file in sql_files(&root.join(folder))? {
            let name = file
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            println!("cargo:rerun-if-changed={folder}/{name}.sql");
            writeln!(
                out,
                "    Embedded {{ name: {:?}, body: include_str!({:?}) }},",
                format!("{folder}/{name}"),
                file.display().to_string()
            )
            .map_err(io::Error::other)?;
        }
        out.push_str("];\n");
    }
    let target = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    fs::write(target.join("embedded.rs"), out)
}

/// The `.sql` files directly in a folder, by name. No folder: none.
fn sql_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
