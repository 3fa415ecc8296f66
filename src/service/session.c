/*
 * session: log-in, refresh, log-out, the password.
 *
 * A session is a family of refresh tokens (sql/migrations/0001_organisation.sql). A refresh token
 * is "rt_", the member's id as 32 hex digits, "_" and a secret; only the secret's digest is stored.
 * The id in front lets the look-up begin with the member, as every table of a member's own does.
 */
#include "auth/auth.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/jsonw.h"
#include "service/handlers.h"

#include <stdio.h>
#include <string.h>

struct login {
	const char *username;
	const char *member; /* the member's id; of a log-in or a refresh */
	char session[UUID_TEXT];
	char secret[AUTH_SECRET_TEXT];
	char digest[68];
	char old_digest[68];
	bool disabled;
	struct password_job *job;
};

static struct login *login_new(struct op *op)
{
	struct login *login = arena_alloc(op->arena, sizeof(*login));

	op->state = login;
	if (login == NULL)
		op_fail(op, PROBLEM_internal_error);
	return login;
}

static void cancel_job(struct op *op)
{
	struct login *login = op->state;

	if (login->job != NULL)
		password_abandon(login->job);
	login->job = NULL;
}

/* The job's caller: NULL means that too many are under way. */
static void wait_for(struct op *op, struct password_job *job)
{
	struct login *login = op->state;

	login->job = job;
	op->cancel = cancel_job;
	if (job == NULL)
		op_fail(op, PROBLEM_overloaded);
}

/* ── the answer of log-in and refresh ───────────────────────────────────────────────────────── */

/* roles is a PostgreSQL array of names: {member,organizer}. */
static uint32_t roles_from_array(const char *text)
{
	uint32_t roles = 0;

	text += *text == '{';
	while (*text != '\0' && *text != '}') {
		size_t len = strcspn(text, ",}");
		int role = role_by_name(text, len);

		if (role >= 0)
			roles |= 1u << role;
		text += len + (text[len] == ',');
	}
	return roles;
}

static void write_id_digits(char out[33], const char *uuid)
{
	size_t n = 0;

	for (; *uuid != '\0' && n < 32; uuid++) {
		if (*uuid != '-')
			out[n++] = *uuid;
	}
	out[n] = '\0';
}

static void answer_tokens(struct op *op, const char *roles)
{
	struct login *login = op->state;
	struct token_claims claims = {.issued_at = clock_unix()};
	char digits[33];
	char *token;
	struct jsonw w;

	(void)snprintf(claims.subject, sizeof(claims.subject), "%s", login->member);
	(void)snprintf(claims.session, sizeof(claims.session), "%s", login->session);
	claims.roles = roles_from_array(roles);
	claims.expires_at = claims.issued_at + conf()->access_token_s;
	token = token_sign(&claims);
	if (token == NULL) {
		op_fail(op, PROBLEM_internal_error);
		return;
	}
	write_id_digits(digits, login->member);
	jsonw_init(&w, &op->reply.body);
	jsonw_object_open(&w);
	jsonw_key(&w, "access_token");
	jsonw_text(&w, token);
	jsonw_key(&w, "token_type");
	jsonw_text(&w, "Bearer");
	jsonw_key(&w, "expires_in");
	jsonw_int(&w, conf()->access_token_s);
	jsonw_key(&w, "refresh_token");
	jsonw_text(&w, arena_printf(op->arena, "rt_%s_%s", digits, login->secret));
	jsonw_object_close(&w);
	token_free(token);
	op->reply.cache_control = "no-store";
	op_answer(op, 200);
}

static void new_secret(struct op *op, struct login *login)
{
	secret_new(login->secret);
	secret_digest(login->secret, strlen(login->secret), login->digest);
	op_set(op, "login_member", login->member);
	op_set(op, "refresh_digest", login->digest);
}

/* ── log-in ─────────────────────────────────────────────────────────────────────────────────── */

static void on_session(struct op *op, struct db_call *call)
{
	answer_tokens(op, db_value(call, 1, 0, 0, NULL));
}

static void start_session(struct op *op)
{
	static const enum db_statement steps[] = {DB_session_start, DB_roles_of};
	struct login *login = op->state;

	uuid_v7(login->session);
	new_secret(op, login);
	op_set(op, "login_session", login->session);
	op_set(op, "session_ttl", arena_printf(op->arena, "%d", conf()->refresh_token_s));
	op_transaction(op, steps, 2, on_session);
}

static void on_login_verified(bool ok, const char *hash, void *ctx)
{
	struct op *op = ctx;
	struct login *login = op->state;

	(void)hash;
	login->job = NULL;
	if (!ok || login->disabled) {
		op_fail(op, PROBLEM_login_failed);
		return;
	}
	throttle_passed(login->username, op->caller.address);
	start_session(op);
}

static void on_account(struct op *op, struct db_call *call)
{
	struct login *login = op->state;
	const char *hash = NULL, *member;

	if (db_rows(call, 0) > 0) {
		member = db_value(call, 0, 0, 0, NULL);
		login->member = arena_strndup(op->arena, member, strlen(member));
		hash = db_value(call, 0, 0, 1, NULL);
		login->disabled = db_value(call, 0, 0, 2, NULL)[0] == 't';
	}
	/* An unknown user costs the same work and gets the same answer as a wrong password. */
	wait_for(op, password_verify(op_text(op, "password"), hash, on_login_verified, op));
}

