# cluster: the private PostgreSQL. Reached over a unix socket only, it belongs to whoever runs the
# command, or to the user postgres when that is root (PostgreSQL refuses to run as root).
#
#   var/pg/data                 the cluster        var/log/postgresql.log   its log
#   var/pg/run                  the socket         var/db-password          of partystudy_app
#
# Two exceptions, each noted in a file in var/: when the user postgres cannot reach var/ (a checkout
# below /root), pg/ is /var/lib/postgresql/partystudy-HASH (var/pg-location); when the path of the
# socket would be too long or has odd characters, it is a directory in /tmp (var/socket-location).
#
# Who may connect: the invoking user and the cluster's owner, as postgres and partystudy_owner
# (peer: the kernel says who they are); the server as partystudy_app with a random password, and
# only from a directory that its user can enter.
# shellcheck shell=bash disable=SC2154

PG_BIN='' PG_HOME='' PG_USER='' PG_SOCKET='' PG_LOG=''

# The newest PostgreSQL's programs; empty when there are none.
pg_bin() {
	if [ -n "${PARTYSTUDY_PG_BIN:-}" ]; then
		printf '%s\n' "$PARTYSTUDY_PG_BIN"
	else
		find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin -exec test -x '{}/initdb' ';' -print \
			2>/dev/null | sort -V | tail -n 1
	fi
}

external_database() {
	[ -n "${DATABASE_URL:-}" ]
}

# Whom Kore's workers run as: ourselves, or as root the owner of var/, or Debian's web user.
server_user() {
	local owner
	owner=$(stat -c %U "$VAR")
	if [ "$(id -u)" -ne 0 ]; then
		id -un
	elif [ "$owner" != root ]; then
		printf '%s\n' "$owner"
	else
		printf 'www-data\n'
	fi
}

# as USER COMMAND…: as that user when we are root, from a directory that everyone can enter.
as() {
	local user=$1
	shift
	if [ "$(id -u)" -eq 0 ] && [ "$user" != root ]; then
		(cd / && exec runuser -u "$user" -- "$@")
	else
		(cd / && exec "$@")
	fi
}

# Finds where the cluster is or shall be; makes nothing.
cluster_locate() {
	PG_BIN=$(pg_bin)
	PG_HOME=$VAR/pg
	[ ! -s "$VAR/pg-location" ] || PG_HOME=$(cat "$VAR/pg-location")
	PG_LOG=$VAR/log/postgresql.log
	[ "$PG_HOME" = "$VAR/pg" ] || PG_LOG=$PG_HOME/postgresql.log
	PG_USER=$(id -un)
	if [ -d "$PG_HOME/data" ]; then
		PG_USER=$(stat -c %U "$PG_HOME/data")
	elif [ "$(id -u)" -eq 0 ]; then
		PG_USER=postgres
	fi
	PG_SOCKET=$PG_HOME/run
	[ ! -s "$VAR/socket-location" ] || PG_SOCKET=$(cat "$VAR/socket-location")
	# Names are safe in a URL: cluster_place_socket sees to it.
	APP_CONNECTION="postgresql:///partystudy?host=$PG_SOCKET&user=partystudy_app"
	OWNER_CONNECTION="postgresql:///partystudy?host=$PG_SOCKET&user=partystudy_owner"
	ADMIN_CONNECTION="postgresql:///postgres?host=$PG_SOCKET&user=postgres"
}

# The connection that migrates and loads, with an owner's rights.
owner_connection() {
	if external_database; then
		printf '%s\n' "$DATABASE_URL"
	else
		printf '%s\n' "$OWNER_CONNECTION"
	fi
}

# The connection that serves.
app_connection() {
	if external_database; then
		printf '%s\n' "$DATABASE_URL"
	else
		printf '%s&password=%s\n' "$APP_CONNECTION" "$(cat "$VAR/db-password")"
	fi
}

cluster_running() {
	[ -d "$PG_HOME/data" ] && as "$PG_USER" "$PG_BIN/pg_ctl" -D "$PG_HOME/data" status >/dev/null 2>&1
}

