/*
 * Fork-join over numbered tasks. Workers spin for a short while after a run, so that the steps of one inference do not
 * pay for a wake-up each, and then sleep. Each worker begins with tasks of its own, the same part of the numbers in
 * every run, since what it wrote in the step before lies in its cache; then it takes others'. Which worker takes which
 * task still differs from run to run: tasks do not depend on one another, so results do not.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/base.h"

enum { SPINS_BEFORE_SLEEP = 20000, SPINS_BEFORE_YIELD = 2000, MAX_THREADS = 256, LINE_BYTES = 64 };

/*
 * The tasks of a worker. The generation above, those not taken yet below: a worker that comes late finds none, or those
 * of a run that it has not seen begin, and either is right. So a run ends with its last task, whichever workers the
 * system let run.
 */
typedef struct ln_lot {
  atomic_uint_fast64_t tasks;
  char apart[LINE_BYTES - sizeof(atomic_uint_fast64_t)]; /* each in a cache line of its own */
} ln_lot;

typedef struct ln_worker {
  struct ln_pool *pool;
  pthread_t thread;
  int32_t index;
} ln_worker;

struct ln_pool {
  int32_t threads;
  int32_t started; /* workers whose thread runs */
  ln_worker *workers;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  atomic_uint generation; /* raised once a run, and once to stop */
  atomic_bool stop;
  ln_lot *lots;          /* [threads] */
  atomic_int unfinished; /* tasks of the run that are not done */
  atomic_int sleepers;   /* changed under lock */
  int32_t count;
  ln_task_fn fn;
  void *context;
};

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/* The first task of a worker: the caller's are rounded up. */
static int32_t lot_begin(const ln_pool *pool, int32_t count, int32_t worker) {
  return (int32_t)(((int64_t)count * worker + pool->threads - 1) / pool->threads);
}

static void take_lot(ln_pool *pool, int32_t lot, int32_t worker) {
  atomic_uint_fast64_t *left_of = &pool->lots[lot].tasks;
  uint_fast64_t tasks = atomic_load_explicit(left_of, memory_order_acquire);
  for (;;) {
    const uint32_t left = (uint32_t)(tasks & UINT32_MAX);
    if (left == 0) return;
    if (!atomic_compare_exchange_weak_explicit(left_of, &tasks, tasks - 1, memory_order_acquire,
                                               memory_order_acquire)) {
      continue;
    }
    /* A task in hand keeps the run from ending, so count, fn and context are this run's. */
    pool->fn(pool->context, lot_begin(pool, pool->count, lot + 1) - (int32_t)left, worker);
    atomic_fetch_sub_explicit(&pool->unfinished, 1, memory_order_release);
    tasks = atomic_load_explicit(left_of, memory_order_acquire);
  }
}

static void take_tasks(ln_pool *pool, int32_t worker) {
  for (int32_t lot = worker; lot < pool->threads; ++lot) take_lot(pool, lot, worker);
  for (int32_t lot = 0; lot < worker; ++lot) take_lot(pool, lot, worker);
}

static unsigned wait_for_next(ln_pool *pool, unsigned seen) {
  for (int32_t i = 0; i < SPINS_BEFORE_SLEEP; ++i) {
    const unsigned now = atomic_load_explicit(&pool->generation, memory_order_acquire);
    if (now != seen) return now;
    relax();
  }
  pthread_mutex_lock(&pool->lock);
  atomic_fetch_add(&pool->sleepers, 1); /* before the generation is looked at: who raises it then sees a sleeper */
  while (atomic_load(&pool->generation) == seen) pthread_cond_wait(&pool->wake, &pool->lock);
  atomic_fetch_sub(&pool->sleepers, 1);
  pthread_mutex_unlock(&pool->lock);
  return atomic_load_explicit(&pool->generation, memory_order_acquire);
}

static void *worker_main(void *argument) {
  ln_worker *self = argument;
  ln_pool *pool = self->pool;
  unsigned seen = 0;
  for (;;) {
    seen = wait_for_next(pool, seen);
    if (atomic_load_explicit(&pool->stop, memory_order_acquire)) return NULL;
    take_tasks(pool, self->index);
  }
}

static void next_generation(ln_pool *pool) {
  atomic_fetch_add(&pool->generation, 1);
  if (atomic_load(&pool->sleepers) == 0) return;
  pthread_mutex_lock(&pool->lock);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
}

