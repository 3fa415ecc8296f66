/*
 * test_password: Argon2id jobs: right and wrong passwords, bounds on how many run and wait, and
 * clients that go away at every stage. kore_task_shim.c stands in for Kore.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/auth_priv.h"
#include "core/conf.h"

#include "auth_fixture.h"
#include "kore_task_shim.h"

#include <errno.h>
#include <sys/resource.h>
#include <time.h>

#define PASSWORD    "correct horse"
#define CONCURRENCY 2 /* as fixture_conf sets it */
#define QUEUE       (CONCURRENCY * PASSWORD_QUEUE_FACTOR)
#define TURN_MS     20000

struct answer {
	int calls;
	bool ok;
	char hash[AUTH_HASH_TEXT];
	struct password_job *abandon; /* abandoned from within the call */
	bool again;                   /* asks for another job from within the call */
};

static char good_hash[AUTH_HASH_TEXT];

static void on_done(bool ok, const char *hash, void *ctx)
{
	struct answer *answer = ctx;
	answer->calls++;
	answer->ok = ok;
	snprintf(answer->hash, sizeof(answer->hash), "%s", hash != NULL ? hash : "");
	password_abandon(answer->abandon);
	if (answer->again) {
		answer->again = false;
		assert_non_null(password_verify(PASSWORD, good_hash, on_done, answer));
	}
}

static int set_up_all(void **state)
{
	(void)state;
	fixture_conf();
	return password_hash_blocking(PASSWORD, good_hash) ? 0 : -1;
}

static void drain(void)
{
	while (password_pending() > 0)
		assert_true(kore_task_shim_turn(TURN_MS));
	assert_int_equal(kore_task_shim_alive(), 0);
}

static bool verifies(const char *password, const char *hash)
{
	struct answer answer = {0};
	assert_non_null(password_verify(password, hash, on_done, &answer));
	assert_int_equal(password_pending(), 1);
	drain();
	assert_int_equal(answer.calls, 1);
	assert_string_equal(answer.hash, "");
	return answer.ok;
}

static void passwords_are_told_apart(void **state)
{
	(void)state;
	assert_true(verifies(PASSWORD, good_hash));
	assert_false(verifies("correct Horse", good_hash));
	assert_false(verifies("", good_hash));
	assert_false(verifies(PASSWORD " ", good_hash));
	assert_false(verifies(PASSWORD, NULL));
	assert_false(verifies(PASSWORD, ""));
	assert_false(verifies(PASSWORD, "$argon2id$nonsense"));
}

static void hashes_verify(void **state)
{
	struct answer answer = {0};
	(void)state;
	assert_non_null(password_hash("\xe5\xad\xa6\xe4\xb9\xa0 12345678", on_done, &answer));
	drain();
	assert_true(answer.ok);
	assert_int_equal(strncmp(answer.hash, "$argon2id$v=19$m=8192,t=1,p=1$", 30), 0);
	assert_true(verifies("\xe5\xad\xa6\xe4\xb9\xa0 12345678", answer.hash));
}

static void overlong_is_a_no(void **state)
{
	char password[PASSWORD_BYTES + 2];
	char hash[AUTH_HASH_TEXT];
	struct answer answer = {0};
	(void)state;
	memset(password, 'x', sizeof(password) - 1);
	password[sizeof(password) - 1] = '\0';
	assert_false(verifies(password, good_hash));
	assert_null(password_hash(password, on_done, &answer));
	assert_false(password_hash_blocking(password, hash));
	assert_int_equal(password_pending(), 0);
	/* the longest is taken whole: its last byte counts */
	password[PASSWORD_BYTES] = '\0';
	assert_true(password_hash_blocking(password, hash));
	assert_true(verifies(password, hash));
	password[PASSWORD_BYTES - 1] = '\0';
	assert_false(verifies(password, hash));
}

