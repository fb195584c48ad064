//! The documents' commands run as they stand: every `sh run`, `sql run` and `python run` block of
//! README.md and docs/*.md, in order, against a fresh database.
//!
//! In a block each line is a command; an indented line goes on with the one before. Under a command,
//! `# prints: text` says what its output holds, `# soon: text` what it holds after a while (the command
//! is run again until then), `# exits: n` how it ends.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use waypost::testing::TestDb;

/// How long `# soon:` may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Ends the output of a command; no command of ours prints it.
const MARK: &str = "\u{1e}";

/// A block to be run.
#[derive(Debug, PartialEq)]
struct Block {
    language: String,
    /// Of its first line of text, from 1.
    line: usize,
    text: String,
}

/// A command of a `sh` block and what is said of it.
#[derive(Debug, Default, PartialEq)]
struct Step {
    line: usize,
    command: String,
    prints: Vec<String>,
    soon: Vec<String>,
    exits: i32,
}

fn blocks(document: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = None;
    for (number, line) in document.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(_), Some(_)) => open = None,
            (Some(info), None) => {
                open = Some(info.ends_with(" run"));
                if let Some(language) = info.strip_suffix(" run") {
                    let (language, text) = (language.to_owned(), String::new());
                    found.push(Block {
                        language,
                        line: number + 2,
                        text,
                    });
                }
            }
            (None, Some(true)) => {
                let block = found.last_mut().expect("a block was opened");
                block.text.push_str(line);
                block.text.push('\n');
            }
            _ => {}
        }
    }
    found
}

fn steps(block: &Block) -> Vec<Step> {
    let mut found: Vec<Step> = Vec::new();
    for (number, line) in block.text.lines().enumerate() {
        let says = |word: &str| line.strip_prefix(word).map(|text| text.trim().to_owned());
        match found.last_mut() {
            _ if line.trim().is_empty() => {}
            Some(step) if line.starts_with(' ') => {
                step.command.push('\n');
                step.command.push_str(line);
            }
            Some(step) if line.starts_with("# prints:") => step.prints.extend(says("# prints:")),
            Some(step) if line.starts_with("# soon:") => step.soon.extend(says("# soon:")),
            Some(step) if line.starts_with("# exits:") => {
                step.exits = says("# exits:")
                    .and_then(|n| n.parse().ok())
                    .expect("a number");
            }
            _ if line.starts_with('#') => {}
            _ => found.push(Step {
                line: block.line + number,
                command: line.to_owned(),
                ..Step::default()
            }),
        }
    }
    found
}

/// One shell for all blocks of a document, so that what one sets another sees.
struct Shell {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Shell {
    fn new(url: &str) -> Shell {
        let binary = Path::new(env!("CARGO_BIN_EXE_waypost"));
        let folder = binary
            .parent()
            .expect("a binary lies in a folder")
            .display();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut child = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("PATH", format!("{folder}:{path}"))
            .env("DATABASE_URL", url)
            .env("NO_COLOR", "1")
            .env_remove("WAYPOST_TENANT")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash is there");
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Shell {
            child,
            stdin,
            stdout,
        }
    }

    /// What the command prints, errors included, and its exit code.
    fn run(&mut self, command: &str) -> (String, i32) {
        // What goes on in the background must hold neither the pipe nor our input.
        let group = format!("{{ {command}\n}} 2>&1 </dev/null; printf '{MARK}%s{MARK}' $?\n");
        self.stdin.write_all(group.as_bytes()).expect("bash reads");
        self.stdin.flush().expect("bash reads");
        let mut text = Vec::new();
        self.stdout
            .read_until(MARK.as_bytes()[0], &mut text)
            .expect("bash writes");
        let mut code = Vec::new();
        self.stdout
            .read_until(MARK.as_bytes()[0], &mut code)
            .expect("bash writes");
        let code = String::from_utf8_lossy(&code)
            .trim_end_matches(MARK)
            .parse();
        let text = String::from_utf8_lossy(&text)
            .trim_end_matches(MARK)
            .to_owned();
        let code = code.unwrap_or_else(|_| panic!("bash ended: {text}"));
        (text, code)
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let (text, code) = self.run(&step.command);
            let waited = begun.elapsed() > PATIENCE;
            let missing = step.soon.iter().find(|part| !text.contains(*part));
            match missing {
                Some(_) if !waited && code == step.exits => continue,
                Some(part) => return Err(format!("never printed {part:?}, at last:\n{text}")),
                None => {}
            }
            if code != step.exits {
                return Err(format!("ended with {code}, not {}:\n{text}", step.exits));
            }
            return match step.prints.iter().find(|part| !text.contains(*part)) {
                Some(part) => Err(format!("did not print {part:?} but\n{text}")),
                None => Ok(()),
            };
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // What a document started it also ends; if a step failed first, its background work is ended here.
        let _ = self.stdin.write_all(b"kill $(jobs -p) 2>/dev/null; exit\n");
        let _ = self.stdin.flush();
        let _ = self.child.wait();
    }
}

fn python(url: &str, text: &str) -> Result<(), String> {
    let Some(interpreter) = std::env::var_os("WAYPOST_TEST_PYTHON") else {
        println!("left out: no Python with a Postgres driver");
        return Ok(());
    };
    let either = "import sys\ntry:\n    import psycopg\nexcept ImportError:\n    import psycopg2\n    sys.modules['psycopg'] = psycopg2\n";
    let ran = Command::new(interpreter)
        .args(["-c", &format!("{either}{text}")])
        .env("DATABASE_URL", url)
        .output()
        .expect("the interpreter runs");
    if ran.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&ran.stderr).into_owned())
    }
}

