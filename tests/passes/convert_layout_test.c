/* The layout pass on nets written channels first: how many transposes are left, and the same results. */
#include "support/convert_net.h"

static const int32_t picture[] = {1, 3, 16, 16};
static const int32_t open_picture[] = {-1, 3, -1, -1};

/* Transposes that are left when the passes are through; a second time they find nothing. */
static int32_t transposes(net_reader read) {
  ln_model *before, *after;
  net_convert(read, NULL, &before, &after);
  const int32_t count = net_count(after, LN_OP_TRANSPOSE);
  print_message("%d transposes become %d\n", net_count(before, LN_OP_TRANSPOSE), count);
  ln_model_destroy(before);
  ln_model_destroy(after);
  return count;
}

/* ---- residual net ---- */

static int32_t residual_body(ln_emit *e, int32_t x) {
  x = net_relu(e, net_norm(e, net_conv(e, x, 8, 3, 1, 1)));
  x = net_pool(e, x, 2, true);
  for (int32_t i = 0; i < 3; ++i) {
    const int32_t a = net_relu(e, net_norm(e, net_conv(e, x, 8 << i, 3, 1, 1)));
    const int32_t b = net_norm(e, net_conv(e, a, 8 << i, 3, 1, 1));
    const int32_t skip = i == 0 ? x : net_norm(e, net_conv(e, x, 8 << i, 1, 1, 1));
    x = net_relu(e, ln_emit_add(e, b, skip));
  }
  return x;
}

static ln_status read_residual(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t x = residual_body(e, net_input(e, "x", 4, picture));
  x = ln_emit_reduce(e, LN_OP_MEAN, x, 2, (const int32_t[]){2, 3}, true);
  x = ln_emit_flatten(e, x, 1, 3);
  ln_emit_output(e, "y", net_dense(e, x, 10));
  return net_end(import, e);
}

static ln_status read_flat(ln_import *import) { /* columns of the dense layer are exchanged */
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t x = residual_body(e, net_input(e, "x", 4, picture));
  x = net_relu(e, ln_emit_flatten(e, x, 1, 3));
  ln_emit_output(e, "y", net_dense(e, x, 10));
  return net_end(import, e);
}

static ln_status read_open_residual(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t x = residual_body(e, net_input(e, "x", 4, open_picture));
  x = ln_emit_reduce(e, LN_OP_MEAN, x, 2, (const int32_t[]){2, 3}, true);
  x = ln_emit_flatten(e, x, 1, 3);
  ln_emit_output(e, "y", net_dense(e, x, 10));
  return net_end(import, e);
}

static void residual(void **state) {
  (void)state;
  assert_int_equal(transposes(read_residual), 1);
  assert_int_equal(transposes(read_flat), 1);
  assert_int_equal(transposes(read_open_residual), 1);
}

/* ---- U-Net: skips that are joined, up-sampling ---- */

static int32_t up(ln_emit *e, int32_t a) {
  const int32_t last = ln_emit_channels_last(e, a);
  const int32_t two = ln_emit_vector(e, 2, (const int32_t[]){2, 2});
  const int32_t size = ln_emit_mul(e, ln_emit_slice(e, ln_emit_shape_of(e, last), 0, 1, 3, 1), two);
  return ln_emit_channels_first(e, ln_emit_resize(e, last, size, false, LN_EMIT_ASYMMETRIC));
}

static int32_t unet_body(ln_emit *e, int32_t x) {
  const int32_t a = net_relu(e, net_conv(e, x, 8, 3, 1, 1));
  const int32_t b = net_relu(e, net_conv(e, net_pool(e, a, 2, true), 16, 3, 1, 1));
  const int32_t c = net_relu(e, net_conv(e, net_pool(e, b, 2, false), 16, 3, 1, 1));
  const int32_t d = net_relu(e, net_conv(e, ln_emit_concat(e, 1, 2, (const int32_t[]){up(e, c), b}), 16, 3, 1, 1));
  const int32_t f = net_conv(e, ln_emit_concat(e, 1, 2, (const int32_t[]){up(e, d), a}), 2, 3, 1, 1);
  return ln_emit_softmax(e, f, 1);
}

static ln_status read_unet(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  ln_emit_output(e, "y", unet_body(e, net_input(e, "x", 4, picture)));
  return net_end(import, e);
}

static ln_status read_open_unet(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  ln_input_dim dims[4] = {{1, -1}, {3, -1}, {-1, 0}, {-1, 0}};
  dims[2].symbol = ln_import_symbol(import, "h", 8);
  dims[3].symbol = ln_import_symbol(import, "w", 8);
  ln_emit_output(e, "y", unet_body(e, ln_emit_input(e, "x", LN_FLOAT32, 4, dims)));
  return net_end(import, e);
}

