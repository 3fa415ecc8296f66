# settings: the environment, checked before anything is done. The server's variables are read from
# the one table in src/core/conf.c (the server checks them again); those that only this command
# knows stand below. A PARTYSTUDY_ variable that is in neither is a mistake, not a wish.
# shellcheck shell=bash disable=SC2034,SC2154

# name, pattern of a good value, default, help
shell_settings() {
	cat <<-'END'
		PARTYSTUDY_VAR .+ ./var where the cluster, keys, logs and configuration are kept
		PARTYSTUDY_BUILD_DIR .+ ./build where it is built (./build-asan with PARTYSTUDY_SANITIZE=1)
		PARTYSTUDY_BUILD_TYPE Release|RelWithDebInfo|Debug Release CMake's build type
		PARTYSTUDY_SANITIZE [01] 0 1: build and serve with the address and undefined-behaviour sanitizers
		PARTYSTUDY_DEMO [01] 1 1: load the demo organisation (0 when DATABASE_URL is set)
		PARTYSTUDY_PG_BIN /.+ (newest) directory of PostgreSQL's programs, for the private cluster
	END
}

# The rows of the C table: name, kind, least, most, default, help; separated by bars.
server_settings() {
	/usr/bin/sed -n "$SERVER_ROW" "$ROOT/src/core/conf.c"
}

declare -A DEFAULT=() HELP=()
SHELL_SETTINGS=()
exec {LOCK_FD}</dev/null # until take_lock opens the real one

# Reads both tables, refuses what is wrong with exit code 2, all complaints at once.
settings_check() {
	local name kind least most fallback help pattern complaints=()
	while read -r name pattern fallback help; do
		SHELL_SETTINGS+=("$name") DEFAULT[$name]=$fallback HELP[$name]=$help
		[ -z "${!name+set}" ] || [[ ${!name} =~ ^($pattern)$ ]] ||
			complaints+=("$name: '${!name}' is not one of its values ($help)")
	done < <(shell_settings)
	while IFS='|' read -r name kind least most fallback help; do
		DEFAULT[$name]=$fallback HELP[$name]=$help
		if [ -n "${!name:-}" ] && [ "$kind" = INT ]; then
			check_integer "$name" "${!name}" "$least" "$most"
		fi
	done < <(server_settings)
	for name in "${!PARTYSTUDY_@}"; do
		[ -n "${DEFAULT[$name]+set}" ] || complaints+=("$name: there is no such setting (see ./partystudy settings)")
	done
	if [ ${#complaints[@]} -gt 0 ]; then
		for name in "${complaints[@]}"; do say "$name"; done
		exit 2
	fi
	settings_derive
}

check_integer() {
	[[ $2 =~ ^-?[0-9]{1,15}$ ]] && [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] ||
		complaints+=("$1: '$2' is not a whole number from $3 to $4")
}

# setting NAME: its present value.
setting() {
	local value=${!1:-}
	printf '%s\n' "${value:-${DEFAULT[$1]}}"
}

# What the parts work with. Paths become absolute: everything changes directory sooner or later.
settings_derive() {
	local name
	for name in PARTYSTUDY_VAR PARTYSTUDY_BUILD_DIR PARTYSTUDY_KEY_DIR PARTYSTUDY_TLS_CERT PARTYSTUDY_TLS_KEY; do
		[ -z "${!name:-}" ] || export "$name=$(realpath -ms -- "${!name}")"
	done
	VAR=${PARTYSTUDY_VAR:-$ROOT/var}
	[ "$VAR" != / ] || misuse "PARTYSTUDY_VAR: the root directory is no place for it"
	SANITIZE=${PARTYSTUDY_SANITIZE:-0}
	BUILD_TYPE=${PARTYSTUDY_BUILD_TYPE:-Release}
	BUILD_DIR=${PARTYSTUDY_BUILD_DIR:-$ROOT/build}
	[ "$SANITIZE" = 0 ] || BUILD_DIR=${PARTYSTUDY_BUILD_DIR:-$ROOT/build}-asan
	DEMO=${PARTYSTUDY_DEMO:-$([ -z "${DATABASE_URL:-}" ] && echo 1 || echo 0)}
	# libpq's own variables are for a database of the user's; for the private one they only mislead.
	if [ -z "${DATABASE_URL:-}" ]; then
		for name in PGHOST PGHOSTADDR PGPORT PGDATABASE PGUSER PGPASSWORD PGPASSFILE PGSERVICE \
			PGSERVICEFILE PGOPTIONS PGSSLMODE PGDATA PGREQUIREAUTH PGCHANNELBINDING PGTARGETSESSIONATTRS; do
			unset "$name"
		done
	fi
}

cmd_settings() {
	local name value
	for name in $(printf '%s\n' "${!DEFAULT[@]}" | sort); do
		value=${!name:-}
		[ "$name" != DATABASE_URL ] || value=${value:+(set)} # it may hold a password
		printf '%-36s %s%s\n    %s\n' "$name" "${DEFAULT[$name]:-(none)}" "${value:+   now: $value}" "${HELP[$name]}"
	done
}