async fn run(document: &str, name: &str) {
    let text = std::fs::read_to_string(document).unwrap();
    let blocks = blocks(&text);
    if blocks.is_empty() {
        return;
    }
    let db = TestDb::empty(name).await;
    let url = db.url();
    let mut shell = Shell::new(&url);
    for block in &blocks {
        let at = |line: usize, why: String| panic!("{document}:{line}: {why}");
        match block.language.as_str() {
            "sh" => {
                for step in steps(block) {
                    if let Err(why) = shell.step(&step) {
                        at(step.line, format!("{} {why}", step.command));
                    }
                }
            }
            "sql" => {
                let mut connection = db.connect().await;
                let text = sqlx::AssertSqlSafe(block.text.clone());
                if let Err(error) = sqlx::raw_sql(text).execute(&mut connection).await {
                    at(block.line, error.to_string());
                }
            }
            "python" => {
                if let Err(why) = python(&url, &block.text) {
                    at(block.line, why);
                }
            }
            other => at(block.line, format!("a block of {other} cannot be run")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_documents_does_what_they_say() {
    let psql = Command::new("psql").arg("--version").output().is_ok();
    assert!(
        psql || std::env::var_os("CI").is_none(),
        "psql is not on the PATH"
    );
    if !psql {
        println!("left out: no psql on the PATH");
        return;
    }
    let tour = std::fs::read_to_string("README.md").unwrap();
    let commands: usize = blocks(&tour).iter().map(|b| steps(b).len()).sum();
    assert!(commands >= 15, "the tour has {commands} commands");
    run("README.md", "readme").await;
    let mut pages: Vec<_> = std::fs::read_dir("docs")
        .unwrap()
        .flatten()
        .map(|e| e.path())
        .collect();
    pages.retain(|path| path.extension().is_some_and(|e| e == "md"));
    pages.sort();
    for page in pages {
        let name = page.file_stem().unwrap().to_string_lossy().to_lowercase();
        run(page.to_str().unwrap(), &format!("docs_{name}")).await;
    }
}

#[test]
fn blocks_and_what_is_said_of_commands_are_read() {
    let text = "a\n```sh run\n# a remark\none \\\n  two\n# prints: x y\n\nthree\n# soon: z\n# exits: 1\n```\n```sh\nno\n```\n```sql run\nselect 1;\n```\n";
    let found = blocks(text);
    assert_eq!(found.len(), 2);
    assert_eq!((found[1].language.as_str(), found[1].line), ("sql", 16));
    let step = |line, command: &str| Step {
        line,
        command: command.to_owned(),
        ..Step::default()
    };
    assert_eq!(
        steps(&found[0]),
        [
            Step {
                prints: vec!["x y".to_owned()],
                ..step(4, "one \\\n  two")
            },
            Step {
                soon: vec!["z".to_owned()],
                exits: 1,
                ..step(8, "three")
            },
        ]
    );
}

#[test]
fn a_command_that_does_otherwise_is_found() {
    let mut shell = Shell::new("postgres://nowhere");
    let rows = [
        ("echo a; echo b >&2\n# prints: b\n", Ok(())),
        ("x=1\necho \"x is $x\"\n# prints: x is 1\n", Ok(())),
        ("echo a\n# prints: b\n", Err("did not print \"b\"")),
        ("false\n", Err("ended with 1, not 0")),
        ("false\n# exits: 1\n", Ok(())),
        ("true\n# exits: 1\n", Err("ended with 0, not 1")),
        ("false\n# soon: x\n", Err("never printed \"x\"")),
    ];
    for (text, expected) in rows {
        let block = Block {
            language: "sh".to_owned(),
            line: 1,
            text: text.to_owned(),
        };
        let ended = steps(&block).iter().try_for_each(|step| shell.step(step));
        match (&ended, expected) {
            (Ok(()), Ok(())) => {}
            (Err(why), Err(part)) if why.contains(part) => {}
            _ => panic!("{text}: {ended:?}"),
        }
    }
}
