/*
 * The passes of converting on every operator's cases and on real models: results stay. Each case is tried as it is and
 * behind transposes, which the layout pass then moves through the operator wherever it can.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "linnet/session.h"
#include "optimize/optimize.h"
#include "passes/convert/convert_passes.h"
#include "passes/convert/convert_rewrite.h"
#include "support/cases.h"
#include "support/unit.h"

enum { MOST_OUTPUTS = 32 };

static uint32_t seed = 1;
static int32_t compared, moved, skipped;

static uint32_t random_number(void) {
  seed = seed * 1664525u + 1013904223u;
  return seed >> 8;
}

/* ---- transposes around a graph ---- */

static void random_order(int32_t rank, int32_t *order) {
  for (int32_t i = 0; i < rank; ++i) order[i] = i;
  for (int32_t i = rank - 1; i > 0; --i) {
    const int32_t k = (int32_t)(random_number() % (uint32_t)(i + 1)), kept = order[i];
    order[i] = order[k];
    order[k] = kept;
  }
}

/* [rank][...]: of tensors of one rank alike, so that element-wise operators can follow. */
static int32_t orders[LN_MAX_RANK + 1][LN_MAX_RANK];

static bool can_turn(const ln_tensor *tensor) {
  return tensor->signature.rank >= 2 && tensor->signature.rank <= 6 && ln_type_bits(tensor->type) >= 8 &&
         tensor->quant->kind <= LN_QUANT_TENSOR && !tensor->is_variable && tensor->storage != LN_STORAGE_CONST &&
         tensor->type != LN_STRING && tensor->type != LN_RESOURCE && tensor->type != LN_VARIANT;
}

static ln_shape turned_shape(const ln_shape *shape, const int32_t *order) {
  ln_shape out = {.rank = shape->rank};
  for (int32_t i = 0; i < shape->rank; ++i) out.dims[i] = shape->dims[order[i]];
  return out;
}

/* The input comes in another order, and is turned back for those who read it. */
static void turn_input(ln_rewriter *r, int32_t input) {
  const ln_tensor like = r->graph->tensors[input];
  int32_t back[LN_MAX_RANK];
  const int32_t rank = like.signature.rank, *order = orders[rank];
  for (int32_t i = 0; i < rank; ++i) back[order[i]] = i;
  const int32_t plain = ln_rewriter_tensor(r, "plain", like.type, &like.signature, like.quant);
  const int32_t axes = ln_rewriter_ints(r, "axes", rank, back);
  ln_rewriter_replace(r, input, plain);
  ln_rewriter_op(r, LN_OP_TRANSPOSE, NULL, 2, (const int32_t[]){input, axes}, 1, &plain, NULL);
  const ln_shape shape = turned_shape(&like.signature, order);
  ln_rewriter_set_shape(&r->graph->tensors[input], &shape);
}

static void turn_output(ln_rewriter *r, int32_t index) {
  const int32_t output = r->graph->outputs[index];
  const ln_tensor like = r->graph->tensors[output];
  const int32_t rank = like.signature.rank;
  const ln_shape shape = turned_shape(&like.signature, orders[rank]);
  const int32_t made = ln_rewriter_tensor(r, "turned", like.type, &shape, like.quant);
  const int32_t axes = ln_rewriter_ints(r, "axes", rank, orders[rank]);
  ln_rewriter_op(r, LN_OP_TRANSPOSE, NULL, 2, (const int32_t[]){output, axes}, 1, &made, NULL);
  r->graph->outputs[index] = made;
}

static bool turn(ln_model *model) {
  size_t grown = 0;
  ln_error err;
  ln_convert_context context = {
      .pass = {.model = model, .graph = &model->graphs[0], .arena = &model->arena, .grown = &grown, .err = &err},
      .mutable_model = model};
  ln_rewriter r;
  int32_t turns = 0;
  model->signature_count = 0;
  for (int32_t rank = 0; rank <= LN_MAX_RANK; ++rank) random_order(rank, orders[rank]);
  if (ln_rewriter_open(&context, &r) != LN_OK) return false;
  for (int32_t i = 0; i < r.graph->input_count; ++i) {
    const int32_t input = r.graph->inputs[i];
    if (!can_turn(&r.graph->tensors[input]) || ln_rewriter_is_output(&r, input)) continue;
    turn_input(&r, input);
    ++turns;
  }
  for (int32_t i = 0; i < r.graph->output_count && turns > 0; ++i) {
    if (can_turn(&r.graph->tensors[r.graph->outputs[i]])) turn_output(&r, i);
  }
  return ln_rewriter_close(&r, 1) == LN_OK && turns > 0;
}

/* ---- running ---- */

static void fill(ln_tensor *input, const ln_model *source, int32_t index) {
  size_t bytes = 0;
  const void *given = ln_test_case_input(source, index, &bytes);
  if (given != NULL && bytes == input->bytes) {
    memcpy(input->data, given, bytes);
    return;
  }
  for (size_t i = 0; i < input->bytes; ++i) ((uint8_t *)input->data)[i] = (uint8_t)(random_number() % 100);
  for (size_t i = 0; input->type == LN_FLOAT32 && i < input->bytes / 4; ++i)
    ((float *)input->data)[i] = (float)(random_number() % 2000) / 1000.0f - 1.0f;
}

