/* Plain matrix products (product.h): a row of C at a time, so that B is read in the order it lies. */
#include "kernels/product.h"

typedef struct complex64 {
  float re, im;
} complex64;

#define ROWS(name, type, wide)                                                 \
  static void name(const ln_product *p) {                                      \
    size_t i, j, q;                                                            \
    for (i = 0; i < p->m; ++i) {                                               \
      const type *a = (const type *)p->a + i * p->a_row;                       \
      type *c = (type *)p->c + i * p->c_row;                                   \
      for (j = 0; j < p->n; ++j) c[j] = 0;                                     \
      for (q = 0; q < p->k; ++q) {                                             \
        const type *b = (const type *)p->b + q * p->b_row;                     \
        const wide x = (wide)a[q];                                             \
        for (j = 0; j < p->n; ++j) c[j] = (type)((wide)c[j] + x * (wide)b[j]); \
      }                                                                        \
    }                                                                          \
  }

ROWS(product_f64, double, double)
ROWS(product_i64, int64_t, uint64_t)

static void product_c64(const ln_product *p) {
  size_t i, j, q;
  for (i = 0; i < p->m; ++i) {
    const complex64 *a = (const complex64 *)p->a + i * p->a_row;
    for (j = 0; j < p->n; ++j) {
      const complex64 *b = (const complex64 *)p->b + j;
      complex64 *c = (complex64 *)p->c + i * p->c_row + j;
      double re = 0.0, im = 0.0;
      for (q = 0; q < p->k; ++q, b += p->b_row) {
        re += (double)a[q].re * b->re - (double)a[q].im * b->im;
        im += (double)a[q].re * b->im + (double)a[q].im * b->re;
      }
      c->re = (float)re;
      c->im = (float)im;
    }
  }
}

void ln_k_product(ln_number type, const ln_product *product) {
  switch (type) {
    case LN_NUMBER_F64: product_f64(product); break;
    case LN_NUMBER_I64: product_i64(product); break;
    default: product_c64(product); break;
  }
}
