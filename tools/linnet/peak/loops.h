/* The bodies of the loops over one vector type; the includer says what its vectors are. */
#ifndef LINNET_CLI_PEAK_LOOPS_H
#define LINNET_CLI_PEAK_LOOPS_H

#include <immintrin.h>
#include <string.h>

#include "peak/peak.h"

enum { PEAK_SUMS = 12 }; /* well over two units times the four or five cycles that a result takes */

/*
 * A function `name`: PEAK_SUMS sums of type `vector`, each of which STEP(sum, x, y) adds to in every round, x and y
 * being LOAD_X(ones) and LOAD_Y(ones). The empty statements keep the compiler from taking one product for all sums and
 * rounds. The sums are variables because those of an array did not stay in registers.
 */
#define PEAK_STEP(s, STEP) \
  s = STEP(s, x, y);       \
  __asm__ volatile("" : "+x"(x), "+x"(s))
#define PEAK_LOOP(name, vector, ZERO, factor, LOAD_X, LOAD_Y, STEP, ADD, TOTAL)                                    \
  static double name(int64_t rounds, const peak_ones *ones) {                                                      \
    vector s0 = ZERO(), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0, s8 = s0, s9 = s0, s10 = s0, \
           s11 = s0;                                                                                               \
    factor x = LOAD_X(ones), y = LOAD_Y(ones);                                                                     \
    while (rounds-- > 0) {                                                                                         \
      PEAK_STEP(s0, STEP);                                                                                         \
      PEAK_STEP(s1, STEP);                                                                                         \
      PEAK_STEP(s2, STEP);                                                                                         \
      PEAK_STEP(s3, STEP);                                                                                         \
      PEAK_STEP(s4, STEP);                                                                                         \
      PEAK_STEP(s5, STEP);                                                                                         \
      PEAK_STEP(s6, STEP);                                                                                         \
      PEAK_STEP(s7, STEP);                                                                                         \
      PEAK_STEP(s8, STEP);                                                                                         \
      PEAK_STEP(s9, STEP);                                                                                         \
      PEAK_STEP(s10, STEP);                                                                                        \
      PEAK_STEP(s11, STEP);                                                                                        \
    }                                                                                                              \
    s0 = ADD(ADD(ADD(s0, s1), ADD(s2, s3)), ADD(ADD(s4, s5), ADD(s6, s7)));                                        \
    s0 = ADD(s0, ADD(ADD(s8, s9), ADD(s10, s11)));                                                                 \
    return TOTAL(&s0);                                                                                             \
  }

/* A function `name` that reads vectors, eight at a time. */
#define PEAK_READ(name, vector, ZERO, LOAD, XOR)                            \
  static uint64_t name(const void *data, size_t bytes, int64_t times) {     \
    vector s[8];                                                            \
    for (int k = 0; k < 8; k++) s[k] = ZERO();                              \
    for (int64_t t = 0; t < times; t++) {                                   \
      const char *from = data;                                              \
      for (size_t i = 0; i < bytes; i += 8 * sizeof(vector)) {              \
        _Pragma("GCC unroll 8") for (size_t k = 0; k < 8; k++) s[k] =       \
            XOR(s[k], LOAD((const void *)(from + i + k * sizeof(vector)))); \
      }                                                                     \
      __asm__ volatile("" : : : "memory");                                  \
    }                                                                       \
    uint64_t words[sizeof(vector) / 8], all = 0;                            \
    for (int k = 1; k < 8; k++) s[0] = XOR(s[0], s[k]);                     \
    memcpy(words, &s[0], sizeof words);                                     \
    for (size_t k = 0; k < sizeof(vector) / 8; k++) all ^= words[k];        \
    return all;                                                             \
  }

#define PEAK_TOTAL(name, vector, lane)                               \
  __attribute__((noinline)) static double name(const vector *v) {    \
    lane lanes[sizeof(vector) / 4];                                  \
    double sum = 0;                                                  \
    memcpy(lanes, v, sizeof lanes);                                  \
    for (size_t i = 0; i < sizeof(vector) / 4; i++) sum += lanes[i]; \
    return sum;                                                      \
  }

#endif
