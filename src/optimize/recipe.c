/* Recipes: stages, their parameters and the layers they are for, checked as they are said. */
#include "optimize/recipe.h"
#include "optimize/factorize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- techniques ---- */

static const ln_technique techniques[] = {
#define LN_TECHNIQUE(name, what) {#name, what, ln_parameters_##name, ln_technique_##name, NULL},
#include "optimize/techniques.def"
};

/* Dashes and underscores are the same. */
static bool same_word(const char *a, const char *b) {
  for (; *a != '\0' && *b != '\0'; ++a, ++b) {
    if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b)) return false;
  }
  return *a == *b;
}

const ln_technique *ln_technique_find(const char *name) {
  for (size_t i = 0; i < LN_COUNT(techniques); ++i) {
    if (same_word(techniques[i].name, name)) return &techniques[i];
  }
  return NULL;
}

int32_t ln_technique_count(void) { return (int32_t)LN_COUNT(techniques); }

ln_status ln_technique_get(int32_t index, ln_technique_info *out) {
  if (index < 0 || index >= ln_technique_count()) return LN_ERR_ARGUMENT;
  const ln_technique *t = &techniques[index];
  const ln_technique_info info = {sizeof info, t->name, t->what, t->parameters};
  return ln_struct_give(out, &info, sizeof info);
}

/* ---- recipes ---- */

static ln_status no_memory(ln_error *err) { return ln_fail(err, LN_ERR_MEMORY, "out of memory for the recipe"); }

