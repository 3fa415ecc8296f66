/*
 * operation: what the build makes of each operation in api-spec/: its route, its permission, and
 * the fields that a request to it may carry. The tables are generated (operations.c); the router
 * and the validator in http/ walk them, handlers in service/ read the values bound to them.
 */
#ifndef PARTYSTUDY_SERVICE_OPERATION_H
#define PARTYSTUDY_SERVICE_OPERATION_H

#include "auth/permission.h"
#include "db/db.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct op;

enum method { METHOD_GET, METHOD_POST, METHOD_PUT, METHOD_PATCH, METHOD_DELETE, METHOD_COUNT };

enum field_type {
	FIELD_STRING,
	FIELD_INTEGER,
	FIELD_NUMBER,
	FIELD_BOOLEAN,
	FIELD_UUID,      /* format: uuid */
	FIELD_DATE,      /* format: date */
	FIELD_TIMESTAMP, /* format: date-time */
	FIELD_URI,       /* format: uri; http and https only */
	FIELD_ARRAY,
	FIELD_OBJECT,
	FIELD_ANY_OF     /* oneOf with a discriminator `kind` enum inside: `fields` hold the variants */
};

enum field_place { PLACE_PATH, PLACE_QUERY, PLACE_BODY };

struct field {
	const char *name;
	enum field_type type;
	enum field_place place;
	bool required;
	bool nullable;
	/* integers: value; numbers: value; strings: code points; arrays: items. */
	int64_t min;
	int64_t max;
	const char *pattern;         /* POSIX ERE, anchored; NULL: any */
	int pattern_index;           /* into the compiled patterns; -1 none */
	const char *const *choices;  /* enum values, NULL-terminated; NULL: any */
	const struct field *fields;  /* of an object: its members */
	int nfields;
	const struct field *items;   /* of an array: its element */
	const char *fallback;        /* default, in text form; NULL: none */
	bool item_errors;            /* x-item-errors, of an array: a bad item is noted in
	                                reply.errors and does not fail the request */
};

enum auth_kind {
	AUTH_NONE,     /* open to everyone */
	AUTH_BEARER    /* a valid access token; then `permission`, if any */
};

struct operation {
	const char *id;       /* operationId */
	enum method method;
	const char *path;     /* template: /v1/members/{member_id} */
	enum auth_kind auth;
	enum permission permission; /* PERMISSION_NONE: any signed-in caller */
	void (*handler)(struct op *op);
	int statement;        /* x-statement: served by the generic handlers; -1: none */
	int success;          /* HTTP status of the first 2xx reply in the spec */
	bool has_body;        /* a JSON body is expected */
	bool merge_patch;     /* application/merge-patch+json is accepted too (RFC 7396) */
	bool idempotent_key;  /* Idempotency-Key is honoured (POST) */
	bool if_match;        /* the operation lists the header If-Match: 412 when it does not fit */
	bool large_body;      /* x-large-body: the batch limit applies */
	bool slow;            /* x-lane: slow */
	bool paged;           /* takes limit and cursor, answers {"items", "next_cursor"} */
	const char *created_id; /* x-created-id: the body field that names what is created; NULL: none */
	const struct field *fields; /* path, then query, then top-level body members */
	int nfields;
};

extern const struct operation operations[];
extern const int operation_count;

/* The compiled patterns' sources, for validate_init. */
extern const char *const operation_patterns[];
extern const int operation_pattern_count;

/* The value that the validator bound to the field of the same index. */
struct value {
	bool present;
	bool null;         /* given as JSON null */
	const char *text;  /* text form, as a statement parameter takes it; JSON text for arrays and objects */
	size_t len;
	int64_t integer;   /* of integers and booleans */
	json_t *json;      /* of body members, borrowed from the body */
};

#endif
