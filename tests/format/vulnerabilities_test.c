/*
 * The classes of faults that runtimes for this format have had, one test each. Hostile models are the operators' cases
 * with one change to the decoded tables, or are built in the IR; each is written to bytes, read, prepared and run. A
 * result or a status with a message is good; what the class says must be refused is refused.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "format/format.h"
#include "linnet/linnet.h"
#include "support/build_model.h"
#include "support/unit.h"

#define CASES LN_TESTS_DIR "/ops/cases"
#define OWN(pointer) ((void *)(uintptr_t)(pointer))

static const int64_t most_macs = 10000000;

/* ---- from bytes to a run ---- */

static void check(ln_status status, const ln_error *err, const char *what) {
  if (status == LN_OK) return;
  if (err->status == status && err->message[0] != '\0' && strchr(err->message, '\n') == NULL) return;
  fail_msg("%s: status %d without a proper message: \"%s\"", what, (int)status, err->message);
}

/* Every value of the integer inputs is `value`; other inputs are zero. */
static void fill(ln_session *session, int64_t value) {
  for (int32_t i = 0; i < ln_session_input_count(session); ++i) {
    ln_tensor *input = ln_session_input(session, i);
    uint8_t *data = ln_tensor_mutable_data(input);
    const ln_type type = ln_tensor_type(input);
    const size_t width = type == LN_INT32 ? 4 : type == LN_INT64 ? 8 : 0;
    if (data == NULL) continue;
    memset(data, 0, ln_tensor_bytes(input));
    for (size_t at = 0; width > 0 && at + width <= ln_tensor_bytes(input); at += width)
      memcpy(data + at, &value, width);
  }
}

static ln_status run_session(ln_model *model, int64_t value, ln_error *err, ln_session **session) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session_stats stats = {.size = sizeof stats};
  options.memory_limit = (size_t)4 << 20;
  options.files = LN_FILES_NONE;
  LN_TRY(ln_session_create(model, &options, err, session));
  LN_TRY(ln_session_prepare(*session, err));
  ln_session_get_stats(*session, &stats);
  if (stats.macs < 0 || stats.macs > most_macs || model_has_loop(model)) return LN_OK;
  fill(*session, value);
  return ln_session_run(*session, err);
}

static ln_status run_bytes(const uint8_t *data, size_t size, int64_t value, const char *what) {
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL;
  ln_session *session = NULL;
  ln_status status = ln_model_from_memory(data, size, &err, &model);
  if (status == LN_OK) status = run_session(model, value, &err, &session);
  check(status, &err, what);
  ln_session_destroy(session);
  ln_model_destroy(model);
  return status;
}

/* ---- the operators' cases, changed ---- */

typedef struct victim {
  const char *path;
  ln_model_table *root;
  ln_subgraph *graph;
  ln_operator *op; /* the first */
} victim;

static void try_victim(const victim *v, int64_t value) {
  uint8_t *data = NULL;
  size_t size = 0;
  assert_int_equal(ln_flatbuffer_encode(v->root, LN_TABLE_model_table, "TFL3", NULL, &data, &size), LN_OK);
  run_bytes(data, size, value, v->path);
  ln_free(data);
}

typedef void (*case_change)(victim *v);

static void change_case(const char *path, case_change change) {
  ln_file_map map;
  ln_arena arena = {0};
  void *root = NULL;
  assert_int_equal(ln_file_map_open(path, NULL, &map), LN_OK);
  assert_int_equal(ln_flatbuffer_decode(map.data, map.size, LN_TABLE_model_table, &arena, NULL, &root), LN_OK);
  victim v = {.path = path, .root = root};
  v.graph = OWN(v.root->subgraphs.data[0]);
  if (v.graph->operators.count > 0) {
    v.op = OWN(v.graph->operators.data[0]);
    change(&v);
  }
  ln_arena_free(&arena);
  ln_file_map_close(&map);
}

