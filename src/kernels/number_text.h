/*
 * Numbers from text, in no locale: decimal and hexadecimal, correctly rounded, of any length.
 */
#ifndef LN_KERNELS_NUMBER_TEXT_H
#define LN_KERNELS_NUMBER_TEXT_H

#include "kernels/utf8.h"

/*
 * The whole text is one number, white space around it apart: [sign] digits [. digits] [e [sign] digits], the same with
 * 0x and p in hexadecimal, inf, infinity, nan or nan(...), in any case. Too large a number is infinite. False, with
 * `out` untouched, for anything else.
 */
bool ln_k_parse_f64(ln_span text, double *out);
bool ln_k_parse_f32(ln_span text, float *out); /* rounded once */
/* [sign] digits, in range. The unsigned one takes no minus. */
bool ln_k_parse_i64(ln_span text, int64_t *out);
bool ln_k_parse_u64(ln_span text, uint64_t *out);

/* The shortest of %.<few>g and %.<many>g that reads back as the same number: (6, 9) for floats, (15, 17) for doubles.
 * A NUL ends it; the length. */
enum { LN_NUMBER_TEXT_MAX = 40 };
size_t ln_k_format_f32(float value, char out[LN_NUMBER_TEXT_MAX]);
size_t ln_k_format_f64(double value, char out[LN_NUMBER_TEXT_MAX]);
/* Puts '.' where the locale's decimal point stands in what printf wrote. */
void ln_k_plain_point(char *text);

#endif