typedef struct results {
  int32_t count;
  ln_type types[MOST_OUTPUTS];
  size_t bytes[MOST_OUTPUTS];
  void *data[MOST_OUTPUTS];
} results;

static void forget(results *out) {
  for (int32_t i = 0; i < out->count; ++i) free(out->data[i]);
  out->count = 0;
}

static bool run(ln_model *model, const ln_model *source, results *out) {
  ln_error err = {LN_OK, ""};
  ln_session *session = NULL;
  *out = (results){0};
  seed = 99;
  bool good = ln_session_create(model, NULL, &err, &session) == LN_OK && ln_session_prepare(session, &err) == LN_OK;
  for (int32_t i = 0; good && i < ln_session_input_count(session); ++i) {
    ln_tensor *input = ln_session_input(session, i);
    good = input->data != NULL && input->type != LN_STRING && input->type != LN_RESOURCE;
    if (good) fill(input, source, i);
  }
  good = good && ln_session_run(session, &err) == LN_OK;
  for (int32_t i = 0; good && i < ln_session_output_count(session) && i < MOST_OUTPUTS; ++i) {
    const ln_tensor *output = ln_session_output(session, i);
    out->types[i] = output->type;
    out->bytes[i] = output->bytes;
    out->data[i] = malloc(output->bytes + 1);
    if (output->bytes > 0) memcpy(out->data[i], output->data, output->bytes);
    out->count = i + 1;
  }
  if (!good && err.status != LN_OK) ln_log(LN_LOG_DEBUG, "%s", err.message);
  ln_session_destroy(session);
  return good;
}

static bool close_enough(const results *a, const results *b) {
  if (a->count != b->count) return false;
  for (int32_t i = 0; i < a->count; ++i) {
    if (a->types[i] != b->types[i] || a->bytes[i] != b->bytes[i]) return false;
    if (a->types[i] != LN_FLOAT32) {
      if (memcmp(a->data[i], b->data[i], a->bytes[i]) != 0) return false;
      continue;
    }
    const float *x = a->data[i], *y = b->data[i];
    float most = 0;
    for (size_t k = 0; k < a->bytes[i] / 4; ++k) {
      if (x[k] == x[k] && x[k] < 1e30f && x[k] > most) most = x[k];
      if (x[k] == x[k] && x[k] > -1e30f && -x[k] > most) most = -x[k];
    }
    for (size_t k = 0; k < a->bytes[i] / 4; ++k) {
      if (x[k] == y[k] || (x[k] != x[k] && y[k] != y[k])) continue;
      const float apart = x[k] > y[k] ? x[k] - y[k] : y[k] - x[k];
      if (!(apart <= 1e-5f + 1e-4f * most)) return false;
    }
  }
  return true;
}

/* ---- a model ---- */

static ln_model *snapshot(ln_model *model) {
  ln_error err = {LN_OK, ""};
  ln_model *out = NULL;
  for (int32_t i = 0; i < model->graph_count; ++i) ln_edit_refresh_versions(&model->graphs[i]);
  if (ln_edit_compact(model, &err) == LN_OK) ln_edit_snapshot(model, &err, &out);
  return out;
}

static int32_t count_transposes(const ln_model *model) {
  int32_t count = 0;
  for (int32_t i = 0; i < model->graphs[0].op_count; ++i) count += model->graphs[0].ops[i].def->code == LN_OP_TRANSPOSE;
  return count;
}

static void check_one(const char *path, ln_model *source, bool turned) {
  static const ln_convert_passes_options none = {0};
  ln_error err = {LN_OK, ""};
  ln_model *edited = NULL, *before = NULL, *after = NULL;
  results a, b;
  if (ln_edit_begin(source, &err, &edited) != LN_OK) return;
  if ((!turned || turn(edited)) && (before = snapshot(edited)) != NULL) {
    const bool runs = run(before, source, &a);
    if (ln_convert_passes_run(edited, &none, &err) != LN_OK) fail_msg("%s: %s", path, err.message);
    after = snapshot(edited);
    if (after == NULL) fail_msg("%s cannot be written", path);
    const bool still = run(after, source, &b);
    if (runs && (!still || !close_enough(&a, &b))) {
      ln_model_save(before, "/tmp/convert-before.tflite", NULL);
      ln_model_save(after, "/tmp/convert-after.tflite", NULL);
      fail_msg("%s%s: results changed", path, turned ? ", turned" : "");
    }
    compared += runs;
    skipped += !runs;
    moved += turned && count_transposes(after) < count_transposes(before);
    forget(&a);
    forget(&b);
  }
  ln_model_destroy(before);
  ln_model_destroy(after);
  ln_model_destroy(edited);
}

static void check(const char *path, ln_model *model) {
  check_one(path, model, false);
  for (uint32_t i = 0; i < 3 && model->graph_count == 1; ++i) {
    seed = 7 + i;
    check_one(path, model, true);
  }
}

