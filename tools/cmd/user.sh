# user: members with an account, passwords and roles, for the first administrator and for repairs;
# day to day the API does it. Values reach SQL as psql variables that psql itself quotes (:'name'),
# secrets through the environment, and none through a shell string.
# shellcheck shell=bash disable=SC2154

ROLES='member organizer reviewer auditor admin portal'

cmd_user() {
	local what=${1:-}
	shift || true
	case $what in
	add | passwd | grant) ;;
	*) misuse "user add, user passwd or user grant (see ./partystudy help)" ;;
	esac
	"user_${what}_arguments" "$@" # wrong usage shows before anything is started
	user_database "user_$what"
}

# Runs FUNCTION with the database up, and leaves the private cluster as it was.
user_database() {
	make_var
	[ -x "$BUILD_DIR/partystudy-secret" ] || fail "nothing is built yet: ./partystudy run does it"
	if ! external_database; then
		cluster_locate
		[ -d "$PG_HOME/data" ] || fail "there is no database yet: ./partystudy run makes it"
		cluster_borrow
	fi
	"$1"
}

user_add_arguments() {
	[ $# -gt 0 ] || misuse "usage: user add USERNAME --name NAME --org ORG [--role ROLE]"
	USER_LOGIN=$1 USER_NAME='' USER_ORG='' USER_ROLE=member
	shift
	while [ $# -gt 0 ]; do
		[ $# -gt 1 ] || misuse "user add: $1 wants a value"
		case $1 in
		--name) USER_NAME=$2 ;;
		--org) USER_ORG=$2 ;;
		--role) USER_ROLE=$2 ;;
		*) misuse "user add: there is no option $1" ;;
		esac
		shift 2
	done
	[[ $USER_LOGIN =~ ^[a-z0-9][a-z0-9._-]{1,63}$ ]] ||
		misuse "a user name is 2 to 64 of a-z, 0-9, '.', '_' and '-', and begins with a letter or a digit"
	[ -n "$USER_NAME" ] || misuse "user add: --name is missing"
	[ -n "$USER_ORG" ] || misuse "user add: --org is missing"
	user_check_role
}

user_passwd_arguments() {
	[ $# -eq 1 ] || misuse "usage: user passwd USERNAME"
	USER_LOGIN=$1
}

user_grant_arguments() {
	[ $# -eq 3 ] || misuse "usage: user grant USERNAME ROLE ORG"
	USER_LOGIN=$1 USER_ROLE=$2 USER_ORG=$3
	user_check_role
}

user_check_role() {
	[[ " $ROLES " == *" $USER_ROLE "* ]] || misuse "there is no role '$USER_ROLE'; the roles: $ROLES"
}

user_add() {
	user_sql first_org check_org check_new undo
	user_read_password
	user_sql first_org check_org check_new insert
	say "added $USER_LOGIN"
}

user_passwd() {
	user_sql check_account
	user_read_password
	user_sql check_account password
	say "the password of $USER_LOGIN is set; their sessions have ended"
}

user_grant() {
	user_sql check_account check_org grant
	say "$USER_LOGIN is $USER_ROLE of $USER_ORG"
}

# Sets USER_HASH. A password is typed twice at a terminal, and is one line of a pipe otherwise.
user_read_password() {
	local password again
	if [ -t 0 ]; then
		read -r -s -p "Password for $USER_LOGIN: " password && echo >&2
		read -r -s -p "Once more: " again && echo >&2
		[ "$password" = "$again" ] || fail "the two are not the same"
	else
		IFS= read -r password || [ -n "$password" ] || fail "no password on standard input"
	fi
	[ "$(LC_ALL=C.UTF-8 && echo "${#password}")" -ge 10 ] || fail "a password has at least 10 characters"
	USER_HASH=$(printf '%s\n' "$password" | secret_tool hash) || fail "cannot hash it"
}

# user_sql BLOCK…: the named blocks below, as one transaction.
user_sql() {
	local connection
	connection=$(owner_connection)
	{
		printf '\\getenv password_hash USER_HASH\nBEGIN;\n'
		printf '%s\n' "$@" | while read -r block; do "user_sql_$block"; done
		printf 'COMMIT;\n'
	} | USER_HASH=${USER_HASH:-} database_psql "$connection" -v login="$USER_LOGIN" -v name="${USER_NAME:-}" \
		-v role="${USER_ROLE:-}" -v org="${USER_ORG:-}" -f - 2>&1 >/dev/null |
		{ grep -v ' PS000$' >&2 || true; } || exit 1 # the refusal itself was one line before
}

# A block that finds something wrong says so in one line and ends psql with an error.
user_sql_refuse() {
	printf '\\if :%s\n\\else\n\\warn partystudy: %s\nROLLBACK; \\set VERBOSITY sqlstate\nDO $$ BEGIN RAISE EXCEPTION USING ERRCODE = %s; END $$;\n\\endif\n' \
		"$1" "$2" "'PS000'"
}

# An organisation by its id or its name; `org_id` afterwards.
user_sql_check_org() {
	cat <<-'END'
		SELECT count(*) = 1 AS found, count(*) < 2 AS single, min(org_id::text) AS org_id
		  FROM org WHERE org_id::text = lower(:'org') OR name = :'org' OR short_name = :'org' \gset
	END
	user_sql_refuse single "several organisations have that name: give the id"
	user_sql_refuse found "there is no such organisation"
}

user_sql_check_new() {
	printf '%s\n' "SELECT NOT EXISTS (SELECT FROM account WHERE username = :'login') AS free \\gset"
	user_sql_refuse free "the user name is taken"
}

user_sql_check_account() {
	cat <<-'END'
		SELECT count(*) = 1 AS known, min(member_id::text) AS member_id
		  FROM account WHERE username = lower(:'login') \gset
	END
	user_sql_refuse known "there is no such user"
}

# uuid NAME: a UUIDv7 in a psql variable: 48 bits of milliseconds, the version, random.
user_sql_uuid() {
	cat <<-END
		SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
		       substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
		       FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid AS $1 \\gset
	END
}

# In an empty database the first user brings the root organisation along, under the name given.
user_sql_first_org() {
	user_sql_uuid first_org
	cat <<-'END'
		INSERT INTO org (org_id, path, kind, name)
		SELECT :'first_org', org_label(:'first_org'), 'committee', :'org' WHERE NOT EXISTS (SELECT FROM org);
	END
}

user_sql_undo() {
	printf 'ROLLBACK; BEGIN;\n'
}

user_sql_insert() {
	user_sql_uuid new_id
	cat <<-'END'
		INSERT INTO member (member_id, org_id, name, stage) VALUES (:'new_id', :'org_id', :'name', 'full');
		INSERT INTO account (member_id, username, password_hash) VALUES (:'new_id', :'login', :'password_hash');
		INSERT INTO role_grant (member_id, role, org_id) VALUES (:'new_id', :'role', :'org_id');
	END
}

user_sql_password() {
	cat <<-'END'
		UPDATE account SET password_hash = :'password_hash', password_changed_at = now()
		 WHERE member_id = :'member_id';
		UPDATE session SET ended_at = now(), end_reason = 'password_changed'
		 WHERE member_id = :'member_id' AND ended_at IS NULL;
	END
}

user_sql_grant() {
	cat <<-'END'
		INSERT INTO role_grant (member_id, role, org_id) VALUES (:'member_id', :'role', :'org_id')
		    ON CONFLICT (member_id, role, org_id) DO UPDATE SET ends_at = NULL;
	END
}