/* One case in `step` of every family, the first among them. */
static void change_cases(const char *folder, int step, case_change change) {
  struct dirent **entries = NULL;
  const int count = scandir(folder, &entries, NULL, alphasort);
  int seen = 0;
  assert_true(count > 0);
  for (int i = 0; i < count; ++i) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    if (strstr(entries[i]->d_name, ".tflite") != NULL) {
      if (seen++ % step == 0) change_case(path, change);
    } else if (entries[i]->d_name[0] != '.' && strchr(entries[i]->d_name, '.') == NULL) {
      change_cases(path, step, change);
    }
    free(entries[i]);
  }
  free(entries);
}

/* ---- attributes that are divided by, or that sizes are made from ---- */

static void hostile_attributes(victim *v) {
  static const int64_t values[] = {0, -1, INT32_MAX, INT32_MIN};
  static const float reals[] = {0.0f, -1.0f, 3e38f, -3e38f};
  const ln_table_id id = ln_schema_union_member(LN_UNION_builtin_options, v->op->builtin_options_type);
  const ln_table_info *table = ln_schema_table(id);
  uint8_t *options = OWN(v->op->builtin_options);
  for (uint16_t i = 0; options != NULL && table != NULL && i < table->field_count; ++i) {
    const ln_field_info *field = &table->fields[i];
    const size_t size = ln_kind_size((ln_kind)field->kind);
    uint8_t kept[8];
    if (field->field_class != LN_CLASS_SCALAR || field->kind == LN_KIND_bool) continue;
    memcpy(kept, options + field->offset, size);
    for (size_t k = 0; k < LN_COUNT(values); ++k) {
      if (field->kind == LN_KIND_f32) memcpy(options + field->offset, &reals[k], size);
      else memcpy(options + field->offset, &values[k], size);
      try_victim(v, 1);
    }
    memcpy(options + field->offset, kept, size);
  }
}

static void division_by_zero_in_attributes(void **state) {
  (void)state;
  change_cases(CASES, 9, hostile_attributes);
}

static void zero_divisors_in_data(victim *v) { try_victim(v, 0); }

static void division_by_zero_in_data(void **state) {
  (void)state;
  change_cases(CASES "/binary", 1, zero_divisors_in_data);
  change_cases(CASES "/fill", 1, zero_divisors_in_data); /* RANGE with a step of 0 */
}

static void hostile_scales(victim *v) {
  static const float values[] = {0.0f, -1.0f, 1e-38f, 3e38f};
  for (uint32_t i = 0; i < v->graph->tensors.count; ++i) {
    const ln_tensor_table *tensor = v->graph->tensors.data[i];
    ln_quantization_parameters *quant = OWN(tensor->quantization);
    if (quant == NULL || quant->scale.count != 1) continue;
    const ln_vec_f32 kept = quant->scale;
    for (size_t k = 0; k < LN_COUNT(values); ++k) {
      quant->scale = (ln_vec_f32){&values[k], 1};
      try_victim(v, 1);
    }
    quant->scale = kept;
  }
}

static void division_by_zero_in_scales(void **state) {
  (void)state;
  change_cases(CASES, 12, hostile_scales);
}

/* ---- optional tensors that are absent, and those that are not optional ---- */

static void absent_inputs(victim *v) {
  const ln_vec_i32 kept = v->op->inputs;
  int32_t inputs[32];
  if (kept.count > LN_COUNT(inputs)) return;
  for (uint32_t i = 0; i < kept.count; ++i) {
    memcpy(inputs, kept.data, kept.count * sizeof *inputs);
    inputs[i] = -1;
    v->op->inputs = (ln_vec_i32){inputs, kept.count};
    try_victim(v, 1);
    v->op->inputs = (ln_vec_i32){inputs, i}; /* and those behind it */
    memcpy(inputs, kept.data, kept.count * sizeof *inputs);
    try_victim(v, 1);
  }
  v->op->inputs = kept;
}

static void null_optional_tensors(void **state) {
  (void)state;
  change_cases(CASES, 6, absent_inputs);
}

/* ---- indices, axes, sizes and lengths in data ---- */

