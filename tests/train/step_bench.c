/*
 * What a step of training takes: step_bench MODEL.tflite [--threads N] [--seconds S] [--builtin] [--profile] [--steps]
 * The model's first dimension is the batch; its one output are logits. A step is forward, gradients by every float
 * constant, and Adam. Prints JSON; with --profile a line an operator, its least time; with --steps it waits for a line
 * of standard input before each round of steps, so that rounds of two programs take turns (bench/train_step.py).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "linnet/linnet.h"
#include "ops/host.h"
#include "train/trainer.h"

enum { MOST = 256, MOST_OPERATORS = 4096 };

typedef struct least {
  const char *name, *tensor;
  int64_t nanoseconds;
} least;

typedef struct bench {
  const char *path;
  int threads;
  double seconds;
  bool builtin, profile, rounds;
  ln_error err;
  ln_model *source, *step;
  ln_optimizer o;
  ln_session *session;
  ln_settings *settings;
  int32_t batch, count; /* count of what is trained */
  int32_t tensors[MOST], gradients[MOST];
  size_t elements[MOST];
  float *values[MOST], *first[MOST], *second[MOST];
  least least[MOST_OPERATORS]; /* with --profile */
} bench;

static void fail(const bench *b, const char *what) {
  fprintf(stderr, "step_bench: %s: %s\n", what, b->err.message);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Float constants become inputs behind the model's own. */
static void take_params(bench *b) {
  ln_graph *graph = ln_optimizer_graph(&b->o);
  ln_arena *arena = ln_optimizer_arena(&b->o);
  int32_t *inputs = ln_arena_array(arena, MOST + 2, sizeof *inputs);
  inputs[0] = graph->inputs[0];
  for (int32_t i = 0; i < graph->tensor_count && b->count < MOST; ++i) {
    ln_tensor *tensor = &graph->tensors[i];
    if (tensor->type != LN_FLOAT32 || !ln_tensor_const_data(tensor) || tensor->bytes == 0) continue;
    const int32_t n = b->count++;
    b->tensors[n] = i;
    b->elements[n] = tensor->bytes / 4;
    b->values[n] = aligned_alloc(64, (tensor->bytes + 63) / 64 * 64);
    b->first[n] = calloc(b->elements[n] + LN_UPDATE_MULTIPLE, 4);
    b->second[n] = calloc(b->elements[n] + LN_UPDATE_MULTIPLE, 4);
    memcpy(b->values[n], tensor->data, tensor->bytes);
    inputs[2 + n] = i;
    tensor->storage = LN_STORAGE_NONE;
    tensor->data = NULL;
    tensor->bytes = 0;
    tensor->buffer = 0;
  }
  graph->inputs = inputs;
}

/* mean over the batch of -sum(targets * log_softmax(logits)) */
static int32_t add_loss(bench *b, ln_grad *g, int32_t *targets) {
  const int32_t logits = ln_optimizer_graph(&b->o)->outputs[0];
  const ln_shape shape = *ln_grad_shape(g, logits);
  b->batch = shape.dims[0];
  *targets = ln_edit_add_tensor(&b->o, "targets", LN_FLOAT32, &shape, &ln_quant_none);
  const int32_t log = ln_grad_unary(g, LN_OP_LOG_SOFTMAX, logits);
  const int32_t sum = ln_grad_sum(g, ln_grad_mul(g, log, *targets), 3);
  return ln_grad_reshape_dims(g, ln_grad_scale(g, sum, -1.0f / (float)shape.dims[0]), 0, NULL);
}

static void make_step(bench *b) {
  int32_t targets = -1;
  ln_session *shapes = NULL;
  b->o = (ln_optimizer){.source = b->source, .err = &b->err};
  if (ln_edit_begin(b->source, &b->err, &b->o.model) != LN_OK) fail(b, b->path);
  if (ln_session_create(b->source, NULL, &b->err, &shapes) != LN_OK) fail(b, b->path);
  if (ln_grad_take_shapes(&b->o, shapes) != LN_OK) fail(b, "shapes");
  ln_session_destroy(shapes);
  take_params(b);
  ln_grad g = {.o = &b->o};
  const int32_t loss = add_loss(b, &g, &targets);
  ln_graph *graph = ln_optimizer_graph(&b->o);
  graph->inputs[1] = targets;
  graph->input_count = 2 + b->count;
  if (g.status != LN_OK) fail(b, "the loss");
  const ln_status status =
      (b->builtin ? ln_grad_build : ln_grad_build_fast)(&b->o, loss, b->tensors, b->count, b->gradients);
  if (status != LN_OK) fail(b, "gradients");
  graph->outputs = ln_arena_array(ln_optimizer_arena(&b->o), MOST + 1, sizeof(int32_t));
  graph->outputs[0] = loss;
  for (int32_t i = 0; i < b->count; ++i) {
    if (b->gradients[i] < 0) fail(b, "a weight has no gradient");
    graph->outputs[i + 1] = b->gradients[i];
  }
  graph->output_count = b->count + 1;
  b->o.model->signature_count = 0;
  if (ln_grad_snapshot(b->o.model, &b->err, &b->step) != LN_OK) fail(b, "the step");
}

/* Keeps the least time of each operator: neighbours on the machine only add to it. */
static bool watch(void *user, const ln_operator_event *event) {
  bench *b = user;
  if (!event->after || event->inside || event->index < 0 || event->index >= MOST_OPERATORS) return true;
  least *l = &b->least[event->index];
  if (l->name == NULL || event->nanoseconds < l->nanoseconds) l->nanoseconds = event->nanoseconds;
  l->name = event->operator_name;
  l->tensor = event->tensor_name;
  return true;
}

static void open_session(bench *b) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = b->threads;
  if (b->profile) {
    options.on_operator = watch;
    options.user = b;
  }
  if (ln_session_create(b->step, &options, &b->err, &b->session) != LN_OK) fail(b, "session");
  for (int32_t i = 0; i < b->count; ++i) {
    if (ln_session_bind_input(b->session, 2 + i, b->values[i], b->elements[i] * 4, &b->err) != LN_OK) fail(b, "bind");
  }
  if (ln_session_prepare(b->session, &b->err) != LN_OK) fail(b, "prepare");
  float *x = ln_session_input(b->session, 0)->data, *y = ln_session_input(b->session, 1)->data;
  const size_t count = ln_tensor_elements(ln_session_input(b->session, 0));
  const size_t classes = ln_tensor_elements(ln_session_input(b->session, 1)) / (size_t)b->batch;
  uint32_t seed = 1;
  for (size_t i = 0; i < count; ++i) x[i] = (float)((seed = seed * 1664525u + 1013904223u) >> 8) / 16777216.0f;
  for (int32_t i = 0; i < b->batch; ++i) {
    for (size_t k = 0; k < classes; ++k) y[(size_t)i * classes + k] = k == (size_t)i % classes;
  }
}