ln_status ln_recipe_create(ln_error *err, ln_recipe **out) {
  if (out == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  *out = ln_alloc_zero(sizeof **out);
  return *out == NULL ? no_memory(err) : LN_OK;
}

static void free_selectors(ln_selector *selector) {
  for (; selector != NULL; selector = selector->next) {
    ln_regex_matcher_destroy(selector->matcher);
    ln_regex_destroy(selector->regex);
  }
}

void ln_recipe_destroy(ln_recipe *recipe) {
  if (recipe == NULL) return;
  for (ln_stage *stage = recipe->first; stage != NULL; stage = stage->next) {
    free_selectors(stage->includes);
    free_selectors(stage->excludes);
    for (ln_setting *s = stage->settings; s != NULL; s = s->next) free_selectors(s->selector);
  }
  ln_arena_free(&recipe->arena);
  ln_free(recipe);
}

static const ln_technique *find_technique(const ln_recipe *recipe, const char *name) {
  for (const ln_known *k = recipe->known; k != NULL; k = k->next) {
    if (same_word(k->technique.name, name)) return &k->technique;
  }
  return ln_technique_find(name);
}

ln_status ln_recipe_use(ln_recipe *recipe, const ln_compressor *compressor, ln_error *err) {
  if (recipe == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  LN_TRY(ln_compressor_check(compressor, err));
  if (find_technique(recipe, compressor->name) != NULL)
    return ln_fail(err, LN_ERR_ARGUMENT, "there is a technique \"%.60s\" already", compressor->name);
  ln_known *known = ln_arena_alloc(&recipe->arena, sizeof *known);
  if (known == NULL) return no_memory(err);
  known->technique =
      (ln_technique){compressor->name, compressor->what, compressor->parameters, ln_technique_compress, compressor};
  known->next = recipe->known;
  recipe->known = known;
  return LN_OK;
}

ln_status ln_recipe_add(ln_recipe *recipe, const char *technique, ln_error *err) {
  if (recipe == NULL || technique == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  const ln_technique *found = find_technique(recipe, technique);
  if (found == NULL) return ln_fail(err, LN_ERR_NOT_FOUND, "there is no technique \"%.60s\"", technique);
  ln_stage *stage = ln_arena_alloc(&recipe->arena, sizeof *stage);
  if (stage == NULL) return no_memory(err);
  stage->technique = found;
  if (recipe->last != NULL) recipe->last->next = stage;
  if (recipe->first == NULL) recipe->first = stage;
  recipe->last = stage;
  ++recipe->count;
  return LN_OK;
}

static ln_status last_stage(ln_recipe *recipe, ln_error *err, ln_stage **out) {
  if (recipe == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  *out = recipe->last;
  return *out == NULL ? ln_fail(err, LN_ERR_STATE, "the recipe has no stage yet") : LN_OK;
}

/* ---- parameters ---- */

static bool among(const char *choices, const char *value) {
  const size_t length = strlen(value);
  for (const char *at = choices; length > 0 && at != NULL;) {
    const char *end = strchr(at, '|');
    const size_t size = end == NULL ? strlen(at) : (size_t)(end - at);
    if (size == length && strncmp(at, value, size) == 0) return true;
    at = end == NULL ? NULL : end + 1;
  }
  return false;
}

double ln_number_of_text(const char *value) {
  char *end;
  const double number = strtod(value, &end);
  if (end == value) return NAN;
  if (strcmp(end, "%") == 0) return number / 100;
  return *end == '\0' ? number : NAN;
}

ln_status ln_parameter_check(const ln_parameter *p, const char *value, ln_error *err) {
  const double number = ln_number_of_text(value);
  switch (p->kind) {
    case LN_PARAMETER_FLAG:
      if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) return LN_OK;
      return ln_fail(err, LN_ERR_ARGUMENT, "%s: true or false is wanted, not \"%.60s\"", p->name, value);
    case LN_PARAMETER_INTEGER:
    case LN_PARAMETER_NUMBER:
      if (number >= p->low && number <= p->high && (p->kind == LN_PARAMETER_NUMBER || number == floor(number)))
        return LN_OK;
      return ln_fail(err, LN_ERR_ARGUMENT, "%s: a%s number from %g to %g is wanted, not \"%.60s\"", p->name,
                     p->kind == LN_PARAMETER_INTEGER ? " whole" : "", p->low, p->high, value);
    case LN_PARAMETER_CHOICE:
      if (among(p->choices, value)) return LN_OK;
      return ln_fail(err, LN_ERR_ARGUMENT, "%s: one of %.200s is wanted, not \"%.60s\"", p->name, p->choices, value);
    case LN_PARAMETER_TEXT: return LN_OK;
  }
  return ln_fail(err, LN_ERR_INTERNAL, "%s: a parameter of no kind", p->name);
}

static const ln_parameter *find_parameter(const ln_technique *technique, const char *name) {
  for (const ln_parameter *p = technique->parameters; p->name != NULL; ++p) {
    if (same_word(p->name, name)) return p;
  }
  return NULL;
}

/* ---- selectors ---- */

static ln_status compile(ln_selector *s, const char *pattern, ln_error *err) {
  const ln_span span = {pattern, strlen(pattern)};
  const ln_status status = ln_regex_compile(span, err, &s->regex);
  if (status != LN_OK) {
    ln_error_prefix(err, "selector \"%.60s\"", s->text);
    return status;
  }
  s->matcher = ln_regex_matcher_create(s->regex, 0);
  return s->matcher == NULL ? no_memory(err) : LN_OK;
}

/* On failure what was made stays in the arena; its regular expression is freed. */
static ln_status make_selector(ln_recipe *recipe, const char *text, ln_error *err, ln_selector **out) {
  ln_selector *s = ln_arena_alloc(&recipe->arena, sizeof *s);
  if (s == NULL || (s->text = ln_arena_strdup(&recipe->arena, text)) == NULL) return no_memory(err);
  *out = s;
  if (strncmp(text, "type:", 5) == 0) {
    s->kind = LN_SELECT_TYPE;
    s->type = s->text + 5;
    return LN_OK;
  }
  if (strncmp(text, "op:", 3) == 0) {
    char *end;
    const long number = strtol(text + 3, &end, 10);
    s->kind = LN_SELECT_OP;
    s->op = (int32_t)number;
    if (end != text + 3 && *end == '\0' && number >= 0 && number <= INT32_MAX) return LN_OK;
    return ln_fail(err, LN_ERR_ARGUMENT, "selector \"%.60s\": a number of an operator is wanted", text);
  }
  const bool of_source = strncmp(text, "source:", 7) == 0;
  s->kind = of_source ? LN_SELECT_SOURCE : LN_SELECT_NAME;
  const ln_status status = compile(s, s->text + (of_source ? 7 : 0), err);
  if (status != LN_OK) free_selectors(s);
  return status;
}

static ln_status set(ln_recipe *recipe, const char *selector, const char *parameter, const char *value, ln_error *err) {
  ln_stage *stage;
  LN_TRY(last_stage(recipe, err, &stage));
  if (parameter == NULL || value == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  const ln_parameter *found = find_parameter(stage->technique, parameter);
  if (found == NULL) {
    return ln_fail(err, LN_ERR_NOT_FOUND, "%s has no parameter \"%.60s\"", stage->technique->name, parameter);
  }
  LN_TRY(ln_parameter_check(found, value, err));
  ln_setting *setting = ln_arena_alloc(&recipe->arena, sizeof *setting);
  if (setting == NULL || (setting->value = ln_arena_strdup(&recipe->arena, value)) == NULL) return no_memory(err);
  setting->parameter = found;
  if (selector != NULL) LN_TRY(make_selector(recipe, selector, err, &setting->selector));
  setting->next = stage->settings;
  stage->settings = setting;
  return LN_OK;
}

ln_status ln_recipe_set(ln_recipe *recipe, const char *parameter, const char *value, ln_error *err) {
  return set(recipe, NULL, parameter, value, err);
}

ln_status ln_recipe_set_for(ln_recipe *recipe, const char *selector, const char *parameter, const char *value,
                            ln_error *err) {
  if (selector == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  return set(recipe, selector, parameter, value, err);
}

static ln_status select_layers(ln_recipe *recipe, const char *text, bool include, ln_error *err) {
  ln_stage *stage;
  ln_selector *made;
  LN_TRY(last_stage(recipe, err, &stage));
  if (text == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  LN_TRY(make_selector(recipe, text, err, &made));
  ln_selector **list = include ? &stage->includes : &stage->excludes;
  made->next = *list;
  *list = made;
  return LN_OK;
}

ln_status ln_recipe_include(ln_recipe *recipe, const char *selector, ln_error *err) {
  return select_layers(recipe, selector, true, err);
}

ln_status ln_recipe_exclude(ln_recipe *recipe, const char *selector, ln_error *err) {
  return select_layers(recipe, selector, false, err);
}
