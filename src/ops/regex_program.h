/* What a pattern is compiled to (regex_parse.c) and run as (regex.c). */
#ifndef LN_OPS_REGEX_PROGRAM_H
#define LN_OPS_REGEX_PROGRAM_H

#include "ops/regex.h"

/* Characters first..last. */
typedef struct ln_regex_range {
  uint32_t first, last;
} ln_regex_range;

typedef enum ln_regex_op {
  LN_REGEX_RANGE,  /* a character in x..y */
  LN_REGEX_SET,    /* a character in y ranges from x on */
  LN_REGEX_SPLIT,  /* x, or else y */
  LN_REGEX_JUMP,   /* x */
  LN_REGEX_ASSERT, /* x: ln_regex_place */
  LN_REGEX_SAVE,   /* the place to slot x */
  LN_REGEX_MATCH
} ln_regex_op;

typedef enum ln_regex_place {
  LN_REGEX_TEXT_BEGIN,
  LN_REGEX_TEXT_END,
  LN_REGEX_LINE_BEGIN,
  LN_REGEX_LINE_END,
  LN_REGEX_WORD_EDGE,
  LN_REGEX_NO_WORD_EDGE
} ln_regex_place;

typedef struct ln_regex_step {
  uint32_t op, x, y;
} ln_regex_step;

struct ln_regex {
  ln_regex_step *steps;
  size_t step_count, step_capacity;
  ln_regex_range *ranges; /* of sets: sorted, apart */
  size_t range_count, range_capacity;
  int32_t groups;
  bool may_be_empty;  /* a match of nothing is possible somewhere */
  uint8_t first[256]; /* the bytes a match may begin with, when it is not empty */
};

#endif
