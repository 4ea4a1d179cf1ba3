/* linnet bench --peak: the most that this CPU computes and reads, measured. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "peak/peak.h"

/* Many short ones: some fall into moments in which nobody else has the CPU. */
enum { REPEATS = 60, MOST_THREADS = 256 };
static const double REPEAT_MS = 1;
static const size_t LARGE = (size_t)64 << 20; /* bytes of each thread that no cache holds */

/* What each thread does again and again: `work` units in one call. */
typedef struct job {
  const peak_loop *loop; /* NULL: reads or copies */
  peak_read_fn read;     /* NULL: copies the first half of its data to the second */
  size_t bytes;
} job;

typedef struct worker {
  pthread_t thread;
  pthread_barrier_t *barrier;
  const job *job;
  char *data;
  int64_t rounds;
  double ms;
  volatile double sink; /* what the loops return must go somewhere */
} worker;

static void do_rounds(worker *w) {
  peak_ones ones;
  peak_set_ones(&ones);
  if (w->job->loop) w->sink = w->job->loop->run(w->rounds, &ones);
  else if (w->job->read) w->sink = (double)w->job->read(w->data, w->job->bytes, w->rounds);
  else
    for (int64_t i = 0; i < w->rounds; i++) memcpy(w->data + w->job->bytes / 2, w->data, w->job->bytes / 2);
}

static void *work(void *argument) {
  worker *w = argument;
  pthread_barrier_wait(w->barrier);
  const double start = cli_now_ms();
  do_rounds(w);
  w->ms = cli_now_ms() - start;
  return NULL;
}

/* Units of work that one round is: multiply-adds or bytes (those read and those written). */
static double units_of(const job *j) { return j->loop ? 2 * (double)j->loop->macs : (double)j->bytes; }

/* 10^9 units a second of all threads; the best repeat. */
static double rate_of(worker *workers, int32_t threads, const job *j) {
  double best = 0;
  workers[0].job = j;
  workers[0].rounds = 1;
  for (double ms = 0; ms < REPEAT_MS / 2;) { /* also wakes the CPU up */
    const double start = cli_now_ms();
    do_rounds(&workers[0]);
    ms = cli_now_ms() - start;
    if (ms < REPEAT_MS / 2) workers[0].rounds *= 2;
  }
  for (int repeat = 0; repeat < REPEATS; repeat++) {
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads);
    double rate = 0;
    for (int32_t t = 1; t < threads; t++) {
      workers[t].job = j;
      workers[t].rounds = workers[0].rounds;
      workers[t].barrier = &barrier;
      if (pthread_create(&workers[t].thread, NULL, work, &workers[t]) != 0) abort();
    }
    workers[0].barrier = &barrier;
    work(&workers[0]);
    for (int32_t t = 0; t < threads; t++) {
      if (t > 0) pthread_join(workers[t].thread, NULL);
      rate += units_of(j) * (double)workers[t].rounds / workers[t].ms / 1e6;
    }
    pthread_barrier_destroy(&barrier);
    if (rate > best) best = rate;
  }
  return best;
}

static size_t half_of_cache(int name, size_t unknown) {
  const long bytes = sysconf(name);
  return (bytes > 0 ? (size_t)bytes : unknown) / 2 / PEAK_READ_STEP * PEAK_READ_STEP;
}

static void measure_memory(worker *workers, int32_t threads, const peak_tier *tier, bench_peak *out) {
  const job l1 = {NULL, tier->read, half_of_cache(_SC_LEVEL1_DCACHE_SIZE, 32768)};
  const job l2 = {NULL, tier->read, half_of_cache(_SC_LEVEL2_CACHE_SIZE, 524288)};
  const job large = {NULL, tier->read, LARGE}, copy = {NULL, NULL, LARGE};
  out->l1 = rate_of(workers, threads, &l1);
  out->l2 = rate_of(workers, threads, &l2);
  out->read = rate_of(workers, threads, &large);
  out->copy = rate_of(workers, threads, &copy);
}

