/*
 * Losses of boxes [..., 4]: y1, x1, y2, x2 with y1 <= y2 and x1 <= x2. Areas of inverted ones are 0.
 */
#include "train/loss.h"

static const ln_parameter none[] = {{0}};

/* Columns [from, from + count) */
static int32_t columns(ln_grad *g, int32_t a, int32_t from, int32_t count) {
  const int32_t rows = ln_grad_shape(g, a)->dims[0];
  return ln_grad_slice(g, a, (const int32_t[]){0, from}, (const int32_t[]){rows, count});
}

/* [rows, 1]: the area between corners [rows, 2] */
static int32_t area(ln_grad *g, int32_t low, int32_t high) {
  const int32_t sides = ln_grad_unary(g, LN_OP_RELU, ln_grad_binary(g, LN_OP_SUB, high, low));
  return ln_grad_mul(g, columns(g, sides, 0, 1), columns(g, sides, 1, 1));
}

static int32_t ratio(ln_grad *g, int32_t a, int32_t b) {
  return ln_grad_binary(g, LN_OP_DIV, a, ln_grad_binary(g, LN_OP_MAXIMUM, b, ln_grad_scalar(g, 1e-7f)));
}

static int32_t overlap(ln_grad *g, int32_t prediction, int32_t target, bool generalized) {
  const int32_t a = ln_loss_rows(g, prediction), b = ln_loss_rows(g, target);
  if (g->status == LN_OK && ln_grad_shape(g, a)->dims[1] != 4) ln_loss_fail(g, "the last dimension of boxes is 4");
  if (g->status != LN_OK) return -1;
  const int32_t a_low = columns(g, a, 0, 2), a_high = columns(g, a, 2, 2);
  const int32_t b_low = columns(g, b, 0, 2), b_high = columns(g, b, 2, 2);
  const int32_t shared =
      area(g, ln_grad_binary(g, LN_OP_MAXIMUM, a_low, b_low), ln_grad_binary(g, LN_OP_MINIMUM, a_high, b_high));
  const int32_t both = ln_grad_binary(g, LN_OP_ADD, area(g, a_low, a_high), area(g, b_low, b_high));
  const int32_t covered = ln_grad_binary(g, LN_OP_SUB, both, shared);
  int32_t loss = ln_loss_line(g, ratio(g, shared, covered), -1, 1);
  if (generalized) {
    const int32_t around =
        area(g, ln_grad_binary(g, LN_OP_MINIMUM, a_low, b_low), ln_grad_binary(g, LN_OP_MAXIMUM, a_high, b_high));
    const int32_t empty = ratio(g, ln_grad_binary(g, LN_OP_SUB, around, covered), around);
    loss = ln_grad_binary(g, LN_OP_ADD, loss, empty);
  }
  return ln_loss_mean(g, loss, prediction);
}

LN_LOSS_EMIT(iou) {
  (void)s, (void)list;
  return overlap(g, prediction, target, false);
}

LN_LOSS_EMIT(giou) {
  (void)s, (void)list;
  return overlap(g, prediction, target, true);
}

const ln_loss_def ln_loss_iou = {
    "iou", "1 - intersection over union of boxes y1, x1, y2, x2", LN_TARGET_VALUES, -1, none, iou, NULL};
const ln_loss_def ln_loss_giou = {
    "giou",
    "1 - generalized intersection over union of boxes y1, x1, y2, x2 (Rezatofighi et al., 2019)",
    LN_TARGET_VALUES,
    -1,
    none,
    giou,
    NULL};
