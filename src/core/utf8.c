/*
 * utf8: well-formedness after RFC 3629. Entry points in utf8.h.
 *
 * The second byte's range depends on the first: that is what keeps out the overlong forms (C0, C1,
 * E0 80-9F, F0 80-8F), the surrogates (ED A0-BF) and what lies over U+10FFFF (F4 90 and up).
 */
#include "core/utf8.h"

#include <stdint.h>
#include <string.h>

static bool continues(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

/* Length by first byte, and the range of the second; 0 for a byte that begins nothing. */
static size_t classify(unsigned char first, unsigned char *low, unsigned char *high)
{
	*low = 0x80;
	*high = 0xBF;
	if (first < 0x80)
		return 1;
	if (first < 0xC2 || first > 0xF4)
		return 0;
	if (first < 0xE0)
		return 2;
	if (first == 0xE0)
		*low = 0xA0;
	else if (first == 0xED)
		*high = 0x9F;
	else if (first == 0xF0)
		*low = 0x90;
	else if (first == 0xF4)
		*high = 0x8F;
	return first < 0xF0 ? 3 : 4;
}

size_t utf8_sequence(const char *text, size_t len)
{
	const unsigned char *byte = (const unsigned char *)text;
	unsigned char low, high;

	if (len == 0)
		return 0;
	size_t need = classify(byte[0], &low, &high);
	if (need <= 1)
		return need;
	if (need > len || byte[1] < low || byte[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if (!continues(byte[i]))
			return 0;
	return need;
}

bool utf8_valid(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		uint64_t word;
		if (len - at >= sizeof word) { /* eight ASCII bytes at once */
			memcpy(&word, text + at, sizeof word);
			if ((word & UINT64_C(0x8080808080808080)) == 0) {
				at += sizeof word;
				continue;
			}
		}
		size_t step = utf8_sequence(text + at, len - at);
		if (step == 0)
			return false;
		at += step;
	}
	return true;
}

size_t utf8_length(const char *text, size_t len)
{
	size_t points = 0;

	for (size_t i = 0; i < len; i++)
		if (!continues((unsigned char)text[i]))
			points++;
	return points;
}
