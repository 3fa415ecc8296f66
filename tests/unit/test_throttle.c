/*
 * test_throttle: the brake on guessing passwords, on a clock that the test turns: how waits grow
 * and fade, that names do not hold up each other, and that several processes count together.
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

#include <sys/wait.h>

#define ATTEMPTS 5 /* as fixture_conf sets it */

static int64_t fake_now;

static int64_t on_now(void)
{
	return fake_now;
}

static int set_up_all(void **state)
{
	(void)state;
	fixture_conf();
	throttle_now = on_now;
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	fake_now = 1000;
	return throttle_init();
}

static void fail_times(const char *account, const char *address, int times)
{
	for (int i = 0; i < times; i++)
		throttle_failed(account, address);
}

static void free_attempts_cost_nothing(void **state)
{
	(void)state;
	assert_int_equal(throttle_wait("li", "10.0.0.1"), 0);
	fail_times("li", "10.0.0.1", ATTEMPTS);
	assert_int_equal(throttle_wait("li", "10.0.0.1"), 0);
	throttle_failed("li", "10.0.0.1");
	assert_int_equal(throttle_wait("li", "10.0.0.1"), 1);
}

static void waits_double_up_to_the_cap(void **state)
{
	static const int expected[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900};
	(void)state;
	fail_times("li", "10.0.0.1", ATTEMPTS);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		throttle_failed("li", "10.0.0.1");
		assert_int_equal(throttle_wait("li", "10.0.0.1"), expected[i]);
		fake_now += expected[i];
		assert_int_equal(throttle_wait("li", "10.0.0.1"), 0);
	}
	/* many more at once: still the cap */
	fail_times("li", "10.0.0.1", 5000);
	assert_int_equal(throttle_wait("li", "10.0.0.2"), 900);
	/* and they fade no slower than those that reached it */
	fake_now += 900 + 60 * (ATTEMPTS + 11);
	fail_times("li", "10.0.0.3", ATTEMPTS);
	assert_int_equal(throttle_wait("li", "10.0.0.4"), 0);
}

static void wait_runs_down(void **state)
{
	(void)state;
	fail_times("li", "10.0.0.1", ATTEMPTS + 5);
	assert_int_equal(throttle_wait("li", "10.0.0.1"), 16);
	fake_now += 10;
	assert_int_equal(throttle_wait("li", "10.0.0.1"), 6);
}

static void others_go_on(void **state)
{
	(void)state;
	fail_times("li", "10.0.0.1", ATTEMPTS + 5);
	assert_int_equal(throttle_wait("wang", "10.0.0.1"), 0);
	assert_int_equal(throttle_wait("wang", "10.0.0.2"), 0);
	assert_int_equal(throttle_wait("li", "10.0.0.2"), 16);
}

static void addresses_have_ten_times_as_many(void **state)
{
	char account[32];
	(void)state;
	for (int i = 0; i < ATTEMPTS * 10; i++) {
		snprintf(account, sizeof(account), "user%d", i);
		throttle_failed(account, "10.0.0.1");
	}
	assert_int_equal(throttle_wait("new", "10.0.0.1"), 0);
	throttle_failed("one more", "10.0.0.1");
	assert_int_equal(throttle_wait("new", "10.0.0.1"), 1);
	throttle_failed("and more", "10.0.0.1");
	assert_int_equal(throttle_wait("new", "10.0.0.1"), 2);
}

static void one_v6_network_is_one_address(void **state)
{
	char address[64];
	(void)state;
	for (int i = 0; i <= ATTEMPTS * 10; i++) {
		snprintf(address, sizeof(address), "2001:db8:1:2::%x", i);
		throttle_failed(address, address); /* another account each time */
	}
	assert_int_equal(throttle_wait("new", "2001:db8:1:2:ffff::1"), 1);
	assert_int_equal(throttle_wait("new", "2001:db8:1:3::1"), 0);
	/* text that is no address counts as it stands */
	assert_int_equal(throttle_wait("new", ":::"), 0);
	assert_int_equal(throttle_wait("", ""), 0);
}

static void success_forgets_the_account(void **state)
{
	(void)state;
	fail_times("li", "10.0.0.1", ATTEMPTS + 3);
	throttle_passed("li", "10.0.0.1");
	assert_int_equal(throttle_wait("li", "10.0.0.1"), 0);
	fail_times("li", "10.0.0.1", ATTEMPTS);
	assert_int_equal(throttle_wait("li", "10.0.0.1"), 0);
}

