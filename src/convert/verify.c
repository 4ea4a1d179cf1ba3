/* Runs a model as it was read and its result side by side, and tells where they part. */
#include "convert/verify.h"

#include <string.h>

enum { ROUNDS = 2, STATEFUL_ROUNDS = 3 };

static ln_status no_memory(ln_error *err) { return ln_fail(err, LN_ERR_MEMORY, "no memory to verify the conversion"); }

static const ln_signature *find_signature(const ln_model *model, const char *key) {
  for (int32_t i = 0; i < model->signature_count; ++i) {
    if (strcmp(model->signatures[i].key, key) == 0) return &model->signatures[i];
  }
  return NULL;
}

static ln_status open_session(ln_model *model, const char *signature, ln_session *share, ln_error *err,
                              ln_session **out) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.signature = signature;
  options.keep_all_tensors = true;
  options.prepare_later = true;
  options.share = share;
  return ln_session_create(model, &options, err, out);
}

static ln_status open_pair(ln_verification *v, const ln_signature *signature, ln_error *err) {
  ln_verify_pair *pair = &v->pairs[v->pair_count++];
  *pair = (ln_verify_pair){.source = signature, .result = find_signature(v->conversion->result, signature->key)};
  if (pair->result == NULL)
    return ln_fail(err, LN_ERR_INTERNAL, "the result lacks signature \"%.80s\"", signature->key);
  pair->inputs = ln_arena_array(&v->arena, (size_t)signature->input_count + 1, sizeof *pair->inputs);
  pair->given = ln_arena_array(&v->arena, (size_t)signature->input_count + 1, sizeof *pair->given);
  if (pair->inputs == NULL || pair->given == NULL) return no_memory(err);
  LN_TRY(open_session(v->conversion->source, signature->key, v->pairs[0].s, err, &pair->s));
  return open_session(v->conversion->result, signature->key, v->pairs[0].r, err, &pair->r);
}

static ln_status open_pairs(ln_verification *v, ln_error *err) {
  const ln_model *source = v->conversion->source;
  if (source->signature_count == 0) return ln_fail(err, LN_ERR_UNSUPPORTED, "the model has no signature to run");
  v->pairs = ln_arena_array(&v->arena, (size_t)source->signature_count, sizeof *v->pairs);
  if (v->pairs == NULL) return no_memory(err);
  for (int32_t i = 0; i < source->signature_count; ++i) LN_TRY(open_pair(v, &source->signatures[i], err));
  return LN_OK;
}

static bool keeps_state(const ln_model *model) {
  for (int32_t g = 0; g < model->graph_count; ++g) {
    const ln_graph *graph = &model->graphs[g];
    for (int32_t i = 0; i < graph->op_count; ++i) {
      if ((graph->ops[i].def->flags & LN_OPF_STATEFUL) != 0) return true;
    }
    for (int32_t i = 0; i < graph->tensor_count; ++i) {
      if (graph->tensors[i].is_variable) return true;
    }
  }
  return false;
}

/* The first way of giving inputs that the source accepts. */
static ln_status run_source(ln_verification *v, ln_verify_pair *pair, int32_t round, ln_error *err) {
  ln_error first = {LN_OK, ""};
  for (int32_t attempt = 0; attempt < LN_VERIFY_ATTEMPTS; ++attempt) {
    ln_error said = {LN_OK, ""};
    ln_status status = ln_verify_feed(v, pair, round, attempt, &said);
    if (status == LN_OK) status = ln_session_run(pair->s, &said);
    if (status == LN_OK) return LN_OK;
    if (attempt == 0) first = said;
  }
  return ln_fail(err, first.status,
                 "signature \"%.60s\" cannot be verified, since it does not run: %.300s; give its inputs to --verify",
                 pair->source->key, first.message);
}