static void hostile_integers(victim *v) {
  static const int64_t values[] = {-1, -1000, INT32_MIN, INT32_MAX, INT64_MIN};
  for (uint32_t i = 0; i < v->op->inputs.count; ++i) {
    if (v->op->inputs.data[i] < 0) continue;
    const ln_tensor_table *tensor = v->graph->tensors.data[v->op->inputs.data[i]];
    ln_buffer_table *buffer = OWN(v->root->buffers.data[tensor->buffer]);
    const size_t width = tensor->type == LN_INT32 ? 4 : tensor->type == LN_INT64 ? 8 : 0;
    const ln_vec_u8 kept = buffer->data;
    if (width == 0 || kept.count < width) continue;
    uint8_t *copy = malloc(kept.count);
    assert_non_null(copy);
    for (size_t k = 0; k < LN_COUNT(values); ++k) {
      memcpy(copy, kept.data, kept.count);
      memcpy(copy + (kept.count / width - 1) * width, &values[k], width);
      buffer->data = (ln_vec_u8){copy, kept.count};
      try_victim(v, 1);
      memcpy(copy, &values[k], width);
      try_victim(v, values[k]);
    }
    buffer->data = kept;
    free(copy);
  }
  for (size_t k = 0; k < LN_COUNT(values); ++k) try_victim(v, values[k]);
}

static void indices_out_of_range(void **state) {
  (void)state;
  change_cases(CASES, 16, hostile_integers);
  change_cases(CASES "/gather", 3, hostile_integers);
  change_cases(CASES "/embedding", 1, hostile_integers);
  change_cases(CASES "/split", 4, hostile_integers);
}

/* ---- memory beside the tensors: what an operator prepares counts against the limit ---- */

static ln_status resize_to(int32_t height, ln_type type, int32_t code, ln_error *err) {
  static const int32_t one[] = {1, 1, 1, 1}, two[] = {2};
  const int32_t sizes[] = {height, 1};
  ln_session *session = NULL;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_model *model = build_model();
  const int32_t in[2] = {build_input(model, type, 4, one),
                         build_constant(model, LN_INT32, 1, two, sizes, sizeof sizes)};
  const int32_t out = build_output(model, type, 0, NULL);
  build_op(model, ln_op_find(code), 2, in, 1, &out);
  options.memory_limit = (size_t)4 << 20;
  const ln_status status = ln_session_create(model, &options, err, &session);
  ln_session_destroy(session);
  ln_model_destroy(model);
  return status;
}

static void tables_beyond_the_limit(void **state) {
  (void)state;
  ln_error err = {LN_OK, ""};
  if (resize_to(1 << 16, LN_UINT8, LN_OP_RESIZE_NEAREST_NEIGHBOR, &err) != LN_OK) fail_msg("%s", err.message);
  /* The output fits into the limit, the list of source rows does not. */
  assert_int_equal(resize_to(3 << 20, LN_UINT8, LN_OP_RESIZE_NEAREST_NEIGHBOR, &err), LN_ERR_LIMIT);
  assert_int_equal(resize_to(3 << 20, LN_UINT8, LN_OP_RESIZE_BILINEAR, &err), LN_ERR_LIMIT);
  /* Strings take at least their offsets. */
  assert_int_equal(resize_to(INT32_MAX, LN_STRING, LN_OP_RESIZE_NEAREST_NEIGHBOR, &err), LN_ERR_LIMIT);
  check(LN_ERR_LIMIT, &err, "strings beyond the limit");
}

/* ---- products of shapes ---- */

