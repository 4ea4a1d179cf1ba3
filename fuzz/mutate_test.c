/*
 * Damaged models through load, inspect, write, prepare, run, resize and run again: 2,000 seeded mutations of six real
 * models (or of small ones of the repository where those are not at hand), or with --cases of all the operators' cases,
 * where little but attributes and shapes can be hit. Any status is a good answer; a crash, a sanitizer's finding, a
 * message that is no single line, or a case that takes more than HANG_SECONDS is not.
 *   test_fuzz_mutate [--cases] [SEED [COUNT]] [--only I [--dump FILE]]
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/base.h"
#include "format/format.h"
#include "linnet/linnet.h"
#include "mutate_tables.h"

enum { SEEDS = 6, HANG_SECONDS = 30, STAGES = 4, STATUSES = 400 };
static const int64_t LARGEST_OPERATIONS = 2000;
static const int64_t LARGEST_MACS = 100000000; /* beyond it a case is prepared and not run: sanitizers are slow */
static const size_t LARGEST_ARENA = (size_t)1 << 27;

static const char *const real_models[SEEDS] = {
    LN_SHARED_DIR "/models/tiny_kws_int8.tflite",
    LN_SHARED_DIR "/models/tflm_trained_lstm_int8.tflite",
    LN_SHARED_DIR "/models/mp_face_detection_full_range_sparse.tflite",
    LN_SHARED_DIR "/models/litert_qwen_fc_blockwise.tflite",
    LN_SHARED_DIR "/models/tflm_audio_preprocessor_int8.tflite",
    LN_SHARED_DIR "/models/litert_multi_signature.tflite",
};
static const char *const own_models[SEEDS] = {
    LN_TESTS_DIR "/../models/fashion_mnist.tflite", LN_TESTS_DIR "/ops/cases/unary/abs_i8.tflite",
    LN_TESTS_DIR "/ops/cases/unary/neg_f32.tflite", LN_TESTS_DIR "/ops/cases/unary/neg_i32.tflite",
    LN_TESTS_DIR "/ops/cases/unary/abs_f32.tflite", LN_TESTS_DIR "/../models/fashion_mnist.tflite",
};

typedef struct source {
  char *path;
  uint8_t *data;
  size_t size;
} source;

typedef struct source_list {
  source *items;
  int32_t count;
} source_list;

static char current[256] = "no case";
static uint64_t state;

/* Sanitizers: a huge allocation is a NULL, as it is without them. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1:max_allocation_size_mb=1024"; }
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void say_where(void) {
  char text[320];
  const int length = snprintf(text, sizeof text, "in %s\n", current);
  if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0) _exit(3);
}

static void on_signal(int number) {
  say_where();
  (void)number;
  _exit(number == SIGALRM ? 4 : 5);
}

static uint32_t next_random(void) { /* splitmix64 */
  state += UINT64_C(0x9E3779B97F4A7C15);
  uint64_t z = state;
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return (uint32_t)((z ^ (z >> 31)) >> 32);
}

static size_t below(size_t limit) { return limit == 0 ? 0 : next_random() % limit; }

/* A place to change: mostly where zero bytes abound, as they do in tables and hardly in weights. */
static size_t pick_place(const uint8_t *data, size_t size) {
  size_t at = 0;
  for (int attempt = 0; attempt < 24; ++attempt) {
    at = below(size);
    if (size < 32 || attempt % 8 == 7) return at;
    const size_t window = at < size - 16 ? at : size - 16;
    int zeros = 0;
    for (size_t i = 0; i < 16; ++i) zeros += data[window + i] == 0;
    if (zeros >= 6 && zeros < 16) return at;
  }
  return at;
}

static void splice(uint8_t *data, size_t size) {
  static const uint32_t values[] = {0,     1,     2,          3,          8,          127,       255,
                                    65535, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE};
  if (size < 8) return;
  size_t at = pick_place(data, size - 4) & ~(size_t)3;
  uint32_t value = values[below(LN_COUNT(values))];
  switch (next_random() % 4) {
    case 0: value = (uint32_t)below(size); break;
    case 1: memcpy(&value, data + (below(size - 4) & ~(size_t)3), 4); break;
    case 2:
      memcpy(&value, data + at, 4);
      value += (uint32_t)(next_random() % 17) - 8;
      break;
    default: break;
  }
  memcpy(data + at, &value, 4);
}

static void shuffle(uint8_t *data, size_t size) {
  uint8_t block[64];
  const size_t length = 4 + below(60);
  if (size < 2 * length) return;
  const size_t from = pick_place(data, size - length);
  const size_t to = pick_place(data, size - length);
  memcpy(block, data + from, length);
  memmove(data + from, data + to, length);
  if (next_random() & 1) memcpy(data + to, block, length);
}

