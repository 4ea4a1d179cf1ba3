#!/usr/bin/env python3
"""Every layer and function of the Keras importer with its options, against Keras itself: models with random weights are
saved as .keras and .h5 by Keras 3 and tf-keras, converted, run, and compared.

usage: keras_layers.py LINNET [--only REGEX] [--kind keras3|tf_keras] [--litert]
Ends with 77 where neither Keras is installed. --litert runs the results in ai_edge_litert, too."""
import argparse, json, os, re, subprocess, sys, tempfile

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")
try:
    import numpy as np
    import keras
except ImportError:
    sys.exit(77)

CASES = []


def case(name, shapes, kinds="keras3 tf_keras", batch=None, dtypes=None, runs=1, inputs=None):
    """The function gets (keras, layers, inputs) and gives outputs."""
    def add(build):
        CASES.append((name, shapes, kinds.split(), batch, dtypes, runs, inputs, build))
        return build
    return add


def layer(name, shape, make, kinds="keras3 tf_keras", **options):
    """A model of one layer."""
    case(name, [shape], kinds, **options)(lambda k, L, x: make(L)(x[0]))


# ---- dense and activations ----
layer("dense", (7,), lambda L: L.Dense(5, activation="relu"))
layer("dense_no_bias_3d", (4, 7), lambda L: L.Dense(5, use_bias=False, activation="tanh"))
layer("einsum_dense", (4, 7), lambda L: L.EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d", activation="relu"))
layer("einsum_dense_heads", (4, 6), lambda L: L.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de"))
layer("einsum_dense_no_bias", (4, 6), lambda L: L.EinsumDense("abc,bd->adc", output_shape=(3, 6)))
layer("embedding", (5,), lambda L: L.Embedding(11, 4), dtypes=["int32"], inputs=lambda r, s: [r.integers(0, 11, s[0])])
layer("embedding_float_ids", (5,), lambda L: L.Embedding(11, 4), inputs=lambda r, s: [r.integers(0, 11, s[0])])
ACTIVATIONS = "relu relu6 sigmoid tanh softmax softplus softsign selu elu exponential linear gelu silu swish hard_sigmoid mish leaky_relu log_softmax"
for a in ACTIVATIONS.split():
    layer("activation_" + a, (3, 6), lambda L, a=a: L.Activation(a), kinds="keras3" if a in "relu6 silu leaky_relu log_softmax mish" else "keras3 tf_keras")
for a in "hard_silu log_sigmoid tanh_shrink soft_shrink hard_shrink celu glu hard_tanh squareplus sparse_plus sparse_sigmoid".split():
    layer("activation_" + a, (3, 6), lambda L, a=a: L.Activation(a), kinds="keras3")
layer("relu", (6,), lambda L: L.ReLU())
layer("relu_max", (6,), lambda L: L.ReLU(max_value=0.7))
layer("relu_6", (6,), lambda L: L.ReLU(6.0))
layer("relu_slope", (6,), lambda L: L.ReLU(negative_slope=0.1, max_value=0.9))
layer("relu_threshold", (6,), lambda L: L.ReLU(negative_slope=0.1, threshold=0.3, max_value=0.9))
layer("relu_threshold_0", (6,), lambda L: L.ReLU(threshold=0.3))
layer("leaky_relu", (6,), lambda L: L.LeakyReLU())
layer("leaky_relu_option", (6,), lambda L: L.LeakyReLU(negative_slope=0.17), kinds="keras3")
layer("leaky_relu_alpha", (6,), lambda L: L.LeakyReLU(alpha=0.17), kinds="tf_keras")
layer("elu", (6,), lambda L: L.ELU(alpha=0.6))
layer("prelu", (4, 6), lambda L: L.PReLU())
layer("prelu_shared", (4, 5, 6), lambda L: L.PReLU(shared_axes=[1, 2]))
layer("thresholded_relu", (6,), lambda L: L.ThresholdedReLU(theta=0.4), kinds="tf_keras")
layer("softmax", (4, 6), lambda L: L.Softmax())
layer("softmax_axis", (4, 6), lambda L: L.Softmax(axis=1))
layer("softmax_axes", (4, 6), lambda L: L.Softmax(axis=[1, 2]))
layer("dense_leaky_layer", (6,), lambda L: L.Dense(3, activation=L.LeakyReLU()), kinds="keras3")

# ---- convolutions ----
layer("conv1d", (9, 4), lambda L: L.Conv1D(5, 3, activation="relu"))
layer("conv1d_same_stride", (9, 4), lambda L: L.Conv1D(5, 4, strides=2, padding="same"))
layer("conv1d_causal_dilated", (12, 4), lambda L: L.Conv1D(5, 3, padding="causal", dilation_rate=2))
layer("conv1d_groups", (9, 4), lambda L: L.Conv1D(6, 3, groups=2))
layer("conv2d", (8, 9, 3), lambda L: L.Conv2D(5, (3, 2), strides=(2, 1), padding="same", activation="elu"))
layer("conv2d_dilated", (10, 9, 3), lambda L: L.Conv2D(5, 3, dilation_rate=(2, 1), use_bias=False))
layer("conv2d_groups", (8, 9, 6), lambda L: L.Conv2D(8, 3, groups=2, padding="same"))
layer("conv2d_depthwise_groups", (8, 9, 4), lambda L: L.Conv2D(8, 3, groups=4))
layer("conv3d", (5, 6, 7, 2), lambda L: L.Conv3D(3, 2, strides=(1, 2, 1), padding="same"))
layer("conv3d_valid", (5, 6, 7, 2), lambda L: L.Conv3D(3, (2, 3, 2)))
layer("depthwise1d", (9, 4), lambda L: L.DepthwiseConv1D(3, depth_multiplier=2, padding="same"))
layer("depthwise2d", (8, 9, 4), lambda L: L.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same", activation="relu"))
layer("depthwise2d_dilated", (8, 9, 4), lambda L: L.DepthwiseConv2D((3, 2), dilation_rate=2))
layer("separable1d", (9, 4), lambda L: L.SeparableConv1D(5, 3, depth_multiplier=2, padding="same", activation="relu"))
layer("separable2d", (8, 9, 4), lambda L: L.SeparableConv2D(5, 3, strides=2, padding="same", depth_multiplier=2))
layer("separable2d_dilated", (8, 9, 4), lambda L: L.SeparableConv2D(5, 3, dilation_rate=2, use_bias=False))
for pad in ["same", "valid"]:
    for s in [1, 2, 3]:
        layer(f"conv1d_transpose_{pad}_{s}", (5, 4), lambda L, p=pad, s=s: L.Conv1DTranspose(3, 2, strides=s, padding=p))
        layer(f"conv2d_transpose_{pad}_{s}", (5, 4, 3), lambda L, p=pad, s=s: L.Conv2DTranspose(2, (3, 4), strides=s, padding=p, activation="relu"))
layer("conv2d_transpose_output_padding", (5, 4, 3), lambda L: L.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1))
layer("conv2d_transpose_output_padding_0", (5, 4, 3), lambda L: L.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=0))
layer("conv2d_transpose_output_padding_valid", (5, 4, 3), lambda L: L.Conv2DTranspose(2, 3, strides=2, padding="valid", output_padding=(1, 0)))
layer("conv3d_transpose", (3, 4, 5, 2), lambda L: L.Conv3DTranspose(3, 3, strides=2, padding="same"))
layer("conv3d_transpose_valid", (3, 4, 5, 2), lambda L: L.Conv3DTranspose(3, 2, strides=(2, 1, 2)))

# ---- pools ----
for n, shape in [(1, (9, 4)), (2, (8, 9, 4)), (3, (6, 7, 8, 3))]:
    for kind in ["Max", "Average"]:
        layer(f"{kind}_pool{n}d".lower(), shape, lambda L, n=n, k=kind: getattr(L, f"{k}Pooling{n}D")(2))
        layer(f"{kind}_pool{n}d_same".lower(), shape, lambda L, n=n, k=kind: getattr(L, f"{k}Pooling{n}D")(3, strides=2, padding="same"))
        layer(f"global_{kind}_pool{n}d".lower(), shape, lambda L, n=n, k=kind: getattr(L, f"Global{k}Pooling{n}D")())
        layer(f"global_{kind}_pool{n}d_keep".lower(), shape, lambda L, n=n, k=kind: getattr(L, f"Global{k}Pooling{n}D")(keepdims=True))
        layer(f"global_{kind}_pool{n}d_first".lower(), shape, lambda L, n=n, k=kind: getattr(L, f"Global{k}Pooling{n}D")(data_format="channels_first"))
        layer(f"adaptive_{kind}_pool{n}d".lower(), shape, lambda L, n=n, k=kind: getattr(L, f"Adaptive{k}Pooling{n}D")(3), kinds="keras3")

# ---- normalizations ----
layer("batch_norm", (4, 5, 6), lambda L: L.BatchNormalization())
layer("batch_norm_axis", (4, 5, 6), lambda L: L.BatchNormalization(axis=1, epsilon=0.01))
layer("batch_norm_bare", (6,), lambda L: L.BatchNormalization(scale=False, center=False))
layer("batch_norm_no_scale", (6,), lambda L: L.BatchNormalization(scale=False))
layer("layer_norm", (4, 6), lambda L: L.LayerNormalization())
layer("layer_norm_axis", (4, 6), lambda L: L.LayerNormalization(axis=1, epsilon=1e-5))
layer("layer_norm_axes", (4, 5, 6), lambda L: L.LayerNormalization(axis=[1, 2], center=False))
layer("layer_norm_bare", (4, 6), lambda L: L.LayerNormalization(center=False, scale=False))
layer("rms_norm", (4, 6), lambda L: L.RMSNormalization(), kinds="keras3")
layer("rms_norm_axes", (4, 5, 6), lambda L: L.RMSNormalization(axis=[2, 3]), kinds="keras3")
layer("group_norm", (4, 5, 6), lambda L: L.GroupNormalization(groups=3))
layer("group_norm_instance", (4, 5, 6), lambda L: L.GroupNormalization(groups=-1, scale=False))
layer("group_norm_axis", (6, 4, 5), lambda L: L.GroupNormalization(groups=2, axis=1))
layer("unit_norm", (4, 6), lambda L: L.UnitNormalization())
layer("unit_norm_axes", (4, 6), lambda L: L.UnitNormalization(axis=[1, 2]))
layer("spectral_norm", (5,), lambda L: L.SpectralNormalization(L.Dense(4)), kinds="keras3")
layer("spectral_norm_conv", (5, 6, 2), lambda L: L.SpectralNormalization(L.Conv2D(3, 2)), kinds="keras3")

# ---- shapes ----
layer("reshape", (4, 6), lambda L: L.Reshape((3, 8)))
layer("reshape_rest", (4, 6), lambda L: L.Reshape((-1, 2, 3)))
layer("flatten", (4, 5, 6), lambda L: L.Flatten())
layer("flatten_first", (4, 5, 6), lambda L: L.Flatten(data_format="channels_first"))
layer("flatten_vector", (), lambda L: L.Flatten())
layer("permute", (4, 5, 6), lambda L: L.Permute((3, 1, 2)))
layer("repeat_vector", (5,), lambda L: L.RepeatVector(3))
layer("cropping1d", (9, 3), lambda L: L.Cropping1D((1, 2)))
layer("cropping2d", (8, 9, 3), lambda L: L.Cropping2D(((1, 0), (2, 3))))
layer("cropping2d_pair", (8, 9, 3), lambda L: L.Cropping2D((1, 2)))
layer("cropping3d", (6, 7, 8, 2), lambda L: L.Cropping3D(((1, 0), (2, 1), (0, 3))))
layer("zero_padding1d", (5, 3), lambda L: L.ZeroPadding1D((2, 1)))
layer("zero_padding2d", (5, 6, 3), lambda L: L.ZeroPadding2D(((1, 0), (2, 3))))
layer("zero_padding3d", (3, 4, 5, 2), lambda L: L.ZeroPadding3D((1, 2, 0)))
layer("up_sampling1d", (5, 3), lambda L: L.UpSampling1D(3))
layer("up_sampling2d", (5, 6, 3), lambda L: L.UpSampling2D((3, 2)))
layer("up_sampling2d_bilinear", (5, 6, 3), lambda L: L.UpSampling2D((3, 2), interpolation="bilinear"))
layer("up_sampling3d", (3, 4, 5, 2), lambda L: L.UpSampling3D((2, 1, 3)))
layer("dropouts", (4, 6), lambda L: lambda x: L.GaussianNoise(0.3)(L.SpatialDropout1D(0.2)(L.Dropout(0.5)(x))))
layer("dropouts_more", (4, 6), lambda L: lambda x: L.ActivityRegularization(0.1)(L.AlphaDropout(0.2)(L.GaussianDropout(0.2)(x))))


# ---- merges ----
for name in ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]:
    case(name.lower(), [(4, 6), (4, 6)])(lambda k, L, x, n=name: getattr(L, n)()(x))
