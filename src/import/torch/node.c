/* Nodes: their arguments by name, the rows that lower them, and what becomes of their outputs. */
#include <math.h>
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

/* ---- arguments ---- */

/* The member of a union that is there; NULL for "as_none". */
static const cJSON *held(const cJSON *argument) {
  const cJSON *value = argument != NULL ? argument->child : NULL;
  if (value == NULL || value->string == NULL || strcmp(value->string, "as_none") == 0) return NULL;
  return strcmp(value->string, "as_optional_tensor") == 0 ? held(value) : value;
}

static bool is(const cJSON *value, const char *kind) {
  return value != NULL && value->string != NULL && strcmp(value->string, kind) == 0;
}

const cJSON *ln_torch_arg(const torch_node *n, const char *name) {
  const cJSON *inputs = cJSON_GetObjectItemCaseSensitive(n->json, "inputs");
  for (const cJSON *input = inputs != NULL ? inputs->child : NULL; input != NULL; input = input->next) {
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(input, "name");
    if (cJSON_IsString(own) && strcmp(own->valuestring, name) == 0)
      return held(cJSON_GetObjectItemCaseSensitive(input, "arg"));
  }
  return NULL;
}

const cJSON *ln_torch_arg_at(const torch_node *n, int32_t place) {
  const cJSON *inputs = cJSON_GetObjectItemCaseSensitive(n->json, "inputs");
  const cJSON *input = inputs != NULL ? inputs->child : NULL;
  for (; input != NULL && place > 0; --place) input = input->next;
  return held(cJSON_GetObjectItemCaseSensitive(input, "arg"));
}

bool ln_torch_has(const torch_node *n, const char *name) { return ln_torch_arg(n, name) != NULL; }

static const char *name_in(const cJSON *value, const char *key) {
  const cJSON *name = cJSON_GetObjectItemCaseSensitive(value, key);
  return cJSON_IsString(name) ? name->valuestring : NULL;
}

/* What a number or text says of a float. */
static bool number_of(const cJSON *value, double *out) {
  if (cJSON_IsNumber(value)) *out = value->valuedouble;
  else if (cJSON_IsBool(value)) *out = cJSON_IsTrue(value);
  else if (cJSON_IsString(value) && strcmp(value->valuestring, "Infinity") == 0) *out = INFINITY;
  else if (cJSON_IsString(value) && strcmp(value->valuestring, "-Infinity") == 0) *out = -INFINITY;
  else if (cJSON_IsString(value) && value->valuestring[0] == 'N') *out = NAN;
  else return false;
  return true;
}

/* A symbolic number: {"as_name": ...} or its value; the tensor. */
static int32_t symbolic(const torch_node *n, const cJSON *value, ln_type type) {
  double number;
  const char *name = name_in(value, "as_name");
  if (name != NULL) return ln_torch_read(n->g, name);
  if (value != NULL && value->child != NULL && number_of(value->child, &number))
    return ln_emit_scalar(n->e, type, number);
  return ln_emit_wrong(n->e, "a number is missing");
}

static int32_t tensor_of(const torch_node *n, const cJSON *value) {
  double number;
  if (is(value, "as_tensor")) {
    const char *name = name_in(value, "name");
    return name != NULL ? ln_torch_read(n->g, name) : ln_emit_wrong(n->e, "a tensor without a name");
  }
  if (is(value, "as_sym_int")) return symbolic(n, value, LN_INT64);
  if (is(value, "as_sym_float")) return symbolic(n, value, LN_FLOAT32);
  if (is(value, "as_sym_bool")) return symbolic(n, value, LN_BOOL);
  if (is(value, "as_int") && number_of(value, &number)) return ln_emit_scalar(n->e, LN_INT64, number);
  if (is(value, "as_float") && number_of(value, &number)) return ln_emit_scalar(n->e, LN_FLOAT32, number);
  if (is(value, "as_bool") && number_of(value, &number)) return ln_emit_scalar(n->e, LN_BOOL, number);
  return ln_emit_wrong(n->e, "an argument is no tensor");
}

int32_t ln_torch_value_of(const torch_node *n, const cJSON *argument) { return tensor_of(n, held(argument)); }

int32_t ln_torch_tensor_or(const torch_node *n, const char *name) {
  const cJSON *value = ln_torch_arg(n, name);
  return value == NULL || ln_emit_failed(n->e) ? -1 : tensor_of(n, value);
}

