/*
 * What variables and tables begin with: the graph's own ways of restoring and initializing are run, in a model of its
 * own, where reading the checkpoint gives not numbers but their names.
 */
#include "import/emit_private.h"
#include "import/savedmodel/savedmodel.h"

/* Field numbers. */
enum {
  META_SAVER = 3,
  META_COLLECTIONS = 4,
  META_SIGNATURES = 5,
  SAVER_RESTORE = 3,
  SIGNATURE_OUTPUTS = 2,
  TENSOR_NAME = 1,
  COLLECTION_NODES = 1,
  NODES_VALUE = 1
};

/* ---- the checkpoint ---- */

static bool open_checkpoint(ln_sm *sm) {
  char path[LN_CHECKPOINT_PATH_MAX], shard[LN_CHECKPOINT_PATH_MAX];
  const int length = snprintf(path, sizeof path, "%s/variables/variables", sm->folder);
  if (length < 0 || (size_t)length + 8 >= sizeof path) {
    ln_import_fail(sm->import, LN_ERR_ARGUMENT, "the folder's path is too long");
    return false;
  }
  memcpy(path + length, ".index", 7);
  if (!ln_file_exists(path)) return true; /* a model without variables */
  path[length] = '\0';
  ln_error said = {LN_OK, ""};
  const ln_status status = ln_checkpoint_open(path, &said, &sm->checkpoint);
  sm->has_checkpoint = status == LN_OK;
  if (status != LN_OK) ln_import_fail(sm->import, status, "%s", said.message);
  for (int32_t i = 0; status == LN_OK && i < sm->checkpoint.shard_count; ++i) {
    ln_file_map map = {0};
    if (!ln_checkpoint_shard_path(path, i, sm->checkpoint.shard_count, shard)) break;
    if (ln_file_map_open(shard, &said, &map) != LN_OK) break;
    ln_size_add(sm->checkpoint_bytes, map.size, &sm->checkpoint_bytes);
    ln_file_map_close(&map);
  }
  return status == LN_OK;
}

/* The strings of `spans` as a tensor holds them. */
static bool pack_strings(ln_sm *sm, const ln_span *spans, size_t count, const void **data, size_t *bytes) {
  size_t total = (count + 2) * sizeof(int32_t);
  for (size_t i = 0; i < count; ++i) {
    if (!ln_size_add(total, spans[i].size, &total) || total > INT32_MAX) {
      ln_import_fail(sm->import, LN_ERR_LIMIT, "strings of more than 2 GB");
      return false;
    }
  }
  int32_t *made = ln_arena_alloc(&sm->import->model->arena, total);
  if (made == NULL) {
    ln_import_no_memory(sm->import);
    return false;
  }
  size_t at = (count + 2) * sizeof(int32_t);
  made[0] = (int32_t)count;
  for (size_t i = 0; i < count; ++i) {
    made[1 + i] = (int32_t)at;
    if (spans[i].size > 0) memcpy((char *)made + at, spans[i].data, spans[i].size);
    at += spans[i].size;
  }
  made[1 + count] = (int32_t)at;
  *data = made;
  *bytes = total;
  return true;
}

/* "10 4 2,4:-": the whole shape, and start and length of the part in each dimension. */
static bool parse_slice(const ln_sm_stored *stored, const ln_shape *whole, ln_slice *out) {
  *out = ln_slice_all(whole->rank);
  if (stored->slice_size == 0) return true;
  const char *at = stored->slice + stored->slice_size, *end = at;
  while (at > stored->slice && at[-1] != ' ') --at;
  for (int32_t i = 0; i < whole->rank; ++i) {
    if (i > 0 && (at == end || *at++ != ':')) return false;
    if (at < end && *at == '-') {
      ++at;
      continue;
    }
    int64_t numbers[2] = {0, 0};
    for (int32_t k = 0; k < 2; ++k) {
      if (k == 1 && (at == end || *at++ != ',')) return false;
      int32_t digits = 0;
      for (; at < end && *at >= '0' && *at <= '9' && digits < 10; ++at, ++digits)
        numbers[k] = numbers[k] * 10 + (*at - '0');
      if (digits == 0) return false;
    }
    out->start[i] = numbers[0];
    out->length[i] = numbers[1];
  }
  return at == end;
}