ln_pool *ln_pool_create(int32_t threads) {
  if (threads < 1) threads = 1;
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  ln_pool *pool = ln_alloc_zero(sizeof *pool);
  ln_worker *workers = ln_alloc_array((size_t)threads, sizeof *workers);
  ln_lot *lots = ln_alloc_array((size_t)threads, sizeof *lots);
  if (pool == NULL || workers == NULL || lots == NULL) {
    ln_free(pool);
    ln_free(workers);
    ln_free(lots);
    return NULL;
  }
  for (int32_t i = 0; i < threads; ++i) atomic_init(&lots[i].tasks, 0);
  pool->workers = workers;
  pool->lots = lots;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->wake, NULL);
  /* A system that grants fewer threads gets a smaller pool: the results are the same. */
  for (int32_t i = 1; i < threads; ++i) {
    ln_worker *worker = &workers[pool->started];
    *worker = (ln_worker){.pool = pool, .index = pool->started + 1};
    if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) break;
    ++pool->started;
  }
  pool->threads = pool->started + 1;
  return pool;
}

void ln_pool_destroy(ln_pool *pool) {
  if (pool == NULL) return;
  atomic_store_explicit(&pool->stop, true, memory_order_release);
  next_generation(pool);
  for (int32_t i = 0; i < pool->started; ++i) pthread_join(pool->workers[i].thread, NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->lock);
  ln_free(pool->workers);
  ln_free(pool->lots);
  ln_free(pool);
}

int32_t ln_pool_threads(const ln_pool *pool) { return pool == NULL ? 1 : pool->threads; }

/*
 * Starting and joining a run costs a fraction of a microsecond while the workers are awake. Four parts a thread even
 * out what the threads differ by.
 */
enum { LEAST_NS = 3200, LEAST_PART_NS = 1500, PART_NS = 10000, MOST_PARTS = 4 };

int32_t ln_pool_parts(const ln_pool *pool, int64_t nanoseconds) {
  const int32_t threads = ln_pool_threads(pool);
  if (threads == 1 || nanoseconds < LEAST_NS) return 1;
  int64_t parts = nanoseconds / PART_NS;
  if (parts > (int64_t)threads * MOST_PARTS) parts = (int64_t)threads * MOST_PARTS;
  if (parts < threads) parts = nanoseconds / LEAST_PART_NS < threads ? nanoseconds / LEAST_PART_NS : threads;
  return (int32_t)(parts > threads ? parts / threads * threads : parts);
}

int32_t ln_pool_share(const ln_pool *pool, int32_t items, int32_t most, int64_t nanoseconds) {
  const int32_t threads = ln_pool_threads(pool);
  int32_t tasks = (items - 1) / most + 1;
  const int32_t parts = ln_pool_parts(pool, nanoseconds);
  if (tasks < parts) tasks = parts;
  if (parts > 1 && tasks < threads * MOST_PARTS) tasks = (tasks + threads - 1) / threads * threads;
  if (tasks > items) tasks = items;
  return (items - 1) / tasks + 1;
}

void ln_pool_run(ln_pool *pool, int32_t count, ln_task_fn fn, void *context) {
  if (pool == NULL || pool->started == 0 || count <= 1) {
    for (int32_t task = 0; task < count; ++task) fn(context, task, 0);
    return;
  }
  pool->fn = fn;
  pool->context = context;
  pool->count = count;
  atomic_store_explicit(&pool->unfinished, count, memory_order_relaxed);
  const uint_fast64_t generation = (uint_fast64_t)atomic_load_explicit(&pool->generation, memory_order_relaxed) + 1;
  for (int32_t lot = 0, begin = 0; lot < pool->threads; ++lot) {
    const int32_t end = lot_begin(pool, count, lot + 1);
    atomic_store_explicit(&pool->lots[lot].tasks, generation << 32 | (uint32_t)(end - begin), memory_order_release);
    begin = end;
  }
  next_generation(pool);
  take_tasks(pool, 0);
  for (int32_t i = 0; atomic_load_explicit(&pool->unfinished, memory_order_acquire) > 0; ++i) {
    if (i < SPINS_BEFORE_YIELD) relax();
    else sched_yield(); /* whoever holds the last task may be waiting for this core */
  }
}