int32_t ln_torch_tensor(const torch_node *n, const char *name) {
  if (ln_emit_failed(n->e)) return -1;
  return ln_torch_has(n, name) ? ln_torch_tensor_or(n, name)
                               : ln_emit_wrong(n->e, "the argument \"%s\" is missing", name);
}

bool ln_torch_is_open(const torch_node *n, const char *name) {
  const cJSON *value = ln_torch_arg(n, name);
  double number;
  if (!is(value, "as_sym_int") && !is(value, "as_tensor")) return false;
  if (is(value, "as_sym_int") && name_in(value, "as_name") == NULL) return false;
  return !ln_emit_number(n->e, tensor_of(n, value), &number);
}

double ln_torch_number(const torch_node *n, const char *name, double otherwise) {
  const cJSON *value = ln_torch_arg(n, name);
  double number = otherwise;
  if (value == NULL || number_of(value, &number)) return number;
  if (!ln_emit_number(n->e, tensor_of(n, value), &number)) {
    ln_emit_refuse(n->e, "its argument \"%s\" is known only in the run", name);
  }
  return number;
}

static int64_t whole(double number) {
  if (number >= 9.2e18) return INT64_MAX;
  return number <= -9.2e18 ? INT64_MIN : isnan(number) ? 0 : (int64_t)number;
}

int64_t ln_torch_int(const torch_node *n, const char *name, int64_t otherwise) {
  return ln_torch_has(n, name) ? whole(ln_torch_number(n, name, 0)) : otherwise;
}

bool ln_torch_flag(const torch_node *n, const char *name, bool otherwise) {
  return ln_torch_number(n, name, otherwise) != 0;
}

const char *ln_torch_text(const torch_node *n, const char *name) {
  const cJSON *value = ln_torch_arg(n, name);
  return cJSON_IsString(value) ? value->valuestring : NULL;
}

int32_t ln_torch_dims(const torch_node *n, const char *name, int32_t capacity, ln_dim *out) {
  const cJSON *value = ln_torch_arg(n, name);
  int32_t count = 0;
  double number;
  if (value == NULL) return -1;
  const bool many = cJSON_IsArray(value);
  for (const cJSON *item = many ? value->child : value; item != NULL; item = many ? item->next : NULL) {
    if (count == capacity) {
      ln_emit_refuse(n->e, "\"%s\" has more than %d numbers", name, capacity);
      return -1;
    }
    const cJSON *plain = cJSON_GetObjectItemCaseSensitive(item, "as_int");
    const char *symbol = name_in(item, "as_name");
    int32_t tensor = -1;
    if (symbol != NULL) tensor = ln_torch_read(n->g, symbol);
    else if (is(item, "as_tensor")) tensor = tensor_of(n, item);
    const bool known =
        tensor >= 0 ? ln_emit_number(n->e, tensor, &number) : number_of(plain != NULL ? plain : item, &number);
    if (!known && tensor < 0) {
      ln_emit_wrong(n->e, "\"%s\" is no list of numbers", name);
      return -1;
    }
    if (known && !(number >= INT32_MIN && number <= INT32_MAX)) number = number < 0 ? INT32_MIN : INT32_MAX;
    out[count++] = known ? LN_DIM((int32_t)number) : LN_DIM_IS(tensor);
  }
  return count;
}

int32_t ln_torch_ints(const torch_node *n, const char *name, int32_t capacity, int64_t *out) {
  ln_dim dims[TORCH_MOST_OUTPUTS];
  const int32_t count = ln_torch_dims(n, name, capacity < TORCH_MOST_OUTPUTS ? capacity : TORCH_MOST_OUTPUTS, dims);
  for (int32_t i = 0; i < count; ++i) {
    if (dims[i].axis == LN_DIM_VALUE) return ln_emit_refuse(n->e, "its argument \"%s\" is known only in the run", name);
    out[i] = dims[i].size;
  }
  return count;
}

int32_t ln_torch_axis(const torch_node *n, int64_t axis, int32_t rank) {
  int32_t at;
  if (rank == 0 && (axis == 0 || axis == -1)) return 0;
  if (ln_axis_normalize(axis, rank, &at)) return at;
  return ln_emit_wrong(n->e, "axis %lld of a tensor with %d dimensions", (long long)axis, rank);
}

/* Axes of a list; all of them where it is absent or empty. */
int32_t ln_torch_axes(const torch_node *n, const char *name, int32_t rank, int32_t *out) {
  int64_t axes[LN_MAX_RANK];
  const int32_t count = ln_torch_ints(n, name, LN_MAX_RANK, axes);
  if (rank == 0) return 0;
  for (int32_t i = 0; i < count; ++i) {
    if ((out[i] = ln_torch_axis(n, axes[i], rank)) < 0) return -1;
  }
  if (count > 0) return count;
  for (int32_t i = 0; i < rank; ++i) out[i] = i;
  return rank;
}