static void shape_products(void **state) {
  static const int32_t shapes[][4] = {{65536, 65536, 65536, 65536},
                                      {INT32_MAX, INT32_MAX, 2, 1},
                                      {1 << 30, 1 << 30, 1 << 2, 1},
                                      {1, INT32_MAX, INT32_MAX, INT32_MAX},
                                      {0, INT32_MAX, INT32_MAX, INT32_MAX}};
  static const int32_t codes[] = {LN_OP_ABS, LN_OP_ADD, LN_OP_CONCATENATION, LN_OP_SHAPE, LN_OP_SOFTMAX, LN_OP_TILE};
  (void)state;
  for (size_t i = 0; i < LN_COUNT(shapes); ++i) {
    for (size_t k = 0; k < LN_COUNT(codes); ++k) {
      uint8_t *data = NULL;
      size_t size = 0;
      ln_model *model = build_model();
      const int32_t in[2] = {build_input(model, LN_FLOAT32, 4, shapes[i]),
                             build_input(model, LN_FLOAT32, 4, shapes[i])};
      const int32_t out = build_output(model, codes[k] == LN_OP_SHAPE ? LN_INT32 : LN_FLOAT32, 4, shapes[i]);
      const ln_op_def *def = ln_op_find(codes[k]);
      build_op(model, def, codes[k] == LN_OP_ADD || codes[k] == LN_OP_CONCATENATION ? 2 : 1, in, 1, &out);
      assert_int_equal(ln_format_write(model, NULL, &data, &size), LN_OK);
      const ln_status status = run_bytes(data, size, 0, def->name);
      if (shapes[i][0] != 0 && status == LN_OK) fail_msg("%s: shape %zu was taken", def->name, i);
      ln_free(data);
      ln_model_destroy(model);
    }
  }
}

/* Shapes that come out of data: RESHAPE, FILL, BROADCAST_TO, TILE ask for the moon when they run. */
static void shapes_from_data(void **state) {
  static const int32_t codes[] = {LN_OP_RESHAPE, LN_OP_FILL, LN_OP_BROADCAST_TO, LN_OP_TILE};
  static const int32_t huge[] = {INT32_MAX, INT32_MAX, 65536}, three[] = {3}, ones[] = {1, 1, 1};
  static const int64_t values[] = {INT32_MAX, 65536, -1, -2};
  (void)state;
  for (size_t k = 0; k < LN_COUNT(codes); ++k) {
    for (int constant = 0; constant < 2; ++constant) {
      uint8_t *data = NULL;
      size_t size = 0;
      ln_model *model = build_model();
      const bool fill_first = codes[k] == LN_OP_FILL;
      const int32_t x = build_input(model, LN_FLOAT32, fill_first ? 0 : 3, ones);
      const int32_t shape = constant ? build_constant(model, LN_INT32, 1, three, huge, sizeof huge)
                                     : build_input(model, LN_INT32, 1, three);
      const int32_t in[2] = {fill_first ? shape : x, fill_first ? x : shape};
      const int32_t out = build_output(model, LN_FLOAT32, 0, NULL);
      const ln_op_def *def = ln_op_find(codes[k]);
      build_op(model, def, 2, in, 1, &out);
      assert_int_equal(ln_format_write(model, NULL, &data, &size), LN_OK);
      for (size_t i = 0; i < LN_COUNT(values); ++i) {
        if (run_bytes(data, size, values[i], def->name) == LN_OK && codes[k] != LN_OP_RESHAPE && (constant || i < 2)) {
          fail_msg("%s: a huge shape was taken", def->name);
        }
      }
      ln_free(data);
      ln_model_destroy(model);
    }
  }
}

/* ---- walks along sparse indices ---- */

static void hostile_index_vector(victim *v, uint8_t type, const void *vector) {
  static const int64_t values[] = {-1, INT32_MAX, INT32_MIN, 255, 65535, 0};
  const ln_table_id id = ln_schema_union_member(LN_UNION_sparse_index_vector, type);
  const size_t width = id == LN_TABLE_int32_vector ? 4 : id == LN_TABLE_uint16_vector ? 2 : 1;
  ln_vec_u8 *items = vector == NULL ? NULL : &((ln_uint8_vector *)OWN(vector))->values;
  if (items == NULL || items->count == 0) return;
  const ln_vec_u8 kept = *items;
  uint8_t *copy = malloc(kept.count * width);
  assert_non_null(copy);
  items->data = copy;
  for (uint32_t i = 0; i < kept.count; ++i) {
    for (size_t k = 0; k < LN_COUNT(values); ++k) {
      memcpy(copy, kept.data, kept.count * width);
      memcpy(copy + i * width, &values[k], width);
      try_victim(v, 1);
    }
  }
  *items = (ln_vec_u8){kept.data, kept.count - 1};
  try_victim(v, 1);
  *items = kept;
  free(copy);
}

