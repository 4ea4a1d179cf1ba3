/* Attention, as its operators of several domains share it (onnx_attention.c). */
#ifndef LN_IMPORT_ONNX_ONNX_ATTENTION_H
#define LN_IMPORT_ONNX_ONNX_ATTENTION_H

#include "import/onnx/onnx_lists.h"

typedef struct ln_onnx_attention {
  int32_t q, k, v;     /* float32 [batch, heads, time, size]; k and v may have fewer heads, each for several of q */
  double scale;        /* 0: 1 / sqrt(size) */
  double softcap;      /* 0: none */
  bool causal;         /* a query sees keys up to its own place */
  int32_t left, right; /* how far it sees; -1: without limit */
  int32_t offset;      /* int32 scalar or [batch, 1, 1, 1]: the first query's place among the keys; -1: 0 */
  bool sees_something; /* no query is without keys */
  int32_t lengths;     /* int32 [batch] of keys that count; -1: all */
  int32_t mask;        /* bool or floats that broadcast to [batch, heads, time, keys]; -1: none */
  /* Changes scores (0) or probabilities (1); NULL: nothing does. */
  int32_t (*change)(ln_emit *e, void *user, int32_t a, int32_t which);
  void *user;
  int32_t shown; /* which step is wanted besides: 0 products, 1 capped, 2 masked, 3 probabilities */
  int32_t steps; /* it; float32 [batch, heads, time, keys] */
} ln_onnx_attention;

/* float32 [batch, heads, time, size of v]. */
int32_t ln_onnx_attend(ln_emit *e, ln_onnx_attention *attention);
/* [batch, time, heads * size] as [batch, heads, time, size], and back. */
int32_t ln_onnx_split_heads(ln_emit *e, int32_t a, int32_t heads);
int32_t ln_onnx_join_heads(ln_emit *e, int32_t a);

/* Turns pairs of the last dimension of [batch, time, heads, size], of which `width` turn; cos and sin broadcast to
 * [batch, time, heads, width / 2]. */
int32_t ln_onnx_rotate(ln_emit *e, int32_t a, int32_t cos, int32_t sin, int32_t width, bool interleaved);

#endif
