/* Status names, error records, CPU tiers' names, and files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "support/unit.h"

static void messages_are_cut_and_stay_one_line(void **state) {
  (void)state;
  ln_error err;
  char longest[2000];
  memset(longest, 'x', sizeof longest);
  longest[sizeof longest - 1] = '\0';
  assert_int_equal(ln_fail(&err, LN_ERR_SHAPE, "a\nb\tc %d", 5), LN_ERR_SHAPE);
  assert_int_equal(err.status, LN_ERR_SHAPE);
  assert_string_equal(err.message, "a?b?c 5");
  ln_error_prefix(&err, "op %d", 3);
  assert_string_equal(err.message, "op 3: a?b?c 5");
  assert_int_equal(ln_fail(&err, LN_ERR_DATA, "%s", longest), LN_ERR_DATA);
  assert_int_equal(strlen(err.message), sizeof err.message - 1);
  ln_error_prefix(&err, "%s", longest);
  assert_int_equal(strlen(err.message), sizeof err.message - 1);
  assert_int_equal(ln_fail(NULL, LN_ERR_IO, "nobody listens"), LN_ERR_IO);
  ln_error_prefix(NULL, "nobody");
}

static void names_exist(void **state) {
  (void)state;
  assert_string_equal(ln_status_name(LN_ERR_UNSUPPORTED), "LN_ERR_UNSUPPORTED");
  assert_string_equal(ln_status_name((ln_status)77), "unknown status");
  ln_isa isa;
  assert_true(ln_isa_from_name("avx512vnni", &isa));
  assert_int_equal(isa, LN_ISA_AVX512VNNI);
  assert_true(ln_isa_from_name("avx512bf16", &isa));
  assert_int_equal(isa, LN_ISA_AVX512BF16);
  assert_true(ln_isa_from_name("avxvnni", &isa));
  assert_int_equal(isa, LN_ISA_AVXVNNI);
  assert_true(ln_isa_includes(LN_ISA_AVXVNNI, LN_ISA_AVX2) && ln_isa_includes(LN_ISA_AVXVNNI, LN_ISA_AVXVNNI));
  assert_false(ln_isa_includes(LN_ISA_AVXVNNI, LN_ISA_AVX512) || ln_isa_includes(LN_ISA_AVXVNNI, LN_ISA_AVX512BF16));
  assert_false(ln_isa_includes(LN_ISA_AVX512BF16, LN_ISA_AVXVNNI) || ln_isa_includes(LN_ISA_NEON, LN_ISA_AVXVNNI));
  assert_true(ln_isa_includes(LN_ISA_AVX512BF16, LN_ISA_AVX512) && ln_isa_includes(LN_ISA_NEONDOT, LN_ISA_NEON));
  assert_string_equal(ln_isa_name(LN_ISA_GENERIC), "generic");
  assert_false(ln_isa_from_name("mmx", &isa));
  assert_true(ln_cpu_cores() >= 1);
}

static void files_come_back_as_written(void **state) {
  (void)state;
  char folder[] = "/tmp/linnet_test_XXXXXX";
  char path[64];
  ln_error err;
  ln_file_map map;
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/file", folder);
  assert_int_equal(ln_file_write(path, "hello", 5, &err), LN_OK);
  assert_int_equal(ln_file_write(path, "world!", 6, &err), LN_OK);
  assert_int_equal(ln_file_map_open(path, &err, &map), LN_OK);
  assert_int_equal(map.size, 6);
  assert_memory_equal(map.data, "world!", 6);
  ln_file_map_close(&map);
  assert_int_equal(ln_file_write(path, NULL, 0, &err), LN_OK);
  assert_int_equal(ln_file_map_open(path, &err, &map), LN_OK);
  assert_int_equal(map.size, 0);
  ln_file_map_close(&map);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(rmdir(folder), 0); /* and nothing else was left in it */
}

static void what_is_no_file_is_refused(void **state) {
  (void)state;
  char folder[] = "/tmp/linnet_test_XXXXXX";
  char fifo[64];
  ln_error err;
  ln_file_map map;
  assert_non_null(mkdtemp(folder));
  assert_int_equal(ln_file_map_open(folder, &err, &map), LN_ERR_IO);
  assert_non_null(strstr(err.message, "directory"));
  assert_int_equal(ln_file_map_open("/no/such/file", &err, &map), LN_ERR_IO);
  snprintf(fifo, sizeof fifo, "%s/fifo", folder);
  assert_int_equal(mkfifo(fifo, 0600), 0);
  assert_int_equal(ln_file_map_open(fifo, &err, &map), LN_ERR_IO);
  assert_int_equal(ln_file_write("/no/such/folder/file", "x", 1, &err), LN_ERR_IO);
  assert_int_equal(ln_file_write(folder, "x", 1, &err), LN_ERR_IO);
  assert_int_equal(unlink(fifo), 0);
  assert_int_equal(rmdir(folder), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_are_cut_and_stay_one_line),
      cmocka_unit_test(names_exist),
      cmocka_unit_test(files_come_back_as_written),
      cmocka_unit_test(what_is_no_file_is_refused),
  };
  return cmocka_run_group_tests_name("base.status", tests, NULL, NULL);
}
