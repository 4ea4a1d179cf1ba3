/*
 * The operators on SentencePiece models: Select-TF's SentencepieceOp (a ModelProto among its attributes, handed on as a
 * resource), tokenizing with and without offsets, detokenizing, and what else can be asked of a model; and the ones
 * that TF Text made for TFLite, whose model is a FlatBuffer of tries in a tensor.
 */
#include "ops/flex_attr.h"
#include "ops/rows.h"
#include "ops/sentencepiece.h"

static const char kind[] = "SentencePiece model";

/* ---- the model of Select-TF ---- */

typedef struct model_args {
  int32_t handle;
} model_args;

ln_status ln_sp_op_infer(ln_node *node, ln_error *err) {
  const ln_shape scalar = {0, {0}};
  return ln_node_set_shape(node, 0, &scalar, err);
}

/* The model is indexed once for all sessions. */
ln_status ln_sp_op_prepare(ln_node *node, ln_prep *prep) {
  const int64_t none[4] = {0};
  ln_span proto = {NULL, 0};
  const char *why = "it is missing";
  size_t bytes;
  bool fresh;
  model_args *args = LN_NODE_ARGS(node, prep, model_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(ln_attr_string(node, prep->err, "model", &proto.data, &proto.size));
  if (proto.data == NULL || !ln_sp_model_scan(proto, &bytes, &why)) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "the attribute model: %s", why);
  }
  void *memory = ln_pack_cache_get(prep->cache, proto.data, kind, none, bytes, &fresh);
  if (memory == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  ln_sp_model *model = memory;
  if (fresh && !ln_sp_model_index(proto, memory, &why)) {
    model->count = 0; /* found again by another session */
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "the attribute model: %s", why);
  }
  if (model->count == 0) return ln_node_fail(node, prep->err, LN_ERR_MODEL, "the attribute model is broken");
  return ln_host_object(node, kind, memory, prep->err, &args->handle);
}

ln_status ln_sp_op_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  *(int32_t *)node->out[0]->data = ((const model_args *)node->args)->handle;
  return LN_OK;
}

static ln_status find_model(const ln_node *node, ln_error *err, const ln_sp_model **out) {
  const void *object = NULL;
  LN_TRY(ln_host_find_object(node, node->in[0], kind, err, &object));
  *out = object;
  return LN_OK;
}

/* ---- tokenizing ---- */

typedef struct flags {
  bool bos, eos, reverse;
} flags;

/* Inputs `first` and the two after it. */
static ln_status read_flags(const ln_node *node, int32_t first, ln_error *err, flags *out) {
  int64_t values[3] = {0};
  for (int32_t i = 0; i < 3 && first + i < node->in_count; ++i) {
    LN_TRY(ln_number_scalar(node, first + i, err, &values[i]));
  }
  *out = (flags){values[0] != 0, values[1] != 0, values[2] != 0};
  return LN_OK;
}

/* What one text became: ids and, where they are asked for, pieces and places in the text. */
typedef struct output {
  ln_text_list pieces;
  ln_number_list ids, splits, starts, ends;
  bool texts, offsets;
} output;

/* Of no text: it stands at 0, at the end too. */
static void put_control(output *o, const ln_sp_model *m, int32_t id) {
  ln_number_add(&o->ids, id);
  if (o->texts) ln_text_add(&o->pieces, m->pieces[id].text);
  if (!o->offsets) return;
  ln_number_add(&o->starts, 0);
  ln_number_add(&o->ends, 0);
}

static void put_token(output *o, const ln_sp_state *s, const ln_sp_token *token) {
  const ln_sp_piece *piece = &s->model->pieces[token->id];
  const ln_span surface = {ln_text_open_tail(&s->normalized).data + token->start, (size_t)(token->end - token->start)};
  ln_number_add(&o->ids, token->id);
  if (o->texts) ln_text_add(&o->pieces, piece->kind == LN_SP_UNKNOWN ? surface : piece->text);
  if (!o->offsets) return;
  ln_number_add(&o->starts, s->origins.items[token->start]);
  ln_number_add(&o->ends, s->origins.items[token->end]);
}