for name in ["Add", "Average", "Maximum"]:
    case(name.lower() + "_three", [(4, 6), (1, 6), (4, 6)])(lambda k, L, x, n=name: getattr(L, n)()(x))
case("multiply_ranks", [(4, 5, 6), (6,)])(lambda k, L, x: L.Multiply()(x))
case("concatenate", [(4, 6), (4, 3)])(lambda k, L, x: L.Concatenate()(x))
case("concatenate_axis", [(4, 6), (5, 6)])(lambda k, L, x: L.Concatenate(axis=1)(x))
case("dot_vectors", [(6,), (6,)])(lambda k, L, x: L.Dot(axes=1)(x))
case("dot_normalized", [(6,), (6,)])(lambda k, L, x: L.Dot(axes=-1, normalize=True)(x))
case("dot_matrices", [(4, 6), (6, 5)])(lambda k, L, x: L.Dot(axes=(2, 1))(x))
case("dot_matrices_turned", [(6, 4), (5, 6)])(lambda k, L, x: L.Dot(axes=(1, 2))(x))
case("dot_mixed", [(6,), (4, 6)])(lambda k, L, x: L.Dot(axes=(1, 2))(x))

# ---- recurrent ----
for name in ["LSTM", "GRU", "SimpleRNN"]:
    layer(f"{name}".lower(), (6, 4), lambda L, n=name: getattr(L, n)(5))
    layer(f"{name}_sequences".lower(), (6, 4), lambda L, n=name: getattr(L, n)(5, return_sequences=True))
    layer(f"{name}_long".lower(), (60, 4), lambda L, n=name: getattr(L, n)(5, return_sequences=True))
    layer(f"{name}_open".lower(), (None, 4), lambda L, n=name: getattr(L, n)(5, return_sequences=True))
    layer(f"{name}_backwards".lower(), (6, 4), lambda L, n=name: getattr(L, n)(5, return_sequences=True, go_backwards=True))
    layer(f"{name}_backwards_long".lower(), (40, 4), lambda L, n=name: getattr(L, n)(5, return_sequences=True, go_backwards=True))
    layer(f"{name}_unroll".lower(), (6, 4), lambda L, n=name: getattr(L, n)(5, unroll=True))
    layer(f"{name}_no_bias".lower(), (6, 4), lambda L, n=name: getattr(L, n)(5, use_bias=False))
    layer(f"{name}_activation".lower(), (6, 4), lambda L, n=name: getattr(L, n)(5, activation="relu"))
    layer(f"{name}_fixed".lower(), (6, 4), lambda L, n=name: getattr(L, n)(5, return_sequences=True), batch=2)
    layer(f"{name}_stateful".lower(), (6, 4), lambda L, n=name: getattr(L, n)(5, stateful=True, return_sequences=True), batch=2)
    case(f"{name}_states".lower(), [(6, 4)])(lambda k, L, x, n=name: getattr(L, n)(5, return_state=True, return_sequences=True)(x[0]))
    case(f"{name}_given_states".lower(), [(6, 4), (5,), (5,)] if name == "LSTM" else [(6, 4), (5,)])(
        lambda k, L, x, n=name: getattr(L, n)(5)(x[0], initial_state=x[1:] if len(x) > 2 else x[1]))
    case(f"{name}_masked".lower(), [(6, 4)], inputs=lambda r, s: [masked(r, s[0])])(
        lambda k, L, x, n=name: getattr(L, n)(5, return_sequences=True)(L.Masking()(x[0])))
    case(f"{name}_masked_last".lower(), [(6, 4)], inputs=lambda r, s: [masked(r, s[0])])(
        lambda k, L, x, n=name: getattr(L, n)(5)(L.Masking()(x[0])))
    case(f"{name}_masked_long".lower(), [(50, 4)], inputs=lambda r, s: [masked(r, s[0])])(
        lambda k, L, x, n=name: getattr(L, n)(5, return_sequences=True)(L.Masking()(x[0])))
    case(f"{name}_masked_zero".lower(), [(6, 4)], inputs=lambda r, s: [masked(r, s[0])])(
        lambda k, L, x, n=name: getattr(L, n)(5, return_sequences=True, zero_output_for_mask=True)(L.Masking()(x[0])))
    case(f"{name}_masked_states".lower(), [(6, 4)], inputs=lambda r, s: [masked(r, s[0])])(
        lambda k, L, x, n=name: getattr(L, n)(5, return_state=True, go_backwards=True)(L.Masking()(x[0])))
    for mode in ["concat", "sum", "mul", "ave"]:
        layer(f"bidirectional_{name}_{mode}".lower(), (6, 4), lambda L, n=name, m=mode: L.Bidirectional(getattr(L, n)(5, return_sequences=True), merge_mode=m))
    case(f"bidirectional_{name}_apart".lower(), [(6, 4)])(lambda k, L, x, n=name: list(L.Bidirectional(getattr(L, n)(5), merge_mode=None)(x[0])))
    case(f"bidirectional_{name}_states".lower(), [(6, 4)])(lambda k, L, x, n=name: list(L.Bidirectional(getattr(L, n)(5, return_state=True))(x[0])))
    case(f"bidirectional_{name}_masked".lower(), [(6, 4)], inputs=lambda r, s: [masked(r, s[0])])(
        lambda k, L, x, n=name: L.Bidirectional(getattr(L, n)(5, return_sequences=True))(L.Masking()(x[0])))
