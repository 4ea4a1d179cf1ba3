/*
 * Tensors of torch.save files. Their list is a pickle, which is not run: the opcodes that write data are read into
 * values of a few kinds, and of the functions that it names only those are understood that put tensors together.
 */
#include <stdio.h>
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

typedef enum kind {
  NONE,
  NUMBER,
  TEXT,
  LIST, /* tuples, too */
  DICT,
  FUNCTION, /* rebuilds a tensor, makes a dictionary */
  STORAGE,  /* "torch.FloatStorage", or one with its key */
  TENSOR,
  MARK,
  OTHER
} kind;

typedef enum function { REBUILD_TENSOR, REBUILD_PARAMETER, ORDERED_DICT, SIZE } function;

typedef struct item item;
struct item {
  kind kind;
  int64_t number; /* a function's; a storage's type */
  const char *text;
  size_t length;
  item **items; /* of a list; key, value, ... of a dictionary */
  int32_t count, capacity;
  torch_payload tensor;
};

typedef struct reader {
  ln_import *import;
  ln_arena arena; /* of items */
  const uint8_t *at, *end;
  item **stack, **memo;
  int32_t depth, stack_capacity, memo_count, memo_capacity;
  const void *zip;
  size_t zip_size;
  char folder[TORCH_NAME];
  torch_weights *out;
  bool bad;
} reader;

/* ---- items ---- */

static item *fail(reader *r, const char *reason) {
  if (!r->bad) ln_import_fail(r->import, LN_ERR_FORMAT, "the weights' list cannot be read: %.120s", reason);
  r->bad = true;
  return NULL;
}

static item *make(reader *r, kind what) {
  item *made = r->bad ? NULL : ln_arena_alloc(&r->arena, sizeof *made);
  if (made == NULL) return fail(r, "memory is short");
  made->kind = what;
  return made;
}

static item *number(reader *r, int64_t value) {
  item *made = make(r, NUMBER);
  if (made != NULL) made->number = value;
  return made;
}

static bool grow(reader *r, item ***array, int32_t count, int32_t *capacity) {
  if (count < *capacity) return true;
  if (count > INT32_MAX / 4) return fail(r, "it is too long") != NULL;
  const int32_t wanted = count * 2 + 16;
  item **moved = ln_arena_array(&r->arena, (size_t)wanted, sizeof(item *));
  if (moved == NULL) return fail(r, "memory is short") != NULL;
  if (count > 0) memcpy(moved, *array, (size_t)count * sizeof(item *));
  *array = moved;
  *capacity = wanted;
  return true;
}

static void push(reader *r, item *value) {
  if (value == NULL || r->bad || !grow(r, &r->stack, r->depth, &r->stack_capacity)) return;
  r->stack[r->depth++] = value;
}

static item *pop(reader *r) {
  if (r->bad || r->depth == 0) return fail(r, "its stack is empty");
  return r->stack[--r->depth];
}

static item *top(reader *r) { return r->bad || r->depth == 0 ? fail(r, "its stack is empty") : r->stack[r->depth - 1]; }

static void append(reader *r, item *list, item *value) {
  if (list == NULL || value == NULL || r->bad || !grow(r, &list->items, list->count, &list->capacity)) return;
  list->items[list->count++] = value;
}

/* Where the last mark stands; what is above it, in order, goes to `list`. */
static void take_marked(reader *r, item *list) {
  int32_t at = r->depth - 1;
  while (at >= 0 && r->stack[at]->kind != MARK) --at;
  if (at < 0 || r->bad) {
    fail(r, "a mark is missing");
    return;
  }
  for (int32_t i = at + 1; i < r->depth; ++i) append(r, list, r->stack[i]);
  r->depth = at;
}

/* ---- bytes ---- */

static uint64_t bytes(reader *r, int32_t count) {
  uint64_t value = 0;
  if (r->end - r->at < count) {
    fail(r, "it is cut short");
    return 0;
  }
  for (int32_t i = count - 1; i >= 0; --i) value = value << 8 | r->at[i];
  r->at += count;
  return value;
}

