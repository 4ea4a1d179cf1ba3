/* The thread pool: each task runs once, on a worker of the pool, for any number of threads, over many short runs. */
#include <stdatomic.h>
#include <time.h>

#include "base/base.h"
#include "support/unit.h"

enum { MOST_TASKS = 300, MOST_THREADS = 4 };

typedef struct tally {
  atomic_int runs[MOST_TASKS];
  atomic_int bad_worker;
  int32_t threads;
} tally;

static void count_task(void *context, int32_t task, int32_t worker) {
  tally *all = context;
  atomic_fetch_add(&all->runs[task], 1);
  if (worker < 0 || worker >= all->threads) atomic_fetch_add(&all->bad_worker, 1);
}

static void check_run(ln_pool *pool, int32_t count) {
  static tally all;
  memset(&all, 0, sizeof all);
  all.threads = ln_pool_threads(pool);
  ln_pool_run(pool, count, count_task, &all);
  for (int32_t i = 0; i < MOST_TASKS; ++i) assert_int_equal(atomic_load(&all.runs[i]), i < count ? 1 : 0);
  assert_int_equal(atomic_load(&all.bad_worker), 0);
}

static void each_task_runs_once(void **state) {
  (void)state;
  for (int32_t threads = 1; threads <= MOST_THREADS; ++threads) {
    ln_pool *pool = ln_pool_create(threads);
    assert_non_null(pool);
    assert_in_range(ln_pool_threads(pool), 1, threads);
    for (int32_t run = 0; run < 2000; ++run) check_run(pool, run % 2 == 0 ? run % MOST_TASKS : 3);
    ln_pool_destroy(pool);
  }
}

static void sleeping_workers_wake(void **state) {
  (void)state;
  ln_pool *pool = ln_pool_create(MOST_THREADS);
  assert_non_null(pool);
  for (int32_t run = 0; run < 20; ++run) {
    nanosleep(&(struct timespec){0, 3000000}, NULL); /* longer than the workers spin */
    check_run(pool, 17);
  }
  ln_pool_destroy(pool);
}

static void a_pool_may_never_run(void **state) {
  (void)state;
  for (int32_t i = 0; i < 50; ++i) {
    ln_pool *pool = ln_pool_create(1 + i % MOST_THREADS);
    assert_non_null(pool);
    ln_pool_destroy(pool);
  }
  ln_pool_destroy(NULL);
}

static void no_pool_is_the_callers_thread(void **state) {
  (void)state;
  assert_int_equal(ln_pool_threads(NULL), 1);
  check_run(NULL, 25);
  check_run(NULL, 0);
  ln_pool *pool = ln_pool_create(-5);
  assert_non_null(pool);
  assert_int_equal(ln_pool_threads(pool), 1);
  check_run(pool, 9);
  ln_pool_destroy(pool);
}

/* Parts and shares: small work stays on one thread, larger work comes in multiples of the threads, all of it is taken.
 */
static void work_is_shared_evenly(void **state) {
  (void)state;
  ln_pool *pool = ln_pool_create(2);
  assert_non_null(pool);
  const int32_t threads = ln_pool_threads(pool);
  assert_int_equal(ln_pool_parts(NULL, INT64_MAX), 1);
  assert_int_equal(ln_pool_parts(pool, 0), 1);
  for (int64_t work = 1; work < INT64_C(1) << 40; work *= 3) {
    const int32_t parts = ln_pool_parts(pool, work);
    assert_true(parts == 1 || parts % threads == 0);
    for (int32_t items = 1; items < 40; ++items) {
      for (int32_t most = 1; most < 12; ++most) {
        const int32_t share = ln_pool_share(pool, items, most, work);
        assert_in_range(share, 1, most);
        assert_true(share == 1 || ln_pool_share(NULL, items, most, work) >= share);
      }
    }
  }
  if (threads == 2) {
    assert_int_equal(ln_pool_share(pool, 7, 100, 100000), 1); /* four a thread */
    assert_int_equal(ln_pool_share(pool, 7, 100, 5000), 4);   /* one a thread */
    assert_int_equal(ln_pool_share(pool, 9, 3, 5000), 3);     /* three tasks would leave a thread idle: four */
    assert_int_equal(ln_pool_share(pool, 7, 100, 500), 7);
  }
  ln_pool_destroy(pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_task_runs_once),   cmocka_unit_test(sleeping_workers_wake),
      cmocka_unit_test(a_pool_may_never_run),  cmocka_unit_test(no_pool_is_the_callers_thread),
      cmocka_unit_test(work_is_shared_evenly),
  };
  return cmocka_run_group_tests_name("base.pool", tests, NULL, NULL);
}
