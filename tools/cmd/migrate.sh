# migrate: sql/migrations/NNNN_name.sql, forward only, each in one transaction together with its row
# in schema_migration. Two runs at once wait for each other (advisory lock). A file that changed
# after it was applied, or a database that is ahead of the files, stops everything.
# The demo organisation is recorded in the same table as version 0, so that it is loaded once.
# shellcheck shell=bash disable=SC2154

MIGRATE_LOCK=7082001 # the advisory lock's number, nothing more

migrate() {
	local connection
	connection=$(owner_connection)
	database_psql "$connection" -c "SELECT 1" >/dev/null || fail "cannot reach the database"
	migrate_table "$connection"
	migrate_check "$connection"
	migrate_script | (cd "$ROOT/sql/migrations" && database_psql "$connection" -f -) ||
		fail "a migration failed; nothing of it was kept, those before it were"
}

# CREATE TABLE IF NOT EXISTS alone may fail when two do it at once: hence the lock.
migrate_table() {
	database_psql "$1" -f - <<-END >/dev/null || fail "the database refuses us the table schema_migration"
		BEGIN;
		SELECT pg_advisory_xact_lock($MIGRATE_LOCK);
		CREATE TABLE IF NOT EXISTS schema_migration (
		    version    integer PRIMARY KEY,
		    name       text NOT NULL,
		    checksum   text NOT NULL,
		    applied_at timestamptz NOT NULL DEFAULT now()
		);
		COMMIT;
	END
}

# "version name checksum" of every file, in order.
migrate_files() {
	local file name
	for file in "$ROOT"/sql/migrations/[0-9]*.sql; do
		name=$(basename "$file" .sql)
		[[ $name =~ ^[0-9]{4}_[a-z0-9_]+$ ]] || fail "sql/migrations/$name.sql is not named NNNN_name.sql"
		printf '%d %s %s\n' "$((10#${name%%_*}))" "$name" "$(sha256sum <"$file" | cut -d ' ' -f 1)"
	done
}

migrate_check() {
	local files applied version name checksum
	files=$(migrate_files)
	applied=$(database_psql "$1" -F ' ' -c \
		"SELECT version, name, checksum FROM schema_migration WHERE version > 0 ORDER BY version")
	while read -r version name checksum; do
		[ -n "$version" ] || continue
		if ! grep -q "^$version " <<<"$files"; then
			fail "the database is newer than this code: it has migration $name"
		fi
		if ! grep -qxF "$version $name $checksum" <<<"$files"; then
			fail "migration $name was changed after it had been applied; put it back and add a new one"
		fi
	done <<<"$applied"
}

# One psql session for all of them, since the lock belongs to the session.
migrate_script() {
	local version name checksum
	printf "SET lock_timeout = '60s';\nSELECT pg_advisory_lock(%d) \\\\g /dev/null\n" "$MIGRATE_LOCK"
	migrate_files | while read -r version name checksum; do
		cat <<-END
			SELECT NOT EXISTS (SELECT FROM schema_migration WHERE version = $version) AS todo \\gset
			\\if :todo
			\\warn partystudy: migrating: $name
			BEGIN;
			\\i $name.sql
			INSERT INTO schema_migration (version, name, checksum) VALUES ($version, '$name', '$checksum');
			COMMIT;
			\\endif
		END
	done
}

# The demo organisation. Its members' password is made once and kept in var/demo-password.
demo_load() {
	local connection hash
	[ "$DEMO" = 1 ] || return 0
	compgen -G "$ROOT/sql/demo/*.sql" >/dev/null || return 0
	connection=$(owner_connection)
	[ -z "$(database_psql "$connection" -c "SELECT 1 FROM schema_migration WHERE version = 0")" ] || return 0
	say "loading the demo organisation"
	demo_password
	hash=$(secret_tool hash <"$VAR/demo-password") || fail "cannot hash the demo password"
	demo_script | DEMO_PASSWORD_HASH=$hash database_psql "$connection" -f - >/dev/null ||
		fail "the demo organisation could not be loaded; nothing of it was kept"
}

# \getenv rather than -v: a command line is there for everyone to read.
demo_script() {
	cat <<-END
		BEGIN;
		SELECT pg_advisory_xact_lock($MIGRATE_LOCK);
		SELECT NOT EXISTS (SELECT FROM schema_migration WHERE version = 0) AS todo \\gset
		\\if :todo
		\\getenv password_hash DEMO_PASSWORD_HASH
	END
	cat "$ROOT"/sql/demo/*.sql
	cat <<-END

		INSERT INTO schema_migration (version, name, checksum) VALUES (0, 'demo', '');
		\\endif
		COMMIT;
	END
}

cmd_migrate() {
	make_var
	packages_install run
	external_database || cluster_borrow
	migrate
	say "the database is up to date"
}
