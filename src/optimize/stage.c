/* What a recipe says of an operator: whether a stage takes it, and its parameters there. */
#include <stdlib.h>
#include <string.h>

#include "optimize/recipe.h"

/* ---- selectors ---- */

static bool found_in(const ln_selector *s, const char *text, size_t length) {
  return ln_regex_search(s->matcher, (ln_span){text, length}, 0, NULL);
}

static bool fits_name(const ln_selector *s, const ln_graph *graph, const ln_op *op) {
  for (int32_t i = 0; i < op->output_count; ++i) {
    const char *name = graph->tensors[op->outputs[i]].name;
    if (found_in(s, name, strlen(name))) return true;
  }
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (op->inputs[i] < 0 || !ln_tensor_const_data(&graph->tensors[op->inputs[i]])) continue;
    const char *name = graph->tensors[op->inputs[i]].name;
    if (found_in(s, name, strlen(name))) return true;
  }
  return false;
}

/* The layer in the source is named by what stands before the last slash of its output. */
static bool fits_source(const ln_selector *s, const ln_graph *graph, const ln_op *op) {
  if (op->output_count == 0) return false;
  const char *name = graph->tensors[op->outputs[0]].name;
  const char *slash = strrchr(name, '/');
  return found_in(s, name, slash == NULL ? strlen(name) : (size_t)(slash - name));
}

bool ln_selector_fits(const ln_selector *s, const ln_graph *graph, const ln_op *op) {
  switch (s->kind) {
    case LN_SELECT_TYPE: return strcmp(s->type, ln_op_name(op)) == 0;
    case LN_SELECT_OP: return s->op == op->index;
    case LN_SELECT_SOURCE: return fits_source(s, graph, op);
    case LN_SELECT_NAME: return fits_name(s, graph, op);
  }
  return false;
}

static bool any_fits(const ln_selector *list, const ln_graph *graph, const ln_op *op) {
  for (; list != NULL; list = list->next) {
    if (ln_selector_fits(list, graph, op)) return true;
  }
  return false;
}

static ln_status check_selector(const ln_stage *stage, const ln_selector *s, const ln_graph *graph, ln_error *err) {
  for (int32_t i = 0; i < graph->op_count; ++i) {
    if (ln_selector_fits(s, graph, &graph->ops[i])) return LN_OK;
  }
  return ln_fail(err, LN_ERR_NOT_FOUND, "%s: no operator fits the selector \"%.60s\"", stage->technique->name, s->text);
}

ln_status ln_recipe_check(const ln_recipe *recipe, const ln_graph *graph, ln_error *err) {
  for (const ln_stage *stage = recipe->first; stage != NULL; stage = stage->next) {
    for (const ln_selector *s = stage->includes; s != NULL; s = s->next) LN_TRY(check_selector(stage, s, graph, err));
    for (const ln_selector *s = stage->excludes; s != NULL; s = s->next) LN_TRY(check_selector(stage, s, graph, err));
    for (const ln_setting *t = stage->settings; t != NULL; t = t->next) {
      if (t->selector != NULL) LN_TRY(check_selector(stage, t->selector, graph, err));
    }
    for (const ln_parameter *p = stage->technique->parameters; p->name != NULL; ++p) {
      bool said = p->fallback != NULL;
      for (const ln_setting *t = stage->settings; t != NULL; t = t->next) {
        if (t->parameter == p && t->selector == NULL) said = true;
      }
      if (!said)
        return ln_fail(err, LN_ERR_ARGUMENT, "%s: the parameter %s is missing", stage->technique->name, p->name);
    }
  }
  return LN_OK;
}

bool ln_stage_takes(const ln_stage *stage, const ln_optimizer *o, const ln_op *op) {
  const ln_graph *graph = ln_optimizer_graph(o);
  if (stage->includes != NULL && !any_fits(stage->includes, graph, op)) return false;
  return !any_fits(stage->excludes, graph, op);
}

/* ---- parameters ---- */

const char *ln_stage_text(const ln_stage *stage, const ln_optimizer *o, const ln_op *op, const char *parameter) {
  const char *general = NULL;
  for (const ln_setting *s = stage->settings; s != NULL; s = s->next) { /* the last one said comes first */
    if (strcmp(s->parameter->name, parameter) != 0) continue;
    if (s->selector == NULL) {
      if (general == NULL) general = s->value;
    } else if (op != NULL && ln_selector_fits(s->selector, ln_optimizer_graph(o), op)) {
      return s->value;
    }
  }
  if (general != NULL) return general;
  for (const ln_parameter *p = stage->technique->parameters; p->name != NULL; ++p) {
    if (strcmp(p->name, parameter) == 0) return p->fallback == NULL ? "" : p->fallback;
  }
  return "";
}

double ln_stage_number(const ln_stage *stage, const ln_optimizer *o, const ln_op *op, const char *parameter) {
  char *end;
  const double number = strtod(ln_stage_text(stage, o, op, parameter), &end);
  return *end == '%' ? number / 100 : number;
}

bool ln_stage_flag(const ln_stage *stage, const ln_optimizer *o, const ln_op *op, const char *parameter) {
  return ln_stage_is(stage, o, op, parameter, "true");
}

bool ln_stage_is(const ln_stage *stage, const ln_optimizer *o, const ln_op *op, const char *parameter,
                 const char *value) {
  return strcmp(ln_stage_text(stage, o, op, parameter), value) == 0;
}
