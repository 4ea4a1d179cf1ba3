/*
 * Unicode's character data and what is made of it: general categories, canonical decomposition and composition (UAX
 * #15), case folding. The tables are made by scripts/unicode_tables.py.
 */
#ifndef LN_KERNELS_UNICODE_H
#define LN_KERNELS_UNICODE_H

#include "kernels/utf8.h"

/* The general categories in the order of their short names. */
typedef enum ln_category {
  LN_CATEGORY_CC,
  LN_CATEGORY_CF,
  LN_CATEGORY_CN,
  LN_CATEGORY_CO,
  LN_CATEGORY_CS,
  LN_CATEGORY_LL,
  LN_CATEGORY_LM,
  LN_CATEGORY_LO,
  LN_CATEGORY_LT,
  LN_CATEGORY_LU,
  LN_CATEGORY_MC,
  LN_CATEGORY_ME,
  LN_CATEGORY_MN,
  LN_CATEGORY_ND,
  LN_CATEGORY_NL,
  LN_CATEGORY_NO,
  LN_CATEGORY_PC,
  LN_CATEGORY_PD,
  LN_CATEGORY_PE,
  LN_CATEGORY_PF,
  LN_CATEGORY_PI,
  LN_CATEGORY_PO,
  LN_CATEGORY_PS,
  LN_CATEGORY_SC,
  LN_CATEGORY_SK,
  LN_CATEGORY_SM,
  LN_CATEGORY_SO,
  LN_CATEGORY_ZL,
  LN_CATEGORY_ZP,
  LN_CATEGORY_ZS,
  LN_CATEGORY_COUNT
} ln_category;

ln_category ln_unicode_category(uint32_t code_point);
/* The categories that a one- or two-letter name ("L", "Lu") stands for, a bit each; 0 for no name. */
uint32_t ln_unicode_category_mask(const char *name, size_t length);
bool ln_unicode_is_punctuation(uint32_t code_point); /* any of P */
bool ln_unicode_is_space(uint32_t code_point);       /* the property White_Space */
/* Canonical_Combining_Class */
uint8_t ln_unicode_class(uint32_t code_point);

/* The longest full decomposition of a character (U+FDFA has 18). */
enum { LN_DECOMPOSITION_MAX = 24 };
/* Decomposes a character fully; the result's length. */
size_t ln_unicode_decompose(uint32_t code_point, bool compatibility, uint32_t out[LN_DECOMPOSITION_MAX]);
/* The composite of two characters, 0 for none. */
uint32_t ln_unicode_compose(uint32_t first, uint32_t second);
/* Orders combining marks by class; `scratch` has room for the whole text. */
void ln_unicode_order(uint32_t *text, size_t count, uint32_t *scratch);
/* Composes ordered text in place; the new length. */
size_t ln_unicode_compose_text(uint32_t *text, size_t count);

/* Full case folding of a character, to at most 3; the result's length. */
size_t ln_unicode_fold(uint32_t code_point, uint32_t out[3]);
/* The simple folding: to one character, itself for most. */
uint32_t ln_unicode_fold_simple(uint32_t code_point);

/* Goes over the pairs of characters that differ in case only, each with all others by some way of pairs; starts zeroed,
 * false past the last one. */
typedef struct ln_unicode_pair {
  uint32_t from, to;
  size_t run, step; /* where it stands */
} ln_unicode_pair;
bool ln_unicode_next_pair(ln_unicode_pair *pair);

/* The category or script of a character and the last one up to which all have it. */
uint32_t ln_unicode_category_run(uint32_t code_point, uint32_t *last);
uint32_t ln_unicode_script_run(uint32_t code_point, uint32_t *last);

/* Full lower and upper case of a character, to at most 3; the result's length. */
enum { LN_UNICODE_REPLACEMENT = 0xFFFD, LN_UNICODE_SIGMA = 0x3A3, LN_UNICODE_FINAL_SIGMA = 0x3C2 };
size_t ln_unicode_lower(uint32_t code_point, uint32_t out[3]);
size_t ln_unicode_upper(uint32_t code_point, uint32_t out[3]);
bool ln_unicode_is_cased(uint32_t code_point);          /* has a case: letters, and circled ones */
bool ln_unicode_is_case_ignorable(uint32_t code_point); /* stands between letters without parting them */

/* The script as ICU numbers them (uscript.h): -1 beyond U+10FFFF, 103 where there is none. */
int32_t ln_unicode_script(uint32_t code_point);
/* The script of a name as the Unicode character database has it ("Greek"); -1 for no name. */
int32_t ln_unicode_script_of(const char *name, size_t length);

bool ln_unicode_is_ignorable(uint32_t code_point); /* Default_Ignorable_Code_Point */

#endif