layer("gru_reset_before", (6, 4), lambda L: L.GRU(5, reset_after=False))
layer("gru_reset_before_long", (40, 4), lambda L: L.GRU(5, reset_after=False, return_sequences=True))
layer("lstm_hard_sigmoid", (6, 4), lambda L: L.LSTM(5, recurrent_activation="hard_sigmoid"))
layer("rnn_cell", (6, 4), lambda L: L.RNN(L.LSTMCell(5), return_sequences=True))
layer("rnn_gru_cell", (6, 4), lambda L: L.RNN(L.GRUCell(5)))
layer("rnn_stacked", (6, 4), lambda L: L.RNN([L.LSTMCell(5), L.GRUCell(3), L.SimpleRNNCell(2)], return_sequences=True))
case("rnn_stacked_states", [(6, 4)], "keras3")(lambda k, L, x: [L.RNN([L.LSTMCell(5), L.LSTMCell(3)])(x[0])])
layer("bidirectional_own_backward", (6, 4), lambda L: L.Bidirectional(L.LSTM(5), backward_layer=L.GRU(3, go_backwards=True)))
layer("conv_lstm1d", (3, 6, 2), lambda L: L.ConvLSTM1D(4, 3, padding="same", return_sequences=True))
layer("conv_lstm2d", (3, 5, 6, 2), lambda L: L.ConvLSTM2D(4, 3))
layer("conv_lstm2d_backwards", (3, 5, 6, 2), lambda L: L.ConvLSTM2D(4, 3, strides=2, padding="same", go_backwards=True))
layer("conv_lstm3d", (2, 3, 4, 5, 2), lambda L: L.ConvLSTM3D(2, 2, padding="same"))
case("embedding_masked_lstm", [(6,)], dtypes=["int32"], inputs=lambda r, s: [r.integers(0, 3, s[0])])(
    lambda k, L, x: L.LSTM(5)(L.Embedding(3, 4, mask_zero=True)(x[0])))