/*
 * True when the caller has to wait first; it has been answered then. The attempt counts as failed
 * until it has passed: otherwise a hundred guesses sent at once would all get through before the
 * first of them has failed.
 */
static bool braked(struct op *op, const char *account)
{
	int wait = throttle_wait(account, op->caller.address);

	if (wait <= 0) {
		throttle_failed(account, op->caller.address);
		return false;
	}
	op->reply.retry_after_s = wait;
	op_fail(op, PROBLEM_too_many_requests);
	return true;
}

/* User names are stored in lower case; "Zhang" and "zhang" share one brake. */
static const char *lower_name(struct op *op, const char *name)
{
	char *copy = arena_strndup(op->arena, name, strlen(name));

	for (char *c = copy; c != NULL && *c != '\0'; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	return copy;
}

void auth_login(struct op *op)
{
	struct login *login = login_new(op);

	if (login == NULL)
		return;
	login->username = lower_name(op, op_text(op, "username"));
	op_set(op, "username", login->username);
	if (!braked(op, login->username))
		op_query(op, DB_account_by_username, on_account);
}

/* ── refresh ────────────────────────────────────────────────────────────────────────────────── */

/* rt_<32 hex>_<secret>: the member's id with its dashes, and where the secret begins. */
static const char *parse_refresh_token(const char *token, char member[UUID_TEXT])
{
	static const int dashes[] = {8, 13, 18, 23};
	const char *digits = token + 3;
	int from = 0, dash = 0;

	if (strncmp(token, "rt_", 3) != 0 || strspn(digits, "0123456789abcdef") != 32 ||
	    digits[32] != '_' || strlen(digits + 33) != AUTH_SECRET_TEXT - 1)
		return NULL;
	for (int to = 0; to < UUID_TEXT - 1; to++) {
		if (dash < 4 && to == dashes[dash]) {
			member[to] = '-';
			dash++;
		} else {
			member[to] = digits[from++];
		}
	}
	member[UUID_TEXT - 1] = '\0';
	return digits + 33;
}

static void on_refreshed(struct op *op, struct db_call *call)
{
	struct login *login = op->state;
	int column = db_column(call, 0, "session_id");

	(void)snprintf(login->session, sizeof(login->session), "%s",
		       db_value(call, 0, 0, column, NULL));
	answer_tokens(op, db_value(call, 1, 0, 0, NULL));
}

void auth_refresh(struct op *op)
{
	static const enum db_statement steps[] = {DB_session_refresh, DB_roles_of};
	struct login *login = login_new(op);
	char member[UUID_TEXT];
	const char *secret;

	if (login == NULL)
		return;
	secret = parse_refresh_token(op_text(op, "refresh_token"), member);
	if (secret == NULL) {
		op_fail(op, PROBLEM_refresh_token_invalid);
		return;
	}
	login->member = arena_strndup(op->arena, member, UUID_TEXT - 1);
	secret_digest(secret, strlen(secret), login->old_digest);
	new_secret(op, login);
	op_set(op, "old_digest", login->old_digest);
	op_transaction(op, steps, 2, on_refreshed);
}

void auth_logout(struct op *op)
{
	op_run(op, DB_session_end);
}

/* ── the password ───────────────────────────────────────────────────────────────────────────── */

static void on_new_hash(bool ok, const char *hash, void *ctx)
{
	struct op *op = ctx;
	struct login *login = op->state;

	login->job = NULL;
	if (!ok) {
		op_fail(op, PROBLEM_overloaded);
		return;
	}
	op_set(op, "password_hash", arena_strndup(op->arena, hash, strlen(hash)));
	op_run(op, DB_password_update);
}

static void on_current_verified(bool ok, const char *hash, void *ctx)
{
	struct op *op = ctx;
	struct login *login = op->state;

	(void)hash;
	login->job = NULL;
	if (!ok) {
		op_fail_field(op, PROBLEM_password_wrong, "current_password");
		return;
	}
	throttle_passed(op->caller.subject, op->caller.address);
	wait_for(op, password_hash(op_text(op, "new_password"), on_new_hash, op));
}

static void on_own_account(struct op *op, struct db_call *call)
{
	const char *hash = db_rows(call, 0) > 0 ? db_value(call, 0, 0, 1, NULL) : NULL;

	wait_for(op,
		 password_verify(op_text(op, "current_password"), hash, on_current_verified, op));
}

/* Length is the validator's; here only what length does not help against. */
static bool password_weak(const char *password)
{
	return strspn(password, (const char[]){password[0], '\0'}) == strlen(password);
}

void auth_password(struct op *op)
{
	if (login_new(op) == NULL || braked(op, op->caller.subject))
		return;
	if (password_weak(op_text(op, "new_password")) ||
	    strcmp(op_text(op, "new_password"), op_text(op, "current_password")) == 0) {
		op_fail_field(op, PROBLEM_password_too_weak, "new_password");
		return;
	}
	op_query(op, DB_account_by_member, on_own_account);
}

void jwks_get(struct op *op)
{
	size_t len;
	const char *keys = keys_jwks(&len);

	buf_append(&op->reply.body, keys, len);
	op->reply.cache_control = "public, max-age=300";
	op_answer(op, 200);
}
