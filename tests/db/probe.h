/*
 * probe: what the driver's tests share: a call whose outcome is kept, and the loop around it.
 */
#ifndef PARTYSTUDY_TESTS_DB_PROBE_H
#define PARTYSTUDY_TESTS_DB_PROBE_H

#include "db/db.h"

struct probe {
	struct db_call *call;
	int done;  /* how often on_done has come */
	int order; /* the how-manieth outcome this was, of all probes */
	enum db_outcome outcome;
	struct db_error error;
	int rows;
	char value[64]; /* first column of the last step's first row */
	void (*then)(struct probe *probe);
};

extern int probe_orders;

/* A call that will fill `probe`. */
void probe_new(struct probe *probe, enum db_lane lane, uint32_t timeout_ms);
/* Adds a step with up to two parameters; a count is what the statement takes. */
void probe_step(struct probe *probe, enum db_statement statement, const char *a, const char *b);
/* Both and db_send, which must accept. */
void probe_send(struct probe *probe, enum db_statement statement, const char *a, const char *b);
/* Turns the loop until every one of them is done; fails the test after 10 s. */
void probe_wait(struct probe *probes, int count);
/* Sends and waits; the outcome must be DB_OK. Returns the value. */
const char *probe_run(struct probe *probe, enum db_statement statement, const char *a,
		      const char *b);

/* Starts the driver and waits until `ready` connections are up (0: does not wait). */
void driver_start(const char *url, int fast, int slow, int queue, int statement_timeout_ms,
		  int ready);
/* Nothing may be left in it; then stops it. */
void driver_stop(void);
bool driver_wait_ready(int connections, int timeout_ms);
/* Turns the loop for so long. */
void driver_turn(int ms);

/* TEST_DATABASE_URL and its kin; fails the test when it is not set. */
const char *test_env(const char *name);
/* Runs TEST_DATABASE_CTL with `action`. */
void server_control(const char *action);

#endif