int32_t ln_torch_tensors(const torch_node *n, const char *name, int32_t capacity, int32_t *out) {
  const cJSON *value = ln_torch_arg(n, name);
  int32_t count = 0;
  if (!cJSON_IsArray(value)) return ln_emit_wrong(n->e, "\"%s\" is no list of tensors", name);
  for (const cJSON *item = value->child; item != NULL; item = item->next) {
    if (count == capacity) return ln_emit_refuse(n->e, "\"%s\" has more than %d tensors", name, capacity);
    const char *own = name_in(item, "name"); /* {"name": ...}, or a union of that and nothing */
    const cJSON *inner = own == NULL ? held(item) : NULL;
    if (own == NULL && is(inner, "as_tensor")) own = name_in(inner, "name");
    out[count++] = own != NULL ? ln_torch_read(n->g, own) : -1;
  }
  return ln_emit_failed(n->e) ? -1 : count;
}

ln_type ln_torch_dtype(const torch_node *n, const char *name, ln_type otherwise) {
  const cJSON *value = ln_torch_arg(n, name);
  ln_type type = otherwise;
  if (value != NULL && (!cJSON_IsNumber(value) || !ln_torch_type(value->valueint, &type))) {
    ln_emit_refuse(n->e, "its type is none that TensorFlow Lite has");
  }
  return type;
}

/* ---- rows ---- */

static const torch_row rows[] = {
#define TORCH_OP(name, lower, variant) {name, ln_torch_##lower, NULL, variant},
#define TORCH_VIEW(name, lower, variant, put) {name, ln_torch_##lower, ln_torch_put_##put, variant},
#include "import/torch/torch_ops.def"
};

const torch_row *ln_torch_row_at(int32_t index) {
  return index < 0 || (size_t)index >= LN_COUNT(rows) ? NULL : &rows[index];
}

const torch_row *ln_torch_row(const char *name, size_t length) {
  for (size_t i = 0; i < LN_COUNT(rows); ++i) {
    if (strlen(rows[i].name) == length && memcmp(rows[i].name, name, length) == 0) return &rows[i];
  }
  return NULL;
}

/* "torch.ops.aten.add_.Tensor": where the name begins, how long it is, and what follows. */
static const char *name_of(const cJSON *node, size_t *length, const char **overload) {
  const cJSON *target = cJSON_GetObjectItemCaseSensitive(node, "target");
  static const char prefix[] = "torch.ops.";
  if (!cJSON_IsString(target)) return NULL;
  const char *name = target->valuestring;
  *overload = "";
  if (strncmp(name, prefix, sizeof prefix - 1) == 0) name += sizeof prefix - 1;
  const char *dot = strchr(name, '.');
  const char *second = dot != NULL ? strchr(dot + 1, '.') : NULL;
  *length = second != NULL ? (size_t)(second - name) : strlen(name);
  if (second != NULL) *overload = second + 1;
  return name;
}

/* "aten.add_" writes its first argument; "aten.__and__" does not. */
static bool writes(const char *name, size_t length) {
  return length > 2 && name[length - 1] == '_' && name[length - 2] != '_';
}

static const char *label_of(const cJSON *node) {
  const char *own = name_in(node, "name");
  const cJSON *outputs = cJSON_GetObjectItemCaseSensitive(node, "outputs");
  if (own != NULL || outputs == NULL || outputs->child == NULL) return own != NULL ? own : "?";
  const char *made = name_in(held(outputs->child), "name");
  return made != NULL ? made : "?";
}

/* ---- outputs ---- */

/* Names of outputs, lists flat; NULL for what nobody takes. Count, or -1. */
static int32_t output_names(const torch_node *n, const char **names) {
  const cJSON *outputs = cJSON_GetObjectItemCaseSensitive(n->json, "outputs");
  int32_t count = 0;
  for (const cJSON *output = outputs != NULL ? outputs->child : NULL; output != NULL; output = output->next) {
    const cJSON *value = held(output);
    const bool list = cJSON_IsArray(value);
    for (const cJSON *item = list ? value->child : value; item != NULL; item = list ? item->next : NULL) {
      if (count == TORCH_MOST_OUTPUTS) return ln_emit_refuse(n->e, "more than %d outputs", TORCH_MOST_OUTPUTS);
      const char *name = name_in(item, "name");
      names[count++] = name != NULL ? name : name_in(item, "as_name");
    }
    if (value == NULL && count < TORCH_MOST_OUTPUTS) names[count++] = NULL;
  }
  return count;
}

