/* Which loops a tier has on this CPU. */
#include <string.h>

#include "peak/peak.h"

#if defined(LN_X86)
#include <cpuid.h>

static const peak_tier *const rows[] = {&peak_generic, &peak_avx2, &peak_avx512};

static bool has_bf16(void) { /* asked of a CPU whose tier is at least avx512 */
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
}

peak_tier peak_tier_of(const char *tier) {
  peak_tier found = peak_generic;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (strncmp(tier, rows[i]->name, strlen(rows[i]->name)) == 0) found = *rows[i];
  }
  const bool wide = strncmp(tier, "avx512", 6) == 0;
  if (strncmp(tier, "avx512vnni", 10) == 0) found.i8 = peak_i8_avx512vnni;
  if (wide && strcmp(tier, "avx512") != 0 && has_bf16()) found.bf16 = peak_bf16_avx512bf16;
  found.name = tier;
  return found;
}
#else
peak_tier peak_tier_of(const char *tier) {
  (void)tier;
  return peak_generic;
}
#endif