static void hostile_sparsity(victim *v) {
  for (uint32_t i = 0; i < v->graph->tensors.count; ++i) {
    const ln_tensor_table *tensor = v->graph->tensors.data[i];
    if (tensor->sparsity == NULL) continue;
    for (uint32_t k = 0; k < tensor->sparsity->dim_metadata.count; ++k) {
      const ln_dimension_metadata *dim = tensor->sparsity->dim_metadata.data[k];
      hostile_index_vector(v, dim->array_segments_type, dim->array_segments);
      hostile_index_vector(v, dim->array_indices_type, dim->array_indices);
    }
  }
}

static void sparse_index_walks(void **state) {
  (void)state;
  change_cases(CASES "/densify", 1, hostile_sparsity);
}

/* ---- files ---- */

static void short_files(void **state) {
  static const uint8_t eight[] = {8, 0, 0, 0, 'T', 'F', 'L', '3'}, far[] = {255, 255, 255, 255, 'T', 'F', 'L', '3'};
  (void)state;
  for (size_t size = 0; size <= sizeof eight; ++size) {
    uint8_t *exact = malloc(size > 0 ? size : 1); /* a read past its end is seen */
    assert_non_null(exact);
    memcpy(exact, eight, size);
    assert_int_not_equal(run_bytes(exact, size, 0, "a short file"), LN_OK);
    memcpy(exact, far, size);
    assert_int_not_equal(run_bytes(exact, size, 0, "a short file"), LN_OK);
    free(exact);
  }
}

static void misaligned_buffers(void **state) {
  static const char *const paths[] = {CASES "/binary/add_crossed_f32.tflite", CASES "/gather/gather_nd_rows.tflite"};
  (void)state;
  for (size_t i = 0; i < LN_COUNT(paths); ++i) {
    ln_file_map map;
    assert_int_equal(ln_file_map_open(paths[i], NULL, &map), LN_OK);
    uint8_t *block = malloc(map.size + 16);
    assert_non_null(block);
    for (size_t offset = 0; offset < 16; ++offset) {
      memcpy(block + offset, map.data, map.size);
      assert_int_equal(run_bytes(block + offset, map.size, 0, paths[i]), LN_OK);
    }
    free(block);
    ln_file_map_close(&map);
  }
}

static void hostile_buffers(victim *v) {
  static const uint64_t offsets[] = {2, 100, INT64_MAX, UINT64_MAX, UINT64_MAX - 15, (uint64_t)1 << 32};
  static const uint64_t sizes[] = {1, 16, 64, UINT64_MAX, (uint64_t)1 << 63, UINT64_MAX - 100};
  for (uint32_t i = 1; i < v->root->buffers.count; ++i) {
    ln_buffer_table *buffer = OWN(v->root->buffers.data[i]);
    const ln_buffer_table kept = *buffer;
    buffer->data = (ln_vec_u8){NULL, 0};
    for (size_t k = 0; k < LN_COUNT(offsets) * LN_COUNT(sizes); ++k) {
      buffer->offset = offsets[k % LN_COUNT(offsets)];
      buffer->size = sizes[k / LN_COUNT(offsets)];
      try_victim(v, 1);
    }
    *buffer = kept;
  }
}

static void buffer_offsets_that_wrap(void **state) {
  (void)state;
  change_case(CASES "/conv2d/f32_column.tflite", hostile_buffers);
  change_case(CASES "/gather/gather_nd_rows.tflite", hostile_buffers);
}

/* ---- graphs that run graphs ---- */