case("embedding_masked_average", [(6,)], dtypes=["int32"], inputs=lambda r, s: [np.maximum(r.integers(-1, 4, s[0]), [[0, 0, 0, 0, 0, 1]])])(
    lambda k, L, x: L.GlobalAveragePooling1D()(L.Dropout(0.1)(L.Embedding(5, 4, mask_zero=True)(x[0]))))
case("encoder_decoder", [(7, 4), (5, 3)])(lambda k, L, x: (lambda s: L.LSTM(6, return_sequences=True)(x[1], initial_state=s[1:]))(L.LSTM(6, return_state=True)(x[0])))
case("masked_added", [(6, 4)], inputs=lambda r, s: [masked(r, s[0])])(
    lambda k, L, x: (lambda m: L.GRU(3)(L.Add()([m, L.Dense(4)(m)])))(L.Masking()(x[0])))
case("masked_concatenated", [(6, 4)], inputs=lambda r, s: [masked(r, s[0])])(
    lambda k, L, x: (lambda m: L.GRU(3)(L.Concatenate()([m, L.Dense(4)(m)])))(L.Masking()(x[0])))

# ---- attention ----
case("attention", [(4, 6), (5, 6)])(lambda k, L, x: L.Attention()(x))
case("attention_scaled", [(4, 6), (5, 6), (5, 6)])(lambda k, L, x: L.Attention(use_scale=True)(x))
case("attention_concat", [(4, 6), (5, 6)])(lambda k, L, x: L.Attention(score_mode="concat", use_scale=True)(x))
case("attention_causal", [(4, 6), (4, 6)])(lambda k, L, x: L.Attention()(x, use_causal_mask=True))
case("attention_scores", [(4, 6), (5, 6)])(lambda k, L, x: list(L.Attention()(x, return_attention_scores=True)))
case("attention_masked", [(4, 6), (5, 6)], inputs=lambda r, s: [masked(r, s[0]), masked(r, s[1])])(
    lambda k, L, x: L.Attention()([L.Masking()(x[0]), L.Masking()(x[1])]))
case("additive_attention", [(4, 6), (5, 6)])(lambda k, L, x: L.AdditiveAttention()(x))
case("additive_attention_plain", [(4, 6), (5, 6)])(lambda k, L, x: L.AdditiveAttention(use_scale=False)(x))
case("mha", [(4, 6), (5, 6)])(lambda k, L, x: L.MultiHeadAttention(2, 3)(x[0], x[1]))
case("mha_key", [(4, 6), (5, 6), (5, 7)])(lambda k, L, x: L.MultiHeadAttention(2, 3, value_dim=4)(x[0], x[1], x[2]))
case("mha_output", [(4, 6), (5, 6)])(lambda k, L, x: L.MultiHeadAttention(2, 3, use_bias=False, output_shape=7)(x[0], x[1]))
case("mha_causal", [(5, 6)])(lambda k, L, x: L.MultiHeadAttention(2, 3)(x[0], x[0], use_causal_mask=True))
case("mha_scores", [(4, 6), (5, 6)])(lambda k, L, x: list(L.MultiHeadAttention(2, 3)(x[0], x[1], return_attention_scores=True)))
case("mha_dropout_causal", [(5, 6)])(lambda k, L, x: L.MultiHeadAttention(2, 3, dropout=0.2)(x[0], x[0], use_causal_mask=True))
case("mha_given_mask", [(4, 6), (5, 6), (4, 5)], dtypes=["float32", "float32", "bool"], inputs=lambda r, s: [r.normal(size=s[0]), r.normal(size=s[1]), r.random(s[2]) > 0.3])(
    lambda k, L, x: L.MultiHeadAttention(2, 3)(x[0], x[1], attention_mask=x[2]))
case("mha_masked", [(6, 6)], inputs=lambda r, s: [masked(r, s[0])])(lambda k, L, x: (lambda m: L.GRU(3)(L.MultiHeadAttention(2, 3)(m, m)))(L.Masking()(x[0])))
case("mha_open", [(None, 6)])(lambda k, L, x: L.MultiHeadAttention(2, 3)(x[0], x[0], use_causal_mask=True))
case("mha_gate", [(4, 6)], "keras3")(lambda k, L, x: L.MultiHeadAttention(2, 3, use_gate=True)(x[0], x[0]))
case("mha_window", [(9, 6)], "keras3")(lambda k, L, x: L.MultiHeadAttention(2, 3, sliding_window=3)(x[0], x[0], use_causal_mask=True))
case("gqa", [(4, 6), (5, 6)], "keras3")(lambda k, L, x: L.GroupQueryAttention(3, 4, 2)(x[0], x[1]))
case("gqa_causal", [(5, 6)], "keras3")(lambda k, L, x: L.GroupQueryAttention(3, 4, 1, use_bias=False)(x[0], x[0], use_causal_mask=True))

