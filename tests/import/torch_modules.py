"""Modules that PyTorch exports, converted and run beside PyTorch itself: LINNET [--keep FOLDER] [--only REGEX].

Each row of CASES is exported as it is and once more decomposed to the core operators. With --keep the sources, inputs and
outputs stay in FOLDER in the form of the converter's other cases. Ends with 77 where PyTorch is not installed.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError:
    sys.exit(77)

warnings.filterwarnings("ignore")
CASES = []


def f(*shape):
    return torch.randn(*shape)


def u(*shape):
    return torch.rand(*shape) * 0.9 + 0.05


def ints(high, *shape):
    return torch.randint(0, high, shape)


def case(name, call, *inputs, **more):
    CASES.append((name, call, inputs, more))


class Of(nn.Module):
    """A function as a module, with the layers that it uses."""

    def __init__(self, call, **layers):
        super().__init__()
        self.call = call
        for key, layer in layers.items():
            setattr(self, key, layer)

    def forward(self, *inputs):
        return self.call(*inputs)


def unary(*names, like=f):
    for name in names:
        case(name, getattr(torch, name), like(3, 5))


unary("neg", "abs", "sign", "square", "exp", "exp2", "expm1", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh",
      "asinh", "erf", "erfc", "floor", "ceil", "round", "trunc", "frac", "sinc", "deg2rad", "rad2deg", "sigmoid",
      "isnan", "isinf", "isfinite", "signbit", "relu", "reciprocal", "logical_not", "positive", "sgn")
unary("log", "log2", "log10", "log1p", "sqrt", "rsqrt", "asin", "acos", "atanh", "logit", like=u)
unary("acosh", like=lambda *s: u(*s) + 1)
for name, call in {
        "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu, "relu6": F.relu6,
        "hardswish": F.hardswish, "hardsigmoid": F.hardsigmoid, "hardtanh": lambda x: F.hardtanh(x, -0.5, 0.7),
        "leaky_relu": F.leaky_relu, "elu": F.elu, "elu_alpha": lambda x: F.elu(x, 0.7), "celu": lambda x: F.celu(x, 1.3),
        "selu": F.selu, "softplus": F.softplus, "softplus_beta": lambda x: F.softplus(x, 2.0, 1.5),
        "softsign": F.softsign, "mish": F.mish, "logsigmoid": F.logsigmoid, "tanhshrink": F.tanhshrink,
        "hardshrink": F.hardshrink, "softshrink": F.softshrink, "threshold": lambda x: F.threshold(x, 0.1, -3.0),
        "glu": lambda x: F.glu(x, 1), "rrelu": F.rrelu, "softmin": lambda x: F.softmin(x, 0),
        "softmax0": lambda x: x.softmax(0), "softmax1": lambda x: x.softmax(1), "softmax2": lambda x: x.softmax(2),
        "log_softmax": lambda x: x.log_softmax(1), "logsumexp": lambda x: x.logsumexp(1),
        "logsumexp_keep": lambda x: x.logsumexp((0, 2), keepdim=True), "normalize": lambda x: F.normalize(x, dim=1),
        "nan_to_num": lambda x: torch.nan_to_num(x / (x * 0)), "round2": lambda x: torch.round(x, decimals=2),
        "clamp": lambda x: x.clamp(-0.3, 0.4), "clamp_min": lambda x: x.clamp(min=0.2), "clamp_max": lambda x: x.clamp_max(0.1),
        "clamp_tensor": lambda x: torch.clamp(x, x * 0 - 0.2, x * 0 + 0.3), "pow2": lambda x: x**2, "pow3": lambda x: x**3,
        "pow_half": lambda x: x.abs()**0.5, "pow_scalar": lambda x: 2.0**x, "rsub": lambda x: 3 - x, "rdiv": lambda x: 2 / x,
        "sub_alpha": lambda x: torch.sub(x, x * x, alpha=2), "add_alpha": lambda x: torch.add(x, x, alpha=0.3),
        "int_float": lambda x: x * torch.arange(4) + 1, "cumsum": lambda x: x.cumsum(1), "cumprod": lambda x: x.cumprod(2),
        "flip": lambda x: x.flip((0, 2)), "roll": lambda x: x.roll((1, -2), (0, 2)), "roll_flat": lambda x: x.roll(5),
        "tril": lambda x: x.tril(), "triu1": lambda x: x.triu(1), "tril-1": lambda x: torch.tril(x, -1),
        "transpose": lambda x: x.transpose(0, 2), "permute": lambda x: x.permute(2, 0, 1), "movedim": lambda x: x.movedim(0, 2),
        "mT": lambda x: x.mT, "unsqueeze": lambda x: x.unsqueeze(-1), "squeeze": lambda x: x[:, :1].squeeze(1),
        "squeeze_all": lambda x: x[:1, :1].squeeze(), "flatten": lambda x: x.flatten(1), "view": lambda x: x.view(2, -1, 2),
        "unflatten": lambda x: x.unflatten(1, (3, 2)), "expand": lambda x: x[:, :1].expand(-1, 5, -1),
        "expand_new": lambda x: x.expand(3, 2, 6, 4), "repeat": lambda x: x.repeat(2, 1, 1, 3), "tile": lambda x: x.tile(2),
        "repeat_interleave": lambda x: x.repeat_interleave(2, dim=1), "repeat_interleave_flat": lambda x: x.repeat_interleave(3),
        "cat": lambda x: torch.cat([x, x * 2], 1), "stack": lambda x: torch.stack([x, -x], 1),
        "split": lambda x: torch.cat([p * i for i, p in enumerate(x.split(4, 1))], 1),
        "split_sizes": lambda x: x.split([1, 5], 1)[1], "chunk": lambda x: x.chunk(4, 1)[1],
        "tensor_split": lambda x: x.tensor_split(4, 1)[1], "unbind": lambda x: x.unbind(1)[3] + x.unbind(1)[0],
        "slice": lambda x: x[:, 1:5:2], "slice_neg": lambda x: x[:, -3:-1], "select": lambda x: x[:, -1], "narrow": lambda x: x.narrow(1, 2, 3),
        "mean": lambda x: x.mean(), "mean_dim": lambda x: x.mean((1, 2), keepdim=True), "sum": lambda x: x.sum(1),
        "sum_all": lambda x: x.sum(), "amax": lambda x: x.amax(1), "amin": lambda x: x.amin((0, 1)), "max": lambda x: x.max(),
        "max_dim": lambda x: x.max(1), "min_dim": lambda x: x.min(2, keepdim=True), "prod": lambda x: x.prod(2),
        "argmax": lambda x: x.argmax(1), "argmax_all": lambda x: x.argmax(), "argmin_keep": lambda x: x.argmin(2, keepdim=True),
        "any": lambda x: (x > 2).any(1), "all": lambda x: (x > -2).all(2), "all_all": lambda x: (x > -9).all(),
        "var": lambda x: x.var(1), "var0": lambda x: x.var(1, correction=0), "std": lambda x: x.std(), "std_dim": lambda x: x.std((0, 2), keepdim=True),
        "var_mean": lambda x: torch.var_mean(x, 1), "std_mean": lambda x: torch.std_mean(x, (1, 2)), "norm": lambda x: x.norm(),
        "norm1": lambda x: x.norm(1, dim=1), "norm_inf": lambda x: torch.linalg.vector_norm(x, float("inf"), dim=2),
        "norm3": lambda x: torch.linalg.vector_norm(x, 3, dim=1), "count_nonzero": lambda x: (x > 0).count_nonzero(1),
        "topk": lambda x: x.topk(3, 1), "topk_small": lambda x: x.topk(2, 2, largest=False), "sort": lambda x: x.sort(1),
        "sort_desc": lambda x: x.sort(2, descending=True), "argsort": lambda x: x.argsort(1), "kthvalue": lambda x: x.kthvalue(2, 1),
        "median": lambda x: x.median(1)[0], "aminmax": lambda x: torch.aminmax(x, dim=1), "nonzero": lambda x: (x > 0).nonzero().sum(0),
        "one_hot": lambda x: F.one_hot((x * 3).long().clamp(0, 4), 5), "where_scalar": lambda x: torch.where(x > 0, x, 0.5),
        "masked_fill": lambda x: x.masked_fill(x < 0, 7.0), "zeros_like": lambda x: torch.zeros_like(x) + torch.ones_like(x) * x,
        "full_like": lambda x: torch.full_like(x, 3.5) * x, "new_full": lambda x: x.new_full((2, 1, 4), 2.0) + x, "arange": lambda x: x + torch.arange(0, 8, 2),
        "linspace": lambda x: x * torch.linspace(-1, 1, 4), "eye": lambda x: x @ torch.eye(4, 3), "diagonal": lambda x: x.diagonal(1, 1, 2),
        "diag_embed": lambda x: torch.diag_embed(x), "unfold": lambda x: x.unfold(1, 3, 2), "meshgrid": lambda x: torch.meshgrid(x[0, 0], x[0, :, 0], indexing="ij"),
        "meshgrid_xy": lambda x: torch.meshgrid(x[0, 0], x[0, :, 0], indexing="xy"), "pad": lambda x: F.pad(x, (1, 2, 0, 3), value=0.5),
        "pad_crop": lambda x: F.pad(x, (-1, 1)), "pad_reflect": lambda x: F.pad(x, (2, 1), mode="reflect"), "pad_replicate": lambda x: F.pad(x, (2, 1), mode="replicate"),
        "pad_circular": lambda x: F.pad(x, (2, 1), mode="circular"), "to_int": lambda x: (x * 5).int(), "to_long": lambda x: (x * 5).long() // 2,
        "to_bool": lambda x: x.bool(), "to_u8": lambda x: (x.abs() * 50).to(torch.uint8) + 3, "to_half": lambda x: x.half().float(),
        "int_div": lambda x: (x * 9).int() / 4, "int_floor": lambda x: torch.div((x * 9).int(), 4, rounding_mode="floor"),
        "int_trunc": lambda x: torch.div((x * 9).int(), 4, rounding_mode="trunc"), "div_floor": lambda x: torch.div(x, 0.3, rounding_mode="floor"),
        "div_trunc": lambda x: torch.div(x, 0.3, rounding_mode="trunc"), "remainder": lambda x: x % 0.7, "fmod": lambda x: torch.fmod(x, 0.7),
        "int_mod": lambda x: (x * 9).int() % 4, "shift": lambda x: ((x * 90).int() >> 2, (x * 9).int() << 3), "bit_and": lambda x: (x > 0) & (x < 1),
        "bit_or": lambda x: (x > 1) | (x < 0), "bit_xor": lambda x: (x > 0) ^ (x < 1), "bit_not": lambda x: ~(x > 0), "int_xor": lambda x: (x * 9).int() ^ 5,
        "int_and": lambda x: (x * 90).int() & 12, "int_not": lambda x: ~(x * 9).int(), "scalar_out": lambda x: x[0, 0, 0] * 2, "lerp": lambda x: torch.lerp(x, x * 3, 0.25),
        "addcmul": lambda x: torch.addcmul(x, x, x, value=0.5), "addcdiv": lambda x: torch.addcdiv(x, x, x.abs() + 1, value=0.5),
        "as_strided": lambda x: x.as_strided((2, 3), (5, 2), 1), "heaviside": lambda x: torch.heaviside(x, torch.tensor(0.5)),
        "layer_norm_f": lambda x: F.layer_norm(x, (6, 4)), "rms_norm_f": lambda x: F.rms_norm(x, (4,)), "cdist": lambda x: torch.cdist(x, x + 1),
        "einsum_diag": lambda x: torch.einsum("bii->bi", x[:, :4]), "einsum_outer": lambda x: torch.einsum("bij,bkl->bikl", x, x),
        "einsum_sum": lambda x: torch.einsum("bij->j", x), "einsum_dots": lambda x: torch.einsum("...ij,...kj->...ik", x, x),
        "einsum_heads": lambda x: torch.einsum("bnhd,bmhd->bhnm", x.view(2, 6, 2, 2), x.view(2, 6, 2, 2)),
        "outer": lambda x: torch.outer(x[0, 0], x[0, :, 1]), "dot": lambda x: torch.dot(x[0, 0], x[1, 1]), "mv": lambda x: torch.mv(x[0], x[1, 2]),
        "matmul_int": lambda x: (x * 4).int() @ (x * 4).int().mT, "matmul_vec": lambda x: x @ x[0, 0], "bilinear": lambda x: F.bilinear(x, x, torch.ones(3, 4, 4) * 0.1),
        "index_list": lambda x: x[:, [0, 2, -1]], "index_two": lambda x: x[[0, 1, 1], [2, 3, 0]], "index_apart": lambda x: x[[0, 1], :, [1, 2]],
        "index_none": lambda x: x[:, None, [1, 3]], "index_mask": lambda x: x[x > 0].sum(), "index_put_mask": lambda x: torch.where(x > 0, 1.0, x),
        "index_select": lambda x: x.index_select(1, torch.tensor([0, 3, 3])), "index_fill": lambda x: x.index_fill(1, torch.tensor([0, 2]), 9.0),
        "index_add": lambda x: x.index_add(1, torch.tensor([0, 2]), x[:, :2], alpha=2), "index_copy": lambda x: x.index_copy(1, torch.tensor([4, 2]), x[:, :2]),
        "scatter": lambda x: x.scatter(1, torch.tensor([[[0, 1, 2, 3]], [[3, 4, 5, 0]]]), x[:, :1] * 2), "scatter_value": lambda x: x.scatter(1, torch.tensor([[[0, 1, 2, 3]]]), 5.0),
        "scatter_add": lambda x: x.scatter_add(1, torch.zeros(2, 6, 4, dtype=torch.long), x), "scatter_reduce": lambda x: x.scatter_reduce(1, torch.ones(2, 6, 4, dtype=torch.long), x, "amax"),
        "gather": lambda x: x.gather(1, torch.tensor([[[0, 1, 2, 3]], [[3, 4, 5, 0]]])), "take_along_dim": lambda x: torch.take_along_dim(x, x.argsort(1), 1),
        "pixel_shuffle": lambda x: F.pixel_shuffle(x.view(1, 8, 3, 2), 2), "pixel_unshuffle": lambda x: F.pixel_unshuffle(x.view(1, 2, 4, 6), 2),
        "channel_shuffle": lambda x: F.channel_shuffle(x.view(1, 6, 4, 2), 3), "unfold2d": lambda x: F.unfold(x.view(1, 2, 4, 6), (2, 3), padding=1, stride=2),
        "cosine": lambda x: F.cosine_similarity(x, x + 1, dim=2), "pairwise": lambda x: F.pairwise_distance(x, x * 2), "mse": lambda x: F.mse_loss(x, x * 2),
        "l1": lambda x: F.l1_loss(x, x * 2, reduction="none"), "dropout": lambda x: F.dropout(x, 0.5, False), "logaddexp": lambda x: torch.logaddexp(x, x * 2),
        "hypot": lambda x: torch.hypot(x, x + 1), "xlogy": lambda x: torch.xlogy(x, x.abs() + 1), "copysign": lambda x: torch.copysign(x, -x), "atan2": lambda x: torch.atan2(x, x * x - 1),
        "maximum": lambda x: torch.maximum(x, -x), "fmin": lambda x: torch.fmin(x, -x), "compare": lambda x: (x == x.round(), x != 0, x <= 0.5, x >= 0.2),
        "logical": lambda x: torch.logical_xor(x > 0, x < 1), "bool_sum": lambda x: (x > 0).sum(1), "bool_add": lambda x: (x > 0) + (x < -1), "item": lambda x: x * x[0, 0, 0],
        "zero_dim": lambda x: x.mean() * torch.arange(3), "int_mean": lambda x: (x * 9).int().float().mean(), "long_max": lambda x: (x * 9).long().max(1)[0],
        "double": lambda x: (x.double() * 2).sum(1).float(), "tuple": lambda x: (x, {"a": x * 2, "b": [x + 1, x + 2]}), "constant": lambda x: (x, torch.ones(3)),
        "stacks": lambda x: (torch.hstack([x, x]), torch.vstack([x[0, 0], x[0, 1]]), torch.column_stack([x[0, :, 0], x[0, :, 1]])),
        "flips": lambda x: (torch.fliplr(x), torch.flipud(x), torch.rot90(x), torch.rot90(x, 3, (1, 2)), torch.rot90(x, 2)),
        "inner": lambda x: torch.inner(x[0], x[1]), "tensordot": lambda x: torch.tensordot(x, x, dims=([1, 2], [1, 2])),
        "cross": lambda x: torch.linalg.cross(x[..., :3], x[..., 1:] + 1), "trace": lambda x: torch.trace(x[0, :4]), "diff": lambda x: x.diff(dim=1),
        "bucketize": lambda x: (torch.bucketize(x, torch.tensor([-1.0, 0.0, 0.5])), torch.searchsorted(torch.tensor([-1.0, 0.0, 0.5]), x, right=True)),
        "isclose": lambda x: torch.isclose(x, x.round(), atol=0.1), "triangle_indices": lambda x: x[0][tuple(torch.tril_indices(3, 4))],
        "masked_scatter": lambda x: x.masked_scatter(x > 0, x * 2), "fold": lambda x: F.fold(x.view(1, 12, 4), (3, 3), 2), "smooth_l1": lambda x: F.smooth_l1_loss(x, x * 3),
        "fold_pad": lambda x: F.fold(F.unfold(x.view(1, 2, 4, 6), 3, padding=1, stride=2), (4, 6), 3, padding=1, stride=2),
        "huber": lambda x: F.huber_loss(x, x * 3, delta=0.7), "bce": lambda x: F.binary_cross_entropy(x.sigmoid(), (x > 0).float()),
        "bce_logits": lambda x: F.binary_cross_entropy_with_logits(x, (x > 0).float()), "atleast": lambda x: torch.atleast_3d(x[0]),
        "same_twice": lambda x: (x * 2,) * 2,
}.items():
    case(name, call, f(2, 6, 4))

# writes in place


def writes(x):
    y = x.clone()
    y[:, 1] = 5
    y[:, 2:4] += 1
    y[0].mul_(2)
    y[:, ::3] = y[:, ::3] - 1
    y.transpose(1, 2)[:, 0] = 0.5
    a, b = y.chunk(2, 2)
    a.add_(1)
    y.view(-1)[3:5] = 9
    return y, b + a


case("writes", writes, f(2, 6, 4))
case("writes_relu", lambda x: F.relu(x * 2, inplace=True), f(2, 3))
case("writes_mask", lambda x: x.clone().masked_fill_(x > 0, 3.0), f(2, 3))


def writes_put(x, i):
    y = torch.zeros_like(x)
    y[i] = x[:2]
    y[x > 1] = 0
    return y.index_put((i,), x[:2], accumulate=True)


case("writes_put", writes_put, f(4, 3), torch.tensor([2, 0]))

# layers, on [n, c, ...]


def layer(name, module, *inputs, **more):
    case(name, module, *inputs, **more)


for groups in (1, 2, 4):
    layer(f"conv2d_{groups}", nn.Conv2d(4, 8, 3, padding=1, groups=groups), f(2, 4, 9, 7))
layer("conv2d_stride", nn.Conv2d(4, 8, 3, stride=2, padding=1), f(2, 4, 9, 8))
layer("conv2d_same", nn.Conv2d(4, 8, 4, padding="same"), f(2, 4, 9, 8))
layer("conv2d_dilated", nn.Conv2d(4, 6, (3, 2), padding=(2, 0), dilation=2, bias=False), f(1, 4, 9, 8))
layer("conv2d_alone", nn.Conv2d(4, 6, 3), f(4, 9, 8))
layer("conv2d_reflect", nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), f(1, 4, 9, 8))
layer("conv1d", nn.Conv1d(4, 6, 3, padding=1), f(2, 4, 9))
layer("conv1d_dilated", nn.Conv1d(4, 4, 3, padding=4, dilation=4, groups=4), f(2, 4, 9))
layer("conv3d", nn.Conv3d(2, 3, 3, padding=1, stride=2), f(1, 2, 5, 6, 7))
layer("conv_t2d", nn.ConvTranspose2d(4, 6, 2, 2), f(1, 4, 5, 6))
layer("conv_t2d_pad", nn.ConvTranspose2d(4, 6, 3, 2, padding=1, output_padding=1), f(1, 4, 5, 6))
layer("conv_t2d_groups", nn.ConvTranspose2d(4, 6, 3, 1, groups=2), f(1, 4, 5, 6))
layer("conv_t1d", nn.ConvTranspose1d(4, 6, 4, 2, padding=1), f(1, 4, 5))
layer("conv_t3d", nn.ConvTranspose3d(2, 3, 2, 2), f(1, 2, 3, 4, 3))
layer("max_pool2d", nn.MaxPool2d(3, 2, 1), f(2, 3, 9, 8))
layer("max_pool2d_ceil", nn.MaxPool2d(2, 2, ceil_mode=True), f(2, 3, 9, 7))
layer("max_pool2d_dilated", nn.MaxPool2d(2, 1, dilation=2), f(2, 3, 9, 7))
layer("max_pool1d", nn.MaxPool1d(3, 2), f(2, 3, 9))
layer("max_pool3d", nn.MaxPool3d(2), f(1, 2, 4, 6, 6))
layer("avg_pool2d", nn.AvgPool2d(3, 2, 1), f(2, 3, 9, 8))
layer("avg_pool2d_without", nn.AvgPool2d(3, 2, 1, count_include_pad=False), f(2, 3, 9, 8))
layer("avg_pool2d_ceil", nn.AvgPool2d(2, 2, ceil_mode=True), f(2, 3, 9, 7))
layer("avg_pool1d", nn.AvgPool1d(3), f(2, 3, 9))
layer("avg_pool3d", nn.AvgPool3d(2), f(1, 2, 4, 6, 6))
layer("adaptive_avg1", nn.AdaptiveAvgPool2d(1), f(2, 3, 9, 8))
layer("adaptive_avg", nn.AdaptiveAvgPool2d((3, 4)), f(2, 3, 9, 8))
layer("adaptive_avg_uneven", nn.AdaptiveAvgPool2d((4, 3)), f(2, 3, 9, 8))
layer("adaptive_avg_none", nn.AdaptiveAvgPool2d((None, 2)), f(2, 3, 9, 8))
layer("adaptive_max", nn.AdaptiveMaxPool2d((2, 3)), f(2, 3, 9, 8))
layer("adaptive_avg1d", nn.AdaptiveAvgPool1d(4), f(2, 3, 10))
layer("batch_norm2d", nn.BatchNorm2d(4), f(2, 4, 5, 6))
layer("batch_norm1d", nn.BatchNorm1d(4), f(2, 4))
layer("batch_norm_free", nn.BatchNorm2d(4, track_running_stats=False), f(2, 4, 5, 6))
layer("layer_norm", nn.LayerNorm((5, 6)), f(2, 4, 5, 6))
layer("group_norm", nn.GroupNorm(2, 4), f(2, 4, 5, 6))
layer("instance_norm", nn.InstanceNorm2d(4, affine=True), f(2, 4, 5, 6))
layer("rms_norm", nn.RMSNorm(6), f(2, 5, 6))
layer("local_response", nn.LocalResponseNorm(3), f(2, 6, 5, 5))
layer("prelu", nn.PReLU(4), f(2, 4, 5))
layer("linear", nn.Linear(6, 5), f(2, 3, 6))
layer("linear_vector", nn.Linear(6, 5, bias=False), f(6))
layer("bilinear_layer", nn.Bilinear(3, 4, 5), f(2, 3), f(2, 4))
layer("embedding", nn.Embedding(10, 4, padding_idx=0), ints(10, 2, 5))
layer("embedding_bag", nn.EmbeddingBag(10, 4), ints(10, 2, 5))
layer("embedding_bag_max", nn.EmbeddingBag(10, 4, mode="max"), ints(10, 2, 5))
layer("weight_norm", torch.nn.utils.weight_norm(nn.Linear(4, 3)), f(2, 4))
layer("weight_norm_new", torch.nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 3, 2)), f(2, 4, 5))
for how in ("nearest", "nearest-exact", "bilinear", "bicubic"):
    layer(f"upsample_{how}", nn.Upsample(scale_factor=2, mode=how), f(1, 2, 5, 4))
    case(f"interpolate_{how}", lambda x, how=how: F.interpolate(x, size=(7, 3), mode=how), f(1, 2, 5, 4))
layer("upsample_corners", nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), f(1, 2, 5, 4))
case("interpolate_factor", lambda x: F.interpolate(x, scale_factor=1.7, mode="bilinear"), f(1, 2, 5, 4))
case("interpolate_1d", lambda x: F.interpolate(x, scale_factor=2, mode="linear"), f(1, 2, 5))
case("interpolate_3d", lambda x: F.interpolate(x, scale_factor=2, mode="nearest"), f(1, 2, 3, 3, 2))
for how in ("bilinear", "nearest"):
    for edges in ("zeros", "border"):
        case(f"grid_sample_{how}_{edges}", lambda x, g, how=how, edges=edges: F.grid_sample(
            x, g, how, edges, align_corners=False), f(2, 3, 5, 6), f(2, 4, 3, 2) * 0.7)

# attention and recurrence
for name, more in {"plain": {}, "causal": {"is_causal": True}, "scale": {"scale": 0.3}}.items():
    case(f"attention_{name}", lambda q, k, v, more=more: F.scaled_dot_product_attention(q, k, v, **more), f(2, 3, 5, 4),
         f(2, 3, 5, 4), f(2, 3, 5, 4))
case("attention_mask", lambda q, m: F.scaled_dot_product_attention(q, q, q, attn_mask=m), f(2, 3, 5, 4), f(5, 5))
case("attention_bool", lambda q, m: F.scaled_dot_product_attention(q, q, q, attn_mask=m), f(2, 3, 5, 4), torch.ones(5, 5).tril() > 0)
case("attention_groups", lambda q, k: F.scaled_dot_product_attention(q, k, k, enable_gqa=True), f(2, 4, 5, 4), f(2, 2, 5, 4))
case("multi_head", Of(lambda x: None, m=nn.MultiheadAttention(8, 2, batch_first=True)), f(2, 5, 8), forward="mha")
layer("transformer", nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu"), f(2, 5, 8))
layer("transformer_first", nn.TransformerEncoderLayer(8, 2, 16, norm_first=True), f(5, 2, 8))
layer("transformer_both", nn.Transformer(8, 2, 1, 1, 16, batch_first=True), f(2, 5, 8), f(2, 3, 8))
for name, kind in {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}.items():
    layer(f"{name}", kind(3, 4, batch_first=True), f(2, 5, 3))
    layer(f"{name}_time", kind(3, 4), f(5, 2, 3))
    layer(f"{name}_deep", kind(3, 4, 2, batch_first=True, bidirectional=True), f(2, 5, 3))
    layer(f"{name}_nobias", kind(3, 4, bias=False, batch_first=True), f(2, 5, 3))
    layer(f"{name}_alone", kind(3, 4), f(5, 3))
layer("lstm_state", nn.LSTM(3, 4, batch_first=True), f(2, 5, 3), (f(1, 2, 4), f(1, 2, 4)))
layer("gru_state", nn.GRU(3, 4, batch_first=True), f(2, 5, 3), f(1, 2, 4))
layer("rnn_relu", nn.RNN(3, 4, nonlinearity="relu", batch_first=True), f(2, 5, 3))
layer("lstm_cell", nn.LSTMCell(3, 4), f(2, 3), (f(2, 4), f(2, 4)))
layer("gru_cell", nn.GRUCell(3, 4), f(2, 3), f(2, 4))
layer("rnn_cell", nn.RNNCell(3, 4), f(2, 3), f(2, 4))

# quantization, as exporters for TFLite's kind of runtime write it
try:
    import torch.ao.quantization.fx._decomposed  # noqa: F401, defines the operators
    Q = torch.ops.quantized_decomposed
except ImportError:
    Q = None
if Q is not None:
    def pair(x, scale=0.05, zero=3, low=-128, high=127, kind=torch.int8):
        y = Q.quantize_per_tensor(x, scale, zero, low, high, kind)
        return Q.dequantize_per_tensor(y, scale, zero, low, high, kind)

    case("quantize", lambda x: pair(pair(x) * 2, 0.1, 0), f(2, 6, 4))
    case("quantize_u8", lambda x: pair(x, 0.04, 128, 0, 255, torch.uint8), f(2, 6, 4))
    case("quantize_narrow", lambda x: pair(x, 0.01, 0, -127, 127), f(2, 6, 4))
    case("quantize_i32", lambda x: pair(x, 0.001, 0, -2**31, 2**31 - 1, torch.int32), f(2, 6, 4))

    class Weights(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("w", torch.randint(-127, 128, (3, 4), dtype=torch.int8))
            self.register_buffer("s", torch.tensor([0.01, 0.02, 0.03]))
            self.register_buffer("z", torch.zeros(3, dtype=torch.int64))

        def forward(self, x):
            w = Q.dequantize_per_channel(self.w, self.s, self.z, 0, -127, 127, torch.int8)
            return pair(F.linear(pair(x), w), 0.1, 0)

    layer("quantize_weights", Weights(), f(2, 4))
    case("quantize_channels", lambda x: Q.quantize_per_channel(x, torch.tensor([0.01, 0.02]), torch.tensor([0, 1]), 0, -128, 127, torch.int8), f(2, 5))
case("fake_quantize", lambda x: torch.fake_quantize_per_tensor_affine(x, 0.05, 3, -128, 127), f(2, 6, 4))

# control flow and open dimensions


class Cond(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: self.a(x) + 1, lambda x: self.b(x) * 2, (x,))


layer("cond", Cond(), f(2, 4), extra=[(f(2, 4),), (f(2, 4),)])


def loop(x):
    from torch._higher_order_ops.while_loop import while_loop
    i, y = while_loop(lambda i, y: i < 4, lambda i, y: (i + 1, y * 2 + 1), (torch.tensor(0), x))
    return i, y


case("while_loop", loop, f(2, 3))
case("no_grad", Of(lambda x: None), f(2, 3), forward="grad")


def mapped(x, y):
    from torch._higher_order_ops.map import map as map_
    return map_(lambda a, b: a * b + 1, x, y)


case("map", mapped, f(3, 2), f(2))
batch = torch.export.Dim("batch", min=1, max=64)
length = torch.export.Dim("length", min=2, max=64)
dynamic = {"dynamic": ({0: batch},)}
layer("open_conv", nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5)), f(2, 3, 8, 8),
      extra=[(f(5, 3, 8, 8),)], **dynamic)
layer("open_transformer", nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), f(2, 5, 8), extra=[(f(3, 7, 8),)],
      dynamic=({0: batch, 1: length},))
layer("open_lstm", nn.LSTM(3, 4, batch_first=True), f(2, 5, 3), extra=[(f(4, 5, 3),)], **dynamic)
layer("open_gru", nn.GRU(3, 4, batch_first=True), f(2, 5, 3), extra=[(f(4, 5, 3),)], dynamic=({0: batch},))
case("open_sizes", lambda x: (x.reshape(x.shape[0] * x.shape[1], -1), torch.arange(x.shape[1]), x[:, : x.shape[1] // 2],
                              torch.ones(x.shape[0], 3), x.sum(1) / x.shape[1], x.expand(2, *x.shape), x.repeat(1, 2, 1)),
     f(2, 6, 4), extra=[(f(3, 9, 4),)], dynamic=({0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO},))
case("open_number", lambda x, n: x * n + n // 2, f(2, 3), 5, extra=[(f(2, 3), 8)], dynamic=({}, torch.export.Dim.DYNAMIC))
case("writes_input", lambda x: (F.relu_(x), x + 1), f(2, 3))
case("open_twice", lambda x, y: torch.cat([x, y], 1), f(2, 3), f(2, 4), extra=[(f(5, 3), f(5, 4))], dynamic=({0: batch}, {0: batch}))
case("open_double", lambda x: x.view(-1, 2, 3).sum(1), f(8, 3), extra=[(f(4, 3),)], dynamic=({0: 2 * torch.export.Dim("half", min=2, max=32)},))
case("open_causal", lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True), f(2, 2, 5, 4), extra=[(f(2, 2, 7, 4),)], dynamic=({2: length},))
case("open_layer_norm", lambda x: F.layer_norm(x, (4,)) + x.var(0), f(5, 4), extra=[(f(7, 4),)], dynamic=({0: length},))
case("open_gather", lambda x, i: x.gather(1, i), f(2, 5), ints(5, 2, 3), extra=[(f(4, 5), ints(5, 4, 3))], dynamic=({0: batch}, {0: batch}))
case("open_tril", lambda x: x.tril() + x.triu(1), f(5, 5), extra=[(f(7, 7),)], dynamic=({0: length, 1: length},))
case("open_upsample", lambda x: F.interpolate(x, scale_factor=2), f(1, 2, 5, 4), extra=[(f(1, 2, 7, 3),)], dynamic=({2: length, 3: torch.export.Dim("w", min=2, max=50)},))


class Mha(nn.Module):
    def __init__(self):
        super().__init__()
        self.m = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        return self.m(x, x, x, need_weights=True)


class Grad(nn.Module):
    def forward(self, x):
        with torch.no_grad():
            y = x * 2
        return y + x


FORWARDS = {"mha": Mha, "grad": Grad}


class Counter(nn.Module):
    """Buffers that are written: one by its own operators, one through a part of it."""

    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(1))
        self.register_buffer("past", torch.zeros(3, 2))

    def forward(self, x):
        self.count.add_(1)
        self.past[1:] = self.past[:-1].clone()
        self.past[0] = x
        return self.past.sum(0) * self.count


layer("counter", Counter(), f(2), extra=[(f(2),), (f(2),)], stateful=True)


# boxes, by the name that torchvision gives the operator


@torch.library.custom_op("torchvision::nms", mutates_args=())
def nms(dets: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    left, kept = scores.argsort(descending=True).tolist(), []
    area = (dets[:, 2] - dets[:, 0]) * (dets[:, 3] - dets[:, 1])
    while left:
        best = left.pop(0)
        kept.append(best)
        low, high = torch.maximum(dets[best, :2], dets[:, :2]), torch.minimum(dets[best, 2:], dets[:, 2:])
        both = (high - low).clamp(min=0).prod(1)
        left = [k for k in left if both[k] / (area[best] + area[k] - both[k]) <= iou_threshold]
    return torch.tensor(kept)


@nms.register_fake
def _(dets, scores, iou_threshold):
    return torch.empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.int64)


def keep_best(x, s):
    boxes = torch.cat([x, x + 0.5], 1)
    at = torch.ops.torchvision.nms(boxes, s, 0.3)
    return at, boxes[at], s[at] * 2


case("nms", keep_best, u(20, 2), u(20))

# small models of known kinds


class Llama(nn.Module):
    """Rotary positions, grouped queries, RMS norms, a gated layer; a cache that each step writes."""

    def __init__(self, width=16, heads=4, groups=2, cached=False):
        super().__init__()
        self.heads, self.groups, self.size, self.cached = heads, groups, width // heads, cached
        self.e = nn.Embedding(20, width)
        self.n1, self.n2, self.n3 = nn.RMSNorm(width), nn.RMSNorm(width), nn.RMSNorm(width)
        self.q, self.o = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.k, self.v = (nn.Linear(width, groups * self.size, bias=False) for _ in range(2))
        self.g, self.u, self.d = nn.Linear(width, 24, bias=False), nn.Linear(width, 24, bias=False), nn.Linear(24, width, bias=False)
        self.register_buffer("rates", 1 / 100 ** (torch.arange(0, self.size, 2) / self.size))
        if cached:
            self.register_buffer("keys", torch.zeros(1, groups, 6, self.size))
            self.register_buffer("values", torch.zeros(1, groups, 6, self.size))

    def turn(self, x, at):
        angles = torch.outer(at.float(), self.rates)
        cos, sin = torch.cat([angles.cos()] * 2, -1), torch.cat([angles.sin()] * 2, -1)
        a, b = x.chunk(2, -1)
        return x * cos + torch.cat([-b, a], -1) * sin

    def forward(self, ids, at):
        x = self.e(ids)
        n, t = ids.shape
        y = self.n1(x)
        q = self.turn(self.q(y).view(n, t, self.heads, self.size).transpose(1, 2), at)
        k = self.turn(self.k(y).view(n, t, self.groups, self.size).transpose(1, 2), at)
        v = self.v(y).view(n, t, self.groups, self.size).transpose(1, 2)
        mask = None
        if self.cached:
            self.keys.index_copy_(2, at, k)
            self.values.index_copy_(2, at, v)
            k, v = self.keys, self.values
            mask = (torch.arange(6)[None] <= at[:, None])
        k, v = (p.repeat_interleave(self.heads // self.groups, 1) for p in (k, v))
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        x = x + self.o(a.transpose(1, 2).reshape(n, t, -1))
        y = self.n2(x)
        return self.n3(x + self.d(F.silu(self.g(y)) * self.u(y))) @ self.e.weight.T


layer("llama", Llama(), ints(20, 2, 5), torch.arange(5))
layer("llama_cache", Llama(cached=True), ints(20, 1, 1), torch.tensor([0]), stateful=True,
      extra=[(ints(20, 1, 1), torch.tensor([1])), (ints(20, 1, 1), torch.tensor([2]))])


class Swin(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.o, self.n = nn.Linear(8, 24), nn.Linear(8, 8), nn.LayerNorm(8)
        self.b = nn.Parameter(torch.randn(2, 4, 4))

    def forward(self, x):
        n, h, w, c = x.shape
        y = torch.roll(self.n(x), (-1, -1), (1, 2))
        y = y.view(n, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, c)
        q, k, v = self.q(y).reshape(-1, 4, 3, 2, 4).permute(2, 0, 3, 1, 4)
        a = ((q * 0.5) @ k.transpose(-2, -1) + self.b).softmax(-1) @ v
        y = self.o(a.transpose(1, 2).reshape(-1, 4, c))
        y = y.view(n, h // 2, w // 2, 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
        return x + torch.roll(y, (1, 1), (1, 2))


layer("swin", Swin(), f(2, 4, 6, 8))


class ConvNext(nn.Module):
    def __init__(self):
        super().__init__()
        self.d, self.n = nn.Conv2d(6, 6, 7, padding=3, groups=6), nn.LayerNorm(6)
        self.a, self.b, self.s = nn.Linear(6, 24), nn.Linear(24, 6), nn.Parameter(torch.full((6,), 0.1))

    def forward(self, x):
        y = self.n(self.d(x).permute(0, 2, 3, 1))
        return x + (self.s * self.b(F.gelu(self.a(y)))).permute(0, 3, 1, 2)


layer("convnext", ConvNext(), f(2, 6, 8, 9))


class Squeeze(nn.Module):
    def __init__(self):
        super().__init__()
        self.c, self.a, self.b = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.n, self.h = nn.BatchNorm2d(8), nn.Linear(8, 5)

    def forward(self, x):
        y = F.hardswish(self.n(self.c(x)))
        y = y * F.hardsigmoid(self.b(F.relu(self.a(F.adaptive_avg_pool2d(y, 1)))))
        return self.h(y.mean((2, 3)))


layer("squeeze_excite", Squeeze(), f(2, 3, 12, 12), extra=[(f(4, 3, 12, 12),)], dynamic=({0: batch},))


class Detector(nn.Module):
    """Pyramid, anchors on a grid, boxes decoded: the head of a one-stage detector."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.h = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1), nn.Conv2d(16, 2 * 7, 1)

    def forward(self, x):
        a = F.silu(self.a(x))
        b = F.interpolate(F.silu(self.b(a)), scale_factor=2.0, mode="nearest")
        y = self.h(torch.cat([a, b], 1))
        n, _, h, w = y.shape
        y = y.view(n, 2, 7, h, w).permute(0, 1, 3, 4, 2).sigmoid()
        gy, gx = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        grid = torch.stack((gx, gy), 2).view(1, 1, h, w, 2).float()
        y[..., 0:2] = (y[..., 0:2] * 2 - 0.5 + grid) * 2
        y[..., 2:4] = (y[..., 2:4] * 2) ** 2
        scores, boxes = y[..., 4:].reshape(n, -1, 3), y[..., :4].reshape(n, -1, 4)
        best, index = scores[..., 0].topk(5)
        return best, boxes.gather(1, index[..., None].expand(-1, -1, 4))