static double loop_rate(worker *workers, int32_t threads, const peak_loop *loop) {
  const job j = {loop, NULL, 0};
  return loop->run ? rate_of(workers, threads, &j) : 0;
}

bool bench_measure_peak(int32_t threads, bool memory, bench_peak *out) {
  const peak_tier tier = peak_tier_of(ln_cpu_tier());
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  worker *workers = calloc((size_t)threads, sizeof *workers);
  bool good = workers != NULL;
  for (int32_t t = 0; good && memory && t < threads; t++) {
    if (posix_memalign((void **)&workers[t].data, 4096, LARGE) != 0) good = false;
    else memset(workers[t].data, 1, LARGE);
  }
  *out = (bench_peak){.f32_instruction = tier.f32.instruction,
                      .i8_instruction = tier.i8.instruction,
                      .bf16_instruction = tier.bf16.instruction};
  if (good) {
    out->f32 = loop_rate(workers, threads, &tier.f32);
    out->i8 = loop_rate(workers, threads, &tier.i8);
    out->bf16 = loop_rate(workers, threads, &tier.bf16);
    if (memory) measure_memory(workers, threads, &tier, out);
  }
  for (int32_t t = 0; workers && t < threads; t++) free(workers[t].data);
  free(workers);
  return good;
}

void bench_raise_peak(int32_t threads, bench_peak *peak) {
  bench_peak again;
  if (!bench_measure_peak(threads, false, &again)) return;
  if (again.f32 > peak->f32) peak->f32 = again.f32;
  if (again.i8 > peak->i8) peak->i8 = again.i8;
  if (again.bf16 > peak->bf16) peak->bf16 = again.bf16;
}

void bench_json_peak(json *j, const char *key, const bench_peak *peak) {
  json_object(j, key);
  json_real(j, "f32_gflops", peak->f32);
  json_real(j, "i8_gops", peak->i8);
  if (peak->bf16 > 0) json_real(j, "bf16_gflops", peak->bf16);
  if (peak->read > 0) {
    json_real(j, "l1_gb_s", peak->l1);
    json_real(j, "l2_gb_s", peak->l2);
    json_real(j, "read_gb_s", peak->read);
    json_real(j, "copy_gb_s", peak->copy);
  }
  json_string(j, "f32_instruction", peak->f32_instruction);
  json_string(j, "i8_instruction", peak->i8_instruction);
  json_string(j, "bf16_instruction", peak->bf16_instruction);
  json_end(j, '}');
}

static void print_line(const char *what, double value, const char *unit, const char *note) {
  if (value > 0) printf("  %-16s %9.1f %-8s%s\n", what, value, unit, note);
}

int bench_print_peak(const bench_options *options) {
  bench_peak peak;
  if (!bench_measure_peak(options->threads, true, &peak)) return cli_fail("out of memory");
  if (options->json) {
    json j;
    json_begin(&j, stdout);
    json_object(&j, NULL);
    json_string(&j, "tier", ln_cpu_tier());
    json_int(&j, "threads", options->threads);
    bench_json_peak(&j, "peak", &peak);
    json_end(&j, '}');
    return CLI_OK;
  }
  printf("peak of this CPU  %d thread%s, kernels %s\n", options->threads, options->threads == 1 ? "" : "s",
         ln_cpu_tier());
  print_line("float32", peak.f32, "GFLOP/s", peak.f32_instruction);
  print_line("int8", peak.i8, "GOP/s", peak.i8_instruction);
  print_line("bfloat16", peak.bf16, "GFLOP/s", peak.bf16_instruction);
  print_line("L1 cache, read", peak.l1, "GB/s", "");
  print_line("L2 cache, read", peak.l2, "GB/s", "");
  print_line("memory, read", peak.read, "GB/s", "");
  print_line("memory, copy", peak.copy, "GB/s", "bytes read and bytes written");
  return CLI_OK;
}
