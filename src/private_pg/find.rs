//! Looks for an installed server: where package managers put it, then in PATH.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use super::{OLDEST_MAJOR, account::Account, error::PgError};

/// A server's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) bin_dir: PathBuf,
    pub(super) major: u32,
    /// As printed, such as `15.18`.
    pub(super) version: String,
}

/// Directories that hold one directory for each installed version: (where, prefix, below it).
const VERSIONED: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),          // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),                   // Red Hat
    ("/usr/libexec", "postgresql", ""),          // Alpine
    ("/opt/homebrew/opt", "postgresql@", "bin"), // Homebrew on Apple silicon
    ("/usr/local/opt", "postgresql@", "bin"),    // Homebrew on Intel
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// The newest usable server, or the newest of one major version.
pub(super) fn newest_installed(account: &Account, major: Option<u32>) -> Option<Server> {
    installed_dirs()
        .into_iter()
        .filter(|dir| account.reaches(dir))
        .filter_map(|dir| inspect(&dir).ok())
        .filter(|server| server.major >= OLDEST_MAJOR)
        .filter(|server| major.is_none_or(|wanted| server.major == wanted))
        // The first of equals wins: a packaged server before the same one in PATH.
        .reduce(|best, next| {
            if rank(&next) > rank(&best) {
                next
            } else {
                best
            }
        })
}

/// The server that the user names, or what is wrong with it.
pub(super) fn named(dir: &Path, account: &Account) -> Result<Server, PgError> {
    let bad = |problem: String| PgError::BadBin {
        path: dir.to_owned(),
        problem,
    };
    let server = inspect(dir).map_err(&bad)?;
    if server.major < OLDEST_MAJOR {
        return Err(bad(format!(
            "PostgreSQL {} is older than {OLDEST_MAJOR}",
            server.version
        )));
    }
    if !account.reaches(dir) {
        let user = account.uid;
        return Err(bad(format!(
            "user {user}, whom root starts the server as, cannot reach it"
        )));
    }
    Ok(server)
}

/// Reads the version of the server in a directory.
pub(super) fn inspect(bin_dir: &Path) -> Result<Server, String> {
    for program in ["postgres", "initdb"] {
        let path = bin_dir.join(program);
        let runs = fs::metadata(&path)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
        if !runs {
            return Err(format!("there is no program `{program}` in it"));
        }
    }
    let output = Command::new(bin_dir.join("postgres"))
        .arg("--version")
        .output()
        .map_err(|error| format!("its `postgres` does not run: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let (major, version) = parse_version(&printed).ok_or_else(|| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        format!(
            "its `postgres --version` prints {:?} {}",
            printed.trim(),
            complaint.trim()
        )
    })?;
    Ok(Server {
        bin_dir: bin_dir.to_owned(),
        major,
        version,
    })
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is `(15, "15.18")`.
fn parse_version(printed: &str) -> Option<(u32, String)> {
    let version = printed
        .split_once("(PostgreSQL) ")?
        .1
        .split_whitespace()
        .next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((digits.parse().ok()?, version.to_owned()))
}

fn rank(server: &Server) -> (u32, u32) {
    let minor = server
        .version
        .split('.')
        .nth(1)
        .and_then(|text| text.parse().ok());
    (server.major, minor.unwrap_or(0))
}

fn installed_dirs() -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    for (parent, prefix, below) in VERSIONED {
        let Ok(entries) = fs::read_dir(parent) else {
            continue;
        };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                dirs.push(entry.path().join(below));
            }
        }
    }
    if let Some(path) = env::var_os("PATH") {
        dirs.extend(env::split_paths(&path).filter(|dir| dir.is_absolute()));
    }
    dirs.retain(|dir| dir.join("postgres").exists());
    dirs
}

/// The command that installs a server here, for error texts.
pub(super) fn install_command() -> String {
    if cfg!(target_os = "macos") {
        return "brew install postgresql@17".into();
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    install_command_for(&release).into()
}

fn install_command_for(os_release: &str) -> &'static str {
    let ids: Vec<&str> = os_release
        .lines()
        .filter_map(|line| {
            line.strip_prefix("ID=")
                .or_else(|| line.strip_prefix("ID_LIKE="))
        })
        .flat_map(|value| value.trim_matches('"').split(' '))
        .collect();
    let is = |names: &[&str]| names.iter().any(|name| ids.contains(name));
    if is(&["debian", "ubuntu"]) {
        "sudo apt-get install postgresql"
    } else if is(&["fedora", "rhel", "centos"]) {
        "sudo dnf install postgresql-server"
    } else if is(&["alpine"]) {
        "sudo apk add postgresql"
    } else if is(&["arch"]) {
        "sudo pacman -S postgresql"
    } else if is(&["suse", "opensuse"]) {
        "sudo zypper install postgresql-server"
    } else {
        "the package `postgresql` of your system"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_printed() {
        for (printed, expected) in [
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
                Some((15, "15.18")),
            ),
            ("postgres (PostgreSQL) 18.4", Some((18, "18.4"))),
            ("postgres (PostgreSQL) 19beta1", Some((19, "19beta1"))),
            ("postgres (PostgreSQL) 9.6.24", Some((9, "9.6.24"))),
            ("postgres (EnterpriseDB) 15", None),
            ("", None),
        ] {
            let expected = expected.map(|(major, version)| (major, version.to_owned()));
            assert_eq!(parse_version(printed), expected, "{printed:?}");
        }
    }

    #[test]
    fn install_commands_by_platform() {
        for (os_release, expected) in [
            ("ID=debian\n", "sudo apt-get install postgresql"),
            (
                "NAME=Mint\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
                "sudo apt-get install postgresql",
            ),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
                "sudo dnf install postgresql-server",
            ),
            ("ID=alpine\n", "sudo apk add postgresql"),
            ("", "the package `postgresql` of your system"),
        ] {
            assert_eq!(install_command_for(os_release), expected, "{os_release:?}");
        }
    }

    #[test]
    fn a_named_directory_without_a_server_says_what_is_missing() {
        let error = named(Path::new("/etc"), &Account::choose()).expect_err("no server");
        assert_eq!(
            error.to_string(),
            "WAYPOST_PG_BIN is /etc: there is no program `postgres` in it"
        );
    }
}
