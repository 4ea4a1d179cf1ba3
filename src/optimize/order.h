/* The order of numbers for qsort, which may do anything when it is given none: NaNs are alike and come last. */
#ifndef LN_OPTIMIZE_ORDER_H
#define LN_OPTIMIZE_ORDER_H

static inline int ln_number_order(double a, double b) {
  if (a < b) return -1;
  if (a > b) return 1;
  return (a != a) - (b != b);
}

#endif
