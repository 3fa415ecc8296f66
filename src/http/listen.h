/*
 * listen: the listening sockets, one of each kind per worker, among which the kernel spreads the
 * connections (SO_REUSEPORT): with Kore's own, one worker takes them all.
 *
 * The parent binds them before the workers fork, so that a port that is taken stops the start with
 * one clear line, a port below 1024 is bound while the privilege is still there, and a worker that
 * is started anew finds its sockets (and who waits in them) as they were.
 */
#ifndef PARTYSTUDY_HTTP_LISTEN_H
#define PARTYSTUDY_HTTP_LISTEN_H

#include <stddef.h>

/* Binds everything for `workers` workers. In the parent. 0, or -1 with a line in `error`. */
int listen_prepare(int workers, char *error, size_t size);

/* Hands this worker's sockets to Kore's loop. `worker_id` counts from 1. 0, or -1 (logged). */
int listen_start(int worker_id);

/* Stops taking connections while the worker is full, goes on when it is not. */
void listen_balance(void);

/* Takes what is already waiting, then stops for good: new clients are turned away by the kernel. */
void listen_stop(void);

#endif