static ln_status tokenize(output *o, ln_sp_state *s, ln_span text, const flags *f, ln_error *err) {
  const ln_sp_model *m = s->model;
  const ln_status status = ln_sp_encode(s, text);
  if (status != LN_OK)
    return ln_node_fail(s->node, err, status, "a text of %zu bytes takes too much memory", text.size);
  if ((f->bos && m->bos_id < 0) || (f->eos && m->eos_id < 0)) {
    return ln_node_fail(s->node, err, LN_ERR_DATA, "the model has no piece %s",
                        f->bos && m->bos_id < 0 ? "<s>" : "</s>");
  }
  const int32_t first = f->reverse ? m->eos_id : m->bos_id, last = f->reverse ? m->bos_id : m->eos_id;
  if (f->reverse ? f->eos : f->bos) put_control(o, m, first);
  for (size_t i = 0; i < s->token_count; ++i) {
    put_token(o, s, &s->tokens[f->reverse ? s->token_count - 1 - i : i]);
  }
  if (f->reverse ? f->bos : f->eos) put_control(o, m, last);
  ln_number_add(&o->splits, (int64_t)o->ids.count);
  return LN_OK;
}

static ln_status put_outputs(const output *o, ln_error *err) {
  if (o->texts) LN_TRY(ln_text_vector(&o->pieces, 0, err));
  else LN_TRY(ln_number_vector(&o->ids, 0, err));
  LN_TRY(ln_number_vector(&o->splits, 1, err));
  if (!o->offsets) return LN_OK;
  LN_TRY(ln_number_vector(&o->starts, 2, err));
  return ln_number_vector(&o->ends, 3, err);
}

/* handle, texts, nbest_size, alpha, add_bos, add_eos, reverse > pieces or ids, row splits (, starts, ends) */
ln_status ln_sp_tokenize_run(const ln_node *node, ln_exec *exec) {
  const ln_sp_model *model = NULL;
  ln_texts texts;
  flags f;
  int64_t nbest = 0;
  bool return_nbest = false;
  LN_TRY(find_model(node, exec->err, &model));
  LN_TRY(ln_texts_open(node, 1, exec->err, &texts));
  LN_TRY(ln_number_scalar(node, 2, exec->err, &nbest));
  LN_TRY(ln_attr_bool(node, exec->err, "return_nbest", &return_nbest));
  LN_TRY(read_flags(node, 4, exec->err, &f));
  if (return_nbest || (nbest != 0 && nbest != 1)) {
    return ln_node_fail(node, exec->err, LN_ERR_UNSUPPORTED, "takes the best segmentation only, nbest_size is %lld",
                        (long long)nbest);
  }
  output o = {ln_text_list_make(node),   ln_number_list_make(node), ln_number_list_make(node),
              ln_number_list_make(node), ln_number_list_make(node), node->out[0]->type == LN_STRING,
              node->out_count == 4};
  ln_sp_state state = ln_sp_state_make(node, model);
  ln_status status = LN_OK;
  ln_number_add(&o.splits, 0);
  for (size_t i = 0; i < texts.count && status == LN_OK; ++i) {
    status = tokenize(&o, &state, ln_texts_at(&texts, i), &f, exec->err);
  }
  if (status == LN_OK) status = put_outputs(&o, exec->err);
  ln_sp_state_free(&state);
  ln_text_list_free(&o.pieces);
  ln_number_list_free(&o.ids);
  ln_number_list_free(&o.splits);
  ln_number_list_free(&o.starts);
  ln_number_list_free(&o.ends);
  return status;
}

/* ---- detokenizing ---- */

/* The id of an input's element: a number, or a piece's text. */
static ln_status element_id(const ln_node *node, const ln_sp_model *m, const ln_texts *texts, size_t index,
                            ln_error *err, int32_t *out) {
  if (node->in[1]->type == LN_STRING) {
    const ln_span text = ln_texts_at(texts, index);
    *out = ln_sp_find(m, text);
    for (int32_t i = 0; *out < 0 && i < m->count; ++i) { /* control pieces and bytes */
      const ln_span piece = m->pieces[i].text;
      if (piece.size == text.size && memcmp(piece.data, text.data, text.size) == 0) *out = i;
    }
    if (*out < 0) *out = m->unknown_id;
    return LN_OK;
  }
  const int64_t id = ln_number_at(node->in[1], index);
  if (id < 0 || id >= m->count) {
    return ln_node_fail(node, err, LN_ERR_DATA, "id %lld, the model has %d pieces", (long long)id, m->count);
  }
  *out = (int32_t)id;
  return LN_OK;
}

/* What is decoded: ids, and where the input is text the pieces they were found by. */
typedef struct pieces {
  int32_t *ids;
  ln_span *texts; /* NULL for ids */
} pieces;