static void tell_difference(ln_verification *v, const ln_verify_pair *pair, const ln_verify_row *row) {
  const ln_op *op = row->op >= 0 ? &v->conversion->source->graphs[row->graph].ops[row->op] : NULL;
  const char *origin = op == NULL ? "input" : op->origin != NULL ? op->origin : row->name;
  const char *name = op == NULL ? "" : op->origin_op != NULL ? op->origin_op : ln_op_name(op);
  v->message =
      ln_arena_printf(&v->arena,
                      "\"%.120s\" (%.60s): the result parts from the source here: \"%.120s\" is %.3g off where "
                      "%.3g is allowed (signature \"%.60s\")",
                      origin, name, row->name, row->error, row->allowed, pair->source->key);
}

/* What a run showed; false once they part. */
static bool judge(ln_verification *v, ln_verify_pair *pair) {
  ln_verify_compare(v, pair);
  const ln_verify_row *row = ln_verify_first(v, pair);
  if (row == NULL) return true;
  tell_difference(v, pair, row);
  return false;
}

static ln_status run_pair(ln_verification *v, ln_verify_pair *pair, int32_t round, ln_error *err) {
  ln_error said = {LN_OK, ""};
  LN_TRY(run_source(v, pair, round, err));
  ++v->runs;
  ln_status status = ln_verify_feed_result(v, pair, &said);
  if (status == LN_OK) status = ln_session_run(pair->r, &said);
  if (status == LN_ERR_MEMORY) return ln_fail(err, status, "%s", said.message);
  if (status != LN_OK) {
    v->message = ln_arena_printf(&v->arena, "the result does not run where the source does: %s", said.message);
  } else if (!judge(v, pair) && v->message == NULL) {
    return no_memory(err);
  }
  return LN_OK;
}

static ln_status verify(ln_verification *v, ln_error *err) {
  const int32_t rounds = keeps_state(v->conversion->source) ? STATEFUL_ROUNDS : ROUNDS;
  LN_TRY(open_pairs(v, err));
  v->err = err;
  LN_TRY(ln_verify_read_inputs(v));
  LN_TRY(ln_verify_match(v));
  for (int32_t round = 0; round < rounds && v->message == NULL; ++round) {
    for (int32_t i = 0; i < v->pair_count && v->message == NULL; ++i) LN_TRY(run_pair(v, &v->pairs[i], round, err));
  }
  v->err = NULL;
  return LN_OK;
}

ln_status ln_conversion_verify(const ln_conversion *conversion, const ln_verify_options *options, ln_error *err,
                               ln_verification **out) {
  ln_verification *v = ln_alloc_zero(sizeof *v);
  *out = NULL;
  if (v == NULL) return no_memory(err);
  v->conversion = conversion;
  v->options = LN_VERIFY_OPTIONS_INIT;
  if (options != NULL) {
    memcpy(&v->options, options, options->size < sizeof v->options ? options->size : sizeof v->options);
  }
  const ln_status status = verify(v, err);
  if (status == LN_OK) *out = v;
  else ln_verification_destroy(v);
  return status;
}

void ln_verification_destroy(ln_verification *v) {
  if (v == NULL) return;
  for (int32_t i = 0; i < v->pair_count; ++i) {
    ln_verify_pair *pair = &v->pairs[i];
    ln_session_destroy(pair->s);
    ln_session_destroy(pair->r);
    for (int32_t k = 0; pair->inputs != NULL && k < pair->source->input_count; ++k) ln_array_free(&pair->inputs[k]);
  }
  ln_arena_free(&v->arena);
  ln_free(v);
}

ln_status ln_verification_summary(const ln_verification *v, ln_verify_summary *out) {
  ln_verify_summary all = {.agrees = v->message == NULL,
                           .message = v->message != NULL ? v->message : "",
                           .signatures = v->pair_count,
                           .runs = v->runs,
                           .worst = v->worst};
  for (int32_t i = 0; i < v->row_count; ++i) all.tensors += v->rows[i].error >= 0;
  return ln_struct_give(out, &all, sizeof all);
}

int32_t ln_verification_rows(const ln_verification *v) { return v->row_count; }

ln_status ln_verification_row(const ln_verification *v, int32_t index, ln_verify_row *out) {
  if (index < 0 || index >= v->row_count) return LN_ERR_ARGUMENT;
  return ln_struct_give(out, &v->rows[index], sizeof *v->rows);
}