# ---- wrappers, nested and shared models ----
layer("time_distributed_dense", (4, 6), lambda L: L.TimeDistributed(L.Dense(3)))
layer("time_distributed_conv", (3, 8, 9, 2), lambda L: L.TimeDistributed(L.Conv2D(3, 3, activation="relu")))
layer("time_distributed_open", (None, 6), lambda L: L.TimeDistributed(L.Dense(3)))
layer("time_distributed_lstm", (3, 5, 4), lambda L: L.TimeDistributed(L.LSTM(3)))


@case("nested", [(5, 6)])
def nested(k, L, x):
    inner = k.Sequential([k.Input((5, 6)), L.Dense(4), L.BatchNormalization(), L.Dense(3)])
    a = k.Input((5, 6))
    middle = k.Model(a, [inner(a), L.Dense(2)(a)])
    one, two = middle(x[0])
    return [L.Concatenate()([one, two]), inner(x[0])]


@case("shared_layer", [(6,), (6,)])
def shared_layer(k, L, x):
    dense = L.Dense(6, activation="relu")
    return L.Subtract()([dense(dense(x[0])), dense(x[1])])


@case("frozen_nested", [(6,)])
def frozen_nested(k, L, x):
    inner = k.Sequential([k.Input((6,)), L.Dense(4), L.BatchNormalization(), L.Dense(5), L.BatchNormalization(), L.Dense(3)])
    inner.layers[0].trainable = False
    inner.layers[1].trainable = False
    return inner(x[0])


@case("sequential_no_input", [(5, 6)])
def sequential_no_input(k, L, x):
    inner = k.Sequential([L.Conv1D(4, 3), L.LayerNormalization(), L.LSTM(3)])
    return inner(x[0])


case("named_outputs", [(6,)], "keras3")(lambda k, L, x: {"beta": L.Dense(3)(x[0]), "alpha": L.Dense(2)(x[0])})

# ---- preprocessing ----
layer("rescaling", (4, 3), lambda L: L.Rescaling(1 / 127.5, offset=-1))
layer("rescaling_ints", (4, 3), lambda L: L.Rescaling(1 / 127.5, offset=-1), dtypes=["uint8"], inputs=lambda r, s: [r.integers(0, 255, s[0])], kinds="keras3")
layer("rescaling_list", (4, 3), lambda L: L.Rescaling([1.0, 2.0, 3.0], offset=[0.1, 0.2, 0.3]), kinds="keras3")
layer("normalization", (4, 3), lambda L: L.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 2.0, 0.5]))
layer("normalization_scalar", (4, 3), lambda L: L.Normalization(axis=None, mean=1.0, variance=2.0))
layer("normalization_inverse", (4, 3), lambda L: L.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 2.0, 0.5], invert=True))


@case("normalization_adapted", [(4, 3)])
def normalization_adapted(k, L, x):
    norm = L.Normalization()
    norm.adapt(np.random.default_rng(3).normal(2, 3, (50, 4, 3)).astype("float32"))
    return norm(x[0])


layer("resizing", (10, 12, 3), lambda L: L.Resizing(7, 9))
layer("resizing_nearest", (10, 12, 3), lambda L: L.Resizing(17, 9, interpolation="nearest"))
layer("resizing_crop", (10, 20, 3), lambda L: L.Resizing(8, 8, crop_to_aspect_ratio=True))
layer("resizing_pad", (10, 20, 3), lambda L: L.Resizing(8, 8, pad_to_aspect_ratio=True), kinds="keras3")
layer("center_crop", (10, 12, 3), lambda L: L.CenterCrop(7, 9))
layer("center_crop_small", (10, 12, 3), lambda L: L.CenterCrop(14, 9))
layer("augmentation", (10, 12, 3), lambda L: lambda x: L.RandomContrast(0.2)(L.RandomZoom(0.1)(L.RandomRotation(0.2)(L.RandomFlip()(x)))))
layer("category_one_hot", (1,), lambda L: L.CategoryEncoding(5, output_mode="one_hot"), dtypes=["int32"], inputs=lambda r, s: [r.integers(0, 5, s[0])])
layer("category_multi_hot", (3,), lambda L: L.CategoryEncoding(5), dtypes=["int32"], inputs=lambda r, s: [r.integers(0, 5, s[0])])
layer("category_count", (6,), lambda L: L.CategoryEncoding(5, output_mode="count"), dtypes=["int32"], inputs=lambda r, s: [r.integers(0, 5, s[0])])
for mode in ["int", "one_hot", "multi_hot", "count"]:
    layer("discretization_" + mode, (1,), lambda L, m=mode: L.Discretization(bin_boundaries=[-0.5, 0.0, 0.7], output_mode=m))
    layer("string_lookup_" + mode, (1,), lambda L, m=mode: L.StringLookup(vocabulary=["a", "bb", "ccc"], output_mode=m), dtypes=["string"], inputs=lambda r, s: [words(r, s[0])])
    layer("integer_lookup_" + mode, (1,), lambda L, m=mode: L.IntegerLookup(vocabulary=[3, 5, 9], output_mode=m), dtypes=["int64"], inputs=lambda r, s: [r.integers(2, 10, s[0])])
    layer("hashing_" + mode, (1,), lambda L, m=mode: L.Hashing(num_bins=7, output_mode=m), dtypes=["string"], inputs=lambda r, s: [words(r, s[0])])
layer("string_lookup_mask", (4,), lambda L: L.StringLookup(vocabulary=["a", "bb"], mask_token="ccc"), dtypes=["string"], inputs=lambda r, s: [words(r, s[0])])
layer("string_lookup_oov", (4,), lambda L: L.StringLookup(vocabulary=["a", "bb"], num_oov_indices=3), dtypes=["string"], inputs=lambda r, s: [words(r, s[0])])
layer("string_lookup_special", (4,), lambda L: L.StringLookup(vocabulary=["[UNK]", "a", "bb"]), dtypes=["string"], inputs=lambda r, s: [words(r, s[0])])
layer("string_lookup_idf", (4,), lambda L: L.StringLookup(vocabulary=["a", "bb", "ccc"], output_mode="tf_idf", idf_weights=[0.5, 0.25, 2.0]), dtypes=["string"], inputs=lambda r, s: [words(r, s[0])])
layer("string_lookup_invert", (4,), lambda L: L.StringLookup(vocabulary=["a", "bb", "ccc"], invert=True), dtypes=["int64"], inputs=lambda r, s: [r.integers(0, 4, s[0])])
layer("integer_lookup_mask_oov", (4,), lambda L: L.IntegerLookup(vocabulary=[3, 5, 9], num_oov_indices=2, mask_token=4), dtypes=["int64"], inputs=lambda r, s: [r.integers(2, 10, s[0])])
layer("integer_lookup_invert", (4,), lambda L: L.IntegerLookup(vocabulary=[3, 5, 9], invert=True), dtypes=["int64"], inputs=lambda r, s: [r.integers(0, 4, s[0])])
layer("hashing_mask", (4,), lambda L: L.Hashing(num_bins=7, mask_value="bb"), dtypes=["string"], inputs=lambda r, s: [words(r, s[0])])
layer("hashing_ints", (4,), lambda L: L.Hashing(num_bins=7), dtypes=["int64"], inputs=lambda r, s: [r.integers(2, 10, s[0])])
TEXTS = ["The film, was GREAT!", "a bad   movie", "", "was the film bad?"]
for mode in ["int", "multi_hot", "count"]:
    layer("text_" + mode, (1,), lambda L, m=mode: L.TextVectorization(vocabulary=["the", "film", "bad"], output_mode=m), dtypes=["string"],
          inputs=lambda r, s: [np.array(TEXTS[:s[0][0]], object).reshape(s[0])])
