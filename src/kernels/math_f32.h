/*
 * Float functions without branches, for compilers to vectorize: the same bits for an element wherever it stands, since
 * each step is one IEEE operation (fused multiply-adds are asked for by name). To be included by tiers that have
 * fused multiply-add instructions. NaN gives NaN, infinities their limits. Results below the normal range (1.2e-38)
 * come out as 0: processors take a hundred times longer over them.
 */
#ifndef LN_KERNELS_MATH_F32_H
#define LN_KERNELS_MATH_F32_H

#include <math.h>
#include <stdint.h>

/* 2^n, -126 <= n <= 127. */
static inline float ln_pow2_f32(int32_t n) {
  union {
    int32_t i;
    float f;
  } bits;
  bits.i = (n + 127) << 23;
  return bits.f;
}

/* x = n ln 2 + r with |r| <= 0.35, and e^r - 1. */
typedef struct ln_exp_parts {
  float expm1_r, n;
} ln_exp_parts;

static inline ln_exp_parts ln_exp_reduce_f32(float x) {
  const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
  ln_exp_parts out;
  float r, q;
  out.n = fmaf(x, 1.44269504f, magic) - magic;
  r = fmaf(out.n, -0.693359375f, x);
  r = fmaf(out.n, 2.12194440e-4f, r);
  /* (e^r - 1 - r) / r^2, minimax on [-0.35, 0.35]: 3.3e-9 of e^r */
  q = fmaf(0.0013813137f, r, 0.00836942f);
  q = fmaf(q, r, 0.041668456f);
  q = fmaf(q, r, 0.16666515f);
  q = fmaf(q, r, 0.49999994f);
  out.expm1_r = fmaf(r * r, q, r);
  return out;
}

/* x * 2^n for integral -126 <= n <= 128. */
static inline float ln_scale_f32(float x, float n) {
  const int32_t whole = (int32_t)(n == n ? n : 0.0f);
  const int32_t half = whole >> 1;
  return x * ln_pow2_f32(half) * ln_pow2_f32(whole - half);
}

/* e^x within 1.5 ulp. */
static inline float ln_exp_f32(float x) {
  const float below = x > 89.0f ? 89.0f : x;
  const float inside = below < -87.33654f ? -87.33654f : below;
  const ln_exp_parts parts = ln_exp_reduce_f32(inside);
  const float result = ln_scale_f32(1.0f + parts.expm1_r, parts.n);
  return x < -87.33654f ? 0.0f : result;
}

/* e^x - 1 for x <= 0, within 2 ulp. */
static inline float ln_expm1_negative_f32(float x) {
  const float inside = x < -87.0f ? -87.0f : x;
  const ln_exp_parts parts = ln_exp_reduce_f32(inside);
  const float large = ln_scale_f32(1.0f + parts.expm1_r, parts.n) - 1.0f;
  return parts.n == 0.0f ? parts.expm1_r : large;
}

/* 1 / (1 + e^-x) within 3 ulp. */
static inline float ln_logistic_f32(float x) {
  const float e = ln_exp_f32(-fabsf(x));
  const float top = x < 0.0f ? e : 1.0f;
  return top / (1.0f + e);
}

/* tanh x within 3 ulp. */
static inline float ln_tanh_f32(float x) {
  const float magnitude = fabsf(x);
  const float z = x * x;
  const float large = 1.0f - 2.0f / (ln_exp_f32(2.0f * magnitude) + 1.0f);
  float small = fmaf(-0.0055909813f, z, 0.020538785f);
  small = fmaf(small, z, -0.053709645f);
  small = fmaf(small, z, 0.13331091f);
  small = fmaf(small, z, -0.3333327f);
  small = fmaf(small * z, magnitude, magnitude);
  small = magnitude < 0.625f ? small : large;
  return copysignf(small, x);
}

/* The natural logarithm within 1.5 ulp, of numbers below the normal range too. */
static inline float ln_log_f32(float x) {
  union {
    float f;
    uint32_t u;
    int32_t i;
  } bits;
  const float scaled = x < 1.17549435e-38f ? x * 8388608.0f : x; /* 2^23 */
  float n, f, z, p;
  bits.f = scaled;
  bits.u -= 0x3F3504F3u; /* the root of 1/2: what is left of the number lies between it and the root of 2 */
  n = (float)(bits.i >> 23) - (x < 1.17549435e-38f ? 23.0f : 0.0f);
  bits.u = (bits.u & 0x7FFFFFu) + 0x3F3504F3u;
  f = bits.f - 1.0f;
  z = f * f;
  /* (log(1 + f) - f + f^2 / 2) / f^3, minimax: 5.9e-9 of the logarithm */
  p = fmaf(-0.076344974f, f, 0.12761578f);
  p = fmaf(p, f, -0.13160183f);
  p = fmaf(p, f, 0.14201757f);
  p = fmaf(p, f, -0.16623357f);
  p = fmaf(p, f, 0.20001227f);
  p = fmaf(p, f, -0.2500082f);
  p = fmaf(p, f, 0.33333331f);
  p = fmaf(f * z, p, n * -2.12194440e-4f);
  p = fmaf(n, 0.693359375f, f + fmaf(-0.5f, z, p));
  p = x < INFINITY ? p : x;
  p = x > 0.0f ? p : -INFINITY;
  return x >= 0.0f ? p : NAN;
}

/* 1 - erf(x) for x >= 0, within 1e-7. */
static inline float ln_erfc_f32(float x) {
  const float s = 1.0f / fmaf(0.5f, x, 1.0f);
  /* e^(x^2) (1 - erf(x)), minimax: 8.6e-9 */
  float p = fmaf(0.10241268f, s, -0.62159097f);
  p = fmaf(p, s, 1.2586787f);
  p = fmaf(p, s, -0.59283489f);
  p = fmaf(p, s, 0.649342f);
  p = fmaf(p, s, 0.19534156f);
  p = fmaf(p, s, 0.0086509883f);
  return ln_exp_f32(-x * x) * p;
}

/* 1 + erf(x) */
static inline float ln_erf_plus_one_f32(float x) {
  const float rest = ln_erfc_f32(fabsf(x));
  return x < 0.0f ? rest : 2.0f - rest;
}

#endif
