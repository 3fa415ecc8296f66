/*
 * guard_language: which of our two languages an Accept-Language value asks for (RFC 9110 12.5.4).
 */
#include "http/guard_priv.h"

#include <string.h>
#include <strings.h>

/* A quality of RFC 9110 section 12.4.2 in thousandths; 1000 when there is none. */
static int quality(struct span element, struct span *range)
{
	const char *semicolon = memchr(element.at, ';', element.len);
	if (semicolon == NULL) {
		*range = element;
		return 1000;
	}
	size_t len = (size_t)(semicolon - element.at);
	*range = guard_trim((struct span){element.at, len});
	struct span q = guard_trim((struct span){semicolon + 1, element.len - len - 1});
	if (q.len < 3 || (q.at[0] != 'q' && q.at[0] != 'Q') || q.at[1] != '=' ||
	    !guard_is_digit(q.at[2]))
		return 0;
	int value = (q.at[2] - '0') * 1000;
	int unit = 100;
	for (size_t i = 4; i < q.len && unit > 0 && guard_is_digit(q.at[i]); i++, unit /= 10)
		value += (q.at[i] - '0') * unit;
	return value > 1000 ? 1000 : value;
}

static bool is_language(struct span range, const char *language)
{
	return range.len >= 2 && strncasecmp(range.at, language, 2) == 0 &&
	       (range.len == 2 || range.at[2] == '-');
}

bool guard_prefers_chinese(const char *value, size_t len)
{
	struct span rest = {value, len};
	struct span element, range;
	bool chinese = true;
	int best = 0; /* of two that are wanted alike, the first one named wins */
	while (guard_next(&rest, &element)) {
		int q = quality(element, &range);
		bool zh = is_language(range, "zh");
		if (q > best && (zh || is_language(range, "en"))) {
			best = q;
			chinese = zh;
		}
	}
	return chinese;
}