layer("text_length", (1,), lambda L: L.TextVectorization(vocabulary=["the", "film", "bad"], output_sequence_length=6, standardize="lower"), dtypes=["string"],
      inputs=lambda r, s: [np.array(TEXTS[:s[0][0]], object).reshape(s[0])])


@case("string_lookup_adapted", [(4,)], "keras3", dtypes=["string"], inputs=lambda r, s: [words(r, s[0])])
def string_lookup_adapted(k, L, x):
    look = L.StringLookup()
    look.adapt(np.array(["a", "a", "bb"], object))
    return look(x[0])


# ---- functions ----
def function(name, build, shapes=((4, 6),), **options):
    case("ops_" + name, list(shapes), "keras3", **options)(lambda k, L, x: build(k.ops, *x))


for n in ("abs negative ceil floor sign square exp sin cos tan sinh cosh tanh arctan arcsinh erf relu relu6 sigmoid softplus softsign silu hard_sigmoid "
          "hard_silu hard_tanh selu log_sigmoid gelu elu leaky_relu celu softmax log_softmax squareplus sparse_plus sparse_sigmoid tanh_shrink soft_shrink "
          "hard_shrink glu expm1 trunc round isnan isinf isfinite mean sum max min prod any all var std logsumexp argmax argmin count_nonzero "
          "zeros_like ones_like transpose ravel").split():
    function(n, lambda o, a, n=n: getattr(o, n)(a))
for n in "sqrt rsqrt log log1p log2 log10 reciprocal arccosh".split():
    function(n, lambda o, a, n=n: getattr(o, n)(a), inputs=lambda r, s: [r.random(s[0]) + 1.1])
for n in "arcsin arccos arctanh".split():
    function(n, lambda o, a, n=n: getattr(o, n)(a), inputs=lambda r, s: [r.random(s[0]) * 1.6 - 0.8])
for n in "add subtract multiply divide true_divide maximum minimum floor_divide mod arctan2 equal greater greater_equal less less_equal not_equal".split():
    function(n, lambda o, a, b, n=n: getattr(o, n)(a, b), [(4, 6), (4, 6)])
    function(n + "_number", lambda o, a, n=n: getattr(o, n)(a, 0.5))
    function("number_" + n, lambda o, a, n=n: getattr(o, n)(0.5, a))
for n in "logical_and logical_or logical_xor".split():
    function(n, lambda o, a, b, n=n: getattr(o, n)(o.greater(a, 0), o.greater(b, 0)), [(4, 6), (4, 6)])
for n in "mean sum max min prod any all var std logsumexp argmax argmin".split():
    function(n + "_axis", lambda o, a, n=n: getattr(o, n)(a, axis=1, keepdims=True))
function("power", lambda o, a: o.power(a, 2))
function("power_float", lambda o, a: o.power(a, 1.7), inputs=lambda r, s: [r.random(s[0]) + 0.1])
function("operators", lambda o, a, b: -(2.0 - a) * b / (o.abs(b) + 1.0) + a ** 2, [(4, 6), (4, 6)])
function("where", lambda o, a, b: o.where(a > 0, a, b), [(4, 6), (4, 6)])
function("where_number", lambda o, a: o.where(a > 0, 1.5, a))
function("clip", lambda o, a: o.clip(a, -0.3, 0.6))
function("cast", lambda o, a: o.cast(a * 3, "int32"))
function("cast_bool", lambda o, a: o.cast(a > 0, "float32"))
function("reshape", lambda o, a: o.reshape(a, (-1, 8, 3)))
function("expand_squeeze", lambda o, a: o.squeeze(o.expand_dims(a, 1) * 2, axis=1))
function("concatenate", lambda o, a, b: o.concatenate([a, b], axis=-1), [(4, 6), (4, 3)])
function("stack", lambda o, a, b: o.stack([a, b], axis=1), [(4, 6), (4, 6)])
function("unstack", lambda o, a: o.unstack(a, axis=1)[2])
function("split", lambda o, a: o.split(a, 3, axis=2)[1])
function("split_places", lambda o, a: o.split(a, [1, 4], axis=2)[1])
function("flip", lambda o, a: o.flip(a, axis=1))
function("tile", lambda o, a: o.tile(a, (1, 2, 3)))
function("repeat", lambda o, a: o.repeat(a, 3, axis=1))
function("broadcast_to", lambda o, a: o.broadcast_to(o.expand_dims(a, 1), (2, 3, 4, 6)), batch=2)
function("pad", lambda o, a: o.pad(a, ((0, 0), (1, 2), (0, 1))))
function("pad_reflect", lambda o, a: o.pad(a, ((0, 0), (1, 2), (0, 1)), mode="reflect"))
function("pad_symmetric", lambda o, a: o.pad(a, ((0, 0), (1, 2), (0, 1)), mode="symmetric"))
function("swapaxes", lambda o, a: o.swapaxes(a, 1, 2))
function("moveaxis", lambda o, a: o.moveaxis(a, 1, -1), [(3, 4, 5)])
function("transpose_axes", lambda o, a: o.transpose(a, (0, 3, 1, 2)), [(3, 4, 5)])
function("roll", lambda o, a: o.roll(a, 2, axis=2))
function("take", lambda o, a: o.take(a, [1, 0, 2], axis=1))
function("slices", lambda o, a: a[:, 1:3, ::2])
function("slice_index", lambda o, a: a[:, -1])
function("slice_ellipsis", lambda o, a: a[..., 1:-1])
function("slice_new_axis", lambda o, a: a[:, None, 1])
function("slice_back", lambda o, a: a[:, ::-1])
function("matmul", lambda o, a, b: o.matmul(a, b), [(4, 6), (6, 3)])
function("einsum", lambda o, a, b: o.einsum("bij,bkj->bik", a, b), [(4, 6), (3, 6)])
function("normalize", lambda o, a: o.normalize(a, axis=-1))
function("norm", lambda o, a: o.norm(a, axis=-1))
function("one_hot", lambda o, a: o.one_hot(a, 5), [(4,)], dtypes=["int32"], inputs=lambda r, s: [r.integers(0, 5, s[0])])
function("cumsum", lambda o, a: o.cumsum(a, axis=1))
function("top_k", lambda o, a: list(o.top_k(a, 3)))
function("resize", lambda o, a: o.image.resize(a, (7, 5)), [(5, 6, 3)])
function("gelu_exact", lambda o, a: o.gelu(a, approximate=False))
function("full_like", lambda o, a: o.full_like(a, 3.5))
function("max_pool", lambda o, a: o.max_pool(a, 2, strides=1, padding="same"), [(5, 6, 3)])
function("average_pool", lambda o, a: o.average_pool(a, 2), [(6, 6, 3)])
function("depth_to_space", lambda o, a: o.depth_to_space(a, 2), [(3, 4, 8)])
function("space_to_depth", lambda o, a: o.space_to_depth(a, 2), [(4, 6, 3)])


