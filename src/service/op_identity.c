/*
 * op_identity: what makes a request the same request, and names what it makes: fingerprints, new
 * ids, locations, cursors.
 */
#include "service/op_priv.h"

#include "auth/auth.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* Straight into the arena: json_dumps would leave its text to the C library's free. */
const char *op_json_text(struct arena *arena, const json_t *json, size_t flags)
{
	size_t size = json_dumpb(json, NULL, 0, flags);
	char *text = size > 0 ? arena_alloc(arena, size + 1) : NULL;

	return text != NULL && json_dumpb(json, text, size, flags) == size ? text : NULL;
}

static bool sha256(const struct buf *in, uint8_t out[32])
{
	static EVP_MD *md; /* fetched once: an implicit fetch costs more than the hash */

	if (md == NULL)
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
	return md != NULL && !in->failed && EVP_Digest(in->data, in->len, out, NULL, md, NULL) == 1;
}

static void put(struct buf *buf, const char *text)
{
	if (text != NULL)
		buf_append(buf, text, strlen(text));
	buf_putc(buf, '\0');
}

static void put_path(struct buf *buf, const struct op *op)
{
	put(buf, op->operation->id);
	for (int i = 0; i < op->operation->nfields; i++) {
		if (op->operation->fields[i].place == PLACE_PATH)
			put(buf, op->values[i].text);
	}
}

const char *op_fingerprint(struct op *op)
{
	struct buf text;
	uint8_t hash[32];

	if (op->fingerprint[0] != '\0')
		return op->fingerprint;
	buf_init(&text, 512);
	put_path(&text, op);
	if (op->body != NULL)
		put(&text, op_json_text(op->arena, op->body, JSON_COMPACT | JSON_SORT_KEYS));
	if (sha256(&text, hash)) {
		memcpy(op->fingerprint, "\\x", 2);
		for (size_t i = 0; i < sizeof(hash); i++)
			(void)snprintf(op->fingerprint + 2 + 2 * i, 3, "%02x", hash[i]);
	}
	buf_free(&text);
	return op->fingerprint;
}

/* The same request with the same key from the same caller gives the same id. */
static void derive_id(struct op *op)
{
	struct buf text;
	uint8_t hash[32];

	buf_init(&text, 256);
	put(&text, op->caller.subject);
	put(&text, op->operation->id);
	put(&text, op->idempotency_key);
	put(&text, op_fingerprint(op));
	if (sha256(&text, hash))
		uuid_v8(op->new_id, hash);
	else
		uuid_v7(op->new_id);
	buf_free(&text);
}

const char *op_new_id(struct op *op)
{
	const char *chosen;

	if (op->new_id[0] != '\0')
		return op->new_id;
	chosen = op->operation->created_id != NULL ? op_text(op, op->operation->created_id) : NULL;
	if (chosen != NULL)
		(void)snprintf(op->new_id, sizeof(op->new_id), "%s", chosen);
	else if (op->idempotency_key != NULL)
		derive_id(op);
	else
		uuid_v7(op->new_id);
	return op->new_id;
}

void op_locate(struct op *op)
{
	const char *from = op->operation->path;
	char *to = op->reply.location;
	char *end = to + sizeof(op->reply.location) - 1;
	char name[64];

	while (*from != '\0' && to < end) {
		const char *close = *from == '{' ? strchr(from, '}') : NULL;
		const char *text;

		if (close == NULL) {
			*to++ = *from++;
			continue;
		}
		(void)snprintf(name, sizeof(name), "%.*s", (int)(close - from - 1), from + 1);
		text = op_text(op, name);
		to += snprintf(to, (size_t)(end - to), "%s", text != NULL ? text : "");
		from = close + 1;
		if (to > end)
			to = end;
	}
	(void)snprintf(to, (size_t)(end - to) + 1, "/%s", op_new_id(op));
}

/* A cursor serves one list: this operation with these filters. */
static const char *cursor_context(struct op *op)
{
	struct buf text;
	const char *context;

	buf_init(&text, 256);
	put_path(&text, op);
	for (int i = 0; i < op->operation->nfields; i++) {
		const struct field *field = &op->operation->fields[i];

		if (field->place != PLACE_QUERY || strcmp(field->name, "limit") == 0 ||
		    strcmp(field->name, "cursor") == 0)
			continue;
		put(&text, op->values[i].text);
	}
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\0')
			text.data[i] = '\n';
	}
	context = text.failed ? NULL : arena_strndup(op->arena, text.data, text.len);
	buf_free(&text);
	return context;
}

const char *op_cursor(struct op *op, struct db_call *call, int step, int row)
{
	int column = db_column(call, step, "_key");
	const char *context = cursor_context(op), *key, *cursor = NULL;
	struct buf sealed;
	size_t len;

	if (column < 0 || context == NULL)
		return NULL;
	key = db_value(call, step, row, column, &len);
	buf_init(&sealed, 128);
	if (key != NULL && cursor_seal(&sealed, context, key, len) && !sealed.failed)
		cursor = arena_strndup(op->arena, sealed.data, sealed.len);
	buf_free(&sealed);
	return cursor;
}

enum problem op_open_page(struct op *op)
{
	const char *cursor = op_text(op, "cursor");
	const struct value *limit = op_value(op, "limit");
	const char *context;
	struct buf opened;

	op->limit = limit != NULL ? limit->integer : 50;
	if (cursor == NULL)
		return PROBLEM_NONE;
	context = cursor_context(op);
	buf_init(&opened, 128);
	if (context != NULL && cursor_open(&opened, context, cursor, strlen(cursor)))
		op->after = arena_strndup(op->arena, opened.data, opened.len);
	buf_free(&opened);
	return op->after != NULL ? PROBLEM_NONE : PROBLEM_cursor_invalid;
}
