/*
 * SentencePiece: its ModelProto (sentencepiece_model.proto), read in place, and what is done with it: normalization,
 * unigram, BPE, word and character segmentation, decoding (T. Kudo and J. Richardson, EMNLP 2018; T. Kudo, ACL 2018;
 * R. Sennrich et al., ACL 2016). A model's numbers and strings are only trusted as far as they were checked.
 */
#ifndef LN_OPS_SENTENCEPIECE_H
#define LN_OPS_SENTENCEPIECE_H

#include "ops/double_array.h"
#include "ops/text_lists.h"

typedef enum ln_sp_kind {
  LN_SP_NORMAL = 1,
  LN_SP_UNKNOWN = 2,
  LN_SP_CONTROL = 3,
  LN_SP_USER = 4,
  LN_SP_UNUSED = 5,
  LN_SP_BYTE = 6
} ln_sp_kind;

typedef enum ln_sp_type { LN_SP_UNIGRAM = 1, LN_SP_BPE = 2, LN_SP_WORD = 3, LN_SP_CHAR = 4 } ln_sp_type;

typedef struct ln_sp_piece {
  ln_span text; /* in the proto */
  float score;
  ln_sp_kind kind;
  int32_t id;
} ln_sp_piece;

typedef struct ln_sp_model {
  ln_span proto;
  ln_sp_type type;
  int32_t count;
  int32_t unknown_id, bos_id, eos_id; /* -1 none */
  bool byte_fallback, space_as_suffix, dummy_prefix, remove_spaces, escape_spaces;
  bool has_user, has_unused;
  float lowest, highest; /* scores of normal pieces */
  ln_span unknown_surface;
  ln_flat_vector charsmap; /* a trie of what normalization replaces, its values places in `replacements` */
  ln_span replacements;    /* NUL-terminated strings */
  int32_t byte_ids[256];   /* -1 none */
  ln_sp_piece *pieces;     /* [count] by id */
  int32_t *sorted;         /* [sorted_count] ids of pieces that text may match, by their bytes */
  int32_t sorted_count;
} ln_sp_model;

/* How many bytes ln_sp_model_index fills for this proto; false, with a reason in *why, when it is none. */
bool ln_sp_model_scan(ln_span proto, size_t *bytes, const char **why);
/* Makes the model in `memory`, which ln_sp_model_scan sized. The proto must outlive it. */
bool ln_sp_model_index(ln_span proto, void *memory, const char **why);

/* A search of matching pieces, extended byte by byte. */
typedef struct ln_sp_cursor {
  int32_t low, high; /* within `sorted` */
  size_t depth;
} ln_sp_cursor;
static inline ln_sp_cursor ln_sp_cursor_make(const ln_sp_model *model) {
  const ln_sp_cursor cursor = {0, model->sorted_count, 0};
  return cursor;
}
/* False when no piece goes on so. *id is that of the piece that ends here, else -1. */
bool ln_sp_cursor_step(const ln_sp_model *model, ln_sp_cursor *cursor, uint8_t byte, int32_t *id);
int32_t ln_sp_find(const ln_sp_model *model, ln_span text); /* -1 for none */

/* The byte that "<0x4E>" names; -1 for another text. */
int32_t ln_sp_byte(ln_span text);

/* One token: its id and the bytes of the normalized text that it stands for. */
typedef struct ln_sp_token {
  int32_t id;
  int32_t start, end;
} ln_sp_token;

/* Text on its way: reused from text to text. */
typedef struct ln_sp_state {
  const ln_node *node;
  const ln_sp_model *model;
  ln_text_list normalized; /* the tail being made is the text */
  ln_number_list origins;  /* [length + 1] where each of its bytes comes from */
  ln_sp_token *tokens;
  size_t token_count;
  void *work;
  size_t work_bytes;
} ln_sp_state;

ln_sp_state ln_sp_state_make(const ln_node *node, const ln_sp_model *model);
void ln_sp_state_free(ln_sp_state *state);
/* Normalizes and segments; the tokens stand in the state. LN_ERR_MEMORY or LN_ERR_LIMIT when memory is short. */
ln_status ln_sp_encode(ln_sp_state *state, ln_span text);
/* The text of ids, of which the caller checked that they are in the model, put to `out`. `texts` [count], which may be
 * NULL, are the pieces that the ids were found by: they stand for themselves where the id is the unknown piece's. */
void ln_sp_decode(const ln_sp_model *model, const int32_t *ids, const ln_span *texts, size_t count, ln_text_list *out);

#endif