layer("detector", Detector(), f(1, 3, 16, 16))


class Wavenet(nn.Module):
    def __init__(self):
        super().__init__()
        self.i = nn.Conv1d(1, 8, 1)
        self.d = nn.ModuleList([nn.Conv1d(8, 16, 2, dilation=2**i) for i in range(3)])
        self.o = nn.ModuleList([nn.Conv1d(8, 8, 1) for _ in range(3)])

    def forward(self, x):
        x, skip = self.i(x), 0
        for i, (d, o) in enumerate(zip(self.d, self.o)):
            a, b = d(F.pad(x, (2**i, 0))).chunk(2, 1)
            y = o(torch.tanh(a) * torch.sigmoid(b))
            x, skip = x + y, skip + y
        return F.relu(skip).mean(2)


layer("wavenet", Wavenet(), f(2, 1, 20))


class Speech(nn.Module):
    def __init__(self):
        super().__init__()
        self.c, self.r, self.o = nn.Conv2d(1, 4, 3, (2, 1), 1), nn.GRU(16, 6, batch_first=True, bidirectional=True), nn.Linear(12, 7)

    def forward(self, x):
        y = F.hardtanh(self.c(x), 0, 20)
        y = y.flatten(1, 2).transpose(1, 2)
        return self.o(self.r(y)[0]).log_softmax(-1)


