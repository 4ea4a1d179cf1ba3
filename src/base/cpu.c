/* What this CPU can do, and how many of its cores are ours. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(LN_ARM) && defined(__linux__)
#include <sys/auxv.h>
#endif

static const char *const isa_names[] = {[LN_ISA_GENERIC] = "generic",
                                        [LN_ISA_AVX2] = "avx2",
                                        [LN_ISA_AVX512] = "avx512",
                                        [LN_ISA_AVX512VNNI] = "avx512vnni",
                                        [LN_ISA_AVX512BF16] = "avx512bf16",
                                        [LN_ISA_AVXVNNI] = "avxvnni",
                                        [LN_ISA_NEON] = "neon",
                                        [LN_ISA_NEONDOT] = "neondot",
                                        [LN_ISA_NEONI8MM] = "neoni8mm"};

const char *ln_isa_name(ln_isa isa) { return isa_names[isa]; }

bool ln_isa_from_name(const char *name, ln_isa *out) {
  for (size_t i = 0; i < LN_COUNT(isa_names); ++i) {
    if (isa_names[i] != NULL && strcmp(name, isa_names[i]) == 0) {
      *out = (ln_isa)i;
      return true;
    }
  }
  return false;
}

#if defined(LN_X86) /* not in a build of plain C kernels alone */
/* Which of the registers' parts the operating system saves: bits 1 and 2 up to AVX, 5 to 7 those of AVX-512. */
static unsigned saved_registers(void) {
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static bool all_of(unsigned word, unsigned bits) { return (word & bits) == bits; }

enum { BIT_AVXVNNI = 1 << 4 }; /* of EAX of leaf 7, subleaf 1; not every compiler names it */

static ln_isa detect(void) {
  unsigned a, b, c, d, b7, c7, a71 = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !all_of(c, bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C)) return LN_ISA_GENERIC;
  if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d) || !all_of(b7, bit_AVX2)) return LN_ISA_GENERIC;
  const unsigned saved = saved_registers();
  if (!all_of(saved, 0x06)) return LN_ISA_GENERIC;
  if (a >= 1) __cpuid_count(7, 1, a71, b, c, d); /* leaf 7 says in EAX which subleaves it has */
  if (!all_of(saved, 0xE6) || !all_of(b7, bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL))
    return all_of(a71, BIT_AVXVNNI) ? LN_ISA_AVXVNNI : LN_ISA_AVX2;
  if (!all_of(c7, bit_AVX512VNNI)) return LN_ISA_AVX512;
  return all_of(a71, bit_AVX512BF16) ? LN_ISA_AVX512BF16 : LN_ISA_AVX512VNNI;
}
#elif defined(LN_ARM) && defined(__linux__)
enum { CAP_ASIMDDP = 1 << 20, CAP2_I8MM = 1 << 13 }; /* of the kernel's interface; not every libc names them */

static ln_isa detect(void) {
  if ((getauxval(AT_HWCAP) & CAP_ASIMDDP) == 0) return LN_ISA_NEON;
  return (getauxval(AT_HWCAP2) & CAP2_I8MM) != 0 ? LN_ISA_NEONI8MM : LN_ISA_NEONDOT;
}
#elif defined(LN_ARM)
static ln_isa detect(void) { return LN_ISA_NEON; }
#else
static ln_isa detect(void) { return LN_ISA_GENERIC; }
#endif

/* Whether a processor of this kind may have the tier. */
static bool is_ours(ln_isa isa) {
#if defined(__aarch64__)
  return isa == LN_ISA_GENERIC || isa >= LN_ISA_NEON;
#else
  return isa < LN_ISA_NEON;
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
  if (!ln_isa_from_name(request, &wanted) || !is_ours(wanted)) bad_request = request;
  else if (ln_isa_includes(chosen, wanted)) chosen = wanted;
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