# Makes, starts and furnishes the cluster, whatever of it is missing.
cluster_start() {
	cluster_locate
	[ -x "$PG_BIN/initdb" ] || fail "no PostgreSQL programs in '${PG_BIN:-/usr/lib/postgresql}'"
	cluster_place
	[ -d "$PG_HOME/data" ] || cluster_create
	if ! cluster_running; then
		cluster_configure
		say "starting PostgreSQL"
		as "$PG_USER" "$PG_BIN/pg_ctl" -D "$PG_HOME/data" -l "$PG_LOG" -w -t 60 -s start \
			{LOCK_FD}>&- </dev/null >/dev/null 2>&1 || {
			as "$PG_USER" tail -n 10 "$PG_LOG" >&2
			fail "PostgreSQL did not start; its log: $PG_LOG"
		}
	fi
	cluster_furnish
}

# For a command that only needs the database a moment: leaves the cluster as it found it.
cluster_borrow() {
	cluster_locate
	cluster_running || trap cluster_stop EXIT
	cluster_start
}

# Directories that the two users can reach.
cluster_place() {
	local server
	server=$(server_user)
	mkdir -p "$VAR/log"
	if [ ! -d "$PG_HOME/data" ] && [ "$PG_HOME" = "$VAR/pg" ] &&
		! { as "$PG_USER" test -x "$VAR" && as "$server" test -x "$VAR"; }; then
		PG_HOME=/var/lib/postgresql/partystudy-$(printf '%s' "$VAR" | sha256sum | cut -c 1-12)
		printf '%s\n' "$PG_HOME" >"$VAR/pg-location"
		cluster_locate
		if [ -d "$PG_HOME/data" ]; then
			say "using the database that $PG_HOME still holds; remove that directory to begin anew"
		else
			say "$PG_USER cannot reach $VAR: the database will be in $PG_HOME"
		fi
	fi
	mkdir -p "$PG_HOME"
	cluster_place_socket
	cluster_locate
	mkdir -p "$PG_SOCKET"
	: >>"$PG_LOG"
	chmod 640 "$PG_LOG"
	if [ "$(id -u)" -eq 0 ]; then
		chown "$PG_USER" "$PG_LOG" "$PG_HOME"
		chown "$PG_USER:$(id -gn "$server")" "$PG_SOCKET"
		chmod 750 "$PG_SOCKET"
	else
		chmod 700 "$PG_SOCKET"
	fi
}

# A socket's path has 107 bytes at most, of which "/.s.PGSQL.5432.lock" needs 19.
cluster_place_socket() {
	if [ -s "$VAR/socket-location" ]; then
		# Cleared away with the rest of /tmp, perhaps, and then anyone's.
		[ ! -O "$PG_SOCKET" ] && [ "$(stat -c %U "$PG_SOCKET" 2>/dev/null)" != "$PG_USER" ] || return 0
	elif [[ $PG_HOME/run =~ ^[A-Za-z0-9/._-]{1,85}$ ]]; then
		return 0
	fi
	! cluster_running || fail "the socket's directory $PG_SOCKET is gone: ./partystudy stop, then again"
	mktemp -d /tmp/partystudy.XXXXXXXX >"$VAR/socket-location"
}

# Into a directory of another name first: half a cluster is no cluster.
cluster_create() {
	say "creating a private PostgreSQL cluster in $PG_HOME"
	as "$PG_USER" rm -rf "$PG_HOME/data.new"
	as "$PG_USER" "$PG_BIN/initdb" -D "$PG_HOME/data.new" -U postgres -E UTF8 --locale=C.UTF-8 \
		--data-checksums --auth=reject --no-instructions >"$VAR/log/initdb.log" 2>&1 || {
		tail -n 5 "$VAR/log/initdb.log" >&2
		fail "initdb failed"
	}
	echo "include 'partystudy.conf'" | as "$PG_USER" tee -a "$PG_HOME/data.new/postgresql.conf" >/dev/null
	as "$PG_USER" mv "$PG_HOME/data.new" "$PG_HOME/data"
}