/* The value that the first argument names in this graph; -1. */
static int32_t first_value(const torch_node *n) {
  const cJSON *inputs = cJSON_GetObjectItemCaseSensitive(n->json, "inputs");
  const cJSON *first = inputs != NULL ? inputs->child : NULL;
  const cJSON *value = held(cJSON_GetObjectItemCaseSensitive(first, "arg"));
  const char *name = is(value, "as_tensor") ? name_in(value, "name") : NULL;
  return name != NULL ? ln_torch_find(n->g, name) : -1;
}

static void define(torch_node *n, const char *name, int32_t output, int32_t parent, bool same) {
  torch_graph *g = n->g;
  const int32_t value = ln_torch_define(g, name, n->outputs[output]);
  if (value < 0 || parent < 0 || parent == value) return;
  torch_value *v = &g->values[value];
  v->parent = parent;
  v->node = same ? NULL : n->json;
  v->output = output;
  int32_t root = parent;
  while (g->values[root].parent >= 0 && g->values[root].parent != root) root = g->values[root].parent;
  v->seen = g->values[root].version;
}

/* A write in place: of the value's own type and shape. */
static void write_back(torch_node *n, int32_t value) {
  const int32_t old = ln_torch_read(n->g, n->g->values[value].name);
  if (ln_emit_failed(n->e)) return;
  int32_t made = ln_emit_cast(n->e, n->outputs[0], ln_emit_type(n->e, old));
  if (!ln_emit_same_shape(n->e, old, made)) made = ln_emit_broadcast_to(n->e, made, ln_emit_shape_of(n->e, old));
  n->outputs[0] = made;
  ln_torch_write(n->g, value, made);
}

/* ---- running ---- */

bool ln_torch_prepare(torch_graph *g, const cJSON *json, torch_node *out) {
  const char *overload;
  size_t length = 0;
  const char *name = name_of(json, &length, &overload);
  if (ln_emit_failed(g->e)) return false;
  if (name == NULL) return ln_emit_wrong(g->e, "a node without a target") > 0;
  const torch_row *row = ln_torch_row(name, length);
  if (row == NULL && writes(name, length)) row = ln_torch_row(name, length - 1);
  if (row == NULL) {
    return ln_emit_refuse(g->e, "there is no way yet to say %.80s in TensorFlow Lite's operators; write it with others",
                          name) > 0;
  }
  *out = (torch_node){.g = g, .e = g->e, .json = json, .row = row, .overload = overload, .variant = row->variant};
  const cJSON *made = cJSON_GetObjectItemCaseSensitive(json, "outputs");
  const cJSON *first = made != NULL ? held(made->child) : NULL;
  out->wanted = cJSON_IsArray(first) ? cJSON_GetArraySize(first) : cJSON_GetArraySize(made);
  if (out->wanted <= TORCH_MOST_OUTPUTS) return true;
  return ln_emit_refuse(g->e, "it has more than %d outputs", TORCH_MOST_OUTPUTS) > 0;
}

bool ln_torch_lower(torch_graph *g, const cJSON *json, int32_t *outputs, torch_node *out) {
  if (!ln_torch_prepare(g, json, out)) return false;
  out->outputs = outputs;
  const int32_t result = out->row->lower(out);
  if (out->output_count == 0) {
    outputs[0] = result;
    out->output_count = 1;
  }
  return !ln_emit_failed(g->e);
}

/* Whether a tensor of the source lies in C order, so that another shape of it is a view. */
static bool is_contiguous(const torch_node *n, const char *name) {
  const cJSON *meta =
      cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(n->g->json, "tensor_values"), name);
  const cJSON *sizes = cJSON_GetObjectItemCaseSensitive(meta, "sizes");
  const cJSON *strides = cJSON_GetObjectItemCaseSensitive(meta, "strides");
  int64_t expected = 1;
  for (int32_t i = cJSON_GetArraySize(sizes) - 1; i >= 0; --i) {
    int64_t size, stride;
    if (!ln_torch_size(n->e->import, cJSON_GetArrayItem(sizes, i), 0, &size) ||
        !ln_torch_size(n->e->import, cJSON_GetArrayItem(strides, i), 0, &stride))
      return true;
    if (size != 1 && stride != expected) return false;
    if (size > 0 && expected > INT64_MAX / size) return true;
    expected *= size;
  }
  return true;
}