static item *text(reader *r, size_t length) {
  item *made = make(r, TEXT);
  if (made == NULL || (size_t)(r->end - r->at) < length) return fail(r, "it is cut short");
  char *copy = ln_arena_alloc(&r->arena, length + 1);
  if (copy == NULL) return fail(r, "memory is short");
  memcpy(copy, r->at, length);
  made->text = copy;
  made->length = length;
  r->at += length;
  return made;
}

/* A line, without its end. */
static item *line(reader *r) {
  const uint8_t *stop = memchr(r->at, '\n', (size_t)(r->end - r->at));
  if (stop == NULL) return fail(r, "it is cut short");
  item *made = text(r, (size_t)(stop - r->at));
  ++r->at;
  return made;
}

static item *long_number(reader *r) {
  const int32_t length = (int32_t)bytes(r, 1);
  if (length > 8) return fail(r, "a number is too large");
  const uint64_t value = bytes(r, length);
  const bool negative = length > 0 && length < 8 && (value >> (8 * length - 1) & 1) != 0;
  return number(r, (int64_t)(negative ? value | ~(uint64_t)0 << (8 * length) : value));
}

/* ---- what names stand for ---- */

static item *global(reader *r, const item *module, const item *name) {
  static const struct {
    const char *name;
    function what;
  } functions[] = {{"torch._utils._rebuild_tensor_v2", REBUILD_TENSOR},
                   {"torch._utils._rebuild_tensor", REBUILD_TENSOR},
                   {"torch._utils._rebuild_parameter", REBUILD_PARAMETER},
                   {"collections.OrderedDict", ORDERED_DICT},
                   {"torch.Size", SIZE}};
  static const struct {
    const char *name;
    ln_type type;
  } storages[] = {{"torch.FloatStorage", LN_FLOAT32}, {"torch.DoubleStorage", LN_FLOAT64},
                  {"torch.HalfStorage", LN_FLOAT16},  {"torch.BFloat16Storage", LN_BFLOAT16},
                  {"torch.LongStorage", LN_INT64},    {"torch.IntStorage", LN_INT32},
                  {"torch.ShortStorage", LN_INT16},   {"torch.CharStorage", LN_INT8},
                  {"torch.ByteStorage", LN_UINT8},    {"torch.BoolStorage", LN_BOOL}};
  char whole[200];
  if (module == NULL || name == NULL || module->kind != TEXT || name->kind != TEXT) return fail(r, "a name is missing");
  snprintf(whole, sizeof whole, "%.90s.%.90s", module->text, name->text);
  item *made = make(r, FUNCTION);
  for (size_t i = 0; made != NULL && i < LN_COUNT(functions); ++i) {
    if (strcmp(functions[i].name, whole) != 0) continue;
    made->number = functions[i].what;
    return made;
  }
  for (size_t i = 0; made != NULL && i < LN_COUNT(storages); ++i) {
    if (strcmp(storages[i].name, whole) != 0) continue;
    made->kind = STORAGE;
    made->number = storages[i].type;
    return made;
  }
  if (!r->bad) {
    ln_import_fail(r->import, LN_ERR_UNSUPPORTED,
                   "the weights' list names \"%.120s\", which is no data; nothing is run", whole);
  }
  r->bad = true;
  return NULL;
}

/* ("storage", type, key, place, elements): numbers that lie in data/KEY. */
static item *storage(reader *r, const item *id) {
  char name[2 * TORCH_NAME];
  if (id == NULL || id->kind != LIST || id->count < 3 || id->items[1]->kind != STORAGE || id->items[2]->kind != TEXT ||
      strlen(id->items[2]->text) > 64)
    return fail(r, "a tensor's place is missing");
  item *made = make(r, STORAGE);
  if (made == NULL) return NULL;
  torch_archive inner = {.import = r->import, .data = r->zip, .size = r->zip_size};
  made->tensor.type = (ln_type)id->items[1]->number;
  snprintf(name, sizeof name, "%sdata/%s", r->folder, id->items[2]->text);
  made->tensor.data = ln_torch_member(&inner, name, true, &made->tensor.bytes);
  if (made->tensor.data == NULL) r->bad = true; /* it has been said */
  return r->bad ? NULL : made;
}