static ln_status read_stored(ln_sm *sm, const ln_sm_stored *stored, ln_type *type, ln_shape *shape, const void **data,
                             size_t *bytes, ln_error *said) {
  ln_checkpoint_entry entry;
  ln_slice slice;
  size_t count, size;
  LN_TRY(ln_checkpoint_find(&sm->checkpoint, stored->key, stored->key_size, said, &entry));
  if (!parse_slice(stored, &entry.shape, &slice) || !ln_slice_shape(&slice, &entry.shape, shape)) {
    return ln_fail(said, LN_ERR_MODEL, "a part of variable \"%.*s\" lies outside it",
                   (int)(stored->key_size < 100 ? stored->key_size : 100), stored->key);
  }
  *type = entry.type;
  const size_t item = *type == LN_STRING ? 1 : (size_t)ln_type_bits(*type) / 8;
  if (!ln_shape_elements(shape, &count) || !ln_size_mul(count, item, &size) || size > sm->checkpoint_bytes) {
    return ln_fail(said, LN_ERR_DATA, "variable \"%.*s\" is larger than the files of the checkpoint",
                   (int)(stored->key_size < 100 ? stored->key_size : 100), stored->key);
  }
  if (*type != LN_STRING) {
    void *made = ln_arena_alloc(&sm->import->model->arena, size > 0 ? size : 1);
    if (made == NULL) return ln_fail(said, LN_ERR_MEMORY, "out of memory");
    *data = made;
    *bytes = size;
    return ln_checkpoint_read(&sm->checkpoint, &entry, &slice, made, said);
  }
  ln_span *spans = ln_arena_array(&sm->arena, count + 1, sizeof *spans);
  if (spans == NULL) return ln_fail(said, LN_ERR_MEMORY, "out of memory");
  LN_TRY(ln_checkpoint_read(&sm->checkpoint, &entry, &slice, spans, said));
  return pack_strings(sm, spans, count, data, bytes) ? LN_OK : sm->import->status;
}

bool ln_sm_load(ln_sm *sm, int32_t stored, ln_type *type, ln_shape *shape, const void **data, size_t *bytes) {
  ln_error said = {LN_OK, ""};
  if (ln_sm_failed(sm)) return false;
  if (!sm->has_checkpoint) {
    ln_import_fail(sm->import, LN_ERR_IO, "variables/variables.index is missing: the folder is not whole");
    return false;
  }
  const ln_status status = read_stored(sm, &sm->stored[stored], type, shape, data, bytes, &said);
  if (status != LN_OK) ln_import_fail(sm->import, status, "%s", said.message);
  return status == LN_OK;
}

bool ln_sm_keep(ln_sm_call *c, int32_t i, ln_type *type, ln_shape *shape, const void **data, size_t *bytes) {
  ln_sm *sm = ln_sm_of(c);
  if (i < c->in_count && c->in[i].kind == LN_SM_STORED) return ln_sm_load(sm, c->in[i].index, type, shape, data, bytes);
  const int32_t t = ln_sm_in(c, i);
  if (t < 0 || ln_emit_data(c->e, t) == NULL) {
    ln_emit_refuse(c->e, "what it begins with must be constant");
    return false;
  }
  const ln_tensor *tensor = &ln_emit_graph(c->e)->tensors[t];
  *type = tensor->type;
  *shape = ln_emit_shape(c->e, t);
  *bytes = tensor->bytes;
  *data = ln_arena_alloc(&sm->import->model->arena, tensor->bytes + 1);
  if (*data == NULL) {
    ln_import_no_memory(sm->import);
    return false;
  }
  if (*bytes > 0) memcpy((void *)(uintptr_t)*data, tensor->data, *bytes);
  return true;
}

