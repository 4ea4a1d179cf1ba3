/* The node in hand: its row, its inputs, attributes and outputs. */
#include "import/onnx/onnx.h"

#include <stdio.h>
#include <string.h>

#include "onnx.pb-c.h"

static const ln_onnx_op ops[] = {
#define LN_ONNX_OP(domain, name, since, inputs, stem, variant) {domain, #name, since, inputs, ln_onnx_##stem, variant},
#include "import/onnx/onnx_ops.def"
};

const ln_onnx_op *ln_onnx_op_at(int32_t index) {
  return index < 0 || (size_t)index >= LN_COUNT(ops) ? NULL : &ops[index];
}

static const char *text_of(const char *text) { return text != NULL ? text : ""; }

/* ---- which row ---- */

/* "ai.onnx" is the other name of the standard domain. */
static const char *domain_of(const char *domain) {
  return domain == NULL || strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}

static int32_t version_of(const ln_onnx_scope *scope, const char *domain) {
  const size_t own = scope->function != NULL ? scope->function->n_opset_import : 0;
  const size_t count = own > 0 ? own : scope->onnx->model->n_opset_import;
  Onnx__OperatorSet *const *sets = own > 0 ? scope->function->opset_import : scope->onnx->model->opset_import;
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(domain_of(sets[i]->domain), domain) != 0) continue;
    return sets[i]->version > 0 && sets[i]->version < INT32_MAX ? (int32_t)sets[i]->version : 1;
  }
  return 1;
}

/* The latest row that holds for the version; *known: there is one of the name. */
static const ln_onnx_op *find_row(const char *domain, const char *name, int32_t version, bool *known) {
  const ln_onnx_op *found = NULL;
  for (size_t i = 0; i < LN_COUNT(ops); ++i) {
    if (strcmp(ops[i].name, name) != 0 || strcmp(ops[i].domain, domain) != 0) continue;
    *known = true;
    if (ops[i].since <= version && (found == NULL || ops[i].since > found->since)) found = &ops[i];
  }
  return found;
}

/* Some tools lose the domains of nodes: an operator that the standard lacks may be of another that the model imports.
 */
static const char *lost_domain(const ln_onnx_scope *scope, const char *name) {
  const Onnx__Model *model = scope->onnx->model;
  for (size_t i = 0; i < model->n_opset_import; ++i) {
    const char *domain = domain_of(model->opset_import[i]->domain);
    bool known = false;
    if (find_row(domain, name, INT32_MAX, &known) != NULL) return domain;
  }
  return "com.microsoft"; /* which ONNX Runtime's operators need no import for */
}

static const Onnx__Function *find_function(const Onnx__Model *model, const char *domain, const Onnx__Node *proto) {
  for (size_t i = 0; i < model->n_functions; ++i) {
    const Onnx__Function *function = model->functions[i];
    if (strcmp(text_of(function->name), text_of(proto->op_type)) == 0 &&
        strcmp(domain_of(function->domain), domain) == 0 &&
        strcmp(text_of(function->overload), text_of(proto->overload)) == 0) {
      return function;
    }
  }
  return NULL;
}

/* ---- running a node ---- */

static void start(ln_onnx_node *n) {
  char name[512];
  const char *own = text_of(n->proto->name);
  if (own[0] == '\0' && n->output_count > 0) own = text_of(n->proto->output[0]);
  snprintf(name, sizeof name, "%s%.200s", n->scope->prefix, own);
  ln_emit_at(n->e, name, text_of(n->proto->op_type));
}

/* Outputs get their names where the node made them; others have names already. */
static void finish(ln_onnx_node *n, int32_t before) {
  for (int32_t i = 0; i < n->output_count && !ln_emit_failed(n->e); ++i) {
    if (!ln_onnx_wants(n, i)) continue;
    const char *text = n->proto->output[i];
    const ln_onnx_value value = n->outputs[i];
    if (value.kind == LN_ONNX_TENSOR && value.tensor < 0) {
      ln_emit_refuse(n->e, "its output %d is not computed; leave it out", i);
      return;
    }
    if (value.kind == LN_ONNX_TENSOR && value.tensor >= before && n->scope->function == NULL) {
      ln_emit_name(n->e, value.tensor, text);
    }
    ln_onnx_define(n->scope, text, value);
  }
}