def tf_function(name, build, shapes=((4, 6),), **options):
    def call(k, L, x):
        import tensorflow as tf
        return build(tf, *x)
    case("tf_" + name, list(shapes), "tf_keras", **options)(call)


for n in "math.abs math.exp math.square math.floor math.ceil math.sin nn.relu nn.relu6 nn.sigmoid nn.tanh nn.softplus nn.elu nn.selu nn.softmax nn.gelu nn.silu identity math.reduce_sum zeros_like".split():
    tf_function(n, lambda tf, a, n=n: __import__("functools").reduce(getattr, n.split("."), tf)(a))
for n in "math.add math.subtract math.multiply math.divide math.maximum math.minimum math.squared_difference math.greater math.floordiv".split():
    tf_function(n, lambda tf, a, b, n=n: __import__("functools").reduce(getattr, n.split("."), tf)(a, b), [(4, 6), (4, 6)])
tf_function("operators", lambda tf, a, b: -(2.0 - a) * b / (tf.abs(b) + 1.0) + a ** 2, [(4, 6), (4, 6)])
tf_function("reduce_mean", lambda tf, a: tf.reduce_mean(a, axis=[1, 2], keepdims=True))
tf_function("concat", lambda tf, a, b: tf.concat([a, b], axis=-1), [(4, 6), (4, 3)])
tf_function("stack", lambda tf, a, b: tf.stack([a, b], axis=1), [(4, 6), (4, 6)])
tf_function("split", lambda tf, a: tf.split(a, 3, axis=2)[1])
tf_function("split_sizes", lambda tf, a: tf.split(a, [1, 3, 2], axis=2)[1])
tf_function("reshape", lambda tf, a: tf.reshape(a, (-1, 8, 3)))
tf_function("reshape_dynamic", lambda tf, a: tf.reshape(a, (tf.shape(a)[0], 24)))
tf_function("transpose", lambda tf, a: tf.transpose(a, (0, 2, 1)))
tf_function("expand_dims", lambda tf, a: tf.expand_dims(a, 1))
tf_function("squeeze", lambda tf, a: tf.squeeze(a, axis=1), [(1, 6)])
tf_function("tile", lambda tf, a: tf.tile(a, (1, 2, 1)))
tf_function("pad", lambda tf, a: tf.pad(a, [[0, 0], [1, 2], [0, 1]]))
tf_function("matmul", lambda tf, a, b: tf.matmul(a, b, transpose_b=True), [(4, 6), (3, 6)])
tf_function("cast", lambda tf, a: tf.cast(a * 3, tf.int32))
tf_function("slices", lambda tf, a: a[:, 1:3, ::-1])
tf_function("slice_index", lambda tf, a: a[:, 0])
tf_function("slice_new_axis", lambda tf, a: a[:, tf.newaxis, ..., 1])
tf_function("clip", lambda tf, a: tf.clip_by_value(a, -0.3, 0.6))
tf_function("where", lambda tf, a, b: tf.where(a > 0, a, b), [(4, 6), (4, 6)])
tf_function("gather", lambda tf, a: tf.gather(a, [1, 0], axis=1))
tf_function("one_hot", lambda tf, a: tf.one_hot(a, 5), [(4,)], dtypes=["int32"], inputs=lambda r, s: [r.integers(0, 5, s[0])])
tf_function("l2_normalize", lambda tf, a: tf.nn.l2_normalize(a, axis=-1))
tf_function("argmax", lambda tf, a: tf.argmax(a, axis=-1))
tf_function("resize", lambda tf, a: tf.image.resize(a, (7, 5)), [(5, 6, 3)])
tf_function("unstack", lambda tf, a: tf.unstack(a, axis=1)[1])
tf_function("reverse", lambda tf, a: tf.reverse(a, axis=[1]))


# ---- running ----
def masked(r, shape):
    x = r.normal(size=shape)
    x[r.random(shape[:2]) < 0.35] = 0
    x[:, -1] = 1  # no row without a step
    return x


def words(r, shape):
    return np.array([["a", "bb", "ccc", "other", "more"][i] for i in r.integers(0, 5, int(np.prod(shape)))], object).reshape(shape)


def randomize(model, r):
    values = []
    for w in model.weights:
        v = np.asarray(w)
        if v.dtype.kind == "f" and "rnn_state" not in w.name and "seed" not in w.name:
            v = (r.normal(size=v.shape) * 0.5).astype(v.dtype)
            if "variance" in w.name:
                v = np.abs(v) + 0.5
        values.append(v)
    model.set_weights(values)


def flat(out):
    if isinstance(out, dict):
        return [out[k] for k in sorted(out)]
    return list(out) if isinstance(out, (list, tuple)) else [out]