layer("speech", Speech(), f(2, 1, 8, 9))


class Atrous(nn.Module):
    def __init__(self):
        super().__init__()
        self.b = nn.ModuleList([nn.Conv2d(4, 4, 3, padding=r, dilation=r) for r in (1, 2, 3)])
        self.p, self.o = nn.Conv2d(4, 4, 1), nn.Conv2d(16, 3, 1)

    def forward(self, x):
        pooled = F.interpolate(self.p(F.adaptive_avg_pool2d(x, 1)), size=x.shape[-2:], mode="bilinear", align_corners=False)
        y = self.o(torch.cat([F.relu(b(x)) for b in self.b] + [pooled], 1))
        return F.interpolate(y, scale_factor=4, mode="bilinear", align_corners=True).argmax(1)


layer("atrous", Atrous(), f(1, 4, 7, 6))


class Bert(nn.Module):
    def __init__(self):
        super().__init__()
        self.w, self.p, self.t, self.n = nn.Embedding(20, 8), nn.Embedding(10, 8), nn.Embedding(2, 8), nn.LayerNorm(8)
        self.l = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True), 2)
        self.o = nn.Linear(8, 8)

    def forward(self, ids, mask):
        x = self.n(self.w(ids) + self.p(torch.arange(ids.shape[1])[None]) + self.t(torch.zeros_like(ids)))
        x = self.l(x, src_key_padding_mask=mask == 0)
        return x * mask[..., None], torch.tanh(self.o(x[:, 0]))