static void refuse_unknown(ln_onnx_node *n, const char *domain, bool known) {
  const char *name = text_of(n->proto->op_type);
  if (known) {
    ln_emit_refuse(n->e, "%.80s of operator set %d is not read; export with a newer operator set", name, n->version);
  } else if (domain[0] != '\0') {
    ln_emit_refuse(n->e,
                   "the operator %.80s of the domain %.80s is not known here; export it as operators of the standard",
                   name, domain);
  } else {
    ln_emit_refuse(n->e,
                   "there is no operator %.80s in the standard, or none that can be converted; "
                   "export it as other operators",
                   name);
  }
}

static void run(ln_onnx_node *n) {
  bool known = false;
  const char *domain = domain_of(n->proto->domain);
  const Onnx__Function *function = find_function(n->scope->onnx->model, domain, n->proto);
  if (function != NULL) {
    ln_onnx_emit_function(n, function);
    return;
  }
  n->version = version_of(n->scope, domain);
  n->op = find_row(domain, text_of(n->proto->op_type), n->version, &known);
  if (!known && domain[0] == '\0') {
    const char *other = lost_domain(n->scope, text_of(n->proto->op_type));
    n->op = find_row(other, text_of(n->proto->op_type), INT32_MAX, &known);
    if (n->op != NULL) n->version = version_of(n->scope, other);
  }
  if (n->op == NULL) {
    refuse_unknown(n, domain, known);
    return;
  }
  n->variant = n->op->variant;
  for (int32_t i = 0; i < n->op->inputs; ++i) {
    if (ln_onnx_has(n, i)) continue;
    ln_emit_wrong(n->e, "its input %d is missing", i);
    return;
  }
  n->op->emit(n);
}

void ln_onnx_emit_node(ln_onnx_scope *scope, const Onnx__Node *proto) {
  enum { MOST = 1 << 16, MOST_TENSORS = 1 << 22 };
  ln_onnx_node n = {.scope = scope, .e = scope->e, .proto = proto};
  if (proto->n_input > MOST || proto->n_output > MOST) {
    ln_emit_wrong(scope->e, "a node has more than %d inputs or outputs", MOST);
    return;
  }
  n.input_count = (int32_t)proto->n_input;
  n.output_count = (int32_t)proto->n_output;
  n.outputs = ln_arena_array(ln_emit_arena(scope->e), proto->n_output, sizeof *n.outputs);
  if (n.outputs == NULL) {
    ln_import_no_memory(scope->onnx->import);
    return;
  }
  for (int32_t i = 0; i < n.output_count; ++i) n.outputs[i] = ln_onnx_of(-1);
  bool wanted = false;
  for (int32_t i = 0; i < n.output_count; ++i) wanted = wanted || ln_onnx_wants(&n, i);
  if (!wanted) return; /* nodes do nothing else */
  start(&n);
  if (--scope->onnx->budget < 0 || ln_emit_graph(scope->e)->tensor_count > MOST_TENSORS) {
    ln_emit_refuse(scope->e, "the model becomes too many operators");
    return;
  }
  const int32_t before = ln_emit_graph(scope->e)->tensor_count;
  run(&n);
  finish(&n, before);
}

/* ---- inputs and outputs ---- */

bool ln_onnx_has(const ln_onnx_node *n, int32_t index) {
  return index < n->input_count && text_of(n->proto->input[index])[0] != '\0';
}

ln_onnx_value ln_onnx_in_value(ln_onnx_node *n, int32_t index) {
  ln_onnx_value value = {.kind = LN_ONNX_ABSENT, .tensor = -1};
  if (ln_onnx_has(n, index)) ln_onnx_find(n->scope, n->proto->input[index], &value);
  return value;
}

int32_t ln_onnx_in(ln_onnx_node *n, int32_t index) {
  const ln_onnx_value value = ln_onnx_in_value(n, index);
  if (value.kind == LN_ONNX_SEQUENCE) return ln_emit_wrong(n->e, "its input %d is a sequence, not a tensor", index);
  return value.kind == LN_ONNX_TENSOR ? value.tensor : -1;
}

bool ln_onnx_wants(const ln_onnx_node *n, int32_t index) {
  if (index >= n->output_count || text_of(n->proto->output[index])[0] == '\0') return false;
  return n->scope->used == NULL || ln_onnx_defines(n->scope->used, n->proto->output[index]);
}

