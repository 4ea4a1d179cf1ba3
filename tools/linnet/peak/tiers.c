/* Which loops a tier has on this CPU. */
#include <string.h>

#include "peak/peak.h"

#if defined(LN_X86)
static const peak_tier *const rows[] = {&peak_generic, &peak_avx2, &peak_avx512};

peak_tier peak_tier_of(const char *tier) {
  peak_tier found = peak_generic;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (strncmp(tier, rows[i]->name, strlen(rows[i]->name)) == 0) found = *rows[i];
  }
  /* The tiers above avx512, each of which has what those below have. */
  const bool vnni = strncmp(tier, "avx512", 6) == 0 && strcmp(tier, "avx512") != 0;
  if (vnni) found.i8 = peak_i8_avx512vnni;
  if (vnni && strcmp(tier, "avx512vnni") != 0) found.bf16 = peak_bf16_avx512bf16;
  if (strcmp(tier, "avxvnni") == 0) { /* its bytes are faster than AVX2's */
    found = peak_avx2;
    found.i8 = (peak_loop){0};
  }
  found.name = tier;
  return found;
}
#else
peak_tier peak_tier_of(const char *tier) {
  (void)tier;
  return peak_generic;
}
#endif