static void success_gives_the_address_its_one_attempt_back(void **state)
{
	char account[32];
	(void)state;
	for (int i = 0; i < ATTEMPTS * 10 - 1; i++) {
		snprintf(account, sizeof(account), "user%d", i);
		throttle_failed(account, "10.0.0.1");
	}
	for (int i = 0; i < 100; i++) { /* log-ins that pass: counted first, then given back */
		throttle_failed("mine", "10.0.0.1");
		throttle_passed("mine", "10.0.0.1");
	}
	throttle_failed("other", "10.0.0.1");
	assert_int_equal(throttle_wait("new", "10.0.0.1"), 0);
	throttle_failed("last", "10.0.0.1");
	assert_int_equal(throttle_wait("new", "10.0.0.1"), 1);
}

static void failures_fade(void **state)
{
	(void)state;
	fail_times("li", "10.0.0.1", ATTEMPTS + 3); /* 4 s */
	fake_now += 4 + 2 * 60;                     /* two forgotten: ATTEMPTS + 1 are left */
	throttle_failed("li", "10.0.0.1");
	assert_int_equal(throttle_wait("li", "10.0.0.1"), 2);
	fake_now += 24 * 3600;
	fail_times("li", "10.0.0.1", ATTEMPTS);
	assert_int_equal(throttle_wait("li", "10.0.0.1"), 0);
}

static void flooding_does_not_free_an_account(void **state)
{
	char account[32];
	char address[32];
	(void)state;
	fail_times("li", "10.0.0.1", ATTEMPTS + 10);
	for (int i = 0; i < 100000; i++) {
		snprintf(account, sizeof(account), "user%d", i);
		snprintf(address, sizeof(address), "10.1.%d.%d", i / 256 % 256, i % 256);
		throttle_failed(account, address);
	}
	assert_int_equal(throttle_wait("li", "10.0.0.1"), 512);
	/* and does not hold up those who have done nothing */
	int held = 0;
	for (int i = 0; i < 1000; i++) {
		snprintf(account, sizeof(account), "innocent%d", i);
		held += throttle_wait(account, "192.0.2.1") > 0;
	}
	assert_int_equal(held, 0);
}

/* Neighbours in the same set of the table are told apart. */
static void held_accounts_do_not_hold_others(void **state)
{
	char account[32];
	int held = 0;
	(void)state;
	for (int i = 0; i < 3000; i++) {
		snprintf(account, sizeof(account), "attacked%d", i);
		fail_times(account, account, ATTEMPTS + 3);
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(account, sizeof(account), "innocent%d", i);
		held += throttle_wait(account, account) > 0;
		throttle_passed(account, account);
	}
	assert_int_equal(held, 0);
	/* nor did their success let go of anyone (a full set may have lost a few) */
	for (int i = 0; i < 3000; i++) {
		snprintf(account, sizeof(account), "attacked%d", i);
		held += throttle_wait(account, "192.0.2.1") > 0;
	}
	assert_true(held > 2900);
}

static void workers_count_together(void **state)
{
	(void)state;
	for (int worker = 0; worker < 4; worker++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			/* 12 for li and 36 for wang in all, 48 for the address */
			for (int i = 0; i < 3; i++)
				throttle_failed("li", "10.0.0.1");
			for (int i = 0; i < 9; i++)
				throttle_failed("wang", "10.0.0.1");
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	assert_int_equal(throttle_wait("li", "10.9.9.9"), 64);    /* 12 failures: 7 beyond */
	assert_int_equal(throttle_wait("wang", "10.9.9.9"), 900); /* 36 */
	assert_int_equal(throttle_wait("new", "10.0.0.1"), 0);    /* 48 */
}

#define CASE(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	/* before throttle_init nothing is held up and nothing breaks */
	throttle_failed("li", "10.0.0.1");
	throttle_passed("li", "10.0.0.1");
	if (throttle_wait("li", "10.0.0.1") != 0)
		return 1;
	const struct CMUnitTest tests[] = {
	    CASE(free_attempts_cost_nothing),
	    CASE(waits_double_up_to_the_cap),
	    CASE(wait_runs_down),
	    CASE(others_go_on),
	    CASE(addresses_have_ten_times_as_many),
	    CASE(one_v6_network_is_one_address),
	    CASE(success_forgets_the_account),
	    CASE(success_gives_the_address_its_one_attempt_back),
	    CASE(failures_fade),
	    CASE(flooding_does_not_free_an_account),
	    CASE(held_accounts_do_not_hold_others),
	    CASE(workers_count_together),
	};
	return cmocka_run_group_tests(tests, set_up_all, NULL);
}