static double seconds_of(const char *password, const char *hash)
{
	struct timespec a;
	struct timespec b;
	double best = 1e9;
	for (int i = 0; i < 7; i++) {
		clock_gettime(CLOCK_MONOTONIC, &a);
		verifies(password, hash);
		clock_gettime(CLOCK_MONOTONIC, &b);
		double took =
		    (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
		best = took < best ? took : best;
	}
	return best;
}

static void unknown_users_cost_the_same(void **state)
{
	char dummy[AUTH_HASH_TEXT];
	(void)state;
	password_kdf_dummy(dummy);
	assert_int_equal(strlen(dummy), strlen(good_hash));
	assert_int_equal(strncmp(dummy, good_hash, 30), 0);
	double known = seconds_of("wrong password", good_hash);
	double unknown = seconds_of("wrong password", NULL);
	/* wide, for a busy machine; a dummy that libsodium refuses takes no time at all */
	assert_true(unknown > known / 3);
	assert_true(unknown < known * 3);
}

static void bounds_hold(void **state)
{
	struct answer answers[CONCURRENCY + QUEUE + 1] = {0};
	(void)state;
	for (int i = 0; i < CONCURRENCY + QUEUE; i++)
		assert_non_null(password_verify(PASSWORD, good_hash, on_done, &answers[i]));
	assert_null(password_verify(PASSWORD, good_hash, on_done, &answers[CONCURRENCY + QUEUE]));
	assert_null(password_hash(PASSWORD, on_done, &answers[CONCURRENCY + QUEUE]));
	assert_int_equal(password_pending(), CONCURRENCY + QUEUE);
	drain();
	for (int i = 0; i < CONCURRENCY + QUEUE; i++) {
		assert_int_equal(answers[i].calls, 1);
		assert_true(answers[i].ok);
	}
	assert_int_equal(answers[CONCURRENCY + QUEUE].calls, 0);
	assert_int_equal(kore_task_shim_peak(), CONCURRENCY);
}

static void abandoned_jobs_stay_silent(void **state)
{
	struct answer answers[6] = {0};
	struct password_job *jobs[6];
	(void)state;
	for (int i = 0; i < 6; i++) {
		jobs[i] = password_verify(PASSWORD, good_hash, on_done, &answers[i]);
		assert_non_null(jobs[i]);
	}
	password_abandon(jobs[0]); /* runs */
	password_abandon(jobs[3]); /* waits */
	password_abandon(jobs[5]); /* waits, the last */
	password_abandon(NULL);
	assert_int_equal(password_pending(), 4);
	drain();
	for (int i = 0; i < 6; i++)
		assert_int_equal(answers[i].calls, i == 0 || i == 3 || i == 5 ? 0 : 1);
}

static void callback_may_abandon_and_ask_again(void **state)
{
	struct answer first = {0};
	struct answer other = {0};
	(void)state;
	struct password_job *job = password_verify(PASSWORD, good_hash, on_done, &first);
	first.abandon = job; /* itself: must do nothing */
	drain();
	assert_int_equal(first.calls, 1);
	other.again = true;
	assert_non_null(password_verify(PASSWORD, good_hash, on_done, &other));
	drain();
	assert_int_equal(other.calls, 2);
}

/* With every descriptor taken a job is refused, instead of ending the process as Kore would. */
static void no_descriptors_is_a_refusal(void **state)
{
	struct answer answer = {0};
	struct rlimit was;
	struct rlimit none;
	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_null(password_verify(PASSWORD, good_hash, on_done, &answer));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(password_pending(), 0);
	assert_true(verifies(PASSWORD, good_hash));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(passwords_are_told_apart),
	    cmocka_unit_test(hashes_verify),
	    cmocka_unit_test(overlong_is_a_no),
	    cmocka_unit_test(unknown_users_cost_the_same),
	    cmocka_unit_test(bounds_hold),
	    cmocka_unit_test(abandoned_jobs_stay_silent),
	    cmocka_unit_test(callback_may_abandon_and_ask_again),
	    cmocka_unit_test(no_descriptors_is_a_refusal),
	};
	return cmocka_run_group_tests(tests, set_up_all, NULL);
}