def make_inputs(item, r, batch):
    shapes, dtypes, inputs = item[1], item[4], item[6]
    full = [(batch,) + tuple(7 if d is None else d for d in s) for s in shapes]
    xs = inputs(r, full) if inputs else [r.normal(size=s) for s in full]
    types = dtypes or ["float32"] * len(shapes)
    return [np.asarray(x) if t == "string" else np.asarray(x).astype(t) for x, t in zip(xs, types)]


def load_npy(path):
    return np.load(path, allow_pickle=False)


def linnet(args, **options):
    p = subprocess.run(args, capture_output=True, text=True, errors="replace", timeout=60, **options)
    if p.returncode:
        raise RuntimeError((p.stderr.strip().splitlines() or [f"ends with {p.returncode}"])[-1])


def run_cli(tool, model, names, xs, folder):
    args = [tool, "run", model, "--output-dir", folder]
    for i, (n, x) in enumerate(zip(names, xs)):
        f = os.path.join(folder, f"in{i}.npy")
        np.save(f, np.array([str(v).encode() for v in x.ravel()], "S").reshape(x.shape) if x.dtype.kind == "O" else x)
        args += ["--input", f"{n}={f}"]
    linnet(args)
    listed = json.load(open(os.path.join(folder, "outputs.json")))
    return {o["name"]: load_npy(os.path.join(folder, o["file"])) for o in listed}


def run_litert(model, names, xs, times):
    from ai_edge_litert.interpreter import Interpreter
    it = Interpreter(model)
    run = it.get_signature_runner()
    for _ in range(times):
        got = run(**dict(zip(names, xs)))
    return got


def differs(got, want):
    want = np.asarray(want)
    if want.dtype.kind in "OSU":
        want = np.array([v if isinstance(v, bytes) else str(v).encode() for v in want.ravel()], "S").reshape(want.shape)
        got = np.array([v if isinstance(v, bytes) else str(v).encode() for v in np.asarray(got).ravel()], "S").reshape(np.shape(got))
        return None if got.shape == want.shape and np.array_equal(got, want) else f"{got} not {want}"
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"is {got.dtype}{list(got.shape)}, want {want.dtype}{list(want.shape)}"
    if want.dtype.kind in "iub":
        return None if np.array_equal(got, want) else f"{np.count_nonzero(got != want)} of {want.size} differ"
    limit = 1e-5 + 1e-4 * (np.nanmax(np.abs(want)) if want.size else 0)
    bad = ~(np.isclose(got, want, rtol=0, atol=limit, equal_nan=True))
    return f"off by {np.nanmax(np.abs(got - want)):.3g}, allowed {limit:.3g}" if bad.any() else None


def build(k, item, r):
    shapes, batch, dtypes, make = item[1], item[3], item[4], item[7]
    types = dtypes or ["float32"] * len(shapes)
    xs = [k.Input(batch_shape=(batch,) + tuple(s), dtype=t, name=f"in{i}") if k.__name__ == "keras"
          else k.Input(batch_size=batch, shape=s, dtype=t, name=f"in{i}") for i, (s, t) in enumerate(zip(shapes, types))]
    out = make(k, k.layers, xs)
    model = k.Model(xs, out)
    if "adapted" not in item[0] and "idf" not in item[0]:
        randomize(model, r)
    return model


def check(tool, k, item, suffix, litert):
    r = np.random.default_rng(sum(map(ord, item[0])))
    model = build(k, item, r)
    batch = item[3] or 3
    stateful = "stateful" in item[0]
    xs = make_inputs(item, r, batch)
    with tempfile.TemporaryDirectory() as d:
        source, made = os.path.join(d, "m" + suffix), os.path.join(d, "m.tflite")
        model.save(source)
        if stateful:
            model.reset_states() if hasattr(model, "reset_states") else [l.reset_state() for l in model.layers if hasattr(l, "reset_state")]
        feed = [k.ops.convert_to_tensor(x) if x.dtype.kind != "O" and k.__name__ == "keras" else __import__("tensorflow").constant(x) for x in xs]
        want = flat(model(feed if len(feed) > 1 else feed[0], training=False))
        linnet([tool, "convert", source, "-o", made])
        names = [f"in{i}" for i in range(len(xs))]
        outputs = [("cli", run_cli(tool, made, names, xs, d))]
        if litert:
            times = 1 if stateful else 2
            outputs.append(("litert", run_litert(made, names, xs, times)))
        for where, got in outputs:
            keys = sorted(got) if isinstance(model.output, dict) else order_of(model, got)
            if len(keys) != len(want):
                return f"{where}: outputs {sorted(got)}, want {len(want)}"
            for key, w in zip(keys, want):
                why = differs(got[key], w)
                if why:
                    return f"{where}: {key}: {why}"
    return None


def order_of(model, got):
    """Outputs in the model's order: names that come again have numbers behind them."""
    names, seen = [], set()
    for n in model.output_names:
        base, i = n, 1
        while n in seen:
            n, i = f"{base}_{i}", i + 1
        seen.add(n)
        names.append(n)
    return names if all(n in got for n in names) else list(got)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("linnet")
    p.add_argument("--only", default="")
    p.add_argument("--kind", default="")
    p.add_argument("--suffix", default=".keras|.h5")
    p.add_argument("--part", default="0/1", help="I/N: every Nth case from the Ith on")
    p.add_argument("--litert", action="store_true")
    a = p.parse_args()
    kinds = {"keras3": keras} if keras.__version__ >= "3" else {"tf_keras": keras}
    try:
        import tf_keras
        kinds["tf_keras"] = tf_keras
    except ImportError:
        pass
    done = failed = 0
    for name, k in kinds.items():
        part, parts = map(int, a.part.split("/"))
        for item in CASES[part::parts]:
            if name not in item[2] or not re.search(a.only, item[0]) or a.kind not in ("", name):
                continue
            for suffix in a.suffix.split("|"):
                if suffix == ".h5" and "adapted" in item[0] and "normal" not in item[0]:
                    continue
                try:
                    why = check(a.linnet, k, item, suffix, a.litert and suffix == ".keras")
                except Exception as e:
                    why = f"{type(e).__name__}: {str(e)[:300]}".replace("\n", " ")
                done += 1
                if why:
                    failed += 1
                    print(f"{name} {item[0]}{suffix}: {why}", flush=True)
                k.backend.clear_session()
    print(f"{done} models, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
