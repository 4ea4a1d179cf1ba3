/* A SavedModel folder as a model: each wanted signature a graph, over the variables and tables that all of them share.
 */
#include <sys/stat.h>

#include "import/importers.h"
#include "import/savedmodel/savedmodel.h"

/* Field numbers. */
enum {
  META_SIGNATURES = 5,
  SIGNATURE_INPUTS = 1,
  SIGNATURE_OUTPUTS = 2,
  MAP_KEY = 1,
  MAP_VALUE = 2,
  TENSOR_NAME = 1,
  TENSOR_TYPE = 2,
  TENSOR_SHAPE = 3
};

/* A folder with the file, or the file itself, by its name: protobuf has no mark of its own. */
bool ln_import_is_savedmodel(const ln_import_source *source) {
  static const char name[] = "saved_model.pb";
  char path[LN_CHECKPOINT_PATH_MAX];
  struct stat info;
  const size_t known = strlen(source->path), own = sizeof name - 1;
  if (!source->is_folder) return known >= own && strcmp(source->path + known - own, name) == 0;
  const int length = snprintf(path, sizeof path, "%s/%s", source->path, name);
  return length > 0 && (size_t)length < sizeof path && stat(path, &info) == 0;
}

/* ---- signatures ---- */

/* An input or output: its key, and its tensor's description. */
typedef struct place {
  const char *key;
  ln_wire info;
  ln_sm_ref ref;
} place;

typedef struct signature {
  const char *key;
  ln_wire message;
  place *inputs, *outputs;
  int32_t input_count, output_count;
} signature;

