/*
 * FastSentencepieceTokenize and FastSentencepieceDetokenize, once called TFSentencepieceTokenizeOp and so on: unigram
 * models that TF Text converted to FlatBuffers (its encoder_config.fbs and decoder_config.fbs). The segmentation
 * differs from SentencePiece's own in what an unknown byte costs, and each text is matched byte by byte.
 */
#include "ops/double_array.h"
#include "ops/rows.h"
#include "ops/text_lists.h"

typedef struct encoder {
  int32_t start_code, end_code, unknown_code, code_offset;
  float unknown_penalty;
  ln_flat_vector pieces, scores, prefixes, replacements; /* tries of pieces, and of what is replaced */
  bool remove_spaces, dummy_prefix, escape_spaces;
} encoder;

static bool read_trie(const ln_flat_table *config, int32_t field, ln_flat_vector *out) {
  ln_flat_table trie;
  *out = (ln_flat_vector){config->data, 0};
  return !ln_flat_get_table(config, field, &trie) || ln_flat_get_vector(&trie, 0, 4, out);
}

static ln_status open_encoder(const ln_node *node, ln_error *err, encoder *e) {
  const ln_tensor *tensor = node->in[0];
  ln_flat_table t;
  if (tensor->data == NULL || !ln_flat_open(tensor->data, tensor->bytes, &t) || ln_flat_get_bool(&t, 0, false) ||
      !read_trie(&t, 6, &e->pieces) || !ln_flat_get_vector(&t, 7, 4, &e->scores) || !read_trie(&t, 11, &e->prefixes) ||
      !ln_flat_get_vector(&t, 12, 1, &e->replacements)) {
    return ln_node_fail(node, err, LN_ERR_DATA, "\"%.100s\" is no converted SentencePiece model", tensor->name);
  }
  const uint32_t penalty = ln_flat_get_u32(&t, 4, 0);
  e->start_code = (int32_t)ln_flat_get_u32(&t, 1, 0);
  e->end_code = (int32_t)ln_flat_get_u32(&t, 2, 0);
  e->unknown_code = (int32_t)ln_flat_get_u32(&t, 3, (uint32_t)-1);
  memcpy(&e->unknown_penalty, &penalty, sizeof penalty);
  e->code_offset = (int32_t)ln_flat_get_u32(&t, 5, 0);
  e->remove_spaces = ln_flat_get_bool(&t, 8, false);
  e->dummy_prefix = ln_flat_get_bool(&t, 9, false);
  e->escape_spaces = ln_flat_get_bool(&t, 10, false);
  return LN_OK;
}

/* ---- normalization: three passes over the text ---- */

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* Replaces what the trie knows, longest first; the replacement ends with NUL in the pool. */
static void replace(const encoder *e, ln_span text, ln_text_list *out) {
  const char *pool = (const char *)e->replacements.items;
  for (size_t at = 0; at < text.size;) {
    const ln_span rest = {text.data + at, text.size - at};
    uint32_t place = 0;
    const size_t length = ln_trie_longest(e->prefixes, rest, &place);
    if (length == 0 || place >= e->replacements.count) {
      ln_text_put_byte(out, text.data[at++]);
      continue;
    }
    const void *end = memchr(pool + place, 0, e->replacements.count - place);
    ln_text_put(out, pool + place, end == NULL ? 0 : (size_t)((const char *)end - (pool + place)));
    at += length;
  }
  ln_text_end(out);
}

/* Several spaces become one blank, and one at the end goes; then each becomes U+2581. */
static void squeeze(const encoder *e, ln_span text, ln_text_list *out) {
  size_t end = text.size;
  if (e->remove_spaces && end > 0 && is_space(text.data[end - 1])) {
    while (end > 0 && is_space(text.data[end - 1])) --end;
  }
  for (size_t at = 0; at < end;) {
    size_t run = 1;
    if (!is_space(text.data[at])) {
      ln_text_put_byte(out, text.data[at++]);
      continue;
    }
    while (e->remove_spaces && at + run < end && is_space(text.data[at + run])) ++run;
    if (e->escape_spaces) ln_text_put_code(out, 0x2581);
    else ln_text_put_byte(out, run > 1 ? ' ' : text.data[at]);
    at += run;
  }
  ln_text_end(out);
}

static ln_span normalize(const encoder *e, ln_span text, ln_text_list *list) {
  ln_text_list_cut(list, 0);
  if (e->dummy_prefix && text.size > 0) ln_text_put_byte(list, ' ');
  ln_text_add(list, text);
  if (list->status != LN_OK) return (ln_span){"", 0};
  ln_text_list copy = ln_text_list_make(list->node);
  replace(e, ln_text_get(list, 0), &copy);
  ln_text_list_cut(list, 0);
  if (copy.status == LN_OK) squeeze(e, ln_text_get(&copy, 0), list);
  else list->status = copy.status;
  ln_text_list_free(&copy);
  return list->status == LN_OK ? ln_text_get(list, 0) : (ln_span){"", 0};
}

/* ---- the best path ---- */

typedef struct lattice_node {
  float score;
  int32_t code, previous; /* -1 where no path ends */
} lattice_node;

static void reach(lattice_node *to, float score, int32_t code, int32_t previous) {
  if (to->previous < 0 || to->score < score) *to = (lattice_node){score, code, previous};
}