static bool numbers_of(const item *list, int64_t *out, int32_t *count) {
  if (list->kind != LIST || list->count > LN_MAX_RANK) return false;
  for (int32_t i = 0; i < list->count; ++i) {
    if (list->items[i]->kind != NUMBER) return false;
    out[i] = list->items[i]->number;
  }
  *count = list->count;
  return true;
}

/* (storage, offset, sizes, strides, ...) */
static item *rebuild(reader *r, const item *of) {
  int32_t strides;
  if (of->count < 4 || of->items[0]->kind != STORAGE || of->items[0]->tensor.data == NULL ||
      of->items[1]->kind != NUMBER)
    return fail(r, "a tensor is put together in a way that is not known");
  item *made = make(r, TENSOR);
  if (made == NULL) return NULL;
  made->tensor = of->items[0]->tensor;
  made->tensor.offset = of->items[1]->number;
  if (!numbers_of(of->items[2], made->tensor.sizes, &made->tensor.rank) ||
      !numbers_of(of->items[3], made->tensor.strides, &strides) || strides != made->tensor.rank)
    return fail(r, "a tensor has no shape");
  return made;
}

static item *reduce(reader *r, const item *what, item *of) {
  if (what == NULL || of == NULL || what->kind != FUNCTION || of->kind != LIST)
    return fail(r, "it calls what is no data");
  switch ((function)what->number) {
    case REBUILD_TENSOR: return rebuild(r, of);
    case REBUILD_PARAMETER: return of->count > 0 ? of->items[0] : fail(r, "a parameter is missing");
    case ORDERED_DICT: return make(r, DICT);
    case SIZE: return of->count > 0 && of->items[0]->kind == LIST ? of->items[0] : fail(r, "a size is missing");
  }
  return NULL;
}

/* ---- opcodes ---- */

static void put(reader *r, uint64_t at) {
  if (top(r) == NULL) return;
  if (at > (uint64_t)r->memo_count || at > INT32_MAX) {
    fail(r, "a place in its memory is skipped");
    return;
  }
  if ((int32_t)at == r->memo_count && grow(r, &r->memo, r->memo_count, &r->memo_capacity)) ++r->memo_count;
  if (!r->bad) r->memo[at] = top(r);
}

static item *get(reader *r, uint64_t at) {
  return at < (uint64_t)r->memo_count ? r->memo[at] : fail(r, "a place in its memory is empty");
}

static item *tuple(reader *r, int32_t count) {
  item *made = make(r, LIST);
  if (r->depth < count) return fail(r, "its stack is empty");
  for (int32_t i = 0; i < count; ++i) append(r, made, r->stack[r->depth - count + i]);
  r->depth -= count;
  return made;
}

static void set_items(reader *r, bool many) {
  item *added = make(r, LIST);
  if (many) {
    take_marked(r, added);
  } else {
    item *value = pop(r);
    append(r, added, pop(r));
    append(r, added, value);
  }
  item *to = top(r);
  if (to == NULL || (to->kind != DICT && to->kind != LIST)) {
    fail(r, "it adds to what is no list");
    return;
  }
  for (int32_t i = 0; i < added->count; ++i) append(r, to, added->items[i]);
}

static void append_one(reader *r) {
  item *value = pop(r), *to = top(r);
  if (to != NULL && to->kind == LIST) append(r, to, value);
  else fail(r, "it adds to what is no list");
}

static void call(reader *r) {
  item *of = pop(r);
  push(r, reduce(r, pop(r), of));
}

static void name_of(reader *r, bool from_stack) {
  item *first = from_stack ? NULL : line(r);
  item *name = from_stack ? pop(r) : line(r);
  push(r, global(r, from_stack ? pop(r) : first, name));
}

static void floating(reader *r) {
  bytes(r, 8);
  push(r, make(r, OTHER));
}

static void marked_tuple(reader *r) {
  item *made = make(r, LIST);
  if (made == NULL) return;
  take_marked(r, made);
  push(r, made);
}

