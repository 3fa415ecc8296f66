/*
 * kore_shim: the few kore_* functions that our code calls, on an epoll loop of its own, so that it
 * can be tested without a Kore process. Like Kore it dies of an fd that is not registered. Link
 * kore_shim.c and drive the loop with shim_turn or shim_run. It has no connections and no HTTP.
 */
#ifndef PARTYSTUDY_TESTS_KORE_SHIM_H
#define PARTYSTUDY_TESTS_KORE_SHIM_H

#include <stdbool.h>

/* One turn of the loop: events, then timers that are due. Waits `max_ms` at most. */
void shim_turn(int max_ms);

/* Turns until `done(arg)`; false when `timeout_ms` passed first. */
bool shim_run(bool (*done)(void *arg), void *arg, int timeout_ms);

/* Timers that are set. */
int shim_timers(void);

#endif