static int by_key(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static bool read_place(ln_sm *sm, const signature *s, const char *what, place *p) {
  const ln_wire name = ln_sm_bytes(p->info, TENSOR_NAME);
  if (ln_wire_left(&name) == 0) {
    ln_import_fail(sm->import, LN_ERR_UNSUPPORTED, "signature \"%.80s\": %s \"%.80s\" is sparse or composite; %s",
                   s->key, what, p->key, "give it as dense tensors");
    return false;
  }
  if (ln_sm_parse_ref(&sm->top, (const char *)name.at, ln_wire_left(&name), &p->ref) && p->ref.node >= 0) return true;
  ln_import_fail(sm->import, LN_ERR_MODEL, "signature \"%.80s\": %s \"%.80s\" is a tensor that there is not", s->key,
                 what, p->key);
  return false;
}

/* The entries of a map of tensors, in the order of their keys. */
static bool read_places(ln_sm *sm, const signature *s, uint32_t number, const char *what, place **out, int32_t *count) {
  ln_wire wire = s->message;
  ln_wire_field field;
  int32_t capacity = 0;
  while (ln_wire_next(&wire, &field)) {
    if (field.number != number || field.kind != LN_WIRE_BYTES) continue;
    *out = ln_sm_grow(sm, *out, *count, &capacity, sizeof **out);
    if (*out == NULL) return false;
    place *p = &(*out)[(*count)++];
    *p = (place){.key = ln_sm_text(sm, ln_sm_bytes(field.bytes, MAP_KEY)), .info = ln_sm_bytes(field.bytes, MAP_VALUE)};
    if (p->key == NULL || !read_place(sm, s, what, p)) return false;
  }
  if (*count > 0) qsort(*out, (size_t)*count, sizeof **out, by_key);
  for (int32_t i = 1; i < *count; ++i) {
    if (strcmp((*out)[i - 1].key, (*out)[i].key) != 0) continue;
    ln_import_fail(sm->import, LN_ERR_MODEL, "signature \"%.80s\" has two %ss \"%.80s\"", s->key, what, (*out)[i].key);
    return false;
  }
  return true;
}

static bool is_internal(const char *key) { return strncmp(key, "__saved_model_", 14) == 0; }

static bool read_signatures(ln_sm *sm, signature **list, int32_t *count) {
  ln_wire wire = sm->meta;
  ln_wire_field field;
  int32_t capacity = 0;
  while (ln_wire_next(&wire, &field)) {
    if (field.number != META_SIGNATURES || field.kind != LN_WIRE_BYTES) continue;
    const char *key = ln_sm_text(sm, ln_sm_bytes(field.bytes, MAP_KEY));
    if (key == NULL) return false;
    if (is_internal(key) || !ln_import_wants_signature(sm->import, key)) continue;
    *list = ln_sm_grow(sm, *list, *count, &capacity, sizeof **list);
    if (*list == NULL) return false;
    signature *s = &(*list)[(*count)++];
    *s = (signature){.key = key, .message = ln_sm_bytes(field.bytes, MAP_VALUE)};
    if (!read_places(sm, s, SIGNATURE_INPUTS, "input", &s->inputs, &s->input_count)) return false;
    if (!read_places(sm, s, SIGNATURE_OUTPUTS, "output", &s->outputs, &s->output_count)) return false;
  }
  if (*count > 0) qsort(*list, (size_t)*count, sizeof **list, by_key);
  for (int32_t i = 1; i < *count; ++i) {
    if (strcmp((*list)[i - 1].key, (*list)[i].key) != 0) continue;
    ln_import_fail(sm->import, LN_ERR_MODEL, "there are two signatures \"%.80s\"", (*list)[i].key);
    return false;
  }
  return true;
}

static bool check_wanted(ln_sm *sm, const signature *list, int32_t count) {
  const ln_import_options *o = sm->import->options;
  for (int32_t i = 0; i < o->signature_count; ++i) {
    int32_t k = 0;
    while (k < count && strcmp(list[k].key, o->signatures[i]) != 0) ++k;
    if (k < count) continue;
    ln_import_fail(sm->import, LN_ERR_NOT_FOUND, "it has no signature \"%.80s\"", o->signatures[i]);
    return false;
  }
  if (count > 0) return true;
  ln_import_fail(sm->import, LN_ERR_UNSUPPORTED,
                 "it has no signature: save it with tf.saved_model.save(..., signatures=...)");
  return false;
}

/* ---- inputs ---- */

/* How many dimensions --shape gives an input; -1: it does not name it. */
static int32_t given_rank(const ln_import_options *o, const char *key) {
  for (int32_t i = 0; i < o->shape_count; ++i) {
    const char *sign = strrchr(o->shapes[i], '=');
    if (sign == NULL || (size_t)(sign - o->shapes[i]) != strlen(key) || strncmp(o->shapes[i], key, strlen(key)) != 0)
      continue;
    int32_t rank = sign[1] != '\0';
    for (const char *at = sign + 1; *at != '\0'; ++at) rank += *at == ',';
    return rank;
  }
  return -1;
}

static bool input_shape(ln_sm *sm, const place *p, int32_t *rank, ln_input_dim *dims) {
  ln_wire_field field;
  ln_shape shape = {0};
  bool ranked = false;
  if (ln_wire_find(p->info, TENSOR_SHAPE, LN_WIRE_BYTES, &field) && !ln_tf_shape(field.bytes, &shape, &ranked)) {
    ln_import_fail(sm->import, LN_ERR_UNSUPPORTED, "input \"%.80s\" has more than %d dimensions", p->key, LN_MAX_RANK);
    return false;
  }
  const int32_t given = given_rank(sm->import->options, p->key);
  if (!ranked && (given < 0 || given > LN_MAX_RANK)) {
    ln_import_fail(sm->import, LN_ERR_UNSUPPORTED,
                   "input \"%.80s\" may have any number of dimensions: say --shape %.80s=...", p->key, p->key);
    return false;
  }
  *rank = ranked ? shape.rank : given;
  for (int32_t i = 0; i < *rank; ++i) dims[i] = (ln_input_dim){ranked ? shape.dims[i] : -1, -1};
  return true;
}

static bool add_input(ln_sm *sm, ln_sm_scope *scope, const place *p) {
  ln_wire_field field;
  ln_type type;
  int32_t rank;
  ln_input_dim dims[LN_MAX_RANK];
  if (!ln_wire_find(p->info, TENSOR_TYPE, LN_WIRE_VARINT, &field) || !ln_tf_type(field.value, &type) ||
      type == LN_RESOURCE || type == LN_VARIANT) {
    ln_import_fail(sm->import, LN_ERR_UNSUPPORTED, "input \"%.80s\" has an element type that there is not", p->key);
    return false;
  }
  if (!input_shape(sm, p, &rank, dims)) return false;
  const int32_t tensor = ln_emit_input(scope->e, p->key, type, rank, dims);
  return tensor >= 0 && ln_sm_feed(scope, p->ref, ln_sm_tensor(scope->e, tensor));
}

/* ---- graphs ---- */

static bool translate(ln_sm *sm, const signature *s) {
  ln_sm_scope scope;
  ln_emit *e = ln_emit_begin(sm->import, s->key);
  bool good = ln_sm_scope_open(sm, &sm->top, e, NULL, NULL, 0, &scope);
  for (int32_t i = 0; good && i < s->input_count; ++i) good = add_input(sm, &scope, &s->inputs[i]);
  for (int32_t i = 0; good && i < s->output_count; ++i) {
    const ln_sm_value value = ln_sm_get(&scope, s->outputs[i].ref);
    if (ln_sm_failed(sm)) break;
    ln_emit_at(e, s->outputs[i].key, NULL);
    ln_emit_output(e, s->outputs[i].key, ln_sm_use(&scope, &value));
  }
  good = good && !ln_sm_failed(sm);
  if (good) ln_emit_sign(e, s->key);
  ln_sm_scope_close(&scope);
  return good;
}

static bool convert(ln_sm *sm) {
  signature *list = NULL;
  int32_t count = 0;
  if (!ln_sm_open(sm) || !read_signatures(sm, &list, &count) || !check_wanted(sm, list, count)) return false;
  ln_sm_has_effects(sm, &sm->top);
  if (!ln_sm_set_up(sm)) return false;
  for (int32_t i = 0; i < count; ++i) {
    for (int32_t k = 0; k < list[i].output_count; ++k) {
      if (!ln_sm_mark_changes(sm, &list[i].outputs[k].ref, 1)) return false;
    }
  }
  for (int32_t i = 0; i < count; ++i) {
    if (!translate(sm, &list[i])) return false;
  }
  return true;
}

ln_status ln_import_savedmodel(ln_import *import) {
  ln_sm *sm = ln_alloc_zero(sizeof *sm);
  if (sm == NULL) {
    ln_import_no_memory(import);
    return import->status;
  }
  sm->import = import;
  import->what = "node";
  convert(sm);
  ln_sm_close(sm);
  ln_free(sm);
  return import->status;
}