/* RestoreV2: prefix, names, slices > tensors */
void ln_sm_op_restore(ln_sm_call *c) {
  ln_sm *sm = ln_sm_of(c);
  ln_nodedef_tensor lists[2];
  if (!sm->setup) {
    ln_sm_op_file(c);
    return;
  }
  for (int32_t i = 0; i < 2; ++i) {
    const ln_sm_ref from = c->node->input_count == 3 ? c->node->inputs[1 + i] : (ln_sm_ref){-1, 0};
    if (from.node < 0 || !ln_nodedef_get_tensor(&c->scope->graph->nodes[from.node].def, "value", &lists[i])) {
      ln_emit_refuse(c->e, "what it restores must be constant");
      return;
    }
  }
  ln_wire_walker names = ln_nodedef_tensor_strings(&lists[0]), slices = ln_nodedef_tensor_strings(&lists[1]);
  ln_wire_field name, slice = {0};
  size_t count;
  if (!ln_shape_elements(&lists[0].shape, &count) || count > LN_SM_MOST_LIST || !ln_sm_outs(c, (int32_t)count)) return;
  for (int32_t i = 0; i < c->out_count && ln_wire_walk_bytes(&names, &name); ++i) {
    ln_wire_field next;
    if (ln_wire_walk_bytes(&slices, &next)) slice = next;
    sm->stored = ln_sm_grow(sm, sm->stored, sm->stored_count, &sm->stored_capacity, sizeof *sm->stored);
    if (sm->stored == NULL) return;
    sm->stored[sm->stored_count] =
        (ln_sm_stored){.key = (const char *)name.bytes.at, .key_size = ln_wire_left(&name.bytes)};
    if (slice.bytes.at != NULL) {
      sm->stored[sm->stored_count].slice = (const char *)slice.bytes.at;
      sm->stored[sm->stored_count].slice_size = ln_wire_left(&slice.bytes);
    }
    c->out[i] = (ln_sm_value){.kind = LN_SM_STORED, .index = sm->stored_count++, .tensor = -1};
  }
}

/* What reads or writes files */
void ln_sm_op_file(ln_sm_call *c) {
  if (ln_sm_of(c)->setup) return;
  ln_emit_refuse(
      c->e,
      "it reads or writes a file while the model runs; leave its signature out: --signature NAME converts others");
}

/* ---- what is run ---- */

static void run_node(ln_sm *sm, ln_sm_scope *scope, ln_wire name) {
  ln_sm_ref ref;
  if (ln_wire_left(&name) == 0 || !ln_sm_parse_ref(&sm->top, (const char *)name.at, ln_wire_left(&name), &ref)) return;
  if (ref.node >= 0) ln_sm_eval(scope, ref.node);
}

/* The operator that initializes: a signature of TensorFlow 2's, or a collection of TensorFlow 1's. */
static ln_wire initializer(const ln_sm *sm) {
  static const char *const collections[] = {"saved_model_main_op", "legacy_init_op"};
  ln_wire found, info;
  if (ln_sm_entry(sm->meta, META_SIGNATURES, "__saved_model_init_op", &found) &&
      ln_sm_entry(found, SIGNATURE_OUTPUTS, "__saved_model_init_op", &info)) {
    return ln_sm_bytes(info, TENSOR_NAME);
  }
  for (size_t i = 0; i < LN_COUNT(collections); ++i) {
    if (!ln_sm_entry(sm->meta, META_COLLECTIONS, collections[i], &found)) continue;
    return ln_sm_bytes(ln_sm_bytes(found, COLLECTION_NODES), NODES_VALUE);
  }
  return (ln_wire){NULL, NULL};
}

static void run(ln_sm *sm, ln_import *scratch, ln_wire name) {
  ln_sm_scope scope;
  ln_emit *e = ln_emit_begin(scratch, "setup");
  if (ln_sm_scope_open(sm, &sm->top, e, NULL, NULL, 0, &scope)) run_node(sm, &scope, name);
  ln_sm_scope_close(&scope);
  /* What it cannot do matters where something is asked for that it did not set. */
  if (sm->trouble.status == LN_OK && scratch->err->status != LN_OK) sm->trouble = *scratch->err;
  *scratch->err = (ln_error){LN_OK, ""};
  scratch->status = LN_OK;
}

bool ln_sm_set_up(ln_sm *sm) {
  static const ln_import_options no_options = {0};
  ln_error said = {LN_OK, ""};
  ln_import scratch = {
      .source = sm->import->source, .options = &no_options, .err = &said, .state_graph = -1, .what = "node"};
  if (!open_checkpoint(sm)) return false;
  scratch.model = ln_model_create();
  if (scratch.model == NULL) {
    ln_import_no_memory(sm->import);
    return false;
  }
  sm->scratch = &scratch;
  sm->setup = true;
  run(sm, &scratch, ln_sm_bytes(ln_sm_bytes(sm->meta, META_SAVER), SAVER_RESTORE));
  run(sm, &scratch, initializer(sm));
  sm->setup = false;
  sm->scratch = NULL;
  ln_model_destroy(scratch.model);
  for (int32_t i = 0; i < sm->variable_count; ++i) sm->variables[i].last_e = NULL;
  return !ln_sm_failed(sm);
}