/* One opcode; false at the end. The letters are those of Python's pickletools. */
static bool step(reader *r) {
  const uint8_t code = (uint8_t)bytes(r, 1);
  if (r->bad) return false;
  switch (code) {
    case 0x80: bytes(r, 1); break; /* protocol */
    case 0x95: bytes(r, 8); break; /* frame */
    case '.': return false;
    case '(': push(r, make(r, MARK)); break;
    case 'N': push(r, make(r, NONE)); break;
    case 0x88:
    case 0x89: push(r, number(r, code == 0x88)); break;
    case 'J': push(r, number(r, (int32_t)(uint32_t)bytes(r, 4))); break;
    case 'K': push(r, number(r, (int64_t)bytes(r, 1))); break;
    case 'M': push(r, number(r, (int64_t)bytes(r, 2))); break;
    case 0x8a: push(r, long_number(r)); break;
    case 'G': floating(r); break;
    case 'X': push(r, text(r, (size_t)bytes(r, 4))); break;
    case 0x8c: push(r, text(r, (size_t)bytes(r, 1))); break;
    case '}': push(r, make(r, DICT)); break;
    case ']':
    case ')': push(r, make(r, LIST)); break;
    case 't': marked_tuple(r); break;
    case 0x85:
    case 0x86:
    case 0x87: push(r, tuple(r, code - 0x84)); break;
    case 'q': put(r, bytes(r, 1)); break;
    case 'r': put(r, bytes(r, 4)); break;
    case 0x94: put(r, (uint64_t)r->memo_count); break;
    case 'h': push(r, get(r, bytes(r, 1))); break;
    case 'j': push(r, get(r, bytes(r, 4))); break;
    case 'c': name_of(r, false); break;
    case 0x93: name_of(r, true); break;
    case 'Q': push(r, storage(r, pop(r))); break;
    case 'R': call(r); break;
    case 's': set_items(r, false); break;
    case 'u':
    case 'e': set_items(r, true); break;
    case 'a': append_one(r); break;
    case 'b': pop(r); break; /* attributes of a dictionary */
    default: fail(r, "it holds what is no data; nothing is run"); break;
  }
  return !r->bad;
}

static void collect(reader *r, const item *root) {
  if (root->kind == TENSOR) {
    ln_torch_add_weight(r->import, r->out, "", &root->tensor);
    return;
  }
  for (int32_t i = 0; root->kind == DICT && i + 1 < root->count; i += 2) {
    const item *key = root->items[i], *value = root->items[i + 1];
    if (key->kind == TEXT && value->kind == TENSOR) {
      ln_torch_add_weight(r->import, r->out, key->text, &value->tensor);
    }
  }
}

/* The folder that data.pkl lies in. */
static bool find_list(reader *r) {
  char name[TORCH_NAME];
  for (int32_t i = 0; i < 64 && ln_zip_name(r->zip, r->zip_size, i, name, sizeof name); ++i) {
    const size_t length = strlen(name);
    if (length < 8 || strcmp(name + length - 8, "data.pkl") != 0) continue;
    snprintf(r->folder, sizeof r->folder, "%.*s", (int)(length - 8), name);
    return true;
  }
  return false;
}

bool ln_torch_unpickle(ln_import *import, const void *data, size_t size, torch_weights *out) {
  reader r = {.import = import, .zip = data, .zip_size = size, .out = out};
  char name[2 * TORCH_NAME];
  size_t bytes_;
  if (ln_import_failed(import)) return false;
  if (!find_list(&r)) {
    ln_import_fail(import, LN_ERR_FORMAT, "the weights are in no file of torch.save that can be read");
    return false;
  }
  torch_archive inner = {.import = import, .data = data, .size = size};
  snprintf(name, sizeof name, "%sdata.pkl", r.folder);
  r.at = ln_torch_member(&inner, name, true, &bytes_);
  if (r.at == NULL) return false;
  r.end = r.at + bytes_;
  while (step(&r)) continue;
  if (!r.bad && r.depth == 1) collect(&r, r.stack[0]);
  else if (!r.bad) fail(&r, "it does not end with one value");
  ln_arena_free(&r.arena);
  return !ln_import_failed(import);
}

#endif