layer("bert", Bert(), ints(20, 2, 6), torch.tensor([[1, 1, 1, 1, 0, 0], [1] * 6]))


def dtype_name(array):
    return str(array.dtype)


def leaves(value):
    return [np.asarray(t.detach()) if isinstance(t, torch.Tensor) else np.asarray(t)
            for t in torch.utils._pytree.tree_leaves(value)]


def write_case(folder, name, module, inputs, more, decomposed):
    os.makedirs(folder, exist_ok=True)
    runs = [inputs] + more.get("extra", [])
    dynamic = more.get("dynamic")
    if dynamic and isinstance(module, Of):
        dynamic = (dynamic,)
    with torch.no_grad():
        program = torch.export.export(module, inputs, dynamic_shapes=dynamic)
        if decomposed:
            program = program.run_decompositions()
        torch.export.save(program, os.path.join(folder, "model.pt2"))
        results = [leaves(module(*torch.utils._pytree.tree_map_only(torch.Tensor, torch.clone, run))) for run in runs]
    names = [a.name for a in program.graph_signature.input_specs if a.kind.name == "USER_INPUT" for a in [a.arg]]
    manifest = {"source": "torch-export", "files": ["model.pt2"], "features": [], "notes": "",
                "tolerance": {"abs": 1e-5, "rel": 1e-4}, "runs": []}
    if more.get("stateful"):
        manifest["stateful"] = True
    for k, (run, outs) in enumerate(zip(runs, results)):
        row = {"inputs": [], "outputs": []}
        for kind, arrays in (("input", leaves(run)), ("output", outs)):
            for i, array in enumerate(arrays):
                file = f"{kind}_{i}_{k}.npy"
                np.save(os.path.join(folder, file), array)
                row[kind + "s"].append({"name": names[i] if kind == "input" else f"output_{i}", "file": file,
                                        "shape": list(array.shape), "dtype": dtype_name(array)})
        manifest["runs"].append(row)
    manifest["inputs"], manifest["outputs"] = manifest["runs"][0]["inputs"], manifest["runs"][0]["outputs"]
    with open(os.path.join(folder, "manifest.json"), "w") as file:
        json.dump(manifest, file)