void ln_onnx_out_value(ln_onnx_node *n, int32_t index, ln_onnx_value value) {
  if (index < n->output_count) n->outputs[index] = value;
}

void ln_onnx_out(ln_onnx_node *n, int32_t index, int32_t tensor) { ln_onnx_out_value(n, index, ln_onnx_of(tensor)); }

/* ---- attributes ---- */

static const Onnx__Attribute *find_among(size_t count, Onnx__Attribute *const *attributes, const char *name) {
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(text_of(attributes[i]->name), name) == 0) return attributes[i];
  }
  return NULL;
}

/* The caller's attribute, and so on outward; else the function's default. */
static const Onnx__Attribute *follow(const ln_onnx_scope *scope, const Onnx__Attribute *attribute) {
  for (int32_t depth = 0; attribute != NULL && depth <= LN_ONNX_DEEPEST; ++depth) {
    const char *other = text_of(attribute->ref_attr_name);
    if (other[0] == '\0') return attribute;
    if (scope->caller == NULL) return NULL;
    const Onnx__Node *caller = scope->caller->proto;
    const Onnx__Function *function = scope->function;
    attribute = find_among(caller->n_attribute, caller->attribute, other);
    if (attribute == NULL) return find_among(function->n_attribute_proto, function->attribute_proto, other);
    scope = scope->caller->scope;
  }
  return NULL;
}

static const Onnx__Attribute *find(const ln_onnx_node *n, const char *name) {
  return follow(n->scope, find_among(n->proto->n_attribute, n->proto->attribute, name));
}

bool ln_onnx_has_attribute(const ln_onnx_node *n, const char *name) { return find(n, name) != NULL; }

int64_t ln_onnx_int(const ln_onnx_node *n, const char *name, int64_t otherwise) {
  const Onnx__Attribute *attribute = find(n, name);
  return attribute != NULL ? attribute->i : otherwise;
}