static void mutate(uint8_t *data, size_t *size) {
  /* Mostly one change: a file with several is mostly refused at once. */
  const int changes = next_random() % 4 != 0 ? 1 : 2 + (int)(next_random() % 3);
  for (int i = 0; *size > 0 && i < changes; ++i) {
    switch (next_random() % 16) {
      case 0: *size = below(*size); break;
      case 1:
      case 2: shuffle(data, *size); break;
      case 3:
      case 4:
      case 5: data[pick_place(data, *size)] = (uint8_t)next_random(); break;
      case 6:
      case 7:
      case 8: data[pick_place(data, *size)] ^= (uint8_t)(1u << (next_random() % 8)); break;
      default: splice(data, *size); break;
    }
  }
}

static int counts[STAGES][STATUSES];
static const char *const stages[STAGES] = {"load", "prepare", "run", "resize"};
static int skipped;

static void note(int stage, ln_status status, const ln_error *err) {
  if ((int)status < 0 || (int)status >= STATUSES) abort();
  ++counts[stage][status];
  if (status == LN_OK) return;
  if (err->status != status || err->message[0] == '\0' || strchr(err->message, '\n') != NULL) {
    fprintf(stderr, "a failure without a proper message: \"%s\" ", err->message);
    abort();
  }
}

/* Every accessor that a reader of a model may call. */
static void look_at(const ln_model *model) {
  char text[200];
  size_t size;
  for (int32_t i = 0; i < ln_model_metadata_count(model); ++i)
    ln_model_metadata(model, ln_model_metadata_name(model, i), &size);
  for (int32_t g = 0; g < ln_model_graph_count(model); ++g) {
    const ln_graph *graph = ln_model_graph(model, g);
    for (int32_t i = 0; i < ln_graph_op_count(graph); ++i) ln_op_attributes(ln_graph_op(graph, i), text, sizeof text);
    for (int32_t i = 0; i < ln_graph_tensor_count(graph); ++i) {
      const ln_tensor *tensor = ln_graph_tensor(graph, i);
      if (ln_tensor_scale_count(tensor) > 0) ln_tensor_scale(tensor, ln_tensor_scale_count(tensor) - 1);
      if (ln_tensor_elements(tensor) == 0 && strlen(ln_tensor_name(tensor)) > (size_t)1 << 30) abort();
    }
  }
}

static void write_back(const ln_model *model) {
  uint8_t *bytes = NULL;
  size_t size = 0;
  ln_error err = {LN_OK, ""};
  if (ln_format_write(model, &err, &bytes, &size) == LN_OK) ln_free(bytes);
}

/* Random bytes into every input, and a run where it is not too much work. */
static ln_status fill_and_run(ln_session *session, int stage) {
  ln_error err = {LN_OK, ""};
  ln_session_stats stats = {.size = sizeof stats};
  ln_session_get_stats(session, &stats);
  if (stats.macs > LARGEST_MACS || stats.macs < 0 || stats.arena_bytes > LARGEST_ARENA) {
    ++skipped;
    return LN_ERR_LIMIT;
  }
  for (int32_t i = 0; i < ln_session_input_count(session); ++i) {
    ln_tensor *input = ln_session_input(session, i);
    uint8_t *data = ln_tensor_mutable_data(input);
    if (data == NULL) continue;
    /* Indices, axes and lengths come in integers: small ones do more than huge ones. */
    const bool small = ln_type_bits(ln_tensor_type(input)) >= 32 && next_random() % 2 == 0;
    for (size_t j = 0; j < ln_tensor_bytes(input); ++j) {
      data[j] = (uint8_t)(small ? (j % 4 == 0 ? next_random() % 6 : 0) : next_random());
    }
  }
  const ln_status status = ln_session_run(session, &err);
  note(stage, status, &err);
  return status;
}

static void resize_and_run(ln_session *session) {
  ln_error err = {LN_OK, ""};
  for (int32_t i = 0; i < ln_session_input_count(session); ++i) {
    const ln_tensor *input = ln_session_input(session, i);
    int32_t dims[LN_MAX_RANK];
    const int32_t rank = next_random() % 8 == 0 ? (int32_t)below(LN_MAX_RANK + 1) : ln_tensor_rank(input);
    for (int32_t k = 0; k < rank; ++k) {
      dims[k] = next_random() % 2 == 0 && k < ln_tensor_rank(input) ? ln_tensor_dim(input, k) : (int32_t)below(9);
    }
    const ln_status status = ln_session_resize_input(session, i, dims, rank, &err);
    note(3, status, &err);
    if (status != LN_OK) return;
  }
  const ln_status status = ln_session_prepare(session, &err);
  note(3, status, &err);
  if (status == LN_OK) fill_and_run(session, 3);
}

static void run_model(ln_model *model) {
  ln_error err = {LN_OK, ""};
  ln_session *session = NULL;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.files = LN_FILES_NONE;
  options.operation_limit = LARGEST_OPERATIONS; /* a damaged loop may have no end */
  options.memory_limit = 2 * LARGEST_ARENA;     /* nor may an output whose size an input says */
  const ln_status status = ln_session_create(model, &options, &err, &session);
  note(1, status, &err);
  if (status != LN_OK) return;
  if (fill_and_run(session, 2) != LN_ERR_LIMIT) fill_and_run(session, 2);
  if (next_random() % 4 == 0) resize_and_run(session);
  ln_session_destroy(session);
}