static bool fill_lattice(const encoder *e, ln_span text, lattice_node *nodes) {
  for (size_t i = 0; i <= text.size; ++i) nodes[i] = (lattice_node){0.0f, -1, -1};
  for (size_t i = 0; i < text.size; ++i) {
    uint32_t node = 0, id;
    if (i > 0 && nodes[i].previous < 0) continue;
    if (e->unknown_code >= 0) { /* unknown bytes in a row are one token */
      const int32_t from = nodes[i].code == e->unknown_code ? nodes[i].previous : (int32_t)i;
      reach(&nodes[i + 1], nodes[i].score + e->unknown_penalty, e->unknown_code, from);
    }
    for (size_t j = i; j < text.size && ln_trie_step(e->pieces, &node, (uint8_t)text.data[j]); ++j) {
      if (!ln_trie_value(e->pieces, node, &id)) continue;
      if (id >= e->scores.count) return false;
      reach(&nodes[j + 1], nodes[i].score + ln_flat_float(e->scores, id), (int32_t)id, (int32_t)i);
    }
  }
  return true;
}

/* Codes from the text's end to its beginning are added, then turned round unless `reverse`. */
static void put_codes(const encoder *e, const lattice_node *nodes, size_t length, const bool flags[3],
                      ln_number_list *out) {
  const size_t first = out->count;
  if (flags[1]) ln_number_add(out, e->end_code);
  for (size_t at = nodes[length].previous >= 0 ? length : 0; at > 0; at = (size_t)nodes[at].previous) {
    const int64_t shift = nodes[at].code == e->unknown_code ? 0 : e->code_offset;
    if (!ln_number_add(out, nodes[at].code + shift)) return;
  }
  if (flags[0]) ln_number_add(out, e->start_code);
  for (size_t a = first, b = out->count; !flags[2] && a + 1 < b; ++a) {
    const int64_t kept = out->items[a];
    out->items[a] = out->items[--b];
    out->items[b] = kept;
  }
}

static ln_status encode(const encoder *e, ln_span text, const bool flags[3], ln_text_list *list, ln_number_list *out,
                        ln_error *err) {
  const ln_span normal = normalize(e, text, list);
  size_t bytes;
  ln_status status = list->status;
  lattice_node *nodes = NULL;
  if (status == LN_OK && ln_size_mul(normal.size + 1, sizeof *nodes, &bytes)) {
    status = ln_host_check_room(list->node, bytes, NULL);
    nodes = status == LN_OK ? ln_alloc(bytes) : NULL;
  }
  if (nodes == NULL) {
    return ln_node_fail(list->node, err, status == LN_OK ? LN_ERR_MEMORY : status,
                        "a text of %zu bytes takes too much memory", text.size);
  }
  if (fill_lattice(e, normal, nodes)) put_codes(e, nodes, normal.size, flags, out);
  else status = ln_node_fail(list->node, err, LN_ERR_DATA, "the model has pieces without a score");
  ln_free(nodes);
  return status;
}

/* model, texts, nbest_size, alpha, add_bos, add_eos, reverse > codes, row splits */
ln_status ln_sp_fast_tokenize_run(const ln_node *node, ln_exec *exec) {
  encoder e;
  ln_texts texts;
  bool flags[3];
  ln_status status = LN_OK;
  LN_TRY(open_encoder(node, exec->err, &e));
  LN_TRY(ln_texts_open(node, 1, exec->err, &texts));
  for (int32_t i = 0; i < 3; ++i) {
    int64_t value;
    LN_TRY(ln_number_scalar(node, 4 + i, exec->err, &value));
    flags[i] = value != 0;
  }
  ln_text_list list = ln_text_list_make(node);
  ln_number_list codes = ln_number_list_make(node), splits = ln_number_list_make(node);
  ln_number_add(&splits, 0);
  for (size_t i = 0; i < texts.count && status == LN_OK; ++i) {
    status = encode(&e, ln_texts_at(&texts, i), flags, &list, &codes, exec->err);
    ln_number_add(&splits, (int64_t)codes.count);
  }
  if (status == LN_OK) status = ln_number_vector(&codes, 0, exec->err);
  if (status == LN_OK) status = ln_number_vector(&splits, 1, exec->err);
  ln_text_list_free(&list);
  ln_number_list_free(&codes);
  ln_number_list_free(&splits);
  return status;
}

/* ---- back to text: the decoder's model ---- */

/* model, codes, row splits > texts */
ln_status ln_sp_fast_detokenize_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *tensor = node->in[0];
  ln_flat_table t;
  ln_flat_vector pieces;
  ln_text_list out = ln_text_list_make(node);
  ln_status status = LN_OK;
  size_t rows;
  if (tensor->data == NULL || !ln_flat_open(tensor->data, tensor->bytes, &t) || ln_flat_get_bool(&t, 0, false) ||
      !ln_flat_get_vector(&t, 2, 4, &pieces)) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "\"%.100s\" is no converted SentencePiece model", tensor->name);
  }
  const int64_t offset = (int32_t)ln_flat_get_u32(&t, 1, 0);
  const bool strip = ln_flat_get_bool(&t, 5, false);
  LN_TRY(ln_splits_check(node, 2, ln_tensor_count(node->in[1]), exec->err, &rows));
  for (size_t i = 0; i < rows && status == LN_OK; ++i) {
    const size_t first = (size_t)ln_number_at(node->in[2], i), end = (size_t)ln_number_at(node->in[2], i + 1);
    for (size_t j = first; j < end && status == LN_OK; ++j) {
      const int64_t code = ln_number_at(node->in[1], j) - offset;
      ln_span piece = {"", 0};
      if (code < 0 || !ln_flat_string_at(&t, pieces, (size_t)code, &piece)) {
        status = ln_node_fail(node, exec->err, LN_ERR_DATA, "code %lld has no piece", (long long)(code + offset));
      }
      const bool drop = strip && j == first && piece.size > 0 && piece.data[0] == ' ';
      ln_text_put(&out, piece.data + drop, piece.size - drop);
    }
    ln_text_end(&out);
  }
  if (status == LN_OK) status = ln_text_vector(&out, 0, exec->err);
  ln_text_list_free(&out);
  return status;
}
