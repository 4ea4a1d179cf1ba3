/* What this CPU can do, and how many of its cores are ours. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const char *const isa_names[] = {"generic", "avx2", "avx512", "avx512vnni"};

const char *ln_isa_name(ln_isa isa) { return isa_names[isa]; }

bool ln_isa_from_name(const char *name, ln_isa *out) {
  for (size_t i = 0; i < LN_COUNT(isa_names); ++i) {
    if (strcmp(name, isa_names[i]) == 0) {
      *out = (ln_isa)i;
      return true;
    }
  }
  return false;
}

static ln_isa detect(void) {
#if defined(LN_X86) /* not in a build of plain C kernels alone */
  __builtin_cpu_init();
  /* GCC's test includes that the operating system saves the registers. */
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return LN_ISA_GENERIC;
  unsigned eax, ebx, ecx, edx; /* older compilers do not know "f16c" by name */
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & bit_F16C) == 0) return LN_ISA_GENERIC;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    return LN_ISA_AVX2;
  }
  return __builtin_cpu_supports("avx512vnni") ? LN_ISA_AVX512VNNI : LN_ISA_AVX512;
#else
  return LN_ISA_GENERIC;
#endif
}

static ln_isa chosen;
static const char *bad_request;
static pthread_once_t chosen_once = PTHREAD_ONCE_INIT;

static void choose(void) {
  chosen = detect();
  const char *request = getenv("LINNET_CPU");
  ln_isa wanted;
  if (request == NULL || *request == '\0') return;
  if (!ln_isa_from_name(request, &wanted)) bad_request = request;
  else if (wanted < chosen) chosen = wanted;
}

ln_isa ln_cpu_isa(void) {
  pthread_once(&chosen_once, choose);
  return chosen;
}

const char *ln_cpu_bad_request(void) {
  pthread_once(&chosen_once, choose);
  return bad_request;
}

int32_t ln_cpu_cores(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  const int count = CPU_COUNT(&set);
  return count < 1 ? 1 : count;
}