enum { BLOCK = 4096 };

typedef struct share {
  bench *b;
  int32_t param;
  const float *numbers;
} share;

static void update_task(void *context, int32_t task, int32_t worker) {
  const share *s = context;
  bench *b = s->b;
  const int32_t i = s->param;
  const size_t begin = (size_t)task * BLOCK, left = b->elements[i] - begin;
  float *const slots[LN_UPDATE_SLOTS] = {b->first[i], b->second[i]};
  (void)worker;
  ln_update_find("adam")->update(s->numbers, b->values[i], ln_tensor_data(ln_session_output(b->session, i + 1)), slots,
                                 begin, begin + (left < BLOCK ? left : BLOCK));
}

static void adam(bench *b, int step) {
  const ln_update_def *def = ln_update_find("adam");
  float numbers[LN_UPDATE_NUMBERS] = {0};
  def->prepare(b->settings, def->parameters, step, 0.001, 0, numbers);
  for (int32_t i = 0; i < b->count; ++i) {
    share s = {b, i, numbers};
    ln_pool_run(b->elements[i] > BLOCK ? ln_session_pool(b->session) : NULL,
                (int32_t)((b->elements[i] + BLOCK - 1) / BLOCK), update_task, &s);
  }
}

static double one_step(bench *b, int step) {
  const double begin = now();
  if (ln_session_run(b->session, &b->err) != LN_OK) fail(b, "run");
  adam(b, step);
  return now() - begin;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static void print_profile(const bench *b) {
  double all = 0;
  for (int32_t i = 0; i < MOST_OPERATORS; ++i) {
    const least *l = &b->least[i];
    if (l->name == NULL) continue;
    printf("%8.3f ms  %-30s %s\n", 1e-6 * (double)l->nanoseconds, l->name, l->tensor);
    all += 1e-6 * (double)l->nanoseconds;
  }
  printf("%8.3f ms in operators\n", all);
}

static void report(bench *b, double *times, int count) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  ln_session_stats stats = {.size = sizeof stats};
  ln_session_get_stats(b->session, &stats);
  qsort(times, (size_t)count, sizeof *times, by_size);
  printf(
      "{\"min_ms\": %.3f, \"median_ms\": %.3f, \"steps\": %d, \"batch\": %d, \"threads\": %d, \"peak_rss_kb\": %ld, "
      "\"arena_bytes\": %zu, \"macs\": %lld, \"loss\": %.6f}\n",
      times[0] * 1e3, times[count / 2] * 1e3, count, (int)b->batch, b->threads, usage.ru_maxrss, stats.arena_bytes,
      (long long)stats.macs, (double)*(const float *)ln_tensor_data(ln_session_output(b->session, 0)));
  fflush(stdout);
}

int main(int argc, char **argv) {
  static bench b = {.threads = 2, .seconds = 2};
  enum { MOST_STEPS = 100000 };
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc) b.threads = atoi(argv[++i]);
    else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) b.seconds = atof(argv[++i]);
    else if (strcmp(argv[i], "--builtin") == 0) b.builtin = true;
    else if (strcmp(argv[i], "--profile") == 0) b.profile = true;
    else if (strcmp(argv[i], "--steps") == 0) b.rounds = true;
    else b.path = argv[i];
  }
  if (b.path == NULL) return 2;
  if (ln_model_open(b.path, &b.err, &b.source) != LN_OK) fail(&b, b.path);
  b.settings = ln_settings_create();
  make_step(&b);
  open_session(&b);
  double *times = malloc(MOST_STEPS * sizeof *times);
  int step = 1, count = 0;
  char line[64];
  for (; step <= 3; ++step) one_step(&b, step);
  memset(b.least, 0, sizeof b.least);
  do {
    if (b.rounds && fgets(line, sizeof line, stdin) == NULL) break;
    const double until = now() + b.seconds;
    for (count = 0; count < 3 || (now() < until && count < MOST_STEPS); ++count) times[count] = one_step(&b, step++);
    if (b.profile) print_profile(&b);
    report(&b, times, count);
  } while (b.rounds);
  ln_session_destroy(b.session);
  ln_settings_destroy(b.settings);
  ln_model_destroy(b.step);
  ln_model_destroy(b.o.model);
  ln_model_destroy(b.source);
  free(times);
  return 0;
}