static void recursion_between_graphs(void **state) {
  static const int32_t one[] = {1};
  (void)state;
  for (int32_t length = 1; length <= 3; ++length) { /* the length of the circle */
    ln_model *model = build_model();
    ln_error err = {LN_OK, ""};
    uint8_t *data = NULL;
    size_t size = 0;
    const int32_t in[2] = {build_input(model, LN_BOOL, 1, one), build_input(model, LN_FLOAT32, 1, one)};
    const int32_t out = build_output(model, LN_FLOAT32, 1, one);
    build_op(model, ln_op_find(LN_OP_IF), 2, in, 1, &out);
    ln_graph *graphs = ln_arena_array(&model->arena, (size_t)length, sizeof *graphs);
    assert_non_null(graphs);
    for (int32_t i = 0; i < length; ++i) {
      ln_graph *copy = ln_graph_clone(&model->graphs[0], &model->arena);
      assert_non_null(copy);
      ln_if_options *options = BUILD_OPTIONS(&copy->ops[0], if_options);
      options->then_subgraph_index = options->else_subgraph_index = (i + 1) % length;
      graphs[i] = *copy;
    }
    model->graphs = graphs;
    model->graph_count = length;
    assert_int_equal(ln_format_write(model, &err, &data, &size), LN_OK);
    assert_int_equal(run_bytes(data, size, 1, "a circle of graphs"), LN_ERR_MODEL);
    ln_free(data);
    ln_model_destroy(model);
  }
}

/* A graph with one operator on one float, in a model of its own. */
static ln_model *small_graph(int32_t code, int32_t in_count, ln_type out_type) {
  static const int32_t one[] = {1};
  ln_model *model = build_model();
  const int32_t x = build_input(model, LN_FLOAT32, 1, one);
  const int32_t out = build_output(model, out_type, 1, one);
  build_op(model, ln_op_find(code), in_count, (const int32_t[]){x, x}, 1, &out);
  return model;
}

typedef struct canceller {
  ln_session *session;
  atomic_bool ended;
} canceller;

static void *cancel_until_ended(void *context) {
  canceller *c = context;
  while (!atomic_load(&c->ended)) {
    usleep(20000);
    ln_session_cancel(c->session); /* of no effect before the run has begun */
  }
  return NULL;
}

static void while_without_end(void **state) {
  (void)state;
  ln_model *parts[3] = {small_graph(LN_OP_WHILE, 1, LN_FLOAT32), small_graph(LN_OP_GREATER_EQUAL, 2, LN_BOOL),
                        small_graph(LN_OP_ABS, 1, LN_FLOAT32)};
  ln_graph graphs[3];
  ln_error err = {LN_OK, ""};
  uint8_t *data = NULL;
  size_t size = 0;
  ln_model *model = NULL;
  pthread_t thread;
  canceller c = {NULL, false};
  ln_while_options *options = BUILD_OPTIONS(&parts[0]->graphs[0].ops[0], while_options);
  options->cond_subgraph_index = 1;
  options->body_subgraph_index = 2;
  for (int i = 0; i < 3; ++i) graphs[i] = parts[i]->graphs[0];
  parts[0]->graphs = graphs;
  parts[0]->graph_count = 3;
  assert_int_equal(ln_format_write(parts[0], &err, &data, &size), LN_OK);
  if (ln_model_from_memory(data, size, &err, &model) != LN_OK) fail_msg("%s", err.message);
  if (ln_session_create(model, NULL, &err, &c.session) != LN_OK) fail_msg("%s", err.message);
  fill(c.session, 0);
  assert_int_equal(pthread_create(&thread, NULL, cancel_until_ended, &c), 0);
  assert_int_equal(ln_session_run(c.session, &err), LN_ERR_CANCELLED);
  atomic_store(&c.ended, true);
  pthread_join(thread, NULL);
  check(LN_ERR_CANCELLED, &err, "a loop without end");
  ln_session_destroy(c.session);
  ln_model_destroy(model);
  ln_free(data);
  for (int i = 0; i < 3; ++i) ln_model_destroy(parts[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(division_by_zero_in_attributes),
      cmocka_unit_test(division_by_zero_in_data),
      cmocka_unit_test(division_by_zero_in_scales),
      cmocka_unit_test(null_optional_tensors),
      cmocka_unit_test(indices_out_of_range),
      cmocka_unit_test(tables_beyond_the_limit),
      cmocka_unit_test(shape_products),
      cmocka_unit_test(shapes_from_data),
      cmocka_unit_test(sparse_index_walks),
      cmocka_unit_test(short_files),
      cmocka_unit_test(misaligned_buffers),
      cmocka_unit_test(buffer_offsets_that_wrap),
      cmocka_unit_test(recursion_between_graphs),
      cmocka_unit_test(while_without_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