# Written anew at each start: var/ may have moved, and another user may be running us.
cluster_configure() {
	local connections me
	me=$(id -un)
	connections=$((20 + $(workers) * ($(setting PARTYSTUDY_DB_CONNECTIONS) + $(setting PARTYSTUDY_DB_SLOW_CONNECTIONS))))
	[ "$connections" -ge 100 ] || connections=100
	cluster_write partystudy.conf <<-END
		# Written by the partystudy command at each start.
		listen_addresses = ''
		unix_socket_directories = '$PG_SOCKET'
		max_connections = $connections
		shared_buffers = 256MB
		synchronous_commit = on
		password_encryption = 'scram-sha-256'
		jit = off
		timezone = 'UTC'
		log_timezone = 'UTC'
		log_line_prefix = '%m [%p] %q%u '
		log_parameter_max_length_on_error = 0
	END
	cluster_write pg_hba.conf <<-END
		local all postgres,partystudy_owner peer map=owner
		local partystudy partystudy_app scram-sha-256
	END
	cluster_write pg_ident.conf <<-END
		owner "$me" postgres
		owner "$me" partystudy_owner
		owner "$PG_USER" postgres
		owner "$PG_USER" partystudy_owner
	END
}

cluster_write() {
	as "$PG_USER" tee "$PG_HOME/data/$1" >/dev/null
}

# The roles and the database. The server's role owns nothing; the migrations grant it what it needs.
cluster_furnish() {
	if [ ! -s "$VAR/db-password" ]; then
		(umask 077 && openssl rand -hex 24 >"$VAR/db-password.new")
		database_psql "$ADMIN_CONNECTION" -f - <<-'END'
			SELECT 'CREATE ROLE partystudy_owner LOGIN'
			 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'partystudy_owner') \gexec
			SELECT 'CREATE ROLE partystudy_app LOGIN'
			 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'partystudy_app') \gexec
			SELECT 'CREATE DATABASE partystudy OWNER partystudy_owner'
			 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'partystudy') \gexec
			REVOKE ALL ON DATABASE partystudy FROM PUBLIC;
			GRANT CONNECT ON DATABASE partystudy TO partystudy_app;
		END
		# From standard input: a command line is there for everyone to read.
		printf "ALTER ROLE partystudy_app PASSWORD '%s';\n" "$(cat "$VAR/db-password.new")" |
			database_psql "$ADMIN_CONNECTION" -f -
		mv -f "$VAR/db-password.new" "$VAR/db-password" # last: it says that all of this has been done
	fi
}

# psql CONNECTION ARGUMENT…: reads no one's settings, stops at the first error, prints values only.
database_psql() {
	local psql=$PG_BIN/psql
	[ -x "$psql" ] || psql=psql
	PGOPTIONS="${PGOPTIONS:-} -c client_min_messages=warning" \
		"$psql" -X -q -A -t -v ON_ERROR_STOP=1 -d "$@"
}

cluster_stop() {
	cluster_locate
	if cluster_running; then
		say "stopping PostgreSQL"
		as "$PG_USER" "$PG_BIN/pg_ctl" -D "$PG_HOME/data" -m fast -w -t 60 -s stop >&2 ||
			say "PostgreSQL did not stop; its log: $PG_LOG"
	fi
}

# For the tests: removes what lies outside var/ too, then var/ itself.
cluster_remove() {
	[ -f "$VAR/db-password" ] || [ -f "$VAR/pg-location" ] || [ -d "$VAR/pg" ] || fail "$VAR is no directory of ours"
	cluster_stop
	rm -rf "$PG_SOCKET" "$PG_HOME" "$VAR"
}

# For the tests: a database without a server. Prints both connection strings.
cmd_cluster_start() {
	make_var
	cluster_start
	printf 'APP_URL=%s\nOWNER_URL=%s\n' "$(app_connection)" "$(owner_connection)"
}