def close(got, want):
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype}{got.shape} for {want.dtype}{want.shape}"
    if want.dtype.kind != "f" or want.size == 0:
        return None if np.array_equal(got, want) else "integers differ"
    apart = np.where((got == want) | (np.isnan(got) & np.isnan(want)), 0, np.abs(got - want))
    limit = 1e-5 + 1e-4 * np.max(np.abs(want), initial=0, where=np.isfinite(want))
    return None if np.max(apart) <= limit else f"{np.max(apart):.3g} apart"


def compare(linnet, folder, stateful):
    made = os.path.join(folder, "model.tflite")
    told = subprocess.run([linnet, "convert", os.path.join(folder, "model.pt2"), "-o", made], capture_output=True, text=True)
    if told.returncode != 0:
        return told.stderr.strip()[-300:]
    with open(os.path.join(folder, "manifest.json")) as file:
        runs = json.load(file)["runs"]
    for run in runs[:1] if stateful else runs:
        out = os.path.join(folder, "out")
        command = [linnet, "run", made, "--output-dir", out]
        for item in run["inputs"]:
            command += ["--input", f"{item['name']}={os.path.join(folder, item['file'])}"]
        told = subprocess.run(command, capture_output=True, text=True)
        if told.returncode != 0:
            return told.stderr.strip()[-300:]
        with open(os.path.join(out, "outputs.json")) as file:
            listed = json.load(file)
        if len(listed) != len(run["outputs"]):
            return f"{len(listed)} outputs"
        for mine, item in zip(listed, run["outputs"]):
            wrong = close(np.load(os.path.join(out, mine["file"])), np.load(os.path.join(folder, item["file"])))
            if wrong:
                return f"{item['name']}: {wrong}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("linnet")
    parser.add_argument("--keep")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    failed = done = 0
    with tempfile.TemporaryDirectory() as room:
        for name, call, inputs, more in CASES:
            if not re.search(options.only, name):
                continue
            torch.manual_seed(1)
            module = FORWARDS[more["forward"]]() if "forward" in more else call if isinstance(call, nn.Module) else Of(call)
            for decomposed in (False, True):
                label = name + ("_core" if decomposed else "")
                folder = os.path.join(options.keep or room, label.replace("-", "_minus_"))
                try:
                    write_case(folder, name, module.eval(), inputs, more, decomposed)
                except Exception as reason:  # what PyTorch itself does not export
                    print(f"{label}: not exported: {str(reason).strip().splitlines()[0][:120]}")
                    continue
                wrong = compare(options.linnet, folder, more.get("stateful"))
                done += 1
                if wrong:
                    failed += 1
                    print(f"{label}: {wrong}")
    print(f"{done} modules, {failed} wrong")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
