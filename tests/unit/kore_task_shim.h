/* kore_task_shim: lets a test drive Kore's tasks without Kore. See kore_task_shim.c. */
#ifndef PARTYSTUDY_TESTS_KORE_TASK_SHIM_H
#define PARTYSTUDY_TESTS_KORE_TASK_SHIM_H

#include <stdbool.h>

/* Waits until one task's thread has closed its end and runs its callback. False after `ms`. */
bool kore_task_shim_turn(int ms);
/* Tasks run and not destroyed yet. */
int kore_task_shim_alive(void);
/* The most that were alive at once. */
int kore_task_shim_peak(void);

#endif