static ln_status read_pieces(const ln_node *node, const ln_sp_model *model, ln_error *err, pieces *p) {
  const size_t count = ln_tensor_count(node->in[1]);
  const bool is_text = node->in[1]->type == LN_STRING;
  ln_texts texts = {NULL, NULL, 0};
  if (is_text) LN_TRY(ln_texts_open(node, 1, err, &texts));
  p->ids = ln_alloc_array(count + 1, sizeof *p->ids);
  p->texts = is_text ? ln_alloc_array(count + 1, sizeof *p->texts) : NULL;
  if (p->ids == NULL || (is_text && p->texts == NULL)) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  for (size_t i = 0; i < count; ++i) {
    LN_TRY(element_id(node, model, &texts, i, err, &p->ids[i]));
    if (is_text) p->texts[i] = ln_texts_at(&texts, i);
  }
  return LN_OK;
}

static void turn_round(pieces *p, size_t first, size_t end) {
  for (; first + 1 < end; ++first) {
    const int32_t id = p->ids[first];
    p->ids[first] = p->ids[--end];
    p->ids[end] = id;
    if (p->texts == NULL) continue;
    const ln_span text = p->texts[first];
    p->texts[first] = p->texts[end];
    p->texts[end] = text;
  }
}

/* handle, ids or pieces, row splits, add_bos, add_eos, reverse > texts */
ln_status ln_sp_detokenize_run(const ln_node *node, ln_exec *exec) {
  const ln_sp_model *model = NULL;
  flags f;
  size_t rows;
  LN_TRY(find_model(node, exec->err, &model));
  LN_TRY(read_flags(node, 3, exec->err, &f));
  LN_TRY(ln_splits_check(node, 2, ln_tensor_count(node->in[1]), exec->err, &rows));
  pieces p = {NULL, NULL};
  ln_text_list out = ln_text_list_make(node);
  ln_status status = read_pieces(node, model, exec->err, &p);
  for (size_t i = 0; i < rows && status == LN_OK; ++i) {
    const size_t first = (size_t)ln_number_at(node->in[2], i), end = (size_t)ln_number_at(node->in[2], i + 1);
    if (f.reverse) turn_round(&p, first, end);
    ln_sp_decode(model, p.ids + first, p.texts == NULL ? NULL : p.texts + first, end - first, &out);
    ln_text_end(&out);
  }
  if (status == LN_OK) status = ln_text_vector(&out, 0, exec->err);
  ln_text_list_free(&out);
  ln_free(p.ids);
  ln_free(p.texts);
  return status;
}

/* ---- questions about a model ---- */

ln_status ln_sp_vocab_size_run(const ln_node *node, ln_exec *exec) {
  const ln_sp_model *model = NULL;
  LN_TRY(find_model(node, exec->err, &model));
  *(int32_t *)node->out[0]->data = model->count;
  return LN_OK;
}

/* handle, ids > pieces of the same shape */
ln_status ln_sp_id_to_string_run(const ln_node *node, ln_exec *exec) {
  const ln_sp_model *model = NULL;
  const size_t count = ln_tensor_count(node->in[1]);
  ln_status status = LN_OK;
  LN_TRY(find_model(node, exec->err, &model));
  ln_text_list out = ln_text_list_make(node);
  for (size_t i = 0; i < count && status == LN_OK; ++i) {
    int32_t id = 0;
    status = element_id(node, model, NULL, i, exec->err, &id);
    if (status == LN_OK) ln_text_add(&out, model->pieces[id].text);
  }
  if (status == LN_OK) status = ln_text_list_output(&out, 0, &node->in[1]->shape, exec->err);
  ln_text_list_free(&out);
  return status;
}

/* handle, pieces > ids of the same shape */
ln_status ln_sp_string_to_id_run(const ln_node *node, ln_exec *exec) {
  const ln_sp_model *model = NULL;
  ln_texts texts;
  LN_TRY(find_model(node, exec->err, &model));
  LN_TRY(ln_texts_open(node, 1, exec->err, &texts));
  ln_number_list out = ln_number_list_make(node);
  ln_status status = LN_OK;
  for (size_t i = 0; i < texts.count && status == LN_OK; ++i) {
    int32_t id = 0;
    status = element_id(node, model, &texts, i, exec->err, &id);
    ln_number_add(&out, id);
  }
  if (status == LN_OK) status = ln_number_list_output(&out, 0, &node->in[1]->shape, exec->err);
  ln_number_list_free(&out);
  return status;
}
