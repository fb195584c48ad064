# Finds the tools that single tests need, installing them where we may. Sourced by bin/test.

left_out=()

# Names a part that cannot be tested here. Under CI nothing may be left out.
leave_out() {
  [ "${CI:-}" != true ] || fail "under CI no part may be left out: $1"
  say "left out: $1"
  left_out+=("$1")
}

speaks_postgres() { "$1" -c 'import psycopg2' 2>/dev/null || "$1" -c 'import psycopg' 2>/dev/null; }

# A Python with a Postgres driver, for the tests from a second language.
find_python() {
  local venv=${CARGO_TARGET_DIR:-$PWD/target}/test-python python
  for python in "${WAYPOST_TEST_PYTHON:-}" python3 /usr/bin/python3 "$venv/bin/python"; do
    if [ -n "$python" ] && speaks_postgres "$python"; then echo "$python"; return; fi
  done
  if can_apt && apt_install python3 python3-psycopg2 && speaks_postgres /usr/bin/python3; then
    echo /usr/bin/python3
  elif python3 -m venv "$venv" >/dev/null 2>&1 &&
    "$venv/bin/pip" install --quiet 'psycopg[binary]' >&2 && speaks_postgres "$venv/bin/python"; then
    echo "$venv/bin/python"
  else
    return 1
  fi
}

find_test_tools() {
  if WAYPOST_TEST_PYTHON=$(find_python); then export WAYPOST_TEST_PYTHON
  else
    unset WAYPOST_TEST_PYTHON
    leave_out "enrolment from a second language (no Python with psycopg)"
  fi
  have psql || { can_apt && apt_install postgresql-client; } ||
    leave_out "the tests through psql (no psql)"
  have npm || { can_apt && apt_install npm; } ||
    leave_out "the fetched Postgres (no npm)"
  # The tests of wrong clocks preload it.
  compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || { can_apt && apt_install faketime; } ||
    leave_out "clocks that are wrong or jump (no libfaketime)"
  have valgrind || { can_apt && apt_install valgrind; } ||
    leave_out "the machine's instruction counts (no valgrind)"
  # Root drops to another user with it.
  ! is_root || have setpriv || leave_out "the private Postgres of a normal user (no setpriv)"
}