/* The value that the node's result is a view of; -1: it is one of its own. */
static int32_t viewed(const torch_node *n) {
  const int32_t from = n->row->put != NULL ? first_value(n) : -1;
  if (from < 0) return -1;
  const torch_value *v = &n->g->values[from];
  if (n->row->put == ln_torch_put_same) return n->outputs[0] == v->tensor && is_contiguous(n, v->name) ? from : -1;
  return (n->variant & TORCH_MAY_COPY) == 0 || is_contiguous(n, v->name) ? from : -1;
}

static void run_node(torch_graph *g, const cJSON *json) {
  const char *names[TORCH_MOST_OUTPUTS], *overload, *name;
  int32_t outputs[TORCH_MOST_OUTPUTS];
  size_t length = 0;
  torch_node n;
  name = name_of(json, &length, &overload);
  char op[96] = "";
  for (size_t i = 0; name != NULL && i < length && i + 1 < sizeof op; ++i) op[i] = name[i];
  ln_emit_at(g->e, label_of(json), op);
  if (!ln_torch_lower(g, json, outputs, &n)) return;
  const bool in_place = writes(name, length);
  const int32_t count = output_names(&n, names), from = in_place ? first_value(&n) : viewed(&n);
  if (in_place && from < 0) {
    ln_emit_refuse(g->e, "it writes what is no value of this graph");
    return;
  }
  if (in_place) write_back(&n, from);
  for (int32_t i = 0; i < count && !ln_emit_failed(g->e); ++i) {
    if (names[i] == NULL) continue;
    if (i >= n.output_count) outputs[i] = -1; /* said where somebody takes it */
    define(&n, names[i], i, from, in_place);
  }
}

/* The name of the node's first argument. */
static const char *first_name(const cJSON *node) {
  const cJSON *inputs = cJSON_GetObjectItemCaseSensitive(node, "inputs");
  const cJSON *value = held(cJSON_GetObjectItemCaseSensitive(inputs != NULL ? inputs->child : NULL, "arg"));
  return is(value, "as_tensor") ? name_in(value, "name") : NULL;
}

void ln_torch_scan_writes(torch_graph *scan) {
  const cJSON *nodes = cJSON_GetObjectItemCaseSensitive(scan->json, "nodes");
  const char *names[TORCH_MOST_OUTPUTS], *overload;
  for (const cJSON *node = nodes != NULL ? nodes->child : NULL; node != NULL; node = node->next) {
    size_t length = 0;
    const char *name = name_of(node, &length, &overload), *first = first_name(node);
    int32_t from = name != NULL && first != NULL ? ln_torch_find(scan, first) : -1;
    if (from < 0) continue;
    if (scan->values[from].parent >= 0) from = scan->values[from].parent;
    const bool in_place = writes(name, length);
    if (in_place) scan->values[from].version = 1;
    const torch_row *row = ln_torch_row(name, length);
    if (!in_place && (row == NULL || row->put == NULL)) continue;
    const torch_node n = {.g = scan, .e = scan->e, .json = node};
    const int32_t count = output_names(&n, names);
    for (int32_t i = 0; i < count; ++i) {
      const int32_t value = names[i] != NULL ? ln_torch_define(scan, names[i], -1) : -1;
      if (value >= 0 && value != from) scan->values[value].parent = from;
    }
  }
}

bool ln_torch_run(torch_graph *g) {
  const cJSON *nodes = cJSON_GetObjectItemCaseSensitive(g->json, "nodes");
  for (const cJSON *node = nodes != NULL ? nodes->child : NULL; node != NULL && !ln_emit_failed(g->e);
       node = node->next) {
    run_node(g, node);
  }
  return !ln_emit_failed(g->e);
}

int32_t ln_torch_results(torch_graph *g, int32_t capacity, int32_t *out) {
  const cJSON *outputs = cJSON_GetObjectItemCaseSensitive(g->json, "outputs");
  const torch_node n = {.g = g, .e = g->e};
  int32_t count = 0;
  for (const cJSON *output = outputs != NULL ? outputs->child : NULL; output != NULL; output = output->next) {
    if (count == capacity) return ln_emit_refuse(g->e, "more than %d outputs", capacity);
    const cJSON *value = held(output);
    out[count++] = value != NULL ? tensor_of(&n, value) : -1;
  }
  return ln_emit_failed(g->e) ? -1 : count;
}

#endif