static void unet(void **state) {
  (void)state;
  assert_int_equal(transposes(read_unet), 2);
  assert_int_equal(transposes(read_open_unet), 2);
}

static void channels_last(void **state) {
  const ln_convert_passes_options options = {.channels_last = true};
  ln_model *before, *after;
  size_t count_a, count_b;
  (void)state;
  net_convert(read_unet, &options, &before, &after);
  assert_int_equal(net_count(after, LN_OP_TRANSPOSE), 0);
  const ln_graph *graph = &after->graphs[0];
  assert_int_equal(graph->tensors[graph->inputs[0]].shape.dims[3], 3);
  assert_int_equal(graph->tensors[graph->outputs[0]].shape.dims[3], 2);
  assert_string_equal(graph->tensors[graph->inputs[0]].name,
                      before->graphs[0].tensors[before->graphs[0].inputs[0]].name);
  float *a = net_run(before, 8, false, &count_a), *b = net_run(after, 8, true, &count_b);
  float *turned = net_turned(a, (const int32_t[]){1, 2, 16, 16}, 4);
  assert_int_equal(count_a, count_b);
  for (size_t i = 0; i < count_a; ++i) assert_true(fabsf(turned[i] - b[i]) < 1e-5f);
  free(a);
  free(b);
  free(turned);
  ln_model_destroy(before);
  ln_model_destroy(after);
}

/* ---- channel shuffles ---- */

static int32_t shuffle(ln_emit *e, int32_t x, int32_t groups) {
  const int32_t c = ln_emit_dim(e, x, 1), h = ln_emit_dim(e, x, 2), w = ln_emit_dim(e, x, 3);
  x = ln_emit_reshape(e, x, 5, (const ln_dim[]){LN_DIM(1), LN_DIM(groups), LN_DIM(c / groups), LN_DIM(h), LN_DIM(w)});
  x = ln_emit_transpose(e, x, (const int32_t[]){0, 2, 1, 3, 4});
  return ln_emit_reshape(e, x, 4, (const ln_dim[]){LN_DIM(1), LN_DIM(c), LN_DIM(h), LN_DIM(w)});
}

static ln_status read_shuffle(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t x = net_conv(e, net_input(e, "x", 4, picture), 16, 3, 1, 1);
  for (int32_t i = 0; i < 2; ++i) {
    int32_t half[2];
    ln_emit_split(e, x, 1, 2, (const int32_t[]){8, 8}, half);
    const int32_t a = net_relu(e, net_norm(e, net_conv(e, half[1], 8, 3, 1, 8)));
    x = shuffle(e, ln_emit_concat(e, 1, 2, (const int32_t[]){half[0], a}), 2);
  }
  ln_emit_output(e, "y", ln_emit_reduce(e, LN_OP_MEAN, x, 2, (const int32_t[]){2, 3}, false));
  return net_end(import, e);
}

static void shuffles(void **state) {
  (void)state;
  assert_int_equal(transposes(read_shuffle), 3); /* the input's, and the two that shuffle */
}

/* ---- joined channels, squeeze and excite, pyramids ---- */

static ln_status read_dense_net(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t x = net_conv(e, net_input(e, "x", 4, open_picture), 8, 3, 1, 1);
  for (int32_t i = 0; i < 4; ++i) {
    const int32_t a = net_conv(e, net_relu(e, net_norm(e, x)), 4, 3, 1, 1);
    x = ln_emit_concat(e, 1, 2, (const int32_t[]){x, a});
  }
  x = ln_emit_pad(e, net_pool(e, x, 2, false), (const int32_t[]){0, 1, 0, 1}, (const int32_t[]){0, 2, 1, 0}, 0.5);
  ln_emit_output(e, "y", x);
  return net_end(import, e);
}

static ln_status read_excite(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t x = net_conv(e, net_input(e, "x", 4, picture), 8, 3, 1, 1);
  for (int32_t i = 0; i < 2; ++i) {
    int32_t gate = ln_emit_reduce(e, LN_OP_MEAN, x, 2, (const int32_t[]){2, 3}, i == 0);
    if (i == 0) gate = net_conv(e, net_relu(e, net_conv(e, gate, 4, 1, 1, 1)), 8, 1, 1, 1);
    else gate = ln_emit_expand(e, net_dense(e, net_relu(e, net_dense(e, gate, 4)), 8), 2, (const int32_t[]){2, 3});
    x = ln_emit_mul(e, x, ln_emit_activate(e, LN_EMIT_SIGMOID, gate));
    x = ln_emit_activate(e, LN_EMIT_HARD_SWISH, net_conv(e, x, 8, 3, 1, 8));
  }
  ln_emit_output(e, "y", ln_emit_slice(e, ln_emit_flatten(e, x, 2, 3), 1, 2, 6, 1));
  return net_end(import, e);
}

