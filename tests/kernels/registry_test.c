/* Every registered kernel belongs to a family with a test, is reachable in its tier's table, and is listed once. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "support/kernel_harness.h"

static void every_family_has_a_test(void **state) {
  (void)state;
  for (int32_t i = 0; i < ln_kernel_row_count(); ++i) {
    char path[1024];
    struct stat status;
    snprintf(path, sizeof path, "%s/kernels/%s_test.c", LN_TESTS_DIR, ln_kernel_row_at(i)->family);
    if (stat(path, &status) != 0) fail_msg("%s is registered and %s does not exist", ln_kernel_row_at(i)->name, path);
  }
}

static void rows_rise_within_a_slot(void **state) {
  (void)state;
  for (int32_t i = 0; i < ln_kernel_row_count(); ++i) {
    const ln_kernel_row *row = ln_kernel_row_at(i);
    bool generic = row->isa == LN_ISA_GENERIC;
    for (int32_t j = 0; j < i; ++j) {
      const ln_kernel_row *before = ln_kernel_row_at(j);
      if (strcmp(before->family, row->family) != 0 || strcmp(before->slot, row->slot) != 0) continue;
      generic = generic || before->isa == LN_ISA_GENERIC;
      if (before->isa >= row->isa) fail_msg("%s stands after %s of the same or a higher tier", row->name, before->name);
    }
    if (!generic) fail_msg("%s.%s has no generic kernel before %s", row->family, row->slot, row->name);
  }
}

/* AVX-VNNI stands beside AVX-512: neither takes the other's kernels. */
static void tiers_hold_what_they_include(void **state) {
  (void)state;
#if defined(LN_X86)
  const ln_kernels narrow = ln_kernels_for(LN_ISA_AVXVNNI), wide = ln_kernels_for(LN_ISA_AVX512BF16);
  assert_string_equal(narrow.gemm.q8->name, "gemm_q8_6x16_avxvnni");
  assert_string_equal(narrow.gemm.f32->name, ln_kernels_for(LN_ISA_AVX2).gemm.f32->name);
  assert_string_equal(wide.gemm.q8->name, ln_kernels_for(LN_ISA_AVX512VNNI).gemm.q8->name);
#endif
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_family_has_a_test),
      cmocka_unit_test(rows_rise_within_a_slot),
      cmocka_unit_test(tiers_hold_what_they_include),
  };
  return cmocka_run_group_tests_name("kernels.registry", tests, NULL, NULL);
}
