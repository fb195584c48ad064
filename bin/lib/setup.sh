# What the scripts share: looks for what they need and installs it where they may. Sourced, not run.

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }
can_apt() { is_root && have apt-get; }

# Installs Debian packages, without what they only recommend.
apt_install() {
  say "installing $* (apt-get)"
  [ -n "${apt_updated:-}" ] || apt-get update -qq >&2
  apt_updated=1
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

need_rust() {
  if ! have cargo && [ -f "$HOME/.cargo/env" ]; then . "$HOME/.cargo/env"; fi
  have cargo || fail "no Rust toolchain. Get one with
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh
or see https://rustup.rs, then run this again."
  have cc && return
  if can_apt; then apt_install gcc libc6-dev
  elif [ "$(uname)" = Darwin ]; then fail "no C compiler. Get one with: xcode-select --install"
  else fail "no C compiler (Rust links with it). Install one, on Debian: sudo apt-get install gcc libc6-dev"
  fi
}

has_postgres() {
  local postgres
  for postgres in /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres \
    /usr/libexec/postgresql*/postgres /opt/homebrew/opt/postgresql@*/bin/postgres \
    /usr/local/opt/postgresql@*/bin/postgres \
    /Applications/Postgres.app/Contents/Versions/*/bin/postgres "$(command -v postgres || true)"; do
    [ -x "$postgres" ] || continue
    [ "$("$postgres" --version | sed 's/.*(PostgreSQL) \([0-9]*\).*/\1/')" -ge 15 ] && return
  done
  return 1
}

# A server for the private cluster. As root on Debian the package; otherwise `waypost` itself
# fetches one with npm, or says what to install.
need_postgres() {
  if [ -n "${WAYPOST_PG_BIN:-}" ] || has_postgres || ! can_apt; then return; fi
  apt-get update -qq >&2
  apt_updated=1
  local major
  major=$(apt-cache show postgresql 2>/dev/null | sed -n 's/^Version: \([0-9]*\).*/\1/p' | sort -n | tail -1)
  if [ "${major:-0}" -ge 15 ]; then
    # The package would also start a cluster of its own on port 5432: nobody asked for that one.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
      apt_install postgresql-common
      sed -i 's/^#\? *create_main_cluster.*/create_main_cluster = false/' \
        /etc/postgresql-common/createcluster.conf
    fi
    apt_install postgresql
  elif ! have npm; then
    apt_install npm # this release has only an older server; npm fetches a newer one
  fi
}