static ln_status read_pyramid(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t a = net_relu(e, net_conv(e, net_input(e, "x", 4, picture), 8, 3, 1, 1));
  const int32_t b = net_relu(e, net_conv(e, a, 16, 3, 2, 1)), c = net_relu(e, net_conv(e, b, 16, 3, 2, 1));
  const int32_t p5 = net_conv(e, c, 8, 1, 1, 1);
  const int32_t p4 = ln_emit_add(e, net_conv(e, b, 8, 1, 1, 1), up(e, p5));
  const int32_t p3 = ln_emit_add(e, net_conv(e, a, 8, 1, 1, 1), up(e, p4));
  const int32_t levels[] = {p3, p4, p5};
  int32_t flat[3];
  for (int32_t i = 0; i < 3; ++i) { /* [1, c, h, w] -> [1, h * w, 4] and all joined */
    int32_t y = net_conv(e, levels[i], 8, 3, 1, 1);
    y = ln_emit_transpose(e, y, (const int32_t[]){0, 2, 3, 1});
    const int32_t h = ln_emit_dim(e, y, 1);
    flat[i] = ln_emit_reshape(e, y, 3, (const ln_dim[]){LN_DIM(1), LN_DIM(h * h * 2), LN_DIM(4)});
  }
  ln_emit_output(e, "y", ln_emit_concat(e, 1, 3, flat));
  return net_end(import, e);
}

static void joins(void **state) {
  (void)state;
  assert_int_equal(transposes(read_dense_net), 2);
  assert_int_equal(transposes(read_excite), 2);
  assert_int_equal(transposes(read_pyramid), 1);
}

/* ---- transformers on patches ---- */

static int32_t heads(ln_emit *e, int32_t x, int32_t tokens, const int32_t *order) {
  x = ln_emit_reshape(e, x, 4, (const ln_dim[]){LN_DIM(1), LN_DIM(tokens), LN_DIM(2), LN_DIM(8)});
  return ln_emit_transpose(e, x, order);
}

static ln_status read_patches(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t x = net_conv(e, net_input(e, "x", 4, picture), 16, 4, 4, 1);
  x = ln_emit_swap(e, ln_emit_flatten(e, x, 2, 3), 1, 2); /* [1, 16, 4, 4] -> [1, 16 tokens, 16] */
  const int32_t token = net_weights(e, 3, (const int32_t[]){1, 1, 16});
  x = ln_emit_concat(e, 1, 2, (const int32_t[]){token, x});
  const int32_t q = heads(e, net_dense(e, x, 16), 17, (const int32_t[]){0, 2, 1, 3});
  const int32_t k = heads(e, net_dense(e, x, 16), 17, (const int32_t[]){0, 2, 3, 1}); /* turned for the product */
  const int32_t v = heads(e, net_dense(e, x, 16), 17, (const int32_t[]){0, 2, 1, 3});
  int32_t y = ln_emit_matmul(e, ln_emit_softmax(e, ln_emit_matmul(e, q, k, false, false), -1), v, false, false);
  y = ln_emit_transpose(e, y, (const int32_t[]){0, 2, 1, 3});
  y = net_dense(e, ln_emit_reshape(e, y, 3, (const ln_dim[]){LN_DIM(1), LN_DIM(17), LN_DIM(16)}), 16);
  x = ln_emit_layer_norm(e, ln_emit_add(e, x, y), 1, (const int32_t[]){-1}, 1e-5, -1, -1);
  ln_emit_output(e, "y", net_dense(e, ln_emit_pick(e, x, 1, 0), 5));
  return net_end(import, e);
}

