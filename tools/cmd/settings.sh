# settings: the environment, checked before anything is done. There is one table of settings, in
# src/core/conf.c; sed reads it here, and the server checks its own part once more when it starts.
# A PARTYSTUDY_ variable that the table does not know is a mistake, not a wish.
# shellcheck shell=bash disable=SC2034,SC2154

declare -A DEFAULT=() HELP=()
COMPLAINTS=()
exec {LOCK_FD}</dev/null # until take_lock opens the real one

# name|kind|least|most|default|help of each row.
settings_table() {
	sed -n -E \
		-e 's/^\tROW\("([A-Z_]+)", ([A-Z0-9]+), ([0-9]+), ([0-9]+), (NULL|"([^"]*)"), "([^"]*)", .*/\1|\2|\3|\4|\6|\7/p' \
		-e 's/^\tCOMMAND_ROW\("([A-Z_]+)", "([^"]*)", "([^"]*)"\).*/\1|COMMAND|0|0|\2|\3/p' \
		"$ROOT/src/core/conf.c"
}

# All complaints at once, then exit code 2.
settings_check() {
	local name kind least most fallback help
	while IFS='|' read -r name kind least most fallback help; do
		DEFAULT[$name]=$fallback HELP[$name]=$help
		[ -z "${!name:-}" ] || settings_check_value "$name" "$kind" "$least" "$most"
	done < <(settings_table)
	[ ${#DEFAULT[@]} -gt 0 ] || fail "the table in src/core/conf.c cannot be read"
	for name in "${!PARTYSTUDY_@}"; do
		[ -n "${DEFAULT[$name]+set}" ] || COMPLAINTS+=("$name: there is no such setting (see ./partystudy settings)")
	done
	if [ ${#COMPLAINTS[@]} -gt 0 ]; then
		for name in "${COMPLAINTS[@]}"; do say "$name"; done
		exit 2
	fi
	settings_derive
}

# What is not checked here, the server checks.
settings_check_value() {
	local name=$1 value=${!1} wanted='' octet
	case $2 in
	INT | PORT)
		[[ $value =~ ^[0-9]{1,9}$ ]] && [ "$((10#$value))" -ge "$3" ] && [ "$((10#$value))" -le "$4" ] ||
			wanted="a whole number from $3 to $4"
		;;
	IPV4)
		octet='(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])'
		[[ $value =~ ^$octet\.$octet\.$octet\.$octet$ ]] || wanted="an IPv4 address"
		;;
	LEVEL) [[ $value =~ ^(error|info|debug)$ ]] || wanted="error, info or debug" ;;
	COMMAND)
		case $name in
		PARTYSTUDY_BUILD_TYPE) [[ $value =~ ^(Release|RelWithDebInfo|Debug)$ ]] || wanted="Release, RelWithDebInfo or Debug" ;;
		PARTYSTUDY_PG_BIN) [ -x "$value/initdb" ] || wanted="a directory that holds initdb" ;;
		PARTYSTUDY_DEMO | PARTYSTUDY_SANITIZE | PARTYSTUDY_SECCOMP_TRACE) [[ $value =~ ^[01]$ ]] || wanted="0 or 1" ;;
		esac
		;;
	esac
	[ -z "$wanted" ] || COMPLAINTS+=("$(printf '%s is %q: %s is expected' "$name" "$value" "$wanted")")
}

# setting NAME: its present value. An empty one is as good as none.
setting() {
	local value=${!1:-}
	printf '%s\n' "${value:-${DEFAULT[$1]}}"
}

# What the parts work with. Paths become absolute: everything changes directory sooner or later.
settings_derive() {
	local name
	for name in PARTYSTUDY_VAR PARTYSTUDY_BUILD_DIR PARTYSTUDY_PG_BIN PARTYSTUDY_KEY_DIR \
		PARTYSTUDY_TLS_CERT PARTYSTUDY_TLS_KEY; do
		[ -z "${!name:-}" ] || export "$name=$(realpath -ms -- "${!name}")"
	done
	VAR=${PARTYSTUDY_VAR:-$ROOT/var}
	[ "$VAR" != / ] || misuse "PARTYSTUDY_VAR: the root directory is no place for it"
	SANITIZE=$(setting PARTYSTUDY_SANITIZE)
	BUILD_TYPE=$(setting PARTYSTUDY_BUILD_TYPE)
	BUILD_DIR=${PARTYSTUDY_BUILD_DIR:-$ROOT/build}
	[ "$SANITIZE" = 0 ] || BUILD_DIR+=-asan
	[[ $ROOT$VAR$BUILD_DIR != *[][*?\#\;:\<\>\|\"\$\`\\$'\n']* ]] ||
		misuse "CMake and pg_ctl cannot work in a directory with one of [ ] * ? # ; : < > | \" \$ \` \\ in its path"
	DEMO=${PARTYSTUDY_DEMO:-$(external_database && echo 0 || echo 1)}
	# libpq's own variables are for a database of the user's; for the private one they only mislead.
	external_database || unset PGHOST PGHOSTADDR PGPORT PGDATABASE PGUSER PGPASSWORD PGPASSFILE \
		PGSERVICE PGSERVICEFILE PGOPTIONS PGSSLMODE PGDATA PGCHANNELBINDING PGTARGETSESSIONATTRS
}

cmd_settings() {
	local name value
	for name in $(settings_table | cut -d '|' -f 1); do
		value=${!name:-}
		[ "$name" != DATABASE_URL ] || value=${value:+(set)} # it may hold a password
		printf '%-36s %s%s\n    %s\n' "$name" "${DEFAULT[$name]:-(none)}" "${value:+   now: $value}" "${HELP[$name]}"
	done
}