/* Whether there are any. */
static bool each_model(ln_test_model_check visit) {
  DIR *files = opendir(LN_SHARED_DIR "/models");
  if (files == NULL) return false;
  for (const struct dirent *file; (file = readdir(files)) != NULL;) {
    char path[2048];
    ln_model *model = NULL;
    if (strstr(file->d_name, ".tflite") == NULL) continue;
    snprintf(path, sizeof path, "%s/%s", LN_SHARED_DIR "/models", file->d_name);
    if (ln_model_open(path, NULL, &model) != LN_OK) continue;
    visit(path, model);
    ln_model_destroy(model);
  }
  closedir(files);
  return true;
}

/* ---- damage ---- */

static void damage(ln_graph *graph) {
  ln_op *op = &graph->ops[random_number() % (uint32_t)graph->op_count];
  ln_tensor *tensor = &graph->tensors[random_number() % (uint32_t)graph->tensor_count];
  switch (random_number() % 6) {
    case 0:
      if (op->input_count > 0) {
        const int32_t pick = (int32_t)(random_number() % (uint32_t)(graph->tensor_count + 1)) - 1;
        op->inputs[random_number() % (uint32_t)op->input_count] = pick;
      }
      break;
    case 1:
      if (op->input_count > 0) --op->input_count;
      break;
    case 2: {
      const ln_table_info *info = ln_schema_table(op->options_table);
      if (info == NULL || op->options == NULL || info->field_count == 0) break;
      const ln_field_info *field = &info->fields[random_number() % info->field_count];
      if (field->field_class != LN_CLASS_SCALAR) break;
      const int8_t most = field->kind == LN_KIND_bool ? 2 : 9, value = (int8_t)(random_number() % (uint32_t)most);
      memcpy((char *)(uintptr_t)op->options + field->offset, &value, 1);
      break;
    }
    case 3:
      if (tensor->signature.rank > 0 && tensor->storage != LN_STORAGE_CONST) {
        const int32_t axis = (int32_t)(random_number() % (uint32_t)tensor->signature.rank);
        tensor->signature.dims[axis] = tensor->shape.dims[axis] = (int32_t)(random_number() % 5) - 1;
      }
      break;
    case 4:
      if (tensor->storage != LN_STORAGE_CONST)
        tensor->signature.rank = tensor->shape.rank = (int32_t)(random_number() % 6);
      break;
    default:
      if (tensor->storage == LN_STORAGE_CONST && tensor->bytes > 0 && tensor->type != LN_STRING) {
        uint8_t *copy = malloc(tensor->bytes);
        memcpy(copy, tensor->data, tensor->bytes);
        copy[random_number() % tensor->bytes] = (uint8_t)random_number();
        memcpy(tensor->data, copy, tensor->bytes);
        free(copy);
      }
      break;
  }
}

/* Whatever a graph says that the verifier lets through, the passes end, with a graph that it lets through or a message.
 */
static void check_damaged(const char *path, ln_model *model) {
  static const ln_convert_passes_options last = {.channels_last = true};
  (void)path;
  for (uint32_t i = 0; i < 6; ++i) {
    ln_error err = {LN_OK, ""};
    ln_model *edited = NULL;
    seed = (uint32_t)compared++ * 31 + i;
    if (ln_edit_begin(model, &err, &edited) != LN_OK) return;
    const bool turned = i % 2 == 0 || turn(edited);
    for (int32_t g = 0; g < edited->graph_count; ++g) { /* constants of its own, to be damaged */
      for (int32_t t = 0; t < edited->graphs[g].tensor_count; ++t) {
        ln_tensor *tensor = &edited->graphs[g].tensors[t];
        if (tensor->storage == LN_STORAGE_CONST && tensor->bytes > 0)
          tensor->data = ln_arena_copy(&edited->arena, tensor->data, tensor->bytes);
      }
    }
    for (uint32_t k = 0; turned && k < 1 + i / 2; ++k) damage(&edited->graphs[0]);
    bool good = true;
    for (int32_t g = 0; g < edited->graph_count; ++g)
      good = good && ln_graph_verify(edited, &edited->graphs[g], &err) == LN_OK;
    if (good) {
      ln_convert_passes_run(edited, i % 3 == 0 ? &last : NULL, &err);
      ++moved;
    }
    ln_model_destroy(edited);
  }
}

static void check_many_damages(const char *path, ln_model *model) {
  for (int32_t i = 0; i < 8 && model->graphs[0].op_count < 200; ++i) check_damaged(path, model);
}

static void damaged(void **state) {
  (void)state;
  compared = moved = 0;
  ln_test_each_case(5, check_damaged);
  each_model(check_many_damages);
  print_message("%d of %d are accepted by the verifier\n", moved, compared);
}

static void cases(void **state) {
  (void)state;
  ln_test_each_case(1, check);
  print_message("%d compared, %d that do not run, %d with fewer transposes\n", compared, skipped, moved);
  assert_true(compared > 100 && moved > 100);
}

static void check_plain(const char *path, ln_model *model) { check_one(path, model, false); }

static void models(void **state) {
  (void)state;
  if (!each_model(check_plain)) skip();
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(cases), cmocka_unit_test(models), cmocka_unit_test(damaged)};
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
