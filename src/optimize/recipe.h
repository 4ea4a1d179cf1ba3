/* What a recipe holds: shared by recipe.c, which fills it, and stage.c, which answers from it. */
#ifndef LN_OPTIMIZE_RECIPE_H
#define LN_OPTIMIZE_RECIPE_H

#include "ops/regex.h"
#include "optimize/optimize.h"

typedef enum ln_selector_kind { LN_SELECT_NAME, LN_SELECT_TYPE, LN_SELECT_OP, LN_SELECT_SOURCE } ln_selector_kind;

typedef struct ln_selector {
  ln_selector_kind kind;
  const char *text; /* as it was said */
  const char *type; /* of LN_SELECT_TYPE */
  int32_t op;       /* of LN_SELECT_OP */
  ln_regex *regex;
  ln_regex_matcher *matcher;
  struct ln_selector *next;
} ln_selector;

typedef struct ln_setting {
  const ln_parameter *parameter;
  const char *value;
  ln_selector *selector; /* NULL: for all layers */
  struct ln_setting *next;
} ln_setting;

struct ln_stage {
  const ln_technique *technique;
  ln_setting *settings; /* the last one said first */
  ln_selector *includes, *excludes;
  struct ln_stage *next;
};

/* A compressor as a technique. */
typedef struct ln_known {
  ln_technique technique;
  struct ln_known *next;
} ln_known;

struct ln_recipe {
  ln_arena arena;
  ln_known *known;
  ln_stage *first, *last;
  int32_t count;
};

bool ln_selector_fits(const ln_selector *selector, const ln_graph *graph, const ln_op *op);
/* LN_ERR_NOT_FOUND for a selector that fits no operator of the graph. */
ln_status ln_recipe_check(const ln_recipe *recipe, const ln_graph *graph, ln_error *err);

#endif