/* Attention as PyTorch exports it: one product for queries, keys and values, taken apart, then into heads. */
static ln_status read_joined_heads(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = net_input(e, "x", 3, (const int32_t[]){6, 1, 16});
  int32_t all = net_dense(e, x, 48), part[3];
  all = ln_emit_reshape(e, all, 4, (const ln_dim[]){LN_DIM(6), LN_DIM(1), LN_DIM(3), LN_DIM(16)});
  all = ln_emit_transpose(e, all, (const int32_t[]){2, 0, 1, 3});
  for (int32_t i = 0; i < 3; ++i) {
    const ln_dim heads_of[] = {LN_DIM(6), LN_DIM(2), LN_DIM(8)}, batch[] = {LN_DIM(1), LN_DIM(2), LN_DIM(6), LN_DIM(8)};
    const int32_t y = ln_emit_reshape(e, ln_emit_pick(e, all, 0, i), 3, heads_of);
    part[i] = ln_emit_reshape(e, ln_emit_transpose(e, y, (const int32_t[]){1, 0, 2}), 4, batch);
  }
  const int32_t k = ln_emit_mul_number(e, ln_emit_swap(e, part[1], 2, 3), 0.5);
  int32_t y = ln_emit_softmax(e, ln_emit_matmul(e, ln_emit_mul_number(e, part[0], 0.5), k, false, false), -1);
  y = ln_emit_transpose(e, ln_emit_matmul(e, y, part[2], false, false), (const int32_t[]){2, 0, 1, 3});
  ln_emit_output(e, "y", net_dense(e, ln_emit_reshape(e, y, 2, (const ln_dim[]){LN_DIM(6), LN_DIM(16)}), 16));
  return net_end(import, e);
}

static void joined_heads(void **state) {
  ln_model *before, *after;
  (void)state;
  net_convert(read_joined_heads, NULL, &before, &after);
  assert_int_equal(net_count(after, LN_OP_TRANSPOSE), 2);
  assert_int_equal(net_count(after, LN_OP_MUL), 1);
  for (int32_t i = 0; i < after->graphs[0].op_count; ++i) {
    const ln_op *op = &after->graphs[0].ops[i];
    if (op->def->code == LN_OP_BATCH_MATMUL) assert_false(((const ln_batch_mat_mul_options *)op->options)->adj_x);
  }
  ln_model_destroy(before);
  ln_model_destroy(after);
}

static void patches(void **state) {
  (void)state;
  assert_int_equal(transposes(read_patches), 5); /* the input's, and attention's own four */
}

/* ---- one and three dimensions, other operators ---- */

static ln_status read_signal(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t x = net_input(e, "x", 3, (const int32_t[]){-1, 1, -1}); /* one channel: a reshape does it */
  x = net_relu(e, net_norm(e, net_conv(e, x, 8, 3, 1, 1)));
  x = net_relu(e, net_conv(e, x, 8, 3, 2, 1));
  ln_emit_output(e, "y", ln_emit_reduce(e, LN_OP_REDUCE_MAX, x, 1, (const int32_t[]){2}, false));
  return net_end(import, e);
}

static ln_status read_volume(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t x = net_input(e, "x", 5, (const int32_t[]){1, 2, 4, 4, 4});
  x = net_relu(e, net_conv(e, x, 4, 3, 1, 1));
  x = net_relu(e, net_conv(e, x, 4, 3, 1, 1));
  ln_emit_output(e, "y", net_dense(e, ln_emit_flatten(e, x, 1, 4), 3));
  return net_end(import, e);
}

static ln_status read_many(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t a = net_conv(e, net_input(e, "x", 4, picture), 6, 3, 1, 1);
  int32_t parts[3];
  ln_emit_unpack(e, ln_emit_reshape(e, a, 5, (const ln_dim[]){LN_DIM(1), LN_DIM(3), LN_DIM(2), LN_DIM(16), LN_DIM(16)}),
                 1, 3, parts);
  int32_t x = ln_emit_pack(e, 2, 3, parts); /* [1, 2, 3, 16, 16] */
  x = ln_emit_reduce(e, LN_OP_SUM, x, 1, (const int32_t[]){2}, false);
  x = ln_emit_concat(e, 1, 3, (const int32_t[]){x, parts[0], net_weights(e, 4, (const int32_t[]){1, 2, 16, 16})});
  x = ln_emit_mul(e, x, net_weights(e, 1, (const int32_t[]){16})); /* along the width */
  x = ln_emit_add(e, x, net_weights(e, 3, (const int32_t[]){6, 1, 1}));
  x = ln_emit_add(e, x, ln_emit_reduce(e, LN_OP_MEAN, x, 2, (const int32_t[]){0, 1}, false)); /* [16, 16] */
  x = ln_emit_reverse(e, ln_emit_slice(e, x, 2, 2, 14, 1), 3);
  x = ln_emit_tile(e, x, (const int32_t[]){1, 2, 1, 1});
  x = ln_emit_gather(e, x, ln_emit_vector(e, 3, (const int32_t[]){5, 0, 7}), 1, 0);
  x = ln_emit_select(e, ln_emit_compare(e, LN_OP_GREATER, x, ln_emit_f32(e, 0)), x, ln_emit_mul_number(e, x, 0.1));
  x = ln_emit_cumsum(e, x, 3, false, false);
  x = net_conv(e, x, 4, 3, 1, 1);
  x = ln_emit_prelu(e, x, net_weights(e, 4, (const int32_t[]){1, 4, 1, 1}));
  ln_emit_output(e, "y", ln_emit_slice(e, x, 1, 0, 4, 2));
  ln_emit_output(e, "z", x);
  return net_end(import, e);
}