int32_t ln_onnx_int32(const ln_onnx_node *n, const char *name, int32_t otherwise) {
  const int64_t value = ln_onnx_int(n, name, otherwise);
  return value < INT32_MIN ? INT32_MIN : value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

double ln_onnx_float(const ln_onnx_node *n, const char *name, double otherwise) {
  const Onnx__Attribute *attribute = find(n, name);
  return attribute != NULL ? (double)attribute->f : otherwise;
}

static const char *copy_text(ln_onnx_node *n, const ProtobufCBinaryData *bytes) {
  char *text = ln_arena_alloc(ln_emit_arena(n->e), bytes->len + 1);
  if (text == NULL) ln_import_no_memory(n->e->import);
  else if (bytes->len > 0) memcpy(text, bytes->data, bytes->len);
  return text;
}

const char *ln_onnx_text(ln_onnx_node *n, const char *name, const char *otherwise) {
  const Onnx__Attribute *attribute = find(n, name);
  if (attribute == NULL || !attribute->has_s) return otherwise;
  const char *text = copy_text(n, &attribute->s);
  return text != NULL ? text : otherwise;
}

const int64_t *ln_onnx_ints(const ln_onnx_node *n, const char *name, int32_t *count) {
  static const int64_t nothing[1] = {0};
  const Onnx__Attribute *attribute = find(n, name);
  *count = attribute != NULL && attribute->n_ints < INT32_MAX ? (int32_t)attribute->n_ints : 0;
  if (attribute == NULL) return NULL;
  return *count > 0 ? attribute->ints : nothing;
}

const float *ln_onnx_floats(const ln_onnx_node *n, const char *name, int32_t *count) {
  static const float nothing[1] = {0};
  const Onnx__Attribute *attribute = find(n, name);
  *count = attribute != NULL && attribute->n_floats < INT32_MAX ? (int32_t)attribute->n_floats : 0;
  if (attribute == NULL) return NULL;
  return *count > 0 ? attribute->floats : nothing;
}

const char *const *ln_onnx_texts(ln_onnx_node *n, const char *name, int32_t *count, const size_t **lengths) {
  const Onnx__Attribute *attribute = find(n, name);
  *count = attribute != NULL && attribute->n_strings < INT32_MAX ? (int32_t)attribute->n_strings : 0;
  if (attribute == NULL) return NULL;
  const char **texts = ln_arena_array(ln_emit_arena(n->e), (size_t)*count, sizeof *texts);
  size_t *sizes = ln_arena_array(ln_emit_arena(n->e), (size_t)*count, sizeof *sizes);
  for (int32_t i = 0; i < *count && texts != NULL && sizes != NULL; ++i) {
    texts[i] = copy_text(n, &attribute->strings[i]);
    sizes[i] = attribute->strings[i].len;
    if (texts[i] == NULL) return NULL;
  }
  if (texts == NULL || sizes == NULL) {
    ln_import_no_memory(n->e->import);
    return NULL;
  }
  if (lengths != NULL) *lengths = sizes;
  return texts;
}

int32_t ln_onnx_tensor(ln_onnx_node *n, const char *name) {
  const Onnx__Attribute *attribute = find(n, name);
  return attribute != NULL && attribute->t != NULL ? ln_onnx_constant(n->scope->onnx, n->e, attribute->t) : -1;
}

int32_t ln_onnx_sparse(ln_onnx_node *n, const char *name) {
  const Onnx__Attribute *attribute = find(n, name);
  return attribute != NULL && attribute->sparse_tensor != NULL
             ? ln_onnx_dense(n->scope->onnx, n->e, attribute->sparse_tensor)
             : -1;
}

bool ln_onnx_type(ln_onnx_node *n, const char *name, ln_type otherwise, ln_type *out) {
  const Onnx__Attribute *attribute = find(n, name);
  *out = otherwise;
  return attribute == NULL || ln_onnx_type_of(n->e, attribute->i, out);
}

/* ---- lists and axes ---- */

static int32_t fit(int64_t value) {
  return value < INT32_MIN ? INT32_MIN : value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

static bool keep(ln_onnx_node *n, const char *name, int32_t capacity, const int64_t *wide, int32_t *values,
                 int32_t *count) {
  if (*count > capacity) {
    ln_emit_wrong(n->e, "%s has %d values; at most %d are possible", name, *count, capacity);
    return false;
  }
  for (int32_t i = 0; i < *count; ++i) values[i] = fit(wide[i]);
  return true;
}

bool ln_onnx_list(ln_onnx_node *n, const char *attribute, int32_t input, int32_t capacity, int32_t *values,
                  int32_t *count) {
  enum { MOST = 64 };
  int64_t wide[MOST];
  const int64_t *ints = attribute != NULL ? ln_onnx_ints(n, attribute, count) : NULL;
  if (ints != NULL) return keep(n, attribute, capacity, ints, values, count);
  *count = -1;
  if (input < 0 || !ln_onnx_has(n, input)) return true;
  const int32_t tensor = ln_onnx_in(n, input);
  if (ln_emit_failed(n->e)) return false;
  if (!ln_emit_ints(n->e, tensor, wide, MOST, count)) {
    ln_emit_refuse(n->e, "its %s is computed when the model runs; export it as a constant",
                   attribute != NULL ? attribute : "list");
    return false;
  }
  return keep(n, attribute != NULL ? attribute : "an input", capacity, wide, values, count);
}

int32_t ln_onnx_fix_axis(ln_onnx_node *n, int64_t axis, int32_t rank) {
  if (axis >= -(int64_t)rank && axis < rank) return (int32_t)(axis < 0 ? axis + rank : axis);
  if (!ln_emit_failed(n->e)) ln_emit_wrong(n->e, "axis %lld of %d dimensions", (long long)axis, rank);
  return -1;
}

bool ln_onnx_axes(ln_onnx_node *n, const char *attribute, int32_t input, int32_t rank, int32_t *axes, int32_t *count) {
  bool seen[LN_MAX_RANK] = {false};
  if (!ln_onnx_list(n, attribute, input, LN_MAX_RANK, axes, count)) return false;
  for (int32_t i = 0; i < *count; ++i) {
    axes[i] = ln_onnx_fix_axis(n, axes[i], rank);
    if (axes[i] < 0) return false;
    if (seen[axes[i]]) {
      ln_emit_wrong(n->e, "%s names the axis %d twice", attribute != NULL ? attribute : "an input", axes[i]);
      return false;
    }
    seen[axes[i]] = true;
  }
  return true;
}

int32_t ln_onnx_axis(ln_onnx_node *n, const char *attribute, int32_t otherwise, int32_t rank) {
  return ln_onnx_fix_axis(n, ln_onnx_int(n, attribute, otherwise), rank);
}
