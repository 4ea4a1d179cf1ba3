/* SentencePiece's normalization, segmentation and decoding: see ops/sentencepiece.h. */
#include "ops/sentencepiece.h"

static const char space_mark[] = "\xE2\x96\x81"; /* U+2581 */
enum { MARK_BYTES = 3 };

ln_sp_state ln_sp_state_make(const ln_node *node, const ln_sp_model *model) {
  const ln_sp_state state = {
      .node = node, .model = model, .normalized = ln_text_list_make(node), .origins = ln_number_list_make(node)};
  return state;
}

void ln_sp_state_free(ln_sp_state *s) {
  ln_text_list_free(&s->normalized);
  ln_number_list_free(&s->origins);
  ln_free(s->tokens);
  ln_free(s->work);
}

static ln_span normalized(const ln_sp_state *s) { return ln_text_open_tail(&s->normalized); }

/* Bytes of the character at a place: by its first byte, as SentencePiece takes them, never beyond the end. */
static size_t character(ln_span text, size_t at) {
  static const uint8_t lengths[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
  const size_t length = lengths[(uint8_t)text.data[at] >> 4];
  return length < text.size - at ? length : text.size - at;
}

/* The longest user-defined piece that begins the text; 0 for none. */
static size_t user_piece(const ln_sp_model *m, ln_span text, int32_t *id) {
  ln_sp_cursor cursor = ln_sp_cursor_make(m);
  size_t length = 0;
  int32_t found;
  for (size_t i = 0; m->has_user && i < text.size; ++i) {
    if (!ln_sp_cursor_step(m, &cursor, (uint8_t)text.data[i], &found)) break;
    if (found < 0 || m->pieces[found].kind != LN_SP_USER) continue;
    length = i + 1;
    *id = found;
  }
  return length;
}

static bool is_mark(ln_span text, size_t at) {
  return text.size - at >= MARK_BYTES && memcmp(text.data + at, space_mark, MARK_BYTES) == 0;
}

/* ---- normalization ---- */

/* What the beginning of the text becomes, and how many bytes that beginning takes. */
static size_t normalize_prefix(const ln_sp_model *m, ln_span text, ln_span *into) {
  static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */
  int32_t id;
  uint32_t place = 0;
  size_t length = user_piece(m, text, &id);
  *into = (ln_span){text.data, length};
  if (length > 0) return length;
  length = ln_trie_longest(m->charsmap, text, &place);
  if (length > 0 && place < m->replacements.size) {
    *into = (ln_span){m->replacements.data + place, strlen(m->replacements.data + place)};
    return length;
  }
  if (ln_utf8_next(text, &length) >= 0) {
    *into = (ln_span){text.data, length};
    return length;
  }
  *into = (ln_span){replacement, sizeof replacement - 1};
  return 1;
}

static void put(ln_sp_state *s, const char *bytes, size_t size, size_t origin) {
  ln_text_put(&s->normalized, bytes, size);
  for (size_t i = 0; i < size; ++i) ln_number_add(&s->origins, (int64_t)origin);
}

static void put_space(ln_sp_state *s, size_t origin) {
  if (s->model->escape_spaces) put(s, space_mark, MARK_BYTES, origin);
  else put(s, " ", 1, origin);
}

static void put_normalized(ln_sp_state *s, ln_span text, size_t origin) {
  for (size_t i = 0; i < text.size; ++i) {
    if (text.data[i] == ' ') put_space(s, origin);
    else put(s, text.data + i, 1, origin);
  }
}

/* Drops spaces at the end; gives where they began in the source. */
static size_t drop_spaces(ln_sp_state *s, size_t consumed) {
  const size_t mark = s->model->escape_spaces ? MARK_BYTES : 1;
  for (;;) {
    const ln_span text = normalized(s);
    if (text.size < mark ||
        memcmp(text.data + text.size - mark, s->model->escape_spaces ? space_mark : " ", mark) != 0) {
      return consumed;
    }
    consumed = (size_t)s->origins.items[text.size - mark];
    ln_text_drop_tail(&s->normalized, text.size - mark);
    s->origins.count = text.size - mark;
  }
}

static void normalize(ln_sp_state *s, ln_span text) {
  const ln_sp_model *m = s->model;
  size_t at = 0;
  ln_span into;
  ln_text_drop_tail(&s->normalized, 0);
  s->origins.count = 0;
  while (m->remove_spaces && at < text.size) {
    const ln_span rest = {text.data + at, text.size - at};
    const size_t length = normalize_prefix(m, rest, &into);
    if (!ln_span_is(into, " ")) break;
    at += length;
  }
  if (at == text.size) return;
  if (m->dummy_prefix && !m->space_as_suffix) put_space(s, at);
  bool after_space = m->remove_spaces;
  while (at < text.size && s->origins.status == LN_OK && s->normalized.status == LN_OK) {
    const ln_span rest = {text.data + at, text.size - at};
    const size_t length = normalize_prefix(m, rest, &into);
    while (after_space && into.size > 0 && into.data[0] == ' ') into = (ln_span){into.data + 1, into.size - 1};
    if (into.size > 0) {
      put_normalized(s, into, at);
      after_space = into.data[into.size - 1] == ' ';
    }
    at += length;
    if (!m->remove_spaces) after_space = false;
  }
  if (s->origins.status != LN_OK || s->normalized.status != LN_OK) return; /* they may differ in length */
  if (m->remove_spaces) at = drop_spaces(s, at);
  if (m->dummy_prefix && m->space_as_suffix) put_space(s, at);
  ln_number_add(&s->origins, (int64_t)at);
}

/* ---- unigram: the path of the greatest sum of scores (Viterbi) ---- */

typedef struct lattice_node {
  float score;
  int32_t start, id; /* of the best piece that ends here; start -1: none does */
} lattice_node;

static void reach(lattice_node *to, double score, int32_t start, int32_t id) {
  if (to->start >= 0 && score <= (double)to->score) return;
  *to = (lattice_node){(float)score, start, id};
}

static void extend_lattice(const ln_sp_model *m, ln_span text, lattice_node *nodes, size_t at, float unknown) {
  const size_t step = character(text, at);
  const float before = nodes[at].score;
  ln_sp_cursor cursor = ln_sp_cursor_make(m);
  bool single = false;
  int32_t id;
  for (size_t end = at; end < text.size && ln_sp_cursor_step(m, &cursor, (uint8_t)text.data[end], &id); ++end) {
    if (id < 0 || m->pieces[id].kind == LN_SP_UNUSED) continue;
    const size_t length = end + 1 - at;
    /* A user-defined piece is taken whatever it costs: SentencePiece's score of it, in its arithmetic. */
    const double score =
        m->pieces[id].kind == LN_SP_USER ? (double)((float)length * m->highest) - 0.1 : (double)m->pieces[id].score;
    reach(&nodes[end + 1], score + (double)before, (int32_t)at, id);
    single = single || length == step;
  }
  if (!single) reach(&nodes[at + step], (double)(unknown + before), (int32_t)at, m->unknown_id);
}

static void segment_unigram(ln_sp_state *s) {
  const ln_sp_model *m = s->model;
  const ln_span text = normalized(s);
  lattice_node *nodes = s->work;
  for (size_t i = 0; i <= text.size; ++i) nodes[i] = (lattice_node){0.0f, -1, -1};
  for (size_t at = 0; at < text.size; at += character(text, at)) {
    extend_lattice(m, text, nodes, at, m->lowest - 10.0f);
  }
  size_t count = 0;
  for (size_t end = text.size; end > 0; end = (size_t)nodes[end].start) ++count;
  s->token_count = count;
  for (size_t end = text.size; end > 0; end = (size_t)nodes[end].start) {
    s->tokens[--count] = (ln_sp_token){nodes[end].id, nodes[end].start, (int32_t)end};
  }
}

/* ---- BPE: the pair of the greatest score is merged first, of equal ones the leftmost ---- */

typedef struct bpe_symbol {
  int32_t start, end;
  int32_t previous, next; /* -1 none */
  bool frozen;            /* user-defined: not merged */
} bpe_symbol;

typedef struct bpe_pair {
  float score;
  int32_t left, right, size; /* of both, to know a pair that is no more */
} bpe_pair;

typedef struct bpe {
  const ln_sp_model *model;
  ln_span text;
  bpe_symbol *symbols; /* [length] */
  bpe_pair *heap;      /* [3 * length]: a merge takes a pair and brings two */
  size_t heap_count;
  int32_t *splits; /* [pieces of the model] how an unused piece came about: bytes of its left part; NULL */
} bpe;

static bool comes_first(const bpe_pair *a, const bpe_pair *b) {
  return a->score > b->score || (a->score == b->score && a->left < b->left);
}

static void heap_push(bpe *b, bpe_pair pair) {
  size_t at = b->heap_count++;
  while (at > 0 && comes_first(&pair, &b->heap[(at - 1) / 2])) {
    b->heap[at] = b->heap[(at - 1) / 2];
    at = (at - 1) / 2;
  }
  b->heap[at] = pair;
}

static bpe_pair heap_pop(bpe *b) {
  const bpe_pair top = b->heap[0], last = b->heap[--b->heap_count];
  size_t at = 0;
  for (size_t child; (child = 2 * at + 1) < b->heap_count; at = child) {
    if (child + 1 < b->heap_count && comes_first(&b->heap[child + 1], &b->heap[child])) ++child;
    if (!comes_first(&b->heap[child], &last)) break;
    b->heap[at] = b->heap[child];
  }
  b->heap[at] = last;
  return top;
}

static void offer(bpe *b, int32_t left, int32_t right) {
  if (left < 0 || right < 0 || b->symbols[left].frozen || b->symbols[right].frozen) return;
  const bpe_symbol *l = &b->symbols[left], *r = &b->symbols[right];
  const ln_span joined = {b->text.data + l->start, (size_t)(r->end - l->start)};
  const int32_t id = ln_sp_find(b->model, joined);
  if (id < 0) return;
  const bpe_pair pair = {b->model->pieces[id].score, left, right, r->end - l->start};
  heap_push(b, pair);
  if (b->splits != NULL && b->model->pieces[id].kind == LN_SP_UNUSED) b->splits[id] = l->end - l->start;
}

static int32_t first_symbols(bpe *b) {
  int32_t count = 0, id;
  for (size_t at = 0; at < b->text.size;) {
    const ln_span rest = {b->text.data + at, b->text.size - at};
    const size_t user = user_piece(b->model, rest, &id);
    const size_t length = user > 0 ? user : character(b->text, at);
    b->symbols[count] = (bpe_symbol){(int32_t)at, (int32_t)(at + length), count - 1, -1, user > 0};
    if (count > 0) b->symbols[count - 1].next = count;
    ++count;
    at += length;
  }
  return count;
}

static void merge_all(bpe *b) {
  while (b->heap_count > 0) {
    const bpe_pair top = heap_pop(b);
    bpe_symbol *l = &b->symbols[top.left], *r = &b->symbols[top.right];
    if (l->start == l->end || r->start == r->end || r->end - l->start != top.size || l->next != top.right) continue;
    l->end = r->end;
    l->next = r->next;
    r->start = r->end;
    if (l->next >= 0) b->symbols[l->next].previous = top.left;
    offer(b, l->previous, top.left);
    offer(b, top.left, l->next);
  }
}

/*
 * A symbol as tokens; unused pieces fall apart again as they came about. The parts that wait, all to the right of the
 * one at hand, stand at the far end of the tokens: together with these they are never more than the text's bytes.
 */
static void put_symbol(ln_sp_state *s, const bpe *b, int32_t start, int32_t end) {
  const size_t bottom = b->text.size;
  size_t top = bottom;
  s->tokens[--top] = (ln_sp_token){-1, start, end};
  while (top < bottom) {
    const ln_sp_token part = s->tokens[top++];
    const ln_span text = {b->text.data + part.start, (size_t)(part.end - part.start)};
    const int32_t id = ln_sp_find(b->model, text);
    const bool unused = id >= 0 && b->splits != NULL && b->model->pieces[id].kind == LN_SP_UNUSED;
    const int32_t middle = unused ? part.start + b->splits[id] : part.start;
    if (middle <= part.start || middle >= part.end) {
      s->tokens[s->token_count++] = (ln_sp_token){id < 0 ? b->model->unknown_id : id, part.start, part.end};
      continue;
    }
    s->tokens[--top] = (ln_sp_token){-1, middle, part.end};
    s->tokens[--top] = (ln_sp_token){-1, part.start, middle};
  }
}

static void segment_bpe(ln_sp_state *s) {
  const ln_span text = normalized(s);
  bpe b = {.model = s->model, .text = text, .symbols = s->work};
  b.heap = (bpe_pair *)(b.symbols + text.size + 1);
  if (s->model->has_unused) {
    b.splits = (int32_t *)(b.heap + 3 * (text.size + 1));
    memset(b.splits, 0, (size_t)s->model->count * sizeof *b.splits); /* bounded: by the model's size */
  }
  const int32_t count = first_symbols(&b);
  for (int32_t i = 1; i < count; ++i) offer(&b, i - 1, i);
  merge_all(&b);
  s->token_count = 0;
  for (int32_t i = 0; i >= 0 && count > 0; i = b.symbols[i].next)
    put_symbol(s, &b, b.symbols[i].start, b.symbols[i].end);
}

/* ---- characters and words ---- */

static void add_token(ln_sp_state *s, ln_span text, size_t start, size_t end) {
  const ln_span part = {text.data + start, end - start};
  const int32_t id = ln_sp_find(s->model, part);
  s->tokens[s->token_count++] = (ln_sp_token){id < 0 ? s->model->unknown_id : id, (int32_t)start, (int32_t)end};
}

static void segment_characters(ln_sp_state *s) {
  const ln_span text = normalized(s);
  int32_t id;
  s->token_count = 0;
  for (size_t at = 0; at < text.size;) {
    const ln_span rest = {text.data + at, text.size - at};
    const size_t user = user_piece(s->model, rest, &id);
    const size_t length = user > 0 ? user : character(text, at);
    add_token(s, text, at, at + length);
    at += length;
  }
}

/* A word begins with its space, even where the model has spaces at the ends of words. */
static void segment_words(ln_sp_state *s) {
  const ln_span text = normalized(s);
  size_t start = 0;
  s->token_count = 0;
  for (size_t at = 0; at < text.size; at += character(text, at)) {
    if (at == start || !is_mark(text, at)) continue;
    add_token(s, text, start, at);
    start = at;
  }
  if (start < text.size) add_token(s, text, start, text.size);
}

/* ---- all together ---- */

/* Runs of unknown pieces become one; with byte fallback each byte of them a token. */
static void settle_unknowns(ln_sp_state *s) {
  size_t kept = 0;
  for (size_t i = 0; i < s->token_count; ++i) {
    const ln_sp_token token = s->tokens[i];
    const bool again = kept > 0 && token.id == s->model->unknown_id && s->tokens[kept - 1].id == token.id;
    if (again) s->tokens[kept - 1].end = token.end;
    else s->tokens[kept++] = token;
  }
  s->token_count = kept;
  if (!s->model->byte_fallback) return;
  const ln_span text = normalized(s);
  size_t total = 0;
  for (size_t i = 0; i < kept; ++i) {
    total += s->tokens[i].id == s->model->unknown_id ? (size_t)(s->tokens[i].end - s->tokens[i].start) : 1;
  }
  s->token_count = total;
  for (size_t i = kept; i > 0; --i) { /* from the back: there is room for one token a byte */
    const ln_sp_token token = s->tokens[i - 1];
    if (token.id != s->model->unknown_id) {
      s->tokens[--total] = token;
      continue;
    }
    for (int32_t at = token.end - 1; at >= token.start; --at) {
      s->tokens[--total] = (ln_sp_token){s->model->byte_ids[(uint8_t)text.data[at]], at, at + 1};
    }
  }
}

/* Room for one token a byte, and for what the segmentation needs. */
static ln_status make_room(ln_sp_state *s, size_t length) {
  size_t bytes, tokens;
  const bool bpe_like = s->model->type == LN_SP_BPE;
  const size_t each = bpe_like ? sizeof(bpe_symbol) + 3 * sizeof(bpe_pair) : sizeof(lattice_node);
  if (!ln_size_mul(length + 1, each, &bytes) || !ln_size_mul(length + 1, sizeof(ln_sp_token), &tokens)) {
    return LN_ERR_LIMIT;
  }
  if (bpe_like && s->model->has_unused) bytes += (size_t)s->model->count * sizeof(int32_t); /* bounded: by the model */
  if (bytes + tokens <= s->work_bytes) return LN_OK;
  LN_TRY(ln_host_check_room(s->node, bytes + tokens, NULL));
  ln_free(s->work);
  ln_free(s->tokens);
  s->work = ln_alloc(bytes);
  s->tokens = ln_alloc(tokens);
  s->work_bytes = s->work == NULL || s->tokens == NULL ? 0 : bytes + tokens;
  return s->work_bytes == 0 ? LN_ERR_MEMORY : LN_OK;
}

ln_status ln_sp_encode(ln_sp_state *s, ln_span text) {
  s->token_count = 0;
  normalize(s, text);
  if (s->normalized.status != LN_OK) return s->normalized.status;
  if (s->origins.status != LN_OK) return s->origins.status;
  if (normalized(s).size == 0) return LN_OK;
  LN_TRY(make_room(s, normalized(s).size));
  switch (s->model->type) {
    case LN_SP_UNIGRAM: segment_unigram(s); break;
    case LN_SP_BPE: segment_bpe(s); break;
    case LN_SP_WORD: segment_words(s); break;
    default: segment_characters(s); break;
  }
  settle_unknowns(s);
  return LN_OK;
}

/* ---- decoding ---- */

/* Bytes of byte pieces: characters, and U+FFFD for each byte that belongs to none. */
static size_t put_bytes(const ln_sp_model *m, const int32_t *ids, size_t count, ln_text_list *out) {
  size_t run = 0;
  while (run < count && m->pieces[ids[run]].kind == LN_SP_BYTE) ++run;
  for (size_t i = 0; i < run;) {
    char bytes[4];
    const size_t there = run - i < 4 ? run - i : 4;
    for (size_t j = 0; j < there; ++j) bytes[j] = (char)ln_sp_byte(m->pieces[ids[i + j]].text);
    const ln_span span = {bytes, there};
    size_t length = 0;
    if (ln_utf8_next(span, &length) >= 0) {
      ln_text_put(out, bytes, length);
      i += length;
    } else {
      ln_text_put_code(out, 0xFFFD);
      ++i;
    }
  }
  return run;
}

void ln_sp_decode(const ln_sp_model *m, const int32_t *ids, const ln_span *texts, size_t count, ln_text_list *out) {
  bool at_start = true;
  for (size_t i = 0; i < count;) {
    const ln_sp_piece *piece = &m->pieces[ids[i]];
    ln_span text = piece->text;
    bool dropped = false;
    if (piece->kind == LN_SP_BYTE) {
      i += put_bytes(m, ids + i, count - i, out);
      at_start = false;
      continue;
    }
    const bool other =
        texts != NULL && (texts[i].size != text.size || memcmp(texts[i].data, text.data, text.size) != 0);
    if (piece->kind == LN_SP_UNKNOWN) text = other ? texts[i] : m->unknown_surface;
    ++i;
    if (piece->kind == LN_SP_CONTROL) continue;
    if (at_start && (m->dummy_prefix || m->remove_spaces) && is_mark(text, 0)) {
      text = (ln_span){text.data + MARK_BYTES, text.size - MARK_BYTES};
      dropped = !m->remove_spaces; /* else all marks at the beginning go */
    }
    if (dropped || text.size > 0) at_start = false;
    for (size_t at = 0; at < text.size;) {
      const bool mark = is_mark(text, at);
      ln_text_put(out, mark ? " " : text.data + at, 1);
      at += mark ? MARK_BYTES : 1;
    }
  }
}