static void others(void **state) {
  (void)state;
  assert_int_equal(transposes(read_signal), 0);
  assert_int_equal(transposes(read_volume), 1);
  assert_int_equal(transposes(read_many), 2); /* the input's, and an output's: the other is a slice of it */
}

/* Reshapes to shapes that are computed: groups of dimensions are traced through that. */
static ln_status read_open_shapes(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t a = net_conv(e, net_input(e, "x", 4, (const int32_t[]){-1, 3, -1, -1}), 8, 3, 1, 1);
  const int32_t flat = ln_emit_flatten(e, a, 2, 3); /* [n, 8, h * w] */
  int32_t x = ln_emit_softmax(e, flat, 1);
  const ln_dim split[] = {LN_DIM_OF(a, 0), LN_DIM(2), LN_DIM(4), LN_DIM_OF(a, 2), LN_DIM_OF(a, 3)};
  x = ln_emit_reshape(e, x, 5, split);
  x = ln_emit_reduce(e, LN_OP_SUM, x, 1, (const int32_t[]){1}, false); /* [n, 4, h, w] */
  ln_emit_output(e, "y", net_conv(e, x, 2, 3, 1, 1));
  return net_end(import, e);
}

static ln_status read_open_tokens(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t a = net_conv(e, net_input(e, "x", 4, (const int32_t[]){-1, 3, -1, -1}), 8, 4, 4, 1);
  const int32_t x = ln_emit_swap(e, ln_emit_flatten(e, a, 2, 3), 1, 2); /* [n, tokens, 8] */
  ln_emit_output(e, "y", net_dense(e, x, 4));
  return net_end(import, e);
}

static void open_shapes(void **state) {
  (void)state;
  assert_int_equal(transposes(read_open_shapes), 2);
  assert_int_equal(transposes(read_open_tokens), 1);
}

/* Normalization of groups, as PyTorch writes it, behind a convolution. */
static int32_t group_norm(ln_emit *e, int32_t a) {
  const ln_dim apart[] = {LN_DIM_OF(a, 0), LN_DIM(2), LN_DIM_REST};
  const int32_t last = 2, flat = ln_emit_reshape(e, a, 3, apart);
  const int32_t normal = ln_emit_layer_norm(e, flat, 1, &last, 1e-5, net_weights(e, 2, (const int32_t[]){2, 1}), -1);
  return net_norm(e, ln_emit_reshape_like(e, normal, a));
}

static ln_status read_groups(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t a = net_relu(e, group_norm(e, net_conv(e, net_input(e, "x", 4, picture), 8, 3, 1, 1)));
  ln_emit_output(e, "y", group_norm(e, net_conv(e, a, 4, 3, 1, 1)));
  return net_end(import, e);
}

static ln_status read_open_groups(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t a = net_relu(e, group_norm(e, net_conv(e, net_input(e, "x", 4, open_picture), 8, 3, 1, 1)));
  ln_emit_output(e, "y", group_norm(e, net_conv(e, a, 4, 3, 1, 1)));
  return net_end(import, e);
}

static void groups(void **state) {
  (void)state;
  assert_int_equal(transposes(read_groups), 2);
  assert_int_equal(transposes(read_open_groups), 2);
}

/* ---- what must stay ---- */

static ln_status read_own(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = net_input(e, "x", 4, picture);
  ln_emit_output(e, "y", net_relu(e, ln_emit_transpose(e, x, (const int32_t[]){0, 3, 1, 2})));
  ln_emit_output(
      e, "w",
      ln_emit_transpose(e, ln_emit_transpose(e, x, (const int32_t[]){0, 2, 3, 1}), (const int32_t[]){0, 3, 1, 2}));
  return net_end(import, e);
}

static void own(void **state) {
  (void)state;
  assert_int_equal(transposes(read_own), 2); /* the second copies the input */
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(residual),     cmocka_unit_test(unet),   cmocka_unit_test(channels_last),
      cmocka_unit_test(shuffles),     cmocka_unit_test(joins),  cmocka_unit_test(patches),
      cmocka_unit_test(joined_heads), cmocka_unit_test(others), cmocka_unit_test(open_shapes),
      cmocka_unit_test(groups),       cmocka_unit_test(own),
  };
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