static void try_bytes(const uint8_t *data, size_t size) {
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL;
  /* A block of its own, so that a read past its end is seen. */
  uint8_t *exact = malloc(size > 0 ? size : 1);
  if (exact == NULL) return;
  memcpy(exact, data, size);
  const ln_status status = ln_model_from_memory(exact, size, &err, &model);
  note(0, status, &err);
  if (status == LN_OK) {
    look_at(model);
    if (next_random() % 4 == 0) write_back(model);
    run_model(model);
  }
  ln_model_destroy(model);
  free(exact);
}

static bool add_source(source_list *list, const char *path) {
  ln_error err;
  ln_file_map map;
  if (ln_file_map_open(path, &err, &map) != LN_OK) {
    fprintf(stderr, "%s: %s\n", path, err.message);
    return false;
  }
  source *items = ln_realloc_array(list->items, (size_t)list->count, (size_t)list->count + 1, sizeof *items);
  uint8_t *data = malloc(map.size + 1);
  char *name = ln_strdup(path);
  if (items == NULL || data == NULL || name == NULL) return false;
  memcpy(data, map.data, map.size);
  list->items = items;
  list->items[list->count++] = (source){name, data, map.size};
  ln_file_map_close(&map);
  return true;
}

/* Every case of every family, in alphabetical order. */
static bool add_cases(source_list *list, const char *folder) {
  struct dirent **entries = NULL;
  bool good = true;
  const int count = scandir(folder, &entries, NULL, alphasort);
  for (int i = 0; i < count; ++i) {
    char path[2048];
    const char *name = entries[i]->d_name;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (good && name[0] != '.') good = strstr(name, ".tflite") != NULL ? add_source(list, path) : add_cases(list, path);
    free(entries[i]);
  }
  free(entries);
  return good;
}

static bool load_sources(bool cases, source_list *list) {
  const char *const *paths = access(real_models[0], R_OK) == 0 ? real_models : own_models;
  if (cases) return add_cases(list, LN_TESTS_DIR "/ops/cases") && list->count > 0;
  for (int i = 0; i < SEEDS; ++i) {
    if (!add_source(list, paths[i])) return false;
  }
  return true;
}

static void guard(void) {
  signal(SIGALRM, on_signal);
  signal(SIGABRT, on_signal);
#if defined(LN_ASAN)
  if (__sanitizer_set_death_callback != NULL) __sanitizer_set_death_callback(say_where);
#else
  const struct rlimit limit = {(rlim_t)4 << 30, (rlim_t)4 << 30};
  signal(SIGSEGV, on_signal);
  signal(SIGBUS, on_signal);
  signal(SIGFPE, on_signal);
  setrlimit(RLIMIT_AS, &limit);
#endif
}

static void report(void) {
  for (int stage = 0; stage < STAGES; ++stage) {
    for (int status = 0; status < STATUSES; ++status) {
      if (counts[stage][status] > 0)
        printf("%-8s %-20s %6d\n", stages[stage], ln_status_name((ln_status)status), counts[stage][status]);
    }
  }
  printf("prepared and too large to run here: %d\n", skipped);
}

int main(int argc, char **argv) {
  long seed = 1;
  long count = 2000;
  long only = -1;
  const char *dump = NULL;
  int numbers = 0;
  bool cases = false;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) only = atol(argv[++i]);
    else if (strcmp(argv[i], "--dump") == 0 && i + 1 < argc) dump = argv[++i];
    else if (strcmp(argv[i], "--cases") == 0) cases = true;
    else *(numbers++ == 0 ? &seed : &count) = atol(argv[i]);
  }
  source_list sources = {NULL, 0};
  if (!load_sources(cases, &sources)) return 77;
  guard();
  printf("seed %ld, %ld mutations\n", seed, count);
  fflush(stdout);
  for (long n = 0; n < count; ++n) {
    const source *from = &sources.items[n % sources.count];
    if (only >= 0 && n != only) continue;
    snprintf(current, sizeof current, "mutation %ld of seed %ld: %s", n, seed, from->path);
    state = (uint64_t)seed * 1000003 + (uint64_t)n;
    uint8_t *copy = malloc(from->size + 1);
    size_t size = from->size;
    if (copy == NULL) return 1;
    memcpy(copy, from->data, size);
    uint8_t *changed = NULL; /* half of the mutations keep the file well-formed and change what it says */
    if (n / sources.count % 2 != 0 || !mutate_tables(copy, size, next_random, &changed, &size)) mutate(copy, &size);
    const uint8_t *bytes = changed != NULL ? changed : copy;
    if (dump != NULL) ln_file_write(dump, bytes, size, NULL);
    alarm(HANG_SECONDS);
    try_bytes(bytes, size);
    alarm(0);
    ln_free(changed);
    free(copy);
  }
  report();
  for (int32_t i = 0; i < sources.count; ++i) {
    free(sources.items[i].data);
    ln_free(sources.items[i].path);
  }
  ln_free(sources.items);
  return 0;
}
