/*
 * handlers: what the generated table of operations calls. One function per operationId that has no
 * x-statement, declared by the build from api-spec/.
 */
#ifndef PARTYSTUDY_SERVICE_HANDLERS_H
#define PARTYSTUDY_SERVICE_HANDLERS_H

#include "operations_gen.h" /* generated: void <operationId>(struct op *op); */
#include "service/op.h"

#endif
